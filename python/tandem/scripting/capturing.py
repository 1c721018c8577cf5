"""One capture: run the user's function with recording tensors, collect guards, and hand the graph to be compiled."""

from __future__ import annotations

import re
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tandem import _core, dump
from tandem._locks import shared_lock
from tandem.scripting import context, hosted, primitives, regions
from tandem.scripting.aliases import check_remade
from tandem.scripting.arguments import (
    Outputs,
    changed_arguments,
    containers,
    describe_input,
    leaf_names,
    replace_leaves,
)
from tandem.scripting.effects import MISSING, Effect, store
from tandem.scripting.errors import capture_error, frames_of, locate, user_traceback
from tandem.scripting.guards import Collector, current
from tandem.scripting.rewriter import missing, rewrite

if TYPE_CHECKING:
    from tandem._compiled import Compiled


# Captures of one function come one after another, those of different functions mostly side by side. These come after
# the locks of the modules above, which are taken inside them.
locks = tuple(shared_lock() for _ in range(16))

NOT_REWRITTEN = "not rewritten: its source is not available"


@dataclass
class CallShape:
    """How the arguments and results of a call belong to those of the program: what C++ calls it by."""

    names: list[str]  # of the leaves of the arguments
    sources: list[tuple[Any, ...]]  # of the inputs of the program
    template: Any  # the results
    effects: list[tuple[Any, ...]]


class Record:
    """What is kept of one capture for `explain`, and to save it."""

    def __init__(
        self,
        specialization: Any,
        names: list[str],
        inputs: list[str],
        guards: list[Any],
        notes: list[str],
        call: CallShape,
    ) -> None:
        self.call = call
        self.specialization = specialization
        self.names = names  # of the inputs, in the function
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
        return target(compiled.__wrapped__, compiled.rewriting, capture)(*args, **kwargs)
    finally:
        capture.rewriting = before


def target(function: Any, rewriting: bool, capture: context.Capture) -> Any:
    """The function as it is captured; rewritten itself even if it is part of a library."""
    method = function.__func__ if isinstance(function, types.MethodType) else function
    if not isinstance(method, types.FunctionType):
        return primitives.call(function)
    capture.functions.append(method)
    if not rewriting:
        return function
    new = rewrite(method)
    if new is method and method.__code__ in missing:
        capture.note(method.__code__.co_filename, method.__code__.co_firstlineno, NOT_REWRITTEN)
    return types.MethodType(new, function.__self__) if isinstance(function, types.MethodType) else new


class _Changing(Exception):
    """Raised inside a capture: it changes numbers outside of tensors, which should be inputs instead of constants."""

    def __init__(self, effects: list[Effect]) -> None:
        self.effects = effects


class _Sharing(Exception):
    """Raised inside a capture: it writes to an argument that shares memory with others, which should be one input."""

    def __init__(self, groups: list[list[int]]) -> None:
        self.groups = groups


@dataclass
class _Request:
    """What is to be captured. `leaves` are those of the arguments; `dynamic` says which sizes and numbers differ."""

    compiled: Compiled
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: list[Any]
    dynamic: list[Any]
    changing: list[Effect]  # numbers that the function itself changes: inputs from the start
    shared: list[list[int]]  # groups of leaves that share memory, of which one is written to: one input each
    plain: bool = False  # all numbers are constants: the function does not take them otherwise


def capture(
    compiled: Compiled,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    leaves: list[Any],
    dynamic: list[Any],
    reasons: list[str],
) -> tuple[Any, Record]:
    """Capture one call."""
    dump.log("capture", f"{compiled.__name__}: capturing" + (f" again: {'; '.join(reasons)}" if reasons else ""))
    request = _Request(compiled, args, kwargs, leaves, dynamic, [], [])
    start = _core._profile_clock()
    try:
        return _attempts(request)
    finally:
        if start:
            _core._profile_capture(start, compiled.__qualname__, "; ".join(reasons) or "the first call")


def _attempts(request: _Request) -> tuple[Any, Record]:
    while True:
        try:
            return _once(request)
        except _Changing as found:
            request.changing = found.effects
        except _Sharing as found:
            request.shared = found.groups
        except Exception:
            # Some code needs a number, not a symbol of one; errors of its own come again.
            if not request.changing and not any(part is True for part in request.dynamic):
                raise
            if request.plain:
                raise
            request.plain, request.changing = True, []


