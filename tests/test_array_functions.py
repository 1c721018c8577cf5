"""Functions that are formulas over operations: NumPy's values, dtypes and shapes, eager and captured."""

import doctest
import importlib

import numpy as np
import pytest

import tandem as td

rng = np.random.default_rng(4)
CUBE = rng.integers(-9, 10, (2, 3, 4))
MATRIX = rng.standard_normal((3, 5)).astype(np.float32)
VECTOR = np.array([3, 0, 4, 0, 5], dtype=np.uint16)
EMPTY = np.zeros((0, 3))


def close(got, want, exact=True):
    if isinstance(want, (list, tuple)):
        assert isinstance(got, (list, tuple)) and len(got) == len(want)
        for a, b in zip(got, want):
            close(a, b, exact)
        return
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype and got.shape == want.shape
    assert np.array_equal(got, want) if exact else np.allclose(got, want, rtol=1e-6)


CASES = {
    "moveaxis": [((CUBE, 0, -1), {}), ((CUBE, (0, 1), (1, 2)), {}), ((CUBE, [-1], [0]), {}), ((VECTOR, 0, 0), {})],
    "roll": [
        *(((x, n), {}) for x in (CUBE, VECTOR, EMPTY) for n in (0, 1, -2, 17)),
        *(((CUBE, n), {"axis": axis}) for axis in (0, -1) for n in (0, 1, -1, 9)),
        ((CUBE, (1, -2)), {"axis": (0, 2)}),
        ((CUBE, 1), {"axis": (0, 0)}),
        ((EMPTY, 1), {"axis": 0}),
    ],
    "repeat": [((x, n), {}) for x in (CUBE, VECTOR, EMPTY) for n in (0, 1, 3)]
    + [((CUBE, 2), {"axis": axis}) for axis in (0, 1, -1)],
    "tile": [((x, n), {}) for x in (MATRIX, VECTOR, EMPTY) for n in (0, 2, (2,), (3, 2), (2, 1, 3))],
    "count_nonzero": [((x,), {}) for x in (CUBE, VECTOR, MATRIX > 0, EMPTY)]
    + [((CUBE,), {"axis": 1, "keepdims": True}), ((CUBE,), {"axis": (0, 2)})],
    "diff": [((x,), {"n": n, "axis": a}) for x in (CUBE, MATRIX, MATRIX > 0) for n in (0, 1, 2) for a in (0, -1)]
    + [((VECTOR,), {"prepend": VECTOR[:1], "append": VECTOR[:2]})],
    "outer": [((VECTOR, VECTOR), {}), ((MATRIX[0], VECTOR), {})],
    "isin": [((CUBE, VECTOR.astype(np.int64)), {}), ((CUBE, np.array([1, 2])), {"invert": True}), ((CUBE, EMPTY), {})],
    "meshgrid": [((VECTOR, MATRIX[0], MATRIX[1, :2]), {"indexing": indexing}) for indexing in ("xy", "ij")]
    + [((VECTOR,), {}), ((VECTOR, VECTOR[0]), {})],
    "tensordot": [
        ((CUBE, CUBE.transpose(1, 2, 0)), {"axes": 2}),
        ((CUBE, VECTOR), {"axes": 0}),
        ((CUBE, CUBE), {"axes": ((0, 2), (0, 2))}),
        ((CUBE, CUBE.T), {"axes": ([1], [1])}),
    ],
    "vecdot": [((CUBE, CUBE), {}), ((CUBE, CUBE[:, :1]), {"axis": -1}), ((VECTOR, VECTOR.astype(np.int8)), {})],
    "cumulative_sum": [
        ((VECTOR,), {}),
        ((VECTOR,), {"include_initial": True}),
        ((CUBE,), {"axis": -2, "include_initial": True}),
        ((CUBE.astype(np.int16),), {"axis": 0}),
    ],
    "unstack": [((CUBE,), {"axis": axis}) for axis in (0, 1, -1)],
}
FLAT = [(name, k) for name, cases in CASES.items() for k in range(len(cases))]


def numpy_of(name, args, kwargs):
    if name == "outer":
        return np.multiply.outer(*args)
    if name == "isin" and args[1].size == 0:
        return np.isin(args[0], np.zeros(0, args[0].dtype), **kwargs)
    if name == "meshgrid":
        return list(np.meshgrid(*args, **kwargs))
    return getattr(np, name)(*args, **kwargs)


