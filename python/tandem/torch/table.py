"""The table of ATen operations: a row is a function of Tandem tensors, under the overloads that it computes.

A function takes the arguments of the overload in its order and by its names; sizes may be symbols. What it returns is
converted to the dtype that torch says. Attributes of a row:

promote: tensors among the arguments are converted to torch's common dtype first; float16 and bfloat16 are computed with
    in float32 and rounded once, as torch does for one operation.
wide: only the latter.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from tandem import _core

Function = TypeVar("Function", bound=Callable[..., Any])

_FAMILIES = (
    "pointwise",
    "activations",
    "reductions",
    "shapes",
    "creation",
    "indexing",
    "products",
    "windows",
    "norms",
    "recurrent",
)


class Uncovered(Exception):
    """Raised by a row for arguments that it does not compute; the operation then runs in torch."""


@dataclass(frozen=True)
class Row:
    """What computes one overload."""

    name: str
    function: Callable[..., Any]
    promote: bool
    wide: bool


_rows: dict[str, Row] = {}


def aten(names: str, *, promote: bool = False, wide: bool = False) -> Callable[[Function], Function]:
    """Put a function into the table, under one overload or several; `relu` is `aten.relu.default`."""

    def add(function: Function) -> Function:
        for name in names.split():
            full = name if name.startswith("prims.") else f"aten.{name}" if "." in name else f"aten.{name}.default"
            if full in _rows:
                raise ValueError(f"two rows for {full}")
            _rows[full] = Row(full, function, promote, wide)
        return function

    return add


@functools.cache
def rows() -> dict[str, Row]:
    """Return the whole table, by the name of the overload."""
    for family in _FAMILIES:
        import_module(f"tandem.torch.aten_{family}")
    return _rows


# Rows of these are for torch.export, which has no gradients of its own; torch.compile gets them in simpler operations.
EXPORTED = frozenset(
    ("aten.linear.default", "aten.matmul.default")
)  # the `.vec` of resampling torch.compile never shows

# These draw from torch's own generator, so they run in torch; what they draw enters the compiled program as an input.
# The first use of a tensor only what it is like: they can run before it is computed.
DRAWN_LIKE = frozenset(
    ("aten.bernoulli.p", "aten.rand_like.default", "aten.randn_like.default", "aten.randint_like.default",
     "aten.randint_like.low_dtype", "aten.normal_functional.default", "aten.uniform.default",
     "aten.exponential.default", "aten.geometric.default", "aten.cauchy.default", "aten.log_normal.default")
)  # fmt: skip
RANDOM = DRAWN_LIKE | {
    "aten.bernoulli.default", "aten.bernoulli.Tensor", "aten.bernoulli.out", "aten.binomial.default",
    "aten.multinomial.default", "aten.native_dropout.default", "aten.normal.Tensor_float", "aten.normal.float_Tensor",
    "aten.normal.Tensor_Tensor", "aten.normal.float_float", "aten.poisson.default", "aten.rand.default",
    "aten.rand.generator", "aten.randint.default", "aten.randint.low", "aten.randn.default", "aten.randn.generator",
    "aten.random.default", "aten.random.from", "aten.random.to", "aten.randperm.default",
    "aten.rrelu_with_noise.default", "aten.rrelu_with_noise_functional.default", "aten._sample_dirichlet.default",
    "aten._standard_gamma.default",
}  # fmt: skip


def half(dtype: Any) -> bool:
    return dtype in (_core.float16, _core.bfloat16)


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the first."""
    return axis + rank if axis < 0 else axis


def axes_of(dim: Any, rank: int) -> tuple[int, ...] | None:
    """Return the axes of a reduction; None for all."""
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return None
    given = dim if isinstance(dim, (list, tuple)) else (dim,)
    return tuple(axis_of(int(d), rank) for d in given) if rank else None


def at(axis: int, place: Any) -> tuple[Any, ...]:
    """Return the index that takes a place of one axis, and all of those before it."""
    return (slice(None),) * axis + (place,)
