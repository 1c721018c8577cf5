"""How well scores tell architectures apart: rank correlations, how likely they are by chance, a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from examples.smash.architecture import Architecture


@dataclass
class Comparison:
    """What was measured, an element for each architecture."""

    architectures: list[Architecture] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)  # how many it has
    alone: list[list[float]] = field(default_factory=list)  # accuracy trained on its own, each time, on the test images
    score: list[float] = field(default_factory=list)  # accuracy with weights made for it, on images held out
    shuffled: list[float] = field(default_factory=list)  # the same with weights made for its mixings in another order

    def add(self, architecture: Architecture, weights: int, alone: list[float]) -> None:
        self.architectures.append(architecture)
        self.weights.append(weights)
        self.alone.append(alone)

    @property
    def means(self) -> list[float]:
        """The accuracy of each architecture on its own, over all times it was trained."""
        return [sum(values) / len(values) for values in self.alone]

    @property
    def correlation(self) -> float:
        """That of the score with the accuracy on its own."""
        return spearman(self.score, self.means)

    @property
    def spread(self) -> float:
        """The standard deviation of the accuracy from one architecture to the other."""
        return float(np.std(self.means, ddof=1))

    @property
    def noise(self) -> float:
        """The standard deviation of the accuracy from one time an architecture is trained to the other."""
        return math.sqrt(float(np.mean(np.var(self.alone, axis=1, ddof=1))))

    def report(self) -> str:
        """All that can be said when it is complete, in lines."""
        means, several = self.means, len(self.alone[0]) > 1
        lines = [
            f"rank correlation of {len(means)} architectures: {self.correlation:.3f}"
            f" (by chance: p = {by_chance(self.score, means):.2g})",
            f"that of the number of weights instead of the score: {spearman(self.weights, means):.3f}",
            f"accuracy with made weights: {_range(self.score)}; with those made for another order: "
            f"{_range(self.shuffled)}, rank correlation {spearman(self.shuffled, means):.3f}",
            f"accuracy on its own: {_range(means)}, deviation between architectures {self.spread:.2%}"
            + (f", between runs of one {self.noise:.2%}" if several else ""),
        ]
        return "\n".join(lines)

    def picture(self, path: Path) -> None:
        """Draw score against accuracy; a line joins the times that an architecture was trained."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 4), dpi=120, layout="constrained")
        axes = figure.subplots()
        axes.vlines(self.score, np.min(self.alone, axis=1), np.max(self.alone, axis=1), alpha=0.5)
        axes.scatter(self.score, self.means)
        axes.set_xlabel("accuracy with the weights of the hypernetwork (held out)")
        axes.set_ylabel("accuracy trained on its own (test)")
        axes.set_title(f"{len(self.score)} architectures, rank correlation {self.correlation:.2f}")
        axes.grid(alpha=0.3)
        figure.savefig(path)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.1%} to {max(values):.1%}"


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """The correlation of ranks; equal values share the mean of theirs."""
    x, y = _ranks(a), _ranks(b)
    scale = math.sqrt(float((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / scale if scale else math.nan


def by_chance(a: Sequence[float], b: Sequence[float], tries: int = 100_000) -> float:
    """How often ranks in random order correlate at least as much, either way: a permutation test."""
    x, y = _ranks(a), _ranks(b)
    shuffled = np.random.default_rng(0).permuted(np.tile(x, (tries, 1)), axis=1)
    beyond = int((abs(shuffled @ y) >= abs(float(x @ y)) - 1e-9).sum())
    return (beyond + 1) / (tries + 1)


def _ranks(values: Sequence[float]) -> np.ndarray:
    """Ranks less their mean."""
    ordered = np.sort(values)
    ranks = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") - 1) / 2
    return ranks - ranks.mean()
