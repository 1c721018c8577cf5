"""New tensors of numbers that are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

import tandem as td
from tandem import _core
from tandem.scripting.context import is_dim
from tandem.torch.dtypes import FROM_TORCH
from tandem.torch.table import aten

Tensor = _core.Tensor


def _dtype(dtype: torch.dtype | None, x: Tensor | None = None) -> Any:
    if dtype is not None:
        return FROM_TORCH[dtype]
    return FROM_TORCH[torch.get_default_dtype()] if x is None else x.dtype


def _full(size: Sequence[Any], value: Any, dtype: Any) -> Tensor:
    if is_dim(value):
        return td.broadcast_to(td.asarray(value).astype(dtype), tuple(size))
    if dtype == _core.bool:
        value = bool(value)
    elif dtype.kind == "float":
        value = float(value)
        if math.isfinite(value) and abs(value) > td.finfo(dtype).max:
            value = math.copysign(math.inf, value)
    elif dtype.kind != "complex":
        value = int(value)
    return td.full(tuple(size), value, dtype=dtype)


@aten("full")
def full(size: Sequence[Any], value: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    if dtype is None and isinstance(value, bool):
        dtype = torch.bool
    elif dtype is None and isinstance(value, int):
        dtype = torch.int64
    return _full(size, value, _dtype(dtype))


@aten("full_like")
def full_like(x: Tensor, value: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return _full(x.shape, value, _dtype(dtype, x))


@aten("fill.Scalar")
def fill(x: Tensor, value: Any) -> Tensor:
    return _full(x.shape, value, x.dtype)


@aten("fill.Tensor")
def fill_tensor(x: Tensor, value: Tensor) -> Tensor:
    return td.broadcast_to(value.astype(x.dtype), x.shape).copy()


@aten("new_full")
def new_full(x: Tensor, size: Sequence[Any], value: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return _full(size, value, _dtype(dtype, x))


@aten("zeros empty.memory_format empty_strided empty_permuted")
def zeros(size: Sequence[Any], stride: Any = None, *, dtype: Any = None, **_: Any) -> Tensor:
    return td.zeros(tuple(size), dtype=_dtype(dtype))


@aten("ones")
def ones(size: Sequence[Any], *, dtype: Any = None, **_: Any) -> Tensor:
    return td.ones(tuple(size), dtype=_dtype(dtype))


@aten("zeros_like empty_like zero")
def zeros_like(x: Tensor, *, dtype: Any = None, **_: Any) -> Tensor:
    return td.zeros(tuple(x.shape), dtype=_dtype(dtype, x))


@aten("ones_like")
def ones_like(x: Tensor, *, dtype: Any = None, **_: Any) -> Tensor:
    return td.ones(tuple(x.shape), dtype=_dtype(dtype, x))


@aten("new_zeros new_empty new_empty_strided")
def new_zeros(x: Tensor, size: Sequence[Any], stride: Any = None, *, dtype: Any = None, **_: Any) -> Tensor:
    return td.zeros(tuple(size), dtype=_dtype(dtype, x))


@aten("new_ones")
def new_ones(x: Tensor, size: Sequence[Any], *, dtype: Any = None, **_: Any) -> Tensor:
    return td.ones(tuple(size), dtype=_dtype(dtype, x))


@aten("scalar_tensor")
def scalar_tensor(value: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return _full((), value, _dtype(dtype))


def _counted(count: Any) -> Tensor:
    """Return 0, 1, ... of int64; the count may be a size that differs from call to call."""
    if is_dim(count):
        return td.cumsum(td.ones((count,), dtype=_core.int64), axis=0) - 1
    return td.arange(int(count), dtype=_core.int64)


def _sequence(start: Any, step: Any, count: Any, dtype: Any) -> Tensor:
    places = _counted(count)
    if dtype.kind == "float":
        out = places.astype(_core.float64) * float(step) + (float(start) if not is_dim(start) else td.asarray(start))
        return out.astype(dtype)
    out = places if isinstance(step, int) and step == 1 else places * step
    return (out if isinstance(start, int) and start == 0 else out + start).astype(dtype)


@aten("arange.start_step")
def arange_step(start: Any, end: Any, step: Any = 1, *, dtype: Any = None, **_: Any) -> Tensor:
    whole = all(isinstance(n, int) or is_dim(n) for n in (start, end, step))
    if dtype is None:
        dtype = torch.int64 if whole else torch.get_default_dtype()
    count = (end - start + step - 1) // step if whole and step > 0 else math.ceil((end - start) / step)
    return _sequence(start, step, count, FROM_TORCH[dtype])


@aten("arange")
def arange(end: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return arange_step(0, end, dtype=dtype)


@aten("arange.start")
def arange_start(start: Any, end: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return arange_step(start, end, dtype=dtype)


@aten("prims.iota.default")
def iota(length: Any, *, start: Any, step: Any, dtype: Any, **_: Any) -> Tensor:
    return _sequence(start, step, length, FROM_TORCH[dtype])


@aten("eye")
def eye(n: int, *, dtype: Any = None, **_: Any) -> Tensor:
    return td.eye(n, dtype=_dtype(dtype))


@aten("eye.m")
def eye_m(n: int, m: int, *, dtype: Any = None, **_: Any) -> Tensor:
    return td.eye(n, m, dtype=_dtype(dtype))
