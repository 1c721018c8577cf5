"""A run over many seeds: counts, what was refused, and the failures, shrunk."""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fuzz.modes import Failure, Modes, Verdict
from fuzz.program import Program
from fuzz.shrink import shrink

MOST_REFUSED = 0.10  # of the programs


@dataclass
class Finding:
    seed: int
    failure: Failure
    program: Program

    def __str__(self) -> str:
        name = f"test_seed_{self.seed}"
        return f"seed {self.seed}: {self.failure}\n\n{self.program.text()}\n\nAs a test:\n\n{self.program.test(name)}\n"


@dataclass
class Report:
    programs: int = 0
    known: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def share_refused(self) -> float:
        return sum(self.refused.values()) / max(1, self.programs)

    def __str__(self) -> str:
        lines = [
            f"{self.programs} programs, {len(self.findings)} mismatches, {self.share_refused:.1%} refused by capture"
        ]
        lines += [f"  known bug: {name}: {count}" for name, count in self.known.most_common()]
        lines += [f"  refused: {name}: {count}" for name, count in self.refused.most_common()]
        lines += [f"  every mode raised {name}: {count}" for name, count in self.errors.most_common()]
        return "\n".join(lines)


def find(modes: Modes, seed: int, tries: int = 400) -> tuple[Finding | None, Verdict]:
    """Run the program of a seed; if it fails, make it short."""
    program = modes.generate(seed)
    verdict = modes.verdict(program)
    failure = verdict.failure
    if failure is None:
        return None, verdict

    def fails(candidate: Program) -> bool:
        try:
            found = modes.verdict(candidate, (failure.mode,)).failure
        except Exception:  # whatever it is now, no program that can be called
            return False
        return found is not None and found.kind == failure.kind

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # shrinking tries nonsense like 1[0], too
        shrunk = shrink(program, fails, tries)
    again = modes.verdict(shrunk, (failure.mode,)).failure
    return Finding(seed, again or failure, shrunk), verdict


def campaign(modes: Modes, seeds: Iterable[int], seconds: float = float("inf"), tries: int = 400) -> Report:
    """Run the programs of the seeds until the time is over."""
    report, end = Report(), time.monotonic() + seconds
    for seed in seeds:
        if time.monotonic() > end:
            break
        finding, verdict = find(modes, seed, tries)
        report.programs += 1
        report.known.update([verdict.known] if verdict.known else [])
        report.refused.update([verdict.refused] if verdict.refused else [])
        report.errors.update(set(verdict.errors))
        if finding is not None:
            report.findings.append(finding)
            print(f"{finding}\n", flush=True)
        if report.programs % 100 == 0 and sys.stderr.isatty():
            print(f"\r\033[K{report.programs} programs, {len(report.findings)} mismatches", end="", file=sys.stderr)
    return report
