"""RNN, GRU and LSTM: the products with what comes in are one for the whole sequence, the steps are a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tandem as td
from tandem import _core
from tandem.nn import functional as F
from tandem.nn.modules.hooks import captured
from tandem.nn.modules.recurrent import walk
from tandem.onnx.table import operator

Tensor = _core.Tensor
States = tuple[Tensor, ...]
Activation = Callable[[Tensor], Tensor]
Step = Callable[[Tensor, States], States]


def _activation(name: str, alpha: float | None, beta: float | None) -> Activation:
    def with_default(value: float | None, default: float) -> float:
        return default if value is None else value

    table: dict[str, Activation] = {
        "sigmoid": td.sigmoid,
        "tanh": td.tanh,
        "relu": td.relu,
        "softsign": F.softsign,
        "softplus": F.softplus,
        "affine": lambda x: x * with_default(alpha, 1.0) + with_default(beta, 0.0),
        "leakyrelu": lambda x: F.leaky_relu(x, with_default(alpha, 0.01)),
        "thresholdedrelu": lambda x: td.where(x > with_default(alpha, 1.0), x, x * 0.0),
        "scaledtanh": lambda x: td.tanh(x * with_default(beta, 1.0)) * with_default(alpha, 1.0),
        "hardsigmoid": lambda x: td.clip(x * with_default(alpha, 0.2) + with_default(beta, 0.5), 0, 1),
        "elu": lambda x: F.elu(x, with_default(alpha, 1.0)),
    }
    if name.lower() not in table:
        raise _core.BackendError(f"activations: got {name!r}; need one of {', '.join(table)}")
    return table[name.lower()]


class _Settings:
    """What the three operators have in common: directions, activations and clipping."""

    def __init__(
        self,
        defaults: tuple[str, ...],
        direction: str,
        activations: tuple[str, ...] | None,
        alpha: tuple[float, ...] | None,
        beta: tuple[float, ...] | None,
        clip: float | None,
    ) -> None:
        if direction not in ("forward", "reverse", "bidirectional"):
            raise _core.ArgumentError(f"direction: got {direction!r}; need forward, reverse or bidirectional")
        self.reversed = {"forward": (False,), "reverse": (True,)}.get(direction, (False, True))
        names = activations or defaults * len(self.reversed)
        if len(names) != len(defaults) * len(self.reversed):
            raise _core.ArgumentError(f"activations: got {names}; need {len(defaults)} per direction")
        numbers = [list(n or ()) + [None] * len(names) for n in (alpha, beta)]
        every = [_activation(name, a, b) for name, a, b in zip(names, *numbers, strict=False)]
        count = len(defaults)
        self.functions = [every[k * count : (k + 1) * count] for k in range(len(self.reversed))]
        self._clip = clip

    def clipped(self, x: Tensor) -> Tensor:
        return x if not self._clip else td.clip(x, -self._clip, self._clip)


def _still(k: Any, lengths: Tensor | None, new: States, old: States) -> tuple[States, Tensor]:
    """Return the states and what is shown after step k, where some sequences have ended."""
    if lengths is None:
        return new, new[0]
    live = td.expand_dims(lengths > k, axis=1)
    return tuple(td.where(live, n, o) for n, o in zip(new, old, strict=True)), td.where(live, new[0], new[0] * 0.0)


def _shown(step: Step, lengths: Tensor | None) -> Callable[[Any, Tensor, States], tuple[States, Tensor]]:
    return lambda k, gates, states: _still(k, lengths, step(gates, states), states)


def _flipped(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return a sequence from its end, each row from its own."""
    if lengths is None:
        return td.flip(x, axis=0)
    from tandem.onnx.importers_indexing import reverse_sequence

    return reverse_sequence(x, lengths)


def _run(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    lengths: Tensor | None,
    starts: tuple[Tensor | None, ...],
    settings: _Settings,
    layout: int,
    size: int,
    step_of: Callable[[int], Step],
) -> tuple[Tensor, ...]:
    if layout:
        x = td.permute_dims(x, (1, 0, 2))
        starts = tuple(None if s is None else td.permute_dims(s, (1, 0, 2)) for s in starts)
    every: list[Tensor] = []
    lasts: list[States] = []
    for d, reverse in enumerate(settings.reversed):
        rows = _flipped(x, lengths) if reverse else x
        gates = td.matmul(rows, weight[d].T)
        gates = gates if bias is None else gates + bias[d]
        states = tuple(td.zeros((x.shape[1], size), dtype=x.dtype) if s is None else s[d] for s in starts)
        out, last = captured(walk)(gates, states, _shown(step_of(d), lengths))
        every.append(_flipped(out, lengths) if reverse else out)
        lasts.append(last)
    y = td.stack(every, axis=1)
    ends = tuple(td.stack([last[k] for last in lasts], axis=0) for k in range(len(starts)))
    if layout:
        return td.permute_dims(y, (2, 0, 1, 3)), *(td.permute_dims(e, (1, 0, 2)) for e in ends)
    return y, *ends


