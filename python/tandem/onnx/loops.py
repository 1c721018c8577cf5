"""What is special about a loop: what in its body is the same in every iteration, and which tensors it fills row by row.

A tensor that is written at place i in iteration i, and not looked at before the end, is an output that Loop stacks;
carried along, it would be copied in every iteration.
"""

from __future__ import annotations

from dataclasses import dataclass

from tandem.onnx.captured import Dim, Graph, Node, is_number
from tandem.onnx.emission import table


@dataclass(frozen=True)
class Rows:
    """A carried value that the body fills."""

    update: int  # the node of the body that writes
    value: int  # what it writes
    first: int  # where the first row is
    whole: bool  # whether no row is left as it was


def makers(graph: Graph) -> dict[int, Node]:
    """Return the nodes that make values."""
    return {value: node for node in graph.nodes for value in node.outputs}


def invariant(body: Graph, carried: int) -> set[int]:
    """Which nodes of a body can be computed before the loop: of nothing that is carried, and unable to fail."""
    known = {param.value for param in body.params[carried:]}
    found = set()
    for number, node in enumerate(body.nodes):
        row = table()[node.op]
        may_fail = row["indexed"] or node.op in ("check_index", "failure_point", "scatter_planes")
        if node.inputs and not node.regions and not may_fail and known.issuperset(node.inputs):
            known.update(node.outputs)
            found.add(number)
    return found


def filled(graph: Graph, loop: Node) -> dict[int, Rows]:
    """Return the carried values of a loop that are filled row by row, by their numbers."""
    body, condition, count = loop.regions["body"], loop.regions["cond"], len(loop.outputs)
    outer, inner = makers(graph), makers(body)
    found = {}
    for k in range(count):
        param, result = body.params[k].value, body.results[k]
        update = inner.get(result)
        if update is None or update.op != "index_update" or update.inputs[0] != param:
            continue
        if update.attrs["axis"] != 0 or update.attrs["mode"] != 0 or body.types[update.inputs[1]].shape:
            continue
        read_once = (
            _uses(body, param) == 1 and _uses(body, result) == 1 and not _uses(condition, condition.params[k].value)
        )
        counter, offset = _counter(body, inner, update.inputs[1])
        if not read_once or counter is None or counter >= count or not _counts(body, inner, counter):
            continue
        start = outer.get(loop.inputs[counter])
        bound = _bound(condition, counter)
        size = body.types[param].shape[0]
        if start is None or not _is_full(start) or bound is None:
            continue
        first = start.attrs["fill_value"] + offset
        left = size - bound - offset
        if first >= 0 and is_number(left) and left >= 0:
            whole = first == 0 and left == 0
            found[k] = Rows(body.nodes.index(update), update.inputs[2], first, whole)
    return found


def _uses(graph: Graph, value: int) -> int:
    return sum(node.inputs.count(value) for node in graph.nodes) + graph.results.count(value)


def _counter(body: Graph, inner: dict[int, Node], value: int) -> tuple[int | None, int]:
    """Which param an index is, behind checks, and what is added to it."""
    node, offset = inner.get(value), 0
    while node is not None:
        if node.op in ("check_index", "copy"):
            value = node.inputs[0]
        elif node.op == "add" and (numbers := [each for each in node.inputs if _is_full(inner.get(each))]):
            offset += inner[numbers[0]].attrs["fill_value"]
            value = node.inputs[node.inputs[0] == numbers[0]]
        else:
            return None, 0
        node = inner.get(value)
    return next((k for k, param in enumerate(body.params) if param.value == value), None), offset


def _counts(body: Graph, inner: dict[int, Node], counter: int) -> bool:
    """Whether a carried value grows by one in each iteration."""
    node, param = inner.get(body.results[counter]), body.params[counter].value
    if node is None or node.op != "add" or param not in node.inputs:
        return False
    return any(_is_full(inner.get(each)) and inner[each].attrs["fill_value"] == 1 for each in node.inputs)


def _is_full(node: Node | None) -> bool:
    """Whether it is an integer that is known."""
    return node is not None and node.op == "full" and isinstance(node.attrs["fill_value"], int)


def _bound(condition: Graph, counter: int) -> Dim | None:
    """What the counter stays below, if that is the whole condition."""
    inner = makers(condition)
    node = inner.get(condition.results[0])
    if node is None or node.op != "less" or node.inputs[0] != condition.params[counter].value:
        return None
    limit = inner.get(node.inputs[1])
    if limit is not None and limit.op == "from_dim":
        return limit.attrs["size"][0]
    number = limit.attrs["fill_value"] if limit is not None and limit.op == "full" else None
    return number if isinstance(number, int) else None
