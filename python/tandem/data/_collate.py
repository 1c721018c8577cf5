"""Batches of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tandem import _core

Tensor = _core.Tensor


def default_collate(samples: list[Any]) -> Any:
    """Make one batch of samples: tensors, arrays and numbers get a further first axis, containers keep their shape.

    Text stays a list. Floats get the default dtype, NumPy's numbers keep their own.

    >>> td.data.default_collate([{"x": td.ones((2,)), "y": 1}, {"x": td.zeros((2,)), "y": 2}])["y"]
    tensor([1, 2])
    """
    first = samples[0]
    if isinstance(first, Tensor):
        _equal_shapes(samples)
        if first.dtype == _core.bfloat16:  # which NumPy does not have
            return _core.stack(samples)
        return _core.asarray(np.stack([x.numpy() for x in samples]))
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind in "OSU":
            return list(samples)
        _equal_shapes(samples)
        return _core.asarray(np.stack(samples))
    if isinstance(first, (bool, int, float, complex)):
        return _core.asarray(samples)
    if isinstance(first, (str, bytes)):
        return list(samples)
    if isinstance(first, Mapping):
        if any(each.keys() != first.keys() for each in samples):
            raise _core.ArgumentError("default_collate: got dicts with different keys; need equal ones in a batch")
        return {key: default_collate([each[key] for each in samples]) for key in first}
    if isinstance(first, (tuple, list)):
        if len({len(each) for each in samples}) > 1:
            raise _core.ShapeError(
                f"default_collate: got {type(first).__name__}s of different lengths; need equal ones in a batch; try a "
                "collate_fn that pads"
            )
        parts = [default_collate(list(part)) for part in zip(*samples, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    raise _core.ArgumentTypeError(
        f"default_collate: got samples of {type(first).__name__}; need tensors, arrays, numbers, text, or dicts, "
        "tuples and lists of them; try a collate_fn"
    )


def _equal_shapes(samples: list[Any]) -> None:
    shapes = {tuple(x.shape) for x in samples}
    if len(shapes) > 1:
        some = ", ".join(str(shape) for shape in sorted(shapes)[:3])
        raise _core.ShapeError(
            f"default_collate: got samples of shapes {some}; need equal ones in a batch; try a collate_fn that pads"
        )
