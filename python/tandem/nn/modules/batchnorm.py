"""Normalisation of channels by the statistics of a batch, or by running ones."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn.modules.normalization import Affine

Tensor = _core.Tensor


class _Running(Affine):
    """With running statistics: buffers that are written to in training."""

    ranks: tuple[int, ...]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track: bool, dtype: Any, bias: bool
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track
        kind = _core.default_dtype() if dtype is None else dtype
        self.register_buffer("running_mean", _core.zeros((num_features,), dtype=kind) if track else None)
        self.register_buffer("running_var", _core.ones((num_features,), dtype=kind) if track else None)
        self.register_buffer("num_batches_tracked", _core.asarray(0, dtype=_core.int64) if track else None)
        self._affine((num_features,), affine, affine and bias, dtype)

    def reset_running_stats(self) -> None:
        """Forget the batches seen so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.fill(0)
            self.running_var.fill(1)
            self.num_batches_tracked.fill(0)

    def reset_parameters(self) -> None:
        """Set the first values of parameters and running statistics again."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check(self, input: Tensor, batched: int | None = None) -> None:
        channels = 0 if batched is not None and input.ndim == batched - 1 else 1
        if input.ndim not in self.ranks or input.shape[channels] != self.num_features:
            need = " or ".join(str(rank) for rank in self.ranks)
            raise _core.ShapeError(
                f"{type(self).__name__}: got the shape {input.shape}; need {need} axes, {self.num_features} channels"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        mean, var, count = self.running_mean, self.running_var, self.num_batches_tracked
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        if self.training and count is not None:
            count += 1
            if self.momentum is None and mean is not None:
                momentum = 1 / count.astype(mean.dtype)
        return F.batch_norm(input, mean, var, self.weight, self.bias, self.training or mean is None, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Normalise each channel of [batch, num_features] or [batch, num_features, length] over all else.

    In training by the batch, whose statistics move running_mean and running_var; in evaluation by those. momentum None:
    they are means over all batches. track_running_stats=False: always by the batch.

    >>> norm = td.nn.BatchNorm1d(1, eps=0.)
    >>> norm(td.asarray([[1.], [3.]])).tolist()
    [[-1.0], [1.0]]
    >>> norm.running_mean, norm.num_batches_tracked
    (tensor([0.2], dtype=float32), tensor(1))
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of [batch, num_features, height, width] over all else; see BatchNorm1d.

    >>> td.nn.BatchNorm2d(3)(td.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel of [batch, num_features, depth, height, width] over all else; see BatchNorm1d.

    >>> td.nn.BatchNorm3d(3)(td.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    ranks = (5,)


class _InstanceNorm(_Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        single = input.ndim == self.ranks[0]
        self._check(input, self.ranks[1])
        x = _core.expand_dims(input, axis=0) if single else input
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        by_sample = self.training or self.running_mean is None
        mean, var = self.running_mean, self.running_var
        out = F.instance_norm(x, mean, var, self.weight, self.bias, by_sample, momentum, self.eps)
        return _core.squeeze(out, axis=0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each sample: [batch, num_features, length] or [num_features, length].

    track_running_stats: keep running means of the samples' statistics in training, and use those in evaluation.

    >>> td.nn.InstanceNorm1d(1, eps=0.)(td.asarray([[[1., 3.]]]))
    tensor([[[-1.,  1.]]], dtype=float32)
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each sample: [batch, num_features, height, width], or without the batch.

    >>> td.nn.InstanceNorm2d(3)(td.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each sample: [batch, num_features, depth, height, width], or without the batch.

    >>> td.nn.InstanceNorm3d(3)(td.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    ranks = (4, 5)
