"""Convolutions on a GPU, on the stub: cuDNN, or columns and products of matrices, and no step of the host."""

from __future__ import annotations

import pytest
from cuda_support import run

CASES = {
    "padded": ((2, 4, 7, 6), (3, 4, 3, 3), "padding=1"),
    "groups, strides and dilation": ((2, 4, 9, 8), (6, 2, 3, 2), "groups=2, stride=(2, 1), dilation=(1, 2), padding=2"),
    "one by one": ((2, 3, 5, 5), (4, 3, 1, 1), ""),
    "one axis": ((3, 2, 11), (4, 2, 4), "stride=3"),
    "three axes": ((1, 2, 4, 5, 3), (2, 2, 2, 3, 2), "padding=1"),
}


LIBRARY = {"cudnn": {}, "columns": {"TANDEM_CUDNN": "/nowhere/libcudnn.so"}}


@pytest.mark.parametrize("by", LIBRARY)
@pytest.mark.parametrize("name", CASES)
def test_convolutions_and_their_gradients(name: str, by: str) -> None:
    source, weights, options = CASES[name]
    run(
        f"""
        rng = np.random.default_rng(0)
        x0, w0 = (rng.standard_normal(shape).astype(np.float32) for shape in ({source}, {weights}))
        conv = getattr(td.nn.functional, "conv{len(source) - 2}d")
        def results(device, dtype):
            x, w = (td.asarray(a).astype(dtype).to(device).requires_grad_() for a in (x0, w0))
            b = td.asarray(np.arange({weights[0]}, dtype=np.float32)).astype(dtype).to(device).requires_grad_()
            y = conv(x, w, b, {options})
            (td.tanh(y) ** 2).sum().backward()
            return [t.detach().cpu().astype(td.float32).numpy() for t in (y, x.grad, w.grad, b.grad)]
        for dtype, tolerance in ((td.float32, 1e-4), (td.bfloat16, 6e-2)):
            for got, wanted in zip(results("cuda", dtype), results("cpu", dtype)):
                np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max())
        stats = td.cuda.stats()
        assert stats["host_steps"] == 0, stats
        assert stats["convolutions"] == (6 if {by == "cudnn" and name != "one by one"} else 0), stats
        """,
        **LIBRARY[by],
    )


def test_transposed() -> None:
    run(
        """
        rng = np.random.default_rng(0)
        x, w = (td.asarray(rng.standard_normal(s).astype(np.float32)) for s in ((2, 4, 5, 5), (4, 3, 3, 3)))
        F, how = td.nn.functional, dict(stride=2, output_padding=1)
        f = lambda x, w: F.conv_transpose2d(x, w, td.ones(3, device=x.device), **how)
        np.testing.assert_allclose(f(x.to("cuda"), w.to("cuda")).cpu().numpy(), f(x, w).numpy(), rtol=1e-4, atol=1e-4)
        assert td.cuda.stats()["host_steps"] == 0
        """
    )


def test_padding_on_one_side_is_done_by_columns() -> None:
    run(
        """
        rng = np.random.default_rng(0)
        x, w = (td.asarray(rng.standard_normal(s).astype(np.float32)) for s in ((2, 4, 5, 6), (3, 4, 2, 3)))
        f = lambda x, w: td.nn.functional.conv2d(x, w, padding="same")  # a row of zeros behind, none before
        np.testing.assert_allclose(f(x.to("cuda"), w.to("cuda")).cpu().numpy(), f(x, w).numpy(), rtol=1e-4, atol=1e-4)
        stats = td.cuda.stats()
        assert stats["convolutions"] == 0 and stats["products"] == 1 and stats["host_steps"] == 0, stats
        """
    )


def test_errors_of_cudnn() -> None:
    out = run(
        """
        x, w = td.ones((1, 1, 4, 4), device="cuda"), td.ones((1, 1, 3, 3), device="cuda")
        _library = ctypes.CDLL(os.environ["TANDEM_CUDNN"])
        _library.stub_refuse(1)
        print(error(td.BackendError, lambda: td.nn.functional.conv2d(x, w)))
        _library.stub_refuse(0)
        assert td.nn.functional.conv2d(x, w).cpu().tolist() == [[[[9.0, 9.0], [9.0, 9.0]]]]
        print(td.cuda.versions()["cudnn"])
        """
    )
    assert "got CUDNN_STATUS_NOT_SUPPORTED from cuDNN 9.19.0" in out
