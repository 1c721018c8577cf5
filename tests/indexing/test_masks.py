"""Masks as in NumPy: of any rank, read and written, eager and captured as far as no size depends on values."""

from typing import Any

import numpy as np
import pytest

import tandem as td

X = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
CAPTURES = [None, td.script, td.trace]


def added(x: Any, y: Any, v: Any) -> Any:
    x[x > 30] += 1
    x[x > 31] *= y[0, 0, 0]


def of_the_leading_axes(x: Any, y: Any, v: Any) -> Any:
    x[x[:, :, 0] > 10] -= v
    x[1, x[1] > 25] = 0.0


def in_the_middle(x: Any, y: Any, v: Any) -> Any:
    mask = x[0, :, 0] > 5
    x[:, mask] = x[:, mask] * 2 - v
    x[..., x[0, 0] > 2] /= 4


def of_another(x: Any, y: Any, v: Any) -> Any:
    x[x > y] = y[x > y]
    x[y < 7] = y[y < 7] * x[y < 7] + 1


def kept_and_changed(x: Any, y: Any, v: Any) -> Any:
    mask = y > 20
    part = x[mask]
    x[0] = -1
    part += 5
    x[mask] = td.maximum(part, y[mask]) if isinstance(x, td.Tensor) else np.maximum(part, y[mask])


def one_value(x: Any, y: Any, v: Any) -> Any:
    x[y > 20] = v[:1]
    x[y[:, 0, 0] < 40] = v[None]
    x[y[:, 0, 0] < 20] = v


def counted(x: Any, y: Any, v: Any) -> Any:
    x[0, 0] = v
    x[y < 5] = v * 2
    x[1, y[1, :, 0] < 30] = x[2, :2]
    x[:, y[0, :, 0] < 5] = v + 1
    x[1, (y[0, :, :1] < 10)[:, 0]] = y[2, 1:3]


def of_no_axes(x: Any, y: Any, v: Any) -> Any:
    x[y[0, 0, 0] > 5] += 1
    x[y[0, 0, 0] < 5] += 2
    x[x[0, 0, 1] > 2] = v
    x[0, y[0, 0, 0] < 5] = 9
    x[True] *= 2
    x[False] = 7
    x[..., True] -= 1


def read_by_constants(x: Any, y: Any, v: Any) -> Any:
    return x[True], x[:, False], x[True, 0], x[1, None, True, :2], x[[0, 2], True]


PROGRAMS = [
    added,
    of_the_leading_axes,
    in_the_middle,
    of_another,
    kept_and_changed,
    one_value,
    counted,
    of_no_axes,
    read_by_constants,
]


@pytest.mark.parametrize("capture", CAPTURES, ids=["eager", "script", "trace"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_program(program: Any, capture: Any) -> None:
    function = capture(program) if capture else program
    for scale in (1, 2):
        y = (X.T * np.float32(0.5)).reshape(X.shape) if scale == 1 else X + 0
        v = np.arange(5, dtype=np.float32) * scale
        arrays = X.copy(), y, v
        tensors = [td.asarray(a.copy()) for a in arrays]
        if program is counted and scale == 1:
            arrays[1][:] = X
            tensors[1] = td.asarray(X.copy())
        expected, got = program(*arrays), function(*tensors)
        assert np.asarray(tensors[0]).tobytes() == arrays[0].tobytes()
        for a, b in zip(expected or (), got or (), strict=True):
            assert a.shape == b.shape
            assert np.asarray(b).tobytes() == a.tobytes()


def test_kinds_of_masks_without_axes() -> None:
    kinds: list[Any] = [True, np.bool_(True), np.array(True), td.asarray(True)]
    for true in kinds:
        x = td.asarray(X.copy())
        assert x[true].shape == (1, 3, 4, 5)
        x[true] = 1.0
        assert x.all()
        scalar = td.asarray(3.0)
        assert scalar[true].shape == (1,)
        scalar[true] = 4.0
        assert float(scalar) == 4.0
    x = td.asarray(X.copy())
    assert x[td.asarray(False)].shape == (0, 3, 4, 5)
    x[td.asarray(False)] = 1.0
    assert np.asarray(x).tobytes() == X.tobytes()


@pytest.mark.parametrize("capture", [None, td.script], ids=["eager", "script"])
@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_wrong_number_of_values(count: int, capture: Any) -> None:
    def program(x: Any, v: Any) -> None:
        x[x > 1] = v

    function = capture(program) if capture else program
    x = td.asarray([0.0, 1.0, 2.0, 3.0, 4.0])
    function(x, td.asarray([5.0, 6.0, 7.0]))
    assert x.tolist() == [0.0, 1.0, 5.0, 6.0, 7.0]
    with pytest.raises(td.ShapeError, match="assignment: got"):
        function(x, td.zeros(count))
    assert x.tolist() == [0.0, 1.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize(
    "use",
    [
        lambda x, s: s,
        lambda x, s: s.sum(),
        lambda x, s: s + x,
        lambda x, s: s + x[x > 1],
        lambda x, s: s.shape,
        lambda x, s: len(s),
        lambda x, s: s.ndim,
        lambda x, s: s[0],
        lambda x, s: x.__setitem__(x > 1, s),
        lambda x, s: x.__setitem__(slice(None), s),
        lambda x, s: [e for e in s],
        lambda x, s: td.concat([s, s]),
        lambda x, s: s.reshape((-1,)),
        lambda x, s: s.__iadd__(x),
        lambda x, s: td.take(x, s),
        lambda x, s: bool(s),
        lambda x, s: x.__iadd__(s),
    ],
)
def test_what_needs_the_number_of_elements_is_refused(use: Any) -> None:
    def program(x: Any) -> Any:
        return use(x, x[x > 0])

    for capture in (td.script, td.trace):
        with pytest.raises(td.CaptureError, match="mask"):
            capture(program)(td.asarray(X.copy()))


def test_a_selection_keeps_the_kind_of_number() -> None:
    def program(x: Any) -> None:
        x[x > 3] += 1.5

    for function in (program, td.script(program)):
        with pytest.raises(td.DTypeError, match="assignment: got float32 values for a int64 tensor"):
            function(td.arange(10))
