"""Dropout: elements or whole channels set to zero at random, by the default generator of td.random."""

from __future__ import annotations

from tandem import _core
from tandem._boundary import public
from tandem.nn._activations import _given
from tandem.random import default_generator

Tensor = _core.Tensor

_ALPHA = 1.7580993408473766  # what selu tends to for small numbers, negated


def _check(what: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise _core.ArgumentError(f"{what}: got p={p}; need a probability")


def _dropped(what: str, x: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool) -> Tensor:
    """Set what stands for one element of `shape` to zero with probability p; scale the rest, so that means stay."""
    _check(what, p)
    if not training or p == 0:
        return x
    if p == 1:
        return _given(x, _core.zeros(x.shape, dtype=x.dtype, device=x._place), inplace)
    kept = default_generator().bernoulli(1 - p, shape, device=x._place)
    return _given(x, _core.where(kept, x * (1 / (1 - p)), _core.zeros((), dtype=x.dtype)), inplace)


def _alpha_dropped(what: str, x: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool) -> Tensor:
    """Set to what selu tends to instead, and keep mean and variance."""
    _check(what, p)
    if not training or p == 0:
        return x
    if p == 1:
        return _given(x, _core.zeros(x.shape, dtype=x.dtype, device=x._place), inplace)
    scale = ((_ALPHA * _ALPHA * p + 1) * (1 - p)) ** -0.5
    kept = default_generator().bernoulli(1 - p, shape, device=x._place)
    low = _core.full((), -_ALPHA, dtype=x.dtype)
    return _given(x, _core.where(kept, x, low) * scale + _ALPHA * scale * p, inplace)


def _channels(what: str, x: Tensor, ranks: tuple[int, ...], unbatched: int | None) -> tuple[int, ...]:
    """Return a shape with one element per channel."""
    if x.ndim not in ranks:
        raise _core.ShapeError(f"{what}: got the shape {x.shape}; need {' or '.join(map(str, ranks))} axes")
    axes = 1 if x.ndim == unbatched else 2
    return (*tuple(x.shape)[:axes], *(1,) * (x.ndim - axes))


@public
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to zero with probability p and scale the others by 1 / (1 - p); nothing unless training.

    >>> td.nn.functional.dropout(td.ones((3,)), 0.5, training=False)
    tensor([1., 1., 1.], dtype=float32)
    """
    return _dropped("dropout", input, tuple(input.shape), p, training, inplace)


@public
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each channel of [batch, channels, length] or [channels, length] to zero with probability p; scale the others.

    >>> td.nn.functional.dropout1d(td.ones((1, 2, 3)), 1.0).sum()
    tensor(0., dtype=float32)
    """
    return _dropped("dropout1d", input, _channels("dropout1d", input, (2, 3), 2), p, training, inplace)


@public
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each channel of [batch, channels, height, width] to zero with probability p; scale the others.

    Three axes are [batch, channels, length].

    >>> td.nn.functional.dropout2d(td.ones((1, 2, 3, 3)), 1.0).sum()
    tensor(0., dtype=float32)
    """
    return _dropped("dropout2d", input, _channels("dropout2d", input, (3, 4), None), p, training, inplace)


@public
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each channel of [batch, channels, depth, height, width] to zero with probability p; scale the others.

    The batch may be missing.

    >>> td.nn.functional.dropout3d(td.ones((1, 2, 3, 3, 3)), 1.0).sum()
    tensor(0., dtype=float32)
    """
    return _dropped("dropout3d", input, _channels("dropout3d", input, (4, 5), 4), p, training, inplace)


@public
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Set elements to the lowest value of selu with probability p, then shift and scale: mean and variance stay.

    >>> td.nn.functional.alpha_dropout(td.ones((3,)), 0.5)
    tensor([1., 1., 1.], dtype=float32)
    """
    return _alpha_dropped("alpha_dropout", input, tuple(input.shape), p, training, inplace)


@public
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Do as alpha_dropout with whole channels of [batch, channels, ...].

    >>> td.nn.functional.feature_alpha_dropout(td.ones((1, 2, 3)), 0.5).sum()
    tensor(6., dtype=float32)
    """
    if input.ndim < 2:
        raise _core.ShapeError(f"feature_alpha_dropout: got the shape {input.shape}; need [batch, channels, ...]")
    shape = (*tuple(input.shape)[:2], *(1,) * (input.ndim - 2))
    return _alpha_dropped("feature_alpha_dropout", input, shape, p, training, inplace)
