"""Picking elements by index tensors, and writing to them."""

from __future__ import annotations

from tandem import _core
from tandem.onnx.captured import Node, Type, same
from tandem.onnx.emission import Scope, Value
from tandem.onnx.operators_reducing import wide
from tandem.onnx.rules import rule

_REDUCTIONS = (None, "add", "mul", "max", "min")  # by PutMode
_MODES = {"scatter": 0, "scatter_add": 1, "scatter_multiply": 2, "scatter_maximum": 3, "scatter_minimum": 4}


def indices_of(s: Scope, x: Value) -> Value:
    """Indices in a dtype that all operators take."""
    return x if x.dtype == _core.int32 else s.cast(x, _core.int64)


@rule("take")
def take(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Gather", x[0], indices_of(s, x[1]), axis=node.attrs["axis"])


@rule("embedding")
def embedding(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Gather", x[1], indices_of(s, x[0]), axis=0)


@rule("take_along_axis")
def take_along_axis(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("GatherElements", x[0], indices_of(s, x[1]), axis=node.attrs["axis"])


def expanded(s: Scope, x: Value, shape: tuple[object, ...]) -> Value:
    """Broadcast, where the shape is another one."""
    if len(x.shape) == len(shape) and all(map(same, x.shape, shape)):
        return x
    return s.op("Expand", x, s.dims(shape))


@rule(*_MODES)
def scatter(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    axis = node.attrs["axis"]
    place = list(out.shape)
    place[axis] = x[1].shape[axis]
    indices = expanded(s, indices_of(s, x[1]), tuple(place))
    values = expanded(s, s.cast(x[2], out.dtype), tuple(place))
    how = _REDUCTIONS[_MODES[node.op]]
    base, values = _summable(s, x[0], values, how)
    return s.op("ScatterElements", base, indices, values, axis=axis, reduction=how)


def _summable(s: Scope, base: Value, values: Value, how: str | None) -> tuple[Value, Value]:
    """What is combined: 16-bit floats as float32, as runtimes do not add to them."""
    return (base, values) if how is None else (wide(s, base), wide(s, values))


@rule("index_update")
def index_update(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """ScatterND writes along the first axis: others change places with it."""
    axis, shape, index = node.attrs["axis"], out.shape, x[1]
    count = len(index.shape)
    value = expanded(s, s.cast(x[2], out.dtype), (*shape[:axis], *index.shape, *shape[axis + 1 :]))
    indices = s.op("Unsqueeze", s.cast(index, _core.int64), s.ints(-1))
    base = x[0]
    order = [axis, *(k for k in range(len(shape)) if k != axis)]
    if axis:
        base = s.op("Transpose", base, perm=order)
        along = list(range(axis, axis + count))
        rest = [k for k in range(len(shape) - 1 + count) if k not in along]
        value = s.op("Transpose", value, perm=along + rest)
    how = _REDUCTIONS[node.attrs["mode"]]
    base, value = _summable(s, base, value, how)
    base = s.op("ScatterND", base, indices, value, reduction=how)
    return s.op("Transpose", base, perm=[order.index(k) for k in range(len(shape))]) if axis else base


@rule("scatter_planes")
def scatter_planes(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Values at places in the planes of their channels, which are vectors here."""
    plane = s.op("ReduceProd", s.dims(out.shape[2:]), s.ints(0), keepdims=1)
    blank = s.op("Expand", s.scalar(0, out.dtype), s.op("Concat", s.dims(out.shape[:2]), plane, axis=0))
    flat = s.ints(0, 0, -1)
    values, places = s.op("Reshape", x[0], flat), s.op("Reshape", x[1], flat)
    how = "add" if node.attrs["add"] else None
    filled = s.op("ScatterElements", blank, places, values, axis=2, reduction=how)
    return s.op("Reshape", filled, s.dims(out.shape))
