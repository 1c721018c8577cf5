"""Writing along an axis in place."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem._boundary import public

Tensor = _core.Tensor


@public
def put_along_axis(x: Tensor, indices: Tensor, values: Any, /, axis: int = -1) -> None:
    """Write values into x at the given indices along an axis, the last one where indices repeat.

    The indices have the shape of x but along the axis, or broadcast to it; the values broadcast to them. `td.scatter`
    is the same for a copy of x.

    >>> x = td.asarray([[5, 6], [7, 8]])
    >>> td.put_along_axis(x, td.asarray([[1], [0]]), 0)
    >>> x
    tensor([[5, 0],
            [0, 8]])
    """
    if x.ndim == 0 or indices.ndim != x.ndim:
        raise _core.ShapeError(
            f"put_along_axis: got shapes {x.shape} and {indices.shape}; need as many axes, at least one"
        )
    if not -x.ndim <= axis < x.ndim:
        raise _core.OutOfBoundsError(
            f"put_along_axis: got axis {axis} for a tensor with {x.ndim} axes; need -{x.ndim} <= axis < {x.ndim}"
        )
    axis = axis % x.ndim
    key: list[Tensor] = []
    for k, size in enumerate(x.shape):
        if k != axis and indices.shape[k] not in (1, size):
            raise _core.ShapeError(
                f"put_along_axis: got shapes {x.shape} and {indices.shape}; need indices that agree everywhere but "
                f"along axis {axis}"
            )
        places = _core.arange(size, dtype=_core.int64, device=x._place)
        key.append(indices if k == axis else places.reshape([-1 if n == k else 1 for n in range(x.ndim)]))
    x[tuple(key)] = values
