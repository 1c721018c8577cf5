"""Normalisation over batches, channels, groups and the last axes."""

from __future__ import annotations

from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.table import operator
from tandem.onnx.values import axis_of, like, product

Tensor = _core.Tensor


def _per_channel(v: Tensor, rank: int) -> Tensor:
    return v.reshape((-1, *(1,) * (rank - 2)))


def _batch(x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, epsilon: float) -> Tensor:
    rank = max(x.ndim, 2)
    factor = scale / td.sqrt(var + epsilon)
    return ((x - _per_channel(mean, rank)) * _per_channel(factor, rank) + _per_channel(bias, rank)).astype(x.dtype)


@operator("BatchNormalization", until=13)
def batch_normalization_of_old(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    is_test: int = 0,
    consumed_inputs: Any = None,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    if outputs > 1:
        raise _core.BackendError("BatchNormalization: got results for training before opset 14; need opset 14 or later")
    return (_batch(x, scale, bias, mean, var, epsilon),)


@operator("BatchNormalization", since=14)
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    if not training_mode:
        return (_batch(x, scale, bias, mean, var, epsilon),)
    axes = tuple(k for k in range(x.ndim) if k != 1)
    now_mean, now_var = td.mean(x, axis=axes), td.var(x, axis=axes)
    out = _batch(x, scale, bias, now_mean, now_var, epsilon)
    kept = tuple(old * momentum + new * (1 - momentum) for old, new in ((mean, now_mean), (var, now_var)))
    return (out, *kept)[:outputs]


@operator("InstanceNormalization")
def instance_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5, consumed_inputs: Any = None
) -> Tensor:
    axes = tuple(range(2, x.ndim))
    mean, var = td.mean(x, axis=axes, keepdims=True), td.var(x, axis=axes, keepdims=True)
    return (x - mean) / td.sqrt(var + epsilon) * _per_channel(scale, x.ndim) + _per_channel(bias, x.ndim)


@operator("LayerNormalization")
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    axes = tuple(range(axis_of(axis, x.ndim), x.ndim))
    wide = x.astype(dtype_of(stash_type)) if x.dtype.itemsize == 2 else x
    mean = td.mean(wide, axis=axes, keepdims=True)
    centred = wide - mean
    inverse = td.reciprocal(td.sqrt(td.mean(td.square(centred), axis=axes, keepdims=True) + epsilon))
    out = (centred * inverse).astype(x.dtype) * scale
    return (out if bias is None else out + bias, mean, inverse)[:outputs]


@operator("RMSNormalization")
def rms_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    axes = tuple(range(axis_of(axis, x.ndim), x.ndim))
    wide = x.astype(dtype_of(stash_type)) if x.dtype.itemsize == 2 else x
    inverse = td.reciprocal(td.sqrt(td.mean(td.square(wide), axis=axes, keepdims=True) + epsilon))
    return (wide * inverse).astype(x.dtype) * scale


@operator("GroupNormalization")
def group_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    grouped = x.reshape((x.shape[0], num_groups, product(x.shape[1:]) // num_groups))
    wide = grouped.astype(dtype_of(stash_type)) if x.dtype.itemsize == 2 else grouped
    mean, var = td.mean(wide, axis=2, keepdims=True), td.var(wide, axis=2, keepdims=True)
    normal = ((wide - mean) / td.sqrt(var + epsilon)).astype(x.dtype)
    if scale.shape[0] == num_groups and num_groups != x.shape[1]:  # opset 18: one number per group
        return (normal * scale.reshape((-1, 1)) + bias.reshape((-1, 1))).reshape(x.shape)
    return normal.reshape(x.shape) * _per_channel(scale, x.ndim) + _per_channel(bias, x.ndim)


@operator("LRN")
def local_response_normalization(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    before = (size - 1) // 2
    widths = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    squares = td.pad(td.square(x), widths)
    total = squares[:, : x.shape[1]]
    for k in range(1, size):
        total = total + squares[:, k : k + x.shape[1]]
    return x / td.pow(total * (alpha / size) + bias, beta)


@operator("LpNormalization")
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    if p == 1:
        size = td.sum(td.abs(x), axis=axis, keepdims=True)
    else:
        size = td.sqrt(td.sum(td.square(x), axis=axis, keepdims=True))
    zero = like(x, 0)
    return td.where(size == 0, zero, x / td.where(size == 0, like(x, 1), size))


@operator("MeanVarianceNormalization")
def mean_variance_normalization(x: Tensor, *, axes: tuple[int, ...] = (0, 2, 3)) -> Tensor:
    mean = td.mean(x, axis=axes, keepdims=True)
    square = td.mean(td.square(x), axis=axes, keepdims=True)
    return (x - mean) / (td.sqrt(square - td.square(mean)) + 1e-9)
