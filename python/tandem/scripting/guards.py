"""Guards: everything that a capture read and that is not a tensor argument.

While the user's function runs once, a profile hook sees every Python function that starts. Its code says which
globals, closure cells and attributes it may read (`reads.py`); their values now are what the compiled function
assumes. Attributes are followed from the arguments and globals on: an object that was made during the capture cannot
change between calls.

What the code stores is watched too: new values of attributes, globals, closure variables and contents of containers
are undone after the capture and become effects, which every compiled call repeats.
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
from tandem.scripting import context, rewriter, texts
from tandem.scripting.context import is_user_file
from tandem.scripting.effects import CONTAINERS, MISSING, PLAIN, Effect, grows, same, same_contents
from tandem.scripting.errors import PACKAGE, capture_error, is_internal
from tandem.scripting.reads import Chain, reads

MAX_CONTENTS = 10_000
# Code of this package that keeps state of its own: what it reads is guarded like what users' code reads.
_STATEFUL = tuple(
    os.path.join(PACKAGE, place) for place in (os.path.join("nn", ""), os.path.join("optim", ""), "amp.py")
)

Guard = tuple[Any, ...]


def show(value: Any) -> str:
    """A value in a message: short."""
    if value is MISSING:
        return "not set"
    if isinstance(value, _core.Tensor):
        return f"a tensor {value.dtype}{list(value.shape)}"
    if isinstance(value, PLAIN):
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    name = getattr(value, "__name__", None)
    return f"{type(value).__name__} '{name}'" if isinstance(name, str) else f"a {type(value).__name__}"


def current(guard: Guard) -> Any:
    """What stands now where a guard looks; MISSING when nothing does."""
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
        self.contents: dict[int, Guard] = {}
        self.growing: dict[int, Guard] = {}  # containers that are only added to: what they hold does not matter
        self._set_keys: dict[int, set[Any]] = {}  # of dicts among them: the keys that the code sets
        self._cell_names: dict[int, str] = {}
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
        if isinstance(value, (*PLAIN, _core.Tensor)):
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

    def knows(self, value: Any) -> bool:
        """Whether this object, which is no plain value, is known to have existed before the capture."""
        return id(value) in self._known

    def _contain(self, value: Any, text: str) -> None:
        """Guard the contents of a list, dict, set or tuple, and what is in there."""
        if type(value) not in (list, dict, set, tuple) or id(value) in self.contents or len(value) > MAX_CONTENTS:
            return
        if id(value) in self.growing:
            self.contents[id(value)] = self.growing[id(value)]  # this capture may have added to it since
        elif type(value) is not tuple:
            text_now = f"contents of {text} changed"
            self.contents[id(value)] = (CONTAINERS[type(value)], value, value.copy(), text_now)
        for item in value.values() if isinstance(value, dict) else value:
            self._know(item)
            self._contain(item, text)

    def _look(self, value: Any, text: str, following: tuple[tuple[str, Any], ...]) -> None:
        """Guard the contents of a container, unless the next step only adds to it."""
        if not following or not grows(value, following[0]):
            self._contain(value, text)
        elif id(value) not in self.contents:
            kind, name = following[0]
            if kind == "set":
                self._set_keys.setdefault(id(value), set()).add(name)
            if id(value) not in self.growing:
                text_now = f"contents of {text} changed"
                self.growing[id(value)] = (CONTAINERS[type(value)], value, value.copy(), text_now)

    def _containers(self) -> dict[int, Guard]:
        return {**self.growing, **self.contents}

    # Frames

    def _event(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        if context.current() is None:  # an interrupt came while the capture ended
            self._install(self._others)
        elif event == "call":
            code = frame.f_code
            filename = code.co_filename
            if code.co_filename == "<string>" and is_internal(frame):
                pass  # what dataclasses generate for this package
            elif is_user_file(filename) or filename.startswith(_STATEFUL) or code in self._functions:
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
            own = code.co_filename.startswith(PACKAGE)  # whose global variables nobody changes
            for chain in () if own else plan.chains:
                if chain.kind == "global":
                    self._global(chain, scope, code)
            for name, line in plan.stored_globals.items():
                text = f"global '{name}' ({self._place(code, line)})"
                self.watched["item", id(scope), name] = ("item", scope, name, scope.get(name, MISSING), text)
            if not own:
                self._defaults(code)
        if code.co_freevars and code not in self._inner:
            self._cells(code, plan.chains)
        known = frame.f_locals
        for chain in plan.chains:
            if chain.kind == "argument" and (chain.path or chain.stores or chain.every):
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
                self._cell_names[id(cell)] = name
                self.guards["cell", id(cell), None] = ("cell", cell, value, f"{text} was {show(value)}")
                self._know(value)
                uses = [chain for chain in chains if chain.kind == "cell" and chain.root == name]
                if not uses:
                    self._contain(value, text)
                for chain in uses:
                    self._follow(value, chain, f"'{name}", code)

    def _follow(self, value: Any, chain: Chain, text: str, code: types.CodeType) -> None:
        """Guard `value.a.b[0]` as far as reading it has no effects."""
        where = f"({self._place(code, chain.line)})"
        self._look(value, f"{text}' {where}", chain.path)
        for place, (kind, name) in enumerate(chain.path):
            if kind == "set" or isinstance(value, (*PLAIN, _core.Tensor)) or id(value) not in self._known:
                return
            text += f"[{name!r}]" if kind == "key" else f".{name}"
            value = self._step(value, kind, name, f"attribute {text}' {where}")
            if value is MISSING:
                return
            self._look(value, f"{text}' {where}", chain.path[place + 1 :])
        if chain.every and id(value) in self._known and not isinstance(value, (type, types.ModuleType)):
            for name in list(getattr(value, "__dict__", ())):
                found = self._step(value, "attr", name, f"attribute {text}.{name}' {where}")
                self._look(found, f"{text}.{name}' {where}", ())
        if chain.stores and id(value) in self._known and not isinstance(value, types.ModuleType):
            if isinstance(inspect.getattr_static(type(value), chain.stores, None), property):
                return  # what its setter stores is seen when that runs
            old = _static(value, chain.stores)
            key = ("attr", id(value), chain.stores)
            entry = f"attribute {text}.{chain.stores}' {where}"
            self.watched.setdefault(key, ("attr", value, chain.stores, old, entry))

    def _place(self, code: types.CodeType, line: int) -> str:
        text = f"{texts.short(code.co_filename)}:{line}"
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
        stored = self.watched.get(key)
        if stored is not None and not same(value, stored[-2]):
            return  # this capture itself has put it there
        if key not in self.guards:
            self.guards[key] = (kind, owner, name, value, f"{text} was {show(value)}")
        self._know(value)

    # After the capture

    def result(self) -> list[Guard]:
        return [*self.guards.values(), *self.contents.values()]

    def places(self, value: Any) -> list[tuple[Any, ...]]:
        """Where the capture read this object: (kind, owner, key, text), the key being None for a closure cell."""
        found = [
            (guard[0], guard[1], None if guard[0] == "cell" else guard[2], guard[-1].split(" was ")[0])
            for guard in self.guards.values()
            if guard[-2] is value
        ]
        for kind, container, before, text in self.contents.values():
            items = enumerate(before) if kind == "list" else before.items() if kind == "dict" else ()
            found += [("item", container, key, text.removesuffix(" changed")) for key, item in items if item is value]
        return found

    def state(self) -> dict[Any, Any]:
        """What stands at all places of guards now, and what containers hold."""
        now: dict[Any, Any] = {}
        for key, guard in [*self.watched.items(), *self.guards.items()]:
            now[key] = current(guard)
        for number, (_, container, _, _) in self._containers().items():
            now[number] = container.copy()
        return now

    def changed_since(self, before: dict[Any, Any], places: frozenset[Any], names: tuple[str, ...]) -> str | None:
        """The first that is another one now, apart from `places` and variables of these names.

        What was seen only after `before` was taken was as its guard says.
        """
        for key, guard in [*self.watched.items(), *self.guards.items()]:
            carried = key in places or (key[0] == "cell" and self._cell_names.get(key[1]) in names)
            if not carried and not same(current(guard), before.get(key, guard[-2])):
                return str(guard[-1].split(" was ")[0])
        for number, (_, container, first, text) in self._containers().items():
            if number not in places and not same_contents(container, before.get(number, first)):
                return text.removesuffix(" changed")
        return None

    def effects(self) -> list[Effect]:
        """Undo what the capture changed outside of itself, and return it, each change once."""
        self._doubtful()
        found = self.changes()
        for effect in found:
            effect.undo()
        return found

    def changes(self) -> list[Effect]:
        """What the capture has changed outside of itself so far, each change once."""
        found: dict[tuple[Any, ...], Effect] = {}
        for guard in [*self.watched.values(), *self.guards.values()]:
            now = current(guard)
            if same(now, guard[-2]):
                continue
            key = None if guard[0] == "cell" else guard[2]
            identity = (guard[0], id(guard[1]), key)
            if identity not in found:
                text = guard[-1].split(" was ")[0]
                found[identity] = Effect(guard[0], guard[1], key, guard[-2], now, text, self._line(text))
        for number, (kind, container, before, text) in self._containers().items():
            if same_contents(container, before):
                continue
            where = text.removesuffix(" changed")
            line = self._line(where)
            if number in self.contents:
                found[kind, number] = Effect(kind, container, None, before, container.copy(), where, line)
            elif kind == "dict":
                for key in container:
                    old = before.get(key, MISSING)
                    if not same(container[key], old):
                        found[kind, number, key] = Effect("item", container, key, old, container[key], where, line)
            elif kind == "list":
                items = container[len(before) :]
                found[kind, number] = Effect("extend", container, None, before, items, where, line)
            else:
                found[kind, number] = Effect("add", container, None, before, container - before, where, line)
        return list(found.values())

    def _doubtful(self) -> None:
        """Guard what containers that are only added to hold, where that has changed more or less than additions show.

        An item that was there already may have been set again or not: the next call need not find it there.
        """
        for number, guard in self.growing.items():
            kind, container, before, _ = guard
            if kind == "dict":
                keys = self._set_keys.get(number, set())
                plain = all(key in container and not same(container[key], before.get(key, MISSING)) for key in keys)
                plain = plain and all(key in keys or same(container.get(key, MISSING), before[key]) for key in before)
            elif kind == "list":
                plain = len(container) >= len(before) and all(map(same, container, before))
            else:
                plain = container > before
            if not plain:
                self.contents.setdefault(number, guard)

    def _line(self, text: str) -> tuple[types.CodeType, int] | None:
        return self._places.get(text.rpartition(" (")[2].rstrip(")"))


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
    if not isinstance(value, type) and getattr(value, "__dict__", {}).get(name, MISSING) is found:
        return found  # of the object's own: only what stands in its class is bound when it is read
    if isinstance(found, staticmethod):
        return found.__func__
    if isinstance(found, (property, classmethod)) or (
        hasattr(type(found), "__get__") and not isinstance(found, types.FunctionType)
    ):
        return MISSING
    return found
