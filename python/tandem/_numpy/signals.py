"""Sequences of samples: products by shifting, slopes, areas, phases and windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tandem import _core
from tandem._array_api import _axes, _axis, _part
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._numpy.given import flat, floating, tensor, whole

Tensor = _core.Tensor


def _vectors(what: str, *tensors: Any) -> list[Tensor]:
    out = [x.reshape((1,)) if x.ndim == 0 else x for x in map(tensor, tensors)]
    if any(x.ndim != 1 or x.shape[0] == 0 for x in out):
        raise _core.ShapeError(f"{what}: got shapes {[x.shape for x in out]}; need vectors of at least one element")
    return out


def _framed(x: Tensor, before: int, after: int) -> Tensor:
    return _core._internal("frame", x, _core.zeros((), dtype=x.dtype), [before], [after])


def _products(x: Tensor, taps: Tensor, before: int, after: int) -> Tensor:
    """Return sum_j x[i + j - before] * taps[j] for every i: floats by the library, others exactly."""
    kind = x.dtype.kind
    if kind == "complex":
        parts = [(_core.real(a), _core.imag(a)) for a in (x, taps)]
        (a, b), (c, d) = parts
        real = _core.subtract(_products(a, c, before, after), _products(b, d, before, after))
        return _core.complex(real, _core.add(_products(a, d, before, after), _products(b, c, before, after)))
    if kind == "float":
        out = _core._convolution(
            x.reshape((1, 1, -1)),
            taps.reshape((1, 1, -1)),
            stride=[1],
            dilation=[1],
            before=[before],
            groups=1,
            after=[after],
        )
        return out.reshape((-1,))
    count, width = x.shape[0] + before + after - taps.shape[0] + 1, taps.shape[0]
    starts = _core.arange(count, dtype=_core.int64)
    places = _core.add(_core.expand_dims(starts, axis=1), _core.arange(width, dtype=_core.int64))
    windows = _core.take(_framed(x, before, after), places)
    if kind == "bool":
        return _core.any(_core.logical_and(windows, taps), axis=1)
    return _core.sum(_core.multiply(windows, taps), axis=1, dtype=x.dtype)


def _shifted(what: str, x: Tensor, taps: Tensor, mode: str) -> Tensor:
    """Return the part of all shifted products that the mode names, x being the longer vector."""
    width = taps.shape[0]
    around = {"full": (width - 1, width - 1), "same": (width // 2, width - 1 - width // 2), "valid": (0, 0)}
    if mode not in around:
        raise _core.ArgumentError(f"{what}: got mode={mode!r}; need 'full', 'same' or 'valid'")
    return _products(x, taps, *around[mode])


@public
def convolve(x1: Any, x2: Any, /, mode: str = "full") -> Tensor:
    """Return the convolution of two vectors, sum_j x1[j] * x2[i - j].

    mode: "full" has every overlap, n + m - 1 elements; "same" the middle max(n, m) of them, "valid" those where the
    vectors overlap completely. Floats go through the library of convolutions.

    >>> td.convolve(td.asarray([1, 2, 3]), td.asarray([0, 1, 1]))
    tensor([0, 1, 3, 5, 3])
    """
    x1, x2 = _vectors("convolve", x1, x2)
    dtype = _core._result_type((x1, x2))
    x1, x2 = x1.astype(dtype, copy=False), x2.astype(dtype, copy=False)
    if x2.shape[0] > x1.shape[0]:
        x1, x2 = x2, x1
    return _shifted("convolve", x1, x2[::-1], mode)


@public
def correlate(x1: Any, x2: Any, /, mode: str = "valid") -> Tensor:
    """Return the cross-correlation of two vectors, sum_j x1[i + j] * conj(x2[j]); see td.convolve for mode.

    >>> td.correlate(td.asarray([1, 2, 3]), td.asarray([0, 1, 1]), "full")
    tensor([1, 3, 5, 3, 0])
    """
    x1, x2 = _vectors("correlate", x1, x2)
    dtype = _core._result_type((x1, x2))
    x1, x2 = x1.astype(dtype, copy=False), x2.astype(dtype, copy=False)
    x2 = _core.conj(x2) if dtype.kind == "complex" else x2
    if x2.shape[0] > x1.shape[0]:
        return _shifted("correlate", x2, x1, mode)[::-1]
    return _shifted("correlate", x1, x2, mode)


def _slope(f: Tensor, spacing: Any, axis: int, edge_order: int) -> Tensor:
    part: Callable[[Tensor, int | None, int | None], Tensor] = lambda x, a, b: _part(x, axis, slice(a, b))  # noqa: E731
    last = f.shape[axis]
    if not isinstance(spacing, Tensor):
        inner = _core.divide(_core.subtract(part(f, 2, None), part(f, None, -2)), 2.0 * spacing)
        first, final = (spacing, spacing), (spacing, spacing)
    else:
        steps = _core.subtract(spacing[1:], spacing[:-1])
        lines = steps.reshape(tuple(-1 if a == axis else 1 for a in range(f.ndim)))
        h, k = part(lines, None, -1), part(lines, 1, None)
        both = _core.add(h, k)
        a = _core.divide(_core.negative(k), _core.multiply(h, both))
        b = _core.divide(_core.subtract(k, h), _core.multiply(h, k))
        c = _core.divide(h, _core.multiply(k, both))
        inner = _core.add(
            _core.add(_core.multiply(a, part(f, None, -2)), _core.multiply(b, part(f, 1, -1))),
            _core.multiply(c, part(f, 2, None)),
        )
        first, final = (steps[0], steps[1 if last > 2 else 0]), (steps[-1], steps[-2 if last > 2 else -1])
    if edge_order == 1:
        left = _core.divide(_core.subtract(part(f, 1, 2), part(f, 0, 1)), first[0])
        right = _core.divide(_core.subtract(part(f, -1, None), part(f, -2, -1)), final[0])
        return _core.concat([left, inner, right], axis=axis)
    edges = []
    for (near, far), x0, x1, x2, sign in (
        (first, part(f, 0, 1), part(f, 1, 2), part(f, 2, 3), 1.0),
        (final, part(f, -1, None), part(f, -2, -1), part(f, -3, -2), -1.0),
    ):
        if not isinstance(spacing, Tensor):
            a, b, c = -1.5 / near, 2.0 / near, -0.5 / near
        else:
            a = -(2.0 * near + far) / (near * (near + far))
            b = (near + far) / (near * far)
            c = -near / (far * (near + far))
        total = _core.add(_core.add(_core.multiply(x0, a), _core.multiply(x1, b)), _core.multiply(x2, c))
        edges.append(_core.multiply(total, sign) if sign < 0 else total)
    return _core.concat([edges[0], inner, edges[1]], axis=axis)


@public
def gradient(f: Any, /, *varargs: Any, axis: int | Sequence[int] | None = None, edge_order: int = 1) -> Any:
    """Return the slopes of samples along each axis by central differences, one-sided at the ends.

    varargs: the distance of samples, one for all axes or one per axis, or vectors of coordinates. Several axes give a
    tuple. edge_order 1 or 2 is the order of the differences at the ends.

    >>> td.gradient(td.asarray([1.0, 4.0, 9.0]))
    tensor([3., 4., 5.], dtype=float32)
    """
    f = floating(f)
    axes = list(range(f.ndim)) if axis is None else _axes("gradient", axis, f.ndim)
    if edge_order not in (1, 2):
        raise _core.ArgumentError(f"gradient: got edge_order={edge_order}; need 1 or 2")
    if len(varargs) not in (0, 1, len(axes)):
        raise _core.ArgumentError(f"gradient: got {len(varargs)} distances for {len(axes)} axes; need one for each")
    spacings = list(varargs) if len(varargs) == len(axes) else list(varargs or (1.0,)) * len(axes)
    out = []
    for a, given in zip(axes, spacings, strict=True):
        spacing = given if isinstance(given, (int, float)) else tensor(given)
        if f.shape[a] < edge_order + 1:
            raise _core.ShapeError(
                f"gradient: got size {f.shape[a]} along axis {a}; need at least {edge_order + 1} samples"
            )
        if isinstance(spacing, Tensor) and spacing.ndim == 0:
            spacing = _core.multiply(_core.arange(f.shape[a], dtype=_core.int64), spacing)
        if isinstance(spacing, Tensor) and (spacing.ndim != 1 or spacing.shape[0] != f.shape[a]):
            raise _core.ShapeError(
                f"gradient: got coordinates of shape {spacing.shape} for size {f.shape[a]} along axis {a}; need as many"
            )
        out.append(_slope(f, floating(spacing) if isinstance(spacing, Tensor) else spacing, a, edge_order))
    return out[0] if len(out) == 1 else tuple(out)


@public
def trapezoid(y: Any, /, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Return the areas under the lines through samples, which lie dx apart or at x.

    >>> td.trapezoid(td.asarray([1.0, 2.0, 3.0]))
    tensor(4., dtype=float32)
    """
    y = tensor(y)
    axis = _axis("trapezoid", axis, y.ndim)
    width: Any = dx
    if x is not None:
        x = tensor(x)
        place = 0 if x.ndim == 1 else axis
        width = _core.subtract(_part(x, place, slice(1, None)), _part(x, place, slice(None, -1)))
        if x.ndim == 1:
            width = width.reshape(tuple(-1 if a == axis else 1 for a in range(y.ndim)))
    sums = _core.add(_part(y, axis, slice(1, None)), _part(y, axis, slice(None, -1)))
    if x is None:
        return _core.divide(_core.multiply(_core.sum(sums, axis=axis), width), 2.0)
    return _core.divide(_core._internal("sum_of_products", sums, width, axis=axis), 2.0)


