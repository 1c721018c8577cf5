"""The different elements of tensors: integers of a small range in a table, all others sorted; NumPy's results."""

import itertools

import numpy as np
import pytest

import tandem as td

FLAGS = [
    dict(zip(("return_index", "return_inverse", "return_counts"), f))
    for f in itertools.product((False, True), repeat=3)
]
COUNTS = (0, 1, 2, 1000, 4095, 4096, 20_000, 70_001)


def agree(x, **flags):
    half = x.dtype == np.float16  # NumPy 2.4 does not sort -1 before -0 in it
    got, want = td.unique(td.asarray(x), **flags), np.unique(x.astype(np.float32) if half else x, **flags)
    got, want = (each if isinstance(each, tuple) else (each,) for each in (got, want))
    assert len(got) == len(want)
    for k, (a, b) in enumerate(zip(got, want)):
        assert a.dtype.name == ("float16" if half and k == 0 else b.dtype.name) and a.shape == b.shape
        np.testing.assert_array_equal(a.numpy(), b)


def integers(rng, dtype, count):
    """Yield vectors of a dtype: in ranges at its ends and around zero, small and not small against the count."""
    info = np.iinfo(dtype)
    for size in (1, 7, 100, 60_000):
        for least in {info.min, max(info.min, -3), 0, info.max - min(size, int(info.max)) + 1}:
            most = min(least + size - 1, info.max)
            yield rng.integers(least, most, count, dtype=dtype, endpoint=True)
    yield rng.integers(info.min, info.max, count, dtype=dtype, endpoint=True)
    both = rng.integers(0, 2, count, dtype=np.int64)
    yield np.where(both == 1, np.array(info.max, dtype), np.array(info.min, dtype))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_integers(dtype):
    rng = np.random.default_rng(1)
    for count in COUNTS:
        for n, x in enumerate(integers(rng, dtype, count)):
            agree(x, **FLAGS[n % len(FLAGS)])
            if count == 20_000:
                agree(x, **FLAGS[-1])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "bool"])
def test_others(dtype):
    rng = np.random.default_rng(2)
    for count in COUNTS:
        for x in (
            rng.standard_normal(count),
            np.round(rng.standard_normal(count)),
            np.sort(rng.standard_normal(count)),
        ):
            for flags in FLAGS if count < 20_000 else FLAGS[::7]:
                agree(x.astype(dtype), **flags)


@pytest.mark.parametrize("equal_nan", [False, True])
def test_nans_of_long_vectors(equal_nan):
    x = np.random.default_rng(3).standard_normal(70_000).astype(np.float32)
    x[::5] = np.nan
    x[1::5] = 1.5
    agree(x, equal_nan=equal_nan)
    agree(x, equal_nan=equal_nan, **FLAGS[-1])


def test_other_layouts():
    x = np.random.default_rng(4).integers(0, 50, (300, 200))
    y = td.asarray(x)
    for a, b in ((x.T, y.T), (x[::-3, 5::2], y[::-3, 5::2]), (x[:, 3], y[:, 3]), (x[0, 0], y[0, 0])):
        for flags in FLAGS:
            got, want = td.unique(b, **flags), np.unique(a, **flags)
            for p, q in zip(got, want) if isinstance(want, tuple) else [(got, want)]:
                np.testing.assert_array_equal(p.numpy(), q)
    assert (y.numpy() == x).all()


def test_array_api_functions():
    x = np.random.default_rng(5).integers(-4, 9, (100, 90))
    for name in ("unique_values", "unique_counts", "unique_inverse", "unique_all"):
        got, want = getattr(td, name)(td.asarray(x)), getattr(np, name)(x)
        for a, b in zip(got, want) if name != "unique_values" else [(got, np.sort(want))]:
            assert a.shape == b.shape
            np.testing.assert_array_equal(a.numpy(), b)


@pytest.mark.parametrize("name", ["union1d", "intersect1d", "setdiff1d", "setxor1d"])
@pytest.mark.parametrize("most", [50, 1 << 40])
def test_sets_of_long_vectors(name, most):
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, most, 30_000), rng.integers(0, most, 9_000)
    b[:4000] = a[:4000]
    got = getattr(td, name)(td.asarray(a), td.asarray(b))
    np.testing.assert_array_equal(got.numpy(), getattr(np, name)(a, b))
    zeros = td.asarray([0.0, -0.0, 1.0]), td.asarray([-0.0, 2.0])
    np.testing.assert_array_equal(getattr(td, name)(*zeros).numpy(), getattr(np, name)(*(z.numpy() for z in zeros)))
