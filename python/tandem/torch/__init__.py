"""The bridge to PyTorch: a backend of torch.compile, and torch's modules and tensors in Tandem; see docs/torch.md.

>>> import torch
>>> double = torch.compile(lambda x: x * 2 + 1, backend="tandem")
>>> double(torch.ones(3))
tensor([3., 3., 3.])
"""

from tandem import _core

try:
    import torch as _torch
except ImportError as error:
    raise _core.BackendError(
        f"td.torch: got no PyTorch ({error}); need it; try pip install 'tandem-jit[torch]'"
    ) from error

from tandem.torch.backend import OPTIONS, tandem
from tandem.torch.counters import reset as reset_stats
from tandem.torch.counters import stats
from tandem.torch.exported import TorchModule, from_torch

__all__ = ["OPTIONS", "TorchModule", "from_torch", "reset_stats", "stats", "tandem"]

if "tandem" not in _torch._dynamo.list_backends():  # the entry point of an installed package says the same
    _torch._dynamo.register_backend(tandem, name="tandem")
