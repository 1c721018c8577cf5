"""What a program being made knows about its variables: it runs on example sizes while it is written.

Nothing here predicts shapes or dtypes. Every expression is evaluated eagerly in several worlds, which differ in the
sizes of the arguments, and is taken only if it works in all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tandem as td

MAX_ELEMENTS = 5000
MAX_RANK = 5

Value = tuple[Any, ...]  # one per world


def type_of(values: Value) -> tuple[Any, ...]:
    """What must stay the same when a variable is assigned in a loop."""
    return tuple(
        (str(value.dtype), tuple(value.shape)) if isinstance(value, td.Tensor) else type(value).__name__
        for value in values
    )


def is_tensor(values: Value) -> bool:
    return isinstance(values[0], td.Tensor)


def is_number(values: Value) -> bool:
    return type(values[0]) in (int, float, bool)


def rank(values: Value) -> int:
    return len(values[0].shape)


class Scope:
    """The variables of the function being written, in every world."""

    def __init__(self, worlds: list[dict[str, Any]], shared: dict[str, Any]) -> None:
        self.worlds = [{**shared, **world} for world in worlds]
        self.shared = set(shared)
        self.pinned: dict[str, tuple[Any, ...]] = {}  # variables of an outer loop, which must keep their types
        self.fresh = 0

    def fork(self) -> Scope:
        twin = Scope(self.worlds, {})
        twin.shared, twin.pinned, twin.fresh = self.shared, dict(self.pinned), self.fresh
        return twin

    def names(self, accept: Callable[[Value], bool] = lambda _: True) -> list[str]:
        return [name for name in self.worlds[0] if name not in self.shared and accept(self[name])]

    def __getitem__(self, name: str) -> Value:
        return tuple(world[name] for world in self.worlds)

    def __setitem__(self, name: str, values: Value) -> None:
        for world, value in zip(self.worlds, values, strict=True):
            world[name] = value

    def remove(self, name: str) -> None:
        for world in self.worlds:
            world.pop(name, None)

    def new_name(self, letter: str = "t") -> str:
        self.fresh += 1
        return f"{letter}{self.fresh}"

    def fits(self, name: str, values: Value) -> bool:
        """True when the name may be bound to the values."""
        return name not in self.pinned or self.pinned[name] == type_of(values)

    def evaluate(self, text: str) -> Value | None:
        """The values of an expression in all worlds, or None if it fails in one of them or is too large."""
        with contextlib.suppress(Exception):
            code = compile(text, "<draft>", "eval")
            values = tuple(eval(code, world) for world in self.worlds)
            if all(isinstance(value, td.Tensor) for value in values):
                # A value that depends on the sizes in rank or dtype cannot serve everywhere.
                if len({(len(v.shape), str(v.dtype)) for v in values}) > 1 or rank(values) > MAX_RANK:
                    return None
                if any(value.size > MAX_ELEMENTS for value in values):
                    return None
            elif len({type(value) for value in values}) > 1:
                return None
            return values
        return None

    def execute(self, line: str) -> bool:
        """Run a statement in all worlds; False if it fails in one of them."""
        with contextlib.suppress(Exception):
            code = compile(line, "<draft>", "exec")
            for world in self.worlds:
                exec(code, world)
            return True
        return False

    @contextlib.contextmanager
    def loop(self) -> Iterator[Scope]:
        """The scope of a loop body: its variables disappear afterwards, those from outside keep their types."""
        inner = self.fork()
        for name in self.names():
            inner.pinned[name] = type_of(self[name])
        yield inner
        self.fresh = inner.fresh

    def merge(self, branches: list[Scope], keep: Callable[[], bool]) -> None:
        """After an `if`: the variables that every branch leaves with one type; `keep` lets others stay, too."""
        self.fresh = max(branch.fresh for branch in branches)
        first = branches[0]
        for name in dict.fromkeys([*self.names(), *(name for branch in branches for name in branch.names())]):
            if any(name not in branch.worlds[0] for branch in branches):
                if name not in self.worlds[0]:
                    continue
                self.remove(name)
            elif len({type_of(branch[name]) for branch in branches}) == 1 or keep():
                self[name] = first[name]
            else:
                self.remove(name)
