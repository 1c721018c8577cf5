"""How compile time grows with the number of operations, cold and with all kernels at hand: `./dev run python
benchmarks/scaling.py`."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import tandem as td

SIZES = (100, 300, 1000, 3000, 10000)  # recorded operations, about
ROUNDS = 3
Function = Callable[[Any, Any], Any]


def pointwise(count: int) -> Function:
    """Return a chain in which every value is read twice or more."""

    def function(x: Any, y: Any) -> Any:
        for k in range(count // 3):
            x = x * y + 0.5
            y = td.tanh(y) if k % 16 == 5 else y - x
        return x, y

    return function


def network(count: int) -> Function:
    """Return layers of a product, a normalisation and an activation, each with a number of its own."""

    def function(x: Any, w: Any) -> Any:
        for k in range(count // 8):
            h = td.matmul(x, w)
            h = td.maximum((h - td.mean(h, axis=1, keepdims=True)) * (0.5 + k), 0.0)
            x = x + h[:, ::-1]
        return x

    return function


def seconds(function: Function, warm: bool) -> tuple[float, float, int]:
    """Return the time of a first call, how much of it was capture, and the number of recorded operations."""
    x, y = td.ones((8, 8)), td.ones((8, 8)) * 0.5
    compiled = td.trace(function, cache=False)
    if not warm:
        td.clear_cache()
    else:
        compiled(x, y)
        compiled.clear()
    start = time.perf_counter()
    compiled(x, y)
    spent = time.perf_counter() - start
    executable = compiled.specializations[0].executable
    return spent, spent - executable.compile_seconds, executable.node_count


def slope(counts: list[int], times: list[float]) -> float:
    """Return the exponent p of the power law time = c * count ** p that fits best."""
    points = [(math.log(c), math.log(t)) for c, t in zip(counts, times, strict=True)]
    mean_x, mean_y = (sum(p[k] for p in points) / len(points) for k in (0, 1))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, y in points)


def main() -> int:
    print(f"{'':10} {'':5} {'ops':>6} {'first call':>11} {'per op':>9} {'capture per op':>15}")
    for make in (pointwise, network):
        for warm in (False, True):
            counts, times = [], []
            for size in SIZES:
                rounds = [seconds(make(size), warm) for _ in range(ROUNDS if size <= 1000 or warm else 1)]
                spent, capture, count = min(rounds)
                counts.append(count)
                times.append(spent)
                state = "warm" if warm else "cold"
                print(
                    f"{make.__name__:10} {state:5} {count:6} {spent * 1e3:8.1f} ms {spent / count * 1e6:6.1f} µs "
                    f"{capture / count * 1e6:12.2f} µs",
                    flush=True,
                )
            print(
                f"{'':16} time grows with the number of operations to the power of {slope(counts[1:], times[1:]):.2f}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
