"""NumPy and DLPack in and out without copies, printing, weak Python numbers, conversions to Python."""

import gc
import pickle
import sys

import numpy as np
import pytest

import tandem as td

NATIVE = [str(dtype) for dtype in td._core._dtypes if dtype != td.bfloat16]


def address(a):
    return a.__array_interface__["data"][0]


# ---- NumPy ----


@pytest.mark.parametrize("dtype", NATIVE)
def test_numpy_both_ways_without_a_copy(dtype):
    a = np.ones((3, 4), dtype=dtype)
    x = td.asarray(a)
    assert x.dtype == getattr(td, dtype) and x.shape == (3, 4)
    assert x._pointer == address(a)
    back = np.asarray(x)
    assert back.dtype == a.dtype and address(back) == address(a)
    assert address(x.numpy()) == address(a)
    a[0, 0] = 0
    assert x[0, 0].item() == 0
    x[1, 1] = 0
    assert a[1, 1] == 0


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::2],
        lambda a: a[:, ::-1],
        lambda a: a.T,
        lambda a: np.broadcast_to(a[:1], (6, 4)),
        lambda a: a[2:, 1:3],
        lambda a: a[0, 0, ...],
        lambda a: a[:0],
    ],
    ids=["step", "negative", "transposed", "broadcast", "offset", "0-d", "empty"],
)
def test_non_contiguous_arrays_are_shared(view):
    a = np.arange(24.0).reshape(6, 4)
    v = view(a)
    x = td.asarray(v)
    assert x._pointer == address(v)
    assert x.shape == v.shape and x.strides == v.strides
    np.testing.assert_array_equal(np.asarray(x), v)
    np.testing.assert_array_equal(np.asarray(x + 1), v + 1)
    np.testing.assert_array_equal(np.asarray(td.script(lambda x: x * 2)(x)), v * 2)


