"""The rewrite of one function's syntax tree: control flow and calls become questions to `primitives`."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from typing import Any

from tandem.scripting import source
from tandem.scripting.appends import FreshLists, appended_lists, fresh_lists
from tandem.scripting.jumps import Lowering, Unsupported
from tandem.scripting.names import MUTATORS, bound, changed, has, own_nodes, shared_names
from tandem.scripting.purity import is_pure_operand, why_not_simple
from tandem.scripting.scopes import LoadCarried, Mangle, owner_class
from tandem.scripting.templates import constant, fill, fill_expression

# A branch that returns nothing may have to run again once the type of what the other one returns is known, and both
# when they leave two objects of one class.
IF = """
if_ = __td.If(test, names, line, __td.locals())
while if_.pending():
    if if_.restore:
        assign_first
    if if_.then():
        body
    if if_.otherwise(__td.locals()):
        if if_.restore:
            assign
        orelse
    if if_.merge(__td.locals()):
        assign_again
"""
WHILE = """
while_ = __td.While(names, updated, line)
while while_.next(test, __td.locals()):
    if while_.restore:
        assign
    body
if while_.restore:
    assign_again
"""
FOR = """
for_ = __td.For(iterable, names, updated, live, target, line, reason, stoppable, lists)
while for_.next(__td.locals(), stop):
    if for_.restore:
        assign
    body
if for_.restore:
    assign_again
"""
TRIAL = """
try:
    body
except Exception as error:
    if not for_.recover(error):
        raise
    assign
"""
RAISE = """
if __td.under_condition():
    __td.raised(error, cause)
else:
    otherwise
