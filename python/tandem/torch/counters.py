"""What the bridge counts, and says once."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

log = logging.getLogger("tandem.torch")

fallbacks: Counter[str] = Counter()  # by name: how many operations of compiled graphs run in torch
counts: Counter[str] = Counter()
seconds: dict[str, float] = {"compile": 0.0}
_told: set[str] = set()


def fell_back(name: str, why: str) -> None:
    """Count an operation that runs in torch; say so the first time."""
    fallbacks[name] += 1
    if name not in _told:
        _told.add(name)
        log.warning("%s runs in torch, between compiled parts: %s", name, why)


def stats() -> dict[str, Any]:
    """Return what was compiled since the start, or since `reset`.

    graphs: graphs that torch handed over, forward and backward ones. programs: what Tandem compiled for them, one more
    for every kind of sizes and strides. calls: of graphs. fallback_ops: the operations that run in torch, by name, each
    as often as it stands in a graph. random_ops: those that draw from torch's generator. compile_seconds: what Tandem
    took, without torch's own capture. kernels: how many the programs have. thawed: how often frozen weights changed.

    >>> sorted(td.torch.stats())[:3]
    ['calls', 'compile_seconds', 'fallback_ops']
    """
    names = ("graphs", "programs", "calls", "kernels", "random_ops", "thawed")
    return {
        **{name: counts[name] for name in names},
        "fallback_ops": dict(fallbacks),
        "compile_seconds": seconds["compile"],
    }


def reset() -> None:
    """Set all counters to zero.

    >>> td.torch.reset_stats()
    """
    fallbacks.clear()
    counts.clear()
    seconds["compile"] = 0.0
    _told.clear()
