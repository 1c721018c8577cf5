"""`td.compare`: is the compiled function equal to the eager one, and how much faster?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tandem import _core, pytree
from tandem.jit import Compiled, script

BUDGET = 0.3  # seconds of measurement for each of the two


@dataclass
class Comparison:
    """The result of `td.compare`; prints as a table. Times are in seconds, each the median of several calls.

    max_ulp: the largest difference of two floating-point elements in units in the last place, that is, how many
    numbers of their dtype lie between them, plus one; infinite where one is NaN and the other is not.
    """

    name: str
    bitwise_equal: bool
    max_difference: float
    max_ulp: float
    eager_seconds: float
    compiled_seconds: float
    compile_seconds: float

    @property
    def speedup(self) -> float:
        return self.eager_seconds / self.compiled_seconds if self.compiled_seconds else float("inf")

    def __repr__(self) -> str:
        rows = [
            ("bitwise equal", "yes" if self.bitwise_equal else "no"),
            ("max |difference|", f"{self.max_difference:.3g}"),
            ("in ulp", f"{self.max_ulp:.0f}"),
            ("eager", _duration(self.eager_seconds)),
            ("compiled", _duration(self.compiled_seconds)),
            ("speed-up", f"{self.speedup:.2f} x"),
            ("compilation", _duration(self.compile_seconds)),
        ]
        left = max(len(key) for key, _ in rows)
        right = max(len(value) for _, value in rows)
        lines = [self.name, "-" * (left + 2 + right)]
        return "\n".join([*lines, *(f"{key:<{left}}  {value:>{right}}" for key, value in rows)])


def _duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _array(tensor: Any) -> Any:
    """The elements as a NumPy array of the same bits; bfloat16, which NumPy lacks, as the upper half of float32."""
    return np.ascontiguousarray(np.asarray(tensor.astype(_core.float32) if tensor.dtype == _core.bfloat16 else tensor))


def _bits(tensor: Any) -> tuple[Any, ...]:
    array = _array(tensor)
    return tensor.dtype, array.shape, array.tobytes()


def _unequal(x: Any, y: Any) -> Any:
    return ~((x == y) | ((x != x) & (y != y)))


def _difference(a: Any, b: Any) -> float:
    x, y = _array(a), _array(b)
    if x.shape != y.shape:
        return float("inf")
    wide = np.result_type(x, y, np.float64)
    x, y = x.astype(wide, copy=False), y.astype(wide, copy=False)
    with np.errstate(invalid="ignore"):
        gap = np.where(_unequal(x, y), np.abs(x - y), 0.0)
    return float(np.max(np.where(np.isnan(gap), np.inf, gap), initial=0.0))


def _ordered(array: Any) -> Any:
    """Integers in the order of the floating-point numbers, with neighbours one apart; both zeros are 0."""
    bits = array.view(f"i{array.dtype.itemsize}")
    low = int(np.iinfo(bits.dtype).min)
    bits = bits.astype(object)  # Python integers: no difference of two overflows
    return np.where(bits < 0, low - bits, bits)


def _ulps(a: Any, b: Any) -> float:
    x, y = _array(a), _array(b)
    if x.shape != y.shape or a.dtype != b.dtype:
        return float("inf")
    if x.dtype.kind != "f":
        return 0.0
    unequal = _unequal(x, y)
    x, y = x[unequal], y[unequal]
    if (x != x).any() or (y != y).any():
        return float("inf")
    step = 2**16 if a.dtype == _core.bfloat16 else 1
    return float(np.max(np.abs(_ordered(x) - _ordered(y)), initial=0)) / step


def _leaf_pairs(a: Any, b: Any) -> list[tuple[Any, Any]] | None:
    first, one = pytree.flatten(a)
    second, other = pytree.flatten(b)
    return list(zip(first, second, strict=True)) if one == other else None


def _time(function: Callable[[], Any]) -> float:
    times: list[float] = []
    end = time.perf_counter() + BUDGET
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 1000):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def compare(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Comparison:
    """Run a function eagerly and compiled on the same arguments; return how results and times compare.

    A function that is not annotated is compiled with `td.script`. Each run gets its own copy of the arguments, so
    that writes into them are compared as well.

    >>> td.compare(lambda x: td.exp(x) + 1, td.ones((8,))).bitwise_equal
    True
    """
    compiled: Any = function if _is_compiled(function) else script(function)

    def copies() -> tuple[Any, Any]:
        return pytree.map(lambda leaf: _copy(leaf) if isinstance(leaf, _core.Tensor) else leaf, (args, kwargs))

    eager_args, eager_kwargs = copies()
    expected = (compiled.eager(*eager_args, **eager_kwargs), eager_args, eager_kwargs)
    first_args, first_kwargs = copies()
    first = compiled(*first_args, **first_kwargs)
    # Of the program that was just used, whenever it was made: passes, code generation and loading, without the capture.
    compile_seconds = getattr(compiled, "__func__", compiled).specializations[0].executable.compile_seconds
    pairs = _leaf_pairs(expected, (first, first_args, first_kwargs))
    if pairs is None:
        equal, difference, ulps = False, float("inf"), float("inf")
    else:
        tensors = [(a, b) for a, b in pairs if isinstance(a, _core.Tensor) and isinstance(b, _core.Tensor)]
        others = [(a, b) for a, b in pairs if not (isinstance(a, _core.Tensor) and isinstance(b, _core.Tensor))]
        equal = all(_bits(a) == _bits(b) for a, b in tensors) and all(a is b or bool(a == b) for a, b in others)
        difference = max((_difference(a, b) for a, b in tensors), default=0.0)
        ulps = max((_ulps(a, b) for a, b in tensors), default=0.0)
    run_args, run_kwargs = copies()
    return Comparison(
        name=getattr(compiled, "__name__", "function"),
        bitwise_equal=equal,
        max_difference=difference,
        max_ulp=ulps,
        eager_seconds=_time(lambda: compiled.eager(*run_args, **run_kwargs)),
        compiled_seconds=_time(lambda: compiled(*run_args, **run_kwargs)),
        compile_seconds=compile_seconds,
    )


def _is_compiled(function: Any) -> bool:
    return isinstance(getattr(function, "__func__", function), Compiled)


def _copy(tensor: Any) -> Any:
    return _core.asarray(tensor, copy=True)
