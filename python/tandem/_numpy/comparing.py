"""Questions about tensors and about pairs of them."""

from __future__ import annotations

import numbers
from types import SimpleNamespace
from typing import Any

import numpy as np

from tandem import _core
from tandem._boundary import public
from tandem._numpy.given import common, tensor

Tensor = _core.Tensor


def _kind(x: Any) -> str:
    return tensor(x).dtype.kind


@public
def isclose(x1: Any, x2: Any, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Return where |x1 - x2| <= atol + rtol * |x2|, or where both are the same infinity, or NaN if equal_nan.

    Integers are compared in float64.

    >>> td.isclose(td.asarray([1.0, 2.0]), td.asarray([1.000001, 2.1]))
    tensor([ True, False])
    """
    x1, x2 = common(x1, x2)
    if x1.dtype.kind in ("int", "bool"):
        x1, x2 = x1.astype(_core.float64), x2.astype(_core.float64)
    near = _core.less_equal(_core.abs(_core.subtract(x1, x2)), _core.add(_core.multiply(_core.abs(x2), rtol), atol))
    out = _core.logical_or(_core.logical_and(near, _core.isfinite(x2)), _core.equal(x1, x2))
    if equal_nan:
        out = _core.logical_or(out, _core.logical_and(_core.isnan(x1), _core.isnan(x2)))
    return out


@public
def allclose(x1: Any, x2: Any, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Return whether all elements are close, as a bool tensor without axes; see td.isclose.

    >>> td.allclose(td.asarray([1.0]), td.asarray([1.000001]))
    tensor(True)
    """
    return _core.all(isclose(x1, x2, rtol, atol, equal_nan))


@public
def array_equal(x1: Any, x2: Any, /, equal_nan: bool = False) -> Tensor:
    """Return whether shapes and elements are equal, as a bool tensor without axes.

    >>> td.array_equal(td.asarray([1, 2]), td.asarray([1, 2]))
    tensor(True)
    """
    x1, x2 = tensor(x1), tensor(x2)
    if x1.shape != x2.shape:
        return _core.asarray(False)
    same = _core.equal(x1, x2)
    if equal_nan:
        same = _core.logical_or(same, _core.logical_and(_core.isnan(x1), _core.isnan(x2)))
    return _core.all(same)


@public
def array_equiv(x1: Any, x2: Any, /) -> Tensor:
    """Return whether two tensors are equal once they are broadcast, as a bool tensor without axes.

    >>> td.array_equiv(td.asarray([1, 1]), td.asarray(1))
    tensor(True)
    """
    x1, x2 = tensor(x1), tensor(x2)
    try:
        _core._broadcast_shape([x1.shape, x2.shape])
    except _core.ShapeError:
        return _core.asarray(False)
    return _core.all(_core.equal(x1, x2))


def _infinite(x: Any, negative: bool) -> Tensor:
    x = tensor(x)
    if x.dtype.kind == "complex":
        name = "isneginf" if negative else "isposinf"
        raise _core.DTypeError(f"{name}: got the dtype {x.dtype}; need real numbers; try td.isinf")
    sign = _core.signbit(x) if x.dtype.kind == "float" else _core.less(x, 0)
    return _core.logical_and(_core.isinf(x), sign if negative else _core.logical_not(sign))


@public
def isneginf(x: Any, /) -> Tensor:
    """Return where elements are minus infinity.

    >>> td.isneginf(td.asarray([-td.inf, td.inf]))
    tensor([ True, False])
    """
    return _infinite(x, True)


@public
def isposinf(x: Any, /) -> Tensor:
    """Return where elements are plus infinity.

    >>> td.isposinf(td.asarray([-td.inf, td.inf]))
    tensor([False,  True])
    """
    return _infinite(x, False)


@public
def iscomplex(x: Any, /) -> Tensor:
    """Return where elements have an imaginary part that is not zero.

    >>> td.iscomplex(td.asarray([1 + 1j, 2 + 0j]))
    tensor([ True, False])
    """
    x = tensor(x)
    return _core.not_equal(_core.imag(x), 0) if _kind(x) == "complex" else _core.zeros(x.shape, dtype=_core.bool)


@public
def isreal(x: Any, /) -> Tensor:
    """Return where elements have no imaginary part, or one of zero.

    >>> td.isreal(td.asarray([1 + 1j, 2 + 0j]))
    tensor([False,  True])
    """
    return _core.logical_not(iscomplex(x))


@public
def iscomplexobj(x: Any, /) -> bool:
    """Return whether the dtype is a complex one.

    >>> td.iscomplexobj(td.asarray([1 + 0j]))
    True
    """
    return _kind(x) == "complex"


@public
def isrealobj(x: Any, /) -> bool:
    """Return whether the dtype is not a complex one.

    >>> td.isrealobj(td.asarray([1.0]))
    True
    """
    return not iscomplexobj(x)


@public
def isscalar(x: Any, /) -> bool:
    """Return whether a value is a number, not a tensor: one without axes is none.

    >>> td.isscalar(3.0), td.isscalar(td.asarray(3.0))
    (True, False)
    """
    return isinstance(x, (numbers.Number, np.generic, str, bytes))


@public
def shares_memory(x1: Tensor, x2: Tensor, /) -> bool:
    """Return whether two tensors have an element in common.

    >>> x = td.arange(4)
    >>> td.shares_memory(x, x[1:]), td.shares_memory(x[::2], x[1::2])
    (True, False)
    """
    return np.shares_memory(_places(x1), _places(x2))


@public
def may_share_memory(x1: Tensor, x2: Tensor, /) -> bool:
    """Return whether the memory between the first and the last elements of two tensors overlaps.

    >>> x = td.arange(4)
    >>> td.may_share_memory(x[::2], x[1::2])
    True
    """
    return np.may_share_memory(_places(x1), _places(x2))


def _places(x: Tensor) -> Any:
    """Return an array over the same memory, of any dtype of that size."""
    if _core.recording():
        raise _core.CaptureError(
            "shares_memory: got tensors inside of a captured function, which have no memory yet; need eager code"
        )
    memory = {
        "shape": tuple(x.shape),
        "typestr": f"|V{x.dtype.itemsize}",
        "data": (x._pointer, True),
        "strides": tuple(x.strides),
        "version": 3,
    }
    return np.asarray(SimpleNamespace(__array_interface__=memory))
