"""What has a short axis is computed component by component: the same bits, and nothing between pairs is stored."""

import numpy as np
import pytest

import tandem as td

rng = np.random.default_rng(5)


def points(count, dimensions, dtype):
    return td.asarray(rng.standard_normal((count, dimensions)).astype(dtype))


def check(function, *arguments):
    scripted = td.script(function)
    wanted, got = function(*arguments), scripted(*arguments)
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    assert np.asarray(got).tobytes() == np.asarray(wanted).tobytes()
    return scripted


def forces(x, masses):
    between = x[None, :, :] - x[:, None, :]
    squares = (between * between).sum(axis=-1) + 1e-2
    weights = masses / (squares * td.sqrt(squares))
    return (weights[:, :, None] * between).sum(axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("count", [1, 37, 300])
def test_forces_between_all_pairs(count, dimensions, dtype):
    masses = td.asarray(rng.random(count).astype(dtype))
    check(forces, points(count, dimensions, dtype), masses)


@pytest.mark.parametrize("count", [40, 300])  # rows are vectors, or columns are
def test_no_pair_is_stored(count):
    scripted = check(forces, points(count, 3, "float32"), td.asarray(rng.random(count, dtype=np.float32)))
    program = scripted.ir("program")
    assert program.count("launch") == 1
    assert "[d0, d0]" not in program


def test_many_sizes_share_a_program():
    scripted = td.script(forces)
    for count in (5, 64, 65, 257, 300):
        x, masses = points(count, 3, "float32"), td.asarray(rng.random(count, dtype=np.float32))
        assert np.asarray(scripted(x, masses)).tobytes() == np.asarray(forces(x, masses)).tobytes()
    assert scripted.stats()["captures"] <= 2


@pytest.mark.parametrize("dimensions", [2, 3, 4])
def test_zeros_of_either_sign_are_added_as_a_sum_does(dimensions):
    x = td.asarray(np.where(rng.random((50, dimensions)) < 0.5, -0.0, 0.0).astype(np.float32))
    check(lambda x: (-x).sum(axis=1), x)
    check(lambda x: (x * 1.5).sum(axis=1, keepdims=True), x)
    check(lambda x: (x * x).sum(axis=1), x)


def test_distances_and_what_is_done_with_them():
    x, y = points(30, 3, "float32"), points(41, 3, "float32")

    def kernel(x, y):
        between = x[:, None] - y[None]
        return td.exp(-(between * between).sum(-1)).sum(-1)

    check(kernel, x, y)
    check(lambda x, y: td.abs(x[:, None] - y[None]).sum(-1).min(1), x, y)
    check(lambda x, y: td.argmin(((x[:, None] - y[None]) ** 2).sum(-1), axis=1), x, y)


def test_sums_whose_elements_are_spread_again():
    x = points(30, 3, "float32")
    check(lambda x: x / td.sqrt((x * x).sum(axis=1, keepdims=True)), x)
    check(lambda x: td.softmax(x, axis=1), x)
    check(lambda x: (td.exp(x) / td.exp(x).sum(axis=1, keepdims=True)).sum(axis=0), x)


def test_other_reductions_along_a_long_axis():
    x, w = points(500, 3, "float32"), points(500, 1, "float32")
    for name in ("max", "min", "prod", "argmax"):
        check(lambda x, w, name=name: getattr(td, name)(td.exp(w) * x, axis=0), x, w)
    check(lambda x, w: (td.exp(w) * x).mean(axis=0, keepdims=True), x, w)
    check(lambda x, w: (td.exp(w[:, 0])[:, None, None] * x[:, :, None] * x[:, None, :]).sum(axis=0), x, w)


def test_gradients_of_forces():
    def energy(x, masses):
        between = x[None, :, :] - x[:, None, :]
        squares = (between * between).sum(axis=-1) + 1e-2
        return (masses / td.sqrt(squares)).sum()

    check(td.grad(energy), points(33, 3, "float32"), td.asarray(rng.random(33, dtype=np.float32)))
