"""Reductions, running sums, sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tandem import _core
from tandem.onnx.captured import Node, Type, is_number
from tandem.onnx.emission import Scope, Value, type_proto
from tandem.onnx.rules import is_float, rule


def reduced(s: Scope, operator: str, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """Reduce over axes; over none, the value itself."""
    if not axes:
        return x
    return s.op(operator, x, s.ints(*axes), keepdims=int(keepdims))


def wide(s: Scope, x: Value) -> Value:
    """A 16-bit float as float32: it is rounded once, in the end."""
    return s.cast(x, _core.float32) if x.dtype in (_core.float16, _core.bfloat16) else x


def axes_of(node: Node, x: Value) -> tuple[int, ...]:
    axes = node.attrs["axis"]
    if axes is None:
        return tuple(range(len(x.shape)))
    return axes if isinstance(axes, tuple) else (axes,)


@rule("sum", "prod")
def summed(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    operator = {"sum": "ReduceSum", "prod": "ReduceProd"}[node.op]
    terms = wide(s, s.cast(x[0], out.dtype))
    return reduced(s, operator, terms, axes_of(node, x[0]), node.attrs["keepdims"])


@rule("mean")
def mean(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """The mean of nothing is NaN, which ReduceMean does not say."""
    axes = axes_of(node, x[0])
    if any(is_number(x[0].shape[axis]) and x[0].shape[axis] == 0 for axis in axes):
        return s.op("Expand", s.scalar(np.nan, out.dtype), s.dims(out.shape))
    return reduced(s, "ReduceMean", wide(s, x[0]), axes, node.attrs["keepdims"])


@rule("max", "min", "logsumexp")
def plain(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    operator = {"max": "ReduceMax", "min": "ReduceMin", "logsumexp": "ReduceLogSumExp"}[node.op]
    terms = x[0] if node.op in ("max", "min") else wide(s, x[0])
    return reduced(s, operator, terms, axes_of(node, x[0]), node.attrs["keepdims"])


@rule("any", "all")
def truth(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Whether some are true, or none are false; of no elements, too."""
    holds = s.cast(x[0], _core.bool)
    if node.op == "all":
        holds = s.op("Not", holds)
    axes, keepdims = axes_of(node, x[0]), node.attrs["keepdims"]
    count = reduced(s, "ReduceSum", s.cast(holds, _core.int32), axes, keepdims)
    zero = s.scalar(0, _core.int32)
    return s.op("Equal", count, zero) if node.op == "all" else s.op("Greater", count, zero)


