"""Products, activations and normalisation."""

from __future__ import annotations

import math

from tandem import _core
from tandem.onnx.captured import Node, Type, is_number
from tandem.onnx.emission import Scope, Value
from tandem.onnx.operators_reducing import wide
from tandem.onnx.rules import rule


@rule("matmul")
def matmul(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Unsigned numbers as signed ones: the bits are the same, and runtimes have that."""
    operands = s.promoted(*x)
    if out.dtype.name.startswith("u"):
        wide_enough = _core.int32 if out.dtype.itemsize < 4 else _core.int64
        operands = [s.cast(each, wide_enough) for each in operands]
    return s.op("MatMul", *operands)


@rule("linear")
def linear(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Gemm takes matrices."""
    value, weight, *bias = s.promoted(*x)
    if len(x[0].shape) == 2:
        return s.op("Gemm", value, weight, *bias, transB=1)
    product = s.op("MatMul", value, s.op("Transpose", weight, perm=[1, 0]))
    return s.op("Add", product, *bias) if bias else product


@rule("softmax", "log_softmax")
def softmax(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    if not x[0].shape:
        return s.op("Sub", x[0], x[0]) if node.op == "log_softmax" else s.op("Exp", s.op("Sub", x[0], x[0]))
    return s.op("Softmax" if node.op == "softmax" else "LogSoftmax", wide(s, x[0]), axis=node.attrs["axis"])


@rule("gelu")
def gelu(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    value = wide(s, x[0])
    if s.model.opset >= 20 and value.dtype != _core.float64:  # its definition has constants of float32
        return s.op("Gelu", value)
    inner = s.op("Erf", s.op("Mul", value, s.scalar(math.sqrt(0.5), value.dtype)))
    half = s.op("Mul", value, s.scalar(0.5, value.dtype))
    return s.op("Mul", half, s.op("Add", inner, s.scalar(1, value.dtype)))


@rule("layer_norm")
def layer_norm(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """LayerNormalization computes in float32, and needs weights; what it is not good for is written out."""
    eps, last = node.attrs["eps"], out.shape[-1]
    if out.dtype != _core.float64 and (len(x) > 1 or is_number(last)):
        value, *rest = (wide(s, each) for each in x)
        weight = rest or [s.constant(_core.ones((last,), dtype=value.dtype))]
        return s.op("LayerNormalization", value, *weight, axis=-1, epsilon=eps)
    value, *rest = x
    axis = s.ints(-1)
    centered = s.op("Sub", value, s.op("ReduceMean", value, axis, keepdims=1))
    variance = s.op("ReduceMean", s.op("Mul", centered, centered), axis, keepdims=1)
    result = s.op("Div", centered, s.op("Sqrt", s.op("Add", variance, s.scalar(eps, value.dtype))))
    for operator, each in zip(("Mul", "Add"), rest, strict=False):
        result = s.op(operator, result, each)
    return result
