"""Writes into a part of a tensor, at an index that a loop counts: where they lie, however long the tensor is."""

import frontend_support as support
import numpy as np
import pytest

import tandem as td

STEPS = 40


def element(s, n):
    out = td.zeros((n, 3))
    for t in range(n):
        out[t, 0] = s[0] * 2.0
    return out


def element_of_a_row(s, n):
    out = td.zeros((3, n))
    for t in range(n):
        out[1, t] = s[0] + t
    return out


def part_of_a_row(s, n):
    out = td.zeros((n, 4))
    for t in range(n):
        out[t, 1:] = s * 2.0
    return out


def every_second(s, n):
    out = td.zeros((n, 2, 6))
    for t in range(n):
        out[t, 1, ::2] = s + t
        out[-1 - t, 0, 5:2:-1] += s
    return out


def trajectory(s, n):
    out = td.zeros((n, 3))
    x, y, z = s[0], s[1], s[2]
    for t in range(n):
        x, y, z = x + 0.01 * (y - x), y + 0.01 * (x * (2.0 - z) - y), z + 0.01 * (x * y - z)
        out[t, 0] = x
        out[t, 1] = y
        out[t, 2] = z
    return out


def from_the_row_before(s, n):
    out = td.ones((n, 2))
    for t in range(1, n):
        out[t, 0] = out[t - 1, 0] * 0.9 + out[t - 1, 1]
        out[t, 1] = out[t, 0] * 0.5 + s[0]
    return out


def two_indices(s, n):
    out = td.zeros((n, n // 4 + 1))
    for t in range(n):
        out[t, t // 4] += s[1]
        out[n - 1 - t, t // 8] = s[2]
    return out


def added(s, n):
    out = td.ones((n, 3))
    for t in range(n):
        out[t, 2] += s[0]
        out[t // 2, 1:] *= s[1]
    return out


def other_shape(s, n):
    out = td.zeros((n * 3,))
    for t in range(n):
        out.reshape((n, 3))[t, 1] = s[0] * t
        out.reshape((3, n))[2, t] += s[1]
    return out


PROGRAMS = [
    element, element_of_a_row, part_of_a_row, every_second, trajectory, from_the_row_before, two_indices, added,
    other_shape,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_bits_without_copies(program):
    s = td.asarray(np.array([1.5, -2.0, 3.0], np.float32))
    compiled = td.script(program)
    support.assert_same(program(s, STEPS), compiled(s, STEPS))
    result = compiled(s, STEPS)
    before = td.stats()["allocated_bytes"]
    compiled(s, STEPS)
    size = result.size * 4
    assert td.stats()["allocated_bytes"] - before < 3 * size + 64 * STEPS


def test_who_reads_the_part_or_the_whole_sees_its_time():
    """What else is read of the tensor before and after the write, and whether the part itself is."""

    def old_whole(s, n):
        out = td.zeros((n, 3))
        total = s * 0.0
        for t in range(n):
            before = out
            out = out + 0.0
            out[t, 0] = s[0] + t
            total = total + before[t] + out[t]
        return out, total

    def the_part(s, n):
        out = td.zeros((n, 3))
        total = td.zeros((n,))
        for t in range(n):
            column = out[:, 1]
            column[t] = s[1] * t
            total = total + column
            out[t, 2] = column.sum()
        return out, total

    def another_part(s, n):
        out = td.ones((n, 3))
        for t in range(n):
            out[t, 1] = out[:, 0].sum() + t
            out[t, 0:2] = out[t, 1:3] * s[0]
        return out

    s = td.asarray(np.array([1.5, -2.0, 3.0], np.float32))
    for program in (old_whole, the_part, another_part):
        support.assert_same(program(s, 7), td.script(program)(s, 7))


def test_an_index_out_of_bounds_and_arguments_written_to():
    def write(x, k):
        x[k, 1] = 5.0
        x[k + 1, :1] = 6.0
        return x.sum()

    compiled = td.script(write)
    for k in (1, -3, 2):
        x, y = td.zeros((4, 2)), td.zeros((4, 2))
        support.assert_same((write(x, td.asarray(k)), x), (compiled(y, td.asarray(k)), y))
    x, y = td.zeros((4, 2)), td.zeros((4, 2))
    for function, tensor in ((write, x), (compiled, y)):
        with pytest.raises(IndexError, match="got 4 for axis 0"):
            function(tensor, td.asarray(3))
    support.assert_same(x, y)


def test_gradients():
    def loss(s):
        return (trajectory(s, 9) ** 2).sum() + (added(s, 6) * 0.5).sum()

    s = td.asarray(np.array([0.5, -1.0, 2.0], np.float32))
    support.assert_same(td.grad(loss)(s), td.script(td.grad(loss))(s))
