"""Functions of elements that are made of several operations, block by block: what lies between takes little memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tandem import _core

Tensor = _core.Tensor

_BLOCK = 1 << 14


def in_blocks(function: Callable[..., Any], *operands: Tensor) -> Any:
    """Return function(*operands), a tensor or a tuple of them, each element of which is made of the operands' elements.

    Operands without axes are given to every block. A capture, which fuses, and what needs gradients get all at once.
    """
    large = [x for x in operands if x.ndim > 0]
    whole = _core.recording() or not large or any(x.shape != large[0].shape for x in large)
    if whole or large[0].size <= 2 * _BLOCK or any(x.requires_grad for x in operands):
        return function(*operands)
    shape, size = large[0].shape, large[0].size
    rows = [x.reshape((-1,)) if x.ndim > 0 else x for x in operands]
    out: list[Tensor] = []
    several = False
    for start in range(0, size, _BLOCK):
        block = slice(start, start + _BLOCK)
        made = function(*(x[block] if x.ndim > 0 else x for x in rows))
        several = isinstance(made, tuple)
        parts = made if several else (made,)
        if not out:
            out = [_core.empty((size,), dtype=part.dtype, device=part._place) for part in parts]
        for target, part in zip(out, parts, strict=True):
            target[block] = part
    results = tuple(x.reshape(shape) for x in out)
    return results if several else results[0]
