"""Convolutions and their relatives."""

from __future__ import annotations

import itertools
from typing import Any

import tandem as td
from tandem import _core
from tandem.nn import functional as F
from tandem.onnx.importers_resampling import bilinear_at
from tandem.onnx.table import operator
from tandem.onnx.values import indices, ints, like, number, product
from tandem.onnx.windows import borders, shared, spans_of

Tensor = _core.Tensor
Numbers = tuple[int, ...] | None


def windows_of(
    x: Tensor, weight: Tensor, auto_pad: str, dilations: Numbers, group: int, pads: Numbers, strides: Numbers
) -> dict[str, Any]:
    """Return the attributes of a convolution."""
    dims = x.ndim - 2
    if dims < 1 or weight.ndim != x.ndim or group < 1 or x.shape[1] != weight.shape[1] * group:
        raise _core.ShapeError(
            f"Conv: got the shape {x.shape}, weight of shape {weight.shape} and group={group}; need [batch, channels, "
            "spatial axes] and [out, channels / group, kernel]"
        )
    strides, dilations = strides or (1,) * dims, dilations or (1,) * dims
    spans = spans_of(tuple(weight.shape)[2:], dilations)
    sizes = tuple(x.shape)[2:]
    before, after = borders(auto_pad, pads, sizes, spans, strides)
    if any(n + b + a < span for n, b, a, span in zip(sizes, before, after, spans, strict=True)):
        raise _core.ShapeError(f"Conv: got sizes {sizes}, pads {(*before, *after)} and a window of {spans}")
    return {"stride": strides, "dilation": dilations, "before": before, "groups": group, "after": after}


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    auto_pad: str,
    dilations: Numbers,
    group: int,
    pads: Numbers,
    strides: Numbers,
) -> Tensor:
    given = (x, weight) if bias is None else (x, weight, bias)
    return _core._convolution(*given, **windows_of(x, weight, auto_pad, dilations, group, pads, strides))


@operator("Conv")
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Numbers = None,
    group: int = 1,
    kernel_shape: Numbers = None,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    return convolve(x, weight, bias, auto_pad, dilations, group, pads, strides)


@operator("ConvTranspose")
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Numbers = None,
    group: int = 1,
    kernel_shape: Numbers = None,
    output_padding: Numbers = None,
    output_shape: Numbers = None,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    dims = x.ndim - 2
    strides, dilations, extra = (n or (k,) * dims for n, k in ((strides, 1), (dilations, 1), (output_padding, 0)))
    spans = spans_of(tuple(weight.shape)[2:], dilations)
    full = tuple((n - 1) * s + w + e for n, s, w, e in zip(x.shape[2:], strides, spans, extra, strict=True))
    if output_shape is not None or auto_pad.startswith("SAME"):
        wanted = output_shape or tuple(n * s for n, s in zip(x.shape[2:], strides, strict=True))
        # Without SAME_UPPER the odd one stands before.
        side = "SAME_LOWER" if auto_pad != "SAME_UPPER" else auto_pad
        before, _ = shared(side, [max(n - want, 0) for n, want in zip(full, wanted[-dims:], strict=True)])
        sizes = tuple(wanted[-dims:])
    else:
        before, after = borders(auto_pad, pads, full, spans, strides)
        sizes = tuple(n - b - a for n, b, a in zip(full, before, after, strict=True))
    given = (x, weight) if bias is None else (x, weight, bias)
    return _core._convolution_source(
        *given, stride=strides, dilation=dilations, before=before, groups=group, size=sizes
    )


@operator("CausalConvWithState")
def causal_conv_with_state(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    past: Tensor | None = None,
    *,
    activation: str = "none",
    outputs: int = 2,
) -> tuple[Tensor, ...]:
    reach = weight.shape[2] - 1
    if past is None:
        past = td.zeros((x.shape[0], x.shape[1], reach), dtype=x.dtype)
    padded = td.concat([past, x], axis=2)
    out = convolve(padded, weight, bias, "NOTSET", None, x.shape[1], None, None)
    if activation in ("silu", "swish"):
        wide = out.astype(td.float32)
        out = (wide * td.sigmoid(wide)).astype(x.dtype)
    elif activation != "none":
        raise _core.ArgumentError(f"CausalConvWithState: got activation={activation!r}; need none, silu or swish")
    return (out, padded[:, :, padded.shape[2] - reach :])[:outputs]


def _places(count: Any, step: int, offset: int) -> slice:
    return slice(offset, offset + (count - 1) * step + 1, step)


