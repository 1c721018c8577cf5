"""Orders and sets of elements, as in NumPy."""

import itertools

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

rng = np.random.default_rng(7)
CUBE = rng.integers(0, 3, (2, 3, 4))
ROWS = rng.integers(0, 2, (9, 3))
FLOATS = np.array([2.0, np.nan, 1.0, np.nan, 2.0, -np.inf, 0.0], dtype=np.float32)
COMPLEX = np.array([1 + 1j, 2, 1 - 1j, 1 + 1j], dtype=np.complex64)
BOOLS = np.array([True, False, True])
EMPTY = np.zeros(0)
SMALL = np.array([7, 1, 7, 3], dtype=np.int8)
UNIQUE = np.array([4, 1, 9])
PAIRS = [(CUBE, SMALL), (SMALL, CUBE), (FLOATS[[0, 2, 5]], FLOATS[[2, 4]]), (EMPTY, FLOATS[:1]), (FLOATS[:1], EMPTY)]
PAIRS += [(SMALL, SMALL), (SMALL, np.array([1.0, 3.5]))]

CASES = {
    "lexsort": [
        (((SMALL, SMALL[::-1].copy()),), {}),
        ((CUBE,), {}),
        ((CUBE,), {"axis": 0}),
        (((FLOATS,),), {}),
        ((ROWS,), {}),
    ],
    "sort_complex": [((x,), {}) for x in (COMPLEX, FLOATS[[0, 2, 4]])],
    "unique": [
        ((x,), dict(zip(("return_index", "return_inverse", "return_counts"), flags)))
        for x in (CUBE, FLOATS, COMPLEX, BOOLS, EMPTY, SMALL)
        for flags in itertools.product((False, True), repeat=3)
    ]
    + [((FLOATS,), {"equal_nan": False, "return_counts": True})]
    + [
        ((x,), {"axis": axis, **extra})
        for x in (ROWS, CUBE)
        for axis in (0, -1)
        for extra in ({}, {"return_index": True})
    ]
    + [((ROWS,), {"axis": 0, "return_inverse": True, "return_counts": True})],
    "union1d": [(pair, {}) for pair in PAIRS],
    "intersect1d": [(pair, {"return_indices": more}) for pair in PAIRS for more in (False, True)]
    + [((UNIQUE, UNIQUE[1:]), {"assume_unique": True, "return_indices": True})],
    "setdiff1d": [(pair, {}) for pair in PAIRS] + [((UNIQUE, UNIQUE[:1]), {"assume_unique": True})],
    "setxor1d": [(pair, {}) for pair in PAIRS] + [((UNIQUE, UNIQUE[:1]), {"assume_unique": True})],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, captured=name in ("lexsort", "sort_complex"), **kwargs)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("x", [CUBE, rng.standard_normal((5, 6))], ids=["int", "float"])
def test_partitions(x, axis):
    """NumPy leaves the order of the others open; where the kth is and what stands before it, it says."""
    for kth in (0, 1, -1, (0, 1)):
        k = max(kth) if isinstance(kth, tuple) else kth
        y = td.asarray(x)
        got = np.asarray(td.partition(y, kth, axis=axis))
        order = td.argpartition(y, kth, axis=axis)
        rows = np.moveaxis(x if axis is not None else x.reshape(-1), axis or 0, -1)
        got, order = np.moveaxis(got, axis or 0, -1), np.moveaxis(np.asarray(order), axis or 0, -1)
        want = np.sort(rows, axis=-1)
        assert np.array_equal(np.take_along_axis(rows, order, axis=-1), got)
        assert np.array_equal(got[..., k], want[..., k])
        assert (got[..., :k] <= got[..., k : k + 1 or None][..., :1]).all()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.partition(x, 4), "partition: got kth=4 for size 4; need -4 <= kth < 4"),
        (lambda x: td.argpartition(x, (0, -5)), "argpartition: got kth=-5 for size 4"),
        (lambda x: td.lexsort([]), "lexsort: got no keys; need at least one"),
        (lambda x: td.lexsort((x, x[:2])), "lexsort: got keys of shapes (4,) and (2,); need equal shapes"),
        (lambda x: td.unique(x, axis=1), "unique: got axis 1 for 1 axes"),
        (lambda x: td.trace(td.unique)(x), "unique: got a tensor without values"),
        (lambda x: td.trace(lambda x: td.union1d(x, x))(x), "got a tensor without values"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(SMALL))
    assert message in str(caught.value)


def test_examples():
    run_examples("sets")
