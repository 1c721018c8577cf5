"""Pointwise operations that are more than one operator."""

from __future__ import annotations

import math
from typing import Any

from tandem import _core
from tandem._dtypes import iinfo
from tandem.onnx.captured import Node, Shape, Type
from tandem.onnx.emission import Scope, Value, type_proto
from tandem.onnx.rules import is_float, rule


@rule("positive", "copy", "stop_gradient", "again", "check_index", "failure_point", "real", "conj")
def same(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """The first operand: no node at all. An index out of range is an error of the operator that uses it."""
    return x[0]


@rule("floor", "ceil")
def rounded(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Integers stay as they are."""
    return s.op(node.op.capitalize(), x[0]) if is_float(x[0]) else x[0]


@rule("round")
def rounded_to_decimals(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    decimals = node.attrs["decimals"]
    if not is_float(x[0]):
        return x[0] if decimals >= 0 or x[0].dtype == _core.bool else _to_multiple(s, x[0], 10**-decimals)
    if decimals == 0:
        return s.op("Round", x[0])
    wide = s.cast(x[0], _core.float32) if x[0].dtype.itemsize == 2 else x[0]
    scale = s.scalar(10.0 ** abs(decimals), wide.dtype)
    before, behind = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return s.cast(s.op(behind, s.op("Round", s.op(before, wide, scale)), scale), x[0].dtype)


def _to_multiple(s: Scope, x: Value, step: int) -> Value:
    """The multiple of a step nearest to an integer, halves to the even one."""
    limits = iinfo(x.dtype)
    zero, one = s.scalar(0, x.dtype), s.scalar(1, x.dtype)
    if step > limits.max:
        return s.op("Mul", x, zero)
    whole = s.scalar(step, x.dtype)
    quotient = s.op("Div", x, whole)
    rest = s.op("Sub", x, s.op("Mul", quotient, whole))
    size = s.op("Abs", rest) if limits.min else rest
    missing = s.op("Sub", whole, size)
    odd = s.op("Equal", s.op("Mod", quotient, s.scalar(2, x.dtype)), one)
    away = s.op("Or", s.op("Less", missing, size), s.op("And", s.op("Equal", missing, size), odd))
    outward = s.op("Where", s.op("Less", x, zero), s.scalar(-1, x.dtype), one) if limits.min else one
    return s.op("Mul", s.op("Where", away, s.op("Add", quotient, outward), quotient), whole)


@rule("trunc")
def trunc(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    if not is_float(x[0]):
        return x[0]
    negative = s.op("Less", x[0], s.scalar(0, x[0].dtype))
    return s.op("Where", negative, s.op("Ceil", x[0]), s.op("Floor", x[0]))


@rule("fmax", "fmin")
def among_numbers(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    a, b = s.promoted(*x)
    if a.dtype == _core.bool:
        return s.op("Or" if node.op == "fmax" else "And", a, b)
    chosen = s.op("Max" if node.op == "fmax" else "Min", a, b)
    if not is_float(a):
        return chosen
    return s.op("Where", s.op("IsNaN", a), b, s.op("Where", s.op("IsNaN", b), a, chosen))


@rule("square")
def square(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Mul", x[0], x[0])


@rule("rsqrt")
def rsqrt(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Reciprocal", s.op("Sqrt", x[0]))


@rule("isnan", "isinf")
def special(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Integers are neither."""
    if is_float(x[0]):
        return s.op("IsNaN" if node.op == "isnan" else "IsInf", x[0])
    return s.op("Expand", s.scalar(False, _core.bool), s.dims(out.shape))


@rule("isfinite")
def isfinite(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    if is_float(x[0]):
        return s.op("Not", s.op("Or", s.op("IsNaN", x[0]), s.op("IsInf", x[0])))
    return s.op("Expand", s.scalar(True, _core.bool), s.dims(out.shape))


@rule("not_equal")
def not_equal(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Not", s.op("Equal", *s.promoted(*x)))


@rule("where")
def where(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Of bools by And and Or: runtimes have no Where of them."""
    condition, yes, no = s.cast(x[0], _core.bool), s.cast(x[1], out.dtype), s.cast(x[2], out.dtype)
    if out.dtype == _core.bool:
        return s.op("Or", s.op("And", condition, yes), s.op("And", s.op("Not", condition), no))
    return s.op("Where", condition, yes, no)


@rule("cast")
def cast(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.cast(x[0], out.dtype)


@rule("clip")
def clip(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Clip takes limits without axes only; Max and Min broadcast."""
    value, *limits = (s.cast(each, out.dtype) for each in x)
    if limits and all(each.shape == () for each in x[1:]):
        return s.op("Clip", value, *limits)
    for operator, limit in zip(("Max", "Min"), limits, strict=False):
        value = s.op(operator, value, limit)
    return value


@rule("bitwise_and", "bitwise_or", "bitwise_xor")
def bitwise(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    name = node.op.removeprefix("bitwise_").capitalize()
    return s.op(name if out.dtype == _core.bool else "Bitwise" + name, *s.promoted(*x))


@rule("bitwise_invert")
def invert(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Not" if out.dtype == _core.bool else "BitwiseNot", x[0])


@rule("bitwise_left_shift", "bitwise_right_shift")
def shift(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """BitShift is of unsigned numbers. Amounts that are no number of bits shift everything out."""
    value, amount = s.promoted(*x)
    bits = 8 * value.dtype.itemsize
    outside = s.op("Less", amount, s.scalar(0, amount.dtype))
    outside = s.op("Or", outside, s.op("GreaterOrEqual", amount, s.scalar(bits, amount.dtype)))
    unsigned = _core._dtype_by_name("u" + value.dtype.name.removeprefix("u"))
    left = node.op == "bitwise_left_shift"
    negative = None
    if not left and value.dtype != unsigned:  # of -1 - x, what comes in are zeros, which are ones again afterwards
        negative = s.op("Less", value, s.scalar(0, value.dtype))
        value = s.op("Where", negative, s.op("BitwiseNot", value), value)
    inside = s.op("Where", outside, s.scalar(0, amount.dtype), amount)
    direction = "LEFT" if left else "RIGHT"
    shifted = s.op("BitShift", s.cast(value, unsigned), s.cast(inside, unsigned), direction=direction)
    shifted = s.op("Where", outside, s.scalar(0, value.dtype), s.cast(shifted, value.dtype))
    return shifted if negative is None else s.op("Where", negative, s.op("BitwiseNot", shifted), shifted)


# Signs, of zeros as well; the sign of NaN is out of reach


def is_negative(s: Scope, x: Value) -> Value:
    """Whether the sign bit is set."""
    zero = s.scalar(0, x.dtype)
    below = s.op("Less", x, zero)
    if not is_float(x):
        return below
    return s.op("Or", below, s.op("Less", s.op("Reciprocal", x), zero))


@rule("signbit")
def signbit(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return is_negative(s, x[0])


def with_sign(s: Scope, x: Value, like: Value) -> Value:
    """The absolute value of x, with the sign of another number."""
    size = s.op("Abs", x)
    return s.op("Where", is_negative(s, like), s.op("Neg", size), size)


@rule("copysign")
def copysign(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return with_sign(s, *s.promoted(*x))


# Division


def _divided(s: Scope, a: Value, b: Value, operator: str) -> tuple[Value, Value, Value]:
    """Of integers: Div or Mod where that is defined; whether the divisor is 0; the divisor that was used.

    Programs stop at a division by 0, and at that of the lowest number by -1.
    """
    zero, one = s.scalar(0, b.dtype), s.scalar(1, b.dtype)
    is_zero = s.op("Equal", b, zero)
    if b.dtype.name.startswith("u"):
        safe = s.op("Where", is_zero, one, b)
        return s.op(operator, a, safe), is_zero, safe
    minus = s.op("Equal", b, s.scalar(-1, b.dtype))
    safe = s.op("Where", s.op("Or", is_zero, minus), one, b)
    result = s.op(operator, a, safe)
    return (s.op("Where", minus, s.op("Neg", a), result) if operator == "Div" else result), is_zero, safe


@rule("floor_divide")
def floor_divide(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    a, b = s.promoted(*x)
    zero, one = s.scalar(0, a.dtype), s.scalar(1, a.dtype)
    if not is_float(a):
        quotient, is_zero, safe = _divided(s, a, b, "Div")
        if not a.dtype.name.startswith("u"):
            rest = s.op("Sub", a, s.op("Mul", s.op("Div", a, safe), safe))
            down = s.op("And", s.op("Not", s.op("Equal", rest, zero)), _signs_differ(s, rest, safe))
            quotient = s.op("Where", down, s.op("Sub", quotient, one), quotient)
        return s.op("Where", is_zero, zero, quotient)
    rest = s.op("Mod", a, b, fmod=1)
    down = s.op("And", s.op("Not", s.op("Equal", rest, zero)), _signs_differ(s, rest, b))
    near = s.op("Div", s.op("Sub", a, rest), b)
    quotient = s.op("Where", down, s.op("Sub", near, one), near)
    low = s.op("Floor", quotient)
    up = s.op("Less", s.scalar(0.5, a.dtype), s.op("Sub", quotient, low))
    snapped = s.op("Where", up, s.op("Add", low, one), low)
    plain = s.op("Div", a, b)
    # Where nothing is left, 0 with the sign of the quotient.
    snapped = s.op("Where", s.op("Equal", quotient, zero), s.op("Mul", plain, zero), snapped)
    return s.op("Where", s.op("Equal", b, zero), plain, snapped)


def _signs_differ(s: Scope, a: Value, b: Value) -> Value:
    zero = s.scalar(0, a.dtype)
    return s.op("Xor", s.op("Less", a, zero), s.op("Less", b, zero))


@rule("remainder")
def remainder(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Mod has the sign of the divisor for integers, and that of the dividend for floats."""
    a, b = s.promoted(*x)
    zero = s.scalar(0, a.dtype)
    if not is_float(a):
        result, is_zero, _ = _divided(s, a, b, "Mod")
        return s.op("Where", is_zero, zero, result)
    rest = s.op("Mod", a, b, fmod=1)
    wrong = s.op("And", s.op("Not", s.op("Equal", rest, zero)), _signs_differ(s, rest, b))
    result = s.op("Where", wrong, s.op("Add", rest, b), rest)
    return s.op("Where", s.op("Equal", rest, zero), with_sign(s, zero, b), result)


@rule("fmod")
def fmod(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    a, b = s.promoted(*x)
    if is_float(a):
        return s.op("Mod", a, b, fmod=1)
    _, is_zero, safe = _divided(s, a, b, "Div")
    rest = s.op("Sub", a, s.op("Mul", s.op("Div", a, safe), safe))
    return s.op("Where", is_zero, s.scalar(0, a.dtype), rest)


# Elementary functions that ONNX does not have


@rule("pow")
def power(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Of integers by repeated squaring, as Pow goes through floats; 1 / x^n is 0, but for 1 and -1."""
    if is_float(Value("", out.dtype)):
        return s.op("Pow", *s.promoted(*x))
    base, exponent = (s.op("Expand", s.cast(each, _core.int64), s.dims(out.shape)) for each in x)
    zero, one = s.scalar(0, _core.int64), s.scalar(1, _core.int64)
    if out.dtype.name.startswith("u"):
        return _integer_power(s, base, exponent, out)
    positive = _integer_power(s, base, s.op("Max", exponent, zero), out)
    is_odd = s.op("Equal", s.op("Mod", exponent, s.scalar(2, _core.int64)), one)
    is_unit = s.op("Equal", s.op("Abs", base), one)
    inverse = s.op("Where", is_unit, s.op("Where", is_odd, base, one), zero)
    return s.op("Where", s.op("Less", exponent, zero), inverse, positive)


def _integer_power(s: Scope, base: Value, exponent: Value, out: Type) -> Value:
    """A Loop over the bits of the exponent, as many as the largest one has."""
    from onnx import helper

    def info(value: Value, shape: Shape) -> Any:
        return helper.make_value_info(value.name, type_proto(value.dtype, shape, s.model.sizes))

    zero, one, two = (s.scalar(number, _core.int64) for number in (0, 1, 2))
    start = s.op("Expand", one, s.dims(out.shape))
    body = Scope(s.model, s)
    body.prefix = f"{s.prefix}.body"
    iteration, condition = Value(body.name("iteration"), _core.int64), Value(body.name("condition"), _core.bool)
    product, factor, rest = (Value(body.name(name), _core.int64) for name in ("product", "factor", "rest"))
    is_odd = body.op("Equal", body.op("Mod", rest, two), one)
    made = body.op("Where", is_odd, body.op("Mul", product, factor), product)
    square, half = body.op("Mul", factor, factor), body.op("Div", rest, two)
    left = body.op("ReduceMax", body.op("Concat", body.op("Reshape", half, s.ints(-1)), s.ints(0), axis=0), keepdims=0)
    again = body.op("Greater", left, zero)
    shape = out.shape
    graph = helper.make_graph(
        body.nodes,
        body.prefix,
        [info(iteration, ()), info(condition, ()), *(info(value, shape) for value in (product, factor, rest))],
        [info(again, ()), *(info(value, shape) for value in (made, square, half))],
    )
    outputs = [s.name(name) for name in ("Loop", "factor", "rest")]
    s.node("Loop", ["", "", start.name, base.name, exponent.name], outputs, body=graph)
    return Value(outputs[0], _core.int64, shape)


@rule("exp2")
def exp2(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Pow", s.scalar(2, x[0].dtype), x[0])


@rule("log2", "log10")
def log_base(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    factor = 1 / math.log(2 if node.op == "log2" else 10)
    return s.op("Mul", s.op("Log", x[0]), s.scalar(factor, x[0].dtype))


@rule("expm1")
def expm1(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """2 t / (1 - t) with t = tanh(x / 2) near 0, where exp(x) - 1 has no digits left."""
    one = s.scalar(1, x[0].dtype)
    t = s.op("Tanh", s.op("Mul", x[0], s.scalar(0.5, x[0].dtype)))
    near = s.op("Div", s.op("Add", t, t), s.op("Sub", one, t))
    is_near = s.op("Less", s.op("Abs", x[0]), s.scalar(0.5, x[0].dtype))
    return s.op("Where", is_near, near, s.op("Sub", s.op("Exp", x[0]), one))


@rule("log1p")
def log1p(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """log(u) x / (u - 1) with u = 1 + x: what u has lost is lost in both."""
    one = s.scalar(1, x[0].dtype)
    u = s.op("Add", x[0], one)
    lost = s.op("Sub", u, one)
    scaled = s.op("Mul", s.op("Log", u), s.op("Div", x[0], lost))
    small = s.op("Where", s.op("Equal", lost, s.scalar(0, x[0].dtype)), x[0], scaled)
    return s.op("Where", s.op("Equal", u, x[0]), s.op("Log", u), small)


@rule("cube_root")
def cube_root(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """A power of the size, and one step of Newton's for what that has lost."""
    size = s.op("Abs", x[0])
    near = s.op("Pow", size, s.scalar(1 / 3, size.dtype))
    step = s.op("Sub", s.op("Div", size, s.op("Mul", near, near)), near)
    root = s.op("Add", near, s.op("Div", step, s.scalar(3, size.dtype)))
    plain = s.op("Or", s.op("Equal", size, s.scalar(0, size.dtype)), s.op("IsInf", size))
    return s.op("Where", plain, x[0], with_sign(s, root, x[0]))


@rule("sinc")
def sinc(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """The sine of a multiple of pi is 0: the multiple is taken off before it is rounded."""
    pi, half = s.scalar(math.pi, x[0].dtype), s.scalar(0.5, x[0].dtype)
    turns = s.op("Round", s.op("Mul", x[0], half))
    part = s.op("Sub", x[0], s.op("Add", turns, turns))  # in [-1, 1]
    beyond = s.op("Less", half, s.op("Abs", part))
    part = s.op("Where", beyond, s.op("Sub", s.op("Sign", part), part), part)
    is_zero = s.op("Equal", x[0], s.scalar(0, x[0].dtype))
    ratio = s.op("Div", s.op("Sin", s.op("Mul", part, pi)), s.op("Mul", x[0], pi))
    return s.op("Where", is_zero, s.scalar(1, x[0].dtype), ratio)


@rule("hypot")
def hypot(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Scaled by the larger one, so that no square overflows."""
    a, b = (s.op("Abs", each) for each in s.promoted(*x))
    large, small = s.op("Max", a, b), s.op("Min", a, b)
    ratio = s.op("Div", small, large)
    root = s.op("Sqrt", s.op("Add", s.op("Mul", ratio, ratio), s.scalar(1, a.dtype)))
    plain = s.op("Or", s.op("Equal", large, s.scalar(0, a.dtype)), s.op("IsInf", large))
    finite = s.op("Where", plain, large, s.op("Mul", large, root))
    infinite = s.op("Or", s.op("IsInf", a), s.op("IsInf", b))
    return s.op("Where", infinite, s.scalar(math.inf, a.dtype), finite)


@rule("atan2")
def atan2(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    y, x1 = s.promoted(*x)
    up, right = s.op("Abs", y), s.op("Abs", x1)
    zero = s.scalar(0, y.dtype)
    ratio = s.op("Where", s.op("Equal", up, right), s.scalar(1, y.dtype), s.op("Div", up, right))
    angle = s.op("Atan", s.op("Where", s.op("Equal", up, zero), zero, ratio))
    angle = s.op("Where", is_negative(s, x1), s.op("Sub", s.scalar(math.pi, y.dtype), angle), angle)
    angle = s.op("Where", s.op("Or", s.op("IsNaN", y), s.op("IsNaN", x1)), s.scalar(math.nan, y.dtype), angle)
    return with_sign(s, angle, y)


@rule("angle")
def angle(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Of real numbers: 0 or pi."""
    negative = s.op("Where", is_negative(s, x[0]), s.scalar(math.pi, x[0].dtype), s.scalar(0, x[0].dtype))
    return s.op("Where", s.op("IsNaN", x[0]), x[0], negative)


@rule("logaddexp")
def logaddexp(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """The larger one, and log(1 + exp(-difference))."""
    a, b = s.promoted(*x)
    large = s.op("Max", a, b)
    apart = s.op("Abs", s.op("Sub", a, b))
    more = s.op("Softplus", s.op("Neg", apart))
    return s.op("Where", s.op("Equal", a, b), s.op("Add", a, s.scalar(math.log(2), a.dtype)), s.op("Add", large, more))
