"""Other shapes and orders of the same elements, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td
from tandem import _numpy

rng = np.random.default_rng(1)
CUBE = rng.integers(-9, 10, (2, 3, 4))
MATRIX = rng.standard_normal((3, 5)).astype(np.float32)
VECTOR = np.array([3, 0, 4, 0, 5], dtype=np.uint16)
EMPTY = np.zeros((0, 3))
NUMBER = np.array(7.0, dtype=np.float16)
HOLES = np.array([[0, 0, 0], [0, 1, 0], [0, 2, 0]])
ALL = (CUBE, MATRIX, VECTOR, EMPTY, NUMBER)


def each(*args, of=ALL):
    return [((x, *args), {}) for x in of]


CASES = {
    "ravel": [((x,), {"order": order}) for x in ALL for order in "CF"],
    "swapaxes": [((CUBE, a, b), {}) for a in (0, 2, -1) for b in (0, 1, -2)] + each(0, 1, of=(MATRIX, EMPTY)),
    "transpose": each()
    + [((CUBE, axes), {}) for axes in (None, (1, 0, 2), (-1, 0, 1))]
    + each((1, 0), of=(MATRIX, EMPTY)),
    "rollaxis": [((CUBE, a, s), {}) for a in (0, 1, -1) for s in (0, 1, 3, -1)] + each(1, of=(MATRIX, EMPTY)),
    "atleast_1d": each() + [((CUBE, VECTOR, NUMBER), {}), ((3,), {})],
    "atleast_2d": each() + [((CUBE, VECTOR, NUMBER), {})],
    "atleast_3d": each() + [((CUBE, VECTOR, NUMBER, MATRIX), {})],
    "flipud": each(of=(CUBE, MATRIX, VECTOR, EMPTY)),
    "fliplr": each(of=(CUBE, MATRIX, EMPTY)),
    "rot90": [((x, k), {}) for x in (CUBE, MATRIX, EMPTY) for k in range(-1, 5)] + [((CUBE, 1, (2, 0)), {})],
    "resize": [((x, shape), {}) for x in ALL for shape in (5, (2, 3), (4, 0), ())],
    "diagonal": [((CUBE, k, a, b), {}) for k in (-5, -1, 0, 2) for a, b in ((0, 1), (1, 0), (-1, 0))]
    + each(of=(MATRIX, EMPTY)),
    "diagflat": [((x, k), {}) for x in (MATRIX, VECTOR, NUMBER) for k in (0, 2, -1)],
    "ndim": each() + [(([[1, 2]],), {})],
    "shape": each() + [(([[1, 2]],), {})],
    "size": each() + each(0, of=(CUBE, MATRIX, EMPTY)) + each((0, -1), of=(CUBE,)),
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, **kwargs)


@pytest.mark.parametrize("trim", ["f", "b", "fb"])
@pytest.mark.parametrize("x", [VECTOR, HOLES, HOLES[0], HOLES[:0], HOLES[1]], ids=str)
def test_trim_zeros(x, trim):
    check("trim_zeros", x, trim, captured=False)


def test_the_order_of_axes_may_be_given_one_by_one():
    x = td.asarray(CUBE)
    for axes in ((1, 0, 2), (2, 0, 1), (0, -1, 1)):
        expected = CUBE.transpose(axes)
        for turned in (x.transpose(*axes), x.transpose(axes), x.permute_dims(*axes), x.transpose(axes=axes)):
            np.testing.assert_array_equal(turned.numpy(), expected)
            assert td.shares_memory(turned, x)
    assert x.transpose().shape == (4, 3, 2)
    with pytest.raises(ValueError, match="need each axis once"):
        x.transpose(0, 0, 1)
    with pytest.raises(ValueError, match="got 2 axes for a tensor with 3"):
        x.transpose(0, 1)

    def last_first(x):
        return x.transpose(2, 0, 1) * 2

    np.testing.assert_array_equal(td.script(last_first)(x).numpy(), last_first(x).numpy())


def test_views_are_written_through():
    for view in (
        lambda x: td.ravel(x),
        lambda x: td.swapaxes(x, 0, 1),
        lambda x: td.transpose(x, (1, 0)),
        lambda x: td.rollaxis(x, 1),
        lambda x: td.atleast_3d(x),
        lambda x: td.flipud(x),
        lambda x: td.fliplr(x),
        lambda x: td.rot90(x),
        lambda x: td.rot90(x, 0),
        lambda x: td.rot90(x, 2),
        lambda x: td.diagonal(x),
        lambda x: x.ravel(),
    ):
        x = td.zeros((2, 3))
        y = view(x)
        y[...] = 1
        assert td.shares_memory(x, y) and int(td.sum(x)) == y.size

        def program(x, view=view):
            y = view(x)
            y[...] = 1
            return td.sum(x)

        assert int(td.trace(program)(td.zeros((2, 3)))) == y.size


def test_flatten_copies():
    x = td.zeros((2, 3))
    y = x.flatten()
    y[0] = 1
    assert not td.shares_memory(x, y) and int(td.sum(x)) == 0
    assert np.array_equal(np.asarray(td.asarray(CUBE).flatten("F")), CUBE.flatten("F"))


METHODS = {
    "ravel": [(), ("F",)],
    "flatten": [(), ("F",)],
    "swapaxes": [(0, -1)],
    "diagonal": [(), (1, 0, 2)],
    "trace": [(), (1,), (0, 1, 2)],
    "repeat": [(2,), (2, 1)],
    "nonzero": [()],
    "clip": [(0, 3)],
    "conj": [()],
    "conjugate": [()],
    "compress": [([True, False], 0)],
    "choose": [],
    "argpartition": [],
    "put": [],
    "searchsorted": [],
    "dot": [(CUBE[0].T,)],
    "tobytes": [()],
    "partition": [],
}


def test_every_method_is_here():
    assert set(METHODS) == {*_numpy.METHODS, "clip", "conj", "conjugate"}


def test_methods_of_vectors():
    x, a = td.asarray(VECTOR), VECTOR.copy()
    assert td.sort(x).searchsorted(4).item() == 3 and td.sort(x).searchsorted(4, "right").item() == 4
    assert np.array_equal(np.asarray(x.partition(2)), np.sort(a)) and td.array_equal(
        x[x.argpartition(2)], x.partition(2)
    )
    assert td.asarray([1, 0]).choose([td.asarray([1, 2]), td.asarray([3, 4])]).tolist() == [3, 2]
    x.put([0, -1], [8, 9])
    a.put([0, -1], [8, 9])
    assert np.array_equal(np.asarray(x), a)


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    for args in METHODS[name]:
        want = getattr(CUBE, name)(*args)
        got = getattr(td.asarray(CUBE), name)(*[td.asarray(a) if isinstance(a, np.ndarray) else a for a in args])
        if isinstance(want, bytes):
            assert got == want
        else:
            for a, b in zip(got, want) if isinstance(want, tuple) else [(got, want)]:
                assert np.array_equal(np.asarray(a), b)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.ravel(x, "K"), "ravel: got order='K'; need 'C' or 'F'"),
        (lambda x: td.swapaxes(x, 0, 3), "swapaxes: got axis 3 for 3 axes; need -3 <= axis < 3"),
        (lambda x: td.rollaxis(x, 0, 4), "rollaxis: got start 4 for 3 axes; need -3 <= start <= 3"),
        (lambda x: td.fliplr(x[0, 0]), "fliplr: got axis 1 for 1 axes"),
        (lambda x: td.rot90(x, 1, (0, 0)), "rot90: got the axes (0, 0) with one axis twice"),
        (lambda x: td.rot90(x, 1, (0,)), "rot90: got the axes (0,); need two"),
        (lambda x: td.resize(x, (-1,)), "resize: got the shape (-1,); need sizes of 0 or more"),
        (lambda x: td.diagonal(x[0, 0]), "diagonal: got the shape (4,); need at least two axes"),
        (lambda x: td.trim_zeros(x, "x"), "trim_zeros: got trim='x'; need 'f', 'b' or 'fb'"),
        (lambda x: td.trace(td.trim_zeros)(x[0, 0]), "trim_zeros: got a tensor without values"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(CUBE))
    assert message in str(caught.value)


def test_examples():
    run_examples("shaping")
