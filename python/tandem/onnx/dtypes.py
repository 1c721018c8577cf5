"""Element types of ONNX: the numbers of TensorProto.DataType, those that Tandem has, and what the others are called."""

from __future__ import annotations

from typing import Any

import numpy as np

from tandem import _core

Tensor = _core.Tensor

_OWN = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
}

DTYPES = {code: getattr(_core, name) for code, name in _OWN.items()}
CODES = {dtype: code for code, dtype in DTYPES.items()}


def name_of(code: int) -> str:
    """Return what ONNX calls an element type."""
    from onnx import TensorProto

    return TensorProto.DataType.Name(code) if code in TensorProto.DataType.values() else str(code)


def dtype_of(code: int, what: str = "to") -> Any:
    """Return the dtype of an element type; BackendError for one that Tandem does not have."""
    if code not in DTYPES:
        raise _core.BackendError(
            f"{what}: got the element type {name_of(code)}; need one of {', '.join(map(name_of, sorted(DTYPES)))}"
        )
    return DTYPES[code]


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """Return a tensor of an array as the onnx package makes them, whose bfloat16 is not NumPy's own."""
    if array.dtype.name != "bfloat16":
        return _core.asarray(array)
    if not array.size:
        return _core.zeros(array.shape, dtype=_core.bfloat16)
    return _core._from_buffer(memoryview(bytearray(array.tobytes())), _core.bfloat16, array.shape)


def to_numpy(x: Tensor) -> np.ndarray[Any, Any]:
    """Return an array with the dtypes of the onnx package."""
    if x.dtype != _core.bfloat16:
        return x.detach().numpy()
    import ml_dtypes

    return np.frombuffer(memoryview(_core._bytes_of(x.detach().copy())), dtype=ml_dtypes.bfloat16).reshape(
        tuple(x.shape)
    )
