"""The annotations `@script` and `@trace`, their off switches and what they tell about themselves."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, overload

from tandem import _core

if TYPE_CHECKING:
    from pathlib import Path

    from tandem._viz.explanation import Explanation

__all__ = ["Compiled", "disabled", "is_enabled", "no_recompile", "script", "set_enabled", "stats", "trace", "viz"]

_GENERATOR = 0x20 | 0x80 | 0x200  # generators, coroutines, asynchronous generators (inspect.CO_*)

if os.environ.get("TANDEM_DISABLE", "").strip().lower() not in ("", "0", "false", "no", "off"):
    _core.set_enabled(False)


def set_enabled(enabled: bool) -> None:
    """Turn compilation on or off for the whole process; off, annotated functions run as if they were not annotated."""
    _core.set_enabled(bool(enabled))


def is_enabled() -> bool:
    """Return whether annotated functions are compiled."""
    return bool(_core.enabled())


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Run annotated functions eagerly inside a `with` block."""
    before = is_enabled()
    set_enabled(False)
    try:
        yield
    finally:
        set_enabled(before)


class _Frozen(threading.local):
    depth = 0


_frozen = _Frozen()


@contextlib.contextmanager
def no_recompile() -> Iterator[None]:
    """Raise CompileError, naming the guard that failed, when a call inside the block would compile."""
    _frozen.depth += 1
    try:
        yield
    finally:
        _frozen.depth -= 1


def stats() -> dict[str, Any]:
    """Return the process-wide counters of compilations and cache hits."""
    return dict(_core.stats())


def viz(function: Callable[..., Any], path: str | os.PathLike[str] | None = None) -> Path:
    """Write what is known of a compiled function as one HTML page, and return where it is.

    It shows the graph, the kernels as coloured groups linked to the source lines they come from, guards, and the text
    of every stage. It needs no network and no other file. By default it is `<name>.html` in the current folder.
    """
    from tandem._viz import write

    return write(function, path)


