"""Whether a model that was written computes what the function does: on several inputs, and if not, where it begins."""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tandem import _core
from tandem.onnx.captured import size_of
from tandem.onnx.dtypes import CODES
from tandem.onnx.emission import text_of
from tandem.onnx.exporting import Built, Export
from tandem.onnx.program import _Result
from tandem.scripting.arguments import replace_leaves
from tandem.tensor_spec import TensorSpec

# How far results may be apart: relative to each number, and to the largest one of an output.
TOLERANCES = {"float64": (1e-7, 1e-9), "float32": (1e-3, 1e-5), "float16": (2e-2, 2e-3), "bfloat16": (8e-2, 2e-2)}
# Where numbers that were computed are rounded to 8 bits, the last digit of one decides about a level.
_QUANTISED = (2e-2, 2e-2)
_CASES = 3
_RELATIONS = (lambda a, b: a == b, lambda a, b: a != b, lambda a, b: a < b, lambda a, b: a <= b)


@dataclass
class Case:
    """Arguments to try, and what to call them."""

    label: str
    tensors: list[Any]
    may_differ: bool = False  # a size of 1, which a capture does not answer for


def verified(built: Built, report: Export, more: list[Any] | None, rtol: float | None, atol: float | None) -> None:
    """Compare on several inputs; SerializationError at the first that differs."""
    tolerance = _tolerance(built, rtol, atol)
    model, report.runtime = runner(built.proto, report.path)
    if report.runtime != "ONNX Runtime":
        report.notes.append(f"note      {report.runtime}")
        report.runtime = "reference evaluator of the onnx package"
    for case in cases(built, more):
        try:
            wanted = expected(built, case)
        except Exception as error:
            if not case.may_differ:
                raise
            report.notes.append(f"note      {case.label}: the function does not run ({_first_line(error)})")
            continue
        try:
            got = model([host(x) for x in case.tensors], built.outputs)
        except Exception as error:
            if case.may_differ:
                report.notes.append(f"note      {case.label}: does not run ({_first_line(error)})")
                continue
            raise _failed(f"'{report.runtime}' fails on {case.label}: {_first_line(error)}") from error
        different = None
        for name, a, b in zip(built.outputs, wanted, got, strict=True):
            distance, text = difference(a, b, tolerance)
            if text is None:
                report.difference = max(report.difference, distance)
            elif different is None:
                different = f"output '{name}' {text} ({case.label})"
        if different is None:
            report.cases.append(case.label)
        elif case.may_differ:
            report.notes.append(f"note      {different}: a size of 1 is not covered by a capture for larger ones")
        else:
            raise _failed(different + _first_difference(built, case, tolerance))

    if report.sizes and more is None and not any("=" in label for label in report.cases):
        guards = ", ".join(guard[-1] for guard in built.program.guards)
        report.notes.append(f"note      found no other sizes to verify with, as the capture needs {guards}")


def _failed(what: str) -> _core.SerializationError:
    return _core.SerializationError(
        f"onnx.export: got a model that does not compute what the function does: {what}; need equal results; try rtol= "
        "and atol= if that is close enough, or verify=False"
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]


def _tolerance(built: Built, rtol: float | None, atol: float | None) -> tuple[float, float]:
    """By the dtype of fewest digits in the program."""
    given = {param.value for param in built.program.graph.params}
    found = {each.dtype.name for each in built.program.graph.types}
    for node in built.program.graph.walk():
        for region in node.regions.values():
            found |= {each.dtype.name for each in region.types}
    allowed = [TOLERANCES[name] for name in found if name in TOLERANCES]
    if any(node.op == "quantize" and node.inputs[0] not in given for node in built.program.graph.walk()):
        allowed.append(_QUANTISED)
    relative, absolute = max(allowed, default=(0.0, 0.0))
    return (relative if rtol is None else rtol, absolute if atol is None else atol)


