"""The planned graph of a compiled function as one that TensorBoard draws.

Names make the boxes: the file (of several), the function and the line around operations; `if` and `while` around their
regions.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tandem._viz import called
from tandem._viz.report import Graph, Node, Specialization, gather
from tandem._viz.sources import Line, function_at
from tandem.scripting.texts import short
from tandem.tensorboard._summaries import DTYPES
from tandem.tensorboard._wire import encode

if TYPE_CHECKING:
    from tandem.profiling import Profiler

DEVICE = "/device:CPU:0"
KINDS = {"f": "float", "bf": "bfloat", "i": "int", "u": "uint", "c": "complex"}  # of dtypes, as in `f32`


def runs(function: Any, tag: str | None, profile: Profiler | None) -> Iterator[tuple[str, bytes]]:
    """Yield, for each specialisation, a tag and the message that has its graph and the times of its operations."""
    compiled = called(function, "add_graph")
    compiled.wait()
    report = gather(compiled, profile.seconds_by_origin() if profile is not None else None)
    for k, specialization in enumerate(report.specializations):
        name = report.name if tag is None else tag
        drawn = _Drawn(specialization)
        content: dict[str, Any] = {"function_graphs": [{"pre_optimization_graph": drawn.graph()}]}
        if profile is not None:
            content["step_stats"] = {"dev_stats": [{"device": DEVICE, "node_stats": drawn.times()}]}
        yield (name if k == 0 else f"{name} #{k + 1}"), encode("RunMetadata", content)


class _Drawn:
    """The operations of a specialisation, by the names that they have in TensorBoard."""

    def __init__(self, specialization: Specialization) -> None:
        self.specialization = specialization
        self.nodes: list[dict[str, Any]] = []
        self.names: dict[str, str] = {}  # by the id of a node
        self.taken: Counter[str] = Counter()
        self.places: dict[Line | None, str] = {None: ""}
        self.several = len({filename for filename, _ in specialization.lines()}) > 1  # files
        graph = specialization.graph
        params = [name[1:] for name, _ in graph.params]
        params[: len(specialization.names)] = specialization.names
        self.values = {
            value: self._add(f"inputs/{_clean(name)}", "Placeholder", [], [kind])
            for (value, kind), name in zip(graph.params, params, strict=True)
        }
        self._walk(graph, self.values, "")
        types = _types(graph)
        written = {result: params[argument] for result, argument in graph.writebacks}
        for k, value in enumerate(graph.results):
            name = f"written/{_clean(written[k])}" if k in written else f"results/{k}"
            self._add(name, "Result", [self.values[value]], [types[value]])

    def graph(self) -> dict[str, Any]:
        return {"node": self.nodes, "versions": {"producer": 1}}

    def times(self) -> list[dict[str, Any]]:
        """The seconds of kernels and library calls, those of a kernel in equal parts by its operations."""
        seconds: dict[str, float] = defaultdict(float)
        for kernel in self.specialization.kernels:
            for key in kernel.nodes:
                seconds[key] += (kernel.seconds or 0.0) / len(kernel.nodes)
        for node in self.specialization.graph.walk():
            seconds[node.id] += node.seconds or 0.0
        rows, start = [], 1
        for key, value in seconds.items():
            micros = round(value * 1e6)
            if micros:
                ends = {"op_end_rel_micros": micros, "all_end_rel_micros": micros, "op_start_rel_micros": 0}
                rows.append({"node_name": self.names[key], "all_start_micros": start, **ends})
                start += micros
        return rows

    def _walk(self, graph: Graph, values: dict[str, str], scope: str) -> None:
        """Add the operations of a graph. `values`: where its params come from; the others are added."""
        for node in graph.nodes:
            name = self._unique(f"{scope}{self._place(node.line)}{node.op}")
            self.names[node.id] = name
            inputs = [values[value] for value in node.inputs]
            if node.regions:
                inputs = self._regions(node, name, inputs)
            op = "Const" if node.literal is not None else node.op
            self._add(name, op, inputs, node.types, self._attributes(node), named=True)
            for k, value in enumerate(node.outputs):
                values[value] = f"{name}:{k}" if k else name

    def _regions(self, node: Node, name: str, inputs: Sequence[str]) -> list[str]:
        """Add what is inside of `if` or `while`, and return what its results come from."""
        found = []
        carried = len(node.outputs) if node.op == "while" else 0
        given = list(inputs) if carried else list(inputs[1:])
        if not carried:
            found.append(inputs[0])
        for label, region in node.regions.items():
            if label == "cond" and not region.nodes:
                continue  # the condition is one of the carried values
            scope = f"{name}/{label}/"
            sources = given[len(given) - len(region.params) :]
            values = {
                value: self._add(f"{scope}{_clean(value[1:])}", "Argument", [source], [kind])
                for (value, kind), source in zip(region.params, sources, strict=True)
            }
            self._walk(region, values, scope)
            found += [values[value] for value in region.results]
        return list(dict.fromkeys(found))

    def _attributes(self, node: Node) -> dict[str, Any]:
        found = {"text": node.text}
        if node.line is not None:
            found["source"] = f"{node.line[0]}:{node.line[1]}"
        kernels = [f"{k} {self.specialization.kernels[k].name}" for k in node.kernels]
        if kernels:
            found["kernel"] = ", ".join(kernels)
            found["_XlaCluster"] = kernels[0]  # the colours that TensorBoard has for parts that are compiled together
        elif node.kind == "library":
            found["_XlaCluster"] = "library"
        return {key: {"s": value.encode("utf-8", "replace")} for key, value in found.items()}

    def _add(
        self,
        name: str,
        op: str,
        inputs: Sequence[str],
        types: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
        named: bool = False,
    ) -> str:
        name = name if named else self._unique(name)
        attr = {**(attributes or {}), "_output_shapes": {"list": {"shape": [_shape(kind) for kind in types]}}}
        if types and (dtype := _dtype(types[0])):
            attr["T"] = {"type": dtype}
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "device": DEVICE, "attr": attr})
        return name

    def _place(self, line: Line | None) -> str:
        if line is not None and line not in self.places:
            parts = [short(line[0]) if self.several else "", function_at(line), f"line_{line[1]}"]
            self.places[line] = "".join(f"{_clean(part)}/" for part in parts if part)
        return self.places[line]

    def _unique(self, name: str) -> str:
        self.taken[name] += 1
        return name if self.taken[name] == 1 else self._unique(f"{name}_{self.taken[name] - 1}")


def _clean(text: str) -> str:
    """A text as part of a name, in the characters that TensorFlow has in names."""
    return re.sub(r"[^0-9A-Za-z_.-]+", "_", text).strip("_") or "_"


def _types(graph: Graph) -> dict[str, str]:
    found = dict(graph.params)
    for node in graph.nodes:
        found.update(zip(node.outputs, node.types, strict=True))
    return found


def _shape(kind: str) -> dict[str, Any]:
    """The shape of a type like `f32[N, 64]`; a symbol is a size that is not known."""
    sizes = re.findall(r"[^\[\], ][^\[\],]*", kind.partition("[")[2])
    return {"dim": [{"size": int(size)} if size.isdigit() else {"size": -1, "name": size} for size in sizes]}


def _dtype(kind: str) -> int | None:
    letters, bits = re.fullmatch(r"([a-z]+)(\d*)", kind.partition("[")[0]).groups()  # type: ignore[union-attr]
    return DTYPES.get(KINDS.get(letters, letters) + bits)
