"""How operations become ONNX nodes.

The column `onnx` of the operations' table says which way a row goes: the name of an operator that takes the same inputs
and has no attributes; "rule: Operator" for a function in `operators_*.py` that writes the nodes, mostly that operator;
"compose" for the row's own formula; "none: reason".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tandem.onnx.captured import Node, Type
from tandem.onnx.emission import Scope, Value

# A rule gets the scope, the node, its inputs and the type of its result, and returns the result.
Rule = Callable[[Scope, Node, list[Value], Type], Value]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the function below for operations of these names."""

    def register(function: Rule) -> Rule:
        for name in names:
            assert name not in RULES, name
            RULES[name] = function
        return function

    return register


def is_float(value: Any) -> bool:
    """Whether a value, or a type, is of a floating-point dtype."""
    return "float" in value.dtype.name


def load() -> dict[str, Rule]:
    """Return all rules."""
    from tandem.onnx import (  # noqa: F401
        operators_indexing,
        operators_moving,
        operators_neural,
        operators_pointwise,
        operators_quantised,
        operators_reducing,
        operators_windows,
    )

    return RULES
