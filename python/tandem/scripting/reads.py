"""What a function's code may read and store besides its tensors: globals, closure cells, attributes."""

from __future__ import annotations

import dis
import types
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Chain:
    """`root.a.b[0]`: a global, closure cell or argument, and the attributes and constant keys taken from it."""

    kind: str  # "global", "cell" or "argument"
    root: str
    path: tuple[tuple[str, Any], ...]  # ("attr", name) or ("key", constant); at the end also ("set", constant)
    line: int
    stores: str = ""  # the attribute that is set on what the chain yields
    every: bool = False  # an attribute of it is read by a name that only the run tells: getattr(self, name)


@dataclass
class Reads:
    chains: list[Chain] = field(default_factory=list)
    stored_globals: dict[str, int] = field(default_factory=dict)


def _roots(instruction: dis.Instruction, arguments: frozenset[str], free: frozenset[str]) -> tuple[str, str] | None:
    name, value = instruction.opname, instruction.argval
    if name in ("LOAD_GLOBAL", "LOAD_NAME"):
        return "global", value
    if name in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
        return ("cell", value) if value in free else ("argument", value) if value in arguments else None
    if name.startswith("LOAD_FAST"):
        last = value[-1] if isinstance(value, tuple) else value
        return ("argument", last) if last in arguments else None
    return None


_KNOWN_NAME = ("PRECALL", "CALL", "CALL_FUNCTION", "LOAD_CONST")  # what follows a name that is a constant
_ASK = ("getattr", "hasattr", "vars")  # functions that read attributes of their first argument


@lru_cache(maxsize=4096)
def reads(code: types.CodeType) -> Reads:
    """Scan a code object and the functions written inside it."""
    found = Reads()
    _scan(code, frozenset(code.co_freevars), found, nested=False)
    return found


@lru_cache(maxsize=4096)
def stored_cells(code: types.CodeType) -> frozenset[str]:
    """The variables of enclosing functions that the code assigns or deletes."""
    names = ("STORE_DEREF", "DELETE_DEREF")
    stored = {item.argval for item in dis.get_instructions(code) if item.opname in names}
    return frozenset(stored & set(code.co_freevars))


def forget() -> None:
    """Scan every code object again when it is next needed."""
    reads.cache_clear()
    stored_cells.cache_clear()


def _scan(code: types.CodeType, free: frozenset[str], found: Reads, nested: bool) -> None:
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
    arguments = frozenset() if nested else frozenset(code.co_varnames[:count])
    line = code.co_firstlineno
    root: tuple[str, str] | None = None
    path: list[tuple[str, Any]] = []
    pending: Any = None
    has_pending = every = False

    def flush(stores: str = "") -> None:
        nonlocal root, path, has_pending, every
        if root is not None:
            if path and path[-1] == ("attr", "__dict__"):
                path, every = path[:-1], True
            found.chains.append(Chain(root[0], root[1], tuple(path), line, stores, every))
        root, path, has_pending, every = None, [], False, False

    for instruction in dis.get_instructions(code):
        opname = instruction.opname
        new = _roots(instruction, arguments, free)
        if new is not None:
            asks = root is not None and root[0] == "global" and root[1] in _ASK and not path
            flush()
            root, every = new, asks
        elif opname in ("LOAD_ATTR", "LOAD_METHOD") and root is not None and not has_pending:
            path.append(("attr", instruction.argval))
        elif opname == "STORE_ATTR":
            flush(instruction.argval)
        elif opname in ("LOAD_CONST", "LOAD_SMALL_INT") and root is not None and not has_pending:
            pending, has_pending = instruction.argval, True
        elif opname in ("BINARY_SUBSCR", "BINARY_OP") and has_pending and "[" in (instruction.argrepr or "["):
            if isinstance(pending, (str, int)):
                path.append(("key", pending))
                has_pending = False
            else:
                flush()
        elif opname == "STORE_SUBSCR" and has_pending and isinstance(pending, (str, int)):
            path.append(("set", pending))
            flush()
        elif opname == "STORE_GLOBAL":
            flush()
            found.stored_globals[instruction.argval] = line
        elif every and has_pending and isinstance(pending, str) and opname in _KNOWN_NAME:
            path.append(("attr", pending))
            every = False
            flush()
        elif opname not in ("CACHE", "PUSH_NULL", "NOP", "EXTENDED_ARG", "COPY", "DUP_TOP"):
            flush()
        position = getattr(instruction, "positions", None)
        starts = instruction.starts_line
        line = (position.lineno if position and position.lineno else None) or (
            starts if isinstance(starts, int) and starts is not True and starts > 1 else line
        )
    flush()
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            _scan(item, free, found, nested=True)
