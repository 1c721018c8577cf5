"""Eager operations next to NumPy's and PyTorch's: `./dev run python benchmarks/operations.py [--only sin,sum]`.

Sixty operations, each in float32 and float64, with 1K, 64K and 16M elements, and with operands that lie row by row,
that are every second column of a wider matrix, and that repeat one row. The ratio is to the faster of the two peers.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from measure import in_turns
from peers import THREADS, limit_threads
from table import duration

SIDES = {"1K": 32, "64K": 256, "16M": 4096}  # matrices of as many rows as columns
SAMPLES = {"1K": 2e-4, "64K": 2e-4, "16M": 4e-3}  # seconds: of many short calls, of a few long ones
LAYOUTS = ("contiguous", "strided", "broadcast")
SETTLE = 5e-3  # seconds: these peers put nothing off
GOAL, WORST = 0.6, 1.15

Function = Callable[..., Any]


@dataclass(frozen=True)
class Operation:
    name: str
    operands: int = 1
    domain: tuple[float, float] = (-4.0, 4.0)
    numpy: Function | None = None  # where it has another name or another signature
    torch: Callable[[ModuleType], Function] | None = None
    tandem: Callable[[ModuleType], Function] | None = None
    repeats_first: bool = True  # whether the first operand is a repeated row, too, in the layout "broadcast"
    largest: str = "16M"


def elementwise() -> Iterator[Operation]:
    for name in [
        "negative",
        "abs",
        "square",
        "sign",
        "floor",
        "round",
        "exp",
        "expm1",
        "sin",
        "cos",
        "tan",
        "atan",
        "tanh",
        "sinh",
        "cosh",
    ]:
        yield Operation(name)
    for name in ("sqrt", "log", "log2", "log1p", "reciprocal"):
        yield Operation(name, domain=(0.1, 10.0))
    for name in ("asin", "acos"):
        yield Operation(name, domain=(-0.99, 0.99), numpy=getattr(np, "arc" + name[1:]))
    for name in ("isnan", "isfinite"):
        yield Operation(name)
    yield Operation("sigmoid", numpy=lambda x: 1 / (1 + np.exp(-x)))
    yield Operation(
        "clip",
        numpy=lambda x: np.clip(x, -1, 1),
        torch=lambda t: lambda x: t.clamp(x, -1, 1),
        tandem=lambda t: lambda x: t.clip(x, -1, 1),
    )
    yield Operation(
        "astype float16",
        numpy=lambda x: x.astype(np.float16),
        torch=lambda t: lambda x: x.half(),
        tandem=lambda t: lambda x: x.astype(t.float16),
    )
    for name in ["add", "subtract", "multiply", "divide", "maximum", "minimum", "less", "equal", "copysign", "hypot"]:
        yield Operation(
            name, 2, repeats_first=False, torch={"less": lambda t: t.less, "equal": lambda t: t.eq}.get(name)
        )
    yield Operation("pow", 2, domain=(0.1, 4.0), numpy=np.power, repeats_first=False)
    yield Operation("atan2", 2, numpy=np.arctan2, repeats_first=False)
    yield Operation("logaddexp", 2, repeats_first=False)
    yield Operation("floor_divide", 2, domain=(0.5, 9.0), repeats_first=False)
    yield Operation(
        "where",
        2,
        numpy=lambda x, y: np.where(x < y, x, y),
        torch=lambda t: lambda x, y: t.where(x < y, x, y),
        tandem=lambda t: lambda x, y: t.where(x < y, x, y),
        repeats_first=False,
    )


def reductions() -> Iterator[Operation]:
    for name in ("sum", "mean", "max", "prod", "argmax", "var"):
        correction = {"torch": lambda t: lambda x: t.var(x, correction=0)} if name == "var" else {}
        yield Operation(name, domain=(0.9, 1.1) if name == "prod" else (-4.0, 4.0), **correction)
    for axis in (0, 1):
        for name in ("sum", "max"):
            reduce = {"sum": np.sum, "max": np.max}[name]
            torch_name = {"sum": "sum", "max": "amax"}[name]
            yield Operation(
                f"{name} axis {axis}",
                numpy=lambda x, reduce=reduce, axis=axis: reduce(x, axis=axis),
                torch=lambda t, name=torch_name, axis=axis: lambda x: getattr(t, name)(x, axis),
                tandem=lambda t, name=name, axis=axis: lambda x: getattr(t, name)(x, axis=axis),
            )
    yield Operation(
        "any",
        numpy=lambda x: np.any(x > 9),
        torch=lambda t: lambda x: t.any(x > 9),
        tandem=lambda t: lambda x: t.any(x > 9),
    )
    yield Operation(
        "cumsum",
        numpy=lambda x: np.cumsum(x, 1),
        torch=lambda t: lambda x: t.cumsum(x, 1),
        tandem=lambda t: lambda x: t.cumsum(x, axis=1),
    )


def movement() -> Iterator[Operation]:
    yield Operation("copy", numpy=np.copy, torch=lambda t: t.clone, tandem=lambda t: lambda x: x.copy())
    yield Operation(
        "transpose, copied",
        numpy=lambda x: np.copy(x.T, order="C"),
        torch=lambda t: lambda x: x.T.contiguous(),
        tandem=lambda t: lambda x: x.T.copy(),
    )
    yield Operation(
        "concat",
        2,
        numpy=lambda x, y: np.concatenate([x, y]),
        torch=lambda t: lambda x, y: t.cat([x, y]),
        tandem=lambda t: lambda x, y: t.concat([x, y]),
    )
    yield Operation(
        "roll",
        numpy=lambda x: np.roll(x, 3, 1),
        torch=lambda t: lambda x: t.roll(x, 3, 1),
        tandem=lambda t: lambda x: t.roll(x, 3, axis=1),
    )
    yield Operation(
        "pad",
        numpy=lambda x: np.pad(x, 1),
        torch=lambda t: lambda x: t.nn.functional.pad(x, (1, 1, 1, 1)),
        tandem=lambda t: lambda x: t.pad(x, 1),
    )
    yield Operation("tril")


def lookups() -> Iterator[Operation]:
    yield Operation(
        "x[rows]",
        numpy=lambda x: x[_rows(x, np)],
        torch=lambda t: lambda x: x[_rows(x, t)],
        tandem=lambda t: lambda x: x[_rows(x, t)],
    )
    yield Operation(
        "x[x > 1]", numpy=lambda x: x[x > 1], torch=lambda t: lambda x: x[x > 1], tandem=lambda t: lambda x: x[x > 1]
    )
    yield Operation(
        "sort",
        numpy=lambda x: np.sort(x, 1),
        torch=lambda t: lambda x: t.sort(x, 1)[0],
        tandem=lambda t: lambda x: t.sort(x, axis=1),
        largest="64K",
    )
    yield Operation("matmul", 2, largest="64K")


_ROWS: dict[tuple[str, int], Any] = {}


def _rows(x: Any, library: Any) -> Any:
    """Return row numbers in no order, the same for every library."""
    key = library.__name__, x.shape[0]
    if key not in _ROWS:
        rows = np.random.default_rng(3).permutation(x.shape[0])
        _ROWS[key] = rows if library is np else library.asarray(rows)
    return _ROWS[key]


OPERATIONS = (*elementwise(), *reductions(), *movement(), *lookups())


def laid_out(rng: np.random.Generator, operation: Operation, side: int, dtype: str, layout: str) -> list[np.ndarray]:
    """Return the operands as NumPy arrays: the others look at the same memory."""
    out = []
    for k in range(operation.operands):
        low, high = operation.domain
        repeated = layout == "broadcast" and (k or operation.repeats_first)
        columns = 2 * side if layout == "strided" else side
        values = rng.random((1 if repeated else side, columns), np.float32).astype(dtype) * (high - low) + low
        values = values.astype(dtype)[:, :: 2 if layout == "strided" else 1]
        out.append(np.broadcast_to(values, (side, side)) if repeated else values)
    return out


def contenders(
    operation: Operation, arrays: list[np.ndarray], libraries: dict[str, Any]
) -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {}
    for name, library in libraries.items():
        own = getattr(operation, name)
        function = getattr(library, operation.name) if own is None else own if name == "numpy" else own(library)
        if name == "numpy":
            operands: list[Any] = list(arrays)
        elif name == "torch":
            operands = [library.from_numpy(a) for a in arrays]
        else:
            operands = [
                library.asarray(a, copy=False)
                if a.flags.writeable
                else library.broadcast_to(library.asarray(np.array(a[:1])), a.shape)
                for a in arrays
            ]
        if len(operands) == 1:
            calls[name] = lambda f=function, x=operands[0]: f(x)
        else:
            calls[name] = lambda f=function, x=operands[0], y=operands[1]: f(x, y)
    return calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="comma-separated operations")
    parser.add_argument("--sizes", default=",".join(SIDES), help="comma-separated, of " + ", ".join(SIDES))
    parser.add_argument("--dtypes", default="float32,float64")
    parser.add_argument("--layouts", default=",".join(LAYOUTS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="where all figures go")
    options = parser.parse_args()
    limit_threads()
    import tandem as td

    td.set_num_threads(THREADS)
    libraries: dict[str, Any] = {"tandem": td, "numpy": np}
    try:
        import torch

        warnings.filterwarnings("ignore", "The given NumPy array is not writ")  # repeated rows, which are only read

        torch.set_num_threads(THREADS)
        libraries["torch"] = torch
    except ImportError:
        print("PyTorch is not installed: compared with NumPy alone", file=sys.stderr)

    chosen = options.only.split(",") if options.only else [operation.name for operation in OPERATIONS]
    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for size in options.sizes.split(","):
        for operation in OPERATIONS:
            if operation.name not in chosen or SIDES[size] > SIDES[operation.largest]:
                continue
            for dtype in options.dtypes.split(","):
                for layout in options.layouts.split(","):
                    arrays = laid_out(rng, operation, SIDES[size], dtype, layout)
                    seconds = in_turns(contenders(operation, arrays, libraries), options.rounds, SAMPLES[size], SETTLE)
                    best = min(value for name, value in seconds.items() if name != "tandem")
                    ratio = seconds["tandem"] / best
                    rows.append(
                        {
                            "name": operation.name,
                            "size": size,
                            "dtype": dtype,
                            "layout": layout,
                            "ratio": ratio,
                            **seconds,
                        }
                    )
                    times = "  ".join(f"{name} {duration(value):>8}" for name, value in seconds.items())
                    mark = " !" if ratio > WORST else ""
                    print(
                        f"{operation.name:18} {size:>4} {dtype:8} {layout:10}  {times}  {ratio:5.2f} ×{mark}",
                        flush=True,
                    )
    summary(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def summary(rows: list[dict[str, Any]]) -> None:
    """Print the geometric means and how many rows are slower than allowed."""

    def mean(some: list[dict[str, Any]]) -> str:
        if not some:
            return "-"
        slow = sum(row["ratio"] > WORST for row in some)
        value = math.exp(statistics.fmean(math.log(row["ratio"]) for row in some))
        return f"{value:5.2f} ×, {slow} of {len(some)} above {WORST} ×"

    print()
    for key in ("size", "dtype", "layout"):
        for value in dict.fromkeys(row[key] for row in rows):
            print(f"{value:12} {mean([row for row in rows if row[key] == value])}")
    print(f"{'all':12} {mean(rows)}; goal: {GOAL} ×, none above")


if __name__ == "__main__":
    sys.exit(main())
