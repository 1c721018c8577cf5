"""td.nn.functional against PyTorch, eager and compiled, for one and for two threads."""

import numpy as np
import pytest

import tandem as td
from tandem.nn import functional as F

torch = pytest.importorskip("torch", reason="torch is not installed")
G = torch.nn.functional


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def check(ours, theirs, *arrays, tolerance=1e-10):
    """Compare bits between eager, compiled and one thread, and values with PyTorch's."""
    want = theirs(*(torch.from_numpy(np.array(a)) for a in arrays)).numpy()
    tensors = [td.asarray(a) for a in arrays]
    eager = np.asarray(ours(*tensors))
    compiled = td.script(ours)
    threads = td.num_threads()
    results = [np.asarray(compiled(*tensors))]
    td.set_num_threads(1)
    try:
        results += [np.asarray(ours(*tensors)), np.asarray(compiled(*tensors))]
    finally:
        td.set_num_threads(threads)
    for other in results:
        assert other.dtype == eager.dtype and other.tobytes() == eager.tobytes()
    assert eager.shape == want.shape and eager.dtype == want.dtype
    np.testing.assert_allclose(eager, want, rtol=tolerance, atol=tolerance)


CONVOLUTIONS = [
    {},
    {"stride": 2, "padding": 1},
    {"padding": "same", "dilation": 2},
    {"groups": 2, "padding": 1},
    {"groups": 4, "stride": 2},
]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_convolution(dims, options):
    x, bias = numbers(3, 4, *(7, 6, 8)[:dims]), numbers(8)
    weight = numbers(8, 4 // options.get("groups", 1), *(3, 2, 3)[:dims])
    name = f"conv{dims}d"
    check(
        lambda a, w, b: getattr(F, name)(a, w, b, **options),
        lambda a, w, b: getattr(G, name)(a, w, b, **options),
        x,
        weight,
        bias,
    )


def test_convolution_of_float32_and_unbatched():
    x, weight = numbers(16, 9, 9).astype("float32"), numbers(8, 16, 3, 3).astype("float32")
    check(lambda a, w: F.conv2d(a, w, padding=1), lambda a, w: G.conv2d(a, w, padding=1), x, weight, tolerance=1e-4)


def test_symbolic_batch():
    weight = td.asarray(numbers(5, 2, 3, 3))

    @td.script(dynamic=True)
    def net(x):
        return F.max_pool2d(F.silu(F.conv2d(x, weight, padding=1)), 2)

    for batch in (2, 3, 4, 7):
        x = td.asarray(numbers(batch, 2, 6, 6))
        assert np.asarray(net(x)).tobytes() == np.asarray(net.eager(x)).tobytes()


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_pooling(dims):
    x = numbers(2, 3, *(8, 7, 9)[:dims])
    for options in ({"stride": None}, {"stride": 2, "padding": 1}):
        for name in (f"max_pool{dims}d", f"avg_pool{dims}d"):
            check(lambda a: getattr(F, name)(a, 3, **options), lambda a: getattr(G, name)(a, 3, **options), x)
    name = f"avg_pool{dims}d"
    check(
        lambda a: getattr(F, name)(a, 3, 2, 1, count_include_pad=False),
        lambda a: getattr(G, name)(a, 3, 2, 1, count_include_pad=False),
        x,
    )


def test_errors():
    x, weight = td.ones((1, 2, 5, 5)), td.ones((4, 2, 3, 3))
    with pytest.raises(td.ShapeError, match="conv2d: got 2 channels"):
        F.conv2d(x, weight, groups=2)
    with pytest.raises(td.Error, match="conv2d: got stride=0"):
        F.conv2d(x, weight, stride=0)
    with pytest.raises(td.ShapeError, match="conv2d: got padded sizes"):
        F.conv2d(x, weight, dilation=3)
    with pytest.raises(td.Error, match="need at most half the window"):
        F.max_pool2d(x, 2, padding=2)
