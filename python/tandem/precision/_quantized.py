"""Layers whose weights and inputs are 8-bit integers.

Weights are signed, with a scale for each output channel and no zero point. Inputs are unsigned: x stands for
(x_q - zero_point) * scale, with 0 a value of its own. The product of both is exact in 32 bits, so that eager, compiled
and exported code, on any processor, give the same bits; the scales, the bias and whatever comes after it are one
kernel. A calibrated layer keeps scale and zero point; a dynamic one finds them in every call.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tandem import _core
from tandem.nn._attention import attend_in_heads
from tandem.nn._convolution import _borders
from tandem.nn._shapes import batched, unbatched
from tandem.nn.modules.attention import MultiheadAttention
from tandem.nn.modules.conv import _Convolution
from tandem.nn.modules.linear import Linear
from tandem.nn.modules.module import Module
from tandem.nn.parameter import Buffer, Parameter

Tensor = _core.Tensor
Range = tuple[float, float]

_MOST = 127  # of a weight
_STEPS = 255  # of an input


class Scale(NamedTuple):
    """What an 8-bit input stands for: (value - zero_point) * step."""

    step: Tensor
    zero_point: Tensor


def scale_of_range(low: Any, high: Any) -> Scale:
    """Return the scale for numbers from low to high, 0 included."""
    low, high = _core.minimum(low, 0.0), _core.maximum(high, 0.0)
    step = (high - low) / float(_STEPS)
    step = _core.where(step > 0, step, 1.0)
    return Scale(step, _core.clip(_core.round(-low / step), 0.0, float(_STEPS)).astype(_core.uint8))


def quantize(x: Tensor, scale: Scale) -> Tensor:
    """Return numbers as the nearest of the 256 values."""
    return _core._internal("quantize", x, scale.step, scale.zero_point)


def quantize_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight [out, ...] as signed 8-bit integers, and the scale [out] of each of its rows."""
    wide = weight.detach().astype(_core.float32)
    rows = wide.reshape((wide.shape[0], -1)) if wide.size else wide.reshape((wide.shape[0], 0))
    largest = _core.max(_core.abs(rows), axis=1) if wide.size else _core.zeros((wide.shape[0],), dtype=_core.float32)
    steps = _core.where(largest > 0, largest / float(_MOST), 1.0)
    ratio = wide / steps.reshape((-1, *(1,) * (wide.ndim - 1)))
    return _core.clip(_core.round(ratio), -float(_MOST), float(_MOST)).astype(_core.int8), steps


class _Quantized(Module):
    """Weights in 8 bits, and the scale of what comes in: `input_range`, or None to find it in every call."""

    bias: Tensor | None
    quantized_weight: Tensor
    weight_scale: Tensor
    input_scale: Tensor | None
    input_zero_point: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, input_range: Range | None) -> None:
        super().__init__()
        values, steps = quantize_weight(weight)
        scale = (
            None
            if input_range is None
            else scale_of_range(*(_core.asarray(x, dtype=_core.float32) for x in input_range))
        )
        self.quantized_weight = Buffer(values)
        self.weight_scale = Buffer(steps)
        wide = None if bias is None else bias.detach().astype(_core.float32)
        for name, x in (
            ("bias", wide),
            ("input_scale", None if scale is None else scale.step),
            ("input_zero_point", None if scale is None else scale.zero_point),
        ):
            self.register_buffer(name, x)
        self.training = False

    @property
    def dynamic(self) -> bool:
        """Whether each call finds the range of its own input."""
        return self.input_scale is None

    def _scale(self, x: Tensor) -> Scale:
        if self.input_scale is not None and self.input_zero_point is not None:
            return Scale(self.input_scale, self.input_zero_point)
        if x.size == 0:
            return scale_of_range(*(_core.zeros((), dtype=_core.float32),) * 2)
        return scale_of_range(_core.min(x), _core.max(x))

    def _operands(self, x: Tensor) -> tuple[Any, ...]:
        """Return what the rows of 8-bit products take: the input as integers, the weight, their scales, the bias."""
        scale = self._scale(x)
        bias = () if self.bias is None else (self.bias,)
        return quantize(x, scale), self.quantized_weight, scale.zero_point, scale.step, self.weight_scale, *bias


def _result_dtype(x: Tensor) -> Any:
    return x.dtype if x.dtype.kind == "float" else _core.float32


def linear_of(weight: Tensor, bias: Tensor | None) -> Linear:
    """Return a layer with these parameters; no first values are drawn."""
    made = Linear.__new__(Linear)
    Module.__init__(made)
    made.out_features, made.in_features = weight.shape
    made.weight = Parameter(weight.detach())
    made.register_parameter("bias", None if bias is None else Parameter(bias.detach()))
    return made


