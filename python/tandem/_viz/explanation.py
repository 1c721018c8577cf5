"""What `f.explain()` returns: text that a notebook shows as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tandem._viz.report import Report, Specialization, gather
from tandem._viz.sources import places

if TYPE_CHECKING:
    from tandem._compiled import Compiled
    from tandem.profiling import Profiler


class Explanation(str):
    """The report as text; `report` has it as data, and notebooks show it as the page that `td.viz` writes."""

    report: Report

    def __new__(cls, report: Report) -> Explanation:
        self = super().__new__(cls, text(report))
        self.report = report
        return self

    def __repr__(self) -> str:
        return str(self)  # readable where a result is shown: the interpreter's prompt, a debugger

    def _repr_html_(self) -> str:
        from tandem._viz.page import frame

        return frame(self.report)


def explain(compiled: Compiled, profile: Profiler | None = None) -> Explanation:
    """Return the report of a compiled function."""
    return Explanation(gather(compiled, profile.seconds_by_origin() if profile else None))


def text(report: Report) -> str:
    """Return the report as text."""
    lines = [f"{report.name}: {len(report.specializations)} specialisation(s)"]
    if report.refused is not None:
        lines += ["  runs eagerly:", *(f"    {line}" for line in report.refused.splitlines())]
    for item in report.specializations:
        lines += [f"  {item.number}. {_head(item)}", *(f"     {line}" for line in _details(item))]
    lines += [f"  recaptured because {reason}" for reason in report.failures]
    return "\n".join(lines)


def _head(item: Specialization) -> str:
    state = "pending" if item.pending else f"compiled in {item.compile_seconds * 1e3:.1f} ms"
    return f"({', '.join(item.inputs)}), {state}"


def _details(item: Specialization) -> list[str]:
    lines = [f"guard: {guard}" for guard in item.guards]
    lines += [f"guard: sizes: {guard}" for guard in item.size_guards]
    for kernel in item.kernels:
        facts = [f"stages={kernel.stages}", f"launches={kernel.launches}", f"lines={places(kernel.lines)}"]
        if kernel.seconds is not None:
            facts.insert(2, f"seconds={kernel.seconds:.3g}")
        lines.append(f"kernel: {kernel.name} ({', '.join(facts)})")
    for node in item.graph.walk():
        if node.kind == "library":
            facts = [] if node.seconds is None else [f"seconds={node.seconds:.3g}"]
            facts.append(places([node.line] if node.line else []))
            lines.append(f"library: {node.op} ({', '.join(facts)})")
    return lines + item.notes
