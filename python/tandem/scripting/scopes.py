"""Two small rewrites that follow Python's scope rules: loads of carried variables, and private names of classes."""

from __future__ import annotations

import ast
from typing import Any


class LoadCarried(ast.NodeTransformer):
    """Wraps loads of variables that a branch or loop carries: they may hold a placeholder."""

    def __init__(self, carried: set[str]) -> None:
        self.carried = carried

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load) or node.id not in self.carried or getattr(node, "raw", False):
            return node
        attribute = ast.Attribute(ast.Name("__td", ast.Load()), "ld", ast.Load())
        call = ast.Call(attribute, [node], [])
        for new in (call, attribute, attribute.value):
            ast.copy_location(new, node)
        return call

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node


class Mangle(ast.NodeTransformer):
    """Applies the name mangling of the class that a function was written in."""

    def __init__(self, owner: str) -> None:
        self.prefix = "_" + owner.lstrip("_")

    def _new(self, name: str | None) -> Any:
        if name is None or not name.startswith("__") or name.endswith("__") or "." in name:
            return name
        return self.prefix + name

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str) and not isinstance(node, ast.keyword):
                setattr(node, field, self._new(value))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [self._new(name) for name in node.names]
        return super().generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node  # mangles by its own name


def owner_class(qualname: str) -> str | None:
    """The class whose body holds the function, directly or around enclosing functions."""
    for part in reversed(qualname.split(".<locals>.")):
        names = part.split(".")
        if len(names) > 1:
            return names[-2]
    return None
