"""New tensors, as in NumPy."""

import array

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

MATRIX = np.arange(6, dtype=np.int16).reshape(2, 3)

CASES = {
    "identity": [((3,), {}), ((0,), {}), ((2,), {"dtype": "int64"})],
    "logspace": [((0, 2), {"num": n}) for n in (0, 1, 5)]
    + [((0, 3, 4), {"base": 2.0, "endpoint": False}), ((-1, 1), {})]
    + [((0, 3, 4), {"dtype": "int64"})],
    "geomspace": [((1, 1000), {"num": n}) for n in (0, 1, 2, 4)]
    + [((-8, -1, 4), {}), ((2, 512, 9), {"endpoint": False})]
    + [((1, 256, 9), {"dtype": "float64"})],
    "array": [
        ((MATRIX,), {}),
        ((MATRIX,), {"dtype": "float64"}),
        (([[1, 2], [3, 4]],), {"ndmin": 3}),
        ((3,), {"ndmin": 1}),
    ],
    "copy": [((MATRIX,), {})],
    "ascontiguousarray": [((MATRIX,), {}), ((np.array(3),), {})],
    "fromfunction": [((lambda i, j: i * 10 + j, (2, 3)), {}), ((lambda i: i == 1, (4,)), {"dtype": "int64"})],
    "promote_types": [],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, **kwargs)


def test_dtypes():
    for a in ("bool", "int8", "uint16", "int64", "float32", "complex64"):
        for b in ("uint8", "float32", "int32", "bool"):
            assert td.promote_types(a, b).name == td.result_type(getattr(td, a), getattr(td, b)).name
    assert td.promote_types("int8", np.uint8) == td.int16
    assert td.euler_gamma == np.euler_gamma


def test_copies():
    x = td.ones((2, 3))
    assert not td.shares_memory(td.array(x), x) and not td.shares_memory(td.copy(x), x)
    assert td.array(x, copy=False) is x and td.array(x, copy=None) is x
    assert td.ascontiguousarray(x) is x and not td.shares_memory(td.ascontiguousarray(x.T), x)
    assert td.array([x[0], x[1] * 2]).tolist() == [[1, 1, 1], [2, 2, 2]]
    a = np.ones(3, np.float32)
    y = td.array(a)
    y[0] = 5
    assert a[0] == 1
    with pytest.raises(td.ShareError, match="array: got copy=False and dtype"):
        td.array(x, td.float64, copy=False)


def test_buffers():
    numbers = array.array("d", [1.0, 2.0, 3.0])
    x = td.frombuffer(numbers, td.float64)
    numbers[0] = 7.0
    assert x.tolist() == [7.0, 2.0, 3.0]
    assert td.frombuffer(numbers, td.float64, 1, 8).tolist() == [2.0]
    assert td.frombuffer(b"\x80\x3f", td.bfloat16).tolist() == [1.0]
    read_only = td.frombuffer(b"\x01\x02", td.uint8)
    with pytest.raises(td.Error, match="read-only"):
        read_only[0] = 1
    for given in (dict(dtype=td.int64, offset=3), dict(dtype=td.int64, count=9), dict(offset=99)):
        with pytest.raises(td.Error, match="frombuffer: got"):
            td.frombuffer(numbers, **given)
    assert td.fromiter((n for n in range(5)), td.int16, 3).tolist() == [0, 1, 2]
    assert td.fromiter([], td.float32).shape == (0,)
    with pytest.raises(td.Error, match="fromiter: got 2 numbers; need 3"):
        td.fromiter([1, 2], td.int64, 3)


@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "bfloat16", "float64", "complex64"])
def test_bytes(dtype):
    x = td.asarray([[1, 0, 3], [4, 5, 6]]).astype(dtype)
    for y in (x, x.T, x[:, ::2], x[:0], x[0, 0]):
        again = td.frombuffer(y.tobytes(), dtype).reshape(y.shape)
        assert td.array_equal(again, y)
        if dtype != "bfloat16":
            assert y.tobytes() == np.asarray(y).tobytes()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: td.geomspace(0, 1), "geomspace: got 0 to 1; need numbers of one sign that are not 0"),
        (
            lambda: td.logspace(td.ones(2), 1),
            "logspace: got tensor([1., 1.], dtype=float32), 1, 10.0; need real numbers",
        ),
        (lambda: td.logspace(0, 1, -1), "logspace: got num=-1; need 0 or more"),
        (lambda: td.identity(-1), "identity: got n=-1; need 0 or more"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run()
    assert message in str(caught.value)


def test_examples():
    run_examples("creation")
