"""Tensors from parts, and parts of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tandem import _core
from tandem._array_api import _axis, _part, moveaxis
from tandem._boundary import public
from tandem._numpy.given import flat, is_number, tensor
from tandem._numpy.shaping import _planes, _rows

Tensor = _core.Tensor

_FEW = 1 << 14  # elements of blocks that are joined one level after the other


def _parts(what: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor) and tensors.ndim == 0:
        raise _core.ShapeError(f"{what}: got a tensor without axes; need a sequence of tensors")
    parts = [tensor(x) for x in tensors]
    if not parts:
        raise _core.ArgumentError(f"{what}: got no tensors; need at least one")
    return parts


def _joined(parts: Sequence[Tensor], axis: int, dtype: Any) -> Tensor:
    out = _core.concat(list(parts), axis=axis)
    return out if dtype is None else out.astype(dtype, copy=False)


@public
def vstack(tensors: Sequence[Any], /, *, dtype: Any = None) -> Tensor:
    """Join tensors along the first axis; vectors are rows.

    >>> td.vstack([td.asarray([1, 2]), td.asarray([3, 4])])
    tensor([[1, 2], [3, 4]])
    """
    return _joined([_rows(x) for x in _parts("vstack", tensors)], 0, dtype)


@public
def hstack(tensors: Sequence[Any], /, *, dtype: Any = None) -> Tensor:
    """Join tensors along the second axis, vectors along their only one.

    >>> td.hstack([td.asarray([1, 2]), td.asarray([3])])
    tensor([1, 2, 3])
    """
    parts = [x.reshape((1,)) if x.ndim == 0 else x for x in _parts("hstack", tensors)]
    return _joined(parts, 0 if parts[0].ndim == 1 else 1, dtype)


@public
def dstack(tensors: Sequence[Any], /) -> Tensor:
    """Join tensors along the third axis; see td.atleast_3d for those that have fewer.

    >>> td.dstack([td.asarray([1, 2]), td.asarray([3, 4])])
    tensor([[[1, 3], [2, 4]]])
    """
    return _joined([_planes(x) for x in _parts("dstack", tensors)], 2, None)


@public
def column_stack(tensors: Sequence[Any], /) -> Tensor:
    """Join vectors as the columns of a matrix, and matrices along their second axis.

    >>> td.column_stack([td.asarray([1, 2]), td.asarray([3, 4])])
    tensor([[1, 3], [2, 4]])
    """
    parts = [x.reshape((-1, 1)) if x.ndim < 2 else x for x in _parts("column_stack", tensors)]
    return _joined(parts, 1, None)


def _depth(blocks: Any) -> int:
    if not isinstance(blocks, list):
        return 0
    if not blocks:
        raise _core.ArgumentError("block: got an empty list; need at least one tensor in each")
    depths = {_depth(one) for one in blocks}
    if len(depths) > 1:
        raise _core.ArgumentError(f"block: got lists nested {sorted(depths)} deep side by side; need equal depths")
    return 1 + depths.pop()


def _leaves(blocks: Any, found: list[Tensor]) -> Any:
    """Return nested lists of tensors, which are added to a list."""
    if isinstance(blocks, list):
        return [_leaves(one, found) for one in blocks]
    found.append(tensor(blocks))
    return found[-1]


def _with_axes(blocks: Any, rank: int) -> Any:
    if isinstance(blocks, list):
        return [_with_axes(one, rank) for one in blocks]
    return blocks if blocks.ndim == rank else blocks.reshape((*(1,) * (rank - blocks.ndim), *blocks.shape))


def _joined_blocks(blocks: Any, axis: int) -> Tensor:
    if not isinstance(blocks, list):
        return blocks
    return _core.concat([_joined_blocks(one, axis + 1) for one in blocks], axis=axis)


def _block_shape(blocks: Any, axis: int) -> tuple[int, ...]:
    """Return the shape of blocks joined along an axis, each of them joined along the next one."""
    if not isinstance(blocks, list):
        return blocks.shape
    first, *others = [_block_shape(one, axis + 1) for one in blocks]
    size = first[axis]
    for shape in others:
        if shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise _core.ShapeError(f"block: got shapes {first} and {shape} to join along axis {axis}; need equal ones")
        size += shape[axis]
    return (*first[:axis], size, *first[axis + 1 :])


def _write_blocks(out: Tensor, blocks: Any, axis: int) -> None:
    if not isinstance(blocks, list):
        out[...] = blocks
        return
    end = 0
    for one in blocks:
        start, end = end, end + _block_shape(one, axis + 1)[axis]
        _write_blocks(_part(out, axis, slice(start, end)), one, axis + 1)


@public
def block(blocks: Any, /) -> Tensor:
    """Join nested lists of tensors: the innermost along the last axis, the next along the one before it, and so on.

    >>> td.block([[td.eye(1), td.zeros((1, 2))], [td.ones((1, 3))]])
    tensor([[1., 0., 0.], [1., 1., 1.]], dtype=float32)
    """
    depth = _depth(blocks)
    each: list[Tensor] = []
    blocks = _leaves(blocks, each)
    if depth == 0:
        return each[0].copy()
    rank = depth
    whole = _core.recording()
    count = 0
    for x in each:
        rank = max(rank, x.ndim)
        whole = whole or x.requires_grad
        count = count if whole else count + x.size
    blocks = _with_axes(blocks, rank)
    if whole or count <= _FEW:
        return _joined_blocks(blocks, rank - depth)
    # Many elements are written to their places at once: rows that are joined first are copied twice.
    shape = _block_shape(blocks, rank - depth)
    out = _core.empty(shape, dtype=_core._result_type(tuple(each)), device=each[0]._place)
    _write_blocks(out, blocks, rank - depth)
    return out


def _split(what: str, x: Tensor, sections: Any, axis: int, equal: bool) -> list[Tensor]:
    axis = _axis(what, axis, x.ndim)
    size = x.shape[axis]
    if not is_number(sections):
        ends = [int(end) for end in (sections.tolist() if isinstance(sections, (Tensor, np.ndarray)) else sections)]
        return [_part(x, axis, slice(a, b)) for a, b in zip([0, *ends], [*ends, None], strict=True)]
    if sections < 1:
        raise _core.ArgumentError(f"{what}: got {sections} sections; need at least one")
    if equal and size % sections != 0:
        raise _core.ShapeError(
            f"{what}: got {sections} sections for size {size} along axis {axis}; need a divisor; try td.array_split"
        )
    each, longer = size // sections, size % sections
    starts = [i * each + (i if i < longer else longer) for i in range(sections)]
    return [_part(x, axis, slice(a, b)) for a, b in zip(starts, [*starts[1:], size], strict=True)]


@public
def split(x: Any, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return views of equal parts along an axis, or of the parts between indices.

    >>> td.split(td.arange(4), 2)
    [tensor([0, 1]), tensor([2, 3])]
    """
    return _split("split", tensor(x), indices_or_sections, axis, True)


