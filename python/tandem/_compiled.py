"""Annotated functions: what `@script` and `@trace` return."""

from __future__ import annotations

import copy
import functools
import os
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tandem import _core
from tandem._boundary import hide_frames, public

if TYPE_CHECKING:
    from tandem._viz.explanation import Explanation
    from tandem.profiling import Profiler

_GENERATOR = 0x20 | 0x80 | 0x200  # generators, coroutines, asynchronous generators (inspect.CO_*)

_LONGEST = 86400  # a longer wait is none for a budget


class Frozen(threading.local):
    depth = 0


frozen = Frozen()


# The latest annotation of each plain function, to find the one that a notebook cell made when it ran before.
latest: weakref.WeakValueDictionary[tuple[Any, ...], Compiled] = weakref.WeakValueDictionary()


annotated: weakref.WeakValueDictionary[int, Compiled] = weakref.WeakValueDictionary()  # all, by address


class Compiled(_core.CompiledFunction):
    """An annotated function: calls the compiled program that fits the arguments, and captures one if none does.

    The call itself is C++; it comes back here to capture (`_capture`), to run as if there were no annotation
    (`_uncompiled`), and when something was raised (`_failed`).
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        rewriting: bool,
        fallback: bool = False,
        numerics: str = "strict",
        dynamic: bool | None = None,
        cache: bool = True,
        background: bool = False,
        compile_budget: float | None = None,
    ) -> None:
        what = "script" if rewriting else "trace"
        check_function(function, what)
        if numerics not in ("strict", "fast"):
            raise ValueError(f"{what}: got numerics={numerics!r}; need 'strict' or 'fast'")
        self.compile_budget = _budget(what, background, compile_budget)
        super().__init__()
        self.__wrapped__ = function
        named: Any = function
        while isinstance(named, functools.partial):
            named = named.func
        if not hasattr(named, "__name__"):
            named = type(named)
        self.__name__: str = getattr(named, "__name__", "function")
        self.__qualname__: str = getattr(named, "__qualname__", self.__name__)
        self.__module__ = getattr(named, "__module__", None) or "__main__"
        self.__doc__ = function.__doc__
        self.rewriting, self._fallback = rewriting, fallback
        self.numerics, self.dynamic, self.cache = numerics, dynamic, cache
        self._options = {
            "fallback": fallback,
            "numerics": numerics,
            "dynamic": dynamic,
            "cache": cache,
            "compile_budget": self.compile_budget,
        }
        self.records: list[Any] = []  # one for each capture, for `explain`
        self._fallbacks = 0
        self._refused: str | None = None
        self._for_torch = False  # calls come to `_uncompiled` because the last ones had tensors of torch
        annotated[id(self)] = self
        if isinstance(function, types.FunctionType):
            if not os.path.exists(function.__code__.co_filename):
                from tandem.scripting import texts

                texts.note(function)
            self._share()

    def _failed(self, error: BaseException, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
        """Return (True, result) of the fall-back, or (False, the exception to raise)."""
        if isinstance(error, _OfTorch):
            self._for_torch = True
            self._set_direct(False)  # the next calls come to `_uncompiled` at once
            try:
                return True, _torch_arguments().call(self, args, kwargs)
            except Exception as raised:
                error = raised
        if isinstance(error, _core.Error) and _core.enabled() and not _core.recording():
            if self._fallback and isinstance(error, _core.CaptureError):
                try:
                    return True, self._fall_back(error, args, kwargs)
                except Exception as raised:
                    error = raised
            else:
                from tandem.scripting.errors import locate_call

                locate_call(error, sys._getframe(1))
        hide_frames(error)
        return False, error

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        if name == "__annotations__":  # evaluated late, which may fail
            return getattr(self.__dict__.get("__wrapped__"), name, {})
        # An annotated module still has its parameters and settings.
        if name.startswith("_") or isinstance(self.__dict__.get("__wrapped__"), (types.FunctionType, type(None))):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        kind = getattr(self.__wrapped__, "_annotation", "script" if self.rewriting else "trace")
        return f"<td.{kind} {self.__qualname__}, {len(self.records)} specialisations>"

    # Being copied: like a function, it stands for itself

    def __copy__(self) -> Compiled:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        function = copy.deepcopy(self.__wrapped__, memo)
        return self if function is self.__wrapped__ else _restore(function, self.rewriting, self._options)

    def __reduce__(self) -> Any:
        found: Any = sys.modules.get(self.__module__)
        for name in self.__qualname__.split("."):
            found = getattr(found, name, None)
        if found is self:
            return self.__qualname__  # by reference
        return _restore, (self.__wrapped__, self.rewriting, self._options)

    def _share(self) -> None:
        """Take over the specialisations of the same function if a notebook cell that is run again defined it before.

        The code is equal, and so is all that guards cannot see: no defaults, no closure, the same global variables.
        """
        function: Any = self.__wrapped__
        code = function.__code__
        if code.co_freevars or function.__defaults__ or function.__kwdefaults__ or function.__dict__:
            return
        key = (code, id(function.__globals__), self.__qualname__, self.rewriting, *self._options.values())
        before, latest[key] = latest.get(key), self
        # One definition that runs several times, in a loop say, makes functions with one code object.
        if before is None or before.__wrapped__.__code__ is code:
            return
        if before.__wrapped__.__globals__ is function.__globals__:
            self._adopt(before)
            self.records = list(before.records)

    # Ways to run

    @public
    def eager(self, *args: Any, **kwargs: Any) -> Any:
        """Call the undecorated function, with compilation off in all it calls."""
        from tandem.jit import disabled

        with disabled():
            return self.__wrapped__(*args, **kwargs)

    def _uncompiled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if _core.recording():  # inside another capture: become part of its graph
            from tandem.scripting import capturing

            return capturing.inline(self, args, kwargs)
        if _has_torch((args, kwargs)):
            return _torch_arguments().call(self, args, kwargs)
        if self._refused is not None and _core.enabled():
            self._fallbacks += 1
        if self._for_torch:
            self._for_torch = False
            self._set_direct(True)
            return self(*args, **kwargs)
        return self.__wrapped__(*args, **kwargs)

    def _fall_back(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._refuse(error)
        self._fallbacks += 1
        return self.__wrapped__(*args, **kwargs)

    def _refuse(self, error: Exception) -> None:
        if self._refused is None:
            self._refused = str(error)
            self._set_direct(False)
            filename, line = getattr(error, "filename", None), getattr(error, "lineno", 0)
            if filename is None:
                from tandem.scripting.errors import user_line

                filename, line = user_line()
            text = f"{self.__name__} runs eagerly, because it cannot be captured:\n{error}"
            warnings.warn_explicit(text, RuntimeWarning, filename, line)

    # Ahead of the calls, or behind their backs

    @public
    def precompile(self, *args: Any, **kwargs: Any) -> Compiled:
        """Compile for calls with such arguments, without running the function; return the function itself.

        The arguments are those of a call. In place of a tensor there may be a `td.TensorSpec`, which says its shape and
        dtype; a dimension in it may be None or a name, for a size that differs from call to call. A tensor is an
        example of its shape, dtype and strides. All else is taken as it is. With `background` or `compile_budget` it
        does not wait for the code (see `wait`); while compilation is disabled it does nothing.

        Raises TypeError for arguments the function does not take, CaptureError and CompileError as a call does.

        >>> @td.script
        ... def scaled(x, factor):
        ...     return x * factor
        >>> f = scaled.precompile(td.TensorSpec((None, 4), td.float32), 2.0)
        >>> with td.no_recompile():
        ...     scaled(td.ones((3, 4)), 2.0).sum()
        tensor(24., dtype=float32)
        """
        if not _core.enabled() or self._refused is not None:
            return self
        from tandem.scripting import errors, specs

        call = specs.examples(self.__wrapped__, args, kwargs, self.dynamic)
        try:
            self._precompile(call.args, call.kwargs, call.marks)
        except _core.Error as error:
            if self._fallback and isinstance(error, _core.CaptureError):
                self._refuse(error)
            else:
                errors.locate_call(error, sys._getframe(1))
                raise call.explained(error) from error.__cause__
        return self

    @public
    def bind(self, *args: Any, **kwargs: Any) -> Callable[[], Any]:
        """Return a function without arguments that calls this one with these, again and again, checking nothing.

        It compiles for them if that has not been done, and runs nothing. What a call would look at each time must stay
        as it is: sizes, strides and memory of the tensors, the other arguments, and everything that the function reads
        from elsewhere, of which the tensors are bound, too. What is written into the tensors is seen, and results are
        new tensors each time.

        >>> x = td.asarray([1.0, 2.0])
        >>> double = td.script(lambda x: x * 2).bind(x)
        >>> x += 1
        >>> double()
        tensor([4., 6.], dtype=float32)
        """
        if _core.recording() or not _core.enabled() or self._refused is not None or _has_torch((args, kwargs)):
            return functools.partial(self, *args, **kwargs)
        try:
            return self._bind(args, kwargs)
        except _core.Error as error:
            if self._fallback and isinstance(error, _core.CaptureError):
                self._refuse(error)
                return functools.partial(self, *args, **kwargs)
            from tandem.scripting.errors import locate_call

            locate_call(error, sys._getframe(1))
            raise

    @public
    def wait(self) -> None:
        """Wait until everything that was captured is compiled; raise the error of what could not be.

        The waiting thread compiles what the background has not begun with.
        """
        self._wait()

    def _dropped(self, specialization: Any) -> None:
        """Called when a specialisation could not be compiled."""
        self.records = [record for record in self.records if record.specialization is not specialization]

    # Capture

    @property
    def _lock(self) -> Any:
        """Held during a capture: others that want the same program wait for it."""
        from tandem.scripting import capturing  # not before it is needed: importing tandem stays cheap

        return capturing.locks[id(self) // 64 % len(capturing.locks)]

    def _capture(self, *request: Any) -> Any:
        """Called by the C++ side when no specialisation fits: make one."""
        from tandem.scripting import capturing

        if _has_torch(request[2]):
            raise _OfTorch
        if frozen.depth:
            raise capturing.refusal(self, request[-1])
        specialization, record = capturing.capture(self, *request)
        self.records.append(record)
        return specialization

    def _too_many(self, most: int, reasons: list[str]) -> None:
        """Called when the least recently used specialisation is dropped for the first time."""
        warnings.warn(
            f"{self.__name__}: got more than {most} different kinds of calls, so each new one compiles again and the "
            f"program used least recently is dropped (the last difference: {reasons[0]}); need fewer; try passing what "
            "differs as a tensor, or calling the plain function",
            RuntimeWarning,
            stacklevel=2,
        )

    # Inspection

    @public
    def ir(self, stage: str = "optimized") -> str:
        """Return the text of one stage of the last specialisation."""
        if not self.records:
            raise _core.CaptureError(f"ir: got '{self.__name__}' before its first call; need a capture; try calling it")
        return str(self.records[-1].specialization.executable.ir(stage))

    def stats(self) -> dict[str, Any]:
        """Return counters: captures, compiles, pending, cache_hits, calls, eager_calls, fallbacks, guard_failures.

        `pending` captures are being compiled in the background, and `eager_calls` ran as plain Python meanwhile.
        """
        return {**self._counters(), "fallbacks": self._fallbacks}

    def explain(self, profile: Profiler | None = None) -> Explanation:
        """Return a report: specialisations, guards, kernels with source lines, and why loops were unrolled.

        It is text; a notebook shows it as a page with the graph and the source (see `td.viz`). With a finished
        `td.profiler` it has the times of the kernels.
        """
        from tandem._viz.explanation import explain

        return explain(self, profile)

    def clear(self) -> None:
        """Forget all specialisations, and that a capture was refused."""
        self._forget()
        self.records.clear()
        self._refused = None
        self._set_direct(True)


class _OfTorch(Exception):
    """Raised where a capture finds tensors of torch among the arguments."""


def _torch_arguments() -> Any:
    from tandem.torch import arguments

    return arguments


def _has_torch(tree: Any) -> bool:
    """Whether arguments hold tensors or modules of torch; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn"):
        return False
    from tandem import pytree

    kinds = (torch.Tensor, torch.nn.Module)
    leaves = pytree.flatten(tree)[0]
    return any(isinstance(leaf, kinds) for leaf in leaves) and not _torch_arguments().running()


