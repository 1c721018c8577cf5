"""Choosing elements, and writing some of them in place, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, compare, run_examples, same_bits

import tandem as td

rng = np.random.default_rng(6)
CUBE = rng.integers(-9, 10, (2, 3, 4))
MATRIX = rng.standard_normal((3, 5)).astype(np.float32)
VECTOR = np.array([3, 0, 4, 0, 5], dtype=np.uint16)
EMPTY = np.zeros((0, 3))
CHOICES = [np.array([[0, 1, 2]]), np.array([10, 11, 12]), np.array(7)]

CASES = {
    "flatnonzero": [((x,), {}) for x in (CUBE, MATRIX > 0, VECTOR, EMPTY)],
    "compress": [
        ((VECTOR > 0, VECTOR), {}),
        (([True, False, True], CUBE), {"axis": 1}),
        (([True, False, True], CUBE), {}),
    ]
    + [(([0, 1], CUBE), {"axis": 0})],
    "extract": [((CUBE > 0, CUBE), {}), ((VECTOR, VECTOR), {}), ((EMPTY > 0, EMPTY), {})],
    "select": [(([CUBE > 3, CUBE < 0], [CUBE, CUBE * 10]), {}), (([MATRIX > 0], [MATRIX], -1.5), {})]
    + [(([CUBE > 3, CUBE > 0], [CUBE.astype(np.int8), np.array(300, np.int16)], 5), {})],
    "piecewise": [((MATRIX, [MATRIX < 0, MATRIX > 1], [lambda x: -x, 2.0]), {})]
    + [((MATRIX, [MATRIX < 0], [lambda x: x * 2, lambda x: x * 3]), {}), ((CUBE, [CUBE < 0, CUBE >= -1], [1.5, 3]), {})]
    + [((MATRIX[0], MATRIX[0] < 0, [1.0, 2.0]), {})],
    "choose": [((np.array([0, 1, 2]), CHOICES), {}), ((np.array([[1], [0]]), CHOICES), {})]
    + [((np.array([-1, 3, 5]), CHOICES), {"mode": mode}) for mode in ("wrap", "clip")],
    "apply_along_axis": [((reduce, axis, CUBE), {}) for reduce in ("sum", "cumsum", "outer") for axis in (0, 1, -1)],
    "apply_over_axes": [(("sum", CUBE, axes), {}) for axes in (0, [0, 2], [1, -1])] + [(("cumsum", CUBE, 1), {})],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    need_values = name in ("flatnonzero", "compress", "extract")
    if not name.startswith("apply"):
        return check(name, *args, captured=not need_values, **kwargs)
    at = 0  # where the function is
    kind = args[at]

    def function(library):
        if kind == "outer":
            return lambda row: row[:, None] * row[None, :2]
        if name == "apply_over_axes":
            return lambda x, axis: getattr(library, kind)(x, axis=axis)
        return getattr(library, kind)

    rest = args[1:]
    want = getattr(np, name)(function(np), *rest)
    place = [isinstance(a, np.ndarray) for a in rest].index(True)

    def program(x):
        return getattr(td, name)(function(td), *(x if k == place else a for k, a in enumerate(rest)))

    eager = program(td.asarray(CUBE))
    compare(eager, want, [CUBE])
    same_bits(td.trace(program)(td.asarray(CUBE)), eager)


MASK = MATRIX > 0
SQUARE = rng.integers(-9, 10, (4, 4))
WRITES = [
    ("place", MATRIX, (MASK, [1.0, 2.0, 3.0]), {}),
    ("place", CUBE, (CUBE > 0, np.arange(50)), {}),
    ("place", CUBE, (CUBE > 100, [5]), {}),
    ("putmask", MATRIX, (MASK, [1.0, 2.0, 3.0]), {}),
    ("putmask", CUBE, (CUBE > 0, CUBE * 2), {}),
    ("put", CUBE, ([0, -1, 5, 5], [1, 2, 3]), {}),
    ("put", CUBE, ([30, -30], 7), {"mode": "wrap"}),
    ("put", CUBE, ([30, -30], 7), {"mode": "clip"}),
    ("put", MATRIX, ([], 7), {}),
    ("copyto", CUBE, (np.arange(4),), {}),
    ("copyto", CUBE, (7,), {"where": CUBE > 0}),
    ("copyto", MATRIX, (np.arange(5),), {"where": MASK}),
    ("copyto", CUBE, (2.75,), {"casting": "unsafe"}),
    ("fill_diagonal", SQUARE, (9,), {}),
    ("fill_diagonal", SQUARE, (np.array([1, 2, 3]),), {}),
    ("fill_diagonal", MATRIX, (0.5,), {}),
    ("fill_diagonal", rng.integers(0, 9, (7, 2)), (9,), {}),
    ("fill_diagonal", rng.integers(0, 9, (7, 2)), (9,), {"wrap": True}),
    ("fill_diagonal", rng.integers(0, 9, (3, 3, 3)), (9,), {}),
]


@pytest.mark.parametrize("k", range(len(WRITES)), ids=[row[0] for row in WRITES])
@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.T], ids=["whole", "transposed"])
def test_writes_as_numpy_does(k, view):
    name, x, args, kwargs = WRITES[k]
    if view(np.zeros((1, 2))).shape != (1, 2) and name in ("copyto", "place", "putmask"):
        x = np.ascontiguousarray(x.T)  # so that the view has the shape of the masks
    if view(np.zeros((1, 2))).shape == (1, 2) or name in ("put", "fill_diagonal") or True:
        want = np.array(x)
        getattr(np, name)(view(want), *args, **kwargs)
    change = lambda a: td.asarray(a) if isinstance(a, np.ndarray) else a  # noqa: E731
    given, named = [change(a) for a in args], {key: change(a) for key, a in kwargs.items()}

    def program(x):
        getattr(td, name)(view(x), *given, **named)
        return x

    for run in (program, td.trace(program)):
        y = td.asarray(np.array(x))
        run(y)
        assert np.array_equal(np.asarray(y), want)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.select([x > 0], []), "select: got 1 conditions and 0 choices; need as many"),
        (lambda x: td.select([x], [x]), "select: got a condition of dtype int64; need bool; try condition != 0"),
        (lambda x: td.piecewise(x, [x > 0], []), "piecewise: got 1 conditions and 0 functions"),
        (lambda x: td.choose(td.asarray([5]), [1, 2]), "choose: got the index 5; need 0 <= index < 2"),
        (lambda x: td.choose(td.asarray([-1]), [1, 2]), "choose: got the index -1; need 0 <= index < 2"),
        (lambda x: td.choose(td.asarray([0.5]), [1, 2]), "choose: got indices of dtype float32; need integers"),
        (lambda x: td.compress(x > 0, x), "compress: got conditions of shape (2, 3, 4); need a vector"),
        (lambda x: td.copyto(x, 1.5), "copyto: got float32 for a tensor of dtype int64; need the same kind"),
        (lambda x: td.copyto(x, 1, where=x), "copyto: got a mask of dtype int64; need bool; try mask != 0"),
        (lambda x: td.place(x, x[0] > 0, [1]), "place: got a mask of shape (3, 4) for (2, 3, 4)"),
        (lambda x: td.place(x, x > 0, []), "place: got no values; need at least one"),
        (lambda x: td.put(x, [24], 0), "got 24"),
        (lambda x: td.put(x, [0.5], 0), "put: got indices of dtype float32; need integers"),
        (lambda x: td.fill_diagonal(x, 0), "fill_diagonal: got the shape (2, 3, 4); need equal sizes"),
        (lambda x: td.fill_diagonal(x[0, 0], 0), "fill_diagonal: got the shape (4,); need at least two axes"),
        (lambda x: td.apply_along_axis(td.sum, 3, x), "apply_along_axis: got axis 3 for 3 axes"),
        (lambda x: td.trace(lambda x: td.extract(x > 0, x))(x), "extract: got a tensor without values"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(CUBE))
    assert message in str(caught.value)


def test_examples():
    run_examples("selecting")
