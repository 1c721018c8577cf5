"""Tensors that a module owns: parameters, which are trained, and buffers, which are not."""

from __future__ import annotations

from typing import Any

from tandem import _core

Tensor = _core.Tensor


def _marked(data: Any, mark: str, value: Any) -> Tensor:
    """Return a tensor of the same memory, so that the one that was given stays what it is."""
    tensor = data if isinstance(data, Tensor) else _core.asarray(data)
    out = tensor.detach()
    vars(out)[mark] = value
    return out


class _ParameterType(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and "_is_parameter" in vars(value)


class _BufferType(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and "_is_buffer" in vars(value)


class Parameter(Tensor, metaclass=_ParameterType):
    """A tensor that becomes one of a module's parameters when it is assigned to an attribute.

    It has the memory of `data` and, unless requires_grad=False, requires gradients. It is a plain Tensor with a mark
    that isinstance looks for, so everything that takes a tensor takes it at the same speed.

    >>> weight = td.nn.Parameter(td.ones((2, 3)))
    >>> weight.requires_grad, weight.is_leaf, isinstance(weight, td.nn.Parameter)
    (True, True, True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        """Make a parameter of a tensor, or of what td.asarray takes."""
        out: Any = _marked(_core.empty((0,)) if data is None else data, "_is_parameter", True)
        return out.requires_grad_() if requires_grad else out


class Buffer(Tensor, metaclass=_BufferType):
    """A tensor that becomes one of a module's buffers when it is assigned to an attribute; see register_buffer.

    >>> isinstance(td.nn.Buffer(td.zeros((2,))), td.nn.Parameter)
    False
    """

    def __new__(cls, data: Any, *, persistent: bool = True) -> Buffer:
        """Make a buffer; it is part of the state dict if it is persistent."""
        out: Any = _marked(data, "_is_buffer", persistent)
        return out
