"""Diagonals, padding and one-hot vectors: formulas over operations, eager and captured alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor


@public
def diag(x: Tensor, /, k: int = 0) -> Tensor:
    """Return the k-th diagonal of a matrix as a vector, or the matrix that has a vector as its k-th diagonal.

    >>> td.diag(td.asarray([1, 2]))
    tensor([[1, 0], [0, 2]])
    """
    if x.ndim == 1:
        size = x.shape[0] + abs(k)
        first = k if k >= 0 else -k * size
        out = _core.zeros((size * size,), dtype=x.dtype, device=x._place)
        out[first : first + x.shape[0] * (size + 1) : size + 1] = x
        return out.reshape((size, size))
    if x.ndim != 2:
        raise _core.ShapeError(f"diag: got a tensor of shape {x.shape}; need a vector or a matrix")
    rows, columns = x.shape
    start, length = (k, min(rows, columns - k)) if k >= 0 else (-k * columns, min(rows + k, columns))
    if length <= 0:
        return _core.zeros((0,), dtype=x.dtype, device=x._place)
    return x.reshape((-1,))[start : start + (length - 1) * (columns + 1) + 1 : columns + 1].copy()


@public
def one_hot(indices: Tensor, num_classes: int, /, *, dtype: Any = None) -> Tensor:
    """Return vectors with a one at each index and zeros elsewhere, along a new last axis; all zeros outside of it.

    >>> td.one_hot(td.asarray([1, 0]), 2)
    tensor([[0., 1.], [1., 0.]], dtype=float32)
    """
    if num_classes < 0:
        raise _core.ArgumentError(f"one_hot: got num_classes={num_classes}; need 0 or more")
    wide = _core.expand_dims(indices, axis=-1).astype(_core.int64)
    hit = _core.equal(wide, _core.arange(num_classes, dtype=_core.int64, device=wide._place))
    return hit.astype(_core.default_dtype() if dtype is None else dtype)


def _widths(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, int):
        pairs = [(pad_width, pad_width)] * rank
    elif len(pad_width) == 2 and all(isinstance(n, int) for n in pad_width):
        pairs = [tuple(pad_width)] * rank
    else:
        pairs = [tuple(pair) for pair in pad_width]
    if len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise _core.ArgumentError(
            f"pad: got the widths {pad_width} for {rank} axes; need a number, a pair, or a pair per axis, 0 or more"
        )
    return pairs


def _source(mode: str, start: int, stop: int, size: int, device: Any) -> Tensor:
    """Return which element the places from `start` to `stop` show, outside of an axis of some size."""
    places = _core.arange(start, stop, dtype=_core.int64, device=device)
    if mode == "edge":
        return _core.clip(places, 0, size - 1)
    if mode == "wrap":
        return _core.remainder(places, size)
    period = 2 * size if mode == "symmetric" else max(2 * size - 2, 1)
    turned = _core.remainder(places, period)
    back = _core.subtract(2 * size - 1 if mode == "symmetric" else period, turned)
    return _core.where(_core.less(turned, size), turned, back)


@public
def pad(
    x: Tensor,
    pad_width: int | tuple[int, int] | Sequence[tuple[int, int]],
    /,
    mode: str = "constant",
    *,
    constant_values: float = 0,
) -> Tensor:
    """Add elements before and behind those of each axis.

    pad_width: one number, a pair (before, behind), or a pair per axis. mode: "constant", "edge", "reflect" (without the
    edge), "symmetric" (with it) or "wrap".

    >>> td.pad(td.asarray([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise _core.ArgumentError(f"pad: got mode={mode!r}; need 'constant', 'edge', 'reflect', 'symmetric' or 'wrap'")
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        value = _core.full((), constant_values, dtype=x.dtype)
        return _core._internal("frame", x, value, [pair[0] for pair in widths], [pair[1] for pair in widths])
    for axis, pair in enumerate(widths):
        if pair != (0, 0) and x.shape[axis] == 0:
            raise _core.ShapeError(f"pad: got the shape {x.shape} and mode={mode!r}; need elements along axis {axis}")
    shape = tuple(before + size + after for size, (before, after) in zip(x.shape, widths, strict=True))
    out = _core.empty(shape, dtype=x.dtype, device=x._place)
    filled = [slice(before, before + size) for size, (before, _) in zip(x.shape, widths, strict=True)]
    out[tuple(filled)] = x
    # Axis by axis, what lies outside shows some of what is there already.
    for axis, (before, after) in enumerate(widths):
        size = x.shape[axis]
        inside = out[tuple(filled)]
        for start, stop in ((-before, 0), (size, size + after)):
            if start < stop:
                shown = _core.take(inside, _source(mode, start, stop, size, out._place), axis=axis)
                filled[axis] = slice(before + start, before + stop)
                out[tuple(filled)] = shown
        filled[axis] = slice(None)
    return out
