"""Random programs: eager, scripted, disabled and interpreted agree bit for bit. `./dev fuzz` runs more of them."""

from __future__ import annotations

import pytest

from fuzz.campaign import MOST_REFUSED, campaign
from fuzz.modes import Modes

PROGRAMS = 200
PART = 25  # programs in one test, so that several processes share the work


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("first", range(0, PROGRAMS, PART))
def test_modes_agree(modes: Modes, first: int) -> None:
    report = campaign(modes, range(first, first + PART))
    assert not report.findings, "\n".join(map(str, report.findings))
    assert report.programs == PART
    # Of so few, one more may be refused than the share that a long run must keep below.
    assert report.share_refused <= MOST_REFUSED + 0.1, report
