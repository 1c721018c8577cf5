"""The stack of open branches and loops of the graph being recorded on this thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from tandem.scripting.errors import capture_error


@dataclass(eq=False)
class Region:
    handle: Any  # of _core.if_begin or _core.while_begin
    what: str
    names: tuple[str, ...]  # the variables it carries


class _Stack(threading.local):
    def __init__(self) -> None:
        self.open: list[Region] = []


_stack = _Stack()


def push(handle: Any, what: str, names: tuple[str, ...]) -> Region:
    region = Region(handle, what, names)
    _stack.open.append(region)
    return region


def check(region: Region) -> None:
    """Raise unless `region` is the innermost one: an exception may have left others open."""
    if not _stack.open or _stack.open[-1] is not region:
        lost = _stack.open[-1].what if _stack.open else region.what
        raise capture_error(
            lost,
            "an exception that left its body and was caught",
            "bodies of tensor conditions that end normally while they are captured",
            "moving the 'try' inside the body, or @td.script(fallback=True)",
        )


def pop(region: Region) -> None:
    check(region)
    _stack.open.pop()


def abort(region: Region) -> None:
    """Discard a region and everything still open inside it."""
    while _stack.open:
        top = _stack.open.pop()
        top.handle.abort()
        if top is region:
            return


def innermost() -> Region | None:
    return _stack.open[-1] if _stack.open else None


def swap(regions: list[Region]) -> list[Region]:
    """Give a new capture its own empty stack; return the old one."""
    before, _stack.open = _stack.open, regions
    return before
