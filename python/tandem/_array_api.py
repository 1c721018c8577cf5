"""Functions of the array API and NumPy that are formulas over operations, eager and captured alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor

_FEW = 1 << 14  # elements that are moved along one axis after the other


def _axis(what: str, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise _core.OutOfBoundsError(f"{what}: got axis {axis} for {rank} axes; need {-rank} <= axis < {rank}")
    return axis % rank


def _axes(what: str, axes: int | Sequence[int], rank: int) -> list[int]:
    each = [_axis(what, a, rank) for a in ((axes,) if isinstance(axes, int) else axes)]
    if len(set(each)) < len(each):
        raise _core.ArgumentError(f"{what}: got the axes {axes} with one axis twice; need each axis once")
    return each


def _part(x: Tensor, axis: int, part: slice) -> Tensor:
    return x[(slice(None),) * axis + (part,)]


@public
def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that tensors of the given shapes broadcast to.

    >>> td.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return _core._broadcast_shape(shapes)


@public
def moveaxis(x: Tensor, source: int | Sequence[int], destination: int | Sequence[int], /) -> Tensor:
    """Return a view with axes moved to other places; the others keep their order.

    >>> td.moveaxis(td.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    old, new = _axes("moveaxis", source, x.ndim), _axes("moveaxis", destination, x.ndim)
    if len(old) != len(new):
        raise _core.ArgumentError(f"moveaxis: got {len(old)} axes and {len(new)} places; need as many")
    order = [a for a in range(x.ndim) if a not in old]
    for place, axis in sorted(zip(new, old, strict=True)):
        order.insert(place, axis)
    return _core.permute_dims(x, tuple(order))


@public
def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the parts of a tensor along an axis as views without that axis.

    >>> td.unstack(td.asarray([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    axis = _axis("unstack", axis, x.ndim)
    return tuple(x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis]))


@public
def roll(x: Tensor, /, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Move elements along axes, or of the flattened tensor; what leaves at the end comes back at the start.

    >>> td.roll(td.asarray([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    if axis is None:
        return roll(x.reshape((-1,)), shift, axis=0).reshape(x.shape)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
    if len(shifts) != len(axes):
        raise _core.ArgumentError(f"roll: got {len(shifts)} shifts for {len(axes)} axes; need as many")
    shape = x.shape
    by = [0] * len(shape)
    for one, steps in zip(axes, shifts, strict=True):
        by[_axis("roll", one, len(shape))] += steps
    firsts = [-steps % size if size != 0 else 0 for steps, size in zip(by, shape, strict=True)]
    whole = _core.recording() or x.requires_grad or x.size <= _FEW
    if whole or sum(first > 0 for first in firsts) < 2:
        return _core._internal("rotate", x, firsts)
    # Along several axes each part is written to its place at once, and not moved along one after the other.
    out = _core.empty(shape, dtype=x.dtype, device=x._place)
    sides = [
        [(slice(first, None), slice(None, size - first)), (slice(None, first), slice(size - first, None))]
        if first > 0
        else [(slice(None), slice(None))]
        for first, size in zip(firsts, shape, strict=True)
    ]
    for part in itertools.product(*sides):
        out[tuple(to for _, to in part)] = x[tuple(of for of, _ in part)]
    return out


@public
def repeat(x: Tensor, repeats: int | Tensor, /, axis: int | None = None) -> Tensor:
    """Repeat each element a number of times along an axis, or of the flattened tensor.

    A tensor says how often for each element; the size of the result then depends on its values, which a captured
    function does not know.

    >>> td.repeat(td.asarray([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if isinstance(repeats, Tensor) and repeats.size == 1:
        repeats = int(repeats.reshape(()))
    if isinstance(repeats, Tensor):
        return _repeat_each(x, repeats, axis)
    if not isinstance(repeats, int) or repeats < 0:
        raise _core.ArgumentError(f"repeat: got repeats={repeats!r}; need one number of 0 or more; try td.take")
    if axis is None:
        return repeat(x.reshape((-1,)), repeats, axis=0)
    place = _axis("repeat", axis, x.ndim)
    before, after = x.shape[: place + 1], x.shape[place + 1 :]
    many = _core.broadcast_to(_core.expand_dims(x, axis=place + 1), (*before, repeats, *after))
    return many.reshape((*before[:-1], before[-1] * repeats, *after))


def _repeat_each(x: Tensor, repeats: Tensor, axis: int | None) -> Tensor:
    if axis is None:
        return _repeat_each(x.reshape((-1,)), repeats, 0)
    place = _axis("repeat", axis, x.ndim)
    times = repeats.tolist()
    if repeats.dtype.kind != "int":
        raise _core.DTypeError(f"repeat: got repeats of dtype {repeats.dtype.name}; need integers")
    if repeats.shape != (x.shape[place],):
        raise _core.ShapeError(
            f"repeat: got repeats of shape {repeats.shape} for {x.shape[place]} elements; need one number for each"
        )
    if times and min(times) < 0:
        raise _core.ArgumentError(f"repeat: got the repeats {min(times)}; need integers of 0 or more")
    indices = np.repeat(np.arange(len(times)), np.asarray(times, dtype=np.int64))
    return _core.take(x, _core.asarray(indices, device=x._place), axis=place)


@public
def tile(x: Tensor, repetitions: int | Sequence[int], /) -> Tensor:
    """Repeat a whole tensor along each axis; missing axes are put in front.

    >>> td.tile(td.asarray([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2], [1, 2, 1, 2]])
    """
    times = (repetitions,) if isinstance(repetitions, int) else tuple(repetitions)
    if any(n < 0 for n in times):
        raise _core.ArgumentError(f"tile: got the repetitions {times}; need numbers of 0 or more")
    rank = max(len(times), x.ndim)
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + tuple(x.shape)
    parted = x.reshape(tuple(size for n in shape for size in (1, n)))
    many = _core.broadcast_to(parted, tuple(size for pair in zip(times, shape, strict=True) for size in pair))
    return many.reshape(tuple(n * size for n, size in zip(times, shape, strict=True)))


@public
def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Return the coordinates of the grid that vectors span, one read-only tensor each.

    indexing="ij" has the axes in the order of the vectors; "xy" exchanges the first two.

    >>> td.meshgrid(td.asarray([1, 2]), td.asarray([3]))[0]
    tensor([[1, 2]])
    """
    if indexing not in ("xy", "ij"):
        raise _core.ArgumentError(f"meshgrid: got indexing={indexing!r}; need 'xy' or 'ij'")
    if any(x.ndim > 1 for x in arrays):
        raise _core.ShapeError(f"meshgrid: got the shapes {[x.shape for x in arrays]}; need vectors")
    order = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) > 1:
        order[:2] = [1, 0]
    lines = [x.reshape(tuple(-1 if a == order[n] else 1 for a in range(len(arrays)))) for n, x in enumerate(arrays)]
    shape = _core._broadcast_shape([x.shape for x in lines])
    return [_core.broadcast_to(x, shape) for x in lines]


@public
def count_nonzero(x: Tensor, /, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
    """Count the elements that are not zero, as int64.

    >>> td.count_nonzero(td.asarray([0, 3, 4]))
    tensor(2)
    """
    return _core._internal("count_nonzero", x, axis=axis, keepdims=keepdims)


@public
def diff(
    x: Tensor, /, n: int = 1, axis: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Return the n-th differences of neighbours along an axis.

    >>> td.diff(td.asarray([1, 4, 9]))
    tensor([3, 5])
    """
    if n < 0:
        raise _core.ArgumentError(f"diff: got n={n}; need 0 or more")
    if x.ndim == 0:
        raise _core.ShapeError("diff: got a tensor without axes; need at least one axis")
    place = _axis("diff", axis, x.ndim)
    parts = [part for part in (prepend, x, append) if part is not None]
    out = _core.concat(parts, axis=place) if len(parts) > 1 and n > 0 else x
    for _ in range(n):
        subtract = _core.not_equal if out.dtype == _core.bool else _core.subtract
        out = subtract(_part(out, place, slice(1, None)), _part(out, place, slice(None, -1)))
    return out


@public
def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Return running sums along an axis, with a zero in front if include_initial; see td.cumsum.

    >>> td.cumulative_sum(td.asarray([1, 2, 3]), include_initial=True)
    tensor([0, 1, 3, 6])
    """
    out = _core.cumsum(x, axis=axis, dtype=dtype)
    return cumulative_with_initial("cumulative_sum", out, axis, _core.zeros) if include_initial else out


def cumulative_with_initial(what: str, out: Tensor, axis: int | None, initial: Callable[..., Tensor]) -> Tensor:
    """Return running results with what they start from in front."""
    place = _axis(what, axis or 0, out.ndim)
    shape = tuple(1 if a == place else size for a, size in enumerate(out.shape))
    return _core.concat([initial(shape, dtype=out.dtype, device=out._place), out], axis=place)


@public
def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the sums of products along an axis, in the promoted dtype; the numbers of x1 are conjugated.

    >>> td.vecdot(td.asarray([1, 2]), td.asarray([3, 4]))
    tensor(11)
    """
    return _core._internal("sum_of_products", x1, x2, axis=axis, conjugated=x1.dtype.kind == "complex")


@public
def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Return the product of every element of one vector with every one of another.

    >>> td.outer(td.asarray([1, 2]), td.asarray([3, 4]))
    tensor([[3, 4], [6, 8]])
    """
    if x1.ndim != 1 or x2.ndim != 1:
        raise _core.ShapeError(f"outer: got shapes {x1.shape} and {x2.shape}; need two vectors")
    return _core.multiply(_core.expand_dims(x1, axis=1), x2)


@public
def tensordot(x1: Tensor, x2: Tensor, /, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sum products over several axes: the last of x1 and the first of x2, or those that are listed for each.

    >>> td.tensordot(td.ones((2, 3)), td.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    if isinstance(axes, int):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise _core.ArgumentError(f"tensordot: got axes={axes} for {x1.ndim} and {x2.ndim} axes; need fewer")
        first, second = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        first, second = _axes("tensordot", axes[0], x1.ndim), _axes("tensordot", axes[1], x2.ndim)
    if len(first) != len(second) or any(x1.shape[a] != x2.shape[b] for a, b in zip(first, second, strict=True)):
        raise _core.ShapeError(
            f"tensordot: got shapes {x1.shape} and {x2.shape} with the axes {first} and {second}; need equal sizes"
        )
    rows = [a for a in range(x1.ndim) if a not in first]
    columns = [a for a in range(x2.ndim) if a not in second]
    depth = _product(x1.shape[a] for a in first)
    left = _core.permute_dims(x1, (*rows, *first)).reshape((_product(x1.shape[a] for a in rows), depth))
    right = _core.permute_dims(x2, (*second, *columns)).reshape((depth, _product(x2.shape[a] for a in columns)))
    return _core.matmul(left, right).reshape((*(x1.shape[a] for a in rows), *(x2.shape[a] for a in columns)))


def _product(sizes: Any) -> Any:
    out = 1
    for size in sizes:
        out = out * size
    return out
