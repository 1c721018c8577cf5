"""frexp and ldexp: NumPy's values bit for bit, also of subnormals, eager and compiled."""

import numpy as np
import pytest

import tandem as td


def numbers(dtype):
    bits = np.dtype(f"u{np.dtype(dtype).itemsize}")
    rng = np.random.default_rng(0)
    anything = rng.integers(0, np.iinfo(bits).max, 2000, bits, endpoint=True)
    small = rng.integers(0, 2**9, 200).astype(bits)  # mostly subnormal
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, np.finfo(dtype).max, np.finfo(dtype).tiny], dtype)
    return np.concatenate([edges, anything.view(dtype), small.view(dtype)])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_frexp(dtype):
    a = numbers(dtype)
    with np.errstate(invalid="ignore"):
        want = np.frexp(a)
    for function in (td.frexp, td.script(lambda x: td.frexp(x))):
        mantissa, exponent = (np.asarray(part) for part in function(td.asarray(a)))
        np.testing.assert_array_equal(mantissa, want[0], strict=True)
        np.testing.assert_array_equal(exponent, want[1], strict=True)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("counts", ["int8", "int32", "int64"])
def test_ldexp(dtype, counts):
    a = numbers(dtype)
    for low, high in ((-20, 20), (-128, 127), (-2200, 2200)):
        limits = np.iinfo(counts)
        n = np.random.default_rng(1).integers(max(low, limits.min), min(high, limits.max), a.size).astype(counts)
        with np.errstate(all="ignore"):
            want = np.ldexp(a, n.astype(np.int32))
        for function in (td.ldexp, td.script(lambda x, n: td.ldexp(x, n))):
            np.testing.assert_array_equal(np.asarray(function(td.asarray(a), td.asarray(n))), want, strict=True)


def test_ldexp_by_a_python_number():
    """The count stays an integer whatever the tensor's dtype; a float is refused."""
    x = td.asarray([1.0, -3.0])
    for function in (td.ldexp, td.script(lambda x, n: td.ldexp(x, n))):
        np.testing.assert_array_equal(np.asarray(function(x, -1)), np.array([0.5, -1.5], np.float32), strict=True)
        np.testing.assert_array_equal(
            np.asarray(function(x, 2**40)), np.array([np.inf, -np.inf], np.float32), strict=True
        )
        with pytest.raises(td.DTypeError, match=r"ldexp: got x2 of dtype float\d+; need an integer dtype"):
            function(x, 0.5)


@pytest.mark.parametrize("x", [td.asarray([1, 2]), td.asarray([True]), td.asarray([1j])])
def test_parts_of_other_numbers_are_refused(x):
    with pytest.raises(td.DTypeError, match="frexp: got x of dtype .*; need a floating-point dtype"):
        td.frexp(x)
    with pytest.raises(td.DTypeError, match="ldexp: got x1 of dtype .*; need"):
        td.ldexp(x, td.asarray([1]))
