"""Functions of the array API that are combinations of others and no operations of their own."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor


def _dtype_or(x: Tensor, dtype: Any) -> Any:
    return x.dtype if dtype is None else dtype


@public
def full_like(x: Tensor, /, fill_value: float, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return a tensor of x's shape and dtype filled with one number."""
    return _core.full(x.shape, fill_value, dtype=_dtype_or(x, dtype))


@public
def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return zeros of x's shape and dtype."""
    return _core.zeros(x.shape, dtype=_dtype_or(x, dtype))


@public
def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return ones of x's shape and dtype."""
    return _core.ones(x.shape, dtype=_dtype_or(x, dtype))


@public
def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return a tensor of x's shape and dtype with undefined contents."""
    return _core.empty(x.shape, dtype=_dtype_or(x, dtype))


@public
def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """Convert to another dtype; see td.cast."""
    return x.astype(dtype, copy=copy)


@public
def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """Return read-only views of all tensors with the shape they broadcast to."""
    shape = _core._broadcast_shape([x.shape for x in arrays])
    return [_core.broadcast_to(x, shape) for x in arrays]
