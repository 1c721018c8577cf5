"""Activations and their gradients."""

from __future__ import annotations

import math
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.table import aten

Tensor = _core.Tensor

_TO_UNIT = math.sqrt(0.5)
_TANH = math.sqrt(2 / math.pi)


@aten("gelu", promote=True)
def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        return 0.5 * x * (1 + td.tanh(_TANH * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + td.erf(x * _TO_UNIT))


@aten("gelu_backward", promote=True)
def gelu_backward(grad: Tensor, x: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        t = td.tanh(_TANH * (x + 0.044715 * x * x * x))
        inner = _TANH * (1 + 3 * 0.044715 * x * x)
        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)
    density = td.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
    return grad * (0.5 * (1 + td.erf(x * _TO_UNIT)) + x * density)


@aten("silu", promote=True)
def silu(x: Tensor) -> Tensor:
    return x * td.sigmoid(x)


@aten("silu_backward", promote=True)
def silu_backward(grad: Tensor, x: Tensor) -> Tensor:
    s = td.sigmoid(x)
    return grad * s * (1 + x * (1 - s))


@aten("sigmoid_backward", promote=True)
def sigmoid_backward(grad: Tensor, out: Tensor) -> Tensor:
    return grad * (1 - out) * out


@aten("tanh_backward", promote=True)
def tanh_backward(grad: Tensor, out: Tensor) -> Tensor:
    return grad * (1 - out * out)


@aten("threshold_backward", promote=True)
def threshold_backward(grad: Tensor, x: Tensor, threshold: Any) -> Tensor:
    return td.where(td.less_equal(x, threshold), 0, grad)


@aten("leaky_relu", promote=True)
def leaky_relu(x: Tensor, negative_slope: Any = 0.01) -> Tensor:
    return td.where(td.greater(x, 0), x, x * negative_slope)


@aten("leaky_relu_backward", promote=True)
def leaky_relu_backward(grad: Tensor, x: Tensor, negative_slope: Any, self_is_result: bool) -> Tensor:
    return td.where(td.greater(x, 0), grad, grad * negative_slope)


@aten("hardtanh", promote=True)
def hardtanh(x: Tensor, min_val: Any = -1, max_val: Any = 1) -> Tensor:
    return td.minimum(td.maximum(x, min_val), max_val)


@aten("hardtanh_backward", promote=True)
def hardtanh_backward(grad: Tensor, x: Tensor, min_val: Any, max_val: Any) -> Tensor:
    return td.where(td.logical_or(td.less_equal(x, min_val), td.greater_equal(x, max_val)), 0, grad)


@aten("elu", promote=True)
def elu(x: Tensor, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Tensor:
    return td.where(td.greater(x, 0), x * scale, td.expm1(x * input_scale) * (alpha * scale))


@aten("softplus", promote=True)
def softplus(x: Tensor, beta: Any = 1, threshold: Any = 20) -> Tensor:
    return td.where(td.greater(x * beta, threshold), x, td.log1p(td.exp(x * beta)) / beta)


@aten("log_sigmoid_forward", promote=True)
def log_sigmoid_forward(x: Tensor) -> tuple[Tensor, Tensor]:
    return td.minimum(x, 0) - td.log1p(td.exp(-td.abs(x))), td.zeros((0,), dtype=x.dtype)


@aten("log_sigmoid_backward", promote=True)
def log_sigmoid_backward(grad: Tensor, x: Tensor, buffer: Tensor) -> Tensor:
    return grad * td.sigmoid(-x)


@aten("_softmax", wide=True)
def softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    return td.softmax(x, axis=dim) if x.ndim else td.ones((), dtype=x.dtype)


@aten("_safe_softmax", wide=True)
def safe_softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    nothing = td.all(td.equal(x, -math.inf), axis=dim, keepdims=True)
    return td.where(nothing, 0, td.softmax(x, axis=dim))


@aten("_log_softmax", wide=True)
def log_softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Tensor:
    return td.log_softmax(x, axis=dim) if x.ndim else td.zeros((), dtype=x.dtype)


@aten("_softmax_backward_data", wide=True)
def softmax_backward(grad: Tensor, out: Tensor, dim: int, input_dtype: Any) -> Tensor:
    part = grad * out
    return part - out * td.sum(part, axis=dim, keepdims=True) if out.ndim else part - out * part


@aten("_log_softmax_backward_data", wide=True)
def log_softmax_backward(grad: Tensor, out: Tensor, dim: int, input_dtype: Any) -> Tensor:
    total = td.sum(grad, axis=dim, keepdims=True) if out.ndim else grad
    return grad - td.exp(out) * total


@aten("native_dropout_backward", promote=True)
def native_dropout_backward(grad: Tensor, mask: Tensor, scale: float) -> Tensor:
    return grad * mask * scale