def _once(request: _Request) -> tuple[Any, Record]:
    compiled = request.compiled
    package = compiled.__module__.partition(".")[0]
    state = context.Capture(compiled.__name__, compiled.rewriting, "" if package == "__main__" else package)
    recorder = _core.Capture(compiled.__name__, fast=compiled.numerics == "fast", disk_cache=compiled.cache)
    state.boundary = _record.__code__
    outer, stack = context.enter(state), regions.swap([])
    recorder.start()
    try:
        return _record(request, recorder, state)
    except BaseException as error:
        recorder.abort()
        if isinstance(error, (_Changing, _Sharing)) or not isinstance(error, Exception):
            raise
        raise _explained(compiled, state, error) from error.__cause__
    finally:
        for effect in request.changing:
            effect.undo()
        regions.swap(stack)
        context.enter(outer)


class _Inputs:
    """The inputs of the program and its symbols, and where each call finds them."""

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder
        self.sources: list[tuple[Any, ...]] = []
        self.symbols: list[tuple[int, tuple[str, Any]]] = []

    def tensor(self, value: Any, sizes: tuple[bool, ...], name: str, source: tuple[str, Any]) -> Any:
        self.sources.append(source)
        return self.recorder.input(value, sizes, name)

    def shared(self, tensors: list[Any], names: list[str], leaves: list[int]) -> list[Any]:
        self.sources.append(("shared", leaves, tensors))
        return list(self.recorder.shared_input(tensors, "_".join(names)))

    def number(self, value: float, name: str, source: tuple[str, Any]) -> Any:
        if type(value) is int:
            self.symbols.append((len(self.symbols), source))
            return self.recorder.size_input(value)
        self.sources.append(source)
        return self.recorder.number_input(name)


def _record(request: _Request, recorder: Any, state: context.Capture) -> tuple[Any, Record]:
    compiled, leaves = request.compiled, request.leaves
    inputs = _Inputs(recorder)
    names = leaf_names(compiled.__wrapped__, request.args, request.kwargs, leaves)
    recorded = list(leaves)
    # Numbers first: the symbols of integers are the first ones.
    numbers = [] if request.plain or compiled.dynamic is False else list(range(len(leaves)))
    for k in numbers:
        if request.dynamic[k] is True:
            recorded[k] = inputs.number(leaves[k], names[k], ("leaf", k))
    for effect in request.changing:
        place = (effect.kind, effect.owner, effect.key, effect.text)
        store(
            effect.kind,
            effect.owner,
            effect.key,
            inputs.number(effect.before, str(effect.key or ""), ("state", [place])),
        )
    tensors = [k for k, leaf in enumerate(leaves) if isinstance(leaf, _core.Tensor)]
    for group in request.shared:
        parts = inputs.shared([leaves[k] for k in group], [names[k] for k in group], group)
        for k, part in zip(group, parts, strict=True):
            recorded[k] = part
    for k in tensors:
        if recorded[k] is not leaves[k]:
            continue
        sizes = request.dynamic[k]
        if compiled.dynamic is not None:
            sizes = (compiled.dynamic,) * len(leaves[k].shape)
        recorded[k] = inputs.tensor(leaves[k], sizes, names[k], ("leaf", k))
        for name, size in zip(recorded[k].shape, leaves[k].shape, strict=True):
            if context.is_dim(name):
                state.sizes[str(name)] = int(size)
    new_args, new_kwargs = replace_leaves((request.args, request.kwargs), leaves, recorded)
    given = containers((new_args, tuple(new_kwargs.values())))
    function = target(compiled.__wrapped__, compiled.rewriting, state)
    state.arguments = [*new_args, *new_kwargs.values()]
    others = [leaf for leaf in leaves if not isinstance(leaf, _core.Tensor)]
    collector = state.watch = Collector([compiled.__wrapped__, *others], state.functions)
    recorder.on_failure(lambda: hosted.left_behind(collector, given))
    try:
        with collector:
            result = function(*new_args, **new_kwargs)
        check_remade(state.remade)
        if regions.innermost() is not None:
            regions.check(regions.Region(None, "capture"))
    finally:
        effects = collector.effects()
    known = {(effect.kind, id(effect.owner), effect.key) for effect in request.changing}
    changing = [e for e in effects if e.is_number() and (e.kind, id(e.owner), e.key) not in known]
    if changing and not request.plain and compiled.dynamic is not False:
        raise _Changing(request.changing + changing)
    if not request.shared:
        _check_sharing(leaves, tensors, inputs.sources, recorder.written_inputs())
    outputs = Outputs()
    template = outputs.template(result)
    after = [outputs.effect(effect, MISSING) for effect in effects] + changed_arguments(given, outputs)
    after += [
        ("grad", k, outputs.template(given), outputs.template(value))
        for k, value, given in recorder.changed_gradients()
    ]
    executable = recorder.finish(outputs.tensors, compiled.compile_budget)
    symbolic = {id(_current_value(effect)) for effect in request.changing}
    guards = [guard for guard in collector.result() if id(guard[-2]) not in symbolic]
    for constant in executable.constants:
        owner = executable.gradient_of(len(inputs.sources))
        places = collector.places(constant)
        inputs.sources.append(("grad", owner) if owner >= 0 else ("state", places) if places else ("fixed", constant))
    specialization = _core.Specialization(
        executable, inputs.sources, inputs.symbols, template, guards, after, recorder.failures
    )
    shown = [describe_input(leaves[k], request.dynamic[k]) for k in tensors]
    dump.executable(compiled.__name__, len(compiled.records) + 1, executable)
    seconds = executable.compile_seconds
    how = f"compiled in {seconds * 1e3:.1f} ms" if executable.ready else "compiling in the background"
    dump.log("capture", f"{compiled.__name__}: captured for ({', '.join(shown)}), {how}")
    for note in state.notes:
        dump.log("capture", f"{compiled.__name__}: {note}")
    call = CallShape(names, inputs.sources, template, after)
    return specialization, Record(specialization, [names[k] for k in tensors], shown, guards, state.notes, call)


