"""Gradients in every dtype, to the second order: those of float64 at the same values, but for rounding."""

import numpy as np
import pytest
import samples
from test_gradients import APART, LAST, NAMES, SMOOTH, TAME, operation

import tandem as td
from tandem import _core

ROWS = samples.table()
# The part of the largest element that rounding may make of: each operation of a formula is rounded to 16 bits.
ROOM = {"float32": 3e-4, "float16": 0.06, "bfloat16": 0.25, "complex64": 3e-4}
# Derivatives that cancel to little in 16 bits, or powers that overflow float16, say nothing there.
ROUGH = {
    "digamma": ("float16", "bfloat16"),
    "lgamma": ("float16", "bfloat16"),
    "sinc": ("bfloat16",),
}


def draw(name, sample, dtype):
    rng = np.random.default_rng(list(f"{name} {sample.text}".encode()))
    usual = samples.samples(name)[0].domains
    hosts = []
    for k, (shape, domain) in enumerate(zip(sample.shapes, sample.domains)):
        domain = usual[min(k, len(usual) - 1)] if domain in ("special", "wide", "wide_positive") else domain
        host = samples.draw(rng, shape, SMOOTH.get(domain, domain), "float64")
        if name in TAME:
            host = np.asarray(TAME[name](host))
        if name in APART and host.dtype == np.float64:
            host = np.asarray(rng.permutation(host.size) / max(host.size, 1) * 4 - 2).reshape(shape)
        if domain == "fraction":
            host = np.asarray(host * 0.9)
        if host.dtype == np.float64:
            host = samples.round_to(dtype, host).astype(np.float64)
        hosts.append(host)
    return hosts, rng


def gradients(name, sample, hosts, dtype, rng):
    """First and second derivatives: of a weighted sum, and of a weighted sum of its gradients."""
    tensors = [td.asarray(x).astype(dtype) if x.dtype == np.float64 else td.asarray(x) for x in hosts]
    wanted = [x.requires_grad_() for x, host in zip(tensors, hosts) if host.dtype == np.float64]
    function = operation(name)
    y = function(tensors, **sample.attributes) if ROWS[name]["variadic"] else function(*tensors, **sample.attributes)
    if not y.requires_grad:
        return [], []
    weights = td.asarray(rng.standard_normal(y.shape)).astype(y.dtype)
    first = _core._gradients([y], [weights], wanted, retain_graph=True, create_graph=True)
    tracked = [g for g in first if g is not None and g.requires_grad]
    second = []
    if tracked and name not in LAST:
        ups = [td.asarray(rng.standard_normal(g.shape)).astype(g.dtype) for g in tracked]
        second = _core._gradients(tracked, ups, wanted, retain_graph=False, create_graph=False)
    for found in (first, second):
        assert all(g is None or (g.dtype == x.dtype and g.shape == x.shape) for g, x in zip(found, wanted))
    return [
        [None if g is None else np.asarray(g.detach().astype(td.float64)) for g in found] for found in (first, second)
    ]


def cases():
    for name in NAMES:
        for k, sample in enumerate(samples.samples(name)):
            fixed = "dtype" in sample.attributes
            if fixed or any(np.prod(shape, dtype=int) > 600 for shape in sample.shapes):
                continue
            for dtype in ("float32", "float16", "bfloat16"):
                if dtype in samples.ACCEPTED[ROWS[name]["accepts"]] and dtype not in ROUGH.get(name, ()):
                    yield pytest.param(name, sample, dtype, id=f"{name}-{k}-{dtype}")


@pytest.mark.parametrize(("name", "sample", "dtype"), list(cases()))
def test_real(name, sample, dtype):
    hosts, rng = draw(name, sample, dtype)
    seed = rng.integers(1 << 30)
    try:
        narrow = gradients(name, sample, hosts, getattr(td, dtype), np.random.default_rng(seed))
    except td.DTypeError as error:  # said by name: not every operation that has 16 bits does
        assert dtype in ("float16", "bfloat16") and name in str(error)
        return
    wide = gradients(name, sample, hosts, td.float64, np.random.default_rng(seed))
    for found, expected in zip(narrow, wide):
        assert [g is None for g in found] == [g is None for g in expected]
        largest = max((np.abs(g[np.isfinite(g)]).max(initial=0.0) for g in expected if g is not None), default=0.0)
        for g, want in zip(found, expected):
            if g is None:
                continue
            room = ROOM[dtype] * max(1.0, largest)
            finite = np.isfinite(want) & (np.abs(want) < 3e4)
            assert np.all(np.abs(g[finite] - want[finite]) <= room), np.abs(g - want)[finite].max() / max(1, largest)
            assert not np.isnan(g[finite]).any()
