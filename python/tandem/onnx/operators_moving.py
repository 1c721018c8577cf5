"""Making tensors, and other views of their elements."""

from __future__ import annotations

import numpy as np

from tandem import _core
from tandem.onnx.captured import Dim, Node, Type, is_number, same
from tandem.onnx.emission import Scope, Value
from tandem.onnx.rules import rule

_SMALL = 1024  # elements that are written down rather than computed


@rule("full")
def full(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    number = s.scalar(node.attrs["fill_value"], out.dtype)
    return number if out.shape == () else s.op("Expand", number, s.dims(out.shape))


@rule("from_dim")
def from_dim(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.cast(s.op("Squeeze", s.size(node.attrs["size"][0]), s.ints(0)), out.dtype)


@rule("iota")
def iota(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    axis = node.attrs["axis"]
    place = [1] * len(out.shape)
    place[axis] = -1
    if all(map(is_number, out.shape)) and out.shape[axis] <= _SMALL:
        counted = s.constant(np.arange(out.shape[axis]).reshape(place), _core.int64)
    else:
        end = s.op("Squeeze", s.size(out.shape[axis]), s.ints(0))
        counted = s.op("Range", s.scalar(0, _core.int64), end, s.scalar(1, _core.int64))
        counted = s.op("Reshape", counted, s.ints(*place)) if len(place) > 1 else counted
    counted = s.cast(counted, out.dtype)
    return s.op("Expand", counted, s.dims(out.shape)) if len(place) > 1 else counted


@rule("eye")
def eye(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    blank = s.op("Expand", s.scalar(0, _core.float32), s.dims(out.shape))
    return s.cast(s.op("EyeLike", blank, k=node.attrs["k"], dtype=_core.float32), out.dtype)


def reshaped(s: Scope, x: Value, shape: tuple[Dim, ...]) -> Value:
    """Reshape; where one size is a symbol, it follows from the others."""
    unknown = [k for k, dim in enumerate(shape) if not is_number(dim)]
    if len(unknown) == 1 and 0 not in [dim for dim in shape if is_number(dim)]:
        wanted = s.ints(*(-1 if k == unknown[0] else dim for k, dim in enumerate(shape)))
    else:
        wanted = s.dims(shape)
    empty = any(is_number(dim) and dim == 0 for dim in shape)
    return s.op("Reshape", x, wanted, allowzero=1 if empty else None)


@rule("reshape")
def reshape(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return reshaped(s, x[0], out.shape)


@rule("broadcast_to")
def broadcast_to(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Expand", x[0], s.dims(out.shape))


@rule("permute_dims", "transpose", "matrix_transpose")
def transposed(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    if node.op == "matrix_transpose":
        order = list(range(len(out.shape)))
        order[-2:] = order[:-3:-1]
    else:
        order = list(node.attrs["axes"])
    return s.op("Transpose", x[0], perm=order) if order else x[0]


@rule("expand_dims")
def expand_dims(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Unsqueeze", x[0], s.ints(node.attrs["axis"]))


@rule("squeeze")
def squeeze(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    axes = node.attrs["axis"]
    axes = axes if isinstance(axes, tuple) else (axes,)
    return s.op("Squeeze", x[0], s.ints(*axes)) if axes else x[0]


@rule("flip")
def flip(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    axes = node.attrs["axis"]
    axes = tuple(range(len(out.shape))) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    if not axes:
        return x[0]
    count = len(axes)
    lowest = int(np.iinfo(np.int64).min)
    ends, steps = s.ints(*[lowest] * count), s.ints(*[-1] * count)
    return s.op("Slice", x[0], s.ints(*[-1] * count), ends, s.ints(*axes), steps)


@rule("concat")
def concat(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Concat", *(s.cast(each, out.dtype) for each in x), axis=node.attrs["axis"])


@rule("tril", "triu")
def triangle(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return s.op("Trilu", x[0], s.scalar(node.attrs["k"], _core.int64), upper=int(node.op == "triu"))


# Slices


Part = tuple[int, Dim, Dim, Dim]  # of one axis: its number, and start, size and step along it


def parts_of(node: Node, shape: tuple[Dim, ...]) -> list[Part]:
    """The axes of which a slice does not take all elements in order."""
    attrs = node.attrs
    found = []
    for axis, (start, size, step) in enumerate(zip(attrs["starts"], attrs["sizes"], attrs["steps"], strict=True)):
        if not (same(start, 0) and same(step, 1) and same(size, shape[axis])):
            found.append((axis, start, size, step))
    return found


def _end(start: Dim, size: Dim, step: Dim, whole: Dim) -> Dim:
    """Where a slice ends; counted from the end where it goes backwards, as it may end in front of the first element."""
    if is_number(step) and step < 0:
        return start + size * step - whole
    return start + size * step


def sliced(s: Scope, x: Value, parts: list[Part], shape: tuple[Dim, ...]) -> Value:
    if not parts:
        return x
    ends = tuple(_end(start, size, step, shape[axis]) for axis, start, size, step in parts)
    starts, steps = tuple(part[1] for part in parts), tuple(part[3] for part in parts)
    axes = s.ints(*(part[0] for part in parts))
    plain = all(is_number(step) and step == 1 for step in steps)
    return s.op("Slice", x, s.dims(starts), s.dims(ends), axes, *([] if plain else [s.dims(steps)]))


@rule("slice")
def slice_(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    return sliced(s, x[0], parts_of(node, x[0].shape), x[0].shape)


@rule("slice_update")
def slice_update(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Along one axis what is before, the value, and what is behind; or scattered, where there are gaps.

    For several axes, the same in a slice along the first of them.
    """
    value = s.cast(x[1], out.dtype)
    sizes = node.attrs["sizes"]
    if any(is_number(size) and size == 0 for size in sizes):
        return x[0]
    if [str(size) for size in x[1].shape] != [str(size) for size in sizes]:
        value = s.op("Expand", value, s.dims(sizes))
    return _updated(s, x[0], value, parts_of(node, out.shape), out.shape)


def _updated(s: Scope, x: Value, value: Value, parts: list[Part], shape: tuple[Dim, ...]) -> Value:
    if not parts:
        return value
    part, *rest = parts
    axis, start, size, step = part
    if rest:
        inner = sliced(s, x, [part], shape)
        value = _updated(s, inner, value, rest, (*shape[:axis], size, *shape[axis + 1 :]))
    whole = shape[axis]
    if same(step, 1):
        pieces = [value]
        if not same(start, 0):
            pieces.insert(0, s.op("Slice", x, s.ints(0), s.size(start), s.ints(axis)))
        if not same(start + size, whole):
            pieces.append(s.op("Slice", x, s.size(start + size), s.size(whole), s.ints(axis)))
        return pieces[0] if len(pieces) == 1 else s.op("Concat", *pieces, axis=axis)
    numbers = s.op("Squeeze", s.size(size), s.ints(0))
    places = s.op("Range", s.scalar(0, _core.int64), numbers, s.scalar(1, _core.int64))
    places = s.op("Add", s.op("Mul", places, s.size(step)), s.size(start))
    order = [axis, *(k for k in range(len(shape)) if k != axis)]
    back = [order.index(k) for k in range(len(shape))]
    front = s.op("Transpose", x, perm=order) if axis else x
    value = s.op("Transpose", value, perm=order) if axis else value
    front = s.op("ScatterND", front, s.op("Unsqueeze", places, s.ints(-1)), value)
    return s.op("Transpose", front, perm=back) if axis else front
