"""Grids of indices, triangles, and indices of flattened tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tandem import _core
from tandem._array_api import _product
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._numpy.given import tensor, whole
from tandem._sorting import need_values, nonzero

Tensor = _core.Tensor


@public
def indices(dimensions: Sequence[int], /, dtype: Any = _core.int64, sparse: bool = False) -> Any:
    """Return for each axis of a shape the index along it, stacked; sparse ones are a tuple that broadcasts.

    >>> td.indices((2, 2))[1]
    tensor([[0, 1], [0, 1]])
    """
    shape = tuple(whole("indices", "dimensions", size) for size in dimensions)
    lines = [
        _core.arange(size, dtype=dtype).reshape(tuple(-1 if a == b else 1 for b in range(len(shape))))
        for a, size in enumerate(shape)
    ]
    if sparse:
        return tuple(lines)
    if not lines:
        return _core.zeros((0,), dtype=dtype)
    return _core.stack([_core.broadcast_to(line, shape) for line in lines])


@public
def ix_(*args: Any) -> tuple[Tensor, ...]:
    """Return vectors shaped so that they index every combination: x[td.ix_([0, 2], [1])]; masks become their places.

    >>> td.arange(6).reshape(2, 3)[td.ix_([0, 1], [2, 0])]
    tensor([[2, 0], [5, 3]])
    """
    out = []
    for a, one in enumerate(args):
        x = tensor(one)
        if x.ndim != 1:
            raise _core.ShapeError(f"ix_: got the shape {x.shape}; need vectors")
        if x.size == 0:
            x = x.astype(_core.int64)
        elif x.dtype == _core.bool:
            (x,) = nonzero(x)
        out.append(x.reshape(tuple(-1 if a == b else 1 for b in range(len(args)))))
    return tuple(out)


@public
def tri(N: int, M: int | None = None, /, k: int = 0, dtype: Any = None) -> Tensor:
    """Return an N x M matrix of ones on and below the k-th diagonal and zeros above.

    >>> td.tri(2, 3)
    tensor([[1., 0., 0.], [1., 1., 0.]], dtype=float32)
    """
    rows = whole("tri", "N", N)
    ones = _core.ones((rows, rows if M is None else whole("tri", "M", M)), dtype=_core.bool)
    return _core.tril(ones, k=k).astype(_core.default_dtype() if dtype is None else dtype)


def _triangle(what: str, n: int, k: int, m: int | None, upper: bool) -> tuple[Tensor, Tensor]:
    rows = whole(what, "n", n)
    columns = rows if m is None else whole(what, "m", m)
    found = (np.triu_indices if upper else np.tril_indices)(int(rows), k, int(columns))
    return _core.asarray(found[0]), _core.asarray(found[1])


@public
def tril_indices(n: int, /, k: int = 0, m: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the int64 indices of rows and columns on and below the k-th diagonal of an n x m matrix.

    >>> td.tril_indices(2)
    (tensor([0, 1, 1]), tensor([0, 0, 1]))
    """
    return _triangle("tril_indices", n, k, m, False)


