"""Who is measured: Tandem, and the other libraries that can be imported, behind one small interface.

All run in one process on the same two cores; `limit_threads` has to come before any of them is imported.
"""

from __future__ import annotations

import ctypes.util
import functools
import importlib.util
import math
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from cases import Case

THREADS = 2


def limit_threads() -> None:
    """Give this process, and whatever it imports or starts, two cores and as many threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(THREADS)
    os.environ["JAX_PLATFORMS"] = "cpu"
    library = drjit_library()
    if library:
        os.environ["DRJIT_LIBLLVM_PATH"] = library


def drjit_library() -> str | None:
    """Dr.Jit looks for LLVM's shared library under names that Debian does not use."""
    given = os.environ.get("DRJIT_LIBLLVM_PATH")
    if given:
        return given
    files = sorted(Path("/usr/lib").glob("llvm-*/lib/libLLVM.so.*"), key=lambda path: path.name)
    return str(files[-1]) if files else ctypes.util.find_library("LLVM")


class Peer:
    name = "?"
    library: Any = None
    xp: Any = None  # of the formulas

    @property
    def key(self) -> str:
        """Whose ways of cases it takes."""
        return self.name

    def accepts(self, case: Case) -> bool:
        if case.only and self.name not in case.only:
            return False
        return self.key in case.ways or self.key in case.made or (case.formula is not None and self.knows(case))

    def knows(self, case: Case) -> bool:
        """Return whether the case's formula, or what this library has for it, can be computed."""
        return True

    def put(self, array: np.ndarray) -> Any:
        return array

    def function(self, case: Case) -> Callable[..., Any]:
        """Return what is called and timed: it returns only when the result is there."""
        return self.compiled(self.written(case))

    def written(self, case: Case) -> Callable[..., Any]:
        if self.key in case.made:
            made: Callable[..., Any] = case.made[self.key](self.library)
            return made
        way = case.ways.get(self.key)
        return bind(way or case.formula, self.library if way else self.xp, len(case.inputs(shrink=64)))

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def get(self, value: Any) -> np.ndarray:
        return np.asarray(value)


class TandemEager(Peer):
    name = "eager"

    def __init__(self) -> None:
        import tandem as td

        self.library = td
        td.set_num_threads(THREADS)
        names = ("tanh", "exp", "log", "sqrt", "erf", "sum", "gelu", "layer_norm", "sigmoid")
        self.xp = SimpleNamespace(
            **{name: getattr(td, name) for name in names},
            softmax=functools.partial(td.softmax, axis=-1),
            transposed=lambda x: td.matrix_transpose(x),
        )

    def accepts(self, case: Case) -> bool:
        return case.name != "compiled_add8" and super().accepts(case)

    def put(self, array: np.ndarray) -> Any:
        return self.library.asarray(array, copy=True)


class Tandem(TandemEager):
    name = "tandem"

    def accepts(self, case: Case) -> bool:
        return not case.eager and Peer.accepts(self, case)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = self.library.script(function)
        return compiled


class TandemFast(Tandem):
    """Compiled with `numerics="fast"`, where a goal may be met that way."""

    name = "fast"
    key = "tandem"

    def accepts(self, case: Case) -> bool:
        return case.fast and super().accepts(case)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = self.library.script(function, numerics="fast")
        return compiled


class NumPy(Peer):
    name = "numpy"

    library = np

    def __init__(self) -> None:
        self.xp = SimpleNamespace(
            **{name: getattr(np, name) for name in ("tanh", "exp", "log", "sqrt", "sum")},
            softmax=self.softmax,
            layer_norm=self.layer_norm,
            sigmoid=lambda x: 1 / (1 + np.exp(-x)),
            transposed=lambda x: np.swapaxes(x, -1, -2),
        )
        if importlib.util.find_spec("scipy"):
            from scipy.special import erf

            self.xp.erf = erf
            self.xp.gelu = lambda x: 0.5 * x * (1 + erf(x * 0.7071067811865476))

    def knows(self, case: Case) -> bool:
        return case.name not in ("gelu", "linear_gelu", "black_scholes") or hasattr(self.xp, "erf")

    @staticmethod
    def softmax(x: np.ndarray) -> np.ndarray:
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    @staticmethod
    def layer_norm(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-5)) * w + b


class Torch(Peer):
    name = "torch"

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(THREADS)
        torch.set_grad_enabled(False)
        self.library = torch
        functional = torch.nn.functional
        self.xp = SimpleNamespace(
            **{name: getattr(torch, name) for name in ("tanh", "exp", "log", "sqrt", "erf", "sum", "sigmoid")},
            transposed=lambda x: x.mT,
            gelu=functional.gelu,
            softmax=functools.partial(functional.softmax, dim=-1),
            layer_norm=lambda x, w, b: functional.layer_norm(x, w.shape, w, b),
        )

    def put(self, array: np.ndarray) -> Any:
        return self.library.tensor(array)


