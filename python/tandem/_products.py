"""Products of tensors, diagonals and distances, as formulas over operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._array_api import _axes, _axis
from tandem._boundary import public

Tensor = _core.Tensor


def axes_of(what: str, axis: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Return the axes, from 0 on; an error names `what`."""
    return tuple(_axes(what, axis, rank))


@public
def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """Return the diagonal of matrices, or the one `offset` columns to the right of it (to the left if negative).

    >>> td.linalg.diagonal(td.asarray([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if x.ndim < 2:
        raise _core.ShapeError(f"diagonal: got the shape {x.shape}; need at least two axes")
    *batch, rows, columns = x.shape
    if offset >= 0:
        start, count = offset, min(rows, columns - offset)
    else:
        start, count = -offset * columns, min(rows + offset, columns)
    flat = x.reshape((*batch, rows * columns))
    if count <= 0:
        return flat[..., 0:0]
    zeros, ones = [0] * len(batch), [1] * len(batch)
    return _core._slice(flat, [*zeros, start], [*batch, count], [*ones, columns + 1])


@public
def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """Return the sum along the diagonal of matrices; see `diagonal` for offset.

    >>> td.linalg.trace(td.asarray([[1, 2], [3, 4]]))
    tensor(5)
    """
    return _core.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


@public
def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the cross product of vectors of three elements along an axis; other axes broadcast.

    >>> td.cross(td.asarray([1, 0, 0]), td.asarray([0, 1, 0]))
    tensor([0, 0, 1])
    """
    rank = min(x1.ndim, x2.ndim)
    if not -rank <= axis < rank or (axis >= 0 and x1.ndim != x2.ndim):
        raise _core.OutOfBoundsError(
            f"cross: got axis {axis} for tensors with {x1.ndim} and {x2.ndim} axes; need one that both have; try a "
            "negative one"
        )
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise _core.ShapeError(f"cross: got shapes {x1.shape} and {x2.shape}; need size 3 along axis {axis}")
    a, b = ([_core.take(x, _core.asarray(i), axis=axis) for i in range(3)] for x in (x1, x2))
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return _core.stack(parts, axis=axis if axis < 0 else _axis("cross", axis, rank))


@public
def kron(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the Kronecker product: every element of x1 times the whole of x2, as blocks.

    >>> td.kron(td.asarray([1, 10]), td.asarray([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    rank = max(x1.ndim, x2.ndim)
    first = (1,) * (rank - x1.ndim) + tuple(x1.shape)
    second = (1,) * (rank - x2.ndim) + tuple(x2.shape)
    a = x1.reshape(tuple(size for n in first for size in (n, 1)))
    b = x2.reshape(tuple(size for n in second for size in (1, n)))
    return _core.multiply(a, b).reshape(tuple(n * m for n, m in zip(first, second, strict=True)))


@public
def dist(x1: Tensor, x2: Tensor, /, *, p: float = 2) -> Tensor:
    """Return the p-norm of x1 - x2, of all elements together; see td.linalg.vector_norm.

    >>> td.dist(td.asarray([1., 2.]), td.asarray([4., 6.]))
    tensor(5., dtype=float32)
    """
    from tandem.linalg import vector_norm

    return vector_norm(_core.subtract(x1, x2), ord=p)


@public
def cdist(x1: Tensor, x2: Tensor, /, *, p: float = 2) -> Tensor:
    """Return the p-norms of the differences of all rows of x1 [..., m, d] and x2 [..., n, d], as [..., m, n].

    Differences are taken element by element: nothing cancels, and a compiled function stores none of them.

    >>> td.cdist(td.asarray([[0., 0.]]), td.asarray([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]], dtype=float32)
    """
    from tandem.linalg import vector_norm

    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise _core.ShapeError(
            f"cdist: got shapes {x1.shape} and {x2.shape}; need [..., m, d] and [..., n, d] with the same d"
        )
    return vector_norm(_core.expand_dims(x1, axis=-2) - _core.expand_dims(x2, axis=-3), axis=-1, ord=p)
