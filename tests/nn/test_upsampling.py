"""Transposed convolution and interpolation against PyTorch, eager and compiled."""

import numpy as np
import pytest
from test_functional import F, G, check, numbers

import tandem as td

TRANSPOSED = [
    {},
    {"stride": 2, "padding": 1, "output_padding": 1},
    {"groups": 2, "dilation": 2},
    {"groups": 4, "stride": 3, "padding": 2},
    {"stride": 2, "padding": 3, "output_padding": 1},
]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", TRANSPOSED, ids=str)
def test_transposed_convolution(dims, options):
    groups = options.get("groups", 1)
    x, weight, bias = numbers(2, 4, *(6, 5, 7)[:dims]), numbers(4, 3, *(3, 2, 3)[:dims]), numbers(3 * groups)
    name = f"conv_transpose{dims}d"
    check(
        lambda a, w, b: getattr(F, name)(a, w, b, **options),
        lambda a, w, b: getattr(G, name)(a, w, b, **options),
        x,
        weight,
        bias,
    )


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", [{"size": 7}, {"size": 2}, {"scale_factor": 2}, {"scale_factor": 1.5}], ids=str)
def test_interpolation(dims, options):
    x = numbers(2, 3, *(4, 5, 6)[:dims])
    check(lambda a: F.interpolate(a, **options), lambda a: G.interpolate(a, **options), x)
    mode = ("linear", "bilinear", "trilinear")[dims - 1]
    for corners in (False, True):
        more = {**options, "mode": mode, "align_corners": corners}
        check(lambda a: F.interpolate(a, **more), lambda a: G.interpolate(a, **more), x)


def test_errors_of_upsampling():
    x = td.ones((1, 2, 5, 5))
    with pytest.raises(td.Error, match="interpolate: got mode='linear'"):
        F.interpolate(x, 4, mode="linear")
    with pytest.raises(td.Error, match="conv_transpose2d: got output_padding=2"):
        F.conv_transpose2d(x, td.ones((2, 1, 3, 3)), stride=2, output_padding=2)


@pytest.mark.parametrize(
    "options",
    [
        {"scale_factor": 2},
        {"scale_factor": 3, "mode": "nearest-exact"},
        {"scale_factor": 0.5},
        {"scale_factor": 1.5, "mode": "bilinear"},
        {"scale_factor": 2, "recompute_scale_factor": True},
        {"scale_factor": 2, "mode": "bicubic", "align_corners": True},
        {"size": 7},
        {"size": 7, "mode": "bilinear"},
        {"size": 7, "mode": "area"},
        {"size": 7, "mode": "bilinear", "antialias": True},
    ],
    ids=str,
)
def test_interpolation_of_sizes_that_differ(options):
    def resized(x):
        return F.interpolate(x, **options)

    compiled = td.script(resized)
    for size in (5, 6, 9, 8, 5):  # along the way 7 becomes more, and less, than there was
        x = td.asarray(numbers(2, 3, size, size + 1))
        assert compiled(x).numpy().tobytes() == resized(x).numpy().tobytes()


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_elements_are_those_of_pytorch(mode):
    x = np.arange(24, dtype=np.float32)
    torch = pytest.importorskip("torch")
    for before in (1, 2, 5, 13, 24):
        for after in range(1, 40):
            row = x[:before].reshape(1, 1, before)
            for how in ({"size": after}, {"scale_factor": after / 7}):
                if "size" not in how and int(before * after / 7) < 1:
                    continue
                wanted = G.interpolate(torch.from_numpy(row), mode=mode, **how).numpy()
                found = F.interpolate(td.asarray(row), mode=mode, **how).numpy()
                assert found.tolist() == wanted.tolist(), (before, how)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("count", [1, 2, 4, 5])
@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 17), (2, 3, 20), (40, 33), (37, 4, 3), (2, 30000)], ids=str)
def test_resampling_is_sums_in_the_order_of_taps(shape, count, dtype):
    generator = np.random.default_rng(0)
    wide = np.float64 if dtype == "float64" else np.float32
    x = generator.standard_normal(shape).astype(dtype)
    for axis in range(len(shape)):
        places = 19
        taps = generator.integers(0, shape[axis], (places, count))
        weights = generator.standard_normal((places, count)).astype(wide)
        rows = np.moveaxis(x, axis, 0).astype(wide)
        each = [weights[:, t].reshape(-1, *(1,) * (len(shape) - 1)) for t in range(count)]
        wanted = rows[taps[:, 0]] * each[0]
        for t in range(1, count):
            wanted = wanted + rows[taps[:, t]] * each[t]
        given = td.asarray(taps), td.asarray(weights)
        found = td._core._resample(td.asarray(x), *given, axis=axis).numpy()
        assert found.tobytes() == np.ascontiguousarray(np.moveaxis(wanted, 0, axis).astype(dtype)).tobytes()

        y = generator.standard_normal((*shape[:axis], places, *shape[axis + 1 :])).astype(dtype)
        sums = np.zeros_like(rows)
        for p, row in enumerate(np.moveaxis(y, axis, 0).astype(wide)):
            for t in range(count):
                sums[taps[p, t]] += row * weights[p, t]
        back = td._core._resample_source(td.asarray(y), *given, axis=axis, size=(shape[axis],)).numpy()
        assert back.tobytes() == np.ascontiguousarray(np.moveaxis(sums, 0, axis).astype(dtype)).tobytes()
