"""Writing at indices: order, threads, bounds, dtypes, and that NumPy's functions of the same purpose agree."""

from typing import Any

import numpy as np
import pytest

import tandem as td

NAMES = ["scatter", "scatter_add", "scatter_multiply", "scatter_maximum", "scatter_minimum"]
MODES = [None, np.add, np.multiply, np.maximum, np.minimum]


def scattered(x: np.ndarray, index: np.ndarray, values: np.ndarray, combine: Any) -> np.ndarray:
    out = x.copy()
    if combine is None:
        out[index] = values
    else:
        combine.at(out, index, values)
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint64"])
@pytest.mark.parametrize(("name", "combine"), [*zip(NAMES, MODES)], ids=NAMES)
def test_large_with_repetitions(name: str, combine: Any, dtype: str, rng: np.random.Generator) -> None:
    """In the order of the indices, for any number of threads."""
    x = rng.integers(0, 100, 1000).astype(dtype)
    index = rng.integers(-1000, 1000, 200_000)
    values = (rng.standard_normal(200_000) * 3 + 4).astype(dtype)
    with np.errstate(all="ignore"):
        expected = scattered(x, index, values, combine)
    before = td.num_threads()
    function = getattr(td, name)
    compiled = td.script(lambda x, i, v: function(x, i, v))
    try:
        for threads in (1, 2, 3):
            td.set_num_threads(threads)
            for run in (function, compiled):
                got = np.asarray(run(*map(td.asarray, (x, index, values))))
                assert got.tobytes() == expected.tobytes()
    finally:
        td.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1])
