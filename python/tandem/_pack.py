"""The kernels that a wheel brings along, so that ordinary eager work compiles nothing after a fresh install.

`python -m tandem._pack FILE` does the work below, with an empty cache, once for each of the levels of the instruction
set that this machine can run, and keeps what that compiled. Kernels for GPUs need NVRTC and no GPU: work that runs on
the CPU shows what they are. The same work is the test of it.
"""

from __future__ import annotations

import contextlib
import operator
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import tandem as td
from tandem import _core

LEVELS = ("x86-64-v3", "x86-64-v4")  # older processors compile
DTYPES = ("float32", "float64", "int64", "int32", "bool")

UNARY = """
negative abs sign square reciprocal floor ceil round exp expm1 log log2 log10 log1p sqrt sin cos tan tanh sinh cosh
sigmoid relu gelu isnan isfinite logical_not bitwise_invert
""".split()  # noqa: SIM905
BINARY = """
add subtract multiply divide floor_divide remainder pow minimum maximum equal not_equal less less_equal greater
greater_equal logical_and logical_or bitwise_and bitwise_or
""".split()  # noqa: SIM905
REDUCTIONS = ["sum", "prod", "mean", "var", "std", "max", "min", "any", "all", "argmax", "argmin"]
ROWS = ["softmax", "log_softmax", "cumsum"]  # along the last axis, or the first one

# A kernel is three codes of 6 to 60 KB for GPUs, which all kinds of layouts would be too many of.
GPU_DTYPES = ("float32", "float16", "bfloat16")
GPU_REDUCTIONS = ["sum", "mean", "var", "max", "min", "argmax"]

LARGE = 9 << 20  # elements: results of this size are streamed past the caches by kernels of their own


def work() -> Iterable[Callable[[], Any]]:
    """Calls of the commonest operations on the commonest dtypes and layouts. Those that a dtype does not have raise."""
    for name in DTYPES:
        dtype = getattr(td, name)
        yield from _pointwise(dtype)
        yield from _reductions(dtype)
        yield from _data(dtype)


def gpu_work(device: str = "cpu") -> Iterable[Callable[[], Any]]:
    """Calls of the commonest operations on contiguous tensors of the floating-point dtypes that GPUs are used for."""
    for name in GPU_DTYPES:
        like: dict[str, Any] = {"dtype": getattr(td, name), "device": device}
        matrix, row, scalar = td.ones((6, 5), **like), td.ones(5, **like), td.ones((), **like)
        for unary in UNARY:
            yield partial(getattr(td, unary), matrix)
        for binary in BINARY:
            for x, y in ((matrix, matrix), (matrix, 1.5), (1.5, matrix), (matrix, row), (matrix, scalar)):
                yield partial(getattr(td, binary), x, y)
        yield partial(td.where, matrix > 0, matrix, matrix)
        yield partial(td.clip, matrix, 0.5, 1.5)
        wide, tall = td.ones((6, 9000), **like), td.ones((9000, 6), **like)
        for reduction in GPU_REDUCTIONS:
            for x, axis in ((wide, None), (wide, -1), (tall, 0)):
                yield partial(getattr(td, reduction), x, axis=axis)
        for along in ROWS:
            yield partial(getattr(td, along), wide, axis=-1)
        for make in (td.zeros, td.ones):
            yield partial(make, (6, 5), **like)
        yield partial(td.full, (6, 5), 2, **like)
        yield partial(td.arange, 40, **like)
        for other in (*GPU_DTYPES, "int64", "bool"):
            yield partial(matrix.astype, getattr(td, other))
        yield matrix.T.copy
        yield partial(td.concat, [matrix, matrix], axis=0)
        yield partial(td.stack, [matrix, matrix], axis=0)
        yield partial(td.take, matrix, td.asarray([2, 0, 1]).to(device), axis=0)
        yield partial(_assignments, matrix, 2)


def run(calls: Iterable[Callable[[], Any]] | None = None) -> int:
    """Do all the work, or that, and return how many calls were carried out."""
    done = 0
    for call in work() if calls is None else calls:
        with contextlib.suppress(td.Error):  # an operation that this dtype does not have
            call()
            done += 1
    return done


def _pointwise(dtype: td.DType) -> Iterable[Callable[[], Any]]:
    matrix, row, column = td.ones((6, 5), dtype=dtype), td.ones(5, dtype=dtype), td.ones((6, 1), dtype=dtype)
    scalar, turned, part = (
        td.ones((), dtype=dtype),
        td.ones((5, 6), dtype=dtype).T,
        td.ones((8, 9), dtype=dtype)[1:7, 2:7],
    )
    stepped = td.ones((6, 10), dtype=dtype)[:, ::2]
    for name in UNARY:
        function = getattr(td, name)
        for x in (matrix, scalar, turned, part, stepped):
            yield partial(function, x)
        yield partial(_on_large, function, dtype)
    number: Any = True if dtype == td.bool else 2 if td.isdtype(dtype, "integral") else 1.5
    pairs = [(matrix, other) for other in (matrix, number, scalar, row, column, turned, part, stepped)]
    pairs += [(b, a) for a, b in pairs[1:]]
    pairs += [(x, number) for x in (turned, part, stepped, scalar)] + [(number, x) for x in (turned, part, stepped)]
    pairs += [(row, column), (column, row), (scalar, scalar), (part, part), (turned, turned)]
    for name in BINARY:
        function = getattr(td, name)
        for x, y in pairs:
            yield partial(function, x, y)
        if td.isdtype(dtype, "integral"):
            yield partial(function, matrix, 1.5)
        yield partial(_on_large, function, dtype, number)
        yield partial(_on_large, function, dtype, dtype)
    condition = td.ones((6, 5), dtype=td.bool)
    for y in (matrix, number, row, scalar):
        yield partial(td.where, condition, matrix, y)
    yield partial(td.where, condition, number, matrix)
    yield partial(td.clip, matrix, number, number)


