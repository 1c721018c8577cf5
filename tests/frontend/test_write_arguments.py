"""Writes into arguments: eager and compiled leave the same bits, and no copy is made when nothing needs one."""

import numpy as np
import pytest

import tandem as td

SIZE = 40


def whole(x, y):
    x *= 2
    x += y


def part(x, y):
    x[3:] = y[3:] + 1


def parts(x, y):
    x[0] = 1.0
    x[1:9] = y[1:9] * x[1:9]
    x[10:20] += y[10:20]


def both(x, y):
    x[:] = td.tanh(x) + y
    y[:] = y * 2


def returned(x, y):
    x += y
    return x


def product(x, y):
    x[:] = td.matmul(td.reshape(y, (5, 8)), td.ones((8, 8))).reshape((40,))


# What reads the old contents, or keeps a second name for the new ones, needs a buffer of its own.


def shifted(x, y):
    x[1:] = x[:-1] + y[1:]


def reversed_(x, y):
    x[:] = td.flip(x) + y


def swapped(x, y):
    old = x + 0
    x[:] = y
    y[:] = old


def old_returned(x, y):
    old = x * 1.5
    x[:] = y
    return old


def new_returned(x, y):
    z = x + y
    x[:] = z
    return z


def old_read_late(x, y):
    z = td.cumsum(x)
    x[:5] = 0
    x[5:10] = z[:5]
    return z.sum()


def under_condition(x, y):
    if x.sum() > 0:
        x[:4] = y[:4]
    x *= 3


def in_loop(x, y):
    for _ in range(12):
        x[1:] = x[:-1] * 0.5 + y[1:]


IN_PLACE = [whole, part, parts, both, returned, product]
COPIED = [shifted, reversed_, swapped, old_returned, new_returned, old_read_late, under_condition, in_loop]


def arguments(seed, layout):
    rng = np.random.default_rng(seed)
    if layout == "strided":
        return [td.asarray(rng.standard_normal(2 * SIZE).astype(np.float32))[::2] for _ in range(2)]
    return [td.asarray(rng.standard_normal(SIZE).astype(np.float32)) for _ in range(2)]


@pytest.mark.parametrize("layout", ["contiguous", "strided"])
@pytest.mark.parametrize("function", [*IN_PLACE, *COPIED])
def test_same_bits(function, layout):
    compiled = td.script(function)
    for seed in range(3):
        eager, own = arguments(seed, layout), arguments(seed, layout)
        expected, result = function(*eager), compiled(*own)
        for want, got in zip([*eager, expected], [*own, result]):
            assert np.array_equal(np.asarray(want), np.asarray(got))
        if expected is eager[0]:
            assert result is own[0]
    assert compiled.stats()["captures"] == 1


@pytest.mark.parametrize("function", IN_PLACE)
def test_arguments_are_written_where_they_lie(function):
    compiled = td.script(function)
    x, y = arguments(0, "contiguous")
    compiled(x, y)
    before = td.stats()
    compiled(x, y)
    after = td.stats()
    assert after["copies"] == before["copies"], compiled.ir("program")
    temporary = 1 if function is product else 0  # the matrix of ones
    assert after["allocations"] - before["allocations"] <= temporary, compiled.ir("program")
