"""Threads, forked children and sub-interpreters."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tandem as td

THREADS = 32


def run_threads(work, seconds=100):
    """Run `work(k)` in 32 threads that start together; fail when one raises or they do not end in time."""
    barrier, errors = threading.Barrier(THREADS), []

    def body(k):
        try:
            barrier.wait()
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=body, args=(k,), daemon=True) for k in range(THREADS)]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "the threads hang"
    if errors:
        raise errors[0]


def make(k):
    """Annotated functions of their own code: different constants and different numbers of operations."""
    lines = ["@td.script", "def f(x):", f"    y = x * {k + 1}.0"]
    lines += [f"    y = y + {j}.0 if y.sum() > {j} else y - {j}.0" for j in range(k % 4 + 1)]
    text, scope = "\n".join([*lines, "    return y"]), {"td": td}
    exec(text, scope)
    return scope["f"]


def test_one_function_from_many_threads():
    @td.script
    def f(x, n):
        y = x * n
        while y.sum() < 100:
            y = y * 2
        return y

    def work(k):
        for size in (1, 2, 3, k + 2):
            for n in (1, 2):
                values = np.arange(1, size + 1, dtype=np.float32)
                expected = values * n
                while expected.sum() < 100:
                    expected = expected * 2
                np.testing.assert_array_equal(np.asarray(f(td.asarray(values), n)), expected)

    run_threads(work)
    assert f.stats()["calls"] == THREADS * 8


def test_a_function_of_its_own_in_every_thread():
    functions = [make(k) for k in range(THREADS)]
    values = np.linspace(-2, 3, 7, dtype=np.float32)
    expected = [np.asarray(function.eager(td.asarray(values))) for function in functions]
    negative = [np.asarray(function.eager(td.asarray(-values))) for function in functions]

    def work(k):
        for _ in range(5):
            np.testing.assert_array_equal(np.asarray(functions[k](td.asarray(values))), expected[k])
            np.testing.assert_array_equal(np.asarray(functions[k](td.asarray(-values))), negative[k])

    run_threads(work)
    assert all(f.stats()["captures"] == 1 for f in functions)


def test_functions_that_call_each_other_from_many_threads():
    @td.script
    def inner(x):
        return x * 2 if x.sum() > 0 else x

    @td.script
    def outer(x):
        return inner(x) + inner(-x)

    def work(k):
        f = (inner, outer, td.trace(lambda x: outer(x) * k))[k % 3]
        x = td.ones((k + 1,))
        for _ in range(3):
            assert f(x).tolist() == [(2.0, 1.0, 1.0 * k)[k % 3]] * (k + 1)

    run_threads(work)


def test_errors_and_switches_in_threads():
    @td.script
    def f(x, y):
        return x @ y

    def work(k):
        if k % 2:
            for _ in range(10):
                with pytest.raises(td.ShapeError):
                    f(td.ones((2, 3)), td.ones((2, k)))
        else:
            with td.no_recompile(), pytest.raises(td.CompileError):
                td.script(lambda x: x)(td.ones((2,)))
            assert f(td.ones((2, 3)), td.ones((3, 2))).tolist() == [[3.0, 3.0]] * 2

    run_threads(work)


# ---- fork ----


def forked(work, seconds=60):
    """The exit status of a child that does some work: 0 if it returned True."""
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
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "the child hangs"


def test_fork_after_use():
    """Twenty children call what was captured before, capture for another size, and compile something new."""

    @td.script
    def before(x):
        return td.exp(x).sum() if x.sum() > 0 else x.sum()

    big = td.ones((300_000,))  # for several threads
    total = before(big).item()
    for k in range(20):

        def child(k=k):
            after = make(k)
            x = td.ones((k + 2,))
            return (
                before(big).item() == total
                and before(td.ones((k + 5,))).item() == before.eager(td.ones((k + 5,))).item()
                and after(x).tolist() == after.eager(x).tolist()
                and after(-x).tolist() == after.eager(-x).tolist()
            )

        assert forked(child) == 0, k
    assert before(big).item() == total


def test_fork_while_other_threads_compile():
    make(1)(td.ones((1,)))  # imports what capturing needs: Python's locks of imports do not survive a fork
    stop = threading.Event()

    def busy():
        k = 0
        while not stop.is_set():
            k += 1
            make(k % 40)(td.ones((k % 7 + 1,)))

    threads = [threading.Thread(target=busy, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        statuses = [forked(lambda: make(99)(td.ones((3,))).shape == (3,)) for _ in range(20)]
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert statuses == [0] * 20


# ---- sub-interpreters ----

SUBINTERPRETER = """\
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import sys
{first}
text = '''
import sys
sys.path[:] = %r
for name in ("tandem", "tandem._core", "tandem"):
    try:
        __import__(name)
    except ImportError as error:
        print(error, flush=True)
''' % sys.path
interpreters.run_string(interpreters.create(), text)
import tandem as td
print(td.script(lambda x: x + 1)(td.ones((2,))).tolist())
"""


@pytest.mark.parametrize("first", ["", "import tandem"], ids=["before", "after"])
def test_sub_interpreters_are_refused(first):
    done = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER.format(first=first)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    refused = (
        "tandem: got an import in a sub-interpreter; need the main interpreter of a process; try threads or "
        "multiprocessing"
    )
    assert done.stdout.splitlines() == [*[refused] * 3, "[2.0, 2.0]"]


def test_numbers_that_differ_between_threads():
    """Guards may run Python code, so another thread may change the order of the specialisations meanwhile."""
    table, wrong = [1.0] * 50, []

    @td.script
    def f(x, n):
        return x * n + table[0]

    def work(k):
        for i in range(200):
            n = float((k * 7 + i) % 9)
            result = f(td.ones((2,)), n).tolist()
            if result != [n + 1.0] * 2:
                wrong.append((n, result))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
    assert f.stats()["captures"] == 2