class Inductor(Torch):
    """PyTorch's compiler. It takes 1 to 20 s for each case, and a C++ compiler has to be there."""

    name = "inductor"

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = self.library.compile(function)
        return compiled


class Jax(Peer):
    name = "jax"

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        self.library, self.jnp = jax, jnp

        def layer_norm(x: Any, w: Any, b: Any) -> Any:
            centred = x - x.mean(axis=-1, keepdims=True)
            return centred * jax.lax.rsqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5) * w + b

        self.xp = SimpleNamespace(
            **{name: getattr(jnp, name) for name in ("tanh", "exp", "log", "sqrt", "sum")},
            erf=jax.scipy.special.erf,
            gelu=functools.partial(jax.nn.gelu, approximate=False),
            softmax=jax.nn.softmax,
            layer_norm=layer_norm,
            sigmoid=jax.nn.sigmoid,
            transposed=lambda x: jnp.swapaxes(x, -1, -2),
        )

    def put(self, array: np.ndarray) -> Any:
        return self.jnp.array(array)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled, wait = self.library.jit(function), self.library.block_until_ready
        return lambda *arguments: wait(compiled(*arguments))


class DrJit(Peer):
    name = "drjit"

    def __init__(self) -> None:
        import drjit
        from drjit.llvm import Float

        self.library, self.float = drjit, Float
        drjit.set_thread_count(THREADS)
        self.xp = SimpleNamespace(
            **{name: getattr(drjit, name) for name in ("tanh", "exp", "log", "sqrt", "erf", "sum")}
        )
        drjit.eval(Float(1) + 1)  # fails here where there is no LLVM

    def knows(self, case: Case) -> bool:
        return case.flat

    def put(self, array: np.ndarray) -> Any:
        return self.float(array)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        dr = self.library

        def run(*arguments: Any) -> Any:
            result = function(*arguments)
            dr.eval(result)
            dr.sync_thread()
            return result

        return run


class Numba(Peer):
    name = "numba"

    def __init__(self) -> None:
        import numba

        self.library = numba
        numba.set_num_threads(THREADS)

    def knows(self, case: Case) -> bool:
        return case.name in ("chain16M", "chain64K", "add16M", "black_scholes")

    def written(self, case: Case) -> Callable[..., Any]:
        if self.name in case.made:
            return super().written(case)
        numba, one, half = self.library, np.float32(1), np.float32(0.5)
        rate, volatility, root = np.float32(0.02), np.float32(0.3), np.float32(0.7071067811865476)
        drift = np.float32(0.02 + 0.5 * 0.3 * 0.3)
        if case.name.startswith("chain"):

            def loop(x, w, b):
                out = np.empty_like(x)
                for i in numba.prange(x.size):
                    out[i] = np.tanh(x[i] * w[i] + b[i]) * half + x[i]
                return out
        elif case.name == "add16M":

            def loop(x, y):
                out = np.empty_like(x)
                for i in numba.prange(x.size):
                    out[i] = x[i] + y[i]
                return out
        else:

            def loop(spot, strike, years):
                call, put = np.empty_like(spot), np.empty_like(spot)
                for i in numba.prange(spot.size):
                    spread = volatility * math.sqrt(years[i])
                    d1 = (math.log(spot[i] / strike[i]) + drift * years[i]) / spread
                    first = half * (one + math.erf(d1 * root))
                    second = half * (one + math.erf((d1 - spread) * root))
                    discounted = strike[i] * math.exp(-rate * years[i])
                    call[i] = spot[i] * first - discounted * second
                    put[i] = call[i] - spot[i] + discounted
                return call, put

        return numba.njit(parallel=True)(loop)


PEERS: dict[str, type[Peer]] = {kind.name: kind for kind in (NumPy, Torch, Inductor, Jax, DrJit, Numba)}


def bind(formula: Callable[..., Any], xp: Any, count: int) -> Callable[..., Any]:
    """Fix the namespace without `*args`, which would cost as much as a small operation."""
    if count == 1:
        return lambda x: formula(xp, x)
    if count == 2:
        return lambda x, y: formula(xp, x, y)
    if count == 3:
        return lambda x, y, z: formula(xp, x, y, z)
    return lambda v, w, x, y, z: formula(xp, v, w, x, y, z)


def leaves(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def available(wanted: list[str]) -> tuple[list[Peer], list[str]]:
    """Return the peers that work here, and why the others do not."""
    found, reasons = [], []
    for name in wanted:
        try:
            found.append(PEERS[name]())
        except Exception as error:  # a peer may fail in any way; the table says so
            reasons.append(f"{name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    return found, reasons
