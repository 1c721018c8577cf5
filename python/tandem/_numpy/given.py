"""What these functions are given: tensors, or whatever the operations take in their place."""

from __future__ import annotations

from typing import Any

import numpy as np

from tandem import _core

Tensor = _core.Tensor


def tensor(x: Any) -> Tensor:
    """Return a tensor as it is, and an array, a number or a list as one."""
    return x if isinstance(x, Tensor) else _core.asarray(x)


def floating(x: Any) -> Tensor:
    """Return a tensor of floating-point or complex numbers; integers become the default float dtype."""
    x = tensor(x)
    return x.astype(_core._result_type((x, 1.0)), copy=False)


def wide(x: Tensor) -> Tensor:
    """Return 16-bit floats as float32, in which they are combined and from which they are rounded once."""
    return x.astype(wide_dtype(x.dtype), copy=False)


def wide_dtype(dtype: Any) -> Any:
    return _core.float32 if dtype in (_core.float16, _core.bfloat16) else dtype


def flat(x: Any) -> Tensor:
    """Return the elements in row-major order, as a view where that is possible."""
    return tensor(x).reshape((-1,))


def is_number(x: Any) -> bool:
    """Return whether a size, an index or a count is one number and not several."""
    return hasattr(x, "__index__") and not isinstance(x, (Tensor, np.ndarray))


def whole(what: str, name: str, value: Any, least: int = 0) -> int:
    """Return a size or a count, or raise ArgumentError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise _core.ArgumentError(f"{what}: got {name}={value!r}; need an integer")
    if value < least:
        raise _core.ArgumentError(f"{what}: got {name}={value}; need {least} or more")
    return value if isinstance(value, _core.Size) else int(value)  # type: ignore[return-value]


def common(*values: Any, dtype: Any = None) -> tuple[Tensor, ...]:
    """Return all values in one dtype: a given one, or what they promote to; numbers follow the tensors."""
    if not any(isinstance(x, Tensor) for x in values):
        values = tuple(tensor(x) for x in values)
    dtype = _core._result_type(values) if dtype is None else dtype
    return tuple(
        x.astype(dtype, copy=False) if isinstance(x, Tensor) else _core.asarray(x, dtype=dtype) for x in values
    )
