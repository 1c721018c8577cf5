"""Views, and what moves elements without computing with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.aten_pointwise import convert_like
from tandem.torch.table import Uncovered, at, aten, axis_of

Tensor = _core.Tensor

_END = (1 << 63) - 1


@aten("view reshape _unsafe_view _reshape_alias view_copy reshape_copy")
def view(x: Tensor, size: Sequence[Any], stride: Any = None) -> Tensor:
    return x.reshape(_known(x, size))


def _known(x: Tensor, size: Sequence[Any]) -> tuple[Any, ...]:
    """Return the sizes with none left open."""
    if not any(isinstance(n, int) and n == -1 for n in size):
        return tuple(size)
    rest: Any = 1
    for n in size:
        if not (isinstance(n, int) and n == -1):
            rest = rest * n
    total: Any = 1
    for n in x.shape:
        total = total * n
    return tuple(total // rest if isinstance(n, int) and n == -1 else n for n in size)


@aten("expand expand_copy")
def expand(x: Tensor, size: Sequence[Any], implicit: bool = False) -> Tensor:
    new = len(size) - x.ndim
    shape = tuple(x.shape[k - new] if k >= new and isinstance(n, int) and n == -1 else n for k, n in enumerate(size))
    return td.broadcast_to(x, shape)


@aten("permute permute_copy")
def permute(x: Tensor, dims: Sequence[int]) -> Tensor:
    return td.permute_dims(x, tuple(axis_of(d, x.ndim) for d in dims)) if x.ndim else x


@aten("t t_copy")
def t(x: Tensor) -> Tensor:
    return td.permute_dims(x, (1, 0)) if x.ndim == 2 else x


@aten("transpose.int transpose_copy.int")
def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    if not x.ndim:
        return x
    axes = list(range(x.ndim))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return td.permute_dims(x, tuple(axes))


@aten("unsqueeze unsqueeze_copy")
def unsqueeze(x: Tensor, dim: int) -> Tensor:
    return td.expand_dims(x, axis=axis_of(dim, x.ndim + 1))


@aten("squeeze squeeze.dim squeeze.dims")
def squeeze(x: Tensor, dim: Any = None) -> Tensor:
    given = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = tuple(axis_of(d, x.ndim) for d in given) if x.ndim else ()
    kept = tuple(n for k, n in enumerate(x.shape) if not (k in axes and isinstance(n, int) and n == 1))
    return x.reshape(kept) if len(kept) < x.ndim else x


@aten("select.int select_copy.int")
def select(x: Tensor, dim: int, index: Any) -> Tensor:
    return x[at(axis_of(dim, x.ndim), index)]


def _part(x: Tensor, dim: int, start: Any, end: Any, step: int) -> tuple[Any, ...]:
    last = None if end is None or (isinstance(end, int) and end == _END) else end
    return at(axis_of(dim, x.ndim), slice(start, last, None if step == 1 else step))


@aten("slice.Tensor slice_copy.Tensor")
def slice_of(x: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    return x[_part(x, dim, start, end, step)]


@aten("narrow")
def narrow(x: Tensor, dim: int, start: Any, length: Any) -> Tensor:
    return x[at(axis_of(dim, x.ndim), slice(start, start + length))]


def _written(x: Tensor, key: Any, source: Tensor) -> Tensor:
    out = x.copy()
    out[key] = convert_like(source, x)
    return out


@aten("slice_scatter")
def slice_scatter(x: Tensor, source: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    return _written(x, _part(x, dim, start, end, step), source)


@aten("select_scatter")
def select_scatter(x: Tensor, source: Tensor, dim: int, index: Any) -> Tensor:
    return _written(x, at(axis_of(dim, x.ndim), index), source)


@aten("slice_backward")
def slice_backward(grad: Tensor, sizes: Sequence[Any], dim: int, start: Any, end: Any, step: int) -> Tensor:
    return slice_scatter(td.zeros(tuple(sizes), dtype=grad.dtype), grad, dim, start, end, step)


@aten("select_backward")
def select_backward(grad: Tensor, sizes: Sequence[Any], dim: int, index: Any) -> Tensor:
    return select_scatter(td.zeros(tuple(sizes), dtype=grad.dtype), grad, dim, index)


@aten("cat")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    if len(tensors) > 1:  # torch leaves out empty vectors among others
        full = [x for x in tensors if not (x.ndim == 1 and isinstance(x.shape[0], int) and x.shape[0] == 0)]
        tensors = full or tensors[:1]
    dtype = td.result_type(*tensors) if len({x.dtype for x in tensors}) > 1 else tensors[0].dtype
    parts = [x if x.dtype == dtype else x.astype(dtype) for x in tensors]
    return td.concat(parts, axis=axis_of(dim, parts[0].ndim)) if len(parts) > 1 else parts[0].copy()


@aten("stack")
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    return td.stack(list(tensors), axis=axis_of(dim, tensors[0].ndim + 1))


@aten("split.Tensor")
def split(x: Tensor, split_size: Any, dim: int = 0) -> list[Tensor]:
    axis = axis_of(dim, x.ndim)
    count = -(-int(x.shape[axis]) // int(split_size))
    return [x[at(axis, slice(k * split_size, (k + 1) * split_size if k < count - 1 else None))] for k in range(count)]


@aten("split_with_sizes split_with_sizes_copy")
def split_with_sizes(x: Tensor, sizes: Sequence[Any], dim: int = 0) -> list[Tensor]:
    out, start = [], 0
    for n in sizes:
        out.append(x[at(axis_of(dim, x.ndim), slice(start, start + n))])
        start = start + n
    return out


@aten("unbind.int unbind_copy.int")
def unbind(x: Tensor, dim: int = 0) -> list[Tensor]:
    axis = axis_of(dim, x.ndim)
    return [x[at(axis, k)] for k in range(int(x.shape[axis]))]


@aten("flip")
def flip(x: Tensor, dims: Sequence[int]) -> Tensor:
    return td.flip(x, axis=tuple(axis_of(d, x.ndim) for d in dims)).copy() if dims and x.ndim else x.copy()


@aten("roll")
def roll(x: Tensor, shifts: Sequence[Any], dims: Sequence[int] = ()) -> Tensor:
    if not dims:
        return td.roll(x, shifts[0])
    for n, d in zip(shifts, dims, strict=True):
        x = td.roll(x, n, axis=axis_of(d, x.ndim))
    return x


@aten("repeat")
def repeat(x: Tensor, repeats: Sequence[Any]) -> Tensor:
    new = len(repeats) - x.ndim
    shape = (1,) * new + tuple(x.shape)
    pairs = tuple(n for size in shape for n in (1, size))
    full = tuple(n for count, size in zip(repeats, shape, strict=True) for n in (count, size))
    out = tuple(count * size for count, size in zip(repeats, shape, strict=True))
    return td.broadcast_to(x.reshape(pairs), full).reshape(out)


@aten("tril")
def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    return td.tril(x, k=diagonal)


@aten("triu")
def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    return td.triu(x, k=diagonal)


@aten("constant_pad_nd")
def constant_pad(x: Tensor, pad: Sequence[Any], value: Any = 0) -> Tensor:
    widths = [(0, 0)] * x.ndim
    for k in range(len(pad) // 2):
        widths[x.ndim - 1 - k] = (pad[2 * k], pad[2 * k + 1])
    cut: list[Any] = [slice(None)] * x.ndim
    for k, (before, behind) in enumerate(widths):
        fixed = isinstance(before, int) and isinstance(behind, int)
        if fixed and (before < 0 or behind < 0):
            cut[k] = slice(max(-before, 0), x.shape[k] - max(-behind, 0))
            widths[k] = (max(before, 0), max(behind, 0))
    if any(part != slice(None) for part in cut):
        x = x[tuple(cut)]
    return td.pad(x, widths, constant_values=value) if any(w != (0, 0) for w in widths) else x.copy()


def _contiguous_strides(shape: Sequence[Any]) -> tuple[int, ...]:
    strides, step = [], 1
    for n in reversed([int(n) for n in shape]):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


@aten("as_strided as_strided_copy")
def as_strided(x: Tensor, size: Sequence[Any], stride: Sequence[Any], storage_offset: Any = None) -> Tensor:
    shape = tuple(int(n) for n in size)
    if tuple(int(n) for n in x.shape) == shape and tuple(stride) == _contiguous_strides(shape) and not storage_offset:
        return x
    flat = x.reshape((-1,))
    return td.take(flat, _places(size, stride, storage_offset).reshape((-1,)), axis=0).reshape(tuple(size))


def _places(size: Sequence[Any], stride: Sequence[Any], offset: Any) -> Tensor:
    """Return which element of memory each one is."""
    out: Any = td.asarray(int(offset or 0), dtype=_core.int64)
    for k, (n, step) in enumerate(zip(size, stride, strict=True)):
        along = td.arange(int(n), dtype=_core.int64) * int(step)
        out = out + along.reshape((int(n),) + (1,) * (len(size) - k - 1))
    return td.broadcast_to(out, tuple(int(n) for n in size))


@aten("as_strided_scatter")
def as_strided_scatter(
    x: Tensor, source: Tensor, size: Sequence[Any], stride: Sequence[Any], storage_offset: Any = None
) -> Tensor:
    flat = x.reshape((-1,)).copy()
    places = _places(size, stride, storage_offset).reshape((-1,))
    return td.scatter(flat, places, source.reshape((-1,)), axis=0).reshape(x.shape)


@aten("diagonal diagonal_copy")
def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    rows, columns = axis_of(dim1, x.ndim), axis_of(dim2, x.ndim)
    rest = [k for k in range(x.ndim) if k not in (rows, columns)]
    y = td.permute_dims(x, (*rest, rows, columns))
    height, width = int(y.shape[-2]), int(y.shape[-1])
    first_row, first_column = max(-offset, 0), max(offset, 0)
    count = max(min(height - first_row, width - first_column), 0)
    along = td.arange(count, dtype=_core.int64)
    flat = y.reshape((*y.shape[:-2], height * width))
    return td.take(flat, along * (width + 1) + (first_row * width + first_column), axis=flat.ndim - 1)


@aten("diagonal_scatter")
def diagonal_scatter(x: Tensor, source: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    if (dim1, dim2) not in ((0, 1), (-2, -1)) or x.ndim != 2:
        raise Uncovered("diagonal_scatter of more than two axes")
    height, width = int(x.shape[0]), int(x.shape[1])
    first_row, first_column = max(-offset, 0), max(offset, 0)
    count = max(min(height - first_row, width - first_column), 0)
    along = td.arange(count, dtype=_core.int64)
    places = along * (width + 1) + (first_row * width + first_column)
    return td.scatter(x.reshape((-1,)), places, source, axis=0).reshape(x.shape)


@aten("unfold unfold_copy")
def unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    axis = axis_of(dimension, x.ndim)
    count = (int(x.shape[axis]) - size) // step + 1
    places = (td.arange(count, dtype=_core.int64) * step).reshape((count, 1)) + td.arange(size, dtype=_core.int64)
    found = td.take(x, places.reshape((count * size,)), axis=axis)
    found = found.reshape((*x.shape[:axis], count, size, *x.shape[axis + 1 :]))
    order = [k for k in range(x.ndim + 1) if k != axis + 1] + [axis + 1]
    return td.permute_dims(found, tuple(order))


@aten("pixel_shuffle")
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    return td.nn.functional.pixel_shuffle(x, upscale_factor)


@aten("view_as_real view_as_real_copy")
def view_as_real(x: Tensor) -> Tensor:
    return td.stack([td.real(x), td.imag(x)], axis=x.ndim)


@aten("view_as_complex view_as_complex_copy complex")
def view_as_complex(x: Tensor, imaginary: Tensor | None = None) -> Tensor:
    return td.complex(x[..., 0], x[..., 1]) if imaginary is None else td.complex(x, imaginary)


@aten("_conj conj_physical _conj_physical")
def conj(x: Tensor) -> Tensor:
    return td.conj(x)
