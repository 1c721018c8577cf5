"""td.profiler: what is recorded, how it is attributed to lines and functions, and that it is off elsewhere."""

import doctest
import gc
import json
import threading

import numpy as np
import pytest

import tandem as td
from tandem import _core


@td.script
def chain(x, y):
    z = td.exp(x * 0.5) + y
    return td.where(z > 1, td.sqrt(td.abs(z)), z * y) - td.tanh(x)


@td.script
def layer(x, w):
    h = td.tanh(x @ w)
    return h.sum(axis=0)


def normal(*shape):
    return td.asarray(np.random.default_rng(7).standard_normal(shape).astype(np.float32))


def line_of(function, offset):
    function = getattr(function, "__wrapped__", function)
    return function.__code__.co_filename, function.__code__.co_firstlineno + offset


def of_kind(profile, *kinds):
    return [event for event in profile.events if event.kind in kinds]


def test_kernels_of_a_compiled_function():
    x, y = normal(1000), normal(1000)
    chain(x, y)
    with td.profiler() as p:
        for _ in range(3):
            chain(x, y)
    kernels = of_kind(p, "kernel")
    assert len(kernels) == 3 == len(of_kind(p, "call"))
    first = kernels[0]
    assert first.name.startswith("multiply_exp_add") and first.function == "chain"
    assert set(first.lines) == {line_of(chain, 2), line_of(chain, 3)}
    assert first.bytes_read == 2 * 4000 and first.bytes_written == 4000
    assert 0 < first.seconds <= p.total and first.own == first.seconds
    calls = of_kind(p, "call")
    assert all(call.name == "chain" and call.start <= kernel.start for call, kernel in zip(calls, kernels, strict=True))
    assert all(call.own < call.seconds and call.seconds > k.seconds for call, k in zip(calls, kernels, strict=True))


def test_sizes_that_are_symbols():
    f = td.script(lambda x: (x * 2).sum(axis=1))
    for rows in (3, 5, 7):
        f(normal(rows, 50))
    with td.profiler() as p:
        f(normal(11, 50))
    (kernel,) = of_kind(p, "kernel")
    assert (kernel.bytes_read, kernel.bytes_written) == (11 * 50 * 4, 11 * 4)


def test_a_broadcast_operand_counts_once():
    f = td.script(lambda x, row: x + row)
    x, row = normal(30, 40), normal(40)
    f(x, row)
    with td.profiler() as p:
        f(x, row)
    assert of_kind(p, "kernel")[0].bytes_read == 30 * 40 * 4 + 40 * 4


def test_eager_operations_have_the_users_line():
    x = normal(100)
    with td.profiler() as p:
        y = x * 2
        z = td.zeros_like(y)
        z[3:5] = 1.0
    here = test_eager_operations_have_the_users_line
    operations = {event.name: event.lines for event in of_kind(p, "operation")}
    assert operations["multiply"] == (line_of(here, 3),)
    assert line_of(here, 4) in [line for lines in operations.values() for line in lines]
    multiply = of_kind(p, "kernel")[0]
    assert multiply.name == "multiply" and multiply.lines == (line_of(here, 3),) and multiply.function == ""
    copies = {event.name: event for event in of_kind(p, "copy")}
    assert copies["assignment"].lines == (line_of(here, 5),) and copies["assignment"].bytes_written == 8


def test_library_calls_have_lines_and_bytes():
    x, w = normal(64, 32), normal(32, 16)
    layer(x, w)
    with td.profiler() as p:
        layer(x, w)
        x @ w
    inside, eager = of_kind(p, "library")
    assert inside.name == eager.name == "matmul"
    assert inside.lines == (line_of(layer, 2),)
    assert eager.lines == (line_of(test_library_calls_have_lines_and_bytes, 5),)
    assert inside.bytes_read == 4 * (64 * 32 + 32 * 16) and inside.bytes_written == 4 * 64 * 16


def test_host_calls_and_puts():
    @td.script
    def f(x, i):
        y = x * 2
        y[i] = 5.0
        print("row", y[0])
        return y

    x, i = normal(4), td.asarray(2)
    f(x, i)
    with td.profiler() as p:
        f(x, i)
    (put,) = of_kind(p, "put")
    (host,) = of_kind(p, "host")
    assert put.lines == (line_of(f, 3),) and put.bytes_written == 4
    assert host.lines == (line_of(f, 4),) and host.function == f.__qualname__


