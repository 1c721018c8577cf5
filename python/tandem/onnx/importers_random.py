"""Random numbers, from Tandem's default generator: a seed in the model gives other numbers than elsewhere."""

from __future__ import annotations

from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.table import operator
from tandem.onnx.values import tensor

Tensor = _core.Tensor


def _generator(seed: float | None) -> Any:
    """Return a generator of its own for an operator with a seed, which draws the same numbers at every call."""
    return td.random if seed is None else td.random.Generator(int(seed))


@operator("RandomNormal")
def random_normal(
    *, shape: tuple[int, ...], dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float | None = None
) -> Tensor:
    return _generator(seed).normal(shape, mean, scale, dtype=dtype_of(dtype))


@operator("RandomUniform")
def random_uniform(
    *, shape: tuple[int, ...], dtype: int = 1, high: float = 1.0, low: float = 0.0, seed: float | None = None
) -> Tensor:
    return _generator(seed).uniform(shape, low, high, dtype=dtype_of(dtype))


def _dtype(x: Any, dtype: int | None) -> Any:
    return tensor(x).dtype if dtype is None else dtype_of(dtype)


@operator("RandomNormalLike")
def random_normal_like(
    x: Tensor, *, dtype: int | None = None, mean: float = 0.0, scale: float = 1.0, seed: float | None = None
) -> Tensor:
    return _generator(seed).normal(tuple(x.shape), mean, scale, dtype=_dtype(x, dtype))


@operator("RandomUniformLike")
def random_uniform_like(
    x: Tensor, *, dtype: int | None = None, high: float = 1.0, low: float = 0.0, seed: float | None = None
) -> Tensor:
    return _generator(seed).uniform(tuple(x.shape), low, high, dtype=_dtype(x, dtype))


@operator("Bernoulli")
def bernoulli(x: Tensor, *, dtype: int | None = None, seed: float | None = None) -> Tensor:
    return _generator(seed).bernoulli(x, tuple(x.shape)).astype(_dtype(x, dtype))


@operator("Multinomial")
def multinomial(x: Tensor, *, dtype: int = 6, sample_size: int = 1, seed: float | None = None) -> Tensor:
    noise = _generator(seed).uniform((x.shape[0], sample_size, x.shape[1]), dtype=td.float64)
    gumbel = -td.log(-td.log(noise))
    return td.argmax(td.expand_dims(x.astype(td.float64), axis=1) + gumbel, axis=2).astype(dtype_of(dtype))
