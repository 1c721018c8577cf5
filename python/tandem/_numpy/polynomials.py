"""Polynomials as vectors of coefficients, the highest power first."""

from __future__ import annotations

import math
from typing import Any

from tandem import _core
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._numpy.comparing import isclose
from tandem._numpy.given import common, flat, floating, tensor, whole
from tandem._numpy.signals import convolve
from tandem._sorting import need_values, nonzero_places

Tensor = _core.Tensor


def _coefficients(what: str, p: Any) -> Tensor:
    p = tensor(p)
    if p.ndim > 1:
        raise _core.ShapeError(f"{what}: got coefficients of shape {p.shape}; need a vector")
    return p.reshape((-1,))


def _led(x: Tensor, count: int) -> Tensor:
    """Return coefficients with zeros in front, `count` in all."""
    return _core._internal("frame", x, _core.zeros((), dtype=x.dtype), [count - x.shape[0]], [0])


def _aligned(what: str, p1: Any, p2: Any) -> tuple[Tensor, Tensor]:
    p1, p2 = _coefficients(what, p1), _coefficients(what, p2)
    count = max(p1.shape[0], p2.shape[0])
    return _led(p1, count), _led(p2, count)


@public
def polyadd(p1: Any, p2: Any, /) -> Tensor:
    """Return the sum of two polynomials.

    >>> td.polyadd(td.asarray([1, 2]), td.asarray([9, 5, 4]))
    tensor([9, 6, 6])
    """
    return _core.add(*_aligned("polyadd", p1, p2))


@public
def polysub(p1: Any, p2: Any, /) -> Tensor:
    """Return the difference of two polynomials.

    >>> td.polysub(td.asarray([1, 2]), td.asarray([9, 5, 4]))
    tensor([-9, -4, -2])
    """
    return _core.subtract(*_aligned("polysub", p1, p2))


@public
def polymul(p1: Any, p2: Any, /) -> Tensor:
    """Return the product of two polynomials; zeros that lead them stay.

    >>> td.polymul(td.asarray([1, 2, 3]), td.asarray([9, 5, 1]))
    tensor([ 9, 23, 38, 17,  3])
    """
    return convolve(_coefficients("polymul", p1), _coefficients("polymul", p2))


@public
def polydiv(u: Any, v: Any, /) -> tuple[Tensor, Tensor]:
    """Return the quotient and the remainder of two polynomials; zeros that lead the remainder are cut off.

    Inside of a captured function the remainder keeps them.

    >>> td.polydiv(td.asarray([3.0, 5.0, 2.0]), td.asarray([2.0, 1.0]))
    (tensor([1.5 , 1.75], dtype=float32), tensor([0.25], dtype=float32))
    """
    u, v = common(_coefficients("polydiv", u), _coefficients("polydiv", v))
    u, v = floating(u), floating(v)
    if v.shape[0] == 0 or u.shape[0] == 0:
        raise _core.ShapeError(f"polydiv: got shapes {u.shape} and {v.shape}; need at least one coefficient each")
    width = v.shape[0]
    count = max(u.shape[0] - width + 1, 1)
    scale = _core.divide(1.0, v[0])
    parts, rest = [], u
    for _ in range(u.shape[0] - width + 1):
        factor = _core.multiply(rest[0], scale)
        parts.append(factor)
        left = _core.subtract(rest[:width], _core.multiply(v, factor))
        rest = _core.concat([left[1:], rest[width:]])
    quotient = _core.stack(parts) if parts else _core.zeros((count,), dtype=u.dtype)
    if rest.shape[0] == 0:
        rest = _core.zeros((1,), dtype=u.dtype)
    if not _core.recording():
        while rest.shape[0] > 1 and bool(isclose(rest[0], 0.0)):
            rest = rest[1:]
    return quotient, rest


@public
def polyval(p: Any, x: Any, /) -> Tensor:
    """Return the values of a polynomial at x, by Horner's rule.

    >>> td.polyval(td.asarray([3, 0, 1]), td.asarray([5, 2]))
    tensor([76, 13])
    """
    p, x = _coefficients("polyval", p), tensor(x)
    p, x = common(p, x)

    def value(x: Tensor) -> Tensor:
        out = _core.zeros(x.shape, dtype=x.dtype)
        for k in range(p.shape[0]):
            out = _core.add(_core.multiply(out, x), p[k])
        return out

    return value(x) if p.requires_grad else in_blocks(value, x)


@public
def polyder(p: Any, /, m: int = 1) -> Tensor:
    """Return the m-th derivative of a polynomial.

    >>> td.polyder(td.asarray([1, 1, 1, 1]))
    tensor([3, 2, 1])
    """
    p = _coefficients("polyder", p)
    for _ in range(whole("polyder", "m", m)):
        count = max(p.shape[0] - 1, 0)
        p = _core.multiply(p[:count], _core.arange(count, 0, -1, dtype=_core.int64))
    return p


@public
def polyint(p: Any, /, m: int = 1, k: Any = None) -> Tensor:
    """Return the m-th integral of a polynomial; k are the constants, the one of the first integral first.

    >>> td.polyint(td.asarray([6.0, 2.0]))
    tensor([3., 2., 0.], dtype=float32)
    """
    p, m = floating(_coefficients("polyint", p)), whole("polyint", "m", m)
    constants = _core.zeros((m,), dtype=p.dtype) if k is None else flat(k).astype(p.dtype)
    if constants.shape[0] == 1 and m > 1:
        constants = _core.broadcast_to(constants, (m,))
    if constants.shape[0] < m:
        raise _core.ShapeError(f"polyint: got {constants.shape[0]} constants for m={m}; need one, or one for each")
    for step in range(m):
        powers = _core.arange(p.shape[0], 0, -1, dtype=_core.int64).astype(p.dtype)
        p = _core.concat([_core.divide(p, powers), constants[step : step + 1]])
    return p


