"""Integers divided by constants, which compiled code does by shifts where it can: NumPy's results, for any sign."""

import numpy as np
import pytest

import tandem as td


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_quotients_and_rests(dtype):
    limits = np.iinfo(dtype)
    values = [limits.min, limits.min + 1, limits.max, 0, 1, 2, 3, 5, 7, 8, 9, 100, -1, -2, -3, -5, -7, -8, -9]
    x = np.unique(np.array([value for value in values if value >= limits.min], dtype=dtype))
    divisors = [d for d in (1, 2, 4, 64, 3, limits.max, limits.max // 2 + 1, -1, -2, -4, limits.min) if d]

    def divided(x):
        return [(x // d, x % d) for d in divisors if d >= limits.min]

    given = td.asarray(x)
    found, eager = td.script(divided)(given), divided(given)
    for divisor, compiled, alone in zip([d for d in divisors if d >= limits.min], found, eager, strict=True):
        with np.errstate(over="ignore"):
            by = np.array(divisor, dtype=dtype)
            wanted = np.floor_divide(x, by), np.remainder(x, by)
        for got, same, value in zip(compiled, alone, wanted, strict=True):
            assert np.array_equal(np.asarray(got), value), divisor
            assert np.asarray(got).tobytes() == np.asarray(same).tobytes()
