"""Layered drawing of directed graphs: longest-path layers, fewer crossings by barycentres, smooth edges from above.

Works on boxes of any size whose edges start and end at given places ("ports") of their lower and upper sides, so that
a box may hold a drawing of its own. Cost: about 10 µs per box and sweep; the result depends on the input alone.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

SWEEPS = 12
GAP_X = 18.0
LANE = 10.0  # what an edge that passes a layer keeps free
SHORTEST, LONGEST = 24.0, 64.0  # the distance between layers: the wider its edges run, the larger


@dataclass
class Box:
    """Something to place. Give its size, and get `x` and `y` of its upper left corner."""

    width: float
    height: float
    inputs: Sequence[float] = ()  # places on the upper side; none: the middle
    outputs: Sequence[float] = ()
    edge: str = ""  # "first" and "last": belongs into that layer
    x: float = 0.0
    y: float = 0.0

    def input(self, port: int) -> float:
        return self.inputs[port] if port < len(self.inputs) else self.width / 2

    def output(self, port: int) -> float:
        return self.outputs[port] if port < len(self.outputs) else self.width / 2


@dataclass
class Edge:
    """From an output of one box to an input of another, by their numbers."""

    source: int
    output: int
    target: int
    input: int


@dataclass
class Net:
    """All edges from one output. They share their way as long as they can: pieces, and the boxes each leads to."""

    source: int
    output: int
    pieces: list[tuple[str, list[int]]] = field(default_factory=list)
    ends: list[tuple[float, float, int]] = field(default_factory=list)  # x, y, number of the box
    back: list[Edge] = field(default_factory=list)  # edges of a cycle, which lead upwards


@dataclass
class Drawing:
    width: float
    height: float
    nets: list[Net]


@dataclass
class _Item:
    """A box in its layer, or (box None) the place where a net passes a layer."""

    layer: int
    width: float
    box: Box | None = None
    number: int = -1
    x: float = 0.0
    above: list[_Link] = field(default_factory=list)
    below: list[_Link] = field(default_factory=list)


@dataclass
class _Link:
    upper: _Item
    lower: _Item
    start: float  # offset from the left side of the upper item
    end: float
    targets: list[int] = field(default_factory=list)


def draw(boxes: Sequence[Box], edges: Sequence[Edge]) -> Drawing:
    """Place the boxes and return the paths between them."""
    if not boxes:
        return Drawing(0.0, 0.0, [])
    layer_of = _layers(boxes, edges)
    layers: list[list[_Item]] = [[] for _ in range(max(layer_of) + 1)]
    items = [_Item(layer, box.width, box, k) for k, (layer, box) in enumerate(zip(layer_of, boxes, strict=True))]
    for item in items:
        layers[item.layer].append(item)
    nets, links = _connect(boxes, edges, items, layers)
    _order(layers)
    _place(layers)
    _straighten(layers, links)
    drawing = _route(layers, nets, links)
    for net in nets:
        for edge in net.back:
            source, target = boxes[edge.source], boxes[edge.target]
            x0, y0 = source.x + source.output(edge.output), source.y + source.height
            x1, y1 = target.x + target.input(edge.input), target.y
            path = points([(x0, y0)], "M") + points([(x0, y0 + LONGEST), (x1, y1 - LONGEST), (x1, y1)], "C")
            net.pieces.append((path, [edge.target]))
            net.ends.append((x1, y1, edge.target))
    return drawing


# Layers


def _layers(boxes: Sequence[Box], edges: Sequence[Edge]) -> list[int]:
    after: list[list[int]] = [[] for _ in boxes]
    before: list[list[int]] = [[] for _ in boxes]
    for edge in edges:
        if edge.source != edge.target:
            after[edge.source].append(edge.target)
            before[edge.target].append(edge.source)
    order = _topological(after, before)
    rank = {box: place for place, box in enumerate(order)}
    lowest = int(any(box.edge == "first" for box in boxes))
    layer = [0] * len(boxes)
    for box in order:
        if boxes[box].edge != "first":
            layer[box] = max([layer[b] + 1 for b in before[box] if rank[b] < rank[box]], default=lowest)
    # A box whose edges are all to below comes as close to its readers as it can: shorter edges, less to follow.
    for box in reversed(order):
        readers = [layer[a] for a in after[box] if rank[a] > rank[box]]
        inputs = sum(rank[b] < rank[box] for b in before[box])
        if readers and boxes[box].edge != "first" and len(readers) > inputs:
            layer[box] = min(readers) - 1
    last = max(layer)
    if any(box.edge == "last" for box in boxes):
        last = max([value + 1 for i, value in enumerate(layer) if boxes[i].edge != "last"], default=last)
    return [last if box.edge == "last" else value for box, value in zip(boxes, layer, strict=True)]


def _topological(after: list[list[int]], before: list[list[int]]) -> list[int]:
    """All boxes, in an order that follows the edges; where there is a cycle, one of its edges is not followed."""
    waiting = [len(b) for b in before]
    ready = deque(box for box, count in enumerate(waiting) if count == 0)
    order: list[int] = []
    done = [False] * len(after)
    rest = iter(range(len(after)))
    while len(order) < len(after):
        if not ready:
            ready.append(next(box for box in rest if not done[box]))
        box = ready.popleft()
        if done[box]:
            continue
        done[box] = True
        order.append(box)
        for reader in after[box]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    return order


# Edges through several layers


def _connect(
    boxes: Sequence[Box], edges: Sequence[Edge], items: list[_Item], layers: list[list[_Item]]
) -> tuple[list[Net], list[list[_Link]]]:
    by_source: dict[tuple[int, int], list[Edge]] = defaultdict(list)
    for edge in edges:
        by_source[edge.source, edge.output].append(edge)
    nets, links = [], []
    for (source, output), group in by_source.items():
        net, parts = Net(source, output), []
        chain: dict[int, _Item] = {items[source].layer: items[source]}
        offset = boxes[source].output(output)
        for edge in sorted(group, key=lambda edge: items[edge.target].layer):
            target = items[edge.target]
            if target.layer <= items[source].layer:
                net.back.append(edge)
                continue
            for layer in range(max(chain) + 1, target.layer):
                chain[layer] = _Item(layer, LANE)
                layers[layer].append(chain[layer])
                parts.append(_link(chain[layer - 1], chain[layer], offset, LANE / 2))
                offset = LANE / 2
            upper = chain[target.layer - 1]
            start = boxes[source].output(output) if upper is items[source] else LANE / 2
            parts.append(_link(upper, target, start, boxes[edge.target].input(edge.input)))
            for part in parts:  # the chain so far, which leads here, and the last piece, which leads nowhere else
                if part.lower.box is None or part is parts[-1]:
                    part.targets.append(edge.target)
        nets.append(net)
        links.append(parts)
    return nets, links


def _link(upper: _Item, lower: _Item, start: float, end: float) -> _Link:
    link = _Link(upper, lower, start, end)
    upper.below.append(link)
    lower.above.append(link)
    return link


# Order inside the layers


def _order(layers: list[list[_Item]]) -> None:
    position: dict[int, float] = {}

    def number(layer: list[_Item]) -> None:
        for k, item in enumerate(layer):
            position[id(item)] = k

    def sort(layer: list[_Item], downwards: bool) -> None:
        keys: dict[int, float] = {}
        for k, item in enumerate(layer):
            if downwards:
                ends = [position[id(link.upper)] + link.start / (link.upper.width + 1) for link in item.above]
            else:
                ends = [position[id(link.lower)] + link.end / (link.lower.width + 1) for link in item.below]
            keys[id(item)] = sum(ends) / len(ends) if ends else k
        layer.sort(key=lambda item: keys[id(item)])
        number(layer)

    for layer in layers:
        number(layer)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, position)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        downwards = sweep % 2 == 0
        for layer in layers[1:] if downwards else reversed(layers[:-1]):
            sort(layer, downwards)
        crossings = _crossings(layers, position)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _crossings(layers: list[list[_Item]], position: dict[int, float]) -> int:
    total = 0
    for layer in layers[:-1]:
        links = sorted(
            (
                position[id(item)] + link.start / (item.width + 1),
                position[id(link.lower)] + link.end / (link.lower.width + 1),
            )
            for item in layer
            for link in item.below
        )
        seen: list[float] = []
        for _, end in links:
            total += len(seen) - bisect_left(seen, end + 1e-9)
            insort(seen, end)
    return total


# Places inside the layers


def _place(layers: list[list[_Item]]) -> None:
    for layer in layers:
        x = 0.0
        for item in layer:
            item.x, x = x, x + item.width + GAP_X
    for sweep in range(2 * SWEEPS):
        both = sweep >= SWEEPS
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _settle(layer, up=both or sweep % 2 == 0, down=both or sweep % 2 == 1)
    left = min(item.x for layer in layers for item in layer)
    for layer in layers:
        for item in layer:
            item.x -= left


def _settle(layer: list[_Item], up: bool, down: bool) -> None:
    """Move every item as near as the order allows to where its edges would be straight (least squares)."""
    wanted, weights = [], []
    for item in layer:
        pull = weight = 0.0
        for link in item.above if up else ():
            w = _stiffness(link)
            pull, weight = pull + w * (link.upper.x + link.start - link.end), weight + w
        for link in item.below if down else ():
            w = _stiffness(link)
            pull, weight = pull + w * (link.lower.x + link.end - link.start), weight + w
        wanted.append(pull / weight if weight else item.x)
        weights.append(weight or 0.01)
    # Less the widths before it, the place of an item must not be smaller than that of the one before: isotonic
    # regression.
    offsets, x = [], 0.0
    for item in layer:
        offsets.append(x)
        x += item.width + GAP_X
    blocks: list[list[float]] = []  # weighted sum, weight, number of items
    for place, weight, offset in zip(wanted, weights, offsets, strict=True):
        blocks.append([(place - offset) * weight, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, weight_, count = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + weight_, blocks[-1][2] + count]
    k = 0
    for total, weight_, count in blocks:
        for _ in range(int(count)):
            layer[k].x = total / weight_ + offsets[k]
            k += 1


def _straighten(layers: list[list[_Item]], links: list[list[_Link]]) -> None:
    """Give what a net passes one place in as many layers as its neighbours allow."""
    room = {}
    for layer in layers:
        for k, item in enumerate(layer):
            if item.box is None:
                left = layer[k - 1].x + layer[k - 1].width + GAP_X / 2 if k else -math.inf
                right = layer[k + 1].x - GAP_X / 2 - item.width if k + 1 < len(layer) else math.inf
                room[id(item)] = min(left, item.x), max(right, item.x)
    for parts in links:
        run: list[_Item] = []
        low, high = -math.inf, math.inf
        for item in [part.lower for part in parts if part.lower.box is None]:
            left, right = room[id(item)]
            if max(low, left) > min(high, right):
                _align(run, low, high)
                run, low, high = [], -math.inf, math.inf
            run.append(item)
            low, high = max(low, left), min(high, right)
        _align(run, low, high)


def _align(run: list[_Item], low: float, high: float) -> None:
    if run:
        place = min(max(sum(item.x for item in run) / len(run), low), high)
        for item in run:
            item.x = place


def _stiffness(link: _Link) -> float:
    # Long edges bend least, then those that are the only one of their box.
    lanes = (link.upper.box is None) + (link.lower.box is None)
    alone = len(link.upper.below) == 1 or len(link.lower.above) == 1
    # What has no inputs, such as a weight, makes room for what has.
    return (1.0, 4.0, 64.0)[lanes] * (2.0 if alone else 1.0) * (1.0 if link.upper.above else 0.05)


# Paths


def _route(layers: list[list[_Item]], nets: list[Net], links: list[list[_Link]]) -> Drawing:
    top = 0.0
    tops, bottoms = [], []
    for k, layer in enumerate(layers):
        height = max((item.box.height for item in layer if item.box), default=0.0)
        tops.append(top)
        bottoms.append(top + height)
        for item in layer:
            if item.box:
                item.box.x = item.x
                item.box.y = top + (height - item.box.height) / 2
                if k == 0:
                    item.box.y = top + height - item.box.height
        shift = max((abs(_start(link) - _end(link)) for item in layer for link in item.below), default=0.0)
        flat = height == 0 or (k + 1 < len(layers) and not any(i.box and i.box.height for i in layers[k + 1]))
        top += height + min(max(SHORTEST / (2 if flat else 1), shift / 7), LONGEST)
    for net, parts in zip(nets, links, strict=True):
        for link in parts:
            net.pieces.append((_curve(link, tops, bottoms), link.targets))
            if link.lower.box:
                net.ends.append((_end(link), link.lower.box.y, link.lower.number))
    right = max(item.x + item.width for layer in layers for item in layer)
    return Drawing(right, bottoms[-1], nets)


def _start(link: _Link) -> float:
    return link.upper.x + link.start


def _end(link: _Link) -> float:
    return link.lower.x + link.end


def _curve(link: _Link, tops: list[float], bottoms: list[float]) -> str:
    x0, x1 = _start(link), _end(link)
    y0, y1 = bottoms[link.upper.layer], tops[link.lower.layer]
    start = tops[link.upper.layer] if link.upper.box is None else link.upper.box.y + link.upper.box.height
    end = link.lower.box.y if link.lower.box else y1
    middle = (y0 + y1) / 2
    text = points([(x0, start)], "M")
    if start != y0:
        text += points([(x0, y0)], "L")
    if abs(x0 - x1) < 0.5:
        return text + points([(x1, end)], "L")
    text += points([(x0, middle), (x1, middle), (x1, y1)], "C")
    return text + (points([(x1, end)], "L") if end != y1 else "")


def points(values: Iterable[tuple[float, float]], command: str) -> str:
    """Return one command of an SVG path."""
    return command + " ".join(f"{x:.1f},{y:.1f}".replace(".0", "") for x, y in values)
