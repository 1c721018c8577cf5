"""The rows behind convolution, pooling and resampling against plain NumPy loops, and their gradients as adjoints."""

import itertools

import numpy as np
import pytest

import tandem as td
from tandem import _core
from tandem.nn import functional as F


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def correlate(x, w, stride, dilation, before, after, groups):
    """A convolution as its definition says."""
    dims = len(stride)
    x = np.pad(x, ((0, 0), (0, 0), *zip(before, [max(a, 0) for a in after], strict=True)))
    kernel = w.shape[2:]
    sizes = [
        (n + min(a, 0) - d * (k - 1) - 1) // s + 1
        for n, a, k, s, d in zip(x.shape[2:], after, kernel, stride, dilation, strict=True)
    ]
    each_in, each_out = w.shape[1], w.shape[0] // groups
    out = np.zeros((x.shape[0], w.shape[0], *sizes), x.dtype)
    for place in itertools.product(*(range(k) for k in kernel)):
        view = tuple(
            slice(p * d, p * d + (n - 1) * s + 1, s) for p, d, n, s in zip(place, dilation, sizes, stride, strict=True)
        )
        seen = x[(slice(None), slice(None), *view)]
        for g in range(groups):
            taps = w[(slice(g * each_out, (g + 1) * each_out), slice(None), *place)]
            part = seen[:, g * each_in : (g + 1) * each_in]
            out[:, g * each_out : (g + 1) * each_out] += np.einsum("oc,nc...->no...", taps, part)
    assert dims == len(sizes)
    return out


# batch, groups, in and out per group, size, kernel, stride, dilation, before, after
PROBLEMS = [
    (2, 1, 3, 4, (9,), (3,), (2,), (1,), (1,), (0,)),
    (3, 2, 2, 3, (7, 6), (3, 2), (1, 2), (1, 2), (1, 0), (2, 1)),
    (1, 1, 16, 32, (20, 20), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1)),
    (9, 1, 8, 16, (15, 11), (3, 3), (2, 2), (1, 1), (1, 1), (1, 0)),
    (2, 24, 1, 1, (18, 19), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1)),
    (2, 4, 8, 8, (10, 10), (3, 3), (1, 1), (2, 2), (2, 2), (2, 2)),
    (2, 1, 5, 6, (5, 6, 7), (2, 3, 3), (1, 1, 2), (1, 1, 1), (0, 1, 1), (1, 1, 0)),
    (1, 1, 4, 8, (300,), (9,), (3,), (1,), (4,), (4,)),
    (2, 1, 4, 6, (9, 9), (1, 1), (2, 2), (1, 1), (0, 0), (-1, 0)),
    (2, 1, 3, 16, (260, 130), (7, 7), (2, 2), (1, 1), (3, 3), (3, 3)),
    (1, 1, 96, 200, (6, 6), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1)),
]


def arrays_of(problem):
    batch, groups, each_in, each_out, size, kernel, *_ = problem
    x = numbers(batch, groups * each_in, *size)
    return x, numbers(groups * each_out, each_in, *kernel, seed=1), numbers(groups * each_out, seed=2)


def attributes_of(problem):
    stride, dilation, before, after = problem[6:]
    return {"stride": stride, "dilation": dilation, "before": before, "groups": problem[1], "after": after}


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16", "int32"])
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_convolution(problem, dtype):
    x, w, bias = arrays_of(problem)
    if dtype == "int32":
        x, w, bias = ((a * 10).astype("int32") for a in (x, w, bias))
    x, w, bias = (td.asarray(a).astype(getattr(td, dtype)) for a in (x, w, bias))
    attributes = attributes_of(problem)
    wide = td.int32 if dtype == "int32" else td.float64
    want = correlate(
        *(np.asarray(a.astype(wide)) for a in (x, w)),
        *(attributes[k] for k in ("stride", "dilation")),
        attributes["before"],
        attributes["after"],
        attributes["groups"],
    )
    want = want + np.asarray(bias.astype(wide)).reshape((-1, *(1,) * (want.ndim - 2)))
    compiled = td.script(lambda *given: _core._convolution(*given, **attributes))
    threads = td.num_threads()
    results = []
    for count in (1, threads):
        td.set_num_threads(count)
        try:
            results += [_core._convolution(x, w, bias, **attributes), compiled(x, w, bias)]
        finally:
            td.set_num_threads(threads)
    bits = {np.asarray(out.astype(td.float32 if dtype == "bfloat16" else out.dtype)).tobytes() for out in results}
    assert len(bits) == 1
    got = np.asarray(results[0].astype(wide))
    tolerance = {"float64": 1e-11, "float32": 2e-5, "bfloat16": 2e-2, "float16": 2e-3, "int32": 0}[dtype]
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * np.abs(want).max())


