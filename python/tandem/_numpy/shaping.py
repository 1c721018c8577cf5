"""Other shapes and orders of the same elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._array_api import _axes, _axis, _part, _product
from tandem._boundary import public
from tandem._numpy.given import flat, tensor
from tandem._parts import diag
from tandem._products import diagonal as _last_diagonal
from tandem._sorting import need_values, nonzero_places

Tensor = _core.Tensor


@public
def ravel(x: Any, /, order: str = "C") -> Tensor:
    """Return all elements as a vector: a view where that is possible, else a copy.

    order: "C" goes along rows, "F" along columns.

    >>> td.ravel(td.asarray([[1, 2], [3, 4]]), order="F")
    tensor([1, 3, 2, 4])
    """
    x = tensor(x)
    if order not in ("C", "F"):
        raise _core.ArgumentError(f"ravel: got order={order!r}; need 'C' or 'F'")
    return (x if order == "C" else _core.permute_dims(x, tuple(reversed(range(x.ndim))))).reshape((-1,))


@public
def flatten(x: Tensor, /, order: str = "C") -> Tensor:
    """Return a copy of all elements as a vector; see td.ravel for order.

    >>> td.asarray([[1, 2], [3, 4]]).flatten()
    tensor([1, 2, 3, 4])
    """
    out = ravel(x, order)
    return out.copy()


@public
def swapaxes(x: Any, /, axis1: int, axis2: int) -> Tensor:
    """Return a view with two axes exchanged.

    >>> td.swapaxes(td.ones((2, 3, 4)), 0, -1).shape
    (4, 3, 2)
    """
    x = tensor(x)
    order = list(range(x.ndim))
    first, second = _axis("swapaxes", axis1, x.ndim), _axis("swapaxes", axis2, x.ndim)
    order[first], order[second] = order[second], order[first]
    return _core.permute_dims(x, tuple(order))


@public
def rollaxis(x: Any, /, axis: int, start: int = 0) -> Tensor:
    """Return a view with an axis moved in front of another; td.moveaxis says it more clearly.

    >>> td.rollaxis(td.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    x = tensor(x)
    axis = _axis("rollaxis", axis, x.ndim)
    place = start + x.ndim if start < 0 else start
    if not 0 <= place <= x.ndim:
        raise _core.OutOfBoundsError(
            f"rollaxis: got start {start} for {x.ndim} axes; need {-x.ndim} <= start <= {x.ndim}"
        )
    order = [a for a in range(x.ndim) if a != axis]
    order.insert(place - (axis < place), axis)
    return _core.permute_dims(x, tuple(order))


def _each(change: Any, tensors: tuple[Any, ...]) -> Any:
    out = tuple(change(tensor(x)) for x in tensors)
    return out[0] if len(out) == 1 else out


@public
def atleast_1d(*tensors: Any) -> Any:
    """Return a tensor with at least one axis, or a tuple of such tensors for several.

    >>> td.atleast_1d(3)
    tensor([3])
    """
    return _each(lambda x: x.reshape((1,)) if x.ndim == 0 else x, tensors)


def _rows(x: Tensor) -> Tensor:
    return x if x.ndim >= 2 else x.reshape((1, -1))


@public
def atleast_2d(*tensors: Any) -> Any:
    """Return a tensor with at least two axes, or a tuple of such tensors; a vector becomes a row.

    >>> td.atleast_2d(td.asarray([1, 2])).shape
    (1, 2)
    """
    return _each(_rows, tensors)


def _planes(x: Tensor) -> Tensor:
    return x if x.ndim >= 3 else x.reshape((1, -1, 1)) if x.ndim < 2 else _core.expand_dims(x, axis=2)


@public
def atleast_3d(*tensors: Any) -> Any:
    """Return a tensor with at least three axes, or a tuple of such tensors: (n,) is (1, n, 1), (m, n) is (m, n, 1).

    >>> td.atleast_3d(td.asarray([1, 2])).shape
    (1, 2, 1)
    """
    return _each(_planes, tensors)


@public
def flipud(x: Any, /) -> Tensor:
    """Return a view with the first axis reversed.

    >>> td.flipud(td.asarray([1, 2, 3]))
    tensor([3, 2, 1])
    """
    return _part(tensor(x), _axis("flipud", 0, tensor(x).ndim), slice(None, None, -1))


@public
def fliplr(x: Any, /) -> Tensor:
    """Return a view with the second axis reversed.

    >>> td.fliplr(td.asarray([[1, 2], [3, 4]]))
    tensor([[2, 1], [4, 3]])
    """
    return _part(tensor(x), _axis("fliplr", 1, tensor(x).ndim), slice(None, None, -1))


@public
def rot90(x: Any, /, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Return a view rotated k times by 90 degrees in the plane of two axes, from the first towards the second.

    >>> td.rot90(td.asarray([[1, 2], [3, 4]]))
    tensor([[2, 4], [1, 3]])
    """
    x = tensor(x)
    plane = _axes("rot90", axes, x.ndim)
    if len(plane) != 2:
        raise _core.ArgumentError(f"rot90: got the axes {tuple(axes)}; need two")
    first, second = plane
    back = slice(None, None, -1)
    if k % 4 == 0:
        return x[...]
    if k % 4 == 2:
        return _part(_part(x, first, back), second, back)
    if k % 4 == 1:
        return swapaxes(_part(x, second, back), first, second)
    return _part(swapaxes(x, first, second), second, back)


@public
def resize(x: Any, /, new_shape: int | Sequence[int]) -> Tensor:
    """Return a tensor of another shape filled with the elements in order, again and again where there are too few.

    >>> td.resize(td.asarray([1, 2, 3]), (2, 2))
    tensor([[1, 2], [3, 1]])
    """
    shape = tuple(new_shape) if isinstance(new_shape, Sequence) else (new_shape,)
    if any(size < 0 for size in shape):
        raise _core.ShapeError(f"resize: got the shape {shape}; need sizes of 0 or more")
    values, count = flat(x), _product(shape)
    if values.shape[0] == 0:
        return _core.zeros(shape, dtype=values.dtype)
    if _core.recording() or values.requires_grad:
        places = _core.remainder(_core.arange(count, dtype=_core.int64), values.shape[0])
        return _core.take(values, places).reshape(shape)
    out = _core.empty((count,), dtype=values.dtype, device=values._place)
    filled = min(values.shape[0], count)
    out[:filled] = values[:filled]
    while filled < count:  # twice as many every time
        more = min(filled, count - filled)
        out[filled : filled + more] = out[:more]
        filled += more
    return out.reshape(shape)


@public
def trim_zeros(x: Any, /, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Tensor:
    """Return the view that is left when zeros at the front ("f") and at the back ("b") are cut off, along axes.

    >>> td.trim_zeros(td.asarray([0, 1, 0, 2, 0]))
    tensor([1, 0, 2])
    """
    need_values("trim_zeros", "a slice")
    x = tensor(x)
    sides = trim.lower()
    if sides not in ("f", "b", "fb", "bf"):
        raise _core.ArgumentError(f"trim_zeros: got trim={trim!r}; need 'f', 'b' or 'fb'")
    out = x
    for a in range(x.ndim) if axis is None else _axes("trim_zeros", axis, x.ndim):
        others = tuple(b for b in range(x.ndim) if b != a)
        places = nonzero_places(_core.any(_core.not_equal(x, 0), axis=others) if others else x).tolist()
        first, last = (places[0], places[-1] + 1) if places else (x.shape[a], 0)
        out = _part(out, a, slice(first if "f" in sides else 0, last if "b" in sides else None))
    return out


@public
def diagonal(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the diagonal of the plane of two axes as the last axis; see td.linalg.diagonal for offset.

    It is a view where x is contiguous and the two axes are its last ones, else a copy.

    >>> td.diagonal(td.asarray([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    x = tensor(x)
    if x.ndim < 2:
        raise _core.ShapeError(f"diagonal: got the shape {x.shape}; need at least two axes")
    plane = _axes("diagonal", (axis1, axis2), x.ndim)
    order = (*(a for a in range(x.ndim) if a not in plane), *plane)
    return _last_diagonal(_core.permute_dims(x, order), offset=offset)


@public
def trace(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Tensor:
    """Return the sums along diagonals; td.linalg.trace takes the last two axes instead of the first.

    >>> td.asarray([[1, 2], [3, 4]]).trace()
    tensor(5)
    """
    return _core.sum(diagonal(x, offset, axis1, axis2), axis=-1, dtype=dtype)


@public
def diagflat(x: Any, /, k: int = 0) -> Tensor:
    """Return the matrix that has all elements on its k-th diagonal and zeros elsewhere.

    >>> td.diagflat(td.asarray([1, 2]), 1)
    tensor([[0, 1, 0], [0, 0, 2], [0, 0, 0]])
    """
    return diag(flat(x), k=k)


@public
def ndim(x: Any, /) -> int:
    """Return the number of axes.

    >>> td.ndim(td.ones((2, 3)))
    2
    """
    return tensor(x).ndim


@public
def shape(x: Any, /) -> tuple[int, ...]:
    """Return the sizes of all axes.

    >>> td.shape([[1, 2, 3]])
    (1, 3)
    """
    return tensor(x).shape


@public
def size(x: Any, /, axis: int | Sequence[int] | None = None) -> int:
    """Return the number of elements, or of those along axes.

    >>> td.size(td.ones((2, 3)), 1)
    3
    """
    x = tensor(x)
    if axis is None:
        return x.size
    return int(_product(x.shape[a] for a in _axes("size", axis, x.ndim)))