@public
def poly(roots: Any, /) -> Tensor:
    """Return the polynomial with the given roots, or the characteristic polynomial of a square matrix.

    >>> td.poly(td.asarray([1.0, 2.0]))
    tensor([ 1., -3.,  2.], dtype=float32)
    """
    roots = floating(roots)
    if roots.ndim == 2 and roots.shape[0] == roots.shape[1]:
        from tandem.linalg import eigvals

        given, roots = roots.dtype.kind, eigvals(roots)
        out = poly(roots)
        # Complex roots of a real matrix come in pairs.
        return _core.real(out) if given == "float" else out
    if roots.ndim > 1:
        raise _core.ShapeError(f"poly: got the shape {roots.shape}; need a vector of roots or a square matrix")
    roots = roots.reshape((-1,))
    out = _core.ones((1,), dtype=roots.dtype)
    for k in range(roots.shape[0]):
        out = _core.subtract(_led(out[::-1], k + 2)[::-1], _core.multiply(_led(out, k + 2), roots[k]))
    return out


@public
def roots(p: Any, /) -> Tensor:
    """Return the roots of a polynomial, the eigenvalues of its companion matrix, as complex numbers.

    >>> td.sort(td.real(td.roots(td.asarray([1.0, -3.0, 2.0]))))
    tensor([1., 2.], dtype=float32)
    """
    from tandem.linalg import eigvals

    need_values("roots", "td.linalg.eigvals of the companion matrix")
    p = floating(_coefficients("roots", p))
    places = nonzero_places(p).tolist()
    if not places:
        return eigvals(_core.zeros((0, 0), dtype=p.dtype)) if p.shape[0] == 0 else p[:0].astype(_complex(p))
    zeros = p.shape[0] - 1 - places[-1]
    p = p[places[0] : places[-1] + 1]
    count = p.shape[0] - 1
    found = p[:0].astype(_complex(p))
    if count > 0:
        row = _core.divide(_core.negative(p[1:]), p[0]).reshape((1, count))
        below = _core.eye(count, dtype=p.dtype)[: count - 1]
        found = eigvals(_core.concat([row, below])).astype(found.dtype)
    return _core.concat([found, _core.zeros((zeros,), dtype=found.dtype)])


def _complex(x: Tensor) -> Any:
    return _core._result_type((x, 1j))


@public
def vander(x: Any, /, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the powers of a vector's elements as columns, from N - 1 down to 0 unless increasing.

    >>> td.vander(td.asarray([1, 2, 3]))
    tensor([[1, 1, 1], [4, 2, 1], [9, 3, 1]])
    """
    x = tensor(x)
    if x.ndim != 1:
        raise _core.ShapeError(f"vander: got the shape {x.shape}; need a vector")
    count = x.shape[0] if N is None else whole("vander", "N", N)
    x = x.astype(_core.int64) if x.dtype.kind == "bool" else x
    if count == 0:
        return _core.zeros((x.shape[0], 0), dtype=x.dtype)
    columns = _core.broadcast_to(_core.expand_dims(x, axis=1), (x.shape[0], count - 1))
    ones = _core.ones((x.shape[0], 1), dtype=x.dtype)
    out = _core.cumprod(_core.concat([ones, columns], axis=1), axis=1, dtype=x.dtype)
    return out if increasing else out[:, ::-1]


@public
def polyfit(x: Any, y: Any, deg: int, /, rcond: float | None = None, *, w: Any = None) -> Tensor:
    """Return the polynomial of a degree that is closest to points (x, y) by least squares, computed in float64.

    y may have a column for each of several fits; w are weights of the residuals.

    >>> td.polyfit(td.asarray([0.0, 1.0, 2.0]), td.asarray([1.0, 3.0, 5.0]), 1).round()
    tensor([2., 1.], dtype=float32)
    """
    from tandem.linalg import lstsq

    deg = whole("polyfit", "deg", deg)
    x, y = floating(x), floating(y)
    if x.ndim != 1 or x.shape[0] == 0 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise _core.ShapeError(f"polyfit: got shapes {x.shape} and {y.shape}; need [n] and [n] or [n, k], n > 0")
    out = _core._result_type((x, y))
    wide = _core.complex128 if out.kind == "complex" else _core.float64
    left, right = vander(x.astype(wide), deg + 1), y.astype(wide)
    if w is not None:
        weights = floating(w)
        if weights.shape != x.shape:
            raise _core.ShapeError(f"polyfit: got weights of shape {weights.shape} for {x.shape}; need equal shapes")
        weights = _core.expand_dims(weights.astype(_core.float64), axis=1)
        left = _core.multiply(left, weights)
        right = _core.multiply(right, weights if y.ndim == 2 else weights.reshape((-1,)))
    size = _core.abs(left)
    scale = _core.sqrt(_core.sum(_core.square(size), axis=0))
    tolerance = x.shape[0] * math.ldexp(1.0, -52) if rcond is None else rcond
    found = lstsq(_core.divide(left, scale), right, rtol=tolerance).solution
    scale = _core.expand_dims(scale, axis=1) if y.ndim == 2 else scale
    return _core.divide(found, scale).astype(out)
