"""Find the syntax tree of a function that already exists."""

from __future__ import annotations

import ast
import copy
import linecache
import threading
import types
from typing import Any

FunctionNode = ast.FunctionDef | ast.Lambda


class SourceMissing(Exception):
    """The source of a function cannot be found; the message says why."""


_lock = threading.Lock()
# Parsed files: one parse serves all functions of a file. Keyed by name, valid while linecache holds the same list.
_files: dict[str, tuple[list[str], dict[int, list[FunctionNode]]]] = {}


def _first_line(node: FunctionNode) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _index(filename: str, module_globals: dict[str, Any]) -> dict[int, list[FunctionNode]]:
    lines = linecache.getlines(filename, module_globals)
    if not lines:
        raise SourceMissing(f"the source of {filename} is not available")
    with _lock:
        known = _files.get(filename)
        if known is not None and known[0] is lines:
            return known[1]
    try:
        tree = ast.parse("".join(lines), filename)
    except SyntaxError as error:
        raise SourceMissing(f"{filename} changed since it was imported: {error}") from None
    index: dict[int, list[FunctionNode]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            index.setdefault(_first_line(node), []).append(node)
    with _lock:
        _files[filename] = (lines, index)
    return index


def _argument_names(node: FunctionNode) -> tuple[str, ...]:
    a = node.args
    names = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    names += [arg.arg for arg in (a.vararg, a.kwarg) if arg is not None]
    return tuple(names)


def _inside(node: FunctionNode, code: types.CodeType) -> bool:
    """True when the code's instructions lie within the node's columns."""
    if not hasattr(code, "co_positions"):
        return True
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    body = node.body if isinstance(node, ast.Lambda) else None
    seen = False
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None or (column, end_column) == (0, 0):
            continue
        if not (start <= (line, column) and (end_line, end_column) <= end):
            return False
        if body is not None and (line, column) == (body.lineno, body.col_offset):
            seen = True
    return seen or body is None


def find(function: types.FunctionType) -> FunctionNode:
    """Return a fresh copy of the function's syntax tree, or raise SourceMissing."""
    code = function.__code__
    index = _index(code.co_filename, function.__globals__)
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
    wanted = code.co_varnames[:count]
    kind = ast.Lambda if code.co_name == "<lambda>" else ast.FunctionDef
    found = []
    for node in index.get(code.co_firstlineno, []):
        if not isinstance(node, kind) or len(_argument_names(node)) != len(wanted):
            continue
        if isinstance(node, ast.FunctionDef) and node.name != code.co_name:
            continue
        if isinstance(node, ast.Lambda) and (_argument_names(node) != wanted or not _inside(node, code)):
            continue
        found.append(node)
    if not found:
        raise SourceMissing(f"{code.co_filename}:{code.co_firstlineno} changed since it was imported")
    if len(found) > 1 and len({ast.dump(node) for node in found}) > 1:
        raise SourceMissing(f"{code.co_filename}:{code.co_firstlineno} has several lambdas alike; name this one")
    return copy.deepcopy(found[0])
