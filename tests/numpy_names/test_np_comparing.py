"""Questions about tensors and about pairs of them, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

X = np.array([[1.0, np.nan, np.inf, -np.inf, 0.0], [1e9, -0.0, 1.0, 2.0, np.inf]], dtype=np.float32)
Y = np.array([[1.000001, np.nan, np.inf, np.inf, 1e-9], [1.00001e9, 0.0, 1.1, np.nan, 1.0]], dtype=np.float32)
BIG = np.array([2**53, 2**53 + 2, -5], dtype=np.int64)
COMPLEX = np.array([1 + 1j, 2 + 0j, np.nan, complex(0, np.inf)], dtype=np.complex64)
EMPTY = np.zeros((0, 3))
NUMBER = np.array(2, dtype=np.uint8)
BOOLS = np.array([True, False])

PAIRS = [(X, Y), (X[1], X), (BIG, BIG[::-1].copy()), (COMPLEX, COMPLEX[::-1].copy()), (EMPTY, EMPTY), (X, NUMBER)]
PAIRS += [(X.astype(np.float64), Y), (X.astype(np.float16), Y.astype(np.float16)), (X, 1.0), (NUMBER, 2)]
ALL = [X, BIG, COMPLEX, EMPTY, NUMBER]

CASES = {
    "isclose": [(pair, {"equal_nan": nan}) for pair in PAIRS for nan in (False, True)]
    + [((X, Y, 0.2), {}), ((X, Y), {"atol": 1e10}), ((BIG, BIG + 1), {"rtol": 0, "atol": 0.5})],
    "iscomplex": [((x,), {}) for x in ALL],
    "isreal": [((x,), {}) for x in ALL],
    "iscomplexobj": [((x,), {}) for x in ALL],
    "isrealobj": [((x,), {}) for x in ALL],
    "isneginf": [((x,), {}) for x in (X, BIG, EMPTY, NUMBER)],
    "isposinf": [((x,), {}) for x in (X, BIG, EMPTY, NUMBER)],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, **kwargs)


@pytest.mark.parametrize("name", ["allclose", "array_equal", "array_equiv"])
@pytest.mark.parametrize("k", range(len(PAIRS)))
def test_one_answer(name, k):
    """NumPy answers with a bool, tensors with one that has no axes."""
    for pair in (PAIRS[k], (PAIRS[k][0], PAIRS[k][0])):
        kwargs = [{}] if name == "array_equiv" else [{}, {"equal_nan": True}]
        for options in kwargs:
            check(name, *pair, numpy=lambda *a, **o: np.asarray(getattr(np, name)(*a, **o)), **options)


def test_equality_of_different_shapes():
    x, y = td.ones((2, 3)), td.ones((3,))
    assert not td.array_equal(x, y) and td.array_equiv(x, y)
    assert not td.array_equiv(x, td.ones((4,)))
    assert td.isscalar(3) and td.isscalar(np.float32(3)) and td.isscalar("x") and not td.isscalar(td.asarray(3))


def test_memory():
    x = td.zeros((4, 4), dtype=td.bfloat16)
    for a, b in ((x[0], x[1]), (x[:, 0], x[0]), (x[::2], x[1::2]), (x, x.copy()), (x.T, x)):
        got = td.shares_memory(a, b), td.may_share_memory(a, b)
        array = np.zeros((4, 4), np.int16)
        views = {id(x): array}
        assert got[0] <= got[1] and views
    assert td.shares_memory(x[:, 0], x[0]) and not td.shares_memory(x[:, 0], x[:, 1])
    assert td.may_share_memory(x[:, 0], x[:, 1]) and not td.may_share_memory(x[0], x[1])
    with pytest.raises(td.CaptureError, match="which have no memory yet"):
        td.trace(lambda x: td.shares_memory(x, x) and x)(x)


def test_mistakes():
    with pytest.raises(td.Error, match="isneginf: got the dtype complex64; need real numbers; try td.isinf"):
        td.isneginf(td.asarray(COMPLEX))
    with pytest.raises(td.ShapeError):
        td.isclose(td.ones((2,)), td.ones((3,)))


def test_examples():
    run_examples("comparing")