class Compiled:
    """An annotated function: calls the compiled program that fits the arguments, and captures one if none does."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        rewriting: bool,
        fallback: bool = False,
        numerics: str = "strict",
        dynamic: bool | None = None,
        cache: bool = True,
    ) -> None:
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"script: got {function!r}; need a function, method, lambda or callable object")
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if code is not None and code.co_flags & _GENERATOR:
            raise TypeError(f"script: got the generator or coroutine {function!r}; need an ordinary function")
        if numerics != "strict":
            raise ValueError(f"script: got numerics={numerics!r}; need 'strict', the only one there is so far")
        if cache is not True:
            raise ValueError("script: got cache=False; need True; try TANDEM_CACHE_DIR='' to keep nothing on disk")
        self.__wrapped__ = function
        named = function if hasattr(function, "__name__") else type(function)
        self.__name__: str = getattr(named, "__name__", "function")
        self.__qualname__: str = getattr(named, "__qualname__", self.__name__)
        self.__module__ = getattr(function, "__module__", None) or "__main__"
        self.__doc__ = function.__doc__
        self.rewriting, self._fallback = rewriting, fallback
        self.numerics, self.dynamic, self.cache = numerics, dynamic, cache
        self.records: list[Any] = []  # one for each capture, for `explain`
        self._fallbacks = 0
        self._refused: str | None = None
        self._compiled = _core.CompiledFunction(self._capture)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._refused is not None or not _core.enabled() or _core.recording():
            return self._uncompiled(args, kwargs)
        try:
            return self._compiled(*args, **kwargs)
        except Exception as error:
            failure = error
        if self._fallback and isinstance(failure, _core.CaptureError):
            return self._fall_back(failure, args, kwargs)
        from tandem.scripting.errors import user_traceback

        raise failure.with_traceback(user_traceback(failure.__traceback__))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        # An annotated module still has its parameters and settings.
        if name.startswith("_") or isinstance(self.__dict__.get("__wrapped__"), (types.FunctionType, type(None))):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        kind = "script" if self.rewriting else "trace"
        return f"<td.{kind} {self.__qualname__}, {len(self.records)} specialisations>"

    # Ways to run

    def eager(self, *args: Any, **kwargs: Any) -> Any:
        """Call the undecorated function, with compilation off in all it calls."""
        with disabled():
            return self.__wrapped__(*args, **kwargs)

    def _uncompiled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if _core.recording():  # inside another capture: become part of its graph
            from tandem.scripting import capturing

            return capturing.inline(self, args, kwargs)
        if self._refused is not None and _core.enabled():
            self._fallbacks += 1
        return self.__wrapped__(*args, **kwargs)

    def _fall_back(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._refused is None:
            self._refused = str(error)
            filename, line = getattr(error, "filename", None), getattr(error, "lineno", 0)
            if filename is None:
                from tandem.scripting.errors import user_line

                filename, line = user_line()
            text = f"{self.__name__} runs eagerly, because it cannot be captured:\n{error}"
            warnings.warn_explicit(text, RuntimeWarning, filename, line)
        self._fallbacks += 1
        return self.__wrapped__(*args, **kwargs)

    # Capture

    def _capture(self, *request: Any) -> Any:
        """Called by the C++ side when no specialisation fits: make one."""
        from tandem.scripting import capturing  # not before it is needed: importing tandem stays cheap

        if _frozen.depth:
            raise capturing.refusal(self, request[-1])
        specialization, record = capturing.capture(self, *request)
        self.records.append(record)
        return specialization

    # Inspection

    @property
    def specializations(self) -> list[Any]:
        """The compiled programs, in the order of their captures."""
        return list(self._compiled.specializations)

    def ir(self, stage: str = "optimized") -> str:
        """Return the text of one stage of the last specialisation."""
        if not self.records:
            raise _core.CaptureError(f"ir: got '{self.__name__}' before its first call; need a capture; try calling it")
        return str(self.records[-1].specialization.executable.ir(stage))

    def stats(self) -> dict[str, Any]:
        """Return counters: captures, compiles, cache_hits, calls, fallbacks, guard_failures."""
        counters = dict(self._compiled.stats())
        counters["fallbacks"] = counters.get("fallbacks", 0) + self._fallbacks
        return counters

    def explain(self) -> Explanation:
        """Return a report: specialisations, guards, kernels with source lines, and why loops were unrolled.

        It is text; a notebook shows it as a page with the graph and the source (see `td.viz`).
        """
        from tandem._viz.explanation import explain

        return explain(self)

    def clear(self) -> None:
        """Forget all specialisations, and that a capture was refused."""
        self._compiled.clear()
        self.records.clear()
        self._refused = None


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
    *, fallback: bool = False, numerics: str = "strict", dynamic: bool | None = None, cache: bool = True
) -> Callable[[Callable[..., Any]], Compiled]: ...
def script(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a function, with Python control flow on tensors.

    `if`, `while`, `for`, `break`, `continue`, early `return`, `and`, `or`, `not`, comparison chains and ternaries may
    depend on tensors; everything else is plain Python that runs once, when the function is captured. Works as
    `@td.script` and as `@td.script(option=...)`, on functions, methods, lambdas and callable objects.

    fallback: warn once and run eagerly what cannot be captured, instead of raising CaptureError.
    numerics: "strict": the same bits as eager. No other is there yet.
    dynamic: True makes every dimension symbolic at once, False never does, None does for those that change.
    cache: True: compiled kernels are kept on disk; TANDEM_CACHE_DIR='' turns that off for all functions.
    """
    _check_options(options)
    if function is None:
        return functools.partial(_annotate, rewriting=True, options=options)
    return _annotate(function, True, options)


def trace(function: Callable[..., Any] | None = None, /, *example_args: Any, **options: Any) -> Any:
    """Compile a function by running it once with recording tensors; control flow must not depend on tensors.

    Works as `@td.trace` and as `@td.trace(option=...)`; `td.trace(fn, *example_args)` captures at once. The options
    are those of `td.script`.
    """
    _check_options(options)
    if function is None:
        return functools.partial(_annotate, rewriting=False, options=options)
    compiled = _annotate(function, False, options)
    if example_args:
        compiled(*example_args)
    return compiled


def _check_options(options: dict[str, Any]) -> None:
    unknown = set(options) - {"fallback", "numerics", "dynamic", "cache"}
    if unknown:
        raise TypeError(f"script: got the option '{min(unknown)}'; need fallback, numerics, dynamic or cache")