def test_read_only_arrays_stay_read_only():
    a = np.arange(4.0)
    a.flags.writeable = False
    x = td.asarray(a)
    assert x._pointer == address(a) and not x._writable
    with pytest.raises(ValueError, match="^assignment: got a read-only tensor; need a writable one; try x.copy\\(\\)$"):
        x[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        x += 1.0
    with pytest.raises(ValueError, match="read-only"):
        x[1:].fill(0)
    assert not np.asarray(x).flags.writeable
    np.testing.assert_array_equal(a, np.arange(4.0))
    copy = x.copy()
    copy[0] = 7.0
    assert float(copy[0]) == 7


def test_arrays_that_cannot_be_shared_are_copied():
    packed = np.zeros(4, dtype=[("a", "i1"), ("b", "<f4")])
    packed["b"] = [1, 2, 3, 4]
    unaligned = packed["b"]
    assert unaligned.strides == (5,)
    x = td.asarray(unaligned)
    np.testing.assert_array_equal(np.asarray(x), [1, 2, 3, 4])
    with pytest.raises(ValueError, match="cannot be shared as it is and copy=False"):
        td.asarray(unaligned, copy=False)


def test_copy_argument():
    a = np.arange(3.0)
    assert td.asarray(a, copy=False)._pointer == address(a)
    copied = td.asarray(a, copy=True)
    assert copied._pointer != address(a)
    copied[0] = 9.0
    assert a[0] == 0
    x = td.asarray([1.0])
    assert td.asarray(x)._pointer == x._pointer
    assert td.asarray(x, copy=True)._pointer != x._pointer
    assert td.asarray(a, dtype=td.float64)._pointer == address(a)
    np.testing.assert_array_equal(np.asarray(td.asarray(a, dtype=td.int32)), [0, 1, 2])


@pytest.mark.parametrize(
    "dtype",
    [
        ">f4",
        ">i8",
        "complex256",
        "longdouble",
        "U3",
        "S2",
        "object",
        "datetime64[s]",
    ],
)
def test_unsupported_dtypes_are_refused_with_advice(dtype):
    a = np.zeros(3, dtype=dtype)
    with pytest.raises(td.DTypeError) as caught:
        td.asarray(a)
    assert str(caught.value) == (
        f"asarray: got a NumPy array of dtype {a.dtype}; need one of {', '.join(NATIVE)}; try array.astype(...)"
    )


def test_bfloat16_has_no_numpy_array():
    with pytest.raises(td.DTypeError, match="try x.astype\\(td.float32\\)"):
        np.asarray(td.ones((2,), dtype=td.bfloat16))


def test_numpy_scalars():
    """A NumPy scalar owns no memory that could be shared."""
    for dtype in NATIVE:
        many = [td.asarray(np.dtype(dtype).type(k % 2)) for k in range(50)]
        gc.collect()
        assert [x.item() for x in many] == [k % 2 for k in range(50)]
        # np.float64 is a Python float by inheritance and counts as one.
        inherited = {"float64": td.float32, "complex128": td.complex64}  # a Python float or complex by inheritance
        assert many[0].shape == () and many[0].dtype == inherited.get(dtype, getattr(td, dtype))
    x = td.asarray([1.0, 2.0])
    for k in range(50):
        assert (x + np.float32(k)).tolist() == [1.0 + k, 2.0 + k]


def test_memory_lives_as_long_as_it_is_used():
    a = np.ones(1000)
    count = sys.getrefcount(a)
    x = td.asarray(a)
    assert sys.getrefcount(a) == count + 1
    y = x[10:20]
    del x
    assert sys.getrefcount(a) == count + 1
    del y
    gc.collect()
    assert sys.getrefcount(a) == count
    view = np.asarray(td.full((1000,), 3.0))
    gc.collect()
    td.zeros((1000,))
    assert np.all(view == 3)


def test_array_protocol():
    x = td.asarray([1, 2, 3])
    assert np.array(x).tolist() == [1, 2, 3]
    assert address(np.array(x, copy=True)) != x._pointer
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.add(x, 1).tolist() == [2, 3, 4]
    assert x.__array_namespace__() is td


def test_nested_lists():
    assert td.asarray([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert td.asarray([[1, 2], [3, 4]]).dtype == td.int64
    assert td.asarray([1, 2.5]).dtype == td.float32
    assert td.asarray([True, False]).dtype == td.bool
    assert td.asarray((1, (2, 3)[0])).tolist() == [1, 2]
    assert td.asarray([]).shape == (0,)
    assert td.asarray([td.asarray(1.0), td.asarray(2.0)]).tolist() == [1.0, 2.0]
    assert td.asarray(range(3)).tolist() == [0, 1, 2]
    assert td.asarray(True).dtype == td.bool and td.asarray(3).dtype == td.int64 and td.asarray(0.5).dtype == td.float32


# ---- DLPack ----


@pytest.mark.parametrize("dtype", NATIVE)
def test_dlpack_both_ways(dtype):
    x = td.ones((2, 3), dtype=getattr(td, dtype))
    a = np.from_dlpack(x)
    assert a.dtype == np.dtype(dtype) and a.shape == (2, 3) and address(a) == x._pointer
    b = np.ones((4, 6), dtype=dtype)[::2, ::-1]
    y = td.from_dlpack(b)
    assert y._pointer == address(b) and y.shape == (2, 6) and y.strides == b.strides
    assert y.__dlpack_device__() == (1, 0)


def test_dlpack_keeps_memory_alive():
    a = np.from_dlpack(td.full((1000,), 5.0))
    gc.collect()
    td.zeros((1000,))
    assert np.all(a == 5)
    b = np.ones(10)
    count = sys.getrefcount(b)
    y = td.from_dlpack(b)
    z = y[2:]
    del y
    assert float(z.sum()) == 8
    del z
    gc.collect()
    assert sys.getrefcount(b) == count
    capsule = td.ones((3,)).__dlpack__()
    del capsule  # never consumed
    gc.collect()


def test_dlpack_writes_are_shared():
    x = td.zeros((3,))
    a = np.from_dlpack(x)
    x[0] = 4.0
    assert a[0] == 4
    b = np.zeros(3, np.float32)
    td.from_dlpack(b)[1] = 2.0
    assert b[1] == 2


def test_dlpack_refusals():
    with pytest.raises(BufferError, match="read-only"):
        td.broadcast_to(td.ones((1,)), (3,)).__dlpack__()
    with pytest.raises(TypeError, match="^from_dlpack: got 3; need an object with __dlpack__$"):
        td.from_dlpack(3)

    class Elsewhere:
        def __dlpack__(self, **_):
            raise AssertionError("must not be asked")

        def __dlpack_device__(self):
            return (4, 0)

    with pytest.raises(td.BackendError, match="on a device of kind 4"):
        td.from_dlpack(Elsewhere())


def test_dlpack_of_bfloat16_stays_within_tandem():
    x = td.asarray([1.0, 2.5]).astype(td.bfloat16)

    class Wrapped:
        def __dlpack__(self, **_):
            return x.__dlpack__()

        def __dlpack_device__(self):
            return (1, 0)

    y = td.from_dlpack(Wrapped())
    assert y.dtype == td.bfloat16 and y._pointer == x._pointer and y.tolist() == [1.0, 2.5]


# ---- printing ----

PRINTED = [
    (lambda: td.asarray([1, 2, 3]), "tensor([1, 2, 3])"),
    (lambda: td.asarray([1.0, 2.5]), "tensor([1. , 2.5], dtype=float32)"),
    (lambda: td.asarray([True, False]), "tensor([ True, False])"),
    (lambda: td.asarray(3), "tensor(3)"),
    (lambda: td.asarray(0.1), "tensor(0.1, dtype=float32)"),
    (lambda: td.asarray([[1, 2], [3, 4]]), "tensor([[1, 2],\n        [3, 4]])"),
    (lambda: td.asarray([1.5, -2.0]).astype(td.bfloat16), "tensor([ 1.5, -2. ], dtype=bfloat16)"),
    (lambda: td.asarray([np.nan, np.inf, -np.inf]), "tensor([ nan,  inf, -inf], dtype=float32)"),
    (lambda: td.zeros((0,)), "tensor([], dtype=float32)"),
    (lambda: td.zeros((2, 0), dtype=td.int64), "tensor([], shape=(2, 0))"),
    (lambda: td.asarray([1, 2], dtype=td.uint8), "tensor([1, 2], dtype=uint8)"),
    (lambda: td.asarray(np.array([1e-10, 1.0])), "tensor([1.e-10, 1.e+00], dtype=float64)"),
    (lambda: td.arange(2000), "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"),
]


@pytest.mark.parametrize(("make", "text"), PRINTED, ids=[t.splitlines()[0] for _, t in PRINTED])
def test_repr(make, text):
    assert repr(make()) == text


def test_str_is_that_of_numpy():
    for a in (
        np.arange(6).reshape(2, 3),
        np.array([0.1, 100.0], np.float32),
        np.array(2.5),
        np.zeros((2, 2, 2)),
        np.zeros((0, 3)),
    ):
        assert str(td.asarray(a)) == str(a)
        with np.printoptions(precision=2):
            assert str(td.asarray(a)) == str(a)


def test_format():
    assert f"{td.asarray(3.14159):.2f}" == "3.14"
    assert f"{td.asarray([1, 2])}" == "[1 2]"
    assert f"{td.asarray(7)}" == "7"


# ---- Python numbers ----


def test_weak_python_scalars():
    """A Python number takes the dtype of the tensor, unless it is of a higher kind."""
    for dtype in td._core._dtypes[1:]:
        x = td.ones((2,), dtype=dtype)
        assert (x + 1).dtype == dtype and (1 + x).dtype == dtype and (x * True).dtype == dtype
        assert (x + 1.5).dtype == (dtype if dtype.kind in ("float", "complex") else td.float32)
        assert td.script(lambda x: x + 1.5)(x).dtype == (x + 1.5).dtype
        assert td.script(lambda x: 2 * x)(x).dtype == dtype
    flag = td.asarray([True])
    assert (flag + 1).dtype == td.int64
    assert (flag * 1.5).dtype == td.float32
    assert td.where(flag, 1, 2).dtype == td.int64 and td.where(flag, 1, 2.0).dtype == td.float32
    assert td.maximum(td.ones((1,), dtype=td.float16), 3).dtype == td.float16


def test_scalars_are_rounded_once():
    x = td.ones((1,), dtype=td.float16)
    assert (x * 0.1).item() == float(np.float16(0.1))
    assert (td.ones((1,), dtype=td.float32) * 0.1).item() == float(np.float32(0.1))
    assert (td.ones((1,), dtype=td.float64) * 0.1).item() == 0.1


def test_zero_dimensional_tensors_are_not_weak():
    assert (td.ones((2,), dtype=td.float32) + td.asarray(1.0, dtype=td.float64)).dtype == td.float64
    assert (td.ones((2,), dtype=td.float32) + np.float64(1)).dtype == td.float32  # by inheritance a Python float


REFLECTED = [
    (lambda x: 10 - x, lambda a: 10 - a),
    (lambda x: 1 / x, lambda a: 1 / a),
    (lambda x: 2**x, lambda a: 2**a),
    (lambda x: 3 * x, lambda a: 3 * a),
    (lambda x: 3 > x, lambda a: 3 > a),
    (lambda x: 3 == x, lambda a: 3 == a),
    (lambda x: 3 <= x, lambda a: 3 <= a),
    (lambda x: x**2, lambda a: a**2),
    (lambda x: -x, lambda a: -a),
    (lambda x: +x, lambda a: +a),
    (lambda x: abs(x - 2), lambda a: abs(a - 2)),
    (lambda x: round(x / 3), lambda a: np.round(a / 3)),
]


@pytest.mark.parametrize(("on_tensor", "on_array"), REFLECTED)
def test_operators_with_numbers(on_tensor, on_array):
    a = np.array([1, 2, 3, 4], dtype=np.float32)
    want = on_array(a)
    np.testing.assert_array_equal(np.asarray(on_tensor(td.asarray(a))), want)
    np.testing.assert_array_equal(np.asarray(td.script(on_tensor)(td.asarray(a))), want)


def test_integer_operators():
    a = np.array([1, 2, 3, 12], dtype=np.int32)
    x = td.asarray(a)
    for on in (lambda v: v & 6, lambda v: 6 | v, lambda v: v ^ 5, lambda v: ~v, lambda v: v << 2, lambda v: 256 >> v):
        np.testing.assert_array_equal(np.asarray(on(x)), on(a))


def test_operators_with_arrays_give_tensors():
    x = td.asarray([1.0, 2.0])
    a = np.array([3.0, 4.0], np.float32)
    assert isinstance(x + a, td.Tensor) and (x + a).tolist() == [4.0, 6.0]
    assert td.add(a, x).tolist() == [4.0, 6.0] and td.exp(a).shape == (2,)


def test_conversions_to_python():
    assert bool(td.asarray(True)) is True and bool(td.asarray([[0.0]])) is False
    assert int(td.asarray(3.7)) == 3 and isinstance(int(td.asarray(3.7)), int)
    assert float(td.asarray(3)) == 3.0 and isinstance(float(td.asarray(3)), float)
    assert [10, 20, 30][td.asarray(1)] == 20
    assert td.asarray([[5]]).item() == 5
    assert td.asarray(np.float16(1.5)).item() == 1.5
    assert td.asarray([1.5]).astype(td.bfloat16).item() == 1.5
    assert td.asarray(np.array([2**63 - 1])).item() == 2**63 - 1
    assert td.asarray(np.array([[1, 2], [3, 4]], np.uint8)).tolist() == [[1, 2], [3, 4]]
    assert td.asarray(np.arange(6).reshape(2, 3).T).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert td.asarray(True).tolist() is True
    assert td.zeros((2, 0)).tolist() == [[], []]


def test_len_and_iteration():
    x = td.asarray([[1, 2], [3, 4], [5, 6]])
    assert len(x) == 3 and len(td.zeros((0, 3))) == 0
    assert [row.tolist() for row in x] == [[1, 2], [3, 4], [5, 6]]
    first, *rest = x
    assert first.tolist() == [1, 2] and len(rest) == 2
    assert list(td.zeros((0,))) == []
    for row in x:
        row[0] = 0
    assert x.tolist() == [[0, 2], [0, 4], [0, 6]]
    with pytest.raises(TypeError, match="got a tensor without axes; need at least one"):
        len(td.asarray(1))
    with pytest.raises(TypeError, match="got a tensor without axes; need at least one"):
        list(td.asarray(1))
    assert 3 in td.asarray([1, 3])


def test_attributes():
    x = td.zeros((2, 3), dtype=td.float64)
    assert (x.shape, x.ndim, x.size, x.nbytes, x.itemsize, x.device) == ((2, 3), 2, 6, 48, 8, "cpu")
    assert x.strides == (24, 8) and x.is_contiguous() and not x.T.is_contiguous()
    assert x.to("cpu") is x
    x.note = "free attributes are allowed"
    assert x.note


def test_fill():
    x = td.zeros((2, 3))
    x[:, 1].fill(5)
    assert x.tolist() == [[0.0, 5.0, 0.0], [0.0, 5.0, 0.0]]


def test_dtypes_by_any_name():
    for name in (td.float32, "float32", np.float32, np.dtype("float32")):
        assert td.zeros((1,), dtype=name).dtype == td.float32
    assert td.zeros((1,), dtype=float).dtype == td.float32
    assert td.zeros((1,), dtype=int).dtype == td.int64
    assert td.zeros((1,), dtype=bool).dtype == td.bool
    assert pickle.loads(pickle.dumps(td.float32)) is td.float32
    assert {td.float32: 1}[td.float32] == 1 and td.float32 != td.float64


def test_default_dtype():
    try:
        td.set_default_dtype(td.float64)
        assert td.asarray(1.5).dtype == td.zeros((1,)).dtype == td.asarray([0.5]).dtype == td.float64
        assert (td.asarray([1]) / 2).dtype == td.float64
    finally:
        td.set_default_dtype(td.float32)


def test_creation_from_others():
    x = td.ones((2, 3), dtype=td.int32)
    assert td.zeros_like(x).tolist() == [[0, 0, 0]] * 2 and td.zeros_like(x).dtype == td.int32
    assert td.ones_like(x, dtype=td.float64).dtype == td.float64
    assert td.full_like(x, 7).tolist() == [[7] * 3] * 2
    assert td.empty_like(x).shape == (2, 3) and td.empty((4,), dtype=td.int8).dtype == td.int8
    a, b = td.broadcast_arrays(td.ones((3, 1)), td.ones((4,)))
    assert a.shape == b.shape == (3, 4)
    assert td.can_cast(td.int8, td.int32) and not td.can_cast(td.float32, td.int32)
