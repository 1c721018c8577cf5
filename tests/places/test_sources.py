"""@td.script and @td.trace where Python code may come from: files, archives, the command line, prompts, exec."""

import importlib
import os
import pty
import py_compile
import select
import subprocess
import sys
import textwrap
import time
import zipfile

import pytest

import tandem as td

PROGRAM = """\
import tandem as td

def double(x):
    return x * 2 if x.min() > 0 else x * 3

@td.script
def f(x):
    if x.sum() > 0:
        return double(x)
    return x - 1

class Model:
    @td.script
    def __call__(self, x):
        while x.sum() < 100:
            x = x * 2
        return x

g = td.script(lambda x: x + 1 if x.sum() > 0 else x)
h = td.trace(lambda x: x + 1)
x = td.ones((3,))
print([v.tolist() for v in (f(x), f(-x), Model()(x), g(x), g(-x), h(x))])
"""
EXPECTED = (
    "[[2.0, 2.0, 2.0], [-2.0, -2.0, -2.0], [64.0, 64.0, 64.0], [2.0, 2.0, 2.0], [-1.0, -1.0, -1.0], [2.0, 2.0, 2.0]]"
)


def python(*arguments, text=None, stdin=None, folder=None, path=None, code=0):
    """What a fresh Python prints, or the end of its traceback for another exit status."""
    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([environment.get("PYTHONPATH", ""), str(path)])
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        input=text,
        stdin=stdin,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.strip() if code == 0 else done.stderr


def test_eager_gives_the_same():
    scope = {}
    text = PROGRAM.replace("@td.script", "").replace("td.script(", "(").replace("td.trace(", "(")
    exec(text.rsplit("print", 1)[0], scope)
    x = td.ones((3,))
    results = [scope["f"](x), scope["f"](-x), scope["Model"]()(x), scope["g"](x), scope["g"](-x), scope["h"](x)]
    assert str([value.tolist() for value in results]) == EXPECTED


