"""Batches made here and by workers: the same, in the same order; workers that fail or die."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter, namedtuple
from pathlib import Path

import loader_datasets as sets
import numpy as np
import pytest

import tandem as td

METHODS = ["fork", "spawn"]


def plain(value):
    """A batch as plain Python."""
    if isinstance(value, td.Tensor):
        return value.dtype.name, value.tolist()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(part) for part in value)
    return value


def batches(*args, **kwargs):
    return [plain(batch) for batch in td.data.DataLoader(*args, **kwargs)]


# Collate


def test_default_collate():
    Point = namedtuple("Point", "x y")
    samples = [Point(td.ones((2,)) * k, {"n": np.float64(k), "s": "abc"[k], "b": k > 0}) for k in range(3)]
    batch = td.data.default_collate(samples)
    assert type(batch) is Point
    assert plain(batch.x) == ("float32", [[0, 0], [1, 1], [2, 2]])
    assert plain(batch.y) == {"n": ("float64", [0, 1, 2]), "s": ["a", "b", "c"], "b": ("bool", [False, True, True])}
    assert td.data.default_collate([1.5, 2.5]).dtype == td.float32
    assert td.data.default_collate([[1, 2], [3, 4]])[1].tolist() == [2, 4]
    assert td.data.default_collate([np.array(["a"]), np.array(["b"])])[1].tolist() == ["b"]


@pytest.mark.parametrize(
    "samples, message",
    [
        ([td.ones((2,)), td.ones((3,))], r"got samples of shapes \(2,\), \(3,\)"),
        ([(1, 2), (1,)], "got tuples of different lengths"),
        ([{"a": 1}, {"b": 1}], "got dicts with different keys"),
        ([object(), object()], "got samples of object"),
    ],
)
def test_what_makes_no_batch(samples, message):
    with pytest.raises((TypeError, ValueError), match=message):
        td.data.default_collate(samples)


# Order


def test_order_follows_the_seed():
    td.manual_seed(3)
    first = [batches(range(10), 3, shuffle=True) for _ in range(2)]
    td.manual_seed(3)
    assert [batches(range(10), 3, shuffle=True) for _ in range(2)] == first
    assert first[0] != first[1]
    assert sorted(sum((values for _, values in first[0]), [])) == list(range(10))
    own = [batches(range(10), 3, shuffle=True, generator=td.random.Generator(7)) for _ in range(2)]
    assert own[0] == own[1]


@pytest.mark.parametrize("method", METHODS)
def test_workers_change_nothing(method):
    td.manual_seed(1)
    here = batches(sets.Numbered(), 3, shuffle=True)
    state = td.random.get_state().tolist()
    for count in (1, 3):
        td.manual_seed(1)
        there = batches(sets.Numbered(), 3, shuffle=True, num_workers=count, multiprocessing_context=method)
        assert there == here
        assert td.random.get_state().tolist() == state


def test_what_workers_return_may_be_written_to():
    for batch in td.data.DataLoader(sets.Numbered(), 4, num_workers=2):
        batch["tensor"] += 1
        assert batch["tensor"].shape == (4, 2, 3) and batch["empty"].shape == (4, 0, 2)


def test_random_numbers_of_workers_depend_on_the_batch_alone():
    def run(count, **options):
        td.manual_seed(5)
        loader = td.data.DataLoader(sets.Drawing(), 2, num_workers=count, **options)
        return [[plain(batch) for batch in loader] for _ in range(2)]

    one = run(1)
    assert run(3) == one == run(2, persistent_workers=True)
    drawn = [value for epoch in one for batch in epoch for _, values in batch[1:] for value in values]
    assert len(set(drawn)) == len(drawn)


def test_large_batches():
    loader = td.data.DataLoader(sets.Large(), 2, num_workers=2)
    assert [float(batch.sum()) for batch in loader] == [(4 * k + 1) * (1 << 20) for k in range(3)]


def test_options():
    assert batches(range(5), 2, drop_last=True) == [("int64", [0, 1]), ("int64", [2, 3])]
    assert batches(range(3), None) == [0, 1, 2]
    assert batches(range(3), None, collate_fn=lambda x: -x) == [0, -1, -2]
    assert batches(range(5), 2, collate_fn=sum) == [1, 5, 4]
    assert batches(range(5), 2, collate_fn=sets.sums, num_workers=2, multiprocessing_context="spawn") == [1, 5, 4]
    assert batches(range(9), batch_sampler=[[8, 1], [2]]) == [("int64", [8, 1]), ("int64", [2])]
    assert batches(range(9), 2, sampler=[8, 1, 2]) == [("int64", [8, 1]), ("int64", [2])]
    assert batches(sets.Whole(), 4, num_workers=1) == batches(sets.Whole(), 4)
    assert batches(sets.Whole(), 4)[2] == ("int64", [800, 900])
    assert batches(td.data.Subset(sets.Whole(), [3, 1]), 2) == [("int64", [300, 100])]
    assert [len(td.data.DataLoader(range(5), 2, drop_last=drop)) for drop in (False, True)] == [3, 2]
    assert len(td.data.DataLoader(range(5), None)) == 5


@pytest.mark.parametrize("batch_size, drop_last", [(4, False), (4, True), (None, False)])
def test_streams(batch_size, drop_last):
    def numbers(count):
        values = batches(sets.Stream(), batch_size, drop_last=drop_last, num_workers=count)
        return [v for _, part in values for v in part] if batch_size else values

    assert numbers(0) == list(range(20 if drop_last else 23))
    for count in (1, 3, 4):
        found = numbers(count)
        assert found == numbers(count)
        if not drop_last:
            assert sorted(found) == list(range(23))


def test_persistent_workers(tmp_path):
    for persistent, expected in ((True, 2), (False, 4)):
        folder = tmp_path / str(persistent)
        folder.mkdir()
        loader = td.data.DataLoader(
            range(8), 2, num_workers=2, persistent_workers=persistent, worker_init_fn=sets.Marks(str(folder))
        )
        assert [plain(b) for b in loader] == [plain(b) for b in loader]
        assert len(list(folder.iterdir())) == expected
    loader = td.data.DataLoader(range(8), 2, num_workers=2, persistent_workers=True)
    first = next(iter(loader))  # and the rest is never asked for
    assert [plain(b) for b in loader][0] == plain(first)


def test_batches_are_made_ahead():
    loader = td.data.DataLoader(sets.Slow(0.05), 1, num_workers=2, prefetch_factor=4)
    iterator = iter(loader)
    next(iterator)
    time.sleep(0.6)
    start = time.perf_counter()
    assert len(list(iterator)) == 7
    assert time.perf_counter() - start < 0.3  # one after another: 0.35


# Going on in the middle of an epoch


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("dataset", [range(20), sets.Drawing(), sets.Stream()], ids=["range", "drawing", "stream"])
def test_state(dataset, count):
    if isinstance(dataset, sets.Drawing) and count == 0:  # the generators of Python and NumPy are the user's to keep
        dataset = sets.DrawingHere()

    def make():
        return td.data.DataLoader(dataset, 3, shuffle=not isinstance(dataset, sets.Stream) or None, num_workers=count)

    td.manual_seed(11)
    loader = make()
    straight = [[plain(batch) for batch in loader] for _ in range(2)]
    for done in (0, 1, 3):
        td.manual_seed(11)
        loader = make()
        iterator = iter(loader)
        for _ in range(done):
            next(iterator)
        state, random = loader.state_dict(), td.random.get_state()
        td.manual_seed(99)
        other = make()
        other.load_state_dict(state)
        rest = iter(other)
        td.random.set_state(random)
        assert [plain(batch) for batch in rest] == straight[0][done:]
        assert [plain(batch) for batch in other] == straight[1]


# Failures


@pytest.mark.parametrize("method", METHODS)
def test_exceptions_of_workers(method):
    loader = td.data.DataLoader(sets.Failing(), 2, num_workers=2, multiprocessing_context=method)
    seen = []
    with pytest.raises(KeyError, match="sample nine is broken") as found:
        for batch in loader:
            seen.append(batch.tolist())
    assert seen == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert 'raise KeyError("sample nine is broken")' in str(found.value.__cause__)
    assert "loader_datasets.py" in str(found.value.__cause__)


def test_exceptions_that_cannot_travel():
    with pytest.raises(RuntimeError, match="DataLoader: got an exception in worker 0") as found:
        next(iter(td.data.DataLoader(sets.FailingOddly(), 2, num_workers=1)))
    assert "OddError: 1 and 2" in str(found.value.__cause__)
    with pytest.raises(ValueError, match="worker 0 does not want to"):
        next(iter(td.data.DataLoader(range(8), 2, num_workers=1, worker_init_fn=sets.failing_init)))
    with pytest.raises(Exception, match="pickle"):
        next(iter(td.data.DataLoader(range(8), 2, num_workers=1, collate_fn=lambda samples: lambda: samples)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how, code", [("exit", "3"), ("kill", r"-9 \(SIGKILL\)")])
def test_workers_that_die(how, code, method):
    loader = td.data.DataLoader(sets.Dying(how), 2, num_workers=2, multiprocessing_context=method)
    seen = []
    with pytest.raises(
        td.data.WorkerError, match=rf"got the end of worker 0 \(process \d+\) with exit code {code} while"
    ):
        for batch in loader:
            seen.append(batch.tolist())
    assert seen == [[0, 1], [2, 3], [4, 5], [6, 7]][: len(seen)]


def test_a_worker_that_is_killed_from_outside():
    loader = td.data.DataLoader(sets.Slow(60, at=5), 1, num_workers=2, persistent_workers=True)
    iterator = iter(loader)
    for _ in range(5):
        next(iterator)
    os.kill(loader._workers.processes[1].pid, signal.SIGTERM)
    with pytest.raises(td.data.WorkerError, match=r"worker 1 .* exit code -15 \(SIGTERM\) while waiting for batch 5"):
        next(iterator)
    fresh = iter(loader)  # with new processes
    assert next(fresh).tolist() == [0]


def test_timeout():
    loader = td.data.DataLoader(sets.Slow(60, at=2), 1, num_workers=1, timeout=0.5)
    iterator = iter(loader)
    next(iterator), next(iterator)
    with pytest.raises(td.data.WorkerError, match="got nothing of worker 0 .* for 0.5 s while waiting for batch 2"):
        next(iterator)


def test_leaving_early_ends_the_processes():
    iterator = iter(td.data.DataLoader(sets.Slow(30, at=3), 1, num_workers=2))
    next(iterator)
    batches_of = iterator.gi_frame.f_locals["batches"]
    processes = list(batches_of._workers.processes)
    del batches_of
    start = time.perf_counter()
    iterator.close()
    del iterator
    assert not any(process.is_alive() for process in processes) and time.perf_counter() - start < 10


def test_workers_end_with_the_process_they_work_for():
    """Also where it is killed, so that it cannot tell them."""
    code = """
        import os, signal
        import loader_datasets as sets, tandem as td
        loader = td.data.DataLoader(sets.Slow(0.01), 1, num_workers=3)
        next(iter(loader))
        iterator = iter(loader)
        next(iterator)
        frame = iterator.gi_frame.f_locals["batches"]
        print(*[process.pid for process in frame._workers.processes], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, env=environment, text=True
    ) as child:
        pids = [int(word) for word in child.stdout.readline().split()]
    assert len(pids) == 3
    end = time.monotonic() + 20
    while time.monotonic() < end and any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.1)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_what_cannot_be_sent_to_a_worker():
    with pytest.raises(TypeError, match="cannot be sent to a worker .*try functions and classes of a module"):
        batches(range(4), 2, collate_fn=lambda x: x, num_workers=1, multiprocessing_context="spawn")


