"""Pooling over parts that cover an image, over windows at random distances, and the inverse of pooling."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem.nn._pooling import INSIDE, Pooled, largest
from tandem.nn._shapes import Sizes, batched, product, sizes_of, unbatched
from tandem.random import default_generator

Tensor = _core.Tensor


def _parts(what: str, spatial: Sequence[int], output_size: Any) -> dict[str, Any]:
    """Return the attributes of nearly equal parts that cover each axis."""
    dims = len(spatial)
    given = output_size if isinstance(output_size, Sequence) else (output_size,) * dims
    if len(given) != dims or any(n is not None and n < 0 for n in given):
        raise _core.ArgumentError(
            f"{what}: got output_size={output_size}; need a number or None, for each of {dims} axes"
        )
    size = tuple(n if want is None else want for n, want in zip(spatial, given, strict=True))
    if any(n < 1 for n in spatial):
        raise _core.ShapeError(f"{what}: got sizes {tuple(spatial)}; need elements along every axis")
    ones = (1,) * dims
    return {
        "kernel": ones,
        "stride": ones,
        "dilation": ones,
        "before": (0,) * dims,
        "size": size,
        "adaptive": True,
        "divisor": INSIDE,
    }


def _adaptive_max_pool(dims: int, x: Tensor, output_size: Any, return_indices: bool) -> Pooled:
    what = f"adaptive_max_pool{dims}d"
    full = batched(what, x, dims)
    return largest(x, dims, full, _parts(what, tuple(full.shape)[2:], output_size), return_indices)


def adaptive_avg_pool(dims: int, x: Tensor, output_size: Any) -> Tensor:
    """Return the means of parts of x, for any number of axes."""
    what = f"adaptive_avg_pool{dims}d"
    full = batched(what, x, dims)
    attributes = _parts(what, tuple(full.shape)[2:], output_size)
    if all(isinstance(n, int) and n == 1 for n in attributes["size"]):
        out = _core.mean(full, axis=tuple(range(2, dims + 2)), keepdims=True)  # summed pairwise
    else:
        out = _core._avg_pool(full, **attributes)
    return unbatched(out, x, dims)


def _max_unpool(
    dims: int, x: Tensor, indices: Tensor, kernel: Sizes, stride: Sizes | None, padding: Sizes, output_size: Any
) -> Tensor:
    what = f"max_unpool{dims}d"
    full = batched(what, x, dims)
    window = sizes_of(what, "kernel_size", kernel, dims, 1)
    step = window if stride is None else sizes_of(what, "stride", stride, dims, 1)
    border = sizes_of(what, "padding", padding, dims, 0)
    sizes = tuple(
        (n - 1) * s + k - 2 * p for n, s, k, p in zip(tuple(full.shape)[2:], step, window, border, strict=True)
    )
    if output_size is not None:
        given = tuple(output_size)[-dims:]
        if len(given) != dims or any(not n - s < g < n + s for g, n, s in zip(given, sizes, step, strict=True)):
            raise _core.ArgumentError(f"{what}: got output_size={output_size}; need less than {step} away from {sizes}")
        sizes = given
    places = batched(what, indices, dims).astype(_core.int64)
    return unbatched(_core._scatter_planes(full, places, size=sizes, add=False), x, dims)


def _fractional_max_pool(
    dims: int,
    x: Tensor,
    kernel: Sizes,
    output_size: Sizes | None,
    output_ratio: float | Sequence[float] | None,
    return_indices: bool,
    samples: Tensor | None,
) -> Pooled:
    what = f"fractional_max_pool{dims}d"
    full = batched(what, x, dims)
    spatial, window = tuple(full.shape)[2:], sizes_of(what, "kernel_size", kernel, dims, 1)
    if (output_size is None) == (output_ratio is None):
        raise _core.ArgumentError(f"{what}: got both or none of output_size and output_ratio; need one of them")
    if output_size is not None:
        size = sizes_of(what, "output_size", output_size, dims, 1)
    else:
        ratios = output_ratio if isinstance(output_ratio, Sequence) else (output_ratio,) * dims
        size = tuple(int(n * r) for n, r in zip(spatial, ratios, strict=True))  # type: ignore[operator]
    if any(k + out - 1 > n or out < 1 for k, out, n in zip(window, size, spatial, strict=True)):
        raise _core.ShapeError(
            f"{what}: got sizes {spatial}, kernel_size={kernel} and the output size {size}; need it to fit"
        )
    planes = tuple(full.shape)[:2]
    if samples is None:
        samples = default_generator().uniform((*planes, dims), dtype=x.dtype, device=x._place)
    # Where the windows of each axis begin, [batch, channels, windows].
    starts = []
    for axis in range(dims):
        # PyTorch keeps the columns' numbers first for images, the planes' first for volumes.
        sample = _core.expand_dims(samples[..., dims - 1 - axis if dims == 2 else axis], axis=-1)
        n, out, k = spatial[axis], size[axis], window[axis]
        if out == 1:
            starts.append(_core.full((*planes, 1), n - k, dtype=_core.int64, device=x._place))
            continue
        alpha = (n - k) / (out - 1)
        steps = _core.arange(out, dtype=sample.dtype, device=sample._place)
        begin = _core.trunc((steps + sample) * alpha) - _core.trunc(sample * alpha)
        begin = _core.where(_core.equal(steps, out - 1), n - k, begin)
        starts.append(begin.astype(_core.int64))
    flat, count = full.reshape((*planes, product(spatial))), product(size)
    best: Tensor | None = None
    where: Any = None
    for place in itertools.product(*(range(k) for k in window)):
        index: Any = 0
        for axis, (offset, begin) in enumerate(zip(place, starts, strict=True)):
            shape = [1] * dims
            shape[axis] = size[axis]
            index = index * spatial[axis] + (begin + offset).reshape((*planes, *shape))
        index = _core.broadcast_to(index, (*planes, *size)).reshape((*planes, count))
        value = _core.take_along_axis(flat, index, axis=2)
        if best is None:
            best, where = value, index
            continue
        better = _core.logical_or(_core.greater(value, best), _core.isnan(value))
        best, where = _core.where(better, value, best), _core.where(better, index, where)
    assert best is not None
    result = unbatched(best.reshape((*planes, *size)), x, dims)
    return (result, unbatched(where.reshape((*planes, *size)), x, dims)) if return_indices else result


@public
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """Return the largest element of each of output_size parts of [batch, channels, length].

    The parts cover the axes and may overlap by one element. None keeps an axis as it is.

    >>> td.nn.functional.adaptive_max_pool1d(td.ones((1, 2, 4)), 3).shape
    (1, 2, 3)
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


