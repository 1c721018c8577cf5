"""Convolution, pooling and resampling."""

from __future__ import annotations

import math
from typing import Any

from tandem import _core
from tandem.onnx.captured import Dim, Node, Shape, Type, is_number, same
from tandem.onnx.emission import Scope, Value
from tandem.onnx.operators_reducing import wide
from tandem.onnx.rules import rule


def _span(kernel: Dim, dilation: Dim) -> Dim:
    return dilation * (kernel - 1) + 1


def _padded(s: Scope, x: Value, before: Shape, after: Shape) -> tuple[Value, tuple[int, ...]]:
    """What is convolved, and the padding that is left to the operator: it takes none that crops or is a symbol."""
    if all(is_number(pad) and pad >= 0 for pad in (*before, *after)):
        return x, (*before, *after)
    pads = s.dims((0, 0, *before, 0, 0, *after))
    return s.op("Pad", x, pads), (0,) * (2 * len(before))


@rule("convolution")
def convolution(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    value, pads = _padded(s, x[0], node.attrs["before"], node.attrs["after"])
    return convolution_node(s, "Conv", node, [value, *x[1:]], pads)


def convolution_node(s: Scope, name: str, node: Node, x: list[Value], pads: tuple[int, ...]) -> Value:
    """Write an operator that has the attributes of Conv."""
    attrs = node.attrs
    return s.op(
        name,
        *x,
        strides=list(attrs["stride"]),
        dilations=list(attrs["dilation"]),
        pads=list(pads),
        group=attrs["groups"],
        kernel_shape=list(x[1].shape[2:]),
    )


@rule("convolution_source")
def convolution_source(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """What the windows reach behind the last element is padding if it is cut off, and output padding if it is added."""
    attrs = node.attrs
    ends, added = [], []
    for k, size in enumerate(attrs["size"]):
        reach = (x[0].shape[2 + k] - 1) * attrs["stride"][k] + _span(x[1].shape[2 + k], attrs["dilation"][k])
        end = reach - attrs["before"][k] - size
        if not is_number(end):
            raise s.refuse(
                f"a transposed convolution to the size {size}, from {x[0].shape[2 + k]}",
                "sizes that differ by a number",
                "a fixed size for this dimension",
            )
        ends.append(max(end, 0))
        added.append(max(-end, 0))
    before = attrs["before"]
    crop = [max(-pad, 0) for pad in before]
    if any(crop):
        raise s.refuse("a transposed convolution with negative padding", "padding of 0 or more", "td.pad afterwards")
    return s.op(
        "ConvTranspose",
        *x,
        strides=list(attrs["stride"]),
        dilations=list(attrs["dilation"]),
        pads=[*before, *ends],
        output_padding=added if any(added) else None,
        group=attrs["groups"],
        kernel_shape=list(x[1].shape[2:]),
    )


# Pooling


def _behind(s: Scope, node: Node, shape: Shape) -> list[int]:
    """How much padding behind each axis gives as many windows as there are."""
    attrs = node.attrs
    found = []
    for k, size in enumerate(attrs["size"]):
        span = _span(attrs["kernel"][k], attrs["dilation"][k])
        seen = shape[2 + k] + attrs["before"][k]
        fits = [pad for pad in range(span) if same((seen + pad - span) // attrs["stride"][k] + 1, size)]
        if not fits:
            raise s.refuse(
                f"pooling of {shape[2 + k]} elements into {size}",
                "as many windows as there are with some padding",
                "a fixed size for this dimension",
            )
        # What is in front is usually behind as well; means that count the border see the difference.
        before = attrs["before"][k]
        found.append(before if before in fits else fits[0])
    return found


def _windows(s: Scope, node: Node, shape: Shape) -> dict[str, Any]:
    attrs = node.attrs
    return {
        "kernel_shape": list(attrs["kernel"]),
        "strides": list(attrs["stride"]),
        "dilations": list(attrs["dilation"]),
        "pads": [*attrs["before"], *_behind(s, node, shape)],
    }


@rule("max_pool")
def max_pool(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    if node.attrs["adaptive"]:
        return _adaptive(s, node, x[0], "ReduceMax")
    return s.op("MaxPool", x[0], **_windows(s, node, x[0].shape))


@rule("max_pool_indices")
def max_pool_indices(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Indices count through all planes."""
    if node.attrs["adaptive"]:
        raise s.refuse("indices of adaptive pooling", "windows of one size", "td.nn.functional.max_pool2d")
    _, places = s.op("MaxPool", x[0], outputs=2, **_windows(s, node, x[0].shape))
    plane = s.op("ReduceProd", s.dims(x[0].shape[2:]), s.ints(0), keepdims=1)
    return s.op("Mod", places, plane)


@rule("avg_pool")
def avg_pool(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    value, attrs = wide(s, x[0]), node.attrs
    if attrs["adaptive"]:
        return _adaptive(s, node, value, "ReduceMean")
    windows = _windows(s, node, value.shape)
    if s.model.opset < 19 and any(step != 1 for step in windows.pop("dilations")):
        raise s.refuse("means of dilated windows", "opset 19 or later", "opset=19")
    divisor, count = attrs["divisor"], math.prod(attrs["kernel"])
    if divisor == 0:
        return s.op("AveragePool", value, count_include_pad=0, **windows)
    mean = s.op("AveragePool", value, count_include_pad=1, **windows)
    ahead = windows["pads"][: len(attrs["before"])]
    if divisor == -1 and windows["pads"][len(ahead) :] != ahead:
        # The last windows reach beyond the border, and what is there does not count.
        shares = _counts(s, node, value.shape)
        return s.op("Mul", mean, s.constant(_core.asarray(shares, dtype=value.dtype)))
    return mean if divisor == -1 else s.op("Mul", mean, s.scalar(count / divisor, value.dtype))


def _counts(s: Scope, node: Node, shape: Shape) -> Any:
    """What to multiply means with, so that they are of the elements of the input and its border."""
    import numpy as np

    attrs = node.attrs
    if not all(map(is_number, shape[2:])):
        raise s.refuse("means of windows that reach beyond the border, of any size", "a size", "ceil_mode=False")
    result = np.ones(())
    for k, size in enumerate(attrs["size"]):
        kernel, stride, step = attrs["kernel"][k], attrs["stride"][k], attrs["dilation"][k]
        before = attrs["before"][k]
        end = shape[2 + k] + before
        inside = [sum(w * stride - before + i * step < end for i in range(kernel)) for w in range(size)]
        result = np.multiply.outer(result, kernel / np.array(inside, dtype=np.float64))
    return result


def _adaptive(s: Scope, node: Node, x: Value, operator: str) -> Value:
    """Nearly equal windows, axis by axis: the mean of means is no mean, unless they are of equally many."""
    size = node.attrs["size"]
    for k in range(len(size)):
        axis = 2 + k
        whole = x.shape[axis] if k == 0 or x.shape else None
        x = _adaptive_axis(s, x, operator, axis, whole, size[k], node)
    return x


def _adaptive_axis(s: Scope, x: Value, operator: str, axis: int, whole: Dim, size: Dim, node: Node) -> Value:
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    if same(size, 1):
        made = s.op(operator, x, s.ints(axis), keepdims=1)
    elif same(whole, size):
        return x
    elif is_number(whole) and is_number(size):
        parts = []
        for i in range(size):
            start, end = i * whole // size, -(-(i + 1) * whole // size)
            part = s.op("Slice", x, s.ints(start), s.ints(end), s.ints(axis))
            parts.append(s.op(operator, part, s.ints(axis), keepdims=1))
        made = s.op("Concat", *parts, axis=axis)
    else:
        raise s.refuse(f"adaptive pooling of {whole} elements into {size}", "a fixed size", "one for this dimension")
    return Value(made.name, made.dtype, shape)


@rule("resample")
def resample(s: Scope, node: Node, x: list[Value], out: Type) -> Value:
    """Elements at the taps, times their weights, summed."""
    axis = node.attrs["axis"]
    value, taps, weights = wide(s, x[0]), x[1], x[2]
    behind = len(out.shape) - axis - 1
    seen = s.op("Gather", value, taps, axis=axis)
    if behind:
        weights = s.op("Unsqueeze", weights, s.ints(*range(2, 2 + behind)))
    return s.op("ReduceSum", s.op("Mul", seen, weights), s.ints(axis + 1), keepdims=0)