def _on_large(function: Callable[..., Any], dtype: td.DType, other: Any = None) -> None:
    """Call a function with a large tensor, and another one if `other` is the dtype, or a number."""
    x = td.ones(LARGE, dtype=dtype)
    function(*([x] if other is None else [x, x if other is dtype else other]))


def _reductions(dtype: td.DType) -> Iterable[Callable[[], Any]]:
    cube = td.ones((4, 6, 5), dtype=dtype)
    vector, wide, tall = td.ones(9000, dtype=dtype), td.ones((6, 9000), dtype=dtype), td.ones((9000, 6), dtype=dtype)
    for name in REDUCTIONS:
        function = getattr(td, name)
        for x, axes in (
            (vector, (None, 0)),
            (vector[:100], (None, 0)),
            (wide, (None, 0, 1)),
            (wide.T, (0, 1)),
            (tall, (0, 1)),
            (cube, (None, 0, 1, 2)),
        ):
            for axis in axes:
                yield partial(function, x, axis=axis)
                if x.ndim > 1 and axis is not None:
                    yield partial(function, x, axis=axis, keepdims=True)
    for name in ROWS:
        function = getattr(td, name)
        for x in (vector, wide, cube):
            for axis in (0, -1):
                yield partial(function, x, axis=axis)


def _data(dtype: td.DType) -> Iterable[Callable[[], Any]]:
    """Making, copying, converting, joining and choosing."""
    vector, matrix = td.ones(40, dtype=dtype), td.ones((6, 5), dtype=dtype)
    turned, indices = td.ones((5, 6), dtype=dtype).T, td.asarray([2, 0, 1])
    number = True if dtype == td.bool else 2
    for shape in ((), (40,), (6, 5), (4, 6, 5)):
        yield partial(td.zeros, shape, dtype=dtype)
        yield partial(td.ones, shape, dtype=dtype)
        yield partial(td.full, shape, number, dtype=dtype)
    yield partial(td.arange, 40, dtype=dtype)
    yield partial(td.arange, 1, 40, 2, dtype=dtype)
    yield partial(td.linspace, 0, 1, 40, dtype=dtype)
    yield partial(td.eye, 6, dtype=dtype)
    for x in (vector, matrix, turned, matrix[:, 1:3], vector[::2]):
        yield x.copy
        for other in DTYPES:
            yield partial(x.astype, getattr(td, other))
    yield partial(turned.reshape, -1)
    for axis in (0, 1):
        yield partial(td.concat, [matrix, matrix], axis=axis)
        yield partial(td.concat, [matrix, matrix, matrix], axis=axis)
        yield partial(td.stack, [matrix, matrix], axis=axis)
        yield partial(td.take, matrix, indices, axis=axis)
    yield partial(operator.getitem, vector, indices)
    yield partial(operator.getitem, matrix, indices)
    yield partial(td.tril, matrix)
    yield partial(td.triu, matrix)
    yield partial(td.matmul, matrix, turned[:5])
    yield partial(td.matmul, matrix, vector[:5])
    yield partial(_assignments, matrix, number)


def _assignments(x: td.Tensor, number: Any) -> None:
    x, y = x.copy(), x + x
    x[0] = number
    x[:, 1] = y[:, 2]
    x[...] = y
    x[1:3] = number
    x += y
    x[2:] *= y[2:]


def compile_for_gpus(calls: Iterable[Callable[[], Any]] | None = None) -> int:
    """Compile kernels of the work for all GPUs that packs are for. Return how many; BackendError without NVRTC.

    To be run in a process of its own, with an empty cache and TANDEM_BACKEND=interp, so that nothing else is compiled.
    """
    _core._cuda.note_kernels()
    run(gpu_work() if calls is None else calls)
    return int(_core._cuda.compile_noted())


def build(file: str) -> int:
    """Compile the work's kernels for all levels, and for GPUs, into `file`. Returns how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TANDEM_CACHE_DIR": folder, "TANDEM_CACHE_SIZE": str(1 << 30), "TANDEM_PACK": ""}
        for level in LEVELS:
            problem = _in_child("run()", TANDEM_TARGET=level)
            if problem and "this machine can run" not in problem:
                raise SystemExit(problem)
        problem = _in_child("compile_for_gpus()", TANDEM_BACKEND="interp")
        if problem and "no NVRTC" not in problem:
            raise SystemExit(problem)
        if problem:
            print(f"no kernels for GPUs: {problem.strip().splitlines()[-1]}")
        return _core._pack_kernels(file)


def _in_child(call: str, **environment: str) -> str:
    """Make a call of this module in a process of its own, and return the errors of its failure."""
    program = f"from tandem import _pack; _pack.{call}"
    child = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return child.stderr if child.returncode else ""


if __name__ == "__main__":
    print(f"{build(sys.argv[1])} kernels in {sys.argv[1]}")
