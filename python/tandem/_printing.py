"""How tensors print: as NumPy prints arrays."""

from __future__ import annotations

import numpy as np

from tandem import _core

# The dtypes Python's own bool and int become: they need not be said.
_OBVIOUS = ("bool", "int64")


def _array(x: _core.Tensor) -> np.ndarray:
    if x.device != "cpu":
        x = x.detach().cpu()
    return np.asarray(x.astype(_core.float32) if x.dtype == _core.bfloat16 else x)


def _repr(x: _core.Tensor) -> str:
    if x._recorded:
        return f"<recorded tensor {x._type}>"
    text = np.array2string(_array(x), separator=", ", prefix="tensor(")
    extra = "" if x.dtype.name in _OBVIOUS else f", dtype={x.dtype.name}"
    shape = f", shape={x.shape}" if x.size == 0 and x.shape != (0,) else ""
    place = "" if x.device == "cpu" else f", device={x.device}"
    return f"tensor({text}{shape}{extra}{place})"


def _str(x: _core.Tensor) -> str:
    return _repr(x) if x._recorded else str(_array(x))


def _format(x: _core.Tensor, spec: str) -> str:
    return format(x.item(), spec) if spec and x.ndim == 0 else str(x)


for _name, _function in (("__repr__", _repr), ("__str__", _str), ("__format__", _format)):
    setattr(_core.Tensor, _name, _function)