@rule("argmax", "argmin")
def place(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    axes = axes_of(node, x[0])
    keepdims = node.attrs["keepdims"]
    operator = {"argmax": "ArgMax", "argmin": "ArgMin"}[node.op]
    if len(axes) == 1:
        return s.op(operator, x[0], axis=axes[0], keepdims=int(keepdims))
    flat = s.op("Reshape", x[0], s.ints(-1))
    found = s.op(operator, flat, axis=0, keepdims=0)
    return s.op("Reshape", found, s.ints(*[1] * len(x[0].shape))) if keepdims else found


@rule("cumsum")
def cumsum(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("CumSum", wide(s, s.cast(x[0], out.dtype)), s.scalar(node.attrs["axis"], _core.int64))


def _order(s: Scope, x: Value, axis: int, last_first: bool, count: Value, size: Value) -> tuple[Value | None, Value]:
    """TopK of all elements, which keeps the order of equal ones: the elements, if no floats, and their places.

    NaNs, which it does not order, are last: they go in as the last number, and among those that number goes first.
    """
    key = wide(s, x)
    if not is_float(key):
        values, places = s.op("TopK", key, count, axis=axis, largest=int(last_first), sorted=1, outputs=2)
        return values, places
    nan = s.op("IsNaN", key)
    end = s.scalar(-np.inf if last_first else np.inf, key.dtype)
    key = s.op("Where", nan, end, key)
    _, places = s.op("TopK", key, size, axis=axis, largest=int(last_first), sorted=1, outputs=2)
    # Once more, by whether it is NaN: what is equal keeps its order.
    is_nan = s.op("GatherElements", s.cast(nan, _core.int32), places, axis=axis)
    _, order = s.op("TopK", is_nan, count, axis=axis, largest=0, sorted=1, outputs=2)
    return None, s.op("GatherElements", places, order, axis=axis)


@rule("sort", "argsort", "topk_indices")
def sort(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    axis = node.attrs["axis"]
    last_first = node.attrs["largest"] if node.op == "topk_indices" else node.attrs["descending"]
    size = s.size(x[0].shape[axis])
    count = s.ints(node.attrs["k"]) if node.op == "topk_indices" else size
    values, places = _order(s, x[0], axis, last_first, count, size)
    if node.op != "sort":
        return places
    return s.op("GatherElements", wide(s, x[0]), places, axis=axis) if values is None else values


@rule("lexsort")
def lexsort(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """By one key after the other, each in the order of those before it."""
    axis = node.attrs["axis"]
    size = s.size(x[0].shape[axis])
    order: Value | None = None
    for key in x:
        turned = key if order is None else s.op("GatherElements", key, order, axis=axis)
        _, places = _order(s, turned, axis, node.attrs["descending"], size, size)
        order = places if order is None else s.op("GatherElements", order, places, axis=axis)
    assert order is not None
    return order


@rule("places_in_sorted")
def places_in_sorted(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """How many elements are before each value: there is no search, so all are compared."""
    limits, values = s.promoted(*x)
    values = s.op("Unsqueeze", values, s.ints(-1))
    before = s.op("LessOrEqual" if node.attrs["right"] else "Less", limits, values)
    return s.op("ReduceSum", s.cast(before, _core.int64), s.ints(-1), keepdims=0)


@rule("cummax", "cummin", "cumprod")
def running(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """A Scan along the axis, from the number that changes nothing."""
    from onnx import helper

    terms = s.cast(x[0], out.dtype)
    terms = wide(s, terms) if is_float(terms) else s.cast(terms, _counted_in(out.dtype))
    first = {"cumprod": 1, "cummax": _extreme(terms.dtype, low=True), "cummin": _extreme(terms.dtype, low=False)}
    axis = node.attrs["axis"]
    if is_number(out.shape[axis]) and out.shape[axis] == 0:
        return x[0]
    order = [axis, *(k for k in range(len(out.shape)) if k != axis)]
    terms = s.op("Transpose", terms, perm=order) if axis else terms
    shape = (*out.shape[:axis], *out.shape[axis + 1 :])
    start = s.op("Expand", s.scalar(first[node.op], terms.dtype), s.dims(shape))
    body = Scope(s.model, s)
    body.prefix = f"{s.prefix}.body"
    before, now = body.name("before"), body.name("now")
    operator = {"cumprod": "Mul", "cummax": "Max", "cummin": "Min"}[node.op]
    made = body.op(operator, Value(before, terms.dtype, shape), Value(now, terms.dtype, shape))
    again = body.name("Identity")
    body.node("Identity", [made.name], [again])
    infos = [
        helper.make_value_info(name, type_proto(terms.dtype, shape, s.model.sizes))
        for name in (before, now, made.name, again)
    ]
    graph = helper.make_graph(body.nodes, body.prefix, infos[:2], infos[2:])
    last, results = s.name("last"), s.name("Scan")
    s.node(
        "Scan",
        [start.name, terms.name],
        [last, results],
        body=graph,
        num_scan_inputs=1,
    )
    made = Value(results, terms.dtype)
    return s.op("Transpose", made, perm=[order.index(k) for k in range(len(order))]) if axis else made


def _counted_in(dtype: Any) -> Any:
    """The integers in which runtimes find the larger one of two, and multiply."""
    if dtype.itemsize == 8:
        return dtype
    return _core.int64 if dtype == _core.uint32 else _core.int32


def _extreme(dtype: Any, *, low: bool) -> Any:
    """The lowest or the highest number of a dtype."""
    if "float" in dtype.name:
        return -np.inf if low else np.inf
    limits = np.iinfo(dtype.name)
    return int(limits.min if low else limits.max)
