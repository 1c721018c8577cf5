"""Quantised operators: integers that stand for (integer - zero point) * scale, with a scale for all or per axis."""

from __future__ import annotations

from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.importers_neural import convolve, windows_of
from tandem.onnx.quantised_products import DOMAIN
from tandem.onnx.table import operator
from tandem.onnx.values import axis_of, indices, like

Tensor = _core.Tensor
Numbers = tuple[int, ...] | None


def _spread(v: Tensor, x: Tensor, axis: int, block: int) -> Tensor:
    """Return scales or zero points with the axes of x: for all of it, along one axis, or per block along one."""
    if not v.ndim or (v.ndim == 1 and v.shape[0] == 1):
        return v.reshape(())
    axis = axis_of(axis, x.ndim, "axis")
    if not block:
        if v.ndim != 1:
            raise _core.ShapeError(f"got a scale of shape {v.shape} without block_size; need a number or a vector")
        return v.reshape(tuple(-1 if k == axis else 1 for k in range(x.ndim)))
    return td.take(v, td.floor_divide(indices(x.shape[axis]), block), axis=axis)


def _saturated(x: Tensor, dtype: Any) -> Tensor:
    """Round to the nearest integer that the dtype holds, halves to the even one."""
    limits = td.iinfo(dtype)
    return td.clip(td.round(x), limits.min, limits.max).astype(dtype)


def _integers(dtype: Any, what: str) -> Any:
    if dtype.kind != "int":
        raise _core.BackendError(f"{what}: got {dtype}; need an integer dtype")
    return dtype


