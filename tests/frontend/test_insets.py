"""Rows that are set into a constant are chosen where they are read: the same bits, and the constant is not stored."""

import re

import numpy as np
import pytest

import tandem as td

rng = np.random.default_rng(11)


def tensor(*shape, dtype="float32"):
    values = rng.standard_normal(shape)
    values[rng.random(shape) < 0.2] = -0.0  # only a copied zero keeps its sign
    return td.asarray(values.astype(dtype))


def check(function, *arguments):
    scripted = td.script(function)
    for wanted, got in zip(function(*arguments), scripted(*arguments), strict=True):
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        assert np.asarray(got).tobytes() == np.asarray(wanted).tobytes()
    return scripted


def set_rows(rows, part, fill):
    """Return what reads rows that are set into a constant: element by element, turned, and summed."""

    def function(x, y):
        whole = td.full(y.shape, fill, dtype=y.dtype)
        whole[part] = x
        return whole * y, whole.mT + 1, td.sum(whole * y, axis=0), -whole

    return function


PARTS = {
    "every second": np.s_[::2],
    "the others": np.s_[1::2],
    "every third from the fourth": np.s_[3::3],
    "a run": np.s_[4:9],
    "the first": np.s_[0:1],
    "the last": np.s_[-1:],
    "all but a column of rows": np.s_[:, 1:],
    "none": np.s_[5:5],
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int8", "bool"])
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())
def test_rows_in_a_constant(part, dtype):
    y = tensor(12, 3, 17, dtype=dtype)
    x = tensor(*np.asarray(y)[part].shape, dtype=dtype)
    if dtype == "bool":
        check(lambda x, y: rows_of_flags(x, y, part), x, y)
    else:
        check(set_rows(x, part, 3), x, y)


def rows_of_flags(x, y, part):
    whole = td.full(y.shape, True)
    whole[part] = x
    return whole & y, td.any(whole & y, axis=0)


@pytest.mark.parametrize("rows", [1, 2, 3, 16, 37])
def test_gradients_of_every_second_row(rows):
    """As in a scan by halves: sums of pairs, the gradients of which are interleaved with zeros."""

    def loss(x, w):
        even, odd = x[::2], x[1::2]
        return td.sum(even * even) + td.sum(odd * w[1::2] * even[: odd.shape[0]])

    def gradients(x, w):
        return td.grad(loss, argnums=(0, 1))(x, w)

    check(gradients, tensor(rows, 40), tensor(rows, 40))
    check(gradients, tensor(rows, 2), tensor(rows, 2))  # rows too short to be worth it


def test_the_constant_is_not_stored():
    def function(x, y):
        whole = td.zeros(y.shape)
        whole[1::2] = x
        return (td.exp(whole + y),)

    assert check(function, tensor(8, 40), tensor(16, 40)).ir("program").count("launch") == 1


def test_constants_are_not_copied():
    """Each part is written into a constant of its own, whose memory it takes."""

    def function(x, y):
        first, second = td.zeros((16, 40)), td.zeros((16, 40))
        first[1::2], second[::2] = x, y
        return first, second

    program = check(function, tensor(8, 40), tensor(8, 40)).ir("program")
    copies = re.findall(r"copy (s\d+)\+\S+ <- (s\d+)", re.sub(r"\[[^]]*\]", "", program))
    assert len(copies) == 2
    for to, source in copies:
        assert re.search(rf"{to} = allocate \w+ reuse {source}\n", program)


def test_sizes_that_are_not_known():
    @td.script
    def scripted(x, y):
        whole = td.zeros(y.shape)
        whole[y.shape[0] - 3 :] = x
        return whole + y

    for rows in (3, 4, 50, 51):
        x, y = tensor(3, 20), tensor(rows, 20)
        assert np.asarray(scripted(x, y)).tobytes() == np.asarray(scripted.eager(x, y)).tobytes()