def check_adjoint(name, inputs, params, tolerance):
    """<gradient, d> equals the change of <upstream, f> in direction d: f is linear in each input."""
    tensors = [td.asarray(a) for a in inputs]
    out = np.asarray(_core._internal(name, *tensors, *params))
    upstream = numbers(*out.shape, seed=7).astype(out.dtype)
    gradients = _core._gradient(name, tensors, params, td.asarray(upstream))
    for i, gradient in enumerate(gradients):
        direction = numbers(*inputs[i].shape, seed=8).astype(inputs[i].dtype)
        moved = list(tensors)
        moved[i] = td.asarray(direction)
        if len(inputs) > 2:  # without the bias' own part
            moved[2] = td.asarray(direction if i == 2 else np.zeros_like(inputs[2]))
        if i == 2:
            moved[0] = td.zeros(inputs[0].shape, dtype=moved[0].dtype)
        want = np.vdot(upstream.astype("f8"), np.asarray(_core._internal(name, *moved, *params)).astype("f8"))
        got = np.vdot(np.asarray(gradient).astype("f8"), direction.astype("f8"))
        scale = np.linalg.norm(upstream) * np.linalg.norm(direction) * np.sqrt(inputs[0].size)
        assert gradient.shape == tensors[i].shape
        assert abs(got - want) <= tolerance * scale


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_gradients_of_convolution(problem, dtype):
    x, w, bias = (a.astype(dtype) for a in arrays_of(problem))
    stride, dilation, before, after = problem[6:]
    params = [list(stride), list(dilation), list(before), problem[1]]
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    check_adjoint("convolution", [x, w, bias], [*params, list(after)], tolerance)
    y = np.asarray(_core._convolution(td.asarray(x), td.asarray(w), **attributes_of(problem)))
    channels = numbers(x.shape[1], seed=5).astype(dtype)
    check_adjoint("convolution_source", [y, w, channels], [*params, list(x.shape[2:])], tolerance)
    check_adjoint("convolution_weights", [x, y], [*params, list(w.shape[2:])], tolerance)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_transposes_do_not_depend_on_threads(problem, dtype):
    x, w, _ = (td.asarray(a).astype(getattr(td, dtype)) for a in arrays_of(problem))
    attributes = attributes_of(problem)
    y = _core._convolution(x, w, **attributes)
    common = {k: attributes[k] for k in ("stride", "dilation", "before", "groups")}
    threads = td.num_threads()
    results = []
    for count in (1, threads):
        td.set_num_threads(count)
        try:
            results.append(
                [
                    _core._convolution_source(y, w, **common, size=tuple(x.shape)[2:]),
                    _core._convolution_weights(x, y, **common, kernel=tuple(w.shape)[2:]),
                ]
            )
        finally:
            td.set_num_threads(threads)
    wide = [t.astype(td.float64) for t in (x, w, y)]
    exact = [
        _core._convolution_source(wide[2], wide[1], **common, size=tuple(x.shape)[2:]),
        _core._convolution_weights(wide[0], wide[2], **common, kernel=tuple(w.shape)[2:]),
    ]
    tolerance = {"float64": 0, "float32": 2e-5, "bfloat16": 2e-2, "float16": 2e-3}[dtype]
    for one, many, want in zip(*results, exact, strict=True):
        one, many, want = (np.asarray(t.astype(td.float64)) for t in (one, many, want))
        assert one.tobytes() == many.tobytes()
        np.testing.assert_allclose(one, want, rtol=tolerance, atol=tolerance * np.abs(want).max())


def test_convolution_of_nothing():
    w, bias = td.ones((4, 2, 3, 3)), td.asarray(np.arange(4.0, dtype="f4"))
    assert F.conv2d(td.ones((0, 2, 5, 5)), w, bias).shape == (0, 4, 3, 3)
    no_channels = F.conv2d(td.ones((1, 0, 5, 5)), td.ones((4, 0, 3, 3)), bias)
    np.testing.assert_array_equal(np.asarray(no_channels)[0, :, 0, 0], np.arange(4.0))
    assert not np.asarray(F.conv_transpose2d(td.ones((1, 0, 5, 5)), td.ones((0, 4, 3, 3)))).any()


