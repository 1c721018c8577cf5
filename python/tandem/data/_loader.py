"""Batches of a dataset, in an order that a seed determines, made here or by worker processes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tandem import _core, random
from tandem.data._collate import default_collate
from tandem.data._datasets import IterableDataset
from tandem.data._samplers import BatchSampler, RandomSampler, SequentialSampler
from tandem.data._workers import Task

if TYPE_CHECKING:
    from tandem.data._parallel import Workers

Batch = TypeVar("Batch")


class DataLoader(Generic[Batch]):
    """Iterates over the batches of a dataset; every iteration is an epoch.

    shuffle: a new order in every epoch, drawn from `generator`, or the one that td.manual_seed sets.
    sampler, batch_sampler: indices of samples, or of whole batches, in place of shuffle (and batch_size).
    batch_size=None: samples one by one, as the dataset gives them.
    collate_fn: makes a batch of a list of samples; `td.data.default_collate` if left out.
    num_workers: processes that make batches, `prefetch_factor` (2) of them each ahead of time. Batches come in the same
        order for any number. Random numbers that a dataset draws in a worker depend on the epoch and the batch alone.
    timeout: seconds to wait for a batch of a worker; 0: as long as it lives.
    worker_init_fn: called with the number of the worker in each of them, when it starts.
    persistent_workers: keep the processes for the next epoch.

    >>> data = td.data.TensorDataset(td.arange(6), td.arange(6) * 10)
    >>> for x, y in td.data.DataLoader(data, batch_size=4):
    ...     print(x.tolist(), y.tolist())
    [0, 1, 2, 3] [0, 10, 20, 30]
    [4, 5] [40, 50]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        *,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: random.Generator | None = None,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        iterable = isinstance(dataset, IterableDataset)
        _check(iterable, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if not isinstance(num_workers, int) or num_workers < 0 or timeout < 0:
            raise _core.ArgumentError(
                f"DataLoader: got num_workers={num_workers!r} and timeout={timeout!r}; need numbers from 0 on"
            )
        if num_workers == 0 and (prefetch_factor is not None or persistent_workers or timeout):
            raise _core.ArgumentError(
                "DataLoader: got prefetch_factor, persistent_workers or timeout without workers; need num_workers from "
                "1 on for them"
            )
        if prefetch_factor is not None and prefetch_factor < 1:
            raise _core.ArgumentError(f"DataLoader: got prefetch_factor={prefetch_factor}; need 1 or more")
        self.dataset, self.batch_size, self.drop_last, self.generator = dataset, batch_size, drop_last, generator
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.prefetch_factor, self.persistent_workers = prefetch_factor or 2, persistent_workers
        self.multiprocessing_context = multiprocessing_context
        self.sampler: Any = sampler
        self.batch_sampler: Any = batch_sampler
        if not iterable:
            if sampler is None and batch_sampler is None:
                self.sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
            if batch_sampler is None and batch_size is not None:
                self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        batched = batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else None)
        whole = collate_fn is None and batched and hasattr(dataset, "get_batch")
        self._task = Task(dataset, self.collate_fn if batched else None, whole, batch_size, drop_last)
        self._convert = collate_fn if not batched else None
        self._workers: Workers | None = None
        self._start: list[int] | None = None  # the generator when the epoch began
        self._position = 0  # batches of it that were given out
        self._resume: tuple[list[int], int] | None = None

    def __len__(self) -> int:
        """Return the number of batches, where the dataset's size is known."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        count = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    @property
    def _source(self) -> random.Generator:
        return getattr(self.sampler, "generator", None) or self.generator or random.default_generator()

    def __iter__(self) -> Iterator[Batch]:
        source, skipped = self._source, 0
        if self._resume is not None:
            state, skipped = self._resume
            self._resume = None
            source.set_state(_core.asarray(state, dtype=_core.uint64))
        self._start, self._position = source.get_state().tolist(), skipped
        key = int(source.bits().item())  # of the workers; drawn without any, too, so that the order is the same
        indices = None
        if not isinstance(self.dataset, IterableDataset):
            indices = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        return self._counted(self._batches(indices, key, skipped))

    def _batches(self, indices: Iterator[Any] | None, key: int, skipped: int) -> Iterator[Batch]:
        if self.num_workers == 0:
            if indices is None:
                return itertools.islice(self._task.stream(), skipped, None)
            return map(self._task.fetch, itertools.islice(indices, skipped, None))
        from tandem.data._parallel import Parallel, Workers  # which imports what nothing else needs

        if self._workers is None or not self._workers.is_open:
            self._workers = Workers(
                self._task, self.num_workers, self.worker_init_fn, self.multiprocessing_context, self.timeout
            )
        keep, workers = self.persistent_workers, self._workers
        if not keep:
            self._workers = None  # the iterator's alone
        if indices is None:
            return itertools.islice(Parallel(workers, None, 0, self.prefetch_factor, key, keep), skipped, None)
        left = itertools.islice(indices, skipped, None)
        return Parallel(workers, left, skipped, self.prefetch_factor, key, keep)

    def _counted(self, batches: Iterator[Any]) -> Iterator[Batch]:
        for batch in batches:
            self._position += 1
            yield batch if self._convert is None else self._convert(batch)
        self._start, self._position = None, 0  # the next epoch begins with the generator as it then is

    def state_dict(self) -> dict[str, Any]:
        """Return where the present epoch is: the generator at its beginning, and how many batches were given out.

        When all were, it is the beginning of the next epoch.
        """
        start = self._start if self._start is not None else self._source.get_state().tolist()
        return {"start": start, "position": self._position}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next iteration go on there: the same order, without the batches that were given out already.

        >>> loader = td.data.DataLoader(range(6), batch_size=2, shuffle=True)
        >>> first = iter(loader)
        >>> batch, state = next(first), loader.state_dict()
        >>> loader.load_state_dict(state)
        >>> [bool((a == b).all()) for a, b in zip(first, loader)]
        [True, True]
        """
        self._resume = [int(word) for word in state_dict["start"]], int(state_dict["position"])


def _check(iterable: bool, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    if iterable and (shuffle or sampler is not None or batch_sampler is not None):
        raise _core.ArgumentError(
            "DataLoader: got shuffle or a sampler for an IterableDataset, which has an order of its own; need neither"
        )
    if sampler is not None and shuffle:
        raise _core.ArgumentError("DataLoader: got a sampler and shuffle=True; need one of them")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise _core.ArgumentError(
            "DataLoader: got a batch_sampler and batch_size, shuffle, sampler or drop_last; need it alone"
        )
    if batch_size is None and drop_last:
        raise _core.ArgumentError("DataLoader: got batch_size=None and drop_last=True; need a batch_size for it")
    if batch_size is not None and (isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1):
        raise _core.ArgumentError(f"DataLoader: got batch_size={batch_size!r}; need an int from 1 on, or None")
