"""Polynomials as vectors of coefficients, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

F32 = np.array([2.0, -3.0, 0.5, 1.0], dtype=np.float32)
F64 = np.array([1.0, 0.0, -4.0])
I64 = np.array([3, 0, -2])
C64 = np.array([1, 1j], dtype=np.complex64)
POINTS = np.linspace(-2, 2, 11)
VALUES = np.stack([POINTS**2 - 1, np.sin(POINTS)], axis=1)
WEIGHTS = np.linspace(1, 2, 11)
PAIRS = [(F32, F64), (F64, F32), (I64, I64), (C64, F32), (I64, F32), (F32, F32[:1])]

CASES = {
    "polyadd": [(pair, {}) for pair in PAIRS],
    "polysub": [(pair, {}) for pair in PAIRS],
    "polymul": [(pair, {}) for pair in PAIRS],
    "polyval": [((p, x), {}) for p in (F32, F64, I64, C64) for x in (POINTS, POINTS.astype(np.float32), I64, 3)],
    "polyder": [((p, m), {}) for p in (F32, I64, C64) for m in (0, 1, 2, 3)],
    "polyint": [((p, m), {}) for p in (F32, F64, C64) for m in (0, 1, 2)]
    + [((F64, 2, [1.0, 2.0]), {}), ((F64, 3, 5.0), {})],
    "vander": [((x,), {}) for x in (F32, I64, C64, F64[:0])]
    + [((F64, n), {"increasing": n == 2}) for n in (0, 1, 2, 5)],
    "poly": [((F64,), {}), ((F32,), {}), ((I64,), {}), ((np.array([[2.0, 1.0], [1.0, 3.0]]),), {})] + [((C64,), {})],
    "polydiv": [
        ((F32, np.array([2.0, 0.5], np.float32)), {}),
        ((F64, F64), {}),
        ((F64[:1], F64), {}),
        ((F32, F32[:1]), {}),
        ((I64, I64[:2]), {}),
    ],
    "polyfit": [
        ((POINTS, VALUES[:, 0], 2), {}),
        ((POINTS, VALUES, 3), {}),
        ((POINTS, VALUES[:, 1], 4), {"w": WEIGHTS}),
    ],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    # What leads a remainder is cut off by its values.
    check(name, *args, captured=name != "polydiv", loose=200 if name == "polyfit" else 2, **kwargs)


@pytest.mark.parametrize(
    "p", [F32, F64, I64, C64, np.array([0.0, 0.0, 1.0, 2.0, 0.0]), np.zeros(3), np.ones(1), np.zeros(0)], ids=str
)
def test_roots(p):
    got, want = np.asarray(td.roots(td.asarray(p))), np.roots(p)
    assert got.dtype.kind == "c" and got.shape == want.shape
    order = lambda z: np.array(sorted(z.tolist(), key=lambda v: (round(v.real, 3), round(v.imag, 3))))  # noqa: E731
    assert np.allclose(order(got), order(want), rtol=1e-4, atol=1e-5)


def test_fit_in_float32_is_computed_in_float64():
    x = np.linspace(0, 50, 200).astype(np.float32)
    y = (0.01 * x**3 - x + 2).astype(np.float32)
    got = np.asarray(td.polyfit(td.asarray(x), td.asarray(y), 3))
    assert got.dtype == np.float32 and np.allclose(got, np.polyfit(x.astype(float), y.astype(float), 3), rtol=1e-5)


def test_division_is_captured():
    u, v = td.asarray(F32), td.asarray([2.0, 0.5])
    quotient, rest = td.trace(td.polydiv)(u, v)
    want = np.polydiv(F32, np.array([2.0, 0.5], np.float32))
    assert np.allclose(np.asarray(quotient), want[0]) and np.allclose(np.asarray(rest)[-want[1].size :], want[1])


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.polyval(x.reshape((2, 2)), x), "polyval: got coefficients of shape (2, 2); need a vector"),
        (lambda x: td.poly(x.reshape((1, 4))), "poly: got the shape (1, 4); need a vector of roots or a square matrix"),
        (lambda x: td.polyder(x, -1), "polyder: got m=-1; need 0 or more"),
        (lambda x: td.polyint(x, 2, [1.0, 2.0][:0]), "polyint: got 0 constants for m=2; need one, or one for each"),
        (lambda x: td.polyfit(x, x[:2], 1), "polyfit: got shapes (4,) and (2,)"),
        (lambda x: td.polyfit(x, x, -1), "polyfit: got deg=-1; need 0 or more"),
        (lambda x: td.vander(x.reshape((2, 2))), "vander: got the shape (2, 2); need a vector"),
        (lambda x: td.trace(td.roots)(x), "roots: got a tensor without values"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(F32))
    assert message in str(caught.value)


def test_examples():
    run_examples("polynomials")
