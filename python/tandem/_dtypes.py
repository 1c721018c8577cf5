"""What the array API says about dtypes: their limits, their kinds, and what is known of the library itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tandem import _core
from tandem._boundary import public

DType = _core.DType


@dataclass(frozen=True)
class IntegerInfo:
    """Limits of an integer dtype: see td.iinfo."""

    bits: int
    max: int
    min: int
    dtype: DType


@dataclass(frozen=True)
class FloatInfo:
    """Limits of a floating-point dtype: see td.finfo."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


def _dtype_of(type: Any) -> DType:
    return type.dtype if isinstance(type, _core.Tensor) else _core._as_dtype(type)


def _refuse(what: str, dtype: DType, need: str, other: str) -> _core.DTypeError:
    return _core.DTypeError(f"{what}: got {dtype.name}; need {need}; try td.{other}")


@public
def iinfo(type: Any, /) -> IntegerInfo:
    """Return the limits of an integer dtype, or of a tensor's: bits, max, min, dtype.

    >>> td.iinfo(td.uint16).max
    65535
    """
    dtype = _dtype_of(type)
    if dtype.kind != "int":
        raise _refuse("iinfo", dtype, "an integer dtype", "finfo")
    _, low, high = _core._dtype_limits(dtype)
    return IntegerInfo(8 * dtype.itemsize, high, low, dtype)


@public
def finfo(type: Any, /) -> FloatInfo:
    """Return the limits of a floating-point dtype, or of a tensor's: bits, eps, max, min, smallest_normal, dtype.

    Of a complex dtype they are the limits of its parts.

    >>> td.finfo(td.float16).eps
    0.0009765625
    """
    dtype = _dtype_of(type)
    if dtype.kind == "complex":
        dtype = _core._real_dtype(dtype)
    if dtype.kind != "float":
        raise _refuse("finfo", dtype, "a floating-point dtype", "iinfo")
    mantissa, least = _core._dtype_limits(dtype)
    eps = math.ldexp(1.0, 1 - mantissa)
    most = math.ldexp(2 - eps, 1 - least)
    return FloatInfo(8 * dtype.itemsize, eps, most, -most, math.ldexp(1.0, least), dtype)


def _kinds(dtype: DType) -> frozenset[str]:
    if dtype.kind == "bool":
        return frozenset({"bool"})
    if dtype.kind in ("float", "complex"):
        return frozenset({"real floating" if dtype.kind == "float" else "complex floating", "numeric"})
    return frozenset({"signed integer" if _core._dtype_limits(dtype)[0] else "unsigned integer", "integral", "numeric"})


_KINDS = frozenset[str]().union(*map(_kinds, _core._dtypes))


@public
def isdtype(dtype: Any, kind: Any) -> bool:
    """Return whether a dtype is another one, or of a kind: any of a tuple of them.

    Kinds: "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric".

    >>> td.isdtype(td.uint32, ("bool", "unsigned integer"))
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    own = _core._as_dtype(dtype)
    if not isinstance(kind, str):
        return bool(own == kind)
    if kind not in _KINDS:
        raise _core.ArgumentError(f"isdtype: got the kind {kind!r}; need one of {', '.join(sorted(_KINDS))} or a dtype")
    return kind in _kinds(own)


@public
def result_type(*arrays_and_dtypes: Any) -> DType:
    """Return the dtype that an operation on the given tensors, dtypes and Python numbers would have.

    >>> td.result_type(td.int8, td.uint16)
    int32
    """
    return _core._result_type(arrays_and_dtypes)


@public
def can_cast(from_: Any, to: Any, /) -> bool:
    """Return whether values of a dtype, or of a tensor, become another dtype by promotion.

    >>> td.can_cast(td.uint8, td.int16), td.can_cast(td.int8, td.uint16)
    (True, False)
    """
    return bool(_core._result_type((_dtype_of(from_), _dtype_of(to))) == _dtype_of(to))
