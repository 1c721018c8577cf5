"""The trees that go into a captured function and come out of it."""

from __future__ import annotations

import inspect
import types
from typing import Any

from tandem import _core, pytree
from tandem.scripting.effects import Effect
from tandem.scripting.errors import capture_error, locate_line
from tandem.scripting.state import Undefined, undefined_error


def replace_leaves(tree: Any, leaves: list[Any], new: list[Any]) -> Any:
    """Copy the arguments with other leaves. `leaves` says, in order, what counts as one."""
    position = 0

    def walk(node: Any) -> Any:
        nonlocal position
        if position < len(leaves) and leaves[position] is node:
            position += 1
            return new[position - 1]
        if isinstance(node, tuple):
            items = [walk(item) for item in node]
            return type(node)(*items) if hasattr(type(node), "_fields") else tuple(items)
        if isinstance(node, list):
            return [walk(item) for item in node]
        if isinstance(node, dict):
            return {key: walk(item) for key, item in node.items()}
        raise AssertionError("internal error (please report it): the arguments do not match their leaves")

    result = walk(tree)
    assert position == len(leaves), "internal error (please report it): leaves are left over"
    return result


def leaf_names(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> list[str]:
    """What the function calls the leaves of its arguments: `x`, `layers[0]`, `state['w']`."""
    if not isinstance(function, types.FunctionType):
        function = getattr(function, "__wrapped__", function)
    bound = not isinstance(function, types.FunctionType)  # a method or a callable object: the first name is taken
    if bound:
        function = getattr(function, "__func__", type(function).__call__)
    code = getattr(function, "__code__", None)
    known = code.co_varnames[bound : code.co_argcount] if code is not None else ()
    rest = "args"
    if code is not None and code.co_flags & inspect.CO_VARARGS:
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
    names: list[str] = []

    def walk(node: Any, name: str) -> None:
        if len(names) < len(leaves) and leaves[len(names)] is node:
            names.append(name)
        elif isinstance(node, dict):
            for key, item in node.items():
                walk(item, f"{name}[{key!r}]")
        elif isinstance(node, (tuple, list)):
            fields = getattr(type(node), "_fields", None)
            for k, item in enumerate(node):
                walk(item, f"{name}.{fields[k]}" if fields else f"{name}[{k}]")

    for k, value in enumerate(args):
        walk(value, known[k] if k < len(known) else f"{rest}[{k - len(known)}]")
    for key, value in kwargs.items():
        walk(value, key)
    return names


def containers(tree: Any) -> list[tuple[Any, Any]]:
    """The lists and dicts among the arguments, with copies of them."""
    found: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        if type(node) in (list, dict):
            found.append((node, node.copy()))
        if type(node) in (list, dict, tuple):
            for item in node.values() if isinstance(node, dict) else node:
                walk(item)

    walk(tree)
    return found


def changed_arguments(given: list[tuple[Any, Any]], outputs: Outputs) -> list[tuple[Any, ...]]:
    """The effects of a function that changed lists or dicts among its arguments."""

    def contents(value: Any) -> list[Any]:
        return [part for item in value.items() for part in item] if isinstance(value, dict) else list(value)

    effects = []
    for number, (now, before) in enumerate(given):
        new, old = contents(now), contents(before)
        if len(new) != len(old) or any(a is not b for a, b in zip(new, old, strict=True)):
            effects.append(("argument", number, None, outputs.template(now)))
    return effects


class Outputs:
    """The tensors that a program returns, collected from the trees that hold them."""

    def __init__(self) -> None:
        self.tensors: list[Any] = []
        self._places: dict[int, Any] = {}

    def template(self, tree: Any) -> Any:
        """The tree with slots in the places of its tensors; symbolic sizes stay, as each call gives them a value."""
        return pytree.map(self._slot, tree)

    def effect(self, effect: Effect, missing: Any) -> tuple[Any, ...]:
        """An effect as the call path takes it: (kind, owner, key, template)."""
        if effect.now is missing:
            return (f"remove {effect.kind}", effect.owner, effect.key, None)
        try:
            now = list(effect.now) if effect.kind in ("set", "add") else effect.now
            return (effect.kind, effect.owner, effect.key, self.template(now))
        except _core.CaptureError as error:
            named = _core.CaptureError(f"{effect.text}: {error}")
            if effect.line is not None:
                locate_line(named, *effect.line)
            raise named from None

    def _slot(self, value: Any) -> Any:
        if isinstance(value, Undefined):
            raise undefined_error(value)
        if not isinstance(value, _core.Tensor):
            _check_constant(value)
            return value
        if id(value) not in self._places:
            self._places[id(value)] = _core.Slot(len(self.tensors))
            self.tensors.append(value)
        return self._places[id(value)]


def _check_constant(value: Any) -> None:
    """Raise for a returned object that would carry tensors of the capture out of it."""
    held = getattr(value, "__dict__", None)
    for name, item in held.items() if isinstance(held, dict) else ():
        if isinstance(item, _core.Tensor) and item._recorded:
            raise capture_error(
                "return",
                f"a {type(value).__name__} that holds a tensor in '{name}'",
                "tensors, numbers, and tuples, lists, dicts or dataclasses of them",
                f"returning the tensor itself, or making {type(value).__name__} a dataclass",
            )


def describe_input(tensor: Any, dynamic: tuple[bool, ...] | None) -> str:
    marks = dynamic or (False,) * len(tensor.shape)
    dims = ", ".join("?" if mark else str(dim) for dim, mark in zip(tensor.shape, marks, strict=True))
    return f"{tensor.dtype}[{dims}]"
