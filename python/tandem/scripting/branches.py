"""`if` whose condition may be a tensor."""

from __future__ import annotations

from typing import Any

from tandem import _core, pytree
from tandem.scripting import regions
from tandem.scripting.aliases import Merging
from tandem.scripting.context import is_symbolic
from tandem.scripting.jumps import RESULT, RETURNED
from tandem.scripting.pictures import Picture
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
    kind,
    lift,
    open_entry,
    same_plain,
    same_type,
    tested,
    truth,
    widens,
    zeros_later,
    zeros_like,
)


class If:
    """Runs one branch (plain condition) or records both (tensor condition).

    The rewritten code asks `then`, `otherwise` and `merge` in this order; `restore` says that `values()` must be
    assigned to the variables first. If only the else branch returns, the then branch needs zeros in the place of the
    returned value; and if the then branch returns, it needs them for variables that the else branch sets. Their type is
    known after the first attempt, and `pending` asks for the second.
    """

    __slots__ = (
        "_attempts",
        "_before",
        "_changed",
        "_line",
        "_names",
        "_opened",
        "_pictures",
        "_region",
        "_results",
        "_taken",
        "_test",
        "_then",
        "restore",
    )

    def __init__(self, test: Any, names: tuple[str, ...], line: int, scope: dict[str, Any]) -> None:
        test = tested(test)
        self.restore = is_symbolic(test)
        self._names, self._line = names, line
        self._opened: frozenset[str] = frozenset()  # variables whose objects are merged attribute by attribute
        self._attempts = 1
        if not self.restore:
            self._taken = bool(test)
            return
        self._test = truth(test)
        self._before = Snapshot(names, scope)
        self._results = self._before.values()
        self._open()

    def _open(self) -> None:
        picture = Picture(self._before.variables())
        self._region = regions.push(_core.if_begin(self._test), f"'if' at line {self._line}", self._before, picture)

    def pending(self) -> bool:
        """True before each attempt; one is enough unless `merge` says otherwise."""
        self._attempts -= 1
        return self._attempts >= 0

    def then(self) -> bool:
        return self.restore or self._taken

    def otherwise(self, scope: dict[str, Any]) -> bool:
        if not self.restore:
            return not self._taken
        regions.check(self._region)
        self._then = self._snapshot(scope)
        self._pictures = [Picture(self._then.variables())]
        self._changed = self._region.picture.changed(node for entry in self._before.entries for node in entry.nodes)
        self._region.handle.otherwise([lift(leaf) for entry in self._then.entries for leaf in _outgoing(entry)])
        self._results = self._before.values()
        return True

    def _snapshot(self, scope: dict[str, Any]) -> Snapshot:
        found = Snapshot(self._names, scope)
        found.entries = [open_entry(entry) if entry.name in self._opened else entry for entry in found.entries]
        return found

    def _open_objects(self, after: Snapshot) -> bool:
        """Start over if the branches leave two objects of one class: this time as what they hold."""
        names = {
            a.name
            for a, b in zip(self._then.entries, after.entries, strict=True)
            if a.value is not b.value and a.name not in self._opened and self._opens(a) and self._opens(b)
        }
        if not names:
            return False
        self._opened |= names
        regions.abort(self._region)
        self._restart()
        return True

    def _opens(self, entry: Entry) -> bool:
        if open_entry(entry).structure == entry.structure:
            return False
        picture = self._pictures[0] if any(entry is item for item in self._then.entries) else self._pictures[1]
        return not picture.held(entry.value, 1)

    def _restart(self) -> None:
        self._results = self._before.values()
        self._attempts += 1
        self._open()

    def _again(self, after: Snapshot) -> bool:
        """Start over if the else branch alone returns: this time the variable has zeros from the beginning."""
        filled = False
        for k, (then, other) in enumerate(zip(self._then.entries, after.entries, strict=True)):
            unread = then.name == RESULT or ("." not in then.name and _returned(self._then.entries))
            missing = unread and then.value is UNBOUND and other.structure is not None
            if missing and len(_outgoing(other)) == len(other.leaves):
                self._before.entries[k] = Entry(then.name, None, zeros_later(other.leaves), other.structure)
                filled = True
        if not filled:
            return False
        regions.abort(self._region)
        for entry in self._before.entries:
            entry.leaves = [leaf() if isinstance(leaf, Later) else leaf for leaf in entry.leaves]
        self._restart()
        return True

    def values(self) -> tuple[Any, ...]:
        return self._results

    def merge(self, scope: dict[str, Any]) -> bool:
        if not self.restore:
            return False
        regions.check(self._region)
        after = self._snapshot(scope)
        self._pictures.append(Picture(after.variables()))
        self._changed += self._region.picture.changed(node for entry in self._before.entries for node in entry.nodes)
        if self._again(after) or self._open_objects(after):
            return False
        left = _returned(after.entries)
        names: list[str] = []
        outputs: list[Any] = []
        plans = []
        for entry, other in zip(self._then.entries, after.entries, strict=True):
            plan, needed = self._pair(entry, other, left)
            plans.append(plan)
            names += [entry.name] * len(needed)
            outputs += needed
        results = iter(self._region.handle.end([lift(value) for value in outputs], names))
        regions.pop(self._region)
        merging = Merging(*self._pictures)
        kept = []
        for plan, entry, other in zip(plans, self._then.entries, after.entries, strict=True):
            structure = None if plan or other.structure is None else entry.structure
            kept.append([] if structure is None else merging.add(entry.name, structure, entry.nodes, other.nodes))
        self._check_changed(after, {id(node) for nodes in kept for node in nodes})
        merged = []
        for plan, entry, other, nodes in zip(plans, self._then.entries, after.entries, kept, strict=True):
            merged.append(self._build(plan, entry, other, [next(results) for _ in _outgoing(entry)], nodes))
        self._results = tuple(merged)
        merging.note(f"'if' at line {self._line}")
        return True

    def _check_changed(self, after: Snapshot, kept: set[int]) -> None:
        """Raise if a branch changed a container that others have, and the variable has another one after the other."""
        for node, path in self._changed:
            places = sum(node is item for entry in after.entries for item in entry.nodes)
            if id(node) not in kept and self._pictures[1].held(node, places):
                raise regions.changed(f"'{path}'", self._region.what)

    def _pair(self, then: Entry, other: Entry, left: bool) -> tuple[str, list[Any]]:
        """How a variable merges ("" or the reason why it cannot), and one else-value per output of the then-branch.

        `left`: the else branch returns, so that nothing reads what it has not set.
        """
        outgoing = _outgoing(then)
        fill = [zeros_like(leaf) for leaf in outgoing]
        if then.structure is None and other.structure is None:
            return "unset", fill
        if then.structure is None or other.structure is None:
            unread = then.name.startswith(PROTECTED) or (left and "." not in then.name)
            if unread and other.value is UNBOUND and len(outgoing) == len(then.leaves):
                return "", fill
            for entry in (then, other):
                if isinstance(entry.value, Undefined):
                    return entry.value.reason, fill
            where = "else" if then.structure is not None else "then"
            return f"the {where} branch of the 'if' at line {self._line} does not set it", fill
        if then.structure != other.structure:
            return self._difference(then, other), fill
        needed = []
        for a, b in zip(then.leaves, other.leaves, strict=True):
            if not (is_number(a) or is_symbolic(a)):
                if not same_plain(a, b):
                    return self._difference(then, other), fill
                continue
            if not (is_number(b) or is_symbolic(b)) or not _compatible(a, b):
                return self._difference(then, other), fill
            needed.append(b)
        return "", needed

    def _difference(self, then: Entry, other: Entry) -> str:
        return (
            f"it is {describe(then.value)} in the then branch and {describe(other.value)} in the else branch "
            f"of the 'if' at line {self._line}"
        )

    def _build(self, plan: str, then: Entry, other: Entry, outputs: list[Any], kept: list[Any]) -> Any:
        if plan == "unset":
            if then.value is KEPT:
                return KEPT
            return next((entry.value for entry in (then, other) if isinstance(entry.value, Undefined)), UNBOUND)
        if plan:
            return Undefined(then.name, plan)
        leaves = []
        results = iter(outputs)
        others = other.leaves if other.structure is not None else [UNBOUND] * len(then.leaves)
        for a, b in zip(then.leaves, others, strict=True):
            result = next(results) if is_number(a) or is_symbolic(a) else a
            leaves.append(a if same_plain(a, b) else result)
        assert then.structure is not None
        return pytree.rebuild(then.structure, leaves, kept)  # what is the same object in both is changed in place


def _returned(entries: list[Entry]) -> bool:
    """True after a branch that returns whatever its own conditions are."""
    return any(entry.name == RETURNED and entry.value is True for entry in entries)


def _outgoing(entry: Entry) -> list[Any]:
    """The leaves that leave the branch as outputs of the graph's `if`."""
    return [leaf for leaf in entry.leaves if is_number(leaf) or is_symbolic(leaf)]


def _compatible(a: Any, b: Any) -> bool:
    """True when the graph's `if` may yield either: one shape and dtype, or a Python scalar that adapts."""
    if not (is_weak(a) or is_weak(b)):
        return same_type(a, b)
    if tuple(getattr(a, "shape", ())) != tuple(getattr(b, "shape", ())):
        return False
    if is_weak(a) and is_weak(b):
        return kind(a) == kind(b)
    return widens(a, b) if is_weak(a) else widens(b, a)
