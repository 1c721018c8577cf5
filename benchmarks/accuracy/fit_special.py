"""Derive the constants of ir/math_special_tables.h: minimax polynomials of the special functions, interval by interval.

Run from the repository root: python benchmarks/accuracy/fit_special.py > ir/math_special_tables.h
Needs mpmath, and some minutes. All intervals of a function have coefficients of the same number and use, so that a body
selects those of the interval that an argument is in; most are in a variable from -1 to 1. For float64 results the
constant term is the sum of the first two entries.
"""

import sys

from fit import emit, parts, remez, rounded
from mpmath import mp, mpf

mp.dps = 45
SAMPLES = 240


def fit_count(f, count, lo, hi, lean):
    """Coefficients of f on [lo, hi] in [-1, 1], and the largest error relative to f."""
    lo, hi = mpf(lo), mpf(hi)
    points = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (i + mpf(1) / 2) / SAMPLES) for i in range(SAMPLES)]
    values = [f(x) for x in points]
    weights = [1 / abs(v) for v in values]
    coefs, rest = [], values
    for j in range(count):
        # Rounding a coefficient of small weight needs no new fit of those after it.
        if j < 8 or j == count - 1:
            fitted = remez(points, rest, weights, list(range(j, count)))[0]
        else:
            fitted = fitted[1:]
        coefs.append(rounded(fitted[0], 53 if lean or j else 106))
        rest = [v - coefs[j] * x**j for v, x in zip(rest, points, strict=True)]
    return coefs, max(abs(v) * w for v, w in zip(rest, weights, strict=True))


def emit_piece(name, comment, f, count, lo=-1, hi=1, lean=False):
    coefs, error = fit_count(f, count, lo, hi, lean)
    print(name, count, float(mp.log(error, 2)), file=sys.stderr, flush=True)
    emit(name, comment, coefs if lean else [*reversed(parts(coefs[0], [53, 53])), *coefs[1:]], error)


def from_unit(f, middle, half):
    return lambda t: f(middle + half * t)


def erfc_tables():
    def scaled(k):
        def value(q):
            a = k * (1 + q) / (1 - q)
            return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)

        return value

    note = "(1 + 2a) exp(a^2) erfc(a) by (a - {0}) / (a + {0}), a in [0, {1}]"
    emit_piece("kErfcScaled", note.format(4, 28), scaled(4), 24, -1, mpf(24) / 32)
    emit_piece("kErfcScaledF32", note.format(3, 10.2), scaled(3), 13, -1, mpf("7.2") / mpf("13.2"), lean=True)


def gamma_tables():
    def lgamma(w):
        return mp.loggamma(1 + w) / (w * (w - 1))

    root = mp.findroot(mp.digamma, mpf("1.4616"))

    def digamma(w):
        return mp.digamma(1 + w) / (1 + w - root)

    def trigamma(w):
        return (1 + w) ** 2 * mp.psi(1, 1 + w)

    pieces = (("0", -0.25, 0.25), ("1", 0.5, 0.5), ("2", 2, 1), ("3", 5, 2))
    for name, middle, half in pieces:
        note = f"lgamma(1 + w) / (w (w - 1)) by (w - {middle}) / {half}"
        emit_piece(f"kLgamma{name}", note, from_unit(lgamma, mpf(middle), mpf(half)), 22)
    for name, middle, half in pieces[1:]:
        note = f"digamma(1 + w) / (1 + w - root) by (w - {middle}) / {half}"
        emit_piece(f"kDigamma{name}", note, from_unit(digamma, mpf(middle), mpf(half)), 23)
    for name, middle, half in pieces[1:]:
        note = f"(1 + w)^2 trigamma(1 + w) by (w - {middle}) / {half}"
        emit_piece(f"kTrigamma{name}", note, from_unit(trigamma, mpf(middle), mpf(half)), 20)
    emit("kDigammaRoot", "the positive zero of digamma, less 1", parts(root - 1, [53, 53]))
    emit("kStirling", "log(2 pi) / 2 - 1 / 2", parts(mp.log(2 * mp.pi) / 2 - mpf(1) / 2, [53, 53]))

    def series(z):  # a lgamma(a) without its leading terms
        a = 1 / mp.sqrt(z)
        return a * (mp.loggamma(a) - (a - mpf(1) / 2) * (mp.log(a) - 1) - (mp.log(2 * mp.pi) - 1) / 2)

    def tail(z):
        a = 1 / mp.sqrt(z)
        return (mp.log(a) - 1 / (2 * a) - mp.digamma(a)) * a * a

    def third(z):
        a = 1 / mp.sqrt(z)
        return (mp.psi(1, a) - 1 / a - 1 / (2 * a * a)) * a**3

    mp.dps = 90  # nearly all of it cancels
    least = mpf(10) ** -12
    emit_piece("kLgammaSeries", "a (lgamma(a) - leading terms) by 1 / a^2, a >= 8", series, 8, least, mpf(1) / 64, True)
    emit_piece("kDigammaSeries", "a^2 (log a - 1 / 2a - digamma a) by 1 / a^2", tail, 9, least, mpf(1) / 64, True)
    note = "a^3 (trigamma(a) - 1 / a - 1 / 2a^2) by 1 / a^2"
    emit_piece("kTrigammaSeries", note, third, 9, least, mpf(1) / 64, True)
    mp.dps = 45


