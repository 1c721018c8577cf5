"""Pooling over windows, over all there is, over regions, and back."""

from __future__ import annotations

from typing import Any

import tandem as td
from tandem import _core
from tandem.nn._pooling import INSIDE
from tandem.onnx.importers_resampling import bilinear_at
from tandem.onnx.table import operator
from tandem.onnx.values import indices, ints, known, product
from tandem.onnx.windows import borders, counts_of, spans_of

Tensor = _core.Tensor
Numbers = tuple[int, ...] | None


def _windows(
    x: Tensor,
    kernel: tuple[int, ...],
    auto_pad: str,
    ceil_mode: int,
    dilations: Numbers,
    pads: Numbers,
    strides: Numbers,
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    dims = x.ndim - 2
    if len(kernel) != dims or dims < 1:
        raise _core.ShapeError(f"got kernel_shape={kernel} and the shape {x.shape}; need one number per spatial axis")
    strides, dilations = strides or (1,) * dims, dilations or (1,) * dims
    spans, sizes = spans_of(kernel, dilations), tuple(x.shape)[2:]
    before, after = borders(auto_pad, pads, sizes, spans, strides)
    counts = counts_of(sizes, spans, strides, before, after, ceil_mode, auto_pad)
    attributes = {
        "kernel": tuple(kernel),
        "stride": tuple(strides),
        "dilation": tuple(dilations),
        "before": before,
        "size": counts,
        "adaptive": False,
        "divisor": INSIDE,
    }
    return attributes, after


@operator("MaxPool")
def max_pool(
    x: Tensor,
    *,
    kernel_shape: tuple[int, ...],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Numbers = None,
    pads: Numbers = None,
    storage_order: int = 0,
    strides: Numbers = None,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    attributes, _ = _windows(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    out = _core._max_pool(x, **attributes)
    if outputs == 1:
        return (out,)
    found = _core._max_pool_indices(x, **attributes)
    sizes = tuple(x.shape)[2:]
    if storage_order:
        found = _by_columns(found, sizes)
    planes = indices(x.shape[0] * x.shape[1]).reshape((x.shape[0], x.shape[1], *(1,) * len(sizes)))
    return out, found + planes * product(sizes)


def _by_columns(found: Tensor, sizes: tuple[Any, ...]) -> Tensor:
    """Return indices that count row by row as those that count column by column."""
    out: Any = 0
    stride = product(sizes)
    for n in reversed(sizes):
        stride = stride // n
        out = out + td.remainder(found, n) * stride
        found = td.floor_divide(found, n)
    return out


@operator("AveragePool")
def average_pool(
    x: Tensor,
    *,
    kernel_shape: tuple[int, ...],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Numbers = None,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    attributes, after = _windows(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    before = attributes["before"]
    if count_include_pad and any((*before, *after)):
        x = td.pad(x, [(0, 0), (0, 0), *zip(before, after, strict=True)])
        attributes["before"] = (0,) * len(before)
    return _core._avg_pool(x, **attributes)


@operator("LpPool", until=1)
def lp_pool_of_old(
    x: Tensor,
    *,
    kernel_shape: tuple[int, ...],
    auto_pad: str = "NOTSET",
    p: float = 2.0,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    return lp_pool(x, kernel_shape=kernel_shape, auto_pad=auto_pad, p=p, pads=pads, strides=strides)


@operator("LpPool", since=2)
def lp_pool(
    x: Tensor,
    *,
    kernel_shape: tuple[int, ...],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Numbers = None,
    p: float = 2,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    attributes, _ = _windows(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    attributes["divisor"] = 1
    powers = td.pow(td.abs(x), float(p))
    return td.pow(_core._avg_pool(powers, **attributes), 1.0 / p)


def _spatial(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return td.mean(x, axis=_spatial(x), keepdims=True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return td.max(x, axis=_spatial(x), keepdims=True)


@operator("GlobalLpPool")
def global_lp_pool(x: Tensor, *, p: float = 2) -> Tensor:
    return td.pow(td.sum(td.pow(td.abs(x), float(p)), axis=_spatial(x), keepdims=True), 1.0 / p)


@operator("MaxUnpool", static=(2,))
def max_unpool(
    x: Tensor,
    places: Tensor,
    output_shape: Any = None,
    *,
    kernel_shape: tuple[int, ...],
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    dims = len(kernel_shape)
    strides, pads = strides or (1,) * dims, pads or (0,) * (2 * dims)
    sizes = tuple((x.shape[k + 2] - 1) * strides[k] + kernel_shape[k] - pads[k] - pads[k + dims] for k in range(dims))
    shape = (*x.shape[:2], *sizes) if output_shape is None else ints(output_shape, "MaxUnpool: output_shape")
    # The indices count within the natural result; a larger one has it in its corner.
    flat = td.zeros((product((*x.shape[:2], *sizes)),), dtype=x.dtype)
    count = product(x.shape)
    out = td.scatter(flat, places.reshape((count,)), x.reshape((count,)), axis=0).reshape((*x.shape[:2], *sizes))
    return td.pad(out, [(0, want - have) for want, have in zip(shape, out.shape, strict=True)])


@operator("RoiAlign")
def roi_align(
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    shift = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0
    scaled = rois * spatial_scale - shift
    left, top, right, bottom = (scaled[:, k] for k in range(4))
    width, height = right - left, bottom - top
    if not shift:
        width, height = td.maximum(width, 1.0), td.maximum(height, 1.0)
    if sampling_ratio > 0:
        return _aligned(
            x, batch_indices, (top, left), (height, width), (output_height, output_width), (sampling_ratio,) * 2, mode
        )
    # How often each region is sampled depends on its size.
    known(rois, "RoiAlign: rois")
    out = []
    for k in range(rois.shape[0]):
        one = slice(k, k + 1)
        counts = [max(-int(-float(n[k]) // size), 1) for n, size in ((height, output_height), (width, output_width))]
        places, sizes = (top[one], left[one]), (height[one], width[one])
        out.append(_aligned(x, batch_indices[one], places, sizes, (output_height, output_width), tuple(counts), mode))
    return td.concat(out, axis=0) if out else td.zeros((0, x.shape[1], output_height, output_width), dtype=x.dtype)


def _aligned(
    x: Tensor,
    batches: Tensor,
    starts: tuple[Tensor, Tensor],
    sizes: tuple[Tensor, Tensor],
    out: tuple[int, int],
    samples: tuple[int, ...],
    mode: str,
) -> Tensor:
    """Sample regions [regions] of x at equal distances, and join the samples of each bin."""
    count = batches.shape[0]
    along = []
    for start, size, bins, each in zip(starts, sizes, out, samples, strict=True):
        step = (indices(bins * each, x.dtype) + 0.5) / each
        along.append(td.expand_dims(start, axis=1) + td.expand_dims(size / bins, axis=1) * step)
    ys, xs = td.expand_dims(along[0], axis=2), td.expand_dims(along[1], axis=1)
    chosen = td.expand_dims(td.take(x, batches.astype(td.int64), axis=0), axis=1)
    full = (count, 1, out[0] * samples[0], out[1] * samples[1])
    ys, xs = (td.broadcast_to(td.expand_dims(n, axis=1), full) for n in (ys, xs))
    cut = (count, x.shape[1], out[0], samples[0], out[1], samples[1])
    if mode == "max":
        # The largest of the four weighted neighbours, as ONNX Runtime does.
        return td.max(bilinear_at(chosen, ys, xs, largest=True).reshape(cut), axis=(3, 5))
    return td.mean(bilinear_at(chosen, ys, xs).reshape(cut), axis=(3, 5))
