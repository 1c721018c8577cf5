"""Transposed convolution and interpolation against PyTorch, eager and compiled."""

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
