"""Cells of a notebook, run by IPython's own shell: sources are found, and a cell that is run again compiles nothing."""

import re
import zlib

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import tandem as td


def kernel_name(raw_code, transformed_code, number):
    """What ipykernel calls the file of a cell; there is no such file."""
    return f"/tmp/ipykernel_1/{zlib.crc32(transformed_code.encode())}.py"


@pytest.fixture(params=["shell", "kernel"])
def run(request):
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False, "hist_file": ":memory:"}))
    if request.param == "kernel":
        shell.compile.get_code_name = kernel_name

    def run_cell(text):
        result = shell.run_cell(text, store_history=True)
        result.raise_error()
        return result.result

    run_cell("import numpy as np\nimport tandem as td\nx = td.ones((3,))")
    yield run_cell
    shell.reset()
    InteractiveShell.clear_instance()


CELL = """\
@td.script
def f(x):
    y = x * 1.25
    if y.sum() > 0:
        return td.exp(y) + y
    return y - 1
"""


def compiled():
    return td.stats()["compiled"]


def test_cells_are_captured(run):
    run(CELL)
    np.testing.assert_array_equal(np.asarray(run("f(x)")), np.asarray(run("f.eager(x)")))
    np.testing.assert_array_equal(np.asarray(run("f(-x)")), np.asarray(run("f.eager(-x)")))
    assert run("g = td.script(lambda x: x * 2 if x.sum() > 0 else x)\ng(-x).tolist()") == [-1.0] * 3


def test_running_a_cell_again_compiles_and_captures_nothing(run):
    run(CELL)
    expected = run("f(x).tolist()")
    before, captures = compiled(), run("f.stats()['captures']")
    for _ in range(3):
        run(CELL)
        assert run("f(x).tolist()") == expected
    assert compiled() == before
    assert run("f.stats()['captures']") == captures == 1
    assert run("f(td.ones((5,))).shape") == (5,)  # what is captured from now on belongs to all of them
    run(CELL)
    assert run("f(td.ones((6,))).shape") == (6,) and run("f.stats()['captures']") == 2


def test_a_changed_cell_is_captured_again(run):
    run(CELL)
    run("f(x)")
    run(CELL.replace("1.25", "1.5"))
    np.testing.assert_array_equal(np.asarray(run("f(x)")), np.asarray(run("f.eager(x)")))
    assert run("f.stats()['captures']") == 1
    run(CELL)
    np.testing.assert_array_equal(np.asarray(run("f(x)")), np.asarray(run("f.eager(x)")))


def test_a_cell_that_reads_others_sees_what_they_say_now(run):
    run("scale = 2.0\ndef helper(x):\n    return x * scale")
    cell = "@td.script\ndef f(x):\n    return helper(x) + 1"
    run(cell)
    assert run("f(x).tolist()") == [3.0] * 3
    run("scale = 4.0")
    run(cell)
    assert run("f(x).tolist()") == [5.0] * 3
    run("def helper(x):\n    return x - scale")
    run(cell)
    assert run("f(x).tolist()") == [-2.0] * 3
    before = compiled()
    run("def helper(x):\n    return x - scale")  # another function of the same text: new capture, same kernels
    run(cell)
    assert run("f(x).tolist()") == [-2.0] * 3 and compiled() == before


def test_defaults_and_closures_are_not_taken_over(run):
    cell = "@td.script\ndef f(x, n=k):\n    return x * n"
    run("k = 2.0")
    run(cell)
    assert run("f(x).tolist()") == [2.0] * 3
    run("k = 3.0")
    run(cell)
    assert run("f(x).tolist()") == [3.0] * 3
    cell = "def make(k):\n    @td.script\n    def f(x):\n        return x * k\n    return f\nf = make(m)"
    run("m = 2.0")
    run(cell)
    assert run("f(x).tolist()") == [2.0] * 3
    run("m = 3.0")
    run(cell)
    assert run("f(x).tolist()") == [3.0] * 3


def test_methods_in_a_cell(run):
    cell = """\
class Model:
    def __init__(self, k):
        self.k = k

    @td.script
    def __call__(self, x):
        return x * self.k if x.sum() > 0 else x
model = Model({k})
"""
    run(cell.format(k=2.0))
    assert run("model(x).tolist()") == [2.0] * 3
    before = compiled()
    run(cell.format(k=2.0))
    assert run("model(x).tolist()") == [2.0] * 3 and compiled() == before
    run(cell.format(k=3.0))
    assert run("model(x).tolist()") == [3.0] * 3


def test_errors_point_into_the_cell(run):
    run("@td.script\ndef f(x):\n    y = x * 2\n    return y + td.ones((4,))")
    with pytest.raises(td.ShapeError) as caught:
        run("f(x)")
    first, place, source, caret = str(caught.value).splitlines()
    assert first.startswith("add: got shapes [3] and [4]; need ")
    assert re.fullmatch(r"  --> Cell In\[\d+\]:4:12", place)
    assert (source, caret) == ("   | return y + td.ones((4,))", "   |        ^^^^^^^^^^^^^^^^^")


def test_a_magic_does_not_get_in_the_way(run):
    assert run("%time f = td.script(lambda x: x * 2 if x.sum() > 0 else x)\nf(x).tolist()") == [2.0] * 3


def test_reports_name_the_cell(run):
    run(CELL)
    run("f(x)")
    text = run("str(f.explain())")
    assert re.search(r"kernel: .*lines=Cell In\[\d+\]:3", text) and "ipykernel" not in text and "<string>" not in text
