"""`td.convert`: a model in another precision."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from tandem import _core, pytree
from tandem._boundary import public
from tandem.amp import autocast
from tandem.autograd import no_grad
from tandem.jit import script
from tandem.nn.modules import state
from tandem.nn.modules.hooks import captured
from tandem.nn.modules.module import Module, as_module
from tandem.precision._probes import probe, times, warn_of
from tandem.precision._ranges import METHODS, Collector
from tandem.precision._table import QUANTIZED, WIDE, dtype_name, fate, is_depthwise, is_quantized, taken_apart

Tensor = _core.Tensor
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@public
def convert(
    module: Any,
    dtype: Any = "bfloat16",
    *,
    calibration: Iterable[Any] | None = None,
    method: str = "minmax",
    percentile: float = 99.99,
    dynamic: bool = False,
    skip: Collection[str] = (),
) -> Any:
    """Return a copy of a module that computes in another precision and is called in the same way.

    "float64", "float32": all parameters and buffers have that dtype, and arguments are cast to it.
    "bfloat16", "float16": parameters have 16 bits, but for those of norms, and it runs under td.autocast: products are
    computed in 16 bits, norms, softmax, sums and losses in float32; results have the dtype they had before.
    "int8": linear layers, convolutions and their transposes, and the products of attention, recurrent networks and
    nn.Bilinear with weights have weights of 8 bits, with a scale for each output channel, and inputs of 8 bits, whose
    range `calibration` data tells, or every call finds anew with `dynamic`; all else stays in float32, and so do
    depthwise convolutions, which are faster there. Such a module is for inference.

    calibration: arguments of calls: tensors, tuples of arguments, or dicts of them by name. method: "minmax",
    "percentile" (leaving out what is beyond it) or "entropy". skip: paths of modules that stay as they are.
    A PrecisionWarning says when the result is slower than float32 on this machine.

    >>> net = td.nn.Sequential(td.nn.Linear(8, 16), td.nn.ReLU(), td.nn.Linear(16, 4))
    >>> small = td.convert(net, "int8", dynamic=True)
    >>> small(td.ones((2, 8))).shape, small[0].quantized_weight.dtype
    ((2, 4), int8)
    """
    data = None if calibration is None else [arguments_of(each) for each in calibration]
    name = dtype_name(dtype)
    made = converted(module, name, data, method, percentile, dynamic, skip)
    if name not in ("float64", "float32"):
        warn_of("convert", name, *_times(as_module(module), made, name, data), stacklevel=4)
    return made


def converted(
    module: Any,
    name: str,
    data: list[Arguments] | None,
    method: str,
    percentile: float,
    dynamic: bool,
    skip: Collection[str],
) -> Module:
    """Do what `convert` does, without asking whether the result is fast."""
    given = as_module(module)
    if given is None:
        raise _core.ArgumentTypeError(
            f"convert: got {type(module).__name__}; need an nn.Module; try a module whose forward calls the function"
        )
    if method not in METHODS:
        raise _core.ArgumentError(f"convert: got method={method!r}; need one of {', '.join(METHODS)}")
    if not 50 < percentile <= 100:
        raise _core.ArgumentError(f"convert: got percentile={percentile}; need more than 50, up to 100")
    if data is not None and not data:
        raise _core.ArgumentError("convert: got no calibration data; need one call's arguments or more")
    kept = _paths(given, skip)
    for path, each in given.named_modules():
        found = fate(type(each), name)
        if found.what == "refused" and not _inside(path, kept):
            raise _core.ArgumentTypeError(
                f"convert: got {type(each).__name__} at {path or 'the top'!r} for {name}, but {found.why}; need a "
                f"module that can be converted; try "
                + ("the module it was made of" if is_quantized(type(each)) else f"skip=[{path!r}], which leaves it")
            )
    made = copy.deepcopy(given)
    vars(made).pop("forward", None)  # of an earlier conversion
    if name == "int8":
        made = _to_int8(made, kept, data, method, percentile, dynamic)
    elif name in ("bfloat16", "float16"):
        _to_sixteen(made, getattr(_core, name), kept, _dtype_of(given))
    else:
        state.convert(made.modules(), getattr(_core, name))
        made.forward = functools.partial(_run_in, made, name)
    return made


def arguments_of(item: Any) -> Arguments:
    """Return the arguments of a call that an item of data stands for."""
    if isinstance(item, Mapping):
        return (), dict(item)
    return (tuple(item) if isinstance(item, (tuple, list)) else (item,)), {}


def _paths(module: Module, skip: Collection[str]) -> list[str]:
    paths = [skip] if isinstance(skip, str) else list(skip)
    known = [path for path, _ in module.named_modules(remove_duplicate=False)]
    for path in paths:
        if path not in known:
            raise _core.ArgumentError(
                f"convert: got skip={path!r}, where there is no module; need one of "
                f"{', '.join(repr(each) for each in known if each)}"
            )
    return paths


def _inside(path: str, kept: Collection[str]) -> bool:
    return any(path == each or path.startswith(f"{each}.") or each == "" for each in kept)


def _dtype_of(module: Module) -> Any:
    """Return the dtype of a module's first floating-point parameter or buffer."""
    tensors = (*module.parameters(), *module.buffers())
    return next((x.dtype for x in tensors if x.dtype.kind == "float"), _core.default_dtype())


