"""One failing program per error (cases/*.txt): the whole message, and a traceback of the user's own lines only.

A case is `## title`, a program, a line `---` and what Python prints for the exception, without the folder of the file.
"""

import linecache
import os
import traceback
from pathlib import Path

import pytest

import tandem as td

HEAD = "import numpy as np\nimport tandem as td\n\n"
PACKAGE = os.path.dirname(os.path.abspath(td.__file__))
TOPICS = sorted(Path(__file__).parent.joinpath("cases").glob("*.txt"))
LONGEST = 12


def read(file):
    for block in ("\n" + file.read_text()).split("\n## ")[1:]:
        title, _, rest = block.partition("\n")
        program, _, message = rest.partition("---\n")
        yield pytest.param(program, message.strip("\n"), id=f"{file.stem}: {title}")


CASES = [case for file in TOPICS for case in read(file)]


def shown(error, folder):
    name = type(error).__qualname__ if type(error).__module__ == "builtins" else f"tandem.{type(error).__qualname__}"
    return f"{name}: {error}".replace(f"{folder}{os.sep}", "")


@pytest.mark.parametrize(("program", "message"), CASES)
def test_message(program, message, tmp_path):
    file = tmp_path / "case.py"
    file.write_text(HEAD + program)
    linecache.checkcache(str(file))
    with pytest.raises(Exception) as caught:
        exec(compile(HEAD + program, str(file), "exec"), {"__name__": "case"})
    assert shown(caught.value, tmp_path) == message
    assert len(message.splitlines()) <= LONGEST
    printed = "".join(traceback.format_exception(caught.value))
    assert PACKAGE not in printed and 'File "<string>"' not in printed, printed


@pytest.mark.parametrize(("program", "message"), CASES)
def test_a_located_message_points_at_its_line(program, message):
    """What stands above the caret is that line of the program, and the column is that of the caret."""
    where = [line for line in message.splitlines() if line.startswith("  --> case.py:")]
    if not where:  # Python's own traceback says where an error of eager code, or of an annotation, comes from
        assert len(message.splitlines()) == 1
        return
    line, column = map(int, where[0].removeprefix("  --> case.py:").split(":"))
    text, carets = message.splitlines()[-2:]
    source = (HEAD + program).splitlines()[line - 1]
    assert text == f"   | {source.strip()}"
    marked = carets.removeprefix("   | ")
    assert marked.strip("^ ") == "" and "^" in marked
    assert len(marked) - len(marked.lstrip()) == column - 1 - (len(source) - len(source.lstrip()))


def test_there_is_one_case_for_each_error():
    assert len(CASES) >= 70
    assert len({case.id for case in CASES}) == len(CASES)
    for topic in TOPICS:
        assert topic.read_text().count("\n---\n") == len(list(read(topic))), topic


# ---- fallback=True: a warning, once, at the user's line ----


def test_fallback_warns_once_and_runs_eagerly(tmp_path):
    file = tmp_path / "case.py"
    file.write_text(HEAD + "@td.script(fallback=True)\ndef f(x):\n    y = x * 2\n    return y * float(y.sum())\n")
    scope = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    f, x = scope["f"], td.ones((3,))
    with pytest.warns(RuntimeWarning) as warned:
        results = [f(x).tolist() for _ in range(3)]
    assert results == [[12.0] * 3] * 3
    assert [str(w.message).replace(f"{tmp_path}{os.sep}", "") for w in warned] == [
        "f runs eagerly, because it cannot be captured:\n"
        "float: got the value of a f32[] tensor (made at case.py:7) while the function is being captured; need code "
        "that does not look at values; try computing with the tensor itself, which 'if', 'while', 'for' and range() "
        "take as it is, or td.where\n"
        "  --> case.py:7:16\n"
        "   | return y * float(y.sum())\n"
        "   |            ^^^^^^^^^^^^^^"
    ]
    assert (warned[0].filename, warned[0].lineno) == (str(file), 7)
    assert f.stats()["fallbacks"] == 3
    assert "runs eagerly" in f.explain()


def test_fallback_does_not_hide_other_errors():
    f = td.script(fallback=True)(lambda x, y: x @ y)
    with pytest.raises(td.ShapeError, match="^matmul: got shapes"):
        f(td.ones((2, 3)), td.ones((2, 3)))
