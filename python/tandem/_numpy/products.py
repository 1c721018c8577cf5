"""Products of vectors and matrices under NumPy's names."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem._array_api import tensordot, vecdot
from tandem._boundary import public
from tandem._numpy.given import flat, tensor

Tensor = _core.Tensor


def _match(what: str, x1: Tensor, x2: Tensor, size1: int, size2: int) -> None:
    if size1 != size2:
        raise _core.ShapeError(f"{what}: got shapes {x1.shape} and {x2.shape}; need equal sizes to sum over")


@public
def dot(x: Any, y: Any, /) -> Tensor:
    """Return sums of products over the last axis of x and the last but one of y, or its only one.

    Numbers multiply. For more than two axes td.matmul treats the first ones as a batch; this does not.

    >>> td.dot(td.asarray([1, 2]), td.asarray([3, 4]))
    tensor(11)
    """
    x, y = tensor(x), tensor(y)
    if x.ndim == 0 or y.ndim == 0:
        return _core.multiply(x, y)
    axis = max(y.ndim - 2, 0)
    _match("dot", x, y, x.shape[-1], y.shape[axis])
    if x.ndim <= 2 and y.ndim <= 2:
        return _core.matmul(x, y)
    return tensordot(x, y, axes=([x.ndim - 1], [axis]))


@public
def inner(x1: Any, x2: Any, /) -> Tensor:
    """Return sums of products over the last axes of both; numbers multiply.

    >>> td.inner(td.asarray([[1, 2]]), td.asarray([3, 4]))
    tensor([11])
    """
    x1, x2 = tensor(x1), tensor(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return _core.multiply(x1, x2)
    _match("inner", x1, x2, x1.shape[-1], x2.shape[-1])
    return tensordot(x1, x2, axes=([x1.ndim - 1], [x2.ndim - 1]))


@public
def vdot(x1: Any, x2: Any, /) -> Tensor:
    """Return the sum of products of all elements, those of x1 conjugated.

    >>> td.vdot(td.asarray([[1, 2], [3, 4]]), td.asarray([[1, 0], [0, 1]]))
    tensor(5)
    """
    x1, x2 = flat(x1), flat(x2)
    _match("vdot", x1, x2, x1.shape[0], x2.shape[0])
    return vecdot(x1, x2)


@public
def matvec(x1: Any, x2: Any, /) -> Tensor:
    """Return products of matrices [..., m, n] and vectors [..., n]; the first axes broadcast.

    >>> td.matvec(td.asarray([[1, 2], [3, 4]]), td.asarray([1, 1]))
    tensor([3, 7])
    """
    x1, x2 = tensor(x1), tensor(x2)
    if x1.ndim < 2 or x2.ndim < 1:
        raise _core.ShapeError(f"matvec: got shapes {x1.shape} and {x2.shape}; need [..., m, n] and [..., n]")
    _match("matvec", x1, x2, x1.shape[-1], x2.shape[-1])
    return _core.squeeze(_core.matmul(x1, _core.expand_dims(x2, axis=-1)), axis=-1)


@public
def vecmat(x1: Any, x2: Any, /) -> Tensor:
    """Return products of vectors [..., n], conjugated, and matrices [..., n, m]; the first axes broadcast.

    >>> td.vecmat(td.asarray([1, 1]), td.asarray([[1, 2], [3, 4]]))
    tensor([4, 6])
    """
    x1, x2 = tensor(x1), tensor(x2)
    if x1.ndim < 1 or x2.ndim < 2:
        raise _core.ShapeError(f"vecmat: got shapes {x1.shape} and {x2.shape}; need [..., n] and [..., n, m]")
    _match("vecmat", x1, x2, x1.shape[-1], x2.shape[-2])
    row = _core.conj(x1) if x1.dtype.kind == "complex" else x1
    return _core.squeeze(_core.matmul(_core.expand_dims(row, axis=-2), x2), axis=-2)
