"""The annotations `@script` and `@trace`, their off switches and what they tell about themselves."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, overload

from tandem import _core
from tandem._boundary import public
from tandem._compiled import Compiled, annotated, frozen

if TYPE_CHECKING:
    from pathlib import Path

    from tandem.profiling import Profiler

__all__ = [
    "Compiled",
    "clear_cache",
    "debug_nans",
    "disabled",
    "is_enabled",
    "no_recompile",
    "profiler",
    "script",
    "set_debug_nans",
    "set_enabled",
    "stats",
    "trace",
    "viz",
]

# The thread that compiles in the background, if there is one, must be gone when the interpreter is.
atexit.register(_core._stop_compiling)

if os.environ.get("TANDEM_DISABLE", "").strip().lower() not in ("", "0", "false", "no", "off"):
    _core.set_enabled(False)


def set_enabled(enabled: bool) -> None:
    """Turn compilation on or off for the whole process; off, annotated functions run as if they were not annotated.

    >>> td.set_enabled(False)
    >>> td.is_enabled()
    False
    >>> td.set_enabled(True)
    """
    _core.set_enabled(bool(enabled))


def is_enabled() -> bool:
    """Return whether annotated functions are compiled.

    >>> td.is_enabled()
    True
    """
    return bool(_core.enabled())


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Run annotated functions eagerly inside a `with` block.

    >>> with td.disabled():
    ...     td.is_enabled()
    False
    """
    before = is_enabled()
    set_enabled(False)
    try:
        yield
    finally:
        set_enabled(before)


_NANS, _INFINITIES = 1, 2  # bits of what C++ looks for


@contextlib.contextmanager
def debug_nans(*, inf: bool = False) -> Iterator[None]:
    """Raise FloatingPointError at the first operation inside a `with` block whose result has a NaN no input had.

    The error names the operation and the user's line. Every result is looked at, and annotated functions run eagerly,
    with the same bits. It holds for the present thread; `td.set_debug_nans` for all.

    inf: infinities are looked for, too.

    >>> with td.debug_nans():
    ...     td.log(td.asarray(-1.0))
    Traceback (most recent call last):
      ...
    tandem.NonFiniteError: log: got 1 NaN in the 1 element of its result f32[] from f32[] without any, first log(-1)...
    """
    outside_of_capture("debug_nans")
    before = _core._thread_checks(_NANS | (_INFINITIES if inf else 0))
    try:
        yield
    finally:
        _core._thread_checks(before)


def set_debug_nans(enabled: bool, *, inf: bool = False) -> None:
    """Look for NaNs in every result from now on, as inside `td.debug_nans`, on all threads; or stop doing so.

    >>> td.set_debug_nans(True)
    >>> td.set_debug_nans(False)
    """
    outside_of_capture("set_debug_nans")
    _core._process_checks((_NANS | (_INFINITIES if inf else 0)) if enabled else 0)


def outside_of_capture(what: str) -> None:
    """Refuse a call in a function that is being captured: the compiled program would know nothing of it."""
    if _core.recording():
        raise _core.CaptureError(
            f"{what}: got a call inside a function that is being captured, whose Python code runs only once; "
            "need it outside; try it around the call of the compiled function"
        )


@contextlib.contextmanager
def no_recompile() -> Iterator[None]:
    """Raise CompileError, naming the guard that failed, when a call inside the block would compile.

    >>> double = td.trace(lambda x: x * 2)
    >>> y = double(td.ones((3,)))
    >>> with td.no_recompile():
    ...     double(td.ones((3,)))
    tensor([2., 2., 2.], dtype=float32)
    """
    frozen.depth += 1
    try:
        yield
    finally:
        frozen.depth -= 1


def stats() -> dict[str, Any]:
    """Return the process-wide counters of compilations and cache hits.

    >>> td.stats()["compiled"] >= 0
    True
    """
    return dict(_core.stats())


def clear_cache() -> None:
    """Forget everything compiled that is held in memory, and give free memory back to the system.

    All annotated functions are captured again when they are next called; kernels on disk stay, and so does what is
    running. For a process that has compiled very many different functions, or measures compilation.

    >>> td.clear_cache()
    """
    for reference in annotated.valuerefs():
        if (function := reference()) is not None:
            function.clear()
    for name in ("rewriter", "texts", "source", "purity", "reads"):
        module: Any = sys.modules.get(f"tandem.scripting.{name}")
        if module is not None:
            module.forget()
    gc.collect()  # what guards hold often holds them
    _core.clear_kernels()


