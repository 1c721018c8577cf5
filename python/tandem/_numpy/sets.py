"""Orders and sets of elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._array_api import _axis, _product, moveaxis
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._numpy.given import common, flat, is_number, tensor
from tandem._sorting import found as is_found
from tandem._sorting import need_values, nonzero_places, searchsorted
from tandem._unique import distinct, lengths_between, numbers_of, starts_of_values

Tensor = _core.Tensor


def _kth(what: str, x: Tensor, kth: Any, axis: int) -> None:
    size = x.shape[_axis(what, axis, x.ndim)]
    for k in (kth,) if is_number(kth) else kth:
        if not -size <= k < size:
            raise _core.OutOfBoundsError(f"{what}: got kth={k} for size {size}; need {-size} <= kth < {size}")


@public
def partition(x: Any, /, kth: int | Sequence[int], axis: int | None = -1) -> Tensor:
    """Return elements ordered so that the kth is where sorting puts it, lesser ones before it: here, sorted.

    >>> td.partition(td.asarray([3, 1, 2]), 1)
    tensor([1, 2, 3])
    """
    x, axis = (flat(x), 0) if axis is None else (tensor(x), axis)
    _kth("partition", x, kth, axis)
    return _core.sort(x, axis=axis)


@public
def argpartition(x: Any, /, kth: int | Sequence[int], axis: int | None = -1) -> Tensor:
    """Return int64 indices that order elements as td.partition does.

    >>> td.argpartition(td.asarray([3, 1, 2]), 1)
    tensor([1, 2, 0])
    """
    x, axis = (flat(x), 0) if axis is None else (tensor(x), axis)
    _kth("argpartition", x, kth, axis)
    return _core.argsort(x, axis=axis)


@public
def _searched(x: Tensor, v: Any, /, side: str = "left", sorter: Any = None) -> Tensor:
    """Return the int64 places where values go into the sorted vector to keep it sorted; see td.searchsorted.

    >>> td.asarray([1, 3, 5]).searchsorted(td.asarray([3, 4]))
    tensor([1, 2])
    """
    return searchsorted(x, tensor(v), side=side, sorter=None if sorter is None else tensor(sorter))


@public
def lexsort(keys: Any, /, axis: int = -1) -> Tensor:
    """Return int64 indices that sort by several keys: by the last one, where it is equal by the one before it, ...

    >>> td.lexsort((td.asarray([3, 1, 2]), td.asarray([1, 1, 0])))
    tensor([2, 1, 0])
    """
    each = [tensor(key) for key in keys]
    if not each:
        raise _core.ArgumentError("lexsort: got no keys; need at least one")
    if each[0].ndim == 0:
        return _core.zeros((), dtype=_core.int64)
    for key in each[1:]:
        if key.shape != each[0].shape:
            raise _core.ShapeError(f"lexsort: got keys of shapes {each[0].shape} and {key.shape}; need equal shapes")
    return _core._lexsort(each, axis=_axis("lexsort", axis, each[0].ndim))


@public
def sort_complex(x: Any, /) -> Tensor:
    """Return elements as complex numbers, sorted along the last axis by the real part, then by the imaginary part.

    >>> td.sort_complex(td.asarray([2.0, 1.0]))
    tensor([1.+0.j, 2.+0.j], dtype=complex64)
    """
    x = tensor(x)
    return _core.sort(x.astype(_core._result_type((x, 1j)), copy=False), axis=-1)


@public
def unique(
    x: Any,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """Return the different elements, sorted, or the different parts along an axis; all NaNs are one if equal_nan.

    return_index adds where each occurs first, return_inverse which of them each element is, return_counts how often
    each occurs: then the result is a tuple.

    >>> td.unique(td.asarray([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    need_values("unique", "td.sort")
    x = tensor(x)
    if axis is None:
        found = distinct(
            flat(x), firsts=return_index, numbers=return_inverse, counts=return_counts, equal_nan=equal_nan
        )
        if found.numbers is not None:
            found = found._replace(numbers=found.numbers.reshape(x.shape))
        out = [one for one in found if one is not None]
        return out[0] if len(out) == 1 else tuple(out)
    axis = _axis("unique", axis, x.ndim)
    front = moveaxis(x, axis, 0)
    rows = front.reshape((front.shape[0], _product(front.shape[1:])))
    columns = list(_core.permute_dims(rows, (1, 0)).copy()[::-1]) if rows.shape[1] > 0 else []
    order = lexsort(columns) if columns else _core.arange(rows.shape[0], dtype=_core.int64)
    new = starts_of_values(_core.take(rows, order, axis=0), False)
    starts = nonzero_places(new)
    firsts = _core.take(order, starts)
    values = _core.take(rows, firsts, axis=0)
    out = [moveaxis(values.reshape((starts.shape[0], *front.shape[1:])), 0, axis)]
    if return_index:
        out.append(firsts)
    if return_inverse:
        out.append(numbers_of(new, order))
    if return_counts:
        out.append(lengths_between(starts, rows.shape[0]))
    return out[0] if len(out) == 1 else tuple(out)


@public
def union1d(x1: Any, x2: Any, /) -> Tensor:
    """Return the different elements of both tensors, sorted.

    >>> td.union1d(td.asarray([3, 1]), td.asarray([2, 1]))
    tensor([1, 2, 3])
    """
    return unique(_core.concat([flat(x1), flat(x2)]))


@public
def intersect1d(x1: Any, x2: Any, /, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """Return the elements that both tensors have, sorted; with return_indices also where each occurs first in both.

    assume_unique says that no element occurs twice in one tensor.

    >>> td.intersect1d(td.asarray([3, 1, 2]), td.asarray([2, 3]))
    tensor([2, 3])
    """
    need_values("intersect1d", "td.isin")
    x1, x2 = common(flat(x1), flat(x2))
    if not return_indices:
        both = _core.concat([x1, x2] if assume_unique else [distinct(x1).values, distinct(x2).values])
        ordered = _core.sort(both)
        del both
        return ordered[:-1][in_blocks(_core.equal, ordered[1:], ordered[:-1])]
    if assume_unique:
        first, second = (_core.arange(x.shape[0], dtype=_core.int64) for x in (x1, x2))
    else:
        x1, first = unique(x1, return_index=True)
        x2, second = unique(x2, return_index=True)
    order = _core.argsort(_core.concat([x1, x2]))
    ordered = _core.take(_core.concat([x1, x2]), order)
    starts = nonzero_places(_core.equal(ordered[1:], ordered[:-1]))
    values = _core.take(ordered, starts)
    left = _core.take(order, starts)
    right = _core.subtract(_core.take(order, _core.add(starts, 1)), x1.shape[0])
    return values, _core.take(first, left), _core.take(second, right)


@public
def setdiff1d(x1: Any, x2: Any, /, assume_unique: bool = False) -> Tensor:
    """Return the different elements of x1 that x2 has not, sorted, or in x1's order with assume_unique.

    >>> td.setdiff1d(td.asarray([3, 1, 2]), td.asarray([2]))
    tensor([1, 3])
    """
    need_values("setdiff1d", "td.isin")
    x1, x2 = flat(x1), flat(x2)
    dtype = x1.dtype
    values = x1 if assume_unique else unique(x1)
    a, b = common(values, x2)
    return _core.take(values, nonzero_places(_core.logical_not(is_found(a, b)))).astype(dtype, copy=False)


@public
def setxor1d(x1: Any, x2: Any, /, assume_unique: bool = False) -> Tensor:
    """Return the elements that one of the tensors has and the other has not, sorted.

    >>> td.setxor1d(td.asarray([3, 1]), td.asarray([2, 1]))
    tensor([2, 3])
    """
    need_values("setxor1d", "td.isin")
    x1, x2 = common(flat(x1), flat(x2))
    if not assume_unique:
        x1, x2 = unique(x1), unique(x2)
    ordered = _core.sort(_core.concat([x1, x2]))
    new = starts_of_values(ordered, False)
    alone = new.copy()
    alone[:-1] = _core.logical_and(new[:-1], new[1:])
    return ordered[alone]