def test_complex_convolution():
    x, w = (
        numbers(2, 3, 6, 6) + 1j * numbers(2, 3, 6, 6, seed=1),
        numbers(4, 3, 3, 3) + 1j * numbers(4, 3, 3, 3, seed=1),
    )
    got = F.conv2d(td.asarray(x), td.asarray(w), td.asarray(numbers(4) + 1j), padding=1)
    want = correlate(x, w, (1, 1), (1, 1), (1, 1), (1, 1), 1) + (numbers(4) + 1j).reshape((-1, 1, 1))
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-11)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_of_pooling(dtype):
    x = numbers(2, 3, 7, 8).astype(dtype)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    windows = [[3, 2], [2, 2], [1, 1], [1, 0], [4, 4]]
    for adaptive, divisor in ((False, 0), (False, -1), (False, 5), (True, 0)):
        params = [*windows, adaptive, divisor]
        check_adjoint("avg_pool", [x], params, tolerance)
        y = numbers(2, 3, 4, 4).astype(dtype)
        check_adjoint("avg_pool_source", [y], [*params, [7, 8]], tolerance)
    upstream = td.asarray(numbers(2, 3, 4, 4).astype(dtype))
    params = [*windows, False, 0]
    (gradient,) = _core._gradient("max_pool", [td.asarray(x)], params, upstream)
    places = np.asarray(_core._max_pool_indices(td.asarray(x), *params)).reshape((2, 3, -1))
    want = np.zeros((2, 3, 56), dtype)
    for n, c, i in itertools.product(range(2), range(3), range(16)):
        want[n, c, places[n, c, i]] += np.asarray(upstream).reshape((2, 3, -1))[n, c, i]
    np.testing.assert_allclose(np.asarray(gradient), want.reshape(x.shape), rtol=1e-6)
    scattered = _core._gradient(
        "scatter_planes", [upstream, td.asarray(places.reshape((2, 3, 4, 4)))], [[7, 8], True], td.asarray(x)
    )
    np.testing.assert_array_equal(
        np.asarray(scattered[0]).reshape((2, 3, -1)), np.take_along_axis(x.reshape((2, 3, -1)), places, axis=2)
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gradients_of_resampling(axis):
    x = numbers(4, 5, 6)
    taps = np.random.default_rng(0).integers(0, x.shape[axis], (9, 3))
    weights = numbers(9, 3)
    out = np.asarray(_core._resample(td.asarray(x), td.asarray(taps), td.asarray(weights), axis=axis))
    moved = np.moveaxis(x, axis, 0)
    want = np.moveaxis(np.einsum("nk,nk...->n...", weights, moved[taps]), 0, axis)
    np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-12)
    upstream = numbers(*out.shape, seed=3)
    given = [td.asarray(x), td.asarray(taps), td.asarray(weights)]
    gradient, *none = _core._gradient("resample", given, [axis], td.asarray(upstream))
    np.testing.assert_allclose(np.vdot(np.asarray(gradient), x), np.vdot(upstream, out), rtol=1e-10)
    assert none == [None, None]
    back, *_ = _core._gradient(
        "resample_source", [td.asarray(upstream), *given[1:]], [axis, [x.shape[axis]]], td.asarray(x)
    )
    np.testing.assert_array_equal(np.asarray(back), out)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "bfloat16"])
def test_pooling_of_other_dtypes(dtype):
    x = td.asarray(np.random.default_rng(0).integers(0, 100, (2, 3, 9, 9))).astype(getattr(td, dtype))
    wide = np.asarray(x.astype(td.float64))
    want = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    np.testing.assert_array_equal(np.asarray(F.max_pool2d(x, 3, 2).astype(td.float64)), want.max(axis=(4, 5)))
    if dtype in ("float16", "bfloat16"):
        mean = want.mean(axis=(4, 5))
        np.testing.assert_array_equal(
            np.asarray(F.avg_pool2d(x, 3, 2).astype(td.float64)),
            np.asarray(td.asarray(mean.astype("f4")).astype(getattr(td, dtype)).astype(td.float64)),
        )


def test_indices_to_unpool_are_checked():
    with pytest.raises(IndexError, match="max_unpool: got the index 9"):
        F.max_unpool1d(td.ones((1, 1, 2)), td.asarray([[[0, 9]]]), 2)
