"""What is measured: each case is one formula, written once over a namespace `xp`, and its goal."""

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
    formula: Callable[..., Any]
    ratio: float | None = None  # goal: at most this many times the best peer
    seconds: float | None = None  # goal: at most this long
    flat: bool = False  # one-dimensional and elementwise: also for peers that know only that
    eager: bool = False  # measure Tandem's eager mode against the goal
    positive: bool = False
    only: frozenset[str] = field(default_factory=frozenset)  # peers, where not all make sense

    def inputs(self, shrink: int = 1) -> list[np.ndarray]:
        """Return the same numbers every time; `shrink` divides the first axis, for tests."""
        rng = np.random.default_rng(0)
        arrays = []
        for shape in self.shapes:
            if len(shape) > 0 and shrink > 1:
                shape = tuple(max(8, extent // shrink) for extent in shape)
            array = rng.random(shape, dtype=np.float32) if self.positive else rng.standard_normal(shape, np.float32)
            arrays.append(array + np.float32(0.5) if self.positive else array)
        return arrays


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


CASES = [
    Case("chain16M", "tanh(x*w+b)*0.5+x, 3 × 16M", ((16 * M,),) * 3, chain, ratio=1.0, flat=True),
    Case("chain64K", "the same, 3 × 64K", ((64 * 1024,),) * 3, chain, flat=True),
    Case("add16M", "x+y, 16M", ((16 * M,),) * 2, lambda xp, x, y: x + y, ratio=1.0, flat=True),
    Case("gelu", "gelu(x+b), 2048 × 4096", ((2048, 4096), (4096,)), lambda xp, x, b: xp.gelu(x + b), ratio=0.35),
    Case("softmax", "4096 × 1024", ((4096, 1024),), lambda xp, x: xp.softmax(x), ratio=1.3),
    Case(
        "layer_norm",
        "4096 × 1024",
        ((4096, 1024), (1024,), (1024,)),
        lambda xp, x, w, b: xp.layer_norm(x, w, b),
        ratio=1.3,
    ),
    Case("sum16M", "sum of 16M", ((16 * M,),), lambda xp, x: xp.sum(x), flat=True),
    Case("sum_axis0", "sum over axis 0, 4096 × 4096", ((4096, 4096),), lambda xp, x: xp.sum(x, axis=0)),
    Case(
        "black_scholes",
        "call and put, 4M",
        ((4 * M,),) * 3,
        black_scholes,
        ratio=1.0,
        flat=True,
        positive=True,
    ),
    Case("matmul1024", "1024 × 1024 × 1024", ((1024, 1024),) * 2, lambda xp, x, y: x @ y, ratio=1.0),
    Case(
        "linear_gelu",
        "gelu(x@w+b), 512 × 1024 × 4096",
        ((512, 1024), (1024, 4096), (4096,)),
        lambda xp, x, w, b: xp.gelu(x @ w + b),
    ),
    Case("compiled_add8", "call of a compiled x+y, 8", ((8,),) * 2, lambda xp, x, y: x + y, seconds=2e-6, flat=True),
    Case(
        "eager_add8",
        "eager x+y, 8",
        ((8,),) * 2,
        lambda xp, x, y: x + y,
        seconds=1.5e-6,
        flat=True,
        eager=True,
        only=frozenset({"numpy", "torch"}),
    ),
]
