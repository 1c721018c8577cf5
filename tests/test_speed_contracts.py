"""What speed rests on, as counters that do not depend on the machine: compilations, launches, allocations, threads."""

import numpy as np
import pytest

import tandem as td


class Counting:
    """Differences of the process-wide counters over a block."""

    def __enter__(self):
        self.before = {**td.stats(), **td.memory_stats()}
        return self

    def __exit__(self, *_):
        after = {**td.stats(), **td.memory_stats()}
        self.of = {name: after[name] - self.before[name] for name in after}


def arrays(n, m=8):
    return td.asarray(np.random.default_rng(n).standard_normal((n, m)).astype(np.float32))


def chain(x, y):
    z = td.exp(x * 0.5) + y
    return td.where(z > 1, td.sqrt(td.abs(z)), z * y) - td.tanh(x)


def test_chain_is_one_launch_and_one_allocation():
    f = td.script(chain)
    x, y = arrays(64), arrays(64)
    f(x, y)
    with Counting() as count:
        f(x, y)
    assert count.of["launches"] == 1 and count.of["allocations"] == 1
    assert count.of["compiled"] == count.of["disk_hits"] == count.of["eager_calls"] == count.of["library_calls"] == 0


@pytest.mark.parametrize(
    "function",
    [
        td.softmax,
        td.log_softmax,
        td.layer_norm,
        td.logsumexp,
        td.gelu,
        lambda x: x.var(axis=1),
        lambda x: td.softmax(x * 2 + 1) * x,
        lambda x: (x - x.mean(axis=-1, keepdims=True)) ** 2,
    ],
    ids=["softmax", "log_softmax", "layer_norm", "logsumexp", "gelu", "var", "softmax in a chain", "centred"],
)
def test_one_kernel(function):
    x = arrays(50, 33)
    f = td.script(lambda x: function(x))
    f(x)
    with Counting() as count:
        f(x)
    assert count.of["launches"] == 1, f.ir("kernels")
    assert count.of["allocations"] <= 2, f.ir("program")  # the result, and scratch for one row


def test_second_call_compiles_nothing():
    x = arrays(10)
    operations = (
        lambda: td.exp(x),
        lambda: x + x,
        lambda: x.sum(axis=0),
        lambda: td.softmax(x),
        lambda: x @ x.T,
        lambda: x[1:] * 2,
    )
    for operation in operations:
        operation()
        with Counting() as count:
            operation()
        assert (
            count.of["compiled"] == count.of["disk_hits"] == count.of["memory_hits"] == count.of["eager_programs"] == 0
        )


def test_eager_sizes_share_kernels():
    td.tanh(arrays(3) * 2.5 + arrays(3))
    with Counting() as count:
        for n in range(4, 104):
            td.tanh(arrays(n) * 2.5 + arrays(n))
    assert count.of["compiled"] == 0 and count.of["disk_hits"] == 0 and count.of["eager_programs"] == 0


def test_at_most_two_captures_for_any_number_of_batch_sizes():
    f = td.script(chain)
    with Counting() as count:
        for n in range(2, 102):
            got = f(arrays(n), arrays(n))
            assert got.shape == (n, 8)
    assert f.stats()["captures"] <= 2
    assert count.of["compiled"] <= 2


def test_captured_reduction_for_any_number_of_batch_sizes():
    f = td.script(lambda x: td.softmax(x @ x.T).sum(axis=0))
    for n in range(2, 52):
        assert f(arrays(n)).shape == (n,)
    assert f.stats()["captures"] <= 2


def test_dynamic_true_needs_one_capture():
    f = td.script(dynamic=True)(chain)
    for n in (5, 7, 900):
        f(arrays(n), arrays(n))
    assert f.stats()["captures"] == 1


def test_calls_of_a_compiled_function_do_no_eager_work():
    f = td.script(lambda x: td.softmax(x) @ x.T)
    x = arrays(16)
    f(x)
    with Counting() as count:
        for _ in range(10):
            f(x)
    assert count.of["eager_calls"] == 0 and count.of["program_runs"] == 10
    assert f.stats()["captures"] == 1 and f.stats()["calls"] == 11


