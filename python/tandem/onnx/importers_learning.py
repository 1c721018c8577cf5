"""The optimizers of the training preview: one step for any number of tensors at once."""

from __future__ import annotations

from collections.abc import Callable

import tandem as td
from tandem import _core
from tandem.onnx.table import operator
from tandem.onnx.values import number

Tensor = _core.Tensor

_DOMAIN = "ai.onnx.preview.training"


def _each(tensors: tuple[Tensor, ...], parts: int, rule: Callable[..., tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Apply a rule to the k-th tensor of each part, and return all first results, then all second ones, and so on."""
    count = len(tensors) // parts
    found = [rule(*(tensors[k + part * count] for part in range(parts))) for k in range(count)]
    return tuple(new for results in zip(*found, strict=True) for new in results)


@operator("Adagrad", domain=_DOMAIN, static=(1,))
def adagrad(
    rate: Tensor,
    step: int,
    *tensors: Tensor,
    decay_factor: float = 0.0,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
    outputs: int = 2,
) -> tuple[Tensor, ...]:
    now = rate / (1 + number(step, "Adagrad: T") * decay_factor)

    def rule(x: Tensor, gradient: Tensor, squares: Tensor) -> tuple[Tensor, ...]:
        g = x * norm_coefficient + gradient
        squares = squares + g * g
        return x - now * g / (td.sqrt(squares) + epsilon), squares

    return _each(tensors, 3, rule)


@operator("Adam", domain=_DOMAIN, static=(1,))
def adam(
    rate: Tensor,
    step: int,
    *tensors: Tensor,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
    norm_coefficient_post: float = 0.0,
    outputs: int = 3,
) -> tuple[Tensor, ...]:
    t = number(step, "Adam: T")
    now = rate * ((1 - beta**t) ** 0.5 / (1 - alpha**t)) if t > 0 else rate

    def rule(x: Tensor, gradient: Tensor, mean: Tensor, squares: Tensor) -> tuple[Tensor, ...]:
        g = x * norm_coefficient + gradient
        mean, squares = mean * alpha + g * (1 - alpha), squares * beta + g * g * (1 - beta)
        return (x - now * (mean / (td.sqrt(squares) + epsilon))) * (1 - norm_coefficient_post), mean, squares

    return _each(tensors, 4, rule)


@operator("Momentum", domain=_DOMAIN, static=(1,))
def momentum(
    rate: Tensor,
    step: int,
    *tensors: Tensor,
    alpha: float,
    beta: float,
    mode: str,
    norm_coefficient: float,
    outputs: int = 2,
) -> tuple[Tensor, ...]:
    share = beta if number(step, "Momentum: T") > 0 else 1.0

    def rule(x: Tensor, gradient: Tensor, speed: Tensor) -> tuple[Tensor, ...]:
        g = x * norm_coefficient + gradient
        speed = speed * alpha + g * share
        return x - rate * (speed if mode == "standard" else g + speed * alpha), speed

    return _each(tensors, 3, rule)
