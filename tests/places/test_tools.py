"""Next to debuggers, profilers and coverage tools, and with compilation switched off."""

import bdb
import cProfile
import io
import os
import pstats
import subprocess
import sys
import textwrap

import pytest

import tandem as td
from tandem.scripting.guards import Collector


def program(x, n):
    total = x * 0
    for k in range(n):
        if total.sum() > 5:
            total = total * 0.5  # halve
        else:
            total = total + x
    while total.sum() > 3:
        total = total - 1
    return helper(total)


def helper(x):
    return x + 1 if x.sum() > 0 else x - 1


X = td.ones((3,))
EXPECTED = [program(X, n).tolist() for n in (3, 12)]


def fresh():
    return td.script(program)


def check(f):
    assert [f(X, n).tolist() for n in (3, 12)] == EXPECTED


# ---- debuggers ----


@pytest.fixture
def no_tracing():
    before = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(before)


def test_a_trace_function_is_set(no_tracing):
    """It sees the user's own lines, in the order in which they run, and changes nothing."""
    lines = []

    def tracer(frame, event, argument):
        if frame.f_code.co_filename != __file__ or frame.f_code.co_name not in ("program", "helper"):
            return None
        frame.f_locals  # what a debugger looks at
        if event == "line":
            lines.append(frame.f_lineno - program.__code__.co_firstlineno)
        return tracer

    f = fresh()
    sys.settrace(tracer)
    try:
        check(f)
    finally:
        sys.settrace(None)
    assert {1, 2, 3, 4, 6, 7, 8, 9} <= set(lines) and max(lines) == 13
    check(f)
    assert f.stats()["captures"] == 2


def test_a_debugger_that_reads_variables(no_tracing):
    seen = {}

    class Debugger(bdb.Bdb):
        def user_line(self, frame):
            if frame.f_code.co_name == "f" and frame.f_lineno == first + 3:
                seen.update({name: value for name, value in frame.f_locals.items() if not name.startswith("__td")})
                self.set_continue()
            else:
                self.set_step()

    @td.script
    def f(x, n):
        y = x * n
        return y + 1 if y.sum() > 0 else y

    first = f.__wrapped__.__code__.co_firstlineno
    debugger = Debugger()
    assert debugger.runcall(f, X, 2).tolist() == [3.0] * 3
    assert seen["n"] == 2 and seen["y"].shape == (3,)
    assert f(X, 2).tolist() == [3.0] * 3 and f.stats()["captures"] == 1


@pytest.fixture
def debugged(tmp_path):
    """Run a program of one function with a breakpoint in it, and type commands at the prompt of pdb."""
    file = tmp_path / "program.py"
    file.write_text(
        textwrap.dedent("""\
        import tandem as td
        @td.script
        def f(x):
            y = x * 2
            breakpoint()
            if y.sum() > 0:
                y = y + 1
            return y
        print("result", f(td.ones((2,))).tolist())
        """)
    )

    def run(commands, **environment):
        done = subprocess.run(
            [sys.executable, str(file)],
            input=commands,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **environment},
        )
        return done.stdout + done.stderr

    return run


def test_a_breakpoint_inside_a_captured_function(debugged):
    out = debugged("p y.shape\nnext\nnext\nnext\nwhere\ncontinue\n")
    assert "(2,)" in out and "if y.sum() > 0:" in out and "y = y + 1" in out
    assert "result [3.0, 3.0]" in out, out


def test_stepping_with_compilation_off(debugged):
    out = debugged("next\nnext\np y.tolist()\nstep\ncontinue\n", TANDEM_DISABLE="1")
    assert "-> if y.sum() > 0:" in out and "-> y = y + 1" in out and "[3.0, 3.0]" in out and "-> return y" in out
    assert "result [3.0, 3.0]" in out, out


# ---- profilers ----


def test_a_profile_function_is_kept_and_called():
    events = []

    def profiler(frame, event, argument):
        if frame.f_code.co_filename == __file__:
            events.append((event, frame.f_code.co_name))

    f = fresh()
    sys.setprofile(profiler)
    try:
        check(f)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert events.count(("call", "program")) == events.count(("return", "program")) == 2
    assert ("call", "helper") in events


