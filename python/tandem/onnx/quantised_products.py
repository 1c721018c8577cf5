"""Products of 8-bit integers that a model writes as QuantizeLinear and DequantizeLinear around MatMul, Gemm and Conv.

`recognised` puts one node of the domain `DOMAIN` in the place of such a product and of the two DequantizeLinear before
it, so that it is computed in integers (importers_quantised.py). That needs an input with one scale and zero point, and
a constant int8 weight with a scale for all of it or for each output channel and no zero point; all else stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

DOMAIN = "tandem.int8"

Array = np.ndarray[Any, Any]


def recognised(nodes: Iterable[Any], arrays: dict[str, Array], results: Iterable[str]) -> list[Any]:
    """Return the nodes of a graph with such products as one node each; transposed weights join the arrays."""
    given = list(nodes)
    known: dict[str, Array] = {**arrays, **_constants(given)}
    made = {name: node for node in given for name in node.output}
    found = {id(node): new for node in given if (new := _product(node, made, known, arrays)) is not None}
    if not found:
        return given
    rest = [found.get(id(node), node) for node in given]
    while True:  # what only the products read is gone
        used = Counter(name for node in rest for name in _reads(node)) + Counter(results)
        kept = [n for n in rest if n.op_type not in ("DequantizeLinear", "Transpose") or any(used[o] for o in n.output)]
        if len(kept) == len(rest):
            return kept
        rest = kept


def _reads(node: Any) -> Iterable[str]:
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
            yield from (port.name for port in graph.output)


def _constants(nodes: list[Any]) -> dict[str, Array]:
    from onnx import numpy_helper

    found = {}
    for node in nodes:
        if node.op_type == "Constant" and len(node.attribute) == 1 and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _dequantized(name: str, made: Mapping[str, Any]) -> Any:
    """Return the DequantizeLinear that a value is the result of, if it has no further options."""
    node = made.get(name)
    if node is None or node.op_type != "DequantizeLinear" or node.domain not in ("", "ai.onnx"):
        return None
    plain = not {"block_size", "output_dtype"} & {each.name for each in node.attribute}
    return node if plain and len(node.input) > 1 else None


def _product(node: Any, made: Mapping[str, Any], known: Mapping[str, Array], arrays: dict[str, Array]) -> Any:
    """Return the node of integers that stands for a product, or None."""
    from onnx import helper

    if node.op_type not in ("MatMul", "Gemm", "Conv") or node.domain not in ("", "ai.onnx"):
        return None
    attributes = _attributes(node)
    if any(attributes.get(name, usual) != usual for name, usual in (("transA", 0), ("alpha", 1.0), ("beta", 1.0))):
        return None
    left, right = (_dequantized(name, made) for name in node.input[:2])
    if left is None or right is None or len(left.input) != 3:
        return None
    scale, zero = (known.get(name) for name in left.input[1:3])
    if scale is None or zero is None or scale.size != 1 or zero.size != 1 or scale.dtype != np.float32:
        return None
    if zero.dtype not in (np.dtype(np.uint8), np.dtype(np.int8)):
        return None
    weight = _weight(node.op_type, attributes, right, made, known, arrays)
    if weight is None:
        return None
    bias = [node.input[2]] if len(node.input) > 2 and node.input[2] else []
    if bias and known.get(bias[0], np.zeros(1)).ndim != 1:
        return None
    operator = "QuantizedConv" if node.op_type == "Conv" else "QuantizedMatMul"
    inputs = [left.input[0], weight[0], left.input[2], left.input[1], weight[1], *bias]
    kept = attributes if node.op_type == "Conv" else {}
    return helper.make_node(operator, inputs, list(node.output), name=node.name, domain=DOMAIN, **kept)


def _weight(
    kind: str,
    attributes: Mapping[str, Any],
    node: Any,
    made: Mapping[str, Any],
    known: Mapping[str, Array],
    arrays: dict[str, Array],
) -> tuple[str, str] | None:
    """Return the names of a weight [out, ...] and of its scales, one per output channel or one."""
    name, steps = node.input[0], known.get(node.input[1])
    axis = int(_attributes(node).get("axis", 1))
    turned = kind == "MatMul" or (kind == "Gemm" and not attributes.get("transB", 0))  # it is [in, out]
    before = made.get(name)
    if before is not None and before.op_type == "Transpose" and list(_attributes(before).get("perm", [1, 0])) == [1, 0]:
        name, turned, axis = before.input[0], not turned, 1 - axis % 2
        if kind == "Conv":
            return None
    weight = known.get(name)
    if weight is None or steps is None or weight.dtype != np.int8 or steps.dtype != np.float32 or name not in arrays:
        return None
    if len(node.input) > 2 and node.input[2]:
        zero = known.get(node.input[2])
        if zero is None or zero.any():
            return None
    if kind != "Conv" and weight.ndim != 2:
        return None
    if steps.size != 1 and (steps.ndim != 1 or axis % weight.ndim != (1 if turned else 0)):
        return None
    if turned:
        new = f"{name}.T"
        arrays[new] = np.ascontiguousarray(weight.T)
        name = new
    return name, node.input[1]