def check_function(function: Any, what: str) -> None:
    name = getattr(function, "__qualname__", None) or type(function).__name__
    if isinstance(function, property):
        raise TypeError(f"{what}: got a property; need the function in it; try @property above @td.{what}")
    if isinstance(function, type):
        raise TypeError(f"{what}: got the class '{name}'; need a function; try its methods, or an instance of it")
    if not callable(function):
        raise TypeError(f"{what}: got {function!r}; need a function, method, lambda or callable object")
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None and code.co_flags & _GENERATOR:
        raise TypeError(
            f"{what}: got the generator or coroutine '{name}'; need an ordinary function; try one that returns its "
            "values"
        )
    if isinstance(function, functools._lru_cache_wrapper):
        raise TypeError(
            f"{what}: got '{name}' under functools.lru_cache, which would keep tensors of the capture; need the "
            f"function itself; try leaving the cache out, or '{name}.__wrapped__'"
        )


def _budget(what: str, background: bool, compile_budget: float | None) -> float | None:
    """The seconds that a call waits for its code; None: until it is there."""
    if background is not True and background is not False:
        raise TypeError(f"{what}: got background={background!r}; need True or False")
    if compile_budget is None:
        return 0.0 if background else None
    if isinstance(compile_budget, bool) or not isinstance(compile_budget, (int, float)):
        raise TypeError(f"{what}: got compile_budget={compile_budget!r}; need seconds as a number, or None")
    if not 0 <= compile_budget <= _LONGEST:
        raise ValueError(f"{what}: got compile_budget={compile_budget!r}; need 0 to {_LONGEST} seconds, or None")
    if background and compile_budget > 0:
        raise ValueError(
            f"{what}: got background=True and compile_budget={compile_budget!r}; need one of them; background=True is "
            "compile_budget=0"
        )
    return float(compile_budget)


def _restore(function: Any, rewriting: bool, options: dict[str, Any]) -> Compiled:
    """Make a pickled annotation again that is not found under its function's name."""
    return Compiled(function, rewriting=rewriting, **options)
