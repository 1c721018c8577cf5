"""Choosing elements, and writing some of them in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tandem import _core
from tandem._array_api import _axes, _axis, _product, moveaxis
from tandem._blocks import blocks_of, in_blocks
from tandem._boundary import public
from tandem._numpy.comparing import may_share_memory
from tandem._numpy.given import flat, tensor
from tandem._sorting import need_values, nonzero_places

Tensor = _core.Tensor

_MOST = 1 << 14  # elements that are written at once


@public
def flatnonzero(x: Any, /) -> Tensor:
    """Return the int64 places of the elements that are not zero among all of them.

    >>> td.flatnonzero(td.asarray([[0, 5], [6, 0]]))
    tensor([1, 2])
    """
    need_values("flatnonzero", "td.where or a mask")
    return nonzero_places(tensor(x))


@public
def compress(condition: Any, x: Any, /, axis: int | None = None) -> Tensor:
    """Return what stands along an axis, or in the row of all elements, where a vector of conditions is true.

    >>> td.compress([False, True], td.asarray([[1, 2], [3, 4]]), axis=0)
    tensor([[3, 4]])
    """
    need_values("compress", "td.where or a mask")
    condition, x = tensor(condition), flat(x) if axis is None else tensor(x)
    if condition.ndim != 1:
        raise _core.ShapeError(f"compress: got conditions of shape {condition.shape}; need a vector")
    return _core.take(x, nonzero_places(condition), axis=_axis("compress", axis or 0, x.ndim))


@public
def _compressed(x: Tensor, /, condition: Any, axis: int | None = None) -> Tensor:
    """Return what stands along an axis, or in the row of all elements, where a vector of conditions is true.

    >>> td.asarray([1, 2, 3]).compress([True, False, True])
    tensor([1, 3])
    """
    return compress(condition, x, axis)


@public
def extract(condition: Any, x: Any, /) -> Tensor:
    """Return the elements for which a condition is true, as a vector.

    >>> td.extract(td.asarray([True, False, True]), td.asarray([1, 2, 3]))
    tensor([1, 3])
    """
    need_values("extract", "td.where or a mask")
    return _core.take(flat(x), nonzero_places(tensor(condition)))


def _choices(*values: Any) -> tuple[tuple[Tensor, ...], Any]:
    """Return values as tensors, numbers among tensors in the dtype of all, and that dtype, which they promote to."""
    if not any(isinstance(x, Tensor) for x in values):
        values = tuple(tensor(x) for x in values)
    dtype = _core._result_type(values)
    return tuple(x if isinstance(x, Tensor) else _core.asarray(x, dtype=dtype) for x in values), dtype


@public
def select(condlist: Sequence[Any], choicelist: Sequence[Any], /, default: Any = 0) -> Tensor:
    """Return for each element the choice of the first condition that is true there, else the default.

    >>> x = td.arange(4)
    >>> td.select([x < 1, x > 2], [x - 10, x * 10], 7)
    tensor([-10,   7,   7,  30])
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise _core.ArgumentError(
            f"select: got {len(condlist)} conditions and {len(choicelist)} choices; need as many, at least one"
        )
    conditions = [tensor(condition) for condition in condlist]
    for condition in conditions:
        if condition.dtype != _core.bool:
            raise _core.DTypeError(f"select: got a condition of dtype {condition.dtype}; need bool; try condition != 0")
    count = len(conditions)
    choices, dtype = _choices(*choicelist, default)

    def chosen(*operands: Tensor) -> Tensor:
        out = operands[-1].astype(dtype, copy=False)
        for condition, choice in zip(reversed(operands[:count]), reversed(operands[count:-1]), strict=True):
            out = _core.where(condition, choice, out)
        return out

    return in_blocks(chosen, *conditions, *choices)


