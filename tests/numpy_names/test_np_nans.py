"""Reductions that leave NaNs out, as in NumPy."""

import warnings

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

rng = np.random.default_rng(3)
FULL = rng.standard_normal((3, 4, 5)).astype(np.float32)
HOLES = np.where(rng.random((3, 4, 5)) < 0.4, np.nan, FULL).astype(np.float32)
LOST = HOLES.copy()
LOST[1] = np.nan
WIDE = HOLES.astype(np.float64)
HALF = HOLES.astype(np.float16)
WHOLE = rng.integers(-9, 10, (3, 4))
COMPLEX = np.array([[1 + 1j, np.nan, 3], [complex(0, np.nan), 2j, 1]], dtype=np.complex64)
NUMBER = np.array(np.nan, dtype=np.float32)
REAL = (FULL, HOLES, LOST, WIDE, WHOLE, NUMBER)
AXES = [{}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": 1, "keepdims": True}]
INFINITE = np.array([[np.inf, -np.inf, np.nan], [np.nan, np.inf, 1.0]], dtype=np.float32)


def over_axes(*extra, of=REAL, several=True):
    out = []
    for x in of:
        for options in AXES if x.ndim == 3 else AXES[:3] if x.ndim == 2 else AXES[:1]:
            if several or not isinstance(options.get("axis"), tuple):
                out.append(((x, *extra), options))
    return out


CASES = {
    "nansum": over_axes() + over_axes(of=[COMPLEX, INFINITE]),
    "nanprod": over_axes() + over_axes(of=[COMPLEX]),
    "nanmean": over_axes() + over_axes(of=[COMPLEX, HALF]),
    "nanvar": over_axes()
    + over_axes(of=[COMPLEX])
    + [((HOLES,), {"ddof": 1, "axis": 0}), ((HOLES,), {"ddof": 9, "axis": 1})],
    "nanstd": over_axes() + [((HOLES,), {"ddof": 1, "axis": 0})],
    "nanmax": over_axes() + over_axes(of=[INFINITE, HALF]),
    "nanmin": over_axes() + over_axes(of=[INFINITE, HALF]),
    "nanargmax": over_axes(of=[FULL, HOLES, WHOLE], several=False),
    "nanargmin": over_axes(of=[FULL, HOLES, WHOLE], several=False),
    "nancumsum": [((x,), {"axis": axis}) for x in (FULL, HOLES, LOST, WHOLE) for axis in (None, 0, -1)],
    "nancumprod": [((x,), {"axis": axis}) for x in (FULL, HOLES, LOST, WHOLE) for axis in (None, 0, -1)],
    "nanmedian": over_axes() + over_axes(of=[HALF]),
    "nanquantile": over_axes(0.3)
    + over_axes([0.0, 0.5, 0.77, 1.0], of=[HOLES, WIDE])
    + [((x, 0.4), {"axis": 1, "method": m}) for x in (HOLES, WIDE) for m in ("lower", "higher", "nearest", "midpoint")],
    "nanpercentile": over_axes(30, of=[HOLES, LOST]) + over_axes([10, 99], of=[HOLES]),
    "nan_to_num": [((x,), {}) for x in (*REAL, INFINITE, HALF, COMPLEX)]
    + [((INFINITE,), {"nan": 1.0, "posinf": 2.0, "neginf": 3.0})],
}
LOOSE = {"nanvar": 2, "nanstd": 2, "nanprod": 4, "nancumprod": 4}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's of rows without numbers
        check(name, *args, loose=LOOSE.get(name, 1), **kwargs)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "median", "quantile", "std"])
def test_without_nans_they_are_the_plain_functions(name):
    x = td.asarray(FULL)
    extra = (0.35,) if name == "quantile" else ()
    got, want = getattr(td, f"nan{name}")(x, *extra, axis=1), getattr(td, name)(x, *extra, axis=1)
    assert td.allclose(got, want, rtol=1e-6) and (name in ("std", "mean") or td.array_equal(got, want))


def test_writes_in_place():
    x = td.asarray(INFINITE.copy())
    assert td.nan_to_num(x, copy=False, posinf=1.0, neginf=-1.0) is x
    assert x.tolist() == [[1.0, -1.0, 0.0], [0.0, 1.0, 1.0]]


def test_gradients_pass_by_nans():
    x = td.asarray([1.0, td.nan, 3.0])
    assert td.grad(td.nansum)(x).tolist() == [1.0, 0.0, 1.0]
    assert td.grad(td.nanmean)(x).tolist() == [0.5, 0.0, 0.5]
    assert td.grad(td.nanmax)(x).tolist() == [0.0, 0.0, 1.0]
    assert td.grad(td.nanvar)(x).tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.nanargmax(x, axis=1), "nanargmax: got only NaN along an axis; need a number in each row"),
        (lambda x: td.nanargmin(x, axis=1), "nanargmin: got only NaN along an axis"),
        (lambda x: td.nanmax(x[:0]), "max: got the shape"),
        (lambda x: td.nanquantile(x, 1.5), "nanquantile: got q=1.5; need numbers from 0 to 1"),
        (lambda x: td.nanquantile(x, 0.5, method="best"), "nanquantile: got method='best'; need one of linear"),
        (lambda x: td.nanmedian(x[:0]), "nanmedian: got the shape"),
        (lambda x: td.nansum(x, axis=5), "axis 5"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(LOST))
    assert message in str(caught.value)


def test_examples():
    run_examples("nans")
