"""Attention, and the rotation of positions that goes with it."""

from __future__ import annotations

import math
from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.table import operator
from tandem.onnx.values import indices, like

Tensor = _core.Tensor


def _heads(x: Tensor, count: int | None) -> Tensor:
    """Return [batch, length, heads * size] as [batch, heads, length, size]."""
    if x.ndim == 4:
        return x
    if not count or x.ndim != 3:
        raise _core.ShapeError(f"Attention: got the shape {x.shape} and {count} heads; need 3 axes and their number")
    cut = x.reshape((x.shape[0], x.shape[1], count, x.shape[2] // count))
    return td.permute_dims(cut, (0, 2, 1, 3))


def _as_bias(mask: Tensor, width: Any, dtype: Any) -> Tensor:
    """Return a mask as what is added to scores; keys that it does not reach are hidden."""
    missing = width - mask.shape[-1]
    lowest = td.asarray(float("-inf"), dtype=dtype)
    bias = td.where(mask, like(lowest, 0), lowest) if mask.dtype == td.bool else mask.astype(dtype)
    if not missing:
        return bias
    rest = td.full((*bias.shape[:-1], missing), float("-inf"), dtype=dtype)
    return td.concat([bias, rest], axis=-1)


def _frontier(queries: Any, keys: Any, offset: Any, is_causal: int, left: int, right: int, dtype: Any) -> Tensor | None:
    """Return what hides keys by their distance from each query; the first query is at `offset` among the keys."""
    if not is_causal and left < 0 and right < 0:
        return None
    place = td.expand_dims(indices(queries), axis=1)
    if isinstance(offset, Tensor):
        place = place + offset.astype(td.int64).reshape((-1, 1, 1, 1))
    else:
        place = place + offset
    distance = place - indices(keys)
    seen = td.full(distance.shape, True) if not is_causal else distance >= 0
    if left >= 0:
        seen = td.logical_and(seen, distance <= left)
    if right >= 0:
        seen = td.logical_and(seen, distance >= -right)
    return td.where(seen, td.asarray(0.0, dtype=dtype), td.asarray(float("-inf"), dtype=dtype))


def _bias(
    shape: tuple[Any, Any],
    dtype: Any,
    mask: Tensor | None,
    past: Any,
    lengths: Tensor | None,
    is_causal: int,
    left: int,
    right: int,
) -> Tensor | None:
    """Return the sum of all that hides keys; None where nothing does."""
    queries, keys = shape
    offset = lengths - queries if lengths is not None and past is None else 0 if past is None else past
    parts = [] if mask is None else [_as_bias(mask, keys, dtype)]
    frontier = _frontier(queries, keys, offset, is_causal, left, right, dtype)
    if frontier is not None:
        parts.append(frontier)
    if lengths is not None:
        filled = indices(keys) < lengths.astype(td.int64).reshape((-1, 1, 1, 1))
        parts.append(td.where(filled, td.asarray(0.0, dtype=dtype), td.asarray(float("-inf"), dtype=dtype)))
    out: Tensor | None = None
    for part in parts:
        out = part if out is None else out + part
    return out


@operator("Attention")
def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    lengths: Tensor | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    left_window_size: int = -1,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0,
    right_window_size: int = -1,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: int | None = None,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    joined = query.ndim == 3
    q, k, v = _heads(query, q_num_heads), _heads(key, kv_num_heads), _heads(value, kv_num_heads)
    if past_key is not None and past_value is not None:
        k, v = td.concat([past_key, k], axis=2), td.concat([past_value, v], axis=2)
    present_key, present_value = k, v
    if (times := q.shape[1] // k.shape[1]) > 1:
        k, v = td.repeat(k, times, axis=1), td.repeat(v, times, axis=1)
    factor = math.sqrt(scale if scale else 1 / math.sqrt(q.shape[3]))
    scores = td.matmul(q * like(q, factor), td.matrix_transpose(k) * like(k, factor))
    shown = scores
    if softcap > 0:
        scores = td.tanh(scores / softcap) * softcap
    if qk_matmul_output_mode == 1:
        shown = scores
    past = None if past_key is None else past_key.shape[2]
    shape = (q.shape[2], k.shape[2])
    bias = _bias(shape, q.dtype, mask, past, lengths, is_causal, left_window_size, right_window_size)
    scores = scores if bias is None else scores + bias
    if qk_matmul_output_mode == 2:
        shown = scores
    if softmax_precision is not None:
        scores = scores.astype(dtype_of(softmax_precision))
    weights = td.softmax(scores, axis=-1)
    if bias is not None:
        # A query that sees no key attends to nothing.
        hidden = td.isinf(td.max(bias, axis=-1, keepdims=True)) & (td.max(bias, axis=-1, keepdims=True) < 0)
        weights = td.where(hidden, like(weights, 0), weights)
    weights = weights.astype(q.dtype)
    if qk_matmul_output_mode == 3:
        shown = weights
    out = td.matmul(weights, v)
    if joined:
        out = td.permute_dims(out, (0, 2, 1, 3))
        out = out.reshape((out.shape[0], out.shape[1], out.shape[2] * out.shape[3]))
    return (out, present_key, present_value, shown)[:outputs]


@operator("RotaryEmbedding")
def rotary_embedding(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    positions: Tensor | None = None,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> Tensor:
    # As [batch, length, heads, size].
    if x.ndim == 4:
        cut = td.permute_dims(x, (0, 2, 1, 3))
    else:
        cut = x.reshape((x.shape[0], x.shape[1], num_heads, x.shape[2] // num_heads))
    turned = rotary_embedding_dim or cut.shape[3]
    if positions is not None:
        cos, sin = (
            td.take(t, positions.reshape((positions.size,)), axis=0).reshape((*positions.shape, t.shape[1]))
            for t in (cos, sin)
        )
    cos, sin = td.expand_dims(cos, axis=2), td.expand_dims(sin, axis=2)
    moving, rest = cut[..., :turned], cut[..., turned:]
    if interleaved:
        first, second = moving[..., 0::2], moving[..., 1::2]
    else:
        first, second = moving[..., : turned // 2], moving[..., turned // 2 :]
    real, imaginary = cos * first - sin * second, sin * first + cos * second
    if interleaved:
        out = td.stack([real, imaginary], axis=-1).reshape(moving.shape)
    else:
        out = td.concat([real, imaginary], axis=-1)
    if turned != cut.shape[3]:
        out = td.concat([out, rest], axis=-1)
    return td.permute_dims(out, (0, 2, 1, 3)) if x.ndim == 4 else out.reshape(x.shape)
