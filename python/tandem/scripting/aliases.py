"""Which variables share memory, and which objects have several names: a change of one is seen through the other."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

from tandem import _core, pytree
from tandem.scripting.context import current, user_frame
from tandem.scripting.errors import capture_error, locate_line
from tandem.scripting.pictures import Part, Picture, changed_contents, contents
from tandem.scripting.state import kind, named


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


@dataclass
class Remade:
    """Objects that are one in eager code on some paths, and are several in the graph: none of them may change."""

    name: str
    what: str  # the branch or loop after which this is so
    objects: list[tuple[Any, tuple[Part, ...]]]
    line: tuple[types.CodeType, int] | None

    def changed(self) -> bool:
        return any(changed_contents(value, before) for value, before in self.objects)


def places(name: str, structure: pytree.Structure, nodes: list[Any]) -> list[Any]:
    """Where each container of a variable is: in the variable itself, or at which place of which other container."""
    found: list[Any] = []

    def walk(node: pytree.Structure, place: Any) -> None:
        if node.kind is None:
            return
        found.append(place)
        owner = id(nodes[len(found) - 1])
        for k, child in enumerate(node.children):
            walk(child, (owner, k))

    walk(structure, name)
    return found


class Merging:
    """The containers that variables have at two ends of paths that meet: which of them are made anew, and as one."""

    def __init__(self, first: Picture, second: Picture) -> None:
        self._ends = first, second
        self._pairs: dict[tuple[int, int], pytree.Shared] = {}
        self._members: dict[tuple[int, int], tuple[str, Any, Any]] = {}
        self._places: dict[tuple[int, int], tuple[set[Any], set[Any]]] = {}

    def add(self, name: str, structure: pytree.Structure, first: list[Any], second: list[Any]) -> list[Any]:
        """What `pytree.rebuild` keeps of a variable with these containers at the two ends."""
        kept: list[Any] = []
        where = zip(places(name, structure, first), places(name, structure, second), strict=True)
        for a, b, ends in zip(first, second, where, strict=True):
            key = id(a), id(b)
            if a is b:
                kept.append(a)
            else:
                kept.append(self._pairs.setdefault(key, pytree.Shared()))
                self._members.setdefault(key, (name, a, b))
                for found, place in zip(self._places.setdefault(key, (set(), set())), ends, strict=True):
                    found.add(place)
        return kept

    def note(self, what: str, *, second_only: bool = False) -> None:
        """After they were made: remember those that have other names, so that it is an error to change them."""
        capture = current()
        if capture is None:
            return
        again = {id(value) for known in capture.remade for value, _ in known.objects}
        for key, (name, a, b) in self._members.items():
            ends = list(zip(self._ends, (a, b), map(len, self._places[key]), strict=True))[int(second_only) :]
            if any(picture.held(value, count) or id(value) in again for picture, value, count in ends):
                values = [self._pairs[key].value, *(value for _, value, _ in ends)]
                capture.remade.append(
                    Remade(name, what, [(value, contents(value)) for value in values], place_of_user())
                )


def place_of_user() -> tuple[types.CodeType, int] | None:
    """Code and line of the nearest function of the user's."""
    frame = user_frame()
    return None if frame is None else (frame.f_code, frame.f_lineno)


def check_remade(remade: list[Remade]) -> None:
    """Raise if one of several objects that stand for one has changed, which in eager code the others would show."""
    for known in remade:
        if known.changed():
            raise remade_error(known, "a change")


def identical(a: Any, b: Any) -> Any:
    """`a is b`; an error where that differs from path to path."""
    for truth, other in ((a, b), (b, a)):
        if type(other) is bool and isinstance(truth, _core.Tensor) and truth._weak and not kind(truth):
            return truth if other else _core.as_number(_core.logical_not(truth))
    capture = current()
    for known in [] if capture is None else capture.remade:
        if a is not b and all(any(value is part for part, _ in known.objects) for value in (a, b)):
            raise remade_error(known, "a question for the identity")
    return a is b


def remade_error(known: Remade, got: str) -> Exception:
    error = capture_error(
        named(known.name),
        f"{got} of an object that has another name, too, but only on some paths through the {known.what}",
        "one name for an object that changes, or the same names on every path",
        "a copy where it gets its second name",
    )
    if known.line is not None:
        locate_line(error, *known.line)
    return error
