"""Tables of results: times, the ratio to the best peer and to the machine's limit, goals; and first calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

OWN = ("tandem", "fast", "eager")


@dataclass
class Row:
    name: str
    what: str
    seconds: dict[str, float]
    goal_ratio: float | None = None
    goal_seconds: float | None = None
    measured: str = "tandem"  # which of Tandem's two modes the goal is about
    first: dict[str, float] = field(default_factory=dict)  # seconds of the first call, compilation included
    moves: float = 0  # bytes that pass through memory, at least
    flops: float = 0
    limit: float | None = None  # seconds that the machine needs for these

    @property
    def best_peer(self) -> str | None:
        peers = {name: value for name, value in self.seconds.items() if name not in OWN}
        return min(peers, key=peers.__getitem__) if peers else None

    @property
    def ratio(self) -> float | None:
        return self.seconds[self.measured] / self.seconds[self.best_peer] if self.best_peer else None

    @property
    def fast_ratio(self) -> float | None:
        """Return the ratio with `numerics="fast"`, where it takes part: it may meet the goal, too."""
        return (
            self.seconds["fast"] / self.seconds[self.best_peer] if self.best_peer and "fast" in self.seconds else None
        )

    @property
    def met(self) -> bool | None:
        """Return whether the goal was met; None where there is none, or nothing to compare with."""
        if self.goal_seconds is not None:
            return self.seconds[self.measured] <= self.goal_seconds
        if self.goal_ratio is not None and self.ratio is not None:
            reached = [ratio for ratio in (self.ratio, self.fast_ratio) if ratio is not None]
            return min(reached) <= self.goal_ratio
        return None

    def ratio_to(self, peers: set[str]) -> float | None:
        """Return the ratio to the best of these peers."""
        times = [self.seconds[name] for name in peers if name in self.seconds and name not in OWN]
        return self.seconds[self.measured] / min(times) if times else None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "best_peer": self.best_peer, "ratio": self.ratio, "met": self.met}


def render(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [["case", *columns, "best peer", "ratio", "goal", "met", "× limit"]]
    for row in rows:
        if row.goal_seconds is not None:
            goal = f"≤ {duration(row.goal_seconds)}"
        else:
            goal = f"≤ {row.goal_ratio:.2f} ×" if row.goal_ratio is not None else ""
        times = [duration(row.seconds[name]) if name in row.seconds else "" for name in columns]
        ratio = f"{row.ratio:.2f} ×" if row.ratio is not None else ""
        ratio += f" ({row.fast_ratio:.2f})" if row.fast_ratio is not None else ""
        met = {True: "yes", False: "NO", None: ""}[row.met]
        limit = f"{row.seconds[row.measured] / row.limit:.1f}" if row.limit and row.measured in row.seconds else ""
        lines.append([row.name, *times, row.best_peer or "", ratio, goal, met, limit])
    return aligned(lines)


def render_first(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """First calls: capture, compilation and one run."""
    lines = [["first call", *columns]]
    for row in rows:
        if row.first:
            lines.append([row.name, *(duration(row.first[name]) if name in row.first else "" for name in columns)])
    return aligned(lines)


def set_limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Give rows the time that the machine needs at least; return bytes and operations per second.

    Both are what the fastest of all contenders reached in any of the rows: no specification is asked.
    """
    fastest = {row.name: min(row.seconds.values()) for row in rows if row.seconds}
    bandwidth = max((row.moves / fastest[row.name] for row in rows if row.moves), default=0.0)
    arithmetic = max((row.flops / fastest[row.name] for row in rows if row.flops), default=0.0)
    for row in rows:
        if row.moves or row.flops:
            row.limit = max(row.moves / bandwidth if row.moves else 0, row.flops / arithmetic if row.flops else 0)
    return bandwidth, arithmetic


def regressions(rows: Sequence[Row], earlier: Sequence[dict[str, Any]], allowed: float = 1.15) -> list[str]:
    """Return a line for each row whose ratio to the peers of both runs has grown beyond what is allowed."""
    before = {given["name"]: Row(given["name"], "", given["seconds"], measured=given["measured"]) for given in earlier}
    found = []
    for row in rows:
        old = before.get(row.name)
        if old is None or old.measured not in old.seconds or row.measured not in row.seconds:
            continue
        peers = set(row.seconds) & set(old.seconds)
        now, then = row.ratio_to(peers), old.ratio_to(peers)
        if now is not None and then is not None and now > allowed * then:
            found.append(f"{row.name}: {now:.2f} x the best peer's time, {then:.2f} x before")
    return found


def aligned(lines: list[list[str]]) -> str:
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
