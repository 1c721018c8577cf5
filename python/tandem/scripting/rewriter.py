"""Make the rewritten version of a function that already exists (see the package's essay)."""

from __future__ import annotations

import ast
import inspect
import types
from typing import Any

from tandem._locks import shared_lock
from tandem.scripting import primitives, source, texts
from tandem.scripting.codes import CodeTable
from tandem.scripting.transform import transform

_lock = shared_lock()
# By file too: code is equal when two files have the same function at the same line.
_codes: dict[tuple[types.CodeType, str], types.CodeType | None] = {}
rewritten: CodeTable[None] = CodeTable()  # all code this module made, functions inside functions too
originals: CodeTable[types.CodeType] = CodeTable()  # the code that each rewritten function had


def _mark(code: types.CodeType, new_prefix: str, old_prefix: str, in_class: bool = False) -> types.CodeType:
    """Record the code object and those inside it as rewritten, with the qualified names of the original.

    The methods of classes inside it are not: they are found and rewritten when they are called.
    """
    body = not code.co_flags & inspect.CO_OPTIMIZED  # of a class

    def constant(item: Any) -> Any:
        if isinstance(item, types.CodeType):
            return _mark(item, new_prefix, old_prefix, in_class or body)
        named = body and isinstance(item, str) and item.startswith(new_prefix)
        return old_prefix + item[len(new_prefix) :] if named else item

    consts = tuple(map(constant, code.co_consts))
    changes: dict[str, Any] = {"co_consts": consts}
    if hasattr(code, "co_qualname") and code.co_qualname.startswith(new_prefix):
        changes["co_qualname"] = old_prefix + code.co_qualname[len(new_prefix) :]
    code = code.replace(**changes)
    if not in_class:
        rewritten[code] = None
    return code


def _compile(function: types.FunctionType) -> types.CodeType:
    old = function.__code__
    node = transform(source.find(function), function.__qualname__)
    inner: ast.stmt = ast.Return(node) if isinstance(node, ast.Lambda) else node
    if isinstance(node, ast.FunctionDef):
        node.name = "__td_function"  # its own name means what it means to its callers: a global, or a cell
    names = ["__td", *old.co_freevars]
    if "__class__" not in names and any(isinstance(n, ast.Name) and n.id == "__class__" for n in ast.walk(node)):
        names.append("__class__")
    arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
    factory = ast.FunctionDef("__td_factory", arguments, [inner], [], None)
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(factory, node)], []))
    compiled = compile(module, old.co_filename, "exec", flags=old.co_flags & texts.FUTURE, dont_inherit=True)
    outer = next(item for item in compiled.co_consts if isinstance(item, types.CodeType))
    new = next(item for item in outer.co_consts if isinstance(item, types.CodeType))
    new = _mark(new.replace(co_name=old.co_name), f"__td_factory.<locals>.{new.co_name}", function.__qualname__)
    originals[new] = old
    texts.share(new, old, function.__globals__)
    return new


def rewrite(function: types.FunctionType) -> types.FunctionType:
    """Return `function` with its control flow rewritten; the same function if its source is not available.

    The new function shares the globals, closure cells and defaults of the old one.
    """
    code = function.__code__
    if code in rewritten:
        return function
    key = code, code.co_filename
    with _lock:
        if key not in _codes:
            try:
                _codes[key] = _compile(function)
            except source.SourceMissing as error:
                _codes[key] = None
                missing[code] = str(error)
        new = _codes[key]
    if new is None:
        return function
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    cells["__td"] = types.CellType(primitives)
    closure = tuple(cells[name] for name in new.co_freevars)
    result = types.FunctionType(new, function.__globals__, function.__name__, function.__defaults__, closure)
    result.__kwdefaults__ = function.__kwdefaults__
    result.__dict__.update(function.__dict__)
    result.__annotations__ = function.__annotations__
    result.__doc__, result.__module__ = function.__doc__, function.__module__
    result.__qualname__ = function.__qualname__
    return result


# Why some functions run as they are: their source cannot be found.
missing: dict[types.CodeType, str] = {}


def forget() -> None:
    """Rewrite every function again when it is next needed."""
    with _lock:
        _codes.clear()
        missing.clear()
