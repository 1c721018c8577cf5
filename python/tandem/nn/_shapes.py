"""Sizes of windows and shapes of images, as all functions over sliding windows take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core

Tensor = _core.Tensor
Sizes = int | Sequence[int]


def sizes_of(what: str, name: str, value: Sizes, dims: int, least: int) -> tuple[int, ...]:
    """Return one number per spatial axis; an error names the function and the argument."""
    each = tuple(value) if isinstance(value, Sequence) else (value,) * dims
    if len(each) == 1:
        each *= dims
    if len(each) != dims or any(n < least for n in each):
        raise _core.ArgumentError(f"{what}: got {name}={value}; need {least} or more, once or for each of {dims} axes")
    return each


def product(sizes: Sequence[Any]) -> Any:
    """Return how many elements these axes have: what -1 cannot tell where another axis is empty."""
    out: Any = 1
    for n in sizes:
        out = out * n
    return out


def batched(what: str, x: Tensor, dims: int) -> Tensor:
    """Return x as [batch, channels, spatial axes ...]."""
    if x.ndim == dims + 1:
        return _core.expand_dims(x, axis=0)
    if x.ndim != dims + 2:
        raise _core.ShapeError(
            f"{what}: got the shape {x.shape}; need [batch, channels] or [channels], and {dims} axes"
        )
    return x


def unbatched(out: Tensor, x: Tensor, dims: int) -> Tensor:
    """Return out without the batch that `batched` gave to x."""
    return _core.squeeze(out, axis=0) if x.ndim == dims + 1 else out


def of_one_dtype(*tensors: Any) -> tuple[Any, ...]:
    """Return tensors (or None) in the dtype that all of them promote to."""
    dtype = _core._result_type(tuple(t for t in tensors if t is not None))
    return tuple(None if t is None else t if t.dtype == dtype else t.astype(dtype) for t in tensors)
