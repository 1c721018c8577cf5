"""How far windows reach, and how many there are: what the attributes of convolutions and pooling say together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core

Sizes = tuple[Any, ...]


def borders(
    auto_pad: str, pads: Sequence[int] | None, sizes: Sizes, spans: Sizes, strides: Sizes
) -> tuple[Sizes, Sizes]:
    """Return how much stands before and behind each spatial axis."""
    dims = len(sizes)
    if auto_pad in ("NOTSET", "", "VALID"):
        given = tuple(pads or (0,) * (2 * dims)) if auto_pad != "VALID" else (0,) * (2 * dims)
        if len(given) != 2 * dims:
            raise _core.ArgumentError(f"pads: got {given} for {dims} spatial axes; need two numbers for each")
        return given[:dims], given[dims:]
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise _core.ArgumentError(f"auto_pad: got {auto_pad!r}; need NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    total = [
        max(((n + step - 1) // step - 1) * step + span - n, 0)
        for n, span, step in zip(sizes, spans, strides, strict=True)
    ]
    return shared(auto_pad, total)


def shared(auto_pad: str, total: Sequence[Any]) -> tuple[Sizes, Sizes]:
    """Return both halves of what is added to each axis; the odd one stands behind for SAME_UPPER."""
    less, more = tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)
    return (more, less) if auto_pad == "SAME_LOWER" else (less, more)


def spans_of(kernel: Sizes, dilations: Sizes) -> Sizes:
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True))


def counts_of(
    sizes: Sizes, spans: Sizes, strides: Sizes, before: Sizes, after: Sizes, ceil_mode: int, auto_pad: str
) -> Sizes:
    """Return how many windows there are along each axis."""
    if auto_pad.startswith("SAME"):
        return tuple((n + step - 1) // step for n, step in zip(sizes, strides, strict=True))
    out = []
    for n, span, step, b, a in zip(sizes, spans, strides, before, after, strict=True):
        room = n + b + a - span
        count = (room + step - 1 if ceil_mode else room) // step + 1
        # The last window must begin inside, or in the border before.
        out.append(count - 1 if ceil_mode and (count - 1) * step >= n + b else count)
    return tuple(out)
