"""Random functions of numbers: mapped, as one kernel and element by element, and on the interpreter; and in a loop."""

from __future__ import annotations

import random

import pytest

from fuzz.modes import Modes
from fuzz.program import Program
from fuzz.scalars import scalar_function

CALL = (
    "(td.asarray([0.5, -1.0, 2.0, 3.5, -0.0, 7.0, 1.25, -2.5, 9.0, 0.75, 4.0, -3.0, 5.0, 6.0, 0.1, -0.3, 8.0, 1.0]), "
    "td.asarray([[1.0], [2.5], [-0.5]]))"
)


def program(seed: int) -> Program:
    source = scalar_function(random.Random(seed), "scalars")
    return Program(source + "\n\n\ndef program(x, y):\n    return scalars(x, y)\n", [CALL])


LOOP = """

def program(x, y, n):
    total = scalars(x, y) * 0
    for k in range(n):
        total = total + scalars(x + k, y)
    return total
"""
NUMBERS = ["(td.asarray(1.25), td.asarray(-0.5), td.asarray(5))", "(td.asarray(-2.0), td.asarray(3.5), td.asarray(70))"]


def looped(seed: int) -> Program:
    """Loops within a loop over numbers, which run in one kernel."""
    source = scalar_function(random.Random(seed), "scalars")
    return Program(source.removeprefix("@td.vectorize\n") + "\n" + LOOP, NUMBERS)


@pytest.mark.parametrize("made", [*map(program, range(12)), *map(looped, range(100, 112))])
def test_modes_agree(modes: Modes, made: Program) -> None:
    verdict = modes.verdict(made)
    assert not verdict.errors, verdict.errors
    assert verdict.failure is None, f"{verdict.failure}\n\n{made.text()}"
