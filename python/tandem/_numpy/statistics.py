"""Weighted means, spreads, covariances, and histograms of several variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._array_api import _axes, _product
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._numpy.given import floating, is_number, tensor, wide
from tandem._statistics import _edges

Tensor = _core.Tensor


@public
def ptp(x: Any, /, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """Return the largest less the least element over axes.

    >>> td.ptp(td.asarray([1, 5, 3]))
    tensor(4)
    """
    x = tensor(x)
    return _core.subtract(_core.max(x, axis=axis, keepdims=keepdims), _core.min(x, axis=axis, keepdims=keepdims))


@public
def average(
    x: Any,
    /,
    axis: int | tuple[int, ...] | None = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Return the mean over axes, each element with its weight; with returned, also the sums of the weights.

    weights: of x's shape, or of the shape of its reduced axes.

    >>> td.average(td.asarray([1.0, 2.0]), weights=td.asarray([3.0, 1.0]))
    tensor(1.25, dtype=float32)
    """
    x = floating(x)
    axes = list(range(x.ndim)) if axis is None else _axes("average", axis, x.ndim)
    if weights is None:
        mean = _core.mean(x, axis=axis, keepdims=keepdims)
        count = _product(x.shape[a] for a in axes)
        return (mean, _core.full(mean.shape, count, dtype=mean.dtype)) if returned else mean
    weights = tensor(weights)
    dtype = _core._result_type((x, weights, 1.0))
    if weights.shape != x.shape:
        if weights.shape != tuple(x.shape[a] for a in axes):
            raise _core.ShapeError(
                f"average: got weights of shape {weights.shape} for {x.shape} over axes {axes}; need x's shape, or "
                "that of the axes"
            )
        order = sorted(range(len(axes)), key=lambda k: axes[k])
        weights = _core.permute_dims(weights, tuple(order)).reshape(
            tuple(size if a in axes else 1 for a, size in enumerate(x.shape))
        )
    x, weights = wide(x.astype(dtype, copy=False)), wide(weights.astype(dtype, copy=False))
    weights = _core.broadcast_to(weights, x.shape)
    total = _core.sum(weights, axis=axis, keepdims=keepdims)
    sums = _core._internal("sum_of_products", x, weights, axis=axis, keepdims=keepdims)
    mean = _core.divide(sums, total).astype(dtype)
    return (mean, total.astype(dtype)) if returned else mean


def _variables(what: str, x: Any, rowvar: bool) -> Tensor:
    x = floating(x)
    if x.ndim > 2:
        raise _core.ShapeError(f"{what}: got the shape {x.shape}; need a vector or a matrix")
    if x.ndim < 2:
        return x.reshape((1, -1))
    return x if rowvar else _core.permute_dims(x, (1, 0))


