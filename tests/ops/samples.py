"""Inputs for every operation, from the sample strings of the op table.

"(3, 4) (4,):positive | axis=1" means: two inputs of these shapes, the second one positive, and a keyword argument.
Arrays live on the NumPy side as "host" arrays: of the dtype itself, but float32 for bfloat16, which NumPy lacks; its
values are then exactly representable in bfloat16.
"""

import ast
import re
from dataclasses import dataclass, field
from functools import cache

import numpy as np

import tandem as td
from tandem import _core

FLOATS = ("float16", "bfloat16", "float32", "float64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTS = ("int8", "int16", "int32", "int64", *UNSIGNED)
DTYPES = ("bool", *INTS, *FLOATS)

ACCEPTED = {
    "any": DTYPES,
    "numeric": INTS + FLOATS,
    "floating": FLOATS,
    "integral_or_bool": ("bool", *INTS),
    "promote_to_float": DTYPES,
    "complex": (),  # tests/ops/test_complex.py
}


@dataclass
class Sample:
    text: str
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    attributes: dict = field(default_factory=dict)


@cache
def table():
    """The public rows of the op table, by name."""
    return {row["name"]: row for row in _core._op_table() if not row["internal"]}


def parse(text):
    """Read one sample string."""
    tensors, _, attributes = text.partition("|")
    sample = Sample(text)
    for shape, domain in re.findall(r"(\([^)]*\))(?::(\w+))?", tensors):
        sample.shapes.append(ast.literal_eval(shape))
        sample.domains.append(domain or "normal")
    sample.attributes = eval(f"dict({attributes})", {"td": td})
    return sample


def samples(name):
    return [parse(text) for text in table()[name]["samples"]]


def host_dtype(dtype):
    return np.dtype("float32" if dtype == "bfloat16" else dtype)


def round_to(dtype, values):
    """Host array of the values of the dtype nearest to `values` (ties to even, in one step)."""
    values = np.asarray(values)
    with np.errstate(all="ignore"):
        if dtype != "bfloat16":
            return values.astype(host_dtype(dtype))
        return _round_bfloat16(values)


def _round_bfloat16(values):
    x = values.astype(np.float64)
    mantissa, exponent = np.frexp(x)
    unit = np.ldexp(1.0, np.maximum(exponent - 8, -133))  # spacing of bfloat16 around x
    rounded = np.where(np.isfinite(x), np.rint(x / unit) * unit, x)
    rounded = np.copysign(np.where(np.abs(rounded) >= 2.0**128, np.inf, rounded), x)
    return np.where(np.isnan(x), np.nan, rounded).astype(np.float32)


TINY = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}
SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}
LARGEST = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": float(np.finfo(np.float64).max),
}
BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def special_values(dtype):
    """What most often goes wrong: NaN, infinities, zeros, subnormals, extremes, halves, large and plain numbers."""
    if dtype == "bool":
        return np.array([True, False])
    if dtype in INTS:
        ends = np.iinfo(dtype)
        return np.array(
            sorted(
                {ends.min, ends.min + 1, ends.max, ends.max - 1, 0, 1, 2, 3, 7, 100}
                | ({-1, -2, -3} if ends.min < 0 else set())
            ),
            dtype=dtype,
        )
    positive = [
        0.0,
        np.inf,
        TINY[dtype],
        TINY[dtype] * 3,
        SMALLEST_NORMAL[dtype],
        LARGEST[dtype],
        0.5,
        1.0,
        1.5,
        2.0,
        2.5,
        3.0,
        1e-3,
        0.3,
        10.0,
        88.0,
        700.0,
        30000.0,
    ]
    return round_to(dtype, np.array([np.nan, *positive, *(-x for x in positive)]))


