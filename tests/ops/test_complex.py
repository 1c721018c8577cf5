"""Complex dtypes: every row that takes them equals NumPy, and compiled equals eager bit for bit."""

import math
from fractions import Fraction

import numpy as np
import pytest
import samples

import tandem as td

ROWS = samples.table()
DTYPES = ("complex64", "complex128")
# NumPy's name where it is another one, and what NumPy lacks.
TWINS = {
    **{f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "complex": lambda x, y: x + 1j * y,
    "pow": np.power,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sign": lambda x: x / np.abs(x),
}
POINTWISE = (
    "add subtract multiply divide pow negative positive abs sign square reciprocal round equal not_equal "
    "logical_and logical_or logical_xor logical_not isnan isinf isfinite real imag conj angle "
    "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan asinh acosh atanh tanh sinh cosh"
).split()
PROGRAMS = {
    "sum": (lambda x, y: td.sum(x, axis=0), lambda a, b: a.sum(axis=0)),
    "sum of a row": (lambda x, y: td.sum(x * y, axis=1), lambda a, b: (a * b).sum(axis=1)),
    "mean": (lambda x, y: td.mean(x), lambda a, b: a.mean()),
    "prod": (lambda x, y: td.prod(x[:, :7], axis=1), lambda a, b: a[:, :7].prod(axis=1)),
    "prod of all": (lambda x, y: td.prod(x[:, ::9] * 2j), lambda a, b: (a[:, ::9] * 2j).prod()),
    "prod kept": (
        lambda x, y: td.prod(x, axis=(0,), keepdims=True) * y,
        lambda a, b: a.prod(axis=(0,), keepdims=True) * b,
    ),
    "prod of nothing": (lambda x, y: td.prod(x[:0], axis=0), lambda a, b: a[:0].prod(axis=0)),
    "prod of real numbers": (
        lambda x, y: td.prod(td.real(x), axis=0, dtype=td.complex128),
        lambda a, b: a.real.prod(axis=0, dtype="complex128"),
    ),
    "cumprod": (lambda x, y: td.cumprod(x[:, :7], axis=1), lambda a, b: a[:, :7].cumprod(axis=1)),
    "var": (lambda x, y: td.var(x, axis=1, correction=1), lambda a, b: a.var(axis=1, ddof=1)),
    "var of all": (lambda x, y: td.var(x * y), lambda a, b: (a * b).var()),
    "std": (lambda x, y: td.std(x + y, axis=0), lambda a, b: (a + b).std(axis=0)),
    "cumsum": (lambda x, y: td.cumsum(x, axis=1), lambda a, b: a.cumsum(axis=1)),
    "any": (lambda x, y: td.any(x * 1j, axis=1), lambda a, b: a.any(axis=1)),
    "all": (lambda x, y: td.all(x * 0, axis=0), lambda a, b: (a * 0).all(axis=0)),
    "views": (lambda x, y: x.T[::-3, 1:] + 0, lambda a, b: a.T[::-3, 1:]),
    "concat": (lambda x, y: td.concat([x, y * y], axis=1), lambda a, b: np.concatenate([a, b * b], axis=1)),
    "stack": (lambda x, y: td.stack([x, y]), lambda a, b: np.stack([a, b])),
    "where": (lambda x, y: td.where(td.real(x) > 0, x, y), lambda a, b: np.where(a.real > 0, a, b)),
    "take": (lambda x, y: td.take(x, td.asarray([2, 0]), axis=0), lambda a, b: a[[2, 0]]),
    "matmul": (lambda x, y: x @ y.T, lambda a, b: a @ b.T),
    "einsum": (lambda x, y: td.einsum("ij,kj->ik", x, y), lambda a, b: np.einsum("ij,kj->ik", a, b)),
    "tensordot": (lambda x, y: td.tensordot(x, y, axes=2), lambda a, b: np.tensordot(a, b, axes=2)),
    "matrix and vector": (lambda x, y: x @ y[0], lambda a, b: a @ b[0]),
    "real and complex": (lambda x, y: td.real(x) @ y.T, lambda a, b: a.real @ b.T),
    "vecdot": (lambda x, y: td.vecdot(x, y), lambda a, b: (a.conj() * b).sum(axis=1)),
    "number": (lambda x, y: (2 - 1j) * x + 3, lambda a, b: (2 - 1j) * a + 3),
    "parts": (lambda x, y: td.complex(y.imag, x.real), lambda a, b: (b.imag + 1j * a.real).astype(a.dtype)),
    "rows": (
        lambda x, y: td.exp(x) / td.sum(td.exp(x), axis=1, keepdims=True),
        lambda a, b: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True),
    ),
}