def test_views_launch_and_allocate_nothing():
    x = arrays(12)
    x.T, x[1:], td.reshape(x, (-1,)), td.broadcast_to(x, (2, 12, 8))
    with Counting() as count:
        for _ in range(10):
            (
                x.T,
                x[1:, ::2],
                td.reshape(x, (-1,)),
                td.broadcast_to(x, (2, 12, 8)),
                td.permute_dims(x, (1, 0)),
                td.flip(x),
            )
    assert count.of["launches"] == count.of["allocations"] == count.of["copies"] == 0


def test_views_inside_compiled_code_cost_nothing():
    f = td.script(lambda x: x.T[::2, ::-1] * 2 + td.broadcast_to(x[0, ::2, None], (4, 12)))
    x = arrays(12)
    f(x)
    with Counting() as count:
        f(x)
    assert count.of["launches"] == 1 and count.of["allocations"] == 1 and count.of["copies"] == 0, f.ir("program")


def test_steady_state_asks_the_system_for_no_memory():
    f = td.script(chain)
    x, y = arrays(100_000), arrays(100_000)
    for _ in range(3):
        f(x, y)
        td.exp(x) + y
    with Counting() as count:
        for _ in range(20):
            f(x, y)
            td.exp(x) + y
    assert count.of["system_allocations"] == 0 and count.of["in_use"] == 0


def test_in_place_writes_stay_in_one_buffer():
    @td.script
    def step(x, y):
        z = x * 2
        z[1:-1] += y[1:-1] * 0.5
        return z

    x, y = arrays(100), arrays(100)
    step(x, y)
    with Counting() as count:
        step(x, y)
    assert count.of["allocations"] == 1 and count.of["copies"] == 0, step.ir("program")
    assert count.of["launches"] <= 2


def test_loops_reuse_their_buffers():
    """The memory of a loop does not grow with its iterations."""

    @td.script
    def iterate(x, n):
        k = 0
        while k < n:
            x = td.tanh(x + 1)
            k = k + 1
        return x

    x = arrays(1000)
    peaks = []
    for n in (10, 1000):
        iterate(x, td.asarray(n))
        with Counting() as count:
            iterate(x, td.asarray(n))
        peaks.append(count.of["peak"])
        assert count.of["in_use"] == 0
    assert peaks[1] <= 3 * x.nbytes


def test_dead_code_and_common_subexpressions_run_once():
    def program(x):
        unused = td.exp(x) @ td.exp(x).T  # noqa: F841
        a, b = td.sin(x) * 2, td.sin(x) * 2
        return a + b

    f = td.script(program)
    x = arrays(9)
    f(x)
    with Counting() as count:
        f(x)
    assert count.of["library_calls"] == 0 and count.of["launches"] == 1
    assert f.ir("optimized").count("sin") == 1 and "matmul" not in f.ir("optimized")


def test_import_starts_no_thread(run_python):
    threads = """
import os, sys
def threads():
    return len(os.listdir("/proc/self/task"))
import numpy
before = threads()
import tandem as td
assert threads() == before, "import started a thread"
td.asarray([1.0, 2.0]) + 1
td.script(lambda x: td.exp(x))(td.ones((10,)))
print(threads() - before)
"""
    assert run_python(threads, OMP_NUM_THREADS="4").strip() == "0", "small work started threads"


def test_import_is_lean(run_python):
    program = "import sys, numpy; before = set(sys.modules); import tandem; print(sorted(set(sys.modules) - before))"
    loaded = run_python(program)
    for heavy in ("scipy", "onnx", "torch", "matplotlib", "tandem.scripting", "tandem.demo"):
        assert f"'{heavy}'" not in loaded


def test_reductions_of_new_lengths_compile_nothing():
    """The count of a mean is a value of the kernel, not a constant in it."""
    for function in (td.mean, td.var, td.sum, td.softmax):
        arguments = {"axis": -1} if function is td.softmax else {}
        function(td.ones(1003), **arguments)
        before = td.stats()
        for length in range(1100, 1110):
            function(td.ones(length), **arguments)
        after = td.stats()
        assert after["compiled"] + after["disk_hits"] == before["compiled"] + before["disk_hits"], function