@public
def cov(
    m: Any,
    /,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Tensor:
    """Return the covariances of variables: rows of m, or columns if not rowvar, and those of y behind them.

    Sums of products are divided by n - 1, by n with bias, by n - ddof if that is given; fweights say how often each
    observation occurs, aweights how much it counts.

    >>> td.cov(td.asarray([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.], [-1.,  1.]], dtype=float32)
    """
    x = _variables("cov", m, rowvar)
    if y is not None:
        x = _core.concat([x, _variables("cov", y, rowvar)])
    out = x.dtype if dtype is None else _core._as_dtype(dtype)
    x = wide(x.astype(out, copy=False))
    free = float((0 if bias else 1) if ddof is None else ddof)
    weights = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        part = tensor(given)
        if part.ndim != 1 or part.shape[0] != x.shape[1]:
            raise _core.ShapeError(f"cov: got {name} of shape {part.shape}; need one for each of {x.shape[1]}")
        part = part.astype(_core._real_dtype(x.dtype), copy=False)
        weights = part if weights is None else _core.multiply(weights, part)
    if weights is None:
        mean = _core.mean(x, axis=1, keepdims=True)
        scale: Any = max(x.shape[1] - free, 0.0)
        apart = _core.subtract(x, mean)
        other = apart
    else:
        total = _core.sum(weights)
        mean = _core.divide(_core.sum(_core.multiply(x, weights), axis=1, keepdims=True), total)
        scale = total
        if free != 0:
            spent = total
            if aweights is not None:
                spent = _core.sum(_core.multiply(weights, tensor(aweights).astype(weights.dtype)))
                spent = _core.divide(spent, total)
            else:
                spent = _core.ones((), dtype=total.dtype)
            scale = _core.maximum(_core.subtract(total, _core.multiply(spent, free)), 0)
        apart = _core.subtract(x, mean)
        other = _core.multiply(apart, weights)
    if x.dtype.kind == "complex":
        other = _core.conj(other)
    sums = _core.matmul(apart, _core.permute_dims(other, (1, 0)))
    return _core.squeeze(_core.divide(sums, scale).astype(out), axis=tuple(a for a in (0, 1) if x.shape[0] == 1))


@public
def corrcoef(x: Any, /, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Tensor:
    """Return the correlation coefficients of variables, from -1 to 1; see td.cov.

    >>> td.corrcoef(td.asarray([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.], [-1.,  1.]], dtype=float32)
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return _core.divide(c, c)
    count = c.shape[0]
    deviations = _core.sqrt(_core.real(c).reshape((-1,))[:: count + 1])
    c = _core.divide(_core.divide(c, _core.expand_dims(deviations, axis=1)), deviations)
    if c.dtype.kind == "complex":
        return _core.complex(_core.clip(_core.real(c), -1, 1), _core.clip(_core.imag(c), -1, 1))
    return _core.clip(c, -1, 1)


@public
def digitize(x: Any, /, bins: Any, right: bool = False) -> Tensor:
    """Return for each element the int64 index of its bin between edges that increase, or decrease, throughout.

    Bin i holds bins[i - 1] <= x < bins[i], or bins[i - 1] < x <= bins[i] if right.

    >>> td.digitize(td.asarray([0.5, 1.0, 9.0]), td.asarray([0.0, 1.0, 2.0]))
    tensor([1, 2, 3])
    """
    x, bins = tensor(x), tensor(bins)
    if bins.ndim != 1:
        raise _core.ShapeError(f"digitize: got bins of shape {bins.shape}; need a vector")
    dtype = _core._result_type((x, bins))
    bins = bins.astype(dtype, copy=False)
    if bins.shape[0] == 0:
        return _core.zeros(x.shape, dtype=_core.int64)
    falls = _core.greater(bins[0], bins[-1])
    ordered = _core.where(falls, bins[::-1], bins)
    if not _core.recording() and bool(_core.any(_core.greater(ordered[:-1], ordered[1:]))):
        raise _core.ArgumentError("digitize: got bins that go up and down; need a sorted vector; try td.sort")

    def place(x: Tensor) -> Tensor:
        places = _core._places_in_sorted(ordered, x.astype(dtype, copy=False), right=not right)
        return _core.where(falls, _core.subtract(bins.shape[0], places), places)

    return in_blocks(place, x)


@public
def histogram_bin_edges(x: Any, /, bins: Any = 10, range: tuple[float, float] | None = None) -> Tensor:
    """Return the edges that td.histogram counts between.

    >>> td.histogram_bin_edges(td.asarray([0.0, 2.0]), 2)
    tensor([0., 1., 2.], dtype=float32)
    """
    if isinstance(bins, str):
        raise _core.ArgumentError(f"histogram_bin_edges: got bins={bins!r}; need a number or a vector of edges")
    if is_number(bins):
        if bins < 1:
            raise _core.ArgumentError(f"histogram_bin_edges: got bins={bins}; need at least one")
        return _edges(tensor(x).reshape((-1,)), bins, range)
    return tensor(bins)


@public
def histogramdd(
    sample: Any,
    /,
    bins: Any = 10,
    range: Sequence[tuple[float, float] | None] | None = None,
    density: bool = False,
    weights: Any = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Count points of d coordinates in a grid of d axes; return float64 counts and the edges along each axis.

    sample: a row of coordinates per point, or a sequence of d vectors. bins: one number, or per axis a number or a
    sorted vector of edges. With weights their sums are returned; with density, values whose integral is 1.

    >>> td.histogramdd(td.asarray([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]), 2)[0]
    tensor([[1., 0.], [1., 1.]], dtype=float64)
    """
    if isinstance(sample, Tensor) or hasattr(sample, "__array__"):
        points = tensor(sample)
        points = points.reshape((-1, 1)) if points.ndim == 1 else points
    else:
        points = _core.stack([tensor(x).reshape((-1,)) for x in sample], axis=1)
    if points.ndim != 2:
        raise _core.ShapeError(f"histogramdd: got a sample of shape {points.shape}; need a row per point")
    count, rank = points.shape
    each = [bins] * rank if is_number(bins) else list(bins)
    ends = [None] * rank if range is None else list(range)
    if len(each) != rank or len(ends) != rank:
        raise _core.ArgumentError(
            f"histogramdd: got {len(each)} bins and {len(ends)} ranges for {rank} coordinates; need one for each"
        )
    edges, place, inside = [], _core.zeros((count,), dtype=_core.int64), _core.ones((count,), dtype=_core.bool)
    for a, (one, end) in enumerate(zip(each, ends, strict=True)):
        line = histogram_bin_edges(points[:, a], one, end)
        edges.append(line)
        dtype = _core._result_type((line, points))
        limits, values = line.astype(dtype, copy=False), points[:, a].astype(dtype, copy=False)
        k = _core.subtract(_core._places_in_sorted(limits, values, right=True), 1)
        k = _core.where(_core.equal(values, limits[-1]), line.shape[0] - 2, k)
        fits = _core.logical_and(_core.greater_equal(k, 0), _core.less(k, line.shape[0] - 1))
        inside = _core.logical_and(inside, fits)
        place = _core.add(_core.multiply(place, line.shape[0] - 1), _core.clip(k, 0, line.shape[0] - 2))
    shape = tuple(line.shape[0] - 1 for line in edges)
    shares = _core.ones((count,), dtype=_core.float64) if weights is None else tensor(weights).astype(_core.float64)
    if shares.shape != (count,):
        raise _core.ShapeError(f"histogramdd: got weights of shape {shares.shape} for {count} points; need as many")
    shares = _core.where(inside, shares, _core.zeros((), dtype=_core.float64))
    out = _core._weights_of_places(place, shares, length=(_product(shape),)).reshape(shape)
    if density:
        out = _core.divide(out, _core.sum(out))
        for a, line in enumerate(edges):
            widths = _core.subtract(line[1:], line[:-1]).astype(_core.float64)
            out = _core.divide(out, widths.reshape(tuple(-1 if a == b else 1 for b, _ in enumerate(shape))))
    return out, tuple(edges)


@public
def histogram2d(
    x: Any,
    y: Any,
    /,
    bins: Any = 10,
    range: Sequence[tuple[float, float] | None] | None = None,
    density: bool = False,
    weights: Any = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Count points (x, y) in a grid; return float64 counts and the edges of both axes; see td.histogramdd.

    >>> td.histogram2d(td.asarray([0.0, 1.0, 1.0]), td.asarray([0.0, 1.0, 0.0]), 2)[0]
    tensor([[1., 0.], [1., 1.]], dtype=float64)
    """
    if not is_number(bins) and len(bins) != 2:
        bins = [bins, bins]  # one vector of edges for both
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, edges[0], edges[1]
