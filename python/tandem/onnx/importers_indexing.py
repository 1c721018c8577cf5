"""Operators that read and write elements at places that tensors say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tandem as td
from tandem import _core
from tandem.onnx.table import operator
from tandem.onnx.values import at, axis_of, is_plain, known, number, product, tensor
from tandem.onnx.values import indices as counted

Tensor = _core.Tensor


@operator("Gather", plain=True)
def gather(x: Any, indices: Any, *, axis: int = 0) -> Any:
    if isinstance(x, tuple) and is_plain(indices):
        return tuple(x[k] for k in indices) if isinstance(indices, tuple) else x[indices]
    x = tensor(x)
    axis = axis_of(axis, x.ndim, "Gather: axis")
    if isinstance(indices, int):
        count = x.shape[axis]
        if not -count <= indices < count:
            raise _core.OutOfBoundsError(f"Gather: got the index {indices} for an axis of {count}")
        return x[at(axis, indices)]
    places = tensor(indices)
    if places.ndim == 1:
        return td.take(x, places, axis=axis)
    found = td.take(x, places.reshape((product(places.shape),)), axis=axis)
    return found.reshape((*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]))


def _within(x: Tensor, places: Tensor, axis: int) -> tuple[slice, ...] | None:
    """Return the part of x that the shape of the indices covers; None where that is all of x."""
    smaller = [k for k in range(x.ndim) if k != axis and places.shape[k] != x.shape[k]]
    return tuple(slice(places.shape[k]) if k in smaller else slice(None) for k in range(x.ndim)) if smaller else None


@operator("GatherElements")
def gather_elements(x: Tensor, places: Tensor, *, axis: int = 0) -> Tensor:
    axis = axis_of(axis, x.ndim, "GatherElements: axis")
    part = _within(x, places, axis)
    return td.take_along_axis(x if part is None else x[part], places, axis=axis)


_WRITES: dict[str, Callable[..., Tensor]] = {
    "none": td.scatter,
    "add": td.scatter_add,
    "mul": td.scatter_multiply,
    "max": td.scatter_maximum,
    "min": td.scatter_minimum,
}


def _write(reduction: str) -> Callable[..., Tensor]:
    if reduction not in _WRITES:
        raise _core.ArgumentError(f"Scatter: got reduction={reduction!r}; need one of {', '.join(_WRITES)}")
    return _WRITES[reduction]


@operator("Scatter ScatterElements")
def scatter_elements(x: Tensor, places: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none") -> Tensor:
    axis = axis_of(axis, x.ndim, "ScatterElements: axis")
    part = _within(x, places, axis)
    if part is None:
        return _write(reduction)(x, places, updates, axis=axis)
    out = x.copy()
    out[part] = _write(reduction)(x[part], places, updates, axis=axis)
    return out


def _offsets(places: Tensor, sizes: tuple[Any, ...]) -> Tensor:
    """Return where the rows of indices point, with the given axes as one."""
    out: Any = None
    stride: Any = 1
    for k in reversed(range(len(sizes))):
        each = places[..., k]
        each = td.where(each < 0, each + sizes[k], each) * stride
        out = each if out is None else out + each
        stride = stride * sizes[k]
    return out


@operator("GatherND")
def gather_nd(x: Tensor, places: Tensor, *, batch_dims: int = 0) -> Tensor:
    width, batch = places.shape[-1], tuple(x.shape[:batch_dims])
    last = batch_dims + width
    if width < 1 or last > x.ndim:
        raise _core.ShapeError(f"GatherND: got indices of {width} numbers for the shape {x.shape}; need as many axes")
    spots = _offsets(places, tuple(x.shape[batch_dims:last]))
    inner = product(x.shape[batch_dims:last])
    for k in range(batch_dims):
        rows = counted(batch[k]).reshape((*(1,) * k, batch[k], *(1,) * (spots.ndim - k - 1)))
        inner_rows = product(batch[k + 1 :]) * inner
        spots = spots + rows * inner_rows
    flat = x.reshape((product(x.shape[:last]), *x.shape[last:]))
    found = td.take(flat, spots.reshape((product(spots.shape),)), axis=0)
    return found.reshape((*spots.shape, *x.shape[last:]))


@operator("ScatterND")
def scatter_nd(x: Tensor, places: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    width = places.shape[-1]
    rest = tuple(x.shape[width:])
    spots = _offsets(places, tuple(x.shape[:width]))
    count, inner = product(spots.shape), product(rest)
    flat = x.reshape((product(x.shape[:width]), inner))
    written = _write(reduction)(flat, spots.reshape((count, 1)), updates.reshape((count, inner)), axis=0)
    return written.reshape(x.shape)


@operator("TensorScatter")
def tensor_scatter(
    cache: Tensor, update: Tensor, start: Tensor | None = None, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    axis = axis_of(axis, cache.ndim, "TensorScatter: axis")
    length, size = update.shape[axis], cache.shape[axis]
    begin = td.zeros((cache.shape[0],), dtype=td.int64) if start is None else start
    places = td.expand_dims(begin, axis=1) + counted(length)
    if mode == "circular":
        places = td.remainder(places, size)
    places = places.reshape(tuple(cache.shape[0] if k == 0 else length if k == axis else 1 for k in range(cache.ndim)))
    return td.scatter(cache, td.broadcast_to(places, update.shape), update, axis=axis)


@operator("OneHot", static=(1,))
def one_hot(places: Tensor, depth: Any, values: Tensor, *, axis: int = -1) -> Tensor:
    count = int(number(depth, "OneHot: depth"))
    places = places.astype(td.int64)
    places = td.where(places < 0, places + count, places)
    axis = axis_of(axis, places.ndim + 1, "OneHot: axis")
    counts = counted(count).reshape((count, *(1,) * (places.ndim - axis)))
    return td.where(td.equal(td.expand_dims(places, axis=axis), counts), values[1], values[0])


@operator("NonZero")
def nonzero(x: Tensor) -> Tensor:
    if not x.ndim:
        return td.zeros((0, int(bool(number(x, "NonZero")))), dtype=td.int64)
    return td.stack(list(td.nonzero(x)), axis=0)


@operator("Compress")
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape((product(x.shape),)), 0
    return td.take(x, td.nonzero(condition)[0], axis=axis)


@operator("Unique")
def unique(x: Tensor, *, axis: int | None = None, sorted: int = 1, outputs: int = 1) -> tuple[Tensor, ...]:
    known(x, "Unique")  # the size of the result depends on the values
    half = x.dtype == td.bfloat16
    values, first, inverse, counts = np.unique(
        (x.astype(td.float32) if half else x).numpy(),
        return_index=True,
        return_inverse=True,
        return_counts=True,
        axis=axis,
    )
    if not sorted:
        order = np.argsort(first)
        values = np.take(values, order, axis=0 if axis is None else axis)
        first, counts, inverse = first[order], counts[order], np.argsort(order)[inverse]
    found = (values, *(each.reshape(-1).astype(np.int64) for each in (first, inverse, counts)))
    results = tuple(td.asarray(each) for each in found[:outputs])
    return (results[0].astype(x.dtype), *results[1:])


@operator("TopK", until=9)
def top_k_attribute(x: Tensor, *, k: int, axis: int = -1, outputs: int = 2) -> tuple[Tensor, ...]:
    return top_k(x, k, axis=axis, outputs=outputs)


@operator("TopK", since=10, static=(1,))
def top_k(
    x: Tensor,
    k: Any,
    *,
    axis: int = -1,
    largest: int = 1,
    sorted: int = 1,
    outputs: int = 2,
) -> tuple[Tensor, ...]:
    found = td.topk(x, number(k, "TopK: k"), axis=axis, largest=bool(largest))
    return tuple(found)[:outputs]


@operator("CumSum", static=(1,))
def cumulative_sum(x: Tensor, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _running(td.cumsum, x, number(axis, "CumSum: axis"), exclusive, reverse, 0)


@operator("CumProd", static=(1,))
def cumulative_product(x: Tensor, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _running(td.cumprod, x, number(axis, "CumProd: axis"), exclusive, reverse, 1)


def _running(function: Any, x: Tensor, axis: int, exclusive: int, reverse: int, neutral: int) -> Tensor:
    axis = axis_of(axis, x.ndim, "axis")
    out = function(td.flip(x, axis=axis) if reverse else x, axis=axis, dtype=x.dtype)
    if exclusive:
        first = td.full(tuple(1 if k == axis else n for k, n in enumerate(x.shape)), neutral, dtype=x.dtype)
        out = td.concat([first, out[at(axis, slice(None, -1))]], axis=axis)
    return td.flip(out, axis=axis) if reverse else out


@operator("ReverseSequence")
def reverse_sequence(x: Tensor, lengths: Tensor, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    rows = [1] * x.ndim
    rows[batch_axis] = x.shape[batch_axis]
    steps = [1] * x.ndim
    steps[time_axis] = x.shape[time_axis]
    length, step = lengths.astype(td.int64).reshape(rows), counted(x.shape[time_axis]).reshape(steps)
    places = td.where(step < length, length - 1 - step, step)
    return td.take_along_axis(x, td.broadcast_to(places, x.shape), axis=time_axis)


@operator("ArrayFeatureExtractor", domain="ai.onnx.ml")
def array_feature_extractor(x: Tensor, places: Tensor) -> Tensor:
    return td.take(x, places.reshape((product(places.shape),)), axis=x.ndim - 1)


@operator("NonMaxSuppression", static=(2, 3, 4))
def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    most: Any = 0,
    iou_threshold: Any = 0.0,
    score_threshold: Any = None,
    *,
    center_point_box: int = 0,
) -> Tensor:
    limit, overlap = (number(n, "NonMaxSuppression") for n in (most or 0, iou_threshold or 0.0))
    least = None if score_threshold is None else number(score_threshold, "NonMaxSuppression: score_threshold")
    known(boxes, "NonMaxSuppression: boxes")  # how many boxes are left depends on them
    corners, values = boxes.numpy(), scores.numpy()
    if center_point_box:
        half = corners[..., 2:] / 2
        corners = np.concatenate([corners[..., :2] - half, corners[..., :2] + half], axis=-1)
    low = np.minimum(corners[..., :2], corners[..., 2:])
    high = np.maximum(corners[..., :2], corners[..., 2:])
    found = [
        (batch, kind, box)
        for batch in range(values.shape[0])
        for kind in range(values.shape[1])
        for box in _selected(low[batch], high[batch], values[batch, kind], int(limit), overlap, least)
    ]
    return td.asarray(np.asarray(found, dtype=np.int64).reshape(len(found), 3))


def _selected(low: Any, high: Any, scores: Any, limit: int, overlap: float, least: float | None) -> list[int]:
    """Return the boxes that are kept, best first: none overlaps a better one by more than the threshold."""
    order = [k for k in np.argsort(-scores, kind="stable") if least is None or scores[k] > least]
    areas = np.prod(high - low, axis=-1)
    kept: list[int] = []
    for k in order:
        if len(kept) >= limit:
            break
        common = np.prod(np.maximum(np.minimum(high[k], high[kept]) - np.maximum(low[k], low[kept]), 0), axis=-1)
        if not np.any(common > overlap * (areas[k] + areas[kept] - common)):
            kept.append(int(k))
    return kept
