"""Discrete Fourier transforms of any length, frequencies, and the order in which spectra are shown.

float32 becomes complex64 and float64 complex128; integers become the default dtype first, and 16-bit floats float32.
Along its axis a transform has the length n: the tensor is cut to it, or filled up with zeros. The factor of a transform
there and back, 1/n, is in the inverse one with norm="backward", in the forward one with "forward", and its root is in
both with "ortho".
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Literal

from tandem import _core
from tandem._array_api import roll
from tandem._boundary import public
from tandem._products import axes_of

Tensor = _core.Tensor

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

_Norm = Literal["backward", "ortho", "forward"]
# So many times a forward transform is divided by the root of its length; an inverse one has the rest of two.
_ROOTS = {"backward": 0, "ortho": 1, "forward": 2}


def _roots(what: str, norm: str, inverse: bool) -> int:
    if norm not in _ROOTS:
        raise _core.ArgumentError(f"{what}: got norm={norm!r}; need 'backward', 'ortho' or 'forward'")
    return 2 - _ROOTS[norm] if inverse else _ROOTS[norm]


def _real(what: str, x: Tensor) -> Tensor:
    """Return real numbers in a dtype that transforms have."""
    if not isinstance(x, Tensor):
        x = _core.asarray(x)
    if x.dtype.kind == "complex":
        raise _core.DTypeError(f"{what}: got dtype {x.dtype.name}; need a real dtype; try td.real(x) or fft")
    if x.dtype.kind != "float":
        x = x.astype(_core.default_dtype())
    return x.astype(_core.float32) if x.dtype.itemsize == 2 else x


def _any(what: str, x: Tensor) -> Tensor:
    """Return real or complex numbers in a dtype that transforms have."""
    if not isinstance(x, Tensor):
        x = _core.asarray(x)
    return x if x.dtype.kind == "complex" else _real(what, x)


def _complex(what: str, x: Tensor) -> Tensor:
    x = _any(what, x)
    if x.dtype.kind == "complex":
        return x
    return x.astype(_core.complex64 if x.dtype == _core.float32 else _core.complex128)


def _place(what: str, axis: int, x: Tensor) -> int:
    return axes_of(what, (axis,), x.ndim)[0]


def _size(what: str, n: int) -> int:
    """Return the length of a transform, which may be a symbol."""
    if not isinstance(n, int | _core.Size):
        try:
            n = operator.index(n)
        except TypeError:
            raise _core.ArgumentTypeError(f"{what}: got n={n!r}; need an integer") from None
    if n < 1:
        raise _core.ArgumentError(f"{what}: got a transform of length {n}; need 1 or more")
    return n


def _along(
    what: str,
    x: Tensor,
    n: int | None,
    axis: int,
    roots: int,
    *,
    inverse: bool = False,
    real: bool = False,
    conjugate: bool = False,
) -> Tensor:
    """Transform along an axis; n is by default as long as x is there, or as what x is half the spectrum of."""
    axis = _place(what, axis, x)
    if n is None:
        n = 2 * (x.shape[axis] - 1) if real and inverse else x.shape[axis]
    length = (_size(what, n),)
    return _core._fourier(x, inverse=inverse, real=real, axis=axis, length=length, roots=roots, conjugate=conjugate)


def _sides(what: str, x: Tensor, s: Sequence[int] | None, axes: Sequence[int] | None) -> list[tuple[int | None, int]]:
    """Return the lengths and the axes of a transform along several ones; a length of -1 is that of x."""
    if axes is None:
        count = x.ndim if s is None else len(s)
        if count > x.ndim:
            raise _core.ArgumentError(
                f"{what}: got {count} lengths for a tensor with {x.ndim} axes; need at most as many"
            )
        axes = tuple(range(x.ndim - count, x.ndim))
    places = axes_of(what, axes, x.ndim)
    if s is None:
        return [(None, axis) for axis in places]
    if len(s) != len(places):
        raise _core.ArgumentError(f"{what}: got {len(s)} lengths and {len(places)} axes; need as many")
    return [(x.shape[axis] if isinstance(n, int) and n == -1 else n, axis) for n, axis in zip(s, places, strict=True)]


def _whole(
    what: str, x: Tensor, s: Sequence[int] | None, axes: Sequence[int] | None, norm: str, inverse: bool
) -> Tensor:
    """Transform along several axes, the last one first."""
    x, roots = _any(what, x), _roots(what, norm, inverse)
    for n, axis in reversed(_sides(what, x, s, axes)):
        x = _along(what, x, n, axis, roots, inverse=inverse)
    return _complex(what, x)


def _to_half(what: str, x: Tensor, s: Sequence[int] | None, axes: Sequence[int] | None, norm: str) -> Tensor:
    x, roots = _real(what, x), _roots(what, norm, False)
    *others, (n, last) = _some(what, _sides(what, x, s, axes))
    x = _along(what, x, n, last, roots, real=True)
    for n, axis in reversed(others):
        x = _along(what, x, n, axis, roots)
    return x


def _from_half(what: str, x: Tensor, s: Sequence[int] | None, axes: Sequence[int] | None, norm: str) -> Tensor:
    x, roots = _complex(what, x), _roots(what, norm, True)
    *others, (n, last) = _some(what, _sides(what, x, s, axes))
    for side, axis in others:
        x = _along(what, x, side, axis, roots, inverse=True)
    return _along(what, x, n, last, roots, inverse=True, real=True)


def _some(what: str, sides: list[tuple[int | None, int]]) -> list[tuple[int | None, int]]:
    if not sides:
        raise _core.ArgumentError(f"{what}: got no axes; need at least one")
    return sides


@public
def fft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: _Norm = "backward") -> Tensor:
    """Return the discrete Fourier transform along an axis.

    >>> td.fft.fft(td.asarray([1., 0., 0., 0.]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    return _along("fft", _any("fft", x), n, axis, _roots("fft", norm, False))


@public
def ifft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: _Norm = "backward") -> Tensor:
    """Return the inverse transform along an axis.

    >>> td.fft.ifft(td.asarray([2., 2.]))
    tensor([2.+0.j, 0.+0.j], dtype=complex64)
    """
    return _along("ifft", _any("ifft", x), n, axis, _roots("ifft", norm, True), inverse=True)


@public
def fftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: _Norm = "backward"
) -> Tensor:
    """Return the transform along several axes (all by default), whose lengths are s.

    With s alone, its lengths are those of the last axes; a length of -1 is that of x.

    >>> td.fft.fftn(td.ones((2, 2))).shape
    (2, 2)
    """
    return _whole("fftn", x, s, axes, norm, False)


