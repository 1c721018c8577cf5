"""Products of matrices, and attention."""

from __future__ import annotations

import math
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.table import Uncovered, aten, half

Tensor = _core.Tensor


@aten("mm bmm")
def mm(x: Tensor, y: Tensor) -> Tensor:
    return td.matmul(x, y)


@aten("dot vdot mv")
def dot(x: Tensor, y: Tensor) -> Tensor:
    return td.matmul(x, y)


@aten("linear")
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return td.linear(x, weight) if bias is None else td.linear(x, weight, bias)


@aten("matmul")
def matmul(x: Tensor, y: Tensor) -> Tensor:
    return td.matmul(x, y)


def _plus(bias: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    return product + (bias if beta == 1 else bias * beta)


@aten("addmm")
def addmm(bias: Tensor, x: Tensor, y: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    if half(x.dtype):
        return _plus(bias.astype(_core.float32), td.matmul(x, y).astype(_core.float32), beta, alpha).astype(x.dtype)
    if bias.ndim == 1 and beta == 1 and alpha == 1:
        return td.linear(x, td.permute_dims(y, (1, 0)), bias)
    return _plus(bias, td.matmul(x, y), beta, alpha)


@aten("baddbmm")
def baddbmm(bias: Tensor, x: Tensor, y: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    return _plus(bias, td.matmul(x, y), beta, alpha)


@aten("addmv")
def addmv(bias: Tensor, x: Tensor, y: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    return _plus(bias, td.matmul(x, y), beta, alpha)


def _swapped(x: Tensor) -> Tensor:
    return td.matrix_transpose(x)


def _scores(q: Tensor, k: Tensor, mask: Tensor | None, is_causal: bool, scale: float) -> Tensor:
    out = td.matmul(q * scale, _swapped(k))
    if is_causal:
        rows, columns = q.shape[-2], k.shape[-2]
        seen = td.tril(td.ones((rows, columns), dtype=_core.bool))
        out = td.where(seen, out, -math.inf)
    return out if mask is None else _masked(out, mask)


def _masked(out: Tensor, mask: Tensor) -> Tensor:
    return td.where(mask, out, -math.inf) if mask.dtype == _core.bool else out + mask


def _float(*tensors: Tensor | None) -> list[Any]:
    """Return them in float32 where they have 16 bits: attention is rounded at its end only."""
    return [x.astype(_core.float32) if x is not None and half(x.dtype) else x for x in tensors]


def _groups(q: Tensor, k: Tensor) -> int:
    """Return how many heads of queries share one of keys."""
    return int(q.shape[1]) // int(k.shape[1])


def _repeated(x: Tensor, groups: int) -> Tensor:
    if groups == 1:
        return x
    n, heads, length, width = x.shape
    full = td.broadcast_to(td.expand_dims(x, axis=2), (n, heads, groups, length, width))
    return full.reshape((n, heads * groups, length, width))


def _added(x: Tensor, groups: int) -> Tensor:
    if groups == 1:
        return x
    n, heads, length, width = x.shape
    return td.sum(x.reshape((n, heads // groups, groups, length, width)), axis=2)


@aten("_scaled_dot_product_flash_attention_for_cpu")
def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    if dropout_p:
        raise Uncovered("attention with dropout as one operation")
    q, k, v, mask = _float(q, k, v, attn_mask)
    groups = _groups(q, k)
    k, v = _repeated(k, groups), _repeated(v, groups)
    scores = _scores(q, k, mask, is_causal, 1 / math.sqrt(int(q.shape[-1])) if scale is None else scale)
    return td.matmul(_weights(scores, mask), v), td.logsumexp(scores, axis=-1)


def _weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    weights = td.softmax(scores, axis=-1)
    if mask is None:
        return weights
    # A row that sees nothing is zeros, not NaNs.
    return td.where(td.equal(td.max(scores, axis=-1, keepdims=True), -math.inf), 0, weights)


@aten("_scaled_dot_product_flash_attention_for_cpu_backward")
def flash_attention_backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    logsumexp: Tensor,
    dropout_p: float,
    is_causal: bool,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    grad, q, k, v, out, mask = _float(grad, q, k, v, out, attn_mask)
    groups = _groups(q, k)
    k, v = _repeated(k, groups), _repeated(v, groups)
    factor = 1 / math.sqrt(int(q.shape[-1])) if scale is None else scale
    scores = _scores(q, k, mask, is_causal, factor)
    weights = td.exp(scores - td.expand_dims(logsumexp, axis=logsumexp.ndim))
    if mask is not None:
        weights = td.where(td.equal(scores, -math.inf), 0, weights)
    value = td.matmul(_swapped(weights), grad)
    inner = td.matmul(grad, _swapped(v))
    inner = weights * (inner - td.sum(grad * out, axis=-1, keepdims=True)) * factor
    return td.matmul(inner, k), _added(td.matmul(_swapped(inner), q), groups), _added(value, groups)


@aten("_cdist_forward")
def cdist(x: Tensor, y: Tensor, p: float, compute_mode: Any = None) -> Tensor:
    return td.cdist(x, y, p=p)


@aten("_cdist_backward")
def cdist_backward(grad: Tensor, x: Tensor, y: Tensor, p: float, distances: Tensor) -> Tensor:
    _, pull = td.vjp(lambda rows: td.cdist(rows, y, p=p), x)
    return pull(grad)[0]