@public
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], /, *args: Any, **kw: Any) -> Tensor:
    """Return for each element the value of the function, or the number, of the last condition that is true there.

    One function more than conditions is for where none is. Functions get all of x, with args and kw, and not only the
    elements that their condition is for. The result has the dtype of x.

    >>> td.piecewise(td.asarray([-2.0, 3.0]), [td.asarray([True, False])], [lambda x: -x, 1.0])
    tensor([2., 1.], dtype=float32)
    """
    x = tensor(x)
    if isinstance(condlist, Tensor) and condlist.ndim > x.ndim:
        condlist = list(condlist)
    elif not isinstance(condlist, (list, tuple)) or (condlist and isinstance(condlist[0], (bool, np.bool_))):
        condlist = [condlist]
    conditions = [tensor(one).astype(_core.bool) for one in condlist]
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise _core.ArgumentError(
            f"piecewise: got {len(conditions)} conditions and {len(funclist)} functions; need as many, or one more"
        )

    def value(function: Any) -> Tensor:
        out = function(x, *args, **kw) if callable(function) else function
        return tensor(out).astype(x.dtype)

    more = len(funclist) > len(conditions)
    out = _core.broadcast_to(value(funclist[-1]) if more else _core.zeros((), dtype=x.dtype), x.shape)
    for condition, function in zip(conditions, funclist, strict=False):
        out = _core.where(condition, value(function), out)
    return out if conditions else out.copy()


def _within(what: str, places: Tensor, size: int, mode: str) -> Tensor:
    if places.dtype == _core.uint64:  # the largest of them are negative as int64
        places = _core.remainder(places, size) if mode == "wrap" else _core.minimum(places, 2**63 - 1)
    places = places.astype(_core.int64, copy=False)
    if mode == "wrap":
        return _core.remainder(places, size)
    if mode == "clip":
        return _core.clip(places, 0, size - 1)
    if mode != "raise":
        raise _core.ArgumentError(f"{what}: got mode={mode!r}; need 'raise', 'wrap' or 'clip'")
    return places


def _checked_choice(places: Tensor, count: int) -> Tensor:
    """Return the indices of choices after checking that they are from 0 on, below their number."""
    if _core.recording():
        # Compiled code checks what it takes; from there on negative ones count from the end.
        places = _core.where(_core.less(places, 0), _core.subtract(places, count), places)
        return _core.take(_core.arange(count, dtype=_core.int64, device=places._place), places)
    if places.size > 0:
        for worst in (int(_core.min(places)), int(_core.max(places))):
            if not 0 <= worst < count:
                raise _core.OutOfBoundsError(
                    f"choose: got the index {worst}; need 0 <= index < {count}; try mode='wrap' or mode='clip'"
                )
    return places


@public
def choose(a: Any, choices: Any, /, mode: str = "raise") -> Tensor:
    """Return for each element of a, an index, the element of that choice; all broadcast.

    mode says what to do with indices outside: "raise", "wrap" around, or "clip".

    >>> td.choose(td.asarray([1, 0]), [td.asarray([1, 2]), td.asarray([3, 4])])
    tensor([3, 2])
    """
    given = list(choices)
    if not given:
        raise _core.ArgumentError("choose: got no choices; need at least one")
    places, (options, dtype) = tensor(a), _choices(*given)
    if places.dtype.kind not in ("int", "bool"):
        raise _core.DTypeError(f"choose: got indices of dtype {places.dtype}; need integers; try a.astype(td.int64)")

    def chosen(places: Tensor, *options: Tensor) -> Tensor:
        places = _within("choose", places, len(options), mode)
        if mode == "raise":
            places = _checked_choice(places, len(options))
        out = options[-1].astype(dtype, copy=False)
        for k in reversed(range(max(len(options) - 1, 1))):
            out = _core.where(_core.equal(places, k), options[k], out)
        return out

    return in_blocks(chosen, places, *options)


_ORDER = {"bool": 0, "uint": 1, "int": 2, "float": 3, "complex": 4}


def _rank(dtype: Any) -> int:
    return _ORDER["uint" if dtype.name.startswith("uint") else dtype.kind]


