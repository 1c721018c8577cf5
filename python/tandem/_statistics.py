"""Order statistics, histograms and interpolation: formulas over sorted tensors, eager and captured alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tandem import _core
from tandem._array_api import _axes, _product
from tandem._blocks import in_blocks, rows_in_blocks
from tandem._boundary import public
from tandem._dtypes import isdtype
from tandem._sorting import need_values

Tensor = _core.Tensor

_MOST = 1 << 18  # elements of rows that are sorted together
_METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def _floating(x: Tensor) -> Tensor:
    return x if _core._result_type((x, 1.0)) == x.dtype else x.astype(_core._result_type((x, 1.0)))


def _laid(what: str, x: Tensor, axis: int | Sequence[int] | None) -> tuple[Tensor, list[int]]:
    """Return a tensor of floats with the reduced axes as one axis at its end, and which they were."""
    x = _floating(x)
    axes = list(range(x.ndim)) if axis is None else _axes(what, axis, x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = _core.permute_dims(x, (*kept, *axes)).reshape(
        (*(x.shape[a] for a in kept), _product(x.shape[a] for a in axes))
    )
    if rows.shape[-1] == 0:
        raise _core.ArgumentError(f"{what}: got the shape {x.shape} with the axes {axes}; need at least one element")
    return rows, axes


def _in_order(rows: Tensor) -> Tensor:
    """Return sorted rows; 16-bit floats are combined in float32 and rounded once."""
    wide = _core.float32 if rows.dtype in (_core.float16, _core.bfloat16) else rows.dtype
    return _core.sort(rows, axis=-1).astype(wide, copy=False)


def _restored(out: Tensor, x: Tensor, axes: list[int], keepdims: bool) -> Tensor:
    out = out.astype(_core._result_type((x, 1.0)))
    if keepdims:
        out = out.reshape(tuple(1 if a in axes else size for a, size in enumerate(x.shape)))
    return out


def _nan_if_any(out: Tensor, rows: Tensor) -> Tensor:
    last = rows[..., -1]
    return _core.where(_core.isnan(last), last, out)


@public
def median(x: Tensor, /, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
    """Return the middle element over axes, or the mean of the two middle ones; NaN if there is one.

    >>> td.median(td.asarray([3., 1., 2.]))
    tensor(2., dtype=float32)
    """
    rows, axes = _laid("median", x, axis)

    def middle(rows: Tensor) -> Tensor:
        rows = _in_order(rows)
        count = rows.shape[-1]
        low, high = rows[..., (count - 1) // 2], rows[..., count // 2]
        return _nan_if_any(low if count % 2 == 1 else _core.divide(_core.add(low, high), 2), rows)

    return _restored(rows_in_blocks(middle, rows, _MOST), x, axes, keepdims)


def _quantile(rows: Tensor, q: float, method: str) -> Tensor:
    place = q * (rows.shape[-1] - 1)
    low, high = math.floor(place), math.ceil(place)
    if method == "nearest":
        low = high = round(place)  # ties to even, as NumPy has it
    low, high = (high if method == "higher" else low), (low if method == "lower" else high)
    a, b = rows[..., low], rows[..., high]
    if low == high:
        return a
    t = 0.5 if method == "midpoint" else place - low
    step = _core.subtract(b, a)
    between = _core.subtract(b, _core.multiply(step, 1 - t)) if t >= 0.5 else _core.add(a, _core.multiply(step, t))
    return _core.where(_core.equal(a, b), a, between)  # also of equal infinities


@public
def quantile(
    x: Tensor,
    q: float | Sequence[float],
    /,
    axis: int | tuple[int, ...] | None = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Return the q-th quantiles over axes, 0 <= q <= 1; several q give a first axis; NaN if an element is NaN.

    method: "linear" between neighbours, "lower", "higher", "nearest" or "midpoint".

    >>> td.quantile(td.asarray([1., 2., 3.]), 0.25)
    tensor(1.5, dtype=float32)
    """
    several = not isinstance(q, (int, float))
    each = [float(q)] if isinstance(q, (int, float)) else [float(one) for one in q]
    if any(not 0 <= one <= 1 for one in each):
        raise _core.ArgumentError(f"quantile: got q={q}; need numbers from 0 to 1")
    if method not in _METHODS:
        raise _core.ArgumentError(f"quantile: got method={method!r}; need one of {', '.join(_METHODS)}")
    rows, axes = _laid("quantile", x, axis)

    def all_of(rows: Tensor) -> tuple[Tensor, ...]:
        rows = _in_order(rows)
        return tuple(_nan_if_any(_quantile(rows, one, method), rows) for one in each)

    parts = [_restored(part, x, axes, keepdims) for part in rows_in_blocks(all_of, rows, _MOST)]
    return _core.stack(parts) if several else parts[0]


