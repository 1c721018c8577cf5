"""Operators that compute every element on its own: arithmetic, comparison, logic, activations, conversions."""

from __future__ import annotations

import operator as py
from collections.abc import Callable
from typing import Any

import tandem as td
from tandem import _core
from tandem.nn import functional as F
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.table import operator
from tandem.onnx.values import is_plain, like, tensor

Tensor = _core.Tensor

_UNARY: dict[str, Callable[[Tensor], Any]] = {
    "Abs": td.abs,
    "Acos": td.acos,
    "Acosh": td.acosh,
    "Asin": td.asin,
    "Asinh": td.asinh,
    "Atan": td.atan,
    "Atanh": td.atanh,
    "BitwiseNot": td.bitwise_invert,
    "Ceil": td.ceil,
    "Cos": td.cos,
    "Cosh": td.cosh,
    "Erf": td.erf,
    "Exp": td.exp,
    "Floor": td.floor,
    "HardSwish": F.hardswish,
    "IsNaN": td.isnan,
    "Log": td.log,
    "Mish": F.mish,
    "Reciprocal": td.reciprocal,
    "Relu": td.relu,
    "Round": td.round,
    "Sigmoid": td.sigmoid,
    "Sign": td.sign,
    "Sin": td.sin,
    "Sinh": td.sinh,
    "Softsign": F.softsign,
    "Sqrt": td.sqrt,
    "Tan": td.tan,
    "Tanh": td.tanh,
}


def _add_unary(name: str, function: Callable[[Tensor], Any]) -> None:
    # Version 1 of some takes `consumed_inputs`, a hint about memory.
    @operator(name)
    def unary(x: Tensor, *, consumed_inputs: Any = None) -> Tensor:
        return function(x)


for _name, _function in _UNARY.items():
    _add_unary(_name, _function)


@operator("Softplus")
def softplus(x: Tensor) -> Tensor:
    return td.logaddexp(x, like(x, 0.0))


@operator("Neg", plain=True)
def neg(x: Any, *, consumed_inputs: Any = None) -> Any:
    if is_plain(x) and type(x) is not bool:
        return tuple(-n for n in x) if isinstance(x, tuple) else -x
    return td.negative(tensor(x))


@operator("Not", plain=True)
def not_(x: Any) -> Any:
    if is_plain(x):
        return tuple(not n for n in x) if isinstance(x, tuple) else not x
    return td.logical_not(x)


@operator("Identity", plain=True)
def identity(x: Any) -> Any:
    return x


# Two operands


