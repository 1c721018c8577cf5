"""Models in other precisions: `td.convert`, what it makes, and a report of what that costs and gains."""

from tandem.precision._convert import convert
from tandem.precision._probes import PrecisionWarning
from tandem.precision._quantized import (
    QuantizedConv1d,
    QuantizedConv2d,
    QuantizedConv3d,
    QuantizedLinear,
    QuantizedMultiheadAttention,
)
from tandem.precision._report import Measured, Report, report
from tandem.precision._table import support

__all__ = [
    "Measured",
    "PrecisionWarning",
    "QuantizedConv1d",
    "QuantizedConv2d",
    "QuantizedConv3d",
    "QuantizedLinear",
    "QuantizedMultiheadAttention",
    "Report",
    "convert",
    "report",
    "support",
]
