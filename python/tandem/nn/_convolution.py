"""Convolution, its transpose, and the columns that windows see.

Convolutions are rows of the operation table, computed as a whole by a routine of the runtime: oneDNN for float32 and
bfloat16, columns of bounded size and a matrix product for all else. Eager and captured code call the same routine.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem._parts import pad
from tandem.nn._shapes import Sizes, batched, of_one_dtype, sizes_of, unbatched

Tensor = _core.Tensor


def _borders(
    what: str, padding: Sizes | str, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how many zeros stand before and behind each axis."""
    dims = len(kernel)
    if isinstance(padding, str):
        if padding not in ("same", "valid") or (padding == "same" and any(s != 1 for s in stride)):
            raise _core.ArgumentError(
                f"{what}: got padding={padding!r} and stride={tuple(stride)}; need a number, 'valid', or 'same' with "
                "stride 1"
            )
        total = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
        return tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)
    each = sizes_of(what, "padding", padding, dims, 0)
    return each, each


def _of_parts(emit: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return emit(x, weight, bias) of tensors that may be complex: it is linear in x and in weight."""
    if not (_is_complex(x) or _is_complex(weight) or (bias is not None and _is_complex(bias))):
        return emit(*of_one_dtype(x, weight, bias))
    re = emit(_core.real(x), _core.real(weight), None) - emit(_core.imag(x), _core.imag(weight), None)
    im = emit(_core.real(x), _core.imag(weight), None) + emit(_core.imag(x), _core.real(weight), None)
    out = _core.complex(re, im)
    return out if bias is None else out + bias.reshape((-1, *(1,) * (out.ndim - 2)))


def _is_complex(x: Tensor) -> bool:
    return x.dtype in (_core.complex64, _core.complex128)


def _conv(
    dims: int, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sizes, padding: Any, dilation: Sizes, groups: int
) -> Tensor:
    what = f"conv{dims}d"
    if weight.ndim != dims + 2:
        raise _core.ShapeError(f"{what}: got weight of shape {weight.shape}; need [out, in / groups] and {dims} axes")
    steps, spread = sizes_of(what, "stride", stride, dims, 1), sizes_of(what, "dilation", dilation, dims, 1)
    before, after = _borders(what, padding, tuple(weight.shape)[2:], steps, spread)
    full = batched(what, x, dims)
    channels, (outputs, per_group, *kernel) = full.shape[1], tuple(weight.shape)
    if groups < 1 or channels != per_group * groups or outputs % groups:
        raise _core.ShapeError(
            f"{what}: got {channels} channels, weight of shape {weight.shape} and groups={groups}; need channels = "
            "groups * weight.shape[1], and weight.shape[0] a multiple of groups"
        )
    sizes = tuple(n + b + a for n, b, a in zip(tuple(full.shape)[2:], before, after, strict=True))
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, spread, strict=True))
    if any(size < span for size, span in zip(sizes, spans, strict=True)) or min(kernel) < 1:
        raise _core.ShapeError(f"{what}: got padded sizes {sizes} and a window of {spans}; need it to fit")
    _check_bias(what, bias, outputs)

    def emit(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        given = (x, weight) if bias is None else (x, weight, bias)
        return _core._convolution(*given, stride=steps, dilation=spread, before=before, groups=groups, after=after)

    return unbatched(_of_parts(emit, full, weight, bias), x, dims)


def _check_bias(what: str, bias: Tensor | None, outputs: int) -> None:
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise _core.ShapeError(f"{what}: got bias of shape {bias.shape}; need ({outputs},)")


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
    border = sizes_of(what, "padding", padding, dims, 0)
    extra = sizes_of(what, "output_padding", output_padding, dims, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, spread, strict=True)):
        raise _core.ArgumentError(f"{what}: got output_padding={output_padding}; need less than stride or dilation")
    kernel = tuple(weight.shape)[2:]
    sizes = tuple(
        (full.shape[i + 2] - 1) * steps[i] + spread[i] * (kernel[i] - 1) + 1 - 2 * border[i] + extra[i]
        for i in range(dims)
    )
    if any(size < 1 for size in sizes) or min(kernel) < 1:
        raise _core.ShapeError(
            f"{what}: got the shape {x.shape}, a window of {kernel} and padding={padding}; need something to be left "
            f"of the result, whose sizes would be {sizes}"
        )
    _check_bias(what, bias, weight.shape[1] * groups)

    def emit(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        given = (x, weight) if bias is None else (x, weight, bias)
        return _core._convolution_source(
            *given, stride=steps, dilation=spread, before=border, groups=groups, size=sizes
        )

    return unbatched(_of_parts(emit, full, weight, bias), x, dims)


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


def _windows_of(
    what: str, spatial: Sequence[int], kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> tuple[tuple[int, ...], tuple[int, ...], list[tuple[slice, ...]]]:
    """Return paddings, how many windows there are per axis, and what each of their places sees of a padded image."""
    dims = len(spatial)
    kernel, spread = sizes_of(what, "kernel_size", kernel_size, dims, 1), sizes_of(what, "dilation", dilation, dims, 1)
    border, steps = sizes_of(what, "padding", padding, dims, 0), sizes_of(what, "stride", stride, dims, 1)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, spread, strict=True)]
    counts = tuple((n + 2 * p - s) // t + 1 for n, p, s, t in zip(spatial, border, spans, steps, strict=True))
    if any(n < 1 for n in counts):
        raise _core.ShapeError(f"{what}: got sizes {tuple(spatial)} and a window of {tuple(spans)}; need it to fit")
    views = []
    for place in itertools.product(*(range(k) for k in kernel)):
        starts = [p * d for p, d in zip(place, spread, strict=True)]
        cuts = (slice(a, a + (n - 1) * t + 1, t) for a, n, t in zip(starts, counts, steps, strict=True))
        views.append((slice(None), slice(None), *cuts))
    return border, counts, views


@public
def unfold(input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """Return what each window of [batch, channels, height, width] sees as columns [batch, channels * places, windows].

    >>> td.nn.functional.unfold(td.ones((1, 2, 4, 4)), 3).shape
    (1, 18, 4)
    """
    full = batched("unfold", input, 2)
    border, counts, views = _windows_of("unfold", tuple(full.shape)[2:], kernel_size, dilation, padding, stride)
    x = pad(full, ((0, 0), (0, 0), *((p, p) for p in border))) if any(border) else full
    parts = [x[view] for view in views]
    length = 1
    for n in counts:
        length = length * n
    out = _core.stack(parts, axis=2).reshape((x.shape[0], x.shape[1] * len(views), length))
    return unbatched(out, input, 2)


@public
def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Add columns [batch, channels * places, windows] to where unfold has them from; return an image of output_size.

    >>> td.nn.functional.fold(td.ones((1, 9, 4)), 4, 3)
    tensor([[[[1., 2., 2., 1.],
              [2., 4., 4., 2.],
              [2., 4., 4., 2.],
              [1., 2., 2., 1.]]]], dtype=float32)
    """
    size = sizes_of("fold", "output_size", output_size, 2, 1)
    full = batched("fold", input, 1)
    border, counts, views = _windows_of("fold", size, kernel_size, dilation, padding, stride)
    rows, columns = full.shape[1], full.shape[2]
    if rows % len(views) or columns != counts[0] * counts[1]:
        raise _core.ShapeError(
            f"fold: got the shape {input.shape}; need [batch, a multiple of {len(views)} places, {counts[0]} * "
            f"{counts[1]} windows]"
        )
    parts = full.reshape((full.shape[0], rows // len(views), len(views), *counts))
    out = _core.zeros(
        (*parts.shape[:2], *(n + 2 * p for n, p in zip(size, border, strict=True))),
        dtype=input.dtype,
        device=input._place,
    )
    for i, view in enumerate(views):
        out[view] += parts[:, :, i]
    inside = (slice(None), slice(None), *(slice(p, p + n) for n, p in zip(size, border, strict=True)))
    out = out[inside].copy() if any(border) else out
    return unbatched(out, input, 1)