def draw(dtype, *key):
    rng = np.random.default_rng(list(repr(key).encode()))
    parts = rng.standard_normal((3, 37, 2)).astype(np.float64)
    return parts.view(np.complex128)[..., 0].astype(dtype)


def near(got, want, steps=8):
    """Within so many units of the last place of the number (not of each of its parts)."""
    got = np.asarray(got)
    assert got.dtype == want.dtype and got.shape == want.shape
    if want.dtype.kind not in "fc":
        assert np.array_equal(got, want)
        return
    with np.errstate(all="ignore"):
        assert np.all(np.abs(got - want) <= steps * np.finfo(want.dtype).eps * np.maximum(np.abs(want), 1e-2))


def same(x, y):
    a, b = np.asarray(x), np.asarray(y)
    assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_every_row_of_numbers_that_takes_complex_ones_is_here():
    takes = {n for n, row in ROWS.items() if row["complex"] and row["accepts"] in ("numeric", "promote_to_float")}
    assert takes == {n for n in POINTWISE if ROWS[n]["accepts"] in ("numeric", "promote_to_float")} | {
        "matmul",
        "mean",
        "var",
        "std",
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise(name, dtype):
    arrays = [draw(dtype, name, k) for k in range(len(ROWS[name]["inputs"]))]
    function = getattr(td, name)
    compiled = td.script(lambda *tensors: function(*tensors))
    want = (TWINS.get(name) or getattr(np, name))(*arrays)
    for view in (lambda a: a, lambda a: a[:, ::2], lambda a: a.T, lambda a: a[::-1]):
        tensors = [td.asarray(view(a)) for a in arrays]
        eager = function(*tensors)
        near(eager, view(want))
        same(eager, compiled(*tensors))
        same(eager[0, 1], function(*[x[0, 1] for x in tensors]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, dtype):
    program, twin = PROGRAMS[name]
    a, b = draw(dtype, name, 0), draw(dtype, name, 1)
    x, y = td.asarray(a), td.asarray(b)
    eager = program(x, y)
    near(eager, np.asarray(twin(a, b)), steps=60)
    same(eager, td.script(program)(x, y))
    same(eager, td.trace(program)(x, y))


@pytest.mark.parametrize("dtype", DTYPES)
def test_writes(dtype):
    def program(x, y):
        z = x + 0
        z[0] = y[1]
        z[1:, 3] = 5 - 2j
        z *= y
        return z

    a, b = draw(dtype, 1), draw(dtype, 2)
    want = a.copy()
    want[0], want[1:, 3] = b[1], 5 - 2j
    want *= b
    near(program(td.asarray(a), td.asarray(b)), want)
    same(program(td.asarray(a), td.asarray(b)), td.script(program)(td.asarray(a), td.asarray(b)))


# C99 Annex G: (function, argument, value); the signs of zeros count.
INF, NAN, PI = math.inf, math.nan, math.pi
SPECIAL = [
    ("exp", complex(-INF, INF), complex(0, 0)),
    ("exp", complex(INF, 0.0), complex(INF, 0.0)),
    ("exp", complex(INF, NAN), complex(INF, NAN)),
    ("exp", complex(NAN, -0.0), complex(NAN, -0.0)),
    ("log", complex(-0.0, 0.0), complex(-INF, PI)),
    ("log", complex(0.0, -0.0), complex(-INF, -0.0)),
    ("log", complex(-INF, INF), complex(INF, 3 * PI / 4)),
    ("log", complex(INF, NAN), complex(INF, NAN)),
    ("sqrt", complex(-0.0, 0.0), complex(0.0, 0.0)),
    ("sqrt", complex(-4.0, -0.0), complex(0.0, -2.0)),
    ("sqrt", complex(NAN, INF), complex(INF, INF)),
    ("sqrt", complex(-INF, 1.0), complex(0.0, INF)),
    ("sqrt", complex(INF, NAN), complex(INF, NAN)),
    ("sinh", complex(0.0, -0.0), complex(0.0, -0.0)),
    ("sinh", complex(INF, 0.0), complex(INF, 0.0)),
    ("cosh", complex(-INF, 0.0), complex(INF, -0.0)),
    ("cosh", complex(INF, NAN), complex(INF, NAN)),
    ("tanh", complex(INF, INF), complex(1.0, 0.0)),
    ("tanh", complex(NAN, 0.0), complex(NAN, 0.0)),
    ("asinh", complex(1.0, INF), complex(INF, PI / 2)),
    ("acosh", complex(-INF, INF), complex(INF, 3 * PI / 4)),
    ("acosh", complex(0.0, 0.0), complex(0.0, PI / 2)),
    ("acos", complex(INF, 0.0), complex(0.0, -INF)),
    ("acos", complex(2.0, 0.0), complex(0.0, -1.3169578969248166)),
    ("atanh", complex(1.0, 0.0), complex(INF, 0.0)),
    ("atanh", complex(INF, -1.0), complex(0.0, -PI / 2)),
    ("atanh", complex(NAN, INF), complex(0.0, PI / 2)),
    ("asin", complex(2.0, 0.0), complex(PI / 2, 1.3169578969248166)),
    ("asin", complex(2.0, -0.0), complex(PI / 2, -1.3169578969248166)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "argument", "value"), SPECIAL, ids=[f"{n}{z}" for n, z, _ in SPECIAL])
def test_special_values(name, argument, value, dtype):
    got = getattr(td, name)(td.asarray(np.array([argument], dtype=dtype)))[0].item()
    for part, want in ((got.real, value.real), (got.imag, value.imag)):
        if math.isnan(want):
            assert math.isnan(part), got
        else:
            assert math.isclose(part, want, rel_tol=1e-6), got
            assert math.copysign(1, part) == math.copysign(1, want), got


@pytest.mark.parametrize("scale", (1e300, 1e-300))
def test_no_overflow_in_between(scale):
    a = np.array([3 + 4j]) * scale
    x = td.asarray(a)
    near(td.abs(x) / scale, np.array([5.0]))
    near(td.sqrt(x) / math.sqrt(scale), np.sqrt(np.array([3 + 4j])))
    near(td.log(x), np.log(a))
    near(td.sign(x), np.array([0.6 + 0.8j]))
    near(td.divide(x, x), np.array([1 + 0j]))


def test_the_logarithm_near_the_unit_circle():
    for angle in (0.3, 0.7, 0.785398, 1.2):
        z = complex(math.cos(angle), math.sin(angle))
        exact = float(Fraction(z.real) ** 2 + Fraction(z.imag) ** 2 - 1) / 2  # log |z| to first order
        got = td.log(td.asarray(np.array([z])))[0].item().real
        assert math.isclose(got, exact, rel_tol=1e-14)


def test_numbers_and_dtypes():
    x = td.asarray([1 + 2j, 3])
    assert x.dtype == td.complex64 and repr(x) == "tensor([1.+2.j, 3.+0.j], dtype=complex64)"
    assert x[0].item() == complex(x[0]) == 1 + 2j and x.tolist() == [1 + 2j, 3]
    assert td.asarray(1j).dtype == (td.ones((2,)) * 1j).dtype == td.complex64
    assert (td.ones((2,), dtype=td.float64) + 1j).dtype == td.complex128
    assert (td.ones((2,), dtype=td.int32) + 1j).dtype == td.complex64
    assert td.result_type(td.complex64, td.float64) == td.result_type(td.float64, 1j) == td.complex128
    assert td.can_cast(td.float32, td.complex64) and not td.can_cast(td.complex64, td.float64)
    assert td.finfo(td.complex64) == td.finfo(td.float32) and td.finfo(td.complex128) == td.finfo(td.float64)
    assert td.full((2,), 1 - 1j).tolist() == [1 - 1j] * 2 and td.zeros((1,), dtype=td.complex128).tolist() == [0]
    assert td.ones((2,), dtype=td.complex64).dtype == td.complex64 and td.eye(2, dtype=td.complex64)[0, 0].item() == 1
    assert td.asarray([0, 1j]).astype(td.bool).tolist() == [False, True]
    assert td.ones((2,), dtype=td.int8).astype(td.complex128).tolist() == [1, 1]
    with pytest.raises(TypeError, match="assignment: got"):
        td.ones((2,))[0] = 1j


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_is_shared_with_numpy(dtype):
    a = draw(dtype, 5)
    for x in (td.asarray(a), td.from_dlpack(a)):
        assert x._pointer == a.__array_interface__["data"][0] and x.dtype.name == dtype
        assert np.asarray(x).ctypes.data == np.from_dlpack(x).ctypes.data == x._pointer
    assert td.asarray(a[:, ::2]).strides == a[:, ::2].strides


def test_another_complex_number_is_captured_again():
    factor = complex(0.0, 1.0)
    f = td.script(lambda x: x * factor)
    x = td.asarray([2.0])
    assert f(x).tolist() == [2j]
    factor = complex(0.0, -1.0)
    assert f(x).tolist() == [-2j]


def test_nan_checks_look_at_both_parts():
    with td.debug_nans(), pytest.raises(td.Error, match="log|divide"):
        td.divide(td.asarray([0j]), td.asarray([0j]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1])
def test_sorting(dtype, axis):
    """By the real parts, then by the imaginary ones; with NaNs as NumPy documents it."""
    parts = [0.0, -1.0, 2.0, math.inf, math.nan]
    rows = np.asarray([complex(a, b) for a in parts for b in parts] * 2, dtype=dtype)
    a = np.random.default_rng(3).permutation(rows).reshape(5, 10)
    x = td.asarray(a)
    for function, twin in (
        (lambda x: td.sort(x, axis=axis), lambda a: np.sort(a, axis=axis)),
        (lambda x: td.argsort(x, axis=axis), lambda a: np.argsort(a, axis=axis, kind="stable")),
        (
            lambda x: td.topk(x, 3, axis=axis, largest=False).indices,
            lambda a: np.take(np.argsort(a, axis=axis, kind="stable"), range(3), axis=axis),
        ),
        (
            lambda x: td.searchsorted(td.sort(td.reshape(x, (-1,))), x[0]),
            lambda a: np.searchsorted(np.sort(a.ravel()), a[0]),
        ),
        (
            lambda x: td.searchsorted(td.sort(td.reshape(x, (-1,))), x[0], side="right"),
            lambda a: np.searchsorted(np.sort(a.ravel()), a[0], side="right"),
        ),
    ):
        eager = function(x)
        np.testing.assert_array_equal(np.asarray(eager), twin(a))
        same(eager, td.script(function)(x))
    down = td.sort(x[:, :4], axis=axis, descending=True)
    order = td.argsort(x[:, :4], axis=axis, descending=True)
    same(down, td.take_along_axis(x[:, :4], order, axis=axis))
    finite = np.isfinite(rows)
    want = sorted(rows[finite].tolist(), key=lambda z: (-z.real, -z.imag))
    assert td.sort(td.asarray(rows[finite]), descending=True).tolist() == want


@pytest.mark.parametrize("name", ["cummax", "cummin"])
def test_what_has_no_order_of_complex_numbers_says_so(name):
    with pytest.raises(td.DTypeError, match="need a real dtype"):
        getattr(td, name)(td.asarray([1j, 2]))
    with pytest.raises(td.DTypeError, match="need a real dtype"):
        td.nn.functional.max_pool1d(td.ones((1, 1, 4), dtype=td.complex64), 2)


def test_parts_are_written_by_assignment():
    def written(x):
        x = x.copy()
        x.real = 7
        x.imag += x.real[0]
        x[1:].imag *= 2
        x.T.real = td.arange(3)
        return x

    a = np.array([1 + 2j, 3 - 4j, 5j], np.complex64)
    meant = np.arange(3) + np.array([9, 3 * 2, 12 * 2], np.float32) * np.complex64(1j)
    for run in (written, td.script(written)):
        got = np.asarray(run(td.asarray(a)))
        assert got.dtype == np.complex64
        np.testing.assert_array_equal(got, meant)
    real = td.ones((2,))
    real.real = 3.0
    assert real.tolist() == [3, 3]
    with pytest.raises(td.DTypeError, match="imag: got a float32 tensor to write to; need a complex one"):
        real.imag = 1.0
    x = td.asarray(a).requires_grad_()
    y = x * 2
    y.imag = 0.0
    y.real.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
