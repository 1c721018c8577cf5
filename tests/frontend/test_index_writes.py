"""Writes and views at an index that is a tensor: they go where the same write with a number goes."""

import frontend_support as support
import numpy as np
import pytest

import tandem as td

X = np.arange(24, dtype=np.float32).reshape(12, 2)


def at(index):
    return td.asarray(np.array(index))


def check(program, index, array=X):
    """A tensor as an index against the same number in eager code."""
    compiled = td.script(program)
    x, y = td.asarray(array.copy()), td.asarray(array.copy())
    support.assert_same((program(x, index), x), (compiled(y, at(index)), y))
    return compiled


def row(x, k):
    x[k] = 7.0


def row_of_values(x, k):
    x[k] = x[0] * 2


def in_the_middle(x, k):
    y = x.reshape((2, 6, 2)) * 1
    y[:, k - k + 3] = -1.0
    y[0, k - k + 2, 1:] += 4
    y[None, 1, k - k] = y[0, 1]
    return y


def part_of_a_row(x, k):
    x[k][1:] = 3.0
    x[2:][k - k] *= 2


def view_keeps_its_place(x, k):
    row = x[k]
    k = k * 0
    row += 1
    other = x[k]
    x[0] = 9.0
    return row, other


def index_changed_in_place(x, k):
    place = td.zeros((), dtype=td.int64) + k
    row = x[place]
    place += 1
    row *= 5
    return x[place]


def view_of_a_local(x, k):
    y = x * 2
    first, second = y[k], y[k]
    first += 1
    second *= 2
    return y, first, second


def augmented(x, k):
    x[k] += 1
    x[k] *= x[k]
    x[k] -= 0.5


@pytest.mark.parametrize("index", [0, 3, 11, -1, -12])
@pytest.mark.parametrize(
    "program",
    [
        row,
        row_of_values,
        view_of_a_local,
        in_the_middle,
        part_of_a_row,
        view_keeps_its_place,
        index_changed_in_place,
        augmented,
    ],
    ids=lambda program: program.__name__,
)
def test_write(program, index):
    if index >= 11 and program is index_changed_in_place:
        index = 10
    check(program, index)


@pytest.mark.parametrize("index", [12, -13])
def test_out_of_range(index):
    compiled = td.script(row)
    with pytest.raises(IndexError) as eager:
        row(td.asarray(X.copy()), index)
    with pytest.raises(IndexError) as caught:
        compiled(td.asarray(X.copy()), at(index))
    text, line = str(caught.value).split("\n", 1)
    assert text == str(eager.value)
    assert "test_index_writes.py:" in line
    compiled(td.asarray(X.copy()), at(0))


def test_an_index_under_a_condition():
    def program(x, k):
        if k > 4:
            x[k] = 1.0
        else:
            x[k + 1] = 2.0
        return x

    for index in (2, 9):
        check(program, index)


def test_a_table_filled_by_a_while_loop():
    def program(x, k):
        table = td.zeros((12, 2))
        n = 0
        while n < k:
            table[n] = x[n] * n
            if n > 2:
                table[n] += table[n - 1]
            n += 1
        return table, n

    check(program, 8)


def test_cumulative_rows_stay_a_loop():
    def program(x, k):
        for i in range(1, x.shape[0]):
            x[i] += x[i - 1]
        return x * k

    compiled = check(program, 2)
    assert "kept as a loop (11 iterations)" in compiled.explain()
    assert compiled.ir("optimized").count("= while ") == 1
