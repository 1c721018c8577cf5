"""The layered layout: boxes apart, edges downwards and from port to port, few crossings, any graph."""

import itertools
import random
import re
import time

import pytest

from tandem._viz.layout import GAP_X, Box, Edge, draw


def chain(n):
    return [Box(60, 30) for _ in range(n)], [Edge(k, 0, k + 1, 0) for k in range(n - 1)]


def random_graph(n, edges, seed):
    rng = random.Random(seed)
    boxes = [Box(rng.randint(10, 200), rng.randint(0, 80)) for _ in range(n)]
    pairs = [sorted(rng.sample(range(n), 2)) for _ in range(edges)]
    return boxes, [Edge(a, 0, b, 0) for a, b in pairs]


def numbers(path):
    return [float(x) for x in re.findall(r"-?\d+\.?\d*", path)]


def test_nothing_and_one():
    assert draw([], []).nets == []
    (box,) = boxes = [Box(30, 10)]
    drawing = draw(boxes, [])
    assert (drawing.width, drawing.height, box.x, box.y) == (30, 10, 0, 0)


def test_chain_is_straight():
    boxes, edges = chain(6)
    drawing = draw(boxes, edges)
    assert {box.x for box in boxes} == {0}
    assert [box.y for box in boxes] == sorted({box.y for box in boxes})
    assert all("C" not in path for net in drawing.nets for path, _ in net.pieces)


@pytest.mark.parametrize("seed", range(20))
def test_boxes_do_not_overlap_and_edges_go_down(seed):
    boxes, edges = random_graph(40, 60, seed)
    drawing = draw(boxes, edges)
    for a, b in itertools.combinations(boxes, 2):
        beside = a.x + a.width <= b.x + 1e-6 or b.x + b.width <= a.x + 1e-6
        above = a.y + a.height <= b.y + 1e-6 or b.y + b.height <= a.y + 1e-6
        assert beside or above
    for edge in edges:
        assert boxes[edge.source].y + boxes[edge.source].height < boxes[edge.target].y
    for box in boxes:
        assert 0 <= box.x and box.x + box.width <= drawing.width + 1e-6
        assert 0 <= box.y and box.y + box.height <= drawing.height + 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_every_edge_is_drawn_from_port_to_port(seed):
    boxes, edges = random_graph(30, 50, seed)
    for box in boxes:
        box.inputs = [box.width / 4, box.width / 2]
        box.outputs = [box.width / 3]
    edges = [Edge(e.source, 0, e.target, k % 2) for k, e in enumerate(edges)]
    drawing = draw(boxes, edges)
    ends = sorted((target, round(x, 3), round(y, 3)) for net in drawing.nets for x, y, target in net.ends)
    wanted = sorted(
        (e.target, round(boxes[e.target].x + boxes[e.target].input(e.input), 3), round(boxes[e.target].y, 3))
        for e in edges
    )
    assert ends == wanted
    for net in drawing.nets:
        first = numbers(net.pieces[0][0])
        source = boxes[net.source]
        assert first[0] == pytest.approx(source.x + source.width / 3, abs=0.06)
        assert first[1] == pytest.approx(source.y + source.height, abs=0.06)
        # A piece names every box it leads to.
        assert {k for _, targets in net.pieces for k in targets} == {e.target for e in edges if e.source == net.source}


def test_order_avoids_a_crossing():
    # a -> d and b -> c, given in the order that crosses.
    boxes = [Box(20, 10) for _ in range(4)]
    draw(boxes, [Edge(0, 0, 3, 0), Edge(1, 0, 2, 0)])
    assert (boxes[0].x < boxes[1].x) == (boxes[3].x < boxes[2].x)


def test_tree_has_no_crossings():
    boxes = [Box(20, 10) for _ in range(31)]
    edges = [Edge((k - 1) // 2, 0, k, 0) for k in range(1, 31)]
    random.Random(3).shuffle(edges)
    draw(boxes, edges)
    for first in (1, 3, 7, 15):
        layer = sorted(range(first, 2 * first + 1), key=lambda k: boxes[k].x)
        parents = [(k - 1) // 2 for k in layer]
        assert all(len(list(group)) == 2 for _, group in itertools.groupby(parents))


def test_ports_of_a_frame_stay_first_and_last():
    boxes = [Box(1, 0, edge="last"), Box(40, 20), Box(1, 0, edge="first"), Box(1, 0, edge="first")]
    draw(boxes, [Edge(2, 0, 1, 0), Edge(1, 0, 0, 0), Edge(3, 0, 0, 0)])
    assert boxes[2].y == boxes[3].y == 0 and boxes[0].y > boxes[1].y + 20
    assert abs(boxes[2].x - boxes[3].x) >= 1 + GAP_X - 1e-6


def test_source_comes_close_to_its_reader():
    boxes, edges = chain(6)
    boxes.append(Box(60, 30))
    draw(boxes, [*edges, Edge(6, 0, 5, 0)])
    assert boxes[6].y == boxes[4].y


def test_cycle_is_drawn_as_well():
    boxes, edges = chain(3)
    drawing = draw(boxes, [*edges, Edge(2, 0, 0, 0), Edge(1, 0, 1, 0)])
    assert sum(len(net.ends) for net in drawing.nets) == 4


def test_same_input_same_drawing():
    one, other = random_graph(50, 80, 7), random_graph(50, 80, 7)
    assert draw(*one) == draw(*other) and one[0] == other[0]


def test_time_of_a_large_graph():
    boxes, edges = random_graph(300, 450, 1)
    start = time.process_time()
    draw(boxes, edges)
    assert time.process_time() - start < 5  # 0.3 s on an idle machine