@pytest.mark.parametrize(("name", "k"), FLAT, ids=[f"{n}-{k}" for n, k in FLAT])
def test_equals_numpy_eager_and_captured(name, k):
    args, kwargs = CASES[name][k]
    want = numpy_of(name, args, kwargs)
    if name == "isin" and args[1].size == 0:
        args = (args[0], args[1].astype(args[0].dtype))
    change = lambda a: td.asarray(a.copy()) if isinstance(a, (np.ndarray, np.generic)) else a  # noqa: E731
    named = {key: change(value) for key, value in kwargs.items()}
    inputs = [change(a) for a in args]
    tensors = [a for a in inputs if isinstance(a, td.Tensor)]
    rest = [a for a in inputs if not isinstance(a, td.Tensor)]

    def program(*tensors):
        return getattr(td, name)(*tensors, *rest, **named)

    eager = program(*tensors)
    exact = MATRIX.dtype not in [x.dtype for x in args if isinstance(x, np.ndarray)] or name != "tensordot"
    close(eager, want, exact)
    close(td.script(program)(*tensors), eager)
    close(td.trace(program)(*tensors), eager)


def test_many_sizes_are_two_programs():
    @td.script
    def f(x):
        return td.roll(x, 2), td.tril(x), td.repeat(x, 2, axis=0), td.tile(x, (2, 1)), td.diff(x, axis=0)

    for n in (3, 4, 5, 8, 13):
        a = rng.standard_normal((n, 4)).astype(np.float32)
        want = (np.roll(a, 2), np.tril(a), np.repeat(a, 2, axis=0), np.tile(a, (2, 1)), np.diff(a, axis=0))
        close(f(td.asarray(a)), want)
    assert f.stats()["captures"] <= 2


def test_broadcast_shapes():
    assert td.broadcast_shapes((3, 1), (4,), ()) == (3, 4)
    assert td.broadcast_shapes() == ()
    with pytest.raises(td.ShapeError):
        td.broadcast_shapes((3,), (4,))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.moveaxis(x, 3, 0), "moveaxis: got axis 3 for 3 axes; need -3 <= axis < 3"),
        (lambda x: td.moveaxis(x, (0, 1), 0), "moveaxis: got 2 axes and 1 places; need as many"),
        (lambda x: td.moveaxis(x, (0, 0), (0, 1)), "moveaxis: got the axes (0, 0) with one axis twice"),
        (lambda x: td.roll(x, (1, 2), axis=0), "roll: got 2 shifts for 1 axes; need as many"),
        (lambda x: td.repeat(x, -1), "repeat: got repeats=-1; need one number of 0 or more"),
        (lambda x: td.tile(x, (2, -1)), "tile: got the repetitions (2, -1); need numbers of 0 or more"),
        (lambda x: td.tril(x[0, 0]), "tril: got the shape [4]; need at least two axes"),
        (lambda x: td.meshgrid(x), "meshgrid: got the shapes [(2, 3, 4)]; need vectors"),
        (lambda x: td.meshgrid(indexing="ab"), "meshgrid: got indexing='ab'; need 'xy' or 'ij'"),
        (lambda x: td.diff(x, n=-1), "diff: got n=-1; need 0 or more"),
        (lambda x: td.outer(x, x), "outer: got shapes (2, 3, 4) and (2, 3, 4); need two vectors"),
        (lambda x: td.tensordot(x, x, axes=4), "tensordot: got axes=4 for 3 and 3 axes; need fewer"),
        (lambda x: td.tensordot(x, x, axes=1), "tensordot: got shapes (2, 3, 4) and (2, 3, 4) with the axes"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(CUBE))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("module", ["_array_api", "_dtypes"])
def test_examples(module):
    found = importlib.import_module(f"tandem.{module}")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    tests = [t for t in doctest.DocTestFinder(exclude_empty=True).find(found, globs={"td": td}) if t.examples]
    names = {name for name, value in vars(found).items() if hasattr(value, "__wrapped__")}
    assert {t.name.split(".")[-1] for t in tests} == names, "a public function without an example"
    for test in tests:
        runner.run(test)
    assert runner.summarize().failed == 0
