"""Resampling: of whole images (interpolate), at given places (grid_sample), and of channels into pixels.

Along one axis, an interpolated image is a weighted sum of a few places of the source. Which ones and how much is
computed here in float64, once per axis; the row `resample` does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem.nn._adaptive_pooling import adaptive_avg_pool
from tandem.nn._shapes import Sizes, product, sizes_of

Tensor = _core.Tensor

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def cubic(x: Tensor, a: float) -> Tensor:
    """Return the cubic kernel of Keys at x, which is 0 from 2 on; a is its slope at 1."""
    x = _core.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return _core.where(_core.less_equal(x, 1), near, _core.where(_core.less(x, 2), far, _core.zeros((), dtype=x.dtype)))


def _taps(
    size: Any, out: Any, ratio: Any, mode: str, corners: bool, antialias: bool, device: Any
) -> tuple[Tensor, Tensor]:
    """Return which places of an axis each place of the result is made of, and the weights, [out, taps] each."""
    places = _core.arange(out, dtype=_core.float64, device=device)
    if corners:
        ratio = (int(size) - 1) / (int(out) - 1) if out > 1 else 0.0
    reach = 1 if mode != "bicubic" else 2
    if antialias:
        wide = max(ratio, 1.0)
        centre = (places + 0.5) * ratio
        first = _core.maximum(_core.trunc(centre - reach * wide + 0.5), 0)
        behind = _core.minimum(_core.trunc(centre + reach * wide + 0.5), size)
        count = math.ceil(reach * wide) * 2 + 1
        taps = _core.expand_dims(first, axis=1) + _core.arange(count, dtype=_core.float64, device=device)
        away = (taps - _core.expand_dims(centre, axis=1) + 0.5) / wide
        weights = _core.maximum(1 - _core.abs(away), 0) if mode != "bicubic" else cubic(away, -0.5)
        weights = _core.where(_core.less(taps, _core.expand_dims(behind, axis=1)), weights, 0.0)
        weights = weights / _core.sum(weights, axis=1, keepdims=True)
    else:
        if not corners:
            places = (places + 0.5) * ratio - 0.5
            places = places if mode == "bicubic" else _core.maximum(places, 0)
        else:
            places = places * ratio
        low = _core.floor(places) if mode == "bicubic" else _core.minimum(_core.floor(places), size - 1)
        steps = _core.arange(1 - reach, 1 + reach, dtype=_core.float64, device=device)
        taps = _core.expand_dims(low, axis=1) + steps
        away = _core.expand_dims(places - low, axis=1) - steps
        weights = 1 - _core.abs(away) if mode != "bicubic" else cubic(away, -0.75)
    return _core.clip(taps.astype(_core.int64), 0, size - 1), weights


def _twice(x: Tensor, axis: int) -> Tensor:
    """Return every element along axis twice, in a row: by copies of whole rows or pairs, which no index is read for."""
    shape = tuple(x.shape)
    if axis == len(shape) - 1:
        pairs = _core.stack([x, x], axis=axis + 1)
    else:
        pairs = _core.broadcast_to(_core.expand_dims(x, axis=axis + 1), (*shape[: axis + 1], 2, *shape[axis + 1 :]))
    return _core.reshape(pairs, (*shape[:axis], 2 * shape[axis], *shape[axis + 1 :]))


def _nearest(x: Tensor, axis: int, out: Any, ratio: Any, shift: float) -> Tensor:
    size = x.shape[axis]
    # Of two numbers only, or the sums of the gradient would have another order than those of indices.
    if isinstance(ratio, float) and ratio == 0.5 and out == 2 * size:
        return _twice(x, axis)
    # Rounded as PyTorch does it: where a place is next to a border, rounding decides which element it is.
    wide = _core.float64 if x.dtype == _core.float64 else _core.float32
    places = _core.arange(out, dtype=wide, device=x._place) + shift
    places = (places * _core.asarray(ratio, dtype=wide, device=x._place)).astype(_core.float32)
    source = _core.minimum(_core.floor(places).astype(_core.int64), x.shape[axis] - 1)
    return _core.take(x, source, axis=axis)


def _new_sizes(
    what: str, spatial: Sequence[Any], size: Sizes | None, scale: float | Sequence[float] | None, recompute: bool
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the sizes of the result, and how far its places are apart in the source."""
    if (size is None) == (scale is None):
        raise _core.ArgumentError(f"{what}: got both or none of size and scale_factor; need one of them")
    dims = len(spatial)
    if scale is None:
        if recompute:
            raise _core.ArgumentError(f"{what}: got recompute_scale_factor and a size; need scale_factor for it")
        new = sizes_of(what, "size", size, dims, 1)  # type: ignore[arg-type]
        return new, tuple(int(old) / int(n) for old, n in zip(spatial, new, strict=True))
    factors = tuple(scale) if isinstance(scale, Sequence) else (scale,) * dims
    if len(factors) != dims or any(f <= 0 for f in factors):
        raise _core.ArgumentError(f"{what}: got scale_factor={scale}; need a positive number, or one per axis")
    # A size that differs from call to call stays one if it is multiplied by a whole number.
    new = tuple(
        old * int(f) if float(f).is_integer() else int(int(old) * float(f))
        for old, f in zip(spatial, factors, strict=True)
    )
    if any(n < 1 for n in new):
        raise _core.ShapeError(
            f"{what}: got sizes {tuple(spatial)} and scale_factor={scale}; need something to be left"
        )
    if recompute:
        return new, tuple(int(old) / int(n) for old, n in zip(spatial, new, strict=True))
    return new, tuple(1 / float(f) for f in factors)


