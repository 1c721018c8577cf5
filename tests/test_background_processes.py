"""Background compilation with threads, after a fork, and when the process ends."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import tandem as td
from background_support import bits, counters, functions
from tandem import _core

THREADS = 32


def compiling_threads():
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as file:
                names.append(file.read().strip())
        except OSError:  # it has ended
            pass
    return names.count("tandem-compile")


def test_the_thread_ends_when_nothing_is_left():
    made, plain = functions(5, background=True)
    x = td.ones((3,))
    for f in made:
        f(x)
    for f, eager in zip(made, plain, strict=True):
        f.wait()
        assert bits(f(x)) == bits(eager(x))
    end = time.monotonic() + 60
    while compiling_threads() and time.monotonic() < end:
        time.sleep(0.001)
    assert compiling_threads() == 0


def test_from_many_threads():
    made, plain = functions(8, background=True)
    values = [td.asarray(np.linspace(-1, 2, 5 + k, dtype=np.float32)) for k in range(3)]
    expected = [[bits(f(x)) for x in values] for f in plain]
    barrier, errors = threading.Barrier(THREADS), []

    def work(k):
        try:
            barrier.wait()
            for turn in range(12):
                j, i = (k + turn) % len(made), turn % len(values)
                assert bits(made[j](values[i])) == expected[j][i]
                if turn % 5 == 4:
                    made[j].wait()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "the threads hang"
    assert not errors, errors[0]
    assert sum(f.stats()["calls"] for f in made) == THREADS * 12
    for f in made:
        f.wait()
        count = f.stats()
        assert count["pending"] == 0 and count["captures"] <= 2
        # The call that captured is neither if its code was there at once.
        assert 0 <= count["calls"] - count["cache_hits"] - count["eager_calls"] <= count["captures"]


def forked(work, seconds=60):
    """The exit status of a child that does some work: 0 if it returned True."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads at a fork: what this is about
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "the child hangs"


def until_compiled(f, x, seconds=30):
    """Call until a compiled program answers."""
    end = time.monotonic() + seconds
    while f.stats()["cache_hits"] == 0 and time.monotonic() < end:
        f(x)
    return f.stats()["cache_hits"] > 0


def test_a_child_has_a_thread_of_its_own(held):
    (f, g), _ = functions(2, background=True)
    x = td.ones((3,))
    f(x)

    def child():
        _core._hold_compiling(False)
        return until_compiled(f, x) and until_compiled(g, x)

    assert forked(child) == 0
    assert counters(f)["pending"] == 1
    _core._hold_compiling(False)
    assert until_compiled(f, x) and until_compiled(g, x)


def test_fork_while_compiling():
    for turn in range(8):
        made, plain = functions(3, background=True)
        x = td.ones((turn + 2,))
        for f in made:
            f(x)
        time.sleep(turn * 0.002)

        def child(made=made, plain=plain, x=x):
            return all(until_compiled(f, x) and bits(f(x)) == bits(g(x)) for f, g in zip(made, plain, strict=True))

        assert forked(child) == 0, turn
        td.clear_cache()


# What a shell starts in the background ignores the signal unless asked otherwise.
INTERRUPTED = "signal.signal(2, signal.default_int_handler); os.kill(os.getpid(), 2)"


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "1 / 0", "os._exit(0)", INTERRUPTED])
def test_the_process_ends_while_something_is_compiled(tmp_path, end):
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import atexit, os, signal, tandem as td
made = []
for k in range(40):
    scope = {{"td": td}}
    exec(f"def f(x):\\n    return td.tanh(x * {{k}}.5) / (x + {{k}}).sum()", scope)
    made.append(td.trace(background=True)(scope["f"]))

@td.script(background=True)
def late(x):
    print("captured", x.shape)
    return x * 2

@atexit.register
def at_the_end():  # before or after the thread has ended
    assert late(td.ones((2,))).tolist() == [2.0, 2.0]
    late.wait()
    assert late(td.ones((2,))).tolist() == [2.0, 2.0]

x = td.ones((3,))
for f in made:
    f(x)
{end}
"""
    )
    environment = {**os.environ, "TANDEM_CACHE_DIR": ""}
    start = time.monotonic()
    done = subprocess.run([sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=120)
    assert time.monotonic() - start < 60
    expected = {"1 / 0": 1, INTERRUPTED: -signal.SIGINT}.get(end, 0)
    assert done.returncode == expected, (done.returncode, done.stderr)
    last = {"1 / 0": "ZeroDivisionError: division by zero", INTERRUPTED: "KeyboardInterrupt"}.get(end, "")
    assert done.stderr.strip().splitlines()[-1:] == ([last] if last else [])


def test_import_and_annotation_start_no_thread(run_python):
    program = """
import os, tandem as td
@td.script(background=True)
def f(x):
    return x * 2
print(len(os.listdir("/proc/self/task")))
"""
    before = "import os, numpy\nprint(len(os.listdir('/proc/self/task')))"
    assert run_python(program) == run_python(before)
