"""Discrete Fourier transforms: frequencies, and the order in which spectra are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._array_api import roll
from tandem._boundary import public
from tandem._products import axes_of

Tensor = _core.Tensor

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


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
