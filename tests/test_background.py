"""`background` and `compile_budget`: calls run as plain Python until their code is ready."""

import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

import tandem as td
from background_support import bits, counters, functions
from tandem import _core

# ---- what calls do ----


def test_calls_run_eagerly_until_the_code_is_ready(held):
    @td.script(background=True)
    def f(x):
        return td.exp(x) / td.exp(x).sum()

    @td.trace(background=True)
    def g(x):
        return td.exp(x) / td.exp(x).sum()

    x = td.asarray(np.linspace(-2, 3, 33, dtype=np.float32))
    expected = bits(f.eager(x))
    for function in (f, g):
        assert [bits(function(x)) for _ in range(3)] == [expected] * 3
        assert counters(function) == dict(calls=3, captures=1, compiles=0, pending=1, cache_hits=0, eager_calls=3)
        function.wait()
        assert [bits(function(x)) for _ in range(2)] == [expected] * 2
        assert counters(function) == dict(calls=5, captures=1, compiles=1, pending=0, cache_hits=2, eager_calls=3)


def test_other_shapes_wait_for_programs_of_their_own(held):
    @td.script(background=True)
    def f(x):
        return x * 2 + 1

    small, large = td.ones((3,)), td.ones((5,))
    f(small), f(small.reshape((3, 1)))
    assert counters(f)["pending"] == 2
    f.wait()
    f(large)
    assert counters(f) == dict(calls=3, captures=3, compiles=2, pending=1, cache_hits=0, eager_calls=3)
    f(small)
    assert counters(f) == dict(calls=4, captures=3, compiles=2, pending=1, cache_hits=1, eager_calls=3)


@pytest.mark.parametrize("annotate", [td.script, td.trace])
def test_effects_happen_once_for_each_call(held, annotate):
    class Layer:
        def __init__(self):
            self.count, self.mean, self.seen = 0, td.zeros((3,)), []

        @annotate(background=True)
        def step(self, x, log):
            self.count += 1
            self.mean = self.mean * 0.5 + x.mean(axis=0) * 0.5
            self.seen.append(x.sum())
            log["last"] = x * 2
            x += 1
            return x.sum()

    layers = Layer(), Layer()
    inputs, logs = [td.ones((4, 3)) for _ in layers], [{}, {}]
    for call in range(4):
        if call == 2:
            Layer.step.wait()
        first = layers[0].step(inputs[0], logs[0])
        second = Layer.step.eager(layers[1], inputs[1], logs[1])
        assert first.item() == second.item()
        assert layers[0].count == layers[1].count == call + 1
        assert bits(layers[0].mean) == bits(layers[1].mean)
        assert [s.item() for s in layers[0].seen] == [s.item() for s in layers[1].seen]
        assert bits(logs[0]["last"]) == bits(logs[1]["last"]) and bits(inputs[0]) == bits(inputs[1])
    assert counters(Layer.step)["eager_calls"] >= 2


def test_functions_inside_an_eager_call_compile_nothing(held):
    @td.script
    def inner(x):
        return x * 3

    @td.script(background=True)
    def outer(x):
        return inner(x) + 1

    x = td.ones((2,))
    assert outer(x).tolist() == [4.0, 4.0]
    assert counters(inner) == dict(calls=1, captures=0, compiles=0, pending=0, cache_hits=0, eager_calls=1)
    inner(x)  # by itself it is compiled as ever, and the program serves eager calls of `outer`, too
    outer(x)
    assert counters(inner) == dict(calls=3, captures=1, compiles=1, pending=0, cache_hits=1, eager_calls=1)


def test_exceptions_of_the_function_while_it_runs_eagerly(held):
    @td.script(background=True, fallback=True)
    def f(x):
        if x.sum() < 0:
            raise ValueError("too small")
        return x

    f(td.ones((3,)))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^too small$") as caught:
            f(-td.ones((3,)))
        assert [entry.name for entry in caught.traceback] == [
            "test_exceptions_of_the_function_while_it_runs_eagerly",
            "f",
        ]
    assert counters(f)["eager_calls"] == 3 and f.stats()["fallbacks"] == 0


