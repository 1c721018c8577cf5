"""Pooling: the largest, the mean or a norm of each window."""

from __future__ import annotations

from tandem import _core
from tandem.nn import functional as F
from tandem.nn._shapes import Sizes, sizes_of
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class _MaxPool(Module):
    _shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode


class MaxPool1d(_MaxPool):
    """The largest element of each window of [batch, channels, length], or of one sample.

    return_indices: and where in the sample each was found.

    >>> td.nn.MaxPool1d(2)(td.ones((2, 3, 6))).shape
    (2, 3, 3)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool2d(_MaxPool):
    """The largest element of each window of [batch, channels, height, width], or of one sample.

    >>> td.nn.MaxPool2d(2)(td.ones((2, 3, 6, 6))).shape
    (2, 3, 3, 3)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool3d(_MaxPool):
    """The largest element of each window of [batch, channels, depth, height, width], or of one sample.

    >>> td.nn.MaxPool3d(2)(td.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class AvgPool1d(Module):
    """The mean of each window of [batch, channels, length], or of one sample.

    >>> td.nn.AvgPool1d(2)(td.ones((2, 3, 6))).shape
    (2, 3, 3)
    """

    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        # As sizes per axis, which is how PyTorch shows them.
        what = type(self).__name__
        self.kernel_size = sizes_of(what, "kernel_size", kernel_size, 1, 1)
        self.stride = self.kernel_size if stride is None else sizes_of(what, "stride", stride, 1, 1)
        self.padding = sizes_of(what, "padding", padding, 1, 0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPool(Module):
    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPool):
    """The mean of each window of [batch, channels, height, width], or of one sample.

    divisor_override: what the sum is divided by instead of the number of elements.

    >>> td.nn.AvgPool2d(2)(td.ones((2, 3, 6, 6))).shape
    (2, 3, 3, 3)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool3d(_AvgPool):
    """The mean of each window of [batch, channels, depth, height, width], or of one sample.

    >>> td.nn.AvgPool3d(2)(td.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _LPPool(Module):
    _shown = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(
        self, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode


class LPPool1d(_LPPool):
    """The norm of each window of [batch, channels, length], or of one sample: (sum of x ** p) ** (1 / p).

    >>> td.nn.LPPool1d(2.0, 2)(td.ones((2, 3, 6))).shape
    (2, 3, 3)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    """The norm of each window of [batch, channels, height, width], or of one sample: (sum of x ** p) ** (1 / p).

    >>> td.nn.LPPool2d(2.0, 2)(td.ones((2, 3, 6, 6))).shape
    (2, 3, 3, 3)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPool):
    """The norm of each window of [batch, channels, depth, height, width], or of one sample: (sum of x ** p) ** (1 / p).

    >>> td.nn.LPPool3d(2.0, 2)(td.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)