def _halves(bias: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Return the biases of what comes in and of the state."""
    if bias is None:
        return None, None
    half = bias.shape[1] // 2
    return bias[:, :half], bias[:, half:]


@operator("RNN")
def rnn(
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    start: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] | None = None,
    activation_beta: tuple[float, ...] | None = None,
    activations: tuple[str, ...] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    output_sequence: int = 0,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    settings = _Settings(("Tanh",), direction, activations, activation_alpha, activation_beta, clip)
    outer, inner = _halves(bias)
    joined = None if outer is None or inner is None else outer + inner

    def step_of(d: int) -> Step:
        (f,), columns = settings.functions[d], recurrent[d].T

        def step(gates: Tensor, states: States) -> States:
            return (f(settings.clipped(gates + td.matmul(states[0], columns))),)

        return step

    size = recurrent.shape[2]
    return _run(x, weight, joined, lengths, (start,), settings, layout, size, step_of)[:outputs]


@operator("GRU")
def gru(
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    start: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] | None = None,
    activation_beta: tuple[float, ...] | None = None,
    activations: tuple[str, ...] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
    output_sequence: int = 0,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    settings = _Settings(("Sigmoid", "Tanh"), direction, activations, activation_alpha, activation_beta, clip)
    size = recurrent.shape[2]
    outer, inner = _halves(bias)

    def step_of(d: int) -> Step:
        f, g = settings.functions[d]
        gate_columns, last_columns = recurrent[d, : 2 * size].T, recurrent[d, 2 * size :].T
        gate_bias = None if inner is None else inner[d, : 2 * size]
        last_bias = None if inner is None else inner[d, 2 * size :]

        def plus(product: Tensor, bias: Tensor | None) -> Tensor:
            return product if bias is None else product + bias

        def step(gates: Tensor, states: States) -> States:
            h = states[0]
            both = f(settings.clipped(gates[:, : 2 * size] + plus(td.matmul(h, gate_columns), gate_bias)))
            update, reset = both[:, :size], both[:, size:]
            if linear_before_reset:
                past = reset * plus(td.matmul(h, last_columns), last_bias)
            else:
                past = plus(td.matmul(reset * h, last_columns), last_bias)
            new = g(settings.clipped(gates[:, 2 * size :] + past))
            return ((1 - update) * new + update * h,)

        return step

    return _run(x, weight, outer, lengths, (start,), settings, layout, size, step_of)[:outputs]


@operator("LSTM")
def lstm(
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    start: Tensor | None = None,
    cell: Tensor | None = None,
    peepholes: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] | None = None,
    activation_beta: tuple[float, ...] | None = None,
    activations: tuple[str, ...] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
    output_sequence: int = 0,
    outputs: int = 1,
) -> tuple[Tensor, ...]:
    settings = _Settings(("Sigmoid", "Tanh", "Tanh"), direction, activations, activation_alpha, activation_beta, clip)
    size = recurrent.shape[2]
    outer, inner = _halves(bias)
    joined = None if outer is None or inner is None else outer + inner

    def step_of(d: int) -> Step:
        (f, g, h_of), columns = settings.functions[d], recurrent[d].T
        holes = None if peepholes is None else [peepholes[d, k * size : (k + 1) * size] for k in range(3)]

        def step(gates: Tensor, states: States) -> States:
            h, c = states
            total = gates + td.matmul(h, columns)
            i, o, forget, new = (total[:, k * size : (k + 1) * size] for k in range(4))
            if holes is not None:
                i, forget = i + holes[0] * c, forget + holes[2] * c
            i = f(settings.clipped(i))
            forget = 1 - i if input_forget else f(settings.clipped(forget))
            c = forget * c + i * g(settings.clipped(new))
            o = f(settings.clipped(o if holes is None else o + holes[1] * c))
            return o * h_of(c), c

        return step

    return _run(x, weight, joined, lengths, (start, cell), settings, layout, size, step_of)[:outputs]
