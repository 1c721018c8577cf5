"""Dtypes: limits, kinds, promotion and casting by the array API; Python numbers that a dtype does not hold."""

import itertools

import numpy as np
import pytest

import tandem as td

ALL = list(td._core._dtypes)
INTEGERS = [d for d in ALL if td.isdtype(d, "integral")]
FLOATS = [d for d in ALL if td.isdtype(d, "real floating")]
COMPLEX = [d for d in ALL if td.isdtype(d, "complex floating")]


def id_of(dtype):
    return dtype.name


def test_there_are_all_dtypes_of_the_standard():
    names = {"bool", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"}
    names |= {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    assert {d.name for d in ALL} == names
    assert all(getattr(td, d.name) is d and d.name in td.__all__ for d in ALL)


@pytest.mark.parametrize("dtype", INTEGERS, ids=id_of)
def test_iinfo(dtype):
    got, want = td.iinfo(dtype), np.iinfo(dtype.name)
    assert (got.bits, got.min, got.max, got.dtype) == (want.bits, want.min, want.max, dtype)
    assert td.iinfo(td.ones((2,), dtype=dtype)) == got
    with pytest.raises(td.DTypeError, match=f"finfo: got {dtype.name}; need a floating-point dtype; try td.iinfo"):
        td.finfo(dtype)


@pytest.mark.parametrize("dtype", FLOATS, ids=id_of)
def test_finfo(dtype):
    got = td.finfo(dtype)
    if dtype == td.bfloat16:
        want = (16, 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126)
    else:
        info = np.finfo(dtype.name)
        want = (info.bits, float(info.eps), float(info.max), float(info.smallest_normal))
    assert (got.bits, got.eps, got.max, got.smallest_normal) == want
    assert got.min == -got.max and got.dtype == dtype
    largest = td.full((), got.max, dtype=dtype)
    assert largest.item() == got.max and td.isinf(largest * 2)
    one = td.ones((), dtype=dtype)
    assert (one + got.eps).item() == 1 + got.eps and (one + got.eps / 2).item() == 1
    with pytest.raises(td.DTypeError, match=f"iinfo: got {dtype.name}; need an integer dtype; try td.finfo"):
        td.iinfo(dtype)


def test_isdtype():
    kinds = {"bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"}
    for d in ALL:
        have = {kind for kind in kinds if td.isdtype(d, kind)}
        if d == td.bool:
            assert have == {"bool"}
        elif d in COMPLEX:
            assert have == {"complex floating", "numeric"}
        elif d in FLOATS:
            assert have == {"real floating", "numeric"}
        else:
            assert have == {f"{'un' if d.name[0] == 'u' else ''}signed integer", "integral", "numeric"}
        assert td.isdtype(d, d) and td.isdtype(d, ("bool", d))
        assert not any(td.isdtype(d, other) for other in ALL if other != d)
    assert not td.isdtype(td.int8, ("bool", "real floating"))
    with pytest.raises(td.Error, match="isdtype: got the kind 'float'; need one of bool, complex floating"):
        td.isdtype(td.int8, "float")


@pytest.mark.parametrize("a", INTEGERS, ids=id_of)
def test_can_cast(a):
    for b in INTEGERS:
        low, high = td.iinfo(a).min, td.iinfo(a).max
        assert td.can_cast(a, b) == (td.iinfo(b).min <= low and high <= td.iinfo(b).max), b
    assert td.can_cast(td.ones((2,), dtype=a), td.float64)
    assert not td.can_cast(td.float32, a)


@pytest.mark.parametrize("a", INTEGERS, ids=id_of)
def test_integer_operations_need_an_integer_dtype_that_holds_both(a):
    x = td.ones((2,), dtype=a)
    for b in INTEGERS:
        y = td.ones((2,), dtype=b)
        for run in (td.bitwise_and, td.script(lambda x, y: td.bitwise_and(x, y))):
            if td.result_type(a, b) == td.float64:
                with pytest.raises(td.DTypeError, match="bitwise_and: got dtypes uint64 and a signed integer; need"):
                    run(x, y)
            else:
                assert run(x, y).dtype == td.result_type(a, b)


# ---- Python numbers ----


@pytest.mark.parametrize("dtype", INTEGERS, ids=id_of)
def test_numbers_that_do_not_fit(dtype):
    low, high = td.iinfo(dtype).min, td.iinfo(dtype).max
    x = td.zeros((2,), dtype=dtype)
    assert (x + high).tolist() == [high] * 2 and (x | low).tolist() == [low] * 2
    assert td.full((2,), high, dtype=dtype).tolist() == [high] * 2
    assert td.asarray(high, dtype=dtype).item() == high and td.asarray([low, high], dtype=dtype).tolist() == [low, high]
    x[0] = high
    assert x.tolist() == [high, 0]
    for number in (low - 1, high + 1):
        what = f"got the number {number} for {dtype.name}; need a number from {low} to {high}; try another dtype"
        for name, run in {
            "add": lambda n=number: x + n,
            "subtract": lambda n=number: n - x,
            "full": lambda n=number: td.full((2,), n, dtype=dtype),
            "asarray": lambda n=number: td.asarray(n, dtype=dtype),
            "assignment": lambda n=number: x.__setitem__(0, n),
            "fill": lambda n=number: x.fill(n),
        }.items():
            with pytest.raises(td.NumberRangeError) as caught:
                run()
            assert str(caught.value) == f"{name}: {what}"
            assert isinstance(caught.value, OverflowError)
        with pytest.raises(OverflowError, match="add: got the number"):
            td.script(lambda x, n=number: x + n)(x)
        if number.bit_length() < 64:
            with pytest.raises(OverflowError, match="asarray: got the number"):
                td.asarray([0, number], dtype=dtype)
    assert x.tolist() == [high, 0]


@pytest.mark.parametrize("dtype", INTEGERS, ids=id_of)
def test_comparisons_with_numbers_that_do_not_fit(dtype):
    """As in NumPy: every element is on one side of them."""
    a = np.array([np.iinfo(dtype.name).min, 0, 1, np.iinfo(dtype.name).max], dtype=dtype.name)
    x = td.asarray(a)
    for number in (-1, 300, -(2**40), 2**40, 2**63, 2**64, -(2**63) - 1, 10**30):
        for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
            want = getattr(np, name)(a, number).tolist()
            assert getattr(td, name)(x, number).tolist() == want, (name, number)
            assert td.script(lambda x, name=name, number=number: getattr(td, name)(x, number))(x).tolist() == want


def test_sizes_that_do_not_fit():
    """That a size fits is a guard of the captured program."""

    @td.script
    def f(x, y):
        return y + x.shape[0]

    y = td.zeros((1,), dtype=td.uint8)
    for size in (3, 7, 100, 255):
        assert f(td.zeros((size,)), y).tolist() == [size]
    with pytest.raises(OverflowError):
        f(td.zeros((256,)), y)
    assert f(td.zeros((4,)), y).tolist() == [4]


def test_large_numbers_without_a_dtype():
    assert td.asarray(2**63 - 1).dtype == td.int64
    for x in (td.asarray(2**63), td.full((), 2**63)):
        assert x.dtype == td.uint64 and x.item() == 2**63
    with pytest.raises(OverflowError):
        td.asarray(2**64)
    with pytest.raises(OverflowError, match="add: got a number beyond float64"):
        td.ones((2,)) + 10**400
    assert td.isinf(td.ones((2,)) + 10**40).all()


def test_unsigned_integers_of_64_bits_are_not_negative():
    values = [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
    a = np.array(values, dtype=np.uint64)
    x = td.asarray(a.copy())

    def program(x):
        return x // 3, x % 10, x >> 3, td.maximum(x, 7), x > 5, x.sum(), x.max(), x.argmax(), td.mean(x), x.cumsum()

    want = [a // 3, a % 10, a >> 3, np.maximum(a, 7), a > 5, a.sum(), a.max(), a.argmax(), None, a.cumsum()]
    for got in (program(x), td.script(program)(x)):
        for one, expected in zip(got, want):
            if expected is not None:
                assert np.asarray(one).dtype == expected.dtype and np.array_equal(np.asarray(one), expected)
    assert x.tolist() == values and x[5].item() == 2**64 - 1
    assert repr(x[4:]) == "tensor([ 9223372036854775808, 18446744073709551615], dtype=uint64)"
    assert float(x[5]) == 2.0**64 and int(x[5]) == 2**64 - 1


def test_unsigned_indices():
    x = td.asarray([10.0, 20.0, 30.0])
    for dtype in INTEGERS:
        i = td.asarray([2, 0], dtype=dtype)
        for run in (lambda x, i: td.take(x, i), lambda x, i: x[i]):
            assert run(x, i).tolist() == td.script(run)(x, i).tolist() == [30.0, 10.0]
    last = td.asarray([2**64 - 1], dtype=td.uint64)  # not -1
    for run in (td.take, td.script(lambda x, i: td.take(x, i)), td.script(lambda x, i: td.take(x, i) + 1)):
        with pytest.raises(IndexError, match="index: got 9223372036854775807 for axis 0 of size 3; need -3 <= index"):
            run(x, last)


def test_int_and_unsigned_are_not_mixed_up_in_the_kernel_cache():
    """One function, all dtypes of one size: the same text but for signs."""
    f = td.script(lambda x: (x >> 1, x // 2, x < 100, x.astype(td.float64)))
    for bits, sign in itertools.product((8, 16, 32, 64), ("", "u")):
        a = np.array([0, 1, 77, 200, -3]).astype(f"{sign}int{bits}")
        for got, want in zip(f(td.asarray(a)), (a >> 1, a // 2, a < 100, a.astype(np.float64))):
            assert np.array_equal(np.asarray(got), want)
