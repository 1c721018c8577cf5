"""Nested tuples, lists, dicts, namedtuples and dataclasses as a flat list of leaves plus a structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

__all__ = ["LEAF", "Shared", "Structure", "flatten", "leaves", "map", "nodes", "rebuild", "unflatten"]


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
    out, structure, _ = nodes(tree, opens)
    return out, structure


def nodes(tree: Any, opens: Opens | None = None) -> tuple[list[Any], Structure, list[Any]]:
    """As `flatten`, with the containers themselves, each before what it holds."""
    out: list[Any] = []
    found: list[Any] = []
    return out, _flatten(tree, opens, out, found), found


def _flatten(node: Any, opens: Opens | None, out: list[Any], nodes: list[Any]) -> Structure:
    found = _children(node, opens)
    if found is None:
        out.append(node)
        return LEAF
    kind, meta, children = found
    nodes.append(node)
    return Structure(kind, meta, tuple(_flatten(child, opens, out, nodes) for child in children))


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


@dataclasses.dataclass
class Shared:
    """A container that stands in several places of one tree, or of several: the first place that is built makes it."""

    value: Any = None


def rebuild(structure: Structure, values: list[Any], kept: list[Any]) -> Any:
    """Like `unflatten`, but some containers are those of `kept`, with other contents.

    `kept`: for every container, in the order of `nodes`: itself, None for a new one, or a `Shared`. Code that holds
    another reference to the same list sees the new contents, as it would in plain Python.
    """
    rest, objects = iter(values), iter(kept)

    def walk(node: Structure) -> Any:
        if node.kind is None:
            return next(rest)
        old = next(objects, None)
        children = [walk(child) for child in node.children]
        if not isinstance(old, Shared):
            return _build(node.kind, node.meta, children) if old is None else _fill(old, node, children)
        if old.value is None:
            old.value = _build(node.kind, node.meta, children)
        return old.value

    return walk(structure)


def is_mutable(container: Any) -> bool:
    """False for tuples and frozen dataclasses."""
    parameters = getattr(type(container), "__dataclass_params__", None)
    return not isinstance(container, tuple) and not (parameters is not None and parameters.frozen)


def _fill(old: Any, node: Structure, children: list[Any]) -> Any:
    """A container with other contents: itself, if it can have others."""
    if node.kind is list:
        old[:] = children
    elif node.kind is dict:
        old.clear()
        old.update(zip(node.meta, children, strict=True))
    else:
        _, meta, before = _children(old, lambda _: node.meta) or (None, (), [])
        if all(a is b for a, b in zip(children, before, strict=True)):
            return old
        if not is_mutable(old):
            return _build(node.kind, node.meta, children)
        for name, child in zip(meta, children, strict=True):
            object.__setattr__(old, name, child)
    return old


def map(function: Callable[..., Any], tree: Any) -> Any:
    """Apply `function` to every leaf."""
    values, structure = flatten(tree)
    return unflatten(structure, [function(value) for value in values])