@public
def interpolate(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample the spatial axes of [batch, channels, ...] to a size, or by a factor.

    mode: "nearest", "nearest-exact" (the centres of pixels decide), "area" (means); "linear", "bilinear" or "trilinear"
    for one, two or three spatial axes; "bicubic" for two. align_corners: the centres of the corners coincide, not
    their edges. recompute_scale_factor: distances follow from the sizes, not from the factor. antialias: when an image
    gets smaller, "bilinear" and "bicubic" average over all that a pixel covers.

    >>> td.nn.functional.interpolate(td.asarray([[[1., 2.]]]), 4)
    tensor([[[1., 1., 2., 2.]]], dtype=float32)
    """
    dims = input.ndim - 2
    smooth = (_LINEAR.get(dims), *(("bicubic",) if dims == 2 else ()))
    plain = ("nearest", "nearest-exact", "area")
    if dims not in _LINEAR or mode not in (*smooth, *plain):
        raise _core.ArgumentError(
            f"interpolate: got mode={mode!r} and the shape {input.shape}; need 'nearest', 'nearest-exact', 'area', or "
            "'linear', 'bilinear', 'trilinear' for one, two, three axes behind [batch, channels], 'bicubic' for two"
        )
    if mode in plain and align_corners is not None:
        raise _core.ArgumentError(
            f"interpolate: got align_corners with mode={mode!r}; need a linear or cubic mode for it"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise _core.ArgumentError(f"interpolate: got antialias with mode={mode!r}; need 'bilinear' or 'bicubic'")
    spatial = tuple(input.shape)[2:]
    new, ratios = _new_sizes("interpolate", spatial, size, scale_factor, bool(recompute_scale_factor))
    if mode == "area":
        return adaptive_avg_pool(dims, input, new)
    out = input
    # Rows get longer first, and shorter last: less is left to do for the other axes.
    for i in range(dims) if new[-1] < spatial[-1] else reversed(range(dims)):
        if mode in ("nearest", "nearest-exact"):
            out = _nearest(out, i + 2, new[i], ratios[i], 0.5 if mode == "nearest-exact" else 0.0)
            continue
        taps, weights = _taps(spatial[i], new[i], ratios[i], mode, bool(align_corners), antialias, input._place)
        wide = _core.float64 if input.dtype == _core.float64 else _core.float32
        out = _core._resample(out, taps, weights.astype(wide), axis=i + 2)
    return out


@public
def upsample(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Return interpolate of the same arguments.

    >>> td.nn.functional.upsample(td.ones((1, 1, 2)), scale_factor=2).shape
    (1, 1, 4)
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


@public
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Return where theta [batch, d, d + 1] maps the places of an image of size [batch, channels, ...], for grid_sample.

    Coordinates are -1 ... 1, x first.

    >>> td.nn.functional.affine_grid(td.asarray([[[1., 0., 0.], [0., 1., 0.]]]), (1, 1, 2, 2)).shape
    (1, 2, 2, 2)
    """
    spatial = tuple(size)[2:]
    dims = len(spatial)
    if dims not in (2, 3) or tuple(theta.shape) != (size[0], dims, dims + 1):
        raise _core.ShapeError(
            f"affine_grid: got theta of shape {theta.shape} and size={tuple(size)}; need [batch, 2, 3] and 4 numbers, "
            "or [batch, 3, 4] and 5"
        )
    axes = []
    for i, n in enumerate(spatial):
        places = _core.arange(n, dtype=theta.dtype, device=theta._place)
        if align_corners:
            places = places * (2 / (n - 1)) - 1 if n > 1 else places
        else:
            places = (places * 2 + 1) / n - 1
        shape = [1] * dims
        shape[i] = n
        axes.append(_core.broadcast_to(places.reshape(tuple(shape)), spatial))
    base = _core.stack([*reversed(axes), _core.ones(spatial, dtype=theta.dtype, device=theta._place)], axis=-1)
    base = base.reshape((1, -1, dims + 1))
    return _core.matmul(base, _core.matrix_transpose(theta)).reshape((size[0], *spatial, dims))


def _reflected(x: Tensor, low: float, high: float) -> Tensor:
    """Return x turned back at both ends as often as it takes."""
    span = high - low
    if span <= 0:
        return _core.zeros(x.shape, dtype=x.dtype, device=x._place)
    away = _core.abs(x - low)
    rest, turns = _core.fmod(away, span), _core.floor(away / span)
    return _core.where(_core.equal(_core.fmod(turns, 2), 0), rest, span - rest) + low


def _inside(x: Tensor, size: int, padding_mode: str, corners: bool) -> Tensor:
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, size - 1.0) if corners else _reflected(x, -0.5, size - 0.5)
    return _core.clip(x, 0, size - 1)


