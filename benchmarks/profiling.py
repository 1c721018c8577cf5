"""What `td.profiler` costs while it is on: `python -m benchmarks.profiling`.

Off and on take turns in short pieces, so that both see the same machine. A piece with the profiler on is compared with
the mean of the pieces before and after it; medians of those differences are shown, with their quartiles. Records of
the first events, which a profile always has, are made before the time is taken: a profile that lasts does not notice
them. What is small runs on one thread and is measured by that thread's own time, which other programs disturb less.
"""

from __future__ import annotations

import statistics
import sys
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
    """A loop of 100 steps of three small kernels each."""
    for _ in range(td.asarray(100)):
        x = x * 0.5 + 1
    return x


def eager(x: td.Tensor) -> td.Tensor:
    """One eager operation."""
    return x + x


FIRST = 300  # more than a profile always records
FEW = 100  # of more calls each is small


def seconds(run: Callable[[], object], repeat: int) -> float:
    """Time of one call, after some that wake the threads of the pool and are recorded in any case."""
    clock = time.thread_time if repeat > FEW else time.perf_counter
    for _ in range(FIRST if repeat > FEW else 5):
        run()
    start = clock()
    for _ in range(repeat):
        run()
    return (clock() - start) / repeat


def compare(run: Callable[[], object], repeat: int, rounds: int, sample: bool) -> tuple[float, tuple[float, ...]]:
    """The time without a profiler, and the quartiles of how much longer it takes with one, as fractions."""
    off, more = [seconds(run, repeat)], []
    for _ in range(rounds):
        with td.profiler(max_events=10_000_000, sample=sample):
            on = seconds(run, repeat)
        off.append(seconds(run, repeat))
        more.append(on / ((off[-1] + off[-2]) / 2) - 1)
    return statistics.median(off), tuple(statistics.quantiles(more))


def main() -> None:
    """Print a table; `--every` compares with profilers that leave out nothing, too."""
    large, small = td.ones((1_000_000,)), td.ones((8,))
    cases = {
        "compiled chain, 1,000,000 elements": (lambda: chain(large, large), 20),
        "eager addition, 1,000,000 elements": (lambda: eager(large), 20),
        "compiled chain, 8 elements": (lambda: chain(small, small), 10_000),
        "compiled loop of 303 launches, 8 elements": (lambda: sums(small), 500),
        "eager addition, 8 elements": (lambda: eager(small), 10_000),
    }
    modes = {"on": True} | ({"on, sample=False": False} if "--every" in sys.argv else {})
    print(f"{'':44}{'off':>12}" + "".join(f"{mode:>30}" for mode in modes))
    for name, (run, repeat) in cases.items():
        shown = ""
        for sample in modes.values():
            off, (low, middle, high) = compare(run, repeat, 101 if repeat > FEW else 41, sample)
            shown += f"{middle:+13.1%} ({low:+6.1%} {high:+6.1%})"
        print(f"{name:44}{off * 1e6:9.3f} µs{shown}", flush=True)


if __name__ == "__main__":
    main()
