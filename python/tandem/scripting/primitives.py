"""What rewritten code calls: the operators of Python that take a condition, and calls.

Rewritten functions reach this module through one closure variable, `__td`.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import operator
import types
from collections.abc import Callable
from typing import Any

from tandem import _core, pytree
from tandem.scripting import context
from tandem.scripting.aliases import identical
from tandem.scripting.branches import If
from tandem.scripting.context import is_symbolic
from tandem.scripting.errors import capture_error
from tandem.scripting.hosted import asserted, raised, text, value
from tandem.scripting.loops import For, While
from tandem.scripting.overloads import OVERLOADS
from tandem.scripting.purity import effects
from tandem.scripting.reads import stored_cells
from tandem.scripting.regions import innermost
from tandem.scripting.sequences import sequence
from tandem.scripting.state import CHOICE, KEPT, UNBOUND, Undefined, lift, tested, truth, undefined_error

__all__ = [
    "For",
    "If",
    "While",
    "and_",
    "asserted",
    "attr",
    "call",
    "chain",
    "change",
    "identical",
    "ifexp",
    "kept",
    "ld",
    "locals",
    "made",
    "not_",
    "or_",
    "plain",
    "plain_items",
    "raised",
    "text",
    "unbound",
    "under_condition",
    "value",
    "visible",
]

locals = builtins.locals

Thunk = Callable[[], Any]


def ld(value: Any) -> Any:
    """Load a variable that a branch or loop may have left without a single value."""
    if type(value) is Undefined:
        raise undefined_error(value)
    return value


def kept(value: Any) -> bool:
    return value is KEPT


def unbound(value: Any) -> bool:
    return value is UNBOUND


def ifexp(test: Any, then: Thunk, otherwise: Thunk) -> Any:
    """`then() if test else otherwise()`."""
    test = tested(test)
    if not is_symbolic(test):
        return then() if test else otherwise()
    branch = If(test, (CHOICE,), context.here()[1], {})
    while branch.pending():
        branch.then()
        first = then()
        branch.otherwise({CHOICE: first})
        second = otherwise()
        branch.merge({CHOICE: second})
    return ld(branch.values()[0])


def constantly(value: Any) -> Thunk:
    """A thunk for a value that exists already."""
    return lambda: value


def visible(scope: dict[str, Any]) -> dict[str, Any]:
    """The result of the user's `locals()` without the rewriter's variables."""
    return {name: value for name, value in scope.items() if not name.startswith("__td")}


def _is_condition(value: Any) -> bool:
    if type(value) is bool:
        return True
    return isinstance(value, _core.Tensor) and not tuple(value.shape) and "bool" in str(value.dtype)


def and_(pure: tuple[bool, ...], value: Any, *rest: Thunk) -> Any:
    """`value and rest[0]() and ...`; `pure` says which operands may be evaluated although Python would not."""
    for harmless, thunk in zip(pure, rest, strict=True):
        if not is_symbolic(test := tested(value)):
            if not test:
                return value
            value = thunk()
        elif harmless:
            other, first = thunk(), value
            if _is_condition(first) and _is_condition(other):
                value = lift(first) & lift(other)
            else:
                value = ifexp(first, constantly(other), constantly(first))
        else:
            value = ifexp(value, thunk, constantly(value))
    return value


def or_(pure: tuple[bool, ...], value: Any, *rest: Thunk) -> Any:
    """`value or rest[0]() or ...`, as `and_`."""
    for harmless, thunk in zip(pure, rest, strict=True):
        if not is_symbolic(test := tested(value)):
            if test:
                return value
            value = thunk()
        elif harmless:
            other, first = thunk(), value
            if _is_condition(first) and _is_condition(other):
                value = lift(first) | lift(other)
            else:
                value = ifexp(first, constantly(first), constantly(other))
        else:
            value = ifexp(value, constantly(value), thunk)
    return value


def not_(value: Any) -> Any:
    value = tested(value)
    return _core.as_number(_core.logical_not(truth(value))) if is_symbolic(value) else not value


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Is": identical,
    "IsNot": lambda a, b: not_(identical(a, b)),
    "In": lambda a, b: a in b,
    "NotIn": lambda a, b: a not in b,
}


def chain(operators: tuple[str, ...], pure: tuple[bool, ...], left: Any, *rest: Thunk) -> Any:
    """`left op rest[0]() op rest[1]() ...`, each operand evaluated at most once."""
    right = rest[0]()
    result = _COMPARE[operators[0]](left, right)
    if len(rest) == 1:
        return result
    return and_((all(pure[1:]),), result, lambda: chain(operators[1:], pure[1:], right, *rest[1:]))


def plain(test: Any, what: str) -> Any:
    """The condition of a statement with a `yield` inside, which is left and entered again."""
    if is_symbolic(test):
        raise _yields(f"'{what}' around a 'yield'", "a condition that depends on a tensor")
    return test


def plain_items(items: Any) -> Any:
    """What a `for` with a `yield` inside runs over."""
    found = sequence(items)
    if found is not None and is_symbolic(found.length):
        raise _yields("'for' around a 'yield'", "a length that depends on a tensor")
    return items


def _yields(what: str, got: str) -> Exception:
    return capture_error(
        what,
        f"{got}, so that it is not known how many items there are",
        "a generator whose control flow is known while the function is captured",
        "doing with each item in the loop itself what the caller does with it",
    )


def under_condition() -> bool:
    """Whether a branch or loop body that depends on tensors is being recorded."""
    return innermost() is not None


def call(function: Any) -> Any:
    """The callable that rewritten code calls in place of `function`."""
    capture = context.current()
    if capture is None:
        return function
    if capture.trials:
        why = effects(function)
        if why is not None:
            raise _core.CaptureError(why)
    kind = type(function)
    if kind is types.FunctionType:
        if capture.made:
            _check_shared(function, capture)
        return _rewritten(function, capture)
    if kind is types.MethodType:
        inner = function.__func__
        if type(inner) is not types.FunctionType:
            return function
        new = _rewritten(inner, capture)
        return function if new is inner else types.MethodType(new, function.__self__)
    if kind is types.BuiltinFunctionType:
        return OVERLOADS.get(function, function)
    if kind is functools.partial:
        return functools.partial(call(function.func), *function.args, **function.keywords)
    if isinstance(function, type):
        return OVERLOADS.get(function) or _constructor(function, capture)
    if kind is functools._lru_cache_wrapper:
        return functools.partial(_cached, function)
    return _callable_object(function, capture)


def _cached(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a functools.lru_cache, which would keep a tensor of this capture for later calls."""
    if any(map(is_symbolic, pytree.flatten((args, kwargs))[0])):
        name = getattr(function, "__qualname__", "function")
        raise capture_error(
            f"call of '{name}'",
            "a tensor for functools.lru_cache, which would keep it when it has no value any more",
            "a function without a cache, or plain Python arguments",
            f"'{name}.__wrapped__(...)', which leaves the cache out",
        )
    return function(*args, **kwargs)


