"""Every second element is read by whole vectors: the same values as one by one, and nothing beyond the last."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest

import tandem as td

LENGTHS = [*range(1, 70), 127, 128, 129, 1000]
DTYPES = ["int8", "uint16", "float16", "float32", "float64", "int64", "complex64"]


def at_the_end_of_memory(values: np.ndarray) -> np.ndarray:
    """Return a copy whose last byte is the last one of a page, with one behind it that nobody may read."""
    size = mmap.PAGESIZE
    pages = -(-values.nbytes // size) + 1
    memory = mmap.mmap(-1, pages * size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    last = ctypes.c_void_p(address + (pages - 1) * size)
    if libc.mprotect(last, ctypes.c_size_t(size), 0) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
    start = (pages - 1) * size - values.nbytes
    out = np.frombuffer(memory, values.dtype, values.size, start)
    out[:] = values
    return out


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_end_at_the_last_element(dtype):
    rng = np.random.default_rng(1)
    for length in LENGTHS:
        values = at_the_end_of_memory((rng.random(2 * length - 1) * 100).astype(dtype))[::2]
        x = td.asarray(values, copy=False)
        want = values.copy()
        np.testing.assert_array_equal(np.asarray(x + x), want + want)
        np.testing.assert_array_equal(np.asarray(x.copy()), want)
        dense = td.asarray(want)
        assert np.asarray(td.sum(x)).tobytes() == np.asarray(td.sum(dense)).tobytes()
        if dtype != "complex64":
            assert int(td.argmax(x)) == int(np.argmax(want))
            np.testing.assert_array_equal(np.asarray(td.max(x)), want.max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 3), (5, 70), (33, 64), (70, 130), (200, 5), (3, 4, 66)])
def test_reductions_of_every_second_column(dtype, shape):
    rng = np.random.default_rng(2)
    wide = (rng.random((*shape[:-1], 2 * shape[-1])) * 9).astype(dtype)
    values = at_the_end_of_memory(wide.reshape(-1)[:-1])
    strides = np.ascontiguousarray(wide).strides
    view = np.lib.stride_tricks.as_strided(values, shape, (*strides[:-1], 2 * strides[-1]))
    x, dense = td.asarray(view, copy=False), td.asarray(view.copy())
    for axis in (*range(len(shape)), None):
        for reduce in (td.sum, td.mean, td.max, td.argmax):
            if dtype == "complex64" and reduce in (td.max, td.argmax):
                continue
            got, want = reduce(x, axis=axis), reduce(dense, axis=axis)
            assert np.asarray(got).tobytes() == np.asarray(want).tobytes(), (axis, reduce)
    for operation in (td.negative, td.copy if hasattr(td, "copy") else td.positive) if dtype != "uint16" else ():
        np.testing.assert_array_equal(np.asarray(operation(x)), np.asarray(operation(dense)))


def test_compiled_functions_read_the_same():
    @td.trace
    def program(x):
        y = x[:, ::2]
        return td.exp(y).sum(axis=0), y.sum(axis=1), (y * y).max()

    rng = np.random.default_rng(3)
    x = td.asarray(rng.standard_normal((70, 201)).astype(np.float32))
    for got, want in zip(program(x), program.eager(x), strict=True):
        assert np.asarray(got).tobytes() == np.asarray(want).tobytes()


@pytest.mark.parametrize("columns", [1, 15, 16, 31, 32, 33, 50, 64, 100, 4096, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "bool"])
def test_rows_that_repeat_or_have_gaps_are_reduced_in_the_order_of_dense_ones(columns, dtype):
    rng = np.random.default_rng(4)
    row = (rng.standard_normal(columns) * 3).astype(dtype)
    wide = (rng.standard_normal((37, columns + 7)) * 3).astype(dtype)
    for values in (np.broadcast_to(row, (37, columns)), wide[:, :columns]):
        dense = td.asarray(values.copy())
        if values.flags.writeable:
            x = td.asarray(values, copy=False)
        else:
            x = td.broadcast_to(td.asarray(row), values.shape)
        for reduce in (td.sum, td.max, td.min, td.argmax, td.argmin):
            if dtype == "bool" and reduce in (td.max, td.min, td.argmax, td.argmin):
                continue
            assert np.asarray(reduce(x)).tobytes() == np.asarray(reduce(dense)).tobytes(), reduce


def test_the_first_nan_is_the_extreme_one():
    rng = np.random.default_rng(5)
    for size in (10, 100, 5000, 70000):
        x = rng.standard_normal(size).astype(np.float32)
        x[rng.integers(0, size, 3)] = np.nan
        for function, wanted in ((td.argmax, np.argmax), (td.argmin, np.argmin)):
            assert int(function(td.asarray(x))) == int(wanted(x))
        zeros = np.zeros(size, np.float32)
        zeros[size // 2 :] = -0.0
        assert int(td.argmax(td.asarray(zeros))) == int(td.argmin(td.asarray(zeros))) == 0
        low = np.full(size, -np.inf, np.float32)
        assert int(td.argmax(td.asarray(low))) == 0


def test_masks_of_the_whole_shape():
    rng = np.random.default_rng(6)
    for dtype in (*DTYPES, "bool", "complex128"):
        for shape in ((0,), (1,), (1000,), (33, 20)):
            x = (rng.random((*shape, 2)) * 9).astype(dtype)[..., 0]
            mask = rng.random(shape) < 0.4
            for chosen in (mask, np.zeros(shape, bool), np.ones(shape, bool)):
                np.testing.assert_array_equal(np.asarray(td.asarray(x)[td.asarray(chosen)]), x[chosen])
    x = rng.random((40, 30))
    np.testing.assert_array_equal(np.asarray(td.asarray(x).T[td.asarray(x.T > 0.5)]), x.T[x.T > 0.5])


def test_programs_are_told_apart_by_many_sizes():
    rng = np.random.default_rng(7)
    for k in range(4):
        parts = [rng.random((2, 3, 2, 2, 3, 4 + 2 * (j == k)))[..., ::2] for j in range(4)]
        got = td.concat([td.asarray(part) for part in parts], axis=-1)
        np.testing.assert_array_equal(np.asarray(got), np.concatenate(parts, axis=-1))
