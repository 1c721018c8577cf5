"""Short events: some are timed, all are counted. Which are timed depends on the machine, the sums do not."""

import json
from collections import defaultdict

import numpy as np
import pytest

import tandem as td
from tandem.profiling_events import EXAMPLE, REST, SINGLE, _adjusted, nested


@td.script
def twice(x):
    return x * 2 + 1


@td.script
def repeated(x, n):
    for _ in range(n):
        x = x * 0.5 + 1
        x = x[::-1]
    return x


def count_of(p, kind, name=None):
    return sum(event.stands_for for event in p.events if event.kind == kind and name in (None, event.name))


def small():
    return td.asarray(np.arange(8, dtype=np.float32))


def test_every_call_counts():
    x = small()
    twice(x)
    with td.profiler() as p:
        for _ in range(20_000):
            twice(x)
    assert count_of(p, "call") == count_of(p, "kernel") == 20_000
    assert len(p.events) < 40_000
    assert {event.function for event in p.events} == {"twice"}
    row = p.table().splitlines()[-1]
    assert " 20000 " in row and row.split()[1].startswith("~")
    assert "~ is an estimate" in p.table() and "20000 calls of compiled functions" in p.table()


def test_every_eager_operation_counts():
    x = small()
    with td.profiler() as p:
        for _ in range(10_000):
            y = x + x
            y = y * x
    assert count_of(p, "operation", "add") == count_of(p, "operation", "multiply") == 10_000
    assert count_of(p, "kernel") == 20_000
    lines = {line for event in p.events for _, line in event.lines}
    assert len(lines) == 2  # kernels inside operations have their lines
    assert sum(p.lines().values()) == pytest.approx(sum(event.own * event.stands_for for event in p._steps()))


def test_every_launch_in_a_loop_counts():
    x = small()
    repeated(x, td.asarray(2))
    with td.profiler(sample=False) as every:
        for _ in range(3):
            repeated(x, td.asarray(500))
    with td.profiler() as p:
        for _ in range(3):
            repeated(x, td.asarray(500))
    steps = {(event.kind, event.name) for event in every.events if event.kind in ("kernel", "copy")}
    assert len(steps) > 1
    for kind, name in steps:
        assert count_of(p, kind, name) == count_of(every, kind, name)
    assert all(event.stands_for == 1 for event in every.events)
    assert len(p.events) <= len(every.events) and max(event.stands_for for event in p.events) > 1
    assert "~" not in every.table() and "~" in p.table()


def test_launches_are_exact_where_calls_differ():
    x = small()
    repeated(x, td.asarray(2))
    with td.profiler() as p:
        for k in range(3000):
            repeated(x, td.asarray(1 + k % 7))
    sums = defaultdict(int)
    for event in p.events:
        if event.kind == "kernel" and event.function == "repeated":
            sums[event.origin] += event.stands_for
    assert sum(1 + k % 7 for k in range(3000)) in sums.values()


def test_the_first_events_are_all_recorded():
    x = small()
    with td.profiler() as p:
        for _ in range(100):
            x - 1
    assert [event.stands_for for event in p.events if event.name == "subtract" and event.kind == "operation"] == [
        1
    ] * 100
    assert "~" not in p.table()


def test_nested_profilers_count_what_is_theirs():
    x = small()

    def work(count):
        for _ in range(count):
            twice(x)
            x + x

    work(1)
    with td.profiler() as outer:
        work(3000)
        with td.profiler() as inner:
            work(2000)
        work(1000)
    for kind in ("call", "operation"):
        assert count_of(outer, kind) == 6000 and count_of(inner, kind) == 2000
    assert count_of(outer, "kernel") == 12_000 and count_of(inner, "kernel") == 4000


