"""td.linalg of complex matrices, and eigenvalues of general ones, against NumPy; gradients against differences."""

import numpy as np
import pytest
from test_linalg import BATCHES, both
from test_linalg import close as close_as

import tandem as td
from tandem import _core

DTYPES = ("complex64", "complex128")


def adjoint(a):
    return a.swapaxes(-1, -2).conj()


def matrix(shape, dtype="complex128", kind="any", seed=0):
    parts = np.random.default_rng([seed, *shape]).standard_normal((2, *shape))
    a = parts[0] + (1j * parts[1] if "complex" in dtype else 0)
    if kind == "hermitian":
        a = a + adjoint(a)
    elif kind == "positive":
        a = a @ adjoint(a) + 2 * np.eye(shape[-1])
    elif kind == "invertible":
        a = a + 3 * shape[-1] ** 0.5 * np.eye(shape[-1])
    return a.astype(dtype)


def close(got, want, scale=1.0):
    want = np.asarray(want)
    close_as(got, want, want.dtype.name, scale)


SQUARE = {
    "inv": ("invertible", np.linalg.inv),
    "det": ("any", np.linalg.det),
    "cholesky": ("positive", np.linalg.cholesky),
    "eigvalsh": ("hermitian", np.linalg.eigvalsh),
    "svdvals": ("any", lambda a: np.linalg.svd(a, compute_uv=False)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", SQUARE)
def test_of_square_matrices(name, batch, dtype):
    kind, reference = SQUARE[name]
    for n in (0, 1, 2, 5, 19):
        a = matrix((*batch, n, n), dtype, kind)
        close(both(getattr(td.linalg, name), a), reference(a), 100)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cholesky_of_either_triangle(dtype):
    a = matrix((4, 6, 6), dtype, "positive")
    close(both(td.linalg.cholesky, np.tril(a)), np.linalg.cholesky(a), 10)
    close(both(lambda x: td.linalg.cholesky(x, upper=True), np.triu(a)), adjoint(np.linalg.cholesky(a)), 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (1, 1), (20, 13), (0, 3), (3, 0)])
def test_qr_and_svd(shape, batch, dtype):
    a = matrix((*batch, *shape), dtype)
    m, n = shape
    identity = lambda k: np.broadcast_to(np.eye(k, dtype=dtype), (*batch, k, k))  # noqa: E731
    for mode in ("reduced", "complete"):
        q, r = both(lambda x, mode=mode: td.linalg.qr(x, mode=mode), a)
        want = np.linalg.qr(a, mode=mode)
        assert q.shape == want.Q.shape and r.shape == want.R.shape
        close(q @ r, a, 20)
        close(adjoint(q) @ q, identity(q.shape[-1]), 20)
        assert np.all(np.tril(r, -1) == 0)
    for full in (False, True):
        u, s, vh = both(lambda x, full=full: td.linalg.svd(x, full_matrices=full), a)
        k = min(m, n)
        assert u.shape == (*batch, m, m if full else k) and vh.shape == (*batch, n if full else k, n)
        close(s, np.linalg.svd(a, compute_uv=False), 20)
        close((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a, 50)
        for side in (adjoint(u) @ u, vh @ adjoint(vh)):
            close(side, identity(side.shape[-1]), 20)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
def test_eigh(batch, dtype):
    for n in (0, 1, 4, 21):
        a = matrix((*batch, n, n), dtype, "hermitian")
        w, v = both(td.linalg.eigh, np.tril(a))
        close(w, np.linalg.eigvalsh(a), 50)
        close((v * w[..., None, :]) @ adjoint(v), a, 200)


@pytest.mark.parametrize("dtype", [*DTYPES, "float32", "float64"])
@pytest.mark.parametrize("batch", BATCHES)
def test_eig(batch, dtype):
    for n in (0, 1, 2, 5, 20):
        a = matrix((*batch, n, n), dtype)
        w, v = both(td.linalg.eig, a)
        assert w.shape == (*batch, n) and v.shape == (*batch, n, n)
        assert w.dtype == v.dtype == np.result_type(a, np.complex64)
        close(a @ v, v * w[..., None, :], 200)
        close(np.sqrt(np.sum(np.abs(v) ** 2, axis=-2)), np.ones((*batch, n), w.real.dtype), 20)
        order = lambda x: np.take_along_axis(x, np.argsort(np.round(x, 3), axis=-1), axis=-1)  # noqa: E731
        values = both(td.linalg.eigvals, a)
        close(order(values), order(np.linalg.eigvals(a).astype(w.dtype)), 500)
        close(order(values), order(w), 500)


def test_eigenvalues_of_real_matrices_are_complex_also_where_all_are_real():
    w, v = td.linalg.eig(td.asarray([[2.0, 0.0], [0.0, 3.0]]))
    assert w.dtype == v.dtype == td.linalg.eigvals(td.eye(2)).dtype == td.complex64
    assert td.linalg.eig(td.asarray([[1, 2], [3, 4]])).eigenvalues.dtype == td.complex64


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_eig_of_what_is_not_finite(value):
    a = np.eye(3)[None].repeat(2, axis=0)
    a[1, 0, 2] = value
    for function in (td.linalg.eig, td.linalg.eigvals):
        with pytest.raises(td.linalg.LinAlgError, match=r"eig: got a matrix at \[1\] of the batch"):
            function(td.asarray(a))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("a", "b"), [((4, 4), (4,)), ((4, 4), (4, 3)), ((3, 4, 4), (4, 2)), ((2, 1, 4, 4), (3, 4, 2)), ((0, 0), (0,))]
)
def test_solve(a, b, dtype):
    x, y = matrix(a, dtype, "invertible"), matrix(b, dtype, seed=1)
    close(both(td.linalg.solve, x, y), np.linalg.solve(x, y), 50)
    close(both(td.linalg.solve, x, y.real), np.linalg.solve(x, y.real), 50)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slogdet(dtype):
    a = np.stack([*matrix((3, 4, 4), dtype), np.ones((4, 4), dtype)])
    sign, logarithm = both(td.linalg.slogdet, a)
    want = np.linalg.slogdet(a)
    close(sign, want.sign, 10)
    close(logarithm[:3], want.logabsdet[:3], 10)
    assert logarithm[3] == -np.inf and sign[3] == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (2, 3, 6), (0, 3)])