def test_script_file(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    assert python(tmp_path / "program.py") == EXPECTED


def test_module_run_with_m_and_imported(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(PROGRAM)
    assert python("-m", "package", folder=tmp_path) == EXPECTED
    assert python("-c", "import package.__main__", path=tmp_path) == EXPECTED


@pytest.mark.parametrize("arguments", [("-c", PROGRAM), ("-c" + PROGRAM,), ("-B", "-c", PROGRAM, "more", "arguments")])
def test_command_line(arguments):
    assert python(*arguments) == EXPECTED


def test_guards_of_helpers_on_the_command_line():
    program = """
        import tandem as td
        scale = 2
        def helper(x):
            return x * scale
        @td.script
        def f(x):
            return helper(x) + 0
        x = td.ones((2,))
        print(f(x).tolist())
        scale = 5
        print(f(x).tolist())
    """
    assert python("-c", textwrap.dedent(program)).split("\n") == ["[2.0, 2.0]", "[5.0, 5.0]"]


def test_dataclasses_on_the_command_line():
    program = """
        import dataclasses
        import tandem as td
        @dataclasses.dataclass
        class Pair:
            a: td.Tensor
            n: int = 2
        @td.script
        def f(x):
            pair = Pair(x * 2)
            return Pair(pair.a * pair.n if pair.a.sum() > 0 else pair.a, 3)
        print(f(td.ones((2,))).a.tolist(), f(td.ones((2,))) == f(td.ones((2,))).n)
    """
    assert python("-c", textwrap.dedent(program)) == "[4.0, 4.0] False"


def test_standard_input_from_a_file(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    with open(tmp_path / "program.py") as file:
        assert python(stdin=file) == EXPECTED


def test_standard_input_from_a_pipe_says_why_it_cannot():
    error = python(text=PROGRAM, code=1)
    assert "tandem.CaptureError: truth value: got the value of a bool[] tensor (made at <stdin>:8)" in error
    assert "try defining 'f' in a file, a notebook or at a prompt: the source of <stdin> is not available" in error
    traced = "import tandem as td\nprint(td.trace(lambda x: x * 2)(td.ones((2,))).tolist())\n"
    assert python(text=traced) == "[2.0, 2.0]"


@pytest.mark.parametrize("compressed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives(tmp_path, compressed):
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w", compressed) as file:
        file.writestr("inside.py", PROGRAM)
        file.writestr("package/__init__.py", PROGRAM)
        file.writestr("__main__.py", PROGRAM)
    assert python(archive) == EXPECTED
    assert python("-c", "import inside", path=archive) == EXPECTED
    assert python("-c", "import package", path=archive) == EXPECTED


def test_compiled_file_without_source(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    py_compile.compile(str(tmp_path / "program.py"), cfile=str(tmp_path / "program.pyc"))
    os.remove(tmp_path / "program.py")
    error = python("-c", "import program", path=tmp_path, code=1)
    assert "try defining 'f' in a file" in error and "is not available" in error


# ---- exec ----


def test_exec_of_a_literal_and_of_a_variable():
    literal, variable = {"td": td}, {"td": td}
    exec("@td.script\ndef f(x):\n    return x * 2 if x.sum() > 0 else x\n", literal)
    text = "\n".join(["@td.script", "def f(x):", "    return x * 5 if x.sum() > 0 else x"])
    exec(text, variable)
    x = td.ones((2,))
    assert literal["f"](x).tolist() == [2.0, 2.0] and literal["f"](-x).tolist() == [-1.0, -1.0]
    assert variable["f"](x).tolist() == [5.0, 5.0] and variable["f"](-x).tolist() == [-1.0, -1.0]


def test_exec_in_a_function_that_is_given_the_text():
    def run(program, scope):
        exec(compile(program, "<generated>", "exec"), scope)
        return scope["f"]

    f = run("def helper(x):\n    return x if x.sum() > 0 else -x\ndef f(x):\n    return helper(x) + 1\n", {"td": td})
    # Annotated when the text is gone from all frames but this one's constants.
    assert td.script(f)(-td.ones((2,))).tolist() == [2.0, 2.0]


def test_eval_of_a_lambda():
    f = eval("td.script(lambda x: x * 2 if x.sum() > 0 else x)")
    assert f(td.ones((2,))).tolist() == [2.0, 2.0] and f(-td.ones((2,))).tolist() == [-1.0, -1.0]


def test_texts_with_one_name_are_told_apart():
    """Same names, lines and shapes of code: only the very text that a function was compiled from is taken."""
    functions = []
    texts = [f"def f(x):\n    return x * {k}.0 if x.sum() > {k} else x + {k}.0\n" for k in range(5)]
    for text in texts:
        scope = {}
        exec(text, scope)
        functions.append(td.script(scope["f"]))
    x = td.ones((3,))
    for k, f in enumerate(functions):
        assert f(x).tolist() == f.eager(x).tolist() == ([3.0 * 0 + k] * 3 if k < 3 else [1.0 + k] * 3)


def test_exec_of_text_that_nobody_holds(tmp_path):
    program = tmp_path / "program.txt"
    program.write_text("\n".join(["def f(x):", "    if x.sum() > 0:", "        return x * 2", "    return x"]))
    scope = {}
    exec(program.read_text(), scope)
    with pytest.raises(td.CaptureError, match="try defining 'f' in a file") as caught:
        td.script(scope["f"])(td.ones((2,)))
    assert "  --> <string>:2:8" in str(caught.value)
    # Tracing needs no text, and neither does a function without tensor conditions.
    exec("\n".join(["def g(x):", "    return x * 2"]), scope)
    assert td.trace(scope["g"])(td.ones((2,))).tolist() == [2.0, 2.0]
    assert td.script(scope["g"])(td.ones((2,))).tolist() == [2.0, 2.0]


# ---- files that change ----


def test_a_file_that_was_edited_after_the_import(tmp_path, monkeypatch):
    """Same name, same line: the new text must not stand for the old code."""
    file = tmp_path / "edited_module.py"
    text = "def f(x):\n    return x * 2 if x.sum() > 0 else x\n"
    file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("edited_module")
    file.write_text(text.replace("x * 2", "x * 7"))
    with pytest.raises(td.CaptureError, match="edited_module.py changed since it was imported"):
        td.script(module.f)(td.ones((2,)))
    file.write_text("# a new first line\n" + text.replace("x * 2", "x * 7"))
    os.utime(file, (time.time() + 10, time.time() + 10))  # or the compiled file would count as fresh
    import linecache

    linecache.checkcache(str(file))
    importlib.reload(module)
    assert td.script(module.f)(td.ones((2,))).tolist() == [7.0, 7.0]


def test_two_files_with_the_same_function_at_the_same_line(tmp_path):
    """Their code is equal, but errors name the right file."""
    functions = []
    for name in ("one", "two"):
        file = tmp_path / f"{name}.py"
        file.write_text("def f(x, y):\n    return x + y if x.sum() > 0 else x\n")
        scope = {}
        exec(compile(file.read_text(), str(file), "exec"), scope)
        functions.append(td.script(scope["f"]))
    for name, f in zip(("one", "two"), functions):
        with pytest.raises(td.ShapeError, match=rf"--> .*{name}\.py:2:"):
            f(td.ones((2,)), td.ones((3,)))


# ---- prompts ----


def prompt(lines, *arguments):
    """Type lines at the prompt of a terminal; return everything it showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", PYTHON_BASIC_REPL="1", PYTHONSTARTUP="", INPUTRC="/dev/null")
        os.execv(sys.executable, [sys.executable, "-q", *arguments])
    shown, end = b"", time.monotonic() + 60

    def wait(*endings):
        nonlocal shown
        while not shown.endswith(endings) and time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    shown += os.read(terminal, 1 << 16)
                except OSError:  # the other end is closed
                    return
            elif not endings:
                return

    wait(b">>> ")
    for line in lines:
        os.write(terminal, line.encode() + b"\n")
        wait(b"\n>>> ", b"\n... ")
    os.write(terminal, b"exit()\n")
    wait(b"never")
    os.waitpid(child, 0)
    os.close(terminal)
    return shown.decode().replace("\r\n", "\n")


def test_prompt():
    shown = prompt(
        [
            "import tandem as td",
            "@td.script",
            "def f(x):",
            "    if x.sum() > 0:",
            "        return x * 2",
            "    return x - 1",
            "",
            "f(td.ones((2,))), f(-td.ones((2,)))",
            "g = td.script(lambda x: x * 5 if x.sum() > 0 else x * 7)",
            "g(td.ones((2,))), g(-td.ones((2,)))",
            "@td.script",
            "def f(x):",
            "    if x.sum() > 0:",
            "        return x * 3",
            "    return x - 1",
            "",
            "f(td.ones((2,))), f(-td.ones((2,)))",
            "td.script(lambda x: x + td.ones((9,)))(td.ones((2,)))",
        ]
    )
    assert "(tensor([2., 2.], dtype=float32), tensor([-2., -2.], dtype=float32))" in shown, shown
    assert "(tensor([5., 5.], dtype=float32), tensor([-7., -7.], dtype=float32))" in shown, shown
    assert "(tensor([3., 3.], dtype=float32), tensor([-2., -2.], dtype=float32))" in shown, shown
    assert "\n   | td.script(lambda x: x + td.ones((9,)))(td.ones((2,)))\n   |                     ^" in shown, shown


def test_prompt_of_the_code_module():
    lines = ["import tandem as td", "@td.script", "def f(x):", "    return x * 2 if x.sum() > 0 else x", ""]
    shown = prompt([*lines, "f(td.ones((2,)))"], "-c", "import readline, code; code.interact(banner='')")
    assert "tensor([2., 2.], dtype=float32)" in shown, shown


def test_interactive_without_a_terminal():
    """Nothing keeps the lines: @td.trace works, and @td.script says what it misses."""
    lines = ["import tandem as td", "f = td.trace(lambda x: x * 2)", "print(f(td.ones((2,))).tolist())"]
    lines += ["g = td.script(lambda x: x if x.sum() > 0 else -x)", "g(td.ones((2,)))"]
    done = subprocess.run(
        [sys.executable, "-q", "-i"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120
    )
    assert "[2.0, 2.0]" in done.stdout
    if sys.version_info < (3, 13):
        assert "try defining '<lambda>' in a file, a notebook or at a prompt" in done.stderr, done.stderr
    else:
        assert "Error" not in done.stderr, done.stderr
