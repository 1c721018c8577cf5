"""The mantissas and exponents of floating-point numbers."""

from __future__ import annotations

from tandem import _core
from tandem._blocks import in_blocks
from tandem._boundary import public
from tandem._dtypes import isdtype

Tensor = _core.Tensor


@public
def frexp(x: Tensor, /) -> tuple[Tensor, Tensor]:
    """Return mantissas of magnitude in [0.5, 1) and int32 exponents, so that x is mantissa * 2 ** exponent, exactly.

    Zeros, infinities and NaN are their own mantissas, with the exponent 0.

    >>> td.frexp(td.asarray([6., -0.5]))
    (tensor([ 0.75, -0.5 ], dtype=float32), tensor([3, 0], dtype=int32))
    """
    if not isdtype(x.dtype, "real floating"):
        raise _core.DTypeError(f"frexp: got x of dtype {x.dtype}; need a floating-point dtype; try x.astype(...)")
    return in_blocks(_parts, x)


def _parts(x: Tensor) -> tuple[Tensor, Tensor]:
    exponent = _core._internal("binary_exponent", x)
    return _core.ldexp(x, -exponent), exponent