def test_budget(held):
    @td.script(compile_budget=0.05)
    def late(x):
        return x * 2 + 3

    x = td.ones((2,))
    start = time.perf_counter()
    late(x)
    first = time.perf_counter() - start
    assert first >= 0.05
    late(x)  # the budget is that of the compilation: later calls do not wait again
    assert counters(late) == dict(calls=2, captures=1, compiles=0, pending=1, cache_hits=0, eager_calls=2)
    _core._hold_compiling(False)

    @td.script(compile_budget=3600)
    def early(x):
        return x * 5 + 3

    assert early(x).tolist() == [8.0, 8.0]
    assert counters(early) == dict(calls=1, captures=1, compiles=1, pending=0, cache_hits=0, eager_calls=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            dict(background=True, compile_budget=1),
            ValueError,
            "script: got background=True and compile_budget=1; need one of them; background=True is compile_budget=0",
        ),
        (dict(background=1), TypeError, "script: got background=1; need True or False"),
        (dict(compile_budget=-1), ValueError, "script: got compile_budget=-1; need 0 to 86400 seconds, or None"),
        (
            dict(compile_budget=float("nan")),
            ValueError,
            "script: got compile_budget=nan; need 0 to 86400 seconds, or None",
        ),
        (dict(compile_budget="1"), TypeError, "script: got compile_budget='1'; need seconds as a number, or None"),
        (dict(compile_budget=True), TypeError, "script: got compile_budget=True; need seconds as a number, or None"),
    ],
)
def test_wrong_options(options, error, message):
    with pytest.raises(error) as caught:
        td.script(**options)(lambda x: x)
    assert str(caught.value) == message


# ---- what is told about it ----


def test_explain_and_views_of_what_waits(held, tmp_path):
    @td.script(background=True)
    def f(x):
        return x * 2

    f(td.ones((3,)))
    text = str(f.explain())
    assert re.fullmatch(
        r"test_explain_and_views_of_what_waits\.<locals>\.f: 1 specialisation\(s\)\n"
        r"  1\. \(float32\[3\]\), pending",
        text,
    ), text
    assert "being compiled" in td.viz(f, tmp_path / "f.html").read_text()
    assert "multiply" in f.ir("captured")
    assert counters(f)["pending"] == 1
    assert "mul.f32" in f.ir("kernels")  # what needs the code compiles it
    assert counters(f)["pending"] == 0
    assert "), compiled in" in str(f.explain())


# ---- switches ----


def test_switches(held):
    @td.script(background=True)
    def f(x):
        return x * 2

    x = td.ones((3,))
    with td.no_recompile():
        with pytest.raises(td.CompileError) as caught:
            f(x)
        assert str(caught.value).splitlines()[0] == (
            "no_recompile: got a call of 'f' that needs a new compilation (it has not been called with such arguments "
            "before); need a call that an earlier one prepared; try calling it before the block with such arguments"
        )
    assert counters(f)["captures"] == counters(f)["eager_calls"] == 0
    with td.disabled():
        f(x)
    assert counters(f) == dict(calls=1, captures=0, compiles=0, pending=0, cache_hits=0, eager_calls=0)
    f(x)
    with td.no_recompile():  # nothing new
        assert f(x).tolist() == [2.0] * 3
    assert counters(f)["eager_calls"] == 2


def test_disabled_by_the_environment(run_python):
    program = """
import os, tandem as td
@td.script(background=True)
def f(x):
    return x * 2
f(td.ones((3,)))
f.precompile(td.ones((4,)))
f.wait()
print(f.stats()["captures"], f.stats()["pending"], [t for t in os.listdir("/proc/self/task") if
      open(f"/proc/self/task/{t}/comm").read().strip() == "tandem-compile"])
"""
    assert run_python(program, TANDEM_DISABLE="1") == "0 0 []"


def test_clear_forgets_what_waits(held):
    @td.script(background=True)
    def f(x):
        return x * 2

    x = td.ones((3,))
    f(x)
    f.clear()
    assert counters(f)["pending"] == 0 and f.specializations == []
    f(x)
    f.wait()
    assert f(x).tolist() == [2.0] * 3 and counters(f)["pending"] == 0


