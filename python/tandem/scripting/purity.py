"""Which loop bodies may be run once for all iterations: the rule that keeps a `for` over a Python range a loop.

Recording the body once is the same as running it every time only if it has no effect besides assigning variables and
writing into tensors. The statements are checked here, before anything runs; the functions that the body calls are
checked when they are called (`effects`). A body that fails either check is unrolled, and `explain()` says why.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import math
import operator
import types
from typing import Any

from tandem import _core
from tandem.scripting import source
from tandem.scripting.appends import made_lists
from tandem.scripting.names import MUTATORS

MODES = frozenset({"autocast", "enable_grad", "no_grad"})  # a function of that name is looked at when it is called
MIN_TRIPS = 8  # shorter loops are unrolled: straight code fuses

_PURE_NAMES = (
    *("abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "frozenset", "getattr", "hasattr"),
    *(
        "int",
        "isinstance",
        "issubclass",
        "len",
        "list",
        "map",
        "max",
        "min",
        "pow",
        "print",
        "range",
        "repr",
        "reversed",
    ),
    *("round", "set", "slice", "sorted", "str", "sum", "super", "tuple", "type", "zip"),
)
_PURE_BUILTINS = frozenset(id(getattr(builtins, name)) for name in _PURE_NAMES)
_PURE_MODULES = frozenset({math.__name__, operator.__name__, "_operator"})
_PLAIN = (str, bytes, tuple, int, float, complex, bool, range, frozenset)
_STATEMENTS = (
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.If, ast.While, ast.For, ast.Pass, ast.Return),
    *(ast.Assert, ast.Raise, ast.With),  # the first two become part of the graph; of the last, see _manager
)
_JUMPS = (ast.Break, ast.Continue)


def _target(node: ast.expr) -> str | None:
    if isinstance(node, (ast.Tuple, ast.List)):
        return next((why for item in node.elts if (why := _target(item))), None)
    if isinstance(node, ast.Starred):
        return _target(node.value)
    if isinstance(node, ast.Attribute) and node.attr != "grad":  # the recorder follows that of tensors
        return f"line {node.lineno} sets the attribute '{node.attr}'"
    return None


def _manager(item: ast.withitem) -> str | None:
    """Why entering a context may do more than to set how operations are recorded, which leaving it undoes."""
    call = item.context_expr
    name = getattr(call.func, "attr", getattr(call.func, "id", "")) if isinstance(call, ast.Call) else ""
    if item.optional_vars is None and name in MODES:
        return _expression(call)
    return f"line {call.lineno} holds a 'with' statement"


def why_not_simple(body: list[ast.stmt], lists: tuple[str, ...] = ()) -> str | None:
    """The first reason why the statements may have effects of their own; None if there is none.

    `lists`: names of lists that it may append to. What it does to lists that it makes itself is no effect.
    """
    lists = (*lists, *made_lists(body))
    for node in body:
        if not isinstance(node, (*_STATEMENTS, *_JUMPS)):
            return f"line {node.lineno} holds a '{type(node).__name__.lower()}' statement"
        targets = list(getattr(node, "targets", []))
        if isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For)):
            targets.append(node.target)
        for target in targets:
            if why := _target(target):
                return why
        for item in getattr(node, "items", []):
            if why := _manager(item):
                return why
        for field in ("test", "iter", "value", "target", "targets"):
            value = getattr(node, field, None)
            for expression in value if isinstance(value, list) else [value]:
                if expression is not None and (why := _expression(expression, lists)):
                    return why
        for field in ("body", "orelse"):
            if why := why_not_simple(getattr(node, field, []), lists):
                return why
    return None


def _expression(root: ast.expr, lists: tuple[str, ...] = ()) -> str | None:
    for node in ast.walk(root):
        if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
            return f"line {root.lineno} holds a '{type(node).__name__.lower()}'"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            if isinstance(node.func.value, ast.Name) and node.func.value.id in lists:
                continue
            if node.func.attr == "update" and not node.args and not node.keywords:
                continue  # changes no dict or set; that of a GradScaler writes to its tensors
            return f"line {node.lineno} calls '.{node.func.attr}()'"
    return None


def is_pure_operand(root: ast.expr) -> bool:
    """True when evaluating the expression although Python would skip it cannot be noticed.

    Names, constants, attributes, arithmetic and comparisons; no calls (which may write or draw random numbers) and no
    subscripts (which may be out of range exactly when Python skips them).
    """
    allowed = (ast.Name, ast.Constant, ast.Attribute, ast.Compare, ast.UnaryOp, ast.BinOp, ast.BoolOp)
    return all(
        isinstance(node, (*allowed, ast.operator, ast.cmpop, ast.unaryop, ast.boolop, ast.expr_context))
        for node in ast.walk(root)
    )


_functions: dict[types.CodeType, str | None] = {}


def forget() -> None:
    """Look at every function again when it is next called."""
    _functions.clear()


def _function(function: types.FunctionType) -> str | None:
    code = function.__code__
    if code not in _functions:
        try:
            tree = source.find(function)
        except source.SourceMissing as error:
            _functions[code] = str(error)
        else:
            why = _expression(tree.body) if isinstance(tree, ast.Lambda) else why_not_simple(tree.body)
            _functions[code] = why and f"'{code.co_name}': {why}"
    return _functions[code]


def _is_record(kind: type) -> bool:
    """True for dataclasses and named tuples that are made without code of the user's."""
    own = vars(kind)
    if "__dataclass_params__" not in own:
        return issubclass(kind, tuple) and "_fields" in own and "__new__" in own
    plain = own["__dataclass_params__"].init and not hasattr(kind, "__post_init__")
    makers = (dataclasses.MISSING, list, dict, set)
    return bool(plain) and all(field.default_factory in makers for field in dataclasses.fields(kind))


def effects(function: Any) -> str | None:
    """Why calling `function` may have effects besides its result and tensor writes; None if it has none."""
    if isinstance(getattr(function, "__self__", None), (_core.Tensor, *_PLAIN)):
        return None
    if isinstance(function, types.MethodType):
        return effects(function.__func__)
    module = getattr(function, "__module__", None) or ""
    if module == "tandem" or module.startswith("tandem."):
        return None
    if isinstance(function, types.FunctionType):
        return _function(function)
    if id(function) in _PURE_BUILTINS or module in _PURE_MODULES:
        return None
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(owner, (list, dict, set)) and name not in MUTATORS:
        return None
    if type(function).__module__.startswith("tandem"):
        return None
    if isinstance(function, type) and _is_record(function):
        return None
    call = getattr(type(function), "__call__", None)  # noqa: B004 - the class's own method is wanted
    if not isinstance(function, type) and isinstance(call, types.FunctionType):
        return effects(call)
    return f"it calls '{name}', whose effects are not known"
