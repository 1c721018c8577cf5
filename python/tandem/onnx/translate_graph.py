"""A captured graph as ONNX nodes: one operation after another, by the column `onnx` of its row."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem.onnx import loops, rules
from tandem.onnx.captured import Graph, Node, Type, is_number, same
from tandem.onnx.emission import FUNCTIONS, Model, Scope, Value, table, type_proto, without_form

_FEW = 4  # nodes of a formula that are written in place, rather than as a function


class Translator:
    """Puts graphs into scopes."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.rules = rules.load()

    def graph(self, graph: Graph, scope: Scope, inputs: list[Value]) -> dict[int, Value]:
        """Write the nodes of a graph; return what stands for its values."""
        values = {param.value: each for param, each in zip(graph.params, inputs, strict=True)}
        for node in graph.nodes:
            self.node(graph, node, scope, values)
        return values

    def node(self, graph: Graph, node: Node, scope: Scope, values: dict[int, Value]) -> None:
        if not node.outputs:  # control flow that does nothing but look at indices
            return
        scope.line = node.line if not scope.is_function else None
        before, scope.prefix = scope.prefix, self.model.fresh(node.op)
        inputs = [values[k] for k in node.inputs]
        types = [graph.types[k] for k in node.outputs]
        for each in (*types, *(Type(value.dtype, value.shape) for value in inputs)):
            if each.dtype.name.startswith("complex"):
                raise scope.refuse(
                    f"'{node.op}' of complex numbers", "real numbers: ONNX has no complex operations", "its parts"
                )
        if node.op == "if":
            results = self._branches(node, scope, inputs, types)
        elif node.op == "while":
            results = self._loop(graph, node, scope, inputs, types)
        else:
            results = [self._operation(node, scope, inputs, types[0])]
        for k, value, each in zip(node.outputs, results, types, strict=True):
            values[k] = Value(value.name, each.dtype, each.shape)
        scope.prefix = before

    def _operation(self, node: Node, scope: Scope, inputs: list[Value], out: Type) -> Value:
        row = table()[node.op]
        way = row["onnx"]
        if way.startswith("none: "):
            raise without_form(node.op, node.line)
        if way == "compose":
            return self._formula(node, scope, inputs, out)
        if way.startswith("rule: "):
            made = self.rules[node.op](scope, node, inputs, out)
        else:
            operands = inputs if row["mixed"] or len(inputs) < 2 else scope.promoted(*inputs)
            made = scope.op(way, *operands)
        return scope.cast(made, out.dtype)

    # Compositions

    def _formula(self, node: Node, scope: Scope, inputs: list[Value], out: Type) -> Value:
        data = _core._formula(node.op, [(value.dtype, value.shape) for value in inputs], node.attrs)
        assert data is not None, f"{node.op} has no formula"
        formula = Graph.read(data, node.line)
        function = Scope(self.model, is_function=True)
        pairs = zip(formula.params, inputs, strict=True)
        formals = [Value(param.name, value.dtype, value.shape) for param, value in pairs]
        for value in formals:
            for axis, dim in enumerate(value.shape):
                if not is_number(dim) and str(dim).isalnum():
                    function.symbols.setdefault(str(dim), (value, axis))
        wanted = self.model.functions_wanted and inputs and len(formula.nodes) > _FEW
        if not wanted or not function.knows(formula.dims()):
            return self._result(self.graph(formula, scope, inputs), formula, out)
        # Names in a function are its own.
        names, self.model.names = self.model.names, {param.name for param in formula.params}
        try:
            made = self._result(self.graph(formula, function, formals), formula, out)
        finally:
            self.model.names = names
        called = self._function(node.op, function, [value.name for value in formals], made)
        name = scope.name(node.op)
        scope.node(called, [value.name for value in inputs], [name], domain=FUNCTIONS)
        return Value(name, out.dtype, out.shape)

    def _result(self, values: dict[int, Value], formula: Graph, out: Type) -> Value:
        made = values[formula.results[0]]
        return Value(made.name, out.dtype, out.shape)

    def _function(self, name: str, body: Scope, inputs: list[str], made: Value) -> str:
        """Return the name of a function with these contents."""
        from onnx import helper

        opsets = [helper.make_opsetid("", self.model.opset), helper.make_opsetid(FUNCTIONS, 1)]
        doc = str(table()[name]["doc"])
        proto = helper.make_function(FUNCTIONS, "", inputs, [made.name], body.nodes, opsets, doc_string=doc)
        key = proto.SerializeToString(deterministic=True) + name.encode()
        if key not in self.model.functions:
            taken = {each.name for each in self.model.functions.values()}
            k = 1
            proto.name = name
            while proto.name in taken:
                k += 1
                proto.name = f"{name}_{k}"
            self.model.functions[key] = proto
        return str(self.model.functions[key].name)

    # Control flow

    def _branches(self, node: Node, scope: Scope, inputs: list[Value], types: list[Type]) -> list[Value]:
        bodies = {}
        for label in ("then", "else"):
            body = Scope(self.model, scope)
            values = self.graph(node.regions[label], body, inputs[1:])
            results = self._own(body, [values[k] for k in node.regions[label].results], types)
            bodies[f"{label}_branch"] = self._body(f"{scope.prefix}.{label}", body, [], results, types)
        return self._control(scope, "If", [inputs[0].name], types, bodies)

    def _loop(self, graph: Graph, node: Node, scope: Scope, inputs: list[Value], types: list[Type]) -> list[Value]:
        """The condition is looked at before the loop, and at the end of its body."""
        condition, region, count = node.regions["cond"], node.regions["body"], len(types)
        rows = loops.filled(graph, node)
        kept = [k for k in range(count) if k not in rows]
        first = self.graph(condition, scope, inputs)[condition.results[0]]
        body = Scope(self.model, scope)
        carried, outer = dict(enumerate(inputs[:count])), inputs[count:]
        for k in kept:
            carried[k] = Value(self.model.fresh(region.params[k].name), types[k].dtype, types[k].shape)
        every = [*carried.values(), *outer]
        values = {param.value: each for param, each in zip(region.params, every, strict=True)}
        early = loops.invariant(region, count)
        late = set(range(len(region.nodes))) - early - {each.update for each in rows.values()}
        for where, numbers in ((scope, early), (body, late)):
            for number in sorted(numbers):
                self.node(region, region.nodes[number], where, values)
        nexts = dict(carried)
        for k in kept:
            value = values[region.results[k]]
            nexts[k] = Value(value.name, types[k].dtype, types[k].shape)
        again = self.graph(condition, body, [*nexts.values(), *outer])[condition.results[0]]
        given = [types[k] for k in kept]
        boolean = Type(_core.bool, ())
        row_types = {k: Type(types[k].dtype, types[k].shape[1:]) for k in rows}
        made = [_row(body, values[each.value], row_types[k]) for k, each in rows.items()]
        results = self._own(body, [again, *(nexts[k] for k in kept), *made], [boolean, *given, *row_types.values()])
        head = [(self.model.fresh("iteration"), Type(_core.int64, ())), (self.model.fresh("condition"), boolean)]
        head += [(carried[k].name, each) for k, each in zip(kept, given, strict=True)]
        inner = self._body(f"{scope.prefix}.body", body, head, results, [boolean, *given, *row_types.values()])
        names = ["", first.name, *(inputs[k].name for k in kept)]
        outputs = self._control(scope, "Loop", names, [*given, *row_types.values()], {"body": inner})
        last = dict(zip((*kept, *rows), outputs, strict=True))
        for k, each in rows.items():
            last[k] = last[k] if each.whole else _framed(scope, inputs[k], last[k], each.first, types[k])
        return [last[k] for k in range(count)]

    def _control(
        self, scope: Scope, operator: str, inputs: list[str], types: list[Type], bodies: dict[str, Any]
    ) -> list[Value]:
        outputs = [Value(scope.name(operator), each.dtype, each.shape) for each in types]
        scope.node(operator, inputs, [value.name for value in outputs], **bodies)
        return outputs

    def _own(self, body: Scope, results: list[Value], types: list[Type]) -> list[Value]:
        """Results that the body itself makes, each once."""
        own: list[Value] = []
        for value, each in zip(results, types, strict=True):
            if value.name not in body.made or any(value.name == other.name for other in own):
                body.prefix = "result"
                name = body.name("Identity")
                body.node("Identity", [value.name], [name])
                value = Value(name, each.dtype, each.shape)
            own.append(value)
        return own

    def _body(
        self, name: str, body: Scope, inputs: list[tuple[str, Type]], results: list[Value], types: list[Type]
    ) -> Any:
        from onnx import helper

        def info(name: str, each: Type) -> Any:
            return helper.make_value_info(name, type_proto(each.dtype, each.shape, self.model.sizes))

        outputs = [info(value.name, each) for value, each in zip(results, types, strict=True)]
        return helper.make_graph(body.nodes, name, [info(*each) for each in inputs], outputs)


def _row(body: Scope, value: Value, row: Type) -> Value:
    """What one iteration writes, as it lies in the tensor."""
    value = body.cast(value, row.dtype)
    if len(value.shape) == len(row.shape) and all(map(same, value.shape, row.shape)):
        return value
    return body.op("Expand", value, body.dims(row.shape))


def _framed(scope: Scope, whole: Value, rows: Value, first: int, out: Type) -> Value:
    """The rows that a loop wrote, between those that it did not."""
    end = scope.op("Add", scope.op("Shape", rows, start=0, end=1), scope.ints(first))
    parts = [rows, scope.op("Slice", whole, end, scope.size(out.shape[0]), scope.ints(0))]
    if first > 0:
        parts.insert(0, scope.op("Slice", whole, scope.ints(0), scope.ints(first), scope.ints(0)))
    return scope.op("Concat", *parts, axis=0)
