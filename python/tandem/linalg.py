"""Linear algebra: the array API's `linalg`, and what NumPy and PyTorch add to it.

Matrices are the last two axes, [..., m, n]; all axes before them are a batch. Computed in float32, float64, complex64
or complex128 by LAPACK: that of $TANDEM_LAPACK, else the system's OpenBLAS or LAPACK, else the OpenBLAS inside NumPy's
wheel. Integers become the default dtype; float16 and bfloat16 are computed in float32 and rounded once. Where there is
no result (a singular matrix has no inverse), `LinAlgError` names the matrix. x^H is the conjugate transpose of x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from tandem import _core
from tandem._array_api import outer, tensordot, vecdot
from tandem._boundary import public
from tandem._core import LinAlgError, matmul, matrix_transpose
from tandem._products import axes_of, cross, diagonal, trace

Tensor = _core.Tensor

__all__ = [
    "EigResult",
    "EighResult",
    "LinAlgError",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


class QRResult(NamedTuple):
    """What `qr` returns: Q with orthonormal columns, and the upper triangular R."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns: U, the singular values S, and Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class EighResult(NamedTuple):
    """What `eigh` returns: eigenvalues in ascending order, and the eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class EigResult(NamedTuple):
    """What `eig` returns: eigenvalues, and the eigenvectors as columns, both complex."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SlogdetResult(NamedTuple):
    """What `slogdet` returns: the sign of the determinant, and the logarithm of its size."""

    sign: Tensor
    logabsdet: Tensor


class LstsqResult(NamedTuple):
    """What `lstsq` returns: the solution, sums of squared residuals, ranks and singular values."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _operand(x: Tensor) -> Tensor:
    """Return the tensor in a dtype that LAPACK has."""
    if not isinstance(x, Tensor):
        x = _core.asarray(x)
    if x.dtype.kind not in ("float", "complex"):
        return x.astype(_core.default_dtype())
    return x.astype(_core.float32) if x.dtype.itemsize == 2 else x


def _real(x: Tensor) -> Tensor:
    return _core.real(x) if x.dtype.kind == "complex" else x


def _adjoint(x: Tensor) -> Tensor:
    return _core.conj(x.mT) if x.dtype.kind == "complex" else x.mT


def _rounded(result: Tensor, x: Tensor) -> Tensor:
    """Return the result in the dtype of the operand, where that is a 16-bit float."""
    is_half = isinstance(x, Tensor) and x.dtype.kind == "float" and x.dtype.itemsize == 2
    return result.astype(x.dtype) if is_half else result


def _sizes(what: str, x: Tensor) -> tuple[tuple[int, ...], int, int]:
    if x.ndim < 2:
        raise _core.ShapeError(f"{what}: got the shape {x.shape}; need at least two axes")
    *batch, rows, columns = x.shape
    return tuple(batch), rows, columns


def _parts(packed: Tensor, like: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Take the results out of the vector in which they lie one after the other."""
    out, start = [], 0
    for shape in shapes:
        count = 1
        for size in shape:
            count = count * size
        stop = start + count
        out.append(_rounded(packed[start:stop].reshape(shape), like))
        start = stop
    return out


@public
def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """Return the lower triangular L with L @ L^H = x, or the upper triangular U with U^H @ U = x.

    Reads that triangle of x alone. LinAlgError if x is not positive definite.

    >>> td.linalg.cholesky(td.asarray([[4., 2.], [2., 2.]]))
    tensor([[2., 0.],
            [1., 1.]], dtype=float32)
    """
    return _rounded(_core._cholesky(_operand(x), upper=upper), x)


