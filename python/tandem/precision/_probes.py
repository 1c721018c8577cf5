"""Times on this machine, and the warning that a precision gains nothing here."""

from __future__ import annotations

import copy
import functools
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tandem import _core, random
from tandem.jit import script
from tandem.precision._quantized import QuantizedLinear, linear_of

_SECONDS = 0.2  # for each function, after it was compiled
_MOST_ROUNDS = 50


class PrecisionWarning(UserWarning):
    """A model in fewer bits that is slower than in float32, on this machine."""


def times(functions: Sequence[Callable[[], Any]]) -> list[float]:
    """Return the least time of each function in seconds; they run in turns, so that all meet the same noise."""
    for function in functions:
        function(), function()
    best, spent, rounds = [float("inf")] * len(functions), 0.0, 0
    while rounds < 3 or (spent < _SECONDS * len(functions) and rounds < _MOST_ROUNDS):
        for k, function in enumerate(functions):
            start = time.perf_counter()
            function()
            passed = time.perf_counter() - start
            best[k], spent = min(best[k], passed), spent + passed
        rounds += 1
    return best


def warn_of(what: str, dtype: str, time_of_it: float, time_of_float32: float, *, stacklevel: int) -> None:
    """Warn when a narrow model is slower than the same one in float32."""
    if dtype in ("bfloat16", "float16", "int8") and time_of_it > 1.05 * time_of_float32:
        warnings.warn(
            f"{what}: got {dtype}, which takes {time_of_it * 1e3:.3g} ms here, against {time_of_float32 * 1e3:.3g} ms "
            "in float32; need a processor that is faster in it, or the smaller size; try td.precision.report, which "
            "compares all precisions",
            PrecisionWarning,
            stacklevel=stacklevel,
        )


@functools.cache
def probe(dtype: str) -> list[float]:
    """Return the times of a linear layer of middling size in a precision and in float32, in seconds."""
    generator = random.Generator(0)
    x, layer = generator.normal((128, 512)), linear_of(generator.normal((512, 512)), generator.normal((512,)))
    plain = script(layer)
    given, narrow = x, script(QuantizedLinear.of(layer))
    if dtype != "int8":
        given, narrow = x.astype(getattr(_core, dtype)), script(copy.deepcopy(layer).to(getattr(_core, dtype)))
    return times([lambda: narrow(given), lambda: plain(x)])
