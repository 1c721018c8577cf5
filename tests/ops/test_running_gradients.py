"""Gradients of products and running extremes where elements are 0, equal or no numbers."""

import numpy as np
import pytest

import tandem as td

ROWS = {
    "none": [2.0, -3.0, 0.5, 4.0],
    "first": [0.0, -3.0, 0.5, 4.0],
    "last": [2.0, -3.0, 0.5, 0.0],
    "inner": [2.0, 0.0, 0.5, 4.0],
    "two": [2.0, 0.0, 3.0, 0.0],
    "three": [0.0, 0.0, 3.0, 0.0],
    "negative": [2.0, -0.0, 3.0, 1.0],
}
WEIGHTS = np.array([0.5, -1.0, 2.0, 3.0])


def by_leaving_out(x: np.ndarray) -> np.ndarray:
    return np.array([np.prod(np.delete(x, k)) for k in range(len(x))])


def running_by_leaving_out(x: np.ndarray) -> np.ndarray:
    slopes = [[np.prod(np.delete(x[: j + 1], k)) if k <= j else 0 for k in range(len(x))] for j in range(len(x))]
    return WEIGHTS @ np.array(slopes)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_products_with_zeros(row: list[float], dtype: str) -> None:
    x = np.array(row, dtype) * (1 + 0.5j if dtype == "complex128" else 1)
    weights = td.asarray(WEIGHTS.astype(dtype))
    whole = td.grad(lambda x: td.real(td.prod(x)))
    running = td.grad(lambda x: td.real(td.sum(td.cumprod(x) * weights)))
    for turn in (lambda f: f, td.script):
        np.testing.assert_allclose(np.asarray(turn(whole)(td.asarray(x))), by_leaving_out(x).conj(), rtol=1e-6)
        np.testing.assert_allclose(
            np.asarray(turn(running)(td.asarray(x))), running_by_leaving_out(x).conj(), rtol=1e-6
        )


def test_products_over_axes() -> None:
    x = np.array(list(ROWS.values())).reshape(7, 2, 2)
    for keepdims in (False, True):
        got = td.grad(lambda x: td.sum(td.prod(x, axis=(1, 2), keepdims=keepdims)))(td.asarray(x))  # noqa: B023
        meant = [by_leaving_out(np.array(row)).reshape(2, 2) for row in ROWS.values()]
        np.testing.assert_array_equal(np.asarray(got), meant)
    got = td.grad(lambda x: td.sum(td.cumprod(x, axis=0) * td.asarray(WEIGHTS)[:, None]))(td.asarray(x.reshape(7, 4).T))
    np.testing.assert_allclose(np.asarray(got).T, [running_by_leaving_out(np.array(row)) for row in ROWS.values()])


@pytest.mark.parametrize(
    ("function", "x", "slopes"),
    [
        (td.cummax, [1.0, 3.0, 2.0, 3.0, 4.0], [1, 6, 0, 8, 16]),
        (td.cummin, [1.0, 3.0, 1.0, 1.0, 0.0], [3, 0, 4, 8, 16]),
        (td.cummax, [1.0, np.nan, 2.0, np.nan, 4.0], [1, 6, 0, 24, 0]),
    ],
)
def test_running_extremes(function, x: list[float], slopes: list[float]) -> None:
    """To the last of equal elements, as in PyTorch."""
    weights = td.asarray([1.0, 2.0, 4.0, 8.0, 16.0])
    slope = td.grad(lambda x: td.sum(function(x) * weights))
    for run in (slope, td.script(slope)):
        np.testing.assert_array_equal(np.asarray(run(td.asarray(x))), slopes)
    turned = td.grad(lambda x: td.sum(function(x, axis=0) * weights[:, None]))(td.asarray(np.array([x, x]).T))
    np.testing.assert_array_equal(np.asarray(turned).T, [slopes, slopes])
