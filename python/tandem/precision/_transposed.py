"""Transposed convolutions whose weights and inputs are 8-bit integers.

Element o of a result is a sum over the taps j of the weight for which stride divides o + padding - dilation * j. These
depend on o modulo the stride, its phase: each phase is an ordinary convolution with some of the taps, in reverse.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import gcd
from typing import Any, NamedTuple

from tandem import _core
from tandem.nn._shapes import batched, unbatched
from tandem.nn.modules.conv import _ConvTranspose
from tandem.precision._quantized import _QuantizedConv, _result_dtype

Tensor = _core.Tensor


class _Phase(NamedTuple):
    """The convolution along one axis that computes every stride-th element of the result."""

    taps: slice  # of the weight, backwards
    dilation: int
    before: int
    reach: int  # from the first tap to the last


def _phase(first: int, kernel: int, stride: int, dilation: int, padding: int) -> _Phase | None:
    """Return what computes elements first, first + stride, ...; None where no tap meets them."""
    step = stride // gcd(stride, dilation)
    tap = next((j for j in range(min(step, kernel)) if (first + padding - dilation * j) % stride == 0), None)
    if tap is None:
        return None
    last = tap + (kernel - 1 - tap) // step * step
    between = dilation // gcd(stride, dilation)
    reach = between * ((last - tap) // step)
    before = reach - (first + padding - dilation * tap) // stride
    taps = slice(last, tap - 1 if tap else None, -step)
    return _Phase(taps, between, before, reach)


class _QuantizedConvTranspose(_QuantizedConv):
    @staticmethod
    def _rows(layer: Any) -> Tensor:
        weight, groups = layer.weight.detach(), layer.groups
        into, out, *kernel = tuple(weight.shape)
        parts = weight.reshape((groups, into // groups, out, *kernel))
        return _core.permute_dims(parts, (0, 2, 1, *range(3, 3 + len(kernel)))).reshape((-1, into // groups, *kernel))

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = _ConvTranspose._extra(self, input, output_size)  # type: ignore[arg-type]
        full = batched(type(self).__name__, input.astype(_core.float32), self.dims)
        q, weight, *scales = self._operands(full)
        inner = tuple(full.shape)[2:]
        settings = list(zip(inner, self.kernel_size, self.stride, self.dilation, self.padding, extra, strict=True))
        sizes = [(n - 1) * s - 2 * p + d * (k - 1) + 1 + e for n, k, s, d, p, e in settings]
        counts = [(size + s - 1) // s for size, s in zip(sizes, self.stride, strict=True)]
        shape = (full.shape[0], self.out_channels, *counts)
        parts = []
        for firsts in itertools.product(*map(range, self.stride)):
            phases = [_phase(first, k, s, d, p) for first, (_, k, s, d, p, _) in zip(firsts, settings, strict=True)]
            parts.append(self._part(q, weight, scales, phases, shape))
        out = _interleaved(parts, self.stride) if len(parts) > 1 else parts[0]
        inside = (slice(None), slice(None), *(slice(None, size) for size in sizes))
        out = out[inside]
        return unbatched(out.astype(_result_dtype(input)), input, self.dims)

    def _part(
        self, q: Tensor, weight: Tensor, scales: list[Any], phases: list[_Phase | None], shape: tuple[Any, ...]
    ) -> Tensor:
        """Return one phase of the result."""
        known = [phase for phase in phases if phase is not None]
        if len(known) < len(phases):
            zeros = _core.zeros(shape, dtype=_core.float32)
            return zeros if self.bias is None else zeros + self.bias.reshape((-1, *(1,) * self.dims))
        cut = (slice(None), slice(None), *(slice(max(-phase.before, 0), None) for phase in known))
        taps = (slice(None), slice(None), *(phase.taps for phase in known))
        seen = q[cut]
        before = tuple(max(phase.before, 0) for phase in known)
        sizes = zip(shape[2:], known, tuple(seen.shape)[2:], before, strict=True)
        return _core._internal(
            "quantized_convolution",
            seen,
            weight[taps],
            *scales,
            stride=(1,) * self.dims,
            dilation=tuple(phase.dilation for phase in known),
            before=before,
            groups=self.groups,
            after=tuple(count + phase.reach - n - b for count, phase, n, b in sizes),
        )


def _interleaved(parts: list[Tensor], stride: Sequence[int]) -> Tensor:
    """Return the result whose phases are given, the last axis varying first."""
    batch, channels, *counts = tuple(parts[0].shape)
    dims = len(counts)
    whole = _core.stack(parts, axis=0).reshape((*stride, batch, channels, *counts))
    order = (dims, dims + 1, *(axis for k in range(dims) for axis in (dims + 2 + k, k)))
    sizes = (count * s for count, s in zip(counts, stride, strict=True))
    return _core.permute_dims(whole, order).reshape((batch, channels, *sizes))


class QuantizedConvTranspose1d(_QuantizedConvTranspose):
    """`nn.ConvTranspose1d` with weights and inputs of 8 bits; made by td.convert."""

    dims = 1


class QuantizedConvTranspose2d(_QuantizedConvTranspose):
    """`nn.ConvTranspose2d` with weights and inputs of 8 bits; made by td.convert.

    >>> layer = td.precision.QuantizedConvTranspose2d.of(td.nn.ConvTranspose2d(3, 8, 2, stride=2))
    >>> layer(td.ones((2, 3, 5, 5))).shape
    (2, 8, 10, 10)
    """

    dims = 2


class QuantizedConvTranspose3d(_QuantizedConvTranspose):
    """`nn.ConvTranspose3d` with weights and inputs of 8 bits; made by td.convert."""

    dims = 3
