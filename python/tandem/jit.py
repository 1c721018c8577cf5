"""The annotations `@script` and `@trace`, their off switches and what they tell about themselves."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, overload

from tandem import _core, dump, pytree
from tandem.script import context, primitives, regions
from tandem.script.errors import capture_error, is_internal, locate, user_line, user_traceback
from tandem.script.guards import Collector
from tandem.script.rewriter import missing, rewrite
from tandem.script.state import Undefined, undefined_error

__all__ = ["Compiled", "disabled", "is_enabled", "no_recompile", "script", "set_enabled", "stats", "trace"]

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


class Record:
    """What is kept of one capture for `explain`."""

    def __init__(self, specialization: Any, inputs: list[str], guards: list[Any], notes: list[str]) -> None:
        self.specialization = specialization
        self.inputs = inputs
        self.guards = guards
        self.notes = notes


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
        if numerics not in ("strict", "fast"):
            raise ValueError(f"script: got numerics={numerics!r}; need 'strict' or 'fast'")
        self.__wrapped__ = function
        named = function if hasattr(function, "__name__") else type(function)
        self.__name__: str = getattr(named, "__name__", "function")
        self.__qualname__: str = getattr(named, "__qualname__", self.__name__)
        self.__module__ = getattr(function, "__module__", None) or "__main__"
        self.__doc__ = function.__doc__
        self._rewriting, self._fallback = rewriting, fallback
        self._numerics, self._dynamic, self._cache = numerics, dynamic, cache
        self._records: list[Record] = []
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
        raise failure.with_traceback(user_traceback(failure.__traceback__))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        # An annotated module still has its parameters and settings.
        if name.startswith("_") or isinstance(self.__dict__.get("__wrapped__"), (types.FunctionType, type(None))):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        kind = "script" if self._rewriting else "trace"
        return f"<td.{kind} {self.__qualname__}, {len(self._records)} specialisations>"

    # Ways to run

    def eager(self, *args: Any, **kwargs: Any) -> Any:
        """Call the undecorated function, with compilation off in all it calls."""
        with disabled():
            return self.__wrapped__(*args, **kwargs)

    def _uncompiled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        capture = context.current()
        if not _core.recording() or capture is None:
            if self._refused is not None and _core.enabled():
                self._fallbacks += 1
            return self.__wrapped__(*args, **kwargs)
        # Inside another capture: become part of its graph.
        before, capture.rewriting = capture.rewriting, self._rewriting
        try:
            return self._target(capture)(*args, **kwargs)
        finally:
            capture.rewriting = before

    def _fall_back(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._refused is None:
            self._refused = str(error)
            filename, line = getattr(error, "filename", None), getattr(error, "lineno", 0)
            if filename is None:
                filename, line = user_line()
            text = f"{self.__name__} runs eagerly, because it cannot be captured:\n{error}"
            warnings.warn_explicit(text, RuntimeWarning, filename, line)
        self._fallbacks += 1
        return self.__wrapped__(*args, **kwargs)

    def _target(self, capture: context.Capture) -> Any:
        """The function as it is captured; rewritten itself even if it is part of a library."""
        function = self.__wrapped__
        method = function.__func__ if isinstance(function, types.MethodType) else function
        if not isinstance(method, types.FunctionType):
            return primitives.call(function)
        capture.functions.append(method)
        if not self._rewriting:
            return function
        new = rewrite(method)
        if new is method and method.__code__ in missing:
            capture.note(method.__code__.co_filename, method.__code__.co_firstlineno, "not rewritten: no source")
        return types.MethodType(new, function.__self__) if isinstance(function, types.MethodType) else new

    # Capture

    def _capture(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        leaves: list[Any],
        dynamic: list[tuple[bool, ...] | None],
        reasons: list[str],
    ) -> Any:
        if _frozen.depth:
            why = "; ".join(reasons) if reasons else "it has not been called with such arguments before"
            raise _core.CompileError(
                f"no_recompile: got a call of '{self.__name__}' that needs a new compilation ({why}); need a call "
                "that an earlier one prepared; try calling it before the block with such arguments"
            )
        dump.log("capture", f"{self.__name__}: capturing" + (f" again: {'; '.join(reasons)}" if reasons else ""))
        package = self.__module__.partition(".")[0]
        capture = context.Capture(self.__name__, self._rewriting, "" if package == "__main__" else package)
        options = {} if self._numerics == "strict" else {"numerics": self._numerics}
        recorder = _core.Capture(self.__name__, **options)
        outer, stack = context.enter(capture), regions.swap([])
        recorder.start()
        try:
            return self._record(recorder, capture, args, kwargs, leaves, dynamic)
        except BaseException as error:
            recorder.abort()
            if not isinstance(error, Exception):
                raise
            raise self._explain_failure(error) from error.__cause__
        finally:
            regions.swap(stack)
            context.enter(outer)

    def _record(
        self,
        recorder: Any,
        capture: context.Capture,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        leaves: list[Any],
        dynamic: list[tuple[bool, ...] | None],
    ) -> Any:
        tensors = [k for k, leaf in enumerate(leaves) if isinstance(leaf, _core.Tensor)]
        recorded = list(leaves)
        for k in tensors:
            dims = dynamic[k] or ()
            if self._dynamic is not None:
                dims = (self._dynamic,) * len(leaves[k].shape)
            recorded[k] = recorder.input(leaves[k], dims)
        new_args, new_kwargs = _replace((args, kwargs), leaves, recorded)
        given = _containers((new_args, new_kwargs))
        target = self._target(capture)
        collector = Collector([self.__wrapped__, *(leaf for leaf in leaves if not isinstance(leaf, _core.Tensor))])
        with collector:
            result = target(*new_args, **new_kwargs)
        if regions.innermost() is not None:
            regions.check(regions.Region(None, "capture"))
        error = collector.side_effect() or _changed_argument(given)
        if error is not None:
            raise error
        outputs, template = _template(result)
        executable = recorder.finish(outputs)
        guards = collector.result()
        specialization = _core.Specialization(executable, tensors, template, guards)
        inputs = [_describe_input(leaves[k], dynamic[k]) for k in tensors]
        self._records.append(Record(specialization, inputs, guards, capture.notes))
        dump.executable(self.__name__, len(self._records), executable)
        seconds = getattr(executable, "compile_seconds", 0.0)
        dump.log("capture", f"{self.__name__}: captured for ({', '.join(inputs)}), compiled in {seconds * 1e3:.1f} ms")
        for note in capture.notes:
            dump.log("capture", f"{self.__name__}: {note}")
        return specialization

    def _explain_failure(self, error: Exception) -> BaseException:
        """The error with the user's line; an exception that the capture itself caused becomes a CaptureError."""
        failure: Exception = error
        open_region = regions.innermost()
        if isinstance(error, RecursionError):
            failure = capture_error(
                self.__name__,
                "a recursion without end while it was captured",
                "a recursion that ends by plain Python values",
                "a loop instead of recursion on a tensor's value",
            )
        elif open_region is not None and not isinstance(error, _core.Error):
            failure = capture_error(
                f"{type(error).__name__} ({error})",
                f"an exception in the body of the {open_region.what}, which may not run at all",
                "a body that runs for any data",
                "checking outside of compiled code, or fallback=True",
            )
        if failure is not error:
            failure.__cause__ = error
            failure = failure.with_traceback(error.__traceback__)
        return locate(failure)

    # Inspection

    @property
    def specializations(self) -> list[Any]:
        """The compiled programs, in the order of their captures."""
        return list(self._compiled.specializations)

    def ir(self, stage: str = "optimized") -> str:
        """Return the text of one stage of the last specialisation."""
        if not self._records:
            raise _core.CaptureError(f"ir: got '{self.__name__}' before its first call; need a capture; try calling it")
        return str(self._records[-1].specialization.executable.ir(stage))

    def stats(self) -> dict[str, Any]:
        """Return counters: captures, compiles, cache_hits, calls, fallbacks, guard_failures."""
        counters = dict(self._compiled.stats())
        counters["fallbacks"] = counters.get("fallbacks", 0) + self._fallbacks
        return counters

    def explain(self) -> str:
        """Return a report: specialisations, guards, kernels with source lines, and why loops were unrolled."""
        lines = [f"{self.__qualname__}: {len(self._records)} specialisation(s)"]
        if self._refused is not None:
            lines += ["  runs eagerly:", *(f"    {line}" for line in self._refused.splitlines())]
        for k, record in enumerate(self._records, 1):
            executable = record.specialization.executable
            seconds = getattr(executable, "compile_seconds", 0.0)
            lines.append(f"  {k}. ({', '.join(record.inputs)}), compiled in {seconds * 1e3:.1f} ms")
            lines += [f"     guard: {guard[-1]}" for guard in record.guards]
            for kernel in executable.kernels():
                facts = ", ".join(f"{key}={value}" for key, value in kernel.items() if key != "name")
                lines.append(f"     kernel: {kernel.get('name', '?')}" + (f" ({facts})" if facts else ""))
            lines += [f"     {note}" for note in record.notes]
        failures = self.stats().get("guard_failures", [])
        lines += [f"  recaptured because {reason}" for reason in failures]
        return "\n".join(lines)

    def clear(self) -> None:
        """Forget all specialisations, and that a capture was refused."""
        self._compiled.clear()
        self._records.clear()
        self._refused = None


