"""Builtins that mean something for tensors whose values are not known at capture."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Any

from tandem import _core
from tandem.scripting import stacking
from tandem.scripting.context import is_symbolic
from tandem.scripting.hosted import tensor_print
from tandem.scripting.sequences import tensor_enumerate, tensor_range, tensor_zip
from tandem.scripting.state import Undefined, kind, tested, truth, undefined_error


def _len(value: Any) -> Any:
    if isinstance(value, _core.Tensor) and is_symbolic(value) and tuple(value.shape):
        return value.shape[0]
    return len(value)


def _bool(value: Any = False) -> Any:
    value = tested(value)
    return _core.as_number(truth(value)) if is_symbolic(value) else bool(value)


def _kind_of(value: Any) -> type:
    """The class of a value, which for a number that differs from call to call is that of the number."""
    if isinstance(value, _core.Tensor) and value._weak:
        return (bool, int, float, complex)[kind(value)]
    return type(value)


def _type(*arguments: Any, **options: Any) -> Any:
    return _kind_of(arguments[0]) if len(arguments) == 1 and not options else type(*arguments, **options)


def _isinstance(value: Any, classes: Any, /) -> bool:
    if isinstance(value, _core.Tensor) and value._weak:
        return issubclass(_kind_of(value), classes)
    return isinstance(value, classes)


def _hasattr(value: Any, name: str, /) -> bool:
    if type(found := getattr(value, name, None)) is Undefined:
        raise undefined_error(found)
    return hasattr(value, name)


def _choose(builtin: Callable[..., Any], prefers: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """`min` or `max`: keep the first of equal values, as the builtins do."""

    def choose(*values: Any, **options: Any) -> Any:
        from tandem.scripting.primitives import constantly, ifexp

        items = list(values[0] if len(values) == 1 else values)
        if options or len(items) < 2 or not any(is_symbolic(item) for item in items):
            return builtin(items, **options) if len(values) == 1 else builtin(*values, **options)
        best = items[0]
        for item in items[1:]:
            best = ifexp(prefers(item, best), constantly(item), constantly(best))
        return best

    return choose


def _all(values: Iterable[Any]) -> Any:
    result: Any = True
    for value in values:
        if is_symbolic(value):
            result = truth(value) if result is True else result & truth(value)
        elif not value:
            return False
    return _core.as_number(result) if is_symbolic(result) else result


def _any(values: Iterable[Any]) -> Any:
    result: Any = False
    for value in values:
        if is_symbolic(value):
            result = truth(value) if result is False else result | truth(value)
        elif value:
            return True
    return _core.as_number(result) if is_symbolic(result) else result


OVERLOADS: dict[Any, Callable[..., Any]] = {
    builtins.range: tensor_range,
    builtins.enumerate: tensor_enumerate,
    builtins.zip: tensor_zip,
    builtins.len: _len,
    builtins.bool: _bool,
    builtins.hasattr: _hasattr,
    builtins.isinstance: _isinstance,
    builtins.type: _type,
    builtins.min: _choose(min, lambda a, b: a < b),
    builtins.max: _choose(max, lambda a, b: a > b),
    builtins.print: tensor_print,
    builtins.all: _all,
    builtins.any: _any,
    _core.stack: stacking.stack,
    _core.concat: stacking.concat,
}
