"""Sorting, searching, sets, order statistics and their relatives: NumPy's results, eager and captured."""

import doctest
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import tandem as td

sys.path.insert(0, str(Path(__file__).parent / "ops"))
import reference
import samples

rng = np.random.default_rng(11)


def drawn(shape, domain, dtype):
    return samples.draw(rng, shape, domain, dtype)


def same(got, want):
    got = got if isinstance(got, np.ndarray) else samples.to_host(got)
    assert got.dtype == want.dtype, (got.dtype, want.dtype)
    assert got.shape == want.shape
    assert reference.same_bits(got, want)


# Lengths on both sides of every change of method; many short rows, few rows, one long row that the threads share.
SHAPES = [(1,), (2,), (3, 1), (64, 2), (33, 3), (17, 31), (40, 32), (70, 33), (5, 256), (130, 257), (9, 512), (20, 513)]
SHAPES += [(20, 15), (37, 16), (37, 48), (70, 64), (33, 200), (16, 384), (4, 511), (64, 512)]
LONG = [
    (3, 700),
    (1023,),
    (1024,),
    (3, 1025),
    (40, 1500),
    ((1 << 14) - 1,),
    (1 << 14,),
    (1 << 15,),
    ((1 << 15) + 1,),
    (1 << 18,),
    (2, (1 << 18) + 3),
]


@pytest.mark.parametrize("dtype", samples.DTYPES)
@pytest.mark.parametrize("descending", [False, True])
def test_every_method_of_sorting(dtype, descending):
    for shape in SHAPES + LONG:
        for domain in ("special", "any"):
            x = drawn(shape, domain, dtype)
            order = reference.argsort(x, -1, descending)
            tensor = samples.to_tensor(x, dtype)
            same(td.argsort(tensor, descending=descending), order)
            same(td.sort(tensor, descending=descending), np.take_along_axis(x, order, -1))


@pytest.mark.parametrize("dtype", [td.float16, td.float32, td.float64])
@pytest.mark.parametrize("descending", [False, True])
def test_nans_come_last_in_both_directions(dtype, descending, tmp_path):
    """As in pandas; PyTorch has them first in descending order, NumPy has no such order, the standard says nothing."""

    def program(x):
        first = td.topk(x, 4, largest=descending)
        return td.sort(x, descending=descending), td.argsort(x, descending=descending), first.values, first.indices

    x = td.asarray([2.0, td.nan, -td.inf, td.inf, td.nan, -1.0], dtype=dtype)
    places = [3, 0, 5, 2, 1, 4] if descending else [2, 5, 0, 3, 1, 4]
    td.save(program, tmp_path / "program.tdm", (x,))
    for run in (program, td.script(program), td.load(tmp_path / "program.tdm")):
        values, order, top, indices = run(x)
        assert order.tolist() == places and indices.tolist() == places[:4]
        np.testing.assert_array_equal(values.numpy(), x.numpy()[places])
        np.testing.assert_array_equal(top.numpy(), x.numpy()[places[:4]])


@pytest.mark.parametrize("kind", ["equal", "two", "few", "up", "down", "organ pipe", "sawtooth", "largest"])
@pytest.mark.parametrize("dtype", ["uint32", "uint64", "float32", "float64", "int64"])
def test_sorting_what_is_hard_to_part(kind, dtype):
    count = 70_001
    k = np.arange(count)
    made = {
        "equal": k * 0 + 7,
        "two": k % 2,
        "few": k * 7919 % 5,
        "up": k,
        "down": count - k,
        "organ pipe": np.minimum(k, count - k),
        "sawtooth": k % 1000,
        "largest": k * 0,
    }[kind].astype(dtype)
    if kind == "largest":
        made[::3] = np.finfo(dtype).max if "float" in dtype else np.iinfo(dtype).max
    for x in (made, made[:65537].reshape(-1)[:65536].reshape(16, 4096)):
        for descending in (False, True):
            want = np.sort(x, axis=-1)[..., :: -1 if descending else 1]
            same(td.sort(td.asarray(x.copy()), descending=descending), np.ascontiguousarray(want))


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64"])
@pytest.mark.parametrize("descending", [False, True])
def test_places_of_keys_that_differ_in_their_last_bits(dtype, descending):
    """Few keys far away, so that many begin with the same 32 bits: short runs of those, and long ones."""
    for count in (5000, 70_001):
        for kinds in (3, 40, count // 3):
            x = (np.arange(count) * 7919 % kinds).astype(dtype)
            x[::1111] = 1e18
            rows = np.stack([x, x[::-1]])
            for a in (x, rows):
                same(td.argsort(td.asarray(a.copy()), descending=descending), reference.argsort(a, -1, descending))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_sorting_along_any_axis_of_any_layout(axis):
    for shape in [(5, 6, 7), (300, 3, 20), (4, 270, 3)]:
        x = drawn(shape, "special", "float32")
        for view in (x, x[::-1], x.transpose(2, 0, 1), x[:, ::2]):
            order = reference.argsort(view, axis)
            same(td.argsort(td.asarray(view), axis=axis), order)
            same(td.sort(td.asarray(view), axis=axis), np.take_along_axis(view, order, axis))


def test_sorts_do_not_depend_on_the_number_of_threads():
    x = td.asarray(drawn(((1 << 18) + 77,), "special", "float32"))
    before = td.num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 7):
            td.set_num_threads(threads)
            results.append([np.asarray(td.sort(x)).view(np.uint32), np.asarray(td.argsort(x))])
    finally:
        td.set_num_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other))


