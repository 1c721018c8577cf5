"""Pooling, its inverse, columns and resampling against PyTorch, eager and compiled."""

import numpy as np
import pytest
from test_functional import F, G, check, numbers, torch

import tandem as td

SIZES = (8, 7, 9)
WINDOWS = [
    {"kernel_size": 3},
    {"kernel_size": 2, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", [*WINDOWS, {"kernel_size": 2, "stride": 2, "dilation": 3, "padding": 1}], ids=str)
def test_max_pool(dims, options):
    x = numbers(2, 3, *SIZES[:dims])
    x.flat[5] = np.nan
    ours, theirs = getattr(F, f"max_pool{dims}d"), getattr(G, f"max_pool{dims}d")
    check(lambda a: ours(a, **options), lambda a: theirs(a, **options), x)
    for i in range(2):
        check(
            lambda a: ours(a, **options, return_indices=True)[i],
            lambda a: theirs(a, **options, return_indices=True)[i],
            x,
        )
    check(lambda a: ours(a, **options), lambda a: theirs(a, **options), x[0])


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", WINDOWS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_which_of_equal_elements_is_the_largest(dims, options, dtype):
    rng = np.random.default_rng(3)
    x = rng.integers(-1, 2, (3, 4, *(9, 13, 37)[-dims:])).astype(dtype)
    x[0] = -np.inf
    x[1, 1][rng.random(x.shape[2:]) < 0.1] = np.nan
    ours = getattr(F, f"max_pool{dims}d")(td.asarray(x), **options, return_indices=True)
    theirs = getattr(G, f"max_pool{dims}d")(torch.from_numpy(x), **options, return_indices=True)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.asarray(got), want.numpy())


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_avg_pool(dims, options):
    x = numbers(2, 3, *SIZES[:dims])
    ours, theirs = getattr(F, f"avg_pool{dims}d"), getattr(G, f"avg_pool{dims}d")
    more = [{}, {"count_include_pad": False}, *([{"divisor_override": 5}] if dims > 1 else [])]
    for extra in more:
        check(lambda a: ours(a, **options, **extra), lambda a: theirs(a, **options, **extra), x)


def dilated_means(x, kernel, stride, dilation, before, size, divisor, **_):
    """The means of windows with gaps, as they are defined."""
    out = np.zeros((*x.shape[:2], *size))
    for place in np.ndindex(*size):
        total, count = 0.0, 0
        for step in np.ndindex(*kernel):
            at = [p * s - b + k * d for p, s, b, k, d in zip(place, stride, before, step, dilation)]
            inside = all(0 <= a < n for a, n in zip(at, x.shape[2:]))
            count += inside if divisor == 0 else all(a < n + b for a, n, b in zip(at, x.shape[2:], before))
            total = total + (x[(slice(None), slice(None), *at)] if inside else 0)
        out[(slice(None), slice(None), *place)] = total / (divisor if divisor > 0 else count)
    return out


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("divisor", [0, -1, 5])
def test_means_of_windows_with_gaps(dims, divisor):
    x = numbers(2, 2, *SIZES[:dims])
    attributes = {
        "kernel": (3, 2, 2),
        "stride": (2, 1, 3),
        "dilation": (2, 3, 4),
        "before": (2, 1, 2),
        "size": (4, 6, 3),
    }
    attributes = {name: each[:dims] for name, each in attributes.items()}
    attributes |= {"adaptive": False, "divisor": divisor}
    given = td.asarray(x)
    got = td._core._avg_pool(given, **attributes)
    np.testing.assert_allclose(np.asarray(got), dilated_means(x, **attributes), rtol=1e-6)
    # The transpose: <y, mean(x)> = <source(y), x>.
    y = td.asarray(numbers(*got.shape))
    source = td._core._avg_pool_source(y, **attributes, source=x.shape[2:])
    np.testing.assert_allclose(float((y * got).sum()), float((source * given).sum()), rtol=1e-6)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 3, 7, 11, "some"])
def test_adaptive_pool(dims, size):
    x = numbers(2, 3, *SIZES[:dims])
    size = (None, 4, 1)[-dims:] if size == "some" and dims > 1 else 2 if size == "some" else size
    for kind in ("avg", "max"):
        name = f"adaptive_{kind}_pool{dims}d"
        check(lambda a: getattr(F, name)(a, size), lambda a: getattr(G, name)(a, size), x)
    check(
        lambda a: getattr(F, name)(a, size, return_indices=True)[1],
        lambda a: getattr(G, name)(a, size, return_indices=True)[1],
        x,
    )


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpool_and_lp_pool(dims):
    for more in ({}, {"output_size": SIZES[:dims]}):
        # Without a size, the result is as large as what whole windows cover.
        x = numbers(2, 3, *(SIZES if more else (8, 6, 4))[:dims])
        pool, unpool = f"max_pool{dims}d", f"max_unpool{dims}d"
        check(
            lambda a: getattr(F, unpool)(*getattr(F, pool)(a, 2, return_indices=True), 2, **more),
            lambda a: getattr(G, unpool)(*getattr(G, pool)(a, 2, return_indices=True), 2, **more),
            x,
        )
    x, name = numbers(2, 3, *SIZES[:dims]), f"lp_pool{dims}d"
    for norm in (1, 2, 3):
        check(lambda a: getattr(F, name)(a, norm, 3, 2), lambda a: getattr(G, name)(a, norm, 3, 2), np.abs(x))