def _write_where(x: Tensor, mask: Tensor, values: Tensor) -> None:
    """Write values where a mask is true: block by block, so that little lies between, where nothing is recorded."""
    whole = _core.recording() or x.size <= _MOST or x.requires_grad or values.requires_grad
    if whole or may_share_memory(x, values) or may_share_memory(x, mask):
        x[...] = _core.where(mask, values, x)
        return
    for block in blocks_of(x.shape):
        x[block] = _core.where(mask[block], values[block], x[block])


@public
def copyto(dst: Tensor, src: Any, /, casting: str = "same_kind", where: Any = True) -> None:
    """Write src, broadcast, into dst where a mask is true.

    casting="same_kind" refuses what would turn floats into integers and the like; "unsafe" converts anything.

    >>> x = td.zeros((3,))
    >>> td.copyto(x, 5.0, where=td.asarray([True, False, True]))
    >>> x
    tensor([5., 0., 5.], dtype=float32)
    """
    if casting not in ("same_kind", "unsafe"):
        raise _core.ArgumentError(f"copyto: got casting={casting!r}; need 'same_kind' or 'unsafe'")
    given = tensor(src).dtype
    small = isinstance(src, int) and _rank(dst.dtype) > 0  # a Python int fits any dtype of numbers
    if casting == "same_kind" and _rank(given) > _rank(dst.dtype) and not small:
        raise _core.DTypeError(
            f"copyto: got {given} for a tensor of dtype {dst.dtype}; need the same kind; try casting='unsafe'"
        )
    value = _core.asarray(src, dtype=dst.dtype) if isinstance(src, (int, float, complex)) else tensor(src)
    value = value.astype(dst.dtype, copy=False)
    if where is True:
        dst[...] = value
    else:
        mask = tensor(where)
        if mask.dtype != _core.bool:
            raise _core.DTypeError(f"copyto: got a mask of dtype {mask.dtype}; need bool; try mask != 0")
        value, mask = (_core.broadcast_to(one, dst.shape) for one in (value, mask))
        _write_where(dst, mask, value)


def _values(what: str, vals: Any, dtype: Any) -> Tensor:
    values = flat(vals).astype(dtype)
    if values.shape[0] == 0:
        raise _core.ArgumentError(f"{what}: got no values; need at least one")
    return values


def _write_under(what: str, x: Tensor, mask: Any, values: Any, places: Callable[[Tensor], Tensor]) -> None:
    """Write under a mask. `places` makes of the mask in one row which value each element takes, were they repeated."""
    mask = tensor(mask).astype(_core.bool, copy=False)
    if mask.shape != x.shape:
        raise _core.ShapeError(f"{what}: got a mask of shape {mask.shape} for {x.shape}; need equal shapes")
    if x.size == 0:
        return
    given = _values(what, values, x.dtype)
    if given.shape[0] == 1:
        x[mask] = given[0]
        return
    turn = _core.remainder(places(mask.reshape((-1,))), given.shape[0]).reshape(x.shape)
    x[...] = _core.where(mask, _core.take(given, turn), x)


@public
def place(x: Tensor, mask: Any, vals: Any, /) -> None:
    """Write values one after the other to where a mask is true, again from the first one if there are too few.

    >>> x = td.arange(5)
    >>> td.place(x, x > 1, [10, 20])
    >>> x
    tensor([ 0,  1, 10, 20, 10])
    """
    _write_under("place", x, mask, vals, lambda mask: _core.subtract(_core.cumsum(mask.astype(_core.int64)), 1))


@public
def putmask(x: Tensor, mask: Any, values: Any, /) -> None:
    """Write to each element for which a mask is true the value at the same place, repeating values as needed.

    >>> x = td.arange(5)
    >>> td.putmask(x, x > 1, [10, 20])
    >>> x
    tensor([ 0,  1, 10, 20, 10])
    """
    _write_under("putmask", x, mask, values, lambda mask: _core.arange(mask.size, dtype=_core.int64))


