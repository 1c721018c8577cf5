"""Sizes that torch knows as symbols: what they are in a call, and in a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy
import torch
from torch.utils._sympy.interp import sympy_interp
from torch.utils._sympy.reference import PythonReferenceAnalysis

Symbols = dict[Any, Any]


def expression(value: Any) -> Any:
    """Return the expression of a symbolic number of torch; None for a plain one."""
    if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        expr = value.node.expr
        return None if expr.is_number else expr
    return None


def free_symbols(values: Iterable[Any]) -> set[Any]:
    """Return the symbols that symbolic numbers among the values are made of."""
    found: set[Any] = set()
    for value in values:
        expr = expression(value)
        if expr is not None:
            found |= expr.free_symbols
    return found


def evaluated(value: Any, symbols: Symbols) -> Any:
    """Return a symbolic number, given what the symbols are: ints, or sizes of a capture."""
    expr = expression(value)
    if expr is None:
        if isinstance(value, torch.SymInt):
            return int(value.node.expr)
        if isinstance(value, torch.SymFloat):
            return float(value.node.expr)
        if isinstance(value, torch.SymBool):
            return bool(value.node.expr)
        return value
    if isinstance(expr, sympy.Symbol):
        return symbols[expr]
    out = sympy_interp(PythonReferenceAnalysis, symbols, expr)
    return _plain(out) if isinstance(out, sympy.Basic) else out


def _plain(number: Any) -> Any:
    """Return a number of sympy, which some of torch's functions of numbers return, as one of Python."""
    if number.is_Boolean:
        return bool(number)
    return int(number) if number.is_Integer else float(number)


def places_of(metas: list[Any]) -> dict[Any, tuple[int, int | None]]:
    """Return where each symbol can be read: the argument, and its axis (None for the argument itself)."""
    found: dict[Any, tuple[int, int | None]] = {}
    for i, meta in enumerate(metas):
        if isinstance(meta, torch.Tensor):
            for k, n in enumerate(meta.shape):
                if isinstance(n, torch.SymInt) and isinstance(n.node.expr, sympy.Symbol):
                    found.setdefault(n.node.expr, (i, k))
        elif isinstance(meta, torch.SymInt) and isinstance(meta.node.expr, sympy.Symbol):
            found.setdefault(meta.node.expr, (i, None))
    return found


def reader(metas: list[Any]) -> Callable[[list[Any]], Symbols]:
    """Return a function that reads the values of all symbols from the arguments of a call."""
    places = places_of(metas)

    def read(args: list[Any]) -> Symbols:
        return {s: args[i] if axis is None else args[i].shape[axis] for s, (i, axis) in places.items()}

    return read