def test_rows_and_columns(axis: int, threads: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((300, 200)).astype(np.float32)
    index = rng.integers(-100, 100, (300, 400) if axis else (400, 200))
    values = rng.standard_normal(index.shape).astype(np.float32)
    grid: list[Any] = list(np.indices(index.shape, sparse=True))
    grid[axis] = index
    expected = x.copy()
    np.add.at(expected, tuple(grid), values)
    before = td.num_threads()
    try:
        td.set_num_threads(threads)
        got = td.scatter_add(td.asarray(x), td.asarray(index), td.asarray(values), axis=axis)
    finally:
        td.set_num_threads(before)
    assert np.asarray(got).tobytes() == expected.tobytes()


def test_segment_sum_of_rows(rng: np.random.Generator) -> None:
    values = rng.standard_normal((5000, 40)).astype(np.float32)
    ids = rng.integers(0, 70, 5000)
    expected = np.zeros((70, 40), np.float32)
    np.add.at(expected, ids, values)
    compiled = td.script(lambda v, i: td.segment_sum(v * 1, i, 70) + 0)
    for function in (compiled, td.script(lambda v, i: td.segment_sum(v, i, v.shape[0] // 71)), None):
        run = function or (lambda v, i: td.segment_sum(v, i, 70))
        assert np.asarray(run(td.asarray(values), td.asarray(ids))).tobytes() == expected.tobytes()


def test_numbers_and_complex() -> None:
    x = td.asarray([1.0, 2.0, 3.0])
    i = td.asarray([0, 0, 2])
    assert td.scatter_add(x, i, 1).tolist() == [3.0, 2.0, 4.0]
    assert td.script(lambda x, i, v: td.scatter_add(x, i, v))(x, i, 1.5).tolist() == [4.0, 2.0, 4.5]
    assert td.scatter(x, i, 7).dtype == td.float32
    z = np.array([1 + 2j, 3], np.complex128)
    got = td.scatter_add(td.asarray(z), td.asarray([0, 0, 1]), td.asarray(np.array([1j, 1, 2 - 1j])))
    assert got.tolist() == [2 + 3j, 5 - 1j]
    assert td.scatter(td.asarray(z), td.asarray([1]), 1).tolist() == [1 + 2j, 1]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
def test_dtypes_of_indices(dtype: str) -> None:
    x = td.zeros(3)
    index = td.asarray(np.array([2, 1], dtype))
    assert td.scatter(x, index, td.ones(2)).tolist() == [0.0, 1.0, 1.0]
    assert td.segment_sum(td.ones(2), index, 3).tolist() == [0.0, 1.0, 1.0]
    x[index] = 5
    assert x.tolist() == [0.0, 5.0, 5.0]


HUGE = td.asarray(np.array([2**64 - 1], np.uint64))


@pytest.mark.parametrize("captured", [False, True], ids=["eager", "script"])
@pytest.mark.parametrize(
    ("function", "index", "message"),
    [
        (
            lambda x, i: td.scatter(x, i, td.ones((2, 1)), axis=1),
            [[4], [0]],
            "got 4 for axis 1 of size 3; need -3 <= i",
        ),
        (lambda x, i: td.scatter_add(x, i, td.ones((1, 3)), axis=0), [[0, -3, 0]], "got -3 for axis 0 of size 2"),
        (lambda x, i: td.segment_sum(x, i, 2), [0, 2], "got 2 for axis 0 of size 2"),
        (lambda x, i: x.__setitem__((0, i), 1.0), [0, 3], "got 3 for axis 1 of size 3"),
        (lambda x, i: x.__setitem__((i, i), 1.0), [0, 2], "got 2 for axis 0 of size 2"),
        (lambda x, i: x[0, i], [0, 3], "got 3 for axis 1 of size 3"),
        (lambda x, i: x[None, 0, :, None][0, i], [0, 3], "got 3 for axis 1 of size 3"),
        (lambda x, i: td.take(x, i, axis=1), [0, 3], "got 3 for axis 1 of size 3"),
        (lambda x, i: td.scatter(x[0], i, td.ones(1)), HUGE, "got 9223372036854775807 for axis 0 of size 3"),
        (lambda x, i: td.segment_sum(x[:1], i, 2), HUGE, "got 9223372036854775807 for axis 0 of size 2"),
        (lambda x, i: x[0].__setitem__(i, 1.0), HUGE, "got 9223372036854775807 for axis 0 of size 3"),
    ],
)
def test_out_of_bounds(function: Any, index: Any, message: str, captured: bool) -> None:
    x = td.zeros((2, 3))
    run = td.script(lambda x, i: function(x, i)) if captured else function
    with pytest.raises(IndexError, match=f"index: {message}"):
        run(x, td.asarray(index))
    assert not x.any(), "something was written"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, i: td.scatter(x, i, x[0], axis=0), td.ShapeError, "indices that agree everywhere but along axis 0"),
        (
            lambda x, i: td.scatter(x[0], i, td.ones(3)),
            td.ShapeError,
            r"values of shape \[3\] for a place of shape \[2\]",
        ),
        (lambda x, i: td.scatter_add(x[0], i, td.ones(2, dtype=td.float64)), td.DTypeError, "need values of its dtype"),
        (lambda x, i: td.scatter_add(x[0] > 0, i, i > 0), td.DTypeError, "need a numeric dtype"),
        (lambda x, i: td.scatter(x[0], x[0], x[0]), td.DTypeError, "need an integer dtype"),
        (lambda x, i: td.segment_sum(x, i, 0 - 1), ValueError, "need one number, 0 or more"),
        (lambda x, i: td.segment_sum(x[0], i, 3), td.ShapeError, "need one id for each row"),
    ],
)
def test_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(td.zeros((2, 3)), td.asarray([0, 1]))


def test_an_unused_result_fails_all_the_same() -> None:
    def program(x: Any, i: Any) -> Any:
        td.scatter_add(x, i, x[:1])
        td.segment_sum(x[:1], i, 2)
        return x + 1

    compiled = td.script(program)
    assert compiled(td.zeros(3), td.asarray([1])).tolist() == [1.0] * 3
    with pytest.raises(IndexError, match="got 2 for axis 0 of size 2"):
        compiled(td.zeros(3), td.asarray([2]))


@pytest.mark.parametrize("captured", [False, True], ids=["eager", "script"])
def test_put_along_axis(captured: bool) -> None:
    a = np.arange(12.0).reshape(3, 4)

    def program(x: Any, i: Any, v: Any) -> None:
        td.put_along_axis(x[:, ::-1], i, v, axis=1)

    run = td.script(program) if captured else program
    for index, values in (([[0], [1], [-1]], 7.0), ([[0, 2], [1, 1], [3, 0]], [[1.0, 2.0]]), ([[1, 2]], [[3.0, 4.0]])):
        x, y = a.copy(), td.asarray(a.copy())
        np.put_along_axis(x[:, ::-1], np.array(index), np.array(values), axis=1)
        run(y, td.asarray(index), td.asarray(values, dtype=td.float64))
        assert np.asarray(y).tobytes() == x.tobytes()
