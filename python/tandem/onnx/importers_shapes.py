"""Operators that ask for shapes and change them: what is made of sizes stays made of sizes."""

from __future__ import annotations

from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of, from_numpy
from tandem.onnx.table import operator
from tandem.onnx.values import at, axis_of, indices, ints, is_plain, known, like, number, product, tensor
from tandem.scripting.context import is_dim

Tensor = _core.Tensor


@operator("Shape", plain=True)
def shape(x: Any, *, start: int = 0, end: int | None = None) -> tuple[Any, ...]:
    return _sizes(x)[start:end]


def _sizes(x: Any) -> tuple[Any, ...]:
    if is_plain(x):
        return (len(x),) if isinstance(x, tuple) else ()
    return tuple(x.shape)


@operator("Size", plain=True)
def size(x: Any) -> Any:
    return product(_sizes(x))


@operator("Reshape", until=4)
def reshape_to_attribute(x: Tensor, *, shape: tuple[int, ...], consumed_inputs: Any = None) -> Tensor:
    return reshape(x, shape)


@operator("Reshape", since=5, plain=True)
def reshape(x: Any, shape: Any, *, allowzero: int = 0) -> Any:
    sizes = ints(shape, "Reshape: shape")
    if is_plain(x):
        items = x if isinstance(x, tuple) else (x,)
        if len(sizes) == 1:
            return items
        if not sizes and len(items) == 1:
            return items[0]
        x = tensor(x)
    # A size that is a symbol is compared with nothing: that would make the program one for this size.
    fixed = [not is_dim(n) for n in sizes]
    if not allowzero:
        pairs = zip(sizes, fixed, strict=True)
        sizes = tuple(x.shape[k] if plain and n == 0 else n for k, (n, plain) in enumerate(pairs))
    return td.reshape(x, sizes)


