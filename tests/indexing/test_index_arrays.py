"""Index arrays and masks pick and write what they do in NumPy: eager, scripted and traced."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tandem as td

X = np.arange(60, dtype=np.float32).reshape(3, 4, 5)


@st.composite
def keys(draw: st.DrawFn) -> tuple[Any, ...]:
    """Integers, slices, None and up to three index arrays of one shape, for an array of X's shape."""
    shape = draw(st.sampled_from([(2,), (1,), (2, 2), (0,)]))
    items: list[Any] = []
    for size in X.shape[: draw(st.integers(1, 3))]:
        kind = draw(st.sampled_from(["array", "array", "integer", "slice"]))
        if kind == "array":
            count = int(np.prod(shape))
            picked = draw(st.lists(st.integers(-size, size - 1), min_size=count, max_size=count))
            items.append(np.array(picked, dtype=np.int64).reshape(shape))
        elif kind == "integer":
            items.append(draw(st.integers(-size, size - 1)))
        else:
            items.append(slice(None, None, draw(st.sampled_from([1, 2, -1]))))
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    return (*items, ...)


def same(expected: np.ndarray, got: td.Tensor) -> None:
    array = np.asarray(got)
    assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
    assert array.tobytes() == expected.tobytes()


class Argument(int):
    """In a key: the array argument of that number."""


@st.composite
def random_programs(draw: st.DrawFn) -> tuple[list[tuple[str, Any, Any]], list[np.ndarray]]:
    """Reads and writes through keys of index arrays, and writes under masks; and the arrays that they need."""
    steps: list[tuple[str, Any, Any]] = []
    arrays: list[np.ndarray] = []

    def argument(array: np.ndarray) -> Argument:
        arrays.append(array)
        return Argument(len(arrays) - 1)

    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["read", "set", "set", "number", "add", "mask_add", "mask_set", "mask_values"]))
        if not kind.startswith("mask"):
            key = draw(keys())
            shape = X[key].shape
            value: Any = 0.5
            if kind in ("set", "add"):
                fewer = draw(st.integers(0, len(shape)))
                one = [draw(st.booleans()) for _ in shape[fewer:]]
                shape = tuple(1 if alone else size for size, alone in zip(shape[fewer:], one))
                value = argument(np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 100)
            steps.append((kind, tuple(argument(i) if isinstance(i, np.ndarray) else i for i in key), value))
            continue
        first, rank = draw(st.sampled_from([(0, 1), (0, 2), (0, 3), (1, 1), (2, 1), (1, 2), (0, 0)]))
        shape = X.shape[first : first + rank]
        flags = draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        mask = np.array(flags, dtype=bool).reshape(shape)
        rest = X.shape[first + rank :]
        count = int(mask.sum()) if kind == "mask_values" else draw(st.sampled_from([0, 1]))
        shape = (*rest,) if kind != "mask_values" and count == 0 else (count, *rest)
        value = argument(np.arange(np.prod(shape), dtype=np.float32).reshape(shape) - 50)
        if kind == "mask_add" and count == 1:
            value = draw(st.sampled_from([2, 0.5]))
        steps.append((kind, (*[slice(None)] * first, argument(mask)), value))
    return steps, arrays


def run(steps: list[tuple[str, Any, Any]], x: Any, arrays: Any) -> list[Any]:
    results = []
    for kind, key, value in steps:
        key = tuple(arrays[item] if isinstance(item, Argument) else item for item in key)
        value = arrays[value] if isinstance(value, Argument) else value
        if kind == "read":
            results.append(x[key])
        elif kind.endswith("add"):
            x[key] += value
        else:
            x[key] = value
    return results


@given(random_programs())
def test_random_programs(program: tuple[list[tuple[str, Any, Any]], list[np.ndarray]]) -> None:
    steps, arrays = program
    x = X.copy()
    expected = run(steps, x, arrays)
    for capture in (None, td.script, td.trace):

        def function(y: Any, *tensors: Any) -> list[Any]:
            return run(steps, y, tensors)

        y = td.asarray(X.copy())
        results = (capture(function) if capture else function)(y, *map(td.asarray, arrays))
        assert len(results) == len(expected)
        for want, got in zip(expected, results):
            same(want, got)
        same(x, y)


def two_axes(x: Any, i: Any, j: Any) -> Any:
    return x[i, j]


def apart(x: Any, i: Any, j: Any) -> Any:
    return x[i, :, j]


def with_an_integer(x: Any, i: Any, j: Any) -> Any:
    return x[1, :, j]


def in_the_middle(x: Any, i: Any, j: Any) -> Any:
    return x[:, i, None]


def written(x: Any, i: Any, j: Any) -> Any:
    x[i, j] = 7.0
    return x


def added(x: Any, i: Any, j: Any) -> Any:
    x[i] += 1
    return x


def last_wins(x: Any, i: Any, j: Any) -> Any:
    x[i, 1] = x[:2, 0]
    return x


def masked(x: Any, i: Any, j: Any) -> Any:
    x[x > 30] = -1.0
    x[:, x[0] < 7] = 0.5
    return x


PROGRAMS = [two_axes, apart, with_an_integer, in_the_middle, written, added, last_wins, masked]


@pytest.mark.parametrize("capture", [None, td.script, td.trace], ids=["eager", "script", "trace"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_program(program: Any, capture: Any) -> None:
    function = capture(program) if capture else program
    for i, j in (([0, 2], [3, -1]), ([1, 1], [0, 0]), ([-1, 0, 1][:2], [2, 2])):
        index = np.array(i), np.array(j)
        expected = program(X.copy(), *index)
        same(expected, function(td.asarray(X.copy()), *map(td.asarray, index)))


@pytest.mark.parametrize("capture", [None, td.script], ids=["eager", "script"])
def test_out_of_range_names_the_axis(capture: Any) -> None:
    function = capture(two_axes) if capture else two_axes
    with pytest.raises(IndexError, match=r"index: got 4 for axis 1 of size 4; need -4 <= index < 4"):
        function(td.asarray(X.copy()), td.asarray(np.array([0, 1])), td.asarray(np.array([0, 4])))


def test_masks() -> None:
    x, y = X.copy(), td.asarray(X.copy())
    mask = X % 3 == 0
    same(x[mask], y[td.asarray(mask)])
    same(x[mask[:, :, 0]], y[mask[:, :, 0]])
    same(x[1, mask[0]], y[1, mask[0]])
    x[mask] += 1
    y[td.asarray(mask)] += 1
    same(x, y)
    x[mask] = np.arange(mask.sum())
    y[td.asarray(mask)] = td.asarray(np.arange(mask.sum()))
    same(x, y)
    with pytest.raises(IndexError, match="need equal sizes"):
        y[mask[:2]]


def test_a_mask_read_cannot_be_captured() -> None:
    with pytest.raises(td.CaptureError, match=r"try td\.where"):
        td.script(lambda x: x[x > 0])(td.asarray(X))
