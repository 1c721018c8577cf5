"""Statements as templates: Python text with placeholders for names, expressions and blocks."""

from __future__ import annotations

import ast
from typing import Any


class _Fill(ast.NodeTransformer):
    def __init__(self, values: dict[str, Any], at: ast.AST) -> None:
        self.values, self.at = values, at

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if "lineno" in node._attributes:
            ast.copy_location(node, self.at)
        return super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self.values.get(node.id)
        if isinstance(value, str):
            return ast.copy_location(ast.Name(value, node.ctx), self.at)
        return ast.copy_location(node, self.at) if value is None else value

    def visit_Expr(self, node: ast.Expr) -> Any:
        value = self.values.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(value, list):
            return value
        return self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        if isinstance(self.values.get(node.name or ""), str):
            node.name = self.values[node.name or ""]
        return self.generic_visit(node)


def fill(text: str, at: ast.AST, **values: Any) -> list[ast.stmt]:
    """The statements of `text`, placed at the source position of `at`.

    A placeholder is a name: a str gives it another name, a node stands in its place, and a list of statements
    replaces the expression statement that holds it. What is put in keeps its own positions.
    """
    module = _Fill(values, at).visit(ast.parse(text))
    return list(module.body)


def constant(value: Any, at: ast.AST) -> ast.expr:
    return ast.copy_location(ast.Constant(value), at)


def fill_expression(text: str, at: ast.AST, **values: Any) -> ast.expr:
    """The expression of `text`, placed at the source position of `at`."""
    statement = fill(text, at, **values)[0]
    assert isinstance(statement, ast.Expr)
    return statement.value
