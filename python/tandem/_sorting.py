"""Sorting and searching: functions made of the operations on sorted tensors, eager and captured alike.

Functions whose result has a size that depends on values need eager code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tandem import _core
from tandem._array_api import cumulative_with_initial
from tandem._blocks import in_blocks
from tandem._boundary import public

Tensor = _core.Tensor


class TopK(NamedTuple):
    values: Tensor
    indices: Tensor


def need_values(what: str, hint: str) -> None:
    """Raise CaptureError inside of a capture: the size of the result is not known there."""
    if _core.recording():
        raise _core.CaptureError(
            f"{what}: got a tensor without values, inside of a captured function; need eager code, because the size of "
            f"the result depends on them; try {hint}, or call it outside of the function"
        )


@public
def topk(x: Tensor, k: int, /, *, axis: int = -1, largest: bool = True) -> TopK:
    """Return the k largest (or smallest) elements along an axis in order, and their int64 indices.

    Of equal elements the earlier ones come first; NaNs come last.

    >>> td.topk(td.asarray([3, 1, 4]), 2).values
    tensor([4, 3])
    """
    indices = _core._topk_indices(x, k=k, axis=axis, largest=largest)
    return TopK(_core.take_along_axis(x, indices, axis=axis), indices)


@public
def searchsorted(x1: Tensor, x2: Tensor, /, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Return the int64 places where values of x2 go into the sorted vector x1 (or x1[sorter]) to keep it sorted.

    side="left" is the first such place, "right" the last.

    >>> td.searchsorted(td.asarray([1, 3, 5]), td.asarray([3, 4]))
    tensor([1, 2])
    """
    if side not in ("left", "right"):
        raise _core.ArgumentError(f"searchsorted: got side={side!r}; need 'left' or 'right'")
    if x1.ndim != 1:
        raise _core.ShapeError(f"searchsorted: got a table of shape {x1.shape}; need one axis")
    dtype = _core._result_type((x1, x2))
    table = x1 if sorter is None else _core.take(x1, sorter)
    values = _core.asarray(x2).astype(dtype, copy=False)
    return _core._places_in_sorted(table.astype(dtype, copy=False), values, right=side == "right")


_FEW = 16


def found(x1: Tensor, x2: Tensor) -> Tensor:
    """Return which elements of x1 are in the vector x2: one of few that are compared, or found in them sorted."""
    if isinstance(x2.shape[0], int) and x2.shape[0] <= _FEW:
        return in_blocks(lambda x: _core.any(_core.equal(_core.expand_dims(x, axis=-1), x2), axis=-1), x1)
    dtype = _core._result_type((x1, x2))
    table = _core.sort(x2.astype(dtype, copy=False))

    def search(x: Tensor) -> Tensor:
        x = x.astype(dtype, copy=False)
        places = _core.minimum(_core._places_in_sorted(table, x, right=False), table.shape[0] - 1)
        return _core.equal(_core.take(table, places), x)

    return in_blocks(search, x1)


@public
def isin(x1: Tensor, x2: Tensor, /, *, invert: bool = False) -> Tensor:
    """Return whether each element of x1 is one of x2's.

    >>> td.isin(td.asarray([1, 2, 3]), td.asarray([3, 1]))
    tensor([ True, False,  True])
    """
    is_found = found(x1, x2.reshape((-1,)))
    return _core.logical_not(is_found) if invert else is_found


def nonzero_places(x: Tensor) -> Tensor:
    """Return the places of the elements of the flattened tensor that are not zero."""
    truth = _core.not_equal(x, 0) if x.dtype != _core.bool else x
    flat = truth.reshape((-1,))
    return _core._places_of_nonzero(flat, length=(int(_core.sum(flat)),))


@public
def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Return the int64 indices of the elements that are not zero, one vector per axis, in row-major order.

    >>> td.nonzero(td.asarray([0, 5, 6]))
    (tensor([1, 2]),)
    """
    need_values("nonzero", "td.where or a mask")
    if x.ndim == 0:
        raise _core.ShapeError("nonzero: got a tensor without axes; need at least one; try x.reshape((1,))")
    places = nonzero_places(x)
    parts: list[Tensor] = []
    for size in reversed(x.shape[1:]):
        before = _core.floor_divide(places, max(size, 1))
        places %= max(size, 1)
        parts.append(places)
        places = before
    return (places, *reversed(parts))


@public
def argwhere(x: Tensor, /) -> Tensor:
    """Return the int64 indices of the elements that are not zero, a row of one index per axis for each.

    >>> td.argwhere(td.asarray([[0, 5], [6, 0]]))
    tensor([[0, 1], [1, 0]])
    """
    need_values("argwhere", "td.where or a mask")
    if x.ndim == 0:
        return _core.zeros((int(_core.not_equal(x, 0)), 0), dtype=_core.int64, device=x._place)
    return _core.stack(list(nonzero(x)), axis=-1)


@public
def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Return running products along an axis, with a one in front if include_initial; see td.cumprod.

    >>> td.cumulative_prod(td.asarray([2, 3]), include_initial=True)
    tensor([1, 2, 6])
    """
    out = _core.cumprod(x, axis=axis, dtype=dtype)
    return cumulative_with_initial("cumulative_prod", out, axis, _core.ones) if include_initial else out
