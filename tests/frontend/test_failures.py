"""What a program leaves behind when an exception ends it: all that eager code would have done before it, no more."""

import gc
import re
import weakref

import numpy as np
import pytest
from failing_programs import BOX, INDEXED, LOG, PROGRAMS, Box

import tandem as td


def tensor(*values):
    return td.asarray(np.array(values, dtype=np.float32))


def shown(value):
    if isinstance(value, td.Tensor):
        return np.asarray(value).tolist()
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, (list, tuple)) else value


def outcome(function, make, calls, capsys):
    """What some calls return or raise, print, and leave in their arguments, in BOX and in LOG."""
    vars(BOX).update(vars(Box()))
    LOG.clear()
    capsys.readouterr()
    found = []
    for values in calls:
        args = make(*values)
        try:
            result = shown(function(*args))
        except Exception as error:
            result = (type(error).__name__, str(error).split("\n")[0].partition(": ")[0])
        found.append((result, shown(args), shown(vars(BOX)), shown(LOG), capsys.readouterr().out))
    return found


def vector_and_number(values, number):
    return tensor(*values), td.asarray(number)


CALLS = [((1.0, 2.0), 3), ((1.0, 2.0), -1), ((-1.0, -2.0), -1), ((1.0, 2.0), 9), ((5.0, 1.0), 0), ((0.0, 0.0), 0)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_as_in_eager_code(program, capsys):
    expected = outcome(program, vector_and_number, CALLS, capsys)
    assert any(isinstance(result, tuple) for result, *_ in expected)
    compiled = td.script(program)
    assert outcome(compiled, vector_and_number, CALLS, capsys) == expected
    assert compiled.stats()["captures"] <= 2


def test_contents_of_arguments(capsys):
    def program(values, state, y):
        values.append(state["x"] * 2)
        state["x"] = state["x"] + 1
        if y < 0:
            raise ValueError("negative")
        values[0] = y
        return y

    def make(number):
        return [tensor(1.0)], {"x": tensor(2.0)}, td.asarray(number)

    calls = [(1,), (-1,), (2,)]
    assert outcome(td.script(program), make, calls, capsys) == outcome(program, make, calls, capsys)


def indexed(values, indices):
    return tensor(*values), td.asarray(np.array(indices))


@pytest.mark.parametrize("program", INDEXED, ids=lambda f: f.__name__)
def test_an_index_out_of_bounds(program, capsys):
    calls = [((1.0, 2.0, 3.0), (0, 2)), ((1.0, 2.0, 3.0), (0, 5)), ((-1.0, 2.0, -3.0), (0, -4))]
    calls += [((1.0, 2.0, 3.0, 4.0), (1, 3)), ((1.0, 2.0, 3.0, 4.0), (1, 4)), ((1.0, 2.0, 3.0, 4.0), (1, 3))]
    expected = outcome(program, indexed, calls, capsys)
    assert isinstance(expected[1][0], tuple)
    compiled = td.script(program)
    found = outcome(compiled, indexed, calls, capsys)
    # An element's index is a Python number in eager code, which says so in its message.
    strip = lambda rows: [(r[:1] if isinstance(r, tuple) else r, *rest) for r, *rest in rows]  # noqa: E731
    assert strip(found) == strip(expected)


def test_nothing_is_checked_twice():
    @td.script
    def f(x, i):
        return x[i] * 2

    f(tensor(1, 2, 3), td.asarray([0, 1]))
    checks = re.compile(r"^\s*(\S+ = )?check\w* ", re.MULTILINE)  # not a folder of that name in a line's origin
    assert checks.search(f.ir("captured"))
    assert not checks.search(f.ir("program"))


def test_a_checked_write_stays_in_place():
    @td.script
    def f(x, i):
        x[i] = x[i] + 1
        return x.sum()

    f(tensor(1, 2, 3), td.asarray(1))
    before = td.stats()
    f(tensor(1, 2, 3), td.asarray(1))
    assert td.stats()["copies"] - before["copies"] == 1  # of the element alone


def test_what_a_failure_changes_keeps_nothing_alive():
    class Model:
        def __init__(self):
            self.count = 0
            self.forward = td.script(self.forward)

        def forward(self, x):
            self.count += 1
            assert x.sum() > 0
            return x

    model = Model()
    model.forward(tensor(1.0))
    with pytest.raises(AssertionError):
        model.forward(tensor(-1.0))
    assert model.count == 2
    kept = weakref.ref(model)
    del model
    gc.collect()
    assert kept() is None


def test_an_argument_that_holds_the_old_contents_of_another_when_it_fails():
    def f(a, b, x, i):
        b[...] = a
        a *= 0
        return td.take(x, i)

    for function in (f, td.script(f)):
        a, b = tensor(1, 2), tensor(3, 4)
        with pytest.raises(IndexError):
            function(a, b, tensor(1, 1, 1), td.asarray([7]))
        assert (a.tolist(), b.tolist()) == ([0, 0], [1, 2])