# Samplers and datasets


def test_samplers():
    td.manual_seed(0)
    assert sorted(td.data.RandomSampler(range(5), num_samples=12))[::5] == [0, 2, 4]
    counts = Counter(td.data.RandomSampler(range(3), replacement=True, num_samples=3000))
    assert all(900 < counts[k] < 1100 for k in range(3))
    counts = Counter(td.data.WeightedRandomSampler([1.0, 0.0, 3.0, 0.0], 4000))
    assert set(counts) == {0, 2} and 900 < counts[0] < 1100
    first = Counter(tuple(td.data.WeightedRandomSampler([1.0, 0.0, 3.0], 2, replacement=False)) for _ in range(200))
    assert set(first) == {(0, 2), (2, 0)} and 20 < first[0, 2] < 85  # a quarter
    assert sorted(td.data.SubsetRandomSampler([5, 7, 9])) == [5, 7, 9]


def test_random_split():
    td.manual_seed(0)
    parts = td.data.random_split(range(11), [0.5, 0.3, 0.2])
    assert [len(part) for part in parts] == [6, 3, 2]
    assert sorted(x for part in parts for x in part) == list(range(11))
    assert [len(part) for part in td.data.random_split(range(1), [1, 0])] == [1, 0]
    with pytest.raises(ValueError, match=r"random_split: got lengths \[3, 4\] of 11 samples"):
        td.data.random_split(range(11), [3, 4])


