"""Reductions that leave NaNs out, and numbers in the place of NaNs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tandem import _core
from tandem._blocks import blocks_of, in_blocks, rows_in_blocks
from tandem._boundary import public
from tandem._numpy.given import flat, floating, tensor, wide, wide_dtype
from tandem._statistics import _METHODS, _in_order, _laid, _restored

Tensor = _core.Tensor
Axis = int | tuple[int, ...] | None

_LONG = 1 << 15
_BYTES = 1 << 18  # of rows that are sorted together


def _without(x: Any, value: float) -> tuple[Tensor, Tensor | None]:
    """Return the tensor with a value in the place of NaNs, and where they are: None for a dtype without them."""
    x = tensor(x)
    if x.dtype.kind not in ("float", "complex"):
        return x, None
    holes = _core.isnan(x)
    return _core.where(holes, _core.full((), value, dtype=x.dtype), x), holes


def _count(x: Tensor, holes: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    count = _core._internal("count_nonzero", _core.logical_not(holes), axis=axis, keepdims=keepdims)
    return count.astype(wide_dtype(_core._real_dtype(x.dtype)))


@public
def nan_to_num(
    x: Any, /, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace NaN and infinities by numbers: the largest and the least of the dtype unless said.

    copy=False writes to x.

    >>> td.nan_to_num(td.asarray([td.nan, td.inf, 1.0]), posinf=9.0)
    tensor([0., 9., 1.], dtype=float32)
    """
    from tandem._dtypes import finfo

    x = tensor(x)
    if x.dtype.kind == "complex":
        parts = [nan_to_num(part, True, nan, posinf, neginf) for part in (_core.real(x), _core.imag(x))]
        out = _core.complex(*parts)
    elif x.dtype.kind == "float":
        limits = finfo(x.dtype)
        most, least = limits.max if posinf is None else posinf, limits.min if neginf is None else neginf

        def numbers(x: Tensor) -> Tensor:
            out = _core.where(_core.isnan(x), nan, x)
            out = _core.where(_core.equal(x, float("inf")), most, out)
            return _core.where(_core.equal(x, float("-inf")), least, out)

        if not copy and not _core.recording() and not x.requires_grad and x.size > 0:
            for block in blocks_of(x.shape):
                x[block] = numbers(x[block])
            return x
        out = in_blocks(numbers, x)
    else:
        out = x.copy() if copy else x
    if not copy and out is not x:
        x[...] = out
        return x
    return out