def test_long_work_among_short_is_never_left_out():
    x, large = small(), td.ones((1 << 20,))
    twice(x), twice(large)
    with td.profiler() as p:
        for k in range(3000):
            y = large if k % 1000 == 999 else x
            twice(y)
            y * 2
    long = [event for event in p.events if event.kind == "kernel" and event.bytes_read >= 4 << 20]
    assert [event.stands_for for event in long] == [1] * 6
    assert {event.function for event in long} == {"twice", ""} and all(event.lines for event in long)
    assert count_of(p, "call") == count_of(p, "operation") == 3000


def test_exceptions_leave_scopes():
    f = td.script(lambda x, i: td.take(x, i))
    x, good, bad = small(), td.asarray([1]), td.asarray([9])
    f(x, good)
    with td.profiler() as p:
        for k in range(2000):
            if k % 2:
                f(x, good)
            else:
                with pytest.raises(IndexError):
                    f(x, bad)
        x + x
    assert count_of(p, "call") == 2000
    add = next(event for event in p.events if event.name == "add")
    assert add.function == "" and add.stands_for == 1


def test_the_trace_says_what_an_event_stands_for(tmp_path):
    x = small()
    with td.profiler() as p:
        for _ in range(20_000):
            twice(x)
    p.save(tmp_path / "trace.json")
    spans = [event for event in json.loads((tmp_path / "trace.json").read_text())["traceEvents"] if event["ph"] == "X"]
    calls = [span["args"].get("stands for", 1) for span in spans if span["cat"] == "call"]
    assert sum(calls) == 20_000


def row(kind, start, seconds, count=1, key=0, role=EXAMPLE, thread=1):
    return (kind, f"{kind}{key}", start, seconds, thread, 0, 0, 0, count, role, key)


def test_counts_of_nested_records():
    rows = [
        row("kernel", 1.0, 0.5, key=2),
        row("kernel", 2.0, 0.25, count=10, key=3),
        row("kernel", 4.0, 0.5, key=3, role=SINGLE),
        row("kernel", 5.0, 0.0, count=4, key=3, role=REST),  # left out since the last record
        row("call", 0.0, 6.0, count=100, key=1),
        row("call", 9.0, 0.0, count=20, key=1, role=REST, thread=2),
    ]
    call, *kernels = nested(rows, {}, {})
    assert [call.stands_for, *(kernel.stands_for for kernel in kernels)] == [120, 120, 120 * 14, 120]
    assert call.own == pytest.approx(6.0 - 0.5 - 14 * 0.25 - 0.5)
    _, *kernels = nested(rows, {}, {2: 125, 3: 1700})
    assert [kernel.stands_for for kernel in kernels] == [125, 1700 - kernels[2].stands_for, kernels[2].stands_for]
    assert 100 < kernels[2].stands_for < 120


def test_what_was_left_out_of_another_profile_is_nobodys():
    assert list(nested([row("call", 1.0, 0.0, count=5, role=REST)], {}, {})) == []


def test_a_step_that_was_interrupted_stands_for_itself():
    rows = [row("kernel", float(k), 1e-8, count=50, key=1) for k in range(20)]
    rows[7] = row("kernel", 7.0, 1e-5, count=60, key=1)
    events = list(nested(rows, {}, {}))
    assert sum(event.stands_for for event in events) == 19 * 50 + 60
    assert events[7].stands_for == 1
    assert sum(event.stands_for * event.seconds for event in events) == pytest.approx(1e-5 + 1009 * 1e-8)
    # A tenth of them are long: these are no accidents.
    rows[11] = row("kernel", 11.0, 1e-5, count=50, key=1)
    rows += [row("kernel", 30.0 + k, 1e-5, count=50, key=1) for k in range(3)]
    assert {event.stands_for for event in nested(rows, {}, {})} == {50, 60}


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [
        ([1, 1, 1], 5, [1, 1, 1]),
        ([1, 3, 3], 7, [1, 3, 3]),
        ([1, 3, 3], 11, [1, 5, 5]),
        ([2, 3, 5], 4, [1, 1, 2]),
        ([2, 3, 5], 2, [2, 3, 5]),
    ],
)
def test_adjusted_counts(counts, total, expected):
    assert list(_adjusted(counts, total)) == expected