def test_by_singular_values(shape, dtype):
    a = matrix(shape, dtype)
    if a.size:
        a[..., -1, :] = a[..., 0, :] * 2j
    close(both(td.linalg.pinv, a), np.linalg.pinv(a, rtol=np.finfo(dtype).eps * max(shape[-2:])), 200)
    assert np.array_equal(both(td.linalg.matrix_rank, a), np.linalg.matrix_rank(a))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (4, 4)])
def test_lstsq(shape, dtype):
    a, b = matrix(shape, dtype), matrix((shape[0], 2), dtype, seed=1)
    x, residuals, rank, s = both(td.linalg.lstsq, a, b)
    want, want_residuals, want_rank, want_s = np.linalg.lstsq(a, b, rcond=None)
    close(x, want, 200)
    if want_residuals.size:
        close(residuals, want_residuals, 200)
    assert rank == want_rank
    close(s, want_s, 10)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5])
def test_matrix_power(n):
    a = matrix((2, 4, 4), kind="invertible")
    close(both(lambda x: td.linalg.matrix_power(x, n), a), np.linalg.matrix_power(a, n), 1000)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms(keepdims, dtype):
    a = matrix((3, 4, 5), dtype)
    for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        got = both(lambda x, o=order: td.linalg.matrix_norm(x, ord=o, keepdims=keepdims), a)
        close(got, np.linalg.matrix_norm(a, ord=order, keepdims=keepdims), 10)
    for order in (0, 1, -1, 2, 3, 0.5, np.inf, -np.inf):
        for axis in (None, 0, (0, 2)):
            call = dict(ord=order, axis=axis, keepdims=keepdims)
            got = both(lambda x, call=call: td.linalg.vector_norm(x, **call), a)
            close(got, np.linalg.vector_norm(a, **call), 10)
    close(both(td.norm, a[0]), np.linalg.norm(a[0]), 10)
    close(both(td.linalg.cond, a[:, :, :4]), np.linalg.cond(a[:, :, :4]), 1000)


# ---- gradients: d/dx + i d/dy of a real number made of the result ----------------------------------------------------


def inner(a, b):
    """Real inner product, in which a complex number is a vector of two."""
    return float(np.sum((np.conj(a) * b).real))


def differences(loss, arrays, gradients, symmetric=False):
    rng = np.random.default_rng(4)
    for which, gradient in enumerate(gradients):
        gradient = np.asarray(gradient)
        assert gradient.shape == arrays[which].shape and gradient.dtype == arrays[which].dtype
        for _ in range(3):
            step = matrix(arrays[which].shape, arrays[which].dtype.name, seed=int(rng.integers(1 << 30)))
            if symmetric and which == 0:
                step = step + adjoint(step)
            values = []
            for sign in (1, -1):
                moved = list(arrays)
                moved[which] = arrays[which] + sign * 1e-6 * step
                values.append(loss(*moved))
            assert inner(gradient, step) == pytest.approx((values[0] - values[1]) / 2e-6, rel=3e-6, abs=3e-7)


GRADIENTS = [
    ("cholesky", (0,), "positive", [(4, 4)]),
    ("cholesky", (1,), "positive", [(2, 3, 3)]),
    ("inv", (), "invertible", [(2, 3, 3)]),
    ("det", (), "invertible", [(2, 3, 3)]),
    ("slogdet", (), "invertible", [(2, 3, 3)]),
    ("solve", (), "invertible", [(2, 3, 3), (2, 3, 2)]),
    ("qr", (0,), "any", [(2, 5, 3)]),
    ("qr", (0,), "any", [(3, 3)]),
    ("qr", (1,), "any", [(3, 5)]),
    ("svdvals", (), "any", [(2, 4, 3)]),
    ("eigvalsh", (), "hermitian", [(2, 4, 4)]),
    ("eigvals", (), "any", [(2, 4, 4)]),
]


