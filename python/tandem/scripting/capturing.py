"""One capture: run the user's function with recording tensors, collect guards, and hand the graph to be compiled."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from tandem import _core, dump
from tandem.scripting import context, primitives, regions
from tandem.scripting.arguments import changed_argument, containers, describe_input, output_template, replace_leaves
from tandem.scripting.errors import capture_error, locate
from tandem.scripting.guards import Collector
from tandem.scripting.rewriter import missing, rewrite

if TYPE_CHECKING:
    from tandem.jit import Compiled


NOT_REWRITTEN = "not rewritten: its source is not available"


class Record:
    """What is kept of one capture for `explain`."""

    def __init__(self, specialization: Any, inputs: list[str], guards: list[Any], notes: list[str]) -> None:
        self.specialization = specialization
        self.inputs = inputs
        self.guards = guards
        self.notes = notes


def refusal(compiled: Compiled, reasons: list[str]) -> Exception:
    """The error of a call that would compile inside `no_recompile`."""
    why = "; ".join(reasons) if reasons else "it has not been called with such arguments before"
    return _core.CompileError(
        f"no_recompile: got a call of '{compiled.__name__}' that needs a new compilation ({why}); need a call "
        "that an earlier one prepared; try calling it before the block with such arguments"
    )


def inline(compiled: Compiled, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an annotated function inside another capture, by the rules of its own annotation."""
    capture = context.current()
    if capture is None:
        return compiled.__wrapped__(*args, **kwargs)
    before, capture.rewriting = capture.rewriting, compiled.rewriting
    try:
        return _target(compiled, capture)(*args, **kwargs)
    finally:
        capture.rewriting = before


def _target(compiled: Compiled, capture: context.Capture) -> Any:
    """The function as it is captured; rewritten itself even if it is part of a library."""
    function = compiled.__wrapped__
    method = function.__func__ if isinstance(function, types.MethodType) else function
    if not isinstance(method, types.FunctionType):
        return primitives.call(function)
    capture.functions.append(method)
    if not compiled.rewriting:
        return function
    new = rewrite(method)
    if new is method and method.__code__ in missing:
        capture.note(method.__code__.co_filename, method.__code__.co_firstlineno, NOT_REWRITTEN)
    return types.MethodType(new, function.__self__) if isinstance(function, types.MethodType) else new


def capture(
    compiled: Compiled,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    leaves: list[Any],
    dynamic: list[tuple[bool, ...] | None],
    reasons: list[str],
) -> tuple[Any, Record]:
    """Capture one call. `leaves` are those of the arguments; `dynamic` says which dimensions to keep symbolic."""
    dump.log("capture", f"{compiled.__name__}: capturing" + (f" again: {'; '.join(reasons)}" if reasons else ""))
    package = compiled.__module__.partition(".")[0]
    state = context.Capture(compiled.__name__, compiled.rewriting, "" if package == "__main__" else package)
    options = {} if compiled.numerics == "strict" else {"numerics": compiled.numerics}
    recorder = _core.Capture(compiled.__name__, **options)
    outer, stack = context.enter(state), regions.swap([])
    recorder.start()
    try:
        return _record(compiled, recorder, state, args, kwargs, leaves, dynamic)
    except BaseException as error:
        recorder.abort()
        if not isinstance(error, Exception):
            raise
        raise _explained(compiled, state, error) from error.__cause__
    finally:
        regions.swap(stack)
        context.enter(outer)


def _record(
    compiled: Compiled,
    recorder: Any,
    state: context.Capture,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    leaves: list[Any],
    dynamic: list[tuple[bool, ...] | None],
) -> tuple[Any, Record]:
    tensors = [k for k, leaf in enumerate(leaves) if isinstance(leaf, _core.Tensor)]
    recorded = list(leaves)
    for k in tensors:
        dims = dynamic[k] or ()
        if compiled.dynamic is not None:
            dims = (compiled.dynamic,) * len(leaves[k].shape)
        recorded[k] = recorder.input(leaves[k], dims)
    new_args, new_kwargs = replace_leaves((args, kwargs), leaves, recorded)
    given = containers((new_args, tuple(new_kwargs.values())))
    target = _target(compiled, state)
    others = [leaf for leaf in leaves if not isinstance(leaf, _core.Tensor)]
    collector = Collector([compiled.__wrapped__, *others], state.functions)
    with collector:
        result = target(*new_args, **new_kwargs)
    if regions.innermost() is not None:
        regions.check(regions.Region(None, "capture", ()))
    error = collector.side_effect() or changed_argument(given)
    if error is not None:
        raise error
    outputs, template = output_template(result)
    executable = recorder.finish(outputs)
    guards = collector.result()
    specialization = _core.Specialization(executable, tensors, template, guards)
    inputs = [describe_input(leaves[k], dynamic[k]) for k in tensors]
    dump.executable(compiled.__name__, len(compiled.records) + 1, executable)
    seconds = getattr(executable, "compile_seconds", 0.0)
    dump.log("capture", f"{compiled.__name__}: captured for ({', '.join(inputs)}), compiled in {seconds * 1e3:.1f} ms")
    for note in state.notes:
        dump.log("capture", f"{compiled.__name__}: {note}")
    return specialization, Record(specialization, inputs, guards, state.notes)


def _explained(compiled: Compiled, state: context.Capture, error: Exception) -> BaseException:
    """The error with the user's line; an exception that the capture itself caused becomes a CaptureError."""
    failure: Exception = error
    open_region = regions.innermost()
    if isinstance(error, RecursionError):
        failure = capture_error(
            compiled.__name__,
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
    elif isinstance(error, _core.CaptureError) and any(NOT_REWRITTEN in note for note in state.notes):
        failure = _core.CaptureError(
            f"{error} ('{compiled.__name__}' has no source file, so @td.script could not help)"
        )
    if failure is not error:
        failure.__cause__ = error
        failure = failure.with_traceback(error.__traceback__)
    return locate(failure)
