"""Which variables a block of statements changes: the state that a branch or a loop must carry."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

MUTATORS = frozenset(
    (
        *("append", "appendleft", "extend", "extendleft", "insert", "pop", "popleft", "popitem", "remove", "clear"),
        *("update", "setdefault", "add", "discard", "sort", "reverse"),
    )
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def dotted(node: ast.AST) -> str | None:
    """`self.a.b` for a chain of attributes of a name, else None."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


class _Changes(ast.NodeVisitor):
    """Collects names and how they change: "rebound" to another object, or only "updated" in place."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.outer: set[str] = set()  # declared global: not part of a frame's state
        self.comprehension = 0

    def note(self, name: str | None, how: str) -> None:
        if name is None:
            return
        if how == "rebound" or name not in self.found:
            self.found[name] = how

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load) and not self.comprehension:
            self.note(node.id, "rebound")

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.note(node.target.id, "rebound")
        self.visit(node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.note(dotted(node), "rebound")
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            base: ast.AST = node.value
            while isinstance(base, ast.Subscript):
                base = base.value
            self.note(dotted(base), "updated")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Subscript):
            self.visit(node.target)
        else:
            self.note(dotted(node.target), "updated")
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            self.note(dotted(node.func.value), "updated")
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.outer.update(node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.note(node.name, "rebound")
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.note(alias.asname or alias.name.split(".")[0], "rebound")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.note(alias.asname or alias.name, "rebound")

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.note(node.name, "rebound")
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self.note(node.name, "rebound")

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.note(node.rest, "rebound")
        self.generic_visit(node)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.note(node.name, "rebound")

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def _comprehension(self, node: ast.AST) -> None:
        self.comprehension += 1
        self.generic_visit(node)
        self.comprehension -= 1

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension


class _Bound(_Changes):
    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.note(node.target.id, "rebound")
        self.generic_visit(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        for name in node.names:
            self.note(name, "rebound")


def bound(function: ast.FunctionDef | ast.Lambda, body: list[ast.stmt]) -> set[str]:
    """The variables that a function may assign. The others are global, or belong to a function around it."""
    visitor = _Bound()
    for node in body:
        visitor.visit(node)
    arguments = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    return arguments | {name for name, how in visitor.found.items() if how != "updated"}


def changed(nodes: list[ast.stmt] | list[ast.AST], outer: set[str]) -> dict[str, str]:
    """Map every variable the statements change to "rebound" or "updated", in order of appearance.

    Names in `outer` (declared global) are left out, and so are attributes of a name that is itself rebound: what such
    an attribute means differs before and after.
    """
    visitor = _Changes()
    for node in nodes:
        visitor.visit(node)
    rebound = {name for name, how in visitor.found.items() if how != "updated"}
    outer = outer | visitor.outer

    def stable(name: str) -> bool:
        parts = name.split(".")
        if parts[0] in outer and len(parts) == 1:
            return False
        return not any(".".join(parts[:k]) in rebound for k in range(1, len(parts)))

    return {name: how for name, how in visitor.found.items() if stable(name)}


def own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of these trees that run in their own scope: not those of nested functions and classes."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))


def has(nodes: Iterable[ast.AST], *kinds: type[ast.AST]) -> bool:
    """True when a node of one of the kinds occurs, outside nested functions and classes."""
    return any(isinstance(node, kinds) for node in own_nodes(nodes))


def shared_names(function: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """The variables of a function that functions inside it change: a call of those may change them."""
    if isinstance(function, ast.Lambda):
        return frozenset()
    inner: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, FUNCTIONS) and node is not function:
            inner.update(name for part in ast.walk(node) if isinstance(part, ast.Nonlocal) for name in part.names)
    mine = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    for node in own_nodes(function.body):
        if isinstance(node, ast.Nonlocal):
            mine.update(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            mine.add(node.id)
    return frozenset(inner & mine)
