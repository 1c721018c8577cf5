"""DLPack and the buffer protocol with other libraries: memory is shared, which addresses show."""

import gc
from collections.abc import Callable

import numpy as np
import pytest

import tandem as td

DTYPES = [d.name for d in td._core._dtypes if d.name != "bfloat16"]


def address(a: np.ndarray) -> int:
    return a.__array_interface__["data"][0]


# ---- the protocol itself ----


class Producer:
    """Passes a capsule on and notes what it was asked for."""

    def __init__(self, make: Callable[..., object]) -> None:
        self.make = make
        self.asked: dict[str, object] = {}

    def __dlpack__(self, **options: object) -> object:
        self.asked = options
        return self.make(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def name_of(capsule: object) -> str:
    return repr(capsule).split('"')[1]


def test_versioned_capsules_are_made_when_asked_for() -> None:
    x = td.ones((3,))
    for version, name in [
        (None, "dltensor"),
        ((0, 8), "dltensor"),
        ((1, 0), "dltensor_versioned"),
        ((2, 5), "dltensor_versioned"),
    ]:
        assert name_of(x.__dlpack__(max_version=version)) == name
    assert name_of(x.__dlpack__()) == "dltensor"
    gc.collect()  # the capsules nobody took


@pytest.mark.parametrize("dtype", [d.name for d in td._core._dtypes])
@pytest.mark.parametrize("version", [None, (1, 0)])
def test_capsules_both_ways(dtype: str, version: tuple[int, int] | None) -> None:
    x = td.ones((4, 6), dtype=dtype)[::2, ::-1]
    y = td.from_dlpack(Producer(lambda **_: x.__dlpack__(max_version=version)))
    assert y._pointer == x._pointer and y.strides == x.strides and y.dtype == x.dtype and y.tolist() == x.tolist()
    y[0, 0] = 0
    assert x[0, 0].item() == 0


def test_what_is_asked_for() -> None:
    x = td.ones((3,))
    producer = Producer(x.__dlpack__)
    td.from_dlpack(producer)
    assert producer.asked == {"max_version": (1, 0)}
    copied = td.from_dlpack(producer, copy=True)
    assert producer.asked == {"max_version": (1, 0), "copy": True} and copied._pointer != x._pointer
    assert td.from_dlpack(producer, copy=False)._pointer == x._pointer


def test_libraries_older_than_version_1() -> None:
    x = td.ones((3,))

    class Old:
        def __dlpack__(self) -> object:
            return x.__dlpack__()

    assert td.from_dlpack(Old())._pointer == x._pointer
    assert td.from_dlpack(Old(), copy=True)._pointer != x._pointer


def test_copies() -> None:
    x = td.ones((4, 4))[::2]
    assert td.from_dlpack(x) is x or td.from_dlpack(x)._pointer == x._pointer
    y = td.from_dlpack(x, copy=True)
    assert y._pointer != x._pointer and y.is_contiguous()
    y[0, 0] = 5.0
    assert x[0, 0].item() == 1
    a = np.from_dlpack(x, copy=True)
    assert address(a) != x._pointer and a.flags.writeable


def test_read_only_memory_stays_read_only() -> None:
    x = td.broadcast_to(td.ones((1,)), (3,))
    with pytest.raises(BufferError, match="read-only tensor, which the protocol before version 1 cannot mark"):
        x.__dlpack__()
    a = np.from_dlpack(x)
    assert not a.flags.writeable and address(a) == x._pointer
    b = np.arange(3.0)
    b.flags.writeable = False
    y = td.from_dlpack(b)
    assert y._pointer == address(b) and not y._writable
    with pytest.raises(ValueError, match="read-only"):
        y[0] = 1.0
    assert td.from_dlpack(b, copy=True)._writable


def test_refusals() -> None:
    x = td.ones((2,))
    assert issubclass(td.ShareError, (td.Error, BufferError))
    with pytest.raises(td.ShareError, match=r"^__dlpack__: got dl_device=\(2, 0\); need \(1, 0\), the CPU"):
        x.__dlpack__(dl_device=(2, 0))
    assert name_of(x.__dlpack__(dl_device=(1, 0))) == "dltensor"
    with pytest.raises(td._core.ArgumentError, match="^__dlpack__: got stream=1; need None"):
        x.__dlpack__(stream=1)
    with pytest.raises(td.BackendError, match="no NVIDIA driver|got 'cuda:63'; need a GPU that the driver sees"):
        td.from_dlpack(x, device="cuda:63")

    class Broken:
        def __dlpack__(self, **_: object) -> object:
            raise RuntimeError("no memory to show")

    with pytest.raises(RuntimeError, match="no memory to show"):
        td.from_dlpack(Broken())


def test_recorded_tensors_have_no_memory() -> None:
    for ask in (td.from_dlpack, memoryview, np.asarray, lambda x: x.__dlpack__()):

        def f(x: td.Tensor) -> td.Tensor:
            ask(x + 1)
            return x

        if ask is td.from_dlpack:
            assert td.trace(f)(td.ones((2,))).shape == (2,)  # a tensor already
        else:
            with pytest.raises((td.Error, BufferError)):
                td.trace(f)(td.ones((2,)))


# ---- torch and JAX ----


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = td.ones((4, 6), dtype=dtype)[::2]
    t = torch.from_dlpack(x)
    assert t.data_ptr() == x._pointer and str(t.dtype) == f"torch.{dtype}" and tuple(t.shape) == (2, 6)
    t[0, 0] = 0
    assert x[0, 0].item() == 0
    source = torch.ones((3, 4), dtype=t.dtype).T
    y = td.from_dlpack(source)
    assert y._pointer == source.data_ptr() and y.dtype.name == dtype and y.shape == (4, 3)
    y[0, 0] = 0
    assert source[0, 0].item() == 0
    del t, source
    gc.collect()
    assert x[1].tolist() == [1] * 6 and y[1].tolist() == [1] * 3
    assert td.asarray(torch.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "uint32", "float16", "bfloat16", "float32"])
