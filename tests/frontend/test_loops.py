"""Which loops stay loops, and what `explain` says about the others."""

import itertools

import frontend_support as support
import numpy as np
import pytest

import tandem as td

X = np.linspace(-1, 2, 5, dtype=np.float32)


def explained(program, array=X):
    compiled = td.script(program)
    support.check(program, compiled, array)
    return compiled.explain()


def test_long_range_is_kept():
    def program(x):
        for k in range(30):
            x = x * 0.5 + k
        return x

    assert "'for' kept as a loop (30 iterations)" in explained(program)


def test_short_range_is_unrolled():
    def program(x):
        for k in range(7):
            x = x * 0.5 + k
        return x

    assert "'for' unrolled 7 times: fewer than 8 iterations" in explained(program)


@pytest.mark.parametrize(
    "reason",
    ["calls '.append()'", "sets the attribute 'value'", "holds a 'try' statement", "'n' is a Python number"],
)
def test_reasons_to_unroll(reason):
    class Box:
        value = None

    def append(x):
        out = []
        for k in range(9):
            out.append(x * k + len(out))
        return out[3] + out[8]

    def attribute(x):
        box = Box()
        for _ in range(9):
            box.value = x
        return box.value

    def attempts(x):
        for _ in range(9):
            try:
                x = x + 1
            finally:
                x = x * 0.5
        return x

    def number(x):
        n = 1
        for _ in range(9):
            n = n * 2
        return x.reshape((1, -1)) * n

    programs = {"calls": append, "sets": attribute, "holds": attempts, "'n'": number}
    text = explained(programs[reason.split()[0]])
    assert "unrolled 9 times" in text and reason in text


def test_changing_type_is_unrolled():
    def program(x):
        y = x
        for _ in range(8):
            y = td.stack([y, y])
        return y.sum()

    assert "unrolled 8 times" in explained(program, X[:1])


def test_unknown_effects_are_unrolled():
    count = itertools.count().__next__

    def program(x):
        for _ in range(10):
            x = x + count()
        return x

    compiled = td.script(program)
    got = np.asarray(compiled(td.asarray(X.copy())))
    assert count() == 10
    np.testing.assert_allclose(got, X + 45)
    assert "unrolled 10 times: it calls '__next__', whose effects are not known" in compiled.explain()


def test_value_set_in_the_first_iteration():
    def program(x):
        best = None
        for k in range(12):
            y = x * k
            best = y if best is None else td.maximum(best, y)
        return best, y, k

    assert "kept as a loop (12 iterations)" in explained(program)


def test_a_range_over_a_tensor_is_always_a_loop():
    def program(x):
        n = (x > 0).sum()
        for i in range(2, n + 5, 2):
            x = x + i
        return x

    assert "length known at run time" in explained(program)


def test_tensors_of_many_rows_stay_loops():
    def program(x):
        total = x[0] * 0
        for row in x:
            total = total * 0.5 + row
        return total

    rows = np.arange(24, dtype=np.float32).reshape(12, 2)
    assert "kept as a loop (12 iterations)" in explained(program, rows)
    assert "unrolled 3 times" in explained(program, rows[:3])


def test_nested_trials():
    def program(x):
        out = x * 0
        for i in range(9):
            scratch = []
            for j in range(10):
                scratch.append(x * j)
            out = out + scratch[i % 3]
        return out

    support.check(program, td.script(program), X)


def test_loop_variable_may_be_rebound():
    def program(x):
        for i in range(10):
            x = x + i
            i = i * 2
        return x + i

    support.check(program, td.script(program), X)


def test_empty_and_single_ranges():
    def program(x):
        for k in range(0):
            x = x * k
        for k in range(1):
            x = x + k + 1
        return x

    support.check(program, td.script(program), X)


def test_stop_iteration_semantics_of_other_iterables():
    def program(x):
        for scale in (value for value in [1.0, 2.0, 4.0] if value > 1):
            x = x * scale
        for name, value in {"a": 1.0, "b": 2.0}.items():
            x = x + value if name == "a" else x - value
        return x

    support.check(program, td.script(program), X)


def test_first_iteration_writes_into_the_argument():
    def program(x):
        for k in range(10):
            x += k
            x = x * 2
        return x

    assert "writes into it and then assigns it" in explained(program)
