"""The processes that the tests of random programs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tandem as td
from fuzz.modes import Modes


@pytest.fixture(scope="session")
def modes() -> Iterator[Modes]:
    threads = td.num_threads()
    td.set_num_threads(1)
    with Modes() as modes:
        yield modes
    td.set_num_threads(threads)
