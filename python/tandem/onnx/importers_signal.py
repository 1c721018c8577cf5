"""Fourier transforms, windows, and mel frequencies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.table import operator
from tandem.onnx.values import at, axis_of, indices, number

Tensor = _core.Tensor


def _transformed(x: Tensor, length: Any, axis: int, inverse: int, onesided: int) -> Tensor:
    """Return the transform of numbers whose last axis is [real] or [real, imaginary]."""
    real = x[..., 0]
    dtype, wide = x.dtype, real if x.dtype.itemsize >= 4 else real.astype(td.float32)
    if x.shape[-1] == 2:
        wide = td.complex(wide, x[..., 1].astype(wide.dtype))
    if inverse and onesided:
        out = td.fft.irfft(wide, n=length, axis=axis)
        return td.expand_dims(out.astype(dtype), axis=-1)
    if inverse:
        found = td.fft.ifft(wide if x.shape[-1] == 2 else td.complex(wide, wide * 0), n=length, axis=axis)
    elif onesided and x.shape[-1] == 1:
        found = td.fft.rfft(wide, n=length, axis=axis)
    else:
        found = td.fft.fft(wide, n=length, axis=axis)
        if onesided:
            found = found[at(axis, slice(found.shape[axis] // 2 + 1))]
    return td.stack([td.real(found), td.imag(found)], axis=-1).astype(dtype)


def _length(x: Tensor, given: Any, axis: int, inverse: int, onesided: int) -> Any:
    if given is not None:
        return number(given, "DFT: dft_length")
    return 2 * (x.shape[axis] - 1) if inverse and onesided else x.shape[axis]


@operator("DFT", until=19, static=(1,))
def dft_attribute(x: Tensor, dft_length: Any = None, *, axis: int = 1, inverse: int = 0, onesided: int = 0) -> Tensor:
    return dft(x, dft_length, axis, inverse=inverse, onesided=onesided)


@operator("DFT", since=20, static=(1, 2))
def dft(x: Tensor, dft_length: Any = None, axis: Any = None, *, inverse: int = 0, onesided: int = 0) -> Tensor:
    along = axis_of(-2 if axis is None else number(axis, "DFT: axis"), x.ndim)
    return _transformed(x, _length(x, dft_length, along, inverse, onesided), along, inverse, onesided)


@operator("STFT", static=(1, 3))
def stft(x: Tensor, step: Any, window: Tensor | None = None, length: Any = None, *, onesided: int = 1) -> Tensor:
    hop = number(step, "STFT: frame_step")
    if length is not None:
        size = number(length, "STFT: frame_length")
    else:
        size = x.shape[1] if window is None else window.shape[0]
    frames = (x.shape[1] - size) // hop + 1
    places = td.expand_dims(indices(frames) * hop, axis=1) + indices(size)
    cut = td.take(x, places.reshape((frames * size,)), axis=1).reshape((x.shape[0], frames, size, x.shape[2]))
    if window is not None:
        cut = cut * window.reshape((1, 1, size, 1))
    return _transformed(cut, size, 2, 0, onesided)


def _window(size: Any, parts: tuple[float, ...], periodic: int, output_datatype: int) -> Tensor:
    """Return a sum of cosines of whole multiples of the window's frequency."""
    count = number(size, "size")
    turn = indices(count).astype(td.float64) * (2 * math.pi) / (count if periodic else count - 1)
    out: Any = parts[0]
    for k, part in enumerate(parts[1:], 1):
        out = out + td.cos(turn * k) * part
    return out.astype(dtype_of(output_datatype))


_WINDOWS = {
    "BlackmanWindow": (0.42, -0.5, 0.08),
    "HammingWindow": (25 / 46, -21 / 46),
    "HannWindow": (0.5, -0.5),
}


def _add_window(name: str, parts: tuple[float, ...]) -> None:
    @operator(name, static=(0,))
    def window(size: Any, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
        return _window(size, parts, periodic, output_datatype)


for _name, _parts in _WINDOWS.items():
    _add_window(_name, _parts)


@operator("MelWeightMatrix", static=(0, 1, 2, 3, 4))
def mel_weight_matrix(bins: Any, length: Any, rate: Any, low: Any, high: Any, *, output_datatype: int = 1) -> Tensor:
    count, size, samples, lowest, highest = (number(n, "MelWeightMatrix") for n in (bins, length, rate, low, high))
    bounds = [2595 * math.log10(1 + hertz / 700) for hertz in (lowest, highest)]
    step = (bounds[1] - bounds[0]) / (count + 2)
    hertz = [700 * (10 ** ((bounds[0] + k * step) / 2595) - 1) for k in range(count + 2)]
    edges = [int((size + 1) * each // samples) for each in hertz]
    out = np.zeros((size // 2 + 1, count))
    for k in range(count):
        left, centre, right = edges[k : k + 3]
        if left == centre:
            out[centre, k] = 1
        for j in range(left, centre + 1 if left != centre else left):
            out[j, k] = (j - left) / (centre - left)
        for j in range(centre, right):
            out[j, k] = (right - j) / (right - centre)
    return td.asarray(out).astype(dtype_of(output_datatype))
