"""How far sums are from the exact ones: their error grows as that of pairwise summation, not with the length."""

import math

import numpy as np
import pytest

import tandem as td

LENGTHS = [1, 10, 100, 1000, 4096, 4097, 10**4, 10**5, 10**6]


def errors(values: np.ndarray) -> tuple[float, float]:
    """The error of td.sum and that of adding one by one, both in units of eps times the sum of magnitudes."""
    exact = math.fsum(values.tolist())
    scale = math.fsum(np.abs(values).tolist()) * float(np.finfo(values.dtype).eps)
    plain = float(np.cumsum(values)[-1])
    return abs(float(td.sum(td.asarray(values))) - exact) / scale, abs(plain - exact) / scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", LENGTHS)
def test_the_error_of_a_sum(dtype: type, length: int, rng: np.random.Generator) -> None:
    # Half a unit for each addition on the way of a value: in a lane of a block, over the lanes, over the blocks.
    bound = (math.ceil(min(length, 4096) / 32) + 5 + math.ceil(math.log2(math.ceil(length / 4096)))) / 2
    for values in (rng.random(length), rng.standard_normal(length), np.full(length, 0.1), rng.random(length) ** -2.0):
        error, _ = errors(values.astype(dtype))
        assert error <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_error_does_not_grow_with_the_length(dtype: type, rng: np.random.Generator) -> None:
    worst = max(errors(rng.random(10**6).astype(dtype))[0] for _ in range(3))
    plain = max(errors(rng.random(10**6).astype(dtype))[1] for _ in range(3))
    assert worst < 3 < plain


@pytest.mark.parametrize("axis", [0, 1])
def test_sums_along_an_axis(axis: int, rng: np.random.Generator) -> None:
    values = rng.random((300, 5000) if axis else (5000, 300)).astype(np.float32)
    exact = np.array([math.fsum(row.tolist()) for row in (values if axis else values.T)])
    relative = np.abs(np.asarray(td.sum(td.asarray(values), axis=axis)).astype(np.float64) - exact) / exact
    assert relative.max() < 4 * np.finfo(np.float32).eps


def test_means_and_variances_far_from_zero(rng: np.random.Generator) -> None:
    values = (1000 + rng.standard_normal(10**5)).astype(np.float32)
    exact = values.astype(np.float64)
    assert abs(float(td.mean(td.asarray(values))) - exact.mean()) / exact.mean() < 4e-7
    assert abs(float(td.var(td.asarray(values))) - exact.var()) / exact.var() < 1e-5


@pytest.mark.parametrize("name", ["sum", "max", "mean"])
@pytest.mark.parametrize(("dtype", "step"), [(np.float32, 1), (np.float64, 1), (np.float32, 2)])
def test_columns_of_a_matrix_beyond_the_caches_are_those_of_a_small_one(
    name: str, dtype: type, step: int, rng: np.random.Generator
) -> None:
    values: np.ndarray = rng.standard_normal((3001, 531 * step)).astype(dtype)[
        :, ::step
    ]  # rows are fetched ahead from 4 MB on
    reduce = getattr(td, name)
    whole = np.asarray(reduce(td.asarray(values), axis=0))
    for first in (0, 64, 500):
        part = np.ascontiguousarray(values[:, first : first + 31])
        np.testing.assert_array_equal(whole[first : first + 31], np.asarray(reduce(td.asarray(part), axis=0)))
