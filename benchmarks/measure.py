"""How it is measured: calls that alternate between the contenders, medians, results compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from cases import Case
from peers import Peer, leaves

SAMPLE = 4e-3  # seconds: shorter calls are repeated until a sample is as long as that
SETTLE = 5e-2  # seconds: thread pools go to sleep before the next one is measured, and free what they put off


Seconds = dict[str, float]
Clock = Callable[[], float]


def run_case(case: Case, peers: list[Peer], rounds: int) -> tuple[dict[str, list[float]], Seconds]:
    """Return seconds for each contender, sorted, and of its first call: samples are taken in turn."""
    arrays = case.inputs()
    contenders: dict[str, Callable[[], Any]] = {}
    reference: Any = None
    first: Seconds = {}
    for peer in peers:
        if not peer.accepts(case):
            continue
        function, arguments = peer.function(case), [peer.put(array) for array in arrays]
        start = time.perf_counter()
        value = function(*arguments)
        first[peer.name] = time.perf_counter() - start
        result = [peer.get(value) for value in leaves(value)]
        reference = reference or result
        for got, wanted in zip(result, reference, strict=True):
            case.check(got, wanted, peer.name)
        contenders[peer.name] = call(function, arguments)
    return samples_in_turns(contenders, rounds), first


def in_turns(
    calls: dict[str, Callable[[], Any]], rounds: int, sample: float = SAMPLE, settle: float = SETTLE
) -> dict[str, float]:
    """Return the median seconds of each."""
    return {
        name: statistics.median(values)
        for name, values in samples_in_turns(calls, rounds, sample, settle=settle).items()
    }


def samples_in_turns(
    calls: dict[str, Callable[[], Any]],
    rounds: int,
    sample: float = SAMPLE,
    clock: Clock = time.perf_counter,
    settle: float = SETTLE,
) -> dict[str, list[float]]:
    """Return the seconds of each, sorted; a sample lasts `sample` seconds at least, after a warm-up half as long.

    Before it nothing runs for a moment: threads of another library that still look for work would hold a core. Nobody
    always comes after the same one.
    """
    counts = {}
    for name, function in calls.items():
        function()
        counts[name] = max(1, int(sample / max(min(timed(function, 1) for _ in range(3)), 1e-8)))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            time.sleep(settle)
            timed(calls[name], 1 + counts[name] // 2)  # the one before left its caches behind, and threads have to wake
            samples[name].append(timed(calls[name], counts[name], clock))
    return {name: sorted(values) for name, values in samples.items()}


def call(function: Callable[..., Any], arguments: list[Any]) -> Callable[[], Any]:
    """Make a call without the cost of unpacking a list."""
    if len(arguments) == 1:
        (x,) = arguments
        return lambda: function(x)
    if len(arguments) == 2:
        x, y = arguments
        return lambda: function(x, y)
    if len(arguments) == 3:
        x, y, z = arguments
        return lambda: function(x, y, z)
    return lambda: function(*arguments)


def timed(function: Callable[[], Any], repeats: int, clock: Clock = time.perf_counter) -> float:
    if repeats == 1:
        start = clock()
        function()
        return clock() - start
    turns = range(repeats)
    start = clock()
    for _ in turns:
        function()
    return (clock() - start) / repeats
