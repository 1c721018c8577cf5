"""The range of numbers that the 256 values of an activation stand for, from numbers that were seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tandem import _core

METHODS = ("minmax", "percentile", "entropy")
_MOST_BINS = 4096
_PER_BIN = 16  # numbers, on average: with fewer, the counts are mostly chance
_LEVELS = 256
_CANDIDATES = 64


class Observer:
    """Collects the range of what it is shown, and in a second pass over the same data its histogram."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self.numbers = 0
        self.counts: Any = None  # of bins from low to high, once the second pass has begun

    def widen(self, values: Any) -> None:
        """Take the extremes of an array into account."""
        if values.size == 0:
            return
        self.numbers += values.size
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise _core.ArgumentError(
                "convert: got calibration data that leads to values that are not finite; need finite ones"
            )
        self.low, self.high = min(self.low, low), max(self.high, high)

    def count(self, values: Any) -> None:
        """Add an array to the histogram."""
        if self.low == self.high:
            return
        bins = min(max(self.numbers // _PER_BIN, _LEVELS), _MOST_BINS)
        found = np.histogram(values, bins, (self.low, self.high))[0]
        self.counts = found if self.counts is None else self.counts + found

    def range(self, method: str, percentile: float) -> tuple[float, float]:
        """Return what the range is by a method."""
        if method == "minmax" or self.low == self.high:
            return self.low, self.high
        edges = np.linspace(self.low, self.high, self.counts.size + 1)
        if method == "percentile":
            return by_percentile(self.counts, edges, percentile)
        return by_entropy(self.counts, edges)


def by_percentile(counts: Any, edges: Any, percentile: float) -> tuple[float, float]:
    """Return the range that leaves out, of all numbers, the same share at both ends."""
    share = np.cumsum(counts) / counts.sum()
    cut = (1 - percentile / 100) / 2
    first = int(np.searchsorted(share, cut, side="right"))
    last = int(np.searchsorted(share, 1 - cut, side="left"))
    return float(edges[min(first, counts.size - 1)]), float(edges[min(last, counts.size - 1) + 1])


def by_entropy(counts: Any, edges: Any) -> tuple[float, float]:
    """Return the range whose values tell most: least divergence (Kullback-Leibler) of the numbers from them.

    The ranges tried are the whole one, and that narrowed at both ends to a common largest size of a number. With few
    numbers, some thousands, it is the whole one.
    """
    centres = (edges[:-1] + edges[1:]) / 2
    largest = float(np.abs(edges).max())
    best, found = np.inf, (float(edges[0]), float(edges[-1]))
    for k in range(_CANDIDATES, 1, -1):
        limit = largest * k / _CANDIDATES
        inside = np.flatnonzero(np.abs(centres) <= limit)
        if inside.size < _LEVELS:
            break
        first, last = inside[0], inside[-1] + 1
        loss = _divergence(counts, first, last)
        if loss < best:
            best, found = loss, (float(edges[first]), float(edges[last]))
    return found


def _divergence(counts: Any, first: int, last: int) -> float:
    kept = counts[first:last].astype(np.float64)
    seen = kept.copy()
    seen[0] += counts[:first].sum()
    seen[-1] += counts[last:].sum()
    level = np.arange(last - first) * _LEVELS // (last - first)
    # Each level spreads its count evenly over those of its bins that hold anything.
    full = kept > 0
    bins = np.bincount(level, full, _LEVELS)
    spread = np.where(full, (np.bincount(level, kept, _LEVELS) / np.maximum(bins, 1))[level], 0.0)
    if spread.sum() == 0:
        return float("inf")
    p, q = seen / seen.sum(), spread / spread.sum()
    # Numbers where the values have none at all: what was cut off. They count as lost, but not without bound.
    some = p > 0
    return float((p[some] * np.log(p[some] / np.maximum(q[some], 1e-10))).sum())


class Collector:
    """Shows the observers of several modules what comes in, while calibration data runs through a model."""

    def __init__(self) -> None:
        self.observers: dict[str, Observer] = {}
        self.counting = False

    def see(self, path: str, x: Any) -> None:
        """Take in what came to the place of this name."""
        observer = self.observers.setdefault(path, Observer())
        values = np.asarray(x.detach().astype(_core.float32))
        (observer.count if self.counting else observer.widen)(values)

    def run(self, passes: Callable[[], None], method: str) -> None:
        """Run the data through the model as often as the method needs."""
        passes()
        if method != "minmax":
            self.counting = True
            passes()
