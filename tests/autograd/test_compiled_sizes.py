"""Gradients of compiled functions whose results have sizes that follow from those of several arguments."""

import numpy as np
import pytest

import tandem as td
from tandem.nn import functional as F


def part(x, n):
    return td.exp(x[n:]) * 2


def convolved(x, mix, kernel, padding, dilation):
    hidden = td.tanh(F.conv2d(x, mix))
    return F.conv2d(hidden, kernel, padding=padding, dilation=dilation)


def joined(x, y):
    return td.concat([x, y, x])[::2] ** 2


def first_rows(x, table):
    return td.exp(x) * table[: x.shape[0]]


def tensor(seed, *shape):
    return td.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32)).requires_grad_()


def arguments(function, k):
    if function is part:
        return tensor(k, 6 + k), k
    if function is first_rows:
        return tensor(k, 2 + k, 3), tensor(k + 9, 6, 3)
    if function is joined:
        return tensor(k, 3 + k), tensor(k + 9, 7 - k)
    read, hidden, size, dilation = [(8, 4, 3, 1), (16, 8, 5, 1), (8, 16, 3, 2), (24, 4, 3, 1), (8, 4, 5, 1)][k]
    tensors = tensor(k, 2, read, 9, 9), tensor(k + 9, hidden, read, 1, 1), tensor(k + 18, 8, hidden, size, size)
    return *tensors, dilation * (size // 2), dilation


@pytest.mark.parametrize("function", [part, convolved, joined, first_rows])
def test_gradients_for_many_sizes(function):
    compiled = td.script(function)
    for k in range(5):
        eager, taped = arguments(function, k), arguments(function, k)
        for call, given in ((function, eager), (compiled, taped)):
            result = call(*given)
            (result * result).sum().backward()
        for x, y in zip(eager, taped):
            if isinstance(x, td.Tensor):
                np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy())
    assert compiled.stats()["eager_calls"] == 0 and compiled.stats()["captures"] <= 4
