"""Nested tuples, lists, dicts, namedtuples and dataclasses as a flat list of leaves plus a structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

__all__ = ["LEAF", "Structure", "flatten", "leaves", "map", "refill", "unflatten"]


@dataclasses.dataclass(frozen=True)
class Structure:
    """The shape of a tree without its leaves: comparable, and enough to build the tree again."""

    kind: Any  # None for a leaf, else the container's class
    meta: tuple[Any, ...] = ()  # dict keys or field names
    children: tuple[Structure, ...] = ()

    @property
    def is_leaf(self) -> bool:
        return self.kind is None

    @property
    def count(self) -> int:
        """Number of leaves."""
        return 1 if self.kind is None else sum(child.count for child in self.children)

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        inside = [str(child) for child in self.children]
        if self.kind is tuple:
            return "(" + ", ".join(inside) + ("," if len(inside) == 1 else "") + ")"
        if self.kind is list:
            return "[" + ", ".join(inside) + "]"
        named = ", ".join(f"{key}: {text}" for key, text in zip(self.meta, inside, strict=True))
        return "{" + named + "}" if self.kind is dict else f"{self.kind.__name__}({named})"


LEAF = Structure(None)


Opens = Callable[[Any], "tuple[str, ...] | None"]  # the attributes of an object that counts as a container


def _children(tree: Any, opens: Opens | None = None) -> tuple[Any, tuple[Any, ...], list[Any]] | None:
    """Class, keys and children of a container; None for a leaf."""
    kind = type(tree)
    if kind is tuple or kind is list:
        return kind, (), list(tree)
    if kind is dict:
        return dict, tuple(tree), list(tree.values())
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return kind, tuple(kind._fields), list(tree)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = tuple(field.name for field in dataclasses.fields(tree))
        return kind, names, [getattr(tree, name) for name in names]
    if opens is not None and (names := opens(tree) or ()):
        return kind, names, [getattr(tree, name) for name in names]
    return None


def flatten(tree: Any, opens: Opens | None = None) -> tuple[list[Any], Structure]:
    """Return the leaves of `tree` in order, and its structure. `opens` may make containers of further objects."""
    out: list[Any] = []
    return out, _flatten(tree, opens, out)


def _flatten(node: Any, opens: Opens | None, out: list[Any]) -> Structure:
    found = _children(node, opens)
    if found is None:
        out.append(node)
        return LEAF
    kind, meta, children = found
    return Structure(kind, meta, tuple(_flatten(child, opens, out) for child in children))


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of `tree` in order."""
    return flatten(tree)[0]


def _build(kind: Any, meta: tuple[Any, ...], children: list[Any]) -> Any:
    if kind is tuple or kind is list:
        return kind(children)
    if kind is dict:
        return dict(zip(meta, children, strict=True))
    if issubclass(kind, tuple):
        return kind(*children)
    # A dataclass or an object: its __init__ may take other arguments or have effects, so the fields are set directly.
    value = object.__new__(kind)
    for name, child in zip(meta, children, strict=True):
        object.__setattr__(value, name, child)
    return value


def unflatten(structure: Structure, values: list[Any]) -> Any:
    """Build the tree of this structure from its leaves, in the order `flatten` gives them."""
    rest = iter(values)

    def walk(node: Structure) -> Any:
        if node.kind is None:
            return next(rest)
        return _build(node.kind, node.meta, [walk(child) for child in node.children])

    return walk(structure)


def refill(tree: Any, structure: Structure, values: list[Any]) -> Any:
    """Like `unflatten`, but write into the lists, dicts and dataclasses of `tree` where it still has them.

    Code that holds another reference to the same object sees the new contents, as it would in plain Python.
    """
    rest = iter(values)

    def walk(node: Structure, old: Any) -> Any:
        if node.kind is None:
            return next(rest)
        same = type(old) is node.kind
        found = _children(old) if same else None
        before = dict(zip(found[1] or range(len(found[2])), found[2], strict=True)) if found else {}
        keys = node.meta or tuple(range(len(node.children)))
        new = [walk(child, before.get(key)) for key, child in zip(keys, node.children, strict=True)]
        if same and node.kind is list:
            old[:] = new
            return old
        if same and node.kind is dict:
            old.clear()
            old.update(zip(node.meta, new, strict=True))
            return old
        if same and dataclasses.is_dataclass(node.kind) and not is_frozen(node.kind):
            for name, child in zip(node.meta, new, strict=True):
                object.__setattr__(old, name, child)
            return old
        if found is not None and len(new) == len(found[2]) and all(a is b for a, b in zip(new, found[2], strict=True)):
            return old
        return _build(node.kind, node.meta, new)

    return walk(structure, tree)


def is_frozen(kind: Any) -> bool:
    """Return whether the fields of a dataclass stay as they are."""
    return bool(kind.__dataclass_params__.frozen)


def map(function: Callable[..., Any], tree: Any) -> Any:
    """Apply `function` to every leaf."""
    values, structure = flatten(tree)
    return unflatten(structure, [function(value) for value in values])
