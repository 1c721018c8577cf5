"""What runs in the worker processes of a loader.

Each worker has a pipe of its own. Down go numbers of batches with the indices of their samples, up come the batches:
a pickle, and behind it the memory of tensors and arrays as it is. A second thread sends, so that the next batch is made
meanwhile; how many there are is bounded by what was asked for.
"""

from __future__ import annotations

import itertools
import os
import pickle
import queue
import random as python_random
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tandem import _core, random
from tandem.data._datasets import IterableDataset

_ASK_SECONDS = 2.0  # how often a worker looks whether the process that it works for is still there
_STREAMS = 1 << 32  # numbers of the generator that each batch has for itself


class WorkerError(_core.Error, RuntimeError):
    """A worker process of a DataLoader ended, or did not answer in time."""


class WorkerInfo(NamedTuple):
    """What `get_worker_info` tells."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return id, num_workers, seed and dataset in a worker process of a DataLoader; None elsewhere."""
    return _info


class Task(NamedTuple):
    """What workers need to make batches."""

    dataset: Any
    collate: Callable[[list[Any]], Any] | None  # None: samples as they are
    get_batch: bool
    batch_size: int | None
    drop_last: bool

    def fetch(self, indices: Any) -> Any:
        """The batch of these indices."""
        if self.collate is None:
            return self.dataset[indices]
        if self.get_batch:
            return self.dataset.get_batch(indices)
        return self.collate([self.dataset[index] for index in indices])

    def stream(self) -> Iterator[Any]:
        """The batches of a dataset that is read in its own order."""
        samples = iter(self.dataset)
        if self.collate is None or self.batch_size is None:
            yield from samples
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate(batch)


class _Parent(NamedTuple):
    pipe: Any
    pid: int

    def ask(self) -> Any:
        """The next message; None when there will be none."""
        while not self.pipe.poll(_ASK_SECONDS):
            if os.getppid() != self.pid:
                return None
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return None


def work(pipe: Any, parent: int, task: Task, number: int, count: int, init: Callable[[int], Any] | None) -> None:
    """Serve batches until there is nothing more to do."""
    global _info
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loader's business
    _core.set_num_threads(1)
    ready: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
    threading.Thread(target=_send, args=(pipe, ready), daemon=True).start()
    asks, failure, stream, key = _Parent(pipe, parent), None, None, 0
    while (message := asks.ask()) is not None:
        epoch, place, wanted = message
        if place < 0:  # a new epoch
            key, stream, first = wanted, None, _info is None
            _info = WorkerInfo(number, count, key, task.dataset)
            _seed(key, number - count)
            try:
                if first and init is not None:
                    init(number)
            except BaseException:
                failure = _failure()
            continue
        _seed(key, place)
        try:
            if failure is not None:
                ready.put(_frames(epoch, place, "error", failure))
            elif isinstance(task.dataset, IterableDataset):
                stream = task.stream() if stream is None else stream
                batch = next(stream, _END)
                ready.put(_frames(epoch, place, "end" if batch is _END else "batch", None if batch is _END else batch))
            else:
                ready.put(_frames(epoch, place, "batch", task.fetch(wanted)))
        except BaseException:
            ready.put(_frames(epoch, place, "error", _failure()))


_END = object()


def _seed(key: int, place: int) -> None:
    """Each batch has random numbers of its own, whichever worker makes it and whichever it made before."""
    random.default_generator().set_state(_core.asarray([key, place * _STREAMS % 2**64], dtype=_core.uint64))
    number = (key + place) % 2**64
    python_random.seed(number)
    np.random.seed(number % 2**32)


def _frames(epoch: int, place: int, kind: str, value: Any) -> list[Any]:
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    memory = [buffer.raw() for buffer in buffers]
    return [pickle.dumps((epoch, place, kind, [part.nbytes for part in memory])), body, *memory]


def _failure() -> tuple[bytes | None, str]:
    """The exception that is being handled, if it can travel, and its traceback as text."""
    error = sys.exc_info()[1]
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:
        data = None
    return data, traceback.format_exc()


def _send(pipe: Any, ready: queue.SimpleQueue[list[Any]]) -> None:
    try:
        while True:
            for frame in ready.get():
                pipe.send_bytes(frame)
    except OSError:  # nobody reads any more
        return
