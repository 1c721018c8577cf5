"""td.fft against NumPy."""

import numpy as np
import pytest
from test_linalg import both, matrix

import tandem as td


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies(n, dtype):
    for name in ("fftfreq", "rfftfreq"):
        got = getattr(td.fft, name)(n, d=0.3, dtype=dtype)
        want = getattr(np.fft, name)(n, d=0.3).astype(dtype)
        np.testing.assert_allclose(np.asarray(got), want, rtol=3e-16 if dtype == "float64" else 1e-7)
        assert np.asarray(got).dtype == dtype


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name, axes):
    a = matrix((3, 4, 5))
    got = both(lambda x: getattr(td.fft, name)(x, axes=axes), a)
    assert np.array_equal(got, getattr(np.fft, name)(a, axes=axes))


def test_errors():
    with pytest.raises(td.Error, match="fftfreq: got n=0; need an integer of 1 or more"):
        td.fft.fftfreq(0)
    with pytest.raises(td.DTypeError, match="rfftfreq: got dtype int64"):
        td.fft.rfftfreq(4, dtype=td.int64)
