"""Changes outside of tensors: what a captured function does to attributes, variables, containers, and its undoing."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

MISSING = object()
PLAIN = (bool, int, float, complex, str, bytes, type(None))


def same(a: Any, b: Any) -> bool:
    """The comparison of a guard: identity, or equal plain values of one type."""
    return a is b or (type(a) is type(b) and isinstance(a, PLAIN) and bool(a == b))


CONTAINERS: dict[type, str] = {list: "list", dict: "dict", set: "set"}


# What adds to a container without looking at what is in it.
_GROWS: dict[Any, tuple[str, ...]] = {list: ("append", "extend"), set: ("add",), dict: ()}


def grows(value: Any, step: tuple[str, Any]) -> bool:
    kind, name = step
    if kind == "set":
        return type(value) is dict
    return kind == "attr" and name in _GROWS.get(type(value), ())


def same_contents(value: Any, before: Any) -> bool:
    """Whether a list, dict or set holds what its earlier copy does."""
    if len(value) != len(before):
        return False
    if isinstance(value, dict):
        return all(same(a, b) and same(value[a], before[b]) for a, b in zip(value, before, strict=True))
    if isinstance(value, list):
        return all(map(same, value, before))
    return bool(value == before)


def refill(value: Any, contents: Any) -> None:
    """Give a list, dict or set other contents."""
    if isinstance(value, list):
        value[:] = contents
    else:
        value.clear()
        value.update(contents)


@dataclass
class Effect:
    """A change outside of tensors: what a compiled call does after it has run."""

    kind: str  # "item", "cell", "attr" as guards; "list", "dict", "set": new contents; "extend", "add": further items
    owner: Any
    key: Any
    before: Any
    now: Any
    text: str
    line: tuple[types.CodeType, int] | None  # of the code that reads or stores it

    def is_number(self) -> bool:
        return type(self.before) in (int, float) and self.kind in ("item", "cell", "attr")

    def undo(self) -> None:
        if self.kind in ("extend", "add"):
            refill(self.owner, self.before)
            return
        store(self.kind, self.owner, self.key, self.before)


def store(kind: str, owner: Any, key: Any, value: Any) -> None:
    """Put a value where a guard or an effect says; MISSING takes it away."""
    if kind in ("list", "dict", "set"):
        refill(owner, value)
    elif kind == "extend":
        owner.extend(value)
    elif kind == "add":
        owner.update(value)
    elif kind == "cell":
        owner.cell_contents = value
    elif kind == "item":
        if value is MISSING:
            owner.pop(key, None)
        else:
            owner[key] = value
    elif value is MISSING:
        delattr(owner, key)
    else:
        setattr(owner, key, value)
