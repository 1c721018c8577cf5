"""What the variables of the running functions lead to: which objects, what these hold, and who else holds them.

A branch or loop body is recorded whether or not it will run. What it does to tensors and to the variables it names
becomes part of the graph; anything else that it changes would be changed in every call. Two pictures, before and after,
show that, whoever made the change: a method, a function called, an iterator that went on.
"""

from __future__ import annotations

import gc
import io
import itertools
import operator
import random
import sys
import types
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

from tandem import _core
from tandem.scripting import context
from tandem.scripting.effects import MISSING, PLAIN, same
from tandem.scripting.errors import PACKAGE

MAX_OBJECTS = 20_000  # further ones are not looked at, and neither is what a container of so many items holds
MAX_BYTES = 1 << 16

_Member = types.MemberDescriptorType
_OPAQUE = (*PLAIN, _core.Tensor, type, types.ModuleType, types.CodeType, types.FrameType)
_LISTS = (list, tuple, deque, set, frozenset)
# They hand out what others hold, and say how much is left.
_EMPTY: tuple[Any, ...] = ([], (), "", set(), range(0), {}, {}.values(), {}.items())
_ITERATORS = (*(type(iter(empty)) for empty in _EMPTY), type(reversed([])))
_PIPES = (enumerate, zip, map, filter, itertools.islice, itertools.chain, itertools.takewhile, itertools.cycle)

Part = tuple[str, Any]


def slots(cls: type) -> list[str]:
    return [name for base in cls.__mro__ for name, item in vars(base).items() if type(item) is _Member]


@lru_cache(maxsize=1024)
def _is_users(module: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None)
    return context.is_user_file(file or "<made>")


def attributes(value: Any) -> dict[str, Any]:
    """The attributes that an object has of its own, if its class is the user's."""
    cls = type(value)
    if cls is not types.SimpleNamespace and cls is not types.FunctionType and not _is_users(cls.__module__):
        return {}
    own = getattr(value, "__dict__", None)
    found = dict(own) if type(own) is dict else {}
    if cls is types.FunctionType:
        return found  # its slots lead to everything that its module knows
    for name in slots(cls):
        item = getattr(value, name, MISSING)
        if item is not MISSING:
            found[name] = item
    return found


def contents(value: Any) -> tuple[Part, ...]:
    """What can change about an object: its items and attributes, or what stands for them."""
    if isinstance(value, dict):
        parts = [part for key, item in value.items() for part in (("", key), (f"[{key!r}]", item))]
    elif isinstance(value, _LISTS):
        parts = [(f"[{k}]", item) for k, item in enumerate(value)]
    else:
        parts = [("", item) for item in _inside(value)]
    if type(value) not in (dict, *_LISTS):
        parts += [(f".{name}", item) for name, item in attributes(value).items()]
    return tuple(parts)


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, types.FunctionType):
        yield from value.__defaults__ or ()
        yield from (value.__kwdefaults__ or {}).values()
        return
    if isinstance(value, types.MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, types.BuiltinFunctionType):
        yield value.__self__
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, types.GeneratorType):
        if value.gi_running:
            return  # one of the functions on the stack
        frame = value.gi_frame
        yield -1 if frame is None else frame.f_lasti
        yield from [] if frame is None else frame.f_locals.values()
    elif isinstance(value, _ITERATORS):
        yield operator.length_hint(value)
    elif isinstance(value, itertools.count):
        yield repr(value)
    elif isinstance(value, _PIPES):
        yield from gc.get_referents(value)
    elif isinstance(value, random.Random):
        yield repr(value.getstate())
    elif isinstance(value, (io.StringIO, io.BytesIO)):
        yield from () if value.closed else (value.tell(), value.getvalue())
    elif isinstance(value, bytearray):
        yield bytes(value)
    else:
        yield from _of_numpy(value)