def change(function: Any) -> Any:
    """As `call`, for a method that changes its list, dict or set; the rewriter has checked that it may."""
    return function if isinstance(getattr(function, "__self__", None), (list, dict, set)) else call(function)


def made(function: Any) -> Any:
    """Notes where a function was defined that changes variables of the functions around it."""
    capture = context.current()
    if capture is not None:
        capture.made[function] = innermost()
    return function


def _check_shared(function: types.FunctionType, capture: context.Capture) -> None:
    """Raise for a function that changes variables around a branch or loop body that does not carry them."""
    region = innermost()
    if region is None or capture.made.get(function, region) is region:
        return
    for name in stored_cells(function.__code__):
        if name not in region.names:
            raise capture_error(
                f"variable '{name}'",
                f"a call of '{function.__name__}', which changes it, in the body of the {region.what}",
                "a condition that does not depend on a tensor, or a body that assigns the variable itself",
                f"returning the new value from '{function.__name__}' and assigning it where it is defined",
            )


def attr(value: Any, name: str) -> Any:
    """`value.name`; a property of the user's is rewritten like any other function."""
    capture = context.current()
    if capture is None or isinstance(value, (_core.Tensor, types.ModuleType)):
        return getattr(value, name)
    classes, owner = type(value).__mro__, value
    if classes[0] is super:
        owner, order = value.__self__, value.__self_class__.__mro__
        classes = order[order.index(value.__thisclass__) + 1 :]
    found = next((vars(item)[name] for item in classes if name in vars(item)), None)
    if type(found) is not property or type(found.fget) is not types.FunctionType:
        return getattr(value, name)
    if capture.trials and (why := effects(found.fget)) is not None:
        raise _core.CaptureError(why)
    return _rewritten(found.fget, capture)(owner)


def _constructor(cls: Any, capture: context.Capture) -> Any:
    """The class, or a function that makes an instance of it with a rewritten `__init__`."""
    init = cls.__init__
    if cls.__new__ is not object.__new__ or type(cls) is not type or type(init) is not types.FunctionType:
        return cls
    new = _rewritten(init, capture)
    if new is init:
        return cls

    def construct(*args: Any, **kwargs: Any) -> Any:
        instance: Any = object.__new__(cls)
        new(instance, *args, **kwargs)
        return instance

    return construct


def _callable_object(value: Any, capture: context.Capture) -> Any:
    method = getattr(type(value), "__call__", None)  # noqa: B004 - the class's own method is wanted
    if type(method) is not types.FunctionType:
        return value
    # A module of this package has the user's `forward` rewritten itself, with the hooks around it.
    return types.MethodType(_rewritten(method, capture), value) if context.is_user_function(method) else value


def _rewritten(function: types.FunctionType, capture: context.Capture) -> types.FunctionType:
    if not context.is_user_function(function):
        return function
    capture.functions.append(function)
    if not capture.rewriting or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return function
    from tandem.scripting.rewriter import rewrite

    return rewrite(function)
