"""Functions of elements that are made of others, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

rng = np.random.default_rng(8)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, np.inf, -np.inf, np.nan, 1e-40, 123456.78]
F32 = np.array([SPECIAL, SPECIAL[::-1]], dtype=np.float32)
F64 = F32.astype(np.float64)
F16 = np.array(SPECIAL[:10], dtype=np.float16)
INTS = {
    name: rng.integers(np.iinfo(name).min, np.iinfo(name).max, 40, dtype=name, endpoint=True)
    for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
}
WHOLE = np.array([[0, 1, -1], [12, -18, 7]])
BYTES = rng.integers(0, 256, (3, 5), dtype=np.uint8)
BOOLS = np.array([True, False, True])
BITS = rng.random((3, 11)) < 0.5
EMPTY = np.zeros((0, 3))
REALS = (F32, F64, F16, WHOLE, EMPTY)

CASES = {
    "fmax": [
        ((F32, F32.T.copy().reshape(F32.shape)), {}),
        ((F64, 0.25), {}),
        ((WHOLE, 3), {}),
        ((F32, WHOLE[:, :1]), {}),
    ],
    "fmin": [
        ((F32, F32.T.copy().reshape(F32.shape)), {}),
        ((F64, 0.25), {}),
        ((WHOLE, 3), {}),
        ((F32, WHOLE[:, :1]), {}),
    ],
    "fabs": [((x,), {}) for x in REALS],
    "rint": [((x,), {}) for x in REALS],
    "fix": [((x,), {}) for x in (F32, F64, F16, EMPTY)],
    "around": [((x, n), {}) for x in (F32, F64) for n in (0, 1, 3, -2)]
    + [((INTS["int32"], -n), {}) for n in (0, 1, 4)]
    + [((np.array([15, 25, -15, -25, 35, 5, -5, 45]), -1), {}), ((WHOLE, 2), {})],
    "cbrt": [((x,), {}) for x in REALS],
    "deg2rad": [((x,), {}) for x in REALS],
    "rad2deg": [((x,), {}) for x in REALS],
    "degrees": [((F64,), {})],
    "radians": [((F64,), {})],
    "heaviside": [((F32, 0.5), {}), ((F64, F64[:1]), {}), ((WHOLE, WHOLE[:, :1]), {})],
    "modf": [((x,), {}) for x in (F32, F64, F16)],
    "divmod": [((WHOLE, 5), {}), ((F64, 0.75), {}), ((INTS["int16"], np.array(7, np.int16)), {})],
    "logaddexp2": [((F32, F32[:, ::-1].copy()), {}), ((F64, 1.5), {}), ((WHOLE, WHOLE), {})],
    "spacing": [((x,), {}) for x in (F32, F64)],
    "gcd": [((x, x[::-1].copy()), {}) for name, x in INTS.items()] + [((WHOLE, 6), {}), ((WHOLE, WHOLE[:, :1]), {})],
    "lcm": [((WHOLE, 6), {}), ((WHOLE, WHOLE[:, :1]), {}), ((BYTES, BYTES[:1]), {})],
    "bitwise_count": [((x,), {}) for x in INTS.values()] + [((BOOLS,), {}), ((WHOLE,), {})],
    "packbits": [
        ((x,), {"axis": axis, "bitorder": order})
        for x in (BITS, WHOLE)
        for axis in (None, 0, -1)
        for order in ("big", "little")
    ]
    + [((BOOLS[:0],), {})],
    "unpackbits": [
        ((BYTES,), {"axis": axis, "bitorder": order}) for axis in (None, 0, -1) for order in ("big", "little")
    ]
    + [((BYTES,), {"axis": 1, "count": n}) for n in (0, 7, -3, 50)]
    + [((BYTES, None, 9), {})],
    "real_if_close": [((F64,), {}), ((F64[:1, :6] + 0j,), {}), ((np.array([1 + 1e-3j]),), {})],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, captured=name != "real_if_close", **kwargs)


def test_float_power():
    for x in (F32, WHOLE + 20, F64):
        check("float_power", x, 0.5, wide=True)
    check("float_power", WHOLE + 20, WHOLE, wide=True)
    check("float_power", np.array([1 + 1j], np.complex64), 2, wide=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cube_roots_are_within_an_ulp(dtype):
    limits = np.finfo(dtype)
    x = np.concatenate([2.0 ** rng.uniform(limits.minexp, limits.maxexp - 1e-3, 20000), np.arange(1, 200) ** 3])
    x = np.concatenate([x, [limits.max, limits.tiny, limits.smallest_subnormal]]).astype(dtype)
    got = np.asarray(td.cbrt(td.asarray(x)))
    want = np.cbrt(x.astype(np.longdouble))
    error = np.abs((got - want) / np.spacing(want.astype(dtype)).astype(np.longdouble))
    assert float(error.max()) <= (0.501 if dtype == "float32" else 1.25)
    whole = np.arange(1, 200).astype(dtype)
    assert np.array_equal(np.asarray(td.cbrt(td.asarray(whole**3))), whole)


def test_a_number_of_decimals_by_method_function_and_builtin():
    x = td.asarray([1.234, -2.567, 145.0])
    for decimals in (1, 2, 0, -1):
        expected = np.round(np.asarray(x), decimals)
        assert np.array_equal(np.round(x, decimals), expected)
        for run in (lambda x, n: x.round(n), lambda x, n: td.round(x, decimals=n), lambda x, n: round(x, n)):
            assert np.array_equal(np.asarray(run(x, decimals)), expected)
            assert np.array_equal(np.asarray(td.script(run)(x, decimals)), expected)
    assert np.array_equal(np.asarray(round(x)), np.round(np.asarray(x)))
    assert np.array_equal(np.asarray(td.round(x + 0.126j, 2)), np.round(np.asarray(x) + np.complex64(0.126j), 2))


@pytest.mark.parametrize("name", INTS)
def test_integers_round_to_powers_of_ten_as_python_s_do(name):
    limits = np.iinfo(name)
    near = [n * 10**k + by for k in range(1, 20) for n in (-25, -15, -5, 5, 15, 25) for by in (-1, 0, 1)]
    numbers = [
        n for n in [limits.min, limits.min + 1, limits.max, limits.max - 1, 0, *near] if limits.min <= n <= limits.max
    ]
    x = td.asarray(np.array(numbers, dtype=name))
    for digits in range(1, 21):
        meant = [round(n, -digits) for n in numbers]
        got = np.asarray(td.round(x, -digits)).tolist()
        held = [limits.min <= n <= limits.max for n in meant]
        assert [g for g, h in zip(got, held, strict=True) if h] == [m for m, h in zip(meant, held, strict=True) if h]


@pytest.mark.parametrize("dtype", [td.float16, td.float32, td.float64])
def test_slopes_of_cube_roots_where_they_are_steep_and_flat(dtype):
    x = td.asarray([0.0, -0.0, td.inf, -td.inf, td.nan, 1.0], dtype=dtype)
    slope = td.grad(lambda x: td.sum(td.cbrt(x)))
    for run in (slope, td.script(slope)):
        np.testing.assert_array_equal(
            np.asarray(run(x)), np.asarray([np.inf, np.inf, 0, 0, np.nan, 1 / 3], run(x).numpy().dtype)
        )


def test_gradients():
    x = td.asarray([8.0, -27.0, 0.5], dtype=td.float64)
    slope = lambda f: np.asarray(td.grad(lambda x: td.sum(f(x)))(x))  # noqa: E731
    assert np.allclose(slope(td.cbrt), 1 / (3 * np.cbrt(np.asarray(x)) ** 2))
    assert np.allclose(slope(lambda x: td.logaddexp2(x, 0.0)), 1 / (1 + 2 ** -np.asarray(x)))
    assert np.allclose(slope(lambda x: td.fmax(x, td.asarray([td.nan, 1.0, td.nan]))), [1, 0, 1])
    assert np.allclose(slope(lambda x: td.fmin(x, td.asarray([td.nan, -27.0, 0.25]))), [1, 0.5, 0])
    assert np.allclose(slope(lambda x: td.fmin(td.asarray([td.nan, -27.0, 0.25]), x)), [1, 0.5, 0])
    assert np.allclose(slope(td.deg2rad), np.pi / 180)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.fabs(x + 1j), "fabs: got the dtype complex64; need real numbers; try td.real(x)"),
        (lambda x: td.cbrt(x + 1j), "cbrt: got the dtype complex64"),
        (lambda x: td.gcd(x, 2), "gcd: got the dtype float32; need integers; try x.astype(td.int64)"),
        (lambda x: td.bitwise_count(x), "bitwise_count: got the dtype float32; need integers"),
        (lambda x: td.packbits(x), "packbits: got the dtype float32; need bools or integers; try x != 0"),
        (lambda x: td.unpackbits(x), "unpackbits: got the dtype float32; need uint8; try x.astype(td.uint8)"),
        (lambda x: td.packbits(x > 0, bitorder="x"), "packbits: got bitorder='x'; need 'big' or 'little'"),
        (lambda x: td.fmax(x, td.ones((5,))), "(2, 12)"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(F32))
    assert message.replace("(2, 12)", "12]") in str(caught.value) or message in str(caught.value)


def test_examples():
    run_examples("mathematics")
