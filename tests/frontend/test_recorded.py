"""Loops that write what they compute to the next place of an array: one kernel runs all their rounds."""

import frontend_support as support
import numpy as np
import pytest

import tandem as td


def current(n, *shape, dtype=np.float32):
    return td.asarray(np.random.default_rng(5).standard_normal((n, *shape)).astype(dtype) * 30)


def neuron(x):
    v = td.asarray(-65.0)
    trace = td.zeros((x.shape[0],))
    for t in range(x.shape[0]):
        v = v + 0.1 * (-(v + 65.0) + x[t])
        if v > -64.0:
            v = td.asarray(-66.0)
        trace[t] = v
    return trace


def neurons(x):
    v = td.full((x.shape[1],), -65.0)
    trace = td.ones(x.shape)
    spikes = td.zeros(x.shape, dtype=td.bool)
    for t in range(1, x.shape[0]):
        v = v + 0.1 * (-(v + 65.0) + x[t])
        fired = v > -64.5
        v = td.where(fired, -66.0, v)
        trace[t] = v
        spikes[t] = fired
    return trace, spikes, v


def elements(x):
    n = x.shape[0]
    out = td.zeros((n, 3))
    a, b, c = x[0] * 0.01, x[1] * 0.01, x[2] * 0.01
    for t in range(n):
        a, b, c = a + 0.01 * (b - a), b + 0.01 * (a * (2.0 - c) - b), c + 0.01 * (a * b - c)
        out[t, 0] = a
        out[t, 1] = b
        out[t, 2] = c
        out[t, 1] = b * 2
    return out, c, a


def from_the_end(x):
    n = x.shape[0]
    out = td.full((n + 2, 2), 7.0)
    s = td.zeros((2,))
    for t in range(n):
        s = s * 0.5 + x[n - 1 - t]
        out[n - t] = s
    return out, s


def columns(x):
    n = x.shape[0]
    out = td.zeros((4, n, 2))
    s = td.ones((4, 2))
    for t in range(n):
        s = td.sin(s) + x[t, :2]
        out[:, t] = s
    return out


def a_part(x):
    n = x.shape[0]
    out = td.zeros((n, 2, 6))
    s = td.ones((3,))
    for t in range(n):
        s = s * 1.5 - 0.5 * x[t]
        out[t, 1, ::2] = s
    return out.sum(axis=0), out


def complex_and_integers(x):
    n = x.shape[0]
    phases = td.zeros((n,), dtype=td.complex64)
    counts = td.zeros((n,), dtype=td.int64)
    z, k = td.asarray(1.0 + 0.5j, dtype=td.complex64), td.asarray(3)
    for t in range(n):
        z = z * (0.9 + 0.1j)
        k = k * 3 % 101
        phases[t] = z
        counts[t] = k - t
    return phases, counts, z, k


def sixteen(x):
    n = x.shape[0]
    out = td.zeros((n, 5), dtype=td.bfloat16)
    s = td.ones((5,), dtype=td.bfloat16)
    for t in range(n):
        s = s * 0.875 + x[t, :5].astype(td.bfloat16)
        out[t] = s
    return out, s


def carried_without_axes(x):
    n = x.shape[0]
    out = td.zeros((n, x.shape[1]))
    s, total = x[0], td.asarray(0.0)
    for t in range(n):
        total = total * 0.5 + x[t, 0]
        s = s * 0.25 + total
        out[t] = s
    return out, total, s


def written_twice(x):
    n = x.shape[0]
    a, b = td.zeros((n,)), td.zeros((n,))
    s = td.asarray(1.0)
    for t in range(n):
        a[t] = s
        s = s * 0.5 + x[t]
        b[t] = s
    return a, b


def from_the_row_before(x):
    v = td.ones(x.shape) * 0.25
    for t in range(1, x.shape[0]):
        v[t] = v[t - 1] + 0.1 * (x[t] - v[t - 1])
    return v


def from_the_last_row_on(x):
    v = x * 1.0
    for t in range(x.shape[0]):
        v[t] = v[t - 1] * 0.5 + 1
    return v


def backwards(x):
    n = x.shape[0]
    v = td.zeros(x.shape)
    for t in range(1, n):
        v[n - 1 - t] = v[n - t] * 0.9 + x[t]
    return v


def where_it_lies(x):
    v, total = x * 2.0, x[0] * 0
    for t in range(x.shape[0]):
        v[t] += 1.5
        total = total * 0.5 + v[t]
        v[t] *= total
    return v, total


def coupled_elements(x):
    n = x.shape[0]
    out = td.full((n, 3), 0.5)
    for t in range(1, n):
        out[t, 0] = out[t - 1, 0] * 0.9 + out[t - 1, 1]
        out[t, 1] = out[t, 0] * 0.5 + x[t] - out[t - 1, 1]
        out[t, 2] += out[t, 1] + out[t, 0]
    return out


def complex_rows(x):
    z = td.zeros((x.shape[0],), dtype=td.complex128) + 1j
    for t in range(1, x.shape[0]):
        z[t] = z[t - 1] * (0.6 + 0.7j) + x[t]
    return z


def verlet(x):
    n = x.shape[0]
    q = td.zeros(x.shape) + 0.5
    for t in range(1, n - 1):
        q[t + 1] = 2.0 * q[t] - q[t - 1] - 0.01 * (q[t] - x[t])
    return q


def delayed(x):
    n = x.shape[0]
    v = x * 0.5
    for t in range(n - 2):
        v[t + 2] = 0.5 * v[t - 1] + v[t] * 0.25 + x[t] + v[t + 2]
    return v