@public
def percentile(
    x: Tensor,
    q: float | Sequence[float],
    /,
    axis: int | tuple[int, ...] | None = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Return the q-th percentiles over axes, 0 <= q <= 100; see td.quantile.

    >>> td.percentile(td.asarray([1., 2., 3.]), 50)
    tensor(2., dtype=float32)
    """
    parts = q / 100 if isinstance(q, (int, float)) else [one / 100 for one in q]
    return quantile(x, parts, axis=axis, method=method, keepdims=keepdims)


@public
def bincount(x: Tensor, /, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Count how often each number from 0 on occurs in a vector of integers, or sum its weights (in float64, in order).

    >>> td.bincount(td.asarray([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    need_values("bincount", "td.histogram with given edges")
    if x.ndim != 1:
        raise _core.ShapeError(f"bincount: got a tensor of shape {x.shape}; need one axis")
    if not isdtype(x.dtype, ("integral", "bool")):
        raise _core.DTypeError(f"bincount: got the dtype {x.dtype}; need integers; try x.astype(td.int64)")
    places = x.astype(_core.int64, copy=False)
    if x.shape[0] > 0 and int(_core.min(places)) < 0:
        raise _core.ArgumentError(f"bincount: got the number {int(_core.min(places))}; need 0 or more")
    length = max(minlength, int(_core.max(places)) + 1 if x.shape[0] > 0 else 0)
    if weights is None:
        return _core._counts_of_places(places, length=(length,))
    if weights.shape != x.shape:
        raise _core.ShapeError(f"bincount: got weights of shape {weights.shape} for {x.shape}; need equal shapes")
    return _core._weights_of_places(places, weights.astype(_core.float64, copy=False), length=(length,))


def _edges(x: Tensor, bins: int, range: tuple[float, float] | None) -> Tensor:
    dtype = x.dtype if x.dtype in (_core.float32, _core.float64) else _core.float64
    if range is not None:
        low, high = (float(end) for end in range)
        if not low <= high or not math.isfinite(high - low):
            raise _core.ArgumentError(f"histogram: got the range {range}; need finite numbers, the lower one first")
        if low == high:
            low, high = low - 0.5, high + 0.5
        return _core.linspace(low, high, bins + 1, dtype=_core.float64, device=x._place).astype(dtype)
    if x.shape[0] == 0:
        return _core.linspace(0.0, 1.0, bins + 1, dtype=dtype, device=x._place)
    least, most = _core.min(x).astype(_core.float64), _core.max(x).astype(_core.float64)
    if not _core.recording() and not math.isfinite(float(most) - float(least)):
        raise _core.ArgumentError(
            f"histogram: got elements from {float(least)} to {float(most)}; need finite ones; try range=..."
        )
    spread = _core.where(_core.equal(least, most), 0.5, 0.0).astype(_core.float64)
    least, most = _core.subtract(least, spread), _core.add(most, spread)
    steps = _core.arange(bins, dtype=_core.float64, device=x._place)
    inner = _core.add(least, _core.multiply(steps, _core.divide(_core.subtract(most, least), bins)))
    return _core.concat([inner, most.reshape((1,))]).astype(dtype)


@public
def histogram(
    x: Tensor,
    /,
    bins: int | Tensor = 10,
    range: tuple[float, float] | None = None,
    density: bool = False,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Count elements between edges and return the counts and the edges; the last bin includes its upper edge.

    bins: how many of equal width between the extremes (or in `range`), or a sorted vector of edges. With weights their
    sums are returned, in their dtype; with density, values whose integral is 1.

    >>> td.histogram(td.asarray([1., 2., 2.]), 2)[0]
    tensor([1, 2])
    """
    flat = x.reshape((-1,))
    if isinstance(bins, int):
        if bins < 1:
            raise _core.ArgumentError(f"histogram: got bins={bins}; need at least one")
        edges = _edges(flat, bins, range)
    else:
        edges = _core.asarray(bins)
        if edges.ndim != 1 or edges.shape[0] < 2:
            raise _core.ShapeError(f"histogram: got edges of shape {edges.shape}; need a vector of at least two")
    dtype = _core._result_type((edges, flat))
    # Edges in float64 take numbers as they come, so no copy of them is made.
    limits = edges.astype(dtype, copy=False)
    values = flat if dtype == _core.float64 else flat.astype(dtype, copy=False)
    if weights is None:
        counts = _core._counts_in_bins(limits, values)
    else:
        if weights.shape != x.shape:
            raise _core.ShapeError(f"histogram: got weights of shape {weights.shape} for {x.shape}; need equal shapes")
        each = weights.reshape((-1,)).astype(_core.float64, copy=False)
        counts = _core._weights_in_bins(limits, values, each).astype(weights.dtype, copy=False)
    if density:
        shares = counts.astype(_core.float64)
        widths = _core.subtract(edges[1:], edges[:-1]).astype(_core.float64)
        counts = _core.divide(shares, _core.multiply(widths, _core.sum(shares)))
    return counts, edges


@public
def interp(x: Tensor, xp: Tensor, fp: Tensor, /, left: float | None = None, right: float | None = None) -> Tensor:
    """Interpolate linearly between points (xp, fp), xp increasing; outside of them return left and right.

    left and right are the first and the last of fp unless said.

    >>> td.interp(td.asarray([1.5]), td.asarray([1., 2.]), td.asarray([10., 20.]))
    tensor([15.], dtype=float32)
    """
    if xp.ndim != 1 or xp.shape != fp.shape or xp.shape[0] == 0:
        raise _core.ShapeError(f"interp: got points of shapes {xp.shape} and {fp.shape}; need two equal vectors")
    dtype = _core._result_type((x, xp, fp, 1.0))
    xp, fp = xp.astype(dtype, copy=False), fp.astype(dtype, copy=False)
    below, above = (fp[0] if left is None else left), (fp[-1] if right is None else right)
    slopes = _core.divide(_core.subtract(fp[1:], fp[:-1]), _core.subtract(xp[1:], xp[:-1]))

    def between(x: Tensor) -> Tensor:
        x = x.astype(dtype, copy=False)
        out = _core.broadcast_to(fp[-1], x.shape)
        if xp.shape[0] > 1:
            places = _core._places_in_sorted(xp[1:-1], x, right=True)
            inside = _core.multiply(_core.take(slopes, places), _core.subtract(x, _core.take(xp, places)))
            out = _core.where(_core.equal(x, xp[-1]), out, _core.add(inside, _core.take(fp, places)))
        out = _core.where(_core.less(x, xp[0]), below, _core.where(_core.greater(x, xp[-1]), above, out))
        return _core.where(_core.isnan(x), x, out).astype(dtype, copy=False)

    if not _core.recording() and (fp.requires_grad or xp.requires_grad):
        return between(x)
    return in_blocks(between, x)
