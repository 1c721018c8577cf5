"""Elements of an array that are set to others of the same array: without a copy where no place is both."""

import numpy as np
import pytest

import tandem as td

X = np.arange(48 * 40, dtype=np.float32).reshape(48, 40)


def rows(x):
    x[0] = x[1] * 2
    x[-1] = x[-2]


def columns(x):
    x[:, 0] = x[:, 1]
    x[:, -1] = x[:, -2] + 1


def blocks(x):
    x[:24] = x[24:] * 2


def halves(x):
    x[:, :20] = x[:, 20:] - 1


def every_second(x):
    x[::2] = x[1::2]


def every_second_column(x):
    x[:, 1::2] = x[:, ::2]


def a_corner(x):
    x[:5, :7] = x[10:15, 7:14]


def neighbours_of_another_row(x):
    x[0, 1:-1] = x[1, 2:] + x[1, :-2] + x[2, 1:-1]


APART = [rows, columns, blocks, halves, every_second, every_second_column, a_corner, neighbours_of_another_row]


def shifted(x):
    x[1:] = x[:-1] + 1


def shifted_columns(x):
    x[:, :-2] = x[:, 2:] * 2


def blocks_with_a_row_in_common(x):
    x[:24] = x[23:47] * 2


def crossing(x):
    x[5:10, 3:8] = x[7:12, 5:10]


def turned(x):
    x[:40, :40] = td.matrix_transpose(x[:40, :40]) if isinstance(x, td.Tensor) else x[:40, :40].T


def backwards(x):
    x[:, :] = x[:, ::-1]


MIXED = [shifted, shifted_columns, blocks_with_a_row_in_common, crossing, turned, backwards]


def in_a_loop(write):
    def program(x, n):
        x = x + 1
        while n > 0:
            write(x)
            n = n - 1
        return x

    return program


@pytest.mark.parametrize("write", APART + MIXED, ids=lambda write: write.__name__)
@pytest.mark.parametrize("layout", ["rows", "columns", "wide"])
def test_bits(write, layout):
    def made():
        if layout == "columns":
            return td.asarray(np.asfortranarray(X))
        return td.asarray(np.concatenate([X, X], axis=1))[:, :40] if layout == "wide" else td.asarray(X.copy())

    expected, eager, compiled = X.copy(), made(), made()
    write(expected)
    write(eager)
    td.script(write)(compiled)
    assert np.array_equal(eager.numpy(), expected) and np.array_equal(compiled.numpy(), expected)
    looped = in_a_loop(write)
    assert np.array_equal(td.script(looped)(made(), td.asarray(3)).numpy(), looped(made(), 3).numpy())


@pytest.mark.parametrize("write", APART, ids=lambda write: write.__name__)
def test_without_a_copy(write):
    compiled = td.script(in_a_loop(write))
    compiled(td.asarray(X), td.asarray(3))
    body = compiled.ir("program").partition("while {")[2].partition("} carry")[0]
    arrays = [line for line in body.split("\n") if "allocate" in line and "reuse" not in line]
    assert len(arrays) == 1, body  # the predicate


@pytest.mark.parametrize("write", MIXED[:4], ids=lambda write: write.__name__)
def test_with_a_copy_where_places_are_both(write):
    compiled = td.script(in_a_loop(write))
    compiled(td.asarray(X), td.asarray(3))
    body = compiled.ir("program").partition("while {")[2].partition("} carry")[0]
    assert len([line for line in body.split("\n") if "allocate" in line and "reuse" not in line]) > 1, body
