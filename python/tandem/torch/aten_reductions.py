"""Sums, means, extremes, running results, sorting."""

from __future__ import annotations

import math
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.dtypes import FROM_TORCH
from tandem.torch.table import Uncovered, aten, axes_of, axis_of

Tensor = _core.Tensor


def _summed_in(x: Tensor, dtype: Any) -> Tensor:
    if dtype is not None and FROM_TORCH[dtype] != x.dtype and FROM_TORCH[dtype] not in (_core.float16, _core.bfloat16):
        return x.astype(FROM_TORCH[dtype])
    return x.astype(_core.int64) if x.dtype.kind not in ("float", "complex") and x.dtype != _core.int64 else x


@aten("sum sum.dim_IntList", wide=True)
def total(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    return td.sum(_summed_in(x, dtype), axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("mean mean.dim", wide=True)
def mean(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    return td.mean(_summed_in(x, dtype), axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("prod prod.dim_int", wide=True)
def prod(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    return td.prod(_summed_in(x, dtype), axis=axes_of(dim, x.ndim), keepdims=keepdim)


def _correction(correction: Any) -> float:
    return 1.0 if correction is None else float(correction)


def _variance(x: Tensor, dim: Any, correction: Any, keepdim: bool) -> Tensor:
    axes = axes_of(dim, x.ndim)
    middle = td.mean(x, axis=axes, keepdims=True)
    away = x - middle
    count: Any = 1
    for k in range(x.ndim) if axes is None else axes:
        count = count * x.shape[k]
    if isinstance(count, int):
        return td.sum(away * away, axis=axes, keepdims=keepdim) / max(count - _correction(correction), 0.0)
    left = td.maximum(td.asarray(count).astype(x.dtype) - _correction(correction), 0.0)
    return td.sum(away * away, axis=axes, keepdims=keepdim) / left


@aten("var.correction", wide=True)
def var(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Tensor:
    return _variance(x, dim, correction, keepdim)


@aten("std.correction", wide=True)
def std(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Tensor:
    return td.sqrt(_variance(x, dim, correction, keepdim))


@aten("var_mean.correction", wide=True)
def var_mean(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    return _variance(x, dim, correction, keepdim), td.mean(x, axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("std_mean.correction", wide=True)
def std_mean(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    return td.sqrt(_variance(x, dim, correction, keepdim)), td.mean(x, axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("amax")
def amax(x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    return td.max(x, axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("amin")
def amin(x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    return td.min(x, axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("max")
def largest(x: Tensor) -> Tensor:
    return td.max(x)


@aten("min")
def least(x: Tensor) -> Tensor:
    return td.min(x)


@aten("max.dim")
def max_dim(x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    if not x.ndim:
        return x.copy(), td.zeros((), dtype=_core.int64)
    return td.max(x, axis=dim, keepdims=keepdim), td.argmax(x, axis=dim, keepdims=keepdim)


@aten("min.dim")
def min_dim(x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    if not x.ndim:
        return x.copy(), td.zeros((), dtype=_core.int64)
    return td.min(x, axis=dim, keepdims=keepdim), td.argmin(x, axis=dim, keepdims=keepdim)


@aten("argmax")
def argmax(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return td.argmax(x, axis=dim if x.ndim else None, keepdims=keepdim)


@aten("argmin")
def argmin(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return td.argmin(x, axis=dim if x.ndim else None, keepdims=keepdim)


def _nonzero(x: Tensor) -> Tensor:
    return x if x.dtype == _core.bool else td.not_equal(x, 0)


@aten("any any.dim any.dims")
def any_of(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return td.any(_nonzero(x), axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("all all.dim all.dims")
def all_of(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return td.all(_nonzero(x), axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("logsumexp", wide=True)
def logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    return td.logsumexp(x, axis=axes_of(dim, x.ndim), keepdims=keepdim)


@aten("linalg_vector_norm", wide=True)
def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    x, axes = _summed_in(x, dtype), axes_of(dim, x.ndim)
    if x.dtype.kind == "complex":
        x = td.abs(x)
    if ord == 2:
        return td.sqrt(td.sum(x * x, axis=axes, keepdims=keepdim))
    if ord == 1:
        return td.sum(td.abs(x), axis=axes, keepdims=keepdim)
    if ord == math.inf:
        return td.max(td.abs(x), axis=axes, keepdims=keepdim)
    if ord == -math.inf:
        return td.min(td.abs(x), axis=axes, keepdims=keepdim)
    if ord == 0:
        return td.sum(td.not_equal(x, 0).astype(x.dtype), axis=axes, keepdims=keepdim)
    return td.pow(td.sum(td.pow(td.abs(x), float(ord)), axis=axes, keepdims=keepdim), 1.0 / ord)


@aten("cumsum", wide=True)
def cumsum(x: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    x = _summed_in(x, dtype)
    return td.cumsum(x, axis=axis_of(dim, x.ndim)) if x.ndim else x.copy()


@aten("cumprod", wide=True)
def cumprod(x: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    x = _summed_in(x, dtype)
    return td.cumprod(x, axis=axis_of(dim, x.ndim)) if x.ndim else x.copy()


@aten("sort sort.stable")
def sort(x: Tensor, *given: Any, stable: Any = False, dim: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
    for value, name in zip(given, ("dim", "descending"), strict=False):
        dim, descending = (value, descending) if name == "dim" else (dim, value)
    if not x.ndim:
        return x.copy(), td.zeros((), dtype=_core.int64)
    order = td.argsort(x, axis=dim, descending=descending)
    return td.take_along_axis(x, order, axis=dim), order


@aten("topk")
def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Tensor, Tensor]:
    if not x.ndim:
        raise Uncovered("topk of a number")
    found = tuple(td.topk(x, k, axis=axis_of(dim, x.ndim), largest=largest))
    return found[0], found[1]


@aten("_weight_norm_interface", wide=True)
def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    axes = tuple(k for k in range(v.ndim) if k != dim)
    norm = td.sqrt(td.sum(v * v, axis=axes, keepdims=True))
    return v * (g / norm), norm


@aten("searchsorted.Tensor bucketize.Tensor")
def searchsorted(x: Tensor, values: Tensor, *, out_int32: bool = False, right: bool = False, **_: Any) -> Tensor:
    if x.ndim != 1:
        raise Uncovered("searchsorted in several rows")
    return td.searchsorted(x, values, side="right" if right else "left")
