"""Products with constant weights as modules: nn.Linear and nn.Conv in place of lines of MatMul, Gemm and Conv.

So td.convert finds them in a loaded model as it does in any other, and makes them 8-bit ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tandem import _core, nn
from tandem.nn.modules.module import Module
from tandem.nn.parameter import Parameter
from tandem.onnx.constants import Value
from tandem.onnx.dtypes import from_numpy, to_numpy
from tandem.onnx.module import OnnxModule

_USUAL = {"transA": 0, "alpha": 1.0, "beta": 1.0, "auto_pad": "NOTSET"}
_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def layer_of(operator: str, attributes: Mapping[str, Any], given: Sequence[Value | None]) -> Module | None:
    """Return the module that computes an operator of its first input; None where there is no such module."""
    if operator not in ("MatMul", "Gemm", "Conv") or len(given) < 2:
        return None
    if any(attributes.get(name, usual) != usual for name, usual in _USUAL.items()):
        return None
    weight, bias = (None if value is None else value.array for value in (*given[1:3], None)[:2])
    has_bias = len(given) > 2 and given[2] is not None
    if weight is None or weight.dtype not in (np.float32, np.float64) or (has_bias and bias is None):
        return None
    if operator == "Conv":
        return _convolution(weight, bias, attributes)
    turned = not attributes.get("transB", 0)  # it is [in, out]
    if weight.ndim != 2 or (bias is not None and bias.shape != (weight.shape[1 if turned else 0],)):
        return None
    layer = nn.Linear.__new__(nn.Linear)  # no first values are drawn
    Module.__init__(layer)
    _give(layer, weight.T if turned else weight, bias)
    layer.out_features, layer.in_features = layer.weight.shape
    return layer


def _convolution(weight: Any, bias: Any, attributes: Mapping[str, Any]) -> Module | None:
    dims = weight.ndim - 2
    kind: Any = _CONVOLUTIONS.get(dims)
    pads = tuple(attributes.get("pads") or (0,) * 2 * dims)
    if kind is None or pads[:dims] != pads[dims:] or min(pads, default=0) < 0:
        return None
    layer = kind.__new__(kind)
    Module.__init__(layer)
    _give(layer, weight, bias)
    layer.groups, layer.padding_mode = int(attributes.get("group", 1)), "zeros"
    layer.out_channels, layer.in_channels = weight.shape[0], weight.shape[1] * layer.groups
    layer.kernel_size, layer.padding, layer.output_padding = tuple(weight.shape[2:]), pads[:dims], (0,) * dims
    layer.stride = tuple(attributes.get("strides") or (1,) * dims)
    layer.dilation = tuple(attributes.get("dilations") or (1,) * dims)
    return layer


def _give(layer: Any, weight: Any, bias: Any) -> None:
    layer.weight = Parameter(from_numpy(np.ascontiguousarray(weight)).copy())
    layer.register_parameter("bias", None if bias is None else Parameter(from_numpy(bias).copy()))


def with_layers(module: OnnxModule) -> OnnxModule:
    """Return the same model, of the same tensors, with its products as modules below `products`."""
    from tandem.onnx.loading import built

    state: dict[str, _core.Tensor] = module.state_dict()
    held = {name: to_numpy(state[path]) for path, name in module._names.items()}
    origin = module._origin
    return built(origin.model, origin.name, "", None, held, layered=True)
