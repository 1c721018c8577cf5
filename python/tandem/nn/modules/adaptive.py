"""Pooling to a given size, at random places, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn._shapes import Sizes, sizes_of
from tandem.nn.modules.module import Module

Tensor = _core.Tensor

OutputSize = int | None | Sequence[int | None]


class _AdaptivePool(Module):
    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size: Any = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveAvgPool1d(_AdaptivePool):
    """Means of windows that cover [batch, channels, length], as many as output_size says.

    The batch may be missing.

    >>> td.nn.AdaptiveAvgPool1d(2)(td.ones((2, 3, 5))).shape
    (2, 3, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of such windows as AdaptiveAvgPool1d has.

    >>> td.nn.AdaptiveMaxPool1d(2)(td.ones((2, 3, 5))).shape
    (2, 3, 2)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Means of windows that cover [batch, channels, height, width], as many as output_size says.

    The batch may be missing. None keeps an axis.

    >>> td.nn.AdaptiveAvgPool2d(2)(td.ones((2, 3, 5, 5))).shape
    (2, 3, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of such windows as AdaptiveAvgPool2d has.

    >>> td.nn.AdaptiveMaxPool2d(2)(td.ones((2, 3, 5, 5))).shape
    (2, 3, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveAvgPool3d(_AdaptivePool):
    """Means of windows that cover [batch, channels, depth, height, width], as many as output_size says.

    The batch may be missing. None keeps an axis.

    >>> td.nn.AdaptiveAvgPool3d(2)(td.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of such windows as AdaptiveAvgPool3d has.

    >>> td.nn.AdaptiveMaxPool3d(2)(td.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _MaxUnpool(Module):
    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        what, dims = type(self).__name__, int(type(self).__name__[-2])
        self.kernel_size = sizes_of(what, "kernel_size", kernel_size, dims, 1)
        self.stride = self.kernel_size if stride is None else sizes_of(what, "stride", stride, dims, 1)
        self.padding = sizes_of(what, "padding", padding, dims, 0)

    _shown = ("kernel_size", "stride", "padding")


class MaxUnpool1d(_MaxUnpool):
    """Put the elements that MaxPool1d found back to where they were, among zeros.

    >>> x, places = td.nn.MaxPool1d(2, return_indices=True)(td.ones((2, 3, 6)))
    >>> td.nn.MaxUnpool1d(2)(x, places).shape
    (2, 3, 6)
    """

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Put the elements that MaxPool2d found back to where they were, among zeros.

    >>> x, places = td.nn.MaxPool2d(2, return_indices=True)(td.ones((2, 3, 6, 6)))
    >>> td.nn.MaxUnpool2d(2)(x, places).shape
    (2, 3, 6, 6)
    """

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Put the elements that MaxPool3d found back to where they were, among zeros.

    >>> x, places = td.nn.MaxPool3d(2, return_indices=True)(td.ones((2, 3, 4, 4, 4)))
    >>> td.nn.MaxUnpool3d(2)(x, places).shape
    (2, 3, 4, 4, 4)
    """

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class _FractionalMaxPool(Module):
    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            raise _core.ArgumentError(
                f"{type(self).__name__}: got output_size={output_size} and output_ratio={output_ratio}; need one of "
                "them"
            )
        self.kernel_size, self.output_size, self.output_ratio = kernel_size, output_size, output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    _random_samples: Tensor | None


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest element of windows at random places, in number output_size, or output_ratio of the input.

    >>> td.nn.FractionalMaxPool2d(2, output_size=(3, 3))(td.ones((2, 3, 7, 7))).shape
    (2, 3, 3, 3)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.fractional_max_pool2d(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest element of windows at random places, in number output_size, or output_ratio of the input.

    >>> td.nn.FractionalMaxPool3d(2, output_size=(2, 2, 2))(td.ones((2, 3, 5, 5, 5))).shape
    (2, 3, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.fractional_max_pool3d(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )
