"""Normalisation as formulas over operations."""

from __future__ import annotations

from collections.abc import Sequence

from tandem import _core
from tandem._boundary import public
from tandem.nn._shapes import product

Tensor = _core.Tensor


def _checked_last(what: str, x: Tensor, normalized_shape: Sequence[int]) -> tuple[int, ...]:
    last = tuple(normalized_shape)
    if not last or tuple(x.shape)[-len(last) :] != last:
        raise _core.ShapeError(f"{what}: got the shape {x.shape}; need the last axes to be {last}")
    return last


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
            running_mean[...] = running_mean * (1 - momentum) + mean.detach().reshape((-1,)) * momentum
        if running_var is not None:
            count = input.shape[0] * product(tuple(input.shape)[2:])
            spread = variance.detach().reshape((-1,)) * count / (count - 1)
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
    size = input.shape[1] // num_groups * product(tuple(input.shape)[2:])
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
    last = _checked_last("rms_norm", input, normalized_shape)
    if eps is None:
        from tandem._dtypes import finfo

        eps = float(finfo(input.dtype).eps)
    square = _core.mean(input * input, axis=tuple(range(-len(last), 0)), keepdims=True)
    out = input / _core.sqrt(square + eps)
    return out if weight is None else out * weight


@public
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes, which have normalized_shape, then scale and shift; weight and bias have that shape.

    >>> td.nn.functional.layer_norm(td.asarray([1., 3.]), (2,), eps=0.)
    tensor([-1.,  1.], dtype=float32)
    """
    last = _checked_last("layer_norm", input, normalized_shape)
    for extra in (weight, bias):
        if extra is not None and tuple(extra.shape) != last:
            raise _core.ShapeError(f"layer_norm: got weight or bias of shape {extra.shape}; need {last}")
    flat = input.reshape((*tuple(input.shape)[: input.ndim - len(last)], product(last)))
    out = _core.layer_norm(flat, eps=eps).reshape(tuple(input.shape))
    return _scaled(out, weight, bias, last)


@public
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample over its other axes, by the running statistics unless use_input_stats.

    The running statistics, where given, are moved in place towards the means of those of the samples.

    >>> td.nn.functional.instance_norm(td.asarray([[[1., 3.]]]), eps=0.)
    tensor([[[-1.,  1.]]], dtype=float32)
    """
    if input.ndim < 3:
        raise _core.ShapeError(f"instance_norm: got the shape {input.shape}; need [batch, channels, ...]")
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = product(tuple(input.shape)[2:])
    if isinstance(count, int) and count == 1:
        raise _core.ShapeError(f"instance_norm: got the shape {input.shape}; need more than one element per channel")
    axes = tuple(range(2, input.ndim))
    mean = _core.mean(input, axis=axes, keepdims=True)
    centred = input - mean
    variance = _core.mean(centred * centred, axis=axes, keepdims=True)
    channels = (input.shape[0], input.shape[1])
    if running_mean is not None:
        found = _core.mean(mean.detach().reshape(channels), axis=0)
        running_mean[...] = running_mean * (1 - momentum) + found * momentum
    if running_var is not None:
        found = _core.mean(variance.detach().reshape(channels), axis=0) * count / (count - 1)
        running_var[...] = running_var * (1 - momentum) + found * momentum
    return _scaled(centred / _core.sqrt(variance + eps), weight, bias, (input.shape[1], *(1,) * (input.ndim - 2)))


@public
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by (k + alpha * mean of the squares of `size` neighbouring channels) ** beta.

    >>> td.nn.functional.local_response_norm(td.zeros((1, 2, 3)), 2).shape
    (1, 2, 3)
    """
    if input.ndim < 3 or size < 1:
        raise _core.ShapeError(
            f"local_response_norm: got the shape {input.shape} and size={size}; need [batch, channels, ...] and a size"
        )
    flat = (input * input).reshape((input.shape[0], 1, input.shape[1], product(tuple(input.shape)[2:])))
    mean = _core._avg_pool(
        flat,
        kernel=(size, 1),
        stride=(1, 1),
        dilation=(1, 1),
        before=(size // 2, 0),
        size=tuple(flat.shape)[2:],
        adaptive=False,
        divisor=size,
    )
    return input / _core.pow(mean.reshape(tuple(input.shape)) * alpha + k, beta)


@public
def normalize(input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along an axis, or by eps where that is larger.

    >>> td.nn.functional.normalize(td.asarray([3., 4.]), dim=0)
    tensor([0.6, 0.8], dtype=float32)
    """
    from tandem.linalg import vector_norm

    axis = dim if isinstance(dim, int) else tuple(dim)
    return input / _core.maximum(vector_norm(input, axis=axis, keepdims=True, ord=p), eps)
