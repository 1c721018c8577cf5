"""In which order samples are taken, and which make a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from tandem import _core, random
from tandem._array_api import cumulative_sum
from tandem._sorting import searchsorted

Tensor = _core.Tensor


class Sampler:
    """Base class: `__iter__` yields indices, or lists of them for batches."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__")


class SequentialSampler(Sampler):
    """All indices in order."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Indices in a random order; with replacement, `num_samples` independent ones.

    >>> sorted(td.data.RandomSampler(range(4)))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: random.Generator | None = None,
    ) -> None:
        if num_samples is not None and num_samples < 1:
            raise _core.ArgumentError(f"RandomSampler: got num_samples={num_samples}; need 1 or more")
        self.data_source, self.replacement, self._num_samples, self.generator = (
            data_source,
            replacement,
            num_samples,
            generator,
        )

    def __len__(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator, count = self.generator or random.default_generator(), len(self.data_source)
        if self.replacement:
            return iter(generator.integers(count, shape=(len(self),)).tolist())
        order: list[int] = []
        while len(order) < len(self):
            order += generator.permutation(count).tolist()
        return iter(order[: len(self)])


class SubsetRandomSampler(Sampler):
    """Given indices in a random order."""

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        order = (self.generator or random.default_generator()).permutation(len(self.indices))
        return (self.indices[place] for place in order.tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` indices with probabilities in proportion to weights.

    >>> list(td.data.WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: random.Generator | None = None,
    ) -> None:
        self.weights = _core.asarray(weights, dtype=_core.float64)
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator
        possible = int((self.weights > 0).sum())
        if self.weights.ndim != 1 or bool((self.weights < 0).any()) or not possible:
            raise _core.ArgumentError(
                "WeightedRandomSampler: got weights that are no list of numbers from 0 on, some above"
            )
        if num_samples < 1 or (not replacement and num_samples > possible):
            raise _core.ArgumentError(
                f"WeightedRandomSampler: got num_samples={num_samples}; need 1 or more, and without replacement at "
                f"most the {possible} that may be drawn"
            )

    def __iter__(self) -> Iterator[int]:
        generator, logits = self.generator or random.default_generator(), _core.log(self.weights)
        if self.replacement:
            ends = cumulative_sum(self.weights)
            places = generator.uniform((self.num_samples,), dtype=_core.float64) * ends[-1]
            # The first whose end lies beyond the place, which is never one of weight 0.
            return iter(searchsorted(ends, places, side="right").tolist())
        # The largest of logits plus Gumbel noise: draws without replacement one after another (Vieira, 2014).
        noise = _core.log(generator.exponential(self.weights.shape, dtype=_core.float64))
        return iter(_core.argsort(noise - logits)[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of another sampler.

    >>> list(td.data.BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise _core.ArgumentError(f"BatchSampler: got batch_size={batch_size!r}; need an int from 1 on")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, bool(drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        return self._batches(iter(self.sampler))  # the order is drawn now, not when the first batch is asked for

    def _batches(self, indices: Iterator[int]) -> Iterator[list[int]]:
        while len(batch := list(islice(indices, self.batch_size))) == self.batch_size:
            yield batch
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
