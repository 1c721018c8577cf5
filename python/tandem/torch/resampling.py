"""Resampling stays one operation of a graph: torch would make gathers of it, and sums through indices of its gradient.

It does so by Python kernels of the operations themselves, in front of any table of decompositions, so these are taken
out while a graph is traced. `torch.export` leaves such operations whole by itself.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._C import DispatchKey
from torch._decomp.decompositions import upsample_compute_output_size

_NAMES = (
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
)


def _by_size(default: Any, x: Any, size: Sequence[Any] | None, *rest: Any) -> Any:
    """Compute the overload `vec`, of sizes or factors, by the one that takes both."""
    *corners, factors = rest
    sizes = upsample_compute_output_size(x.size(), size, factors)
    return default(x, sizes, *corners, *(factors or [None] * len(sizes)))


def _like_source(grad: Any, size: Any, input_size: Sequence[Any], *rest: Any) -> Any:
    """Return what the gradient of resampling is like; torch's own has no symbols for sizes."""
    return grad.new_empty(input_size)


@contextmanager
def kept_whole() -> Iterator[None]:
    """Take what takes resampling apart out of torch's table, for this time."""
    kept = {}
    for name in _NAMES:
        packet, backward = getattr(torch.ops.aten, name), getattr(torch.ops.aten, f"{name}_backward").default
        for op in (packet.default, packet.vec, backward):
            kept[op] = dict(op.py_kernels)
            for key in (DispatchKey.CompositeImplicitAutograd, DispatchKey.Autograd):
                op.py_kernels.pop(key, None)
            op._dispatch_cache.clear()
        packet.vec.py_impl(DispatchKey.CompositeImplicitAutograd)(functools.partial(_by_size, packet.default))
        if DispatchKey.Meta not in backward.py_kernels:
            backward.py_impl(DispatchKey.Meta)(_like_source)
    try:
        yield
    finally:
        for op, kernels in kept.items():
            op.py_kernels.clear()
            op.py_kernels.update(kernels)
            op._dispatch_cache.clear()