def erfinv_tables():
    def central(w):
        x = mp.sqrt(-mp.expm1(-w))
        return mp.erfinv(x) / x

    def beyond(s):
        return mp.erfinv(mp.sqrt(-mp.expm1(-s * s))) - s

    note = "erfinv(x) / x by (w - 2) / 2, w = -log(1 - x^2) in [0, 4]"
    emit_piece("kErfinv0", note, from_unit(central, mpf(2), mpf(2)), 21)
    note = "erfinv(x) - sqrt(w) by (sqrt(w) - {}) / {}, sqrt(w) in [{}, {}]"
    emit_piece("kErfinv1", note.format(2.75, 1, 2, 3.5), from_unit(beyond, mpf("2.75"), 1), 21, -0.75, 0.75)
    emit_piece("kErfinv2", note.format(4.75, 2, 3.5, 6.1), from_unit(beyond, mpf("4.75"), 2), 21, -0.63, 0.68)
    emit_piece("kErfinvF32", "the first, for float32", from_unit(central, mpf(2), mpf(2)), 13, lean=True)
    emit_piece("kErfinvTailF32", note.format(3, 1, 2, 4.1), from_unit(beyond, mpf(3), 1), 13, -1, 1.1, lean=True)


def bessel_tables():
    for order in (0, 1):

        def scaled(x, order=order):
            return mp.exp(-x) * mp.besseli(order, x)

        def small(x, scaled=scaled, order=order):
            return scaled(x) / x if order else scaled(x)

        def series(q, order=order):
            x = mp.sqrt(q)
            return mp.besseli(order, x) / (x if order else 1)

        def large(x, scaled=scaled):
            return scaled(x) * mp.sqrt(x)

        def inverse(limit, large=large):
            return lambda t: large(2 * limit / (1 + t))

        ratio = f"exp(-a) I{order}(a)" + (" / a" if order else "")
        root = f"exp(-a) I{order}(a) sqrt(a)"
        least = -1 + mpf(10) ** -3
        name = f"kBesselI{order}"
        note = f"I{order}(a)" + (" / a" if order else "") + " by a^2, a in [0, 3]"
        emit_piece(f"{name}A", note, series, 11, 0, 9)
        middle = from_unit(large, mpf("5.5"), 1)
        emit_piece(f"{name}B", f"{root} by a - 5.5, a in [3, 8]", middle, 27, -2.5, 2.5)
        emit_piece(f"{name}C", f"{root} by 16 / a - 1, a >= 8", inverse(8), 27, least)
        emit_piece(
            f"{name}SmallF32", f"{ratio} by (a - 3) / 3, a in [0, 6]", from_unit(small, mpf(3), mpf(3)), 18, lean=True
        )
        emit_piece(f"{name}LargeF32", f"{root} by 12 / a - 1, a >= 6", inverse(6), 18, least, lean=True)


def main():
    print("// Constants of the special functions, made by benchmarks/accuracy/fit_special.py, which says how.")
    print("#pragma once\n// clang-format off\n#include <array>\n\nnamespace tandem::math {")
    erfc_tables()
    gamma_tables()
    erfinv_tables()
    bessel_tables()
    print("\n}  // namespace tandem::math")


if __name__ == "__main__":
    main()
