"""The report as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

import html
import pkgutil
import re
from collections.abc import Iterable, Sequence

from tandem._viz import highlight, scene
from tandem._viz.report import Kernel, Report, Specialization
from tandem._viz.sources import Excerpt, Line, excerpts, places
from tandem.scripting.texts import short

DRAWN = 8  # so many specialisations, the last ones, are shown in full
SIGNATURE = 4  # so many arguments in the line above the graph; the table of guards has them all
OPERATIONS = 1500  # a larger program is drawn kernel by kernel only
TITLES = {
    "captured": "as it was recorded",
    "optimized": "after the passes",
    "kernels": "loops and scalar code",
    "program": "the plan that runs",
    "llvm": "what is compiled",
    "asm": "machine code",
}

LEGEND = (
    '<div class="legend"><span><i class="kernel"></i>kernel</span><span><i class="library"></i>library call</span>'
    '<span><i class="view"></i>view or cheap value, evaluated by its reader</span></div>'
)


def render(report: Report) -> str:
    """Return the page."""
    shown = report.specializations[-DRAWN:]
    body = [f"<h1><code>{_text(report.name)}</code></h1>", _summary(report, len(shown))]
    if report.refused is not None:
        body.append(f'<div class="notice">runs eagerly, because it cannot be captured:\n{_text(report.refused)}</div>')
    if report.failures:
        rows = [[_text(reason)] for reason in report.failures]
        body.append(_panel("Captured again because", _table(["guard that failed"], rows)))
    if len(shown) > 1:
        tabs = "".join(
            f'<button role="tab" aria-selected="{"true" if item is shown[-1] else "false"}">'
            f"{item.number}. {_text(', '.join(item.inputs) or 'no tensors')}</button>"
            for item in shown
        )
        body.append(f'<div class="tabs" role="tablist">{tabs}</div>')
    for item in shown:
        body.append(_Section(report, item).render(hidden=item is not shown[-1]))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(report.name)} · Tandem</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_asset('page.css')}</style></head>"
        f"<body><main>{''.join(body)}</main><script>{_asset('page.js')}</script></body></html>\n"
    )


def frame(report: Report) -> str:
    """Return the page for a cell of a notebook: in a frame, so that neither style nor script meet those around."""
    return (
        f'<iframe srcdoc="{_text(render(report))}" sandbox="allow-scripts" title="{_text(report.name)}" '
        'style="width: 100%; height: 820px; border: 1px solid #8884; border-radius: 8px; resize: vertical"></iframe>'
    )


def _summary(report: Report, shown: int) -> str:
    count = len(report.specializations)
    counters = report.counters
    facts = [
        _count(count, "specialisation") + (f" (the last {shown} are shown)" if count > shown else ""),
        _count(counters.get("calls", 0), "call"),
        _count(counters.get("captures", 0), "capture"),
        _count(counters.get("fallbacks", 0), "eager call") if counters.get("fallbacks") else "",
    ]
    if not count:
        facts.append("nothing to show before the first call")
    return _facts(facts)


class _Section:
    """One specialisation."""

    def __init__(self, report: Report, item: Specialization) -> None:
        self.report, self.item = report, item
        self.excerpts = excerpts(item.lines(), report.code)
        self.files = {name: k for k, name in enumerate(dict.fromkeys(e.filename for e in self.excerpts))}

    def render(self, hidden: bool) -> str:
        item = self.item
        drawn = sum(1 for _ in item.graph.walk())
        libraries = sum(node.kind == "library" for node in item.graph.walk())
        facts = [
            f"<b>{_text(self._signature())}</b>",
            _count(drawn, "operation"),
            _count(len(item.kernels), "kernel"),
            _count(libraries, "library call") if libraries else "",
            "being compiled" if item.pending else f"compiled in <b>{item.compile_seconds * 1e3:.1f} ms</b>",
        ]
        parts = [
            _facts(facts),
            f'<div class="split">{self._graph(drawn)}{self._source()}</div>',
            _panel("Kernels", self._kernels(), self._about_kernels()),
            f'<div class="tables">{self._guards()}{self._notes()}</div>',
            self._stages(),
        ]
        return (
            f'<section class="specialization" data-operations="{drawn}"{" hidden" if hidden else ""}>'
            f"{''.join(parts)}</section>"
        )

    def line_ids(self, lines: Sequence[Line]) -> str:
        return " ".join(f"{self.files[name]}:{line}" for name, line in lines if name in self.files)

    def _signature(self) -> str:
        named = [f"{name}: {kind}" for name, kind in zip(self.item.names, self.item.inputs, strict=True)]
        rest = len(named) - SIGNATURE
        return f"({', '.join([*named[:SIGNATURE], f'{rest} more'] if rest > 0 else named)})"

    # Graph and source

    def _graph(self, drawn: int) -> str:
        collapsed = scene.svg(self.item, self.line_ids, collapsed=True)
        tools, drawings = "", collapsed
        if drawn <= OPERATIONS:
            tools = (
                '<button data-action="full" aria-pressed="true">Operations</button>'
                '<button data-action="collapsed" aria-pressed="false">Kernels</button>'
            )
            drawings = scene.svg(self.item, self.line_ids) + collapsed.replace("<svg ", "<svg hidden ", 1)
        tools += (
            '<span style="width: 10px"></span><button data-action="smaller" title="Smaller">−</button>'
            '<button data-action="larger" title="Larger">+</button>'
            '<button data-action="fit" title="As wide as the pane">Fit</button>'
        )
        return (
            f'<div class="panel graph"><header><h2>Graph</h2><span class="tools">{tools}</span></header>'
            f'<div class="scroll">{drawings}</div>{LEGEND}</div>'
        )

    def _source(self) -> str:
        kernels: dict[Line, list[Kernel]] = {}
        for kernel in self.item.kernels:
            for line in kernel.lines:
                kernels.setdefault(line, []).append(kernel)
        used = set(self.item.lines())
        parts = []
        for k, excerpt in enumerate(self.excerpts):
            if k == 0 or excerpt.filename != self.excerpts[k - 1].filename:
                parts.append(
                    f'<div class="file" title="{_text(excerpt.filename)}">{_text(short(excerpt.filename))}</div>'
                )
            parts.append(f'<div class="code">{self._excerpt(excerpt, kernels, used)}</div>')
        body = "".join(parts) or '<p class="file">The source is not available.</p>'
        return (
            '<div class="panel source"><header><h2>Source</h2><span class="dim">bars: kernels of a line</span></header>'
            f'<div class="scroll">{body}</div></div>'
        )

    def _excerpt(self, excerpt: Excerpt, kernels: dict[Line, list[Kernel]], used: set[Line]) -> str:
        texts = highlight.lines(excerpt.lines)
        if not excerpt.known:
            texts = ['<span class="c">(the source is not available)</span>'] * len(texts)
        rows = []
        for number, text in enumerate(texts, excerpt.first):
            line = excerpt.filename, number
            marks = "".join(_swatch(kernel) for kernel in kernels.get(line, [])[:5])
            data = f' data-line="{self.line_ids([line])}"' if line in used else ""
            rows.append(
                f'<div class="row"{data}><span class="number">{number}</span>'
                f'<span class="marks">{marks}</span><span class="text">{text}</span></div>'
            )
        return "".join(rows)

    # Tables

    def _kernels(self) -> str:
        nodes = {node.id: node for node in self.item.graph.walk()}
        libraries = [node for node in nodes.values() if node.kind == "library"]
        if not self.item.kernels and not libraries:
            return '<p class="file">None: nothing is left to do.</p>'
        total = sum(seconds or 0.0 for seconds in self._seconds())
        heads = ["kernel", "operations", "lines", "stages", "launches"]
        if total:
            heads += ["time", "share"]
        rows, attributes = [], []
        for kernel in self.item.kernels:
            operations = ", ".join(nodes[name].op for name in kernel.nodes)
            name = f"k{kernel.number} {scene.shortened(kernel.name, 42)}"
            rows.append(
                [
                    f'<span class="name">{_swatch(kernel)}<span class="mono">{_text(name)}</span></span>',
                    _text(scene.shortened(operations, 160)),
                    f'<span class="mono">{_text(places(kernel.lines))}</span>',
                    str(kernel.stages),
                    str(kernel.launches),
                    *(_time(kernel.seconds, total) if total else []),
                ]
            )
            attributes.append(f' data-kernel="{kernel.number}" data-l="{self.line_ids(kernel.lines)}"')
        for node in libraries:
            lines = [node.line] if node.line else []
            rows.append(
                [
                    '<span class="dim">library</span>',
                    _text(node.op),
                    f'<span class="mono">{_text(places(lines))}</span>',
                    "",
                    "",
                    *(_time(node.seconds, total) if total else []),
                ]
            )
            attributes.append(f' data-n="{_text(node.id)}" data-l="{self.line_ids(lines)}"')
        return _table(heads, rows, attributes)

    def _seconds(self) -> list[float | None]:
        libraries = (node for node in self.item.graph.walk() if node.kind == "library")
        return [*(kernel.seconds for kernel in self.item.kernels), *(node.seconds for node in libraries)]

    def _about_kernels(self) -> str:
        timed = any(seconds is not None for seconds in self._seconds())
        facts = ["launches since the first call"] if self.item.kernels else []
        return ", ".join([*facts, "time while the profiler was on"] if timed else facts)

    def _guards(self) -> str:
        named = zip(self.item.names, self.item.inputs, strict=True)
        rows = [[f'argument <span class="mono">{_text(name)}</span>', _text(kind)] for name, kind in named]
        rows += [["sizes", _text(text)] for text in self.item.size_guards]
        for guard in self.item.guards:
            kind, _, rest = guard.partition(" ")
            rows.append([_text(kind), _text(rest)])
        return _panel("Guards", _table(["of", "must be as it was"], rows), "a call that fails one is captured again")

    def _notes(self) -> str:
        if not self.item.notes:
            return ""
        return _panel("Notes", _table(["about the capture"], [[_text(note)] for note in self.item.notes]))

    # Stages

    def _stages(self) -> str:
        parts = []
        for stage, text in self.item.stages().items():
            count = _count(text.count("\n") + 1, "line")
            parts.append(
                f'<details><summary>{stage}<span class="dim">{TITLES[stage]}, {count}</span></summary>'
                f"<pre>{self._linked(stage, text)}</pre></details>"
            )
        return _panel("Stages", "".join(parts), f"{_text(self.report.name)}.ir(stage)")

    def _linked(self, stage: str, text: str) -> str:
        """The text, its lines linked to those of the source they name."""
        if stage == "kernels":
            blocks = text.strip().split("\n\n")
            if len(blocks) == len(self.item.kernels):
                named = zip(self.item.kernels, blocks, strict=True)
                text = "\n\n".join(f"# k{kernel.number} {kernel.name}\n{block}" for kernel, block in named)
        if stage not in ("captured", "optimized"):
            return _text(text)
        out = []
        for row in text.splitlines():
            found = re.search(r"# (.+):(\d+)$", row)
            name = self.line_ids([(found[1], int(found[2]))]) if found else ""
            out.append(f'<span data-line="{name}">{_text(row)}</span>' if name else _text(row))
        return "\n".join(out)


def _time(seconds: float | None, total: float) -> list[str]:
    if seconds is None:
        return ['<span class="dim">not measured</span>', ""]
    share = seconds / total
    bar = f'<span class="bar" style="width: {share * 90:.0f}px"></span>'
    return [_duration(seconds), f"{bar}{share:.0%}"]


def _duration(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], attributes: Sequence[str] = ()) -> str:
    numbers = {"stages", "launches", "time"}
    classes = [' class="number"' if head in numbers else "" for head in heads]
    parts = [
        '<div class="rows"><table><thead><tr>',
        *(f"<th{c}>{head}</th>" for head, c in zip(heads, classes, strict=True)),
    ]
    parts.append("</tr></thead><tbody>")
    for k, row in enumerate(rows):
        parts.append(f"<tr{attributes[k] if attributes else ''}>")
        parts += [f"<td{c}>{cell}</td>" for cell, c in zip(row, classes, strict=True)]
        parts.append("</tr>")
    return "".join([*parts, "</tbody></table></div>"])


def _panel(title: str, body: str, note: str = "") -> str:
    dim = f'<span class="dim">{note}</span>' if note else ""
    return f'<div class="panel"><header><h2>{title}</h2>{dim}</header>{body}</div>'


def _facts(facts: Iterable[str]) -> str:
    return f'<div class="facts">{"".join(f"<span>{fact}</span>" for fact in facts if fact)}</div>'


def _count(number: int, what: str) -> str:
    return f"<b>{number}</b> {what}{'' if number == 1 else 's'}"


def _swatch(kernel: Kernel) -> str:
    return f'<i class="swatch" style="--h:{scene.hue(kernel.number)}"></i>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _asset(name: str) -> str:
    data = pkgutil.get_data("tandem._viz", name)  # works in a zip archive as well
    assert data is not None
    return data.decode("utf-8")
