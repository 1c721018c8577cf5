"""Plain text for a terminal: headings, facts, aligned tables; colours only where they can be seen."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence

BOLD, DIM, GREEN, RED, BLUE = "1", "2", "32", "31", "34;1"
LABEL = 39  # columns kept for the name of a fact

_live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
_coloured = _live and "NO_COLOR" not in os.environ


def paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _coloured else text


def heading(text: str) -> None:
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    print(f"\n{paint(text, BLUE)} {paint('─' * max(3, width - len(text) - 1), DIM)}", flush=True)


def fact(label: str, value: str) -> None:
    print(f"  {label:<{LABEL}}  {value}", flush=True)


def check(label: str, holds: bool, detail: str = "") -> bool:
    """Print one promise and whether it was kept."""
    mark = paint("yes", GREEN) if holds else paint("NO", RED)
    print(f"  {label:<{LABEL}}  {mark}{'   ' + paint(detail, DIM) if detail else ''}", flush=True)
    return holds


class Progress:
    """A line that shows how far something is and how long the rest will take; it is gone when its block ends.

    Where there is no terminal nothing is written.
    """

    WIDTH, PERIOD = 30, 0.1  # of the bar in columns, at most; between two pictures of it in seconds

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total = label, total
        self._start = self._shown = time.perf_counter()

    def __enter__(self) -> Progress:
        return self

    def at(self, done: int, detail: str = "") -> None:
        now = time.perf_counter()
        if not _live or (now - self._shown < self.PERIOD and done < self.total):
            return
        self._shown = now
        rest = duration((now - self._start) * (self.total - done) / max(done, 1))
        tail = f" {done}/{self.total}, {rest} to go  {detail}"
        # A line that is wrapped could not be taken back.
        columns = shutil.get_terminal_size((100, 24)).columns - 1
        head = next((h for h in (f"  {self.label:<{LABEL}}  ", f"  {self.label}  ") if len(h + tail) + 9 < columns), "")
        width = max(0, min(self.WIDTH, columns - len(head + tail)))
        full = width * done // self.total
        bar = paint("━" * full, GREEN) + paint("━" * (width - full), DIM)
        print(f"\r\033[K{head}{bar}{tail[: columns - len(head)]}", end="", flush=True)

    def __exit__(self, *_: object) -> None:
        if _live:
            print("\r\033[K", end="", flush=True)


def block(text: str, indent: str = "    ") -> None:
    """Print program text, its line comments dimmed."""
    for line in text.rstrip().splitlines():
        code, mark, comment = line.partition("  #")
        print(indent + code + (paint(mark + comment, DIM) if mark else ""))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]

    def line(row: Sequence[str]) -> str:
        return "  " + "  ".join(
            f"{cell:<{w}}" if k == 0 else f"{cell:>{w}}" for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )

    print(paint(line(header), BOLD))
    print(paint("  " + "─" * (sum(widths) + 2 * len(widths) - 2), DIM))
    for row in rows:
        print(line(row))


def duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
