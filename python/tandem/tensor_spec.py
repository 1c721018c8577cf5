"""`TensorSpec`: what a tensor is like, for `precompile`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tandem import _core

__all__ = ["TensorSpec"]


class TensorSpec:
    """The shape and dtype of a row-major tensor that is not there yet.

    A dimension is a size; None, for any size; or a name, for any size that is the same wherever the name stands.
    `dtype` is the default dtype if it is left out.

    >>> td.TensorSpec(("batch", 64), td.float32)
    TensorSpec(('batch', 64), float32)
    """

    __slots__ = ("dtype", "shape")

    shape: tuple[int | str | None, ...]
    dtype: _core.DType

    def __init__(self, shape: int | str | Iterable[int | str | None] | None, dtype: Any = None) -> None:
        sizes = (shape,) if shape is None or isinstance(shape, (int, str)) else tuple(shape)
        self.shape = tuple(_size(size) for size in sizes)
        self.dtype = _core.default_dtype() if dtype is None else _core._example([], dtype).dtype

    def __repr__(self) -> str:
        return f"TensorSpec({self.shape!r}, {self.dtype.name})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorSpec):
            return NotImplemented
        return self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))


def _size(size: Any) -> int | str | None:
    if size is None or (isinstance(size, str) and size.isidentifier()):
        return size
    if isinstance(size, (str, bool)) or not hasattr(size, "__index__"):
        raise TypeError(f"TensorSpec: got the dimension {size!r}; need a size, None, or a name such as 'batch'")
    if size < 0:
        raise ValueError(f"TensorSpec: got the dimension {size!r}; need 0 or more, None, or a name such as 'batch'")
    return int(size)
