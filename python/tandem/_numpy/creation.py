"""New tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tandem import _core
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._numpy.given import tensor, whole
from tandem._numpy.indices import indices

Tensor = _core.Tensor
DType = _core.DType

euler_gamma = float(np.euler_gamma)


@public
def array(obj: Any, dtype: Any = None, *, copy: bool | None = True, ndmin: int = 0) -> Tensor:
    """Return a tensor of numbers, lists, arrays or tensors, by default a copy; see td.asarray.

    ndmin: how many axes it has at least; missing ones are put in front.

    >>> td.array([1, 2], ndmin=2)
    tensor([[1, 2]])
    """
    if isinstance(obj, Tensor):
        out = obj if dtype is None else obj.astype(dtype, copy=False)
        if copy is False and out is not obj:
            raise _core.ShareError(f"array: got copy=False and dtype={dtype} for {obj.dtype}; need the same dtype")
        out = out.copy() if copy and out is obj else out
    elif isinstance(obj, (list, tuple)) and any(isinstance(x, Tensor) for x in obj):
        out = _core.stack([array(x, dtype, copy=None) for x in obj])
    else:
        out = _core.asarray(obj, dtype=dtype, copy=copy if hasattr(obj, "__array__") else None)
    return out if out.ndim >= ndmin else out.reshape((*(1,) * (ndmin - out.ndim), *out.shape))


@public
def copy(x: Any, /) -> Tensor:
    """Return a contiguous copy.

    >>> x = td.arange(3)
    >>> td.shares_memory(td.copy(x), x)
    False
    """
    return array(x)


@public
def ascontiguousarray(x: Any, dtype: Any = None, /) -> Tensor:
    """Return a tensor whose elements lie in row-major order without gaps: x itself if they do; at least one axis.

    >>> td.ascontiguousarray(td.ones((2, 3)).T).is_contiguous()
    True
    """
    x = array(x, dtype, copy=None, ndmin=1)
    return x if x.is_contiguous() else x.copy()


@public
def identity(n: int, /, dtype: Any = None) -> Tensor:
    """Return the n x n matrix with ones on its diagonal.

    >>> td.identity(2)
    tensor([[1., 0.], [0., 1.]], dtype=float32)
    """
    return _core.eye(whole("identity", "n", n), dtype=dtype)


def _spaced(what: str, given: Sequence[Any]) -> None:
    if any(not isinstance(x, (int, float)) for x in given):
        raise _core.ArgumentError(
            f"{what}: got {', '.join(map(repr, given))}; need real numbers; try td.exp of td.linspace"
        )


@public
def logspace(
    start: float, stop: float, /, num: int = 50, endpoint: bool = True, base: float = 10.0, dtype: Any = None
) -> Tensor:
    """Return num powers of a base with equally spaced exponents from start to stop, computed in float64.

    >>> td.logspace(0, 2, 3)
    tensor([  1.,  10., 100.], dtype=float32)
    """
    _spaced("logspace", (start, stop, base))
    exponents = _core.linspace(start, stop, whole("logspace", "num", num), endpoint=endpoint, dtype=_core.float64)
    dtype = _core.default_dtype() if dtype is None else dtype
    return in_blocks(lambda exponents: _core.pow(float(base), exponents).astype(dtype, copy=False), exponents)


@public
def geomspace(start: float, stop: float, /, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Tensor:
    """Return num numbers from start to stop, each the same multiple of the one before, computed in float64.

    >>> td.geomspace(1, 1000, 4)
    tensor([   1.,   10.,  100., 1000.], dtype=float32)
    """
    _spaced("geomspace", (start, stop))
    count = whole("geomspace", "num", num)
    if start == 0 or stop == 0 or (start < 0) != (stop < 0):
        raise _core.ArgumentError(f"geomspace: got {start} to {stop}; need numbers of one sign that are not 0")
    low, high = (math.log10(abs(x)) for x in (start, stop))
    out = _core.pow(10.0, _core.linspace(low, high, count, endpoint=endpoint, dtype=_core.float64))
    out = out if start > 0 else _core.negative(out)
    if count > 0:  # the ends are exact
        first = _core.full((1,), float(start), dtype=_core.float64)
        last = _core.full((1,), float(stop), dtype=_core.float64)
        exact = endpoint and count > 1
        out = _core.concat([first, out[1:-1], last] if exact else [first, out[1:]])
    return out.astype(_core.default_dtype() if dtype is None else dtype)


@public
def fromfunction(function: Callable[..., Any], shape: Sequence[int], /, *, dtype: Any = None, **kwargs: Any) -> Any:
    """Return what a function makes of the indices along each axis of a shape, in the default dtype unless said.

    >>> td.fromfunction(lambda i, j: i + j, (2, 2), dtype=td.int64)
    tensor([[0, 1], [1, 2]])
    """
    grid = indices(shape, dtype=_core.default_dtype() if dtype is None else dtype)
    return function(*(grid[a] for a in range(len(shape))), **kwargs)


@public
def frombuffer(buffer: Any, /, dtype: Any = None, count: int = -1, offset: int = 0) -> Tensor:
    """Return a vector over the memory of an object with a buffer, from a byte on, in the default dtype unless said.

    >>> td.frombuffer(b"\\x01\\x02\\x03", dtype=td.uint8, offset=1)
    tensor([2, 3], dtype=uint8)
    """
    own = _core.default_dtype() if dtype is None else _core._as_dtype(dtype)
    memory = memoryview(buffer).cast("B")
    left = memory.nbytes - offset
    if offset < 0 or left < 0:
        raise _core.ArgumentError(f"frombuffer: got offset={offset} for {memory.nbytes} bytes; need one within them")
    if count < 0 and left % own.itemsize != 0:
        raise _core.ArgumentError(f"frombuffer: got {left} bytes for {own.name}; need a multiple of {own.itemsize}")
    size = left // own.itemsize if count < 0 else count
    if size * own.itemsize > left:
        raise _core.ArgumentError(
            f"frombuffer: got {left} bytes for {count} of {own.name}; need {count * own.itemsize}"
        )
    return _core._from_buffer(memory[offset : offset + size * own.itemsize], own, [size])


@public
def fromiter(iterable: Iterable[Any], /, dtype: Any, count: int = -1) -> Tensor:
    """Return a vector of the numbers that an iterable gives, of all or of the first `count`.

    >>> td.fromiter((n * n for n in range(3)), td.int64)
    tensor([0, 1, 4])
    """
    numbers = list(iterable) if count < 0 else [n for n, _ in zip(iterable, range(count), strict=False)]
    if len(numbers) < count:
        raise _core.ArgumentError(f"fromiter: got {len(numbers)} numbers; need {count}")
    return _core.asarray(numbers, dtype=dtype).reshape((len(numbers),))


@public
def promote_types(type1: Any, type2: Any, /) -> DType:
    """Return the dtype that two dtypes promote to; see td.result_type.

    >>> td.promote_types(td.int8, td.uint8)
    int16
    """
    return _core._result_type((_core._as_dtype(type1), _core._as_dtype(type2)))


@public
def tobytes(x: Any, /) -> bytes:
    """Return the elements in row-major order as bytes.

    >>> td.asarray([1, 2], dtype=td.uint8).tobytes()
    b'\\x01\\x02'
    """
    x = tensor(x).detach()
    return bytes(memoryview(_core._bytes_of(x if x.is_contiguous() else x.copy())))
