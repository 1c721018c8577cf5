"""Loops in which everything happens element by element run in kernels: the same bits, and fewer launches."""

import numpy as np
import pytest
from frontend_support import exact_bits as bits

import tandem as td

rng = np.random.default_rng(3)
MATRIX = rng.standard_normal((37, 50)).astype(np.float32)


def check(function, *arguments, loops=True):
    """Compiled code gives what eager code gives; its kernels have loops, or not."""
    scripted = td.script(function)
    assert bits(scripted(*arguments)) == bits(function(*arguments))
    assert ("\n loop %" in scripted.ir("kernels")) == loops
    return scripted


def euler(x, rounds, dt):
    t = td.asarray(0.0)
    for _ in range(rounds):
        x = x + dt * td.sin(x + t)
        t = t + dt
    return x, t


@pytest.mark.parametrize("rounds", [0, 1, 2, 63, 64, 65, 200])
def test_any_number_of_rounds(rounds):
    scripted = td.script(lambda x, dt: euler(x, rounds, dt))
    x, dt = td.asarray(MATRIX), td.asarray(0.1)
    assert bits(scripted(x, dt)) == bits(euler(x, rounds, dt))
    # Short loops are unrolled when they are captured.
    assert ("\n loop %" in scripted.ir("kernels")) == (rounds >= 63)


def test_sixty_four_rounds_are_one_launch_for_each_shape():
    x = td.asarray(MATRIX)
    scripted = td.script(lambda x: euler(x, 200, 0.1))
    scripted(x)
    before = td.stats()["launches"]
    scripted(x)
    portions = 4  # of 64, 64, 64 and 8 rounds
    assert td.stats()["launches"] - before <= 3 * (portions + 1) + 3


