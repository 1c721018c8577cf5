"""Activations as formulas over operations: each compiles into one kernel.

inplace=True writes the result into the input and returns that.
"""

from __future__ import annotations

import math
from typing import Any

from tandem import _core
from tandem._array_api import _axis, _part
from tandem._boundary import public
from tandem.random import default_generator

Tensor = _core.Tensor


def _given(input: Tensor, out: Tensor, inplace: bool) -> Tensor:
    if not inplace:
        return out
    input[...] = out
    return input


def _in(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype is None else x.astype(dtype)


@public
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return max(x, 0).

    >>> td.nn.functional.relu(td.asarray([-1., 2.]))
    tensor([0., 2.], dtype=float32)
    """
    return _given(input, _core.relu(input), inplace)


@public
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return x times the normal distribution function of x, or, with approximate="tanh", a formula close to it.

    >>> td.nn.functional.gelu(td.asarray([0.]), approximate="tanh")
    tensor([0.], dtype=float32)
    """
    if approximate == "none":
        return _core.gelu(input)
    if approximate != "tanh":
        raise _core.ArgumentError(f"gelu: got approximate={approximate!r}; need 'none' or 'tanh'")
    inner = (input + input * input * input * 0.044715) * math.sqrt(2 / math.pi)
    return input * 0.5 * (_core.tanh(inner) + 1)


@public
def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-x)).

    >>> td.nn.functional.sigmoid(td.asarray([0.]))
    tensor([0.5], dtype=float32)
    """
    return _core.sigmoid(input)


@public
def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent.

    >>> td.nn.functional.tanh(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return _core.tanh(input)


@public
def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return exp(x) divided by its sum along an axis, without overflow, computed in a dtype.

    >>> td.nn.functional.softmax(td.asarray([0., 0.]), 0)
    tensor([0.5, 0.5], dtype=float32)
    """
    return _core.softmax(_in(input, dtype), axis=dim)


@public
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return the logarithm of softmax.

    >>> td.nn.functional.log_softmax(td.asarray([0.]), 0)
    tensor([0.], dtype=float32)
    """
    return _core.log_softmax(_in(input, dtype), axis=dim)


@public
def softmin(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return softmax of -x.

    >>> td.nn.functional.softmin(td.asarray([0., 0.]), 0)
    tensor([0.5, 0.5], dtype=float32)
    """
    return _core.softmax(-_in(input, dtype), axis=dim)


@public
def gumbel_softmax(logits: Tensor, tau: float = 1.0, hard: bool = False, dim: int = -1) -> Tensor:
    """Return softmax((logits + Gumbel noise) / tau): a random, nearly one-hot choice of a category.

    hard: exactly one-hot. The noise is from the default generator.

    >>> td.nn.functional.gumbel_softmax(td.zeros((2, 3)), hard=True).sum()
    tensor(2., dtype=float32)
    """
    noise = -_core.log(default_generator().exponential(tuple(logits.shape), dtype=logits.dtype, device=logits._place))
    soft = _core.softmax((logits + noise) / tau, axis=dim)
    if not hard:
        return soft
    axis = _axis("gumbel_softmax", dim, logits.ndim)
    best = _core.expand_dims(_core.argmax(soft, axis=axis), axis=axis)
    places = _core.arange(logits.shape[axis], dtype=_core.int64, device=logits._place).reshape(
        (-1, *(1,) * (logits.ndim - axis - 1))
    )
    return _core.equal(places, best).astype(soft.dtype)


@public
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Return relu6(x + 3) / 6.

    >>> td.nn.functional.hardsigmoid(td.asarray([-4., 0.]))
    tensor([0. , 0.5], dtype=float32)
    """
    return _given(input, _core.clip(input + 3, 0, 6) / 6, inplace)


@public
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return x where it is above a threshold, and a value elsewhere.

    >>> td.nn.functional.threshold(td.asarray([1., 3.]), 2, 0)
    tensor([0., 3.], dtype=float32)
    """
    other = _core.full((), value, dtype=input.dtype)
    # Not the other way round: NaN stays.
    return _given(input, _core.where(_core.less_equal(input, threshold), other, input), inplace)