@public
def ediff1d(x: Any, /, to_end: Any = None, to_begin: Any = None) -> Tensor:
    """Return the differences of neighbours among all elements, between what goes to the begin and to the end.

    >>> td.ediff1d(td.asarray([1, 4, 9]), to_begin=0)
    tensor([0, 3, 5])
    """
    values = flat(x)
    inner = _core.subtract(values[1:], values[:-1])
    ends = [None if end is None else flat(end).astype(values.dtype) for end in (to_begin, to_end)]
    parts = [part for part in (ends[0], inner, ends[1]) if part is not None]
    return _core.concat(parts) if len(parts) > 1 else inner


@public
def unwrap(p: Any, /, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Tensor:
    """Add multiples of a period to what follows each jump of more than max(discont, period / 2) along an axis.

    >>> td.unwrap(td.asarray([0.0, 2.0, 4.0, 0.5]), period=6.0)
    tensor([0. , 2. , 4. , 6.5], dtype=float32)
    """
    p = tensor(p)
    axis = _axis("unwrap", axis, p.ndim)
    if p.shape[axis] == 0:
        return p.copy()
    jump = _core.subtract(_part(p, axis, slice(1, None)), _part(p, axis, slice(None, -1)))
    dtype = _core._result_type((jump, period))
    is_whole = dtype.kind == "int"
    high: Any = period // 2 if is_whole else period / 2
    limit = period / 2 if discont is None else discont

    def change(jump: Tensor) -> Tensor:
        jump = jump.astype(dtype, copy=False)
        turned = _core.subtract(_core.remainder(_core.add(jump, high), period), high)
        if not is_whole or period % 2 == 0:  # half a period up stays up
            at_edge = _core.logical_and(_core.equal(turned, -high), _core.greater(jump, 0))
            turned = _core.where(at_edge, _core.full((), high, dtype=dtype), turned)
        return _core.where(_core.less(_core.abs(jump), limit), 0, _core.subtract(turned, jump))

    p = p.astype(dtype, copy=False)
    rest = _core.add(_part(p, axis, slice(1, None)), _core.cumsum(in_blocks(change, jump), axis=axis))
    return _core.concat([_part(p, axis, slice(None, 1)), rest], axis=axis)


def _window(what: str, M: int, formula: Callable[[Tensor, float], Tensor]) -> Tensor:
    """Return a window of the default dtype, computed in float64 from n - (M - 1) / 2 and half of M - 1."""
    count = whole(what, "M", M, -(2**62))
    if count < 2:
        return _core.ones((max(count, 0),), dtype=_core.default_dtype())
    steps = _core.arange(1 - count, count, 2, dtype=_core.float64)
    return in_blocks(lambda n: formula(n, float(count - 1)).astype(_core.default_dtype(), copy=False), steps)


@public
def bartlett(M: int, /) -> Tensor:
    """Return the triangular window of M points that begins and ends with 0.

    >>> td.bartlett(3)
    tensor([0., 1., 0.], dtype=float32)
    """
    return _window("bartlett", M, lambda n, half: _core.subtract(1.0, _core.divide(_core.abs(n), half)))


def _cosines(a: float, b: float, c: float) -> Callable[[Tensor, float], Tensor]:
    def formula(n: Tensor, half: float) -> Tensor:
        angle = _core.divide(_core.multiply(n, math.pi), half)
        out = _core.add(a, _core.multiply(_core.cos(angle), b))
        return out if c == 0 else _core.add(out, _core.multiply(_core.cos(_core.multiply(angle, 2.0)), c))

    return formula


@public
def blackman(M: int, /) -> Tensor:
    """Return the Blackman window of M points, 0.42 + 0.5 cos(pi n / (M - 1)) + 0.08 cos(2 pi n / (M - 1)).

    >>> td.blackman(3).round()
    tensor([-0.,  1., -0.], dtype=float32)
    """
    return _window("blackman", M, _cosines(0.42, 0.5, 0.08))


@public
def hamming(M: int, /) -> Tensor:
    """Return the Hamming window of M points, 0.54 + 0.46 cos(pi n / (M - 1)).

    >>> td.hamming(3)
    tensor([0.08, 1.  , 0.08], dtype=float32)
    """
    return _window("hamming", M, _cosines(0.54, 0.46, 0))


@public
def hanning(M: int, /) -> Tensor:
    """Return the Hann window of M points, 0.5 + 0.5 cos(pi n / (M - 1)).

    >>> td.hanning(3)
    tensor([0., 1., 0.], dtype=float32)
    """
    return _window("hanning", M, _cosines(0.5, 0.5, 0))


@public
def kaiser(M: int, beta: float, /) -> Tensor:
    """Return the Kaiser window of M points, i0(beta sqrt(1 - (n / (M - 1))^2)) / i0(beta).

    >>> td.kaiser(3, 0.0)
    tensor([1., 1., 1.], dtype=float32)
    """

    def formula(n: Tensor, half: float) -> Tensor:
        ratio = _core.divide(n, half)
        inside = _core.sqrt(_core.subtract(1.0, _core.square(ratio)))
        scale = _core.full((), float(beta), dtype=_core.float64)
        return _core.divide(_core.i0(_core.multiply(inside, scale)), _core.i0(scale))

    return _window("kaiser", M, formula)
