"""If, Loop, Scan and SequenceMap as statements of Python, which `@td.script` turns into those of the graph.

The body of a nested graph stands where its node stands, so it sees what is around it. What leaves a branch, enters a
loop or goes round in it is a tensor, never a plain number, because the other path may have a tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tandem import _core
from tandem.onnx.constants import Value, broken, results_of
from tandem.onnx.helpers import HELPERS

if TYPE_CHECKING:
    from tandem.onnx.translate import Line, Scope, Writer

_FOREVER = (1 << 31) - 1  # a trip count that nobody means
_TRUE = np.asarray(True)


def _body(attributes: dict[str, Any], name: str, where: str) -> Any:
    graph = attributes.get(name)
    if not hasattr(graph, "node"):
        raise broken(where, f"no graph {name!r}", "one")
    return graph


def _inner(writer: Writer, graph: Any, scope: Scope, where: str) -> Scope:
    """Return the scope of a nested graph, with its initializers."""
    from tandem.onnx.constants import array_of
    from tandem.onnx.translate import Scope

    inner = Scope(scope)
    for proto in graph.initializer:
        name = proto.name
        while name in writer.tensors:
            name += "_"
        inner.put(proto.name, Value(array=array_of(proto, f"initializer {proto.name!r}"), name=name), where)
    return inner


def _settled(writer: Writer, value: Value) -> str:
    """Write a value as the tensor that it stands for."""
    code = writer.expression(value)
    if value.array is not None and value.plain() is None:
        return code
    return f"{writer.refer('settled', HELPERS['settled'])}({code})"


def _result(writer: Writer, scope: Scope, graph: Any, k: int, where: str) -> str:
    return _settled(writer, writer.value(scope, graph.output[k].name, where))


def branch(
    writer: Writer, node: Any, attributes: dict[str, Any], scope: Scope, depth: int, where: str, line: Line
) -> None:
    if len(node.input) != 1:
        raise broken(where, f"{len(node.input)} inputs", "1")
    test = writer.read(scope, node.input[0], where)
    targets = [writer.names.take(name) if name else "_" for name in node.output]
    for keyword, name in (("if", "then_branch"), ("else", "else_branch")):
        graph = _body(attributes, name, where)
        if len(graph.output) < len(targets) or graph.input:
            raise broken(where, f"{name} with {len(graph.output)} results", f"{len(targets)} and no inputs")
        condition = f" {writer.refer('truth', HELPERS['truth'])}({test})" if keyword == "if" else ""
        writer.line(f"{keyword}{condition}:", depth, line)
        inner = _inner(writer, graph, scope, where)
        writer.graph(graph.node, inner, depth + 1, results_of(graph))
        for k, target in enumerate(targets):
            writer.line(f"{target} = {_result(writer, inner, graph, k, where)}", depth + 1, line)
        if not targets:
            writer.line("pass", depth + 1, line)
    for name, target in zip(node.output, targets, strict=True):
        if name:
            scope.put(name, Value(target), where)


def _always(writer: Writer, graph: Any, value: Value | None) -> bool:
    """Whether a loop ends by its count alone: its condition is true from the beginning and stays what it is."""
    if value is not None and (value.array is None or not value.array.all()):
        return False
    name, seen = graph.output[0].name, {graph.input[1].name}
    for proto in graph.initializer:
        if proto.name == name:
            return False
    for each in graph.node:
        if each.op_type == "Identity" and each.input[0] in seen:
            seen.update(each.output)
        elif each.op_type == "Constant" and name in each.output and len(each.attribute) == 1:
            array = each.attribute[0].t if each.attribute[0].name == "value" else None
            return array is not None and array.data_type == 9 and _is_true(array)
    return name in seen


def _is_true(proto: Any) -> bool:
    from tandem.onnx.constants import array_of

    return bool(array_of(proto, "a condition").all())


def loop(
    writer: Writer, node: Any, attributes: dict[str, Any], scope: Scope, depth: int, where: str, line: Line
) -> None:
    graph = _body(attributes, "body", where)
    given = [*node.input, "", ""][: max(len(node.input), 2)]
    carried = len(given) - 2
    if len(graph.input) != carried + 2 or len(graph.output) < carried + 1 or carried < 0:
        raise broken(where, f"a body with {len(graph.input)} inputs", f"{carried + 2}, and a result for each")
    stacks = len(graph.output) - 1 - carried
    outputs = [*node.output, *[""] * (carried + stacks - len(node.output))]
    count = writer.value(scope, given[0], where) if given[0] else None
    test = writer.value(scope, given[1], where) if given[1] else None
    if count is not None and count.array is not None and count.array.size == 1 and int(count.array.item()) >= _FOREVER:
        count = None
    variables = _start(writer, graph.input[2:], given[2:], scope, depth, where, line)
    lists = _lists(writer, graph.output[1 + carried :], depth, line)
    inner = _inner(writer, graph, scope, where)
    index = writer.names.take(graph.input[0].name or "i")
    refer = writer.refer
    counted = count is not None and _always(writer, graph, test)
    if counted and count is not None:
        inner.put(graph.input[1].name, Value(array=_TRUE, name=graph.input[1].name), where)
        trips = f"{refer('scalar', HELPERS['scalar'])}({writer.expression(count)})"
        writer.line(f"for {index} in range({trips}):", depth, line)
    else:
        going = writer.names.take(graph.input[1].name or "going")
        truth = refer("truth", HELPERS["truth"])
        writer.line(f"{going} = {'True' if test is None else f'{truth}({writer.expression(test)})'}", depth, line)
        writer.line(f"{index} = 0", depth, line)
        inner.put(graph.input[1].name, Value(going), where)
        limit = ""
        if count is not None:
            most = writer.names.take("trips")
            writer.line(f"{most} = {refer('scalar', HELPERS['scalar'])}({writer.expression(count)})", depth, line)
            limit = f" and {index} < {most}"
        writer.line(f"while {going}{limit}:", depth, line)
    inner.put(graph.input[0].name, Value(index), where)
    for proto, variable in zip(graph.input[2:], variables, strict=True):
        inner.put(proto.name, Value(variable), where)
    writer.graph(graph.node, inner, depth + 1, results_of(graph))
    for k, each in enumerate(lists):
        writer.line(f"{each}.append({_result(writer, inner, graph, 1 + carried + k, where)})", depth + 1, line)
    if not counted:
        condition = writer.expression(writer.value(inner, graph.output[0].name, where))
        writer.line(f"{going} = {truth}({condition})", depth + 1, line)
        writer.line(f"{index} = {index} + 1", depth + 1, line)
    _next(writer, variables, [_result(writer, inner, graph, 1 + k, where) for k in range(carried)], depth, line)
    if counted and not variables and not lists:
        writer.line("pass", depth + 1, line)
    _finish(writer, outputs, variables, lists, graph.output[1 + carried :], None, scope, depth, where, line)


def _start(
    writer: Writer, inputs: Any, given: list[str], scope: Scope, depth: int, where: str, line: Line
) -> list[str]:
    """Give the variables that go round in a loop their first values."""
    variables = []
    for proto, name in zip(inputs, given, strict=True):
        first = _settled(writer, writer.value(scope, name, where)) if name else "None"
        variables.append(writer.names.take(proto.name))
        writer.line(f"{variables[-1]} = {first}", depth, line)
    return variables


def _next(writer: Writer, variables: list[str], values: list[str], depth: int, line: Line) -> None:
    if variables:
        writer.line(f"{', '.join(variables)} = {', '.join(values)}", depth + 1, line)


def _lists(writer: Writer, outputs: Any, depth: int, line: Line) -> list[str]:
    """Begin the lists of what a loop returns of every iteration."""
    lists = []
    for proto in outputs:
        lists.append(writer.names.take(f"{proto.name}_each"))
        writer.line(f"{lists[-1]} = []", depth, line)
    return lists


def _finish(
    writer: Writer,
    outputs: list[str],
    variables: list[str],
    lists: list[str],
    protos: Any,
    layout: list[tuple[int, int]] | None,
    scope: Scope,
    depth: int,
    where: str,
    line: Line,
) -> None:
    """Give the results of a loop their names: its variables, and its lists as tensors."""
    for name, variable in zip(outputs, variables, strict=False):
        if name:
            scope.put(name, Value(variable), where)
    for k, (name, each) in enumerate(zip(outputs[len(variables) :], lists, strict=True)):
        if not name:
            continue
        kind = protos[k].type.tensor_type
        sizes = tuple(d.dim_value if d.WhichOneof("value") == "dim_value" else 0 for d in kind.shape.dim)
        axis, backwards = layout[k] if layout else (0, 0)
        more = f", axis={axis}, backwards={bool(backwards)}" if axis or backwards else ""
        target = writer.names.take(name)
        stacked = writer.refer("stacked", HELPERS["stacked"])
        writer.line(f"{target} = {stacked}({each}, {kind.elem_type}, {sizes}{more})", depth, line)
        scope.put(name, Value(target), where)


def scan(
    writer: Writer, node: Any, attributes: dict[str, Any], scope: Scope, depth: int, where: str, line: Line
) -> None:
    if writer.opsets.get("", 0) < 9:
        raise _core.BackendError(f"onnx.load: got a Scan of opset 8 in {where}; need opset 9 or later")
    graph = _body(attributes, "body", where)
    items = int(attributes.get("num_scan_inputs", 0))
    states = len(node.input) - items
    stacks = len(graph.output) - states
    if items < 1 or states < 0 or len(graph.input) != len(node.input) or stacks < 0:
        raise broken(where, f"num_scan_inputs={items} and {len(node.input)} inputs", "a body with as many")
    refer = writer.refer

    def per(name: str, count: int) -> tuple[int, ...]:
        found = attributes.get(name, (0,) * count)
        if len(found) != count:
            raise broken(where, f"{name}={found}", f"{count} numbers")
        return found

    axes, directions = per("scan_input_axes", items), per("scan_input_directions", items)
    layout = list(zip(per("scan_output_axes", stacks), per("scan_output_directions", stacks), strict=True))
    variables = _start(writer, graph.input[:states], list(node.input[:states]), scope, depth, where, line)
    sources = []
    for k, name in enumerate(node.input[states:]):
        sources.append(writer.names.take(f"{name}_items"))
        arguments = f"{writer.read(scope, name, where)}, {axes[k]}, {bool(directions[k])}"
        writer.line(f"{sources[-1]} = {refer('scanned', HELPERS['scanned'])}({arguments})", depth, line)
    lists = _lists(writer, graph.output[states:], depth, line)
    index = writer.names.take("step")
    writer.line(f"for {index} in range({sources[0]}.shape[0]):", depth, line)
    inner = _inner(writer, graph, scope, where)
    for proto, variable in zip(graph.input[:states], variables, strict=True):
        inner.put(proto.name, Value(variable), where)
    for proto, source in zip(graph.input[states:], sources, strict=True):
        item = writer.names.take(proto.name)
        writer.line(f"{item} = {source}[{index}]", depth + 1, line)
        inner.put(proto.name, Value(item), where)
    writer.graph(graph.node, inner, depth + 1, results_of(graph))
    for k, each in enumerate(lists):
        writer.line(f"{each}.append({_result(writer, inner, graph, states + k, where)})", depth + 1, line)
    _next(writer, variables, [_result(writer, inner, graph, k, where) for k in range(states)], depth, line)
    outputs = [*node.output, *[""] * (states + stacks - len(node.output))]
    _finish(writer, outputs, variables, lists, graph.output[states:], layout, scope, depth, where, line)


def sequence_map(
    writer: Writer, node: Any, attributes: dict[str, Any], scope: Scope, depth: int, where: str, line: Line
) -> None:
    graph = _body(attributes, "body", where)
    if len(graph.input) != len(node.input) or len(graph.output) < len(node.output):
        raise broken(where, f"a body with {len(graph.input)} inputs", f"{len(node.input)}, and a result for each")
    sources = [writer.read(scope, name, where) for name in node.input]
    lists = [writer.names.take(name or "unused") for name in node.output]
    for each in lists:
        writer.line(f"{each} = []", depth, line)
    index = writer.names.take("place")
    inner = _inner(writer, graph, scope, where)
    writer.line(f"for {index} in range(len({sources[0]})):", depth, line)
    for proto, source in zip(graph.input, sources, strict=True):
        item = writer.names.take(proto.name)
        at = f"{writer.refer('item', HELPERS['item'])}({source}, {index})"
        writer.line(f"{item} = {at}", depth + 1, line)
        inner.put(proto.name, Value(item), where)
    writer.graph(graph.node, inner, depth + 1, results_of(graph))
    for k, each in enumerate(lists):
        writer.line(f"{each}.append({_result(writer, inner, graph, k, where)})", depth + 1, line)
    for name, each in zip(node.output, lists, strict=True):
        if name:
            scope.put(name, Value(each), where)


Writes = Callable[["Writer", Any, dict[str, Any], "Scope", int, str, "Line"], None]
CONTROL: dict[str, Writes] = {"If": branch, "Loop": loop, "Scan": scan, "SequenceMap": sequence_map}
