"""A table that is about code objects and keeps none of them alive."""

from __future__ import annotations

import types
import weakref
from typing import Generic, TypeVar

Value = TypeVar("Value")


class CodeTable(Generic[Value]):
    """What is known of code objects, by identity, each for as long as the code object lives.

    A WeakKeyDictionary would not do: equal code objects would share an entry that ends with the first of them.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[types.CodeType], Value]] = {}

    def __setitem__(self, code: types.CodeType, value: Value) -> None:
        key, entries = id(code), self._entries
        entries[key] = (weakref.ref(code, lambda _: entries.pop(key, None)), value)

    def __contains__(self, code: types.CodeType) -> bool:
        return id(code) in self._entries

    def get(self, code: types.CodeType) -> Value | None:
        """Return what is known of the code object, None if nothing is."""
        entry = self._entries.get(id(code))
        return None if entry is None else entry[1]
