"""Tensors from parts, and parts of tensors, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

rng = np.random.default_rng(2)
CUBE = rng.integers(-9, 10, (2, 3, 4))
MATRIX = rng.standard_normal((3, 4)).astype(np.float32)
SMALL = rng.integers(0, 9, (3, 2)).astype(np.int8)
VECTOR = np.array([3, 0, 4, 5], dtype=np.int16)
EMPTY = np.zeros((0, 4))
NUMBER = np.array(7, dtype=np.int32)

CASES = {
    "vstack": [
        (([VECTOR, MATRIX],), {}),
        (([VECTOR, VECTOR],), {}),
        (([CUBE, CUBE[:1]],), {}),
        (([EMPTY, MATRIX],), {}),
    ]
    + [(([NUMBER, NUMBER],), {}), ((MATRIX,), {}), (([VECTOR, VECTOR],), {"dtype": "float64"})],
    "hstack": [(([VECTOR, VECTOR[:2]],), {}), (([MATRIX, SMALL],), {}), (([NUMBER, VECTOR],), {}), ((CUBE,), {})],
    "dstack": [(([VECTOR, VECTOR],), {}), (([MATRIX, MATRIX],), {}), (([CUBE, CUBE],), {}), (([NUMBER, NUMBER],), {})],
    "column_stack": [(([VECTOR[:3], SMALL, MATRIX],), {}), (([VECTOR, VECTOR],), {}), ((MATRIX,), {})],
    "block": [
        (([[MATRIX, SMALL], [np.ones((1, 6), np.float32)]],), {}),
        (([VECTOR, NUMBER],), {}),
        ((MATRIX,), {}),
        (([[[CUBE]], [[CUBE]]],), {}),
        (([[VECTOR], [VECTOR]],), {}),
    ],
    "split": [
        ((CUBE, 2), {}),
        ((CUBE, 3, 1), {}),
        ((CUBE, [1, 3], -1), {}),
        ((VECTOR, [2, 9]), {}),
        ((EMPTY, 2, 1), {}),
    ],
    "array_split": [((VECTOR, n), {}) for n in (1, 3, 4, 6)] + [((CUBE, 3), {"axis": 2}), ((CUBE, (1,)), {"axis": 1})],
    "vsplit": [((MATRIX, 3), {}), ((CUBE, [1]), {})],
    "hsplit": [((MATRIX, 2), {}), ((VECTOR, 2), {}), ((CUBE, 3), {})],
    "dsplit": [((CUBE, 2), {})],
    "append": [
        ((CUBE, VECTOR), {}),
        ((MATRIX, MATRIX[:1], 0), {}),
        ((VECTOR, NUMBER), {}),
        ((EMPTY, MATRIX), {"axis": 0}),
    ],
    "delete": [
        ((VECTOR, obj), {}) for obj in (0, -1, [0, 2], [1, 1], slice(None, None, 2), [], [True, False, True, False])
    ]
    + [((CUBE, obj), {"axis": axis}) for obj in (0, -1, [0, 1], slice(1)) for axis in (0, 1, -1)]
    + [((CUBE, 5), {}), ((MATRIX, [1]), {"axis": 1})],
    "insert": [((VECTOR, obj, 9), {}) for obj in (0, -1, 4, [0, 2], [1, 1], slice(None, None, 2), [])]
    + [((VECTOR, 1, np.array([8, 9])), {}), ((VECTOR, [1, 3], np.array([8, 9])), {}), ((CUBE, 3, 7), {})]
    + [((CUBE, obj, 7), {"axis": axis}) for obj in (0, -1, [0, 1], slice(1)) for axis in (0, 1, -1)]
    + [((MATRIX, 1, VECTOR), {"axis": 0}), ((MATRIX, 1, MATRIX[:, 0]), {"axis": 1})]
    + [((MATRIX, [1], MATRIX[:, :1]), {"axis": 1}), ((MATRIX, [0, 2], MATRIX[:, :2]), {"axis": 1})],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, **kwargs)


def test_insert_under_a_mask():
    mask = np.array([True, False, True, False])
    got = td.insert(td.asarray(VECTOR), td.asarray(mask), 9)
    assert np.array_equal(np.asarray(got), np.insert(VECTOR, mask, 9))


@pytest.mark.parametrize("name", ["split", "array_split", "vsplit", "hsplit"])
def test_parts_are_views(name):
    x = td.zeros((4, 4))
    for k, part in enumerate(getattr(td, name)(x, 2)):
        part[...] = k + 1
    assert int(td.sum(x)) == 8 + 16


def test_gradients_of_parts():
    def loss(x):
        a, b = td.hsplit(td.vstack([x, x * 2]), 2)
        return td.sum(a * b)

    x = np.array([1.0, 2.0, 3.0, 4.0], dtype=np.float32)
    got = td.grad(loss)(td.asarray(x))
    assert np.allclose(np.asarray(got), 5 * x[[2, 3, 0, 1]])


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.vstack([]), "vstack: got no tensors; need at least one"),
        (lambda x: td.hstack(td.asarray(3)), "hstack: got a tensor without axes; need a sequence of tensors"),
        (lambda x: td.split(x, 3), "split: got 3 sections for size 2 along axis 0; need a divisor; try td.array_split"),
        (lambda x: td.split(x, 0), "split: got 0 sections; need at least one"),
        (lambda x: td.dsplit(x[0], 2), "dsplit: got the shape (3, 4); need at least 3 axes"),
        (lambda x: td.append(x, x[0], axis=0), "append: got shapes (2, 3, 4) and (3, 4); need as many axes"),
        (lambda x: td.delete(x, 2, axis=0), "delete: got the indices 2 for axis 0 of size 2"),
        (lambda x: td.insert(x, 3, 0, axis=0), "insert: got the indices 3 for axis 0 of size 2"),
        (lambda x: td.block([x, [x]]), "block: got lists nested [0, 1] deep side by side; need equal depths"),
        (lambda x: td.block([[]]), "block: got an empty list"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(CUBE))
    assert message in str(caught.value)


def test_examples():
    run_examples("joining")
