"""Losses as formulas over operations. reduction: "mean", "sum" or "none"."""

from __future__ import annotations

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor


def _reduced(what: str, loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return _core.mean(loss)
    if reduction == "sum":
        return _core.sum(loss)
    if reduction != "none":
        raise _core.ArgumentError(f"{what}: got reduction={reduction!r}; need 'mean', 'sum' or 'none'")
    return loss


def _weighted(what: str, loss: Tensor, weights: Tensor, reduction: str) -> Tensor:
    """Reduce; a mean is over the weights."""
    return _core.sum(loss) / _core.sum(weights) if reduction == "mean" else _reduced(what, loss, reduction)


@public
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the squared differences, reduced.

    >>> td.nn.functional.mse_loss(td.asarray([1., 2.]), td.asarray([1., 4.]))
    tensor(2., dtype=float32)
    """
    return _reduced("mse_loss", _core.square(input - target), reduction)


@public
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the absolute differences, reduced.

    >>> td.nn.functional.l1_loss(td.asarray([1., 2.]), td.asarray([1., 4.]))
    tensor(1., dtype=float32)
    """
    return _reduced("l1_loss", _core.abs(input - target), reduction)


@public
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Return half the squared differences up to delta and a line beyond, reduced.

    >>> td.nn.functional.huber_loss(td.asarray([3.]), td.asarray([0.]))
    tensor(2.5, dtype=float32)
    """
    away = _core.abs(input - target)
    loss = _core.where(_core.less(away, delta), away * away * 0.5, (away - 0.5 * delta) * delta)
    return _reduced("huber_loss", loss, reduction)


@public
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Return huber_loss divided by beta, its delta; l1_loss for beta 0.

    >>> td.nn.functional.smooth_l1_loss(td.asarray([3.]), td.asarray([0.]))
    tensor(2.5, dtype=float32)
    """
    away = _core.abs(input - target)
    if beta != 0:
        away = _core.where(_core.less(away, beta), away * away * (0.5 / beta), away - 0.5 * beta)
    return _reduced("smooth_l1_loss", away, reduction)


@public
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Return minus the log-probability of each target class (classes are axis 1, or the only axis), reduced.

    weight: one factor per class; the mean is over the factors. Targets equal to ignore_index count nothing.

    >>> td.nn.functional.nll_loss(td.asarray([[-1., -2.], [-3., -4.]]), td.asarray([0, 1]))
    tensor(2.5, dtype=float32)
    """
    axis = 0 if input.ndim == 1 else 1
    kept = _core.not_equal(target, ignore_index)
    classes = _core.where(kept, target, _core.zeros((), dtype=target.dtype))
    loss = -_core.squeeze(_core.take_along_axis(input, _core.expand_dims(classes, axis=axis), axis=axis), axis=axis)
    factors = (
        kept.astype(input.dtype) if weight is None else _core.take(weight, classes, axis=0) * kept.astype(weight.dtype)
    )
    # Not a product alone: an ignored -inf would become NaN.
    loss = _core.where(kept, loss * factors, _core.zeros((), dtype=input.dtype))
    return _weighted("nll_loss", loss, factors, reduction)


@public
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return nll_loss of log_softmax over the classes; target may hold probabilities of input's shape instead.

    label_smoothing mixes in the mean over all classes (of class targets without weight or ignore_index in them).

    >>> td.nn.functional.cross_entropy(td.zeros((1, 1)), td.asarray([0]))
    tensor(0., dtype=float32)
    """
    axis = 0 if input.ndim == 1 else 1
    logs = _core.log_softmax(input, axis=axis)
    count = input.shape[axis]
    shape = (count, *(1,) * (input.ndim - axis - 1))
    if target.dtype in (_core.float16, _core.bfloat16, _core.float32, _core.float64):
        wanted = target * (1 - label_smoothing) + label_smoothing / count
        terms = logs * wanted if weight is None else logs * wanted * weight.reshape(shape)
        loss = -_core.sum(terms, axis=axis)
        if reduction == "mean":
            return _core.mean(loss)
        return _reduced("cross_entropy", loss, reduction)
    plain = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing == 0:
        return plain
    kept = _core.not_equal(target, ignore_index)
    smooth = -_core.sum(logs if weight is None else logs * weight.reshape(shape), axis=axis)
    smooth = _core.where(kept, smooth, _core.zeros((), dtype=input.dtype))
    classes = _core.where(kept, target, _core.zeros((), dtype=target.dtype))
    factors = (
        kept.astype(input.dtype) if weight is None else _core.take(weight, classes, axis=0) * kept.astype(weight.dtype)
    )
    smooth = _weighted("cross_entropy", smooth, factors, reduction)
    return plain * (1 - label_smoothing) + smooth * (label_smoothing / count)


@public
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Return -(target log(input) + (1 - target) log(1 - input)), logarithms not below -100, reduced.

    >>> td.nn.functional.binary_cross_entropy(td.asarray([0.]), td.asarray([1.]))
    tensor(100., dtype=float32)
    """
    yes, no = _core.maximum(_core.log(input), -100), _core.maximum(_core.log1p(-input), -100)
    loss = -(target * yes + (1 - target) * no)
    return _reduced("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


@public
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return binary_cross_entropy of sigmoid(input), without overflow; pos_weight scales the positive class.

    >>> td.nn.functional.binary_cross_entropy_with_logits(td.asarray([-1000.]), td.asarray([1.]))
    tensor(1000., dtype=float32)
    """
    soft = _core.log1p(_core.exp(-_core.abs(input))) + _core.maximum(-input, 0)
    if pos_weight is not None:
        soft = soft * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input + soft
    return _reduced("binary_cross_entropy_with_logits", loss if weight is None else loss * weight, reduction)


@public
def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Return target * (log(target) - input), input being log-probabilities, reduced ("batchmean": sum / batch).

    >>> td.nn.functional.kl_div(td.asarray([0.]), td.asarray([1.]))
    tensor(0., dtype=float32)
    """
    if log_target:
        loss = _core.exp(target) * (target - input)
    else:
        # 0 log 0 is 0; the logarithm never sees that 0, whose gradient would be inf * 0.
        some = _core.greater(target, 0)
        logs = _core.log(_core.where(some, target, _core.ones((), dtype=target.dtype)))
        loss = target * logs - target * input
    if reduction == "batchmean":
        return _core.sum(loss) / input.shape[0]
    return _reduced("kl_div", loss, reduction)
