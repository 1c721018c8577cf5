"""Code for GPUs is compiled side by side, and behind the back of calls. The stub of NVRTC fails where it is not."""

from __future__ import annotations

from pathlib import Path

from cuda_support import run

# Kernels that are too different to be one, and a function of its own code for each number.
FUNCTIONS = """
import time
def several(x):
    return x.sum(axis=0), td.softmax(x * 2, axis=-1), td.cumsum(x, axis=0)
def one_of(k, **options):
    scope = {"td": td}
    exec(f"def f(x):\\n    return td.tanh(x * {k}.25) + {k}\\n", scope)
    return td.trace(scope["f"], **options), scope["f"]
def bits(tree):
    return [np.asarray(leaf.cpu()).tobytes() for leaf in td.pytree.flatten(tree)[0]]
def until_ready(f):
    while f.stats()["pending"]:  # without asking for it, which would compile it here
        time.sleep(0.01)
x = td.asarray(np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32))
g = x.to("cuda")
"""


def test_kernels_of_a_program_are_compiled_side_by_side(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(
        FUNCTIONS
        + """
compiled = td.trace(several)
assert bits(compiled(g)) == bits(several(x))
assert td.stats()["compiled"] >= 3
""",
        TANDEM_STUB_NVRTC_TOGETHER="2",
        TANDEM_STUB_NVRTC_LOG=str(log),
        TANDEM_NUM_THREADS="2",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert len(log.read_text().splitlines()) >= 3


def test_two_threads_that_want_one_kernel_compile_it_once(tmp_path: Path) -> None:
    run(
        FUNCTIONS
        + """
import threading
before = td.stats()["compiled"]
made = [one_of(3)[0] for _ in range(4)]
barrier, results = threading.Barrier(4), [None] * 4
def work(k):
    barrier.wait()
    results[k] = bits(made[k](g))
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert td.stats()["compiled"] - before == 1, td.stats()
assert all(r == bits(one_of(3)[1](x)) for r in results)
""",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
    )


def test_in_the_background_kernels_of_a_program_are_compiled_side_by_side(tmp_path: Path) -> None:
    run(
        FUNCTIONS
        + """
from tandem import _core
_core._hold_compiling(True)
compiled = td.trace(several, background=True)
wanted = bits(several(x))
assert bits(several(g)) == wanted  # eager kernels are there from now on
os.environ["TANDEM_STUB_NVRTC_TOGETHER"] = "2"
before = td.stats()["compiled"]
assert bits(compiled(g)) == wanted
assert compiled.stats()["pending"] == 1 and compiled.stats()["eager_calls"] == 1 and td.stats()["compiled"] == before
_core._hold_compiling(False)
assert bits(compiled(g)) == wanted
until_ready(compiled)
assert bits(compiled(g)) == wanted
assert compiled.stats()["compiles"] == 1 and td.stats()["compiled"] - before >= 2
eager = compiled.stats()["eager_calls"]
assert bits(compiled(g)) == wanted and compiled.stats()["eager_calls"] == eager
""",
        TANDEM_NUM_THREADS="2",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
    )


def test_in_the_background_programs_are_compiled_side_by_side(tmp_path: Path) -> None:
    run(
        FUNCTIONS
        + """
from tandem import _core
for k in range(2, 5):
    one_of(k)[1](g)
os.environ["TANDEM_STUB_NVRTC_TOGETHER"] = "2"
_core._hold_compiling(True)
made = [one_of(k, background=True) for k in range(2, 5)]
for compiled, plain in made:
    assert bits(compiled(g)) == bits(plain(x)) and compiled.stats()["pending"] == 1
_core._hold_compiling(False)
for compiled, plain in made:
    until_ready(compiled)
    assert bits(compiled(g)) == bits(plain(x)) and compiled.stats()["compiles"] == 1
""",
        TANDEM_NUM_THREADS="2",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
    )


def test_what_fails_in_the_background_is_raised_by_who_waits(tmp_path: Path) -> None:
    out = run(
        FUNCTIONS
        + """
compiled, plain = one_of(7, background=True)
plain(g)
os.environ["CXX"] = "/nowhere/c++"
compiled(g)
print(error(td.CompileError, compiled.wait))
assert bits(plain(g)) == bits(plain(x))
""",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert "NVRTC 13.0 rejects a kernel" in out


def test_a_process_may_end_while_code_is_compiled(tmp_path: Path) -> None:
    run(
        FUNCTIONS
        + """
made = [one_of(k, background=True) for k in range(2, 8)]
for k in range(2, 8):
    one_of(k)[1](g)
for compiled, plain in made:
    compiled(g)
""",
        TANDEM_NUM_THREADS="3",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
    )
