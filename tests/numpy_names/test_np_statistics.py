"""Weighted means, covariances and histograms of several variables, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

rng = np.random.default_rng(5)
CUBE = rng.standard_normal((2, 3, 4)).astype(np.float32)
MATRIX = rng.standard_normal((3, 8))
OTHER = rng.standard_normal((2, 8)).astype(np.float32)
WHOLE = rng.integers(-5, 6, (3, 4))
HALF = rng.standard_normal((3, 4)).astype(np.float16)
COMPLEX = (MATRIX + 1j * MATRIX[::-1]).astype(np.complex64)
COUNTS = np.array([1, 2, 0, 3, 1, 1, 2, 4])
SHARES = rng.uniform(0.1, 2, 8)
UP = np.array([-1.0, 0.0, 0.5, 2.0])
POINTS = rng.standard_normal((40, 3))

CASES = {
    "ptp": [
        ((x,), options) for x in (CUBE, WHOLE) for options in ({}, {"axis": 0}, {"axis": (0, 1), "keepdims": True})
    ],
    "average": [((x,), {"axis": axis}) for x in (CUBE, WHOLE, HALF) for axis in (None, 0, -1)]
    + [((CUBE,), {"axis": 2, "weights": SHARES[:4]}), ((WHOLE,), {"weights": WHOLE + 6})]
    + [((CUBE,), {"axis": 0, "weights": np.array([1, 3]), "returned": True, "keepdims": True})]
    + [((CUBE,), {"axis": (2, 0), "weights": SHARES.reshape(4, 2)}), ((WHOLE,), {"returned": True, "axis": 1})],
    "cov": [((x,), {}) for x in (MATRIX, OTHER, WHOLE, COMPLEX, MATRIX[0])]
    + [((MATRIX, OTHER), {}), ((MATRIX,), {"rowvar": False}), ((MATRIX,), {"bias": True}), ((MATRIX,), {"ddof": 3})]
    + [((MATRIX,), {"fweights": COUNTS}), ((MATRIX,), {"aweights": SHARES})]
    + [((MATRIX,), {"fweights": COUNTS, "aweights": SHARES, "ddof": ddof}) for ddof in (None, 0, 2)]
    + [((MATRIX[0], MATRIX[1]), {}), ((OTHER,), {"dtype": "float64"})],
    "corrcoef": [((x,), {}) for x in (MATRIX, OTHER, WHOLE, MATRIX[0], COMPLEX)]
    + [((MATRIX, OTHER), {})]
    + [((MATRIX,), {"rowvar": False})],
    "digitize": [
        ((x, bins), {"right": right})
        for x in (CUBE, WHOLE, UP, np.array([np.nan, np.inf]))
        for bins in (UP, UP[::-1].copy(), UP[:1], UP[:0])
        for right in (False, True)
    ],
    "histogram_bin_edges": [((POINTS, 7), {}), ((WHOLE, 3), {}), ((POINTS, UP), {}), ((UP, 4, (0.0, 2.0)), {})],
    "histogramdd": [((POINTS,), {"bins": 3}), ((POINTS,), {"bins": (2, 3, 4), "density": True})]
    + [((POINTS,), {"bins": [UP, 2, UP], "weights": POINTS[:, 0]})]
    + [((POINTS[:, :2],), {"bins": 4, "range": [(-1.0, 1.0), (-2.0, 0.0)]})],
    "histogram2d": [((POINTS[:, 0], POINTS[:, 1]), {"bins": bins}) for bins in (4, [3, 5])]
    + [
        ((POINTS[:, 0], POINTS[:, 1]), {"bins": UP}),
        ((POINTS[:, 0], POINTS[:, 1]), {"bins": [UP, UP], "density": True}),
    ],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, wide=name == "histogram_bin_edges", loose=8, **kwargs)


def test_gradient_of_a_covariance():
    x = MATRIX[:2]
    got = td.grad(lambda x: td.cov(x)[0, 1])(td.asarray(x))
    want = (x[::-1] - x[::-1].mean(axis=1, keepdims=True)) / 7
    assert np.allclose(np.asarray(got), want)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.average(x, axis=0, weights=td.ones((4,))), "average: got weights of shape (4,) for (3, 8)"),
        (lambda x: td.cov(x.reshape((2, 3, 4))), "cov: got the shape (2, 3, 4); need a vector or a matrix"),
        (lambda x: td.cov(x, fweights=td.ones((3,))), "cov: got fweights of shape (3,); need one for each of 8"),
        (lambda x: td.digitize(x, x), "digitize: got bins of shape (3, 8); need a vector"),
        (lambda x: td.digitize(x, [0.0, 2.0, 1.0]), "digitize: got bins that go up and down"),
        (lambda x: td.histogramdd(x, [2, 2]), "histogramdd: got 2 bins and 8 ranges for 8 coordinates"),
        (lambda x: td.histogramdd(x, 0), "histogram_bin_edges: got bins=0; need at least one"),
        (lambda x: td.histogramdd(x, 2, weights=x), "histogramdd: got weights of shape (3, 8) for 3 points"),
        (lambda x: td.histogram_bin_edges(x, "auto"), "histogram_bin_edges: got bins='auto'"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(MATRIX))
    assert message in str(caught.value)


def test_examples():
    run_examples("statistics")


def test_ddof_is_another_name_of_correction():
    for name in ("var", "std"):
        function = getattr(td, name)
        np.testing.assert_allclose(
            function(td.asarray(MATRIX), 0, ddof=1).numpy(), getattr(np, name)(MATRIX, 0, ddof=1), rtol=1e-5
        )
        assert td.array_equal(function(td.asarray(MATRIX), ddof=1), function(td.asarray(MATRIX), correction=1))
        with pytest.raises(TypeError, match="some of which it does not have"):
            function(td.asarray(MATRIX), correction=1, ddof=1)
