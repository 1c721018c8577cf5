"""Sequences of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Sequence

from tandem import _core
from tandem._boundary import public
from tandem._parts import pad

Tensor = _core.Tensor

__all__ = ["pad_sequence", "unpad_sequence"]


@public
def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Return sequences [length, ...] as one tensor [longest, batch, ...], or [batch, longest, ...] with batch_first.

    >>> td.nn.utils.rnn.pad_sequence([td.ones((2,)), td.ones((3,))], batch_first=True)
    tensor([[1., 1., 0.], [1., 1., 1.]], dtype=float32)
    """
    if not sequences or padding_side not in ("left", "right"):
        raise _core.ArgumentError(
            f"pad_sequence: got {len(sequences)} sequences and padding_side={padding_side!r}; need one or more, and "
            "'left' or 'right'"
        )
    longest = max(x.shape[0] for x in sequences)
    parts = []
    for x in sequences:
        rest = longest - x.shape[0]
        ends = (rest, 0) if padding_side == "left" else (0, rest)
        parts.append(pad(x, [ends, *[(0, 0)] * (x.ndim - 1)], constant_values=padding_value))
    return _core.stack(parts, axis=0 if batch_first else 1)


@public
def unpad_sequence(
    padded_sequences: Tensor, lengths: Sequence[int] | Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Return the sequences that pad_sequence was given, by their lengths.

    >>> td.nn.utils.rnn.unpad_sequence(td.ones((3, 2)), [1, 3])
    [tensor([1.], dtype=float32), tensor([1., 1., 1.], dtype=float32)]
    """
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    axis = 0 if batch_first else 1
    if len(sizes) != padded_sequences.shape[axis]:
        raise _core.ShapeError(
            f"unpad_sequence: got {len(sizes)} lengths for {padded_sequences.shape[axis]} sequences; need one for each"
        )
    return [(padded_sequences[k] if batch_first else padded_sequences[:, k])[:n] for k, n in enumerate(sizes)]
