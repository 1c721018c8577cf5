"""Weights are packed once and kept with their memory: every way of writing to them must be seen."""

from collections.abc import Callable

import numpy as np
import pytest

import tandem as td
from tandem import nn

F = nn.functional


def _convolution(x, w):
    return F.conv2d(x, w, padding=1)


def _product(x, w):
    return x @ w.T


def _batch(x, w):
    return td.permute_dims(x, (1, 0, 2)) @ w.T


# The function, shapes of input and weights; large enough to be packed.
LAYERS = [
    (_convolution, (1, 16, 12, 12), (32, 16, 3, 3)),
    (_product, (40, 64), (96, 64)),
    (_batch, (6, 20, 64), (96, 64)),
]


def _add(w):
    w += 1


def _assign(w):
    w[0] = 3.0


def _assign_through_view(w):
    w.reshape((-1,))[5:9] = 2.0


def _through_numpy(w):
    np.asarray(w)[...] += 1


def _through_dlpack(w):
    np.from_dlpack(w)[...] *= 2


def _through_buffer(w):
    memoryview(w).cast("B").cast("f")[3] = 7.0


@td.script
def _step(w):
    w *= 0.5


def _scatter(w):
    w[td.asarray([1, 3])] = 0.25


WRITES = [_add, _assign, _assign_through_view, _through_numpy, _through_dlpack, _through_buffer, _step, _scatter]


def _weights(shape):
    return td.asarray(np.random.default_rng(1).standard_normal(shape).astype(np.float32)).copy()


def _fresh(layer: Callable, x, w):
    """The result with weights that nothing is known of."""
    return np.asarray(layer(x, w.copy()))


@pytest.mark.parametrize("layer, of_x, of_w", LAYERS, ids=["convolution", "product", "batch"])
@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__.strip("_"))
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_write_to_packed_weights_is_seen(layer, of_x, of_w, write, compiled):
    x, w = _weights(of_x), _weights(of_w)
    run = td.script(layer) if compiled else layer
    for _ in range(4):
        np.testing.assert_array_equal(np.asarray(run(x, w)), _fresh(layer, x, w))
    before = np.asarray(run(x, w))
    for _ in range(3):
        write(w)
        for _ in range(3):
            np.testing.assert_array_equal(np.asarray(run(x, w)), _fresh(layer, x, w))
    assert not np.array_equal(before, np.asarray(run(x, w)))


@pytest.mark.parametrize("layer, of_x, of_w", LAYERS, ids=["convolution", "product", "batch"])
def test_memory_that_numpy_gave_is_never_taken_as_unchanged(layer, of_x, of_w):
    x, array = _weights(of_x), np.random.default_rng(2).standard_normal(of_w).astype(np.float32)
    w = td.asarray(array)
    for k in range(4):
        array += k
        np.testing.assert_array_equal(np.asarray(layer(x, w)), _fresh(layer, x, w))


def test_weights_that_a_program_writes_to_are_packed_as_they_are():
    @td.script
    def twice(x, w):
        first = x @ w.T
        w += 1
        return first, x @ w.T

    x, w = _weights((40, 64)), _weights((96, 64))
    for _ in range(4):
        old = w.copy()
        first, second = twice(x, w)
        np.testing.assert_array_equal(np.asarray(first), np.asarray(x @ old.T))
        np.testing.assert_array_equal(np.asarray(second), np.asarray(x @ (old + 1).T))


def test_an_optimizer_and_a_state_dict_change_packed_weights():
    model = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.Flatten(), nn.Linear(32 * 8 * 8, 40))
    optimizer = td.optim.SGD(model.parameters(), lr=0.1)
    x = _weights((4, 16, 8, 8))
    compiled = td.script(model.forward)

    def check():
        twin = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.Flatten(), nn.Linear(32 * 8 * 8, 40))
        twin.load_state_dict(model.state_dict())
        with td.no_grad():
            for _ in range(3):
                expected = np.asarray(twin(x))
                np.testing.assert_array_equal(np.asarray(model(x)), expected)
                np.testing.assert_array_equal(np.asarray(compiled(x)), expected)

    check()
    for _ in range(2):
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
        check()
    model.load_state_dict({name: value * 0.5 for name, value in model.state_dict().items()})
    check()


def test_a_batch_with_one_matrix_is_the_product_of_its_rows():
    x, w = _weights((6, 20, 64)), _weights((96, 64))
    rows = np.asarray(x.reshape((-1, 64)) @ w.T).reshape(6, 20, 96)
    np.testing.assert_array_equal(np.asarray(x @ w.T), rows)
    np.testing.assert_array_equal(np.asarray(_batch(x, w)), rows.transpose(1, 0, 2))
    np.testing.assert_array_equal(np.asarray(td.script(_batch)(x, w)), rows.transpose(1, 0, 2))


def test_results_do_not_depend_on_threads_or_on_what_is_packed():
    x, w = _weights((2, 16, 30, 30)), _weights((40, 16, 3, 3))
    a, b = _weights((300, 500)), _weights((700, 500))
    threads = td.num_threads()
    expected = _fresh(_convolution, x, w), _fresh(_product, a, b)
    try:
        for count in (1, 2, 3, 5):
            td.set_num_threads(count)
            for _ in range(3):
                np.testing.assert_array_equal(np.asarray(_convolution(x, w)), expected[0])
                np.testing.assert_array_equal(np.asarray(_product(a, b)), expected[1])
    finally:
        td.set_num_threads(threads)
