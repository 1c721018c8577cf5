"""Sequences, which are lists, and optionals, which are a value or None."""

from __future__ import annotations

from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.importers_shapes import parts
from tandem.onnx.table import operator
from tandem.onnx.values import axis_of, ints, is_plain, known, number, tensor

Tensor = _core.Tensor


@operator("SequenceConstruct", plain=True)
def sequence_construct(*values: Any) -> list[Any]:
    return [tensor(x) for x in values]


@operator("SequenceEmpty")
def sequence_empty(*, dtype: int = 1) -> list[Any]:
    dtype_of(dtype)
    return []


def _place(position: Any, count: int) -> int:
    at = number(position, "position")
    if not -count <= at <= count:
        raise _core.OutOfBoundsError(f"got the position {at} in a sequence of {count}")
    return at + count if at < 0 else at


@operator("SequenceInsert", plain=True)
def sequence_insert(values: list[Any], x: Any, position: Any = None) -> list[Any]:
    at = len(values) if position is None else _place(position, len(values))
    return [*values[:at], tensor(x), *values[at:]]


@operator("SequenceErase", plain=True)
def sequence_erase(values: list[Any], position: Any = None) -> list[Any]:
    at = len(values) - 1 if position is None else _place(position, len(values))
    return [*values[:at], *values[at + 1 :]]


@operator("SequenceAt", plain=True)
def sequence_at(values: list[Any], position: Any) -> Any:
    return values[_place(position, len(values))]


@operator("SequenceLength", plain=True)
def sequence_length(values: list[Any]) -> int:
    return len(values)


@operator("ConcatFromSequence")
def concat_from_sequence(values: list[Any], *, axis: int, new_axis: int = 0) -> Tensor:
    return td.stack(values, axis=axis) if new_axis else td.concat(values, axis=axis)


@operator("SplitToSequence", plain=True)
def split_to_sequence(x: Any, split: Any = None, *, axis: int = 0, keepdims: int = 1) -> list[Any]:
    x = tensor(x)
    axis = axis_of(axis, x.ndim)
    count = x.shape[axis]
    if split is None:
        pieces = parts(x, axis, (1,) * int(count))
        return list(pieces) if keepdims else [td.squeeze(p, axis=axis) for p in pieces]
    sizes = known(split, "SplitToSequence: split")
    if not isinstance(sizes, tuple):
        each = int(sizes)
        sizes = (each,) * (count // each) + ((count % each,) if count % each else ())
    return list(parts(x, axis, ints(sizes, "SplitToSequence: split")))


@operator("Optional", plain=True)
def optional(value: Any = None, *, type: Any = None) -> Any:
    return tensor(value) if is_plain(value) else value


@operator("OptionalGetElement", plain=True)
def optional_get_element(value: Any) -> Any:
    if value is None:
        raise _core.ArgumentError("OptionalGetElement: got an optional without a value; need one that has it")
    return value


@operator("OptionalHasElement", plain=True)
def optional_has_element(value: Any = None) -> Tensor:
    return td.asarray(value is not None)
