"""The different elements of a tensor: integers of a small range are counted in a table, others found among them sorted.

The size of the result depends on values, so these functions need eager code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tandem import _core
from tandem._blocks import blocks_of, in_blocks
from tandem._boundary import public
from tandem._sorting import need_values, nonzero_places

Tensor = _core.Tensor

_FEW = 1 << 12  # elements; fewer are sorted as quickly
_BLOCK = 1 << 16


class UniqueAll(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


class Distinct(NamedTuple):
    """Different elements in order; where each occurs first; which one each element is; how often each occurs."""

    values: Tensor
    firsts: Tensor | None = None
    numbers: Tensor | None = None
    counts: Tensor | None = None


def _differs(a: Tensor, b: Tensor, equal_nan: bool) -> Tensor:
    out = _core.not_equal(a, b)
    if equal_nan and a.dtype.kind in ("float", "complex"):
        out = _core.logical_and(out, _core.logical_not(_core.logical_and(_core.isnan(a), _core.isnan(b))))
    return out


def starts_of_values(ordered: Tensor, equal_nan: bool) -> Tensor:
    """Return where a value begins in a sorted vector, or a row in sorted rows."""
    count = ordered.shape[0]
    first = _core.ones((min(count, 1),), dtype=_core.bool, device=ordered._place)
    if ordered.ndim > 1:
        return _core.concat([first, _core.any(_differs(ordered[1:], ordered[:-1], equal_nan), axis=1)])
    if count <= _FEW:
        return _core.concat([first, _differs(ordered[1:], ordered[:-1], equal_nan)])
    out = _core.ones((count,), dtype=_core.bool, device=ordered._place)
    for (block,) in blocks_of(ordered[1:].shape):
        out[1:][block] = _differs(ordered[1:][block], ordered[:-1][block], equal_nan)
    return out


def lengths_between(starts: Tensor, end: int) -> Tensor:
    """Return how far apart neighbouring places are, and the last one from the end."""
    out = _core.empty(starts.shape, dtype=_core.int64, device=starts._place)
    if starts.shape[0] > 0:
        out[:-1] = starts[1:]
        out[-1] = end
        out -= starts
    return out


def numbers_of(new: Tensor, order: Tensor) -> Tensor:
    """Return which value each element is, counted from 0, given where values begin among elements in order."""
    turn = _core.cumsum(new, dtype=_core.int64)
    turn -= 1
    out = _core.empty(order.shape, dtype=_core.int64, device=order._place)
    out[order] = turn
    return out


class _Range(NamedTuple):
    """The integers from the least on that a table has places for."""

    least: int
    size: int

    def places(self, x: Tensor) -> Tensor:
        if x.dtype == _core.uint64:  # the least of them may be no int64
            return _core.subtract(x, self.least).astype(_core.int64, copy=False)
        x = x.astype(_core.int64, copy=False)
        return _core.subtract(x, self.least) if self.least else x

    def values(self, places: Tensor, dtype: _core.DType) -> Tensor:
        if dtype == _core.uint64:
            return _core.add(places.astype(dtype), self.least)
        return (_core.add(places, self.least) if self.least else places).astype(dtype, copy=False)


def _small_range(x: Tensor) -> _Range | None:
    """Return the range of a vector of many integers that is small against their number."""
    count = x.shape[0]
    if count < _FEW or x.dtype.kind not in ("int", "bool"):
        return None
    least, most = (0, 1) if x.dtype == _core.bool else (int(_core.min(x)), int(_core.max(x)))
    if least >= 0 and most < count // 8:
        least = 0
    # A power of two is seen more often: a table of another size is another program.
    size = 1 << (most - least).bit_length()
    return _Range(least, size) if size <= count // 4 else None


def _counted(x: Tensor, range: _Range, firsts: bool, numbers: bool, counts: bool) -> Distinct:
    def blocks() -> Iterator[slice]:
        return (block[0] for block in blocks_of(x.shape, max(_BLOCK, 2 * range.size)))  # type: ignore[misc]

    table = _core.zeros((range.size,), dtype=_core.int64, device=x._place)
    for block in blocks():
        table += _core._counts_of_places(range.places(x[block]), length=(range.size,))
    found = nonzero_places(table)
    values = range.values(found, x.dtype)
    totals = _core.take(table, found) if counts else None
    turns = None
    if numbers:
        rank = _core.cumsum(_core.not_equal(table, 0), dtype=_core.int64)
        rank -= 1
        turns = in_blocks(lambda x: _core.take(rank, range.places(x)), x)
    begins = None
    if firsts:
        places = _core.arange(x.shape[0], dtype=_core.int64, device=x._place)
        for block in reversed(list(blocks())):  # the last write to a place is what stays
            table[range.places(x[block])[::-1]] = places[block][::-1]
        begins = _core.take(table, found)
    return Distinct(values, begins, turns, totals)


def _compacted(ordered: Tensor, equal_nan: bool) -> Tensor:
    """Return the different elements of a sorted vector, which moves them to its front where it is long."""
    if ordered.shape[0] <= _FEW:
        return ordered[starts_of_values(ordered, equal_nan)]
    end = 1
    for (block,) in blocks_of(ordered[1:].shape):
        # What stands before the block is overwritten only where all so far are different, and then by itself.
        part = ordered[1:][block]
        part = part[_differs(part, ordered[:-1][block], equal_nan)]
        ordered[end : end + part.shape[0]] = part
        end += part.shape[0]
    return ordered if end == ordered.shape[0] else ordered[:end].copy()


def distinct(
    x: Tensor, *, firsts: bool = False, numbers: bool = False, counts: bool = False, equal_nan: bool = False
) -> Distinct:
    """Return the different elements of a vector, sorted, and what else is asked for; NaNs are one if equal_nan."""
    range = _small_range(x)
    if range is not None:
        return _counted(x, range, firsts, numbers, counts)
    if not (firsts or numbers or counts):
        return Distinct(_compacted(_core.sort(x), equal_nan))
    order = _core.argsort(x) if firsts or numbers else None
    ordered = _core.sort(x) if order is None else _core.take(x, order)
    new = starts_of_values(ordered, equal_nan)
    starts = nonzero_places(new)
    values = _core.take(ordered, starts)
    del ordered
    return Distinct(
        values,
        _core.take(order, starts) if order is not None and firsts else None,
        numbers_of(new, order) if order is not None and numbers else None,
        lengths_between(starts, x.shape[0]) if counts else None,
    )


@public
def unique_values(x: Tensor, /) -> Tensor:
    """Return the different elements of a tensor, sorted; every NaN is one of its own.

    >>> td.unique_values(td.asarray([3, 1, 3]))
    tensor([1, 3])
    """
    need_values("unique_values", "td.sort")
    return distinct(x.reshape((-1,))).values


@public
def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Return the different elements of a tensor, sorted, and how often each occurs.

    >>> td.unique_counts(td.asarray([3, 1, 3])).counts
    tensor([1, 2])
    """
    need_values("unique_counts", "td.sort")
    found = distinct(x.reshape((-1,)), counts=True)
    assert found.counts is not None
    return UniqueCounts(found.values, found.counts)


@public
def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Return the different elements of a tensor, sorted, and for each element the index of its value.

    >>> td.unique_inverse(td.asarray([3, 1, 3])).inverse_indices
    tensor([1, 0, 1])
    """
    need_values("unique_inverse", "td.argsort")
    found = distinct(x.reshape((-1,)), numbers=True)
    assert found.numbers is not None
    return UniqueInverse(found.values, found.numbers.reshape(x.shape))


@public
def unique_all(x: Tensor, /) -> UniqueAll:
    """Return the different elements, where each occurs first, for each element its value's index, and the counts.

    >>> td.unique_all(td.asarray([3, 1, 3])).indices
    tensor([1, 0])
    """
    need_values("unique_all", "td.argsort")
    found = distinct(x.reshape((-1,)), firsts=True, numbers=True, counts=True)
    assert found.firsts is not None and found.numbers is not None and found.counts is not None
    return UniqueAll(found.values, found.firsts, found.numbers.reshape(x.shape), found.counts)
