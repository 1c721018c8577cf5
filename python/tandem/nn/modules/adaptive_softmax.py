"""Softmax over very many classes, frequent ones in a head and rare ones in clusters (Grave and others, 2017)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from tandem import _core
from tandem.nn.modules.container import ModuleList, Sequential
from tandem.nn.modules.linear import Linear
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


class TargetLogProb(NamedTuple):
    """The logarithm of the probability of each target, and the mean of its negative."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """A linear layer and softmax over n_classes, sorted by how frequent they are, in clusters that begin at cutoffs.

    input [batch, in_features] and target [batch], or both without the batch. Return the logarithms of the targets'
    probabilities and the loss. Cluster i is projected to in_features / div_value ** (i + 1) first. Every cluster is
    computed for every sample, so that nothing depends on the targets but what is picked.

    >>> softmax = td.nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[4, 10], div_value=2.0)
    >>> found = softmax(td.ones((3, 8)), td.asarray([0, 5, 19]))
    >>> found.output.shape, found.loss.shape
    ((3,), ())
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        limits = [0, *cutoffs, n_classes]
        if not cutoffs or any(a >= b for a, b in itertools.pairwise(limits)):
            raise _core.ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: got cutoffs={list(cutoffs)}; need numbers that grow, from 1 to "
                f"{n_classes - 1}"
            )
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, dtype=dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden, results = int(in_features // (div_value ** (i + 1))), self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, dtype=dtype),
                    Linear(hidden, results, bias=False, dtype=dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> TargetLogProb:
        if target.ndim > 1 or input.ndim != target.ndim + 1 or tuple(input.shape)[:-1] != tuple(target.shape):
            raise _core.ShapeError(
                f"AdaptiveLogSoftmaxWithLoss: got input of shape {input.shape} and target of shape {target.shape}; "
                f"need [batch, {self.in_features}] and [batch], or both without the batch"
            )
        classes = target.astype(_core.int64)
        # Where in the head: classes that are none are out of its bounds, which is an error.
        place = _core.where(classes < 0, self.head_size, classes)
        rest: Any = 0.0
        for i, cluster in enumerate(self.tail):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            inside = (classes >= low) & (classes < high)
            place = _core.where(inside, self.shortlist_size + i, place)
            within = _picked(cluster(input), _core.clip(classes - low, 0, high - low - 1))
            rest = rest + _core.where(inside, within, _core.zeros((), dtype=within.dtype))
        output = _picked(self.head(input), place) + rest
        return TargetLogProb(output, -_core.mean(output))

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the logarithms of the probabilities of all classes: [..., n_classes]."""
        head = _core.log_softmax(self.head(input), axis=-1)
        parts = [head[..., : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            place = self.shortlist_size + i
            parts.append(_core.log_softmax(cluster(input), axis=-1) + head[..., place : place + 1])
        return _core.concat(parts, axis=-1)

    def predict(self, input: Tensor) -> Tensor:
        """Return the most probable class of each sample."""
        return _core.argmax(self.log_prob(input), axis=-1)


def _picked(logits: Tensor, index: Tensor) -> Tensor:
    """Return log_softmax at one index of the last axis."""
    values = _core.take_along_axis(_core.log_softmax(logits, axis=-1), _core.expand_dims(index, axis=-1), axis=-1)
    return _core.squeeze(values, axis=-1)