@pytest.mark.parametrize("shape", [(), (1,), (15,), (16, 1), (3, 700), (0, 4)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32", "uint8", "complex64"])
def test_dtypes_and_shapes(dtype, shape):
    def steps(x, y):
        for k in range(40):
            x = td.where(x == y, x * 2, x * 3 - y) + k % 2
        return x

    x, y = (td.asarray(rng.integers(1, 9, shape)).astype(dtype) for _ in range(2))
    check(steps, x, y)


@pytest.mark.parametrize("view", [lambda x: x.T, lambda x: x[:, ::2], lambda x: x[::-1], lambda x: x[:0]])
def test_rows_are_added_to_views(view):
    def steps(x, row):
        for k in range(100):
            x = x * 0.9 + row + k
        return x

    x = view(td.asarray(MATRIX))
    check(steps, x, x[:1][0] if x.shape[0] else td.ones(x.shape[1]))


def test_a_condition_may_be_computed():
    def newton(a):
        y, error, steps = a, td.asarray(1.0), 0
        while error > 1e-6:
            z = 0.5 * (y + a / y)
            error, y, steps = td.abs(z - y), z, steps + 1
        return y, steps

    scripted = check(newton, td.asarray(2.0))
    assert scripted(td.asarray(2.0))[1] == newton(td.asarray(2.0))[1] == 5


def test_lanes_leave_a_set_at_their_own_time():
    def escape(z, c):
        steps = td.zeros(z.shape, dtype=td.int32)
        for _ in range(50):
            inside = td.abs(z) < 2
            z = td.where(inside, z * z + c, z)
            steps = steps + inside.astype(td.int32)
        return z, steps

    z = td.asarray((rng.standard_normal((9, 5)) + 1j * rng.standard_normal((9, 5))).astype(np.complex64))
    check(escape, z, z * 0.1)


def test_sizes_are_symbols():
    def steps(x):
        for _ in range(70):
            x = td.tanh(x) + x.shape[0]
        return x

    scripted = td.script(steps)
    for size in (5, 6, 70, 1, 0):
        x = td.asarray(MATRIX[0, :1].repeat(size))
        assert bits(scripted(x)) == bits(steps(x))


def test_branches_are_chosen_from():
    def chosen(x, flag):
        for k in range(40):
            if flag > k:
                x = x + 1
        return x

    check(chosen, td.asarray(MATRIX), td.asarray(20))


def test_sums_and_shifts_keep_their_steps():
    def summed(x):
        for _ in range(40):
            x = x / (1 + x.max())
        return x

    def shifted(x):
        for _ in range(40):
            x = x * 0.5 + x[::-1]
        return x

    x = td.asarray(MATRIX)
    check(summed, x, loops=False)
    check(shifted, x, loops=False)


def test_rounds_read_rows():
    def picked(x, rows):
        for row in rows:
            x = x * 0.5 + row
        return x

    def recurrence(a, b):
        h = b[0] * 0
        for t in range(a.shape[0]):
            h = a[t] * h + b[-1 - t]
        return h

    def columns(x, table):
        for t in range(40):
            x = x * 0.5 + table.T[t]
        return x

    rows = td.asarray(rng.standard_normal((70, 37, 50)).astype(np.float32))
    check(picked, td.asarray(MATRIX), rows)
    check(recurrence, rows, rows * 0.5)
    check(recurrence, rows[:, 3, 5], rows[:, 4, 5])  # scalars
    check(columns, td.asarray(MATRIX[:, 0]), rows[0])
    scripted = check(recurrence, rows, rows)
    before = td.stats()["launches"]
    scripted(rows, rows)
    assert td.stats()["launches"] - before < 20


def test_rounds_read_tables():
    def interpolated(x, values):
        for k in range(40):
            place = td.clip(td.floor(x), 0, 30).astype(td.int32)
            share = x - place.astype(x.dtype)
            x = 10 + values[place] * (1 - share) + values[place + 1] * share
        return x

    def chain(state, table):
        total = state * 0
        for k in range(50):
            state = table[state, k % 3]
            total = total + state
        return state, total

    check(interpolated, td.asarray(MATRIX), td.asarray(rng.standard_normal(32).astype(np.float32)))
    check(chain, td.asarray(rng.integers(0, 4, (5, 33))), td.asarray(rng.integers(0, 4, (4, 3))), loops=False)


def test_places_out_of_bounds_are_errors():
    def walk(i, table):
        for _ in range(40):
            i = table[i]
        return i

    table = td.asarray(np.arange(1, 51))
    check(walk, td.arange(5), table)
    with pytest.raises(IndexError, match="got 50 for axis 0 of size 50"):
        td.script(walk)(td.arange(15), table)


def test_gradients_go_through():
    def loss(x):
        for _ in range(40):
            x = x - 0.1 * td.sin(x)
        return (x * x).sum()

    x = td.asarray(MATRIX)
    assert bits(td.script(td.grad(loss))(x)) == bits(td.grad(loss)(x))


def test_fast_numerics_leave_loops_alone():
    def steps(x):
        for _ in range(40):
            x = x * 0.9 + 0.1
        return x

    x = td.asarray(MATRIX)
    fast = td.script(steps, numerics="fast")
    np.testing.assert_allclose(np.asarray(fast(x)), np.asarray(steps(x)), rtol=1e-6)


def test_saved_programs_have_them(tmp_path):
    scripted = td.script(lambda x, dt: euler(x, 100, dt))
    arguments = td.asarray(MATRIX), td.asarray(0.1)
    td.save(scripted, tmp_path / "euler.tdm", arguments)
    for target in ("interpreter", td._core.cpu_levels()[-1]):
        loaded = td.archive.load(tmp_path / "euler.tdm", target)
        assert bits(tuple(loaded(*arguments))) == bits(euler(arguments[0], 100, arguments[1]))


@pytest.mark.parametrize("start", [0.0, -0.0])
@pytest.mark.parametrize("reach", [0.1, 3.0, np.inf])
def test_rounds_end_where_no_element_changes_any_more(start, reach):
    def orbit(x, reach):
        re, steps, total = x * 0, x * 0 + start, td.zeros((), dtype=td.int64)
        for k in range(300):
            inside = re * re <= reach
            re = td.where(inside, re * re + x, re)
            steps = steps + td.where(inside, 1.0, 0.0)
            total = total + k
        return re, steps, total

    check(orbit, td.asarray(MATRIX), td.asarray(np.float32(reach)))


def test_rounds_go_on_where_a_later_one_may_change_something():
    def wakes(x):
        y = x * 0
        for k in range(200):
            late = (y < 3) & (x > 0.1 * k - 4)
            early = (y < 3) & (x < 0.1 * k - 4)
            y = td.where(early, y + 1, y)
            y = td.where(late, y * 0.5, y)
        return y

    check(wakes, td.asarray(MATRIX))
