"""Turn `break`, `continue`, early `return` and the `else` of loops into flags and plain `if`s.

A jump under a condition that may be a tensor cannot leave the frame's control flow, but a flag can be carried like any
other variable. Where the jump ends its branch, what follows moves into the other branch, which needs no flag at all:

    if c:                       if c:
        return a      --->          rv = a
    b = f(x)                    else:
    return b                        b = f(x)
                                    rv = b
                                return rv

Flags are only set to True, so `if not flag:` around what follows is enough. `rv` is read only when a return happened;
a branch that has not set it is filled with zeros when the graph needs a value (see state.py).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tandem.scripting.names import FUNCTIONS, has

RETURNED = "__td_ret"
RESULT = "__td_rv"
LOOPS = (ast.For, ast.While)


class Unsupported(Exception):
    """This function keeps its jumps: it cannot have tensor conditions around them."""


def escapes(statements: list[ast.stmt]) -> set[str]:
    """The kinds of jumps ("return", "break", "continue") that leave this block."""
    found: set[str] = set()
    for node in statements:
        if isinstance(node, ast.Return):
            found.add("return")
        elif isinstance(node, ast.Break):
            found.add("break")
        elif isinstance(node, ast.Continue):
            found.add("continue")
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            continue
        elif isinstance(node, (*LOOPS, ast.AsyncFor)):
            found |= escapes(node.body) & {"return"}
            found |= escapes(node.orelse)
        else:
            for block in _blocks(node):
                found |= escapes(block)
    return found


def _blocks(node: ast.stmt) -> list[list[ast.stmt]]:
    blocks = [getattr(node, field) for field in ("body", "orelse", "finalbody") if getattr(node, field, None)]
    blocks += [handler.body for handler in getattr(node, "handlers", [])]
    blocks += [case.body for case in getattr(node, "cases", [])]
    return blocks


def _always(statements: list[ast.stmt]) -> bool:
    """True when control never reaches the end of the block."""
    for node in statements:
        if isinstance(node, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
            return True
        if isinstance(node, ast.If) and node.orelse and _always(node.body) and _always(node.orelse):
            return True
        if isinstance(node, LOOPS) and "break" not in escapes(node.body):
            if node.orelse and _always(node.orelse):
                return True
            if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
                return True
    return False


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _set(name: str, value: ast.expr, at: ast.AST) -> ast.stmt:
    return _at(ast.Assign([ast.Name(name, ast.Store())], value), at)


def _at(new: ast.stmt, old: ast.AST) -> ast.stmt:
    ast.copy_location(new, old)
    if isinstance(old, (ast.If, ast.While)):
        ast.copy_location(new, old.test)
    return ast.fix_missing_locations(new)


def none_of(flags: list[str]) -> ast.expr:
    """`not (a or b)` for flag names."""
    names: list[ast.expr] = [_name(flag) for flag in flags]
    return ast.UnaryOp(ast.Not(), names[0] if len(names) == 1 else ast.BoolOp(ast.Or(), names))


@dataclass
class Loop:
    """The flags of the loop around a block."""

    broken: str
    skipped: str


class Lowering:
    """Lowers the jumps of one function body."""

    def __init__(self) -> None:
        self.count = 0
        self.lower_returns = False
        self.flag_used = False
        self.complete = False  # no path reaches the end of the function

    def function(self, body: list[ast.stmt]) -> list[ast.stmt]:
        self.lower_returns = "return" in escapes(body[:-1]) or (
            bool(body) and not isinstance(body[-1], ast.Return) and "return" in escapes(body[-1:])
        )
        if not body:
            return body
        self.complete = _always(body)
        out, _ = self.block(body, None, "function" if self.lower_returns else "")
        if self.lower_returns:
            if self.flag_used:
                out.insert(0, _set(RETURNED, ast.Constant(False), body[0]))
            out.append(_at(ast.Return(_name(RESULT)), body[-1]))
        return out

    def block(self, statements: list[ast.stmt], loop: Loop | None, tail: str) -> tuple[list[ast.stmt], set[str]]:
        """Lower a block; also return the flags it may set. `tail` says what ends with the block, if anything."""
        out: list[ast.stmt] = []
        flags: set[str] = set()
        for k, node in enumerate(statements):
            rest = statements[k + 1 :]
            if isinstance(node, ast.Return) and self.lower_returns:
                out.append(_set(RESULT, node.value or ast.Constant(None), node))
                if tail != "function":
                    out.append(_set(RETURNED, ast.Constant(True), node))
                    self.flag_used = True
                    flags.add(RETURNED)
                return out, flags
            if isinstance(node, ast.Break) and loop:
                out.append(_set(loop.broken, ast.Constant(True), node))
                return out, flags | {loop.broken}
            if isinstance(node, ast.Continue) and loop:
                if tail != "loop":
                    out.append(_set(loop.skipped, ast.Constant(True), node))
                    flags.add(loop.skipped)
                return out, flags
            kinds = self._kinds(node)
            moved = False
            if isinstance(node, ast.If) and kinds and rest:
                if _always(node.body):
                    node, moved = _at_if(node, node.body, node.orelse + rest), True
                elif node.orelse and _always(node.orelse):
                    node, moved = _at_if(node, node.body + rest, node.orelse), True
            rest = [] if moved else rest
            new, may_set = self.statement(node, loop, "" if rest else tail)
            out += new
            flags |= may_set
            if isinstance(node, ast.While) and _forever(node):
                return out, flags  # only a return leaves it
            if moved or (isinstance(node, ast.If) and not rest and tail):
                return out, flags  # both branches ended the block themselves
            if may_set and (rest or (tail == "function" and RETURNED in may_set)):
                inner, more = self.block(rest, loop, tail)
                if inner:
                    out.append(_at(ast.If(none_of(sorted(may_set)), inner, []), rest[0] if rest else node))
                return out, flags | more
        if tail == "function" and not self.complete:
            out.append(_set(RESULT, ast.Constant(None), statements[-1]) if statements else _nothing())
        return out, flags

    def _kinds(self, node: ast.stmt) -> set[str]:
        return escapes([node]) - (set() if self.lower_returns else {"return"})

    def statement(self, node: ast.stmt, loop: Loop | None, tail: str) -> tuple[list[ast.stmt], set[str]]:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.AsyncFor)):
            return [node], set()
        if isinstance(node, ast.If):
            node.body, first = self.block(node.body, loop, tail)
            node.orelse, second = self.block(node.orelse, loop, tail)
            node.body = node.body or [_at(ast.Pass(), node)]
            return [node], first | second
        if isinstance(node, LOOPS):
            return self.loop(node, loop)
        if not _blocks(node):
            return [node], set()
        flags: set[str] = set()
        if escapes(getattr(node, "finalbody", [])):
            raise Unsupported("a jump inside 'finally'")
        for owner in [node, *getattr(node, "handlers", []), *getattr(node, "cases", [])]:
            for field in ("body", "orelse", "finalbody"):
                block = getattr(owner, field, None)
                if not block:
                    continue
                new, may_set = self.block(block, loop, "")
                if field == "orelse" and flags:  # the `else` of a `try` whose body may have jumped
                    new = [_at(ast.If(none_of(sorted(flags)), new, []), block[0])]
                flags |= may_set
                setattr(owner, field, new or [_at(ast.Pass(), node)])
        return [node], flags

    def loop(self, node: ast.For | ast.While, outer: Loop | None) -> tuple[list[ast.stmt], set[str]]:
        self.count += 1
        loop = Loop(f"__td_break{self.count}", f"__td_continue{self.count}")
        kinds = escapes(node.body)
        body, flags = self.block(node.body, loop, "loop")
        before: list[ast.stmt] = []
        if loop.broken in flags:
            before.append(_set(loop.broken, ast.Constant(False), node))
        if loop.skipped in flags:
            body.insert(0, _set(loop.skipped, ast.Constant(False), node.body[0]))
        stop = sorted(flags & {loop.broken, RETURNED})
        orelse, after_flags = self.block(node.orelse, outer, "")
        node.body, node.orelse = body or [_at(ast.Pass(), node.body[0])], []
        node.stop = stop  # type: ignore[union-attr]
        after = orelse
        if orelse and stop:
            after = [_at(ast.If(none_of(stop), orelse, []), orelse[0])]
        if isinstance(node, ast.While) and stop:
            if has([node.test], ast.NamedExpr):
                # A lambda would give the walrus another scope, so the test moves into the body.
                self.count += 1
                go = f"__td_go{self.count}"
                off = _set(go, ast.Constant(False), node.test)
                before.append(_set(go, ast.Constant(True), node.test))
                node.body = [_at(ast.If(node.test, node.body, [off]), node.test)]
                node.test = ast.BoolOp(ast.And(), [none_of(stop), _name(go)])
            elif isinstance(node.test, ast.Constant) and node.test.value:
                node.test = none_of(stop)
            else:
                node.test = ast.BoolOp(ast.And(), [none_of(stop), node.test])
            ast.fix_missing_locations(ast.copy_location(node.test, node))
        returned = {RETURNED} & flags if "return" in kinds else set()
        return [*before, node, *after], returned | after_flags


def _at_if(old: ast.If, body: list[ast.stmt], orelse: list[ast.stmt]) -> ast.If:
    return ast.copy_location(ast.If(old.test, body, orelse), old)


def _forever(node: ast.While) -> bool:
    """True for a loop that was written `while True:` and is left by `return` alone."""
    test = node.test
    if isinstance(test, ast.Constant) and test.value:
        return True
    return (
        isinstance(test, ast.UnaryOp)
        and isinstance(test.op, ast.Not)
        and isinstance(test.operand, ast.Name)
        and test.operand.id == RETURNED
    )


def _nothing() -> ast.stmt:
    return ast.Assign([ast.Name(RESULT, ast.Store())], ast.Constant(None))
