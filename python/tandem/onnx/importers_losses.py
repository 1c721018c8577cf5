"""Losses, as the operators of ONNX define them."""

from __future__ import annotations

import tandem as td
from tandem import _core
from tandem.onnx.table import operator
from tandem.onnx.values import like

Tensor = _core.Tensor


def _negative_log_likelihood(
    log_prob: Tensor, labels: Tensor, weight: Tensor | None, ignore_index: int | None, reduction: str
) -> Tensor:
    if reduction not in ("none", "sum", "mean"):
        raise _core.ArgumentError(f"reduction: got {reduction!r}; need none, sum or mean")
    places = labels.astype(td.int64)
    counted = None if ignore_index is None else places != ignore_index
    if counted is not None:
        places = td.where(counted, places, like(places, 0))
    chosen = td.take_along_axis(log_prob, td.expand_dims(places, axis=1), axis=1)
    loss = -td.squeeze(chosen, axis=1)
    scales: Tensor | None = None
    if weight is not None:
        scales = td.take(weight, places.reshape((places.size,)), axis=0).reshape(places.shape)
    if counted is not None:
        shares = td.ones(places.shape, dtype=log_prob.dtype) if scales is None else scales
        scales = td.where(counted, shares, like(log_prob, 0))
    loss = loss if scales is None else loss * scales
    if reduction == "none":
        return loss
    if reduction == "sum":
        return td.sum(loss)
    return td.mean(loss) if scales is None else td.sum(loss) / td.sum(scales)


@operator("NegativeLogLikelihoodLoss")
def negative_log_likelihood_loss(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    return _negative_log_likelihood(x, target, weight, ignore_index, reduction)


@operator("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy_loss(
    scores: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    log_prob = td.log_softmax(scores, axis=1)
    return (_negative_log_likelihood(log_prob, labels, weights, ignore_index, reduction), log_prob)[:outputs]