def test_jax(dtype: str) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    x = td.ones((64,), dtype=dtype)
    a = jax.numpy.from_dlpack(x)
    assert a.unsafe_buffer_pointer() == x._pointer and a.dtype.name == dtype and bool((a == 1).all())
    source = jax.numpy.ones((3, 4), dtype=dtype)
    y = td.from_dlpack(source)
    assert y._pointer == source.unsafe_buffer_pointer() and y.dtype.name == dtype and y.shape == (3, 4)
    del a, source
    gc.collect()
    assert y.tolist() == [[1] * 4] * 3


# ---- the buffer protocol ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_memoryview(dtype: str) -> None:
    x = td.ones((3, 4), dtype=dtype)
    view = memoryview(x)
    a = np.asarray(view)
    assert view.shape == (3, 4) and view.strides == x.strides and not view.readonly and view.itemsize == x.itemsize
    assert a.dtype == np.dtype(dtype) and a.dtype.char == np.dtype(dtype).char and address(a) == x._pointer
    flat = np.frombuffer(x, dtype=dtype)
    assert address(flat) == x._pointer and flat.shape == (12,)
    flat[0] = 0
    assert x[0, 0].item() == 0
    del x
    gc.collect()
    assert view[2, 3] == 1 if view.format in "?bBhHiIlLfd" else view.nbytes


def test_buffers_of_views() -> None:
    x = td.arange(12).reshape((3, 4))
    assert memoryview(x.T).tolist() == x.T.tolist() and memoryview(x[::2, ::-1]).tolist() == [
        [3, 2, 1, 0],
        [11, 10, 9, 8],
    ]
    assert memoryview(td.asarray(7)).tolist() == 7 and memoryview(td.zeros((0, 3))).shape == (0, 3)
    assert memoryview(td.broadcast_to(td.ones((1,)), (3,))).readonly
    with pytest.raises((BufferError, ValueError)):
        np.frombuffer(x.T, dtype=np.int64)
    with pytest.raises(BufferError):
        memoryview(td.ones((2,), dtype=td.bfloat16))


def test_from_buffers() -> None:
    import array

    numbers = array.array("d", [1.0, 2.0, 3.0])
    x = td.asarray(numbers)
    assert x.dtype == td.float64 and x._pointer == numbers.buffer_info()[0]
    x[0] = 9.0
    assert numbers[0] == 9
    data = bytearray(b"abc")
    assert td.asarray(data).tolist() == [97, 98, 99] and td.asarray(data).dtype == td.uint8
    assert not td.asarray(memoryview(b"abc"))._writable
    assert td.asarray(numbers, copy=True)._pointer != numbers.buffer_info()[0]


# ---- __array__ and NumPy's functions ----


def test_array_method() -> None:
    x = td.asarray([1, 2, 3])
    assert address(x.__array__()) == x._pointer and address(x.__array__(copy=False)) == x._pointer
    assert address(x.__array__(copy=True)) != x._pointer
    assert x.__array__(np.float32).dtype == np.float32 and x.__array__(dtype="i8", copy=False).dtype == np.int64
    with pytest.raises(ValueError, match="copy"):
        x.__array__(np.float32, copy=False)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype=np.float32, copy=False)


def test_functions_of_numpy_give_arrays() -> None:
    x = td.asarray([0.0, 1.0])
    for result in (
        np.sin(x),
        np.add(x, 1, dtype=np.float32),
        np.stack([x, x]),
        np.linalg.norm(x),
        np.sum(x),
        np.add.reduce(x),
    ):
        assert isinstance(result, (np.ndarray, np.generic)) and result.dtype == np.float32
    assert np.mean(x) == 0.5 and np.mean(x, axis=0, keepdims=True).shape == (1,)
    assert np.reshape(x, (2, 1)).shape == (2, 1) and np.transpose(x).shape == (2,) and np.argmax(x) == 1
    out = td.zeros((2,))
    assert np.exp(x, out=np.asarray(out)) is not None and out[0].item() == 1
    for call in (np.sin, np.mean, lambda x: np.stack([x])):
        with pytest.raises(td.CaptureError, match="need functions of td; try td.sin for np.sin"):
            td.trace(call)(x)


def test_operators_of_arrays_are_captured() -> None:
    a = np.array([3.0, 4.0], np.float32)
    f = td.trace(lambda x: a + x * 2)
    assert f(td.asarray([1.0, 2.0])).tolist() == [5.0, 8.0]


def test_operators_between_arrays_and_tensors_give_tensors() -> None:
    x, a = td.asarray([1.0, 2.0]), np.array([3.0, 4.0], np.float32)
    for result in (x + a, a + x, a * x, a - x, a / x, a @ x, a < x, a == x, np.float32(2) * x, x * np.float32(2)):
        assert isinstance(result, td.Tensor)
    assert (a - x).tolist() == [2.0, 2.0] and (a == x).tolist() == [False, False]
    a += x
    assert isinstance(a, np.ndarray) and a.tolist() == [4.0, 6.0]


def test_assertions_of_numpy() -> None:
    x = td.asarray([1.0, 2.0])
    np.testing.assert_allclose(x, [1, 2])
    np.testing.assert_array_equal(x, x.copy())
    np.testing.assert_allclose(td.sin(x), np.sin(np.asarray(x)), rtol=1e-6)
    with pytest.raises(AssertionError, match="Mismatched elements: 1 / 2"):
        np.testing.assert_allclose(x, td.asarray([1.0, 2.5]))
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(x, td.asarray([1.0, 2.5]))
