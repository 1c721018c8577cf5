"""What tests of torch.compile(backend="tandem") share."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import tandem as td  # noqa: E402
import tandem.torch  # noqa: E402


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    td.torch.reset_stats()
    torch.manual_seed(0)


def compiled_equals(function, *args, options=None):
    copies = [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
    wanted = function(*args)
    found = torch.compile(function, backend="tandem", options=options)(*copies)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(copies, list(args))  # what was written to
    return found