def _replace(tree: Any, leaves: list[Any], new: list[Any]) -> Any:
    """Copy the arguments with other leaves. `leaves` says, in order, what counts as one."""
    position = 0

    def walk(node: Any) -> Any:
        nonlocal position
        if position < len(leaves) and leaves[position] is node:
            position += 1
            return new[position - 1]
        if isinstance(node, tuple):
            items = [walk(item) for item in node]
            return type(node)(*items) if hasattr(type(node), "_fields") else tuple(items)
        if isinstance(node, list):
            return [walk(item) for item in node]
        if isinstance(node, dict):
            return {key: walk(item) for key, item in node.items()}
        raise AssertionError("internal error (please report it): the arguments do not match their leaves")

    result = walk(tree)
    assert position == len(leaves), "internal error (please report it): leaves are left over"
    return result


def _containers(tree: Any) -> list[tuple[Any, Any]]:
    """The lists and dicts among the arguments, with copies of them."""
    found: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        if type(node) in (list, dict):
            found.append((node, node.copy()))
        if type(node) in (list, dict, tuple):
            for item in node.values() if isinstance(node, dict) else node:
                walk(item)

    walk(tree)
    return found[1:]  # the first dict is that of the keyword arguments


def _changed_argument(given: list[tuple[Any, Any]]) -> Exception | None:
    for now, before in given:
        pairs = zip(now.values(), before.values(), strict=False) if isinstance(now, dict) else zip(now, before, strict=False)
        if len(now) != len(before) or list(now) != list(before) if isinstance(now, dict) else len(now) != len(before):
            same = False
        else:
            same = all(a is b for a, b in pairs)
        if not same:
            return capture_error(
                f"an argument that is a {type(now).__name__}",
                "a change of its contents during capture, which compiled calls would not repeat",
                "a function whose effects are its result and its writes into tensors",
                "returning the new values, or writing into its tensors ('t[...] = value')",
            )
    return None


def _template(result: Any) -> tuple[list[Any], Any]:
    """The tensors to return, and the returned tree with slots in their places."""
    outputs: list[Any] = []
    places: dict[int, Any] = {}

    def slot(value: Any) -> Any:
        if isinstance(value, Undefined):
            raise undefined_error(value)
        if context.is_dim(value):
            value = _core.lift(value)
        if not (isinstance(value, _core.Tensor) and value._recorded):
            return value
        if id(value) not in places:
            places[id(value)] = _core.Slot(len(outputs))
            outputs.append(value)
        return places[id(value)]

    template = pytree.map(slot, result)
    return outputs, template


def _describe_input(tensor: Any, dynamic: tuple[bool, ...] | None) -> str:
    marks = dynamic or (False,) * len(tensor.shape)
    dims = ", ".join("?" if mark else str(dim) for dim, mark in zip(tensor.shape, marks, strict=True))
    return f"{tensor.dtype}[{dims}]"


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
    numerics: "strict" (same bits as eager) or "fast".
    dynamic: True makes every dimension symbolic at once, False never does, None does for those that change.
    cache: keep compiled kernels on disk.
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


assert is_internal(__file__)
