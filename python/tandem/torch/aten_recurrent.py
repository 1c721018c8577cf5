"""One layer of a recurrent network as one operation, as torch captures `nn.LSTM` on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tandem as td
from tandem import _core
from tandem.torch.table import Uncovered, aten

Tensor = _core.Tensor

_LSTM = 2  # torch's number for the mode


def _layer(
    x: Tensor, weights: Sequence[Tensor], h: Tensor, c: Tensor, reverse: bool, biases: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the results [steps, batch, hidden] of an LSTM, and its last states."""
    own, recurrent, *rest = weights
    gates = td.linear(x, own, rest[0] + rest[1]) if biases else td.linear(x, own)
    steps = range(int(x.shape[0]))
    out: list[Any] = [None] * len(steps)
    for t in reversed(steps) if reverse else steps:
        each = gates[t] + td.linear(h, recurrent)
        i, f, g, o = (each[:, k * (each.shape[1] // 4) : (k + 1) * (each.shape[1] // 4)] for k in range(4))
        c = td.sigmoid(f) * c + td.sigmoid(i) * td.tanh(g)
        h = td.sigmoid(o) * td.tanh(c)
        out[t] = h
    return td.stack(out, axis=0), h, c


def _checked(mode: int, layers: int, bidirectional: bool, batch_first: bool, batch_sizes: Sequence[Any]) -> None:
    if mode != _LSTM or layers != 1 or bidirectional or batch_first or batch_sizes:
        raise Uncovered("a recurrent layer that is no LSTM, of one layer, one direction and sequences of one length")


@aten("mkldnn_rnn_layer", wide=True)
def rnn_layer(
    x: Tensor,
    weight0: Tensor,
    weight1: Tensor,
    weight2: Tensor,
    weight3: Tensor,
    hx: Tensor,
    cx: Tensor,
    reverse: bool,
    batch_sizes: Sequence[Any],
    mode: int,
    hidden_size: Any,
    num_layers: int,
    has_biases: bool,
    bidirectional: bool,
    batch_first: bool,
    train: bool,
) -> tuple[Tensor, ...]:
    _checked(mode, num_layers, bidirectional, batch_first, batch_sizes)
    y, h, c = _layer(x, (weight0, weight1, weight2, weight3), hx[0], cx[0], reverse, has_biases)
    return y, td.expand_dims(h, axis=0), td.expand_dims(c, axis=0), td.zeros((0,), dtype=_core.uint8)


@aten("mkldnn_rnn_layer_backward", wide=True)
def rnn_layer_backward(
    x: Tensor,
    weight1: Tensor,
    weight2: Tensor,
    weight3: Tensor,
    weight4: Tensor,
    hx: Tensor,
    cx: Tensor,
    output: Tensor,
    hy: Tensor,
    cy: Tensor,
    grad_output: Tensor | None,
    grad_hy: Tensor | None,
    grad_cy: Tensor | None,
    reverse: bool,
    mode: int,
    hidden_size: Any,
    num_layers: int,
    has_biases: bool,
    train: bool,
    bidirectional: bool,
    batch_sizes: Sequence[Any],
    batch_first: bool,
    workspace: Tensor,
) -> tuple[Tensor, ...]:
    _checked(mode, num_layers, bidirectional, batch_first, batch_sizes)

    def forward(*given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, a, b, c, d, h, state = given
        return _layer(x, (a, b, c, d), h[0], state[0], reverse, has_biases)

    (y, h, c), pull = td.vjp(forward, x, weight1, weight2, weight3, weight4, hx, cx)
    up = (
        td.zeros_like(y) if grad_output is None else grad_output,
        td.zeros_like(h) if grad_hy is None else grad_hy.reshape(h.shape),
        td.zeros_like(c) if grad_cy is None else grad_cy.reshape(c.shape),
    )
    return pull(up)
