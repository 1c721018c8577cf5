"""Look-ups in tables of vectors, and other functions of integers; linear and bilinear maps; padding as PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tandem import _core, _parts
from tandem._boundary import public
from tandem._einsum import einsum
from tandem.autograd import no_grad

Tensor = _core.Tensor


@public
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return input @ weight.T + bias for input [..., in], weight [out, in] or [in], bias [out].

    >>> td.nn.functional.linear(td.asarray([1., 2.]), td.asarray([[3., 4.]]))
    tensor([11.], dtype=float32)
    """
    if weight.ndim == 1:
        out = _core.matmul(input, weight)
        return out if bias is None else out + bias
    return _core.linear(input, weight) if bias is None else _core.linear(input, weight, bias)


@public
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return input1 @ weight[k] @ input2 for every k; inputs [..., in1] and [..., in2], weight [out, in1, in2].

    >>> td.nn.functional.bilinear(td.asarray([2.]), td.asarray([3.]), td.ones((1, 1, 1)))
    tensor([6.], dtype=float32)
    """
    out = einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias


@no_grad()
def _limit_rows(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up in place, where their norm is above max_norm."""
    from tandem.linalg import vector_norm

    flat = indices.reshape((-1,))
    rows = _core.take(weight, flat, axis=0)
    norm = vector_norm(rows, axis=-1, keepdims=True, ord=norm_type)
    scale = _core.where(_core.greater(norm, max_norm), max_norm / (norm + 1e-7), _core.ones((), dtype=norm.dtype))
    weight[flat] = rows * scale


@public
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
) -> Tensor:
    """Return the rows of weight [rows, d] at the indices of input, as [..., d].

    padding_idx names a row that is not to be learned: it is looked up like any other and gets no gradient. max_norm:
    rows that are looked up and have a larger norm_type-norm are first scaled in place.

    >>> td.nn.functional.embedding(td.asarray([1, 0]), td.asarray([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [1., 2.]], dtype=float32)
    """
    rows = weight.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise _core.OutOfBoundsError(f"embedding: got padding_idx={padding_idx}; need one of {rows} rows")
    if max_norm is not None:
        _limit_rows(weight, input, max_norm, norm_type)
    found = _core.embedding(input, weight)
    if padding_idx is None:
        return found
    return _core.where(_core.expand_dims(_padded(input, padding_idx, rows), axis=-1), found.detach(), found)


def _padded(indices: Tensor, padding_idx: int, rows: int) -> Tensor:
    return _core.equal(indices, padding_idx if padding_idx >= 0 else padding_idx + rows)


