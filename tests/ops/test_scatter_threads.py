"""Single writes through indices that threads share: in order, and in the same order for any number of them."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import tandem as td


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    before = td.num_threads()
    yield
    td.set_num_threads(before)


def added(indices: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Add one after another."""
    out = np.zeros(size, values.dtype)
    np.add.at(out, indices, values)
    return out


def sorted_indices(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.sort(rng.integers(0, 3000, count))


def in_rows(rng: np.random.Generator, count: int) -> np.ndarray:
    width = 331
    return (np.arange(count) // width * width + rng.integers(0, width, count)).clip(max=count - 1)


def nearly_sorted(rng: np.random.Generator, count: int) -> np.ndarray:
    indices = sorted_indices(rng, count)
    indices[-5] = 3  # so nothing behind the first indices is smaller than what follows
    return indices


def at_random(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 3000, count)


def one_place(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.full(count, 7)


def from_the_end(rng: np.random.Generator, count: int) -> np.ndarray:
    return sorted_indices(rng, count) - 3000


@pytest.mark.parametrize("count", [65536, 70001, 200003])
@pytest.mark.parametrize("kind", [sorted_indices, in_rows, nearly_sorted, at_random, one_place, from_the_end])
def test_sums_are_in_order(
    kind: Callable[[np.random.Generator, int], np.ndarray], count: int, rng: np.random.Generator
) -> None:
    indices, values = kind(rng, count), rng.standard_normal(count).astype(np.float32)
    size = 3000 if kind is from_the_end else int(indices.max()) + 5
    wanted = added(indices, values, size)
    for threads in (1, 2, 5):
        td.set_num_threads(threads)
        got = td.scatter_add(td.zeros(size, dtype="float32"), td.asarray(indices), td.asarray(values))
        np.testing.assert_array_equal(np.asarray(got), wanted)


@pytest.mark.parametrize("shape", [(300, 257), (5, 100, 171), (2, 70000)])
def test_rows_of_a_scatter(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    indices = rng.integers(-shape[-1], shape[-1], shape)
    values = rng.standard_normal(shape)
    wanted = np.zeros(shape)
    places = (*np.indices(shape)[:-1], indices)
    np.add.at(wanted, places, values)
    last = np.zeros(shape)
    for place in zip(*(axis.ravel() for axis in places), values.ravel(), strict=True):
        last[place[:-1]] = place[-1]
    for threads in (1, 3):
        td.set_num_threads(threads)
        base, at, x = td.zeros(shape, dtype="float64"), td.asarray(indices), td.asarray(values)
        np.testing.assert_array_equal(np.asarray(td.scatter_add(base, at, x)), wanted)
        np.testing.assert_array_equal(np.asarray(td.scatter(base, at, x)), last)
