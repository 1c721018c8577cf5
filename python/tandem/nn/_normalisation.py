"""Normalisation and attention as formulas over operations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    if weight is not None:
        x = x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


@public
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel (axis 1) over all other axes, by the running statistics unless training.

    Training uses the batch's statistics and moves the running ones, where given, towards them in place.

    >>> td.nn.functional.batch_norm(td.asarray([[1.], [3.]]), None, None, training=True, eps=0.)
    tensor([[-1.],
            [ 1.]], dtype=float32)
    """
    if input.ndim < 2:
        raise _core.ShapeError(f"batch_norm: got the shape {input.shape}; need [batch, channels, ...]")
    shape = (input.shape[1], *(1,) * (input.ndim - 2))
    if training:
        axes = (0, *range(2, input.ndim))
        mean = _core.mean(input, axis=axes, keepdims=True)
        centred = input - mean
        variance = _core.mean(centred * centred, axis=axes, keepdims=True)
        if running_mean is not None:
            running_mean[...] = running_mean * (1 - momentum) + mean.reshape((-1,)) * momentum
        if running_var is not None:
            count = input.shape[0]
            for size in tuple(input.shape)[2:]:
                count = count * size
            spread = variance.reshape((-1,)) * count / (count - 1)
            running_var[...] = running_var * (1 - momentum) + spread * momentum
    elif running_mean is None or running_var is None:
        raise _core.ArgumentError("batch_norm: got no running statistics; need both; try training=True")
    else:
        centred, variance = input - running_mean.reshape(shape), running_var.reshape(shape)
    return _scaled(centred / _core.sqrt(variance + eps), weight, bias, shape)


@public
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise each group of neighbouring channels of each sample, then scale and shift each channel.

    >>> td.nn.functional.group_norm(td.asarray([[1., 3.]]), 1, eps=0.)
    tensor([[-1.,  1.]], dtype=float32)
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise _core.ShapeError(
            f"group_norm: got the shape {input.shape} and num_groups={num_groups}; need [batch, channels, ...], with a "
            "number of channels that the groups divide"
        )
    size = input.shape[1] // num_groups
    for n in tuple(input.shape)[2:]:
        size = size * n
    out = _core.layer_norm(input.reshape((input.shape[0], num_groups, size)), eps=eps).reshape(tuple(input.shape))
    return _scaled(out, weight, bias, (input.shape[1], *(1,) * (input.ndim - 2)))


@public
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last axes, which have normalized_shape; eps None: the dtype's.

    >>> td.nn.functional.rms_norm(td.asarray([3., -3.]), (2,))
    tensor([ 1., -1.], dtype=float32)
    """
    last = tuple(normalized_shape)
    if not last or tuple(input.shape)[-len(last) :] != last:
        raise _core.ShapeError(f"rms_norm: got the shape {input.shape}; need the last axes to be {last}")
    if eps is None:
        from tandem._dtypes import finfo

        eps = float(finfo(input.dtype).eps)
    square = _core.mean(input * input, axis=tuple(range(-len(last), 0)), keepdims=True)
    out = input / _core.sqrt(square + eps)
    return out if weight is None else out * weight


@public
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return softmax(query @ key.T * scale) @ value for [..., length, features]; scale None is 1 / sqrt(features).

    attn_mask [..., queries, keys]: booleans (true takes part), or numbers added to the scores. A query whose mask has
    no true element gets zeros. is_causal: query i sees keys 0 ... i.

    >>> x = td.ones((1, 3, 2))
    >>> td.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).shape
    (1, 3, 2)
    """
    if is_causal and attn_mask is not None:
        raise _core.ArgumentError("scaled_dot_product_attention: got attn_mask and is_causal=True; need one of them")
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1])
    scores = _core.matmul(query, _core.matrix_transpose(key)) * scale
    seen = None
    if is_causal:
        rows = _core.expand_dims(_core.arange(query.shape[-2], dtype=_core.int64), axis=1)
        seen = _core.greater_equal(rows, _core.arange(key.shape[-2], dtype=_core.int64))
    elif attn_mask is not None and attn_mask.dtype == _core.bool:
        seen = attn_mask
    elif attn_mask is not None:
        scores = scores + attn_mask
    if seen is None:
        return _core.matmul(_core.softmax(scores, axis=-1), value)
    # The lowest finite number: a row of -inf would be NaN, and so would its gradient.
    lowest = -65504.0 if query.dtype == _core.float16 else -3e38
    weights = _core.softmax(_core.where(seen, scores, _core.full((), lowest, dtype=scores.dtype)), axis=-1)
    return _core.matmul(_core.where(seen, weights, _core.zeros((), dtype=weights.dtype)), value)