@public
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    *,
    mode: str = "mean",
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return the "sum", "mean" or "max" of the rows of weight in each bag of indices; zeros for an empty one.

    input: [bags, n], or a vector of all indices, and offsets: where each bag begins in it (include_last_offset: and
    where the last one ends). per_sample_weights: factors, for "sum". padding_idx: indices that count nothing.

    >>> weight = td.asarray([[1.], [2.], [4.]])
    >>> td.nn.functional.embedding_bag(td.asarray([0, 1, 2]), weight, td.asarray([0, 2]), mode="sum")
    tensor([[3.],
            [4.]], dtype=float32)
    """
    what = "embedding_bag"
    if mode not in ("sum", "mean", "max"):
        raise _core.ArgumentError(f"{what}: got mode={mode!r}; need 'sum', 'mean' or 'max'")
    if per_sample_weights is not None and (mode != "sum" or tuple(per_sample_weights.shape) != tuple(input.shape)):
        raise _core.ArgumentError(f"{what}: got per_sample_weights with mode={mode!r}; need 'sum', and input's shape")
    if input.ndim != (2 if offsets is None else 1):
        raise _core.ShapeError(f"{what}: got the shape {input.shape}; need [bags, n], or a vector and offsets")
    if max_norm is not None:
        _limit_rows(weight, input, max_norm, norm_type)
    flat = input.reshape((-1,))
    rows = _core.embedding(flat, weight)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape((-1, 1))
    kept = _core.ones(flat.shape, dtype=_core.bool, device=flat._place)
    if padding_idx is not None:
        kept = _core.logical_not(_padded(flat, padding_idx, weight.shape[0]))
    # Of each index: which bag it is in.
    places = _core.arange(flat.shape[0], dtype=_core.int64, device=flat._place)
    if offsets is None:
        bags = input.shape[0]
        bag = _core.floor_divide(places, input.shape[1]) if input.shape[1] else places
    else:
        bags = offsets.shape[0] - (1 if include_last_offset else 0)
        begins = offsets[:bags].astype(_core.int64)
        bag = _core._places_in_sorted(begins, places, right=True) - 1
    inside = _core.logical_and(
        _core.equal(_core.arange(bags, dtype=_core.int64, device=rows._place).reshape((-1, 1)), bag), kept
    )  # [bags, n]
    if mode == "max":
        seen = _core.expand_dims(inside, axis=2)
        low = _core.full((), float("-inf"), dtype=rows.dtype)
        best = _core.max(_core.where(seen, rows, low), axis=1)
        some = _core.any(inside, axis=1, keepdims=True)
        return _core.where(some, best, _core.zeros((), dtype=rows.dtype))
    # A sum per bag, in order of the indices.
    values = _core.where(_core.expand_dims(kept, axis=1), rows, _core.zeros((), dtype=rows.dtype))
    columns = _core.expand_dims(_core.matrix_transpose(values), axis=0)
    index = _core.broadcast_to(_core.clip(bag, 0, bags - 1), tuple(columns.shape))
    out = _core.matrix_transpose(_core._scatter_planes(columns, index, size=(bags,), add=True)[0])
    if mode == "mean":
        count = _core.sum(inside.astype(_core.int64), axis=1, keepdims=True)
        out = out / _core.maximum(count, 1).astype(out.dtype)
    return out


@public
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return int64 vectors with a one at each index and zeros elsewhere, along a new last axis.

    num_classes -1: one more than the largest index, which is read for it.

    >>> td.nn.functional.one_hot(td.asarray([1, 0]))
    tensor([[0, 1],
            [1, 0]])
    """
    if num_classes == -1:
        num_classes = int(_core.max(tensor)) + 1
    return _parts.one_hot(tensor, num_classes, dtype=_core.int64)


@public
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add elements before and behind those of the last axes: pad lists two numbers per axis, of the last axis first.

    mode: "constant" (value, or 0), "reflect", "replicate" or "circular". Negative numbers take elements away.

    >>> td.nn.functional.pad(td.asarray([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in modes or (mode != "constant" and value is not None):
        raise _core.ArgumentError(
            f"pad: got mode={mode!r} and value={value}; need 'constant', or 'reflect', 'replicate' or 'circular' "
            "without a value"
        )
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise _core.ArgumentError(
            f"pad: got pad={tuple(pad)} for {input.ndim} axes; need two numbers per axis, the last first"
        )
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2) + [tuple(pad[i : i + 2]) for i in range(len(pad) - 2, -1, -2)]
    for axis, (before, after) in enumerate(pairs):
        size = input.shape[axis]
        if mode == "reflect" and max(before, after) >= size > 0 and (before > 0 or after > 0):
            raise _core.ArgumentError(
                f"pad: got pad={tuple(pad)} and the shape {input.shape}; need less than the axis has"
            )
        if mode == "circular" and max(before, after) > size:
            raise _core.ArgumentError(
                f"pad: got pad={tuple(pad)} and the shape {input.shape}; need no more than the axis has"
            )
    cut: tuple[Any, ...] = tuple(
        slice(max(-before, 0), input.shape[axis] - max(-after, 0)) for axis, (before, after) in enumerate(pairs)
    )
    x = input[cut] if any(n < 0 for n in pad) else input
    widths = [(max(before, 0), max(after, 0)) for before, after in pairs]
    return _parts.pad(x, widths, mode=modes[mode], constant_values=value or 0)