def draw(rng, shape, domain, dtype):
    """Random host array of a domain. Conditions are bool and indices are integers whatever the dtype."""
    if domain == "bool" or dtype == "bool":
        if domain.startswith("index"):
            return draw(rng, shape, domain, "int64")
        return np.asarray(rng.random(shape) < 0.5)
    if domain.startswith("index"):
        size = int(domain.removeprefix("index"))
        dtype = dtype if dtype in INTS else "int64"
        return np.asarray(rng.integers(0 if dtype in UNSIGNED else -size, size, shape)).astype(dtype)
    if dtype in INTS:
        ends = np.iinfo(dtype)
        unsigned = dtype in UNSIGNED
        low, high = {
            "normal": (0, 21) if unsigned else (-9, 10),
            "positive": (4, 12),
            "negative": (0, 4) if unsigned else (-9, 0),
            "unit": (1, 3),
            "fraction": (0, 2) if unsigned else (-1, 2),
            "above_one": (1, 100),
            "small": (0, 4),
            "wide": (0, 101) if unsigned else (-100, 101),
            "wide_positive": (1, 101),
            "shift": (0, np.dtype(dtype).itemsize * 8),
            "any": (ends.min, ends.max),
            "special": (ends.min, ends.max),
        }[domain]
        return np.asarray(rng.integers(low, high, shape, dtype=dtype))
    few = 13 if dtype == "float16" else 30  # largest binary exponent that "wide" asks for
    normal = rng.standard_normal(shape) * 2
    if domain in ("normal", "any"):
        values = normal
    elif domain == "positive":
        values = np.abs(normal) + 0.125
    elif domain == "negative":
        values = -np.abs(normal) - 0.125
    elif domain == "unit":
        values = rng.uniform(0.5, 1.5, shape)
    elif domain == "fraction":
        values = np.sin(normal)
    elif domain == "above_one":
        values = 1 + np.abs(normal)
    elif domain == "small":
        values = rng.integers(-1, 3, shape).astype(np.float64)
    elif domain == "special":
        return rng.choice(special_values(dtype), shape)
    elif domain == "wide":
        near = rng.uniform(-100, 100, shape)
        far = rng.choice([-1.0, 1.0], shape) * 2.0 ** rng.uniform(-few, few, shape)
        values = np.where(rng.random(shape) < 0.5, near, far)
    elif domain == "wide_positive":
        values = 2.0 ** rng.uniform(-few, few, shape)
    else:
        raise ValueError(f"unknown domain {domain!r}")
    return round_to(dtype, values)


def to_tensor(host, dtype):
    """A tensor of the dtype with the values (and, where NumPy has the dtype, the memory) of a host array."""
    x = td.asarray(host)
    if dtype == "bfloat16" and host.dtype == np.float32:
        x = x.astype(td.bfloat16)
    return x


def to_host(x):
    return np.asarray(x.astype(td.float32) if x.dtype == td.bfloat16 else x)


# A layout gives, for the values wanted, what to store and how to view the store: the view functions work on NumPy
# arrays and on tensors alike. Only "broadcast" changes the values (one row is repeated).


def _every_second(a):
    return a[..., ::2]


def _transposed(a):
    return a.T


def _reversed(a):
    return a[(slice(None, None, -1),) * a.ndim]


def _offset(a):
    return a[1:].reshape(())


def layouts(values, dtype):
    """Yield (name, host values, tensor) for the layouts that exist for this shape."""

    def lay(store, view):
        if dtype == "bfloat16" and store.dtype == np.float32:
            return view(to_tensor(store, dtype))
        return td.asarray(view(store))

    yield "contiguous", values, to_tensor(values.copy(), dtype)
    if values.ndim == 0:
        yield "strided", values, lay(np.array([0, values], dtype=values.dtype), _offset)
        return
    doubled = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), dtype=values.dtype)
    doubled[..., ::2] = values
    yield "strided", values, lay(doubled, _every_second)
    if values.ndim > 1:
        yield "transposed", values, lay(np.ascontiguousarray(values.T), _transposed)
    yield "reversed", values, lay(np.ascontiguousarray(_reversed(values)), _reversed)
    if values.size and values.shape[0] > 1:
        row = values[:1]
        repeated = np.broadcast_to(row, values.shape)
        if dtype == "bfloat16" and row.dtype == np.float32:
            yield "broadcast", repeated, td.broadcast_to(to_tensor(row.copy(), dtype), values.shape)
        else:
            yield "broadcast", repeated, td.asarray(repeated)


LAYOUTS = ("contiguous", "strided", "transposed", "reversed", "broadcast", "mixed")


def operands(arrays, dtype):
    """Yield (layout, host arrays, tensors) for a list of host arrays; "mixed" gives each input a layout of its own."""
    by_name = [{name: (host, x) for name, host, x in layouts(values, dtype)} for values in arrays]
    for layout in LAYOUTS[:-1]:
        if any(layout in choices for choices in by_name):
            picked = [choices.get(layout, choices["contiguous"]) for choices in by_name]
            yield layout, [host for host, _ in picked], [x for _, x in picked]
    if len(arrays) > 1:
        order = ("transposed", "strided", "reversed")
        picked = [choices.get(order[i % 3], choices["strided"]) for i, choices in enumerate(by_name)]
        yield "mixed", [host for host, _ in picked], [x for _, x in picked]
