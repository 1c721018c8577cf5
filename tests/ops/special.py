"""References of the special functions: SciPy says where there is no number, mpmath says which number it is."""

import functools

import mpmath
import numpy as np
import scipy.special


def _reference(exact, rough):
    """SciPy's zeros, infinities and NaNs, as `rough` says, and 30 digits of all other values."""

    @functools.lru_cache(1 << 14)
    def one(x):
        with mpmath.workdps(30):
            return np.longdouble(mpmath.nstr(exact(mpmath.mpf(x)).real, 25))

    def function(x):
        x64 = x.astype(np.float64)
        with np.errstate(all="ignore"):
            near = np.asarray(rough(x64), dtype=np.longdouble)
        inside = np.isfinite(near) & (near != 0)
        values = near.copy()
        values[inside] = [one(v) for v in x64[inside].tolist()]
        return values.astype(x.dtype)

    return function


def _finite(function, at_infinity):
    """The same where SciPy fails: at infinity, and next to 0 and to overflow inside the function."""

    def rough(x):
        size = np.clip(np.abs(x), 1e-300, 1e300)
        return np.where(np.isinf(x), at_infinity(x), function(np.where(x == 0, x, np.copysign(size, x))))

    return rough


def _trigamma(x):
    if x > 0:
        return mpmath.psi(1, x)
    return (mpmath.pi / mpmath.sinpi(x)) ** 2 - mpmath.psi(1, 1 - x)  # of itself it would add up to -x terms


def _trigamma_ends(x):
    pole = np.isfinite(x) & (x <= 0) & (x == np.rint(x))
    return np.select([np.isnan(x) | (x == -np.inf), pole, x == np.inf], [np.nan, np.inf, 0.0], 1.0)


FUNCTIONS = {
    "erfc": _reference(mpmath.erfc, scipy.special.erfc),
    "erfinv": _reference(mpmath.erfinv, scipy.special.erfinv),
    "sinc": _reference(mpmath.sincpi, _finite(np.sinc, lambda x: np.nan)),
    "i0": _reference(lambda x: mpmath.besseli(0, x), _finite(scipy.special.i0, np.abs)),
    "i1": _reference(lambda x: mpmath.besseli(1, x), _finite(scipy.special.i1, np.positive)),
    "i0e": _reference(lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x), scipy.special.i0e),
    "i1e": _reference(lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x), scipy.special.i1e),
    "lgamma": _reference(mpmath.loggamma, _finite(scipy.special.gammaln, np.abs)),
    "digamma": _reference(mpmath.digamma, scipy.special.digamma),
    "trigamma": _reference(_trigamma, _trigamma_ends),
}
