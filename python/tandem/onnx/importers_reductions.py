"""Reductions, normalised exponentials, and products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.table import operator
from tandem.onnx.values import axis_of, ints, product, tensor

Tensor = _core.Tensor

Reduction = Callable[..., Tensor]


def _extreme(function: Reduction, lowest: bool) -> Reduction:
    def reduce(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
        if x.dtype == td.bool:
            return (td.any if lowest else td.all)(x, axis=axis, keepdims=keepdims)
        if any(x.shape[k] == 0 for k in axis):
            shape = tuple(1 if k in axis else n for k, n in enumerate(x.shape))
            out = td.full(shape, _bound(x.dtype, lowest), dtype=x.dtype)
            return out if keepdims else td.squeeze(out, axis=axis)
        return function(x, axis=axis, keepdims=keepdims)

    return reduce


def _bound(dtype: Any, lowest: bool) -> float:
    if dtype.kind == "float":
        return float("-inf" if lowest else "inf")
    return td.iinfo(dtype).min if lowest else td.iinfo(dtype).max


def _sum(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    return td.sum(x, axis=axis, dtype=x.dtype, keepdims=keepdims)


def _product(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    return td.prod(x, axis=axis, dtype=x.dtype, keepdims=keepdims)


def _mean(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    if x.dtype.kind == "float":
        return td.mean(x, axis=axis, keepdims=keepdims)
    return td.mean(x.astype(td.float64), axis=axis, keepdims=keepdims).astype(x.dtype)


def _log_sum_exp(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    if any(x.shape[k] == 0 for k in axis):
        return _extreme(td.max, True)(x, axis, keepdims)  # the logarithm of a sum of nothing
    return x if not axis else td.logsumexp(x, axis=axis, keepdims=keepdims)


def _same(x: Tensor) -> Tensor:
    return x


# What is done to each element before, the reduction, and what is done to its result.
_REDUCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], Reduction, Callable[[Tensor], Tensor]]] = {
    "ReduceL1": (td.abs, _sum, _same),
    "ReduceL2": (td.square, _sum, td.sqrt),
    "ReduceLogSum": (_same, _sum, td.log),
    "ReduceLogSumExp": (_same, _log_sum_exp, _same),
    "ReduceMax": (_same, _extreme(td.max, True), _same),
    "ReduceMean": (_same, _mean, _same),
    "ReduceMin": (_same, _extreme(td.min, False), _same),
    "ReduceProd": (_same, _product, _same),
    "ReduceSum": (_same, _sum, _same),
    "ReduceSumSquare": (td.square, _sum, _same),
}


def _add_reduction(name: str) -> None:
    before, reduction, after = _REDUCTIONS[name]

    def reduce(x: Any, axes: Any, keepdims: int, noop: int) -> Any:
        if isinstance(x, tuple) and name in ("ReduceProd", "ReduceSum") and not noop:
            out = product(x) if name == "ReduceProd" else sum(x)
            return (out,) if keepdims else out
        x = tensor(x)
        along = None if axes is None else tuple(axis_of(k, x.ndim) for k in ints(axes, f"{name}: axes"))
        if not along:
            along = () if noop else tuple(range(x.ndim))
        if noop and not along and axes is None:
            return after(before(x)) if reduction is _sum else x
        return after(reduction(before(x), along, bool(keepdims)))

    last = 12 if name == "ReduceSum" else 17

    @operator(name, until=last, plain=True)
    def by_attribute(x: Any, *, axes: tuple[int, ...] | None = None, keepdims: int = 1) -> Any:
        return reduce(x, axes, keepdims, 0)

    @operator(name, since=last + 1, plain=True)
    def by_input(x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        return reduce(x, axes, keepdims, noop_with_empty_axes)


for _name in _REDUCTIONS:
    _add_reduction(_name)


def _add_place(name: str, function: Reduction) -> None:
    @operator(name)
    def place(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
        if not select_last_index:
            return function(x, axis=axis, keepdims=bool(keepdims))
        found = function(td.flip(x, axis=axis), axis=axis, keepdims=bool(keepdims))
        return x.shape[axis] - 1 - found


_add_place("ArgMax", td.argmax)
_add_place("ArgMin", td.argmin)


def _by_rows(x: Tensor, axis: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply a function of rows to x as a matrix: before opset 13 all axes from one on were a row."""
    axis += x.ndim if axis < 0 else 0
    return function(x.reshape((product(x.shape[:axis]), product(x.shape[axis:])))).reshape(x.shape)


@operator("Softmax", until=12)
def softmax_of_rows(x: Tensor, *, axis: int = 1) -> Tensor:
    return _by_rows(x, axis, lambda rows: td.softmax(rows, axis=-1))


@operator("Softmax", since=13)
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return td.softmax(x, axis=axis)


@operator("LogSoftmax", until=12)
def log_softmax_of_rows(x: Tensor, *, axis: int = 1) -> Tensor:
    return _by_rows(x, axis, lambda rows: td.log_softmax(rows, axis=-1))


@operator("LogSoftmax", since=13)
def log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return td.log_softmax(x, axis=axis)


@operator("Hardmax", until=12)
def hardmax_of_rows(x: Tensor, *, axis: int = 1) -> Tensor:
    return _by_rows(x, axis, lambda rows: hardmax(rows))


@operator("Hardmax", since=13)
def hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    axis = axis_of(axis, x.ndim)
    places = td.cumsum(td.ones(x.shape, dtype=td.int64), axis=axis) - 1
    return td.equal(places, td.argmax(x, axis=axis, keepdims=True)).astype(x.dtype)


# Products


@operator("MatMul")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    return td.matmul(a, b)


@operator("Gemm")
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 0,
) -> Tensor:
    a = a.T if transA else a
    plain = alpha == 1 and c is not None and beta == 1
    if plain and transB and c is not None and c.ndim == 1 and c.shape[0] == b.shape[0] and a.dtype.kind == "float":
        return td.linear(a, b, c)
    out = td.matmul(a, b.T if transB else b)
    if out.dtype.kind == "int":
        alpha, beta = int(alpha), int(beta)
    out = out if alpha == 1 else out * alpha
    return out if c is None else out + (c if beta == 1 else c * beta)


@operator("Einsum")
def einsum(*operands: Tensor, equation: str) -> Tensor:
    return td.einsum(equation.replace(" ", ""), *operands)


@operator("Det")
def det(x: Tensor) -> Tensor:
    return td.linalg.det(x)
