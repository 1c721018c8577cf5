"""`x op= y` computes where x lies, without memory for the result, and nobody can tell but by the memory."""

import operator

import numpy as np
import pytest

import tandem as td

rng = np.random.default_rng(7)
OPERATORS = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
}
COUNT = 1 << 16


def peak_of(program, *args):
    """Return how many bytes a program takes beyond what is in use before it."""
    program(*args)  # programs are made, and what they keep
    td.reset_peak_memory()
    before = td.memory_stats()["in_use"]
    result = program(*args)
    peak = td.memory_stats()["peak"] - before
    del result
    return peak


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("other", ["tensor", "number", "row", "itself"])
def test_no_memory_for_the_result(name, other):
    update = OPERATORS[name]
    values = rng.uniform(1, 2, (256, COUNT // 256)).astype(np.float32)
    x = td.asarray(values.copy())
    y = {"tensor": td.asarray(values[::-1].copy()), "number": 2.0, "row": x[0].copy(), "itself": x}[other]
    apart = {"+=": td.add, "-=": td.subtract, "*=": td.multiply, "/=": td.divide}.get(name)
    expected = apart(td.asarray(values), y) if apart and other != "itself" else None

    def program():
        update(x, y)

    program()
    if expected is not None:
        assert x.numpy().tobytes() == expected.numpy().tobytes()
    assert peak_of(program) < COUNT


def test_overlapping_operands_are_read_whole_first():
    for update in (
        lambda x: operator.iadd(x[1:], x[:-1]),
        lambda x: operator.iadd(x[:-1], x[1:]),
        lambda x: operator.isub(x, x[::-1]),
        lambda x: operator.imul(x.reshape(3, 3), x.reshape(3, 3).T),
        lambda x: operator.iadd(x, x),
        lambda x: operator.iadd(x[::2], x[:5]),
    ):
        ours, theirs = td.arange(9, dtype=td.float32), np.arange(9, dtype=np.float32)
        update(ours)
        update(theirs)
        np.testing.assert_array_equal(ours.numpy(), theirs)


def test_memory_that_two_tensors_borrow():
    memory = np.arange(8, dtype=np.float32)
    x, y = td.from_dlpack(memory[1:]), td.from_dlpack(memory[:-1])
    x += y
    np.testing.assert_array_equal(memory, [0, 1, 3, 5, 7, 9, 11, 13])


def test_other_dtypes_and_shapes():
    x = td.ones((3,), dtype=td.float32)
    x += td.asarray([1.0, 2.0, 3.0], dtype=td.float64)  # computed in float64, stored in float32
    assert x.dtype == td.float32 and x.tolist() == [2.0, 3.0, 4.0]
    n = td.arange(3)
    with pytest.raises(TypeError, match="keeps the kind of number"):
        n /= 2
    assert n.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="shape"):
        x += td.ones((2, 3))
    x += td.ones((1, 3))  # NumPy drops leading axes of size 1 of what is assigned, and refuses this one; we take it
    assert x.tolist() == [3.0, 4.0, 5.0]
    low = td.ones((4,), dtype=td.float16)
    low *= 1.0001
    assert low.dtype == td.float16


def test_read_only():
    x = td.broadcast_to(td.ones((1,)), (3,))
    with pytest.raises(ValueError, match="read-only"):
        x += 1


def test_gradients_see_the_values_before():
    x = td.asarray([1.0, 2.0]).requires_grad_()
    y = x * 1
    z = y * y  # keeps y
    y += 1
    with pytest.raises(RuntimeError):
        z.sum().backward()
    with td.no_grad():
        x -= 0.5 * x
    assert x.tolist() == [0.5, 1.0] and x.requires_grad
    y = x * 1
    y *= 3
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_masked_writes_take_no_memory_but_the_mask():
    x = td.asarray(rng.standard_normal(COUNT).astype(np.float32))
    mask = x > 0

    def program():
        x[mask] = 0.0

    assert peak_of(program) < COUNT
    assert not (x > 0).any()


def test_compiled_formulas_need_memory_for_results_only():
    x, y = (td.asarray(rng.standard_normal(COUNT).astype(np.float32)) for _ in range(2))
    assert peak_of(td.script(lambda a, b: td.tanh(a * 2 + b) * a - b), x, y) <= x.nbytes + (1 << 13)


def views(x):
    return {
        "every second": x[::2],
        "backwards": x[::-1],
        "part": x[1:-1],
        "matrix": x.reshape(8, -1)[:, 1:],
        "columns": x.reshape(8, -1)[:, ::3],
        "column": x.reshape(8, -1)[:, 2],
        "transposed": x.reshape(8, -1).T,
        "turned": x.reshape(8, -1)[::-1, ::-2],
        "three axes": x.reshape(4, 4, -1)[1:, ::2, 1:-1].transpose(2, 0, 1),
        "one": x[3:4],
        "none": x[3:3],
    }


@pytest.mark.parametrize("name", views(np.zeros(480)))
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int16", "complex64"])
def test_strided_targets(name, dtype):
    x = np.arange(1, 481).astype(dtype)
    ours, theirs = td.asarray(x.copy()), x.copy()
    target, expected = views(ours)[name], views(theirs)[name]
    other = rng.integers(1, 5, expected.shape).astype(dtype)
    row = rng.integers(1, 5, expected.shape[-1:]).astype(dtype)
    for update in (operator.iadd, operator.imul, operator.isub):
        for value in (other, other.T.copy().T, other[..., ::-1], row, 3):
            target = update(target, value if isinstance(value, int) else td.asarray(value.copy()))
            expected = update(expected, value)
    np.testing.assert_array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize("target", ["float16", "float32", "int32", "complex64"])
@pytest.mark.parametrize("other", ["bool", "int8", "int64", "float32", "float64", "complex128"])
def test_operands_of_other_dtypes(target, other):
    """Computed in what both promote to, then converted, as far as the kind of number stays."""
    kept = "biufc".index(np.dtype(other).kind) <= max("biufc".index(np.dtype(target).kind), 2)
    x, y = np.arange(1, 33).astype(target), np.arange(32).astype(other)
    for part in (slice(None), slice(None, None, 2)):
        ours = td.asarray(x.copy())
        view, factor = ours[part], td.asarray(y)[part]
        if not kept:
            with pytest.raises(TypeError, match="keeps the kind of number"):
                view *= factor
            np.testing.assert_array_equal(ours.numpy(), x)
            continue
        expected = x.copy()
        expected[part] = (td.asarray(x)[part] * factor).astype(ours.dtype).numpy()
        view *= factor
        np.testing.assert_array_equal(ours.numpy(), expected)


def test_a_target_that_has_elements_twice():
    memory = np.zeros(6, np.float32)
    windows = np.lib.stride_tricks.as_strided(memory, (4, 3), (4, 4))
    ours = td.asarray(windows, copy=False)
    ours += td.ones((4, 3))  # what is read is read before anything is written
    assert memory.tolist() == [1.0] * 6


def test_disjoint_parts_of_one_tensor_take_no_memory():
    x = td.ones((COUNT,))
    m = x.reshape(256, -1)

    def program():
        even = x[::2]
        even += x[1::2]
        column = m[:, 1]
        column *= m[:, 4]

    assert peak_of(program) < COUNT // 4
