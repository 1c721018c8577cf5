"""The stack of open branches and loops of the graph being recorded on this thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from tandem.scripting import context
from tandem.scripting.errors import capture_error
from tandem.scripting.pictures import Picture
from tandem.scripting.state import Snapshot


@dataclass(eq=False)
class Region:
    handle: Any  # of _core.if_begin or _core.while_begin
    what: str
    names: tuple[str, ...] = ()  # the variables it carries
    places: frozenset[Any] = frozenset()  # the attributes and containers among them
    before: Any = None  # what stood outside of the function when it was opened
    picture: Picture = field(default_factory=lambda: Picture({}))  # of what the function itself leads to


class _Stack(threading.local):
    def __init__(self) -> None:
        self.open: list[Region] = []


_stack = _Stack()


def push(handle: Any, what: str, before: Snapshot, picture: Picture) -> Region:
    """Open a region that carries the variables of a snapshot; `picture`: of that moment."""
    watch = _watch()
    names = tuple(entry.name for entry in before.entries)
    region = Region(
        handle, what, names, frozenset(before.places), watch.state() if watch is not None else None, picture
    )
    _stack.open.append(region)
    return region


def check(region: Region) -> None:
    """Raise unless `region` is the innermost one, and its body has changed nothing but what it carries."""
    _expect(region)
    change = change_in(region)
    if change is not None:
        raise changed(change, region.what)


def changed(change: str, what: str) -> Exception:
    return capture_error(
        change,
        f"a change in the body of the {what}, which may not run at all",
        "changes of variables, of attributes and items named in the body itself, or of tensors",
        "assigning it after the body, from a variable that the body sets",
    )


def change_in(region: Region) -> str | None:
    """What the body of a region has changed and does not carry."""
    watch = _watch()
    found = None
    if watch is not None and region.before is not None:
        found = watch.changed_since(region.before, region.places, region.names)
    return found or region.picture.change(region.places)


def _expect(region: Region) -> None:
    """Raise unless `region` is the innermost one: an exception may have left others open."""
    if not _stack.open or _stack.open[-1] is not region:
        lost = _stack.open[-1].what if _stack.open else region.what
        raise capture_error(
            lost,
            "an exception that left its body and was caught",
            "bodies of tensor conditions that end normally while they are captured",
            "moving the 'try' inside the body, or @td.script(fallback=True)",
        )


def _watch() -> Any:
    capture = context.current()
    return None if capture is None else capture.watch


def pop(region: Region) -> None:
    _expect(region)
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
