"""The user's source: which lines of which files to show."""

from __future__ import annotations

import ast
import functools
import linecache
import types
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tandem.scripting.texts import short

Line = tuple[str, int]  # file and line

AROUND = 2  # lines shown before and after one that belongs to no function


@dataclass
class Excerpt:
    """Some consecutive lines of a file; `known` is False where the file cannot be read."""

    filename: str
    first: int
    lines: list[str]
    known: bool = True


def unwrapped(compiled: Any) -> Any:
    """The plain function behind an annotation: that of a method, a partial, or an object that can be called."""
    function = compiled.__wrapped__
    while isinstance(function, functools.partial):
        function = function.func
    if not isinstance(function, (types.FunctionType, types.MethodType)):
        function = type(function).__call__
    return getattr(function, "__func__", function)


def excerpts(lines: Iterable[Line], code: types.CodeType | None) -> list[Excerpt]:
    """Return whole functions, in the order of their files, such that every given line is in one of them."""
    wanted: dict[str, set[int]] = defaultdict(set)
    if code is not None:
        wanted[code.co_filename].add(code.co_firstlineno)
    for filename, line in lines:
        wanted[filename].add(line)
    return [excerpt for filename, numbers in wanted.items() for excerpt in _of_file(filename, numbers)]


def places(lines: Iterable[Line]) -> str:
    """Lines as text: `model.py:12 14, layers.py:3`."""
    by_file: dict[str, list[int]] = defaultdict(list)
    for filename, line in lines:
        by_file[filename].append(line)
    return ", ".join(f"{short(name)}:{' '.join(map(str, sorted(numbers)))}" for name, numbers in by_file.items())


def function_at(line: Line) -> str:
    """The innermost function around a line, after the functions and classes around it; "" outside of all."""
    named = _named("".join(linecache.getlines(line[0])))
    return next((name for first, last, name in reversed(named) if first <= line[1] <= last), "")


def _of_file(filename: str, numbers: set[int]) -> list[Excerpt]:
    text = linecache.getlines(filename)
    spans: list[tuple[int, int]] = []
    functions = _functions("".join(text))
    for number in sorted(numbers):
        if not 1 <= number <= len(text):
            spans.append((number, number))
            continue
        around = max(1, number - AROUND), min(len(text), number + AROUND)
        spans.append(min((f for f in functions if f[0] <= number <= f[1]), default=around))
    merged: list[tuple[int, int]] = []
    for first, last in sorted(set(spans)):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return [_excerpt(filename, text, first, last) for first, last in merged]


def _excerpt(filename: str, text: list[str], first: int, last: int) -> Excerpt:
    if last > len(text):
        return Excerpt(filename, first, [""] * (last - first + 1), known=False)
    return Excerpt(filename, first, [line.rstrip("\r\n") for line in text[first - 1 : last]])


def _functions(text: str) -> list[tuple[int, int]]:
    """First and last line of the functions that are not part of another one, decorators included."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    found: list[tuple[int, int]] = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                start = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                found.append((start, child.end_lineno or start))
            else:
                visit(child)

    visit(tree)
    return found


@functools.lru_cache(maxsize=16)
def _named(text: str) -> list[tuple[int, int, str]]:
    """First and last line and the name of all functions, inner ones after those around them."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    found: list[tuple[int, int, str]] = []

    def visit(node: ast.AST, around: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = around
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = f"{around}.{child.name}" if around else child.name
                if not isinstance(child, ast.ClassDef):
                    found.append((child.lineno, child.end_lineno or child.lineno, name))
            visit(child, name)

    visit(tree, "")
    return found
