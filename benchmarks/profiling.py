"""What `td.profiler` costs while it is on: `python -m benchmarks.profiling`.

Off and on take turns, so that both see the same machine; the fastest of many rounds are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import tandem as td


@td.script
def chain(x: td.Tensor, y: td.Tensor) -> td.Tensor:
    """One kernel."""
    z = td.exp(x * 0.5) + y
    return td.where(z > 1, td.sqrt(td.abs(z)), z * y) - td.tanh(x)


@td.script
def sums(x: td.Tensor) -> td.Tensor:
    """A loop of 100 steps of one small kernel each."""
    for _ in range(td.asarray(100)):
        x = x * 0.5 + 1
    return x


def eager(x: td.Tensor) -> td.Tensor:
    """One eager operation."""
    return x + x


def seconds(run: Callable[[], object], repeat: int) -> float:
    """Time of one call, after a few that wake the threads of the pool."""
    for _ in range(5):
        run()
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) / repeat


def compare(run: Callable[[], object], repeat: int, rounds: int = 101) -> tuple[float, float]:
    """Least times of a call without and with a profiler."""
    off, on = [], []
    run()
    for _ in range(rounds):
        off.append(seconds(run, repeat))
        with td.profiler(max_events=10_000_000):
            on.append(seconds(run, repeat))
    return min(off), min(on)


def main() -> None:
    """Print a table."""
    large, small = td.ones((1_000_000,)), td.ones((8,))
    cases = {
        "compiled chain, 1,000,000 elements": (lambda: chain(large, large), 50),
        "eager addition, 1,000,000 elements": (lambda: eager(large), 50),
        "compiled chain, 8 elements": (lambda: chain(small, small), 5000),
        "compiled loop of 100 kernels, 8 elements": (lambda: sums(small), 100),
        "eager addition, 8 elements": (lambda: eager(small), 5000),
    }
    print(f"{'':42}{'off':>12}{'on':>12}{'more':>12}{'':>8}")
    for name, (run, repeat) in cases.items():
        off, on = compare(run, repeat)
        print(f"{name:42}{off * 1e6:9.3f} µs{on * 1e6:9.3f} µs{(on - off) * 1e9:9.0f} ns{on / off - 1:8.1%}")


if __name__ == "__main__":
    main()
