"""Orders by several keys: NumPy's, of any dtypes, along any axis of any layout, eager and captured."""

import numpy as np
import pytest

import tandem as td

DTYPES = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 complex64 complex128".split()
# On both sides of every change of method: rows together, rows in parts, a row that the threads share, columns.
SHAPES = [(1,), (2,), (100,), (1500,), (1 << 14,), (20_001,), (3, 5), (40, 7), (2, 1200), (1200, 2), (3, 4, 5), (5, 0)]


def key(rng, shape, dtype):
    """Return a key with many equal elements, and with those at the ends of its dtype."""
    kind = np.dtype(dtype).kind
    few = rng.integers(0, rng.choice([1, 2, 5, 300]), shape)
    if kind == "b":
        return few % 2 == 1
    out = few.astype(dtype) if rng.random() < 0.7 else (rng.standard_normal(shape) * 30).astype(np.int64).astype(dtype)
    ends = [np.iinfo(dtype).min, np.iinfo(dtype).max] if kind in "iu" else [np.nan, -0.0, np.inf, -np.inf, 0.5]
    if kind == "c":
        out.imag = rng.integers(0, 3, shape)
        out.imag[rng.random(shape) < 0.1] = np.nan
    for end in ends:
        if rng.random() < 0.5:
            out[rng.random(shape) < 0.1] = end
    return out


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_order_is_numpys(shape):
    rng = np.random.default_rng(len(shape) + shape[0])
    for count in (1, 2, 2, 3, 5) * 3:
        keys = [key(rng, shape, rng.choice(DTYPES)) for _ in range(count)]
        axis = int(rng.integers(-len(shape), len(shape)))
        got = td.lexsort([td.asarray(k) for k in keys], axis=axis)
        assert got.dtype == td.int64
        np.testing.assert_array_equal(got.numpy(), np.lexsort(keys, axis=axis), f"{[k.dtype for k in keys]} {axis}")


@pytest.mark.parametrize("first", ["constant", "two values", "rounded", "integers", "far apart", "not a number"])
def test_long_runs_of_equal_keys(first):
    """They are ordered by the next key, whose bits may not all have room behind those of the first."""
    rng = np.random.default_rng(3)
    n = 70_000
    x = rng.standard_normal(n)
    keys = {
        "constant": np.ones(n),
        "two values": np.where(x > 2, 1.5, -1e300),
        "rounded": np.round(x * 3).astype(np.float32),
        "integers": rng.integers(-5, 5, n),
        "far apart": np.where(x > 0, np.iinfo(np.int64).min, np.iinfo(np.int64).max),
        "not a number": np.where(x > 0, np.nan, np.round(x)),
    }
    for second in (rng.standard_normal(n), rng.integers(0, 9, n).astype(np.uint8), np.round(x * 100)):
        want = np.lexsort((x, second, keys[first]))
        got = td.lexsort([td.asarray(k) for k in (x, second, keys[first])])
        np.testing.assert_array_equal(got.numpy(), want)


def test_any_number_of_threads():
    rng = np.random.default_rng(4)
    keys = [td.asarray(rng.integers(0, n, 100_000)) for n in (1 << 40, 3, 2)]
    want = np.lexsort([k.numpy() for k in keys])
    before = td.num_threads()
    try:
        for threads in (1, 2, 5):
            td.set_num_threads(threads)
            np.testing.assert_array_equal(td.lexsort(keys).numpy(), want)
    finally:
        td.set_num_threads(before)


def test_compiled_and_of_other_layouts():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 4, (30, 40)), np.round(rng.standard_normal((30, 40)))
    program = td.script(lambda a, b: td.lexsort((a.T[::2, ::-1], b.T[::2, ::-1]), axis=0))
    want = np.lexsort((a.T[::2, ::-1], b.T[::2, ::-1]), axis=0)
    for _ in range(2):
        np.testing.assert_array_equal(program(td.asarray(a), td.asarray(b)).numpy(), want)
        np.testing.assert_array_equal(program.eager(td.asarray(a), td.asarray(b)).numpy(), want)
        a, b, want = a[:, :20], b[:, :20], np.lexsort((a.T[:20:2, ::-1], b.T[:20:2, ::-1]), axis=0)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers(dtype, descending):
    """By real parts, then by imaginary ones; NaNs last either way, in NumPy's order."""
    rng = np.random.default_rng(6)
    z = key(rng, (2000,), dtype)
    z[::7] = complex(np.nan, np.nan)
    order = td.argsort(td.asarray(z), descending=descending).numpy()
    if not descending:
        np.testing.assert_array_equal(order, np.argsort(z, kind="stable"))
    nan = np.isnan(z.real) * 2 + np.isnan(z.imag)
    sign = -1 if descending else 1
    np.testing.assert_array_equal(order, np.lexsort((sign * z.imag, sign * z.real, nan)))
    np.testing.assert_array_equal(td.sort(td.asarray(z), descending=descending).numpy(), z[order])


def test_rows_of_a_matrix_as_keys():
    rng = np.random.default_rng(7)
    rows = rng.integers(0, 3, (500, 60)).astype(np.int16)
    rows[::3] = rows[0]
    got, want = td.unique(td.asarray(rows), axis=0, return_counts=True), np.unique(rows, axis=0, return_counts=True)
    for a, b in zip(got, want):
        np.testing.assert_array_equal(a.numpy(), b)
