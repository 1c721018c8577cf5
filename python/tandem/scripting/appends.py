"""Which lists a loop only appends to, seen from the syntax tree alone.

Such a list was made by a display (`[]`) in the same function and is not named before or in the loop but to append to
it, so that nobody can look at it while the loop runs.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from tandem.scripting.names import FUNCTIONS, own_nodes


@dataclass
class Fresh:
    """Where a name gets a new list, and where it is read other than to append."""

    made: list[ast.stmt] = field(default_factory=list)
    read: list[ast.Name] = field(default_factory=list)
    appended: list[ast.Name] = field(default_factory=list)


FreshLists = dict[str, Fresh]


def _displays(node: ast.AST) -> list[str]:
    """The names that a statement gives new lists to."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _is_display(node.value):
        return [node.target.id]
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return []
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Name) and _is_display(value):
        return [target.id]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return [name.id for name, item in pairs if isinstance(name, ast.Name) and _is_display(item)]
    return []


def _is_display(node: ast.expr | None) -> bool:
    return isinstance(node, ast.List)


def _append(node: ast.AST) -> ast.Name | None:
    """The name in a statement `name.append(value)`."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "append":
        return None
    plain = len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred)
    return call.func.value if plain and isinstance(call.func.value, ast.Name) else None


def fresh_lists(statements: list[ast.stmt], arguments: set[str]) -> FreshLists:
    """The variables of a function that only ever hold lists made in it, and that no function inside it names."""
    found: FreshLists = {}
    spoiled = set(arguments)
    stores: dict[str, int] = {}
    appends: set[int] = set()
    for node in own_nodes(statements):
        for name in _displays(node):
            assert isinstance(node, ast.stmt)
            found.setdefault(name, Fresh()).made.append(node)
        if (appended := _append(node)) is not None:
            appends.add(id(appended))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            spoiled.update(node.names)
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            spoiled.update(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
    for node in own_nodes(statements):
        if not isinstance(node, ast.Name) or node.id not in found:
            continue
        if not isinstance(node.ctx, ast.Load):
            stores[node.id] = stores.get(node.id, 0) + 1
        elif id(node) in appends:
            found[node.id].appended.append(node)
        else:
            found[node.id].read.append(node)
    return {name: fresh for name, fresh in found.items() if name not in spoiled and stores[name] == len(fresh.made)}


def appended_lists(loop: ast.For, lists: FreshLists, around: Sequence[ast.For | ast.While]) -> tuple[str, ...]:
    """The lists that `loop` only appends to. `around`: the loops that it stands in, the outermost first."""
    inside = {id(node) for statement in loop.body for node in own_nodes([statement])}
    outside = {id(node) for outer in around[:1] for node in own_nodes(outer.body)}
    end = (loop.end_lineno or 0, loop.end_col_offset or 0)

    def collected(fresh: Fresh) -> bool:
        if not any(id(node) in inside for node in fresh.appended):
            return False
        if any(id(node) in inside for node in [*fresh.made, *fresh.read]):
            return False
        # In a loop around it, another name from an iteration before could still stand for the list.
        new = not around or any(node in around[-1].body for node in fresh.made)
        if not new and any(id(node) in outside for node in fresh.read):
            return False
        return all((node.lineno, node.col_offset) >= end for node in fresh.read)

    return tuple(name for name, fresh in lists.items() if collected(fresh))


def made_lists(body: list[ast.stmt]) -> tuple[str, ...]:
    """Names that the statements give new lists to, before anything else happens to them."""
    made: list[str] = []
    used: set[str] = set()
    for statement in body:
        made += [name for name in _displays(statement) if name not in used]
        used.update(node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
    stores = [node.id for node in own_nodes(body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return tuple(name for name in made if stores.count(name) == 1)
