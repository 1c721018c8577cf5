"""Which variables of a loop share memory: in eager code a write into one is seen through the other."""

from __future__ import annotations

from typing import Any

from tandem import _core


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
