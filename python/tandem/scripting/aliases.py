"""Which variables share memory, and which objects have several names: a change of one is seen through the other."""

from __future__ import annotations

import gc
import sys
import types
from dataclasses import dataclass, is_dataclass
from typing import Any

from tandem import _core, pytree
from tandem.scripting.context import current, user_frame
from tandem.scripting.errors import PACKAGE, capture_error, locate_line
from tandem.scripting.state import PROTECTED, Entry


def sharing(rows: list[tuple[str, Any, Any]], home: int, live: tuple[str, ...], writes: bool, runs: bool) -> str | None:
    """Why the carried variables would not be what they are in eager code; None if they are.

    `rows`: name, parameter and next value of each; `home`: the frame of the body. Only variables that are `live` after
    the loop count, and all where the body writes in place. What the graph hands from one iteration to the next is a
    value of its own, so it must be memory that the iteration made, and no two variables may show the same of it; one
    tensor in two variables is one tensor after the loop, if it `runs` at all.
    """
    following = {param._memory[0]: value for _, param, value in rows if isinstance(param, _core.Tensor)}
    made: dict[int, list[tuple[str, Any]]] = {}
    for name, param, value in rows:
        if value is param or not (writes or name in live):
            continue
        cell, origin, *_ = value._memory
        passed = set()
        while cell in following:  # what another variable was: it is what that one is now, an iteration later
            if cell in passed:
                return f"'{name}' gets a tensor from before the loop"
            passed.add(cell)
            cell, origin, *_ = following[cell]._memory
        if origin != home:
            return f"'{name}' gets a tensor that was made outside of the iteration"
        if not passed:
            made.setdefault(cell, []).append((name, value))
    for sharers in made.values():
        for k, (name, value) in enumerate(sharers):
            for other, tensor in sharers[:k]:
                if value._overlaps(tensor) and (writes or not runs or value is not tensor):
                    return f"'{other}' and '{name}' share memory"
    return None


def is_held(value: Any, name: str, ignored: tuple[Any, ...]) -> bool:
    """Whether an object may be reached in another way than by variable `name` of the function that is running.

    Then somebody could see that a branch or loop makes another one of it. `ignored`: what we ourselves keep it in.
    """
    known = {id(item) for item in ignored}
    frame: types.FrameType | None = sys._getframe(1)
    own: str | None = name
    while frame is not None:
        variables = frame.f_locals
        known.add(id(variables))
        if frame.f_code.co_filename.startswith(PACKAGE):
            known.update(id(item) for item in variables.values() if isinstance(item, (dict, list, tuple)))
        else:
            if any(item is value and key != own for key, item in variables.items()):
                return True
            own = None
            for key, item in variables.items():
                if key.startswith(PROTECTED):  # what ran or runs a branch or loop keeps the values it gave to variables
                    for part in (item, getattr(item, "_loop", None)):
                        known.update(
                            id(getattr(part, kept, None)) for kept in ("_results", "_values", "params", "results")
                        )
        frame = frame.f_back
    ours = (Entry, types.FrameType, types.CellType)  # a variable that inner functions use is in a cell
    others = [item for item in gc.get_referrers(value) if id(item) not in known and not isinstance(item, ours)]
    return not all(type(item) is list and _is_leaves(item) for item in others)


@dataclass
class _Twin:
    """Two objects that are one on some paths, with their contents when that was found."""

    name: str
    what: str
    place: tuple[types.CodeType, int] | None
    contents: list[tuple[Any, list[Any], pytree.Structure]]

    def changed(self) -> bool:
        for value, leaves, structure in self.contents:
            now, form = pytree.flatten(value)
            if form != structure or any(a is not b for a, b in zip(now, leaves, strict=True)):
                return True
        return False


def note_twins(name: str, merged: Any, originals: tuple[Any, ...], what: str, ignored: tuple[Any, ...]) -> None:
    """Remember that a variable's object, made anew by a branch or loop, is in eager code one that has other names, too.

    Nobody can tell the difference as long as neither changes: `check_twins` says so at the end of the capture.
    """
    capture = current()
    if capture is None or not _is_mutable(merged):
        return
    for original in originals:
        if original is not merged and _is_mutable(original) and is_held(original, name, ignored):
            contents = [(value, *pytree.flatten(value)) for value in (merged, original)]
            frame = user_frame()
            place = None if frame is None else (frame.f_code, frame.f_lineno)
            capture.twins.append(_Twin(name, what, place, contents))


def check_twins(twins: list[_Twin]) -> None:
    """Raise CaptureError if an object changed that has other names on some paths only."""
    for twin in twins:
        if twin.changed():
            error = capture_error(
                "it" if twin.name.startswith(PROTECTED) else f"variable '{twin.name}'",
                f"a change of an object that has another name, too, but only on some paths through the {twin.what}",
                "one name for an object that changes, or the same names on every path",
                "a copy where it gets its second name",
            )
            if twin.place is not None:
                locate_line(error, *twin.place)
            raise error


def _is_mutable(value: Any) -> bool:
    if type(value) in (list, dict):
        return True
    return is_dataclass(value) and not isinstance(value, type) and not pytree.is_frozen(type(value))


def _is_leaves(found: list[Any]) -> bool:
    return any(isinstance(item, Entry) and item.leaves is found for item in gc.get_referrers(found))
