"""Resampling under torch.compile(backend="tandem") is one routine each way, also of sizes that are symbols."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import torch.nn.functional as F  # noqa: E402
from bridge_support import fresh  # noqa: E402, F401

import tandem as td  # noqa: E402
import tandem.torch  # noqa: E402

MODES = [("nearest", None), ("bilinear", False), ("bilinear", True), ("bicubic", False)]
HOW = [{"scale_factor": 2}, {"scale_factor": 1.7}, {"size": (13, 9)}]


def routines(function):
    """Return how often each routine runs in a call."""
    with td.profiler(sample=False) as profile:
        function()
    names = [event.name for event in profile.events if event.kind == "library"]
    return {name: names.count(name) for name in names}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize(("mode", "corners"), MODES)
def test_resampling(mode, corners, how, dynamic):
    def resized(x):
        return F.interpolate(x * 1.5, mode=mode, align_corners=corners, **how)

    compiled = torch.compile(resized, backend="tandem", dynamic=dynamic, options={"fallback": False})
    for n in (2, 3):
        x = torch.randn(n, 3, 8 + n, 7, requires_grad=True)
        found, wanted = compiled(x), resized(x)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
        up = torch.randn_like(wanted)
        (mine,), (theirs,) = (torch.autograd.grad(y, x, up) for y in (found, wanted))
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    if dynamic:
        assert td.torch.stats()["graphs"] == 2  # one forwards, one backwards


@pytest.mark.parametrize(("dims", "mode"), [(1, "linear"), (2, "bilinear"), (3, "trilinear"), (2, "bicubic")])
def test_no_index_is_read(dims, mode):
    compiled = torch.compile(lambda x: F.interpolate(x, scale_factor=2, mode=mode), backend="tandem")
    x = torch.randn(2, 4, *(8, 6, 5)[:dims], requires_grad=True)
    result = compiled(x)
    assert routines(lambda: compiled(x)) == {"resample": dims}
    result.sum().backward()
    assert routines(lambda: compiled(x).sum().backward()) == {"resample": dims, "resample_source": dims}


def test_torch_takes_it_apart_elsewhere_as_before():
    ops = [getattr(torch.ops.aten.upsample_bilinear2d, name) for name in ("default", "vec")]
    before = [dict(op.py_kernels) for op in ops]
    assert all(before)
    torch.compile(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), backend="tandem")(torch.ones(1, 1, 2, 2))
    assert [dict(op.py_kernels) for op in ops] == before


def test_gradients_that_are_not_finite_stay_where_they_are():
    compiled = torch.compile(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), backend="tandem")
    x = torch.randn(1, 1, 8, 8, requires_grad=True)
    up = torch.ones(1, 1, 16, 16)
    up[0, 0, 5, 6] = torch.inf
    (found,), (wanted,) = (
        torch.autograd.grad(f(x), x, up)
        for f in (compiled, lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"))
    )
    torch.testing.assert_close(found, wanted)