@public
def ifftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: _Norm = "backward"
) -> Tensor:
    """Return the inverse transform along several axes (all by default); see `fftn` for s.

    >>> td.fft.ifftn(td.ones((2, 2)))[0]
    tensor([1.+0.j, 0.+0.j], dtype=complex64)
    """
    return _whole("ifftn", x, s, axes, norm, True)


@public
def rfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: _Norm = "backward") -> Tensor:
    """Return the transform of real numbers: n // 2 + 1 elements, those of frequency zero and more.

    >>> td.fft.rfft(td.asarray([1., 2., 1., 0.]))
    tensor([4.+0.j, 0.-2.j, 0.+0.j], dtype=complex64)
    """
    return _along("rfft", _real("rfft", x), n, axis, _roots("rfft", norm, False), real=True)


@public
def irfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: _Norm = "backward") -> Tensor:
    """Return the real numbers whose `rfft` is x; n is 2 * (m - 1) by default, for the size m of the axis.

    >>> td.fft.irfft(td.asarray([4., 0., 0.]))
    tensor([1., 1., 1., 1.], dtype=float32)
    """
    return _along("irfft", _complex("irfft", x), n, axis, _roots("irfft", norm, True), inverse=True, real=True)


@public
def rfftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: _Norm = "backward"
) -> Tensor:
    """Return the transform of real numbers along several axes, half of it along the last; see `fftn` for s.

    >>> td.fft.rfftn(td.ones((2, 4))).shape
    (2, 3)
    """
    return _to_half("rfftn", x, s, axes, norm)


@public
def irfftn(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: _Norm = "backward"
) -> Tensor:
    """Return the real numbers whose `rfftn` is x; see `irfft` for the length of the last axis.

    >>> td.fft.irfftn(td.ones((2, 3))).shape
    (2, 4)
    """
    return _from_half("irfftn", x, s, axes, norm)


@public
def hfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: _Norm = "backward") -> Tensor:
    """Return the real spectrum of a signal of which x is half: the other half is its conjugate mirror image.

    n is 2 * (m - 1) by default, for the size m of the axis.

    >>> td.fft.hfft(td.asarray([1., 0., 0.]))
    tensor([1., 1., 1., 1.], dtype=float32)
    """
    roots = _roots("hfft", norm, False)
    return _along("hfft", _complex("hfft", x), n, axis, roots, inverse=True, real=True, conjugate=True)


