"""A user's program for the type checker: `test_stubs.py` runs mypy --strict on it, and it must be right when run."""

from typing import Any

import numpy as np

import tandem as td
from tandem import Tensor


def attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    scores = query @ key.mT * scale
    scores = td.where(scores > 50, 50.0, scores)
    return td.softmax(scores, axis=-1) @ value


@td.script
def newton(x: Tensor) -> Tensor:
    guess = x / 2
    while td.any(abs(guess * guess - x) > 1e-3):
        guess = (guess + x / guess) / 2
    return guess


def indexing(x: Tensor) -> list[Tensor]:
    x[0] = 1
    x[1:, ::2] += 2.0
    rows = [row for row in x]
    return [x[0], x[..., -1], x[None, :, 1], td.take(x, [0, 1], axis=0), td.concat([x, x], axis=0), *rows]


def numbers(x: Tensor) -> tuple[int, int, float, bool, str]:
    shape: tuple[int, ...] = x.shape
    return shape[0], len(x), float(td.sum(x)), bool(td.all(x == x)), x.dtype.name


def conversions(array: np.ndarray[Any, Any]) -> Tensor:
    x = td.asarray(array, dtype="float32")
    x = x + array + 1 + np.float32(2)
    x = 2 ** (1 - x / 4)
    converted: list[Tensor] = [x.astype(td.float16), x.astype("int8"), x.astype(np.float64), x.astype(bool)]
    back: np.ndarray[Any, Any] = converted[0].numpy()
    assert back.shape == x.shape
    return td.zeros_like(x).reshape(-1).reshape((2, -1)) + td.pi


def run() -> None:
    x = td.arange(12, dtype=td.float32).reshape(3, 4)
    assert attention(x, x, x, 0.1).shape == (3, 4)
    assert newton(td.full((3,), 2.0)).shape == (3,)
    assert newton.stats()["captures"] == 1
    assert len(indexing(x)) == 8
    assert numbers(x)[0] == 3
    assert conversions(np.ones((2, 3))).shape == (2, 3)
    mean, spread = td.mean(x, axis=(0, 1)), x.std(axis=0, keepdims=True)
    assert (mean.ndim, spread.shape) == (0, (1, 4))
    with td.disabled(), td.no_recompile():
        newton(mean)
    try:
        td.matmul(x, x)
    except td.ShapeError as error:
        assert isinstance(error, ValueError)
    report: float = td.compare(newton, td.full((3,), 2.0)).max_difference
    assert report == 0


if __name__ == "__main__":
    run()
