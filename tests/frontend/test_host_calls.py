"""`print`, `assert`, `raise` and f-strings of tensors run in the compiled program, in order, as in eager code."""

import traceback

import hosted_programs as programs
import numpy as np
import pytest

import tandem as td


def tensor(*values):
    return td.asarray(np.array(values, dtype=np.float32))


def outcome(function, capsys, *args):
    """What a call prints, returns or raises."""
    capsys.readouterr()
    try:
        result = np.asarray(function(*args)).tolist()
    except Exception as error:
        result = (type(error), error.args, str(error.__cause__))
    return capsys.readouterr().out, result


PROGRAMS = [
    function for name, function in vars(programs).items() if callable(function) and name not in ("helper", "td")
]
INPUTS = [(1.0, 2.0), (-1.0, -2.0), (-9.0, 30.0), (60.0, 1.0), (2.0, 0.0)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_as_in_eager_code(program, capsys):
    compiled = td.script(program)
    for values in INPUTS:
        expected = outcome(program, capsys, tensor(*values))
        assert outcome(compiled, capsys, tensor(*values)) == expected
    assert compiled.stats()["captures"] == 1
    # Other sizes, the same program for both.
    for size in (3, 5):
        values = np.linspace(1, 2, size)
        assert outcome(compiled, capsys, tensor(*values)) == outcome(program, capsys, tensor(*values))


def test_loops_with_them_stay_loops():
    compiled = td.script(programs.prints_in_order)
    compiled(tensor(20.0, 1.0))
    assert compiled.ir("captured").count("= while") == 2


@pytest.mark.parametrize(
    ("program", "values"),
    [(programs.checks, (-9.0, 1.0)), (programs.raises, (-1.0, 0.0)), (programs.raises_in_a_helper, (2.0, 0.0))],
)
def test_the_traceback_shows_the_line(program, values):
    compiled = td.script(program)
    for _ in range(2):
        with pytest.raises(Exception) as caught:
            compiled(tensor(*values))
        frames = traceback.extract_tb(caught.tb)
        with pytest.raises(Exception) as eager:
            program(tensor(*values))
        wanted = traceback.extract_tb(eager.tb)[-1]
        assert (frames[-1].filename, frames[-1].lineno, frames[-1].name) == (
            wanted.filename,
            wanted.lineno,
            wanted.name,
        )
        assert not any(
            "/tandem/" in frame.filename.replace("/tests/", "") and "python/tandem" in frame.filename
            for frame in frames
        )


def test_printed_tensors_are_copies():
    @td.script
    def f(x):
        y = x * 2
        assert y.sum() < 100, y
        return y + 1

    with pytest.raises(AssertionError) as caught:
        f(tensor(90.0, 90.0))
    f(tensor(1.0, 1.0))
    assert np.asarray(caught.value.args[0]).tolist() == [180.0, 180.0]


def test_text_cannot_be_used_while_its_tensors_have_no_values():
    @td.script
    def f(x):
        names = {f"{x.sum()}": 1}
        return x * len(str(names))

    with pytest.raises(td.CaptureError, match=r"(?s)f-string: got a use of its text.*test_host_calls.py"):
        f(tensor(1.0))