def test_captures_and_kernels_made():
    td.clear_cache()
    f = td.script(lambda x: td.tanh(x) * 0.37 + 2)
    with td.profiler() as p:
        f(normal(10))
        f(normal(3, 10))
    first, second = of_kind(p, "capture")
    assert first.name == second.name == f.__qualname__
    assert first.detail == "the first call" and "axes" in second.detail
    made = of_kind(p, "compile", "load")
    assert made and made[0].function == f.__qualname__ and made[0].lines
    assert first.start <= made[0].start and made[0].seconds < first.seconds
    td.clear_cache()
    again = td.script(lambda x: td.tanh(x) * 0.37 + 2)
    with td.profiler() as p:
        again(normal(10))
    if td._core.backend_name() == "llvm":
        assert {event.kind for event in of_kind(p, "compile", "load")} == {"load"}


def test_lines_share_a_kernel_by_their_instructions():
    @td.script
    def f(x):
        y = x + 1
        return td.tanh(td.sin(td.exp(y)))

    x = normal(100_000)
    f(x)
    with td.profiler() as p:
        f(x)
    lines = p.lines()
    cheap, dear = lines[line_of(f, 2)], lines[line_of(f, 3)]
    assert list(lines) == [line_of(f, 3), line_of(f, 2)]
    assert dear > 5 * cheap > 0
    assert dear + cheap == pytest.approx(of_kind(p, "kernel")[0].seconds)


def test_tables():
    x, y = normal(1000), normal(1000)
    with td.profiler() as p:
        chain(x, y)
        layer(normal(8, 8), normal(8, 8))
        x + y
    text = p.table()
    head, rows = text.split("\n\n")
    assert "in all" in head and "3 captures" not in head and "calls of compiled functions" in head and "at most" in head
    assert rows.splitlines()[0].split() == ["kernel", "time", "share", "calls", "mean", "bytes/s", "kind", "lines"]
    assert any(row.startswith("matmul") and " library " in row for row in rows.splitlines())
    assert str(p) == text and f"{len(p.events)} events" in repr(p)
    by_line = p.table(by="line")
    assert "shared out by the scalar instructions" in by_line
    assert f"test_profiler.py:{line_of(chain, 2)[1]}" in by_line and "z = td.exp(x * 0.5) + y" in by_line
    by_function = p.table(by="function").split("\n\n")[1].splitlines()
    assert {row.split("  ")[0] for row in by_function[1:]} == {"chain", "layer", "(eager operations)"}
    assert len(p.table(rows=1).split("\n\n")[1].splitlines()) == 3 and p.table(rows=1).endswith("more")
    names = [row.split()[0] for row in p.table(sort="name").split("\n\n")[1].splitlines()[1:]]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.table(by="file"), "table: got by='file'; need 'kernel', 'line' or 'function'"),
        (lambda p: p.table(sort="size"), "table: got sort='size'; need one of 'time', 'calls', 'mean', 'name'"),
        (lambda p: td.profiler(sample=1), "profiler: got sample=1; need True or False"),
        (lambda p: td.profiler(max_events=0), "profiler: got max_events=0; need an integer from 1 on"),
    ],
)
def test_wrong_arguments(call, message):
    with td.profiler() as p:
        pass
    with pytest.raises(ValueError, match="got") as caught:
        call(p)
    assert str(caught.value) == message


def test_questions_before_the_end():
    with td.profiler() as p:
        with pytest.raises(td.Error) as caught:
            p.table()
        with pytest.raises(td.Error) as again, p:
            pass
        assert repr(p) == "<td.profiler, on>"
    text = "profiler: got a question before its block ended; need a profile; try it after the block"
    assert str(caught.value) == text
    assert "need another profiler" in str(again.value)
    assert repr(td.profiler()) == str(td.profiler()) == "<td.profiler, not used yet>"


