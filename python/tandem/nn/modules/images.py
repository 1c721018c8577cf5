"""Images and sequences made larger, rearranged, cut into windows and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn._shapes import Sizes
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class Upsample(Module):
    """Resize [batch, channels, spatial axes ...] to a size, or by a factor; modes as of td.nn.functional.interpolate.

    >>> td.nn.Upsample(scale_factor=2)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 6, 6)
    """

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size: Any = size
        self.scale_factor: Any = None
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        elif scale_factor is not None:
            self.scale_factor = float(scale_factor)
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        size = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample by the nearest neighbour: [batch, channels, height, width].

    >>> td.nn.UpsamplingNearest2d(size=4)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 4, 4)
    """

    def __init__(self, size: Sizes | None = None, scale_factor: float | Sequence[float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample linearly with aligned corners: [batch, channels, height, width].

    >>> td.nn.UpsamplingBilinear2d(scale_factor=2)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 6, 6)
    """

    def __init__(self, size: Sizes | None = None, scale_factor: float | Sequence[float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Turn channels into places: [..., channels * r * r, height, width] to [..., channels, height * r, width * r].

    >>> td.nn.PixelShuffle(2)(td.ones((1, 8, 3, 3))).shape
    (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turn places into channels: the reverse of PixelShuffle.

    >>> td.nn.PixelUnshuffle(2)(td.ones((1, 2, 6, 6))).shape
    (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deal the channels of [batch, channels, ...] out anew, one of each group after the other.

    >>> td.nn.ChannelShuffle(2)(td.asarray([0., 1., 2., 3.]).reshape((1, 4, 1, 1))).reshape((4,))
    tensor([0., 2., 1., 3.], dtype=float32)
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class Unfold(Module):
    """What each window of [batch, channels, height, width] sees, as columns [batch, channels * places, windows].

    >>> td.nn.Unfold(3)(td.ones((1, 2, 4, 4))).shape
    (1, 18, 4)
    """

    _shown = ("kernel_size", "dilation", "padding", "stride")

    def __init__(self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(Module):
    """Add columns [batch, channels * places, windows] to where Unfold has them from: an image of output_size.

    >>> td.nn.Fold(4, 3)(td.ones((1, 9, 4))).shape
    (1, 1, 4, 4)
    """

    _shown = ("output_size", "kernel_size", "dilation", "padding", "stride")

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size, self.dilation = output_size, kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)
