"""Convolution, pooling and resampling, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tandem as td
from tandem import _core
from tandem.nn import functional as F
from tandem.nn._adaptive_pooling import _parts, adaptive_avg_pool
from tandem.nn._pooling import INSIDE, WITH_BORDER, _windows
from tandem.torch.table import Uncovered, aten

Tensor = _core.Tensor
Numbers = Sequence[Any]


def _each(given: Numbers, dims: int) -> tuple[int, ...]:
    return tuple(given) * dims if len(given) == 1 else tuple(given)


def _spans(weight: Tensor, spread: Numbers) -> list[Any]:
    return [d * (k - 1) + 1 for k, d in zip(tuple(weight.shape)[2:], spread, strict=True)]


def _transposed_sizes(
    x: Tensor, weight: Tensor, stride: Numbers, padding: Numbers, spread: Numbers, extra: Numbers
) -> Any:
    return tuple(
        (n - 1) * s - 2 * p + span + e
        for n, s, p, span, e in zip(tuple(x.shape)[2:], stride, padding, _spans(weight, spread), extra, strict=True)
    )


@aten("convolution")
def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    transposed: bool,
    output_padding: Numbers,
    groups: int,
) -> Tensor:
    dims = weight.ndim - 2
    if x.ndim != dims + 2:
        full = td.expand_dims(x, axis=0)
        out = convolution(full, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
        return out.reshape(tuple(out.shape)[1:])
    stride, padding, dilation, extra = (_each(n, dims) for n in (stride, padding, dilation, output_padding))
    given = (x, weight) if bias is None else (x, weight, bias)
    if transposed:
        sizes = _transposed_sizes(x, weight, stride, padding, dilation, extra)
        return _core._convolution_source(
            *given, stride=stride, dilation=dilation, before=padding, groups=groups, size=sizes
        )
    return _core._convolution(*given, stride=stride, dilation=dilation, before=padding, groups=groups, after=padding)


@aten("convolution_backward")
def convolution_backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Any,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    transposed: bool,
    output_padding: Numbers,
    groups: int,
    mask: Sequence[bool],
) -> tuple[Any, Any, Any]:
    dims = weight.ndim - 2
    stride, padding, dilation, extra = (_each(n, dims) for n in (stride, padding, dilation, output_padding))
    how: dict[str, Any] = {"stride": stride, "dilation": dilation, "before": padding, "groups": groups}
    kernel = tuple(weight.shape)[2:]
    dx = dw = db = None
    if transposed:
        after = tuple(p - e for p, e in zip(padding, extra, strict=True))
        if mask[0]:
            dx = _core._convolution(grad, weight, **how, after=after)
        if mask[1]:
            dw = _core._convolution_weights(grad, x, **how, kernel=kernel)
    else:
        if mask[0]:
            dx = _core._convolution_source(grad, weight, **how, size=tuple(x.shape)[2:])
        if mask[1]:
            dw = _core._convolution_weights(x, grad, **how, kernel=kernel)
    if mask[2]:
        db = td.sum(grad, axis=(0, *range(2, grad.ndim)))
    return dx, dw, db


def _batched(x: Tensor, dims: int) -> tuple[Tensor, bool]:
    return (x, False) if x.ndim == dims + 2 else (td.expand_dims(x, axis=0), True)


def _back(x: Tensor, added: bool) -> Tensor:
    return x.reshape(tuple(x.shape)[1:]) if added else x


def _pooling(dims: int) -> None:
    def max_pool(
        x: Tensor,
        kernel: Numbers,
        stride: Numbers = (),
        padding: Numbers = (0,),
        dilation: Numbers = (1,),
        ceil: bool = False,
    ) -> tuple[Tensor, Tensor]:
        full, added = _batched(x, dims)
        how = _attributes(full, dims, kernel, stride, padding, dilation, ceil)
        return _back(_core._max_pool(full, **how), added), _back(_core._max_pool_indices(full, **how), added)

    def max_pool_backward(
        grad: Tensor,
        x: Tensor,
        kernel: Numbers,
        stride: Numbers,
        padding: Numbers,
        dilation: Numbers,
        ceil: bool,
        indices: Tensor,
    ) -> Tensor:
        full, added = _batched(grad, dims)
        places = _batched(indices, dims)[0]
        return _back(_core._scatter_planes(full, places, size=tuple(x.shape)[-dims:], add=True), added)

    def avg_pool(
        x: Tensor,
        kernel: Numbers,
        stride: Numbers = (),
        padding: Numbers = (0,),
        ceil: bool = False,
        include_pad: bool = True,
        divisor: int | None = None,
    ) -> Tensor:
        full, added = _batched(x, dims)
        how = _attributes(full, dims, kernel, stride, padding, (1,), ceil)
        how["divisor"] = divisor or (WITH_BORDER if include_pad else INSIDE)
        return _back(_core._avg_pool(full, **how), added)

    def avg_pool_backward(
        grad: Tensor,
        x: Tensor,
        kernel: Numbers,
        stride: Numbers,
        padding: Numbers,
        ceil: bool,
        include_pad: bool,
        divisor: int | None,
    ) -> Tensor:
        full, added = _batched(grad, dims)
        how = _attributes(_batched(x, dims)[0], dims, kernel, stride, padding, (1,), ceil)
        how["divisor"] = divisor or (WITH_BORDER if include_pad else INSIDE)
        return _back(_core._avg_pool_source(full, **how, source=tuple(x.shape)[-dims:]), added)

    aten(f"max_pool{dims}d_with_indices")(max_pool)
    aten(f"max_pool{dims}d_with_indices_backward")(max_pool_backward)
    aten(f"avg_pool{dims}d", wide=True)(avg_pool)
    aten(f"avg_pool{dims}d_backward", wide=True)(avg_pool_backward)


def _attributes(
    full: Tensor, dims: int, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil: bool
) -> dict[str, Any]:
    steps = _each(stride, dims) if stride else None
    return _windows(
        "pool", tuple(full.shape)[2:], _each(kernel, dims), steps, _each(padding, dims), _each(dilation, dims), ceil
    )


for _dims in (2, 3):
    _pooling(_dims)


@aten("_adaptive_avg_pool2d", wide=True)
def adaptive_avg_pool2d(x: Tensor, output_size: Numbers) -> Tensor:
    return adaptive_avg_pool(2, x, tuple(output_size))


@aten("_adaptive_avg_pool3d", wide=True)
def adaptive_avg_pool3d(x: Tensor, output_size: Numbers) -> Tensor:
    return adaptive_avg_pool(3, x, tuple(output_size))


@aten("_adaptive_avg_pool2d_backward _adaptive_avg_pool3d_backward", wide=True)
def adaptive_avg_pool_backward(grad: Tensor, x: Tensor) -> Tensor:
    dims = 2 if x.ndim < 5 else 3
    full, added = _batched(grad, dims)
    sizes = tuple(x.shape)[-dims:]
    if all(isinstance(n, int) and n == 1 for n in tuple(full.shape)[2:]):
        area: Any = 1
        for n in sizes:
            area = area * n
        share = full / (area if isinstance(area, int) else td.asarray(area).astype(full.dtype))
        return _back(td.broadcast_to(share, (*tuple(full.shape)[:2], *sizes)), added)
    how = _parts("adaptive_avg_pool", sizes, tuple(full.shape)[2:])
    return _back(_core._avg_pool_source(full, **how, source=sizes), added)


@aten("adaptive_max_pool2d")
def adaptive_max_pool2d(x: Tensor, output_size: Numbers) -> Any:
    return F.adaptive_max_pool2d(x, tuple(output_size), return_indices=True)


@aten("adaptive_max_pool2d_backward")
def adaptive_max_pool2d_backward(grad: Tensor, x: Tensor, indices: Tensor) -> Tensor:
    full, added = _batched(grad, 2)
    return _back(_core._scatter_planes(full, _batched(indices, 2)[0], size=tuple(x.shape)[-2:], add=True), added)


def _resized(x: Tensor, size: Numbers, mode: str, corners: bool | None, scales: Sequence[float | None]) -> Tensor:
    given = [s for s in scales if s is not None]
    if given and len(given) == x.ndim - 2:
        fits = all(int(int(n) * s) == int(m) for n, s, m in zip(tuple(x.shape)[2:], given, size, strict=True))
        if not fits:
            raise Uncovered("resampling whose factors and sizes disagree")
        return F.interpolate(x, scale_factor=tuple(given), mode=mode, align_corners=corners)
    return F.interpolate(x, size=tuple(size), mode=mode, align_corners=corners)


def _transpose_of(function: Any, grad: Tensor, sizes: Numbers) -> Tensor:
    """Return the gradient of a linear function of a tensor with these sizes."""
    _, pull = td.vjp(function, td.zeros(tuple(sizes), dtype=grad.dtype))
    out = pull(grad)
    return out[0] if isinstance(out, (tuple, list)) else out


@aten("upsample_nearest1d upsample_nearest2d upsample_nearest3d")
def upsample_nearest(x: Tensor, output_size: Numbers, *scales: Any) -> Tensor:
    return _resized(x, output_size, "nearest", None, scales)


@aten("upsample_nearest1d_backward upsample_nearest2d_backward upsample_nearest3d_backward")
def upsample_nearest_backward(grad: Tensor, output_size: Numbers, input_size: Numbers, *scales: Any) -> Tensor:
    return _transpose_of(lambda x: _resized(x, output_size, "nearest", None, scales), grad, input_size)


_SMOOTH = {3: "linear", 4: "bilinear", 5: "trilinear"}


@aten("upsample_linear1d upsample_bilinear2d upsample_trilinear3d", wide=True)
def upsample_linear(x: Tensor, output_size: Numbers, align_corners: bool, *scales: Any) -> Tensor:
    return _resized(x, output_size, _SMOOTH[x.ndim], align_corners, scales)


@aten("upsample_linear1d_backward upsample_bilinear2d_backward upsample_trilinear3d_backward", wide=True)
def upsample_linear_backward(grad: Tensor, size: Numbers, input_size: Numbers, corners: bool, *scales: Any) -> Tensor:
    return _transpose_of(lambda x: _resized(x, size, _SMOOTH[grad.ndim], corners, scales), grad, input_size)


@aten("upsample_bicubic2d", wide=True)
def upsample_bicubic(x: Tensor, output_size: Numbers, align_corners: bool, *scales: Any) -> Tensor:
    return _resized(x, output_size, "bicubic", align_corners, scales)


@aten("upsample_bicubic2d_backward", wide=True)
def upsample_bicubic_backward(grad: Tensor, size: Numbers, input_size: Numbers, corners: bool, *scales: Any) -> Tensor:
    return _transpose_of(lambda x: _resized(x, size, "bicubic", corners, scales), grad, input_size)


def _vec(mode: str) -> Any:
    def resized(x: Tensor, output_size: Any, *rest: Any) -> Tensor:
        corners, factors = rest if len(rest) == 2 else (None, rest[0])
        if output_size is None:
            return F.interpolate(x, scale_factor=tuple(factors), mode=mode, align_corners=corners)
        return F.interpolate(x, size=tuple(output_size), mode=mode, align_corners=corners)

    return resized


# As torch.export leaves them: by sizes or by factors.
for _name, _mode in (
    ("nearest1d", "nearest"), ("nearest2d", "nearest"), ("nearest3d", "nearest"), ("linear1d", "linear"),
    ("bilinear2d", "bilinear"), ("trilinear3d", "trilinear"), ("bicubic2d", "bicubic"),
):  # fmt: skip
    aten(f"upsample_{_name}.vec", wide=True)(_vec(_mode))
