"""Activations: smooth or bent functions of each element."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn.init import constant_
from tandem.nn.modules.linear import empty
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class _InPlace(Module):
    _shown = ("inplace?",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_InPlace):
    """max(x, 0).

    >>> td.nn.ReLU()(td.asarray([-1., 2.]))
    tensor([0., 2.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class ReLU6(_InPlace):
    """x limited to 0 ... 6.

    >>> td.nn.ReLU6()(td.asarray([-1., 9.]))
    tensor([0., 6.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)


class LeakyReLU(Module):
    """x where it is positive, and x * negative_slope elsewhere.

    >>> td.nn.LeakyReLU(0.5)(td.asarray([-2., 3.]))
    tensor([-1.,  3.], dtype=float32)
    """

    _shown = ("negative_slope", "inplace?")

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class ELU(Module):
    """x where it is positive, and alpha * (exp(x) - 1) elsewhere.

    >>> td.nn.ELU()(td.asarray([0., 3.]))
    tensor([0., 3.], dtype=float32)
    """

    _shown = ("alpha", "inplace?")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


class CELU(Module):
    """x where it is positive, and alpha * (exp(x / alpha) - 1) elsewhere.

    >>> td.nn.CELU()(td.asarray([0., 3.]))
    tensor([0., 3.], dtype=float32)
    """

    _shown = ("alpha", "inplace?")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class SELU(_InPlace):
    """ELU with the constants under which layers keep mean 0 and variance 1.

    >>> td.nn.SELU()(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class GELU(Module):
    """x times the normal distribution function of x, or, with approximate="tanh", a formula close to it.

    >>> td.nn.GELU()(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """

    _shown = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)


class SiLU(_InPlace):
    """x * sigmoid(x).

    >>> td.nn.SiLU()(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(_InPlace):
    """x * tanh(softplus(x)).

    >>> td.nn.Mish()(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> td.nn.Sigmoid()(td.asarray([0.]))
    tensor([0.5], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> td.nn.Tanh()(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class LogSigmoid(Module):
    """log(sigmoid(x)), without overflow.

    >>> td.nn.LogSigmoid()(td.asarray([-200.]))
    tensor([-200.], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold.

    >>> td.nn.Softplus()(td.asarray([30.]))
    tensor([30.], dtype=float32)
    """

    _shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


class Softsign(Module):
    """x / (1 + |x|).

    >>> td.nn.Softsign()(td.asarray([-1., 3.]))
    tensor([-0.5 ,  0.75], dtype=float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Hardtanh(Module):
    """x limited to min_val ... max_val.

    >>> td.nn.Hardtanh()(td.asarray([-3., 0.5]))
    tensor([-1. ,  0.5], dtype=float32)
    """

    _shown = ("min_val", "max_val", "inplace?")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class Hardsigmoid(Module):
    """relu6(x + 3) / 6.

    >>> td.nn.Hardsigmoid()(td.asarray([-3., 0.]))
    tensor([0. , 0.5], dtype=float32)
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Hardswish(Module):
    """x * relu6(x + 3) / 6.

    >>> td.nn.Hardswish()(td.asarray([-3., 3.]))
    tensor([-0.,  3.], dtype=float32)
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class PReLU(Module):
    """x where it is positive, and x * weight elsewhere; weight is learned: one number, or one per channel (axis 1).

    >>> td.nn.PReLU()(td.asarray([-2., 3.])).tolist()
    [-0.5, 3.0]
    """

    _shown = ("num_parameters",)

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = empty(num_parameters, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the first values again."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)
