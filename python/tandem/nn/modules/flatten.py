"""Axes merged into one, or one taken apart."""

from __future__ import annotations

from collections.abc import Sequence

from tandem import _core
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class Flatten(Module):
    """Merge the axes from start_dim to end_dim into one.

    >>> td.nn.Flatten()(td.ones((2, 3, 4))).shape
    (2, 12)
    """

    _shown = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        shape, rank = tuple(input.shape), input.ndim
        if not (-rank <= self.start_dim < rank and -rank <= self.end_dim < rank):
            raise _core.OutOfBoundsError(
                f"Flatten: got start_dim={self.start_dim} and end_dim={self.end_dim} for the shape {input.shape}; need "
                "axes of it"
            )
        start, end = self.start_dim % rank, self.end_dim % rank
        if start > end:
            raise _core.ArgumentError(f"Flatten: got start_dim={start} after end_dim={end}; need them in order")
        merged = 1
        for n in shape[start : end + 1]:
            merged = merged * n
        return input.reshape((*shape[:start], merged, *shape[end + 1 :]))


class Unflatten(Module):
    """Take one axis apart into several.

    >>> td.nn.Unflatten(1, (3, 4))(td.ones((2, 12))).shape
    (2, 3, 4)
    """

    _shown = ("dim", "unflattened_size")

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        shape, rank = tuple(input.shape), input.ndim
        if not -rank <= self.dim < rank:
            raise _core.OutOfBoundsError(
                f"Unflatten: got dim={self.dim} for the shape {input.shape}; need one of its axes"
            )
        axis = self.dim % rank
        return input.reshape((*shape[:axis], *self.unflattened_size, *shape[axis + 1 :]))
