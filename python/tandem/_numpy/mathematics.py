"""Functions of elements that are made of others."""

from __future__ import annotations

import math
from typing import Any

from tandem import _core
from tandem._array_api import _axis, moveaxis
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._numpy.given import common, floating, tensor

Tensor = _core.Tensor


def _real(what: str, x: Any) -> Tensor:
    x = tensor(x)
    if x.dtype.kind == "complex":
        raise _core.DTypeError(f"{what}: got the dtype {x.dtype}; need real numbers; try td.real(x)")
    return x


def _real_floating(what: str, x: Any) -> Tensor:
    return floating(_real(what, x))


@public
def fabs(x: Any, /) -> Tensor:
    """Return magnitudes of real numbers as floats.

    >>> td.fabs(td.asarray([-1, 2]))
    tensor([1., 2.], dtype=float32)
    """
    return _core.abs(_real_floating("fabs", x))


@public
def rint(x: Any, /) -> Tensor:
    """Round to the nearest integer, ties to even, as floats.

    >>> td.rint(td.asarray([0.5, 1.7]))
    tensor([0., 2.], dtype=float32)
    """
    return _core.round(floating(x))


@public
def fix(x: Any, /) -> Tensor:
    """Round towards zero.

    >>> td.fix(td.asarray([-1.7, 1.7]))
    tensor([-1.,  1.], dtype=float32)
    """
    return _core.trunc(_real("fix", x))


@public
def cbrt(x: Any, /) -> Tensor:
    """Return cube roots, within 1 ulp. The slope is inf at 0 and 0 at infinities.

    >>> td.cbrt(td.asarray([8.0, -27.0]))
    tensor([ 2., -3.], dtype=float32)
    """
    return _core._internal("cube_root", _real_floating("cbrt", x))


@public
def deg2rad(x: Any, /) -> Tensor:
    """Convert degrees to radians.

    >>> td.deg2rad(td.asarray([180.0]))
    tensor([3.1415927], dtype=float32)
    """
    return _core.multiply(_real_floating("deg2rad", x), math.pi / 180)


@public
def rad2deg(x: Any, /) -> Tensor:
    """Convert radians to degrees.

    >>> td.rad2deg(td.asarray([td.pi]))
    tensor([180.], dtype=float32)
    """
    return _core.multiply(_real_floating("rad2deg", x), 180 / math.pi)


