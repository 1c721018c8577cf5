"""What the text of a loaded model calls beside its operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tandem as td
from tandem import _core
from tandem.onnx.dtypes import dtype_of
from tandem.onnx.values import scalar, settled, tensor, truth

Tensor = _core.Tensor


def stacked(
    values: list[Tensor], element: int, sizes: tuple[int, ...], axis: int = 0, backwards: bool = False
) -> Tensor:
    """Return the results of all iterations of a loop as one tensor; the type says what none at all would be."""
    if not values:
        return td.zeros((0, *sizes), dtype=dtype_of(element))
    out = td.stack(values, axis=0)
    out = td.flip(out, axis=0) if backwards else out
    return td.moveaxis(out, 0, axis) if axis else out


def scanned(x: Any, axis: int, backwards: bool) -> Tensor:
    """Return what a Scan goes through, along the first axis."""
    x = tensor(x)
    x = td.moveaxis(x, axis, 0) if axis else x
    return td.flip(x, axis=0) if backwards else x


def item(values: Any, place: Any) -> Any:
    """Return an item of a sequence; what is no sequence goes to every call as it is."""
    return values[place] if isinstance(values, list) else values


def given(x: Any, name: str, dtype: Any, rank: int | None) -> Any:
    """Return an input as a tensor, after a look at its type."""
    if not isinstance(x, Tensor):
        try:
            x = _core.asarray(x)
        except (TypeError, ValueError) as error:
            raise _core.ArgumentTypeError(
                f"input {name!r}: got {type(x).__name__}; need a tensor of {dtype}"
            ) from error
    if x.dtype != dtype:
        raise _core.DTypeError(f"input {name!r}: got {x.dtype}; need {dtype}; try x.astype(td.{dtype})")
    if rank is not None and x.ndim != rank:
        raise _core.ShapeError(f"input {name!r}: got the shape {tuple(x.shape)}; need {rank} axes")
    return x


HELPERS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (given, item, scalar, scanned, settled, stacked, tensor, truth)
}
