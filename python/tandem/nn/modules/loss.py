"""Losses of predictions against targets: numbers, classes, probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class Loss(Module):
    """A loss of each element that is averaged ("mean"), summed ("sum") or left as it is ("none")."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("none", "mean", "sum", "batchmean"):
            raise _core.ArgumentError(
                f"{type(self).__name__}: got reduction={reduction!r}; need 'none', 'mean' or 'sum'"
            )
        self.reduction = reduction


class WeightedLoss(Loss):
    """A loss with factors, of classes or elements, that are not trained."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """(input - target) ** 2, of equal shapes.

    >>> td.nn.MSELoss()(td.asarray([1., 3.]), td.zeros((2,)))
    tensor(5., dtype=float32)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """|input - target|, of equal shapes.

    >>> td.nn.L1Loss()(td.asarray([1., 3.]), td.zeros((2,)))
    tensor(2., dtype=float32)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(Loss):
    """Half the square of the difference where it is below delta, and a line beyond.

    >>> td.nn.HuberLoss()(td.asarray([3.]), td.zeros((1,)))
    tensor(2.5, dtype=float32)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SmoothL1Loss(Loss):
    """HuberLoss divided by beta.

    >>> td.nn.SmoothL1Loss()(td.asarray([3.]), td.zeros((1,)))
    tensor(2.5, dtype=float32)
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class CrossEntropyLoss(WeightedLoss):
    """Minus the logarithm of the probability that softmax of the logits gives to the right class.

    input: logits [batch, classes, ...], or [classes]; target: classes [batch, ...] as integers, or probabilities of
    input's shape. weight [classes]: factors. ignore_index: a class that counts nothing.

    >>> td.nn.CrossEntropyLoss()(td.asarray([[0., 0.]]), td.asarray([1]))
    tensor(0.6931472, dtype=float32)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(WeightedLoss):
    """Minus the logarithm of the probability of the right class, for input that is logarithms of probabilities.

    Shapes and weight as in CrossEntropyLoss; target is classes.

    >>> td.nn.NLLLoss()(td.asarray([[-1., -2.]]), td.asarray([1]))
    tensor(2., dtype=float32)
    """

    def __init__(self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class BCELoss(WeightedLoss):
    """Minus the logarithm of the probability of what happened, for probabilities of yes; target is 0 ... 1.

    >>> td.nn.BCELoss()(td.asarray([0.5]), td.asarray([1.]))
    tensor(0.6931472, dtype=float32)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """BCELoss of the sigmoid of input, without overflow. pos_weight: factors of the yes part.

    >>> td.nn.BCEWithLogitsLoss()(td.asarray([0.]), td.asarray([1.]))
    tensor(0.6931472, dtype=float32)
    """

    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Loss):
    """target * (log(target) - input), where input is logarithms of probabilities; target, too, with log_target=True.

    reduction "batchmean" divides the sum by the size of the batch, which is the divergence.

    >>> td.nn.KLDivLoss(reduction="batchmean")(td.log(td.asarray([[0.5, 0.5]])), td.asarray([[0.5, 0.5]]))
    tensor(0., dtype=float32)
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(Loss):
    """exp(input) - target * input for counts; log_input=False: input is the mean itself. full: with Stirling's formula.

    >>> td.nn.PoissonNLLLoss()(td.asarray([0.]), td.asarray([2.]))
    tensor(1., dtype=float32)
    """

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(Loss):
    """Half of log(var) + (input - target) ** 2 / var, where var is at least eps. full: with the constant.

    >>> td.nn.GaussianNLLLoss()(td.asarray([[3.]]), td.asarray([[1.]]), td.asarray([[1.]]))
    tensor(2., dtype=float32)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class CTCLoss(Loss):
    """Minus the logarithm of the probability of a sequence under all its alignments (connectionist temporal).

    log_probs [time, batch, classes]; targets [batch, longest] or one vector; lengths [batch]. blank: the empty class.

    >>> loss = td.nn.CTCLoss()(td.log_softmax(td.zeros((3, 1, 2)), axis=-1), td.asarray([[1]]), (3,), (1,))
    >>> bool(loss > 0)
    True
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            blank=self.blank,
            reduction=self.reduction,
            zero_infinity=self.zero_infinity,
        )
