"""Products of vectors and matrices, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

rng = np.random.default_rng(9)
VECTOR = rng.standard_normal(4).astype(np.float32)
MATRIX = rng.standard_normal((3, 4)).astype(np.float32)
CUBE = rng.standard_normal((2, 4, 5))
WHOLE = rng.integers(-9, 10, (4, 3))
COMPLEX = (rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))).astype(np.complex64)
NUMBER = np.array(3, dtype=np.int16)
EMPTY = np.zeros((0, 4))

CASES = {
    "dot": [
        *((pair, {}) for pair in ((VECTOR, VECTOR), (MATRIX, VECTOR), (MATRIX, WHOLE), (WHOLE, MATRIX))),
        *((pair, {}) for pair in ((MATRIX, CUBE), (CUBE.transpose(0, 2, 1).copy(), VECTOR), (VECTOR, CUBE))),
        *((pair, {}) for pair in ((NUMBER, MATRIX), (CUBE, 2.0), (COMPLEX, VECTOR), (EMPTY, WHOLE))),
    ],
    "inner": [
        *((pair, {}) for pair in ((VECTOR, VECTOR), (MATRIX, VECTOR), (MATRIX, MATRIX), (NUMBER, MATRIX))),
        *((pair, {}) for pair in ((CUBE.transpose(0, 2, 1).copy(), MATRIX), (COMPLEX, COMPLEX), (EMPTY, MATRIX))),
    ],
    "vdot": [(pair, {}) for pair in ((VECTOR, VECTOR), (MATRIX, WHOLE), (COMPLEX, COMPLEX), (COMPLEX, MATRIX))],
    "matvec": [(pair, {}) for pair in ((MATRIX, VECTOR), (CUBE.transpose(0, 2, 1).copy(), CUBE[:, :, 0].copy()))]
    + [((COMPLEX, VECTOR), {}), ((WHOLE, np.array([1, 2, 3])), {})],
    "vecmat": [
        (pair, {}) for pair in ((VECTOR, WHOLE), (VECTOR, CUBE), (COMPLEX, WHOLE), (CUBE[:, :, 0].copy(), CUBE))
    ],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, loose=4, **kwargs)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.dot(x, x), "dot: got shapes (3, 4) and (3, 4); need equal sizes to sum over"),
        (lambda x: td.inner(x, x.T), "inner: got shapes (3, 4) and (4, 3)"),
        (lambda x: td.vdot(x, x[0]), "vdot: got shapes (12,) and (4,)"),
        (lambda x: td.matvec(x[0], x[0]), "matvec: got shapes (4,) and (4,); need [..., m, n] and [..., n]"),
        (lambda x: td.vecmat(x[0], x), "vecmat: got shapes (4,) and (3, 4); need equal sizes to sum over"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(MATRIX))
    assert message in str(caught.value)


def test_examples():
    run_examples("products")
