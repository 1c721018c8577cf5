"""Random functions of numbers, mapped: as one kernel, one element after another, and on the interpreter."""

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


@pytest.mark.parametrize("seed", range(12))
def test_modes_agree(modes: Modes, seed: int) -> None:
    made = program(seed)
    verdict = modes.verdict(made)
    assert not verdict.errors, verdict.errors
    assert verdict.failure is None, f"{verdict.failure}\n\n{made.text()}"
