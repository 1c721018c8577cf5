"""Resize: axis by axis, as weighted sums of the elements around the place that each new one has among the old."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.table import operator
from tandem.onnx.values import axis_of, indices, ints, known, like
from tandem.scripting.context import is_dim

Tensor = _core.Tensor


def _places(mode: str, out: Any, size: Any, scale: Any, roi: tuple[float, float] | None) -> Tensor:
    """Return where each new element lies among the old ones, as float64."""
    k = indices(out).astype(td.float64)
    full = scale * size  # the length of the result before it was rounded
    if mode == "asymmetric":
        return k / scale
    if mode == "align_corners":
        return k * 0.0 if out == 1 else k * (size - 1) / (full - 1)
    if mode == "tf_crop_and_resize":
        if roi is None:
            raise _core.ArgumentError("Resize: got tf_crop_and_resize without roi; need it")
        begin, end = roi
        first = begin * (size - 1)
        if out == 1:
            return k * 0.0 + (end - begin) * (size - 1) / 2 + first
        return k * (end - begin) * (size - 1) / (full - 1) + first
    if mode == "pytorch_half_pixel" and out == 1:
        return k * 0.0 - 0.5
    if mode == "tf_half_pixel_for_nn":
        return (k + 0.5) / scale
    if mode not in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        raise _core.ArgumentError(f"Resize: got coordinate_transformation_mode={mode!r}; need one of ONNX's")
    shift = size / 2 * (1 - out / full) if mode == "half_pixel_symmetric" else 0.0
    return (k + 0.5) / scale - 0.5 + shift


_NEAREST: dict[str, Callable[[Tensor], Tensor]] = {
    "round_prefer_floor": lambda x: td.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: td.floor(x + 0.5),
    "floor": td.floor,
    "ceil": td.ceil,
}


def _triangle(x: Tensor) -> Tensor:
    return td.maximum(1.0 - td.abs(x), like(x, 0.0))


def _cubic(a: float) -> Callable[[Tensor], Tensor]:
    def weight(x: Tensor) -> Tensor:
        x = td.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return td.where(x <= 1, near, td.where(x < 2, far, like(x, 0.0)))

    return weight


def _weighted(
    x: Tensor, axis: int, places: Tensor, weight: Callable[[Tensor], Tensor], reach: int, shrink: float, outside: bool
) -> Tensor:
    """Return sums of the elements within `reach` of each place; a weight is that of the distance times `shrink`."""
    size = x.shape[axis]
    first = td.floor(places)
    start = math.floor(-reach / shrink) + 1
    taps = [first + float(k) for k in range(start, reach - start + (2 - reach))]
    weights = [weight((tap - places) * shrink) for tap in taps]
    if outside:  # elements outside of the axis count nothing
        zero = like(places, 0.0)
        weights = [td.where(td.logical_and(t >= 0, t <= size - 1), w, zero) for t, w in zip(taps, weights, strict=True)]
    if outside or shrink < 1:
        total = weights[0]
        for each in weights[1:]:
            total = total + each
        weights = [w / total for w in weights]
    shape = tuple(-1 if k == axis else 1 for k in range(x.ndim))
    wide = x if x.dtype.kind == "float" and x.dtype.itemsize >= 4 else x.astype(td.float32)
    out: Any = None
    for tap, each in zip(taps, weights, strict=True):
        source = td.clip(tap, 0, size - 1).astype(td.int64)
        part = td.take(wide, source, axis=axis) * td.reshape(each.astype(wide.dtype), shape)
        out = part if out is None else out + part
    if x.dtype.kind == "int":
        limits = td.iinfo(x.dtype)
        out = td.clip(td.round(out), limits.min, limits.max)
    return out.astype(x.dtype)


def _resized(x: Tensor, axis: int, out: Any, scale: Any, roi: Any, settings: dict[str, Any]) -> Tensor:
    size = x.shape[axis]
    places = _places(settings["where"], out, size, scale, roi)
    mode = settings["mode"]
    if mode == "nearest":
        rounded = _NEAREST[settings["nearest"]](places) if settings["where"] != "tf_half_pixel_for_nn" else places
        result = td.take(x, td.clip(rounded, 0, size - 1).astype(td.int64), axis=axis)
    else:
        shrink = min(float(scale), 1.0) if settings["antialias"] else 1.0
        weight, reach = (_triangle, 1) if mode == "linear" else (_cubic(settings["cubic"]), 2)
        result = _weighted(x, axis, places, weight, reach, shrink, settings["outside"])
    if settings["where"] == "tf_crop_and_resize":
        inside = td.logical_and(places >= 0, places <= size - 1)
        shape = tuple(-1 if k == axis else 1 for k in range(x.ndim))
        result = td.where(inside.reshape(shape), result, like(x, settings["extrapolation"]))
    return result


@operator("Resize", until=10, static=(1,))
def resize_of_old(x: Tensor, scales: Any, *, mode: str = "nearest") -> Tensor:
    return upsample(x, scales, mode=mode)


@operator("Upsample", until=8)
def upsample_attribute(x: Tensor, *, scales: tuple[float, ...], mode: str = "nearest") -> Tensor:
    return upsample(x, scales, mode=mode)


@operator("Upsample", since=9, static=(1,))
def upsample(x: Tensor, scales: Any, *, mode: str = "nearest") -> Tensor:
    how = {"bilinear": "linear"}.get(mode, mode)
    return resize(x, None, scales, mode=how, coordinate_transformation_mode="asymmetric", nearest_mode="floor")


@operator("Resize", since=11, static=(1, 2, 3))
def resize(
    x: Tensor,
    roi: Any = None,
    scales: Any = None,
    sizes: Any = None,
    *,
    antialias: int = 0,
    axes: tuple[int, ...] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    if mode not in ("nearest", "linear", "cubic") or nearest_mode not in _NEAREST:
        raise _core.ArgumentError(f"Resize: got mode={mode!r} and nearest_mode={nearest_mode!r}; need ONNX's")
    along = tuple(range(x.ndim)) if axes is None else tuple(axis_of(k, x.ndim) for k in axes)
    shape = tuple(x.shape[k] for k in along)
    factors = () if scales is None else known(scales, "Resize: scales")
    if factors:
        new = tuple(math.floor(n * f) if not is_dim(n) else _scaled(n, f) for n, f in zip(shape, factors, strict=True))
    else:
        new = ints(sizes, "Resize: sizes")
        factors = tuple(want / have for want, have in zip(new, shape, strict=True))
        if keep_aspect_ratio_policy != "stretch":
            choose = min if keep_aspect_ratio_policy == "not_larger" else max
            factors = (choose(float(f) for f in factors),) * len(along)
            new = tuple(math.floor(n * f + 0.5) for n, f in zip(shape, factors, strict=True))
    region = known(roi, "Resize: roi") if roi is not None else ()
    settings = {
        "mode": mode,
        "where": coordinate_transformation_mode,
        "nearest": nearest_mode,
        "antialias": bool(antialias),
        "outside": bool(exclude_outside),
        "cubic": cubic_coeff_a,
        "extrapolation": extrapolation_value,
    }
    for k, axis in enumerate(along):
        if coordinate_transformation_mode != "tf_crop_and_resize" and factors[k] == 1 and new[k] is shape[k]:
            continue
        if factors[k] != 1 or new[k] != shape[k] or region:
            bounds = (region[k], region[k + len(along)]) if region else None
            x = _resized(x, axis, new[k], factors[k], bounds, settings)
    return x


def _scaled(n: Any, factor: float) -> Any:
    """Return a size that is a symbol times a factor, which stays a symbol when the factor is a whole number."""
    return n * int(factor) if factor == int(factor) else math.floor(int(n) * factor)


def bilinear_at(x: Tensor, ys: Tensor, xs: Tensor, *, zeros: bool = False, largest: bool = False) -> Tensor:
    """Return x [batch, groups, channels, height, width] between its elements, at places [batch, groups, rows, columns].

    Without groups, x is [batch, 1, channels, ...], and so is the result without that axis: [batch, channels, rows,
    columns]. zeros: what lies outside of x is zero, element by element; else a place more than one outside is, and
    others are moved to the edge. largest: the largest of the four weighted neighbours, in place of their sum.
    """
    batch, groups, channels, height, width = x.shape
    if not zeros:
        inside = (ys >= -1.0) & (ys <= height) & (xs >= -1.0) & (xs <= width)
        ys, xs = td.clip(ys, 0, height - 1), td.clip(xs, 0, width - 1)
    top, left = td.floor(ys), td.floor(xs)
    dy, dx = ys - top, xs - left
    rows, columns = ys.shape[2:]
    flat = x.reshape((batch, groups, channels, height * width))
    out: Any = None
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        y, z = top + float(down), left + float(right)
        weight = (dy if down else 1 - dy) * (dx if right else 1 - dx)
        if zeros:
            within = (y >= 0) & (y <= height - 1) & (z >= 0) & (z <= width - 1)
            weight = td.where(within, weight, like(weight, 0))
        place = td.clip(y, 0, height - 1) * width + td.clip(z, 0, width - 1)
        place = place.astype(td.int64).reshape((batch, groups, 1, rows * columns))
        seen = td.take_along_axis(flat, td.broadcast_to(place, (batch, groups, channels, rows * columns)), axis=3)
        part = seen.reshape((batch, groups, channels, rows, columns)) * td.expand_dims(weight, axis=2)
        out = part if out is None else td.maximum(out, part) if largest else out + part
    if not zeros:
        out = td.where(td.expand_dims(inside, axis=2), out, like(out, 0))
    return out if groups > 1 or zeros else out.reshape((batch, channels, rows, columns))