@public
def nansum(x: Any, /, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Sum over axes with NaN as 0; see td.sum.

    >>> td.nansum(td.asarray([1.0, td.nan]))
    tensor(1., dtype=float32)
    """
    return _core.sum(_without(x, 0)[0], axis=axis, dtype=dtype, keepdims=keepdims)


@public
def nanprod(x: Any, /, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Multiply over axes with NaN as 1; see td.prod.

    >>> td.nanprod(td.asarray([3.0, td.nan]))
    tensor(3., dtype=float32)
    """
    return _core.prod(_without(x, 1)[0], axis=axis, dtype=dtype, keepdims=keepdims)


@public
def nancumsum(x: Any, /, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Return running sums along an axis, or of all elements in a row, with NaN as 0; see td.cumsum.

    >>> td.nancumsum(td.asarray([1.0, td.nan, 2.0]))
    tensor([1., 1., 3.], dtype=float32)
    """
    x = flat(x) if axis is None else x
    return _core.cumsum(_without(x, 0)[0], axis=axis, dtype=dtype)


@public
def nancumprod(x: Any, /, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Return running products along an axis, or of all elements in a row, with NaN as 1; see td.cumprod.

    >>> td.nancumprod(td.asarray([2.0, td.nan, 3.0]))
    tensor([2., 2., 6.], dtype=float32)
    """
    x = flat(x) if axis is None else x
    return _core.cumprod(_without(x, 1)[0], axis=axis, dtype=dtype)


@public
def nanmean(x: Any, /, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Return the mean over axes of what is not NaN; NaN where nothing is left.

    >>> td.nanmean(td.asarray([1.0, td.nan, 3.0]))
    tensor(2., dtype=float32)
    """
    x = floating(x) if dtype is None else tensor(x).astype(dtype, copy=False)
    values, holes = _without(x, 0)
    if holes is None:
        return _core.mean(values, axis=axis, keepdims=keepdims)
    total = _core.sum(wide(values), axis=axis, keepdims=keepdims)
    return _core.divide(total, _count(x, holes, axis, keepdims)).astype(x.dtype)


@public
def nanvar(x: Any, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the variance over axes of what is not NaN; NaN where no more than ddof elements are left.

    >>> td.nanvar(td.asarray([1.0, td.nan, 3.0]))
    tensor(1., dtype=float32)
    """
    x = floating(x)
    if _is_last(x, axis) and not _core.recording():
        out: Tensor = rows_in_blocks(lambda rows: _variance(rows, -1, ddof, keepdims=False), x, _LONG)
        return _core.expand_dims(out, axis=-1) if keepdims else out
    return _variance(x, axis, ddof, keepdims)


def _is_last(x: Tensor, axis: Axis) -> bool:
    return isinstance(axis, int) and x.ndim > 1 and axis in (-1, x.ndim - 1)


def _variance(x: Tensor, axis: Axis, ddof: float, keepdims: bool) -> Tensor:
    values, holes = _without(x, 0)
    assert holes is not None
    values = wide(values)
    mean = _core.divide(_core.sum(values, axis=axis, keepdims=True), _count(x, holes, axis, True))
    apart = _core.where(holes, _core.zeros((), dtype=values.dtype), _core.subtract(values, mean))
    squares = _core.square(_core.abs(apart)) if x.dtype.kind == "complex" else _core.square(apart)
    left = _core.subtract(_count(x, holes, axis, keepdims), ddof)
    out = _core.divide(_core.sum(squares, axis=axis, keepdims=keepdims), left)
    out = _core.where(_core.greater(left, 0), out, float("nan"))
    return out.astype(_core._real_dtype(x.dtype))


@public
def nanstd(x: Any, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the standard deviation over axes of what is not NaN; see td.nanvar.

    >>> td.nanstd(td.asarray([1.0, td.nan, 3.0]))
    tensor(1., dtype=float32)
    """
    return _core.sqrt(nanvar(x, axis, ddof, keepdims))


def _extreme(reduce: Any, x: Any, worst: float, axis: Axis, keepdims: bool) -> Tensor:
    x = tensor(x)
    if _is_last(x, axis) and not keepdims and not _core.recording():
        return rows_in_blocks(lambda rows: _extreme_of(reduce, rows, worst, -1, keepdims), x, 1 << 16)
    return _extreme_of(reduce, x, worst, axis, keepdims)


def _extreme_of(reduce: Any, x: Tensor, worst: float, axis: Axis, keepdims: bool) -> Tensor:
    values, holes = _without(x, worst)
    out: Tensor = reduce(values, axis=axis, keepdims=keepdims)
    if holes is None:
        return out
    return _core.where(_core.all(holes, axis=axis, keepdims=keepdims), float("nan"), out)


@public
def nanmax(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest element over axes that is not NaN; NaN where nothing is left.

    >>> td.nanmax(td.asarray([1.0, td.nan, 3.0]))
    tensor(3., dtype=float32)
    """
    return _extreme(_core.max, x, float("-inf"), axis, keepdims)


@public
def nanmin(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the least element over axes that is not NaN; NaN where nothing is left.

    >>> td.nanmin(td.asarray([1.0, td.nan, 3.0]))
    tensor(1., dtype=float32)
    """
    return _extreme(_core.min, x, float("inf"), axis, keepdims)


def _place_of_extreme(what: str, reduce: Any, x: Any, worst: float, axis: int | None, keepdims: bool) -> Tensor:
    values, holes = _without(x, worst)
    if holes is not None and not _core.recording() and bool(_core.any(_core.all(holes, axis=axis))):
        raise _core.ArgumentError(f"{what}: got only NaN along an axis; need a number in each row; try td.isnan")
    return reduce(values, axis=axis, keepdims=keepdims)


@public
def nanargmax(x: Any, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the int64 index of the largest element along an axis that is not NaN.

    A row of nothing but NaN is an error, and inside of a captured function gives 0.

    >>> td.nanargmax(td.asarray([1.0, td.nan, 3.0]))
    tensor(2)
    """
    return _place_of_extreme("nanargmax", _core.argmax, x, float("-inf"), axis, keepdims)


@public
def nanargmin(x: Any, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the int64 index of the least element along an axis that is not NaN; see td.nanargmax.

    >>> td.nanargmin(td.asarray([td.nan, 2.0, 1.0]))
    tensor(2)
    """
    return _place_of_extreme("nanargmin", _core.argmin, x, float("inf"), axis, keepdims)


def _of_rows(
    what: str, x: Any, axis: Axis, keepdims: bool, function: Callable[[Tensor, Tensor], Any]
) -> tuple[Tensor, ...]:
    """Return what a function makes of sorted rows with the NaNs at their ends, and the number of others as float64."""
    rows, axes = _laid(what, tensor(x), axis)

    def numbers(rows: Tensor) -> Tensor:
        return _core._internal("count_nonzero", _core.equal(rows, rows), axis=-1, keepdims=True)

    def made(rows: Tensor) -> Any:
        rows = _in_order(rows)
        if _core.recording() or rows.shape[-1] <= _LONG:
            return function(rows, numbers(rows).astype(_core.float64))
        count = numbers(rows[..., :_LONG])  # part by part: which elements are numbers takes memory
        for start in range(_LONG, rows.shape[-1], _LONG):
            count += numbers(rows[..., start : start + _LONG])
        return function(rows, count.astype(_core.float64))

    out = rows_in_blocks(made, rows, _BYTES // rows.dtype.itemsize)
    return tuple(_restored(each, tensor(x), axes, keepdims) for each in (out if isinstance(out, tuple) else (out,)))


def _at(rows: Tensor, place: Tensor) -> Tensor:
    place = _core.maximum(place, 0).astype(_core.int64)  # a row without numbers: its first element is NaN
    return _core.squeeze(_core.take_along_axis(rows, place, axis=-1), axis=-1)


@public
def nanmedian(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the median over axes of what is not NaN; NaN where nothing is left.

    >>> td.nanmedian(td.asarray([3.0, td.nan, 1.0, 2.0]))
    tensor(2., dtype=float32)
    """

    def median(rows: Tensor, count: Tensor) -> Tensor:
        low = _at(rows, _core.floor(_core.divide(_core.subtract(count, 1), 2)))
        high = _at(rows, _core.floor(_core.divide(count, 2)) - _core.equal(count, 0).astype(_core.float64))
        odd = _core.equal(_core.remainder(_core.squeeze(count, axis=-1), 2), 1)
        return _core.where(odd, low, _core.divide(_core.add(low, high), 2))

    return _of_rows("nanmedian", x, axis, keepdims, median)[0]


def _quantile(rows: Tensor, count: Tensor, q: float, method: str) -> Tensor:
    place = _core.maximum(_core.multiply(_core.subtract(count, 1), q), 0)
    low, high = _core.floor(place), _core.ceil(place)
    if method == "nearest":
        low = high = _core.round(place)
    low, high = (high if method == "higher" else low), (low if method == "lower" else high)
    a, b = _at(rows, low), _at(rows, high)
    t = _core.squeeze(_core.subtract(place, low), axis=-1)
    if method == "midpoint":
        t = _core.where(_core.equal(t, 0), t, 0.5)
    step = _core.subtract(b, a)
    rest, part = _core.subtract(1.0, t).astype(rows.dtype), t.astype(rows.dtype)
    upper = _core.subtract(b, _core.multiply(step, rest))
    between = _core.where(_core.greater_equal(t, 0.5), upper, _core.add(a, _core.multiply(step, part)))
    return _core.where(_core.equal(a, b), a, between)  # also of equal infinities


@public
def nanquantile(
    x: Any, /, q: float | Sequence[float], axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Return the q-th quantiles over axes of what is not NaN; NaN where nothing is left; see td.quantile.

    >>> td.nanquantile(td.asarray([1.0, td.nan, 2.0, 3.0]), 0.25)
    tensor(1.5, dtype=float32)
    """
    each = [float(q)] if isinstance(q, (int, float)) else [float(one) for one in q]
    if any(not 0 <= one <= 1 for one in each):
        raise _core.ArgumentError(f"nanquantile: got q={q}; need numbers from 0 to 1")
    if method not in _METHODS:
        raise _core.ArgumentError(f"nanquantile: got method={method!r}; need one of {', '.join(_METHODS)}")
    parts = _of_rows(
        "nanquantile",
        x,
        axis,
        keepdims,
        lambda rows, count: tuple(_quantile(rows, count, one, method) for one in each),
    )
    return parts[0] if isinstance(q, (int, float)) else _core.stack(list(parts))


@public
def nanpercentile(
    x: Any, /, q: float | Sequence[float], axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Return the q-th percentiles over axes of what is not NaN; see td.percentile.

    >>> td.nanpercentile(td.asarray([1.0, td.nan, 3.0]), 50)
    tensor(2., dtype=float32)
    """
    parts = q / 100 if isinstance(q, (int, float)) else [one / 100 for one in q]
    return nanquantile(x, parts, axis, method, keepdims)
