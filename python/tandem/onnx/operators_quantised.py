"""8-bit layers: with the scale of their inputs in the model as QuantizeLinear and DequantizeLinear around a product.

That is what runtimes look for to compute the product in integers, and what tools for other processors read. A scale
that every call finds anew has no such form: the product is MatMulInteger or ConvInteger, its scales are ordinary nodes.
"""

from __future__ import annotations

from tandem import _core
from tandem.onnx.captured import Node, Type, is_number
from tandem.onnx.emission import Scope, Value
from tandem.onnx.operators_windows import convolution_node
from tandem.onnx.rules import rule


@rule("quantize")
def quantize(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("QuantizeLinear", *x)


@rule("integer_linear")
def integer_linear(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("MatMulInteger", x[0], s.op("Transpose", x[1], perm=[1, 0]), x[2])


@rule("integer_convolution")
def integer_convolution(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """What is around the input is its zero point there, too."""
    return convolution_node(s, "ConvInteger", node, x, _pads(s, node))


def _pads(s: Scope, node: Node) -> tuple[int, ...]:
    pads = (*node.attrs["before"], *node.attrs["after"])
    if not all(is_number(pad) and pad >= 0 for pad in pads):
        raise s.refuse("an 8-bit convolution with negative padding", "padding of 0 or more", "cutting the input")
    return pads


def _is_dynamic(s: Scope, x: list[Value]) -> bool:
    return not all(each.name in s.model.initializers for each in x[2:5])


def _scaled(s: Scope, sums: Value, x: list[Value], behind: int) -> Value:
    """The sums as numbers: times both scales, plus the bias, for channels that are followed by so many axes."""
    steps, bias = s.op("Mul", x[4], x[3]), x[5:]
    if behind:
        axes = s.ints(*range(1, 1 + behind))
        steps, bias = s.op("Unsqueeze", steps, axes), [s.op("Unsqueeze", each, axes) for each in bias]
    made = s.op("Mul", s.cast(sums, _core.float32), steps)
    return s.op("Add", made, *bias) if bias else made


@rule("quantized_linear")
def quantized_linear(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """MatMul and not Gemm, as ONNX Runtime has an integer product for the first only while the bias is no integer."""
    if _is_dynamic(s, x):
        return _scaled(s, integer_linear(s, node, x, out), x, 0)
    value = s.op("DequantizeLinear", x[0], x[3], x[2])
    weight = s.op("DequantizeLinear", s.op("Transpose", x[1], perm=[1, 0]), x[4], axis=1)
    made = s.op("MatMul", value, weight)
    return s.op("Add", made, x[5]) if len(x) > 5 else made


@rule("quantized_convolution")
def quantized_convolution(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    if _is_dynamic(s, x):
        return _scaled(s, integer_convolution(s, node, x[:3], out), x, len(node.attrs["stride"]))
    value = s.op("DequantizeLinear", x[0], x[3], x[2])
    weight = s.op("DequantizeLinear", x[1], x[4], axis=0)
    operands = [value, Value(weight.name, weight.dtype, x[1].shape), *x[5:]]
    return convolution_node(s, "Conv", node, operands, _pads(s, node))