def down_to_the_first(x):
    n = x.shape[0]
    v = x * 1.0
    for t in range(n - 2, -1, -1):
        v[t] = v[t + 1] * 0.5 + x[t]
    return v


def in_steps_of_two(x):
    v = x[:20] * 1.0
    for t in range(2, 20, 2):
        v[t] = v[t - 2] * 0.5 + v[t - 4]
        v[t] += 1.0
    return v


def nested(x):
    out = td.zeros((4, 10))
    for i in range(4):
        s = x[i] * 1.0
        row = td.zeros((10,))
        for t in range(10):
            s = s * 0.5 + t
            row[t] = s
        out[i] = row
    return out


ROWS = [
    neurons, columns, a_part, sixteen, carried_without_axes, from_the_row_before, from_the_last_row_on, backwards,
    where_it_lies, verlet, delayed, in_steps_of_two, down_to_the_first,
]  # fmt: skip
SINGLE = [
    neuron, elements, complex_and_integers, written_twice, from_the_row_before, from_the_last_row_on, backwards,
    where_it_lies, coupled_elements, complex_rows, verlet, delayed, down_to_the_first,
    nested,
]  # fmt: skip


def same(program, x):
    compiled = td.script(program)
    support.assert_same(support.exact_bits(program(x)), support.exact_bits(compiled(x)))
    return compiled


def launches(compiled, x):
    before = td.stats()["launches"]
    compiled(x)
    return td.stats()["launches"] - before


@pytest.mark.parametrize("program", SINGLE, ids=lambda program: program.__name__)
def test_numbers(program):
    compiled = same(program, current(40))
    for n in (3, 17, 40, 101):  # sizes that became symbols
        if program is not nested or n > 3:
            support.assert_same(program(current(n)), compiled(current(n)))
    if program is not nested:
        assert launches(compiled, current(101)) < 8


@pytest.mark.parametrize("width", [3, 16, 70, 200])
@pytest.mark.parametrize("program", ROWS, ids=lambda program: program.__name__)
def test_rows(program, width):
    if program in (a_part, sixteen) and width != 3:
        width = {a_part: 3, sixteen: 5}[program]
    x = current(33, max(width, 5) if program is sixteen else width)
    compiled = same(program, x)
    assert launches(compiled, x) < 8


def test_two_columns_from_the_end():
    assert launches(same(from_the_end, current(30, 2)), current(30, 2)) < 8


def test_no_rounds_and_one():
    for n in (0, 1, 2):

        def steps(x, n=n):
            out, s = td.full((2, 3), 5.0), x[0]
            for t in range(n):
                s = s * 0.5 + x[t]
                out[t] = s
            return out, s

        same(steps, current(3, 3))


def test_an_array_of_the_caller():
    def steps(x, out):
        s = x[0]
        for t in range(x.shape[0]):
            s = s * 0.5 + x[t]
            out[t] = s
        return s

    x = current(20, 4)
    for rows in (20, 25):
        out, other = td.ones((rows, 4)), td.ones((rows, 4))
        compiled = td.script(steps)
        support.assert_same((steps(x, out), out), (compiled(x, other), other))


def test_what_is_no_recording():
    """Reads of other places, places that are no next ones, and writes that meet."""

    def the_whole(x):
        out, s = td.zeros(x.shape), x[0]
        for t in range(x.shape[0]):
            s = s * 0.5 + out.sum(axis=0)
            out[t] = s + 1
        return out

    def every_second(x):
        out = td.zeros(x.shape)
        for t in range(x.shape[0] // 2):
            out[2 * t] = x[t]
        return out

    def the_same(x):
        out = td.zeros(x.shape)
        for t in range(x.shape[0]):
            out[3] = x[t]
        return out

    def meeting(x):
        out = td.zeros((x.shape[0] + 1, x.shape[1]))
        for t in range(x.shape[0]):
            out[t] = x[t]
            out[t + 1] = x[t] * 2
        return out

    def crossing(x):
        out = td.zeros((12, 12))
        for t in range(12):
            out[t, 0] = x[t, 0]
            out[0, t] = x[t, 1]
        return out

    def counted_down(x):
        out, s, t = td.zeros(x.shape), x[0], td.asarray(x.shape[0] - 1)
        while t > 0:
            s = s * 0.5 + x[t]
            out[t] = s
            t = t - 1
        return out, s

    def until(x):
        out, s = td.zeros(x.shape), x[0]
        for t in range(x.shape[0]):
            s = s * 0.5 + x[t]
            out[t] = s
            if s.max() > 40.0:
                break
        return out, s

    def read_in_another_shape(x):
        a, s, v = td.zeros((x.shape[0],)), x[0, 0], x[0] * 0.0
        for t in range(1, x.shape[0]):
            s = s * 0.5 + x[t, 0]
            a[t] = s
            v = v * 0.5 + a[t - 1]
        return a, v

    def from_the_end_when_it_is_written(x):
        v = x[:7] * 1.0
        for t in range(1, 7):
            v[t] = v[t - 8] + 1
        return v

    for program in (
        from_the_end_when_it_is_written,
        read_in_another_shape,
        the_whole,
        every_second,
        the_same,
        meeting,
        crossing,
        counted_down,
        until,
    ):
        same(program, current(12, 70))


def test_gradients():
    def loss(x):
        trace, _, v = neurons(x)
        return (trace * trace).mean() + (v * v).sum() + (elements(x[:, 0])[0] ** 2).sum()

    x = current(15, 6)
    support.assert_same(td.grad(loss)(x), td.script(td.grad(loss))(x))
