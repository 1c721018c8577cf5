"""Lists that a loop only appends to: every iteration writes its items into a stacked tensor, at its own index.

After the loop the list holds views of the stacked tensor, and `td.stack` and `td.concat` of the list take the tensor
itself. In eager code the items are tensors of their own. The two cannot be told apart as long as an item shares memory
with nothing else that a program can name, which `Stacks.collect` checks; else the loop is unrolled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tandem import _core, pytree
from tandem.scripting import context
from tandem.scripting.state import Later, Snapshot, describe, is_weak

MAX_TABLES = 16
EMPTY = pytree.flatten([])[1]


@dataclass
class Stacked:
    """The items of one stacked tensor, for `td.stack` of the list that holds them."""

    items: list[Any]
    table: Any
    first: tuple[int, ...] | None  # what the first item held, if it is a tensor of its own


@dataclass
class Plan:
    """What an iteration appends to one list."""

    leaves: list[Any]
    types: list[Later]
    structure: pytree.Structure


def _key(name: str, k: int) -> str:
    return f"{name}[{k}]"


class Stacks:
    """The lists of one loop whose index goes from `start` to `stop`."""

    def __init__(self, names: Sequence[str], before: Snapshot, start: int, stop: int) -> None:
        lists = {entry.name: entry.value for entry in before.entries if entry.name in names}
        self.prefix = {name: list(value) for name, value in lists.items()}
        self.start, self.rows = start, stop - start
        self.plans: dict[str, Plan] = {}
        self.first: dict[int, Any] = {}

    def tables(self) -> dict[str, Any]:
        """The stacked tensors before the first iteration."""
        return {
            _key(name, k): kind(self.rows) for name, plan in self.plans.items() for k, kind in enumerate(plan.types)
        }

    def collect(
        self, after: Snapshot, home: int, params: dict[int, tuple[Any, Any]], seen_by: tuple[str, ...] | None
    ) -> str | None:
        """Look at what an iteration appended; return why it cannot be stacked, or "" when there are no tables yet.

        `home` is the frame of the body; `params` maps the memory of its parameters to what they start as and what
        they are in the next iteration. `seen_by`: the variables that somebody reads afterwards; None: all of them.
        """
        owners: dict[int, Any] = {}
        seen: dict[str, Plan] = {}
        for entry in after.entries:
            if entry.name not in self.prefix:
                continue
            if entry.structure is None or entry.structure.kind is not list:
                return f"'{entry.name}' is no list after an iteration"
            for leaf in entry.leaves:
                if not isinstance(leaf, _core.Tensor) or not leaf._recorded or is_weak(leaf):
                    return f"'{entry.name}' gets {describe(leaf)}, which is not a tensor"
                cell, made, *_ = leaf._memory
                if made != home:
                    return f"'{entry.name}' gets a tensor that was made outside of the iteration"
                if owners.setdefault(cell, leaf) is not leaf:
                    return f"'{entry.name}' gets tensors that share memory"
            seen[entry.name] = Plan(entry.leaves, [Later(leaf) for leaf in entry.leaves], entry.structure)
        for entry in after.entries:
            unseen = seen_by is not None and entry.name not in seen_by
            for leaf in [] if entry.name in self.prefix or unseen else entry.leaves:
                if isinstance(leaf, _core.Tensor) and owners.get(leaf._memory[0], leaf) is not leaf:
                    return f"'{entry.name}' shares memory with an item of a list"
        if sum(len(plan.leaves) for plan in seen.values()) > MAX_TABLES:
            return "an iteration appends many tensors"
        for name, plan in self.plans.items():
            if (plan.structure, plan.types) != (seen[name].structure, seen[name].types):
                return f"the items of '{name}' differ from iteration to iteration"
        # The value that an iteration starts with, if the one before has made it, is an item as any other.
        for cell in owners.keys() & params.keys():
            following = params[cell][1]
            if not isinstance(following, _core.Tensor):
                continue
            source, made, *_ = following._memory
            if source in params or source in owners or made != home:
                return "an item is also a variable of the next iteration"
        self.first = {cell: params[cell][0] for cell in owners if cell in params}
        new = not self.plans
        self.plans = seen
        return "" if new else None

    def write(self, params: dict[str, Any]) -> dict[str, Any]:
        """Record the writes of one iteration into the tables among `params`; return the tables after it."""
        place = params["index"] - self.start if self.start else params["index"]
        after = {}
        for name, plan in self.plans.items():
            for k, leaf in enumerate(plan.leaves):
                after[_key(name, k)] = table = params[_key(name, k)]
                table[place] = leaf
        return after

    def finish(self, name: str, value: list[Any], tables: dict[str, Any], last: dict[int, Any]) -> list[Any]:
        """Fill the list with views of its tables; note in `last`, by id, what stands for an item from then on."""
        plan = self.plans[name]
        columns = []
        for k, leaf in enumerate(plan.leaves):
            table = tables[_key(name, k)]
            known = last.get(id(leaf))
            items = known.items if known is not None else [table[row] for row in range(self.rows)]
            if known is None:
                original = self.first.get(leaf._memory[0])
                if original is not None:
                    items[0] = original  # the tensor from before the loop itself
                known = Stacked(items, table, None if original is None else original._memory)
                last[id(leaf)] = known
                capture = context.current()
                if capture is not None:
                    capture.stacked[id(items[-1])] = known
            columns.append(items)
        value[:] = self.prefix[name]
        for row in range(self.rows):
            value.extend(pytree.unflatten(plan.structure, [column[row] for column in columns]))
        return value


def _parts(arrays: Sequence[Any]) -> list[Any] | None:
    """The arrays as stacked tensors and single ones with a new first axis; None when none are stacked."""
    capture = context.current()
    if capture is None or not capture.stacked or not arrays:
        return None
    ends = {id(known.items[0]): known for known in capture.stacked.values()}
    parts: list[Any] = []
    position, found = 0, False
    while position < len(arrays):
        known = ends.get(id(arrays[position]))
        count = len(known.items) if known is not None else 1
        run = arrays[position : position + count]
        whole = known is not None and len(run) == count and all(a is b for a, b in zip(run, known.items, strict=True))
        if whole and known is not None and (known.first is None or known.first == known.items[0]._memory):
            parts.append(known.table)
            position, found = position + count, True
            continue
        if not isinstance(arrays[position], _core.Tensor):
            return None
        parts.append(arrays[position][None])
        position += 1
    same = {(tuple(part.shape[1:]), str(part.dtype)) for part in parts}
    return parts if found and len(same) == 1 else None


def _joined(parts: list[Any]) -> Any:
    return parts[0].copy() if len(parts) == 1 else _core.concat(parts)


def stack(arrays: Any, axis: Any = 0) -> Any:
    """`td.stack`, with the tensor itself where a loop has stacked the arrays."""
    parts = _parts(arrays) if isinstance(arrays, (list, tuple)) else None
    if parts is None or type(axis) is not int or not -parts[0].ndim <= axis < parts[0].ndim:
        return _core.stack(arrays, axis=axis)
    return _moved(_joined(parts), axis % parts[0].ndim)


def concat(arrays: Any, axis: Any = 0) -> Any:
    """`td.concat`, as `stack`."""
    parts = _parts(arrays) if isinstance(arrays, (list, tuple)) else None
    if parts is None or type(axis) is not int or not -parts[0].ndim < axis < parts[0].ndim - 1 or parts[0].ndim < 2:
        return _core.concat(arrays, axis=axis)
    axis %= parts[0].ndim - 1
    moved = _moved(_joined(parts), axis)
    shape = list(moved.shape)
    shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
    return moved.reshape(tuple(shape))


def _moved(table: Any, axis: int) -> Any:
    """The first axis moved to another place, in row-major order as an operation of its own would give it."""
    if axis == 0:
        return table
    order = list(range(1, table.ndim))
    order.insert(axis, 0)
    return table.permute_dims(tuple(order)).copy()