@pytest.mark.parametrize("dtype", ["complex128", "float64"])
@pytest.mark.parametrize(("name", "params", "kind", "shapes"), GRADIENTS)
def test_gradient(name, params, kind, shapes, dtype):
    row = getattr(_core, f"_{name}")
    arrays = [matrix(shapes[0], dtype, kind), *(matrix(shape, dtype, seed=1) for shape in shapes[1:])]

    def function(*moved):
        return np.asarray(row(*map(td.asarray, moved), *map(bool, params)))

    output = function(*arrays)
    weights = matrix(output.shape, output.dtype.name, seed=3)
    if name == "slogdet":  # logarithms are real
        weights[len(weights) // 2 :] = weights[len(weights) // 2 :].real
    got = _core._gradient(name, [td.asarray(a) for a in arrays], params, td.asarray(weights))
    differences(
        lambda *moved: inner(weights, function(*moved)), arrays, got, symmetric=kind in ("hermitian", "positive")
    )


def packed(*parts):
    return td.asarray(np.concatenate([np.asarray(part, dtype=np.result_type(*parts)).ravel() for part in parts]))


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3)])
def test_gradient_of_svd(shape):
    """Of what does not depend on the phases of the vectors: <W, U S^2 V^H>."""
    a, weights = matrix(shape), matrix(shape, seed=1)

    def loss(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return inner(weights, (u * s**2) @ vh)

    u, s, vh = (np.asarray(part) for part in td.linalg.svd(td.asarray(a), full_matrices=False))
    up = packed(weights @ adjoint(vh) * s**2, 2 * s * np.diag(adjoint(u) @ weights @ adjoint(vh)).real,
                s[:, None] ** 2 * (adjoint(u) @ weights))  # fmt: skip
    differences(loss, [a], _core._gradient("svd", [td.asarray(a)], (0,), up))


def test_gradient_of_eigh():
    a, weights = matrix((4, 4), kind="hermitian"), matrix((4, 4), seed=1)

    def loss(a):
        w, v = np.linalg.eigh(a)
        return inner(weights, (v * w**2) @ adjoint(v))

    w, v = (np.asarray(part) for part in td.linalg.eigh(td.asarray(a)))
    both_sides = weights + adjoint(weights)
    up = packed(2 * w * np.diag(adjoint(v) @ weights @ v).real, both_sides @ v * w**2)
    differences(loss, [a], _core._gradient("eigh", [td.asarray(a)], (), up), symmetric=True)


@pytest.mark.parametrize("dtype", ["complex128", "float64"])
def test_gradient_of_eig(dtype):
    """Of sums of |v|^4, which do not depend on the phases of eigenvectors, and of eigenvalues."""
    a = matrix((4, 4), dtype)
    weights, other = matrix((4,), seed=1), np.random.default_rng(2).standard_normal((4, 4))

    def parts(a):
        w, v = np.linalg.eig(a)
        order = np.argsort(np.round(w, 4))
        return w[order], v[:, order]

    def loss(a):
        w, v = parts(a)
        return inner(weights, w) + float(np.sum(other * np.abs(v) ** 4))

    w, v = (np.asarray(part) for part in td.linalg.eig(td.asarray(a)))
    place = np.argsort(np.argsort(np.round(w, 4)))
    up = packed(weights[place], other[:, place] * 4 * np.abs(v) ** 2 * v)
    differences(loss, [a], _core._gradient("eig", [td.asarray(a)], (), up))


UNARY = (
    "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan asinh acosh atanh tanh sinh cosh square "
    "reciprocal negative positive conj abs angle real imag"
).split()
BINARY = "multiply divide add subtract pow matmul".split()
# (row, number of operands, the number of the one that is real)
CASES = [(name, 1, 0) for name in UNARY] + [(name, 2, real) for name in BINARY for real in range(3)]


@pytest.mark.parametrize(("name", "count", "real"), CASES)
def test_gradient_of_numbers(name, count, real):
    arrays = [matrix((3, 3), "float64" if real == k + 1 else "complex128", seed=k) for k in range(count)]
    if name == "pow":
        arrays[0] = arrays[0] * arrays[0] + 3

    def function(*moved):
        return np.asarray(getattr(td, name)(*map(td.asarray, moved)))

    output = function(*arrays)
    weights = matrix(output.shape, output.dtype.name, seed=7)
    got = _core._gradient(name, [td.asarray(a) for a in arrays], (), td.asarray(weights))
    differences(lambda *moved: inner(weights, function(*moved)), arrays, got)
