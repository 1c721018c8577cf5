"""Activations with thresholds or gates, and softmax along an axis."""

from __future__ import annotations

from tandem import _core
from tandem.nn import functional as F
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class Hardshrink(Module):
    """x where it is more than lambd away from zero, and zero elsewhere.

    >>> td.nn.Hardshrink()(td.asarray([-2., 0.1]))
    tensor([-2.,  0.], dtype=float32)
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(Module):
    """x brought nearer to zero by lambd, and zero where it is not farther away.

    >>> td.nn.Softshrink()(td.asarray([-2., 0.1]))
    tensor([-1.5,  0. ], dtype=float32)
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Tanhshrink(Module):
    """x - tanh(x).

    >>> td.nn.Tanhshrink()(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Threshold(Module):
    """x where it is above a threshold, and a value elsewhere.

    >>> td.nn.Threshold(1.0, 0.0)(td.asarray([0.5, 3.]))
    tensor([0., 3.], dtype=float32)
    """

    _shown = ("threshold", "value", "inplace?")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)


class RReLU(Module):
    """LeakyReLU with the mean of two slopes or, in training, with a random one between them per element.

    >>> td.nn.RReLU(0.5, 0.5)(td.asarray([-2., 3.]))
    tensor([-1.,  3.], dtype=float32)
    """

    _shown = ("lower", "upper", "inplace?")

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class GLU(Module):
    """The first half of the axis dim, times the sigmoid of its second half.

    >>> td.nn.GLU()(td.asarray([2., 0.]))
    tensor([1.], dtype=float32)
    """

    _shown = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)


class _AlongAxis(Module):
    _shown = ("dim",)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim


class Softmax(_AlongAxis):
    """exp(x) divided by its sum along the axis dim.

    >>> td.nn.Softmax(dim=-1)(td.zeros((2,)))
    tensor([0.5, 0.5], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongAxis):
    """The logarithm of softmax along the axis dim.

    >>> td.nn.LogSoftmax(dim=-1)(td.zeros((1,)))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmin(_AlongAxis):
    """softmax of -x along the axis dim.

    >>> td.nn.Softmin(dim=-1)(td.zeros((2,)))
    tensor([0.5, 0.5], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of [batch, channels, height, width] or [channels, height, width].

    >>> td.nn.Softmax2d()(td.zeros((2, 1, 1))).sum()
    tensor(1., dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise _core.ShapeError(
                f"Softmax2d: got the shape {input.shape}; need [channels, height, width], batched or not"
            )
        return F.softmax(input, -3)