@public
def heaviside(x1: Any, x2: Any, /) -> Tensor:
    """Return 0 where x1 < 0, x2 where x1 is 0, 1 where x1 > 0, and NaN where it is NaN.

    >>> td.heaviside(td.asarray([-1.5, 0.0, 2.0]), 0.5)
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return in_blocks(_heaviside, *(_real_floating("heaviside", x) for x in common(x1, x2)))


def _heaviside(x1: Tensor, x2: Tensor) -> Tensor:
    step = _core.where(_core.equal(x1, 0), x2, _core.greater(x1, 0).astype(x1.dtype))
    return _core.where(_core.isnan(x1), x1, step)


@public
def float_power(x1: Any, x2: Any, /) -> Tensor:
    """Return powers in float64, or complex128 for complex numbers, also of integers.

    >>> td.float_power(td.asarray([2, 3]), -1)
    tensor([0.5       , 0.33333333], dtype=float64)
    """
    is_complex = _core._result_type((x1, x2)).kind == "complex"
    dtype = _core.complex128 if is_complex else _core.float64

    def power(x1: Tensor, x2: Tensor) -> Tensor:
        return _core.pow(x1.astype(dtype, copy=False), x2.astype(dtype, copy=False))

    return in_blocks(power, *(x if isinstance(x, Tensor) else _core.asarray(x, dtype=dtype) for x in (x1, x2)))


@public
def modf(x: Any, /) -> tuple[Tensor, Tensor]:
    """Return fractional and whole parts, both with the sign of x.

    >>> td.modf(td.asarray([-1.5, 2.0]))
    (tensor([-0.5,  0. ], dtype=float32), tensor([-1.,  2.], dtype=float32))
    """
    return in_blocks(_modf, _real_floating("modf", x))


def _modf(x: Tensor) -> tuple[Tensor, Tensor]:
    whole = _core.trunc(x)
    part = _core.where(_core.isinf(x), _core.zeros((), dtype=x.dtype), _core.subtract(x, whole))
    return _core.copysign(part, x), whole


@public
def divmod(x1: Any, x2: Any, /) -> tuple[Tensor, Tensor]:
    """Return floor_divide and remainder of two tensors.

    >>> td.divmod(td.asarray([7, -7]), 3)
    (tensor([ 2, -3]), tensor([1, 2]))
    """
    return _core.floor_divide(x1, x2), _core.remainder(x1, x2)


@public
def logaddexp2(x1: Any, x2: Any, /) -> Tensor:
    """Return log2(2 ** x1 + 2 ** x2) without overflow.

    >>> td.logaddexp2(td.asarray([0.0, 20.0]), td.asarray([0.0, 20.0]))
    tensor([ 1., 21.], dtype=float32)
    """
    x1, x2 = (_real_floating("logaddexp2", x) for x in common(x1, x2))
    apart = _core.negative(_core.abs(_core.subtract(x1, x2)))
    more = _core.multiply(_core.log1p(_core.exp2(apart)), 1 / math.log(2))
    # Equal infinities have no difference.
    return _core.where(_core.equal(x1, x2), _core.add(x1, 1.0), _core.add(_core.maximum(x1, x2), more))


@public
def spacing(x: Any, /) -> Tensor:
    """Return the distance to the next number of the dtype, away from zero, with the sign of x.

    >>> td.spacing(td.asarray([1.0]))
    tensor([1.1920929e-07], dtype=float32)
    """
    return in_blocks(_spacing, _real_floating("spacing", x))


def _spacing(x: Tensor) -> Tensor:
    size = _core.abs(x)
    step = _core.subtract(_core.nextafter(size, _core.full((), float("inf"), dtype=x.dtype)), size)
    step = _core.where(_core.less(x, 0), _core.negative(step), step)
    return _core.where(_core.isfinite(x), step, float("nan"))


def _integers(what: str, *values: Any) -> tuple[Tensor, ...]:
    out = common(*values)
    if out[0].dtype.kind != "int":
        raise _core.DTypeError(f"{what}: got the dtype {out[0].dtype}; need integers; try x.astype(td.int64)")
    return out


@public
def gcd(x1: Any, x2: Any, /) -> Tensor:
    """Return the greatest common divisors of integers, by Euclid's algorithm.

    >>> td.gcd(td.asarray([12, 0]), td.asarray([18, 5]))
    tensor([6, 5])
    """
    return in_blocks(_gcd, *_integers("gcd", x1, x2))


def _gcd(x1: Tensor, x2: Tensor) -> Tensor:
    shape = _core._broadcast_shape([x1.shape, x2.shape])
    a, b = (_core.abs(_core.broadcast_to(x, shape)) for x in (x1, x2))
    # No pair of integers of so many bits takes more steps: neighbours of Fibonacci's take the most.
    for _ in range(math.ceil(8 * a.dtype.itemsize * 1.4405) + 1):
        if not _core.recording() and not bool(_core.any(b)):
            break
        done = _core.equal(b, 0)
        rest = _core.remainder(a, _core.where(done, _core.ones((), dtype=b.dtype), b))
        a, b = _core.where(done, a, b), _core.where(done, b, rest)
    return _core.abs(a)


@public
def lcm(x1: Any, x2: Any, /) -> Tensor:
    """Return the least common multiples of integers.

    >>> td.lcm(td.asarray([4, 0]), td.asarray([6, 5]))
    tensor([12,  0])
    """
    return in_blocks(_lcm, *_integers("lcm", x1, x2))


def _lcm(x1: Tensor, x2: Tensor) -> Tensor:
    divisor = _gcd(x1, x2)
    safe = _core.where(_core.equal(divisor, 0), _core.ones((), dtype=divisor.dtype), divisor)
    return _core.abs(_core.multiply(_core.floor_divide(_core.abs(x1), safe), _core.abs(x2)))


@public
def bitwise_count(x: Any, /) -> Tensor:
    """Return how many bits are set in the magnitudes of integers, as uint8.

    >>> td.bitwise_count(td.asarray([7, -8]))
    tensor([3, 1], dtype=uint8)
    """
    x = tensor(x)
    if x.dtype == _core.bool:
        return x.astype(_core.uint8)
    return in_blocks(_bitwise_count, *_integers("bitwise_count", x))


def _bitwise_count(x: Tensor) -> Tensor:
    bits = _core.abs(x).astype(getattr(_core, f"uint{8 * x.dtype.itemsize}")).astype(_core.uint64)

    def number(value: int) -> Tensor:
        return _core.asarray(value, dtype=_core.uint64)

    # Sums of 2, 4 and 8 bits side by side, and of all bytes in the highest one.
    pairs = number(0x5555555555555555)
    fours = number(0x3333333333333333)
    bytes_ = number(0x0F0F0F0F0F0F0F0F)
    bits = _core.subtract(bits, _core.bitwise_and(_core.bitwise_right_shift(bits, number(1)), pairs))
    high = _core.bitwise_and(_core.bitwise_right_shift(bits, number(2)), fours)
    bits = _core.add(_core.bitwise_and(bits, fours), high)
    bits = _core.bitwise_and(_core.add(bits, _core.bitwise_right_shift(bits, number(4))), bytes_)
    total = _core.multiply(bits, number(0x0101010101010101))
    return _core.bitwise_right_shift(total, number(56)).astype(_core.uint8)


def _shifts(what: str, bitorder: str) -> Tensor:
    if bitorder not in ("big", "little"):
        raise _core.ArgumentError(f"{what}: got bitorder={bitorder!r}; need 'big' or 'little'")
    steps = _core.arange(8, dtype=_core.int64)
    return (steps if bitorder == "little" else steps[::-1]).astype(_core.uint8)


@public
def packbits(x: Any, /, axis: int | None = None, bitorder: str = "big") -> Tensor:
    """Return bytes made of eight elements each, a bit for those that are not zero; zeros fill up the last byte.

    >>> td.packbits(td.asarray([True, False, True]))
    tensor([160], dtype=uint8)
    """
    x = tensor(x)
    if x.dtype.kind not in ("bool", "int"):
        raise _core.DTypeError(f"packbits: got the dtype {x.dtype}; need bools or integers; try x != 0")
    x, axis = (x.reshape((-1,)), 0) if axis is None else (x, _axis("packbits", axis, x.ndim))
    bits = moveaxis(_core.not_equal(x, 0), axis, -1).astype(_core.uint8)
    size = bits.shape[-1]
    zeros, rest = [0] * bits.ndim, [0] * (bits.ndim - 1)
    bits = _core._internal("frame", bits, _core.zeros((), dtype=_core.uint8), zeros, [*rest, -size % 8])
    bits = bits.reshape((*bits.shape[:-1], (size + 7) // 8, 8))
    weighed = _core.bitwise_left_shift(bits, _shifts("packbits", bitorder))
    return moveaxis(_core.sum(weighed, axis=-1, dtype=_core.uint8), -1, axis)


@public
def unpackbits(x: Any, /, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Tensor:
    """Return the bits of bytes as uint8; count cuts them off, or fills up with zeros, and leaves some out if negative.

    >>> td.unpackbits(td.asarray([160], dtype=td.uint8), count=3)
    tensor([1, 0, 1], dtype=uint8)
    """
    x = tensor(x)
    if x.dtype != _core.uint8:
        raise _core.DTypeError(f"unpackbits: got the dtype {x.dtype}; need uint8; try x.astype(td.uint8)")
    x, axis = (x.reshape((-1,)), 0) if axis is None else (x, _axis("unpackbits", axis, x.ndim))
    rows = _core.expand_dims(moveaxis(x, axis, -1), axis=-1)
    one = _core.ones((), dtype=_core.uint8)
    bits = _core.bitwise_and(_core.bitwise_right_shift(rows, _shifts("unpackbits", bitorder)), one)
    bits = bits.reshape((*bits.shape[:-2], bits.shape[-2] * 8))
    size = bits.shape[-1]
    if count is not None and count > size:
        zeros, rest = [0] * bits.ndim, [0] * (bits.ndim - 1)
        bits = _core._internal("frame", bits, _core.zeros((), dtype=_core.uint8), zeros, [*rest, count - size])
    elif count is not None:
        bits = bits[..., :count]
    return moveaxis(bits, -1, axis)


@public
def real_if_close(x: Any, /, tol: float = 100) -> Tensor:
    """Return real parts if all imaginary parts are within tol times the epsilon of the dtype, else x.

    >>> td.real_if_close(td.asarray([1 + 0j]))
    tensor([1.], dtype=float32)
    """
    from tandem._dtypes import finfo
    from tandem._sorting import need_values

    x = tensor(x)
    if x.dtype.kind != "complex":
        return x
    need_values("real_if_close", "td.real")
    limit = tol * finfo(x.dtype).eps if tol > 1 else tol
    return _core.real(x) if bool(_core.all(_core.less(_core.abs(_core.imag(x)), limit))) else x