def viz(
    function: Callable[..., Any], path: str | os.PathLike[str] | None = None, *, profile: Profiler | None = None
) -> Path:
    """Write what is known of a compiled function as one HTML page, and return where it is.

    It shows the graph, the kernels as coloured groups linked to the source lines they come from, guards, and the text
    of every stage. It needs no network and no other file. By default it is `<name>.html` in the current folder.

    profile: a finished `td.profiler`, whose times of the kernels are shown.

    >>> double = td.trace(lambda x: x * 2, td.ones((3,)))
    >>> td.viz(double, "double.html").name
    'double.html'
    """
    from tandem._viz import write

    return write(function, path, profile)


def profiler(*, max_events: int = 1_000_000, sample: bool = True) -> Profiler:
    """Record what runs inside a `with` block, on all threads: kernels, eager operations, captures, memory.

    max_events: what comes after so many events is only counted. sample: of events that take microseconds or less and
    come often all are counted and some are timed, so that a profile costs next to nothing; False times every one.
    Profilers may be nested.

    >>> with td.profiler() as p:
    ...     y = td.ones((1000,)) + 1
    >>> [event.name for event in p.events if event.kind == "operation"]
    ['ones', 'add']

    `print(p)` shows a table; `p.table(by="line")` the times of source lines, `p.save("trace.json")` is for Perfetto
    or chrome://tracing, and `td.viz(f, profile=p)` draws the kernels of a function with their times.
    """
    from tandem.profiling import Profiler

    return Profiler(max_events, sample)


@public
def _annotate(function: Any, rewriting: bool, options: dict[str, Any]) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(_annotate(function.__func__, rewriting, options))
    if isinstance(function, Compiled):
        function = function.__wrapped__
    return Compiled(function, rewriting=rewriting, **options)


@overload
def script(function: Callable[..., Any], /) -> Compiled: ...
@overload
def script(
    *,
    fallback: bool = False,
    numerics: str = "strict",
    dynamic: bool | None = None,
    cache: bool = True,
    background: bool = False,
    compile_budget: float | None = None,
) -> Callable[[Callable[..., Any]], Compiled]: ...
@public
def script(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a function, with Python control flow on tensors.

    `if`, `while`, `for`, `break`, `continue`, early `return`, `and`, `or`, `not`, comparison chains and ternaries may
    depend on tensors; everything else is plain Python that runs once, when the function is captured. Works as
    `@td.script` and as `@td.script(option=...)`, on functions, methods, lambdas and callable objects.

    fallback: warn once and run eagerly what cannot be captured, instead of raising CaptureError.
    numerics: "strict": the same bits as eager. "fast": products may be fused into sums, constants combined, divisions
        replaced by products, and 16-bit values stay in 32 bits between operations; `td.compare` shows the difference.
        Functions that this one calls are compiled like it, whatever their own annotation says.
    dynamic: True makes every dimension symbolic at once, False never does, None does for those that change.
    cache: True: compiled kernels are looked for and kept on disk; False does neither. TANDEM_CACHE_DIR='' turns that
        off for all functions.
    compile_budget: seconds that calls wait for their code. Calls after that run as plain Python, with the same
        results, until the code is there. The function itself is still captured in the first call. None: wait.
    background: True is compile_budget=0: no call waits.

    >>> @td.script
    ... def halved_until_small(x):
    ...     while x.sum() > 1:
    ...         x = x / 2
    ...     return x
    >>> halved_until_small(td.asarray([4., 4.]))
    tensor([0.5, 0.5], dtype=float32)
    """
    _check_options(options, "script")
    if function is None:
        return functools.partial(_annotate, rewriting=True, options=options)
    return _annotate(function, True, options)


@public
def trace(function: Callable[..., Any] | None = None, /, *example_args: Any, **options: Any) -> Any:
    """Compile a function by running it once with recording tensors; control flow must not depend on tensors.

    Works as `@td.trace` and as `@td.trace(option=...)`; `td.trace(fn, *example_args)` captures at once. The options
    are those of `td.script`.

    >>> scaled = td.trace(lambda x: td.exp(x) * 2)
    >>> scaled(td.zeros((2,)))
    tensor([2., 2.], dtype=float32)
    """
    _check_options(options, "trace")
    if function is None:
        return functools.partial(_annotate, rewriting=False, options=options)
    compiled = _annotate(function, False, options)
    if example_args:
        compiled(*example_args)
    return compiled


def _check_options(options: dict[str, Any], what: str) -> None:
    unknown = set(options) - {"fallback", "numerics", "dynamic", "cache", "background", "compile_budget"}
    if unknown:
        raise TypeError(
            f"{what}: got the option '{min(unknown)}'; need fallback, numerics, dynamic, cache, background or "
            "compile_budget"
        )
