"""What becomes of each kind of module in each precision: one row for all that is not the rule."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from tandem import _core, nn
from tandem.nn.modules.module import Module
from tandem.nn.modules.normalization import Affine
from tandem.onnx.layers import with_layers
from tandem.onnx.module import OnnxModule
from tandem.precision._quantized import (
    QuantizedConv1d,
    QuantizedConv2d,
    QuantizedConv3d,
    QuantizedLinear,
    QuantizedMultiheadAttention,
    _Quantized,
)
from tandem.precision._recurrent import (
    QuantizedBilinear,
    QuantizedGRU,
    QuantizedGRUCell,
    QuantizedLSTM,
    QuantizedLSTMCell,
    QuantizedRNN,
    QuantizedRNNCell,
)
from tandem.precision._transposed import (
    QuantizedConvTranspose1d,
    QuantizedConvTranspose2d,
    QuantizedConvTranspose3d,
)

DTYPES = ("float64", "float32", "bfloat16", "float16", "int8")

# What takes the place of a module whose product with weights is computed in 8 bits.
QUANTIZED: dict[type[Module], Any] = {
    nn.Linear: QuantizedLinear,
    nn.Conv1d: QuantizedConv1d,
    nn.Conv2d: QuantizedConv2d,
    nn.Conv3d: QuantizedConv3d,
    nn.ConvTranspose1d: QuantizedConvTranspose1d,
    nn.ConvTranspose2d: QuantizedConvTranspose2d,
    nn.ConvTranspose3d: QuantizedConvTranspose3d,
}
_CONVOLUTIONS = {kind for kind in QUANTIZED if kind is not nn.Linear}
# What is taken apart into such modules, with what stands for it.
TAKEN_APART: dict[type[Module], Any] = {
    nn.Bilinear: QuantizedBilinear,
    nn.GRU: QuantizedGRU,
    nn.GRUCell: QuantizedGRUCell,
    nn.LSTM: QuantizedLSTM,
    nn.LSTMCell: QuantizedLSTMCell,
    nn.MultiheadAttention: QuantizedMultiheadAttention,
    nn.RNN: QuantizedRNN,
    nn.RNNCell: QuantizedRNNCell,
}
# What keeps its parameters and statistics in float32 when the rest has 16 bits.
WIDE: type[Module] = Affine


class Fate(NamedTuple):
    """What becomes of a module: "converted", "kept" in float32, or "refused", with the reason."""

    what: str
    why: str = ""


def is_depthwise(module: Any) -> bool:
    """Whether it is a convolution of each channel by itself, which is no product of matrices, and faster in float32."""
    return type(module) in _CONVOLUTIONS and 1 < module.in_channels == module.groups


def taken_apart(module: Module) -> Module | None:
    """Return what stands for a module whose products are inside of it: one with modules for them; None for others."""
    if isinstance(module, OnnxModule):
        return with_layers(module)
    kind = TAKEN_APART.get(type(module))
    made: Module | None = None if kind is None else kind.of(module)
    return made


def is_quantized(kind: type[Module]) -> bool:
    """Whether modules of a class are what td.convert made."""
    return issubclass(kind, (_Quantized, *TAKEN_APART.values()))


def fate(kind: type[Module], dtype: str) -> Fate:
    """Return what becomes of modules of a class in a precision."""
    if is_quantized(kind):
        return Fate("refused", "it is made of 8-bit weights already")
    if issubclass(kind, OnnxModule) and dtype == "float64":
        return Fate("refused", "its code has the dtypes of its file")
    if dtype != "int8":
        wide = dtype in ("bfloat16", "float16") and issubclass(kind, WIDE)
        return Fate("kept", "statistics, scales and shifts stay in float32") if wide else Fate("converted")
    if kind in QUANTIZED or kind in TAKEN_APART or issubclass(kind, OnnxModule):
        return Fate("converted")
    for base in (*QUANTIZED, *TAKEN_APART):
        if issubclass(kind, base):
            return Fate("refused", f"it is a class derived from {base.__name__}, which may compute anything")
    return Fate("kept", "it has no product with weights")


def support() -> dict[str, dict[str, Fate]]:
    """Return what td.convert does with each module of td.nn in each precision.

    >>> td.precision.support()["ConvTranspose2d"]["int8"].what
    'converted'
    """
    kinds = {name: getattr(nn, name) for name in nn.__all__}
    modules = {n: k for n, k in kinds.items() if inspect.isclass(k) and issubclass(k, Module)}
    return {name: {dtype: fate(kind, dtype) for dtype in DTYPES} for name, kind in modules.items()}


def dtype_name(dtype: Any) -> str:
    """Return the name of a precision that is asked for by name or as a dtype."""
    name = dtype.name if isinstance(dtype, _core.DType) else dtype
    if name not in DTYPES:
        raise _core.ArgumentError(f"convert: got dtype={dtype!r}; need one of {', '.join(DTYPES)}")
    return str(name)
