"""Transposed convolution and interpolation, as formulas over operations."""

from __future__ import annotations

from collections.abc import Sequence

from tandem import _core
from tandem._boundary import public
from tandem.nn._windows import Sizes, batched, convolve, padded, sizes_of

Tensor = _core.Tensor


def _spread(x: Tensor, axis: int, stride: int) -> Tensor:
    """Return x with stride - 1 zeros between neighbours along an axis."""
    if stride == 1:
        return x
    shape = tuple(x.shape)
    before, size, behind = shape[:axis], shape[axis], shape[axis + 1 :]
    zeros = _core.zeros((*before, size, stride - 1, *behind), dtype=x.dtype)
    wide = _core.concat([_core.expand_dims(x, axis=axis + 1), zeros], axis=axis + 1)
    index = (*(slice(None),) * axis, slice(0, (size - 1) * stride + 1))
    return wide.reshape((*before, size * stride, *behind))[index]


def _conv_transpose(
    dims: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    what = f"conv_transpose{dims}d"
    full = batched(what, x, dims)
    if weight.ndim != dims + 2 or groups < 1 or weight.shape[0] != full.shape[1] or weight.shape[0] % groups:
        raise _core.ShapeError(
            f"{what}: got the shape {x.shape}, weight of shape {weight.shape} and groups={groups}; need weight "
            f"[channels, out / groups] and {dims} axes, and channels that the groups divide"
        )
    steps, spread = sizes_of(what, "stride", stride, dims, 1), sizes_of(what, "dilation", dilation, dims, 1)
    border, extra = (
        sizes_of(what, "padding", padding, dims, 0),
        sizes_of(what, "output_padding", output_padding, dims, 0),
    )
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, spread, strict=True)):
        raise _core.ArgumentError(f"{what}: got output_padding={output_padding}; need less than stride or dilation")
    channels, each, *kernel = tuple(weight.shape)
    widths = []
    for i in range(dims):
        full = _spread(full, i + 2, steps[i])
        reach = spread[i] * (kernel[i] - 1) - border[i]
        before, behind = max(-reach, 0), max(-reach - extra[i], 0)
        index = (*(slice(None),) * (i + 2), slice(before, full.shape[i + 2] - behind))
        full = full[index] if before or behind else full
        widths.append((max(reach, 0), max(reach + extra[i], 0)))
    matrices = weight.reshape((groups, channels // groups, each, *kernel))
    order = (0, 2, 1, *range(3, dims + 3))
    matrices = _core.permute_dims(matrices, order).reshape((groups * each, channels // groups, *kernel))
    turned = _core.flip(matrices, axis=tuple(range(2, dims + 2)))
    out = convolve(what, padded(full, widths, 0), turned, bias, (1,) * dims, [(0, 0)] * dims, spread, groups)
    return _core.squeeze(out, axis=0) if x.ndim == dims + 1 else out


def _along(x: Tensor, axis: int, out: int, ratio: float, mode: str, corners: bool) -> Tensor:
    """Return x resampled to `out` places along an axis; ratio is the distance of their centres in x."""
    size = x.shape[axis]
    places = _core.arange(out, dtype=_core.float64)
    if mode == "nearest":
        source = _core.minimum(_core.floor(places * ratio), size - 1).astype(_core.int64)
        return _core.take(x, source, axis=axis)
    if corners:
        places = places * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        places = _core.maximum((places + 0.5) * ratio - 0.5, 0)
    low = _core.minimum(_core.floor(places), size - 1)
    share = (places - low).astype(x.dtype).reshape((-1, *(1,) * (x.ndim - axis - 1)))
    first = low.astype(_core.int64)
    second = _core.minimum(first + 1, size - 1)
    return _core.take(x, first, axis=axis) * (1 - share) + _core.take(x, second, axis=axis) * share


@public
def interpolate(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Resample the spatial axes of [batch, channels, ...] to a size, or by a factor.

    mode: "nearest"; "linear", "bilinear" or "trilinear" for one, two or three spatial axes. align_corners: the centres
    of the corners coincide, instead of their edges.

    >>> td.nn.functional.interpolate(td.asarray([[[1., 2.]]]), 4)
    tensor([[[1., 1., 2., 2.]]], dtype=float32)
    """
    dims = input.ndim - 2
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}.get(dims)
    if linear is None or mode not in ("nearest", linear):
        raise _core.ArgumentError(
            f"interpolate: got mode={mode!r} and the shape {input.shape}; need 'nearest', or 'linear', 'bilinear', "
            "'trilinear' for one, two, three axes behind [batch, channels]"
        )
    if (size is None) == (scale_factor is None):
        raise _core.ArgumentError("interpolate: got both or none of size and scale_factor; need one of them")
    if mode == "nearest" and align_corners is not None:
        raise _core.ArgumentError("interpolate: got align_corners with mode='nearest'; need a linear mode for it")
    out = input
    for i in range(dims):
        old = input.shape[i + 2]
        if scale_factor is not None:
            factor = float(scale_factor if isinstance(scale_factor, int | float) else scale_factor[i])
            new, ratio = int(old * factor), 1 / factor
        elif size is not None:
            new = sizes_of("interpolate", "size", size, dims, 1)[i]
            ratio = old / new
        out = _along(out, i + 2, new, ratio, mode, bool(align_corners))
    return out


@public
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Apply the transpose of conv1d to [batch, channels, length].

    weight: [channels, out / groups, k]; bias: [out]. output_padding lengthens the end of each spatial axis.

    >>> F = td.nn.functional
    >>> F.conv_transpose1d(td.ones((1, 2, 3)), td.ones((2, 4, 2)), stride=2).shape
    (1, 4, 6)
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@public
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Apply the transpose of conv2d to [batch, channels, height, width].

    weight: [channels, out / groups, kh, kw]; bias: [out]. output_padding lengthens the end of each spatial axis.

    >>> F = td.nn.functional
    >>> F.conv_transpose2d(td.ones((1, 2, 3, 3)), td.ones((2, 4, 2, 2)), stride=2).shape
    (1, 4, 6, 6)
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@public
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Apply the transpose of conv3d to [batch, channels, depth, height, width].

    weight: [channels, out / groups, kd, kh, kw]; bias: [out]. output_padding lengthens the end of each spatial axis.

    >>> F = td.nn.functional
    >>> F.conv_transpose3d(td.ones((1, 2, 3, 3, 3)), td.ones((2, 4, 2, 2, 2)), stride=2).shape
    (1, 4, 6, 6, 6)
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
