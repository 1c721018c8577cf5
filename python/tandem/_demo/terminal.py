"""Plain text for a terminal: headings, facts, aligned tables; colours only where they can be seen."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

BOLD, DIM, GREEN, RED, BLUE = "1", "2", "32", "31", "34;1"
LABEL = 39  # columns kept for the name of a fact

_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


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
