"""What compiling leaves in memory, counted where counts are exact, and as the system sees it with room for others."""

import threading
import weakref

import numpy as np
import pytest

import tandem as td
from conftest import SANITIZED
from tandem.scripting import rewriter

X = td.asarray(np.arange(8, dtype=np.float32))


def scripted(k):
    def f(x):
        return td.exp(x) * k + (x if x.sum() > 0 else -x)

    return td.script(f)


def code():
    return td.memory_stats()["code"]


def test_machine_code_is_unmapped():
    td.clear_cache()
    base = code()
    functions = [td.trace(lambda x, k=k: td.tanh(x) * k + 0.125) for k in np.arange(20) + 0.375]
    expected = [f(X).tolist() for f in functions]
    loaded = code() - base
    assert loaded >= 20 * 4096 or td._core.backend_name() != "llvm"
    td.clear_cache()
    assert code() == base
    assert [f(X).tolist() for f in functions] == expected
    assert code() - base == loaded
    del functions
    td.clear_cache()
    assert code() == base


def test_functions_are_captured_again():
    f = scripted(2.0)
    expected = f(X).tolist()
    assert f.stats()["captures"] == 1
    td.clear_cache()
    assert len(f.specializations) == 0 and f.records == []
    assert f(X).tolist() == expected and len(f.specializations) == 1


def test_rewritten_code_goes_with_the_cache():
    def compile_some(first):
        for k in range(first, first + 20):
            scope = {"td": td}
            text = f"@td.script\ndef f(x):\n    y = x + {k}\n    return y if x.sum() > 0 else -y"
            exec(text, scope)
            scope["f"](X)
        td.clear_cache()
        return len(rewriter.rewritten._entries), len(rewriter.originals._entries), len(rewriter._codes)

    assert compile_some(0) == compile_some(20)
    assert compile_some(40)[2] == 0


def test_code_that_is_in_use_stays_known():
    """A function made inside a rewritten one outlives the cache, and is still not rewritten again."""
    made = []

    @td.script
    def f(x):
        def inner(y):
            return y * 2 if y.sum() > 0 else y * 3

        made.append(inner)
        return inner(x)

    assert f(X).tolist() == (X * 2).tolist()
    made.clear()
    held = rewriter.rewrite(f.__wrapped__)
    td.clear_cache()
    assert held.__code__ in rewriter.rewritten and rewriter.rewrite(held) is held
    code = weakref.ref(held.__code__)
    del held
    assert code() is None
    assert f(X).tolist() == (X * 2).tolist()


def test_text_of_exec_is_not_forgotten():
    """Only the caller of exec knew it, while exec ran."""
    scope = {"td": td}
    exec(
        "@td.script\ndef f(x):\n    return g(x) * 2 if x.sum() > 0 else x\n"
        "def g(x):\n    return x if x.sum() > 9 else -x\n",
        scope,
    )
    first = scope["f"](X).tolist()
    td.clear_cache()
    assert scope["f"](X).tolist() == first


def test_running_functions_are_not_disturbed():
    """Threads call, the main thread forgets what they call, again and again."""
    functions = [scripted(float(k)) for k in range(3)]
    expected = [f.eager(X).tolist() for f in functions]
    wrong, stop = [], threading.Event()

    def work(k):
        calls = 0
        try:
            while not stop.is_set() or calls < 3:
                got = functions[k % 3](X).tolist()
                if got != expected[k % 3]:
                    wrong.append(got)
                (X * float(k)).sum()  # eager programs, too
                calls += 1
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        td.clear_cache()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what is freed")
def test_memory_comes_back(run_python):
    """200 functions take more than what may be left of them."""
    out = run_python(
        """
import numpy as np
import tandem as td
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024
x = td.asarray(np.arange(64, dtype=np.float32))
def some(first, count):
    functions = [td.script(lambda x, k=k: td.sum(td.exp(x) * k) + x[:3] * x[1:4]) for k in range(first, first + count)]
    for f in functions:
        f(x)
    most = resident()
    del functions, f
    td.clear_cache()
    return most, resident()
_, before = some(0, 30)
most, after = some(30, 200)
print(before, most, after)
"""
    )
    before, most, after = map(float, out.split())
    assert most > before + 4
    assert after < before + 4
