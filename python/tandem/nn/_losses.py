"""Losses as formulas over operations. reduction: "mean", "sum" or "none"."""

from __future__ import annotations

import math

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor


def reduced(what: str, loss: Tensor, reduction: str) -> Tensor:
    """Return the mean or the sum of a loss, or the loss itself."""
    if reduction == "mean":
        return _core.mean(loss)
    if reduction == "sum":
        return _core.sum(loss)
    if reduction != "none":
        raise _core.ArgumentError(f"{what}: got reduction={reduction!r}; need 'mean', 'sum' or 'none'")
    return loss


def _weighted(what: str, loss: Tensor, weights: Tensor, reduction: str) -> Tensor:
    """Reduce; a mean is over the weights."""
    return _core.sum(loss) / _core.sum(weights) if reduction == "mean" else reduced(what, loss, reduction)


def _factored(what: str, loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Reduce a loss times weights of its own shape."""
    if weight is None:
        return reduced(what, loss, reduction)
    if tuple(weight.shape) != tuple(loss.shape):
        raise _core.ShapeError(f"{what}: got weight of shape {weight.shape}; need {loss.shape}")
    return _weighted(what, loss * weight, weight, reduction)


@public
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Return the squared differences, reduced; a mean is over the weights, if there are any.

    >>> td.nn.functional.mse_loss(td.asarray([1., 2.]), td.asarray([1., 4.]))
    tensor(2., dtype=float32)
    """
    return _factored("mse_loss", _core.square(input - target), weight, reduction)


@public
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Return the absolute differences, reduced; a mean is over the weights, if there are any.

    >>> td.nn.functional.l1_loss(td.asarray([1., 2.]), td.asarray([1., 4.]))
    tensor(1., dtype=float32)
    """
    return _factored("l1_loss", _core.abs(input - target), weight, reduction)


@public
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Return half the squared differences up to delta and a line beyond, times weights of the same shape, reduced.

    >>> td.nn.functional.huber_loss(td.asarray([3.]), td.asarray([0.]))
    tensor(2.5, dtype=float32)
    """
    away = _core.abs(input - target)
    loss = _core.where(_core.less(away, delta), away * away * 0.5, (away - 0.5 * delta) * delta)
    # Unlike that of mse_loss, PyTorch's mean is over the elements.
    return reduced("huber_loss", loss if weight is None else loss * weight, reduction)


@public
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Return huber_loss divided by beta, its delta; l1_loss for beta 0.

    >>> td.nn.functional.smooth_l1_loss(td.asarray([3.]), td.asarray([0.]))
    tensor(2.5, dtype=float32)
    """
    away = _core.abs(input - target)
    if beta != 0:
        away = _core.where(_core.less(away, beta), away * away * (0.5 / beta), away - 0.5 * beta)
    return reduced("smooth_l1_loss", away, reduction)


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
        return reduced("cross_entropy", loss, reduction)
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
    return reduced("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


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
    return reduced("binary_cross_entropy_with_logits", loss if weight is None else loss * weight, reduction)


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
    return reduced("kl_div", loss, reduction)


@public
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return cross_entropy of linear(input, linear_weight, linear_bias), whose classes are the last axis.

    >>> td.nn.functional.linear_cross_entropy(td.zeros((1, 2)), td.zeros((1, 2)), td.asarray([0]))
    tensor(0., dtype=float32)
    """
    given = (input, linear_weight) if linear_bias is None else (input, linear_weight, linear_bias)
    logits = _core.linear(*given)
    if logits.ndim > 2:  # classes are axis 1
        logits = _core.permute_dims(logits, (0, logits.ndim - 1, *range(1, logits.ndim - 1)))
    return cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


@public
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Return exp(input) - target * input, or input - target * log(input + eps) without log_input, reduced.

    full adds Stirling's approximation of log(target!) for targets above 1.

    >>> td.nn.functional.poisson_nll_loss(td.asarray([0.]), td.asarray([2.]))
    tensor(1., dtype=float32)
    """
    if log_input:
        loss = _core.exp(input) - target * input
    else:
        loss = input - target * _core.log(input + eps)
    if full:
        large = _core.greater(target, 1)
        safe = _core.where(large, target, _core.ones((), dtype=target.dtype))
        stirling = safe * _core.log(safe) - safe + _core.log(safe * (2 * math.pi)) * 0.5
        loss = loss + _core.where(large, stirling, _core.zeros((), dtype=stirling.dtype))
    return reduced("poisson_nll_loss", loss, reduction)


@public
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Return (log(var) + (input - target)^2 / var) / 2 with variances of at least eps, reduced.

    var: of input's shape, or with a last axis that is 1 or missing, or a number. full adds log(2 pi) / 2. The gradient
    sees the variances as they are, not limited.

    >>> td.nn.functional.gaussian_nll_loss(td.asarray([2.]), td.asarray([0.]), td.asarray([1.]))
    tensor(2., dtype=float32)
    """
    if isinstance(var, int | float):
        if var < 0:
            raise _core.ArgumentError(f"gaussian_nll_loss: got var={var}; need 0 or more")
        var = _core.full(input.shape, float(var), dtype=input.dtype, device=input._place)
    elif tuple(var.shape) != tuple(input.shape):
        if tuple(var.shape) == tuple(input.shape)[:-1]:
            var = _core.expand_dims(var, axis=-1)
        elif var.ndim != input.ndim or tuple(var.shape)[:-1] != tuple(input.shape)[:-1] or var.shape[-1] != 1:
            raise _core.ShapeError(
                f"gaussian_nll_loss: got the shape {input.shape} and var of shape {var.shape}; need the same, or one "
                "variance per last axis"
            )
    var = _core.maximum(var, eps)
    loss = (_core.log(var) + _core.square(input - target) / var) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", loss, reduction)