class QuantizedLinear(_Quantized):
    """`nn.Linear` with weights and inputs of 8 bits; made by td.convert.

    >>> layer = td.precision.QuantizedLinear.of(td.nn.Linear(3, 2))
    >>> layer(td.ones((4, 3))).shape, layer.quantized_weight.dtype
    ((4, 2), int8)
    """

    @classmethod
    def of(cls, layer: Linear, input_range: Range | None = None) -> QuantizedLinear:
        """Return a layer in 8 bits, for inputs in this range, or of any (None)."""
        return cls(layer.weight, layer.bias, input_range)

    def forward(self, input: Tensor) -> Tensor:
        out = _core._internal("quantized_linear", *self._operands(input.astype(_core.float32)))
        return out.astype(_result_dtype(input))

    def extra_repr(self) -> str:
        out, inputs = self.quantized_weight.shape
        return f"in_features={inputs}, out_features={out}, bias={self.bias is not None}, dynamic={self.dynamic}"


class _QuantizedConv(_Quantized):
    dims: int

    @classmethod
    def of(cls, layer: Any, input_range: Range | None = None) -> Any:
        """Return a layer in 8 bits, for inputs in this range, or of any (None)."""
        made = cls(cls._rows(layer), layer.bias, input_range)
        for name in ("in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "dilation"):
            setattr(made, name, getattr(layer, name))
        made.groups, made.padding_mode = layer.groups, layer.padding_mode
        return made

    @staticmethod
    def _rows(layer: Any) -> Tensor:
        """Return the weight as [out, in / groups, ...]."""
        weight: Tensor = layer.weight
        return weight

    in_channels: int
    out_channels: int
    kernel_size: Any
    stride: Any
    padding: Any
    output_padding: Any
    dilation: Any
    groups: int
    padding_mode: str

    def forward(self, input: Tensor) -> Tensor:
        what = type(self).__name__
        x, padding = _Convolution._bordered(self, input.astype(_core.float32))  # type: ignore[arg-type]
        full = batched(what, x, self.dims)
        before, after = _borders(what, padding, self.kernel_size, self.stride, self.dilation)
        out = _core._internal(
            "quantized_convolution",
            *self._operands(full),
            stride=self.stride,
            dilation=self.dilation,
            before=before,
            groups=self.groups,
            after=after,
        )
        out = out.astype(_result_dtype(input))
        return unbatched(out, x, self.dims)

    def extra_repr(self) -> str:
        return f"{_Convolution.extra_repr(self)}, dynamic={self.dynamic}"  # type: ignore[arg-type]


class QuantizedConv1d(_QuantizedConv):
    """`nn.Conv1d` with weights and inputs of 8 bits; made by td.convert."""

    dims = 1


class QuantizedConv2d(_QuantizedConv):
    """`nn.Conv2d` with weights and inputs of 8 bits; made by td.convert.

    >>> layer = td.precision.QuantizedConv2d.of(td.nn.Conv2d(3, 8, 3, padding=1))
    >>> layer(td.ones((2, 3, 10, 10))).shape
    (2, 8, 10, 10)
    """

    dims = 2


class QuantizedConv3d(_QuantizedConv):
    """`nn.Conv3d` with weights and inputs of 8 bits; made by td.convert."""

    dims = 3


class QuantizedMultiheadAttention(Module):
    """`nn.MultiheadAttention` whose four projections are modules, which td.convert makes 8-bit ones.

    Scores, softmax and the weighted sum of the values stay in floating point.
    """

    _SETTINGS = ("embed_dim", "num_heads", "dropout", "batch_first", "kdim", "vdim", "head_dim", "add_zero_attn")
    embed_dim: int
    num_heads: int
    dropout: float
    batch_first: bool
    add_zero_attn: bool
    bias_k: Tensor | None
    bias_v: Tensor | None

    @classmethod
    def of(cls, layer: MultiheadAttention) -> QuantizedMultiheadAttention:
        """Return the same attention with the projections taken apart: nn.Linear each."""
        made = cls()
        for name in cls._SETTINGS:
            setattr(made, name, getattr(layer, name))
        size = layer.embed_dim
        whole, bias = layer.in_proj_weight, layer.in_proj_bias
        for i, name in enumerate("qkv"):
            weight = getattr(layer, f"{name}_proj_weight") if whole is None else whole[i * size : (i + 1) * size]
            part = None if bias is None else bias[i * size : (i + 1) * size]
            made.add_module(f"{name}_proj", linear_of(weight, part))
        made.out_proj = layer.out_proj
        made.register_parameter("bias_k", layer.bias_k)
        made.register_parameter("bias_v", layer.bias_v)
        return made

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        turned = self.batch_first and query.ndim == 3
        if turned:
            query, key, value = (_core.permute_dims(x, (1, 0, 2)) for x in (query, key, value))
        out, weights = attend_in_heads(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            lambda q, k, v: (self.q_proj(q), self.k_proj(k), self.v_proj(v)),
            self.out_proj,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout if self.training else 0.0,
            key_padding_mask,
            need_weights,
            attn_mask,
            None,
            None,
            average_attn_weights,
            is_causal,
        )
        return (_core.permute_dims(out, (1, 0, 2)) if turned else out), weights

    q_proj: Module
    k_proj: Module
    v_proj: Module
    out_proj: Module
