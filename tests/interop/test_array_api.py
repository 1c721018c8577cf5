"""What the array API standard adds to functions that NumPy has, too: device=, copy=, limits that are None."""

import inspect

import numpy as np
import pytest

import tandem as td

CREATORS = [
    ("zeros", ((2,),)),
    ("ones", ((2,),)),
    ("full", ((2,), 1.0)),
    ("empty", ((2,),)),
    ("arange", (3,)),
    ("linspace", (0, 1, 3)),
    ("eye", (2,)),
    ("asarray", ([1.0],)),
    ("zeros_like", (td.ones((2,)),)),
    ("ones_like", (td.ones((2,)),)),
    ("full_like", (td.ones((2,)), 1.0)),
    ("empty_like", (td.ones((2,)),)),
    ("from_dlpack", (td.ones((2,)),)),
    ("astype", (td.ones((2,)), td.float64)),
]


@pytest.mark.parametrize(("name", "args"), CREATORS, ids=[name for name, _ in CREATORS])
def test_devices(name: str, args: tuple[object, ...]) -> None:
    function = getattr(td, name)
    for device in (None, "cpu"):
        assert function(*args, device=device).device == "cpu"
    with pytest.raises(td.BackendError, match="no NVIDIA driver|got 'cuda:63'; need a GPU that the driver sees"):
        function(*args, device="cuda:63")


def test_to_device() -> None:
    x = td.ones((2,))
    assert x.to_device("cpu") is x and x.to_device(x.device, stream=None) is x
    with pytest.raises(ValueError, match="^device: got 'gpu'; need 'cpu', 'cuda' or the number of a GPU"):
        x.to_device("gpu")
    with pytest.raises(ValueError, match="^to_device: got stream=3; need None"):
        x.to_device("cpu", stream=3)


def test_namespace_info() -> None:
    info = td.__array_namespace_info__()
    assert info.capabilities()["max dimensions"] == 16 and info.devices()[0] == info.default_device() == "cpu"
    assert info.default_dtypes()["real floating"] == td.float32 and info.default_dtypes()["indexing"] == td.int64
    assert {*info.dtypes(kind="unsigned integer")} == {"uint8", "uint16", "uint32", "uint64"}
    assert {*info.dtypes(kind=("bool", "real floating"))} == {"bool", "float32", "float64"}
    assert all(getattr(td, name) == dtype for name, dtype in info.dtypes(device="cpu").items())
    with pytest.raises(td.BackendError):
        info.dtypes(device="cuda:0")
    td.zeros((1,) * 16)
    with pytest.raises(td.ShapeError):
        td.zeros((1,) * 17)


def test_numbers_are_rounded_to_the_dtype_that_is_asked_for() -> None:
    """Not to the default dtype on the way."""
    values = [16777217.0, 0.1, 1e300]
    assert td.asarray(values, dtype=td.float64).tolist() == values
    assert td.asarray(values).tolist() == np.array(values, np.float32).tolist()
    assert td.asarray([0.1], dtype=td.float16).item() == float(np.float16(0.1))


def test_asarray_without_a_copy() -> None:
    for obj in ([1, 2], [[1.0]], (True,)):
        with pytest.raises(ValueError, match="^asarray: got <class .*>, whose memory cannot be shared, and copy=False"):
            td.asarray(obj, copy=False)


def test_reshape_copies_on_demand() -> None:
    x = td.arange(6).reshape((2, 3))
    assert td.reshape(x, (3, 2))._pointer == td.reshape(x, (6,), copy=False)._pointer == x._pointer
    assert x.reshape(6, copy=False)._pointer == x.reshape((6,), copy=None)._pointer == x._pointer
    for copied in (td.reshape(x, (6,), copy=True), x.reshape(3, 2, copy=True), td.reshape(x.T, (6,), copy=True)):
        copied[0] = 9
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    for run in (lambda: td.reshape(x.T, (6,), copy=False), lambda: x.T.reshape(6, copy=False)):
        with pytest.raises(ValueError, match=r"^reshape: got strides that no view of shape \[6\] has, and copy=False"):
            run()
    assert td.reshape(td.zeros((0, 3)).T, (0,), copy=False).shape == (0,)

    def writes(x: td.Tensor, copy: bool | None) -> td.Tensor:
        y = td.reshape(x, (6,), copy=copy)
        y[0] = 7
        return x + 0

    for copy in (None, True):
        assert td.script(writes)(x.copy(), copy).tolist() == writes(x.copy(), copy).tolist()
    with pytest.raises(td.CaptureError, match="^reshape: got copy=False while the function is being captured"):
        td.script(writes)(x.copy(), False)


