"""Models in other precisions: `td.convert`, what it makes, and a report of what that costs and gains."""

from tandem.precision._convert import convert
from tandem.precision._operations import operations
from tandem.precision._probes import PrecisionWarning
from tandem.precision._quantized import (
    QuantizedConv1d,
    QuantizedConv2d,
    QuantizedConv3d,
    QuantizedLinear,
    QuantizedMultiheadAttention,
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
from tandem.precision._report import Measured, Report, report
from tandem.precision._table import support
from tandem.precision._transposed import (
    QuantizedConvTranspose1d,
    QuantizedConvTranspose2d,
    QuantizedConvTranspose3d,
)

__all__ = [
    "Measured",
    "PrecisionWarning",
    "QuantizedBilinear",
    "QuantizedConv1d",
    "QuantizedConv2d",
    "QuantizedConv3d",
    "QuantizedConvTranspose1d",
    "QuantizedConvTranspose2d",
    "QuantizedConvTranspose3d",
    "QuantizedGRU",
    "QuantizedGRUCell",
    "QuantizedLSTM",
    "QuantizedLSTMCell",
    "QuantizedLinear",
    "QuantizedMultiheadAttention",
    "QuantizedRNN",
    "QuantizedRNNCell",
    "Report",
    "convert",
    "operations",
    "report",
    "support",
]
