"""Losses with margins and distances: rankings, embeddings, several labels at once; distances as modules."""

from __future__ import annotations

from collections.abc import Callable

from tandem import _core
from tandem.nn import functional as F
from tandem.nn.modules.loss import Loss, WeightedLoss
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along the axis dim.

    >>> td.nn.CosineSimilarity(dim=0)(td.asarray([1., 0.]), td.asarray([0., 2.]))
    tensor(0., dtype=float32)
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of the difference of vectors along the last axis, with eps added to it.

    >>> td.nn.PairwiseDistance(eps=0.)(td.asarray([[3., 4.]]), td.zeros((1, 2)))
    tensor([5.], dtype=float32)
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class MarginRankingLoss(Loss):
    """max(0, -target * (input1 - input2) + margin), for targets 1 (the first is to be larger) and -1.

    >>> td.nn.MarginRankingLoss()(td.asarray([1.]), td.asarray([3.]), td.asarray([1.]))
    tensor(2., dtype=float32)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(Loss):
    """input where the target is 1, and max(0, margin - input) where it is -1.

    >>> td.nn.HingeEmbeddingLoss()(td.asarray([0.25]), td.asarray([-1.]))
    tensor(0.75, dtype=float32)
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """log(1 + exp(-target * input)), for targets 1 and -1.

    >>> td.nn.SoftMarginLoss()(td.asarray([0.]), td.asarray([1.]))
    tensor(0.6931472, dtype=float32)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class CosineEmbeddingLoss(Loss):
    """1 - cos(input1, input2) where the target is 1, and max(0, cos - margin) where it is -1: [batch, d] or [d].

    >>> x = td.asarray([[1., 0.]])
    >>> td.nn.CosineEmbeddingLoss(margin=0.5)(x, td.asarray([[0., 1.]]), td.asarray([-1]))
    tensor(0., dtype=float32)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """The mean over the other classes of max(0, margin - right + other) ** p: [batch, classes] and classes [batch].

    >>> td.nn.MultiMarginLoss()(td.asarray([[0., 0.]]), td.asarray([1]))
    tensor(0.5, dtype=float32)
    """

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """MultiMarginLoss against several right classes: target [batch, classes] lists them, up to the first -1.

    >>> td.nn.MultiLabelMarginLoss()(td.asarray([[0., 0.]]), td.asarray([[1, -1]]))
    tensor(0.5, dtype=float32)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The mean over classes of BCEWithLogitsLoss: [batch, classes] and targets 0 or 1 of that shape.

    >>> td.nn.MultiLabelSoftMarginLoss()(td.asarray([[0., 0.]]), td.asarray([[1., 0.]]))
    tensor(0.6931472, dtype=float32)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """max(0, |anchor - positive| - |anchor - negative| + margin), by the p-norm, of [batch, d] or [d].

    swap: the negative's distance is the smaller of those to anchor and positive.

    >>> a = td.asarray([[0., 0.]])
    >>> td.nn.TripletMarginLoss(eps=0.)(a, td.asarray([[3., 4.]]), td.asarray([[0., 2.]]))
    tensor(4., dtype=float32)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """TripletMarginLoss by any distance; without one, PairwiseDistance.

    >>> near = lambda a, b: td.abs(a - b).sum(axis=-1)
    >>> loss = td.nn.TripletMarginWithDistanceLoss(distance_function=near)
    >>> loss(td.asarray([[0., 0.]]), td.asarray([[3., 4.]]), td.asarray([[0., 2.]]))
    tensor(6., dtype=float32)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
