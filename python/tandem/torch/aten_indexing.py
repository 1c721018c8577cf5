"""Reads and writes at places that tensors say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.aten_pointwise import convert_like
from tandem.torch.table import Uncovered, at, aten, axis_of

Tensor = _core.Tensor


def _product(sizes: Sequence[Any]) -> Any:
    out: Any = 1
    for n in sizes:
        out = out * n
    return out


@aten("embedding")
def embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1, *_: Any) -> Tensor:
    return td.embedding(indices, weight)


@aten("_embedding_bag_forward_only")
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    factors: Tensor | None = None,
    include_last: bool = False,
    padding_idx: int = -1,
) -> list[Tensor]:
    """Return sums or means of bags, the bag of each index, and how many of each bag count."""
    if mode not in (0, 1):
        raise Uncovered("the largest of a bag")
    bags = int(offsets.shape[0]) - include_last
    bag = td.searchsorted(offsets[:bags], td.arange(indices.shape[0], dtype=offsets.dtype), side="right") - 1
    rows, counted = td.take(weight, indices, axis=0), td.ones(indices.shape, dtype=_core.int64)
    if factors is not None:
        rows = rows * td.expand_dims(factors, axis=1)
    if padding_idx >= 0:
        counts = td.not_equal(indices, padding_idx)
        rows, counted = td.where(td.expand_dims(counts, axis=1), rows, 0), counts.astype(_core.int64)
    sizes = td.segment_sum(counted, bag, bags)
    out = td.segment_sum(rows, bag, bags)
    if mode == 1:
        out = out / td.expand_dims(td.maximum(sizes, 1), axis=1).astype(out.dtype)
    return [out, bag, sizes, td.zeros((0,), dtype=_core.int64)]


@aten("embedding_dense_backward")
def embedding_dense_backward(grad: Tensor, indices: Tensor, count: Any, padding_idx: int, by_freq: bool) -> Tensor:
    if by_freq:
        raise Uncovered("embedding_dense_backward with scale_grad_by_freq")
    width = grad.shape[-1]
    rows, places = grad.reshape((-1, width)), indices.reshape((-1,)).astype(_core.int64)
    if padding_idx >= 0:
        rows = td.where(td.expand_dims(td.equal(places, padding_idx), axis=1), 0, rows)
    return td.segment_sum(rows, places, int(count))


@aten("index_select")
def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    if not x.ndim:
        return x.copy()
    return td.take(x, index.reshape((-1,)), axis=axis_of(dim, x.ndim))


def _key(x: Tensor, indices: Sequence[Any]) -> tuple[Any, ...]:
    if any(i is not None and i.dtype in (_core.bool, _core.uint8) for i in indices):
        raise Uncovered("index with a mask, whose result has a size that depends on values")
    return tuple(slice(None) if i is None else i for i in indices)


@aten("index.Tensor _unsafe_index.Tensor")
def index(x: Tensor, indices: Sequence[Any]) -> Tensor:
    key = _key(x, indices)
    given = [k for k, i in enumerate(indices) if i is not None]
    if len(given) == 1:
        places = indices[given[0]]
        found = (
            td.take(x, places.reshape((-1,)), axis=given[0]) if places.ndim != 1 else td.take(x, places, axis=given[0])
        )
        return found.reshape((*x.shape[: given[0]], *places.shape, *x.shape[given[0] + 1 :]))
    return x[key]


@aten("index_put _unsafe_index_put")
def index_put(x: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    masks = [i for i in indices if i is not None and i.dtype == _core.bool]
    if masks and len(indices) == 1 and not accumulate and not values.ndim:
        mask = masks[0].reshape((*masks[0].shape, *(1,) * (x.ndim - masks[0].ndim)))
        return td.where(mask, convert_like(values, x), x)
    key = _key(x, indices)
    values = convert_like(values, x)
    if not accumulate:
        out = x.copy()
        out[key] = values
        return out
    given = [k for k, i in enumerate(indices) if i is not None]
    if given != list(range(given[0], given[-1] + 1)):
        raise Uncovered("index_put that accumulates at indices that are not next to each other")
    shape = _core._broadcast_shape([indices[k].shape for k in given])
    first, last = given[0], given[-1] + 1
    spots: Any = None
    for k in given:
        each = td.where(td.less(indices[k], 0), indices[k] + x.shape[k], indices[k]).astype(_core.int64)
        spots = each if spots is None else spots * x.shape[k] + each
    spots = td.broadcast_to(spots, shape).reshape((-1,))
    full = td.broadcast_to(values, (*x.shape[:first], *shape, *x.shape[last:]))
    order = (*range(first, first + len(shape)), *range(first), *range(first + len(shape), full.ndim))
    rest = (*x.shape[:first], *x.shape[last:])
    rows = td.permute_dims(full, order).reshape((-1, *rest))
    count = _product(x.shape[first:last])
    sums = td.segment_sum(rows, spots, count)  # [count, before, behind]
    back = (*range(1, 1 + first), 0, *range(1 + first, sums.ndim))
    return x + td.permute_dims(sums, back).reshape(x.shape)


def _within(x: Tensor, places: Tensor, axis: int) -> tuple[slice, ...] | None:
    """Return the part of x that the shape of the indices covers; None where that is all of x."""
    smaller = [k for k in range(x.ndim) if k != axis and not _same(places.shape[k], x.shape[k])]
    return tuple(slice(places.shape[k]) if k in smaller else slice(None) for k in range(x.ndim)) if smaller else None


def _same(a: Any, b: Any) -> bool:
    return bool(a == b)


@aten("gather")
def gather(x: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    if not x.ndim:
        return td.broadcast_to(x, index.shape).copy()
    axis = axis_of(dim, x.ndim)
    part = _within(x, index, axis)
    return td.take_along_axis(x if part is None else x[part], index, axis=axis)


_WRITES = {
    "set": td.scatter,
    "sum": td.scatter_add,
    "add": td.scatter_add,
    "prod": td.scatter_multiply,
    "multiply": td.scatter_multiply,
    "amax": td.scatter_maximum,
    "amin": td.scatter_minimum,
}


def _scattered(how: str, x: Tensor, dim: int, index: Tensor, source: Any) -> Tensor:
    if not x.ndim:
        raise Uncovered("scatter into a number")
    if how not in _WRITES:
        raise Uncovered(f"scatter with reduce={how!r}")
    axis = axis_of(dim, x.ndim)
    if isinstance(source, Tensor) and source.ndim:
        cut = tuple(
            slice(n) if not _same(n, m) else slice(None) for n, m in zip(index.shape, source.shape, strict=True)
        )
        source = source[cut] if any(c != slice(None) for c in cut) else source
        source = convert_like(source, x)
    else:
        source = td.broadcast_to(td.asarray(source, dtype=x.dtype), index.shape)
    part = _within(x, index, axis)
    if part is None:
        return _WRITES[how](x, index, source, axis=axis)
    out = x.copy()
    out[part] = _WRITES[how](x[part], index, source, axis=axis)
    return out


@aten("scatter.src scatter.value")
def scatter(x: Tensor, dim: int, index: Tensor, source: Any) -> Tensor:
    return _scattered("set", x, dim, index, source)


@aten("scatter.reduce scatter.value_reduce")
def scatter_old(x: Tensor, dim: int, index: Tensor, source: Any, *, reduce: str) -> Tensor:
    return _scattered(reduce, x, dim, index, source)


@aten("scatter_add")
def scatter_add(x: Tensor, dim: int, index: Tensor, source: Any) -> Tensor:
    return _scattered("sum", x, dim, index, source)


@aten("scatter_reduce.two")
def scatter_reduce(
    x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    if not include_self:
        neutral = {"sum": 0, "prod": 1}.get(reduce)
        if neutral is None:
            raise Uncovered(f"scatter_reduce with reduce={reduce!r} and include_self=False")
        x = _scattered("set", x, dim, index, td.full((), neutral, dtype=x.dtype))
    return _scattered(reduce, x, dim, index, source)


@aten("index_add")
def index_add(x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    axis = axis_of(dim, x.ndim)
    order = (axis, *(k for k in range(x.ndim) if k != axis))
    rows = td.permute_dims(source, order)
    sums = td.segment_sum(rows if alpha == 1 else rows * alpha, index.reshape((-1,)).astype(_core.int64), x.shape[axis])
    back = (*range(1, 1 + axis), 0, *range(1 + axis, x.ndim))
    return x + td.permute_dims(sums, back)


@aten("index_copy")
def index_copy(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    out = x.copy()
    out[at(axis_of(dim, x.ndim), index.reshape((-1,)))] = source
    return out


@aten("masked_scatter")
def masked_scatter(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    if any(isinstance(n, int) and n == 0 for n in source.shape):
        raise Uncovered("masked_scatter from a tensor without elements")
    x, mask = td.broadcast_arrays(x, mask)
    is_set = mask.reshape((-1,))
    place = td.where(is_set, td.cumsum(is_set.astype(_core.int64), axis=0) - 1, 0)
    return td.where(mask, td.take(source.reshape((-1,)), place, axis=0).reshape(x.shape), x)