def _check_sharing(leaves: list[Any], tensors: list[int], sources: list[Any], written: list[int]) -> None:
    """Raise _Sharing if an argument that was written to shares memory with another one."""
    groups = [[tensors[i] for i in group] for group in _core.sharing([leaves[k] for k in tensors])] if written else []
    changed = {sources[k][1] for k in written if k < len(sources) and sources[k][0] == "leaf"}
    if groups := [group for group in groups if changed.intersection(group)]:
        raise _Sharing(groups)


def _current_value(effect: Effect) -> Any:
    return current((effect.kind, effect.owner, effect.key))


_TRY_SCRIPT = "; try @td.script"


def _instead_of_script(error: Exception) -> str:
    """What to try in a function that is annotated with @td.script already."""
    frames = frames_of(user_traceback(error.__traceback__))
    code = frames[-1].tb_frame.f_code if frames else None
    if code in missing:
        return (
            f"defining '{code.co_name}' in a file, a notebook or at a prompt: {missing[code]}, so that its control "
            "flow could not be captured"
        )
    return "computing with the tensor itself, which 'if', 'while', 'for' and range() take as it is, or td.where"


def _with_sizes(text: str, sizes: dict[str, int]) -> str:
    """Say what the named sizes in a message are in this call."""
    named = [name for name in sizes if re.search(rf"\b{name}\b", text)]
    values = ", ".join(f"{name} is {sizes[name]}" for name in named)
    return text.replace("; need", f" ({values}); need", 1) if named else text


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
    elif isinstance(error, _core.CaptureError) and state.rewriting and _TRY_SCRIPT in str(error):
        failure = _core.CaptureError(str(error).split(_TRY_SCRIPT)[0] + f"; try {_instead_of_script(error)}")
    elif isinstance(error, _core.Error):
        text = _with_sizes(str(error), state.sizes)
        failure = error if text == str(error) else type(error)(text)
    if failure is not error:
        failure.__cause__ = error
        failure = failure.with_traceback(error.__traceback__)
    return locate(failure)
