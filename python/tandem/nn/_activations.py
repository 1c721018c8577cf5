"""Activations as formulas over operations: each compiles into one kernel."""

from __future__ import annotations

from tandem import _core
from tandem._array_api import _axis, _part
from tandem._boundary import public

Tensor = _core.Tensor


@public
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return x where it is positive, and x * negative_slope elsewhere.

    >>> td.nn.functional.leaky_relu(td.asarray([-2., 3.]), 0.5)
    tensor([-1.,  3.], dtype=float32)
    """
    return _core.where(_core.greater(input, 0), input, input * negative_slope)


@public
def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive, and alpha * (exp(x) - 1) elsewhere.

    >>> td.nn.functional.elu(td.asarray([0., 3.]))
    tensor([0., 3.], dtype=float32)
    """
    # The exponential never sees a large x: its gradient would be inf * 0.
    return _core.where(_core.greater(input, 0), input, _core.expm1(_core.minimum(input, 0)) * alpha)


@public
def selu(input: Tensor) -> Tensor:
    """Return elu with the constants under which layers keep mean 0 and variance 1.

    >>> td.nn.functional.selu(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return elu(input, 1.6732632423543772) * 1.0507009873554805


@public
def silu(input: Tensor) -> Tensor:
    """Return x * sigmoid(x).

    >>> td.nn.functional.silu(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return input * _core.sigmoid(input)


@public
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold.

    >>> td.nn.functional.softplus(td.asarray([30.]))
    tensor([30.], dtype=float32)
    """
    scaled = input * beta
    soft = _core.log1p(_core.exp(_core.minimum(scaled, threshold))) / beta
    return _core.where(_core.greater(scaled, threshold), input, soft)


@public
def logsigmoid(input: Tensor) -> Tensor:
    """Return log(sigmoid(x)), without overflow.

    >>> td.nn.functional.logsigmoid(td.asarray([-200.]))
    tensor([-200.], dtype=float32)
    """
    return _core.minimum(input, 0) - _core.log1p(_core.exp(-_core.abs(input)))


@public
def mish(input: Tensor) -> Tensor:
    """Return x * tanh(softplus(x)).

    >>> td.nn.functional.mish(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return input * _core.tanh(softplus(input))


@public
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Return x limited to min_val ... max_val.

    >>> td.nn.functional.hardtanh(td.asarray([-2., 0.5]))
    tensor([-1. ,  0.5], dtype=float32)
    """
    return _core.clip(input, min_val, max_val)


@public
def relu6(input: Tensor) -> Tensor:
    """Return x limited to 0 ... 6.

    >>> td.nn.functional.relu6(td.asarray([-2., 7.]))
    tensor([0., 6.], dtype=float32)
    """
    return _core.clip(input, 0, 6)


@public
def hardswish(input: Tensor) -> Tensor:
    """Return x * relu6(x + 3) / 6.

    >>> td.nn.functional.hardswish(td.asarray([-4., 6.]))
    tensor([-0.,  6.], dtype=float32)
    """
    return input * relu6(input + 3) / 6


@public
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return the first half along an axis times the sigmoid of the second half.

    >>> td.nn.functional.glu(td.asarray([4., 0.]))
    tensor([2.], dtype=float32)
    """
    axis = _axis("glu", dim, input.ndim)
    size = input.shape[axis]
    if size % 2:
        raise _core.ShapeError(f"glu: got the shape {input.shape}; need an even size along axis {dim}")
    return _part(input, axis, slice(0, size // 2)) * _core.sigmoid(_part(input, axis, slice(size // 2, size)))
