"""Pooling over sliding windows: rows of the operation table, computed by the runtime without columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem.nn._shapes import Sizes, batched, sizes_of, unbatched

Tensor = _core.Tensor
Pooled = Tensor | tuple[Tensor, Tensor]

INSIDE, WITH_BORDER = 0, -1  # what a mean divides by


def _windows(
    what: str,
    spatial: Sequence[int],
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> dict[str, Any]:
    """Return the attributes of windows at equal distances."""
    dims = len(spatial)
    window = sizes_of(what, "kernel_size", kernel, dims, 1)
    step = window if stride is None or stride == () else sizes_of(what, "stride", stride, dims, 1)
    border, spread = sizes_of(what, "padding", padding, dims, 0), sizes_of(what, "dilation", dilation, dims, 1)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(window, spread, strict=True))
    if any(2 * p > s for p, s in zip(border, spans, strict=True)):
        raise _core.ArgumentError(f"{what}: got padding={padding}, kernel_size={kernel}; need at most half the window")
    if any(n + 2 * p < s for n, p, s in zip(spatial, border, spans, strict=True)):
        raise _core.ShapeError(f"{what}: got sizes {tuple(spatial)} and a window of {spans}; need it to fit")
    counts = []
    for n, p, s, t in zip(spatial, border, spans, step, strict=True):
        count = (n + 2 * p - s + (t - 1 if ceil_mode else 0)) // t + 1
        # The last window must begin inside, or in the border before.
        counts.append(count - 1 if ceil_mode and (count - 1) * t >= n + p else count)
    return {
        "kernel": window,
        "stride": step,
        "dilation": spread,
        "before": border,
        "size": tuple(counts),
        "adaptive": False,
        "divisor": INSIDE,
    }


def largest(x: Tensor, dims: int, full: Tensor, attributes: dict[str, Any], return_indices: bool) -> Pooled:
    """Return the largest elements of windows of full, which is x with a batch, and where they are if asked for."""
    out = unbatched(_core._max_pool(full, **attributes), x, dims)
    if not return_indices:
        return out
    return out, unbatched(_core._max_pool_indices(full, **attributes), x, dims)


def _max_pool(
    dims: int,
    x: Tensor,
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Pooled:
    what = f"max_pool{dims}d"
    full = batched(what, x, dims)
    attributes = _windows(what, tuple(full.shape)[2:], kernel, stride, padding, dilation, ceil_mode)
    return largest(x, dims, full, attributes, return_indices)


def _avg_pool(
    dims: int,
    x: Tensor,
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    what = f"avg_pool{dims}d"
    full = batched(what, x, dims)
    attributes = _windows(what, tuple(full.shape)[2:], kernel, stride, padding, 1, ceil_mode)
    if divisor_override is not None and divisor_override < 1:
        raise _core.ArgumentError(f"{what}: got divisor_override={divisor_override}; need 1 or more")
    attributes["divisor"] = divisor_override or (WITH_BORDER if count_include_pad else INSIDE)
    return unbatched(_core._avg_pool(full, **attributes), x, dims)


def _lp_pool(dims: int, x: Tensor, norm: float, kernel: Sizes, stride: Sizes | None, ceil_mode: bool) -> Tensor:
    window = sizes_of(f"lp_pool{dims}d", "kernel_size", kernel, dims, 1)
    places = 1
    for n in window:
        places *= n
    mean = _avg_pool(dims, _core.pow(x, norm), window, stride, 0, ceil_mode, True, None)
    return _core.pow(_core.sign(mean) * _core.relu(_core.abs(mean)) * places, 1.0 / norm)


@public
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Return the largest element of each window of [batch, channels, length].

    stride None is the window's size. ceil_mode: windows may reach over the end. return_indices: also where the elements
    are in their channel, counted row by row.

    >>> td.nn.functional.max_pool1d(td.ones((1, 2, 4)), 2).shape
    (1, 2, 2)
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Return the largest element of each window of [batch, channels, height, width].

    stride None is the window's size. ceil_mode: windows may reach over the end. return_indices: also where the elements
    are in their channel, counted row by row.

    >>> td.nn.functional.max_pool2d(td.ones((1, 2, 4, 4)), 2).shape
    (1, 2, 2, 2)
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Return the largest element of each window of [batch, channels, depth, height, width].

    stride None is the window's size. ceil_mode: windows may reach over the end. return_indices: also where the elements
    are in their channel, counted row by row.

    >>> td.nn.functional.max_pool3d(td.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of [batch, channels, length].

    stride None is the window's size. Padding counts as zeros, or not at all with count_include_pad=False.

    >>> td.nn.functional.avg_pool1d(td.ones((1, 2, 4)), 2).shape
    (1, 2, 2)
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@public
def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of [batch, channels, height, width].

    stride None is the window's size. Padding counts as zeros, or not at all with count_include_pad=False.
    divisor_override is what the sum is divided by instead.

    >>> td.nn.functional.avg_pool2d(td.ones((1, 2, 4, 4)), 2).shape
    (1, 2, 2, 2)
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@public
def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of [batch, channels, depth, height, width].

    stride None is the window's size. Padding counts as zeros, or not at all with count_include_pad=False.
    divisor_override is what the sum is divided by instead.

    >>> td.nn.functional.avg_pool3d(td.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@public
def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norm of each window of [batch, channels, length]: sum(x^p)^(1/p).

    >>> td.nn.functional.lp_pool1d(td.ones((1, 2, 4)), 1, 2).shape
    (1, 2, 2)
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@public
def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norm of each window of [batch, channels, height, width]: sum(x^p)^(1/p).

    >>> td.nn.functional.lp_pool2d(td.ones((1, 2, 4, 4)), 1, 2).shape
    (1, 2, 2, 2)
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@public
def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norm of each window of [batch, channels, depth, height, width]: sum(x^p)^(1/p).

    >>> td.nn.functional.lp_pool3d(td.ones((1, 2, 4, 4, 4)), 1, 2).shape
    (1, 2, 2, 2, 2)
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