def difference(a: Any, b: Any, tolerance: tuple[float, float]) -> tuple[float, str | None]:
    """How far two arrays are apart, relative to the largest number; and what is wrong, if they are too far apart."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return math.inf, f"has the shape {b.shape} instead of {a.shape}"
    if a.dtype != b.dtype:
        return math.inf, f"has the dtype {b.dtype} instead of {a.dtype}"
    if a.size == 0:
        return 0.0, None
    if a.dtype.kind != "f":
        wrong = a != b
        if not wrong.any():
            return 0.0, None
        place = tuple(int(k) for k in np.argwhere(wrong)[0])
        return math.inf, f"is {b[place]} instead of {a[place]} at {list(place)}, and differs in {wrong.sum()} elements"
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    finite = np.isfinite(a64)
    largest = float(np.abs(a64[finite]).max()) if finite.any() else 0.0
    with np.errstate(all="ignore"):
        apart = np.where(finite, np.abs(a64 - b64), np.where((a64 == b64) | (np.isnan(a64) & np.isnan(b64)), 0, np.inf))
        apart = np.where(np.isnan(apart), np.inf, apart)
        limit = tolerance[0] * np.where(finite, np.abs(a64), 0) + tolerance[1] * max(largest, 1e-3)
    worst = float(apart.max())
    relative = worst / largest if largest else worst
    if (apart <= limit).all():
        return relative, None
    place = tuple(int(k) for k in np.unravel_index(np.argmax(apart - limit), apart.shape))
    return relative, f"is {b64[place]:.9g} instead of {a64[place]:.9g} at {list(place)}"


def host(x: Any) -> Any:
    """A tensor as NumPy has it: bfloat16 as float32."""
    return np.asarray(x.astype(_core.float32) if x.dtype == _core.bfloat16 else x)


# The function itself


def expected(built: Built, case: Case) -> list[Any]:
    """Call the function, uncompiled, on copies of the arguments."""
    from tandem.jit import disabled

    program = built.program
    leaves = list(program.leaves)
    copies = [x.copy() for x in case.tensors]
    for k, tensor in zip(program.tensors, copies, strict=True):
        leaves[k] = tensor
    args, kwargs = replace_leaves((program.args, program.kwargs), _originals(built), leaves)
    result = _Result()
    with disabled():
        values = result.collect(program.function(*args, **kwargs))
    return [host(x) for x in (*values, *(copies[k] for _, k in program.written))]


def _originals(built: Built) -> list[Any]:
    from tandem.scripting import specs

    return list(specs.leaves_of((built.program.args, built.program.kwargs)))


# Inputs


def cases(built: Built, more: list[Any] | None) -> Iterator[Case]:
    """The arguments themselves, then those that the user gave, or others, of other sizes where those may differ."""
    program = built.program
    originals = _originals(built)
    given = [originals[k] for k in program.tensors]
    rng = np.random.default_rng(0)
    count = 0
    if not any(isinstance(x, TensorSpec) for x in given):
        count += 1
        yield Case("the arguments", given)
    if more is not None:
        for number, args in enumerate(more):
            yield Case(f"verify[{number}]", _tensors_of(built, args if isinstance(args, tuple) else (args,)))
        return
    specs = [program.leaves[k] for k in program.tensors]
    names = list(dict.fromkeys(size for spec in specs for size in spec.shape if not isinstance(size, int)))
    sizes = list(_sizes(built, names, rng))
    while count < _CASES or sizes:
        chosen = sizes.pop(0) if sizes else {}
        label = ", ".join(f"{name}={size}" for name, size in chosen.items()) or f"random inputs {count}"
        yield Case(label, [_random(rng, spec, x, chosen) for spec, x in zip(specs, given, strict=True)])
        count += 1
    if names:
        ones = dict.fromkeys(names, 1)
        yield Case("all sizes 1", [_random(rng, spec, x, ones) for spec, x in zip(specs, given, strict=True)], True)


def _tensors_of(built: Built, args: tuple[Any, ...]) -> list[Any]:
    """The tensors among further arguments, which are like the first."""
    from tandem.scripting import specs

    program = built.program
    leaves = list(specs.leaves_of((args, program.kwargs)))
    found = [leaves[k] for k in program.tensors if k < len(leaves)]
    wanted = [program.leaves[k] for k in program.tensors]
    fits = len(leaves) == len(program.leaves) and all(
        isinstance(x, _core.Tensor) and x.dtype == spec.dtype and len(x.shape) == len(spec.shape)
        for x, spec in zip(found, wanted, strict=True)
    )
    if not fits:
        raise _core.ArgumentError(f"onnx.export: got {args} to verify with; need arguments like {wanted}")
    return found


def _sizes(built: Built, names: list[str], rng: Any) -> Iterator[dict[str, int]]:
    """Sizes for which the capture holds; three of them where there are that many."""
    program = built.program
    symbols = {name: symbol for symbol, name in program.sizes.items()}
    choices = [2, 3, 4, 5, 7, 8, 12, 16, 17, 32, 33, 48, 64, 96, 128, 240, 480]
    found: list[dict[str, int]] = []
    for attempt in range(600 if names else 0):
        some = choices[: 4 + attempt // 20]
        chosen = {name: int(rng.choice(some)) for name in names}
        numbers = {symbols[name]: size for name, size in chosen.items() if name in symbols}
        if chosen not in found and _holds(program.guards, numbers):
            found.append(chosen)
            yield chosen
        if len(found) == _CASES:
            return


def _holds(guards: list[Any], sizes: dict[str, int]) -> bool:
    with contextlib.suppress(KeyError):
        return all(
            _RELATIONS[relation](size_of(left, sizes), size_of(right, sizes)) for left, relation, right, _ in guards
        )
    return True


def _random(rng: Any, spec: TensorSpec, example: Any, sizes: dict[str, int]) -> Any:
    """A tensor of the wanted shape, of the numbers of the example: those are such as the function expects."""
    shape = [size if isinstance(size, int) else sizes[str(size)] for size in spec.shape]
    dtype = spec.dtype.name
    if isinstance(example, _core.Tensor) and example.size:
        values = rng.choice(host(example).reshape(-1), shape)
    elif "float" in dtype:
        values = rng.standard_normal(shape).astype(np.float32)
    else:
        values = rng.integers(0, 2, shape)
    return _core.asarray(values).astype(spec.dtype)


# Running models


def runner(proto: Any, path: str | None = None) -> tuple[Any, str]:
    """Return a function that runs the model, and what it is run by, or why it is not ONNX Runtime.

    Models with bfloat16 at their borders get float32 there, which NumPy has.
    """
    onnxruntime: Any = importlib.import_module("onnxruntime")  # it has no types
    fitted = _with_numpy_types(proto)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    source = path if path is not None and fitted is proto else fitted.SerializeToString()
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        text = _first_line(error)
        if "NOT_IMPLEMENTED" not in text and "NotImplemented" not in type(error).__name__:
            raise _failed(f"ONNX Runtime does not load it: {text}") from error
        return _reference(fitted), f"ONNX Runtime lacks a kernel: {text.split(':')[-1].strip()}"
    inputs = [each.name for each in session.get_inputs()]

    def run(arrays: list[Any], outputs: list[str]) -> list[Any]:
        return list(session.run(outputs, dict(zip(inputs, arrays, strict=True))))

    return run, "ONNX Runtime"


def _reference(proto: Any) -> Any:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(proto)
    inputs = [each.name for each in proto.graph.input]

    def run(arrays: list[Any], outputs: list[str]) -> list[Any]:
        with np.errstate(all="ignore"):
            return list(evaluator.run(outputs, dict(zip(inputs, arrays, strict=True))))

    return run


def _with_numpy_types(proto: Any) -> Any:
    """The model with float32 in place of bfloat16 inputs and outputs."""
    import onnx
    from onnx import helper

    half, single = CODES[_core.bfloat16], CODES[_core.float32]
    ports = [*proto.graph.input, *proto.graph.output]
    if not any(port.type.tensor_type.elem_type == half for port in ports):
        return proto
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    names: dict[str, str] = {}
    before, after = [], []
    for port in [*made.graph.input, *made.graph.output]:
        if port.type.tensor_type.elem_type != half:
            continue
        inner = f"{port.name}.bfloat16"
        names[port.name] = inner
        port.type.tensor_type.elem_type = single
        is_input = any(port.name == each.name for each in made.graph.input)
        if is_input:
            before.append(helper.make_node("Cast", [port.name], [inner], to=half))
        else:
            after.append(helper.make_node("Cast", [inner], [port.name], to=single))
    from tandem.onnx.exporting import _rename

    for node in made.graph.node:
        _rename(node, names)
    nodes = [*before, *made.graph.node, *after]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


# Where differences begin


def _first_difference(built: Built, case: Case, tolerance: tuple[float, float]) -> str:
    """Make outputs of all values, and find the first node whose result differs."""
    import onnx
    from onnx import helper

    from tandem.onnx.emission import type_proto

    graph = built.program.graph
    found = []
    for node in graph.nodes:
        for k in node.outputs:
            value = built.values[k]
            if value.name in built.scope.made:
                found.append((node, k, value))
    wanted = [k for _, k, _ in found]
    proto = onnx.ModelProto()
    proto.CopyFrom(built.proto)
    names = list(dict.fromkeys(value.name for _, _, value in found))
    have = {each.name for each in proto.graph.output}
    known = {value.name: value for _, _, value in found}
    for name in names:
        if name not in have:
            value = known[name]
            proto.graph.output.append(
                helper.make_value_info(name, type_proto(value.dtype, value.shape, built.program.sizes))
            )
    try:
        ours = built.program.handle.values(wanted, [*case.tensors, *(x for _, x in built.program.constants)])
        run, _ = runner(proto)
        theirs = dict(zip(names, run([host(x) for x in case.tensors], names), strict=True))
    except Exception as error:
        return f"; where it begins could not be found ({_first_line(error)})"
    for (node, _, value), x in zip(found, ours, strict=True):
        _, text = difference(host(x), theirs[value.name], tolerance)
        if text is not None:
            place = f" of {text_of(node.line)}" if node.line else ""
            return f"; the first node that differs is '{value.name}' ('{node.op}'{place}), which {text}"
    return "; all nodes on the way to it agree"