def _plain_pairs(function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """Apply a function to plain numbers, which broadcast like tensors."""
    if not isinstance(a, tuple) and not isinstance(b, tuple):
        return function(a, b)
    a, b = (n if isinstance(n, tuple) else (n,) for n in (a, b))
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise _core.ShapeError(f"got vectors of {len(a)} and {len(b)} elements; need equal lengths, or 1")
    size = len(b) if len(a) == 1 else len(a)
    a, b = (n * size if len(n) == 1 else n for n in (a, b))
    return tuple(map(function, a, b))


def _aligned(a: Any, b: Any, axis: int | None, broadcast: int) -> tuple[Any, Any]:
    """Return both as tensors of one dtype; before opset 7 the axes of b begin at a given axis of a."""
    if is_plain(a):
        a = tensor(a, b.dtype)
    elif is_plain(b):
        b = tensor(b, a.dtype)
    if broadcast and axis is not None and b.ndim:
        axis += a.ndim if axis < 0 else 0
        b = b.reshape((*b.shape, *(1,) * (a.ndim - axis - b.ndim)))
    return a, b


def _truncated(a: Any, b: Any) -> Any:
    """Divide as ONNX does: quotients of integers are rounded toward zero."""
    if isinstance(a, Tensor) and a.dtype.kind == "float":
        return td.divide(a, b)
    if not isinstance(a, Tensor):
        quotient = a // b
        return quotient + 1 if quotient < 0 and quotient * b != a else quotient
    if a.dtype.name.startswith("uint"):
        return td.floor_divide(a, b)
    quotient = td.floor_divide(a, b)
    inexact = td.logical_and(quotient < 0, quotient * b != a)
    return quotient + inexact.astype(a.dtype)


_ARITHMETIC = {
    "Add": (td.add, py.add),
    "Sub": (td.subtract, py.sub),
    "Mul": (td.multiply, py.mul),
    "Div": (_truncated, _truncated),
    "Equal": (td.equal, py.eq),
    "Greater": (td.greater, py.gt),
    "GreaterOrEqual": (td.greater_equal, py.ge),
    "Less": (td.less, py.lt),
    "LessOrEqual": (td.less_equal, py.le),
    "And": (td.logical_and, py.and_),
    "Or": (td.logical_or, py.or_),
    "Xor": (td.logical_xor, py.xor),
}


def _add_binary(name: str, function: Callable[..., Any], of_plain: Callable[[Any, Any], Any]) -> None:
    @operator(name, plain=True)
    def binary(a: Any, b: Any, *, axis: int | None = None, broadcast: int = 0, consumed_inputs: Any = None) -> Any:
        if is_plain(a) and is_plain(b):
            return _plain_pairs(of_plain, a, b)
        return function(*_aligned(a, b, axis, broadcast))


for _name, (_of_tensors, _of_plain) in _ARITHMETIC.items():
    _add_binary(_name, _of_tensors, _of_plain)


@operator("Mod", plain=True)
def mod(a: Any, b: Any, *, fmod: int = 0) -> Any:
    if is_plain(a) and is_plain(b) and not fmod:
        return _plain_pairs(py.mod, a, b)
    a, b = _aligned(tensor(a), b, None, 0)
    return td.fmod(a, b) if fmod else td.remainder(a, b)


@operator("Pow")
def power(x: Tensor, y: Tensor, *, axis: int | None = None, broadcast: int = 0) -> Tensor:
    x, y = _aligned(x, y, axis, broadcast)
    if x.dtype.kind == "float":
        return td.pow(x, y if y.dtype == x.dtype else y.astype(x.dtype))
    if y.dtype.kind == "float":
        return td.pow(x.astype(td.float64), y.astype(td.float64)).astype(x.dtype)
    return td.pow(x, y.astype(x.dtype))


@operator("BitShift")
def bit_shift(x: Tensor, y: Tensor, *, direction: str) -> Tensor:
    return td.bitwise_left_shift(x, y) if direction == "LEFT" else td.bitwise_right_shift(x, y)


@operator("BitwiseAnd")
def bitwise_and(a: Tensor, b: Tensor) -> Tensor:
    return td.bitwise_and(a, b)


@operator("BitwiseOr")
def bitwise_or(a: Tensor, b: Tensor) -> Tensor:
    return td.bitwise_or(a, b)


@operator("BitwiseXor")
def bitwise_xor(a: Tensor, b: Tensor) -> Tensor:
    return td.bitwise_xor(a, b)


def _folded(function: Callable[[Any, Any], Any], of_plain: Callable[[Any, Any], Any], values: tuple[Any, ...]) -> Any:
    out = values[0]
    for value in values[1:]:
        if is_plain(out) and is_plain(value):
            out = _plain_pairs(of_plain, out, value)
        else:
            out = function(*_aligned(out, value, None, 0))
    return out


@operator("Max", plain=True)
def largest(first: Any, *rest: Any, consumed_inputs: Any = None) -> Any:
    return _folded(td.maximum, max, (first, *rest))


@operator("Min", plain=True)
def smallest(first: Any, *rest: Any, consumed_inputs: Any = None) -> Any:
    return _folded(td.minimum, min, (first, *rest))


@operator("Sum", plain=True)
def total(first: Any, *rest: Any, consumed_inputs: Any = None) -> Any:
    return _folded(td.add, py.add, (first, *rest))


@operator("Mean")
def mean(first: Tensor, *rest: Tensor, consumed_inputs: Any = None) -> Tensor:
    return td.divide(_folded(td.add, py.add, (first, *rest)), 1 + len(rest))


@operator("Where", plain=True)
def where(condition: Any, x: Any, y: Any) -> Any:
    if all(map(is_plain, (condition, x, y))):
        chosen = _plain_pairs(lambda c, n: (c, n), condition, x)
        if isinstance(chosen, tuple) and isinstance(chosen[0], tuple):
            return _plain_pairs(lambda pair, n: pair[1] if pair[0] else n, chosen, y)
        if not isinstance(y, tuple):
            return x if condition else y
    x, y = _aligned(x if isinstance(y, Tensor) else tensor(x), y, None, 0)
    return td.where(tensor(condition), x, y)


# Activations with settings


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0, consumed_inputs: Any = None) -> Tensor:
    return F.elu(x, alpha)