@public
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Return the mean of each of output_size parts of [batch, channels, length].

    The parts cover the axes and may overlap by one element. None keeps an axis as it is.

    >>> td.nn.functional.adaptive_avg_pool1d(td.ones((1, 2, 4)), 3).shape
    (1, 2, 3)
    """
    return adaptive_avg_pool(1, input, output_size)


@public
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put what max_pool1d returned back to where it was, and zeros elsewhere; the last of several counts.

    >>> F = td.nn.functional
    >>> F.max_unpool1d(*F.max_pool1d(td.ones((1, 2, 4)), 2, return_indices=True), 2).shape
    (1, 2, 4)
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@public
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """Return the largest element of each of output_size parts of [batch, channels, height, width].

    The parts cover the axes and may overlap by one element. None keeps an axis as it is.

    >>> td.nn.functional.adaptive_max_pool2d(td.ones((1, 2, 4, 4)), 3).shape
    (1, 2, 3, 3)
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


@public
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Return the mean of each of output_size parts of [batch, channels, height, width].

    The parts cover the axes and may overlap by one element. None keeps an axis as it is.

    >>> td.nn.functional.adaptive_avg_pool2d(td.ones((1, 2, 4, 4)), 3).shape
    (1, 2, 3, 3)
    """
    return adaptive_avg_pool(2, input, output_size)


@public
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put what max_pool2d returned back to where it was, and zeros elsewhere; the last of several counts.

    >>> F = td.nn.functional
    >>> F.max_unpool2d(*F.max_pool2d(td.ones((1, 2, 4, 4)), 2, return_indices=True), 2).shape
    (1, 2, 4, 4)
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@public
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """Return the largest element of each of output_size parts of [batch, channels, depth, height, width].

    The parts cover the axes and may overlap by one element. None keeps an axis as it is.

    >>> td.nn.functional.adaptive_max_pool3d(td.ones((1, 2, 4, 4, 4)), 3).shape
    (1, 2, 3, 3, 3)
    """
    return _adaptive_max_pool(3, input, output_size, return_indices)


@public
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Return the mean of each of output_size parts of [batch, channels, depth, height, width].

    The parts cover the axes and may overlap by one element. None keeps an axis as it is.

    >>> td.nn.functional.adaptive_avg_pool3d(td.ones((1, 2, 4, 4, 4)), 3).shape
    (1, 2, 3, 3, 3)
    """
    return adaptive_avg_pool(3, input, output_size)


@public
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put what max_pool3d returned back to where it was, and zeros elsewhere; the last of several counts.

    >>> F = td.nn.functional
    >>> F.max_unpool3d(*F.max_pool3d(td.ones((1, 2, 4, 4, 4)), 2, return_indices=True), 2).shape
    (1, 2, 4, 4, 4)
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


@public
def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """Return the largest elements of windows at random distances, so many that the result has a size or a ratio to it.

    _random_samples: [batch, channels, 2] in [0, 1), instead of numbers of the default generator.

    >>> td.nn.functional.fractional_max_pool2d(td.ones((1, 2, 4, 4)), 2, output_size=3).shape
    (1, 2, 3, 3)
    """
    return _fractional_max_pool(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


@public
def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """Return the largest elements of windows at random distances, so many that the result has a size or a ratio to it.

    _random_samples: [batch, channels, 3] in [0, 1), instead of numbers of the default generator.

    >>> td.nn.functional.fractional_max_pool3d(td.ones((1, 2, 4, 4, 4)), 2, output_size=3).shape
    (1, 2, 3, 3, 3)
    """
    return _fractional_max_pool(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)