@public
def qr(x: Tensor, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Return Q with orthonormal columns and the upper triangular R with Q @ R = x.

    mode="reduced": Q [..., m, k] and R [..., k, n] with k = min(m, n); "complete": k = m.

    >>> td.linalg.qr(td.asarray([[2., 1.], [0., 3.]])).R.shape
    (2, 2)
    """
    if mode not in ("reduced", "complete"):
        raise _core.ArgumentError(f"qr: got mode={mode!r}; need 'reduced' or 'complete'")
    batch, rows, columns = _sizes("qr", x)
    inner = rows if mode == "complete" else min(rows, columns)
    packed = _core._qr(_operand(x), complete=mode == "complete")
    return QRResult(*_parts(packed, x, (*batch, rows, inner), (*batch, inner, columns)))


@public
def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """Return U, S and Vh with U @ diag(S) @ Vh = x, the largest singular values first.

    With k = min(m, n): S is [..., k]; U and Vh are [..., m, m] and [..., n, n], or, unless full_matrices, [..., m, k]
    and [..., k, n]. LinAlgError if the algorithm does not converge.

    >>> td.linalg.svd(td.asarray([[3., 0.], [0., 2.]])).S
    tensor([3., 2.], dtype=float32)
    """
    batch, rows, columns = _sizes("svd", x)
    least = min(rows, columns)
    left, right = (rows, columns) if full_matrices else (least, least)
    packed = _core._svd(_operand(x), full_matrices=full_matrices)
    u, s, vh = _parts(packed, x, (*batch, rows, left), (*batch, least), (*batch, right, columns))
    return SVDResult(u, _real(s), vh)


@public
def svdvals(x: Tensor, /) -> Tensor:
    """Return the singular values, the largest first.

    >>> td.linalg.svdvals(td.asarray([[0., 2.], [3., 0.]]))
    tensor([3., 2.], dtype=float32)
    """
    return _rounded(_core._svdvals(_operand(x)), x)


@public
def eigh(x: Tensor, /) -> EighResult:
    """Return the eigenvalues of Hermitian matrices in ascending order, and eigenvectors as columns.

    Reads the lower triangle of x alone.

    >>> td.linalg.eigh(td.asarray([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.], dtype=float32)
    """
    batch, rows, _ = _sizes("eigh", x)
    values, vectors = _parts(_core._eigh(_operand(x)), x, (*batch, rows), (*batch, rows, rows))
    return EighResult(_real(values), vectors)


@public
def eigvalsh(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of Hermitian matrices in ascending order; reads the lower triangle alone.

    >>> td.linalg.eigvalsh(td.asarray([[2., 0.], [0., 1.]]))
    tensor([1., 2.], dtype=float32)
    """
    return _rounded(_core._eigvalsh(_operand(x)), x)


@public
def eig(x: Tensor, /) -> EigResult:
    """Return the eigenvalues of square matrices, in no certain order, and eigenvectors of length 1 as columns.

    Both are complex, also of real matrices. LinAlgError if an element is not finite.

    >>> td.linalg.eig(td.asarray([[0., -1.], [1., 0.]])).eigenvalues
    tensor([0.+1.j, 0.-1.j], dtype=complex64)
    """
    batch, rows, _ = _sizes("eig", x)
    packed = _core._eig(_operand(x))
    values, vectors = _parts(packed, packed, (*batch, rows), (*batch, rows, rows))
    return EigResult(values, vectors)


@public
def eigvals(x: Tensor, /) -> Tensor:
    """Return the eigenvalues of square matrices, complex and in no certain order; see `eig`.

    >>> td.linalg.eigvals(td.asarray([[2., 1.], [0., 3.]]))
    tensor([2.+0.j, 3.+0.j], dtype=complex64)
    """
    return _core._eigvals(_operand(x))


@public
def inv(x: Tensor, /) -> Tensor:
    """Return the inverse of square matrices; LinAlgError if one is singular.

    >>> td.linalg.inv(td.asarray([[2., 4.], [0., 1.]]))
    tensor([[ 0.5, -2. ],
            [ 0. ,  1. ]], dtype=float32)
    """
    return _rounded(_core._inv(_operand(x)), x)


@public
def det(x: Tensor, /) -> Tensor:
    """Return the determinants of square matrices.

    >>> td.linalg.det(td.asarray([[1., 2.], [3., 5.]]))
    tensor(-1., dtype=float32)
    """
    return _rounded(_core._det(_operand(x)), x)


@public
def slogdet(x: Tensor, /) -> SlogdetResult:
    """Return the signs of determinants and the logarithms of their sizes; 0 and -inf if a matrix is singular.

    The sign of a complex number is that number divided by its size.

    >>> td.linalg.slogdet(td.asarray([[-1., 0.], [0., 1.]]))
    SlogdetResult(sign=tensor(-1., dtype=float32), logabsdet=tensor(0., dtype=float32))
    """
    batch, _, _ = _sizes("slogdet", x)
    sign, logarithm = _parts(_core._slogdet(_operand(x)), x, batch, batch)
    return SlogdetResult(sign, _real(logarithm))


@public
def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return x with x1 @ x = x2, for x1 [..., n, n] and x2 [n] or [..., n, k]; batches broadcast.

    LinAlgError if a matrix is singular.

    >>> td.linalg.solve(td.asarray([[2., 0.], [0., 4.]]), td.asarray([2., 2.]))
    tensor([1. , 0.5], dtype=float32)
    """
    dtype = _core._result_type((x1, x2))
    a, b = _operand(x1.astype(dtype, copy=False)), _operand(x2.astype(dtype, copy=False))
    batch, rows, columns = _sizes("solve", a)
    is_vector = b.ndim == 1
    if is_vector:
        b = _core.expand_dims(b, axis=1)
    if rows != columns or b.ndim < 2 or b.shape[-2] != rows:
        raise _core.ShapeError(
            f"solve: got shapes {x1.shape} and {x2.shape}; need [..., n, n] and [n] or [..., n, k] with the same n"
        )
    common = _core._broadcast_shape([batch, b.shape[:-2]])
    a = _core.broadcast_to(a, (*common, *a.shape[-2:]))
    b = _core.broadcast_to(b, (*common, *b.shape[-2:]))
    out = _core._solve(a, b)
    out = _core.squeeze(out, axis=-1) if is_vector else out
    return out.astype(dtype) if dtype.kind in ("float", "complex") else out


def _cutoff(rtol: float | Tensor | None, x: Tensor, values: Tensor) -> Tensor:
    """Return the size up to which singular values count as zero, [..., 1]."""
    largest = _core.max(values, axis=-1, keepdims=True)
    if rtol is None:
        eps = 2.0**-52 if values.dtype == _core.float64 else 2.0**-23
        return largest * eps * max(x.shape[-2:])
    return largest * (_core.expand_dims(rtol, axis=-1) if isinstance(rtol, Tensor) else rtol)


@public
def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Return the Moore-Penrose inverse; singular values up to rtol times the largest count as zero.

    rtol: one number, or one for each matrix; max(m, n) times the precision of the dtype by default.

    >>> td.linalg.pinv(td.asarray([[2., 0.], [0., 0.]]))
    tensor([[0.5, 0. ],
            [0. , 0. ]], dtype=float32)
    """
    return _rounded(_pinv(_operand(x), rtol), x)


def _pinv(a: Tensor, rtol: float | Tensor | None) -> Tensor:
    batch, rows, columns = _sizes("pinv", a)
    if rows == 0 or columns == 0:
        return _core.zeros((*batch, columns, rows), dtype=a.dtype, device=a._place)
    u, s, vh = svd(a, full_matrices=False)
    kept = _core.greater(s, _cutoff(rtol, a, s))
    inverse = _core.where(kept, 1.0 / _core.where(kept, s, 1.0), 0.0)
    return _core.matmul(_adjoint(vh) * _core.expand_dims(inverse, axis=-2), _adjoint(u))


@public
def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Count the singular values above rtol times the largest, as int64; see `pinv` for rtol.

    >>> td.linalg.matrix_rank(td.ones((3, 3)))
    tensor(1)
    """
    a = _operand(x)
    batch, rows, columns = _sizes("matrix_rank", a)
    if rows == 0 or columns == 0:
        return _core.zeros(batch, dtype=_core.int64, device=a._place)
    s = svdvals(a)
    return _core.sum(_core.greater(s, _cutoff(rtol, a, s)), axis=-1)


@public
def lstsq(a: Tensor, b: Tensor, /, *, rtol: float | None = None) -> LstsqResult:
    """Return the shortest x that makes the sum of squares of a @ x - b least.

    a is [..., m, n], b is [m] or [..., m, k]. Also returns the sums of squared residuals, the ranks of a, and its
    singular values; see `pinv` for rtol.

    >>> td.linalg.lstsq(td.asarray([[2.], [0.]]), td.asarray([2., 3.])).solution
    tensor([1.], dtype=float32)
    """
    dtype = _core._result_type((a, b))
    x, y = _operand(a.astype(dtype, copy=False)), _operand(b.astype(dtype, copy=False))
    _sizes("lstsq", x)
    is_vector = y.ndim == 1
    if is_vector:
        y = _core.expand_dims(y, axis=1)
    if y.ndim < 2 or y.shape[-2] != x.shape[-2]:
        raise _core.ShapeError(
            f"lstsq: got shapes {a.shape} and {b.shape}; need [..., m, n] and [m] or [..., m, k] with the same m"
        )
    solution = _core.matmul(_pinv(x, rtol), y)
    residuals = _core._internal("sum_of_squares", _core.matmul(x, solution) - y, axis=-2)
    if is_vector:
        solution, residuals = _core.squeeze(solution, axis=-1), _core.squeeze(residuals, axis=-1)
    rank, values = matrix_rank(x, rtol=rtol), svdvals(x)
    if dtype.kind == "float":  # a 16-bit one, perhaps
        solution, residuals, values = (part.astype(dtype) for part in (solution, residuals, values))
    return LstsqResult(solution, residuals, rank, values)


@public
def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Return the n-th power of square matrices: the identity for 0, powers of the inverse if n is negative.

    >>> td.linalg.matrix_power(td.asarray([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]], dtype=float32)
    """
    batch, rows, columns = _sizes("matrix_power", x)
    if not isinstance(n, int):
        raise _core.ArgumentTypeError(f"matrix_power: got n={n!r}; need an integer")
    if rows != columns:
        raise _core.ShapeError(f"matrix_power: got the shape {x.shape}; need square matrices [..., n, n]")
    if n == 0:
        ones = _core.ones((*batch, rows, columns), dtype=x.dtype, device=x._place)
        return _core.tril(_core.triu(ones))
    base = inv(x) if n < 0 else x
    out: Tensor | None = None
    left = abs(n)
    while left:
        if left & 1:
            out = base if out is None else _core.matmul(out, base)
        left >>= 1
        if left:
            base = _core.matmul(base, base)
    assert out is not None
    return out.copy() if out is x else out


_Order = float | Literal["fro", "nuc"] | None


@public
def vector_norm(
    x: Tensor, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """Return the ord-norm of vectors along one or several axes; of all elements by default.

    ord: inf the largest size, -inf the least, 0 the number of elements that are not zero, else the ord-th root of the
    sum of ord-th powers. 16-bit floats are computed in float32.

    >>> td.linalg.vector_norm(td.asarray([3., 4.]))
    tensor(5., dtype=float32)
    """
    a = _operand(x)
    axes = None if axis is None else axes_of("vector_norm", axis, a.ndim)
    return _rounded(_vector_norm(a, axes, keepdims, ord), x)


def _vector_norm(a: Tensor, axis: tuple[int, ...] | None, keepdims: bool, order: float) -> Tensor:
    if isinstance(order, str):
        raise _core.ArgumentError(f"vector_norm: got ord={order!r}; need a number; try matrix_norm")
    if order == 2:
        return _core.sqrt(_core._internal("sum_of_squares", a, axis=axis, keepdims=keepdims))
    size = _core.abs(a)
    if order == math.inf:
        return _core.max(size, axis=axis, keepdims=keepdims)
    if order == -math.inf:
        return _core.min(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return _core._internal("count_nonzero", a, axis=axis, keepdims=keepdims).astype(size.dtype)
    if order == 1:
        return _core.sum(size, axis=axis, keepdims=keepdims)
    return _core.pow(_core.sum(_core.pow(size, float(order)), axis=axis, keepdims=keepdims), 1.0 / order)


@public
def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: _Order = "fro") -> Tensor:
    """Return a norm of matrices.

    ord: "fro" (or None) the root of the sum of squares, "nuc" the sum of singular values, 1 the largest sum of sizes in
    a column, inf in a row, 2 the largest singular value; -1, -inf and -2 the least.

    >>> td.linalg.matrix_norm(td.asarray([[1., -2.], [3., 4.]]), ord=1)
    tensor(6., dtype=float32)
    """
    a = _operand(x)
    _sizes("matrix_norm", a)
    return _rounded(_matrix_norm(a, keepdims, ord), x)


def _matrix_norm(a: Tensor, keepdims: bool, order: _Order) -> Tensor:
    if order is None or order == "fro":
        return _vector_norm(a, (a.ndim - 2, a.ndim - 1), keepdims, 2)
    if order == "nuc" or (not isinstance(order, str) and abs(order) == 2):
        s = svdvals(a)
        reduce = _core.sum if order == "nuc" else _core.max if order == 2 else _core.min
        out = reduce(s, axis=-1)
        return out.reshape((*out.shape, 1, 1)) if keepdims else out
    if isinstance(order, str) or abs(order) not in (1, math.inf):
        raise _core.ArgumentError(f"matrix_norm: got ord={order!r}; need 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    summed, kept = (-2, -1) if abs(order) == 1 else (-1, -2)
    sums = _core.sum(_core.abs(a), axis=summed, keepdims=True)
    out = (_core.max if order > 0 else _core.min)(sums, axis=kept, keepdims=True)
    return out if keepdims else out.reshape(tuple(a.shape[:-2]))


@public
def norm(
    x: Tensor, /, *, ord: _Order = None, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Tensor:
    """Return the norm of vectors (one axis) or matrices (two axes), as NumPy's linalg.norm.

    Without ord: the root of the sum of squares, of all elements if there is no axis either. With ord but no axis, x is
    one vector or one matrix.

    >>> td.norm(td.asarray([[1., 2.], [2., 4.]]))
    tensor(5., dtype=float32)
    """
    a = _operand(x)
    if ord is None:
        axes = None if axis is None else axes_of("norm", axis, a.ndim)
        return _rounded(_vector_norm(a, axes, keepdims, 2), x)
    axes = tuple(range(a.ndim)) if axis is None else axes_of("norm", axis, a.ndim)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise _core.ArgumentError(f"norm: got ord={ord!r} for vectors; need a number")
        return _rounded(_vector_norm(a, axes, keepdims, ord), x)
    if len(axes) != 2:
        raise _core.ArgumentError(f"norm: got ord={ord!r} for {len(axes)} axes; need one or two; try axis=")
    others = tuple(k for k in range(a.ndim) if k not in axes)
    out = _matrix_norm(_core.permute_dims(a, (*others, *axes)), False, ord)
    if keepdims:
        out = out.reshape(tuple(1 if k in axes else size for k, size in enumerate(a.shape)))
    return _rounded(out, x)


@public
def cond(x: Tensor, /) -> Tensor:
    """Return the ratio of the largest and the least singular value; inf if a matrix is singular.

    >>> td.linalg.cond(td.asarray([[4., 0.], [0., 2.]]))
    tensor(2., dtype=float32)
    """
    s = svdvals(_operand(x))
    return _rounded(_core.max(s, axis=-1) / _core.min(s, axis=-1), x)
