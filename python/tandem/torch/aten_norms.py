"""Normalisation over batches, channels, groups and the last axes, and its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.table import aten, half

Tensor = _core.Tensor


def _float(x: Tensor | None) -> Any:
    return x.astype(_core.float32) if x is not None and half(x.dtype) else x


def _moments(x: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor]:
    mean = td.mean(x, axis=axes, keepdims=True)
    away = x - mean
    return mean, td.rsqrt(td.mean(away * away, axis=axes, keepdims=True) + eps)


@aten("native_layer_norm", wide=True)
def native_layer_norm(
    x: Tensor, shape: Sequence[Any], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    mean, rstd = _moments(x, tuple(range(x.ndim - len(shape), x.ndim)), eps)
    out = (x - mean) * rstd
    if weight is not None:
        out = out * weight
    return (out if bias is None else out + bias), mean, rstd


@aten("native_layer_norm_backward", wide=True)
def native_layer_norm_backward(
    grad: Tensor,
    x: Tensor,
    shape: Sequence[Any],
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mask: Sequence[bool],
) -> tuple[Any, Any, Any]:
    inner, outer = tuple(range(x.ndim - len(shape), x.ndim)), tuple(range(x.ndim - len(shape)))
    normal = (x - mean) * rstd
    dx = dw = db = None
    if mask[0]:
        part = grad if weight is None else grad * weight
        average = td.mean(part, axis=inner, keepdims=True)
        dx = rstd * (part - average - normal * td.mean(part * normal, axis=inner, keepdims=True))
    if mask[1] and weight is not None:
        dw = td.sum(grad * normal, axis=outer) if outer else grad * normal
    if mask[2] and bias is not None:
        db = td.sum(grad, axis=outer) if outer else grad.copy()
    return dx, dw, db


def _per_channel(v: Tensor, rank: int) -> Tensor:
    return v.reshape((1, v.shape[0], *(1,) * (rank - 2))) if rank > 1 else v


def _batch_axes(x: Tensor) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _count(x: Tensor) -> Any:
    count: Any = 1
    for k in _batch_axes(x):
        count = count * x.shape[k]
    return count


def _as_number(n: Any, x: Tensor) -> Any:
    return n if isinstance(n, int) else td.asarray(n).astype(x.dtype)


def _batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Any, Any]:
    kept = _float(x)
    new_mean, new_var = running_mean, running_var
    if training:
        mean, rstd = _moments(kept, _batch_axes(x), eps)
        if running_mean is not None and running_var is not None:
            n = _as_number(_count(x), kept)
            away = kept - mean
            unbiased = td.sum(away * away, axis=_batch_axes(x)) / (n - 1)
            new_mean = momentum * mean.reshape(running_mean.shape) + (1 - momentum) * running_mean
            new_var = momentum * unbiased + (1 - momentum) * running_var
    else:
        assert running_mean is not None and running_var is not None
        mean = _per_channel(_float(running_mean), x.ndim)
        rstd = td.rsqrt(_per_channel(_float(running_var), x.ndim) + eps)
    out = (kept - mean) * rstd
    if weight is not None:
        out = out * _per_channel(_float(weight), x.ndim)
    if bias is not None:
        out = out + _per_channel(_float(bias), x.ndim)
    if training:
        return out, mean.reshape((-1,)), rstd.reshape((-1,)), new_mean, new_var
    nothing = td.zeros((0,), dtype=kept.dtype)
    return out, nothing, nothing, new_mean, new_var


@aten("_native_batch_norm_legit_functional native_batch_norm _batch_norm_with_update_functional", wide=True)
def batch_norm_functional(
    x: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    return _batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps)


@aten("_native_batch_norm_legit.no_stats", wide=True)
def batch_norm_without(
    x: Tensor, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    return _batch_norm(x, weight, bias, None, None, training, momentum, eps)[:3]


@aten("_native_batch_norm_legit_no_training", wide=True)
def batch_norm_inference(
    x: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: float, eps: float
) -> tuple[Any, ...]:
    return _batch_norm(x, weight, bias, running_mean, running_var, False, momentum, eps)[:3]


@aten("native_batch_norm_backward", wide=True)
def native_batch_norm_backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    save_mean: Tensor | None,
    save_invstd: Tensor | None,
    train: bool,
    eps: float,
    mask: Sequence[bool],
) -> tuple[Any, Any, Any]:
    axes = _batch_axes(x)
    if train:
        assert save_mean is not None and save_invstd is not None
        mean, rstd = _per_channel(save_mean, x.ndim), _per_channel(save_invstd, x.ndim)
    else:
        assert running_mean is not None and running_var is not None
        mean, rstd = _per_channel(running_mean, x.ndim), td.rsqrt(_per_channel(running_var, x.ndim) + eps)
    normal = (x - mean) * rstd
    total, along = td.sum(grad, axis=axes), td.sum(grad * normal, axis=axes)
    dx = None
    if mask[0]:
        factor = rstd if weight is None else rstd * _per_channel(weight, x.ndim)
        if train:
            n = _as_number(_count(x), grad)
            dx = factor * (grad - _per_channel(total / n, x.ndim) - normal * _per_channel(along / n, x.ndim))
        else:
            dx = factor * grad
    return dx, along if mask[1] else None, total if mask[2] else None


def _grouped(x: Tensor, n: Any, channels: Any, group: int) -> Tensor:
    return x.reshape((n, group, -1))


@aten("native_group_norm", wide=True)
def native_group_norm(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, n: Any, channels: Any, size: Any, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    parts = _grouped(x, n, channels, group)
    mean, rstd = _moments(parts, (2,), eps)
    out = ((parts - mean) * rstd).reshape(x.shape)
    if weight is not None:
        out = out * _per_channel(weight, x.ndim)
    if bias is not None:
        out = out + _per_channel(bias, x.ndim)
    return out, mean.reshape((n, group)), rstd.reshape((n, group))


@aten("native_group_norm_backward", wide=True)
def native_group_norm_backward(
    grad: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    n: Any,
    channels: Any,
    size: Any,
    group: int,
    mask: Sequence[bool],
) -> tuple[Any, Any, Any]:
    rows = (n, group, -1)
    middle, factor = mean.reshape((n, group, 1)), rstd.reshape((n, group, 1))
    normal = ((_grouped(x, n, channels, group) - middle) * factor).reshape(x.shape)
    # Of each channel of each sample: all other sums follow from these few.
    spread = tuple(range(2, x.ndim))
    total, along = (td.sum(v, axis=spread) if spread else v for v in (grad, grad * normal))
    dx = None
    if mask[0]:
        count = x.shape[1] // group * size
        shares = [
            td.sum((v if weight is None else v * weight).reshape(rows), axis=2, keepdims=True) / _as_number(count, grad)
            for v in (total, along)
        ]
        part = grad if weight is None else grad * _per_channel(weight, x.ndim)
        part, normal = _grouped(part, n, channels, group), _grouped(normal, n, channels, group)
        dx = (factor * (part - shares[0] - normal * shares[1])).reshape(x.shape)
    return dx, td.sum(along, axis=0) if mask[1] else None, td.sum(total, axis=0) if mask[2] else None


@aten("_fused_rms_norm", wide=True)
def fused_rms_norm(x: Tensor, shape: Sequence[Any], weight: Tensor | None, eps: float | None) -> tuple[Tensor, Tensor]:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    small = td.finfo(x.dtype).eps if eps is None else eps
    rstd = td.rsqrt(td.mean(x * x, axis=axes, keepdims=True) + small)
    return (x * rstd if weight is None else x * rstd * weight), rstd
