"""Makes a failing program short: drops calls, statements and parts of expressions while it fails in the same way."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator

from fuzz.program import Program

Fails = Callable[[Program], bool]
FUEL = re.compile(r"\bf\d+\b")  # what ends the loops of random programs; without it they run for ever


def shrink(program: Program, fails: Fails, tries: int = 600) -> Program:
    """The smallest program found within a number of tries for which `fails` still holds."""
    left = tries
    again = True
    while again and left > 0:
        again = False
        for candidates in (_fewer_calls, _smaller_source, _smaller_arguments, _fewer_parameters, _no_options):
            found = True
            while found and left > 0:
                found = False
                for candidate in candidates(program):
                    if left <= 0:
                        break
                    left -= 1
                    if fails(candidate):
                        program, again, found = candidate, True, True
                        break
    return program


def _no_options(program: Program) -> Iterator[Program]:
    if program.options:
        yield Program(program.source, program.calls)


def _fewer_calls(program: Program) -> Iterator[Program]:
    for k in range(len(program.calls)):
        if len(program.calls) > 1:
            yield Program(program.source, program.calls[:k] + program.calls[k + 1 :], program.options)


# The source


def _smaller_source(program: Program) -> Iterator[Program]:
    """Programs with one change of the tree, the largest first."""
    tree = ast.parse(program.source)
    length = len(ast.unparse(tree))
    seen = {ast.unparse(tree)}
    for edit in (_edit_statements, _edit_bindings, _edit_expressions):
        texts = []
        for changed in edit(tree):
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text not in seen and len(text) <= length:
                seen.add(text)
                texts.append(text)
        for text in sorted(texts, key=len):
            yield Program(text + "\n", program.calls, program.options)


def _copies(tree: ast.Module, places: list[ast.AST]) -> Iterator[tuple[ast.Module, ast.AST]]:
    """A copy of the tree for each place, and the place in the copy."""
    numbers = {id(node): k for k, node in enumerate(ast.walk(tree))}
    for place in places:
        twin = copy.deepcopy(tree)
        yield twin, list(ast.walk(twin))[numbers[id(place)]]


def _edit_statements(tree: ast.Module) -> Iterator[ast.Module]:
    fields = ("body", "orelse")
    holders = [node for node in ast.walk(tree) if any(isinstance(getattr(node, name, None), list) for name in fields)]
    for node in holders[1:]:  # the function itself stays
        for name in fields:
            block = getattr(node, name, None)
            if not isinstance(block, list):
                continue
            for k, statement in enumerate(block):
                for replacement in _replacements(statement):
                    for twin, place in _copies(tree, [node]):
                        new = [*block[:k], *copy.deepcopy(replacement), *block[k + 1 :]]
                        # A block holds something, except that there may be no `else`.
                        setattr(place, name, new or ([] if name == "orelse" else [ast.Pass()]))
                        yield twin


def _replacements(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """What may stand in the place of a statement."""
    if isinstance(statement, ast.AugAssign) and FUEL.search(ast.unparse(statement)):
        return
    if not isinstance(statement, ast.Pass):
        yield []
    if isinstance(statement, ast.If):
        yield statement.body
        if statement.orelse:
            yield statement.orelse
    elif isinstance(statement, (ast.For, ast.While)):
        yield [inner for inner in statement.body if not isinstance(inner, (ast.Break, ast.Continue))]
    elif isinstance(statement, ast.AugAssign):
        load = copy.deepcopy(statement.target)
        for node in ast.walk(load):
            if isinstance(getattr(node, "ctx", None), ast.Store):
                node.ctx = ast.Load()  # type: ignore[attr-defined]
        yield [ast.Assign([statement.target], ast.BinOp(load, statement.op, statement.value))]  # type: ignore[list-item]


def _edit_bindings(tree: ast.Module) -> Iterator[ast.Module]:
    """Without an assignment: its value stands where the variable was read."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        name, value = node.targets[0].id, node.value

        class Inline(ast.NodeTransformer):
            def visit_Name(self, use: ast.Name, name: str = name, value: ast.expr = value) -> ast.expr:
                return copy.deepcopy(value) if use.id == name and isinstance(use.ctx, ast.Load) else use

        for twin, place in _copies(tree, [node]):
            assert isinstance(place, ast.Assign)
            place.targets = [ast.Name("_", ast.Store())]
            place.value = ast.Constant(0)
            yield Inline().visit(twin)


def _edit_expressions(tree: ast.Module) -> Iterator[ast.Module]:
    for parent in list(ast.walk(tree)):
        for name, value in ast.iter_fields(parent):
            if isinstance(parent, ast.Call) and name == "func" and isinstance(value, ast.Name):
                continue
            items = value if isinstance(value, list) else [value]
            for k, item in enumerate(items):
                if not isinstance(item, ast.expr) or isinstance(getattr(item, "ctx", None), ast.Store):
                    continue
                for replacement in _simpler(item):
                    for twin, place in _copies(tree, [parent]):
                        if isinstance(value, list):
                            getattr(place, name)[k] = replacement
                        else:
                            setattr(place, name, replacement)
                        yield twin
            if isinstance(parent, ast.Call) and name in ("args", "keywords"):
                for k in range(len(items)):
                    for twin, place in _copies(tree, [parent]):
                        del getattr(place, name)[k]
                        yield twin


