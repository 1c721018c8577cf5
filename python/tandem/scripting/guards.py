"""Guards: everything that a capture read and that is not a tensor argument.

While the user's function runs once, a profile hook sees every Python function that starts. Its code says which
globals, closure cells and attributes it may read (`reads.py`); their values now are what the compiled function
assumes. Attributes are followed from the arguments and globals on: an object that was made during the capture cannot
change between calls.

What the code stores is watched too. A compiled function repeats tensor writes, but not a new value of an attribute or
a global; such a capture is undone and refused.
"""

from __future__ import annotations

import builtins
import gc
import inspect
import os
import sys
import types
from collections.abc import Iterable
from typing import Any

from tandem import _core
from tandem.scripting import rewriter
from tandem.scripting.context import is_user_file
from tandem.scripting.errors import PACKAGE, capture_error, locate_line
from tandem.scripting.reads import Chain, reads

MISSING = object()
MAX_CONTENTS = 10_000
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_NN = os.path.join(PACKAGE, "nn", "")

Guard = tuple[Any, ...]


def same(a: Any, b: Any) -> bool:
    """The comparison of a guard: identity, or equal plain values of one type."""
    return a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and bool(a == b))


class Contents:
    """A list, dict or set as it was; `same` says whether it still is."""

    __slots__ = ("_copy", "_value")

    def __init__(self, value: Any) -> None:
        self._value = value
        self._copy = value.copy()

    @property
    def same(self) -> bool:
        value, copy = self._value, self._copy
        if len(value) != len(copy):
            return False
        if isinstance(value, dict):
            return all(same(a, b) and same(value[a], copy[b]) for a, b in zip(value, copy, strict=True))
        if isinstance(value, list):
            return all(map(same, value, copy))
        return bool(value == copy)

    def restore(self) -> None:
        value: Any = self._value
        if isinstance(value, list):
            value[:] = self._copy
        else:
            value.clear()
            value.update(self._copy)


def show(value: Any) -> str:
    """A value in a message: short."""
    if value is MISSING:
        return "not set"
    if isinstance(value, _core.Tensor):
        return f"a tensor {value.dtype}{list(value.shape)}"
    if isinstance(value, _PLAIN):
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    name = getattr(value, "__name__", None)
    return f"{type(value).__name__} '{name}'" if isinstance(name, str) else f"a {type(value).__name__}"


def _current(guard: Guard) -> Any:
    kind, owner = guard[0], guard[1]
    try:
        if kind == "cell":
            return owner.cell_contents
        return owner[guard[2]] if kind == "item" else getattr(owner, guard[2])
    except (KeyError, AttributeError, ValueError, IndexError):
        return MISSING


