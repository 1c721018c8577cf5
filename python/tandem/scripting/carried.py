"""The parameters of a graph loop: which leaves of the variables it carries, and whether they keep their type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tandem import _core, pytree
from tandem.scripting import regions
from tandem.scripting.aliases import Merging, Remade, place_of_user, places, remade_error, sharing
from tandem.scripting.context import is_symbolic
from tandem.scripting.errors import capture_error
from tandem.scripting.pictures import Picture, changed_contents, contents
from tandem.scripting.stacking import EMPTY, Stacked, Stacks
from tandem.scripting.state import (
    KEPT,
    PROTECTED,
    UNBOUND,
    Entry,
    Later,
    Snapshot,
    Undefined,
    describe,
    is_number,
    is_weak,
    lift,
    open_entry,
    same_plain,
    same_type,
    widens,
    zeros_later,
)

MAX_ATTEMPTS = 8


@dataclass
class Problem:
    """A variable that does not keep its type, and what would help: another dtype, zeros, or never being read."""

    name: str
    reason: str
    kind: str  # "promote", "fill", "mask", "unset", "mixed", "same", "in_place", "unroll", "open", "nodes", ...
    leaf: int = 0
    dtype: Any = None
    fill: Any = None


class Carried:
    """One attempt after another to record a loop body with the variables as the loop's parameters.

    `open` makes parameters of them; the body runs; `close` compares, and either ends the loop or says what is wrong.
    After `adjust` the next attempt starts a scalar with the dtype it gets in the body, or marks a variable that has
    no single type as undefined at the start of an iteration. That is harmless if the body assigns it before reading
    it, and otherwise an error at the line that reads it.

    `updated`: the variables that the body changes in place only. `stacks`: the lists that it only appends to.
    """

    def __init__(self, before: Snapshot, updated: tuple[str, ...], what: str, stacks: Stacks | None = None) -> None:
        self.before = before
        self.what = what
        self.updated = frozenset(updated)
        self.stacks = stacks
        self.masked: dict[str, str] = {}
        self.opened: set[str] = set()  # variables whose objects are carried attribute by attribute
        self.nodes: dict[tuple[str, int], bool] = {}  # whether a container of a variable stays the object it is
        self.picture: Picture | None = None  # of the start
        self.promoted: dict[tuple[str, int], Any] = {}
        self.filled: dict[str, tuple[list[Later], pytree.Structure]] = {}
        self.in_place: dict[int, Any] = {}  # tensors that the body writes into and the variables keep, by id
        self.runs = False  # it is known that there is an iteration
        self.extras: dict[str, Any] = {}
        self.next_extras: dict[str, Any] = {}
        self.extra_params: dict[str, Any] = {}
        self.params: tuple[Any, ...] = ()
        self.results: tuple[Any, ...] = ()
        self.attempts = 0
        self.runs = False  # whether the body is known to run at least once

    def _entries(self) -> list[Entry]:
        """The variables at the start of an iteration, as far as they are carried."""
        entries = []
        for entry in self.before.entries:
            if entry.name in self.filled:
                makers, structure = self.filled[entry.name]
                entry = Entry(entry.name, None, *pytree.nodes(pytree.unflatten(structure, [make() for make in makers])))
            elif self._stacked(entry):
                entry = Entry(entry.name, entry.value, [], EMPTY, [entry.value])
            elif entry.name in self.opened:
                entry = open_entry(entry)
            elif entry.name in self.masked:
                entry = Entry(entry.name, Undefined(entry.name, self.masked[entry.name]), [], None)
            entries.append(entry)
        return entries

    def _stacked(self, entry: Entry) -> bool:
        return self.stacks is not None and entry.name in self.stacks.prefix

    def _is_carried(self, entry: Entry, leaf: Any) -> bool:
        if is_weak(leaf):
            return True
        # `x += 1` writes into the tensor itself; the recorder follows such writes, and the variable stays.
        written = entry.name in self.updated and entry.structure is pytree.LEAF
        return is_symbolic(leaf) and not written and id(leaf) not in self.in_place

    def open(self, condition: Callable[[dict[str, Any]], Any]) -> None:
        self.attempts += 1
        if self.attempts > MAX_ATTEMPTS:
            raise _core.CaptureError(f"{self.what}: its variables change their types without end")
        self.entries = self._entries()
        if self.stacks is not None:
            self.extras |= self.stacks.tables()
        names, values = list(self.extras), [lift(value) for value in self.extras.values()]
        for entry in self.entries:
            for k, leaf in enumerate(entry.leaves):
                if self._is_carried(entry, leaf):
                    dtype = self.promoted.get((entry.name, k))
                    names.append(entry.name)
                    values.append(lift(leaf) if dtype is None else lift(leaf).astype(dtype))
        self.names = names
        handle = _core.while_begin(values, names)
        self.picture = self.picture or Picture(self.before.variables())
        self.region = regions.push(handle, self.what, self.before, self.picture)
        header = list(handle.params)
        body = list(handle.body(condition(dict(zip(self.extras, header, strict=False)))))
        self.extra_params = dict(zip(self.extras, body, strict=False))
        self.leaf_params = iter(body[len(self.extras) :])
        self.current = [self._parameters(entry) for entry in self.entries]
        self.untouched = {id(param): param._memory for param in body}
        tensors = [leaf for entry in self.entries for leaf in entry.leaves if isinstance(leaf, _core.Tensor)]
        self.untouched |= {id(leaf): leaf._memory for leaf in tensors}
        shared: dict[int, pytree.Shared] = {}
        kept = [[self._start(entry, k, shared) for k in range(len(entry.nodes))] for entry in self.entries]
        self.params = tuple(map(self._value, self.entries, self.current, kept))
        self.containers = [[getattr(item, "value", item) for item in items] for items in kept]
        self.contents = {id(item.value): contents(item.value) for item in shared.values()}

    def _stays(self, entry: Entry, k: int) -> bool:
        return self.nodes.get((entry.name, k), entry.name in self.updated)

    def _start(self, entry: Entry, k: int, shared: dict[int, pytree.Shared]) -> Any:
        """A container of a variable in the body: itself or another one."""
        node = entry.nodes[k]
        if self._stays(entry, k):
            return node
        return shared.setdefault(id(node), pytree.Shared()) if pytree.is_mutable(node) else None

    def _parameters(self, entry: Entry) -> list[Any]:
        return [next(self.leaf_params) if self._is_carried(entry, leaf) else leaf for leaf in entry.leaves]

    def _value(self, entry: Entry, leaves: list[Any], kept: list[Any]) -> Any:
        return entry.value if entry.structure is None else pytree.rebuild(entry.structure, leaves, kept)

    def python_numbers(self, after: Snapshot) -> str | None:
        """Why a loop over a known range must be unrolled: a Python number would become a tensor."""
        for entry, new, params in zip(self.entries, after.entries, self.current, strict=True):
            if entry.structure is None or entry.structure != new.structure or entry.name.startswith(PROTECTED):
                continue
            for leaf, value, param in zip(entry.leaves, new.leaves, params, strict=True):
                if is_number(leaf) and value is not param and is_weak(value) and not same_plain(leaf, value):
                    return f"'{entry.name}' is a Python number"
        return None

    def close(self, after: Snapshot, live: tuple[str, ...] = (), item: Any = None) -> list[Problem]:
        """End the loop, or return what keeps it from ending.

        `live`: names that must have a value afterwards, if the loop may be unrolled; `item`: that of this iteration.
        """
        regions.check(self.region)
        after.entries = [open_entry(entry) if entry.name in self.opened else entry for entry in after.entries]
        problems: list[Problem] = []
        nexts: list[Any] = []
        for entry, new, params in zip(self.entries, after.entries, self.current, strict=True):
            found, values = self._compare(entry, new, params, live)
            problems += found
            nexts += values
        end = Picture(after.variables())
        problems = problems or self._objects(after, end, live) or self._aliases(after, live, item)
        problems = problems or self._collect(after, live)
        if problems:
            return problems
        results = self.region.handle.end([*(lift(self.next_extras[name]) for name in self.extras), *nexts], self.runs)
        if results is None:
            return [Problem("", "it reads and changes the gradient of a tensor", "gradient")]
        regions.pop(self.region)
        self._finish(after, dict(zip(self.extras, results, strict=False)), results[len(self.extras) :], end)
        return []

    def _objects(self, after: Snapshot, end: Picture, live: tuple[str, ...]) -> list[Problem]:
        """Containers that the body takes for others than it leaves, where that would be noticed."""
        assert self.picture is not None
        others: dict[int, set[int]] = {}
        starts: dict[int, set[Any]] = {}
        ends: dict[int, set[Any]] = {}
        rows = []
        for entry, new, params in zip(self.entries, after.entries, self.containers, strict=True):
            if entry.structure is None or new.structure != entry.structure or self._stacked(entry):
                continue
            begin = places(entry.name, entry.structure, entry.nodes)
            finish = places(entry.name, new.structure, new.nodes)
            for k, (old, param, node) in enumerate(zip(entry.nodes, params, new.nodes, strict=True)):
                if pytree.is_mutable(old):
                    rows.append((entry, k, old, param, node))
                    others.setdefault(id(old), set()).add(id(node))
                    starts.setdefault(id(old), set()).add(begin[k])
                    ends.setdefault(id(node), set()).add(finish[k])
        for entry, k, old, param, node in rows:
            kept = node is param
            held = self.picture.held(old, len(starts[id(old)]))
            if self._stays(entry, k) != kept and held and (entry.name, k) not in self.nodes:
                return [Problem(entry.name, f"its objects are others after the {self.what}", "nodes", k, fill=kept)]
            if param is old or not changed_contents(param, self.contents[id(param)]):
                continue
            if held or len(others[id(old)]) > 1 or end.held(param, len(ends.get(id(param), ()))):
                known = Remade(entry.name, self.what, [(param, ())], place_of_user())
                if live:
                    return [Problem(entry.name, f"the body changes '{entry.name}', which has other names", "unroll")]
                raise remade_error(known, "a change")
        return []

    def _finish(self, after: Snapshot, tables: dict[str, Any], results: list[Any], end: Picture) -> None:
        """The variables after the loop, from the results of the graph's `while`."""
        last: dict[int, Stacked] = {}
        seen: dict[int, Any] = {}
        values: dict[str, Any] = {}
        for entry in self.entries:
            if self.stacks is not None and self._stacked(entry):
                values[entry.name] = self.stacks.finish(entry.name, entry.value, tables, last)
        rest = iter(results)
        assert self.picture is not None
        merging = Merging(self.picture, end)
        kept = [self._merged(merging, *row) for row in zip(self.entries, after.entries, self.containers, strict=True)]
        for entry, new, params, nodes in zip(self.entries, after.entries, self.current, kept, strict=True):
            leaves = []
            for k, leaf in enumerate(entry.leaves):
                result = next(rest) if self._is_carried(entry, leaf) else leaf
                known = last.get(id(new.leaves[k])) if k < len(new.leaves) else None
                one = seen.setdefault(id(new.leaves[k]), result) if k < len(new.leaves) else result
                if known is not None:
                    result = known.items[-1]  # one tensor, as in Python
                elif self.runs and isinstance(one, _core.Tensor) and same_type(one, result):
                    result = one
                elif self._kept(entry, k, new, params[k]):
                    result = leaf
                leaves.append(result)
            if entry.name not in values:
                values[entry.name] = self._result(entry, new, leaves, nodes)
        self.results = tuple(values[entry.name] for entry in self.entries)
        merging.note(self.what, second_only=self.runs)

    def _merged(self, merging: Merging, entry: Entry, new: Entry, params: list[Any]) -> list[Any]:
        """The containers of a variable after the loop: itself if every iteration leaves it the object that it was."""
        if entry.structure is None or new.structure != entry.structure:
            return list(entry.nodes)
        ends = [old if node is param else node for old, param, node in zip(entry.nodes, params, new.nodes, strict=True)]
        return merging.add(entry.name, entry.structure, entry.nodes, ends)

    def _kept(self, entry: Entry, k: int, new: Entry, param: Any) -> bool:
        """True for a parameter that an iteration hands on as it is: the variable is what it was before the loop."""
        found = k < len(new.leaves) and new.leaves[k] is param and id(param) in self.untouched
        changed = entry.name in self.filled or (entry.name, k) in self.promoted or self._written(param)
        return found and not changed

    def _written(self, param: Any) -> bool:
        """True when the body has written into a parameter, or into what a variable was before the loop."""
        return isinstance(param, _core.Tensor) and self.untouched.get(id(param), param._memory) != param._memory

    def _aliases(self, after: Snapshot, live: tuple[str, ...], item: Any) -> list[Problem]:
        """In a loop that may be unrolled, the variables that share memory, which the graph's values would not."""
        if not live:
            return []
        rows = [
            (entry.name, param, value)
            for entry, new, params in zip(self.entries, after.entries, self.current, strict=True)
            if entry.structure is not None and not self._stacked(entry) and new.value is not item
            for leaf, param, value in zip(entry.leaves, params, new.leaves, strict=True)
            if self._is_carried(entry, leaf) and isinstance(value, _core.Tensor) and not is_weak(value)
        ]
        why = sharing(rows, self.extra_params["index"]._memory[1], live, bool(self.in_place or self.updated), self.runs)
        return [] if why is None else [Problem(rows[0][0], why, "unroll")]

    def _collect(self, after: Snapshot, live: tuple[str, ...]) -> list[Problem]:
        """Record the writes of appended items, or say what keeps the lists from being stacked."""
        if self.stacks is None:
            return []
        starts: dict[int, tuple[Any, Any]] = {}
        for entry, new, params in zip(self.entries, after.entries, self.current, strict=True):
            for leaf, param, value in zip(entry.leaves, params, new.leaves, strict=False):
                if id(param) in self.untouched:
                    starts[param._memory[0]] = (leaf, value)
        home = self.extra_params["index"]._memory[1]
        writes = self.in_place or self.updated - self.stacks.prefix.keys()
        why = self.stacks.collect(after, home, starts, None if writes else live)
        if why is not None:
            return [Problem(next(iter(self.stacks.prefix)), why, "unroll" if why else "stack")]
        self.next_extras |= self.stacks.write(self.extra_params)
        return []

    def _result(self, entry: Entry, new: Entry, leaves: list[Any], kept: list[Any]) -> Any:
        if entry.value is KEPT:
            return KEPT
        if entry.structure is None:
            if new.structure is None and not isinstance(new.value, Undefined) and entry.name not in self.masked:
                return UNBOUND
            return Undefined(entry.name, self.masked.get(entry.name) or f"only the body of the {self.what} sets it")
        return self._value(entry, leaves, kept)

    def _compare(
        self, entry: Entry, new: Entry, params: list[Any], live: tuple[str, ...]
    ) -> tuple[list[Problem], list[Any]]:
        name = entry.name
        if self._stacked(entry):
            return [], []
        if entry.structure is None:
            return self._compare_unset(entry, new, live), []
        change = f"it is {describe(entry.value)} before and {describe(new.value)} after an iteration of the {self.what}"
        mask = [Problem(name, change, "mask")]
        if name not in self.opened and new.value is not entry.value and self._opens(entry, new):
            mask = [Problem(name, change, "open")]
        if new.structure != entry.structure:
            return mask, []
        itself = entry.structure is pytree.LEAF and new.value is params[0] is not entry.value
        if itself and is_symbolic(entry.value) and not is_weak(entry.value):
            # Assigned to itself: it stays the tensor it was, so that writes into it are seen by its other names.
            return [Problem(name, f"the {self.what} leaves it the tensor it was", "same")], []
        problems: list[Problem] = []
        nexts: list[Any] = []
        for k, (leaf, value, param) in enumerate(zip(entry.leaves, new.leaves, params, strict=True)):
            if not self._is_carried(entry, leaf):
                if not same_plain(leaf, value):
                    return mask, []
                continue
            if not (is_number(value) or is_symbolic(value)):
                return mask, []
            if self._written(param) and not is_number(leaf):
                reason = f"an iteration of the {self.what} writes into it and then assigns it"
                mixed = value is not param or self._shared(param)
                problems.append(Problem(name, reason, "mixed" if mixed else "in_place", fill=leaf))
                continue
            if self._written(leaf):
                reason = f"an iteration of the {self.what} writes into memory that it shares"
                return [Problem(name, reason, "mixed")], []
            tensor = lift(value)
            if tuple(tensor.shape) != tuple(param.shape):
                return mask, []
            weak = (name, k) not in self.promoted and is_weak(leaf)
            if weak and (not is_weak(value) or tensor.dtype != param.dtype):
                if not widens(param, tensor):
                    return mask, []
                problems.append(Problem(name, change, "promote", leaf=k, dtype=tensor.dtype))
            elif tensor.dtype != param.dtype:
                if not (is_weak(value) and widens(tensor, param)):
                    return mask, []
                tensor = tensor.astype(param.dtype)
            elif is_weak(value) and not weak:
                tensor = tensor.astype(param.dtype)
            nexts.append(tensor)
        return problems, nexts

    def _opens(self, before: Entry, after: Entry) -> bool:
        assert self.picture is not None
        if any(open_entry(entry).structure == entry.structure for entry in (before, after)):
            return False
        return not (self.picture.held(before.value, 1) or Picture({after.name: after.value}).held(after.value, 1))

    def _shared(self, param: Any) -> bool:
        """True when another variable starts as the same tensor, which then has a parameter of its own."""
        starts = [
            (leaf, other)
            for entry, params in zip(self.entries, self.current, strict=True)
            for leaf, other in zip(entry.leaves, params, strict=True)
            if isinstance(leaf, _core.Tensor)
        ]
        mine = next(lift(leaf)._memory[0] for leaf, other in starts if other is param)
        return any(other is not param and lift(leaf)._memory[0] == mine for leaf, other in starts)

    def _compare_unset(self, entry: Entry, new: Entry, live: tuple[str, ...]) -> list[Problem]:
        if new.structure is None or entry.name in self.masked or isinstance(entry.value, Undefined):
            return []
        graph = all(is_number(leaf) or is_symbolic(leaf) for leaf in new.leaves)
        if graph and entry.name.startswith(PROTECTED):
            return [Problem(entry.name, "it is set in the loop", "fill", fill=(zeros_later(new.leaves), new.structure))]
        if entry.name in live:
            return [Problem(entry.name, f"only the body of the {self.what} sets it", "unset")]
        return []

    def abort(self) -> None:
        regions.abort(self.region)
        self.before.values()

    def adjust(self, problems: list[Problem]) -> None:
        for problem in problems:
            if problem.kind == "promote":
                self.promoted[problem.name, problem.leaf] = problem.dtype
            elif problem.kind == "fill":
                self.filled[problem.name] = problem.fill
            elif problem.kind == "open":
                self.opened.add(problem.name)
            elif problem.kind == "nodes":
                self.nodes[problem.name, problem.leaf] = problem.fill
            elif problem.kind in ("stack", "gradient"):
                continue  # the tables, or the gradients, are known now
            elif problem.kind == "in_place":
                self.in_place[id(problem.fill)] = problem.fill
            elif problem.kind == "same":
                self.updated |= {problem.name}
            elif problem.kind == "mixed":
                raise capture_error(
                    f"variable '{problem.name}'",
                    f"a tensor of which {problem.reason}",
                    "either writes in place or assignments",
                    f"'{problem.name} = {problem.name} + ...' instead of '{problem.name} += ...'",
                )
            elif problem.name in self.masked:
                raise capture_error(
                    f"variable '{problem.name}'",
                    problem.reason,
                    "one dtype, shape and structure in every iteration",
                    "giving it that dtype and shape before the loop",
                )
            else:
                self.masked[problem.name] = problem.reason
