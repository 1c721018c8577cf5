"""Picking from an axis without elements: an error before anything is read, eager and compiled."""

import pytest

import tandem as td


@pytest.mark.parametrize("pick", [lambda x, i: td.take(x, i, axis=0), lambda x, i: td.embedding(i, x)])
def test_there_is_nothing_to_pick(pick):
    x, i, nothing = td.zeros((0, 3)), td.asarray([0, 1]), td.zeros((0,), dtype=td.int64)
    for run in (pick, td.script(pick)):
        with pytest.raises(IndexError, match=r"got indices for axis 0 of a tensor of shape \[0, 3\]"):
            run(x, i)
        assert run(x, nothing).shape == (0, 3)