def test_clear_while_compiling():
    (f,), (plain,) = functions(1, background=True)
    for k in range(30):
        x = td.ones((k % 3 + 2,))
        assert bits(f(x)) == bits(plain(x))
        f.clear()
        td.clear_cache()
    f.wait()
    assert bits(f(x)) == bits(plain(x))


# ---- errors ----


def test_capture_errors_are_raised_by_the_call(held):
    @td.trace(background=True)
    def f(x):
        return x if x.sum() > 0 else -x

    for _ in range(2):
        with pytest.raises(td.CaptureError, match="try @td.script"):
            f(td.ones((2,)))
    assert counters(f)["eager_calls"] == counters(f)["captures"] == 0

    @td.trace(background=True, fallback=True)
    def g(x):
        return x if x.sum() > 0 else -x

    with pytest.warns(RuntimeWarning, match="runs eagerly, because it cannot be captured"):
        assert g(td.ones((2,))).tolist() == [1.0, 1.0]
    assert g.stats()["fallbacks"] == 1


BROKEN = """
import os, sys, tandem as td
from tandem import _core

@td.script(background=True)
def f(x):
    return td.tanh(x * 2) + x

x = td.ones((5,))
if sys.argv[1:] == ["eager"]:
    f.eager(x)
    sys.exit()
_core._hold_compiling(True)  # which could fail before the call has its result
assert f(x).tolist() == f.eager(x).tolist()  # its kernels are on the disk
_core._hold_compiling(False)
def attempt(what):
    try:
        what()
    except td.CompileError as error:
        text = str(error)
        for place in {os.path.dirname(td.__file__), os.path.realpath(os.path.dirname(td.__file__))}:
            text = text.replace(place, "PACKAGE")
        print(text.replace(os.path.abspath(__file__), "FILE"))
        print({name: f.stats()[name] for name in ("captures", "compiles", "pending", "eager_calls")}, len(f.records))
attempt(f.wait)
f.wait()  # told once
_core._hold_compiling(True)
f(x)
pending = f.specializations[0].executable
attempt(lambda: pending.ir("kernels"))  # fails here, and is told again by the call
attempt(lambda: f(x))  # and forgets it
f(x)  # and tried again
print(f.stats()["captures"])
"""


def test_compile_errors_are_raised_by_the_next_call(tmp_path):
    """A copy of the package with a broken LLVM, whose eager kernels another process has put on the disk."""
    package = tmp_path / "broken" / "tandem"
    package.mkdir(parents=True)
    source = os.path.dirname(td.__file__)
    for name in os.listdir(source):
        if name != "tandem_llvm.so":
            (package / name).symlink_to(os.path.join(source, name))
    program = tmp_path / "program.py"
    program.write_text(BROKEN)
    environment = {**os.environ, "TANDEM_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, str(program), "eager"], env=environment, check=True, timeout=300)
    # The extension module is a link, and looks for LLVM beside the place it was loaded from.
    core = os.path.basename(_core.__file__)
    (package / core).unlink()
    (package / core).write_bytes(open(_core.__file__, "rb").read())
    (package / "tandem_llvm.so").write_text("not a library")
    environment["PYTHONPATH"] = str(package.parent)
    done = subprocess.run(
        [sys.executable, str(program), "broken"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    broken = "the LLVM module could not be loaded: PACKAGE/tandem_llvm.so: file too short"
    assert done.stdout.splitlines() == [
        broken,
        "{'captures': 1, 'compiles': 0, 'pending': 0, 'eager_calls': 1} 0",
        broken,
        "{'captures': 2, 'compiles': 0, 'pending': 1, 'eager_calls': 2} 1",
        broken,
        "  --> FILE:31:17",
        "   | attempt(lambda: f(x))  # and forgets it",
        "   |                 ^^^^",
        "{'captures': 2, 'compiles': 0, 'pending': 0, 'eager_calls': 2} 0",
        "3",
    ]