@public
def put(x: Tensor, /, indices: Any, values: Any, mode: str = "raise") -> None:
    """Write values to places in the row of all elements, repeating values as needed; the last write counts.

    mode says what to do with places outside: "raise", "wrap" around, or "clip".

    >>> x = td.arange(5)
    >>> td.put(x, [0, 2], [-44, -55])
    >>> x
    tensor([-44,   1, -55,   3,   4])
    """
    places = flat(indices)
    if places.shape[0] == 0:
        return
    if places.dtype.kind != "int":
        raise _core.DTypeError(f"put: got indices of dtype {places.dtype}; need integers")
    places = _within("put", places, x.size, mode)
    given = _values("put", values, x.dtype)
    if given.shape[0] != 1:
        turn = _core.remainder(_core.arange(places.shape[0], dtype=_core.int64), given.shape[0])
        given = _core.take(given, turn)
    if not _core.recording() and not x.requires_grad and x.is_contiguous():
        x.reshape((-1,))[places] = given
        return
    row = x.reshape((-1,)).copy()
    row[places] = given
    x[...] = row.reshape(x.shape)


@public
def fill_diagonal(x: Tensor, value: Any, /, wrap: bool = False) -> None:
    """Write to the main diagonal in place: one number, or elements one after the other.

    Of more than two axes all have one size. With wrap, a tall matrix has its diagonal again after each square.

    >>> x = td.zeros((2, 3))
    >>> td.fill_diagonal(x, 4.0)
    >>> x
    tensor([[4., 0., 0.], [0., 4., 0.]], dtype=float32)
    """
    if x.ndim < 2:
        raise _core.ShapeError(f"fill_diagonal: got the shape {x.shape}; need at least two axes")
    if x.ndim > 2 and any(size != x.shape[0] for size in x.shape):
        raise _core.ShapeError(f"fill_diagonal: got the shape {x.shape}; need equal sizes for more than two axes")
    if x.size == 0:
        return
    step = x.shape[1] + 1 if x.ndim == 2 else sum(_product(x.shape[a + 1 :]) for a in range(x.ndim))
    end = x.size if x.ndim > 2 or wrap else min(x.shape[1] * x.shape[1], x.size)
    places = _core.arange(0, end, step, dtype=_core.int64)
    put(x, places, value)


@public
def apply_along_axis(func1d: Callable[..., Any], axis: int, x: Any, /, *args: Any, **kwargs: Any) -> Tensor:
    """Call a function with each vector along an axis and put its results in the place of them.

    It is called once for each of them: an operation with an axis is faster.

    >>> td.apply_along_axis(td.max, 0, td.asarray([[1, 4], [3, 2]]))
    tensor([3, 4])
    """
    x = tensor(x)
    axis = _axis("apply_along_axis", axis, x.ndim)
    rows = moveaxis(x, axis, -1)
    outer = rows.shape[:-1]
    if _product(outer) == 0:
        raise _core.ShapeError(f"apply_along_axis: got the shape {x.shape}; need at least one vector")
    rows = rows.reshape((_product(outer), rows.shape[-1]))
    found = [tensor(func1d(rows[i], *args, **kwargs)) for i in range(rows.shape[0])]
    out = _core.stack(found)
    out = out.reshape((*outer, *out.shape[1:]))
    count = len(outer)
    order = (*range(axis), *range(count, out.ndim), *range(axis, count))
    return _core.permute_dims(out, order)


@public
def apply_over_axes(func: Callable[..., Any], x: Any, axes: int | Sequence[int], /) -> Tensor:
    """Call func(x, axis) for one axis after the other, each result taking the place of x; axes stay, of size 1.

    >>> td.apply_over_axes(td.sum, td.ones((2, 3, 4)), [0, 2]).shape
    (1, 3, 1)
    """
    x = tensor(x)
    rank = x.ndim
    for axis in _axes("apply_over_axes", axes, rank):
        out = tensor(func(x, axis))
        out = out if out.ndim == rank else _core.expand_dims(out, axis=axis)
        if out.ndim != rank:
            raise _core.ShapeError(f"apply_over_axes: got a result of shape {out.shape}; need the axes of {x.shape}")
        x = out
    return x