# ---- floating point ----


def _cast(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    leaves, structure = pytree.flatten(tree)
    floats = (isinstance(x, Tensor) and x.dtype.kind == "float" for x in leaves)
    return pytree.unflatten(structure, [change(x) if cast else x for x, cast in zip(leaves, floats, strict=True)])


def _run_in(module: Module, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call the module's own forward with arguments of a dtype."""
    dtype = getattr(_core, name)
    args, kwargs = _cast((args, kwargs), lambda x: x if x.dtype == dtype else x.astype(dtype))
    return captured(type(module).forward)(module, *args, **kwargs)


def _run_narrow(module: Module, name: str, result: str, *args: Any, **kwargs: Any) -> Any:
    """Call the module's own forward with products in 16 bits; results are not narrower than what was given."""
    wide, low = getattr(_core, result), getattr(_core, name)
    # Autocast leaves float64 as it is.
    args, kwargs = _cast((args, kwargs), lambda x: x.astype(_core.float32) if x.dtype == _core.float64 else x)
    with autocast(low):
        out = captured(type(module).forward)(module, *args, **kwargs)
    return _cast(out, lambda x: x.astype(wide) if x.dtype.itemsize < wide.itemsize else x)


def _to_sixteen(module: Module, dtype: Any, kept: Collection[str], result: Any) -> None:
    parts: tuple[list[Module], list[Module]] = ([], [])
    for path, each in module.named_modules():
        parts[isinstance(each, WIDE) or _inside(path, kept)].append(each)
    state.convert(parts[False], dtype)
    state.convert(parts[True], _core.float32)
    module.forward = functools.partial(_run_narrow, module, dtype.name, result.name)


# ---- integers ----


def _replace(module: Module, kept: Collection[str], new: Callable[[str, Module], Module | None]) -> Module:
    """Put new(path, module) in the place of every module for which it is one, shared ones once; return the root."""
    made: dict[int, Module] = {}

    def visit(path: str, each: Module) -> Module:
        if id(each) in made:
            return made[id(each)]
        made[id(each)] = each
        if not _inside(path, kept):
            made[id(each)] = new(path, each) or each
        if made[id(each)] is each:
            for name, child in list(each._own_modules()):
                found = visit(f"{path}.{name}" if path else name, child)
                if found is not child:
                    setattr(each, name, found)
        return made[id(each)]

    return visit("", module)


def _to_int8(
    module: Module, kept: Collection[str], data: list[Arguments] | None, method: str, percentile: float, dynamic: bool
) -> Module:
    if data is None and not dynamic:
        raise _core.ArgumentError(
            "convert: got int8 without calibration data; need some, which tells the range of activations; try "
            "calibration=[x1, x2], or dynamic=True, which finds it in every call"
        )
    state.convert(module.modules(), _core.float32)
    module = _replace(module, kept, lambda _, each: taken_apart(each))
    module.eval()
    ranges: dict[str, tuple[float, float]] = {}
    if not dynamic and data is not None:
        ranges = _calibrate(module, kept, data, method, percentile)
    return _replace(module, kept, lambda path, each: _quantized(path, each, dynamic, ranges))


def _quantized(path: str, module: Module, dynamic: bool, ranges: Mapping[str, tuple[float, float]]) -> Module | None:
    kind = QUANTIZED.get(type(module))
    if kind is None or is_depthwise(module):
        return None
    if not dynamic and path not in ranges:
        raise _core.ArgumentError(
            f"convert: got calibration data that never reaches {type(module).__name__} at {path!r}; need data that "
            f"does; try skip=[{path!r}], which leaves it in float32, or dynamic=True"
        )
    made: Module = kind.of(module, None if dynamic else ranges[path])
    return made


def _calibrate(
    module: Module, kept: Collection[str], data: list[Arguments], method: str, percentile: float
) -> dict[str, tuple[float, float]]:
    collector = Collector()
    handles = []
    for path, each in module.named_modules():
        if type(each) in QUANTIZED and not _inside(path, kept):
            handles.append(each.register_forward_pre_hook(functools.partial(_see, collector, path)))

    def passes() -> None:
        with no_grad():
            for args, kwargs in data:
                module(*args, **kwargs)

    collector.run(passes, method)
    for handle in handles:
        handle.remove()
    return {path: seen.range(method, percentile) for path, seen in collector.observers.items()}


def _see(collector: Collector, path: str, module: Module, args: tuple[Any, ...]) -> None:
    collector.see(path, args[0])


def _times(given: Any, made: Module, name: str, data: list[Arguments] | None) -> list[float]:
    """Return how long the new module and the given one take for the first of the data, or a layer if there is none."""
    if data is None:
        return probe(name)
    args, kwargs = data[0]
    before, after = script(given), script(made)
    with no_grad():
        return times([lambda: after(*args, **kwargs), lambda: before(*args, **kwargs)])
