"""Functions of the array API that are combinations of others and no operations of their own."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor


def _dtype_or(x: Tensor, dtype: Any) -> Any:
    return x.dtype if dtype is None else dtype


def _beside(x: Tensor, device: Any) -> Any:
    return x._place if device is None else device


@public
def full_like(x: Tensor, /, fill_value: float, dtype: Any = None, *, device: Any = None) -> Tensor:
    """Return a tensor of x's shape and dtype filled with one number.

    >>> td.full_like(td.asarray([1, 2]), 7)
    tensor([7, 7])
    """
    return _core.full(x.shape, fill_value, dtype=_dtype_or(x, dtype), device=_beside(x, device))


@public
def zeros_like(x: Tensor, /, dtype: Any = None, *, device: Any = None) -> Tensor:
    """Return zeros of x's shape and dtype.

    >>> td.zeros_like(td.asarray([1, 2]))
    tensor([0, 0])
    """
    return _core.zeros(x.shape, dtype=_dtype_or(x, dtype), device=_beside(x, device))


@public
def ones_like(x: Tensor, /, dtype: Any = None, *, device: Any = None) -> Tensor:
    """Return ones of x's shape and dtype.

    >>> td.ones_like(td.asarray([2., 3.]))
    tensor([1., 1.], dtype=float32)
    """
    return _core.ones(x.shape, dtype=_dtype_or(x, dtype), device=_beside(x, device))


@public
def empty_like(x: Tensor, /, dtype: Any = None, *, device: Any = None) -> Tensor:
    """Return a tensor of x's shape and dtype with undefined contents.

    >>> td.empty_like(td.ones((2, 3))).shape
    (2, 3)
    """
    return _core.empty(x.shape, dtype=_dtype_or(x, dtype), device=_beside(x, device))


@public
def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """Convert to another dtype; see td.cast. With copy=False, a tensor that has it already is returned as it is.

    >>> td.astype(td.asarray([1, 2]), td.float32)
    tensor([1., 2.], dtype=float32)
    """
    out = x.astype(dtype, copy=copy)
    return out if device is None else out.to(device)


@public
def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """Return read-only views of all tensors with the shape they broadcast to.

    >>> [x.shape for x in td.broadcast_arrays(td.ones((3, 1)), td.ones((4,)))]
    [(3, 4), (3, 4)]
    """
    shape = _core._broadcast_shape([x.shape for x in arrays])
    return [_core.broadcast_to(x, shape) for x in arrays]
