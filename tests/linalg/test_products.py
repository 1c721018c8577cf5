"""einsum and other products against NumPy, eager and compiled; the examples of the documentation."""

import doctest

import numpy as np
import pytest
from test_linalg import both, close, matrix

import tandem as td

EINSUMS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("ba,cb", (3, 4), (5, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (6, 4, 5)),
    ("...ij,jk", (2, 3, 4), (4, 5)),
    ("i,i", (4,), (4,)),
    ("i,j->ij", (4,), (5,)),
    ("i,j->ji", (4,), (5,)),
    ("ii", (4, 4)),
    ("ii->i", (4, 4)),
    ("...ii->...i", (3, 4, 4)),
    ("iij->ji", (3, 3, 4)),
    ("iii->i", (3, 3, 3)),
    ("ij->ji", (3, 4)),
    ("ij->", (3, 4)),
    ("ijk->ki", (3, 4, 5)),
    ("...->...", (3, 4)),
    ("i...->...", (3, 4)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("ij,ij->i", (3, 4), (3, 4)),
    ("ij,jk,kl->il", (3, 4), (4, 50), (50, 2)),
    ("ij,jk,kl,lm,mn->in", (2, 3), (3, 4), (4, 5), (5, 6), (6, 2)),
    ("bqhd,bkhd->bhqk", (2, 3, 4, 5), (2, 6, 4, 5)),
    ("ijk,ilm,njm,nlk,abc->", (2, 3, 4), (2, 5, 6), (7, 3, 6), (7, 5, 4), (2, 2, 2)),
    ("ea,fb,abcd,gc,hd->efgh", (3, 3), (3, 3), (3, 3, 3, 3), (3, 3), (3, 3)),
    ("ij,jk->ik", (3, 1), (4, 5)),
    ("ij,ij->ij", (1, 4), (3, 4)),
    ("i,i->i", (1,), (1,)),
    ("ij,jk->ik", (3, 0), (0, 5)),
    (" i j , j k -> i k ", (3, 4), (4, 5)),
    (",i->i", (), (3,)),
    ("i->i", (3,)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
def test_einsum(case):
    subscripts, *shapes = case
    arrays = [matrix(shape, seed=k) for k, shape in enumerate(shapes)]
    want = np.asarray(np.einsum(subscripts, *arrays))
    close(both(lambda *x: td.einsum(subscripts, *x), *arrays), want, "float64", 100)


def test_einsum_of_integers_and_a_chain_in_a_good_order():
    a = np.arange(12).reshape(3, 4)
    assert np.array_equal(np.asarray(td.einsum("ij,kj->ik", td.asarray(a), td.asarray(a))), a @ a.T)
    # From the left this would make a matrix of 2000 x 2000.
    wide, tall, vector = (matrix(shape, seed=k) for k, shape in enumerate([(2000, 2), (2, 2000), (2000,)]))
    before = td.memory_stats()["peak"]
    out = td.einsum("ij,jk,k->i", *map(td.asarray, (wide, tall, vector)))
    close(np.asarray(out), wide @ (tall @ vector), "float64", 1000)
    assert td.memory_stats()["peak"] - before < 2000 * 2000 * 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: td.einsum("ij,jk->ik", td.ones((2, 3))), "2 terms for 1 operands"),
        (lambda: td.einsum("ijk", td.ones((2, 3))), "'ijk' for an operand with 2 axes"),
        (lambda: td.einsum("ij->ik", td.ones((2, 3))), "one that no operand has"),
        (lambda: td.einsum("ij,jk", td.ones((2, 3)), td.ones((4, 3))), "got sizes 3 and 4 for 'j'"),
        (lambda: td.einsum("i1", td.ones((2, 3))), "the term 'i1'"),
    ],
)
def test_errors_of_einsum(call, message):
    with pytest.raises(ValueError, match="einsum: got ") as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize("axis", [-1, -2])
def test_cross(axis):
    shapes = ((4, 3), (2, 1, 3)) if axis == -1 else ((3, 4), (2, 3, 1))
    a, b = (matrix(shape, seed=k) for k, shape in enumerate(shapes))
    want = np.cross(*np.broadcast_arrays(a, b), axis=axis)
    close(both(lambda x, y: td.cross(x, y, axis=axis), a, b), want, "float64")


@pytest.mark.parametrize(("first", "second"), [((2, 3), (4, 5)), ((3,), (2, 2)), ((2, 2, 2), (3,))])
def test_kron(first, second):
    a, b = matrix(first), matrix(second, seed=1)
    close(both(td.kron, a, b), np.kron(a, b), "float64")


@pytest.mark.parametrize("offset", [-5, -2, 0, 1, 3, 9])
@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 5), (5, 2)])
def test_diagonal_and_trace(shape, offset):
    a = matrix(shape)
    want = np.diagonal(a, offset, -2, -1)
    assert np.array_equal(both(lambda x: td.linalg.diagonal(x, offset=offset), a), want)
    close(both(lambda x: td.linalg.trace(x, offset=offset), a), np.asarray(want.sum(-1)), "float64", 10)


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_distances(p):
    a, b = matrix((2, 5, 3)), matrix((4, 3), seed=1)
    want = np.linalg.vector_norm(a[..., :, None, :] - b[None, :, :], axis=-1, ord=p)
    close(both(lambda x, y: td.cdist(x, y, p=p), a, b), want, "float64", 10)
    want = np.asarray(np.linalg.vector_norm(a[0, 0] - b[0], ord=p))
    close(both(lambda x, y: td.dist(x, y, p=p), a[0, 0], b[0]), want, "float64", 10)


@pytest.mark.parametrize(
    "name", sorted({*td.linalg.__all__, *td.fft.__all__, "cdist", "cross", "dist", "einsum", "kron", "norm"})
)
def test_documentation(name):
    function = next(getattr(m, name) for m in (td.linalg, td.fft, td) if hasattr(m, name))
    assert function.__doc__
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder(exclude_empty=True, recurse=False).find(function, name, globs={"td": td}):
        assert runner.run(test).failed == 0