"""
YIELDS = (ast.Yield, ast.YieldFrom)
FRAME_BUILTINS = frozenset({"locals", "globals", "vars", "dir", "eval", "exec", "super"})


class Root:
    """What the rewriters of one function and of the functions inside it share."""

    def __init__(self) -> None:
        self.count = 0
        self.carried: set[str] = set()
        self.problems: list[str] = []

    def fresh(self, what: str) -> str:
        self.count += 1
        return f"__td_{what}{self.count}"


class FunctionRewriter(ast.NodeTransformer):
    """Rewrites the body of one function; nested functions get a rewriter of their own."""

    def __init__(self, root: Root, node: ast.FunctionDef | ast.Lambda) -> None:
        self.root, self.node = root, node
        arguments = [*node.args.posonlyargs, *node.args.args]
        self.first_argument = arguments[0].arg if arguments else None
        self.arguments = {item.arg for item in ast.walk(node.args) if isinstance(item, ast.arg)}
        self.outer: set[str] = set()
        self.bound: set[str] = set()
        self.shared = shared_names(node)
        self.loads: Counter[str] = Counter()
        self.lists: FreshLists = {}
        self.around: list[ast.For | ast.While] = []  # the loops around what is being visited

    def body(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Global):
                    self.outer.update(node.names)
        try:
            statements = Lowering().function(statements)
        except Unsupported as error:
            self.root.problems.append(str(error))
            return statements
        self.loads = _loads(statements)
        self.bound = bound(self.node, statements)
        self.lists = fresh_lists(statements, self.arguments)
        return self.block(statements)

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in statements:
            new = self.visit(statement)
            out.extend(new if isinstance(new, list) else [new])
        return out

    def _variables(self, parts: list[Any]) -> tuple[list[str], tuple[str, ...]]:
        """The variables that the statements change, and which of them in place only."""
        found = changed(parts, self.outer)
        if self.shared and has(parts, ast.Call):
            for name in self.shared:
                found.setdefault(name, "rebound")
        self.root.carried.update(name for name in found if "." not in name)
        return list(found), tuple(name for name, how in found.items() if how == "updated")

    def _assign(self, holder: str, names: list[str], at: ast.AST) -> list[ast.stmt]:
        """Put the values of `holder` into the variables; delete those that have none."""
        if not names:
            return [ast.copy_location(ast.Pass(), at)]
        # Lists and dicts of other scopes are changed in place; assigning them would make variables of this function.
        mine = [name for name in names if "." in name or name in self.bound]
        # Gradients of tensors are no values of the branch or loop, those of other objects are.
        grads = {name: f"__td_grad{k}" for k, name in enumerate(mine) if name.endswith(".grad")}
        targets = [grads.get(name, name) if name in mine else "__td_other" for name in names]
        text = f"({', '.join(targets)},) = {holder}.values()\n"
        text += "".join(f"if not __td.kept({new}):\n    {name} = {new}\n" for name, new in grads.items())
        # Without a look at what is there now.
        text += "".join(f"if __td.unbound({grads.get(name, name)}):\n    del {name}\n" for name in mine)
        statements = fill(text, at)
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name):
                    node.raw = True  # type: ignore[attr-defined]
        return statements

    # Statements

    def visit_If(self, node: ast.If) -> list[ast.stmt]:
        if has([node], *YIELDS):  # a region cannot be left and entered again: this one is for plain conditions
            node.body, node.orelse = self.block(node.body), self.block(node.orelse)
            node.test = fill_expression("__td.plain(test, 'if')", node.test, test=self.visit(node.test))
            return [node]
        if isinstance(node.test, ast.BoolOp) and not self._lazy(*node.test.values[1:]):
            return self.block(self._nested(node.test, node.body, node.orelse))
        names, _ = self._variables([*node.body, *node.orelse])
        test = self.visit(node.test)
        orelse = self.block(node.orelse) or [ast.copy_location(ast.Pass(), node.test)]
        return self._branch(names, test, self.block(node.body), orelse)

    def _nested(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> list[ast.stmt]:
        """`if a and (b := ...):` as one `if` in another, so that what an operand assigns is there for what follows."""
        if not isinstance(test, ast.BoolOp) or self._lazy(*test.values[1:]):
            return [ast.copy_location(ast.If(test, body, orelse), test)]
        for operand in reversed(test.values):
            if isinstance(test.op, ast.And):
                body = self._nested(operand, body, copy.deepcopy(orelse))
            else:
                orelse = self._nested(operand, copy.deepcopy(body), orelse)
        return body if isinstance(test.op, ast.And) else orelse

    def _branch(self, names: list[str], test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> list[ast.stmt]:
        """An `if` whose parts are rewritten already."""
        holder = self.root.fresh("if")
        return fill(
            IF,
            test,
            if_=holder,
            test=test,
            names=constant(tuple(names), test),
            line=constant(test.lineno, test),
            body=body,
            orelse=orelse,
            assign_first=self._assign(holder, names, test),
            assign=self._assign(holder, names, test),
            assign_again=self._assign(holder, names, test),
        )

    def visit_While(self, node: ast.While) -> list[ast.stmt]:
        if has([node], *YIELDS):
            node.body = self.block(node.body)
            node.test = fill_expression("__td.plain(test, 'while')", node.test, test=self.visit(node.test))
            return [node]
        names, updated = self._variables([node.test, *node.body])
        holder = self.root.fresh("while")
        test = self.visit(node.test)
        self.around.append(node)
        body = self.block(node.body)
        self.around.pop()
        return fill(
            WHILE,
            node.test,
            while_=holder,
            names=constant(tuple(names), node.test),
            updated=constant(updated, node.test),
            line=constant(node.lineno, node.test),
            test=test,
            body=body,
            assign=self._assign(holder, names, node.test),
            assign_again=self._assign(holder, names, node.test),
        )

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        at = node.iter
        stop = [ast.copy_location(ast.Name(name, ast.Load()), at) for name in getattr(node, "stop", [])]
        if has([node], *YIELDS):
            node.body = self.block(node.body)
            node.iter = fill_expression("__td.plain_items(items)", at, items=self.visit(node.iter))
            if stop:
                node.body += fill("if __td.plain(stop, 'for'):\n    break", at, stop=self._stop(stop, at))
            return [node]
        head = ast.copy_location(ast.Assign([node.target], ast.copy_location(ast.Constant(None), at)), node.target)
        names, updated = self._variables([head, *node.body])
        holder, error = self.root.fresh("for"), self.root.fresh("error")
        item = fill("target = for_.item()", node.target, target=node.target, for_=holder)
        inside = _loads([node])
        live = [name for name in names if name.startswith("__td_") or self.loads[name] > inside[name]]
        target = node.target.id if isinstance(node.target, ast.Name) else None
        lists = appended_lists(node, self.lists, self.around)
        reason = why_not_simple([head, *node.body], lists)
        self.around.append(node)
        body = [*item, *self.block(node.body)]
        self.around.pop()
        stop_value = self._stop(stop, at)
        if stop:
            test = fill_expression("for_.live(stop)", at, for_=holder, stop=self._stop(stop, at))
            body = self._branch(names, test, body, [ast.copy_location(ast.Pass(), at)])
        if reason is None:
            body = fill(TRIAL, at, body=body, for_=holder, error=error, assign=self._assign(holder, names, at))
        return fill(
            FOR,
            at,
            for_=holder,
            iterable=self.visit(node.iter),
            names=constant(tuple(names), at),
            updated=constant(updated, at),
            live=constant(tuple(live), at),
            target=constant(target, at),
            line=constant(node.lineno, at),
            reason=constant(reason, at),
            lists=constant(lists, at),
            stoppable=constant(bool(stop), at),
            stop=stop_value,
            body=body,
            assign=self._assign(holder, names, at),
            assign_again=self._assign(holder, names, at),
        )

    def _stop(self, flags: list[ast.Name], at: ast.AST) -> ast.expr:
        if not flags:
            return constant(False, at)
        if len(flags) == 1:
            return ast.copy_location(ast.Name(flags[0].id, ast.Load()), at)
        names: list[ast.expr] = [ast.copy_location(ast.Name(flag.id, ast.Load()), at) for flag in flags]
        return self.visit(ast.copy_location(ast.BoolOp(ast.Or(), names), at))

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        at = node.test
        arguments = [self.visit(node.test)]
        if node.msg is not None:
            node.msg = self.visit(node.msg)
            if self._lazy(node.msg):
                arguments.append(self._thunk(copy.deepcopy(node.msg)))
        node.test = self._call("asserted", arguments, at)
        return node

    def visit_Raise(self, node: ast.Raise) -> list[ast.stmt]:
        self.generic_visit(node)
        if node.exc is None:
            return [node]
        error, cause = copy.deepcopy(node.exc), copy.deepcopy(node.cause) or constant(None, node)
        return fill(RAISE, node, error=error, cause=cause, otherwise=[node])

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        parts: list[ast.expr] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                spec = self.visit(part.format_spec) if part.format_spec is not None else constant("", part)
                parts.append(self._call("value", [self.visit(part.value), constant(part.conversion, part), spec], part))
            else:
                parts.append(part)
        return self._call("text", parts, node)

    # Expressions

    def _call(self, name: str, arguments: list[ast.expr], at: ast.AST) -> ast.expr:
        function = ast.Attribute(ast.Name("__td", ast.Load()), name, ast.Load())
        call = ast.Call(function, arguments, [])
        for node in (call, function, function.value):
            ast.copy_location(node, at)
        return call

    def _thunk(self, value: ast.expr) -> ast.expr:
        arguments = ast.arguments([], [], None, [], [], None, [])
        return ast.copy_location(ast.Lambda(arguments, value), value)

    def _lazy(self, *nodes: ast.expr) -> bool:
        """False when an operand cannot move into a lambda: it would assign or yield in another scope."""
        bound = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)
        return not any(isinstance(node, bound) for operand in nodes for node in ast.walk(operand))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        first, *rest = node.values
        if not self._lazy(*rest):
            return self.generic_visit(node)  # type: ignore[return-value]
        pure = constant(tuple(map(is_pure_operand, rest)), node)
        thunks = [self._thunk(self.visit(value)) for value in rest]
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        return self._call(name, [pure, self.visit(first), *thunks], node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if not isinstance(node.op, ast.Not):
            return self.generic_visit(node)  # type: ignore[return-value]
        return self._call("not_", [self.visit(node.operand)], node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            return self._identity(node)
        if len(node.ops) == 1 or not self._lazy(*node.comparators):
            return self.generic_visit(node)  # type: ignore[return-value]
        operators = constant(tuple(type(op).__name__ for op in node.ops), node)
        pure = constant(tuple(map(is_pure_operand, node.comparators)), node)
        thunks = [self._thunk(self.visit(value)) for value in node.comparators]
        return self._call("chain", [operators, pure, self.visit(node.left), *thunks], node)

    def _identity(self, node: ast.Compare) -> ast.expr:
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) and type(side.value) is not bool for side in sides):
            return self.generic_visit(node)  # type: ignore[return-value]
        same = self._call("identical", [self.visit(side) for side in sides], node)
        return same if isinstance(node.ops[0], ast.Is) else self._call("not_", [same], node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        if not self._lazy(node.body, node.orelse):
            return self.generic_visit(node)  # type: ignore[return-value]
        thunks = [self._thunk(self.visit(node.body)), self._thunk(self.visit(node.orelse))]
        return self._call("ifexp", [self.visit(node.test), *thunks], node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "super" and not node.args and not node.keywords and self.first_argument:
            # Zero-argument super() looks at its frame, which may be a lambda of ours.
            arguments = [ast.Name("__class__", ast.Load()), ast.Name(self.first_argument, ast.Load())]
            node.args = [ast.copy_location(argument, node) for argument in arguments]
            return node
        if isinstance(node.func, ast.Attribute):  # a method: properties do not return what is called
            node.func.value, function = self.visit(node.func.value), node.func
        else:
            function = self.visit(node.func)
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        changes = isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS
        primitive = "change" if changes else "call"
        node.func = function if name in FRAME_BUILTINS else self._call(primitive, [function], node.func)
        return self._call("visible", [node], node) if name == "locals" else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        node.value = self.visit(node.value)
        if not isinstance(node.ctx, ast.Load):
            return node
        return self._call("attr", [node.value, constant(node.attr, node)], node)

    # Scopes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        node.decorator_list = [self.visit(item) for item in node.decorator_list]
        node.args.defaults = [self.visit(item) for item in node.args.defaults]
        node.args.kw_defaults = [item and self.visit(item) for item in node.args.kw_defaults]
        if any(isinstance(inner, ast.Nonlocal) for inner in own_nodes(node.body)):
            node.decorator_list.append(fill_expression("__td.made", node))
        node.body = FunctionRewriter(self.root, node).body(node.body)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        if not has([node.body], ast.Yield, ast.YieldFrom):
            node.args.defaults = [self.visit(item) for item in node.args.defaults]
            node.body = FunctionRewriter(self.root, node).visit(node.body)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        return node  # its own scope rules (and name mangling) do not admit our names; methods are rewritten when called

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        node.target = self.visit(node.target)
        node.value = node.value and self.visit(node.value)
        return node


def _loads(statements: list[ast.stmt]) -> Counter[str]:
    return Counter(
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )


def transform(node: source.FunctionNode, qualname: str) -> source.FunctionNode:
    """Rewrite a function's syntax tree in place."""
    owner = owner_class(qualname)
    if owner is not None and owner.strip("_"):
        node = Mangle(owner).visit(node)
    root = Root()
    rewriter = FunctionRewriter(root, node)
    if isinstance(node, ast.Lambda):
        node.body = rewriter.visit(node.body)
    else:
        node.body = rewriter.body(node.body)
        node.decorator_list, node.returns = [], None
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    # Default values come from the existing function object; only their number would matter here.
    node.args.defaults, node.args.kw_defaults = [], [None] * len(node.args.kwonlyargs)
    return LoadCarried(root.carried).visit(node)