def test_one_value_and_sorted_rows():
    for x in (np.zeros(1 << 19, np.float32), np.arange(1 << 19), -np.arange(1 << 19, dtype=np.float64)):
        same(td.sort(td.asarray(x)), np.sort(x))
        same(td.argsort(td.asarray(x)), np.argsort(x, kind="stable"))


@pytest.mark.parametrize("dtype", samples.DTYPES)
@pytest.mark.parametrize("largest", [True, False])
def test_topk(dtype, largest):
    for shape, axis, k in [((7,), -1, 3), ((40, 9), 0, 5), ((3, 3000), 1, 600), ((3, 3000), 1, 3000), ((5, 2), 1, 0)]:
        x = drawn(shape, "special", dtype)
        order = reference.argsort(x, axis, largest)
        order = order[:k] if axis == 0 else order[..., :k]
        values, indices = td.topk(samples.to_tensor(x, dtype), k, axis=axis, largest=largest)
        same(indices, order)
        same(values, np.take_along_axis(x, order, axis))


@pytest.mark.parametrize("dtype", [d for d in samples.DTYPES if d != "bool"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(dtype, side):
    for length in (0, 1, 2, 3, 100, 1000):
        table = np.sort(drawn((length,), "special", dtype))
        values = drawn((40, 3), "special", dtype)
        got = td.searchsorted(samples.to_tensor(table, dtype), samples.to_tensor(values, dtype), side=side)
        same(got, np.searchsorted(table, values, side=side))
    table = drawn((50,), "any", dtype)
    sorter = np.argsort(table)
    got = td.searchsorted(*(samples.to_tensor(a, dtype) for a in (table, values)), sorter=td.asarray(sorter))
    same(got, np.searchsorted(table, values, sorter=sorter))


@pytest.mark.parametrize("dtype", samples.DTYPES)
def test_sets(dtype):
    for shape in [(0,), (1,), (300,), (20, 30), ()]:
        x = drawn(shape, "special", dtype)
        tensor = samples.to_tensor(x, dtype)
        values, indices, inverse, counts = np.unique(
            x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
        )
        inverse = inverse.reshape(x.shape)
        got = td.unique_all(tensor)
        for a, b in zip(got, (values, indices, inverse, counts)):
            same(reference.without_zero_signs(samples.to_host(a)), reference.without_zero_signs(b))
        for a, b in zip(td.unique_counts(tensor), (values, counts)):
            same(reference.without_zero_signs(samples.to_host(a)), reference.without_zero_signs(b))
        for a, b in zip(td.unique_inverse(tensor), (values, inverse)):
            same(reference.without_zero_signs(samples.to_host(a)), reference.without_zero_signs(b))
        same(
            reference.without_zero_signs(samples.to_host(td.unique_values(tensor))),
            reference.without_zero_signs(values),
        )


@pytest.mark.parametrize("dtype", samples.DTYPES)
def test_nonzero(dtype):
    for shape in [(0,), (7,), (3, 4), (2, 0, 3), (70000,), (300, 301)]:
        x = drawn(shape, "small" if dtype != "bool" else "bool", dtype)
        for a, b in zip(td.nonzero(samples.to_tensor(x, dtype)), np.nonzero(x), strict=True):
            same(a, b)
        same(td.argwhere(samples.to_tensor(x, dtype)), np.argwhere(x))


SIZE_DEPENDS = {
    "nonzero": td.nonzero,
    "argwhere": td.argwhere,
    "bincount": td.bincount,
    "unique_all": td.unique_all,
    "unique_counts": td.unique_counts,
    "unique_inverse": td.unique_inverse,
    "unique_values": td.unique_values,
}


@pytest.mark.parametrize("name", SIZE_DEPENDS)
@pytest.mark.parametrize("annotation", [td.trace, td.script])
def test_a_size_that_depends_on_values_is_refused_in_captures(name, annotation):
    function = SIZE_DEPENDS[name]

    @annotation
    def captured(x):
        return function(x)

    with pytest.raises(td.CaptureError, match=rf"{name}: got a tensor without values.*need eager code.*; try "):
        captured(td.asarray([1, 0, 2]))


HOST = {dtype: rng.standard_normal((6, 5, 7)).astype(dtype) for dtype in ("float32", "float64")}
LINE = rng.standard_normal(50).astype(np.float32)
POINTS = np.sort(rng.standard_normal(9)).astype(np.float32)
NUMBERS = rng.integers(0, 9, 60)


def _pad(x, widths, mode="constant", **kw):
    return np.pad(x, widths, mode=mode, **kw)


CASES = {
    "median": [
        (np.median, (HOST[d],), {"axis": axis, "keepdims": keep})
        for d in HOST
        for axis in (None, 0, -1, (0, 2))
        for keep in (False, True)
    ],
    "quantile": [
        (np.quantile, (HOST["float64"], q), {"axis": axis, "method": method})
        for q in (0.0, 0.3, 1.0, [0.1, 0.5, 0.9])
        for axis in (None, 1, (0, 1))
        for method in ("linear", "lower", "higher", "nearest", "midpoint")
    ],
    "percentile": [(np.percentile, (HOST["float64"], q), {"axis": 0}) for q in (0, 33, 100.0, [5, 95])],
    "histogram": [
        (np.histogram, (LINE, 7), {}),
        (np.histogram, (LINE, 5), {"range": (-1.0, 1.0)}),
        (np.histogram, (LINE, np.array([-1, 0, 0.5, 2], np.float32)), {}),
        (np.histogram, (LINE, 4), {"density": True, "range": (-2, 2)}),
        (np.histogram, (NUMBERS, 9), {}),
        (np.histogram, (np.ones(4, np.float32), 3), {}),
    ],
    "interp": [
        (np.interp, (LINE, POINTS, POINTS**2), {}),
        (np.interp, (LINE, POINTS, POINTS**2), {"left": -1.0, "right": 9.0}),
        (np.interp, (LINE, POINTS[:1], POINTS[:1]), {}),
        (np.interp, (np.append(POINTS, np.float32(np.nan)), POINTS, POINTS**2), {}),
    ],
    "diag": [
        (np.diag, (x,), {"k": k})
        for x in (LINE[:4], HOST["float32"][0], NUMBERS[:0])
        for k in (0, 1, -1, 3, -2, 9, -9)
        if x.size or k >= 0
    ],
    "pad": [
        (_pad, (HOST["float32"], w), {"mode": mode})
        for w in (0, 2, (1, 3), ((0, 1), (2, 0), (9, 11)))
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap")
    ]
    + [(_pad, (NUMBERS, 2), {"constant_values": 7})],
    "one_hot": [(lambda x, n: np.eye(n, dtype=np.float32)[x], (NUMBERS, 9), {})],
    "cumulative_prod": [
        (np.cumulative_prod, (x,), {"axis": axis, "include_initial": first})
        for x in (HOST["float64"], np.ones((2, 0, 3)))
        for axis in (0, 1, -1)
        for first in (False, True)
    ],
}


def close(got, want, rtol):
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for a, b in zip(got, want):
            close(a, b, rtol)
        return
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", CASES)
def test_functions_give_what_numpy_gives(name):
    for twin, args, kw in CASES[name]:
        function = getattr(td, name)
        tensors = [td.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
        got = function(*tensors, **kw)
        want = twin(*args, **kw)
        close(got, want, 1e-12 if args[0].dtype == np.float64 else 2e-5)
        captured = td.trace(lambda *arrays, f=function, a=args, k=kw: f(*_filled(a, arrays), **k))
        again = captured(*(t for t in tensors if isinstance(t, td.Tensor)))
        for a, b in zip(got if isinstance(got, tuple) else (got,), again if isinstance(again, tuple) else (again,)):
            same(samples.to_host(b), samples.to_host(a))


def _filled(args, tensors):
    """The arguments with arrays replaced by the tensors of a captured call."""
    left = iter(tensors)
    return [next(left) if isinstance(a, np.ndarray) else a for a in args]


def test_weights():
    weights = rng.standard_normal(60)
    same(td.bincount(td.asarray(NUMBERS)), np.bincount(NUMBERS))
    same(td.bincount(td.asarray(NUMBERS), minlength=20), np.bincount(NUMBERS, minlength=20))
    same(td.bincount(td.asarray(NUMBERS), weights=td.asarray(weights)), np.bincount(NUMBERS, weights))
    same(td.bincount(td.asarray(NUMBERS[:0])), np.bincount(NUMBERS[:0]))
    got = td.histogram(td.asarray(LINE), 5, weights=td.asarray(weights[:50]))[0]
    np.testing.assert_allclose(np.asarray(got), np.histogram(LINE, 5, weights=weights[:50])[0])


def test_nans_and_infinities_in_statistics():
    x = np.array([[1, np.nan, 2], [np.inf, np.inf, 1], [-np.inf, np.inf, 0]], np.float32)
    with np.errstate(invalid="ignore"):
        close(td.median(td.asarray(x), axis=1), np.median(x, axis=1), 1e-6)
    close(td.quantile(td.asarray(x[:2]), 0.75, axis=1), np.array([np.nan, np.inf]), 1e-6)
    close(td.quantile(td.asarray([np.inf, np.inf]), 0.3), np.array(np.inf), 1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: td.sort(x),
        lambda x: td.argsort(x, descending=True),
        lambda x: td.topk(x, 3),
        lambda x: td.cummax(x, axis=0),
        lambda x: td.cummin(x, axis=1),
        lambda x: td.cumprod(x, axis=1),
        lambda x: td.searchsorted(td.sort(x[0]), x),
        lambda x: td.sort(x * 2 + 1, axis=0)[::2] - 1,
    ],
)
def test_compiled_equals_eager_for_any_size(call):
    compiled = td.trace(lambda x: call(x))
    for shape in [(4, 5), (7, 9), (40, 300)]:
        x = td.asarray(drawn(shape, "special", "float32"))
        got, want = compiled(x), call(x)
        for a, b in zip(got if isinstance(got, tuple) else (got,), want if isinstance(want, tuple) else (want,)):
            same(samples.to_host(a), samples.to_host(b))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: td.sort(td.asarray(1.0)), td.ShapeError, "sort: got a tensor without axes; need at least one axis"),
        (lambda: td.sort(td.ones((2,)), axis=1), IndexError, "sort: got axis 1 for a tensor with 1 axes"),
        (lambda: td.topk(td.ones((2,)), 3), ValueError, r"topk_indices: got k=3 for axis 0 of a tensor of shape \[2\]"),
        (lambda: td.searchsorted(td.ones((2, 2)), td.ones((1,))), td.ShapeError, r"table of shape \(2, 2\)"),
        (lambda: td.bincount(td.asarray([-1])), ValueError, "bincount: got the number -1; need 0 or more"),
        (lambda: td.bincount(td.ones((2,))), td.DTypeError, "bincount: got the dtype .*float32; need integers"),
        (lambda: td.quantile(td.ones((2,)), 2.0), ValueError, "quantile: got q=2.0; need numbers from 0 to 1"),
        (lambda: td.median(td.ones((0,))), ValueError, "median: got the shape .*; need at least one element"),
        (lambda: td.histogram(td.asarray([np.nan])), ValueError, "histogram: got elements from nan to nan"),
        (lambda: td.pad(td.ones((2,)), ((1, 1), (1, 1))), ValueError, "pad: got the widths .* for 1 axes"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("module", ["_sorting", "_statistics", "_parts", "_unique"])
def test_examples_in_docstrings(module):
    namespace = importlib.import_module(f"tandem.{module}")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(namespace, globs={"td": td}):
        runner.run(test)
    assert runner.summarize().failed == 0