def _simpler(node: ast.expr) -> Iterator[ast.expr]:
    """Expressions that may replace one: its parts, a shorter tuple, a plain number."""
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        for k in range(len(node.elts)):
            yield ast.Tuple(node.elts[:k] + node.elts[k + 1 :], ast.Load())
    if isinstance(node, ast.Tuple) and len(node.elts) == 1:
        yield node.elts[0]
    parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
    if isinstance(node, ast.Call):
        parts = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
    if isinstance(node, ast.BoolOp) and FUEL.search(ast.unparse(node.values[0])):
        parts = [node.values[0]]
    for part in parts:
        if not (isinstance(part, ast.Name) and part.id == "td"):
            yield part
    if not isinstance(node, (ast.Constant, ast.Name, ast.Slice, ast.Starred)) and not FUEL.search(ast.unparse(node)):
        yield ast.Constant(1)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value not in (0, 1, 2):
        yield ast.Constant(1)
        yield ast.Constant(2)


# The arguments


def _call_arguments(call: str) -> list[ast.expr]:
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Tuple)
    return tree.elts


def _with_arguments(arguments: list[ast.expr]) -> str:
    return f"({', '.join(ast.unparse(argument) for argument in arguments)},)"


def _smaller_arguments(program: Program) -> Iterator[Program]:
    """Shorter axes for all calls at once and for each; plain layouts; float32; plain values."""
    calls = [_call_arguments(call) for call in program.calls]
    for edit in (_shorter(0), _shorter(1), _shorter(2), _contiguous, _in_float32, _plain_values):
        together = [[edit(argument) or argument for argument in call] for call in calls]
        choices = [together]
        for k, call in enumerate(calls):
            choices.append([*calls[:k], together[k], *calls[k + 1 :]])
            for j in range(len(call)):
                changed = [*call[:j], together[k][j], *call[j + 1 :]]
                choices.append([*calls[:k], changed, *calls[k + 1 :]])
        for choice in choices:
            texts = [_with_arguments(call) for call in choice]
            if texts != program.calls and len("".join(texts)) <= len("".join(program.calls)):
                yield Program(program.source, texts, program.options)


def _literal(node: ast.expr) -> ast.Call | None:
    """The call `td.asarray([...], dtype=...)` in an argument."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "td.asarray":
            return part
    return None


def _edited(node: ast.expr, change: Callable[[ast.Call], bool]) -> ast.expr | None:
    twin = copy.deepcopy(node)
    call = _literal(twin)
    return twin if call is not None and change(call) else None


def _shorter(axis: int) -> Callable[[ast.expr], ast.expr | None]:
    def cut(value: ast.expr, depth: int) -> bool:
        if not isinstance(value, ast.List):
            return False
        if depth == 0:
            value.elts = value.elts[:-1]
            return bool(value.elts)
        return all([cut(item, depth - 1) for item in value.elts])

    return lambda node: _edited(node, lambda call: cut(call.args[0], axis))


def _contiguous(node: ast.expr) -> ast.expr | None:
    call = _literal(node)
    return copy.deepcopy(call) if call is not None and call is not node else None


def _in_float32(node: ast.expr) -> ast.expr | None:
    def change(call: ast.Call) -> bool:
        call.keywords = [ast.keyword("dtype", ast.parse("td.float32", mode="eval").body)]
        return True

    return _edited(node, change)


def _plain_values(node: ast.expr) -> ast.expr | None:
    def change(call: ast.Call) -> bool:
        class Numbers(ast.NodeTransformer):
            def generic_visit(self, value: ast.AST) -> ast.AST:
                if isinstance(value, ast.List):
                    value.elts = [self.generic_visit(item) for item in value.elts]  # type: ignore[misc]
                    return value
                return value if ast.unparse(value) in ("0.0", "1.0") else ast.Constant(1.0)

        call.args[0] = Numbers().visit(call.args[0])
        return True

    return _edited(node, change)


def _fewer_parameters(program: Program) -> Iterator[Program]:
    """Without a parameter that the program does not use."""
    tree = ast.parse(program.source)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "program")
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    for k, parameter in enumerate(function.args.args):
        if parameter.arg in used or len(function.args.args) == 1:
            continue
        twin = copy.deepcopy(tree)
        place = next(node for node in twin.body if isinstance(node, ast.FunctionDef) and node.name == "program")
        del place.args.args[k]
        calls = []
        for call in program.calls:
            arguments = _call_arguments(call)
            calls.append(_with_arguments(arguments[:k] + arguments[k + 1 :]))
        yield Program(ast.unparse(twin) + "\n", calls, program.options)
