"""A graph of ONNX as the text of a Python function: a line per node, `if`, `for` and `while` for its control flow.

What is made of the text is an ordinary function, so that everything that goes for the user's own code goes for a
loaded model: it runs eagerly, `@td.script` captures it and turns its control flow into that of the graph, and errors
name its lines. The text is `model.code`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tandem import _core
from tandem.onnx import table
from tandem.onnx.constants import Names, Paths, Value, attribute_of, broken, text_of
from tandem.onnx.control import CONTROL
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.quantised_products import DOMAIN, recognised

_ELEMENT_TYPES = ("dtype", "output_datatype", "output_dtype", "precision", "softmax_precision", "stash_type", "to")
# Inputs that are no parameters: running statistics, the scales of 8-bit weights.
_STATISTICS = {"BatchNormalization": slice(3, 5), "QuantizedConv": slice(4, 5), "QuantizedMatMul": slice(4, 5)}
DEEPEST = 16  # nested graphs; Python's own limit is 20 blocks


class Scope:
    """The names of a graph, and of those around it."""

    def __init__(self, outer: Scope | None = None) -> None:
        self._own: dict[str, Value] = {}
        self._outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope._own:
                return scope._own[name]
            scope = scope._outer
        return None

    def constants(self) -> dict[str, Any]:
        """Return the elements of all constants that can be seen, by name."""
        found = {} if self._outer is None else self._outer.constants()
        for name, value in self._own.items():
            if value.array is not None:
                found[name] = value.array
            else:
                found.pop(name, None)
        return found

    def put(self, name: str, value: Value, where: str) -> None:
        if name in self._own:
            raise broken(where, f"a second value of the name {name!r}", "each name once")
        self._own[name] = value


@dataclass
class Line:
    """Which node a line of the text computes."""

    node: str
    operator: str


@dataclass
class Writer:
    """The text as it grows, and what its functions refer to."""

    model: str
    opsets: dict[str, int]
    names: Names = field(default_factory=Names)
    lines: list[str] = field(default_factory=list)
    nodes: dict[int, Line] = field(default_factory=dict)  # by line, from 1 on
    globals: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)  # what the module holds, by name
    paths: Paths = field(default_factory=Paths)
    statistics: set[str] = field(default_factory=set)  # those that are no parameters because of what reads them
    constants: set[str] = field(default_factory=set)  # those of Constant nodes
    local: dict[tuple[str, str, str], Any] = field(default_factory=dict)  # the model's functions
    made: dict[tuple[Any, ...], str] = field(default_factory=dict)  # functions written already
    pending: list[Any] = field(default_factory=list)
    open: list[tuple[str, str]] = field(default_factory=list)  # functions that are being written
    counts: dict[str, int] = field(default_factory=dict)  # nodes by operator
    types: dict[str, Any] = field(default_factory=dict)  # of values, for operators that ONNX defines by their types
    layered: bool = False  # products with weights are modules
    layers: dict[str, Any] = field(default_factory=dict)  # these, by name

    def line(self, text: str, depth: int, node: Line | None = None) -> None:
        self.lines.append("    " * depth + text)
        if node is not None:
            self.nodes[len(self.lines)] = node

    def refer(self, wanted: str, value: Any) -> str:
        """Return the name by which the text refers to an object."""
        for name, known in self.globals.items():
            if known is value:
                return name
        name = self.names.take(wanted)
        self.globals[name] = value
        return name

    # Values

    def expression(self, value: Value, static: bool = False) -> str:
        """Write a value: a variable, plain numbers, or a tensor of the module."""
        if value.array is None:
            return value.code
        text = value.static() if static else value.plain()
        if text is not None:
            return text
        if value.name not in self.tensors:
            self.tensors[value.name] = value.array
            self.paths.add(value.name)
        return self.paths.code(value.name)

    def read(self, scope: Scope, name: str, where: str, static: bool = False) -> str:
        if not name:
            return "None"
        return self.expression(self.value(scope, name, where), static)

    def value(self, scope: Scope, name: str, where: str) -> Value:
        value = scope.find(name)
        if value is None:
            raise broken(where, f"the input {name!r}, which nothing before it computes", "nodes in their order")
        return value

    # Nodes

    def graph(self, nodes: Sequence[Any], scope: Scope, depth: int, results: Sequence[str]) -> None:
        """Write the nodes of a graph, or of a function, that has these results."""
        if scope.depth > DEEPEST:
            raise broken(self.model, f"graphs inside of graphs, more than {DEEPEST} deep", "fewer")
        known = scope.constants()
        before = {*known}
        nodes = recognised(nodes, known, results)
        for name in known.keys() - before:  # weights that were turned around
            own = name
            while own in self.tensors:
                own += "_"
            scope.put(name, Value(array=known[name], name=own), self.model)
        for k, node in enumerate(nodes):
            self.node(node, scope, depth, k)

    def node(self, node: Any, scope: Scope, depth: int, number: int) -> None:
        domain = "" if node.domain == "ai.onnx" else node.domain
        spelled = f"{domain}.{node.op_type}" if domain else node.op_type
        where = f"node {node.name or f'number {number}'!r} ({spelled})"
        self.counts[spelled] = self.counts.get(spelled, 0) + 1
        line = Line(node.name or f"number {number}", spelled)
        if not domain and node.op_type == "Constant":
            self.constant(node, scope, where)
            return
        if not domain and node.op_type == "Identity" and len(node.input) == len(node.output) == 1:
            scope.put(node.output[0], self.value(scope, node.input[0], where), where)
            return
        attributes = {a.name: attribute_of(a, where) for a in node.attribute if a.type}
        if not domain and node.op_type in CONTROL:
            CONTROL[node.op_type](self, node, attributes, scope, depth, where, line)
            return
        function = self.local.get((node.domain, node.op_type, getattr(node, "overload", "")))
        if function is not None:
            self.call(node, function, scope, depth, where, line)
            return
        version = self.opsets.get(domain)
        if version is None:
            raise broken(where, f"the domain {domain!r}", "an opset_import that names it")
        row = table.find(domain, node.op_type, version)
        if row is None:
            body = self.expanded(node, domain, version)
            if body is None:
                raise table.missing(domain, node.op_type, version, where)
            self.call(node, body, scope, depth, where, line)
            return
        self.apply(row, node, attributes, scope, depth, where, line)

    def apply(
        self, row: Any, node: Any, attributes: dict[str, Any], scope: Scope, depth: int, where: str, line: Line
    ) -> None:
        """Write the call of an operator of the table."""
        unknown = set(attributes) - row.attributes
        if unknown:
            raise _core.BackendError(
                f"onnx.load: got the attribute {min(unknown)!r} in {where}; need some of "
                f"{', '.join(sorted(row.attributes)) or 'none'}"
            )
        given = list(node.input)
        while given and not given[-1]:
            given.pop()
        least, most = row.inputs
        if not least <= len(given) <= most:
            raise broken(where, f"{len(given)} inputs", f"{least}" if least == most else f"{least} or more")
        if self.layered and self.layer(row, node, given, attributes, scope, depth, where, line):
            return
        self.statistics.update(given[_STATISTICS.get(row.name, slice(0))])
        arguments = [self.read(scope, name, where, k in row.static) for k, name in enumerate(given)]
        for name, value in attributes.items():
            if name in _ELEMENT_TYPES and isinstance(value, int) and value:
                dtype_of(value, f"onnx.load: {name!r} of {where}")
            arguments.append(f"{name}={self.attribute(name, value)}")
        outputs = list(node.output)
        while len(outputs) > 1 and not outputs[-1]:
            outputs.pop()
        if row.counts_outputs:
            arguments.append(f"outputs={len(outputs)}")
        elif len(outputs) > 1:
            raise broken(where, f"{len(outputs)} results", "one")
        call = f"{self.refer(row.name, row.call)}({', '.join(arguments)})"
        self.assign(outputs, call, row.counts_outputs, scope, depth, where, line)

    def layer(
        self,
        row: Any,
        node: Any,
        given: list[str],
        attributes: dict[str, Any],
        scope: Scope,
        depth: int,
        where: str,
        line: Line,
    ) -> bool:
        """Write the call of a module in place of an operator; False if there is none for it."""
        from tandem.onnx.layers import layer_of

        values = [self.value(scope, name, where) if name else None for name in given]
        made = None if row.domain else layer_of(row.name, attributes, values)
        if made is None or values[0] is None:
            return False
        stem = "".join(c if c.isascii() and c.isalnum() else "_" for c in node.name or row.name).strip("_") or row.name
        name = f"products.{stem}"
        while name in self.layers or name in self.tensors:
            name += "_"
        self.layers[name] = made
        self.paths.add(name)
        call = f"{self.paths.code(name)}({self.expression(values[0])})"
        self.assign(list(node.output)[:1], call, False, scope, depth, where, line)
        return True

    def assign(
        self, outputs: list[str], call: str, several: bool, scope: Scope, depth: int, where: str, line: Line
    ) -> None:
        targets = []
        for name in outputs:
            target = self.names.take(name) if name else "_"
            targets.append(target)
            if name:
                scope.put(name, Value(target), where)
        left = f"({targets[0]},)" if several and len(targets) == 1 else ", ".join(targets)
        self.line(f"{left} = {call}" if targets else call, depth, line)

    def attribute(self, name: str, value: Any) -> str:
        if isinstance(value, np.ndarray):
            return self.refer(name, value)
        if isinstance(value, (int, float, str, tuple)):
            return text_of(value)
        return "None"  # a type, which the values have themselves

    def constant(self, node: Any, scope: Scope, where: str) -> None:
        """Note the value of a Constant node."""
        if len(node.attribute) != 1 or len(node.output) != 1:
            raise broken(where, f"{len(node.attribute)} attributes", "a Constant with one value")
        value = attribute_of(node.attribute[0], where)
        kind = node.attribute[0].name
        if kind in ("value_int", "value_ints"):
            value = np.asarray(value, dtype=np.int64)
        elif kind in ("value_float", "value_floats"):
            value = np.asarray(value, dtype=np.float32)
        elif kind != "value" or not isinstance(value, np.ndarray):
            raise _core.BackendError(f"onnx.load: got a Constant with {kind} in {where}; need numbers")
        name = node.output[0]
        while name in self.tensors or name in self.constants:
            name += "_"  # the same name in another function or graph
        self.constants.add(name)
        scope.put(node.output[0], Value(array=value, name=name), where)

    # Functions

    def expanded(self, node: Any, domain: str, version: int) -> Any:
        """Return ONNX's own definition of an operator as a function of others; None if there is none."""
        import onnx

        try:
            schema: Any = onnx.defs.get_schema(node.op_type, version, domain)
        except Exception:
            return None
        if schema.has_function:
            return schema.function_body
        if not schema.has_context_dependent_function:
            return None
        types = [self.types.get(name) or onnx.TypeProto() for name in node.input]
        try:
            text = schema.get_context_dependent_function(
                node.SerializeToString(), [each.SerializeToString() for each in types]
            )
        except Exception:
            return None
        return onnx.FunctionProto.FromString(text) if text else None

    def call(self, node: Any, function: Any, scope: Scope, depth: int, where: str, line: Line) -> None:
        """Write the call of a function of the model, once per set of attributes written itself."""
        attributes = {a.name: a for a in function.attribute_proto}
        attributes |= {a.name: a for a in node.attribute}
        key = (
            function.domain,
            function.name,
            getattr(function, "overload", ""),
            tuple(sorted((name, a.SerializeToString()) for name, a in attributes.items())),
        )
        if key[:2] in self.open:
            raise broken(where, f"a function {function.name!r} that calls itself", "functions without recursion")
        if key not in self.made:
            self.made[key] = self.names.take(function.name)
            self.pending.append((self.made[key], function, attributes, list(self.open)))
        given = [self.read(scope, name, where) for name in node.input]
        missing = len(function.input) - len(given)
        if missing < 0:
            raise broken(where, f"{len(given)} inputs", f"{len(function.input)}")
        arguments = ["self", *given, *["None"] * missing]
        outputs = list(node.output) + [""] * (len(function.output) - len(node.output))
        self.assign(outputs, f"{self.made[key]}({', '.join(arguments)})", True, scope, depth, where, line)

    def functions(self) -> None:
        """Write the functions that are called, and those that these call."""
        while self.pending:
            name, function, attributes, around = self.pending.pop()
            self.open = [*around, (function.domain, function.name)]
            outer, self.opsets = self.opsets, {**self.opsets, **opsets_of(function.opset_import)}
            scope = Scope()
            arguments = ["self"]
            for each in function.input:
                argument = self.names.take(each)
                scope.put(each, Value(argument), f"function {function.name!r}")
                arguments.append(argument)
            self.line("", 0)
            self.line(f"def {name}({', '.join(arguments)}):", 0)
            nodes = [_bound(node, attributes) for node in function.node]
            self.graph(nodes, scope, 1, list(function.output))
            where = f"function {function.name!r}"
            results = [self.read(scope, each, where) for each in function.output]
            self.line(f"return {', '.join(results)}{',' if len(results) == 1 else ''}", 1)
            self.opsets = outer
            self.open = []


def _bound(node: Any, attributes: dict[str, Any]) -> Any:
    """Return a node with the attributes that it takes from the function around it, those of its graphs included."""
    import onnx

    if not node.attribute:
        return node
    new = onnx.NodeProto()
    new.CopyFrom(node)
    del new.attribute[:]
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            given = attributes.get(attribute.ref_attr_name)
            if given is None:
                continue  # left out by the caller: the operator's default
            copy = onnx.AttributeProto()
            copy.CopyFrom(given)
            copy.name = attribute.name
            new.attribute.append(copy)
            continue
        new.attribute.append(attribute)
        if attribute.type == onnx.AttributeProto.GRAPH:
            inner = new.attribute[-1].g
            nodes = [_bound(each, attributes) for each in inner.node]
            del inner.node[:]
            inner.node.extend(nodes)
    return new


def opsets_of(imports: Any) -> dict[str, int]:
    return {DOMAIN: 1} | {"" if each.domain == "ai.onnx" else each.domain: each.version for each in imports}
