"""Convolution and pooling over sliding windows, as formulas over strided views, eager and captured alike.

A window of K places is K strided views of the padded input, one per place. Convolution stacks them into columns and
multiplies once by the matrix of weights; a depthwise one, whose matrices would have one row, adds products of views.
Every sum runs in an order that shapes alone decide, so results do not depend on the number of threads.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem._parts import pad

Tensor = _core.Tensor
Sizes = int | Sequence[int]


def sizes_of(what: str, name: str, value: Sizes, dims: int, least: int) -> tuple[int, ...]:
    """Return one number per spatial axis; an error names the function and the argument."""
    each = (value,) * dims if isinstance(value, int) else tuple(value)
    if len(each) == 1:
        each *= dims
    if len(each) != dims or any(n < least for n in each):
        raise _core.ArgumentError(f"{what}: got {name}={value}; need {least} or more, once or for each of {dims} axes")
    return each


def batched(what: str, x: Tensor, dims: int) -> Tensor:
    """Return x as [batch, channels, spatial axes ...]."""
    if x.ndim == dims + 1:
        return _core.expand_dims(x, axis=0)
    if x.ndim != dims + 2:
        raise _core.ShapeError(
            f"{what}: got the shape {x.shape}; need [batch, channels] or [channels], and {dims} axes"
        )
    return x


def views(
    what: str, x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[list[Tensor], tuple[int, ...]]:
    """Return what each place of the window sees at every step, in row-major order of places, and the steps' shape."""
    spatial = tuple(x.shape)[2:]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(size < span for size, span in zip(spatial, spans, strict=True)):
        raise _core.ShapeError(f"{what}: got padded sizes {spatial} and a window of {tuple(spans)}; need it to fit")
    steps = tuple((size - span) // s + 1 for size, span, s in zip(spatial, spans, stride, strict=True))
    parts = []
    for place in itertools.product(*(range(k) for k in kernel)):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        cut = tuple(slice(at, at + (steps[i] - 1) * stride[i] + 1, stride[i]) for i, at in enumerate(starts))
        index = (slice(None), slice(None), *cut)
        parts.append(x[index])
    return parts, steps


def padded(x: Tensor, widths: Sequence[tuple[int, int]], value: float) -> Tensor:
    """Return x with `value` before and behind its spatial axes."""
    if not any(before or after for before, after in widths):
        return x
    return pad(x, ((0, 0), (0, 0), *widths), constant_values=value)


def _widths(
    what: str, padding: Sizes | str, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    dims = len(kernel)
    if isinstance(padding, str):
        if padding not in ("same", "valid") or (padding == "same" and any(s != 1 for s in stride)):
            raise _core.ArgumentError(
                f"{what}: got padding={padding!r} and stride={tuple(stride)}; need a number, 'valid', or 'same' with "
                "stride 1"
            )
        total = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
        return [(n // 2, n - n // 2) for n in total]
    return [(n, n) for n in sizes_of(what, "padding", padding, dims, 0)]


def convolve(
    what: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    widths: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Correlate [batch, channels, ...] with weight [out, channels / groups, ...], padded by widths, and add bias."""
    channels, (outputs, per_group, *kernel) = x.shape[1], weight.shape
    if groups < 1 or channels != per_group * groups or outputs % groups:
        raise _core.ShapeError(
            f"{what}: got {channels} channels, weight of shape {weight.shape} and groups={groups}; need channels = "
            "groups * weight.shape[1], and weight.shape[0] a multiple of groups"
        )
    parts, steps = views(what, padded(x, widths, 0), kernel, stride, dilation)
    batch, count, each = x.shape[0], len(parts), outputs // groups
    if per_group == 1:
        taps = weight.reshape((groups, each, count))
        ones = (1,) * len(steps)
        out = None
        for place, part in enumerate(parts):
            term = _core.expand_dims(part, axis=2) * taps[:, :, place].reshape((groups, each, *ones))
            out = term if out is None else out + term
        assert out is not None
        out = out.reshape((batch, outputs, *steps))
    else:
        length = 1
        for n in steps:
            length *= n
        columns = _core.stack(parts, axis=2).reshape((batch, groups, per_group * count, length))
        matrices = weight.reshape((groups, each, per_group * count))
        if groups == 1:
            out = _core.matmul(matrices[0], columns[:, 0]).reshape((batch, outputs, *steps))
        else:
            out = _core.matmul(matrices, columns).reshape((batch, outputs, *steps))
    if bias is not None:
        out = out + bias.reshape((outputs, *(1,) * len(steps)))
    return out


def _conv(
    dims: int, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sizes, padding: Any, dilation: Sizes, groups: int
) -> Tensor:
    what = f"conv{dims}d"
    if weight.ndim != dims + 2:
        raise _core.ShapeError(f"{what}: got weight of shape {weight.shape}; need [out, in / groups] and {dims} axes")
    steps, spread = sizes_of(what, "stride", stride, dims, 1), sizes_of(what, "dilation", dilation, dims, 1)
    widths = _widths(what, padding, weight.shape[2:], steps, spread)
    out = convolve(what, batched(what, x, dims), weight, bias, steps, widths, spread, groups)
    return _core.squeeze(out, axis=0) if x.ndim == dims + 1 else out


@public
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Correlate [batch, channels, length] with weight [out, channels / groups, k] and add bias [out].

    >>> td.nn.functional.conv1d(td.asarray([[[1., 2., 4.]]]), td.asarray([[[-1., 1.]]]))
    tensor([[[1., 2.]]], dtype=float32)
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


@public
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Correlate [batch, channels, height, width] with weight [out, channels / groups, kh, kw] and add bias [out].

    >>> td.nn.functional.conv2d(td.ones((1, 2, 5, 5)), td.ones((4, 2, 3, 3)), padding=1).shape
    (1, 4, 5, 5)
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


@public
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Correlate [batch, channels, depth, height, width] with weight [out, channels / groups, kd, kh, kw]; add bias.

    >>> td.nn.functional.conv3d(td.ones((1, 2, 4, 4, 4)), td.ones((3, 2, 2, 2, 2)), stride=2).shape
    (1, 3, 2, 2, 2)
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def _windows(
    what: str, dims: int, x: Tensor, kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes, value: float
) -> list[Tensor]:
    window = sizes_of(what, "kernel_size", kernel, dims, 1)
    step = window if stride is None else sizes_of(what, "stride", stride, dims, 1)
    border = sizes_of(what, "padding", padding, dims, 0)
    if any(2 * p > k for p, k in zip(border, window, strict=True)):
        raise _core.ArgumentError(f"{what}: got padding={padding}, kernel_size={kernel}; need at most half the window")
    x = padded(x, [(p, p) for p in border], value)
    return views(what, x, window, step, sizes_of(what, "dilation", dilation, dims, 1))[0]


def _max_pool(dims: int, x: Tensor, kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes) -> Tensor:
    what = f"max_pool{dims}d"
    out, *rest = _windows(what, dims, batched(what, x, dims), kernel, stride, padding, dilation, float("-inf"))
    for part in rest:
        out = _core.maximum(out, part)
    return _core.squeeze(out, axis=0) if x.ndim == dims + 1 else out


def _avg_pool(dims: int, x: Tensor, kernel: Sizes, stride: Sizes | None, padding: Sizes, include: bool) -> Tensor:
    what = f"avg_pool{dims}d"
    full = batched(what, x, dims)
    out, *rest = parts = _windows(what, dims, full, kernel, stride, padding, 1, 0)
    for part in rest:
        out = out + part
    if include:
        out = out / len(parts)
    else:
        ones = _core.ones((1, 1, *full.shape[2:]), dtype=x.dtype)
        count, *others = _windows(what, dims, ones, kernel, stride, padding, 1, 0)
        for part in others:
            count = count + part
        out = out / count
    return _core.squeeze(out, axis=0) if x.ndim == dims + 1 else out


@public
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the largest element of each window of [batch, channels, length].

    stride None is the window's size.

    >>> td.nn.functional.max_pool1d(td.ones((1, 2, 4)), 2).shape
    (1, 2, 2)
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation)


@public
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the largest element of each window of [batch, channels, height, width].

    stride None is the window's size.

    >>> td.nn.functional.max_pool2d(td.ones((1, 2, 4, 4)), 2).shape
    (1, 2, 2, 2)
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation)


@public
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the largest element of each window of [batch, channels, depth, height, width].

    stride None is the window's size.

    >>> td.nn.functional.max_pool3d(td.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation)


@public
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    *,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of [batch, channels, length].

    stride None is the window's size. Padding counts as zeros, or not at all with count_include_pad=False.

    >>> td.nn.functional.avg_pool1d(td.ones((1, 2, 4)), 2).shape
    (1, 2, 2)
    """
    return _avg_pool(1, input, kernel_size, stride, padding, count_include_pad)


@public
def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    *,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of [batch, channels, height, width].

    stride None is the window's size. Padding counts as zeros, or not at all with count_include_pad=False.

    >>> td.nn.functional.avg_pool2d(td.ones((1, 2, 4, 4)), 2).shape
    (1, 2, 2, 2)
    """
    return _avg_pool(2, input, kernel_size, stride, padding, count_include_pad)


@public
def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    *,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of [batch, channels, depth, height, width].

    stride None is the window's size. Padding counts as zeros, or not at all with count_include_pad=False.

    >>> td.nn.functional.avg_pool3d(td.ones((1, 2, 4, 4, 4)), 2).shape
    (1, 2, 2, 2, 2)
    """
    return _avg_pool(3, input, kernel_size, stride, padding, count_include_pad)
