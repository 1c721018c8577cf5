"""What compiled code does through Python at each call: `print`, `assert` and `raise` that depend on tensors.

While the function is captured their tensors have no values. So they become calls from the program back to Python, with
the tensors as they are at that point, in the order of the program.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable
from typing import Any

from tandem import _core, pytree
from tandem.scripting.context import is_dim, is_symbolic
from tandem.scripting.effects import refill, same_contents, store
from tandem.scripting.errors import capture_error, user_line
from tandem.scripting.guards import Collector
from tandem.scripting.state import Undefined, tested

_CONVERSIONS: dict[int, Callable[[Any], Any]] = {-1: lambda x: x, ord("s"): str, ord("r"): repr, ord("a"): ascii}


class Text:
    """An f-string that holds tensors: text and values in turn, to be put together when the program runs."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts

    def __str__(self) -> str:
        raise capture_error(
            "f-string",
            "a use of its text while the function is captured, when its tensors have no values",
            "print, assert or raise, which wait until the program runs",
            "passing the f-string straight to one of them",
        )

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return str(self)

    def __add__(self, other: Any) -> Any:
        return Text((*self.parts, other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Text((other, *self.parts)) if isinstance(other, str) else NotImplemented


class _Value:
    """`{value!conversion:spec}` of an f-string."""

    __slots__ = ("conversion", "spec", "value")

    def __init__(self, value: Any, conversion: int, spec: Any) -> None:
        self.value, self.conversion, self.spec = value, conversion, spec

    def text(self) -> str:
        return format(_CONVERSIONS[self.conversion](self.value), self.spec)


def value(item: Any, conversion: int = -1, spec: Any = "") -> Any:
    """One replacement field of an f-string: its text, or a part of a `Text`."""
    part = _Value(item, conversion, spec)
    return part if _waits(item) or isinstance(spec, Text) else part.text()


def text(*parts: Any) -> Any:
    """An f-string from its parts."""
    return "".join(parts) if all(isinstance(part, str) for part in parts) else Text(parts)


def _waits(item: Any) -> bool:
    """Whether a value, or something in a tuple, list or dict, is known only when the program runs."""
    return any(is_symbolic(leaf) or is_dim(leaf) or isinstance(leaf, Text) for leaf in pytree.flatten(item)[0])


class _Deferred:
    """A tree of values whose tensors are collected now and filled in when the program runs."""

    def __init__(self) -> None:
        self.tensors: list[Any] = []

    def template(self, tree: Any) -> Any:
        return pytree.map(self._leaf, tree)

    def _leaf(self, leaf: Any) -> Any:
        if is_symbolic(leaf) or is_dim(leaf):
            self.tensors.append(_core.lift(leaf))
            return _core.Slot(len(self.tensors) - 1)
        if isinstance(leaf, Text):
            return Text(
                tuple(
                    _Value(self.template(part.value), part.conversion, self._leaf(part.spec))
                    if isinstance(part, _Value)
                    else part
                    for part in leaf.parts
                )
            )
        return leaf


def _filled(tree: Any, values: tuple[Any, ...]) -> Any:
    def fill(leaf: Any) -> Any:
        if isinstance(leaf, _core.Slot):
            return values[leaf.index]
        if isinstance(leaf, Text):
            parts = [
                _Value(_filled(part.value, values), part.conversion, fill(part.spec)).text()
                if isinstance(part, _Value)
                else part
                for part in leaf.parts
            ]
            return "".join(parts)
        return leaf

    return pytree.map(fill, tree)


def tensor_print(*values: Any, **options: Any) -> None:
    """`print`, at each call of the captured function."""
    if not _core.recording():
        builtins.print(*values, **options)
        return
    deferred = _Deferred()
    template = deferred.template(values)
    text = _print_text(template, **options)
    _core.host_call(text, lambda *now: builtins.print(*_filled(template, now), **options), deferred.tensors)


def _print_text(values: tuple[Any, ...], sep: Any = " ", end: Any = "\n", file: Any = None, **_: Any) -> str:
    """What programs call a `print`, and models without Python show (deploy/printing.h): a format of the tensors.

    "print" alone where that would be another stream.
    """
    if file not in (None, sys.stdout, sys.stderr):
        return "print"
    shown = (" " if sep is None else sep).join(_field(item) for item in values) + ("\n" if end is None else end)
    escaped = shown.replace("\\", "\\\\").replace("\n", "\\n")
    return f"print to stderr: {escaped}" if file is not None and file is sys.stderr else f"print: {escaped}"


def _field(item: Any, conversion: int = -1, spec: Any = "") -> str:
    if isinstance(item, _core.Slot):
        shown = f"!{chr(conversion)}" if conversion > 0 else ""
        return f"{{{item.index}{shown}{f':{spec}' if isinstance(spec, str) and spec else ''}}}"
    if isinstance(item, Text):
        parts = item.parts
        return "".join(
            _field(part.value, part.conversion, part.spec) if isinstance(part, _Value) else _literal(part)
            for part in parts
        )
    if isinstance(item, (list, tuple)) and type(item) in (list, tuple):
        inside = ", ".join(_field(each, ord("r")) for each in item)
        return f"[{inside}]" if isinstance(item, list) else f"({inside}{',' if len(item) == 1 else ''})"
    return _literal(repr(item) if conversion == ord("r") else str(item))


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def asserted(test: Any, message: Callable[[], Any] | None = None) -> Any:
    """The condition of an `assert`; one that depends on tensors is tested when the program runs."""
    test = tested(test)
    if not is_symbolic(test):
        return test
    deferred = _Deferred()
    template = deferred.template(() if message is None else (message(),))
    place = _Place()

    def check(holds: bool, *now: Any) -> None:
        if not holds:
            place.throw(AssertionError(*_filled(template, now)))

    _core.host_call(_shown("assert", template), check, [_truth(test), *deferred.tensors])
    return True


def raised(error: Any, cause: Any = None) -> None:
    """An exception under a condition that depends on tensors: it is raised when the program comes here."""
    made = error() if isinstance(error, type) else error
    deferred = _Deferred()
    template = deferred.template(tuple(made.args))
    place = _Place()

    def throw(*now: Any) -> None:
        if deferred.tensors:
            place.throw(type(made)(*_filled(template, now)), cause)
        place.throw(made, cause)

    _core.host_call(_shown(f"raise {type(made).__name__}", template), throw, deferred.tensors)


def _shown(what: str, message: tuple[Any, ...]) -> str:
    """What programs, and models without Python, call it."""
    return f"{what}: {message[0]}" if message and isinstance(message[0], str) else what


def _truth(test: Any) -> Any:
    from tandem.scripting.state import truth

    return truth(test)


def left_behind(collector: Collector, given: list[tuple[Any, Any]]) -> tuple[Callable[..., None], list[Any]] | None:
    """What an exception at this point of the program does to what is no tensor: a function, and the tensors it takes.

    Eager code would have made these changes before it. `given` are the containers among the arguments, and copies.
    """
    deferred = _Deferred()
    changes = []
    for effect in collector.changes():
        if not _is_lost(effect.now):
            changes.append((effect.kind, effect.owner, effect.key, deferred.template(effect.now)))
    contents = [
        (number, deferred.template(now))
        for number, (now, before) in enumerate(given)
        if not same_contents(now, before) and not _is_lost(now)
    ]
    if not changes and not contents:
        return None

    def apply(*values: Any) -> None:
        for kind, owner, key, template in changes:
            store(kind, owner, key, _filled(template, values))
        for number, template in contents:
            refill(_core.call_containers()[number], _filled(template, values))

    return apply, deferred.tensors


def _is_lost(tree: Any) -> bool:
    return any(isinstance(leaf, Undefined) for leaf in pytree.flatten(tree)[0])


class _Place:
    """The user's line that is being captured, so that an exception can come from there later."""

    def __init__(self) -> None:
        self.filename, self.line = user_line()
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and (frame.f_code.co_filename, frame.f_lineno) != (self.filename, self.line):
            frame = frame.f_back
        self.name = frame.f_code.co_name if frame is not None else "<module>"

    def throw(self, error: BaseException, cause: Any = None) -> None:
        """Raise from a frame that has the user's file, line and function name."""
        code = compile(
            "\n" * (self.line - 1) + "raise error from cause" if cause else "\n" * (self.line - 1) + "raise error",
            self.filename,
            "exec",
        )
        code = code.replace(co_name=self.name)
        exec(code, {"error": error, "cause": cause})
