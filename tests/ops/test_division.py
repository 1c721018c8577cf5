"""Floor division and remainder: NumPy's values bit for bit, for all pairs of unusual numbers."""

import numpy as np
import pytest
from samples import INTS

import tandem as td

FLOATS = ("float16", "float32", "float64")


def integers(dtype):
    limits = np.iinfo(dtype)
    edges = [0, 1, 2, 3, 7, 100, limits.max, limits.max - 1, limits.min, limits.min + 1]
    edges += [-1, -2, -3, -7, -100] if limits.min < 0 else []
    rng = np.random.default_rng(0)
    return np.concatenate([np.array(edges, dtype), rng.integers(limits.min, limits.max, 40, dtype, endpoint=True)])


def floats(dtype):
    limits = np.finfo(dtype)
    tiny = limits.smallest_subnormal
    edges = [0.0, 1, 0.5, 3, 2.5, 1 / 3, 7, limits.max, limits.tiny, tiny, tiny * 3, np.inf, limits.eps, 1 + limits.eps]
    bits = np.dtype(f"uint{8 * np.dtype(dtype).itemsize}")
    rng = np.random.default_rng(0)
    anything = rng.integers(0, np.iinfo(bits).max, 60, bits, endpoint=True).view(dtype)
    usual = (rng.normal(size=30) * 10).astype(dtype)
    return np.concatenate([np.array(edges, dtype), -np.array(edges, dtype), [dtype(np.nan)], anything, usual])


def same(got, want):
    got = np.asarray(got)
    assert got.dtype == want.dtype
    if got.dtype.kind == "f":
        bits = np.dtype(f"uint{8 * got.itemsize}")
        return bool(np.all((np.isnan(got) & np.isnan(want)) | (got.view(bits) == want.view(bits))))
    return np.array_equal(got, want)


@pytest.mark.parametrize("dtype", INTS + FLOATS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_all_pairs(dtype):
    kind = np.dtype(dtype).type
    values = integers(kind) if dtype in INTS else floats(kind)
    a, b = (grid.ravel().copy() for grid in np.meshgrid(values, values))
    x, y = td.asarray(a), td.asarray(b)
    assert same(x // y, np.floor_divide(a, b))
    assert same(x % y, np.remainder(a, b))
    quotient, rest = td.script(lambda x, y: divmod(x, y))(x, y)
    assert same(quotient, np.floor_divide(a, b))
    assert same(rest, np.remainder(a, b))


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_operators(dtype):
    a = np.array([7, -7, 9, -1], dtype)
    x = td.asarray(a.copy())
    assert same(x // 2, a // 2)
    assert same(x % -3, a % np.array(-3, dtype))
    assert same(20 // x, np.array(20, dtype) // a)
    assert same(-20 % x, np.array(-20, dtype) % a)
    assert all(same(got, want) for got, want in zip(divmod(x, 4), divmod(a, np.array(4, dtype)), strict=True))
    assert all(same(got, want) for got, want in zip(divmod(9, x), divmod(np.array(9, dtype), a), strict=True))
    x //= 2
    assert same(x, a // 2)
    x %= 3
    assert same(x, a // 2 % 3)


def test_promotion():
    whole, real = td.asarray([7, -7]), td.asarray([2.5, -2.5])
    assert str((whole // 2).dtype) == "int64"
    assert str((whole % 2.0).dtype) == "float32"
    assert str((whole // real).dtype) == "float32"
    with pytest.raises(td.DTypeError):
        td.asarray([True]) // td.asarray([True])


def test_sizes_and_numbers():
    def program(x, n):
        m = x.shape[0]
        return [
            x[: m // 2].sum(),
            m % 3,
            -m // 2,
            m // -2,
            7 // m,
            7 % m,
            divmod(m, 3),
            +m,
            abs(-m),
            m**2,
            n // 3,
            -n % 4,
        ]

    compiled = td.script(program)
    for k in (4, 5, 6, 7, 9):
        x = td.ones((k,))
        assert [float(v) if isinstance(v, td.Tensor) else v for v in compiled(x, 3 * k)] == [
            float(v) if isinstance(v, td.Tensor) else v for v in program(x, 3 * k)
        ]
    assert compiled.stats()["captures"] <= 3
