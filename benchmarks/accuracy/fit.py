"""Derive the constants of ir/math_tables.h: minimax polynomials (Remez exchange) and the bits of 2/pi.

Run from the repository root: python benchmarks/accuracy/fit.py > ir/math_tables.h
Needs mpmath. Each polynomial is fitted with its coefficients rounded one after another, lowest first, the rest being
fitted again each time, so that the rounding of a coefficient is made up for by those after it.
"""

import sys

from mpmath import mp, mpf

mp.dps = 70
LN2 = mp.log(2)


def remez(points, values, weights, powers):
    """Coefficients c with the smallest max |(values - sum c_j x^powers_j) * weights| over the points.

    Without the low powers all basis functions vanish at 0 and, for an odd first power, change sign there; the error
    then alternates after being multiplied by that sign.
    """
    if powers[0] % 2:
        weights = [w if x > 0 else -w for w, x in zip(weights, points, strict=True)]
    count = len(powers)
    last = len(points) - 1
    basis = [[x**p for p in powers] for x in points]
    chosen = [round(last * (1 - mp.cos(mp.pi * i / count)) / 2) for i in range(count + 1)]
    for _ in range(30):
        rows = [basis[i] + [(-1) ** k / weights[i]] for k, i in enumerate(chosen)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([values[i] for i in chosen]))
        coefs, level = list(solution)[:-1], abs(solution[count])
        fitted = [mp.fsum(c * b for c, b in zip(coefs, row, strict=True)) for row in basis]
        errors = [(v - p) * w for v, p, w in zip(values, fitted, weights, strict=True)]
        worst = max(abs(e) for e in errors)
        if worst <= level * (1 + mpf(10) ** -4):
            break
        # One extremum per run of equal sign, then the best alternating window of count + 1 of them.
        runs = []
        for i, e in enumerate(errors):
            if runs and (errors[runs[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        if len(runs) < count + 1:
            break
        while len(runs) > count + 1:
            sizes = [abs(errors[i]) for i in runs]
            least = min(range(len(runs)), key=sizes.__getitem__)
            if len(runs) == count + 2 or least in (0, len(runs) - 1):
                runs.pop(0 if sizes[0] < sizes[-1] else -1)
            else:  # dropping two neighbours keeps the signs alternating
                other = least - 1 if sizes[least - 1] < sizes[least + 1] else least
                del runs[other : other + 2]
        chosen = runs
    return coefs, worst


def rounded(value, bits):
    """Nearest number with that many significant bits."""
    value = mpf(value)
    if value == 0:
        return value
    mantissa, exponent = mp.frexp(value)
    return mp.ldexp(mp.nint(mp.ldexp(mantissa, bits)), int(exponent) - bits)


def fit(f, weight, lo, hi, count, bits, first=None, samples=400):
    """Coefficients (rounded to `bits`) of f on [lo, hi] and the largest weighted error. `first`: c_0, if prescribed."""
    lo, hi = mpf(lo), mpf(hi)
    points = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (i + mpf(1) / 2) / samples) for i in range(samples)]
    values = [f(x) for x in points]
    weights = [abs(weight(x)) for x in points]
    coefs = []
    rest = values
    for j in range(count):
        if j == 0 and first is not None:
            coefs.append(mpf(first))
        else:
            coefs.append(rounded(remez(points, rest, weights, list(range(j, count)))[0][0], bits))
        rest = [v - coefs[j] * x**j for v, x in zip(rest, points, strict=True)]
    return coefs, max(abs(v) * w for v, w in zip(rest, weights, strict=True))


def rational(f, hi, above, below, samples=200):
    """Coefficients (53 bits) of P, Q of these degrees, Q(0) = 1, and the largest relative error of P / Q on [0, hi].

    Remez exchange; for given points of alternation, P - f Q = +-E f Q is solved with the Q on its right side taken from
    the round before.
    """
    points = [hi / 2 - hi / 2 * mp.cos(mp.pi * (i + mpf(1) / 2) / samples) for i in range(samples)]
    values = [f(z) for z in points]
    count = above + below + 1
    last = samples - 1
    chosen = [round(last * (1 - mp.cos(mp.pi * i / count)) / 2) for i in range(count + 1)]
    p, q = [], [mpf(1)] + [mpf(0)] * below
    for _ in range(12):
        for _ in range(6):
            rows = [
                [points[i] ** j for j in range(above + 1)]
                + [-values[i] * points[i] ** j for j in range(1, below + 1)]
                + [(-1) ** k * values[i] * mp.polyval(q[::-1], points[i])]
                for k, i in enumerate(chosen)
            ]
            solution = list(mp.lu_solve(mp.matrix(rows), mp.matrix([values[i] for i in chosen])))
            p, q = solution[: above + 1], [mpf(1), *solution[above + 1 : count]]
        errors = [mp.polyval(p[::-1], z) / mp.polyval(q[::-1], z) / v - 1 for z, v in zip(points, values, strict=True)]
        runs = []
        for i, e in enumerate(errors):
            if runs and (errors[runs[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        while len(runs) > count + 1:
            runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
        if runs == chosen or len(runs) < count + 1:
            break
        chosen = runs
    p, q = [rounded(c, 53) for c in p], [rounded(c, 53) for c in q]
    errors = [mp.polyval(p[::-1], z) / mp.polyval(q[::-1], z) / v - 1 for z, v in zip(points, values, strict=True)]
    return p, q, max(abs(e) for e in errors)


def literal(value):
    mantissa, exponent = mp.frexp(value)
    text = float(value).hex()
    assert mpf(float.fromhex(text)) == value, (mantissa, exponent)
    head, tail = text.split("p")
    head = head.rstrip("0").rstrip(".") if "." in head else head
    return f"{head}p{int(tail)}"


def emit(name, comment, coefs, error=None):
    note = "" if error is None else f" (error 2^{float(mp.log(error, 2)):.1f})"
    print(f"\n// {comment}{note}")
    print(f"inline constexpr std::array<double, {len(coefs)}> {name}{{")
    line = "   "
    for c in coefs:
        item = f" {literal(c)},"
        if len(line) + len(item) > 118:
            print(line)
            line = "   "
        line += item
    print(line.rstrip(",") + "};")


def emit_fit(name, comment, f, weight, lo, hi, count, bits, first=None):
    coefs, error = fit(f, weight, lo, hi, count, bits, first)
    print(name, float(mp.log(error, 2)), file=sys.stderr)
    emit(name, comment, coefs, error)


def parts(value, bits):
    """value as a sum of numbers with the given significant bits."""
    out = []
    for b in bits:
        out.append(rounded(value, b))
        value -= out[-1]
    return out


def exp_tables():
    r = LN2 / 2 * mpf("1.001")
    for suffix, bits, n_exp, n_exp2 in (("F32", 24, 5, 6), ("F64", 53, 11, 12)):
        emit_fit(
            f"kExp{suffix}",
            "(e^r - 1 - r) / r^2",
            lambda x: (mp.expm1(x) - x) / x**2,
            lambda x: x**2 / mp.exp(x),
            -r,
            r,
            n_exp,
            bits,
            first=0.5,
        )
        emit_fit(
            f"kExp2{suffix}",
            "(2^r - 1) / r",
            lambda x: mp.expm1(x * LN2) / x,
            lambda x: x * mp.exp(-x * LN2),
            mpf("-0.5005"),
            mpf("0.5005"),
            n_exp2,
            bits,
        )

    def sinh_ratio(z):
        return (mp.sinh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z

    note = "(sinh r - r) / (r z), z = r^2"
    emit_fit("kSinhF32", f"{note}, |r| <= 1", sinh_ratio, lambda z: z, 0, mpf("1.001"), 4, 24)
    emit_fit("kSinhF64", note, sinh_ratio, lambda z: z, 0, r**2, 6, 53)
    emit_fit(
        "kCoshF64",
        "(cosh r - 1) / z, z = r^2",
        lambda z: 2 * mp.sinh(mp.sqrt(z) / 2) ** 2 / z,
        lambda z: z,
        0,
        r**2,
        5,
        53,
    )
    emit_fit(
        "kExpTanh",
        "e^(2r), |r| <= (ln 2) / 4, for tanh in float32",
        lambda x: mp.exp(2 * x),
        lambda x: mp.exp(-2 * x),
        -r / 2,
        r / 2,
        7,
        24,
        first=1,
    )


def tanh_table():
    def ratio(z):
        return (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z

    def weight(z):
        return z * mp.sqrt(z) / mp.tanh(mp.sqrt(z))

    note = "(tanh(x) - x) / (x z), z = x^2, |x| <= 1"
    emit_fit("kTanhF32", note, ratio, weight, 0, mpf("1.002"), 7, 24)


def log_tables():
    third = mpf(1) / 3 * mpf("1.0001")
    emit_fit(
        "kLogF32",
        "(log(1 + f) - f) / f^2",
        lambda f: (mp.log1p(f) - f) / f**2,
        lambda f: f**2 / mp.log1p(f),
        -third,
        third,
        9,
        24,
    )
    emit_fit(
        "kLog2F32",
        "the same for log2",
        lambda f: (mp.log1p(f) - f) / f**2 / LN2,
        lambda f: LN2 * f**2 / mp.log1p(f),
        -third,
        third,
        9,
        24,
    )
    emit_fit(
        "kLogF64",
        "(2 atanh(s) / s - 2) / z, z = s^2, 1 + f in [sqrt(1/2), sqrt(2)], s = f / (2 + f)",
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
        lambda z: z / 2,
        0,
        mpf("0.02945"),
        7,
        53,
    )
    emit_fit(
        "kLogOfSum",
        "the same for z <= 1/9",
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
        lambda z: z / 2,
        0,
        mpf("0.11112"),
        10,
        53,
    )
    for suffix, bits, limit, n in (("F32", 24, mpf("0.0401"), 3), ("F64", 53, mpf("0.02945"), 8)):
        emit_fit(
            f"kAtanh{suffix}",
            "(3 atanh(s) / s - 3 - z) / z^2, z = s^2",
            lambda z: (3 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 3 - z) / z**2,
            lambda z: z**2 / 3,
            0,
            limit,
            n,
            bits,
        )
        emit(f"kPowScale{suffix}", "2 / (3 ln 2)", parts(2 / (3 * LN2), [bits, bits]))


def emit_tangent():
    def ratio(z):
        return mp.tan(mp.sqrt(z)) / mp.sqrt(z)

    above, below, error = rational(ratio, (mp.pi / 4 * mpf("1.0002")) ** 2, 1, 2)
    print("kTanAbove", float(mp.log(error, 2)), file=sys.stderr)
    emit("kTanAbove", "tan r / r = P(z) / Q(z), z = r^2, |r| <= pi/4, for a float32 result: P", above, error)
    emit("kTanBelow", "Q", below)


def trig_tables():
    def sine(z):
        return (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z

    def cosine(z):
        return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2

    quarter = (mp.pi / 4 * mpf("1.0002")) ** 2
    emit_fit(
        "kSinHalf",
        "(sin r - r) / (r z), z = r^2, |r| <= pi/2",
        sine,
        lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)),
        0,
        (mp.pi / 2 * mpf("1.0002")) ** 2,
        5,
        53,
    )
    emit_fit("kSinTan", "(sin r - r) / (r z), |r| <= pi/4, for a float32 result", sine, lambda z: z, 0, quarter, 4, 53)
    emit_fit("kCosTan", "(cos r - 1 + z / 2) / z^2, for a float32 result", cosine, lambda z: z**2, 0, quarter, 4, 53)
    emit_tangent()
    emit_fit("kSinF64", "(sin r - r) / (r z), |r| <= pi/4", sine, lambda z: z, 0, quarter, 6, 53)
    emit_fit("kCosF64", "(cos r - 1 + z / 2) / z^2", cosine, lambda z: z**2, 0, quarter, 6, 53)
    emit("kPi", "pi in parts of 53 bits", parts(mp.pi, [53, 53, 53]))
    emit("kLn2F32", "ln 2, the first part short enough for exact products with exponents", parts(LN2, [15, 24]))
    emit("kLn2F64", "the same for float64", parts(LN2, [41, 53]))
    emit("kLog2eF32", "1 / ln 2", parts(1 / LN2, [24, 24]))
    emit("kLog2eF64", "1 / ln 2", parts(1 / LN2, [53, 53]))
    words = 20
    mp.dps = 420
    bits = int(mp.floor(mp.ldexp(2 / mp.pi, 64 * words)))
    mp.dps = 70
    print(f"\n// The first {64 * words} binary digits of 2/pi after the point.")
    print(f"inline constexpr std::array<uint64_t, {words}> kTwoOverPi{{")
    text = [f"0x{bits >> 64 * (words - 1 - i) & (1 << 64) - 1:016x}" for i in range(words)]
    for i in range(0, words, 4):
        print("    " + ", ".join(text[i : i + 4]) + ("," if i + 4 < words else "};"))


def erf_tables():
    middle = mpf(1) / 2

    def small(u):
        x = mp.sqrt(u + middle)
        return mp.erf(x) / x - 1

    def small_weight(u):
        x = mp.sqrt(u + middle)
        return x / mp.erf(x)

    # Around the middle of z, where P and its rounding errors are smallest.
    note = "erf(x) / x - 1 by u = x^2 - 1/2, |x| <= 1"
    least = mpf(10) ** -8 - middle
    emit_fit("kErfF32", note, small, small_weight, least, mpf("0.501"), 7, 24)
    emit_fit("kErfF64", note, small, small_weight, least, mpf("0.501"), 15, 53)
    emit_fit(
        "kErfcF32",
        "-log2(erfc(a)) / a, a in [1, 4]",
        lambda a: -mp.log(mp.erfc(a), 2) / a,
        lambda a: a * mp.erfc(a) * LN2,
        mpf("0.999"),
        mpf("4.0"),
        8,
        24,
    )
    k = mpf(2)

    def large(t):
        a = k * (1 + t) / (1 - t)
        return mp.exp(a * a) * mp.erfc(a)

    def large_weight(t):
        a = k * (1 + t) / (1 - t)
        return mp.exp(-a * a)

    emit_fit(
        "kErfcF64",
        "exp(a^2) erfc(a) by t = (a - 2) / (a + 2), a in [1, 6]; error as part of erf",
        large,
        large_weight,
        (mpf("0.999") - k) / (mpf("0.999") + k),
        (6 - k) / (6 + k),
        15,
        53,
    )


def inverse_tables():
    def arctangent(z):
        return (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z

    def weight(z):
        return z * mp.sqrt(z) / mp.atan(mp.sqrt(z))

    def arcsine(z):
        return (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z

    def arcsine_weight(z):
        return z * mp.sqrt(z) / mp.asin(mp.sqrt(z))

    quarter = mpf(1) / 4 * mpf("1.0001")
    for suffix, bits, n_atan, n_asin in (("F32", 24, 5, 5), ("F64", 53, 12, 12)):
        note = "(atan t - t) / (t z), z = t^2 <= 1/4"
        emit_fit(f"kAtan{suffix}", note, arctangent, weight, 0, quarter, n_atan, bits)
        note = "(asin t - t) / (t z), z = t^2 <= 1/4"
        emit_fit(f"kAsin{suffix}", note, arcsine, arcsine_weight, 0, quarter, n_asin, bits)
    emit("kHalfPiF32", "pi/2 in parts of 24 bits", parts(mp.pi / 2, [24, 24]))
    emit("kThreeQuarterPiF32", "3 pi/4", parts(3 * mp.pi / 4, [24, 24]))
    ln10 = mp.log(10)
    emit(
        "kLog10Of2",
        "log10(2), the first part short enough for exact products with exponents",
        parts(LN2 / ln10, [41, 53]),
    )
    emit("kLog10e", "1 / ln 10", parts(1 / ln10, [53, 53]))


def main():
    print(
        "// Constants of the mathematical functions, made by benchmarks/accuracy/fit.py, which says how. Coefficients"
    )
    print("// start with the constant term. Errors are relative to the function that the polynomial is part of.")
    print("#pragma once\n// clang-format off\n#include <array>\n#include <cstdint>\n\nnamespace tandem::math {")
    exp_tables()
    tanh_table()
    log_tables()
    trig_tables()
    erf_tables()
    inverse_tables()
    print("\n}  // namespace tandem::math")


if __name__ == "__main__":
    main()
