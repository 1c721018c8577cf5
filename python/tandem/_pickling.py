"""Tensors in pickle, copy and deepcopy.

As in NumPy, what is copied or pickled is the tensor's elements: a view becomes a tensor of its own. One tensor that
occurs several times in what is copied stays one, because both modules remember objects. With protocol 5, the memory
itself travels as a buffer, out of band where the caller asks for that. A leaf that requires gradients becomes another
one; what was computed from leaves goes on being differentiable in a copy, and is pickled as its elements.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

from tandem import _core

Tensor = _core.Tensor


def _restore(
    buffer: Any, dtype: Any, shape: tuple[int, ...], requires_grad: bool = False, device: str = "cpu"
) -> Tensor:
    x = _core._from_buffer(buffer, dtype, shape)
    out = x.copy() if isinstance(buffer, bytes) else x  # what pickle itself read must be writable
    out = out.to(device)
    return out.requires_grad_() if requires_grad else out


def _is_trained(x: Tensor) -> bool:
    return not x._recorded and x.requires_grad and x.is_leaf


def _reduce(x: Tensor, protocol: int) -> tuple[Any, ...]:
    memory = _core._bytes_of(x if x._recorded or x.is_contiguous() else x.copy())
    buffer = pickle.PickleBuffer(memory) if protocol >= 5 else memoryview(memory).tobytes()
    place = (x.device,) if x.device != "cpu" else ()
    trained = (_is_trained(x),) if place or _is_trained(x) else ()
    return _restore, (buffer, x.dtype, x.shape, *trained, *place), vars(x) or None


def _copied(x: Tensor) -> Tensor:
    return x.detach().copy().requires_grad_() if _is_trained(x) else x.copy()


def _copy(x: Tensor) -> Tensor:
    out = _copied(x)
    vars(out).update(vars(x))
    return out


def _deepcopy(x: Tensor, memo: dict[int, Any]) -> Tensor:
    out = _copied(x)
    memo[id(x)] = out
    vars(out).update(copy.deepcopy(vars(x), memo))
    return out


for _name, _function in (("__reduce_ex__", _reduce), ("__copy__", _copy), ("__deepcopy__", _deepcopy)):
    setattr(Tensor, _name, _function)
