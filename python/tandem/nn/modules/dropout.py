"""Dropout: random zeros in training, nothing in evaluation."""

from __future__ import annotations

from tandem import _core
from tandem.nn import functional as F
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class _Dropout(Module):
    _shown = ("p", "inplace")

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise _core.ArgumentError(f"{type(self).__name__}: got p={p}; need a probability")
        self.p, self.inplace = p, inplace


class Dropout(_Dropout):
    """In training, set each element to zero with probability p and scale the others by 1 / (1 - p).

    >>> td.nn.Dropout(0.5).eval()(td.ones((3,)))
    tensor([1., 1., 1.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, set whole channels of [batch, channels, length] or [channels, length] to zero, and scale the others.

    >>> td.nn.Dropout1d(1.0)(td.ones((1, 2, 3))).sum()
    tensor(0., dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, set whole channels of [batch, channels, height, width] to zero, and scale the others.

    >>> td.nn.Dropout2d(1.0)(td.ones((1, 2, 3, 3))).sum()
    tensor(0., dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training, set whole channels of [batch, channels, depth, height, width] to zero, and scale the others.

    >>> td.nn.Dropout3d(1.0)(td.ones((1, 2, 3, 3, 3))).sum()
    tensor(0., dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """In training, set elements to the lowest value of selu, then shift and scale: mean and variance stay.

    >>> td.nn.AlphaDropout().eval()(td.ones((3,)))
    tensor([1., 1., 1.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """Do as AlphaDropout with whole channels of [batch, channels, ...].

    >>> td.nn.FeatureAlphaDropout().eval()(td.ones((1, 2, 3))).sum()
    tensor(6., dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
