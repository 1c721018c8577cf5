"""Functions of elements made block by block: the same bits as at once, and little memory besides the result."""

import warnings

import numpy as np
import pytest

import tandem as td

TABLE = [-1.0, 0.0, 0.5, 2.0], [3.0, -1.0, 4.0, 1.0]
PROGRAMS = {
    "interp": lambda x, k: td.interp(x, *(td.asarray(each, dtype=x.dtype) for each in TABLE)),
    "frexp": lambda x, k: td.frexp(x),
    "modf": lambda x, k: td.modf(x),
    "heaviside": lambda x, k: td.heaviside(td.round(x), td.asarray(0.5, dtype=x.dtype)),
    "bitwise_count": lambda x, k: td.bitwise_count(k),
    "gcd": lambda x, k: td.gcd(k, k[::-1]),
    "lcm": lambda x, k: td.lcm(k, td.asarray(12)),
}


def operands(count, dtype=np.float32):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, count)).astype(dtype)
    x[0, :3] = np.nan, np.inf, -0.0
    return td.asarray(x), td.asarray(rng.integers(1, 99, (3, count)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_in_blocks(name):
    x, k = operands(20_001)
    whole = PROGRAMS[name](x, k)
    whole = whole if isinstance(whole, tuple) else (whole,)
    halves = [PROGRAMS[name](x[:, part], k[:, part]) for part in (slice(0, 10_000), slice(10_000, None))]
    for n, result in enumerate(whole):
        parts = [half[n] if isinstance(half, tuple) else half for half in halves]
        assert result.shape == x.shape
        np.testing.assert_array_equal(result.numpy(), np.concatenate([p.numpy() for p in parts], axis=1))


def test_compiled_code_takes_all_at_once():
    x, k = operands(20_001)
    program = PROGRAMS["interp"]
    assert td.script(program)(x, k).numpy().tobytes() == program(x, k).numpy().tobytes()
    slope = td.grad(lambda x: td.sum(program(x, k)))(x[1:])
    assert slope.shape == (2, 20_001) and set(np.unique(slope.numpy())) <= {0.0, -4.0, 10.0, -2.0}


@pytest.mark.parametrize("name", ["interp", "bitwise_count", "gcd"])
def test_memory(name):
    x, k = operands(1 << 18, np.float64)
    PROGRAMS[name](x, k)
    td.reset_peak_memory()
    before = td.memory_stats()["in_use"]
    result = PROGRAMS[name](x, k)
    copies = k.nbytes if name == "gcd" else 0  # of the rows in another order
    assert td.memory_stats()["peak"] - before <= result.nbytes + copies + (1 << 21)


def test_operands_of_different_shapes_and_layouts():
    """Operands broadcast, and views are read where they lie."""
    rng = np.random.default_rng(7)
    a, row, column = rng.standard_normal((300, 211)), rng.standard_normal(211), rng.standard_normal((300, 1))
    k = rng.integers(0, 3, (300, 211))
    x, r, c, n = (td.asarray(each) for each in (a, row, column, k))
    for library, x, r, c, n in ((np, a, row, column, k), (td, x, r, c, n)):
        made = [
            library.choose(n, [x, r, c]),
            library.choose(n.T[::-1], [x.T, c[:, 0], 7.5]),
            library.choose(n[:1] % 2, [r, c]),
            library.select([n > 1, r > 0], [x, c], 3.0),
            library.gcd(n[::2, ::-1], n[:150, :1]),
        ]
        if library is np:
            want = made
    for got, wanted in zip(made, want):
        assert got.shape == wanted.shape and got.dtype.name == wanted.dtype.name
        np.testing.assert_array_equal(got.numpy(), wanted)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int64"])
@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
def test_choices(mode, dtype):
    """NumPy's elements, in blocks, at once and compiled; what is out of range raises in all of them."""
    rng = np.random.default_rng(8)
    for count in (10, 40_000):
        at = rng.integers(0, 2 if dtype == "bool" else 5, count).astype(dtype)
        choices = [
            rng.integers(0, 99, count),
            7,
            rng.standard_normal(count),
            rng.integers(0, 9, 1),
            rng.standard_normal(count),
        ]
        given = [td.asarray(c) if isinstance(c, np.ndarray) else c for c in choices]
        compiled = td.script(lambda at, a, c, d, e: td.choose(at, [a, 7, c, d, e], mode=mode))
        arrays = [each for each in given if isinstance(each, td.Tensor)]
        want = np.choose(at, choices, mode=mode)
        for got in (td.choose(td.asarray(at), given, mode=mode), compiled(td.asarray(at), *arrays)):
            np.testing.assert_array_equal(got.numpy(), want)
        for bad in () if dtype == "bool" else (5, 100, -1) if dtype != "uint8" else (5, 255):
            at[-1] = bad
            if mode == "raise":
                with pytest.raises(IndexError):
                    td.choose(td.asarray(at), given)
                with pytest.raises(IndexError):
                    compiled(td.asarray(at), *arrays).numpy()
            else:
                want = np.choose(at, choices, mode=mode)
                np.testing.assert_array_equal(td.choose(td.asarray(at), given, mode=mode).numpy(), want)
                np.testing.assert_array_equal(compiled(td.asarray(at), *arrays).numpy(), want)


def test_gradients_of_choices_and_blocks():
    at = td.asarray([0, 1, 1])
    a, b = td.asarray([1.0, 2.0, 3.0]).requires_grad_(), td.asarray([4.0, 5.0, 6.0]).requires_grad_()
    (td.choose(at, [a * 2, b * 3]) * td.asarray([1.0, 10.0, 100.0])).sum().backward()
    assert a.grad.tolist() == [2.0, 0.0, 0.0] and b.grad.tolist() == [0.0, 30.0, 300.0]
    x = td.ones((200, 100)).requires_grad_()
    td.block([[x, 2 * x], [td.zeros((3, 200))]]).sum().backward()
    assert (x.grad.numpy() == 3.0).all()


@pytest.mark.parametrize("size", [3, 150])
def test_nested_blocks(size):
    """Joined where they are few, written to their places where they are many."""
    rng = np.random.default_rng(9)
    m, n = rng.standard_normal((2, size, size)).astype(np.float32)
    k, v = rng.integers(0, 9, (size, 2)), rng.standard_normal(size)
    for nest in (
        [[m, n], [n, m]],
        [[m, k], [v, 1, 2]],
        [m, n],
        [v, v, 1],
        [[[m], [n]], [[n], [m]]],
        [[m.T[::-1]], [v]],
        [[m], [np.zeros((0, size), np.int8)]],
        m,
    ):

        def tensors(part):
            return [tensors(p) for p in part] if isinstance(part, list) else td.asarray(part)

        def strong(part):
            return [strong(p) for p in part] if isinstance(part, list) else np.asarray(td.asarray(part))

        got, want = td.block(tensors(nest)), np.block(strong(nest))
        assert got.shape == want.shape and got.dtype.name == want.dtype.name
        np.testing.assert_array_equal(got.numpy(), want)
        np.testing.assert_array_equal(td.trace(lambda: td.block(tensors(nest)))().numpy(), want)
    with pytest.raises(td.ShapeError, match="got shapes"):
        td.block([[td.ones((size, size)), td.ones((size + 1, size))]])


@pytest.mark.parametrize("shape", [(700, 130), (3, 40_000), (90_000,), (5, 7, 2000), (40_000, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_rows_with_nans_in_blocks(shape, dtype):
    """The same bits as row for row."""
    x = np.round(np.random.default_rng(10).standard_normal(shape) * 50).astype(dtype)
    if dtype != "int32":
        x[np.random.default_rng(11).random(shape) < 0.3] = np.nan
        x[(0,) * (len(shape) - 1)] = np.nan
    tensor = td.asarray(x)
    programs = [
        lambda x, axis: td.nanmedian(x, axis=axis),
        lambda x, axis: td.nanpercentile(x, [0, 30, 77.5], axis=axis),
        lambda x, axis: td.nanquantile(x, 0.4, axis=axis, method="lower"),
    ]
    for axis in range(len(shape)):
        for program in programs:
            got, compiled = program(tensor, axis), td.trace(lambda x: program(x, axis))(tensor)
            assert got.numpy().tobytes() == compiled.numpy().tobytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rows of nothing but NaN
            want = np.nanmedian(x.astype(np.float64), axis=axis)
        np.testing.assert_allclose(
            td.nanmedian(tensor, axis=axis).numpy(), want, rtol=1e-3 if dtype == "float16" else 1e-6
        )


@pytest.mark.parametrize("size", [5, 400])
def test_moved_and_repeated(size):
    x = np.random.default_rng(12).standard_normal((size, size + 1, 2)).astype(np.float32)
    y = td.asarray(x)
    for shift, axis in (
        ((3, -2), (0, 1)),
        ((size, 1, 1), (0, 1, 2)),
        ((1, 2), (0, 0)),
        ((7, 0, 5), (2, 1, 0)),
        (4, (0, 1)),
    ):
        for array, tensor in ((x, y), (x[::-1, ::2], y[::-1, ::2]), (x[:0], y[:0])):
            got = td.roll(tensor, shift, axis=axis)
            assert got.numpy().tobytes() == np.roll(array, shift, axis=axis).tobytes()
            assert td.trace(lambda x: td.roll(x, shift, axis=axis))(tensor).numpy().tobytes() == got.numpy().tobytes()
    for shape in (3, (7, size), (2, size, 2 * size), (0, 4)):
        want = np.resize(x[:3, :2], shape)
        assert (td.resize(y[:3, :2], shape).numpy() == want).all() and td.resize(y[:3, :2], shape).shape == want.shape
        assert (td.trace(lambda x: td.resize(x[:3, :2], shape))(y).numpy() == want).all()
    at = td.ones((3, 4)).requires_grad_()
    (td.roll(at, (1, 1), axis=(0, 1)) * td.asarray(np.arange(12.0).reshape(3, 4))).sum().backward()
    assert (at.grad.numpy() == np.roll(np.arange(12.0).reshape(3, 4), (-1, -1), axis=(0, 1))).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_reductions_without_nans_in_blocks(dtype):
    """Row for row the bits of all at once, which compiled code computes."""
    x = np.round(np.random.default_rng(13).standard_normal((700, 130)) * 50).astype(dtype)
    if dtype != "int32":
        x[np.random.default_rng(14).random(x.shape) < 0.3] = np.nan
        x[3] = np.nan
    for name in ("nanmax", "nanmin", "nanvar", "nanstd"):
        for axis in (-1, 1, 0, None):
            for keepdims in (False, True):

                def program(x, name=name, axis=axis, keepdims=keepdims):
                    return getattr(td, name)(x, axis=axis, keepdims=keepdims)

                got, compiled = program(td.asarray(x)), td.script(program)(td.asarray(x))
                assert got.shape == compiled.shape and got.numpy().tobytes() == compiled.numpy().tobytes()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    want = getattr(np, name)(x.astype(np.float64), axis=axis, keepdims=keepdims)
                assert got.shape == want.shape
                np.testing.assert_allclose(got.numpy(), want, rtol=2e-3 if dtype == "float16" else 1e-5)


def test_writes_in_blocks():
    """In place, to views, also where what is written lies in the same memory."""
    rng = np.random.default_rng(15)
    x = rng.standard_normal((300, 200)).astype(np.float32)
    x[::7, ::3], x[5, 5], x[6, 6] = np.nan, np.inf, -np.inf
    mask = rng.random(x.shape) < 0.5
    writes = [
        lambda library, x, mask: library.nan_to_num(x[::2, ::-1], copy=False, nan=3.0),
        lambda library, x, mask: library.copyto(x, x[::-1].copy(), where=mask),
        lambda library, x, mask: library.copyto(x, x[::-1], where=mask),
        lambda library, x, mask: library.copyto(x[:, ::2], x[0, ::2], where=mask[:, :100]),
        lambda library, x, mask: library.put(x, [3, -1, 40_000], [1.0, 2.0]),
        lambda library, x, mask: library.put(x[:, ::2], [3, 5], 7.0),
        lambda library, x, mask: library.fill_diagonal(x[:200], 5.0),
    ]
    for write in writes:
        array, tensor = x.copy(), td.asarray(x.copy())
        write(np, array, mask)
        write(td, tensor, td.asarray(mask))
        np.testing.assert_array_equal(tensor.numpy(), array)
