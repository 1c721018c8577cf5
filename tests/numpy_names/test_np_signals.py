"""Products by shifting, slopes, areas, phases and windows, as in NumPy."""

import numpy as np
import pytest
from names_support import cases, check, run_examples

import tandem as td

rng = np.random.default_rng(4)
F32 = rng.standard_normal(17).astype(np.float32)
F64 = rng.standard_normal(9)
I64 = rng.integers(-9, 10, 12)
I8 = rng.integers(-9, 10, 5).astype(np.int8)
C64 = (rng.standard_normal(7) + 1j * rng.standard_normal(7)).astype(np.complex64)
BOOLS = np.array([True, False, True, True])
SURFACE = rng.standard_normal((4, 5, 3)).astype(np.float32)
TIMES = np.array([0.0, 1.0, 1.5, 3.5, 4.0], dtype=np.float32)
PHASES = np.cumsum(rng.uniform(0, 3, (3, 20)), axis=1) % (2 * np.pi)
STEPS = np.array([0, 90, 180, 270, 0, 180, 0, 45])
PAIRS = [
    (F32, F32[:4]),
    (F32[:3], F32),
    (F64, F64),
    (I64, I8),
    (I8, I64),
    (C64, F32),
    (C64[:3], C64),
    (BOOLS, BOOLS[:2]),
]
PAIRS += [(I64, F64), (F32, I64), (F32, np.array(2.0, np.float32))]

CASES = {
    "convolve": [(pair, {"mode": mode}) for pair in PAIRS for mode in ("full", "same", "valid")],
    "correlate": [(pair, {"mode": mode}) for pair in PAIRS[:-1] for mode in ("full", "same", "valid")],
    "gradient": [
        ((SURFACE,), {"axis": axis, "edge_order": order}) for axis in (None, 0, -1, (0, 1)) for order in (1, 2)
    ]
    + [((SURFACE, 2.0), {}), ((SURFACE, 1.0, 2.0, 0.5), {}), ((SURFACE, TIMES), {"axis": 1})]
    + [
        ((SURFACE, TIMES), {"axis": 1, "edge_order": 2}),
        ((I64,), {}),
        ((F64, 0.1), {"edge_order": 2}),
        ((F32[:2],), {}),
    ],
    "trapezoid": [((SURFACE,), {}), ((SURFACE,), {"axis": 0, "dx": 0.5}), ((SURFACE, TIMES), {"axis": 1}), ((I64,), {})]
    + [((SURFACE, SURFACE), {"axis": 0}), ((F64[:1],), {})],
    "ediff1d": [((x,), {}) for x in (F32, I64, SURFACE, F64[:1], F64[:0])]
    + [((I64, I8, 3), {}), ((F32,), {"to_begin": F32[:2]})],
    "unwrap": [((PHASES,), {}), ((PHASES.astype(np.float32),), {"axis": 0}), ((PHASES, 4.0), {})]
    + [((STEPS,), {"period": 360}), ((STEPS,), {"period": 91}), ((STEPS,), {"period": 100.0})],
    "bartlett": [((n,), {}) for n in (0, 1, 2, 7, 10)],
    "blackman": [((n,), {}) for n in (0, 1, 2, 7, 10)],
    "hamming": [((n,), {}) for n in (0, 1, 2, 7, 10)],
    "hanning": [((n,), {}) for n in (0, 1, 2, 7, 10)],
    "kaiser": [((n, beta), {}) for n in (0, 1, 2, 9) for beta in (0.0, 5.0, 14)],
}


@pytest.mark.parametrize(("name", "k"), cases(CASES))
def test_equals_numpy(name, k):
    args, kwargs = CASES[name][k]
    check(name, *args, loose=4, **kwargs)


def test_gradients():
    x, taps = td.asarray(F64), td.asarray(F64[:3])
    got = td.grad(lambda t: td.sum(td.square(td.convolve(x, t))))(taps)
    h = 1e-6
    for k in range(3):
        step = np.eye(3)[k] * h
        ends = [np.sum(np.convolve(F64, F64[:3] + s * step) ** 2) for s in (1, -1)]
        assert abs(float(got[k]) - (ends[0] - ends[1]) / (2 * h)) < 1e-4


def test_windows_follow_the_default_dtype():
    td.set_default_dtype(td.float64)
    try:
        assert np.allclose(np.asarray(td.kaiser(12, 3.0)), np.kaiser(12, 3.0), rtol=1e-14)
        assert td.hanning(5).dtype == td.float64
    finally:
        td.set_default_dtype(td.float32)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: td.convolve(x, x[:0]), "convolve: got shapes [(17,), (0,)]; need vectors of at least one element"),
        (lambda x: td.convolve(x, x, "all"), "convolve: got mode='all'; need 'full', 'same' or 'valid'"),
        (lambda x: td.gradient(x[:1]), "gradient: got size 1 along axis 0; need at least 2 samples"),
        (lambda x: td.gradient(x, 1.0, 2.0), "gradient: got 2 distances for 1 axes; need one for each"),
        (lambda x: td.gradient(x, x[:3]), "gradient: got coordinates of shape (3,) for size 17 along axis 0"),
        (lambda x: td.gradient(x, edge_order=3), "gradient: got edge_order=3; need 1 or 2"),
        (lambda x: td.trapezoid(x, axis=1), "trapezoid: got axis 1 for 1 axes"),
        (lambda x: td.hanning(2.5), "hanning: got M=2.5; need an integer"),
    ],
)
def test_mistakes(run, message):
    with pytest.raises(td.Error) as caught:
        run(td.asarray(F32))
    assert message in str(caught.value)


def test_examples():
    run_examples("signals")