@public
def triu_indices(n: int, /, k: int = 0, m: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the int64 indices of rows and columns on and above the k-th diagonal of an n x m matrix.

    >>> td.triu_indices(2)
    (tensor([0, 0, 1]), tensor([0, 1, 1]))
    """
    return _triangle("triu_indices", n, k, m, True)


def _matrix(what: str, x: Any) -> tuple[int, int]:
    shape = tensor(x).shape
    if len(shape) != 2:
        raise _core.ShapeError(f"{what}: got the shape {shape}; need a matrix")
    return shape


@public
def tril_indices_from(x: Any, /, k: int = 0) -> tuple[Tensor, Tensor]:
    """Return the indices on and below the k-th diagonal of a matrix; see td.tril_indices.

    >>> td.tril_indices_from(td.ones((2, 2)))
    (tensor([0, 1, 1]), tensor([0, 0, 1]))
    """
    rows, columns = _matrix("tril_indices_from", x)
    return _triangle("tril_indices_from", rows, k, columns, False)


@public
def triu_indices_from(x: Any, /, k: int = 0) -> tuple[Tensor, Tensor]:
    """Return the indices on and above the k-th diagonal of a matrix; see td.triu_indices.

    >>> td.triu_indices_from(td.ones((2, 2)))
    (tensor([0, 0, 1]), tensor([0, 1, 1]))
    """
    rows, columns = _matrix("triu_indices_from", x)
    return _triangle("triu_indices_from", rows, k, columns, True)


@public
def diag_indices(n: int, /, ndim: int = 2) -> tuple[Tensor, ...]:
    """Return the indices of the main diagonal of a tensor with ndim axes of size n.

    >>> td.diag_indices(2)
    (tensor([0, 1]), tensor([0, 1]))
    """
    return (_core.arange(whole("diag_indices", "n", n), dtype=_core.int64),) * whole("diag_indices", "ndim", ndim)


@public
def diag_indices_from(x: Any, /) -> tuple[Tensor, ...]:
    """Return the indices of the main diagonal of a tensor whose axes have one size.

    >>> td.diag_indices_from(td.ones((2, 2)))
    (tensor([0, 1]), tensor([0, 1]))
    """
    shape = tensor(x).shape
    if len(shape) < 2 or any(size != shape[0] for size in shape):
        raise _core.ShapeError(f"diag_indices_from: got the shape {shape}; need at least two axes of one size")
    return diag_indices(shape[0], len(shape))


@public
def mask_indices(n: int, mask_func: Callable[..., Any], /, k: Any = 0) -> tuple[Tensor, ...]:
    """Return the indices of what a function like td.triu leaves of an n x n matrix of ones.

    >>> td.mask_indices(2, td.triu)
    (tensor([0, 0, 1]), tensor([0, 1, 1]))
    """
    need_values("mask_indices", "td.triu_indices")
    ones = _core.ones((n, n), dtype=_core.int64)
    return nonzero(mask_func(ones, k=k))


def _strides(what: str, shape: Sequence[int], order: str) -> list[int]:
    if order not in ("C", "F"):
        raise _core.ArgumentError(f"{what}: got order={order!r}; need 'C' or 'F'")
    sizes = list(shape)
    return [_product(sizes[a + 1 :] if order == "C" else sizes[:a]) for a in range(len(sizes))]


@public
def unravel_index(places: Any, shape: int | Sequence[int], /, order: str = "C") -> tuple[Tensor, ...]:
    """Return the int64 indices along each axis of places in the row of all elements of a shape.

    >>> td.unravel_index(td.asarray([5, 3]), (2, 3))
    (tensor([1, 1]), tensor([2, 0]))
    """
    places = tensor(places)
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if places.dtype.kind != "int":
        raise _core.DTypeError(f"unravel_index: got the dtype {places.dtype}; need integers")
    places, count = places.astype(_core.int64, copy=False), _product(sizes)
    if not _core.recording() and places.size > 0:
        least, most = int(_core.min(places)), int(_core.max(places))
        if least < 0 or most >= count:
            raise _core.OutOfBoundsError(
                f"unravel_index: got the places {least} to {most} for {count} elements; need 0 <= place < {count}"
            )
    steps = _strides("unravel_index", sizes, order)

    def indices(places: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            _core.remainder(_core.floor_divide(places, max(step, 1)), max(size, 1))
            for size, step in zip(sizes, steps, strict=True)
        )

    return in_blocks(indices, places)


@public
def ravel_multi_index(
    multi_index: Any, dims: Sequence[int], /, mode: str | Sequence[str] = "raise", order: str = "C"
) -> Tensor:
    """Return the int64 places in the row of all elements of indices along each axis.

    mode, one or one per axis, says what to do with indices outside: "raise", "wrap" around, or "clip".

    >>> td.ravel_multi_index((td.asarray([1, 1]), td.asarray([2, 0])), (2, 3))
    tensor([5, 3])
    """
    each, sizes = [tensor(x) for x in multi_index], tuple(dims)
    modes = [mode] * len(sizes) if isinstance(mode, str) else list(mode)
    if len(each) != len(sizes) or len(modes) != len(sizes):
        raise _core.ArgumentError(f"ravel_multi_index: got {len(each)} indices for {len(sizes)} axes; need as many")
    for x, size, how in zip(each, sizes, modes, strict=True):
        if x.dtype.kind != "int":
            raise _core.DTypeError(f"ravel_multi_index: got indices of dtype {x.dtype}; need integers")
        if how not in ("raise", "wrap", "clip"):
            raise _core.ArgumentError(f"ravel_multi_index: got mode={how!r}; need 'raise', 'wrap' or 'clip'")
        if how == "raise" and not _core.recording() and x.size > 0:
            least, most = int(_core.min(x)), int(_core.max(x))
            if least < 0 or most >= size:
                raise _core.OutOfBoundsError(
                    f"ravel_multi_index: got the indices {least} to {most} for size {size}; need 0 <= index < {size}; "
                    "try mode='wrap'"
                )
    if not each:
        return _core.zeros((), dtype=_core.int64)
    steps = _strides("ravel_multi_index", sizes, order)

    def places(*indices: Tensor) -> Any:
        out = None
        for x, size, how, step in zip(indices, sizes, modes, steps, strict=True):
            x = x.astype(_core.int64, copy=False)
            x = _core.remainder(x, size) if how == "wrap" else _core.clip(x, 0, size - 1) if how == "clip" else x
            part = _core.multiply(x, step)
            out = part if out is None else _core.add(out, part)
        return out

    return in_blocks(places, *each)
