"""Grids of indices, triangles, and indices of flattened tensors, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

PLACES = np.array([[0, 5, 22], [23, 11, 7]])
MULTI = (np.array([0, 1, 1]), np.array([2, 0, 1]), np.array([3, 3, 0]))
WILD = (np.array([-1, 5, 1]), np.array([2, -7, 1]), np.array([3, 9, 0]))
CUBE = np.zeros((3, 3, 3))

CASES = {
    "indices": [
        (((2, 3),), {}),
        (((2, 0, 3),), {}),
        (((4,),), {"dtype": "float32"}),
        (((2, 3),), {"sparse": True}),
        (((),), {}),
    ],
    "ix_": [((np.array([0, 2]), np.array([1])), {}), ((np.array([True, False, True]), np.array([1, 2, 3])), {})],
    "tri": [((3,), {}), ((3, 5), {}), ((3, 5, 1), {"dtype": "int64"}), ((3, 2), {"k": -1}), ((0,), {})],
    "tril_indices": [((n,), {"k": k, "m": m}) for n in (0, 4) for k in (-2, 0, 1, 9) for m in (None, 2, 6)],
    "triu_indices": [((n,), {"k": k, "m": m}) for n in (0, 4) for k in (-2, 0, 1, 9) for m in (None, 2, 6)],
    "tril_indices_from": [((np.zeros((3, 4)),), {}), ((np.zeros((3, 4)), 1), {})],
    "triu_indices_from": [((np.zeros((3, 4)),), {}), ((np.zeros((3, 4)), 1), {})],
    "diag_indices": [((3,), {}), ((3, 3), {}), ((0,), {})],
    "diag_indices_from": [((CUBE,), {})],
    "unravel_index": [((PLACES, (2, 3, 4)), {"order": order}) for order in "CF"]
    + [((np.array(5), (2, 3)), {}), ((PLACES, 30), {}), ((PLACES[:0], (2, 3)), {})],
    "ravel_multi_index": [((MULTI, (2, 3, 4)), {"order": order}) for order in "CF"]
    + [((WILD, (2, 3, 4)), {"mode": mode}) for mode in ("wrap", "clip", ("wrap", "clip", "wrap"))],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, captured=name != "ix_", **kwargs)


def test_what_functions_leave():
    for k in (-1, 0, 1):
        for part in ("triu", "tril"):
            got = td.mask_indices(4, getattr(td, part), k)
            assert [x.tolist() for x in got] == [x.tolist() for x in np.mask_indices(4, getattr(np, part), k)]


def test_they_index():
    x, a = td.arange(12).reshape((3, 4)), np.arange(12).reshape(3, 4)
    assert np.array_equal(np.asarray(x[td.ix_([0, 2], [3, 1])]), a[np.ix_([0, 2], [3, 1])])
    assert np.array_equal(np.asarray(x[td.tril_indices(3, m=4)]), a[np.tril_indices(3, m=4)])
    assert td.array_equal(td.ravel_multi_index(td.unravel_index(td.asarray(PLACES), (2, 3, 4)), (2, 3, 4)), PLACES)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.indices((2, -1)), "indices: got dimensions=-1; need 0 or more"),
        (lambda x: td.ix_(x), "ix_: got the shape (2, 3); need vectors"),
        (lambda x: td.tri(-1), "tri: got N=-1; need 0 or more"),
        (lambda x: td.tril_indices_from(x[0]), "tril_indices_from: got the shape (3,); need a matrix"),
        (
            lambda x: td.diag_indices_from(x),
            "diag_indices_from: got the shape (2, 3); need at least two axes of one size",
        ),
        (lambda x: td.unravel_index(x, (2, 3)), "unravel_index: got the places 0 to 23 for 6 elements"),
        (lambda x: td.unravel_index(x * 0.5, (2, 3)), "unravel_index: got the dtype float32; need integers"),
        (lambda x: td.unravel_index(x, (5, 5), "K"), "unravel_index: got order='K'; need 'C' or 'F'"),
        (lambda x: td.ravel_multi_index((x, x), (2, 3)), "ravel_multi_index: got the indices 0 to 23 for size 2"),
        (
            lambda x: td.ravel_multi_index((x, x), (2, 3, 4)),
            "ravel_multi_index: got 2 indices for 3 axes; need as many",
        ),
        (lambda x: td.ravel_multi_index((x, x), (2, 3), "turn"), "ravel_multi_index: got mode='turn'"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(PLACES))
    assert message in str(caught.value)


def test_examples():
    run_examples("indices")
