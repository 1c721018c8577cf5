"""Flatten and unflatten trees of Python containers."""

import dataclasses
from collections import namedtuple

from hypothesis import given
from hypothesis import strategies as st

from tandem import pytree

Point = namedtuple("Point", "x y")


@dataclasses.dataclass
class Pair:
    first: object
    second: object


TREES = st.recursive(
    st.integers() | st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=12,
)


@given(TREES)
def test_round_trip(tree):
    leaves, structure = pytree.flatten(tree)
    assert len(leaves) == structure.count
    again = pytree.unflatten(structure, leaves)
    assert again == tree and type(again) is type(tree)
    assert pytree.flatten(again)[1] == structure
    assert pytree.leaves(tree) == leaves


@given(TREES)
def test_map_keeps_the_structure(tree):
    assert pytree.flatten(pytree.map(str, tree)) == ([str(v) for v in pytree.leaves(tree)], pytree.flatten(tree)[1])


def test_structures_differ():
    structures = [pytree.flatten(t)[1] for t in ([1], (1,), {"a": 1}, {"b": 1}, 1, [[1]], Point(1, 2), Pair(1, 2))]
    assert len(set(structures)) == len(structures)
    assert [str(s) for s in structures] == [
        "[*]",
        "(*,)",
        "{a: *}",
        "{b: *}",
        "*",
        "[[*]]",
        "Point(x: *, y: *)",
        "Pair(first: *, second: *)",
    ]


def test_rebuild_keeps_identity():
    inner, table, pair = [1, 2], {"k": 3}, Pair(4, 5)
    tree = (inner, table, pair)
    leaves, structure, nodes = pytree.nodes(tree)
    assert all(a is b for a, b in zip(nodes, (tree, inner, table, pair), strict=True))
    inner.append(9)
    table["extra"] = 4
    pair.first = 7
    again = pytree.rebuild(structure, [v * 10 for v in leaves], nodes)
    assert again[0] is inner and again[1] is table and again[2] is pair
    assert (inner, table, pair) == ([10, 20], {"k": 30}, Pair(40, 50))


def test_rebuild_makes_one_object_for_several_places():
    one = [1]
    leaves, structure, nodes = pytree.nodes([one, one, [2]])
    shared = pytree.Shared()
    again = pytree.rebuild(structure, leaves, [None, shared, shared, None])
    assert again == [[1], [1], [2]] and again[0] is again[1] is shared.value
    assert again[0] is not one and again is not nodes[0]


def test_dataclass_without_running_init():
    @dataclasses.dataclass(frozen=True)
    class Strict:
        value: int

        def __post_init__(self):
            assert isinstance(self.value, int)

    assert pytree.map(str, Strict(3)).value == "3"