@operator("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    axis += x.ndim if axis < 0 else 0
    return td.reshape(x, (product(x.shape[:axis]), product(x.shape[axis:])))


@operator("Squeeze", until=12, plain=True)
def squeeze_attribute(x: Any, *, axes: tuple[int, ...] | None = None) -> Any:
    return squeeze(x, axes)


@operator("Squeeze", since=13, plain=True)
def squeeze(x: Any, axes: Any = None) -> Any:
    if is_plain(x):
        if not isinstance(x, tuple) or len(x) != 1:
            raise _core.ShapeError(f"Squeeze: got {x}; need a vector of one element")
        return x[0]
    if axes is None:
        axes = tuple(k for k, n in enumerate(x.shape) if n == 1)
    return td.squeeze(x, axis=ints(axes, "Squeeze: axes"))


@operator("Unsqueeze", until=12, plain=True)
def unsqueeze_attribute(x: Any, *, axes: tuple[int, ...]) -> Any:
    return unsqueeze(x, axes)


@operator("Unsqueeze", since=13, plain=True)
def unsqueeze(x: Any, axes: Any) -> Any:
    places = ints(axes, "Unsqueeze: axes")
    if is_plain(x) and not isinstance(x, tuple) and len(places) == 1:
        return (x,)
    x = tensor(x)
    rank = x.ndim + len(places)
    new = {axis_of(k, rank, "Unsqueeze: axes") for k in places}
    if len(new) != len(places):
        raise _core.ShapeError(f"Unsqueeze: got the axes {places}; need each once")
    rest = iter(x.shape)
    return td.reshape(x, tuple(1 if k in new else next(rest) for k in range(rank)))


@operator("Transpose")
def transpose(x: Tensor, *, perm: tuple[int, ...] | None = None) -> Tensor:
    return td.permute_dims(x, tuple(reversed(range(x.ndim))) if perm is None else perm)


@operator("Concat", plain=True)
def concat(first: Any, *rest: Any, axis: int = 1) -> Any:
    values = (first, *rest)
    if all(isinstance(x, tuple) for x in values):
        return tuple(n for x in values for n in x)
    dtype = next((x.dtype for x in values if isinstance(x, Tensor)), None)
    tensors = [tensor(x, dtype) for x in values]
    return tensors[0] if len(tensors) == 1 else td.concat(tensors, axis=axis)


def parts(x: Tensor, axis: int, sizes: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Cut a tensor along an axis."""
    axis = axis_of(axis, x.ndim, "Split: axis")
    begin: Any = 0
    out = []
    for n in sizes:
        out.append(x[at(axis, slice(begin, begin + n))])
        begin = begin + n
    if not is_dim(begin) and not is_dim(x.shape[axis]) and begin != x.shape[axis]:
        raise _core.ShapeError(f"Split: got the sizes {sizes} for an axis of {x.shape[axis]}; need their sum")
    return tuple(out)


def _even(count: Any, pieces: int) -> tuple[Any, ...]:
    each = (count + pieces - 1) // pieces
    return (*(each,) * (pieces - 1), count - each * (pieces - 1))


@operator("Split", until=12, plain=True)
def split_attribute(x: Any, *_: Any, axis: int = 0, split: tuple[int, ...] | None = None, outputs: int = 1) -> Any:
    return split_(x, split or (_[0] if _ else None), axis=axis, outputs=outputs)


@operator("Split", since=13, plain=True)
def split_(x: Any, split: Any = None, *, axis: int = 0, num_outputs: int | None = None, outputs: int = 1) -> Any:
    if is_plain(x):
        count = len(x)
        sizes = _even(count, num_outputs or outputs) if split is None else ints(split, "Split: split")
        starts = [sum(sizes[:k]) for k in range(len(sizes))]
        return tuple(x[start : start + n] for start, n in zip(starts, sizes, strict=True))
    if split is None:
        return parts(x, axis, _even(x.shape[axis], num_outputs or outputs))
    return parts(x, axis, ints(split, "Split: split"))


@operator("Slice", until=9, plain=True)
def slice_attributes(
    x: Any, *, starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...] | None = None
) -> Any:
    return slice_(x, starts, ends, axes)


@operator("Slice", since=10, plain=True)
def slice_(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    begins, stops = ints(starts, "Slice: starts"), ints(ends, "Slice: ends")
    rank = 1 if is_plain(x) else x.ndim
    along = range(len(begins)) if axes is None else ints(axes, "Slice: axes")
    strides = (1,) * len(begins) if steps is None else ints(steps, "Slice: steps")
    cuts = [slice(None)] * rank
    for axis, begin, stop, step in zip(along, begins, stops, strides, strict=True):
        count = len(x) if is_plain(x) else x.shape[axis_of(axis, rank, "Slice: axes")]
        cuts[axis_of(axis, rank, "Slice: axes")] = _cut(begin, stop, step, count)
    if is_plain(x):
        return x[cuts[0]]
    return x[tuple(cuts)]


def _cut(begin: Any, stop: Any, step: int, count: Any) -> slice:
    """Return the slice of Python that means the same; of a size that is a symbol no value is asked."""
    least = -(1 << 31)
    if step > 0:
        # What reaches past the end says so without a number, so that the result keeps the size's symbol.
        stop = None if not is_dim(stop) and stop >= (1 << 31) - 1 else stop
        begin = None if not is_dim(begin) and begin <= least else begin
    else:
        begin = None if not is_dim(begin) and begin >= (1 << 31) - 1 else begin
        if not is_dim(stop) and not is_dim(count) and stop < -count:
            stop = None  # before the first element: -1 would be the last
        elif not is_dim(stop) and stop <= least:
            stop = None
    if begin is not None and not is_dim(begin) and not is_dim(count) and begin < -count:
        begin = 0 if step > 0 else -count - 1
    return slice(begin, stop, step)


@operator("Expand", plain=True)
def expand(x: Any, shape: Any) -> Tensor:
    x = tensor(x)
    wanted = ints(shape, "Expand: shape")
    own = (*(1,) * (len(wanted) - x.ndim), *x.shape)
    wanted = (*(1,) * (len(own) - len(wanted)), *wanted)
    pairs = zip(own, wanted, strict=True)
    return td.broadcast_to(x, tuple(have if not is_dim(want) and want == 1 else want for have, want in pairs))


@operator("Tile", until=5)
def tile_along(x: Tensor, tiles: Tensor, axis: Tensor) -> Tensor:
    at = number(axis, "Tile: axis")
    return td.tile(x, tuple(number(tiles, "Tile: tiles") if k == at else 1 for k in range(x.ndim)))


@operator("Tile", since=6, static=(1,))
def tile(x: Tensor, repeats: Any) -> Tensor:
    times = ints(repeats, "Tile: repeats")
    pairs = list(zip(x.shape, times, strict=True))
    if not any(is_dim(n) for n in times):
        return td.tile(x, times)
    # Repeated as a view with an axis for each number of times.
    wide = td.reshape(x, tuple(n for size, _ in pairs for n in (1, size)))
    wide = td.broadcast_to(wide, tuple(n for size, count in pairs for n in (count, size)))
    return td.reshape(wide, tuple(size * count for size, count in pairs))


_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@operator("Pad", until=10)
def pad_attributes(
    x: Tensor,
    *,
    pads: tuple[int, ...] | None = None,
    paddings: tuple[int, ...] | None = None,
    mode: str = "constant",
    value: float = 0.0,
) -> Tensor:
    return pad(x, pads or paddings or (), like(x, value), mode=mode)


@operator("Pad", since=11, static=(1, 3))
def pad(x: Tensor, pads: Any, value: Any = None, axes: Any = None, *, mode: str = "constant") -> Tensor:
    given = ints(pads, "Pad: pads")
    along = tuple(range(x.ndim)) if axes is None else ints(axes, "Pad: axes")
    if len(given) != 2 * len(along) or mode not in _MODES:
        raise _core.ArgumentError(f"Pad: got pads={given}, axes={along} and mode={mode!r}; need two numbers per axis")
    widths: list[tuple[Any, Any]] = [(0, 0)] * x.ndim
    for k, axis in enumerate(along):
        widths[axis_of(axis, x.ndim, "Pad: axes")] = (given[k], given[k + len(along)])
    cut = tuple(
        slice(max(-before, 0) if not is_dim(before) else None, n - max(-after, 0) if not is_dim(after) else None)
        for (before, after), n in zip(widths, x.shape, strict=True)
    )
    if any(not is_dim(n) and n < 0 for pair in widths for n in pair):
        x = x[cut]
    more = [tuple(n if is_dim(n) else max(n, 0) for n in pair) for pair in widths]
    if mode != "constant":
        return td.pad(x, more, mode=_MODES[mode])
    if value is None or x.dtype == td.bool:
        out = td.pad(x, more)
        if value is None:
            return out
    fill = tensor(value).reshape(()).astype(x.dtype)
    inside = td.pad(td.full(x.shape, True), more)
    return td.where(inside, td.pad(x, more), fill)


@operator("Range", plain=True)
def range_(start: Any, limit: Any, delta: Any) -> Any:
    if all(map(is_plain, (start, limit, delta))):
        begin, end, step = (number(n, "Range") for n in (start, limit, delta))
        if not any(map(is_dim, (begin, end, step))):
            found = range(begin, end, step)
            return tuple(found) if len(found) <= 64 else td.arange(begin, end, step, dtype=td.int64)
        if not is_dim(step) and step == 1:
            return indices(end - begin) + begin
        return indices((end - begin + step - 1) // step) * step + begin
    dtype = next(x.dtype for x in (start, limit, delta) if isinstance(x, Tensor))
    begin, end, step = (number(n, "Range: start, limit and delta") for n in (start, limit, delta))
    count = max(int(-((begin - end) // step)), 0)  # rounded up
    return td.arange(count, dtype=dtype) * step + begin if dtype.kind == "int" else _floats(begin, step, count, dtype)


def _floats(begin: float, step: float, count: int, dtype: Any) -> Tensor:
    return (td.arange(count, dtype=td.float64) * step + begin).astype(dtype)


@operator("ConstantOfShape", plain=True)
def constant_of_shape(shape: Any, *, value: Any = None) -> Any:
    sizes = ints(shape, "ConstantOfShape: input")
    if any(not is_dim(n) and n < 0 for n in sizes):
        raise _core.ShapeError(f"ConstantOfShape: got the sizes {sizes}; need 0 or more")
    if value is None:
        return td.zeros(sizes, dtype=td.float32)
    filled = from_numpy(value)
    if len(sizes) == 1 and not is_dim(sizes[0]) and sizes[0] <= 16 and filled.dtype == td.int64:
        return (number(filled, "value"),) * sizes[0]
    return td.broadcast_to(filled.reshape(()), sizes).copy() if sizes else filled.reshape(())


@operator("EyeLike", plain=True)
def eye_like(x: Any, *, dtype: int | None = None, k: int = 0) -> Tensor:
    x = tensor(x)
    rows, columns = x.shape
    places = indices(columns) - td.expand_dims(indices(rows), axis=1)
    return td.equal(places, k).astype(x.dtype if dtype is None else dtype_of(dtype))


@operator("Trilu", static=(1,))
def trilu(x: Tensor, k: Any = None, *, upper: int = 1) -> Tensor:
    diagonal = 0 if k is None else number(k, "Trilu: k")
    if not is_dim(diagonal):
        return td.triu(x, k=diagonal) if upper else td.tril(x, k=diagonal)
    # A size that differs from call to call.
    across = indices(x.shape[-1]) - td.expand_dims(indices(x.shape[-2]), axis=1) - tensor(diagonal)
    return td.where(across >= 0 if upper else across <= 0, x, like(x, 0))


@operator("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    batch, channels, height, width = x.shape
    b, depth = blocksize, channels // (blocksize * blocksize)
    if mode == "DCR":
        cut = td.permute_dims(td.reshape(x, (batch, b, b, depth, height, width)), (0, 3, 4, 1, 5, 2))
    else:
        cut = td.permute_dims(td.reshape(x, (batch, depth, b, b, height, width)), (0, 1, 4, 2, 5, 3))
    return td.reshape(cut, (batch, depth, height * b, width * b))


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    batch, channels, height, width = x.shape
    b = blocksize
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    cut = td.permute_dims(td.reshape(x, (batch, channels, height // b, b, width // b, b)), order)
    return td.reshape(cut, (batch, channels * b * b, height // b, width // b))


@operator("CenterCropPad", static=(1,))
def center_crop_pad(x: Tensor, shape: Any, *, axes: tuple[int, ...] | None = None) -> Tensor:
    wanted = ints(shape, "CenterCropPad: shape")
    along = range(x.ndim) if axes is None else [axis_of(k, x.ndim) for k in axes]
    cuts, widths = [slice(None)] * x.ndim, [(0, 0)] * x.ndim
    for axis, new in zip(along, wanted, strict=True):
        have = x.shape[axis]
        if have > new:
            start = (have - new) // 2
            cuts[axis] = slice(start, start + new)
        elif have < new:
            before = (new - have) // 2
            widths[axis] = (before, new - have - before)
    return td.pad(x[tuple(cuts)], widths)


@operator("BitCast")
def bit_cast(x: Tensor, *, to: int) -> Tensor:
    dtype = dtype_of(to)
    if dtype.itemsize != x.dtype.itemsize:
        raise _core.DTypeError(f"BitCast: got {x.dtype} and {dtype}; need dtypes of one size")
    known(x, "BitCast: input")
    return _core._from_buffer(memoryview(_core._bytes_of(x.detach().copy())), dtype, tuple(x.shape))
