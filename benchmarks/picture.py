"""A picture of the ratios: how long Tandem takes, as a part of what the best of its peers takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from table import Row

FASTER, SLOWER, GOAL = "#2a7f62", "#b3541e", "#333333"


def draw(rows: Sequence[Row], file: Path) -> None:
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.ratio is not None]
    figure = Figure(figsize=(8, 0.28 * len(shown) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(reversed(shown)):
        ratio = row.ratio
        assert ratio is not None
        axes.barh(place, ratio - 1, left=1, color=FASTER if ratio <= 1 else SLOWER, height=0.7)
        words = f"{ratio:.2f} × {row.best_peer}"
        right = ratio > 1
        # Nothing is written across the line of a goal.
        end = ratio if right or row.goal_ratio is None else min(ratio, row.goal_ratio)
        axes.annotate(
            words, (end, place), (4 if right else -4, 0), textcoords="offset points", fontsize=7,
            ha="left" if right else "right", va="center",
        )  # fmt: skip
        if row.goal_ratio is not None:
            axes.plot([row.goal_ratio] * 2, [place - 0.4, place + 0.4], color=GOAL, lw=1.2)
    axes.set_yticks(range(len(shown)), [row.name for row in reversed(shown)], fontsize=8)
    axes.set_xscale("log", base=2)
    ticks = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]
    ratios = [row.ratio for row in shown if row.ratio is not None]
    axes.set_xlim(min(0.4, *ratios) / 2.2, max(1.3, *ratios) * 2)
    axes.set_xticks([t for t in ticks if axes.get_xlim()[0] < t < axes.get_xlim()[1]])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ×")
    axes.minorticks_off()
    axes.axvline(1, color="#888888", lw=0.8)
    axes.set_xlabel("time of Tandem's compiled code / time of the best peer (lines: goals)", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150)