@operator("QuantizeLinear")
def quantize_linear(
    x: Tensor,
    scale: Tensor,
    zero: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Tensor:
    dtype = zero.dtype if zero is not None else dtype_of(output_dtype) if output_dtype else td.uint8
    _integers(dtype, "QuantizeLinear: the result")
    wide = dtype_of(precision) if precision else td.float32 if x.dtype.kind == "int" else x.dtype
    factor = _spread(scale, x, axis, block_size).astype(wide)
    levels = td.round(x.astype(wide) / factor)
    # In float32, because float16 does not hold the sum of a level and a zero point.
    levels = levels.astype(td.float32) if wide.itemsize == 2 else levels
    if zero is not None:
        levels = levels + _spread(zero, x, axis, block_size).astype(levels.dtype)
    return _saturated(levels, dtype)


@operator("DequantizeLinear")
def dequantize_linear(
    x: Tensor,
    scale: Tensor,
    zero: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    _integers(x.dtype, "DequantizeLinear: x")
    wide = x.astype(td.int32)
    if zero is not None:
        wide = wide - _spread(zero, x, axis, block_size).astype(td.int32)
    factor = _spread(scale, x, axis, block_size)
    out = wide.astype(td.float32) * factor.astype(td.float32)
    return out.astype(dtype_of(output_dtype) if output_dtype else scale.dtype)


@operator("DynamicQuantizeLinear")
def dynamic_quantize_linear(x: Tensor, *, outputs: int = 3) -> tuple[Tensor, ...]:
    zero = like(x, 0)
    high, low = td.maximum(td.max(x), zero), td.minimum(td.min(x), zero)
    span = td.where(high == low, like(x, 1), high - low)
    scale = span / 255
    point = td.round(td.clip(0 - low / scale, 0, 255))
    levels = td.clip(td.round(x / scale) + point, 0, 255).astype(td.uint8)
    return (levels, scale, point.astype(td.uint8))[:outputs]


def _shifted(x: Tensor, zero: Tensor | None, axis: int) -> Tensor:
    """Return integers without their zero point, which may be one per row or column."""
    wide = x.astype(td.int32)
    if zero is None:
        return wide
    point = zero.astype(td.int32)
    if point.ndim == 1 and point.shape[0] > 1:
        point = point.reshape(tuple(-1 if k == axis % x.ndim else 1 for k in range(x.ndim)))
    elif point.ndim == 1:
        point = point.reshape(())
    return wide - point


def _zero_of(x: Tensor, zero: Tensor | None, weight: Tensor, weight_zero: Tensor | None) -> Tensor | None:
    """Return the zero point of what our own 8-bit products take: one for all of x, and a weight that has none."""
    if weight.dtype != td.int8 or weight_zero is not None or not (zero is None or zero.size == 1):
        return None
    return td.zeros((), dtype=x.dtype) if zero is None else zero.reshape(())


@operator("MatMulInteger")
def matmul_integer(a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None) -> Tensor:
    one = _zero_of(a, a_zero, b, b_zero)
    if one is not None and b.ndim == 2 and a.ndim:
        return _core._integer_linear(a, b.T, one)
    return td.matmul(_shifted(a, a_zero, -2), _shifted(b, b_zero, -1))


def _per_row(scale: Tensor, x: Tensor, axis: int) -> Tensor:
    if scale.ndim != 1 or scale.shape[0] == 1:
        return scale.reshape(()) if scale.ndim == 1 else scale
    return scale.reshape(tuple(-1 if k == axis % x.ndim else 1 for k in range(x.ndim)))


@operator("QLinearMatMul")
def qlinear_matmul(
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
) -> Tensor:
    total = td.matmul(_shifted(a, a_zero, -2), _shifted(b, b_zero, -1))
    factor = _per_row(a_scale, a, -2).astype(td.float32) * _per_row(b_scale, b, -1).astype(td.float32)
    factor = factor / _per_row(y_scale, total, -2).astype(td.float32)
    return _saturated(
        td.round(total.astype(td.float32) * factor) + _per_row(y_zero, total, -2).astype(td.float32), y_zero.dtype
    )


@operator("ConvInteger")
def conv_integer(
    x: Tensor,
    weight: Tensor,
    x_zero: Tensor | None = None,
    w_zero: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Numbers = None,
    group: int = 1,
    kernel_shape: Numbers = None,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    one = _zero_of(x, x_zero, weight, w_zero)
    if one is not None:
        windows = windows_of(x, weight, auto_pad, dilations, group, pads, strides)
        return _core._integer_convolution(x, weight, one, **windows)
    return convolve(
        _shifted(x, x_zero, 1), _shifted(weight, w_zero, 0), None, auto_pad, dilations, group, pads, strides
    )


@operator("QLinearConv")
def qlinear_conv(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    weight: Tensor,
    w_scale: Tensor,
    w_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Numbers = None,
    group: int = 1,
    kernel_shape: Numbers = None,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    given = _shifted(x, x_zero, 1), _shifted(weight, w_zero, 0)
    total = convolve(*given, bias, auto_pad, dilations, group, pads, strides)
    factor = x_scale * _per_row(w_scale, total, 1) / y_scale
    return _saturated(td.round(total.astype(td.float32) * factor) + y_zero.astype(td.float32), y_zero.dtype)


def _operands(
    x: Tensor, weight: Tensor, zero: Tensor, step: Tensor, steps: Tensor, bias: Tensor | None
) -> tuple[Any, ...]:
    if steps.size == 1:
        steps = td.broadcast_to(steps.reshape(()), (weight.shape[0],))
    return x, weight, zero.reshape(()), step.reshape(()), steps, *(() if bias is None else (bias,))


@operator("QuantizedMatMul", domain=DOMAIN)
def quantized_matmul(
    x: Tensor, weight: Tensor, zero: Tensor, step: Tensor, steps: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Compute a product that quantised_products.py found; weight is [out, in]."""
    return _core._internal("quantized_linear", *_operands(x, weight, zero, step, steps, bias))


@operator("QuantizedConv", domain=DOMAIN)
def quantized_conv(
    x: Tensor,
    weight: Tensor,
    zero: Tensor,
    step: Tensor,
    steps: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Numbers = None,
    group: int = 1,
    kernel_shape: Numbers = None,
    pads: Numbers = None,
    strides: Numbers = None,
) -> Tensor:
    """Compute a convolution that quantised_products.py found."""
    windows = windows_of(x, weight, auto_pad, dilations, group, pads, strides)
    operands = _operands(x, weight, zero, step, steps, bias)
    return _core._internal("quantized_convolution", *operands, **windows)
