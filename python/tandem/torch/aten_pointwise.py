"""Arithmetic, comparisons, functions of one number."""

from __future__ import annotations

import math
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.dtypes import FROM_TORCH
from tandem.torch.table import Uncovered, aten

Tensor = _core.Tensor

_UNARY: dict[str, Any] = {
    "abs": td.abs, "neg": td.negative, "exp": td.exp, "exp2": td.exp2, "expm1": td.expm1, "log": td.log,
    "log2": td.log2, "log10": td.log10, "log1p": td.log1p, "sqrt": td.sqrt, "rsqrt": td.rsqrt, "sin": td.sin,
    "cos": td.cos, "tan": td.tan, "asin": td.asin, "acos": td.acos, "atan": td.atan, "asinh": td.asinh,
    "acosh": td.acosh, "atanh": td.atanh, "sinh": td.sinh, "cosh": td.cosh, "tanh": td.tanh, "sigmoid": td.sigmoid,
    "erf": td.erf, "erfc": td.erfc, "erfinv": td.erfinv, "special_erfcx": None, "floor": td.floor, "ceil": td.ceil,
    "trunc": td.trunc, "round": td.round, "round.decimals": td.round, "sign": td.sign, "reciprocal": td.reciprocal,
    "lgamma": td.lgamma, "digamma": td.digamma, "square": td.square, "sinc": td.sinc, "special_i0": td.i0, "i0": td.i0,
    "special_i0e": td.i0e, "special_i1": td.i1, "special_i1e": td.i1e, "relu": td.relu, "isnan": td.isnan,
    "isinf": td.isinf, "isfinite": td.isfinite, "logical_not": td.logical_not, "signbit": td.signbit,
}  # fmt: skip
for _name, _function in _UNARY.items():
    if _function is not None:
        aten(_name, promote=True)(_function)

_BINARY: dict[str, Any] = {
    "mul.Tensor": td.multiply, "mul.Scalar": td.multiply, "div.Tensor": td.divide, "div.Scalar": td.divide,
    "fmod.Tensor": td.fmod, "fmod.Scalar": td.fmod, "remainder.Tensor": td.remainder, "remainder.Scalar": td.remainder,
    "remainder.Scalar_Tensor": td.remainder, "maximum.default": td.maximum, "minimum.default": td.minimum,
    "fmax.default": td.fmax, "fmin.default": td.fmin,
    "atan2.default": td.atan2, "hypot.default": td.hypot, "copysign.Tensor": td.copysign,
    "copysign.Scalar": td.copysign, "nextafter.default": td.nextafter, "logaddexp.default": td.logaddexp,
    "bitwise_and.Tensor": td.bitwise_and,
    "bitwise_and.Scalar": td.bitwise_and, "bitwise_or.Tensor": td.bitwise_or, "bitwise_or.Scalar": td.bitwise_or,
    "bitwise_xor.Tensor": td.bitwise_xor, "bitwise_xor.Scalar": td.bitwise_xor,
    "bitwise_left_shift.Tensor": td.bitwise_left_shift, "bitwise_right_shift.Tensor": td.bitwise_right_shift,
    "bitwise_left_shift.Tensor_Scalar": td.bitwise_left_shift,
    "bitwise_right_shift.Tensor_Scalar": td.bitwise_right_shift,
    "eq.Tensor": td.equal, "eq.Scalar": td.equal, "ne.Tensor": td.not_equal, "ne.Scalar": td.not_equal,
    "lt.Tensor": td.less, "lt.Scalar": td.less, "le.Tensor": td.less_equal, "le.Scalar": td.less_equal,
    "gt.Tensor": td.greater, "gt.Scalar": td.greater, "ge.Tensor": td.greater_equal, "ge.Scalar": td.greater_equal,
    "ldexp.Tensor": td.ldexp,
}  # fmt: skip
for _name, _function in _BINARY.items():
    aten(_name, promote=True)(_function)


def _truth(x: Any) -> Any:
    return x if not isinstance(x, Tensor) or x.dtype == _core.bool else td.not_equal(x, 0)


aten("logical_and", promote=True)(lambda x, y: td.logical_and(_truth(x), _truth(y)))
aten("logical_or", promote=True)(lambda x, y: td.logical_or(_truth(x), _truth(y)))
aten("logical_xor", promote=True)(lambda x, y: td.logical_xor(_truth(x), _truth(y)))


@aten("bitwise_not", promote=True)
def bitwise_not(x: Tensor) -> Tensor:
    return td.logical_not(x) if x.dtype == _core.bool else td.bitwise_invert(x)


def _scaled(y: Any, alpha: Any) -> Any:
    return y if isinstance(alpha, (int, float)) and alpha == 1 else y * alpha


