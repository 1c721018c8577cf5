"""Rewrite the table of docs/accuracy.md from the accuracy tests.

Run from the repository root, after ./dev build: python benchmarks/accuracy/table.py build/dev/tests/test_ir
Measures all 2^32 float32 arguments and 10^8 float64 ones of every function, which takes two cores an hour. With names
of functions after the program it measures these and leaves the other rows as they are; with --sample it takes what a
normal test run takes, and keeps the larger one of the old and the new error.
"""

import argparse
import os
import re
import subprocess
from pathlib import Path

PAGE = Path("docs/accuracy.md")
HEADER = "| function | float32 | float64 | primitives f32 | primitives f64 |\n|---|---|---|---|---|\n"
CASES = "float32 functions are*,float64 functions are*,pow is*,atan2 is*"
LINE = re.compile(r"(\w+) +(f32|f64) +([\d.]+|inf) ulp, +(\d+) primitives")

Row = dict[str, tuple[float, int]]


def measured(program: str, function: str | None, sample: bool) -> dict[str, Row]:
    """Errors and lengths by function and dtype."""
    choice = {"TANDEM_FUNCTION": function} if function else {}
    exhaustive = {} if sample else {"TANDEM_EXHAUSTIVE": "1"}
    environment = {**os.environ, "TANDEM_ACCURACY": "1", **exhaustive, **choice}
    printed = subprocess.run([program, CASES], env=environment, capture_output=True, text=True, check=True).stdout
    rows: dict[str, Row] = {}
    for name, dtype, error, length in LINE.findall(printed):
        rows.setdefault(name, {})[dtype] = float(error), int(length)
    return rows


def recorded(text: str) -> dict[str, Row]:
    """The rows of the page as it is."""
    rows: dict[str, Row] = {}
    for name, *numbers in re.findall(r"\| (\w+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \| (\d+) \|\n", text):
        errors, lengths = map(float, numbers[:2]), map(int, numbers[2:])
        rows[name] = dict(zip(("f32", "f64"), zip(errors, lengths, strict=True), strict=True))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("program")
    parser.add_argument("functions", nargs="*")
    parser.add_argument("--sample", action="store_true")
    arguments = parser.parse_args()
    new: dict[str, Row] = {}
    for function in arguments.functions or [None]:
        new |= measured(arguments.program, function, arguments.sample)
    text = PAGE.read_text()
    start = text.index(HEADER) + len(HEADER)
    end = text.index("\n\n", start) + 1
    rows = recorded(text[start:end])
    for name, row in new.items():
        old = rows.get(name, {}) if arguments.sample else {}
        rows[name] = {d: (max(error, old.get(d, (0, 0))[0]), n) for d, (error, n) in row.items()}
    rows = {name: row for name, row in rows.items() if row["f32"][0] or row["f64"][0]}  # the exact ones
    lines = [
        f"| {name} | {row['f32'][0]:.3f} | {row['f64'][0]:.3f} | {row['f32'][1]} | {row['f64'][1]} |\n"
        for name, row in rows.items()
    ]
    PAGE.write_text(text[:start] + "".join(lines) + text[end:])


if __name__ == "__main__":
    main()
