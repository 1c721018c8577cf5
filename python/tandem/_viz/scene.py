"""A graph as a drawing: operations as cards, kernels as coloured boxes around them, regions as boxes inside `if` and
`while`.

What belongs to no kernel of its own is drawn where it is evaluated: a number in the text of the operation that reads
it, a view or a cheap value once in every kernel that reads it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tandem._viz.layout import Box, Edge, Net, draw
from tandem._viz.report import Graph, Node, Specialization
from tandem._viz.sources import Line

TEXT, SMALL = 7.3, 6.35  # widths of a character
LONGEST = 30  # characters in a card
PAD, HEADER = 12.0, 24.0
OUTSIDE = 4  # a kernel that reads more params than these has them inside, each near its reader

LineIds = Callable[[Sequence[Line]], str]


@dataclass
class _Piece:
    """A box and what is drawn in it, as SVG with the origin in its upper left corner."""

    box: Box
    svg: str = ""
    ids: str = ""  # of the nodes in it, for the edges that touch it
    open: bool = False  # the edges that end here go on inside


@dataclass
class _Context:
    """What is laid out together: a graph, or the inside of one kernel. An edge ends at ports of two pieces."""

    pieces: list[_Piece] = field(default_factory=list)
    edges: list[tuple[_Piece, int, _Piece, int, str]] = field(default_factory=list)
    known: dict[str, tuple[_Piece, int]] = field(default_factory=dict)  # where a value is made, in here
    arriving: dict[str, _Piece] = field(default_factory=dict)  # ports of a kernel
    leaving: dict[str, _Piece] = field(default_factory=dict)
    frame: _Piece = field(default_factory=lambda: _Piece(Box(0, 0), open=True))  # of a kernel, in the context around it
    nodes: list[Node] = field(default_factory=list)
    params_inside: bool = False

    def add(self, piece: _Piece) -> _Piece:
        self.pieces.append(piece)
        return piece

    def lay_out(self) -> tuple[float, float, str]:
        numbers = {id(piece): k for k, piece in enumerate(self.pieces)}
        edges = [Edge(numbers[id(a)], i, numbers[id(b)], j) for a, i, b, j, _ in self.edges]
        names = {(numbers[id(a)], i): value for a, i, _, _, value in self.edges}
        drawing = draw([piece.box for piece in self.pieces], edges)
        parts = [self._net(net, names[net.source, net.output]) for net in drawing.nets]
        parts += [
            f'<g transform="translate({piece.box.x:.1f} {piece.box.y:.1f})">{piece.svg}</g>'
            for piece in self.pieces
            if piece.svg
        ]
        return drawing.width, drawing.height, "".join(parts)

    def _net(self, net: Net, value: str) -> str:
        paths = []
        for path, targets in net.pieces:
            paths.append(f'<path data-e="{self._ids(net.source, *targets)}" d="{path}"/>')
        # Where a kernel begins is no arrow: the edge goes on inside.
        for x, y, target in net.ends:
            if not self.pieces[target].open:
                ids = self._ids(net.source, target)
                paths.append(f'<path class="head" data-e="{ids}" d="M{x:.1f},{y:.1f}l-3.5,-7h7z"/>')
        return f'<g class="edge"><title>{_escape(value)}</title>{"".join(paths)}</g>'

    def _ids(self, *boxes: int) -> str:
        return _escape(" ".join(self.pieces[k].ids for k in dict.fromkeys(boxes) if self.pieces[k].ids))


def svg(specialization: Specialization, line_ids: LineIds, *, collapsed: bool = False) -> str:
    """Return the drawing of a whole program; collapsed, a kernel is one card."""
    width, height, content = _Scene(specialization, line_ids, collapsed).program()
    width, height = width + 2 * PAD, height + 2 * PAD
    return (
        f'<svg class="{"collapsed" if collapsed else "full"}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="Graph of the program">'
        f'<g transform="translate({PAD:.0f} {PAD:.0f})">{content}</g></svg>'
    )


def hue(kernel: int) -> int:
    """The colour of a kernel, as an angle; neighbours differ much."""
    return round((250 + kernel * 137.508) % 360)


class _Scene:
    def __init__(self, specialization: Specialization, line_ids: LineIds, collapsed: bool) -> None:
        self.specialization, self.line_ids, self.collapsed = specialization, line_ids, collapsed

    def program(self) -> tuple[float, float, str]:
        """Draw the whole graph: its params are the arguments, then constants the function refers to."""
        graph = self.specialization.graph
        params = [name[1:] for name, _ in graph.params]
        params[: len(self.specialization.names)] = self.specialization.names
        count = len(graph.results)
        results = [f"result {k}" if count > 1 else "result" for k in range(count)]
        for written, argument in graph.writebacks:
            results[written] = f"written to {params[argument]}"
        return _GraphScene(self, graph, params, results).draw()

    def data(self, node: Node) -> str:
        kernels = " ".join(map(str, node.kernels))
        lines = self.line_ids([node.line] if node.line else [])
        return f'data-n="{_escape(node.id)}" data-k="{kernels}" data-l="{lines}"'

    def control(self, node: Node, outer: Callable[[str], str]) -> _Piece:
        """The box of an `if` or `while`. `outer` tells what to call a value of the graph around it."""
        regions = []
        for label, region in node.regions.items():
            if label == "cond" and not region.nodes:
                continue  # the condition is one of the carried values
            params = [name[1:] for name, _ in region.params]
            captured = node.inputs[len(node.outputs) if node.op == "while" else 1 :]
            for k, value in enumerate(captured, len(params) - len(captured)):
                params[k] = outer(value)
            results = [f"result {k}" for k in range(len(node.outputs))] if len(node.outputs) > 1 else ["result"]
            if label == "body":
                results = [f"next {name}" for name in params]
            elif label == "cond":
                results = ["condition"]
            drawing = _GraphScene(self, region, params, results[: len(region.results)]).draw()
            regions.append((label, drawing))
        beside = node.op == "if"
        x = y = right = bottom = 0.0
        inner = []
        for label, (width, height, content) in regions:
            w, h = max(width, len(label) * TEXT) + 2 * PAD, height + HEADER + PAD
            inner.append(
                f'<g transform="translate({PAD + x:.1f} {HEADER + 6 + y:.1f})"><rect class="region" width="{w:.1f}" '
                f'height="{h:.1f}" rx="8"/><text class="label" x="10" y="16">{label}</text>'
                f'<g transform="translate({PAD:.1f} {HEADER:.1f})">{content}</g></g>'
            )
            right, bottom = max(right, x + w), max(bottom, y + h)
            x, y = (x + w + PAD, y) if beside else (x, y + h + PAD)
        title = node.op
        if node.op == "while" and not node.regions["cond"].nodes:
            title += f" {node.regions['cond'].results[0][1:]}"
        width = max(right, len(title) * TEXT) + 2 * PAD
        height = bottom + HEADER + 6 + PAD
        content = (
            f'<g class="control" {self.data(node)}><title>{_escape(node.text)}\n{_escape(_where(node))}</title>'
            f'<rect class="frame" width="{width:.1f}" height="{height:.1f}" rx="12"/>'
            f'<text class="label strong" x="{PAD}" y="18">{_escape(title)}</text></g>{"".join(inner)}'
        )
        box = Box(width, height, _spread(width, len(node.inputs)), _spread(width, len(node.outputs)))
        return _Piece(box, content, node.id)

    def kernel(self, context: _Context) -> None:
        """Make the box around the operations of a kernel, now that its inside is known."""
        numbers = context.nodes[0].kernels
        kernels = [self.specialization.kernels[k] for k in numbers]
        lines = self.line_ids([line for kernel in kernels for line in kernel.lines])
        label = "+".join(f"k{k}" for k in numbers)
        name = kernels[0].name
        data = f'data-kernel="{" ".join(map(str, numbers))}" data-l="{lines}"'
        style = f'style="--h:{hue(numbers[0])}"'
        box = context.frame.box
        context.frame.ids = " ".join(node.id for node in context.nodes)
        tip = f"<title>{_escape(f'{label} {name}')}</title>"
        if self.collapsed:
            context.frame.open = False
            count = len(context.nodes)
            head = shortened(f"{label} {name}", LONGEST)
            body = f"{count} operation{'s' if count > 1 else ''}"
            box.width = max(len(head) * TEXT, len(body) * SMALL) + 2 * PAD
            box.height = 44
            box.inputs = _spread(box.width, len(context.arriving))
            box.outputs = _spread(box.width, len(context.leaving))
            inner = f'<text class="small" x="{PAD}" y="35">{body}</text>'
        else:
            width, height, content = context.lay_out()
            head = shortened(f"{label} {name}", max(LONGEST, int(width / TEXT)))
            box.width = max(width, len(head) * TEXT) + 2 * PAD
            box.height = height + HEADER + PAD
            left = (box.width - width) / 2
            box.inputs = [left + piece.box.x for piece in context.arriving.values()]
            box.outputs = [left + piece.box.x for piece in context.leaving.values()]
            # Edges go on from the border to the first operation inside, below the title.
            through = "".join(f'<path d="M{x:.1f},0V{HEADER}"/>' for x in box.inputs)
            through += "".join(f'<path d="M{x:.1f},{box.height - PAD:.1f}v{PAD}"/>' for x in box.outputs)
            through = through.replace("<path ", f'<path data-e="{_escape(context.frame.ids)}" ')
            inner = f'<g class="edge">{through}</g><g transform="translate({left:.1f} {HEADER})">{content}</g>'
        context.frame.svg = (
            f'<g class="kernel" {style}><g {data}>{tip}'
            f'<rect class="frame" width="{box.width:.1f}" height="{box.height:.1f}" rx="10"/></g>{inner}'
            f'<text class="label" x="{PAD}" y="16"><tspan class="strong">{label}</tspan>'
            f"{_escape(head.removeprefix(label))}</text></g>"
        )


class _GraphScene:
    """One graph, while its parts are found and put together."""

    def __init__(self, scene: _Scene, graph: Graph, params: list[str], results: list[str]) -> None:
        self.scene, self.source = scene, graph
        self.outer = _Context()
        self.kernels: dict[tuple[int, ...], _Context] = {}
        self.makers = {name: (node, k) for node in graph.nodes for k, name in enumerate(node.outputs)}
        self.params = dict(graph.params)
        self.param_names = {value: name for (value, _), name in zip(graph.params, params, strict=True)}
        self.result_names = results

    def draw(self) -> tuple[float, float, str]:
        computed = [node for node in self.source.nodes if node.kind not in ("view", "inline")]
        for node in computed:
            self._make(node)
        for context in self.kernels.values():
            context.params_inside = len({n for node in context.nodes for n in node.inputs} & set(self.params)) > OUTSIDE
        for node in computed:
            context = self._home(node)
            self._operands(node, context, context.known[node.outputs[0]][0])
        self._results()
        for context in self.kernels.values():
            for port, value in enumerate(context.arriving):
                source, output = self._end(value, self.outer)
                self.outer.edges.append((source, output, context.frame, port, self._type(value)))
        for context in self.kernels.values():
            self.scene.kernel(context)
        return self.outer.lay_out()

    def _home(self, node: Node) -> _Context:
        return self.kernels[node.kernels] if node.kernels else self.outer

    def _make(self, node: Node) -> None:
        if node.kernels and node.kernels not in self.kernels:
            context = self.kernels[node.kernels] = _Context()
            self.outer.add(context.frame)
        context = self._home(node)
        context.nodes.append(node)
        piece = context.add(self.scene.control(node, self._called) if node.regions else self._card(node))
        for k, name in enumerate(node.outputs):
            context.known[name] = piece, k

    def _literals(self, node: Node) -> dict[int, str]:
        """The numbers among the operands that stand in the text of an operation."""
        if node.kind not in ("kernel", "inline", "view"):
            return {}
        found = {}
        for k, name in enumerate(node.inputs):
            number = self.makers[name][0].literal if name in self.makers else None
            if number is not None:
                found[k] = _number(number)
        return found

    def _card(self, node: Node) -> _Piece:
        literals = self._literals(node)
        title = node.op
        if literals:
            title += f"({', '.join(literals.get(k, '·') for k in range(len(node.inputs)))})"
        elif node.literal is not None:
            title = _number(node.literal)
        lines = [title, "" if node.literal is not None else _attributes(node), ", ".join(node.types)]
        mark = {"library": "library call", "place": "written in place"}.get(node.kind, "")
        kind = "literal" if node.literal is not None else node.kind
        piece = _card(lines, f"node {kind}", self.scene.data(node), f"{node.text}\n{_where(node)}", mark)
        piece.box.inputs = _spread(piece.box.width, len(node.inputs) - len(literals))
        piece.ids = node.id
        return piece

    def _operands(self, node: Node, context: _Context, piece: _Piece) -> None:
        literals = self._literals(node)
        port = 0
        for k, value in enumerate(node.inputs):
            if k not in literals:
                source, output = self._end(value, context)
                context.edges.append((source, output, piece, port, self._type(value)))
                port += 1

    def _end(self, value: str, context: _Context) -> tuple[_Piece, int]:
        """Where edges to readers of a value start, in the context of the reader."""
        if value in context.known:
            return context.known[value]
        made = self.makers.get(value)
        if made is None:
            if context is self.outer or context.params_inside:
                piece = context.add(_pill(self.param_names[value], self.params[value], "param"))
                context.known[value] = piece, 0
                return piece, 0
        elif made[0].kind in ("view", "inline"):
            piece = context.add(self._card(made[0]))
            context.known[value] = piece, 0
            self._operands(made[0], context, piece)
            return piece, 0
        elif context is self.outer:
            home = self._home(made[0])
            piece, output = home.known[value]
            if value not in home.leaving:
                home.leaving[value] = home.add(_Piece(Box(1, 0, edge="last"), open=True))
                home.edges.append((piece, output, home.leaving[value], 0, self._type(value)))
            return home.frame, list(home.leaving).index(value)
        context.arriving[value] = context.add(_Piece(Box(1, 0, edge="first"), open=True))
        context.known[value] = context.arriving[value], 0
        return context.known[value]

    def _called(self, value: str) -> str:
        made = self.makers.get(value)
        if made is None:
            return self.param_names[value]
        return _number(made[0].literal) if made[0].literal is not None else f"{made[0].op} {value}"

    def _type(self, value: str) -> str:
        made = self.makers.get(value)
        kind = made[0].types[made[1]] if made else self.params[value]
        return f"{value}: {kind}"

    def _results(self) -> None:
        for name, value in zip(self.result_names, self.source.results, strict=True):
            source, output = self._end(value, self.outer)
            kind = self._type(value).partition(": ")[2]
            piece = self.outer.add(_pill(name, kind, "result"))
            self.outer.edges.append((source, output, piece, 0, self._type(value)))


def _card(lines: list[str], classes: str, data: str, tip: str, mark: str = "") -> _Piece:
    head, *rest = [shortened(line, LONGEST) for line in lines if line]
    width = max([len(head) * TEXT, *(len(line) * SMALL for line in [*rest, mark])]) + 20
    rows = [f'<text class="op" x="10" y="17">{_escape(head)}</text>']
    for k, line in enumerate([*rest, mark] if mark else rest):
        rows.append(
            f'<text class="{"mark" if line == mark else "small"}" x="10" y="{31 + 13 * k}">{_escape(line)}</text>'
        )
    height = 26 + 13 * (len(rows) - 1)
    content = (
        f'<g class="{classes}" {data}><title>{_escape(tip)}</title>'
        f'<rect width="{width:.1f}" height="{height}" rx="6"/>{"".join(rows)}</g>'
    )
    return _Piece(Box(width, height), content)


def _pill(name: str, kind: str, role: str) -> _Piece:
    name = shortened(name, LONGEST)
    width = len(name) * TEXT + len(kind) * SMALL + 28
    content = (
        f'<g class="pill {role}"><rect width="{width:.1f}" height="24" rx="12"/><text x="10" y="16">{_escape(name)}'
        f'<tspan class="small" dx="8">{_escape(kind)}</tspan></text></g>'
    )
    return _Piece(Box(width, 24, edge="last" if role == "result" else ""), content)


def _spread(width: float, count: int) -> list[float]:
    return [width * (k + 1) / (count + 1) for k in range(count)]


def _attributes(node: Node) -> str:
    """The attributes that the type of the result does not show anyway."""
    parts = _slices(node)
    if parts is not None:
        return parts
    kind = node.types[0].partition("[")[0] if node.types else ""
    found = re.findall(r"\w+=(?:\[[^\]]*\]|\S+)", node.attributes)
    hidden = {f"dtype={kind}", "keepdims=true", f"shape={node.types[0].removeprefix(kind)}" if node.types else ""}
    return " ".join(item for item in found if item not in hidden)


def _slices(node: Node) -> str | None:
    """The place that `slice` and `slice_update` refer to, as in Python where it is made of numbers."""
    found = re.fullmatch(r"starts=\[(.*)\] sizes=\[(.*)\] steps=\[(.*)\]", node.attributes)
    if not found:
        return None
    axes = []
    for start, size, step in zip(*(part.split(", ") for part in found.groups()), strict=True):
        stop = f"{start}+{size}"
        if start.isdigit() and size.isdigit() and step.lstrip("-").isdigit():
            stop = str(int(start) + int(size) * int(step))
            if int(stop) < 0:
                stop = ""
        axes.append(f"{start}:{stop}" + ("" if step == "1" else f":{step}"))
    return f"[{', '.join(axes)}]"


def _number(text: str) -> str:
    try:
        return text if len(text) < 8 else f"{float(text):.6g}"
    except ValueError:
        return text


def _where(node: Node) -> str:
    return f"{node.line[0]}:{node.line[1]}" if node.line else ""


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