def _gathered(flat: Tensor, spatial: Sequence[int], coordinates: Sequence[Tensor]) -> Tensor:
    """Return what images [batch, channels, places] have at coordinates [batch, n] per axis; zeros outside."""
    index: Any = 0
    seen = None
    for n, x in zip(spatial, coordinates, strict=True):
        inside = _core.logical_and(_core.greater_equal(x, 0), _core.less_equal(x, n - 1))
        seen = inside if seen is None else _core.logical_and(seen, inside)
        index = index * n + _core.where(inside, x, 0).astype(_core.int64)
    assert seen is not None
    shape = (flat.shape[0], flat.shape[1], index.shape[-1])
    taken = _core.take_along_axis(flat, _core.broadcast_to(_core.expand_dims(index, axis=1), shape), axis=2)
    return _core.where(_core.expand_dims(seen, axis=1), taken, _core.zeros((), dtype=flat.dtype))


@public
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Tensor:
    """Sample [batch, channels, ...] at grid [batch, ..., 2 or 3]: coordinates -1 ... 1 over the image, x first.

    mode: "bilinear" (of volumes: along three axes), "nearest", "bicubic" (two axes). padding_mode: what is seen
    outside: "zeros", the "border", or the image turned back ("reflection"). align_corners: -1 and 1 are the centres of
    the corner pixels, not their edges.

    >>> x = td.asarray([[[[1., 2.], [3., 4.]]]])
    >>> td.nn.functional.grid_sample(x, td.zeros((1, 1, 1, 2)))
    tensor([[[[2.5]]]], dtype=float32)
    """
    dims = input.ndim - 2
    if dims not in (2, 3) or grid.ndim != dims + 2 or grid.shape[-1] != dims or grid.shape[0] != input.shape[0]:
        raise _core.ShapeError(
            f"grid_sample: got the shape {input.shape} and a grid of shape {grid.shape}; need [batch, channels, h, w] "
            "and [batch, ..., 2], or [batch, channels, d, h, w] and [batch, ..., 3]"
        )
    if mode not in ("bilinear", "nearest", *(("bicubic",) if dims == 2 else ())):
        raise _core.ArgumentError(
            f"grid_sample: got mode={mode!r}; need 'bilinear', 'nearest', or 'bicubic' for images"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise _core.ArgumentError(
            f"grid_sample: got padding_mode={padding_mode!r}; need 'zeros', 'border' or 'reflection'"
        )
    spatial, out = tuple(input.shape)[2:], tuple(grid.shape)[1:-1]
    batch, channels = input.shape[0], input.shape[1]
    flat, points = input.reshape((batch, channels, product(spatial))), grid.reshape((batch, product(out), dims))
    places = []
    for i, n in enumerate(spatial):
        x = points[:, :, dims - 1 - i]
        places.append((x + 1) / 2 * (n - 1) if align_corners else ((x + 1) * n - 1) / 2)
    if mode != "bicubic":
        places = [_inside(x, n, padding_mode, align_corners) for x, n in zip(places, spatial, strict=True)]
    if mode == "nearest":
        result = _gathered(flat, spatial, [_core.round(x) for x in places])
        return result.reshape((batch, channels, *out))
    lows = [_core.floor(x) for x in places]
    shares = [x - low for x, low in zip(places, lows, strict=True)]
    # Per axis: steps from the place below, and their weights.
    taps: list[list[tuple[Tensor, Tensor]]] = []
    for low, share, n in zip(lows, shares, spatial, strict=True):
        if mode == "bilinear":
            taps.append([(low, 1 - share), (low + 1, share)])
        else:
            taps.append(
                [(_inside(low + k, n, padding_mode, align_corners), cubic(share - k, -0.75)) for k in (-1, 0, 1, 2)]
            )
    total = None
    combinations: list[list[tuple[Tensor, Tensor]]] = [[]]
    for axis in taps:
        combinations = [[*chosen, tap] for chosen in combinations for tap in axis]
    for chosen in combinations:
        weight = chosen[0][1]
        for _, other in chosen[1:]:
            weight = weight * other
        term = _gathered(flat, spatial, [x for x, _ in chosen]) * _core.expand_dims(weight, axis=1)
        total = term if total is None else total + term
    assert total is not None
    return total.reshape((batch, channels, *out))


@public
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Return [..., c * r * r, h, w] as [..., c, h * r, w * r].

    >>> td.nn.functional.pixel_shuffle(td.ones((1, 8, 3, 3)), 2).shape
    (1, 2, 6, 6)
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise _core.ShapeError(
            f"pixel_shuffle: got the shape {input.shape} and upscale_factor={r}; need [..., n * {r * r}, h, w]"
        )
    *batch, channels, height, width = input.shape
    rank = len(batch)
    x = input.reshape((*batch, channels // (r * r), r, r, height, width))
    x = _core.permute_dims(x, (*range(rank + 1), rank + 3, rank + 1, rank + 4, rank + 2))
    return x.reshape((*batch, channels // (r * r), height * r, width * r))


@public
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Return [..., c, h * r, w * r] as [..., c * r * r, h, w].

    >>> td.nn.functional.pixel_unshuffle(td.ones((1, 2, 6, 6)), 2).shape
    (1, 8, 3, 3)
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise _core.ShapeError(
            f"pixel_unshuffle: got the shape {input.shape} and downscale_factor={r}; need [..., c, h, w] with h and w "
            f"multiples of {r}"
        )
    *batch, channels, height, width = input.shape
    rank = len(batch)
    x = input.reshape((*batch, channels, height // r, r, width // r, r))
    x = _core.permute_dims(x, (*range(rank + 1), rank + 2, rank + 4, rank + 1, rank + 3))
    return x.reshape((*batch, channels * r * r, height // r, width // r))


@public
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Return [batch, channels, ...] with the channels of all groups dealt out in turn.

    >>> td.nn.functional.channel_shuffle(td.asarray([[[1], [2], [3], [4]]]), 2)[0, :, 0]
    tensor([1, 3, 2, 4])
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise _core.ShapeError(
            f"channel_shuffle: got the shape {input.shape} and groups={groups}; need [batch, channels, ...], with a "
            "number of channels that the groups divide"
        )
    batch, channels, *rest = input.shape
    x = input.reshape((batch, groups, channels // groups, *rest))
    return _core.permute_dims(x, (0, 2, 1, *range(3, x.ndim))).reshape((batch, channels, *rest))