def _of_numpy(value: Any) -> Iterator[Any]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return
    if isinstance(value, numpy.ndarray) and value.nbytes <= MAX_BYTES:
        yield value.tobytes()
    elif isinstance(value, numpy.random.Generator):
        yield repr(value.bit_generator.state)
    elif isinstance(value, numpy.random.RandomState):
        yield repr(value.get_state())


def _cells(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue


class Picture:
    """The objects that the functions on the stack of a capture lead to, at one moment.

    `variables`: what some of the innermost function are taken to hold.
    """

    def __init__(self, variables: dict[str, Any]) -> None:
        self.found: dict[int, tuple[Any, str, tuple[Part, ...]]] = {}
        self.holders: Counter[int] = Counter()
        capture = context.current()
        self._knows: Callable[[Any], bool] = bool if capture is None or capture.watch is None else capture.watch.knows
        self._work: deque[tuple[Any, str]] = deque()
        self._shared: set[tuple[str, int]] = set()  # variables that functions inside of others use
        own = {name for name in variables if "." not in name}
        for name in own:
            self._meet(variables[name], name)
        free: dict[str, Any] = {}
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and not (capture is not None and frame.f_code is capture.boundary):
            code = frame.f_code
            if not code.co_filename.startswith(PACKAGE):
                now = dict(frame.f_locals)
                for name, value in now.items():
                    if name not in own and not (name in free and free[name] is value):
                        self._meet(value, name)
                free.update((name, now[name]) for name in code.co_freevars if name in now)
                inner = (*code.co_freevars, *code.co_cellvars)
                self._shared.update((name, id(variables.get(name, now[name]))) for name in inner if name in now)
                own = set()
            frame = frame.f_back
        for value in [] if capture is None else capture.arguments:
            self._meet(value, "argument")
        while self._work and len(self.found) < MAX_OBJECTS:
            self._look(*self._work.popleft())

    def _meet(self, value: Any, path: str) -> None:
        if isinstance(value, _OPAQUE):
            return
        self.holders[id(value)] += 1
        if id(value) in self.found or type(value).__module__.startswith("tandem.") or self._knows(value):
            return
        self.found[id(value)] = (value, path, ())
        self._work.append((value, path))

    def _look(self, value: Any, path: str) -> None:
        if isinstance(value, (dict, *_LISTS)) and len(value) > MAX_OBJECTS:
            return
        parts = contents(value)
        self.found[id(value)] = (value, path, parts)
        for step, part in parts:
            self._meet(part, path + step)
        if isinstance(value, types.FunctionType):
            for name, part in _cells(value):
                if (name, id(part)) not in self._shared:
                    self._meet(part, name)

    def held(self, value: Any, places: int) -> bool:
        """Whether an object is reached in more ways than these, or from outside of the captured function."""
        return self.holders[id(value)] > places or self._knows(value)

    def changed(self, values: Iterable[Any]) -> list[tuple[Any, str]]:
        """Those of the objects that are not as they were, with the way to them."""
        found = [self.found[id(value)] for value in values if id(value) in self.found]
        return [(value, path) for value, path, before in found if changed_contents(value, before)]

    def change(self, places: frozenset[Any]) -> str | None:
        """The first object that is not as it was, apart from `places`: ids of objects, or of owners and attributes."""
        for number, (value, path, before) in self.found.items():
            if number in places or id(getattr(value, "__dict__", None)) in places:
                continue
            now = contents(value)
            if not _same(now, before) and not _same(_rest(now, number, places), _rest(before, number, places)):
                return f"'{path}'"
        return None


def _same(now: tuple[Part, ...], before: tuple[Part, ...]) -> bool:
    return len(now) == len(before) and all(a[0] == b[0] and same(a[1], b[1]) for a, b in zip(now, before, strict=True))


def _rest(parts: tuple[Part, ...], owner: int, places: frozenset[Any]) -> tuple[Part, ...]:
    return tuple(part for part in parts if not (part[0].startswith(".") and ("attr", owner, part[0][1:]) in places))


def changed_contents(value: Any, before: tuple[Part, ...]) -> bool:
    """Whether an object holds other things than it did."""
    return not _same(contents(value), before)