@public
def ihfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: _Norm = "backward") -> Tensor:
    """Return the half signal whose `hfft` is x: n // 2 + 1 elements.

    >>> td.fft.ihfft(td.asarray([1., 1., 1., 1.])).real
    tensor([1., 0., 0.], dtype=float32)
    """
    return _along("ihfft", _real("ihfft", x), n, axis, _roots("ihfft", norm, True), real=True, conjugate=True)


@public
def fft2(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: _Norm = "backward"
) -> Tensor:
    """Return the transform along two axes; see `fftn`.

    >>> td.fft.fft2(td.ones((2, 2)))[0]
    tensor([4.+0.j, 0.+0.j], dtype=complex64)
    """
    return _whole("fft2", x, s, axes, norm, False)


@public
def ifft2(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: _Norm = "backward"
) -> Tensor:
    """Return the inverse transform along two axes; see `ifftn`.

    >>> td.fft.ifft2(td.ones((2, 2)))[0]
    tensor([1.+0.j, 0.+0.j], dtype=complex64)
    """
    return _whole("ifft2", x, s, axes, norm, True)


@public
def rfft2(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: _Norm = "backward"
) -> Tensor:
    """Return the transform of real numbers along two axes; see `rfftn`.

    >>> td.fft.rfft2(td.ones((2, 2))).shape
    (2, 2)
    """
    return _to_half("rfft2", x, s, axes, norm)


@public
def irfft2(
    x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: _Norm = "backward"
) -> Tensor:
    """Return the real numbers whose `rfft2` is x; see `irfftn`.

    >>> td.fft.irfft2(td.ones((2, 2))).shape
    (2, 2)
    """
    return _from_half("irfft2", x, s, axes, norm)


def _frequencies(what: str, n: int, d: float, dtype: Any, first: Tensor, device: str | None) -> Tensor:
    if device not in (None, "cpu"):
        raise _core.BackendError(f"{what}: got device={device!r}; need 'cpu'")
    kind = _core.default_dtype() if dtype is None else _core._as_dtype(dtype)
    if kind.kind != "float":
        raise _core.DTypeError(f"{what}: got dtype {kind.name}; need a floating-point dtype")
    return (first.astype(_core.float64) / (n * float(d))).astype(kind)


def _length(what: str, n: int) -> int:
    if not isinstance(n, int) or n < 1:
        raise _core.ArgumentError(f"{what}: got n={n!r}; need an integer of 1 or more")
    return n


@public
def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: str | None = None) -> Tensor:
    """Return the frequency of each element of a transform of length n, for samples that are d apart.

    Zero comes first, then the positive ones, then the negative ones.

    >>> td.fft.fftfreq(4)
    tensor([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    n = _length("fftfreq", n)
    order = _core.concat([_core.arange(0, (n - 1) // 2 + 1), _core.arange(-(n // 2), 0)])
    return _frequencies("fftfreq", n, d, dtype, order, device)


@public
def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: str | None = None) -> Tensor:
    """Return the frequency of each element of a real transform of length n: from 0 to the highest one.

    >>> td.fft.rfftfreq(4)
    tensor([0.  , 0.25, 0.5 ], dtype=float32)
    """
    n = _length("rfftfreq", n)
    return _frequencies("rfftfreq", n, d, dtype, _core.arange(0, n // 2 + 1), device)


def _shifted(what: str, x: Tensor, axes: int | Sequence[int] | None, sign: int) -> Tensor:
    chosen = tuple(range(x.ndim)) if axes is None else axes_of(what, axes, x.ndim)
    halves = [x.shape[axis] // 2 if sign > 0 else -(x.shape[axis] // 2) for axis in chosen]
    return roll(x, halves, axis=chosen)


@public
def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """Move the element of frequency zero to the middle, along the axes (all by default).

    >>> td.fft.fftshift(td.asarray([0, 1, 2, -2, -1]))
    tensor([-2, -1,  0,  1,  2])
    """
    return _shifted("fftshift", x, axes, 1)


@public
def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """Undo fftshift.

    >>> td.fft.ifftshift(td.asarray([-2, -1, 0, 1, 2]))
    tensor([ 0,  1,  2, -2, -1])
    """
    return _shifted("ifftshift", x, axes, -1)
