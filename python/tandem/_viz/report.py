"""What there is to tell about a compiled function, as plain data: what `explain()` prints and the page draws."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tandem._viz.sources import Line, unwrapped

if TYPE_CHECKING:
    from tandem._compiled import Compiled

STAGES = ("captured", "optimized", "kernels", "program", "llvm", "asm")

# Seconds by the number ("origin") that profiles know a kernel or a library call by.
Seconds = Mapping[int, float]


@dataclass
class Node:
    """One operation of the planned graph.

    kind: "kernel": computed by `kernels`; "library": by a library call; "control": `if` or `while`, which hold
    `regions`; "place": the kernels that make its parts write them where they belong; "view": an index map of its
    readers; "inline": evaluated anew by every reader.
    """

    id: str
    op: str
    kind: str
    text: str
    inputs: list[str]
    outputs: list[str]
    types: list[str]
    line: Line | None
    kernels: tuple[int, ...]
    regions: dict[str, Graph]
    seconds: float | None = None  # of a library call

    @property
    def attributes(self) -> str:
        """The attributes as the text of the graph shows them."""
        start = f"{', '.join(self.outputs)} = {self.op} {', '.join(self.inputs)}".rstrip()
        return self.text.removeprefix(start).rpartition(" : ")[0].strip()

    @property
    def literal(self) -> str | None:
        """The number, if this is one that its readers contain."""
        found = re.fullmatch(r"shape=\[\] fill_value=(\S+)( dtype=\S+)?", self.attributes)
        return found[1] if found and self.op == "full" and self.kind == "inline" else None


@dataclass
class Graph:
    params: list[tuple[str, str]]  # name and type
    nodes: list[Node]
    results: list[str]
    writebacks: list[tuple[int, int]] = field(default_factory=list)  # results that go into a param at the end

    def walk(self) -> Iterator[Node]:
        """All nodes, those of regions after the node that holds them."""
        for node in self.nodes:
            yield node
            for region in node.regions.values():
                yield from region.walk()


@dataclass
class Kernel:
    number: int
    name: str
    stages: int
    launches: int
    lines: list[Line]
    nodes: list[str] = field(default_factory=list)  # ids of what it computes
    seconds: float | None = None


@dataclass
class Specialization:
    number: int
    names: list[str]  # of the inputs, in the user's function
    inputs: list[str]
    guards: list[str]
    size_guards: list[str]
    notes: list[str]
    compile_seconds: float
    pending: bool  # being compiled in the background: no graph, kernels and texts but the captured one yet
    graph: Graph
    kernels: list[Kernel]
    executable: Any  # makes the texts of the stages when they are asked for

    def lines(self) -> list[Line]:
        """The user's lines that any part of the program comes from, each once."""
        found = [line for kernel in self.kernels for line in kernel.lines]
        found += [node.line for node in self.graph.walk() if node.line is not None]
        return list(dict.fromkeys(found))

    def stages(self) -> dict[str, str]:
        """The text of every stage; where a stage cannot be shown, the reason."""
        from tandem import _core

        texts = {}
        for stage in STAGES[:1] if self.pending else STAGES:
            try:
                texts[stage] = str(self.executable.ir(stage))
            except _core.BackendError as error:
                texts[stage] = str(error)
        return texts


@dataclass
class Report:
    name: str
    code: Any  # of the annotated function, None if it has none
    specializations: list[Specialization]
    refused: str | None  # why it runs eagerly
    failures: list[str]  # guards that failed, one line each
    counters: dict[str, Any]


def gather(compiled: Compiled, seconds: Seconds | None = None) -> Report:
    """Return what is known of a compiled function now. `seconds`: measured times, where there are any."""
    counters = compiled.stats()
    records = enumerate(compiled.records, 1)
    return Report(
        name=compiled.__qualname__,
        code=getattr(unwrapped(compiled), "__code__", None),
        specializations=[_specialization(number, record, seconds or {}) for number, record in records],
        refused=compiled._refused,
        failures=list(counters.get("guard_failures", [])),
        counters=counters,
    )


def _specialization(number: int, record: Any, seconds: Seconds) -> Specialization:
    executable = record.specialization.executable
    pending = not executable.ready
    if pending:
        graph = Graph([(f"%{name}", kind) for name, kind in zip(record.names, record.inputs, strict=True)], [], [])
    else:
        graph = _graph(executable.graph(), "n", seconds)
    rows = [] if pending else executable.kernels()
    kernels = [
        Kernel(
            number=k,
            name=row["name"],
            stages=row["stages"],
            launches=row["launches"],
            lines=[tuple(line) for line in row["lines"]],
            seconds=seconds.get(row["origin"]),
        )
        for k, row in enumerate(rows)
    ]
    for node in graph.walk():
        for k in node.kernels:
            kernels[k].nodes.append(node.id)
    return Specialization(
        number=number,
        names=list(record.names),
        inputs=list(record.inputs),
        guards=[guard[-1] for guard in record.guards],
        size_guards=executable.size_guards(),
        notes=list(record.notes),
        compile_seconds=executable.compile_seconds,
        pending=pending,
        graph=graph,
        kernels=kernels,
        executable=executable,
    )


def _graph(data: dict[str, Any], prefix: str, seconds: Seconds) -> Graph:
    nodes = []
    for k, row in enumerate(data["nodes"]):
        name = f"{prefix}{k}"
        regions = {label: _graph(region, f"{name}.{label}.", seconds) for label, region in row["regions"].items()}
        rest = {key: row[key] for key in ("op", "kind", "text", "inputs", "outputs", "types", "line")}
        time = seconds.get(row["origin"])
        nodes.append(Node(id=name, kernels=tuple(row["kernels"]), regions=regions, seconds=time, **rest))
    return Graph(data["params"], nodes, data["results"], data.get("writebacks", []))
