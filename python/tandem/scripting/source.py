"""Find the syntax tree of a function that already exists."""

from __future__ import annotations

import ast
import copy
import os
import types

from tandem._locks import shared_lock
from tandem.scripting import texts

FunctionNode = ast.FunctionDef | ast.Lambda


class SourceMissing(Exception):
    """The source of a function cannot be found; the message says why."""


_lock = shared_lock()
# Parsed files, for functions that need the whole file. Valid while the file has the same list of lines.
_files: dict[str, tuple[list[str], ast.Module]] = {}


def forget() -> None:
    """Parse every file again when it is next needed."""
    with _lock:
        _files.clear()


def _first_line(node: FunctionNode) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _last_line(code: types.CodeType) -> int:
    return max(
        line for item in texts.inside(code) for _, _, line in (*item.co_lines(), (0, 0, item.co_firstlineno)) if line
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else len(line)


def _block(code: types.CodeType, lines: list[str]) -> ast.Module | None:
    """Parse only the lines of the function; None if they are not whole statements."""
    first, last = code.co_firstlineno, _last_line(code)
    if code.co_name != "<lambda>":  # statements that are never reached have no code, and end the function all the same
        while last < len(lines) and _indent(lines[last]) > _indent(lines[first - 1]):
            last += 1
    text = "".join(lines[first - 1 : last])
    # Under an `if`, indented lines parse as they are, and columns and strings stay.
    indented = text[:1].isspace()
    try:
        tree = ast.parse("if 1:\n" + text if indented else text)
    except SyntaxError:
        return None
    ast.increment_lineno(tree, first - (2 if indented else 1))
    return tree


def _file(filename: str, lines: list[str]) -> ast.Module:
    with _lock:
        known = _files.get(filename)
        if known is not None and known[0] is lines:
            return known[1]
    try:
        tree = ast.parse("".join(lines), filename)
    except SyntaxError as error:
        raise SourceMissing(f"{filename} changed since it was imported: {error}") from None
    with _lock:
        _files[filename] = (lines, tree)
    return tree


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


def _matching(tree: ast.Module, code: types.CodeType) -> list[FunctionNode]:
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
    wanted = code.co_varnames[:count]
    found: list[FunctionNode] = []
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)) or _first_line(node) != code.co_firstlineno:
            continue
        if isinstance(node, ast.FunctionDef):
            # The names of a private method's arguments may be mangled, so only their number counts.
            if node.name == code.co_name and len(_argument_names(node)) == count:
                found.append(node)
        elif code.co_name == "<lambda>" and _argument_names(node) == wanted and _inside(node, code):
            found.append(node)
    return found


def _why_missing(filename: str) -> str:
    if os.path.isfile(filename):
        return f"{filename} changed since it was imported"
    return f"the source of {filename} is not available"


def find(function: types.FunctionType) -> FunctionNode:
    """Return a fresh copy of the function's syntax tree, or raise SourceMissing."""
    code = function.__code__
    where = f"{code.co_filename}:{code.co_firstlineno}"
    lines = texts.lines(code, function.__globals__)
    if not lines:
        raise SourceMissing(_why_missing(code.co_filename))
    block = _block(code, lines)
    found = _matching(block, code) if block is not None else []
    if len(found) == 1:
        return found[0]
    found = _matching(_file(code.co_filename, lines), code)
    if not found:
        raise SourceMissing(f"{where} changed since it was imported")
    if len(found) > 1 and len({ast.dump(node) for node in found}) > 1:
        raise SourceMissing(f"{where} has several lambdas alike; name this one")
    return copy.deepcopy(found[0])