def _bools(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype == _core.bool


@aten("add.Tensor add.Scalar", promote=True)
def add(x: Any, y: Any, alpha: Any = 1) -> Any:
    if _bools(x) and (_bools(y) or isinstance(y, bool)):
        return td.logical_or(x, y)
    return td.add(x, _scaled(y, alpha))


@aten("sub.Tensor sub.Scalar", promote=True)
def sub(x: Any, y: Any, alpha: Any = 1) -> Any:
    return td.subtract(x, _scaled(y, alpha))


@aten("rsub.Tensor rsub.Scalar", promote=True)
def rsub(x: Any, y: Any, alpha: Any = 1) -> Any:
    return td.subtract(y, _scaled(x, alpha))


@aten("div.Tensor_mode div.Scalar_mode", promote=True)
def div_mode(x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return td.floor_divide(x, y)
    if rounding_mode is None:
        return td.divide(x, y)
    if isinstance(x, Tensor) and x.dtype.kind != "float":
        negative = (
            td.not_equal(td.less(x, 0), td.less(y, 0)) if isinstance(y, Tensor) else td.not_equal(td.less(x, 0), y < 0)
        )
        whole = td.floor_divide(td.abs(x), td.abs(y) if isinstance(y, Tensor) else abs(y))
        return td.where(negative, -whole, whole)
    return td.trunc(td.divide(x, y))


@aten("floor_divide floor_divide.Scalar", promote=True)
def floor_divide(x: Any, y: Any) -> Any:
    return td.floor_divide(x, y)


@aten("pow.Tensor_Tensor pow.Tensor_Scalar pow.Scalar", promote=True)
def power(x: Any, y: Any) -> Any:
    if isinstance(y, (int, float)) and not isinstance(y, bool):
        if y == 2:
            return x * x
        if y == 1:
            return x.copy()
        if isinstance(x, Tensor) and x.dtype.kind == "float":
            if y == 0.5:
                return td.sqrt(x)
            if y == 3:
                return x * x * x
            if y == -1:
                return td.reciprocal(x)
            if y == -0.5:
                return td.rsqrt(x)
    return td.pow(x, y)


@aten("clamp clamp.Tensor", promote=True)
def clamp(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    out = x
    if min is not None:
        out = td.maximum(out, min)
    if max is not None:
        out = td.minimum(out, max)
    return out


@aten("clamp_min clamp_min.Tensor", promote=True)
def clamp_min(x: Tensor, min: Any) -> Tensor:
    return td.maximum(x, min)


@aten("clamp_max clamp_max.Tensor", promote=True)
def clamp_max(x: Tensor, max: Any) -> Tensor:
    return td.minimum(x, max)


@aten("where.self where.ScalarSelf where.ScalarOther")
def where(condition: Tensor, x: Any, y: Any) -> Tensor:
    return td.where(_truth(condition), x, y)


@aten("masked_fill.Scalar masked_fill.Tensor")
def masked_fill(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        value = value.astype(x.dtype)
    elif x.dtype.kind == "float":
        value = _fitting(value, x.dtype)
    return td.where(mask, value, x)


def _fitting(value: Any, dtype: Any) -> Any:
    """Return a number as the dtype holds it: torch lets numbers out of range become infinities."""
    if isinstance(value, (int, float)) and math.isfinite(value) and abs(value) > td.finfo(dtype).max:
        return math.copysign(math.inf, value)
    return value


@aten("addcmul", promote=True)
def addcmul(x: Tensor, y: Tensor, z: Tensor, value: Any = 1) -> Tensor:
    return x + _scaled(y * z, value)


@aten("addcdiv", promote=True)
def addcdiv(x: Tensor, y: Tensor, z: Tensor, value: Any = 1) -> Tensor:
    return x + _scaled(y / z, value)


@aten("lerp.Scalar lerp.Tensor", promote=True)
def lerp(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    if isinstance(weight, Tensor):
        return td.where(td.less(td.abs(weight), 0.5), x + weight * (y - x), y - (y - x) * (1 - weight))
    return x + weight * (y - x) if abs(weight) < 0.5 else y - (y - x) * (1 - weight)


@aten("_to_copy")
def to_copy(x: Tensor, dtype: Any = None, **_: Any) -> Tensor:
    return convert(x, dtype)


@aten("prims.convert_element_type.default")
def convert(x: Tensor, dtype: Any = None) -> Tensor:
    if dtype is None or FROM_TORCH[dtype] == x.dtype:
        return x.copy()
    to = FROM_TORCH[dtype]
    return td.not_equal(x, 0) if to == _core.bool else x.astype(to)


@aten("clone lift_fresh_copy lift_fresh")
def clone(x: Tensor, memory_format: Any = None) -> Tensor:
    return x.copy()


@aten("alias detach positive lift")
def alias(x: Tensor) -> Tensor:
    return x


@aten("copy")
def copy(x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    return td.broadcast_to(convert_like(source, x), x.shape).copy()


def convert_like(source: Tensor, x: Tensor) -> Tensor:
    if source.dtype == x.dtype:
        return source
    return td.not_equal(source, 0) if x.dtype == _core.bool else source.astype(x.dtype)


@aten("polygamma", promote=True)
def polygamma(n: int, x: Tensor) -> Tensor:
    if n == 0:
        return td.digamma(x)
    raise Uncovered(f"polygamma of order {n}")
