"""Connectionist temporal classification, by the forward algorithm in logarithms."""

from __future__ import annotations

from collections.abc import Sequence

from tandem import _core
from tandem._boundary import public
from tandem.nn._losses import reduced

Tensor = _core.Tensor
Lengths = Tensor | Sequence[int]

_NEVER = -1e30  # log of a probability of zero; not -inf, whose differences are NaN


def _as_lengths(lengths: Lengths) -> Tensor:
    if isinstance(lengths, Tensor):
        return lengths.astype(_core.int64).reshape((-1,))
    return _core.asarray([int(n) for n in lengths], dtype=_core.int64)


def _in_rows(targets: Tensor, lengths: Tensor, longest: int) -> Tensor:
    """Return targets that lie one after the other as rows [batch, longest]; what is behind an end is never read."""
    starts = _core.cumsum(lengths, axis=0) - lengths
    places = _core.expand_dims(starts, axis=1) + _core.arange(longest, dtype=_core.int64)
    return _core.take(targets, _core.minimum(places, targets.shape[0] - 1), axis=0)


@public
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return minus the log-probability of all ways to say the targets in time, reduced.

    log_probs: [time, batch, classes] or [time, classes]. targets: [batch, longest], or all of them in one vector;
    without blanks. The mean is over the batch, of losses divided by the targets' lengths. zero_infinity: targets that
    do not fit into their time count nothing instead of infinity.

    >>> logs = td.log_softmax(td.zeros((2, 1, 2)))
    >>> loss = td.nn.functional.ctc_loss(logs, td.asarray([[1]]), (2,), (1,))  # three of four ways
    >>> bool(abs(td.exp(-loss) - 0.75) < 1e-6)
    True
    """
    single = log_probs.ndim == 2
    logs = _core.expand_dims(log_probs, axis=1) if single else log_probs
    if logs.ndim != 3:
        raise _core.ShapeError(f"ctc_loss: got log_probs of shape {log_probs.shape}; need [time, batch, classes]")
    steps, batch, classes = (int(n) for n in logs.shape)
    if not 0 <= blank < classes:
        raise _core.ArgumentError(f"ctc_loss: got blank={blank}; need one of {classes} classes")
    times, lengths = _as_lengths(input_lengths), _as_lengths(target_lengths)
    if tuple(times.shape) != (batch,) or tuple(lengths.shape) != (batch,):
        raise _core.ShapeError(
            f"ctc_loss: got lengths of shape {times.shape} and {lengths.shape}; need ({batch},) both"
        )
    if targets.ndim == 1 and not single:
        longest = int(_core.max(lengths)) if isinstance(target_lengths, Tensor) else max(map(int, target_lengths))
        rows = _in_rows(targets, lengths, longest) if longest else _core.zeros((batch, 0), dtype=_core.int64)
    else:
        rows = _core.expand_dims(targets, axis=0) if targets.ndim == 1 else targets
    rows = rows.astype(_core.int64)
    count = int(rows.shape[1])
    size = 2 * count + 1
    # Blanks between, before and behind the labels, and where one may be left out.
    blanks = _core.full((batch, count + 1), blank, dtype=_core.int64)
    if count:
        inner = _core.stack([blanks[:, :count], rows], axis=2).reshape((batch, 2 * count))
        states = _core.concat([inner, blanks[:, count:]], axis=1)
    else:
        states = blanks
    never = _core.full((batch, 2), _NEVER, dtype=logs.dtype)
    before = _core.concat([_core.full((batch, 2), blank, dtype=_core.int64), states], axis=1)[:, :size]
    skips = _core.logical_and(_core.not_equal(states, blank), _core.not_equal(states, before))
    low = _core.full((), _NEVER, dtype=logs.dtype)

    def said(t: int) -> Tensor:
        return _core.maximum(_core.take_along_axis(logs[t], states, axis=1), _NEVER)

    at_start = _core.less(_core.arange(size, dtype=_core.int64), 2)
    alpha = _core.where(at_start, said(0), low)
    for t in range(1, steps):
        one = _core.concat([never[:, :1], alpha], axis=1)[:, :size]
        two = _core.where(skips, _core.concat([never, alpha], axis=1)[:, :size], low)
        moved = _core.maximum(_core.logaddexp(_core.logaddexp(alpha, one), two) + said(t), _NEVER)
        alpha = _core.where(_core.expand_dims(_core.less(t, times), axis=1), moved, alpha)
    last = _core.expand_dims(2 * lengths, axis=1)
    end = _core.take_along_axis(alpha, last, axis=1)
    label = _core.take_along_axis(alpha, _core.maximum(last - 1, 0), axis=1)
    label = _core.where(_core.greater(last, 0), label, low)
    loss = -_core.squeeze(_core.logaddexp(end, label), axis=1)
    # No time at all says the empty target only.
    empty = _core.where(_core.equal(lengths, 0), 0.0, float("inf")).astype(loss.dtype)
    loss = _core.where(_core.equal(times, 0), empty, loss)
    beyond = 0.0 if zero_infinity else float("inf")
    loss = _core.where(_core.greater(loss, -_NEVER / 2), _core.full((), beyond, dtype=loss.dtype), loss)
    if reduction == "mean":
        return _core.mean(loss / _core.maximum(lengths, 1).astype(loss.dtype))
    return reduced("ctc_loss", _core.squeeze(loss, axis=0) if single else loss, reduction)
