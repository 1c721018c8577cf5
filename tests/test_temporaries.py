"""Expressions compute into their own intermediate results, and into nothing else."""

import functools
import itertools
import operator
import weakref

import numpy as np
import pytest

import tandem as td

COUNT = 1 << 18  # of float32: 1 MB, from where on it is done


@pytest.fixture
def x():
    return td.arange(COUNT, dtype=td.float32) % 1000


def taken(program):
    """Return how many times the memory of one operand the program needs, and its result."""
    program()
    td.reset_peak_memory()
    before = td.memory_stats()["in_use"]
    result = program()
    return (td.memory_stats()["peak"] - before) / (4 * COUNT), result


@pytest.mark.parametrize(
    "program",
    [
        lambda x: (x * 2) + x,
        lambda x: x - (x * 2),
        lambda x: 3 - (x * 2),
        lambda x: -(x + 1),
        lambda x: (x + 1) ** 2,
        lambda x: ((x + 1) / 3 - x) * 0.5 + x,
        lambda x: x + (x + (x + (x + 1))),
        lambda x: (x.reshape(512, -1) + 1) * x[:512],
        lambda x: ~(x.astype(np.int32) + 1) // 3 ^ 5,
    ],
)
def test_one_block_is_enough(program, x):
    times, result = taken(lambda: program(x))
    assert times < 1.1
    expected = program(x.numpy())
    assert result.numpy().dtype == expected.dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("program", "times"),
    [
        (lambda x: (x + 1) * 2.5j, 3),  # another dtype
        (lambda x: (x + 1) + x.astype(np.float64), 3),  # into the right one
        (lambda x: (x[:512] + 1) + x.reshape(-1, 512), 1),  # another shape
        (lambda x: (x + 1) / (x + 2), 2),
        (lambda x: (x.astype(np.int32) + 1) / 2, 3),
    ],
)
def test_where_the_result_does_not_fit(program, times, x):
    needed, result = taken(lambda: program(x))
    assert times <= needed < times + 0.1
    np.testing.assert_allclose(result.numpy(), program(x.numpy()), rtol=1e-6)


def test_the_dtype_of_the_result_is_that_of_any_other_operation(x):
    k = x.astype(td.int32)
    assert ((k + 1) / 2).dtype == td.divide(k + 1, 2).dtype
    assert ((k + 1) * x).dtype == td.multiply(k + 1, x).dtype
    assert ((k + 1) + k.astype(td.int64)).dtype == td.int64


def test_named_results_stay(x):
    y = x + 1
    before = y.numpy().copy()
    z = y * 2
    w = y
    del w
    _ = y + 1, -y, y**2, 1 - y, y + y
    assert z is not y and np.array_equal(y.numpy(), before)
    y += 1
    assert np.array_equal(y.numpy(), before + 1)


def test_views_and_bases_stay(x):
    rows = (x + 1).reshape(512, -1)
    before = rows.numpy().copy()
    _ = rows[0:] * 2, rows.T + 1, -rows[:, :]
    assert np.array_equal(rows.numpy(), before)


@pytest.mark.parametrize("lend", [np.asarray, memoryview, np.from_dlpack])
def test_memory_that_others_have_stays(lend, x):
    held = []

    def lent(y):
        held.append(lend(y))
        return y

    before = (x + 1).numpy()
    _ = lent(x + 1) * 2
    assert np.array_equal(np.asarray(held[0]), before)


def test_weak_references_find_what_they_referred_to(x):
    def referred(y):
        nonlocal reference
        reference = weakref.ref(y)
        return y

    reference = None
    z = referred(x + 1) * 2
    assert reference() is None and z is not None


def test_objects_in_arrays_stay(x):
    objects = np.empty(2, object)
    objects[0], objects[1] = x + 1, x + 2
    sums = objects + 1
    products = objects * objects
    assert np.array_equal(objects[0].numpy(), x.numpy() + 1) and np.array_equal(objects[1].numpy(), x.numpy() + 2)
    assert np.array_equal(sums[0].numpy(), x.numpy() + 2)
    assert np.array_equal(products[1].numpy(), (x.numpy() + 2) ** 2)


def test_what_iterators_keep_stays(x):
    counted = list(itertools.islice(itertools.count(x + 1, 2.0), 4))
    for step, y in enumerate(counted):
        assert np.array_equal(y.numpy(), x.numpy() + 1 + 2 * step)
    steps = itertools.count(x + 1, 2.0)
    firsts = [float(next(steps)[5]) for _ in range(4)]
    assert firsts == [6, 8, 10, 12]
    summed = list(itertools.accumulate((x + k for k in range(3)), operator.add))
    assert [float(y[1]) for y in summed] == [1, 3, 6]
    assert float(functools.reduce(operator.mul, [x + 1, x + 2])[0]) == 2
    assert float(sum([x + 1, x + 2], x + 3)[0]) == 6


def test_subclasses_and_names_of_operators(x):
    class Named(td.Tensor):
        def __add__(self, other):
            return "mine"

        def __rsub__(self, other):
            return "reflected"

    assert (x + 1).__add__(1).shape == x.shape
    assert td.Tensor.__rsub__(x, 3)[0] == 3
    assert td.Tensor.__add__(x, "text") is NotImplemented
    assert "__add__" in vars(Named)


def test_what_gradients_need_stays(x):
    def loss(y):
        return ((y + 1) * (y + 2) * 3 + (y * y) ** 2).sum()

    eager, compiled = td.grad(loss)(x), td.grad(td.script(loss))(x)
    assert eager.numpy().tobytes() == compiled.numpy().tobytes()


def test_pow_with_a_modulus_is_refused(x):
    with pytest.raises(TypeError):
        pow(x, 2, 3)


def test_eager_is_compiled(x):
    def program(y):
        return ((y + 1) * 2 - y) / (3 - (y - 2) ** 2) + (y > 3) * (y // 7 % 5)

    assert program(x).numpy().tobytes() == td.script(program)(x).numpy().tobytes()