class Collector:
    """Collects the guards of one capture; use as a context manager around the user's function."""

    def __init__(self, roots: Iterable[Any], called: list[types.FunctionType]) -> None:
        self._called = called  # grows during the capture: the functions that rewritten code calls
        self.guards: dict[tuple[Any, ...], Guard] = {}
        self.watched: dict[tuple[Any, ...], Guard] = {}
        self.contents: dict[int, tuple[Contents, str]] = {}
        self._known: dict[int, Any] = {}
        self._functions: dict[types.CodeType, list[types.FunctionType]] = {}
        self._done: set[tuple[Any, ...]] = set()
        self._inner: set[types.CodeType] = set()
        self._places: dict[str, tuple[types.CodeType, int]] = {}  # what the texts of guards say after "at"
        for root in roots:
            self._know(root)

    # A profiler or debugger that is at work goes on seeing every event. A profiler written in C cannot be called from
    # here, so next to one the hook is that of debuggers.

    def __enter__(self) -> Collector:
        profiler = sys.getprofile()
        self._tracing = profiler is not None and not callable(profiler)
        self._others: Any = sys.gettrace() if self._tracing else profiler
        self._install(self._event)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        lost = (sys.gettrace() if self._tracing else sys.getprofile()) != self._event
        self._install(self._others)
        if lost and kind is None:
            raise capture_error(
                "capture",
                "a function that starts or stops a profiler or debugger while it is being captured",
                "one that leaves sys.setprofile and sys.settrace alone, because guards depend on them",
                "doing that outside of the function",
            )

    def _install(self, hook: Any) -> None:
        (sys.settrace if self._tracing else sys.setprofile)(hook)

    # What is known to exist before the capture

    def _know(self, value: Any) -> None:
        if isinstance(value, (*_PLAIN, _core.Tensor)):
            return
        self._known[id(value)] = value
        if isinstance(value, types.MethodType):
            self._know(value.__self__)
            self._know(value.__func__)
        elif isinstance(value, types.FunctionType):
            self._functions.setdefault(value.__code__, []).append(value)
            inner = getattr(value, "__wrapped__", None)
            if inner is not None:
                self._know(inner)
        elif type(value).__module__ == "tandem.jit":
            self._know(value.__wrapped__)
        elif not isinstance(value, (type, types.ModuleType)):
            for name in ("__call__", "forward"):
                method = getattr(type(value), name, None)
                if isinstance(method, types.FunctionType):
                    self._functions.setdefault(method.__code__, []).append(method)

    def _contain(self, value: Any, text: str) -> None:
        """Guard the contents of a list, dict, set or tuple, and what is in there."""
        if type(value) not in (list, dict, set, tuple) or id(value) in self.contents or len(value) > MAX_CONTENTS:
            return
        if type(value) is not tuple:
            contents = Contents(value)
            self.contents[id(value)] = (contents, text)
            self.guards[("contents", id(value))] = ("attr", contents, "same", True, f"contents of {text} changed")
        for item in value.values() if isinstance(value, dict) else value:
            self._know(item)
            self._contain(item, text)

    # Frames

    def _event(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        if event == "call":
            code = frame.f_code
            filename = code.co_filename
            if is_user_file(filename) or filename.startswith(_NN) or code in self._functions:
                self._install(None)  # what follows is not the user's code
                try:
                    self._frame(frame, code)
                finally:
                    self._install(self._event)
        return None if self._others is None else self._others(frame, event, argument)

    def _frame(self, frame: types.FrameType, code: types.CodeType) -> None:
        original = rewriter.originals.get(code)
        if original is None and code in rewriter.rewritten:
            return  # written inside a rewritten function, which has been scanned with what is inside it
        code = original or code
        plan = reads(code)
        scope = frame.f_globals
        if (code, id(scope)) not in self._done:
            self._done.add((code, id(scope)))
            self._mark_inner(code)
            for chain in plan.chains:
                if chain.kind == "global":
                    self._global(chain, scope, code)
            for name, line in plan.stored_globals.items():
                text = f"global '{name}' ({self._place(code, line)})"
                self.watched["item", id(scope), name] = ("item", scope, name, scope.get(name, MISSING), text)
            self._defaults(code)
        if code.co_freevars and code not in self._inner:
            self._cells(code, plan.chains)
        known = frame.f_locals
        for chain in plan.chains:
            if chain.kind == "argument" and (chain.path or chain.stores):
                value = known.get(chain.root, MISSING)
                if id(value) in self._known:
                    self._follow(value, chain, f"'{chain.root}", code)

    def _mark_inner(self, code: types.CodeType) -> None:
        for item in code.co_consts:
            if isinstance(item, types.CodeType) and item not in self._inner:
                self._inner.add(item)
                self._mark_inner(item)

    def _global(self, chain: Chain, scope: dict[str, Any], code: types.CodeType) -> None:
        value = scope.get(chain.root, MISSING)
        if value is MISSING:
            if chain.root in vars(builtins):
                return
            return  # Python itself will raise NameError
        text = f"global '{chain.root}' ({self._place(code, chain.line)})"
        self._add("item", scope, chain.root, value, text)
        self._follow(value, chain, f"'{chain.root}", code)

    def _defaults(self, code: types.CodeType) -> None:
        for function in self._functions.get(code, ()):
            for name in ("__defaults__", "__kwdefaults__"):
                value = getattr(function, name)
                if value is not None:
                    text = f"default arguments of '{function.__qualname__}' ({self._place(code, code.co_firstlineno)})"
                    self._add("attr", function, name, value, text)
                    self._contain(value, text)

    def _cells(self, code: types.CodeType, chains: list[Chain]) -> None:
        functions = [*self._functions.get(code, ()), *(f for f in self._called if f.__code__ is code)]
        if not functions:
            functions = [f for f in gc.get_referrers(code) if isinstance(f, types.FunctionType) and f.__code__ is code]
            self._functions[code] = functions
        lines = {chain.root: chain.line for chain in reversed(chains) if chain.kind == "cell"}
        for function in functions:
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
                if name == "__class__" or ("cell", id(cell), None) in self.guards:
                    continue
                try:
                    value = cell.cell_contents
                except ValueError:
                    continue
                line = lines.get(name, code.co_firstlineno)
                text = f"closure variable '{name}' ({self._place(code, line)})"
                self.guards["cell", id(cell), None] = ("cell", cell, value, f"{text} was {show(value)}")
                self._know(value)
                self._contain(value, text)
                for chain in chains:
                    if chain.kind == "cell" and chain.root == name:
                        self._follow(value, chain, f"'{name}", code)

    def _follow(self, value: Any, chain: Chain, text: str, code: types.CodeType) -> None:
        """Guard `value.a.b[0]` as far as reading it has no effects."""
        where = f"({self._place(code, chain.line)})"
        self._contain(value, f"{text}' {where}")
        for kind, name in chain.path:
            if isinstance(value, (*_PLAIN, _core.Tensor)) or id(value) not in self._known:
                return
            text += f"[{name!r}]" if kind == "key" else f".{name}"
            value = self._step(value, kind, name, f"attribute {text}' {where}")
            if value is MISSING:
                return
            self._contain(value, f"{text}' {where}")
        if chain.stores and id(value) in self._known and not isinstance(value, types.ModuleType):
            old = _static(value, chain.stores)
            key = ("attr", id(value), chain.stores)
            entry = f"attribute {text}.{chain.stores}' {where}"
            self.watched.setdefault(key, ("attr", value, chain.stores, old, entry))

    def _place(self, code: types.CodeType, line: int) -> str:
        text = f"{os.path.basename(code.co_filename)}:{line}"
        self._places[text] = code, line
        return text

    def _step(self, value: Any, kind: str, name: Any, text: str) -> Any:
        if kind == "key":
            if type(value) not in (list, dict, tuple):
                return MISSING
            try:
                return value[name]  # its contents are guarded
            except (KeyError, IndexError):
                return MISSING
        if isinstance(value, types.ModuleType):
            if not is_user_file(getattr(value, "__file__", None) or "<frozen>"):
                return MISSING
            found = vars(value).get(name, MISSING)
            if found is not MISSING:
                self._add("item", vars(value), name, found, text)
            return found
        found = _static(value, name)
        if found is MISSING:
            return MISSING
        if isinstance(found, types.FunctionType) and name not in getattr(value, "__dict__", {}):
            owner = value if isinstance(value, type) else type(value)
            if is_user_file(found.__code__.co_filename):
                self._add("attr", owner, name, found, text)
            return MISSING
        self._add("attr", value, name, found, text)
        return found

    def _add(self, kind: str, owner: Any, name: Any, value: Any, text: str) -> None:
        key = (kind, id(owner), name)
        if key not in self.guards:
            self.guards[key] = (kind, owner, name, value, f"{text} was {show(value)}")
        self._know(value)

    # After the capture

    def result(self) -> list[Guard]:
        return list(self.guards.values())

    def side_effect(self) -> Exception | None:
        """Undo what the capture changed outside of itself; return the error that names the first such change."""
        changes = []
        for guard in [*self.watched.values(), *self.guards.values()]:
            if isinstance(guard[1], Contents):
                continue
            now = _current(guard)
            if not same(now, guard[-2]) and not (now is MISSING and guard[-2] is MISSING):
                change = f"a change from {show(guard[-2])} to {show(now)}"
                changes.append((guard[-1].split(" was ")[0], change))
                _restore(guard)
        for contents, text in self.contents.values():
            if not contents.same:
                changes.append((text, "a change of its contents"))
                contents.restore()
        if not changes:
            return None
        text, change = changes[0]
        error = capture_error(
            text,
            f"{change} during capture, which compiled calls would not repeat",
            "a function whose effects are its result and its writes into tensors",
            "returning the new value, writing into a tensor ('t[...] = value'), or fallback=True",
        )
        place = text.rpartition(" (")[2].rstrip(")")
        if place in self._places:
            locate_line(error, *self._places[place])
        return error


def _static(value: Any, name: str) -> Any:
    """The attribute without running the user's properties; MISSING where that cannot be known."""
    try:
        found = inspect.getattr_static(value, name)
    except AttributeError:
        # A module of this package keeps parameters where its own __getattr__ finds them.
        hook = getattr(type(value), "__getattr__", None)
        if hook is not None and (getattr(hook, "__module__", None) or "").startswith("tandem."):
            return getattr(value, name, MISSING)
        return MISSING
    if isinstance(found, types.MemberDescriptorType):
        return getattr(value, name, MISSING)
    if isinstance(found, staticmethod):
        return found.__func__
    if isinstance(found, (property, classmethod)) or (
        hasattr(type(found), "__get__") and not isinstance(found, types.FunctionType)
    ):
        return MISSING
    return found


def _restore(guard: Guard) -> None:
    kind, owner, old = guard[0], guard[1], guard[-2]
    if kind == "cell":
        owner.cell_contents = old
    elif kind == "item":
        if old is MISSING:
            owner.pop(guard[2], None)
        else:
            owner[guard[2]] = old
    elif old is MISSING:
        delattr(owner, guard[2])
    else:
        setattr(owner, guard[2], old)
