"""What is measured: each case is one formula, written once over a namespace `xp`, and its goal.

Where a library's users would write it in another way (a fused operation, a scan), the case has that way for it. Whole
programs of loops are in loops.py, networks in networks.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

M = 1 << 20


@dataclass(frozen=True)
class Case:
    name: str
    what: str
    shapes: tuple[tuple[int, ...], ...]
    formula: Callable[..., Any] | None  # none: only those with a way of their own take part
    ratio: float | None = None  # goal: at most this many times the best peer
    seconds: float | None = None  # goal: at most this long
    flat: bool = False  # one-dimensional and elementwise: also for peers that know only that
    fast: bool = False  # `numerics="fast"` may meet the goal, too
    eager: bool = False  # measure Tandem's eager mode against the goal
    positive: bool = False
    only: frozenset[str] = field(default_factory=frozenset)  # contenders, where not all make sense
    ways: dict[str, Callable[..., Any]] = field(default_factory=dict)  # by peer; takes its module in the place of `xp`
    made: dict[str, Callable[..., Any]] = field(default_factory=dict)  # by peer; takes its module, gives what is called
    scale: Callable[[list[np.ndarray]], list[np.ndarray]] | None = None  # makes inputs of random numbers
    moves: float = 0  # bytes that pass through memory, at least
    flops: float = 0
    tolerance: float = 2e-3  # relative and absolute
    agrees: Callable[[np.ndarray, np.ndarray], bool] | None = None  # in its place

    def check(self, got: np.ndarray, wanted: np.ndarray, who: str) -> None:
        if self.agrees:
            assert self.agrees(got, wanted), f"{who}: another result in {self.name}"
        else:
            given = {"rtol": self.tolerance, "atol": self.tolerance}
            np.testing.assert_allclose(got, wanted.reshape(got.shape), err_msg=who, **given)

    def inputs(self, shrink: int = 1) -> list[np.ndarray]:
        """Return the same numbers every time; `shrink` divides the first axis, for tests."""
        rng = np.random.default_rng(0)
        arrays = []
        for shape in self.shapes:
            if len(shape) > 0 and shrink > 1 and not self.scale and self.formula:
                shape = tuple(max(8, extent // shrink) for extent in shape)
            array = rng.random(shape, dtype=np.float32) if self.positive else rng.standard_normal(shape, np.float32)
            arrays.append(array + np.float32(0.5) if self.positive else array)
        return self.scale(arrays) if self.scale else arrays


def chain(xp: Any, x: Any, w: Any, b: Any) -> Any:
    return xp.tanh(x * w + b) * 0.5 + x


def black_scholes(xp: Any, spot: Any, strike: Any, years: Any, rate: float = 0.02, volatility: float = 0.3) -> Any:
    spread = volatility * xp.sqrt(years)
    d1 = (xp.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    d2 = d1 - spread
    first = 0.5 + 0.5 * xp.erf(d1 * 0.7071067811865476)
    second = 0.5 + 0.5 * xp.erf(d2 * 0.7071067811865476)
    discounted = strike * xp.exp(-rate * years)
    call = spot * first - discounted * second
    return call, call - spot + discounted


def attention(xp: Any, q: Any, k: Any, v: Any) -> Any:
    return xp.softmax(q @ xp.transposed(k) * 0.125) @ v


def library_attention(library: Any, q: Any, k: Any, v: Any) -> Any:
    return library.nn.functional.scaled_dot_product_attention(q, k, v)


def convolution(library: Any, x: Any, w: Any) -> Any:
    return library.nn.functional.relu(library.nn.functional.conv2d(x, w, padding=1))


def jax_convolution(jax: Any, x: Any, w: Any) -> Any:
    return jax.nn.relu(jax.lax.conv_general_dilated(x, w, (1, 1), "SAME"))


def lstm_cell(xp: Any, x: Any, h: Any, c: Any, w: Any, u: Any) -> Any:
    gates = x @ w + h @ u
    i, f, g, o = (gates[:, k : k + 256] for k in (0, 256, 512, 768))
    c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
    return xp.sigmoid(o) * xp.tanh(c), c


def small_weights(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [*arrays[:-2], *(array * np.float32(0.05) for array in arrays[-2:])]


CASES = [
    Case("chain16M", "tanh(x*w+b)*0.5+x, 3 × 16M", ((16 * M,),) * 3, chain, ratio=0.75, flat=True, moves=16 * 16 * M),
    Case("chain64K", "the same, 3 × 64K", ((64 * 1024,),) * 3, chain, ratio=0.4, flat=True),
    Case("add16M", "x+y, 16M", ((16 * M,),) * 2, lambda xp, x, y: x + y, ratio=0.85, flat=True, moves=12 * 16 * M),
    Case(
        "gelu",
        "gelu(x+b), 2048 × 4096",
        ((2048, 4096), (4096,)),
        lambda xp, x, b: xp.gelu(x + b),
        ratio=0.2,
        moves=8 * 8 * M,
    ),
    Case("softmax", "4096 × 1024", ((4096, 1024),), lambda xp, x: xp.softmax(x), ratio=0.9, moves=8 * 4 * M),
    Case(
        "layer_norm",
        "4096 × 1024",
        ((4096, 1024), (1024,), (1024,)),
        lambda xp, x, w, b: xp.layer_norm(x, w, b),
        ratio=0.95,
        moves=8 * 4 * M,
    ),
    Case("sum16M", "sum of 16M", ((16 * M,),), lambda xp, x: xp.sum(x), ratio=1.0, flat=True, moves=4 * 16 * M),
    Case(
        "sum_axis0",
        "sum over axis 0, 4096 × 4096",
        ((4096, 4096),),
        lambda xp, x: xp.sum(x, axis=0),
        ratio=0.65,
        moves=4 * 16 * M,
    ),
    Case(
        "black_scholes",
        "call and put, 4M",
        ((4 * M,),) * 3,
        black_scholes,
        ratio=0.6,
        flat=True,
        fast=True,
        positive=True,
        moves=20 * 4 * M,
    ),
    Case(
        "matmul1024", "1024 × 1024 × 1024", ((1024, 1024),) * 2, lambda xp, x, y: x @ y, ratio=0.97, flops=2 * 1024**3
    ),
    Case(
        "linear_gelu",
        "gelu(x@w+b), 512 × 1024 × 4096",
        ((512, 1024), (1024, 4096), (4096,)),
        lambda xp, x, w, b: xp.gelu(x @ w + b),
        ratio=0.88,
        flops=2 * 512 * 1024 * 4096,
    ),
    Case(
        "attention",
        "softmax(q@kᵀ/8)@v, 4 × 8 × 512 × 64",
        ((4, 8, 512, 64),) * 3,
        attention,
        ratio=0.75,
        ways={"torch": library_attention, "inductor": library_attention},
        flops=4 * 32 * 512 * 512 * 64,
    ),
    Case(
        "conv_relu",
        "relu(conv2d(x, w)), 3 × 3, 8 × 64 × 56 × 56",
        ((8, 64, 56, 56), (64, 64, 3, 3)),
        None,
        ratio=0.97,
        ways={
            **dict.fromkeys(("tandem", "eager", "torch", "inductor"), convolution),
            "jax": jax_convolution,
        },
        flops=2 * 8 * 64 * 56 * 56 * 64 * 9,
        tolerance=1e-2,
    ),
    Case(
        "lstm_cell",
        "64 × 256",
        ((64, 256), (64, 256), (64, 256), (256, 1024), (256, 1024)),
        lstm_cell,
        ratio=0.6,
        scale=small_weights,
        flops=2 * 2 * 64 * 256 * 1024,
    ),
    Case("compiled_add8", "call of a compiled x+y, 8", ((8,),) * 2, lambda xp, x, y: x + y, seconds=0.8e-6, flat=True),
    Case(
        "eager_add8",
        "eager x+y, 8",
        ((8,),) * 2,
        lambda xp, x, y: x + y,
        seconds=1.5e-6,
        flat=True,
        eager=True,
        only=frozenset({"eager", "numpy", "torch"}),
    ),
]
