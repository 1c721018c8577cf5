"""What the operators of a loaded model compute with.

A tensor of ONNX is a `Tensor`, or, while it is small and made of sizes, plain Python: an int or a bool for one without
axes, a tuple of them for a vector of int64 or bool. So shapes that a model computes from shapes stay numbers, and when
the model is captured with sizes that differ from call to call they stay symbols of sizes. A sequence is a Python list,
an optional that holds nothing is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tandem as td
from tandem import _core
from tandem.scripting.context import is_dim

Tensor = _core.Tensor


def is_plain(value: Any) -> bool:
    """True for numbers of Python, and sizes, that stand for a tensor of int64 or bool."""
    return isinstance(value, (int, tuple)) or is_dim(value)


def _dtype_of(items: tuple[Any, ...]) -> Any:
    return _core.bool if items and all(type(n) is bool for n in items) else _core.int64


def tensor(value: Any, dtype: Any = None) -> Tensor:
    """Return the tensor that plain numbers stand for; a tensor is returned as it is."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, tuple):
        dtype = dtype or _dtype_of(value)
        if any(map(is_dim, value)):
            return td.stack([tensor(n, dtype) for n in value])
        return td.asarray(list(value), dtype=dtype) if value else td.zeros((0,), dtype=dtype)
    if not is_plain(value):
        kind = {list: "a sequence", type(None): "an optional without a value"}.get(type(value), type(value).__name__)
        raise _core.ArgumentTypeError(f"got {kind}; need a tensor")
    if is_dim(value):
        return td.asarray(value).astype(dtype or _core.int64)
    return td.asarray(value, dtype=dtype or _dtype_of((value,)))


def settled(value: Any) -> Any:
    """Return what leaves a branch or enters a loop: plain numbers as tensors, because other paths may have these."""
    return tensor(value) if is_plain(value) else value


def known(value: Any, what: str) -> Any:
    """Return the numbers of a tensor, as nested tuples."""
    if isinstance(value, Tensor):
        if value._recorded or _core.recording():
            raise _core.CaptureError(
                f"{what}: got a tensor that is only known when the captured function runs; need numbers that follow "
                "from the sizes of the inputs and from constants of the model; try calling the model without "
                "@td.script"
            )
        return _nested(value.tolist())
    return value


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


def ints(value: Any, what: str) -> tuple[Any, ...]:
    """Return a vector of sizes, or one of them, as a tuple."""
    found = known(value, what)
    items = found if isinstance(found, tuple) else (found,)
    if any(isinstance(n, tuple) for n in items):
        raise _core.ShapeError(f"{what}: got a tensor with {value.ndim} axes; need at most one")
    return tuple(n if is_dim(n) else int(n) for n in items)


def number(value: Any, what: str) -> Any:
    """Return the only element of a tensor as a number of Python."""
    found = known(value, what)
    while isinstance(found, tuple):
        if len(found) != 1:
            raise _core.ShapeError(f"{what}: got {len(found)} elements; need one")
        found = found[0]
    return found


def truth(value: Any) -> Any:
    """Return the condition of an If or a Loop: a bool of Python, or one of a tensor."""
    if isinstance(value, tuple):
        value = number(value, "condition")
    if isinstance(value, Tensor):
        value = value if value.dtype == _core.bool else value != 0
        return value.reshape(()) if value.ndim else value
    return bool(value)


def scalar(value: Any) -> Any:
    """Return the trip count of a Loop as something that `range` takes."""
    if isinstance(value, Tensor):
        value = value.reshape(()) if value.ndim else value
        return value if value._recorded or _core.recording() else int(value)
    return number(value, "M")


def axis_of(axis: int, rank: int, what: str = "axis") -> int:
    """Return an axis counted from the first."""
    if not -rank <= axis < max(rank, 1):
        raise _core.ShapeError(f"{what}: got {axis}; need one of a tensor with {rank} axes")
    return axis + rank if axis < 0 else axis


def at(axis: int, place: Any) -> tuple[Any, ...]:
    """Return the index that takes a place of one axis, and all of those before it."""
    return (slice(None),) * axis + (place,)


def product(sizes: Sequence[Any]) -> Any:
    out: Any = 1
    for n in sizes:
        out = out * n
    return out


def indices(count: Any, dtype: Any = _core.int64) -> Tensor:
    """Return 0, 1, ... as a vector; the count may be a size that differs from call to call."""
    if is_dim(count):
        return td.cumsum(td.full((count,), 1, dtype=dtype), axis=0) - 1
    return td.arange(count, dtype=dtype)


def like(x: Tensor, value: float | int) -> Tensor:
    """Return a number as a tensor without axes of the dtype of x."""
    return td.asarray(value, dtype=x.dtype)