def test_concat_flattens() -> None:
    a, b = np.arange(6).reshape(2, 3), np.arange(2.0, dtype=np.float32)
    for run in (lambda x, y: td.concat([x.T, y], axis=None), td.trace(lambda x, y: td.concat([x.T, y], axis=None))):
        out = run(td.asarray(a), td.asarray(b))
        assert out.tolist() == np.concatenate([a.T, b], axis=None).tolist() and out.dtype == td.float32


def test_clip_without_limits() -> None:
    x = td.asarray([-2.0, 0.5, 3.0])
    for limits in (
        {},
        {"min": -1},
        {"max": 1},
        {"min": -1, "max": 1},
        {"min": None, "max": 1},
        {"min": -1, "max": None},
    ):
        want = np.clip(np.asarray(x), limits.get("min"), limits.get("max")).tolist()
        assert td.clip(x, **limits).tolist() == x.copy().tolist() if not limits else want
        assert td.trace(lambda x, limits=limits: td.clip(x, **limits))(x).tolist() == want
    assert td.clip(x, -1, None).tolist() == [-1.0, 0.5, 3.0] and td.clip(x, None, 0).tolist() == [-2.0, 0.0, 0.0]
    unclipped = td.clip(x)
    unclipped[0] = 7.0
    assert x[0].item() == -2
    with pytest.raises(TypeError, match=r"clip: got 4 arguments.*need clip\(x, min=None, max=None\)"):
        td.clip(x, 1, 2, 3)
    with pytest.raises(TypeError, match="clip: got 2 arguments"):
        td.clip(x, low=3)


def test_repeat_by_tensors() -> None:
    a = np.arange(6).reshape(2, 3)
    x = td.asarray(a)
    for times, axis in [([2, 0, 1], 1), ([1, 3], 0), ([1, 2, 3, 0, 1, 0], None), ([2], 1)]:
        for dtype in (td.int64, td.uint8):
            got = td.repeat(x, td.asarray(times, dtype=dtype), axis=axis)
            assert got.tolist() == np.repeat(a, times, axis=axis).tolist()
    for times, error, message in [
        ([1, 2], td.ShapeError, r"repeat: got repeats of shape \(2,\) for 3 elements; need one number for each"),
        ([1, -1, 0], ValueError, "repeat: got the repeats -1; need integers of 0 or more"),
        ([0.5, 1.0, 2.0], td.DTypeError, "repeat: got repeats of dtype float32; need integers"),
    ]:
        with pytest.raises(error, match=message):
            td.repeat(x, td.asarray(times), axis=1)
    with pytest.raises(td.CaptureError, match="tolist: got the value of"):
        td.trace(lambda x, n: td.repeat(x, n, axis=1))(x, td.asarray([1, 2, 3]))


def test_complex() -> None:
    assert complex(td.asarray(1.5)) == 1.5 + 0j and complex(td.asarray(True)) == 1
    with pytest.raises(ValueError, match="complex: got a tensor of shape"):
        complex(td.ones((2,)))


def test_logaddexp_of_infinities() -> None:
    inf = float("inf")
    pairs = [(inf, inf), (-inf, -inf), (inf, -inf), (-inf, 1.0), (float("nan"), 1.0), (1e4, 1e4), (-1e4, 0.0)]
    for dtype in ("float16", "float32", "float64"):
        a, b = (np.array(side, dtype) for side in zip(*pairs))
        got = td.logaddexp(td.asarray(a), td.asarray(b))
        np.testing.assert_allclose(got, np.logaddexp(a, b), rtol=1e-3 if dtype == "float16" else 1e-6)


def test_signature_of_reshape() -> None:
    assert str(inspect.signature(td.reshape)) == "(x, shape, copy=None)"
