"""Products with weights."""

from __future__ import annotations

import math
from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn import init
from tandem.nn.modules.module import Module
from tandem.nn.parameter import Parameter

Tensor = _core.Tensor


def empty(*shape: int, dtype: Any = None) -> Tensor:
    """Return a parameter of this shape whose values are still to be set."""
    return Parameter(_core.empty(shape, dtype=_core.default_dtype() if dtype is None else dtype))


class Identity(Module):
    """Return the argument; all arguments of the constructor are ignored.

    >>> td.nn.Identity()(td.ones((2,)))
    tensor([1., 1.], dtype=float32)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """x @ weight.T + bias: [..., in_features] to [..., out_features].

    weight is [out_features, in_features]; it and bias begin uniform in +-1 / sqrt(in_features).

    >>> td.nn.Linear(3, 2)(td.ones((4, 3))).shape
    (4, 2)
    """

    bias: Tensor | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = empty(out_features, in_features, dtype=dtype)
        self.register_parameter("bias", empty(out_features, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        reset_bias(self.bias, self.in_features)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def reset_bias(bias: Tensor | None, inputs: int) -> None:
    """Draw a bias as PyTorch does: uniform in +-1 / sqrt(inputs)."""
    if bias is not None:
        bound = 1 / math.sqrt(inputs) if inputs > 0 else 0
        init.uniform_(bias, -bound, bound)


class Bilinear(Module):
    """x1 @ weight[k] @ x2 + bias[k] for each k: [..., in1_features] and [..., in2_features] to [..., out_features].

    >>> td.nn.Bilinear(3, 2, 5)(td.ones((4, 3)), td.ones((4, 2))).shape
    (4, 5)
    """

    bias: Tensor | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = empty(out_features, in1_features, in2_features, dtype=dtype)
        self.register_parameter("bias", empty(out_features, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        bound = 1 / math.sqrt(self.in1_features)
        for x in self.parameters():
            init.uniform_(x, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"