def test_chrome_trace(tmp_path):
    x, y = normal(1000), normal(1000)
    with td.profiler() as p:
        chain(x, y)
        thread = threading.Thread(target=lambda: chain(x, y), name="second thread")
        thread.start()
        thread.join()
    p.save(tmp_path / "trace.json")
    data = json.loads((tmp_path / "trace.json").read_text())
    events = data["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == len(p.events)
    for span in spans:
        assert set(span) == {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args"}
        assert 0 <= span["ts"] <= span["ts"] + span["dur"] <= p.total * 1e6 + 1
    threads = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert set(threads.values()) == {"MainThread", "second thread"}
    assert {span["tid"] for span in spans} == set(threads)
    counters = [event for event in events if event["ph"] == "C"]
    assert counters and all(event["args"]["bytes"] >= 0 for event in counters)
    assert [event["ts"] for event in counters] == sorted(event["ts"] for event in counters)
    kernel = next(span for span in spans if span["cat"] == "kernel")
    assert kernel["args"]["bytes read"] == 8000 and "test_profiler.py:" in kernel["args"]["lines"]
    assert any(event["ph"] == "M" and event["name"] == "process_name" for event in events)


def test_memory():
    with td.profiler() as p:
        x = td.zeros((1 << 20,)) + 1
        del x
        small = td.zeros((10,))
    assert p.memory.peak >= p.memory.start + (4 << 20)
    assert p.memory.end < p.memory.start + (4 << 20)
    assert p.memory.allocations >= 2 and p.memory.allocated_bytes >= 4 << 20
    assert max(event.memory for event in p.events) >= p.memory.start + (4 << 20)
    with td.profiler() as later:
        small = small + 1
    assert later.memory.peak < later.memory.start + (1 << 20)
    assert td.memory_stats()["peak"] >= p.memory.peak


def test_peak_of_nested_profilers():
    with td.profiler() as outer:
        big = td.zeros((1 << 20,))
        del big
        with td.profiler() as inner:
            td.zeros((1 << 18,))
    assert inner.memory.peak - inner.memory.start < 2 << 20 <= outer.memory.peak - outer.memory.start


def test_nested_profilers():
    x = normal(10)
    with td.profiler() as outer:
        x + 1
        with td.profiler() as inner:
            x * 2
        x - 3
    assert [event.name for event in of_kind(inner, "operation")] == ["multiply"]
    assert [event.name for event in of_kind(outer, "operation")] == ["add", "multiply", "subtract"]
    assert inner.total < outer.total


def test_overlapping_profilers():
    x = normal(10)
    first, second = td.profiler(), td.profiler()
    first.__enter__()
    x + 1
    second.__enter__()
    x * 2
    first.__exit__(None, None, None)
    x - 3
    second.__exit__(None, None, None)
    assert [event.name for event in of_kind(first, "operation")] == ["add", "multiply"]
    assert [event.name for event in of_kind(second, "operation")] == ["multiply", "subtract"]


def test_a_profiler_may_be_used_again():
    x, p = normal(10), td.profiler()
    with p:
        x + 1
    with p:
        x * 2
    assert [event.name for event in of_kind(p, "operation")] == ["multiply"]


def test_an_exception_leaves_it_off():
    x = normal(10)
    p = td.profiler()
    with pytest.raises(ZeroDivisionError), p:
        x + 1
        raise ZeroDivisionError
    assert _core._profile_clock() == 0
    assert [event.name for event in of_kind(p, "operation")] == ["add"]


def test_inside_a_captured_function():
    @td.script
    def f(x):
        with td.profiler():
            return x + 1

    with pytest.raises(td.CaptureError) as caught:
        f(normal(3))
    assert str(caught.value).splitlines()[0] == (
        "profiler: got a call inside a function that is being captured, whose Python code runs only once; need it "
        "outside; try it around the call of the compiled function"
    )
    assert _core._profile_clock() == 0


def test_failing_calls_are_recorded():
    f = td.script(lambda x, i: td.take(x, i))
    x = normal(4)
    f(x, td.asarray([1, 2]))
    with td.profiler() as p, pytest.raises(IndexError):
        f(x, td.asarray([1, 9]))
    assert len(of_kind(p, "call")) == len(of_kind(p, "kernel")) == 1


def test_off_by_default():
    x = normal(10)
    assert _core._profile_clock() == 0
    x + 1
    with td.profiler() as p:
        pass
    x + 1
    assert p.events == [] and p.lines() == {} and p.dropped == 0
    assert p.table().splitlines()[-1].split()[0] == "kernel"
    assert _core._profile_clock() == 0


@pytest.mark.parametrize("most", [1, 3, 1024, 1500])
def test_events_beyond_the_cap_are_counted(most):
    x = normal(4)
    with td.profiler(sample=False) as everything:
        for _ in range(1000):
            x + 1
    with td.profiler(max_events=most, sample=False) as p:
        for _ in range(1000):
            x + 1
    assert len(p.events) == most and p.dropped == len(everything.events) - most
    assert f"{p.dropped} events are missing: got more than max_events={most}" in p.table()
    assert "missing" not in everything.table()


def test_threads():
    barrier = threading.Barrier(8)

    def work(k):
        x = normal(100 + k)
        barrier.wait()
        for _ in range(30):
            chain(x, x)
            x * 2

    chain(normal(5), normal(5))
    with td.profiler() as p:
        threads = [threading.Thread(target=work, args=(k,), name=f"worker {k}") for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    calls = of_kind(p, "call")
    assert sum(event.stands_for for event in calls) == 240
    assert sum(event.stands_for for event in of_kind(p, "operation")) == 240
    by_thread = {event.thread for event in calls}
    assert len(by_thread) == 8
    assert sum(event.stands_for for event in of_kind(p, "kernel") if event.function == "chain") == 240
    for thread in by_thread:  # in the order in which they began, and calls of one thread do not overlap
        own = [event for event in calls if event.thread == thread]
        assert all(a.start + a.seconds <= b.start for a, b in zip(own, own[1:], strict=False))


def test_nothing_dangles_after_clear_cache():
    f = td.script(lambda x: td.exp(x) * 3.5 + 1)
    x = normal(10)
    f(x)
    with td.profiler() as p:
        f(x)
        x * 4.25
        del f
        td.clear_cache()
        gc.collect()
        chain(normal(3), normal(3))
    td.clear_cache()
    gc.collect()
    names = [event.name for event in of_kind(p, "kernel")]
    assert names[0].startswith("exp_multiply") and "multiply" in names
    assert "exp_multiply" in p.table()


FORKING = """
import os
import tandem as td

x = td.ones((10,))
with td.profiler() as p:
    x + 1
    child = os.fork()
    if child == 0:
        x * 2
        x - 1
seen = [event.name for event in p.events if event.kind == "operation"]
if child == 0:
    os._exit(seen != ["add", "multiply", "subtract"])
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen)
"""


def test_fork(run_python):
    assert run_python(FORKING) == "0 ['add']"


def test_times_of_a_functions_kernels():
    f = td.script(lambda x: td.exp(x) * 2)
    for shape in ((10,), (3, 10)):
        f(normal(*shape))
    with td.profiler() as p:
        for _ in range(4):
            f(normal(3, 10))
    (seconds,) = p.seconds_by_origin().values()
    assert seconds == pytest.approx(sum(event.seconds for event in of_kind(p, "kernel")))
    first, second = f.explain(p).report.specializations
    assert [first.kernels[0].seconds, second.kernels[0].seconds] == [None, seconds]
    assert f"seconds={seconds:.3g}" in f.explain(p)
    assert "seconds=" not in f.explain()


def test_times_of_library_calls(tmp_path):
    f = td.script(lambda x, w: td.tanh(x @ w) @ w)
    x = normal(8, 8)
    f(x, x)
    with td.profiler() as p:
        for _ in range(10):
            f(x, x)
    report = f.explain(p).report
    nodes = [node for node in report.specializations[0].graph.walk() if node.kind == "library"]
    assert len(nodes) == 2 and all(node.seconds > 0 for node in nodes)
    measured = sum(event.seconds for event in of_kind(p, "library"))
    assert sum(node.seconds for node in nodes) == pytest.approx(measured)
    assert f"library: matmul (seconds={nodes[0].seconds:.3g}, " in f.explain(p)
    page = td.viz(f, tmp_path / "page.html", profile=p).read_text(encoding="utf-8")
    assert page.count('<span class="dim">library</span>') == 2 and 'dim">not measured' not in page
    assert 'class="number">time' not in td.viz(f, tmp_path / "page.html").read_text(encoding="utf-8")


def test_copies_of_a_program_have_lines():
    @td.script
    def f(x, y):
        x[:] = y.T
        for _ in range(td.asarray(2)):
            y = y.T
        return y

    x, y = normal(4, 4), normal(4, 4)
    f(x, y)
    with td.profiler() as p:
        f(x, y)
    copies = of_kind(p, "copy")
    assert copies and all(event.lines for event in copies), [(event.name, event.lines) for event in copies]
    assert "(unknown)" not in p.table(by="line")


@pytest.mark.parametrize("function", [td.profiler, td.debug_nans], ids=lambda f: f.__name__)
def test_examples(function):
    finder = doctest.DocTestFinder(exclude_empty=False)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in finder.find(function, function.__name__, globs={"td": td}):
        assert test.examples
        runner.run(test)
    assert runner.summarize().failed == 0