def test_a_profile_function_is_kept_when_capture_fails():
    def profiler(frame, event, argument):
        return None

    sys.setprofile(profiler)
    try:
        with pytest.raises(td.CaptureError):
            td.script(lambda x: x * float(x.sum()))(X)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("annotate", [td.script, td.trace])
def test_cprofile(annotate):
    scale = 2.0

    def f(x):
        return x * scale

    compiled = annotate(f)
    profile = cProfile.Profile()
    profile.enable()
    first = compiled(X).tolist()
    scale = 3.0
    second = compiled(X).tolist()
    profile.disable()
    assert (first, second) == ([2.0] * 3, [3.0] * 3)  # guards were collected
    assert compiled.stats()["captures"] == 2
    text = io.StringIO()
    pstats.Stats(profile, stream=text).print_stats()
    assert "_compiled.py" in text.getvalue() and sys.getprofile() is None


def test_cprofile_and_a_debugger(no_tracing):
    scale = 2.0

    def f(x):
        return x * scale

    compiled = td.trace(f)
    calls = []

    def tracer(frame, event, argument):
        calls.append(frame.f_code.co_name)

    profile = cProfile.Profile()
    sys.settrace(tracer)
    profile.enable()
    first = compiled(X).tolist()
    scale = 3.0
    second = compiled(X).tolist()
    profile.disable()
    assert sys.gettrace() is tracer
    sys.settrace(None)
    assert (first, second) == ([2.0] * 3, [3.0] * 3)
    assert calls.count("f") == 2


@pytest.mark.parametrize("annotate", [td.script, td.trace])
def test_a_profiler_inside_the_function_is_refused(annotate):
    def f(x):
        with cProfile.Profile():
            return x * 2

    with pytest.raises(td.CaptureError, match="starts or stops a profiler or debugger"):
        annotate(f)(X)
    assert sys.getprofile() is None


def test_a_profile_of_a_whole_program(tmp_path):
    (tmp_path / "program.py").write_text(
        "import tandem as td\n@td.script\ndef f(x):\n    return x * 2 if x.sum() > 0 else x\n"
        "print(f(td.ones((2,))).tolist())\n"
    )
    for tool in (["-m", "cProfile"], ["-m", "trace", "--trace", "--ignore-dir", sys.prefix], ["-X", "importtime"]):
        done = subprocess.run(
            [sys.executable, *tool, str(tmp_path / "program.py")], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0 and "[2.0, 2.0]" in done.stdout, done.stdout + done.stderr


# ---- switched off ----


def test_disabled_by_the_environment(run_python):
    out = run_python(
        """
import sys
import tandem as td
@td.script
def f(x):
    assert sys._getframe().f_code is f.__wrapped__.__code__  # the user's own code runs
    return x * 2 if x.sum() > 0 else x
@td.trace
def g(x):
    return f(x) if x.sum() > 0 else -x
x = td.ones((2,))
print(td.is_enabled(), f(x).tolist(), f(-x).tolist(), g(x).tolist(), g(-x).tolist())
print(f.stats()["captures"], g.stats()["captures"], "tandem.scripting" in sys.modules)
""",
        TANDEM_DISABLE="1",
    )
    assert out.splitlines() == ["False [2.0, 2.0] [-1.0, -1.0] [2.0, 2.0] [1.0, 1.0]", "0 0 False"]


def test_an_interrupt_while_a_capture_ends_leaves_no_hook(monkeypatch):
    install = Collector._install

    def interrupted(self, hook):
        if sys.getprofile() == self._event and hook is self._others:
            monkeypatch.undo()
            raise KeyboardInterrupt
        install(self, hook)

    monkeypatch.setattr(Collector, "_install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        td.script(lambda x: x * 2)(td.ones(3))
    (lambda: None)()  # any call
    assert sys.getprofile() is None
    assert td.script(lambda x: x * 2)(td.ones(3)).tolist() == [2.0, 2.0, 2.0]