@operator("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.celu(x, alpha)


@operator("Selu", until=5)
def selu_of_old(x: Tensor, *, alpha: float = 1.6732, gamma: float = 1.0507, consumed_inputs: Any = None) -> Tensor:
    return selu(x, alpha=alpha, gamma=gamma)


@operator("Selu", since=6)
def selu(x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Tensor:
    return td.where(x > 0, x, td.expm1(td.minimum(x, like(x, 0))) * alpha) * gamma


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01, consumed_inputs: Any = None) -> Tensor:
    return F.leaky_relu(x, alpha)


@operator("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return td.where(x > alpha, x, like(x, 0))


@operator("PRelu", until=6)
def prelu_of_channels(x: Tensor, slope: Tensor, *, consumed_inputs: Any = None) -> Tensor:
    return prelu(x, slope.reshape((-1, *(1,) * (x.ndim - 2))) if slope.size > 1 and x.ndim > 2 else slope)


@operator("PRelu", since=7)
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    return td.where(x < 0, x * slope, x)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5, consumed_inputs: Any = None) -> Tensor:
    return td.clip(x * alpha + beta, 0, 1)


@operator("Shrink")
def shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    zero = like(x, 0)
    offset = bias if x.dtype.kind == "float" else int(bias)
    return td.where(x < -lambd, x + offset, td.where(x > lambd, x - offset, zero))


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate)


@operator("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return x * td.sigmoid(x * alpha)


@operator("Clip", until=10)
def clip_to_attributes(
    x: Tensor, *, max: float | None = None, min: float | None = None, consumed_inputs: Any = None
) -> Tensor:
    return clip(x, None if min is None else like(x, min), None if max is None else like(x, max))


@operator("Clip", since=11)
def clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    if low is not None:
        x = td.maximum(x, low.reshape(()))
    return x if high is None else td.minimum(x, high.reshape(()))


@operator("IsInf")
def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    found = td.isinf(x)
    if not detect_negative:
        found = td.logical_and(found, x > 0)
    if not detect_positive:
        found = td.logical_and(found, x < 0)
    return found


# Conversions


@operator("Cast", since=6, plain=True)
def cast(x: Any, *, to: int, saturate: int = 1, round_mode: str = "up") -> Any:
    dtype = dtype_of(to)
    if is_plain(x):
        if dtype == td.int64:
            return tuple(n * 1 for n in x) if isinstance(x, tuple) else x * 1
        if dtype == td.bool:
            return tuple(n != 0 for n in x) if isinstance(x, tuple) else x != 0
        x = tensor(x)
    return x.astype(dtype) if x.dtype.kind != "float" or dtype.kind != "int" else _wrapped(x, dtype)


def _wrapped(x: Tensor, dtype: Any) -> Tensor:
    """Convert floats to integers: modulo 2 ** bits where they fit int64, as the reference and most processors do."""
    return x.astype(dtype) if dtype.itemsize >= 4 else x.astype(td.int64).astype(dtype)


@operator("CastLike", plain=True)
def cast_like(x: Any, other: Any, *, saturate: int = 1, round_mode: str = "up") -> Any:
    return x if is_plain(x) and is_plain(other) else tensor(x).astype(tensor(other).dtype)


@operator("Cast", until=5, plain=True)
def cast_by_name(x: Any, *, to: str) -> Any:
    from onnx import TensorProto

    codes = dict(TensorProto.DataType.items())
    if to not in codes:
        raise _core.BackendError(f"Cast: got to={to!r}; need the name of an element type")
    return cast(x, to=codes[to])
