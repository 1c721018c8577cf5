"""Which dtype of torch is which of Tandem."""

from __future__ import annotations

from typing import Any

import torch

from tandem import _core

FROM_TORCH: dict[torch.dtype, Any] = {
    torch.bool: _core.bool,
    torch.uint8: _core.uint8,
    torch.uint16: _core.uint16,
    torch.uint32: _core.uint32,
    torch.uint64: _core.uint64,
    torch.int8: _core.int8,
    torch.int16: _core.int16,
    torch.int32: _core.int32,
    torch.int64: _core.int64,
    torch.float16: _core.float16,
    torch.bfloat16: _core.bfloat16,
    torch.float32: _core.float32,
    torch.float64: _core.float64,
    torch.complex64: _core.complex64,
    torch.complex128: _core.complex128,
}