def test_datasets():
    both = td.data.TensorDataset(td.arange(3)) + td.data.TensorDataset(td.arange(2) + 10)
    assert [both[k][0].item() for k in range(-5, 5)] == [0, 1, 2, 10, 11] * 2
    with pytest.raises(IndexError, match="ConcatDataset: got index 5 of 5 samples"):
        both[5]
    with pytest.raises(ValueError, match=r"TensorDataset: got tensors of \[2, 3\] rows"):
        td.data.TensorDataset(td.ones((2,)), td.ones((3,)))


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(batch_size=0), "got batch_size=0"),
        (dict(num_workers=-1), "got num_workers=-1"),
        (dict(sampler=[1], shuffle=True), "got a sampler and shuffle=True"),
        (dict(batch_sampler=[[1]], shuffle=True), "got a batch_sampler and"),
        (dict(batch_size=None, drop_last=True), "got batch_size=None and drop_last=True"),
        (dict(prefetch_factor=2), "got prefetch_factor, persistent_workers or timeout without workers"),
        (dict(num_workers=1, prefetch_factor=0), "got prefetch_factor=0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        td.data.DataLoader(range(3), **options)
    with pytest.raises(ValueError, match="shuffle or a sampler for an IterableDataset"):
        td.data.DataLoader(sets.Stream(), shuffle=True)
