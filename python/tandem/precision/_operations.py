"""What becomes of each operation in a model of another precision."""

from __future__ import annotations

from tandem import _core
from tandem._boundary import public
from tandem.precision._table import DTYPES

_NO_FLOATS = ("integral_or_bool", "complex")
# Rows that layers with weights are: what td.convert makes 8-bit products of.
_IN_LAYERS = ("linear", "convolution", "convolution_source")


@public
def operations() -> dict[str, dict[str, str]]:
    """Return what each operation does in a model of each precision that td.convert made.

    "computed": in this precision. "float32": its inputs are cast, and so it is computed. "as given": in the dtype of
    its inputs, whichever that is; "as asked": in the dtype that it names. "in layers": in 8 bits where a module has the
    weights (td.precision.support), else in float32. "no floats": it takes none, and is the same in all of them.

    >>> table = td.precision.operations()
    >>> [table[name]["float16"] for name in ("matmul", "softmax", "add", "bitwise_and")]
    ['computed', 'float32', 'as given', 'no floats']
    """
    low, full = (set(_core._autocast_names(which)) for which in (True, False))

    def treatment(name: str, accepts: str, dtype: str) -> str:
        if accepts in _NO_FLOATS:
            return "no floats"
        if name == "cast":
            return "as asked"
        if dtype in ("float64", "float32"):
            return "computed"
        if dtype == "int8":
            return "in layers" if name in _IN_LAYERS else "float32"
        return "computed" if name in low else "float32" if name in full else "as given"

    rows = [row for row in _core._op_table() if not row["internal"] or row["name"] in {*low, *_IN_LAYERS}]
    return {row["name"]: {dtype: treatment(row["name"], row["accepts"], dtype) for dtype in DTYPES} for row in rows}