@public
def array_split(x: Any, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return views of parts along an axis, of which the first are one longer where equal ones are impossible.

    >>> td.array_split(td.arange(3), 2)
    [tensor([0, 1]), tensor([2])]
    """
    return _split("array_split", tensor(x), indices_or_sections, axis, False)


def _split_of(what: str, x: Any, sections: Any, axis: int, least: int) -> list[Tensor]:
    x = tensor(x)
    if x.ndim < least:
        raise _core.ShapeError(f"{what}: got the shape {x.shape}; need at least {least} axes")
    return _split(what, x, sections, axis, True)


@public
def vsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Split along the first axis of at least two; see td.split.

    >>> td.vsplit(td.asarray([[1, 2], [3, 4]]), 2)
    [tensor([[1, 2]]), tensor([[3, 4]])]
    """
    return _split_of("vsplit", x, indices_or_sections, 0, 2)


@public
def hsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Split along the second axis, or a vector along its only one; see td.split.

    >>> td.hsplit(td.asarray([1, 2]), 2)
    [tensor([1]), tensor([2])]
    """
    return _split_of("hsplit", x, indices_or_sections, 0 if tensor(x).ndim == 1 else 1, 1)


@public
def dsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Split along the third axis; see td.split.

    >>> [part.shape for part in td.dsplit(td.ones((2, 3, 4)), 2)]
    [(2, 3, 2), (2, 3, 2)]
    """
    return _split_of("dsplit", x, indices_or_sections, 2, 3)


@public
def append(x: Any, /, values: Any, axis: int | None = None) -> Tensor:
    """Join values behind x along an axis, or both flattened.

    >>> td.append(td.asarray([1, 2]), 3)
    tensor([1, 2, 3])
    """
    if axis is None:
        return _core.concat([flat(x), flat(values)])
    x, values = tensor(x), tensor(values)
    if x.ndim != values.ndim:
        raise _core.ShapeError(f"append: got shapes {x.shape} and {values.shape}; need as many axes")
    return _core.concat([x, values], axis=axis)


def _host(places: Any) -> Any:
    """Return indices as NumPy takes them: they say how large the result is."""
    return np.asarray(places.tolist(), dtype=places.dtype.name) if isinstance(places, Tensor) else places


def _arranged(what: str, arrange: Any, size: int, places: Any, axis: int) -> Tensor:
    try:
        return _core.asarray(arrange(np.arange(size, dtype=np.int64)))
    except IndexError:
        raise _core.OutOfBoundsError(
            f"{what}: got the indices {places} for axis {axis} of size {size}; need indices from {-size} on, below "
            f"{size}"
        ) from None
    except ValueError as error:
        raise _core.ArgumentError(
            f"{what}: got the indices {places}; need integers, a slice or a mask: {error}"
        ) from None


@public
def delete(x: Any, /, obj: Any, axis: int | None = None) -> Tensor:
    """Return a copy without the elements at indices, in a slice, or under a mask, along an axis or of all in a row.

    >>> td.delete(td.asarray([1, 2, 3]), [0, -1])
    tensor([2])
    """
    x = flat(x) if axis is None else tensor(x)
    axis = _axis("delete", axis or 0, x.ndim)
    places = _host(obj)
    kept = _arranged("delete", lambda all: np.delete(all, places), int(x.shape[axis]), places, axis)
    return _core.take(x, kept, axis=axis)


@public
def insert(x: Any, /, obj: Any, values: Any, axis: int | None = None) -> Tensor:
    """Return a copy with values in front of the elements at indices, along an axis or in the row of all elements.

    The values broadcast to what is inserted and take x's dtype.

    >>> td.insert(td.asarray([1, 2, 3]), 1, td.asarray([8, 9]))
    tensor([1, 8, 9, 2, 3])
    """
    x = flat(x) if axis is None else tensor(x)
    axis = _axis("insert", axis or 0, x.ndim)
    values = tensor(values).astype(x.dtype, copy=False)
    values = values.reshape((*(1,) * (x.ndim - values.ndim), *values.shape))
    size = int(x.shape[axis])
    places = np.asarray(np.arange(size)[obj] if isinstance(obj, slice) else _host(obj))
    if places.dtype == np.bool_ or places.size == 0:
        places = np.flatnonzero(places)
    if places.ndim == 0:
        # As in x[:, i] = values: the first axis of the values is the one that they are inserted along.
        values = moveaxis(values, 0, axis)
    count = values.shape[axis] if places.size == 1 else places.size
    added = _core.broadcast_to(values, tuple(count if a == axis else n for a, n in enumerate(x.shape)))
    new = np.arange(size, size + int(count))
    where = places.item() if places.size == 1 else places
    if places.size == 1 and -size <= where <= size:
        return _core.concat([_part(x, axis, slice(None, where)), added, _part(x, axis, slice(where, None))], axis=axis)
    order = _arranged("insert", lambda all: np.insert(all, where, new), size, places, axis)
    return _core.take(_core.concat([x, added], axis=axis), order, axis=axis)
