"""Which variables a block of statements changes: the state that a branch or a loop must carry."""

from __future__ import annotations

import ast

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
    """Collects names and how they change: "rebound" to another object, "updated" in place, or both ("mixed")."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.outer: set[str] = set()  # declared global: not part of a frame's state
        self.comprehension = 0

    def note(self, name: str | None, how: str) -> None:
        if name is None:
            return
        before = self.found.get(name)
        if before is None or how == before:
            self.found[name] = how
        elif before == "updated":
            self.found[name] = "mixed"

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


def changed(nodes: list[ast.stmt] | list[ast.AST], outer: set[str]) -> dict[str, str]:
    """Map every variable the statements change to "rebound", "updated" or "mixed", in order of appearance.

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


def has(nodes: list[ast.stmt] | list[ast.expr], *kinds: type[ast.AST]) -> bool:
    """True when a node of one of the kinds occurs, outside nested functions and classes."""
    stack: list[ast.AST] = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, kinds):
            return True
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))
    return False


def bound(function: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """The names that are variables of the function itself; a `nonlocal` counts, a `global` does not."""
    names = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    if isinstance(function, ast.FunctionDef):
        for statement in function.body:
            names.update(name for name, how in changed([statement], set()).items() if how != "updated")
            for node in ast.walk(statement):
                if isinstance(node, ast.Nonlocal):
                    names.update(node.names)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    names.add(node.id)
    return frozenset(names)
