"""The loader's side of its worker processes: asking for batches, and noticing when a process ends.

It waits for pipes and for the end of processes at once, so that a worker that dies is noticed, whatever it was doing.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import weakref
from collections.abc import Iterator
from multiprocessing import connection
from typing import Any

import numpy as np

from tandem import _core
from tandem.data._workers import Task, WorkerError, work

_END = object()


class _RemoteTraceback(Exception):
    """Stands behind an exception of a worker to show where it came from."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


class Workers:
    """The processes of a loader."""

    def __init__(self, task: Task, count: int, init: Any, context: Any, timeout: float) -> None:
        made = context if hasattr(context, "Process") else multiprocessing.get_context(context)
        self.epoch, self.timeout, self._owner = 0, timeout, os.getpid()
        self.processes: list[Any] = []
        self.pipes: list[Any] = []
        self._close = weakref.finalize(self, _close, os.getpid(), self.processes, self.pipes)
        for number in range(count):
            ours, theirs = made.Pipe()
            arguments = (theirs, os.getpid(), task, number, count, init)
            process = made.Process(target=work, args=arguments, daemon=True, name=f"tandem-data-{number}")
            try:
                process.start()
            except Exception as error:
                self.close()
                if not isinstance(error, (pickle.PicklingError, TypeError, AttributeError)):
                    raise
                raise _core.ArgumentTypeError(
                    "DataLoader: got a dataset, collate_fn or worker_init_fn that cannot be sent to a worker "
                    f"({error}); need picklable ones; try functions and classes of a module, or "
                    "multiprocessing_context='fork'"
                ) from error
            theirs.close()
            self.processes.append(process)
            self.pipes.append(ours)

    @property
    def is_open(self) -> bool:
        """Whether the processes are there, and not copies that a fork of this process has."""
        return self._close.alive and self._owner == os.getpid()

    def close(self) -> None:
        """End all processes."""
        self._close()

    def start_epoch(self, key: int) -> None:
        """Begin again; what still comes of an earlier epoch is thrown away."""
        self.epoch += 1
        for number in range(len(self.pipes)):
            self._tell(number, (self.epoch, -1, key), "a new epoch")

    def ask(self, number: int, place: int, indices: Any) -> None:
        self._tell(number, (self.epoch, place, indices), f"batch {place}")

    def _tell(self, number: int, message: Any, what: str) -> None:
        try:
            self.pipes[number].send(message)
        except OSError:
            raise self._died(number, what) from None

    def receive(self, number: int, place: int) -> list[tuple[int, str, Any]]:
        """Wait for messages and return those of this epoch; it is batch `place` of worker `number` that is missing."""
        sentinels = [process.sentinel for process in self.processes]
        ready = connection.wait([*self.pipes, *sentinels], self.timeout or None)
        if not ready:
            process = self.processes[number]
            self.close()
            raise WorkerError(
                f"DataLoader: got nothing of worker {number} (process {process.pid}) for {self.timeout} s while "
                f"waiting for batch {place}; need an answer in time; try a longer timeout, or num_workers=0 to see "
                "what it does"
            )
        found = []
        for worker, pipe in enumerate(self.pipes):
            try:
                if pipe in ready:
                    epoch, at, kind, value = _read(pipe)
                    if epoch == self.epoch:
                        found.append((at, kind, value))
                elif sentinels[worker] in ready and not pipe.poll():
                    raise self._died(worker, f"batch {place}")
            except (EOFError, OSError):
                raise self._died(worker, f"batch {place}") from None
        return found

    def _died(self, number: int, what: str) -> WorkerError:
        process = self.processes[number]
        process.join(5)
        code = process.exitcode
        self.close()
        how = f"exit code {code}"
        if code is not None and code < 0:
            how += f" ({signal.Signals(-code).name})" if -code in {*signal.Signals} else ""
        return WorkerError(
            f"DataLoader: got the end of worker {number} (process {process.pid}) with {how} while waiting for {what}; "
            "need workers that go on; try num_workers=0 to see the error, or less memory for each if the system ended "
            "it"
        )


def _read(pipe: Any) -> tuple[int, int, str, Any]:
    epoch, place, kind, sizes = pickle.loads(pipe.recv_bytes())
    body = pipe.recv_bytes()
    buffers = []
    for size in sizes:
        buffer = memoryview(np.empty(size, dtype=np.uint8))  # type: ignore[arg-type]
        pipe.recv_bytes_into(buffer)
        buffers.append(buffer)
    return epoch, place, kind, pickle.loads(body, buffers=buffers)


def _close(owner: int, processes: list[Any], pipes: list[Any]) -> None:
    if os.getpid() != owner:
        return
    for pipe in pipes:
        with contextlib.suppress(OSError, ValueError):  # it may have ended already
            pipe.send(None)
    for process in processes:
        process.join(0.2)
    for process in processes:
        if process.is_alive():  # in the middle of a sample, or of sending
            process.kill()
            process.join(5)
    for pipe in pipes:
        pipe.close()


class Parallel:
    """An iterator over the batches of one epoch that workers make, in order."""

    def __init__(
        self, workers: Workers, indices: Iterator[Any] | None, first: int, prefetch: int, key: int, keep: bool
    ) -> None:
        self._workers, self._indices, self._keep = workers, indices, keep
        self._place = self._asked = first  # the next batch to return, and the next to ask for
        self._asked_of: dict[int, int] = {}  # worker by number of the batch
        self._arrived: dict[int, tuple[str, Any]] = {}
        self._exhausted: set[int] = set()
        self._turn = itertools.cycle(range(len(workers.pipes)))
        workers.start_epoch(key)
        for _ in range(prefetch * len(workers.pipes)):
            self._ask()

    def _ask(self) -> None:
        count = len(self._workers.pipes)
        if len(self._exhausted) == count:
            return
        wanted = None
        if self._indices is not None and (wanted := next(self._indices, _END)) is _END:
            self._exhausted.update(range(count))
            return
        number = next(number for number in self._turn if number not in self._exhausted)
        self._asked_of[self._asked] = number
        self._workers.ask(number, self._asked, wanted)
        self._asked += 1

    def __iter__(self) -> Parallel:
        return self

    def __next__(self) -> Any:
        while self._place < self._asked:
            while self._place not in self._arrived:
                for place, kind, value in self._workers.receive(self._asked_of[self._place], self._place):
                    self._arrived[place] = kind, value
            kind, value = self._arrived.pop(self._place)
            number = self._asked_of.pop(self._place)
            self._place += 1
            if kind == "end":  # seen in order, so that it is the same batches that others are asked for
                self._exhausted.add(number)
            self._ask()
            if kind == "error":
                self._workers.close()
                raise_again(value, number)
            if kind == "batch":
                return value
        if not self._keep:
            self._workers.close()
        raise StopIteration


def raise_again(failure: tuple[bytes | None, str], number: int) -> None:
    """Raise the exception of a worker, with its traceback there as the cause."""
    data, text = failure
    error = RuntimeError(f"DataLoader: got an exception in worker {number}") if data is None else pickle.loads(data)
    raise error from _RemoteTraceback(text)
