"""Products of matrices over one column and one row are multiplications where they are compiled, with the same bits."""

import numpy as np
import pytest

import tandem as td

rng = np.random.default_rng(3)


def numbers(*shape, dtype):
    """Return numbers of all sizes, some of whose products are too small, with zeros of either sign."""
    values = rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 5, shape)
    values[rng.random(shape) < 0.2] = -0.0
    if dtype != "int32":
        values[rng.random(shape) < 0.1] = np.inf
    return td.asarray(values).astype(dtype)


SHAPES = [
    ((40, 1), (1, 50)),
    ((3, 40, 1), (3, 1, 50)),
    ((3, 40, 1), (1, 50)),
    ((2, 1, 5, 1), (3, 1, 4)),
    ((300, 1), (1, 400)),
    ((5, 1), (1, 1)),
    ((1, 1), (1, 5)),
    ((1, 1), (1, 1)),
    ((5, 1), (1,)),
    ((1,), (1, 5)),
    ((0, 1), (1, 5)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int32", "complex64"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_bits(shapes, dtype):
    a, b = (numbers(*shape, dtype=dtype) for shape in shapes)
    for function in (lambda a, b: a @ b, lambda a, b: (a @ b) + a.sum()):
        wanted, got = function(a, b), td.script(function)(a, b)
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        if dtype == "bfloat16":
            wanted, got = wanted.astype("float32"), got.astype("float32")
        assert_same(np.asarray(got), np.asarray(wanted))


def assert_same(got, wanted):
    """Equal, also in the signs of zeros; every NaN is as good as another."""
    np.testing.assert_array_equal(got, wanted)
    if got.dtype.kind == "f":
        zeros = wanted == 0
        np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(wanted[zeros]))


def test_it_is_fused():
    a, b = numbers(30, 1, dtype="float32"), numbers(1, 40, dtype="float32")
    scripted = td.script(lambda a, b, c: td.exp(a @ b + c))
    scripted(a, b, td.ones((30, 40)))
    program = scripted.ir("program")
    assert "matmul" not in program and program.count("launch") == 1


def test_gradients():
    a, b = td.asarray(rng.random((6, 1))), td.asarray(rng.random((1, 7)))
    loss = lambda a, b: td.sum(td.sin(a @ b) * 2)  # noqa: E731
    for wanted, got in zip(
        td.grad(loss, argnums=(0, 1))(a, b), td.script(td.grad(loss, argnums=(0, 1)))(a, b), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(got), np.asarray(wanted))
