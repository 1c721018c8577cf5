"""What each precision costs and gains for a model, measured on this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from tandem import _core, pytree
from tandem._boundary import public
from tandem.autograd import no_grad
from tandem.jit import script
from tandem.nn.modules.module import Module, as_module
from tandem.precision._convert import Arguments, arguments_of, converted
from tandem.precision._probes import times, warn_of
from tandem.precision._table import DTYPES, dtype_name, is_depthwise

Tensor = _core.Tensor


@dataclasses.dataclass(frozen=True)
class Measured:
    """One precision of a model; errors are those of its results, compared with the model's that was given."""

    dtype: str
    bytes: int  # of parameters and buffers
    seconds: float  # of the first call of the data, compiled
    speedup: float  # times as fast as float32
    largest_error: float
    relative_error: float  # root mean square, of errors over results
    metric: float | None = None
    reason: str = ""  # why there is no such model, in place of numbers
    kept: tuple[str, ...] = ()  # paths of depthwise convolutions, which stay in float32 because that is faster


@dataclasses.dataclass(frozen=True)
class Report:
    """Rows of `td.precision.report`, by name of the dtype in `report["int8"]`; prints as a table."""

    rows: tuple[Measured, ...]
    metric: str | None = None

    def __getitem__(self, dtype: str) -> Measured:
        return next(row for row in self.rows if row.dtype == dtype)

    def __repr__(self) -> str:
        head = ["precision", "bytes", "ms", "speed-up", "largest error", "relative error"]
        table = [head + ([self.metric] if self.metric else [])]
        for row in self.rows:
            if row.reason:
                continue
            numbers = [str(row.bytes), f"{row.seconds * 1e3:.3f}", f"{row.speedup:.2f}"]
            numbers += [f"{row.largest_error:.2e}", f"{row.relative_error:.2e}"]
            table.append([row.dtype, *numbers] + ([f"{row.metric:.4f}"] if row.metric is not None else []))
        widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
        text = [
            line[0].ljust(widths[0]) + "".join(f"  {x.rjust(n)}" for x, n in zip(line[1:], widths[1:], strict=True))
            for line in table
        ]
        text += [f"{row.dtype}: {row.reason}" for row in self.rows if row.reason]
        text += [f"{row.dtype}: depthwise in float32: {', '.join(row.kept)}" for row in self.rows if row.kept]
        return "\n".join(text)


def size_of(module: Module) -> int:
    """Return how many bytes the parameters and buffers of a module take."""
    return sum(x.size * x.dtype.itemsize for x in (*module.parameters(), *module.buffers()))


@public
def report(
    module: Any,
    data: Iterable[Any],
    dtypes: Sequence[Any] = DTYPES,
    *,
    targets: Iterable[Any] | None = None,
    metric: Callable[[Any, Any], Any] | None = None,
    method: str = "minmax",
    percentile: float = 99.99,
    dynamic: bool = False,
    skip: Collection[str] = (),
) -> Report:
    """Return size, speed and error of a module in several precisions, measured here on `data`.

    data: arguments of calls, as for td.convert, which also calibrates int8 with them. metric(result, target) is a
    number whose mean over all calls is shown; with `targets` alone it is the share of rows whose largest entry is the
    target. A precision that the module cannot have is a row with the reason; one that is slower than float32 gives a
    PrecisionWarning.

    >>> net = td.nn.Sequential(td.nn.Linear(64, 64), td.nn.ReLU(), td.nn.Linear(64, 10)).eval()
    >>> x = td.random.Generator(0).normal((32, 64))
    >>> measured = td.precision.report(net, [x], ["float32", "float64"])
    >>> measured["float32"].bytes, measured["float32"].largest_error
    (19240, 0.0)
    """
    given = as_module(module)
    if given is None:
        raise _core.ArgumentTypeError(f"report: got {type(module).__name__}; need an nn.Module")
    items = list(data)
    if not items:
        raise _core.ArgumentError("report: got no data; need one call's arguments or more")
    wanted = None if targets is None else list(targets)
    if wanted is not None and len(wanted) != len(items):
        raise _core.ArgumentError(f"report: got {len(items)} calls and {len(wanted)} targets; need one for each")
    if metric is not None and wanted is None:
        raise _core.ArgumentError("report: got a metric without targets; need one target for each call")
    measure = (metric or _share_right) if wanted is not None else None
    calls = [arguments_of(item) for item in items]
    names = dict.fromkeys(["float32", *(dtype_name(each) for each in dtypes)])
    models, reasons = _models(given, names, calls, (method, percentile, dynamic, skip))
    compiled = {name: script(model) for name, model in models.items()}
    with no_grad():
        args, kwargs = calls[0]
        functions = [(lambda f=f: f(*args, **kwargs)) for f in compiled.values()]
        seconds = dict(zip(compiled, times(functions), strict=True))
        expected = [given(*a, **k) for a, k in calls]
        rows = []
        for name in names:
            if name in reasons:
                rows.append(Measured(name, 0, 0.0, 0.0, 0.0, 0.0, None, reasons[name]))
                continue
            results = [compiled[name](*a, **k) for a, k in calls]
            largest, relative = _errors(results, expected)
            value = None
            if measure is not None and wanted is not None:
                value = float(np.mean([float(measure(r, t)) for r, t in zip(results, wanted, strict=True)]))
            speedup = seconds["float32"] / seconds[name]
            kept = () if name != "int8" else tuple(p for p, m in models[name].named_modules() if is_depthwise(m))
            size = size_of(models[name])
            rows.append(Measured(name, size, seconds[name], speedup, largest, relative, value, kept=kept))
            warn_of("report", name, seconds[name], seconds["float32"], stacklevel=4)
    label = None if measure is None else ("accuracy" if metric is None else getattr(metric, "__name__", "metric"))
    return Report(tuple(rows), label)


def _models(
    module: Module, names: Iterable[str], calls: list[Arguments], options: tuple[str, float, bool, Collection[str]]
) -> tuple[dict[str, Module], dict[str, str]]:
    """Return the module in each precision, or why there is none."""
    models: dict[str, Module] = {}
    reasons: dict[str, str] = {}
    for name in names:
        try:
            models[name] = converted(module, name, calls if name == "int8" else None, *options)
        except _core.ArgumentTypeError as error:
            reasons[name] = str(error)
    return models, reasons


def _share_right(result: Tensor, target: Tensor) -> float:
    return float((_core.argmax(result, axis=-1) == target).astype(_core.float32).mean())


def _errors(results: list[Any], expected: list[Any]) -> tuple[float, float]:
    pairs = zip(pytree.flatten(results)[0], pytree.flatten(expected)[0], strict=True)
    both = [
        (np.asarray(a.astype(_core.float64)), np.asarray(b.astype(_core.float64)))
        for a, b in pairs
        if isinstance(a, Tensor) and a.dtype.kind == "float"
    ]
    errors = np.concatenate([np.ravel(a - b) for a, b in both]) if both else np.zeros(1)
    size = float(np.sqrt(np.mean(np.concatenate([np.ravel(b) for _, b in both]) ** 2))) if both else 1.0
    return float(np.abs(errors).max(initial=0.0)), float(np.sqrt(np.mean(errors**2))) / (size or 1.0)
