"""Collections of samples."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from tandem import _core, random

Tensor = _core.Tensor
Sample = TypeVar("Sample")


class Dataset(Generic[Sample]):
    """Base class of collections that are indexed: define `__getitem__`, and `__len__` where its size is known.

    A dataset that can fetch many samples at once may define `get_batch(indices)`, which returns what the default
    `collate_fn` would make of them; the loader then calls it in place of `__getitem__`.
    """

    def __getitem__(self, index: int) -> Sample:
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__")

    def __add__(self, other: Dataset[Sample]) -> ConcatDataset[Sample]:
        return ConcatDataset([self, other])


class IterableDataset(Generic[Sample]):
    """Base class of collections that are read in their own order: define `__iter__`.

    Every worker process has a copy and reads all of it, unless `__iter__` asks `td.data.get_worker_info()` which part
    is its own.
    """

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of tensors: sample k is the tuple of their k-th rows.

    >>> data = td.data.TensorDataset(td.arange(6).reshape(3, 2), td.arange(3))
    >>> data[1]
    (tensor([2, 3]), tensor(1))
    """

    def __init__(self, *tensors: Tensor) -> None:
        self.tensors = tuple(x if isinstance(x, Tensor) else _core.asarray(x) for x in tensors)
        sizes = [x.shape[0] if x.ndim else None for x in self.tensors]
        if not tensors or None in sizes or len(set(sizes)) > 1:
            raise _core.ShapeError(f"TensorDataset: got tensors of {sizes} rows; need one or more, with equally many")

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def get_batch(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """Return the rows at these indices."""
        chosen = _core.asarray(list(indices), dtype=_core.int64)
        return tuple(_core.take(x, chosen, axis=0) for x in self.tensors)


class Subset(Dataset[Sample]):
    """The samples of a dataset at given indices."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices
        if hasattr(dataset, "get_batch"):
            self.get_batch = self._get_batch

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def _get_batch(self, indices: Sequence[int]) -> Any:
        return self.dataset.get_batch([self.indices[index] for index in indices])


class ConcatDataset(Dataset[Sample]):
    """One dataset after another.

    >>> data = td.data.ConcatDataset(["ab", "cd"])
    >>> [data[k] for k in range(len(data))]
    ['a', 'b', 'c', 'd']
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets or any(isinstance(each, IterableDataset) for each in self.datasets):
            raise _core.ArgumentTypeError("ConcatDataset: got none, or an IterableDataset; need indexed datasets")
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Sample:
        size = len(self)
        if not -size <= index < size:
            raise _core.OutOfBoundsError(f"ConcatDataset: got index {index} of {size} samples; need one of them")
        index %= size
        place = bisect_right(self.cumulative_sizes, index)
        return self.datasets[place][index - (self.cumulative_sizes[place - 1] if place else 0)]


def random_split(
    dataset: Any, lengths: Sequence[float], generator: random.Generator | None = None
) -> list[Subset[Any]]:
    """Split a dataset at random into parts of given sizes, or fractions that sum to 1.

    >>> train, test = td.data.random_split(range(10), [0.8, 0.2])
    >>> len(train), len(test)
    (8, 2)
    """
    count = len(dataset)
    if (
        math.isclose(sum(lengths), 1)
        and sum(lengths) <= 1 + 1e-6
        and not all(isinstance(part, int) for part in lengths)
    ):
        sizes = [math.floor(count * part) for part in lengths]
        for place in range(count - sum(sizes)):
            sizes[place % len(sizes)] += 1
    else:
        sizes = [int(part) for part in lengths]
    if sum(sizes) != count or any(size < 0 for size in sizes):
        raise _core.ArgumentError(
            f"random_split: got lengths {list(lengths)} of {count} samples; need sizes that sum to {count}, or "
            "fractions that sum to 1"
        )
    order = (generator or random.default_generator()).permutation(count).tolist()
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