@operator("Col2Im", static=(1, 2))
def col2im(
    x: Tensor,
    image_shape: Any,
    block_shape: Any,
    *,
    dilations: Numbers = None,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    sizes, block = ints(image_shape, "Col2Im: image_shape"), ints(block_shape, "Col2Im: block_shape")
    dims = len(sizes)
    strides, dilations, pads = strides or (1,) * dims, dilations or (1,) * dims, pads or (0,) * (2 * dims)
    padded = tuple(n + pads[k] + pads[k + dims] for k, n in enumerate(sizes))
    counts = tuple(
        (n - span) // step + 1 for n, span, step in zip(padded, spans_of(block, dilations), strides, strict=True)
    )
    channels = x.shape[1] // product(block)
    columns = x.reshape((x.shape[0], channels, product(block), *counts))
    out = td.zeros((x.shape[0], channels, *padded), dtype=x.dtype)
    for k, place in enumerate(itertools.product(*(range(n) for n in block))):
        cuts = (_places(counts[i], strides[i], place[i] * dilations[i]) for i in range(dims))
        seen = (slice(None), slice(None), *cuts)
        out[seen] += columns[:, :, k]
    inside = (slice(None), slice(None), *(slice(pads[k], pads[k] + n) for k, n in enumerate(sizes)))
    return out[inside]


@operator("DeformConv")
def deform_conv(
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    dilations: Numbers = None,
    group: int = 1,
    kernel_shape: Numbers = None,
    offset_group: int = 1,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    if x.ndim != 4:
        raise _core.BackendError(f"DeformConv: got {x.ndim - 2} spatial axes; need 2")
    (kh, kw), (sh, sw), (dh, dw) = tuple(weight.shape)[2:], strides or (1, 1), dilations or (1, 1)
    top, left = (pads or (0, 0, 0, 0))[:2]
    batch, channels, _, _ = x.shape
    height, width = offset.shape[2:]
    moved = offset.reshape((batch, offset_group, kh * kw, 2, height, width))
    own_y = indices(height, x.dtype).reshape((height, 1)) * sh - top
    own_x = indices(width, x.dtype).reshape((1, width)) * sw - left
    each = x.reshape((batch, offset_group, channels // offset_group, *x.shape[2:]))
    columns = []
    for k, (i, j) in enumerate(itertools.product(range(kh), range(kw))):
        seen = bilinear_at(each, own_y + i * dh + moved[:, :, k, 0], own_x + j * dw + moved[:, :, k, 1], zeros=True)
        if mask is not None:
            weights = mask.reshape((batch, offset_group, kh * kw, height, width))[:, :, k]
            seen = seen * td.expand_dims(weights, axis=2)
        columns.append(seen.reshape((batch, channels, height * width)))
    stacked = td.stack(columns, axis=2)  # [batch, channels, kernel, places]
    rows = weight.shape[1] * kh * kw
    grouped = stacked.reshape((batch, group, rows, height * width))
    filters = weight.reshape((group, weight.shape[0] // group, rows))
    out = td.matmul(filters, grouped).reshape((batch, weight.shape[0], height, width))
    return out if bias is None else out + bias.reshape((-1, 1, 1))


@operator("Dropout", until=6)
def dropout_of_old(
    x: Tensor, *, is_test: int = 0, ratio: float = 0.5, consumed_inputs: Any = None, outputs: int = 1
) -> tuple[Tensor, ...]:
    return (x, td.full(x.shape, True))[:outputs]


@operator("Dropout", since=7, until=11)
def dropout_attribute(x: Tensor, *, ratio: float = 0.5, outputs: int = 1) -> tuple[Tensor, ...]:
    return (x, td.full(x.shape, True))[:outputs]


@operator("Dropout", since=12, static=(1, 2))
def dropout(
    x: Tensor, ratio: Any = 0.5, training_mode: Any = False, *, seed: int | None = None, outputs: int = 1
) -> tuple[Tensor, ...]:
    share = 0.5 if ratio is None else number(ratio, "Dropout: ratio")
    if training_mode is None or share == 0 or not number(training_mode, "Dropout: training_mode"):
        return (x, td.full(x.shape, True))[:outputs]
    kept = td.random.bernoulli(1 - share, tuple(x.shape))
    return (td.where(kept, x / (1 - share), like(x, 0)), kept)[:outputs]


@operator("AffineGrid", static=(1,))
def affine_grid(theta: Tensor, size: Any, *, align_corners: int = 0) -> Tensor:
    return F.affine_grid(theta, ints(size, "AffineGrid: size"), bool(align_corners))


_GRID_MODES = {"linear": "bilinear", "cubic": "bicubic"}


@operator("GridSample")
def grid_sample(
    x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> Tensor:
    return F.grid_sample(x, grid, _GRID_MODES.get(mode, mode), padding_mode, bool(align_corners))
