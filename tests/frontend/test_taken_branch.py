"""Only the taken branch runs: counted in kernel launches, per line and in all."""

import numpy as np
import pytest

import tandem as td


def tensor(*values):
    return td.asarray(np.array(values, dtype=np.float32))


def launches(compiled, text):
    """How often the kernels have run whose first line in this file holds `text`."""
    with open(__file__) as file:
        numbers = {k for k, line in enumerate(file, 1) if text in line and "launches(" not in line}
    total = 0
    for kernel in compiled.specializations[-1].executable.kernels():
        lines = {line for file, line in kernel["lines"] if file == __file__}
        if lines & numbers:
            total += kernel["launches"]
    return total


def branch_in_a_loop(x, above):
    for k in range(20):
        if x.sum() > above:
            x = td.tanh(x)  # the upper branch
        else:
            x = td.exp(x)  # the lower branch
    return x


@pytest.mark.parametrize("start, above, upper", [(1.0, -1e9, 20), (1.0, float("inf"), 0), (-5.0, 0.0, None)])
def test_if_in_a_loop(start, above, upper):
    compiled = td.script(branch_in_a_loop)
    x, limit = tensor(start, start), tensor(above)[0]
    expected, taken = x, 0
    for _ in range(20):
        taken += bool(expected.sum() > limit)
        expected = td.tanh(expected) if expected.sum() > limit else td.exp(expected)
    compiled(x, limit)
    assert upper is None or taken == upper
    assert launches(compiled, "# the upper branch") == taken
    assert launches(compiled, "# the lower branch") == 20 - taken


def nested(x, a, b):
    if a.sum() > 0:
        if b.sum() > 0:
            y = td.exp(x)  # both
        else:
            y = td.tanh(x)  # a alone
    elif b.sum() > 0:
        y = td.sin(x)  # b alone
    else:
        y = td.cos(x)  # neither
    return y * 2


@pytest.mark.parametrize("a, b, taken", [(1, 1, "both"), (1, -1, "a alone"), (-1, 1, "b alone"), (-1, -1, "neither")])
def test_nested_if(a, b, taken):
    compiled = td.script(nested)
    arguments = tensor(0.5, 2.0), tensor(a), tensor(b)
    np.testing.assert_array_equal(np.asarray(compiled(*arguments)), np.asarray(nested(*arguments)))
    counts = {name: launches(compiled, f"# {name}") for name in ("both", "a alone", "b alone", "neither")}
    assert counts == {name: int(name == taken) for name in counts}


def early(x):
    if x.sum() > 0:
        return x
    for _ in range(10):
        x = td.exp(x)  # after the return
    return x


def test_nothing_runs_after_an_early_return():
    compiled = td.script(early)
    compiled(tensor(1.0, 2.0))
    assert launches(compiled, "# after the return") == 0
    compiled(tensor(-1.0, -2.0))
    assert launches(compiled, "# after the return") == 1  # of a kernel with the loop in it


def operators(x):
    expensive = lambda: td.exp(x).sum() > 0  # the second operand  # noqa: E731
    if x.sum() > 0 and expensive():
        return x * 2
    return x if x.sum() < -10 or expensive() else x - 1


@pytest.mark.parametrize("value, evaluated", [(1.0, 1), (-20.0, 0), (-1.0, 1)])
def test_operators_stop_early(value, evaluated):
    compiled = td.script(operators)
    compiled(tensor(value))
    assert launches(compiled, "# the second operand") == evaluated


def test_the_loop_ends_when_it_is_left():
    def program(x):
        for _ in range(1000):
            x = x + 1
            if x.sum() > 5:
                break
        return x

    compiled = td.script(program)
    compiled(tensor(0.0))
    before = td.stats()["launches"]
    compiled(tensor(0.0))
    few = td.stats()["launches"] - before
    compiled(tensor(-50.0))
    many = td.stats()["launches"] - before - few
    assert 6 <= few < many < 1000


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_a_sum_along_a_short_axis_that_only_an_empty_branch_reads(dtype):
    def program(x):
        if td.mean(x):
            pass
        if td.var(x) > 1:
            pass
        return x + 1

    x = td.asarray([3, -5]).astype(dtype)
    assert td.script(program)(x).tolist() == program(x).tolist()