@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pool(dims):
    x, samples = numbers(2, 3, *SIZES[:dims]), np.random.default_rng(0).random((2, 3, dims))
    name = f"fractional_max_pool{dims}d"
    for i in range(2):
        options = {"kernel_size": 2, "output_size": (4, 3, 5)[:dims], "return_indices": True}
        check(
            lambda a, s: getattr(F, name)(a, **options, _random_samples=s)[i],
            lambda a, s: getattr(G, name)(a, **options, _random_samples=s)[i],
            x,
            samples,
        )
    assert getattr(F, name)(td.asarray(x), 2, output_ratio=0.5).shape == (2, 3, *(n // 2 for n in SIZES[:dims]))


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": (1, 2)}], ids=str)
def test_unfold_and_fold(options):
    x = numbers(2, 3, 8, 7)
    check(lambda a: F.unfold(a, (3, 2), **options), lambda a: G.unfold(a, (3, 2), **options), x)
    columns = G.unfold(torch.from_numpy(x), (3, 2), **options).numpy()
    check(lambda a: F.fold(a, (8, 7), (3, 2), **options), lambda a: G.fold(a, (8, 7), (3, 2), **options), columns)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 7, 13, 1])
def test_interpolation_to_a_size(dims, size):
    x = numbers(2, 3, *SIZES[:dims])
    for mode in ("nearest", "nearest-exact", "area"):
        check(lambda a: F.interpolate(a, size, mode=mode), lambda a: G.interpolate(a, size, mode=mode), x)
    for mode in (("linear", "bilinear", "trilinear")[dims - 1], *(("bicubic",) if dims == 2 else ())):
        for corners in (False, True):
            options = {"mode": mode, "align_corners": corners}
            check(lambda a: F.interpolate(a, size, **options), lambda a: G.interpolate(a, size, **options), x)
            if dims == 2:
                more = {**options, "antialias": True}
                check(lambda a: F.interpolate(a, size, **more), lambda a: G.interpolate(a, size, **more), x)


@pytest.mark.parametrize("factor", [0.4, 1.7, 3, (2.5, 0.6)])
@pytest.mark.parametrize("recompute", [None, True])
def test_interpolation_by_a_factor(factor, recompute):
    x = numbers(2, 3, 8, 7)
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        options = {"scale_factor": factor, "mode": mode, "recompute_scale_factor": recompute}
        check(lambda a: F.interpolate(a, **options), lambda a: G.interpolate(a, **options), x, tolerance=1e-6)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_grid_sample(padding, corners):
    options = {"padding_mode": padding, "align_corners": corners}
    x, grid = numbers(2, 3, 6, 5), numbers(2, 4, 7, 2) * 1.5
    for mode in ("bilinear", "nearest", "bicubic"):
        check(
            lambda a, g: F.grid_sample(a, g, mode, **options),
            lambda a, g: G.grid_sample(a, g, mode, **options),
            x,
            grid,
        )
    x, grid = numbers(2, 3, 4, 6, 5), numbers(2, 2, 4, 3, 3) * 1.5
    for mode in ("bilinear", "nearest"):
        check(
            lambda a, g: F.grid_sample(a, g, mode, **options),
            lambda a, g: G.grid_sample(a, g, mode, **options),
            x,
            grid,
        )
    for size in ((2, 1, 3, 4), (2, 1, 3, 4, 5)):
        theta = numbers(2, len(size) - 2, len(size) - 1)
        check(lambda t: F.affine_grid(t, size, corners), lambda t: G.affine_grid(t, size, corners), theta)


def test_shuffles():
    x = numbers(2, 8, 6, 4)
    check(lambda a: F.pixel_shuffle(a, 2), lambda a: G.pixel_shuffle(a, 2), x)
    check(lambda a: F.pixel_unshuffle(a, 2), lambda a: G.pixel_unshuffle(a, 2), x)
    check(lambda a: F.channel_shuffle(a, 4), lambda a: torch.nn.ChannelShuffle(4)(a), x)


def test_errors():
    x = td.ones((1, 2, 5, 5))
    for call, message in (
        (lambda: F.max_pool2d(x, 7), "max_pool2d: got sizes"),
        (lambda: F.avg_pool2d(x, 2, divisor_override=0), "avg_pool2d: got divisor_override=0"),
        (lambda: F.adaptive_avg_pool2d(x, (1, 2, 3)), "adaptive_avg_pool2d: got output_size"),
        (lambda: F.max_unpool2d(x, x, 2, output_size=(40, 40)), "max_unpool2d: got output_size"),
        (lambda: F.fold(td.ones((1, 9, 4)), 5, 3), "fold: got the shape"),
        (lambda: F.interpolate(x, 4, mode="area", align_corners=True), "interpolate: got align_corners"),
        (lambda: F.grid_sample(x, td.ones((1, 2, 2, 3))), "grid_sample: got the shape"),
        (lambda: F.pixel_shuffle(x, 2), "pixel_shuffle: got the shape"),
    ):
        with pytest.raises(td.Error, match=message):
            call()