@public
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where it is positive, and alpha * (exp(x / alpha) - 1) elsewhere.

    >>> td.nn.functional.celu(td.asarray([0., 3.]))
    tensor([0., 3.], dtype=float32)
    """
    low = _core.expm1(_core.minimum(input, 0) / alpha) * alpha
    return _given(input, _core.where(_core.greater(input, 0), input, low), inplace)


@public
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x where it is positive, and x * weight elsewhere; weight has one number, or one per channel (axis 1).

    >>> td.nn.functional.prelu(td.asarray([-2., 3.]), td.asarray([0.5]))
    tensor([-1.,  3.], dtype=float32)
    """
    if weight.ndim > 1 or (weight.ndim == 1 and weight.shape[0] != 1 and input.ndim < 2):
        raise _core.ShapeError(f"prelu: got weight of shape {weight.shape}; need one number, or one per channel")
    if weight.ndim == 1:
        weight = weight.reshape((-1, *(1,) * (input.ndim - 2))) if input.ndim > 1 else weight
    return _core.where(_core.greater(input, 0), input, input * weight)


@public
def rrelu(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """Return leaky_relu with the mean of two slopes or, in training, with a random one between them per element.

    >>> td.nn.functional.rrelu(td.asarray([-2., 3.]), 0.25, 0.75)
    tensor([-1.,  3.], dtype=float32)
    """
    slope: Any = (lower + upper) / 2
    if training:
        slope = default_generator().uniform(tuple(input.shape), lower, upper, dtype=input.dtype, device=input._place)
    return _given(input, _core.where(_core.greater(input, 0), input, input * slope), inplace)


@public
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x where it is more than lambd away from zero, and zero elsewhere.

    >>> td.nn.functional.hardshrink(td.asarray([-2., 0.25]))
    tensor([-2.,  0.], dtype=float32)
    """
    return _core.where(_core.less_equal(_core.abs(input), lambd), _core.zeros((), dtype=input.dtype), input)


@public
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x brought nearer to zero by lambd, and zero where it is not farther away.

    >>> td.nn.functional.softshrink(td.asarray([-2., 0.25]))
    tensor([-1.5,  0. ], dtype=float32)
    """
    return _core.where(
        _core.less_equal(_core.abs(input), lambd),
        _core.zeros((), dtype=input.dtype),
        _core.where(_core.less(input, 0), input + lambd, input - lambd),
    )


@public
def tanhshrink(input: Tensor) -> Tensor:
    """Return x - tanh(x).

    >>> td.nn.functional.tanhshrink(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return input - _core.tanh(input)


@public
def softsign(input: Tensor) -> Tensor:
    """Return x / (1 + |x|).

    >>> td.nn.functional.softsign(td.asarray([-1., 3.]))
    tensor([-0.5 ,  0.75], dtype=float32)
    """
    return input / (_core.abs(input) + 1)


@public
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x where it is positive, and x * negative_slope elsewhere.

    >>> td.nn.functional.leaky_relu(td.asarray([-2., 3.]), 0.5)
    tensor([-1.,  3.], dtype=float32)
    """
    return _given(input, _core.where(_core.greater(input, 0), input, input * negative_slope), inplace)


@public
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where it is positive, and alpha * (exp(x) - 1) elsewhere.

    >>> td.nn.functional.elu(td.asarray([0., 3.]))
    tensor([0., 3.], dtype=float32)
    """
    # The exponential never sees a large x: its gradient would be inf * 0.
    return _given(
        input, _core.where(_core.greater(input, 0), input, _core.expm1(_core.minimum(input, 0)) * alpha), inplace
    )


@public
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return elu with the constants under which layers keep mean 0 and variance 1.

    >>> td.nn.functional.selu(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return _given(input, elu(input, 1.6732632423543772) * 1.0507009873554805, inplace)


@public
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * sigmoid(x).

    >>> td.nn.functional.silu(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return _given(input, input * _core.sigmoid(input), inplace)


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
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * tanh(softplus(x)).

    >>> td.nn.functional.mish(td.asarray([0.]))
    tensor([0.], dtype=float32)
    """
    return _given(input, input * _core.tanh(softplus(input)), inplace)


@public
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x limited to min_val ... max_val.

    >>> td.nn.functional.hardtanh(td.asarray([-2., 0.5]))
    tensor([-1. ,  0.5], dtype=float32)
    """
    return _given(input, _core.clip(input, min_val, max_val), inplace)


@public
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x limited to 0 ... 6.

    >>> td.nn.functional.relu6(td.asarray([-2., 7.]))
    tensor([0., 6.], dtype=float32)
    """
    return _given(input, _core.clip(input, 0, 6), inplace)


@public
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * relu6(x + 3) / 6.

    >>> td.nn.functional.hardswish(td.asarray([-4., 6.]))
    tensor([-0.,  6.], dtype=float32)
    """
    return _given(input, input * relu6(input + 3) / 6, inplace)


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
