"""A captured graph as plain Python objects, for code that walks it.

Sizes are ints, or symbolic `Size`s, which add and multiply but must not be compared here: outside of a capture nobody
knows their values.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tandem import _core

Dim = Any  # int, or a Size
Shape = tuple[Dim, ...]
Line = tuple[str, int]


@dataclass(frozen=True)
class Type:
    """What a value is: its dtype and shape."""

    dtype: Any
    shape: Shape


@dataclass(frozen=True)
class Param:
    """An input of a graph, and what the user calls it."""

    value: int
    name: str


@dataclass
class Node:
    """One operation. Values are numbers, counted per graph."""

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attrs: dict[str, Any]
    regions: dict[str, Graph]
    line: Line | None


@dataclass
class Graph:
    """Nodes in the order in which they run; a region sees its params and nothing else."""

    name: str
    types: list[Type]
    params: list[Param]
    nodes: list[Node]
    results: tuple[int, ...]

    @classmethod
    def read(cls, data: Mapping[str, Any], line: Line | None = None) -> Graph:
        """Make a graph of what the core says; nodes without a line of their own get the given one."""
        nodes = [
            Node(
                row["op"],
                row["inputs"],
                row["outputs"],
                row["attrs"],
                {label: cls.read(region, row["line"] or line) for label, region in row["regions"].items()},
                row["line"] or line,
            )
            for row in data["nodes"]
        ]
        params = [Param(value, name) for value, name, _, _ in data["params"]]
        return cls(data["name"], [Type(*each) for each in data["types"]], params, nodes, data["results"])

    def walk(self) -> Iterator[Node]:
        """Yield all nodes, those of regions after the node that holds them."""
        for node in self.nodes:
            yield node
            for region in node.regions.values():
                yield from region.walk()

    def dims(self) -> Iterator[Dim]:
        """Yield all sizes in types and attributes, those of regions as well."""
        for each in self.types:
            yield from each.shape
        for node in self.nodes:
            for attr in node.attrs.values():
                if isinstance(attr, tuple):
                    yield from attr
            for region in node.regions.values():
                yield from region.dims()


def is_number(dim: Dim) -> bool:
    """Whether a size is known."""
    return isinstance(dim, int)


def same(a: Dim, b: Dim) -> bool:
    """Whether two sizes are the same expression."""
    return str(a) == str(b)


def symbols_of(dim: Dim) -> set[str]:
    """Return the symbols that a size depends on."""
    return set() if is_number(dim) else set(re.findall(r"\b[A-Z][0-9]*\b", str(dim)))


Operations = Mapping[str, Callable[[Any, Any], Any]]
_NAMES: dict[type, str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}


def evaluate(dim: Dim, number: Callable[[int], Any], symbol: Callable[[str], Any], operations: Operations) -> Any:
    """Compute a size in any terms: `operations` are add, sub, mul, div, min and max of two operands."""

    def walk(node: ast.AST) -> Any:
        if isinstance(node, ast.Constant):
            return number(int(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return symbol(node.id)
        if isinstance(node, ast.UnaryOp):
            return operations["sub"](number(0), walk(node.operand))
        if isinstance(node, ast.BinOp):
            return operations[_NAMES[type(node.op)]](walk(node.left), walk(node.right))
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name), ast.dump(node)
        return operations[node.func.id](*map(walk, node.args))

    return walk(ast.parse(str(dim), mode="eval").body)


_ON_NUMBERS: Operations = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a // b,
    "min": min,
    "max": max,
}


def size_of(dim: Dim, sizes: Mapping[str, int]) -> int:
    """Return the number that a size is when its symbols have these values."""
    return int(evaluate(dim, int, sizes.__getitem__, _ON_NUMBERS))


def rows() -> dict[str, dict[str, Any]]:
    """Return the rows of the table of operations, by name."""
    return {row["name"]: row for row in _core._op_table()}
