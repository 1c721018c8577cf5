"""Every row of the operations' table: dtypes, samples, views, gradients, compiled; and sizes that schedules mind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from report import Different, Report, agree, case, same_bits, to

import tandem as td
from ops import samples

COMPLEX = ("complex64", "complex128")


def draw(rng: np.random.Generator, shape: tuple[int, ...], domain: str, dtype: str) -> Any:
    if dtype not in COMPLEX or domain == "bool" or domain.startswith("index"):
        return samples.to_tensor(samples.draw(rng, shape, domain, "float32" if dtype in COMPLEX else dtype), dtype)
    parts = [samples.draw(rng, shape, domain, "float64") for _ in range(2)]
    return td.asarray(np.asarray(parts[0] + 1j * parts[1]).astype(dtype))


def caller(name: str, sample: samples.Sample) -> Callable[..., Any]:
    function = getattr(td, name)
    if samples.table()[name]["variadic"]:
        return lambda *xs: function(list(xs), **sample.attributes)
    return lambda *xs: function(*xs, **sample.attributes)


def outcome(run: Callable[[], Any]) -> tuple[Any, str]:
    """The result, or the kind of the error that there is instead."""
    try:
        return run(), ""
    except Exception as error:
        return None, type(error).__name__


def one(name: str, dtype: str, sample: samples.Sample, views: bool = False) -> str:
    rng = np.random.default_rng(1)
    function = caller(name, sample)
    if not sample.shapes and not samples.table()[name]["inputs"]:
        case(f"{name}({sample.attributes})")
        wanted = function()
        return same_bits(getattr(td, name)(**sample.attributes, device="cuda"), wanted)
    xs = [draw(rng, shape, domain, dtype) for shape, domain in zip(sample.shapes, sample.domains, strict=True)]
    if views:
        xs = [
            x.mT.copy().mT if x.ndim > 1 else td.concat([x, x], axis=0)[::2] if x.ndim == 1 and x.size else x
            for x in xs
        ]
    case(f"{name}({sample.text})", *xs)
    wanted, problem = outcome(lambda: function(*xs))
    there = to(xs, "cuda")
    if views:
        there = [g.mT.copy().mT if g.ndim > 1 else td.concat([g, g])[: g.size] if g.ndim else g for g in there]
    if problem:
        _, same = outcome(lambda: (function(*there), td.cuda.synchronize()))
        if same != problem:
            raise Different(f"{problem} on the CPU, {same or 'none'} on the GPU")
        return "bits"
    return agree(lambda: function(*there), wanted, dtype)


def gradient(name: str, sample: samples.Sample) -> str | None:
    rng = np.random.default_rng(1)
    function = caller(name, sample)
    xs = [draw(rng, shape, domain, "float32") for shape, domain in zip(sample.shapes, sample.domains, strict=True)]
    case(f"the gradient of {name}({sample.text})", *xs)

    def grads(device: str) -> Any:
        moved = [x.to(device) if device != "cpu" else x.copy() for x in xs]
        leaves = [x.requires_grad_() for x in moved if x.dtype == td.float32]
        y = function(*moved)
        if not leaves or not y.requires_grad:
            return []
        weights = td.cos(td.arange(max(y.size, 1), dtype=td.float32, device=device))[: y.size].reshape(y.shape)
        (y * weights).sum().backward()
        return [x.grad for x in leaves]

    wanted, problem = outcome(lambda: grads("cpu"))
    if problem or all(grad is None for grad in wanted):
        return None
    return agree(lambda: grads("cuda"), wanted, "float32")


def compiled(name: str, sample: samples.Sample) -> str | None:
    rng = np.random.default_rng(1)
    function = caller(name, sample)
    xs = [draw(rng, shape, domain, "float32") for shape, domain in zip(sample.shapes, sample.domains, strict=True)]
    case(f"compiled {name}({sample.text})", *xs)
    there = to(xs, "cuda")
    traced = td.trace(function)
    wanted, problem = outcome(lambda: function(*xs))
    if problem:
        return None
    return agree(lambda: traced(*there), wanted, "float32")


def dtypes_of(row: dict[str, Any], quick: bool) -> list[str]:
    found = [*samples.ACCEPTED[row["accepts"]]]
    if row["complex"] or row["accepts"] == "complex":
        found += COMPLEX
    if quick:
        return [next((dtype for dtype in ("float32", "int32") if dtype in found), found[0])]
    return found


def operations(report: Report) -> None:
    table = samples.table()
    for name in report.own(sorted(table)):
        row = table[name]
        given = samples.samples(name)
        for dtype in dtypes_of(row, report.quick):

            def check(name: str = name, dtype: str = dtype, given: Any = given) -> str:
                how = {one(name, dtype, sample) for sample in given[: 1 if report.quick else None]}
                return "close" if "close" in how else "bits"

            report.check(f"{name} {dtype}", check)
        if not row["inputs"] or "float32" not in dtypes_of(row, False):
            continue
        if not report.quick:
            report.check(f"{name} of views", lambda: one(name, "float32", given[0], views=True))
            report.check(f"{name} compiled", lambda: compiled(name, given[0]))
        if row["differentiable"]:
            report.check(f"{name} gradient", lambda: gradient(name, given[0]))


# ---- sizes, layouts, values ----

ROW_LENGTHS = (1, 2, 3, 7, 31, 32, 33, 64, 100, 255, 257, 1000, 1024, 4095, 4096, 4097, 9000, 30000, 70000)
PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "map": lambda x: td.tanh(x * 0.5 + 1) * x,
    "sum of rows": lambda x: (x * x).sum(axis=-1),
    "sum of columns": lambda x: x.sum(axis=0),
    "sum of all": lambda x: x.sum(),
    "softmax": lambda x: td.softmax(x, axis=-1),
    "layer norm": lambda x: td.layer_norm(x, td.cos(x[0]), td.sin(x[0])),
    "largest": lambda x: (td.max(x, axis=-1), td.argmax(x, axis=-1), td.argmin(x, axis=0)),
    "mean and variance": lambda x: (x.mean(axis=-1), td.var(x, axis=0)),
    "turned": lambda x: x.mT + 1,
    "turned and summed": lambda x: (x.mT * 2).sum(axis=-1),
    "running sum": lambda x: td.cumsum(x, axis=-1),
    "products": lambda x: td.prod(td.cos(x), axis=-1),
    "halves": lambda x: td.softmax(x.astype(td.float16), axis=-1),
    "brain floats": lambda x: (x.astype(td.bfloat16) * 3).sum(axis=-1),
    "doubles": lambda x: td.exp(x.astype(td.float64)).sum(axis=0),
    "integers": lambda x: (x * 100).astype(td.int64).sum(axis=-1),
    "parts": lambda x: td.concat([x[:, ::2], x[:, 1::3]], axis=1)[::-1],
    "offset": lambda x: td.exp(x.reshape(-1)[1:]) - x.reshape(-1)[:-1],
}
UNARY = """abs exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan asinh acosh atanh tanh sinh
cosh erf erfc sigmoid gelu relu silu softplus floor ceil round trunc lgamma digamma""".split()


def sizes(report: Report) -> None:
    shapes = [(5, n) for n in ROW_LENGTHS] + [(3000, 33), (70000, 3), (1, 1_000_003), (1_000_003, 1), (257, 4099)]
    if report.quick:
        shapes = [(5, 33), (3, 4097), (70, 3)]
    for name in report.own(list(PROGRAMS)):
        program = PROGRAMS[name]
        traced = td.trace(program)
        for shape in shapes:
            x = td.asarray(np.random.default_rng(2).standard_normal(shape).astype(np.float32))

            def check(name: str = name, x: Any = x, program: Any = program, traced: Any = traced) -> str:
                case(name, x)
                wanted, there = program(x), x.to("cuda")
                same_bits(program(there), wanted, "eager")
                return same_bits(traced(there), wanted, "compiled")

            report.check(f"{name} {list(shape)}", check)


def values(report: Report) -> None:
    """Functions of one number at float32 values of all magnitudes: one bit pattern out of so many."""
    step = 1 << 18 if report.quick else 1 << 8
    bits = np.arange(0, 1 << 32, step, dtype=np.uint64).astype(np.uint32) + np.uint32(step // 3)
    x = td.asarray(bits.view(np.float32))
    there = x.to("cuda")
    for name in report.own([name for name in UNARY if hasattr(td, name)]):
        function = getattr(td, name)

        def check(name: str = name, function: Any = function) -> str:
            case(name, x)
            return same_bits(function(there), function(x), given=x)

        report.check(name, check)
