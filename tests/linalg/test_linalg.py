"""td.linalg against NumPy, eager and compiled, and its gradients against differences."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tandem as td
from tandem import _core

DTYPES = ("float32", "float64")
BATCHES = ((), (3,), (2, 1), (0,))
EPS = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-12, "complex128": 1e-12}


def matrix(shape, dtype="float64", kind="any", seed=0):
    a = np.random.default_rng([seed, *shape]).standard_normal(shape)
    if kind == "symmetric":
        a = a + a.swapaxes(-1, -2)
    elif kind == "positive":
        a = a @ a.swapaxes(-1, -2) + 2 * np.eye(shape[-1])
    elif kind == "invertible":
        a = a + 2 * shape[-1] ** 0.5 * np.eye(shape[-1])
    return a.astype(dtype)


def both(function, *arrays):
    """Run eagerly and compiled, see that the bits are the same, and return NumPy arrays."""
    tensors = [td.asarray(a) for a in arrays]
    eager, compiled = function(*tensors), td.script(function)(*tensors)
    parts = [eager, compiled] if isinstance(eager, td.Tensor) else [*eager, *compiled]
    parts = [np.asarray(part) for part in parts]
    half = len(parts) // 2
    for one, other in zip(parts[:half], parts[half:], strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    return parts[0] if isinstance(eager, td.Tensor) else parts[:half]


def close(got, want, dtype, scale=1.0):
    assert got.shape == want.shape, (got.shape, want.shape)
    assert got.dtype == want.dtype
    assert np.all(np.abs(got - want) <= EPS[dtype] * scale * (1 + np.abs(want))), np.max(np.abs(got - want))


SQUARE = {
    "inv": ("invertible", np.linalg.inv),
    "det": ("any", np.linalg.det),
    "cholesky": ("positive", np.linalg.cholesky),
    "eigvalsh": ("symmetric", np.linalg.eigvalsh),
    "svdvals": ("any", lambda a: np.linalg.svd(a, compute_uv=False)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", SQUARE)
def test_of_square_matrices(name, batch, dtype):
    kind, reference = SQUARE[name]
    for n in (0, 1, 2, 5, 33):
        a = matrix((*batch, n, n), dtype, kind)
        want = np.asarray(reference(a), dtype=dtype)
        close(both(getattr(td.linalg, name), a), want, dtype, 50)


def test_cholesky_of_either_triangle():
    a = matrix((4, 6, 6), kind="positive")
    lower = both(td.linalg.cholesky, np.tril(a))
    upper = both(lambda x: td.linalg.cholesky(x, upper=True), np.triu(a))
    close(lower, np.linalg.cholesky(a), "float64", 10)
    close(upper, np.linalg.cholesky(a).swapaxes(-1, -2), "float64", 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (1, 1), (40, 17), (0, 3), (3, 0)])
def test_qr_and_svd(shape, batch, dtype):
    a = matrix((*batch, *shape), dtype)
    m, n = shape
    for mode in ("reduced", "complete"):
        q, r = both(lambda x, mode=mode: td.linalg.qr(x, mode=mode), a)
        want = np.linalg.qr(a, mode=mode)
        assert q.shape == want.Q.shape and r.shape == want.R.shape
        close(q @ r, a, dtype, 20)
        close(
            q.swapaxes(-1, -2) @ q,
            np.broadcast_to(np.eye(q.shape[-1], dtype=dtype), (*batch, *[q.shape[-1]] * 2)),
            dtype,
            20,
        )
        assert np.all(np.tril(r, -1) == 0)
    for full in (False, True):
        u, s, vh = both(lambda x, full=full: td.linalg.svd(x, full_matrices=full), a)
        k = min(m, n)
        assert u.shape == (*batch, m, m if full else k) and vh.shape == (*batch, n if full else k, n)
        close(s, np.linalg.svd(a, compute_uv=False), dtype, 20)
        close((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a, dtype, 50)
        for side in (u.swapaxes(-1, -2) @ u, vh @ vh.swapaxes(-1, -2)):
            close(side, np.broadcast_to(np.eye(side.shape[-1], dtype=dtype), side.shape), dtype, 20)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", BATCHES)
def test_eigh(batch, dtype):
    for n in (0, 1, 4, 21):
        a = matrix((*batch, n, n), dtype, "symmetric")
        w, v = both(td.linalg.eigh, np.tril(a))
        close(w, np.linalg.eigvalsh(a), dtype, 50)
        close((v * w[..., None, :]) @ v.swapaxes(-1, -2), a, dtype, 200)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("a", "b"), [((4, 4), (4,)), ((4, 4), (4, 3)), ((3, 4, 4), (4,)), ((3, 4, 4), (4, 2)), ((2, 1, 4, 4), (3, 4, 2)),
                 ((0, 0), (0,)), ((4, 4), (4, 0)), ((30, 30), (30, 30))]
)  # fmt: skip
def test_solve(a, b, dtype):
    x, y = matrix(a, dtype, "invertible"), matrix(b, dtype, seed=1)
    close(both(td.linalg.solve, x, y), np.linalg.solve(x, y), dtype, 50)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slogdet(dtype):
    a = np.stack([*matrix((3, 4, 4), dtype), np.ones((4, 4), dtype)])
    sign, logarithm = both(td.linalg.slogdet, a)
    want = np.linalg.slogdet(a)
    close(sign, want.sign, dtype)
    close(logarithm[:3], want.logabsdet[:3], dtype, 10)
    assert logarithm[3] == -np.inf and sign[3] == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (2, 3, 6), (0, 3)])
def test_by_singular_values(shape, dtype):
    a = matrix(shape, dtype)
    if a.size:
        a[..., -1, :] = a[..., 0, :]
    close(both(td.linalg.pinv, a), np.linalg.pinv(a, rtol=np.finfo(dtype).eps * max(shape[-2:])), dtype, 200)
    rank = both(td.linalg.matrix_rank, a)
    assert rank.dtype == np.int64 and np.array_equal(rank, np.linalg.matrix_rank(a))


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (4, 4)])
def test_lstsq(shape):
    a, b = matrix(shape), matrix((shape[0], 2), seed=1)
    x, residuals, rank, s = both(td.linalg.lstsq, a, b)
    want, want_residuals, want_rank, want_s = np.linalg.lstsq(a, b, rcond=None)
    close(x, want, "float64", 100)
    if want_residuals.size:
        close(residuals, want_residuals, "float64", 100)
    assert rank == want_rank
    close(s, want_s, "float64", 10)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5])
def test_matrix_power(n):
    a = matrix((2, 4, 4), kind="invertible")
    close(both(lambda x: td.linalg.matrix_power(x, n), a), np.linalg.matrix_power(a, n), "float64", 1000)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norm(order, keepdims):
    a = matrix((3, 4, 5))
    got = both(lambda x: td.linalg.matrix_norm(x, ord=order, keepdims=keepdims), a)
    close(got, np.linalg.matrix_norm(a, ord=order, keepdims=keepdims), "float64", 10)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("order", [0, 1, -1, 2, 3, 0.5, np.inf, -np.inf])
def test_vector_norm(order, axis):
    a = matrix((3, 4, 5))
    for keepdims in (False, True):
        got = both(lambda x, k=keepdims: td.linalg.vector_norm(x, ord=order, axis=axis, keepdims=k), a)
        close(got, np.asarray(np.linalg.vector_norm(a, ord=order, axis=axis, keepdims=keepdims)), "float64", 10)


@pytest.mark.parametrize(
    "arguments", [{}, {"ord": 1}, {"ord": 2}, {"axis": 0, "ord": 3}, {"axis": (1, 0), "ord": 1, "keepdims": True}]
)
def test_norm(arguments):
    a = matrix((4, 5))
    close(both(lambda x: td.norm(x, **arguments), a), np.asarray(np.linalg.norm(a, **arguments)), "float64", 10)


def test_half_floats_are_computed_in_float32_and_integers_in_the_default_dtype():
    a = matrix((4, 4), "float32", "invertible")
    half = td.asarray(a).astype(td.float16)
    assert td.linalg.inv(half).dtype == td.float16
    want = td.linalg.inv(half.astype(td.float32)).astype(td.float16)
    assert np.array_equal(np.asarray(td.linalg.inv(half)), np.asarray(want))
    assert td.linalg.det(td.asarray([[1, 2], [3, 5]])).dtype == td.float32


def test_results_do_not_depend_on_layout_or_threads():
    a = matrix((40, 7, 7), kind="invertible")
    want = np.asarray(td.linalg.inv(td.asarray(a))).tobytes()
    turned = td.asarray(np.ascontiguousarray(a.swapaxes(-1, -2))).mT
    assert np.asarray(td.linalg.inv(turned)).tobytes() == want
    before = td.num_threads()
    try:
        td.set_num_threads(1)
        assert np.asarray(td.linalg.inv(td.asarray(a))).tobytes() == want
    finally:
        td.set_num_threads(before)


def test_from_many_threads():
    a = matrix((20, 9, 9), kind="positive")
    want = np.asarray(td.linalg.cholesky(td.asarray(a))).tobytes()
    seen = []

    def work():
        seen.extend(np.asarray(td.linalg.cholesky(td.asarray(a))).tobytes() == want for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_in_a_forked_child():
    a = td.asarray(matrix((50, 20, 20), kind="invertible"))
    want = np.asarray(td.linalg.inv(a)).tobytes()
    child = os.fork()
    if child == 0:
        os._exit(0 if np.asarray(td.linalg.inv(a)).tobytes() == want else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert np.asarray(td.linalg.inv(a)).tobytes() == want


def test_unused_results_fail_too():
    @td.script
    def f(x):
        td.linalg.inv(x)
        return x + 1

    f(td.eye(3))
    with pytest.raises(td.linalg.LinAlgError, match="inv: got a singular matrix; need .*\n.*\n.*td.linalg.inv"):
        f(td.ones((3, 3)))


ERRORS = [
    (lambda: td.linalg.inv(td.ones((2, 3, 3))), td.linalg.LinAlgError,
     "inv: got a singular matrix at [0] of the batch; need one with an inverse; try td.linalg.pinv"),
    (lambda: td.linalg.solve(td.ones((2, 2)), td.ones(2)), td.linalg.LinAlgError,
     "solve: got a singular matrix; need one with an inverse; try td.linalg.lstsq"),
    (lambda: td.linalg.cholesky(-td.eye(2)), td.linalg.LinAlgError,
     "cholesky: got a matrix that is not positive definite; need a symmetric one with positive eigenvalues; try "
     "td.linalg.eigh"),
    (lambda: td.linalg.svdvals(td.full((2, 2), float("nan"))), td.linalg.LinAlgError,
     "svd: got a matrix for which the algorithm did not converge; need finite elements; try td.isfinite"),
    (lambda: td.linalg.inv(td.ones((2, 3))), td.ShapeError,
     "inv: got the shape [2, 3]; need square matrices [..., n, n]"),
    (lambda: td.linalg.det(td.ones(3)), td.ShapeError, "det: got the shape [3]; need at least two axes"),
    (lambda: td.linalg.solve(td.eye(3), td.ones(2)), td.ShapeError,
     "solve: got shapes (3, 3) and (2,); need [..., n, n] and [n] or [..., n, k] with the same n"),
    (lambda: td.linalg.qr(td.eye(3), mode="r"), td.Error, "qr: got mode='r'; need 'reduced' or 'complete'"),
    (lambda: td.linalg.matrix_norm(td.eye(3), ord=3), td.Error,
     "matrix_norm: got ord=3; need 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def in_a_line(x, y, seen):
    x += 1
    seen.append(td.sum(x))
    y[0] = 7
    z = td.linalg.inv(x)
    x += 1
    y += z
    seen.append(td.sum(x))
    return x


def solving(x, y, seen):
    y *= 2
    out = td.linalg.solve(x + 1, y) + td.linalg.solve(y + 1, x)
    y += out
    return td.linalg.cholesky(td.linalg.inv(x + td.eye(2)))


def in_a_branch(x, y, seen):
    y -= 1
    if td.sum(x) < 1:
        x += 1
        x += td.linalg.inv(x)
    else:
        x += 2
    return x * y


def in_a_loop(x, y, seen):
    for i in range(td.asarray(4)):
        x += 1
        y[0] += i
        if i == 2:
            x -= x
        y += td.linalg.inv(x + td.eye(2))
        td.linalg.inv(x - td.eye(2))
    return x


def twice(x, y, seen):
    td.linalg.inv(x + td.eye(2))
    x += 1
    td.linalg.svdvals(x)
    print(td.sum(x))
    y += td.linalg.inv(x)
    x *= 2
    print(td.sum(y))
    return td.linalg.inv(x)


def with_indices(x, y, seen):
    y += 1
    z = x[td.astype(y[0, 0], td.int64)]
    x += 3
    return td.linalg.inv(x) + z


@pytest.mark.parametrize("function", [in_a_line, solving, in_a_branch, in_a_loop, twice, with_indices])
@pytest.mark.parametrize("start", [0.0, -1.0, 1.5])
def test_a_failed_call_leaves_behind_what_eager_code_does_and_everything_usable(function, start, capsys):
    compiled = td.script(function)
    outcomes = []
    for call in (function, compiled, compiled):
        x, y, seen = td.full((2, 2), start, dtype=td.float64), td.full((2, 2), start, dtype=td.float64), []
        try:
            result = np.asarray(call(x, y, seen)).tolist()
        except td.Error as error:
            result = (type(error), str(error).splitlines()[0])
        outcomes.append(
            (result, x.tolist(), y.tolist(), [np.asarray(s).tolist() for s in seen], capsys.readouterr().out)
        )
    assert repr(outcomes[1]) == repr(outcomes[0]) and repr(outcomes[2]) == repr(outcomes[0])
    if isinstance(outcomes[0][0], tuple):
        assert outcomes[0][0][0] is td.linalg.LinAlgError or function is with_indices


def test_without_the_library_everything_fails_in_its_place():
    code = """if True:
        import tandem as td

        @td.script
        def f(x):
            x += 1
            td.linalg.qr(x)
            x += 1

        x = td.zeros((2, 2))
        try:
            f(x)
        except td.BackendError:
            print(x.tolist())
    """
    assert child(code, TANDEM_LAPACK="/nowhere/liblapack.so").stdout == "[[1.0, 1.0], [1.0, 1.0]]\n"


def child(code, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_a_missing_library_is_named():
    code = "import tandem as td\ntd.linalg.inv(td.eye(2))"
    result = child(code, TANDEM_LAPACK="/nowhere/liblapack.so")
    assert "BackendError: linalg: got no LAPACK: " in result.stderr and "/nowhere/liblapack.so" in result.stderr
    assert "apt-get install libopenblas0-pthread" in result.stderr


def test_the_library_in_numpys_wheel():
    from tandem._lapack import bundled

    path = bundled()
    if not path:
        pytest.skip("this NumPy is not from a wheel")
    code = """if True:
        import numpy as np, tandem as td
        from tandem import _core
        a = np.random.default_rng(0).standard_normal((3, 8, 8))
        x = td.asarray(a)
        assert np.allclose(td.linalg.inv(x), np.linalg.inv(a))
        assert np.allclose(td.linalg.det(x), np.linalg.det(a))
        u, s, vh = td.linalg.svd(x)
        assert np.allclose((np.asarray(u) * np.asarray(s)[..., None, :]) @ np.asarray(vh), a)
        w, v = td.linalg.eigh(x @ x.mT)
        assert np.allclose(w, np.linalg.eigvalsh(a @ a.swapaxes(-1, -2)))
        print(_core._lapack())
    """
    result = child(code, TANDEM_LAPACK=path)
    assert "64-bit integers" in result.stdout and path in result.stdout, result.stderr


# ---- gradients: by the formula, and by differences -------------------------------------------------------------------

GRADIENTS = [
    ("cholesky", (0,), "positive", [(4, 4)]),
    ("cholesky", (1,), "positive", [(2, 3, 3)]),
    ("inv", (), "invertible", [(2, 3, 3)]),
    ("det", (), "invertible", [(2, 3, 3)]),
    ("slogdet", (), "invertible", [(2, 3, 3)]),
    ("solve", (), "invertible", [(2, 3, 3), (2, 3, 2)]),
    ("qr", (0,), "any", [(2, 5, 3)]),
    ("qr", (0,), "any", [(3, 3)]),
    ("qr", (0,), "any", [(2, 3, 5)]),
    ("qr", (1,), "any", [(3, 5)]),
    ("svd", (0,), "any", [(2, 4, 3)]),
    ("svd", (0,), "any", [(3, 4)]),
    ("svd", (0,), "any", [(3, 3)]),
    ("svdvals", (), "any", [(2, 4, 3)]),
    ("eigh", (), "symmetric", [(2, 4, 4)]),
    ("eigvalsh", (), "symmetric", [(2, 4, 4)]),
]


@pytest.mark.parametrize(("name", "params", "kind", "shapes"), GRADIENTS)
def test_gradient(name, params, kind, shapes):
    function = getattr(_core, f"_{name}")
    arrays = [matrix(shapes[0], kind=kind), *(matrix(shape, seed=1) for shape in shapes[1:])]
    flags = [bool(p) for p in params]
    output = np.asarray(function(*map(td.asarray, arrays), *flags))
    weights = np.random.default_rng(3).standard_normal(output.shape)
    got = _core._gradient(name, [td.asarray(a) for a in arrays], params, td.asarray(weights))
    rng = np.random.default_rng(4)
    symmetric = kind in ("symmetric", "positive")
    for which, gradient in enumerate(got):
        for _ in range(3):
            step = rng.standard_normal(arrays[which].shape)
            if symmetric and which == 0:
                step = step + step.swapaxes(-1, -2)
            values = []
            for sign in (1, -1):
                moved = list(arrays)
                moved[which] = arrays[which] + sign * 1e-6 * step
                values.append(np.sum(weights * np.asarray(function(*map(td.asarray, moved), *flags))))
            want = (values[0] - values[1]) / 2e-6
            assert np.sum(np.asarray(gradient) * step) == pytest.approx(want, rel=2e-6, abs=2e-7)


def test_the_gradient_of_a_decomposition_that_is_not_unique():
    a = td.asarray(matrix((5, 3)))
    with pytest.raises(td.Error, match="mode='complete'.*try mode='reduced'"):
        _core._gradient("qr", [a], (1,), td.zeros((40,), dtype=td.float64))


# ---- sizes that are symbols ------------------------------------------------------------------------------------------

DYNAMIC = {
    "svd": lambda x: td.linalg.svd(x, full_matrices=False).S,
    "qr": lambda x: td.linalg.qr(x, mode="complete").R,
    "pinv": lambda x: td.linalg.pinv(x),
    "diagonal": lambda x: td.linalg.diagonal(x, offset=1),
    "matrix_norm": lambda x: td.linalg.matrix_norm(x, ord="nuc"),
    "eigh": lambda x: td.linalg.eigh(x @ x.mT).eigenvectors,
    "slogdet": lambda x: td.linalg.slogdet(x.mT @ x).logabsdet,
    "einsum": lambda x: td.einsum("ij,kj,kl->li", x, x, x),
    "fftshift": lambda x: td.fft.fftshift(x),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_one_program_serves_many_sizes(name):
    function = DYNAMIC[name]
    compiled = td.script(function)
    for shape in ((6, 3), (7, 3), (9, 4), (11, 5), (13, 6)):
        x = td.asarray(matrix(shape))
        assert np.asarray(compiled(x)).tobytes() == np.asarray(function(x)).tobytes()
    assert compiled.stats()["captures"] <= 3


def test_in_branches_and_loops():
    @td.script
    def f(x, n):
        for _ in range(n):
            if td.sum(x) > 0:
                x = td.linalg.inv(x) - 1
            else:
                x = td.linalg.solve(x, td.ones((3, 3), dtype=td.float64)) + x
        return x

    x = td.asarray(matrix((3, 3), kind="invertible"))
    assert np.asarray(f(x, 6)).tobytes() == np.asarray(f.eager(x, 6)).tobytes()
