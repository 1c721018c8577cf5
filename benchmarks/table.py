"""One table of results: times, the ratio to the best peer, the goal and whether it was met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

OWN = ("tandem", "eager")


@dataclass
class Row:
    name: str
    what: str
    seconds: dict[str, float]
    goal_ratio: float | None = None
    goal_seconds: float | None = None
    measured: str = "tandem"  # which of Tandem's two modes the goal is about

    @property
    def best_peer(self) -> str | None:
        peers = {name: value for name, value in self.seconds.items() if name not in OWN}
        return min(peers, key=peers.__getitem__) if peers else None

    @property
    def ratio(self) -> float | None:
        return self.seconds[self.measured] / self.seconds[self.best_peer] if self.best_peer else None

    @property
    def met(self) -> bool | None:
        """Return whether the goal was met; None where there is none, or nothing to compare with."""
        if self.goal_seconds is not None:
            return self.seconds[self.measured] <= self.goal_seconds
        if self.goal_ratio is not None and self.ratio is not None:
            return self.ratio <= self.goal_ratio
        return None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "best_peer": self.best_peer, "ratio": self.ratio, "met": self.met}


def render(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [["case", *columns, "best peer", "ratio", "goal", "met"]]
    for row in rows:
        if row.goal_seconds is not None:
            goal = f"≤ {duration(row.goal_seconds)}"
        else:
            goal = f"≤ {row.goal_ratio:.2f} ×" if row.goal_ratio is not None else ""
        times = [duration(row.seconds[name]) if name in row.seconds else "" for name in columns]
        ratio = f"{row.ratio:.2f} ×" if row.ratio is not None else ""
        lines.append(
            [row.name, *times, row.best_peer or "", ratio, goal, {True: "yes", False: "NO", None: ""}[row.met]]
        )
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    text = [
        "  ".join(f"{c:<{w}}" if k == 0 else f"{c:>{w}}" for k, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    text.insert(1, "─" * len(text[0]))
    return "\n".join(line.rstrip() for line in text)


def duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            value = seconds / scale
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
