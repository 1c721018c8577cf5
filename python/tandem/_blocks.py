"""Functions of elements or rows made of several operations, block by block: what lies between takes little memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tandem import _core
from tandem._array_api import _product

Tensor = _core.Tensor

_BLOCK = 1 << 14


def blocks_of(shape: Sequence[int], most: int = _BLOCK) -> Iterator[tuple[int | slice, ...]]:
    """Yield the indices of blocks that cover a shape without zeros, in order, none of more than so many elements."""
    rest, axis = 1, len(shape)
    while axis > 0 and rest * shape[axis - 1] <= most:
        axis -= 1
        rest *= shape[axis]
    if axis == 0:
        yield (slice(None),)
        return
    size = shape[axis - 1]
    count = -(-size // (most // rest))
    step = -(-size // count)  # parts of one size
    for outer in itertools.product(*map(range, shape[: axis - 1])):
        for start in range(0, size, step):
            yield (*outer, slice(start, start + step))


def _joined(function: Callable[..., Any], shape: Sequence[int], most: int, operands: Sequence[Tensor]) -> Any:
    """Return what a function makes of blocks, joined; the operands begin with the axes of the shape, or have none."""
    out: list[Tensor] = []
    several = False
    for block in blocks_of(shape, most):
        made = function(*(x[block] if x.ndim > 0 else x for x in operands))
        several = isinstance(made, tuple)
        parts = made if several else (made,)
        if not out:
            out = [_core.empty(shape, dtype=part.dtype, device=part._place) for part in parts]
        for target, part in zip(out, parts, strict=True):
            target[block] = part
    return tuple(out) if several else out[0]


def in_blocks(function: Callable[..., Any], *operands: Tensor, most: int = _BLOCK) -> Any:
    """Return function(*operands), a tensor or a tuple of them, each element of which is made of the operands' elements.

    The operands broadcast; those without axes are given to every block as they are. A capture, which fuses, and what
    needs gradients get all at once. most: elements of a block, more for a function of few operations.
    """
    large = [x for x in operands if x.ndim > 0]
    if _core.recording() or not large or any(x.requires_grad for x in operands):
        return function(*operands)
    shape, size = large[0].shape, large[0].size
    if any(x.shape != shape for x in large):
        try:
            shape = _core._broadcast_shape([x.shape for x in large])
        except _core.ShapeError:
            return function(*operands)  # which says what it needs
        size = _product(shape)
        operands = tuple(x if x.ndim == 0 else _core.broadcast_to(x, shape) for x in operands)
    return function(*operands) if size <= 2 * most else _joined(function, shape, most, operands)


def rows_in_blocks(function: Callable[[Tensor], Any], x: Tensor, most: int = _BLOCK) -> Any:
    """Return function(x), which makes an element, or a tuple of elements, of every row along the last axis.

    A block has at least one row, and else at most so many elements.
    """
    if _core.recording() or x.requires_grad or x.ndim < 2 or x.size <= 2 * most:
        return function(x)
    return _joined(function, x.shape[:-1], max(most // x.shape[-1], 1), (x,))
