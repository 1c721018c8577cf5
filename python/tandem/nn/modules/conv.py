"""Convolutions and their transposes in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn import init
from tandem.nn._shapes import Sizes, sizes_of
from tandem.nn.modules.linear import empty, reset_bias
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class _Convolution(Module):
    """What all of them have: weights, sizes of the window, and how they print."""

    dims: int
    transposed = False
    padding: Any  # sizes, or "same" or "valid"
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        output_padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = None,
    ) -> None:
        super().__init__()
        what, dims = type(self).__name__, self.dims
        modes = ("zeros",) if self.transposed else ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in modes:
            raise _core.ArgumentError(f"{what}: got padding_mode={padding_mode!r}; need one of {', '.join(modes)}")
        if isinstance(padding, str) and (self.transposed or padding not in ("same", "valid")):
            need = "numbers" if self.transposed else "numbers, 'same' or 'valid'"
            raise _core.ArgumentError(f"{what}: got padding={padding!r}; need {need}")
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise _core.ArgumentError(
                f"{what}: got {in_channels} and {out_channels} channels and groups={groups}; need a divisor of both"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.groups, self.padding_mode = groups, padding_mode
        self.kernel_size = sizes_of(what, "kernel_size", kernel_size, dims, 1)
        self.stride = sizes_of(what, "stride", stride, dims, 1)
        self.padding = padding if isinstance(padding, str) else sizes_of(what, "padding", padding, dims, 0)
        self.output_padding = sizes_of(what, "output_padding", output_padding, dims, 0)
        self.dilation = sizes_of(what, "dilation", dilation, dims, 1)
        rows, columns = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = empty(rows, columns // groups, *self.kernel_size, dtype=dtype)
        self.register_parameter("bias", empty(out_channels, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again: uniform in +-1 / sqrt(inputs of an element of the result)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        reset_bias(self.bias, math.prod(tuple(self.weight.shape)[1:]))

    def _bordered(self, input: Tensor) -> tuple[Tensor, Sizes | str]:
        """Return the input with a border that is not zeros, and the padding that is left to do."""
        if self.padding_mode == "zeros":
            return input, self.padding
        if isinstance(self.padding, str):
            whole = [
                d * (k - 1) * (self.padding == "same") for d, k in zip(self.dilation, self.kernel_size, strict=True)
            ]
            pairs = [(n // 2, n - n // 2) for n in whole]
        else:
            pairs = [(n, n) for n in self.padding]
        return F.pad(input, [n for pair in reversed(pairs) for n in pair], mode=self.padding_mode), 0

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.dims:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.dims:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self.dims:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class _Conv(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, dtype
        )


class Conv1d(_Conv):
    """Convolve [batch, in_channels, length], or one sample, with windows of kernel_size.

    weight: [out_channels, in_channels / groups, kernel_size]; bias: [out_channels].

    >>> td.nn.Conv1d(3, 8, 3, padding=1)(td.ones((2, 3, 10))).shape
    (2, 8, 10)
    """

    dims = 1

    def forward(self, input: Tensor) -> Tensor:
        x, padding = self._bordered(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Convolve [batch, in_channels, height, width], or one sample, with windows of kernel_size.

    weight: [out_channels, in_channels / groups, *kernel_size]; bias: [out_channels].

    >>> td.nn.Conv2d(3, 8, 3, stride=2, padding=1)(td.ones((2, 3, 10, 10))).shape
    (2, 8, 5, 5)
    """

    dims = 2

    def forward(self, input: Tensor) -> Tensor:
        x, padding = self._bordered(input)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """Convolve [batch, in_channels, depth, height, width], or one sample, with windows of kernel_size.

    weight: [out_channels, in_channels / groups, *kernel_size]; bias: [out_channels].

    >>> td.nn.Conv3d(2, 4, (1, 3, 3))(td.ones((2, 2, 4, 6, 6))).shape
    (2, 4, 4, 4, 4)
    """

    dims = 3

    def forward(self, input: Tensor) -> Tensor:
        x, padding = self._bordered(input)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _ConvTranspose(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
        )

    def _extra(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """Return what is added at the end of each axis, so that the result has this size."""
        if output_size is None:
            return self.output_padding
        wanted = tuple(output_size)[-self.dims :]
        sizes = tuple(input.shape)[-self.dims :]
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(sizes, self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        ]
        extra = tuple(w - n for w, n in zip(wanted, least, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
            raise _core.ShapeError(
                f"{type(self).__name__}: got output_size={tuple(output_size)}; need sizes from {tuple(least)} to "
                f"{tuple(most)} for the input {input.shape}"
            )
        return extra


class ConvTranspose1d(_ConvTranspose):
    """Apply the transpose of Conv1d to [batch, in_channels, length], or one sample.

    weight: [in_channels, out_channels / groups, kernel_size]; bias: [out_channels].

    >>> td.nn.ConvTranspose1d(3, 8, 2, stride=2)(td.ones((2, 3, 10))).shape
    (2, 8, 20)
    """

    dims = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._extra(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose2d(_ConvTranspose):
    """Apply the transpose of Conv2d to [batch, in_channels, height, width], or one sample.

    weight: [in_channels, out_channels / groups, *kernel_size]; bias: [out_channels].

    >>> td.nn.ConvTranspose2d(3, 8, 2, stride=2)(td.ones((2, 3, 5, 5)), output_size=(11, 11)).shape
    (2, 8, 11, 11)
    """

    dims = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._extra(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose3d(_ConvTranspose):
    """Apply the transpose of Conv3d to [batch, in_channels, depth, height, width], or one sample.

    weight: [in_channels, out_channels / groups, *kernel_size]; bias: [out_channels].

    >>> td.nn.ConvTranspose3d(2, 4, 2, stride=2)(td.ones((2, 2, 3, 3, 3))).shape
    (2, 4, 6, 6, 6)
    """

    dims = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._extra(input, output_size)
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )
