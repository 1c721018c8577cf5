"""Attention as formulas over operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem.nn._dropout import dropout

Tensor = _core.Tensor


def _lowest(dtype: Any) -> float:
    """Return a number that softmax turns into 0; not -inf: a row of it would be NaN, and so would its gradient."""
    return -65504.0 if dtype == _core.float16 else -3e38


def _attend(query: Tensor, key: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Return the weights [..., queries, keys]. A mask of booleans says who is seen; of numbers, what is added."""
    scores = _core.matmul(query, _core.matrix_transpose(key)) * scale
    if mask is None:
        return _core.softmax(scores, axis=-1)
    if mask.dtype != _core.bool:
        return _core.softmax(scores + mask, axis=-1)
    hidden = _core.full((), _lowest(query.dtype), dtype=scores.dtype)
    weights = _core.softmax(_core.where(mask, scores, hidden), axis=-1)
    return _core.where(mask, weights, _core.zeros((), dtype=weights.dtype))


def _repeated(x: Tensor, times: int) -> Tensor:
    """Return [..., heads, length, features] with every head so many times in a row."""
    if times == 1:
        return x
    *batch, heads, length, features = x.shape
    wide = _core.broadcast_to(_core.expand_dims(x, axis=-3), (*batch, heads, times, length, features))
    return wide.reshape((*batch, heads * times, length, features))


@public
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return softmax(query @ key.T * scale) @ value for [..., length, features]; scale None is 1 / sqrt(features).

    attn_mask [..., queries, keys]: booleans (true takes part), or numbers added to the scores. A query whose mask has
    no true element gets zeros. is_causal: query i sees keys 0 ... i. dropout_p: so many of the weights are dropped.
    enable_gqa: for [..., heads, length, features], heads of queries share those of keys and values, which are fewer.

    >>> x = td.ones((1, 3, 2))
    >>> td.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).shape
    (1, 3, 2)
    """
    what = "scaled_dot_product_attention"
    if is_causal and attn_mask is not None:
        raise _core.ArgumentError(f"{what}: got attn_mask and is_causal=True; need one of them")
    if enable_gqa:
        ranks = min(query.ndim, key.ndim, value.ndim)
        if ranks < 3 or query.shape[-3] % key.shape[-3] or query.shape[-3] % value.shape[-3]:
            raise _core.ShapeError(
                f"{what}: got query of shape {query.shape}, key {key.shape}, value {value.shape} and enable_gqa; need "
                "[..., heads, length, features], with a number of query heads that those of key and value divide"
            )
        heads = query.shape[-3]
        key, value = _repeated(key, heads // key.shape[-3]), _repeated(value, heads // value.shape[-3])
    if is_causal:
        rows = _core.expand_dims(_core.arange(query.shape[-2], dtype=_core.int64, device=query._place), axis=1)
        attn_mask = _core.greater_equal(rows, _core.arange(key.shape[-2], dtype=_core.int64, device=key._place))
    weights = _attend(query, key, attn_mask, 1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    return _core.matmul(dropout(weights, dropout_p) if dropout_p else weights, value)


def _added(mask: Tensor | None, dtype: Any) -> Tensor | None:
    """Return a mask (true: hidden) as numbers to add."""
    if mask is None or mask.dtype != _core.bool:
        return mask
    return _core.where(mask, _core.full((), float("-inf"), dtype=dtype), _core.zeros((), dtype=dtype))


def _with_column(mask: Tensor | None) -> Tensor | None:
    """Return a mask with one more key, which is seen."""
    if mask is None:
        return None
    return _core.concat(
        [mask, _core.zeros((*tuple(mask.shape)[:-1], 1), dtype=mask.dtype, device=mask._place)], axis=-1
    )


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return _core.linear(x, weight) if bias is None else _core.linear(x, weight, bias)


def _projected(
    inputs: tuple[Tensor, Tensor, Tensor], weights: tuple[Tensor, ...], bias: Tensor | None
) -> tuple[Tensor, ...]:
    size = weights[0].shape[0]
    out = []
    for i, (x, weight) in enumerate(zip(inputs, weights, strict=True)):
        part = None if bias is None else bias[i * size : (i + 1) * size]
        out.append(_linear(x, weight, part))
    return tuple(out)


@public
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Project query, key and value [length, batch, features] to heads, attend, and project back.

    Return that, and the weights [batch, queries, keys] (average_attn_weights=False: per head) if needed. In masks, true
    is hidden, and numbers are added. in_proj_weight stacks the three projections, unless use_separate_proj_weight.
    is_causal promises that attn_mask is causal; it is read all the same.

    >>> x, w = td.ones((3, 1, 2)), td.ones((6, 2))
    >>> F = td.nn.functional
    >>> F.multi_head_attention_forward(x, x, x, 2, 1, w, None, None, None, False, 0., td.ones((2, 2)), None)[0].shape
    (3, 1, 2)
    """
    what = "multi_head_attention_forward"
    size = query.shape[-1]
    if use_separate_proj_weight:
        given = (q_proj_weight, k_proj_weight, v_proj_weight)
    elif in_proj_weight is not None:
        given = tuple(in_proj_weight[i * size : (i + 1) * size] for i in range(3))  # type: ignore[assignment]
    else:
        given = (None, None, None)
    weights = tuple(w for w in given if w is not None)
    if len(weights) != 3:
        raise _core.ArgumentError(f"{what}: got no weights to project with; need in_proj_weight or all three of them")
    return attend_in_heads(
        query,
        key,
        value,
        embed_dim_to_check,
        num_heads,
        lambda *inputs: _projected(inputs, weights, in_proj_bias),
        lambda x: _linear(x, out_proj_weight, out_proj_bias),
        bias_k,
        bias_v,
        add_zero_attn,
        dropout_p if training else 0.0,
        key_padding_mask,
        need_weights,
        attn_mask,
        static_k,
        static_v,
        average_attn_weights,
        is_causal,
    )


def attend_in_heads(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    project: Callable[..., tuple[Tensor, ...]],
    project_back: Callable[[Tensor], Tensor],
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    key_padding_mask: Tensor | None,
    need_weights: bool,
    attn_mask: Tensor | None,
    static_k: Tensor | None,
    static_v: Tensor | None,
    average_attn_weights: bool,
    is_causal: bool,
) -> tuple[Tensor, Tensor | None]:
    """Do what multi_head_attention_forward does, with projections that are functions: of all three, of the result."""
    what = "multi_head_attention_forward"
    single = query.ndim == 2
    if single:
        query, key, value = (_core.expand_dims(x, axis=1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else _core.expand_dims(key_padding_mask, axis=0)
    if query.ndim != 3 or query.shape[2] != embed_dim or embed_dim % num_heads:
        raise _core.ShapeError(
            f"{what}: got query of shape {query.shape} and num_heads={num_heads}; need [length, batch, "
            f"{embed_dim}], which the heads divide"
        )
    if is_causal and attn_mask is None:
        raise _core.ArgumentError(f"{what}: got is_causal without attn_mask; need the mask it speaks of")
    if (bias_k is None) != (bias_v is None):
        raise _core.ArgumentError(f"{what}: got one of bias_k and bias_v; need both or none")
    length, batch, size = query.shape
    q, k, v = project(query, key, value)
    mask, padding = _added(attn_mask, q.dtype), _added(key_padding_mask, q.dtype)
    if mask is not None and mask.ndim == 2:
        mask = _core.expand_dims(mask, axis=0)
    if bias_k is not None and bias_v is not None:
        k = _core.concat([k, _core.broadcast_to(bias_k, (1, batch, size))])
        v = _core.concat([v, _core.broadcast_to(bias_v, (1, batch, size))])
        mask, padding = _with_column(mask), _with_column(padding)
    features = size // num_heads

    def in_heads(x: Tensor) -> Tensor:
        return _core.permute_dims(x.reshape((x.shape[0], batch * num_heads, features)), (1, 0, 2))

    q = in_heads(q)
    k = in_heads(k) if static_k is None else static_k
    v = in_heads(v) if static_v is None else static_v
    if add_zero_attn:
        zero = _core.zeros((batch * num_heads, 1, features), dtype=q.dtype, device=q._place)
        k, v = _core.concat([k, zero], axis=1), _core.concat([v, zero], axis=1)
        mask, padding = _with_column(mask), _with_column(padding)
    keys = k.shape[1]
    if padding is not None:
        padding = _core.broadcast_to(padding.reshape((batch, 1, 1, keys)), (batch, num_heads, 1, keys))
        padding = padding.reshape((batch * num_heads, 1, keys))
        mask = padding if mask is None else mask + padding
    shares = _attend(q, k, mask, 1 / math.sqrt(features))
    if dropout_p:
        shares = dropout(shares, dropout_p)
    out = _core.permute_dims(_core.matmul(shares, v), (1, 0, 2)).reshape((length, batch, size))
    out = project_back(out)
    found = None
    if need_weights:
        found = shares.reshape((batch, num_heads, length, keys))
        found = _core.mean(found, axis=1) if average_attn_weights else found
        found = _core.squeeze(found, axis=0) if single else found
    return _core.squeeze(out, axis=1) if single else out, found
