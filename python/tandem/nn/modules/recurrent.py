"""Recurrent networks over a sequence: plain, LSTM and GRU; several layers, both directions.

The products with what comes in are one product for the whole sequence. The steps are a Python loop over the first axis,
which stays a loop in a function annotated with `@td.script`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn import init
from tandem.nn.modules.cells import gru_step, lstm_step, relu_step, tanh_step
from tandem.nn.modules.hooks import captured, with_loops
from tandem.nn.modules.linear import empty
from tandem.nn.modules.module import Module

Tensor = _core.Tensor
States = tuple[Tensor, ...]


def results(steps: Tensor, h: Tensor) -> Any:
    """Return what takes the result of each step: in a capture a tensor, because a list has as many items as it has."""
    return _core.zeros((steps.shape[0], *h.shape), dtype=h.dtype, device=h._place) if _core.recording() else []


def keep(out: Any, k: Any, h: Tensor) -> None:
    """Put the result of a step where `results` said."""
    # Either way the gradient of a step's result is added after that from the next step: the bits are the same.
    if type(out) is list:
        out.append(_core.expand_dims(h, axis=0))
    else:
        out[k] = h


def stacked(out: Any) -> Tensor:
    """Return the results of all steps as one tensor."""
    return _core.concat(out) if type(out) is list else out


@with_loops
def walk(steps: Tensor, states: States, step: Callable[[Any, Tensor, States], tuple[States, Tensor]]) -> Any:
    """Return what is shown after every step, and the states after the last one, of step(number, gates, states)."""
    out = results(steps, states[0])
    for k, gates in enumerate(steps):
        states, shown = step(k, gates, states)
        keep(out, k, shown)
    return stacked(out), states


@with_loops
def _plain(steps: Tensor, h: Tensor, step: Any, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    out = results(steps, h)
    for k, gates in enumerate(steps):
        h = step(gates, h, weight, bias)
        keep(out, k, h)
    return stacked(out), h


@with_loops
def _gru(steps: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None, size: int) -> tuple[Tensor, Tensor]:
    out = results(steps, h)
    for k, gates in enumerate(steps):
        h = gru_step(gates, h, weight, bias, size)
        keep(out, k, h)
    return stacked(out), h


@with_loops
def _lstm(
    steps: Tensor, h: Tensor, c: Tensor, weight: Tensor, bias: Tensor | None, size: int, project: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    out = results(steps, h)
    for k, gates in enumerate(steps):
        h, c = lstm_step(gates, h, c, weight, bias, size, project)
        keep(out, k, h)
    return stacked(out), h, c


class _Recurrent(Module):
    """Layers and directions: their parameters by PyTorch's names, and the way through them."""

    gates: int
    states = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        what = type(self).__name__
        if hidden_size < 1 or num_layers < 1 or not 0 <= dropout <= 1:
            raise _core.ArgumentError(
                f"{what}: got hidden_size={hidden_size}, num_layers={num_layers} and dropout={dropout}; need 1 or "
                "more, and a probability"
            )
        if not 0 <= proj_size < hidden_size:
            raise _core.ArgumentError(f"{what}: got proj_size={proj_size}; need less than hidden_size={hidden_size}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, proj_size
        rows, result = self.gates * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            columns = input_size if layer == 0 else result * (2 if bidirectional else 1)
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, columns), "weight_hh": (rows, result)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    self.register_parameter(name + suffix, empty(*shape, dtype=dtype))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def reset_parameters(self) -> None:
        """Draw the first values again: uniform in +-1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for x in self.parameters():
            init.uniform_(x, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: parameters need not lie one behind the other here."""

    def _scan(self, steps: Tensor, states: States, suffix: str) -> tuple[Tensor, ...]:
        """Return the results of all steps, and the states after the last one."""
        raise NotImplementedError

    def _first(self, x: Tensor, given: Any, single: bool) -> list[Tensor]:
        """Return the states before the first step, each [layers * directions, batch, size]."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        sizes = [self.proj_size or self.hidden_size, self.hidden_size][: self.states]
        batch = x.shape[1]
        if given is None:
            return [_core.zeros((count, batch, size), dtype=x.dtype, device=x._place) for size in sizes]
        found = []
        for state, size in zip((given,) if self.states == 1 else given, sizes, strict=True):
            need = (count, size) if single else (count, batch, size)
            if tuple(state.shape) != need:
                raise _core.ShapeError(f"{type(self).__name__}: got a state of shape {state.shape}; need {need}")
            found.append(_core.expand_dims(state, axis=1) if single else state)
        return found

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        single = input.ndim == 2
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            order = "batch, length" if self.batch_first else "length, batch"
            raise _core.ShapeError(
                f"{type(self).__name__}: got the shape {input.shape}; need [{order}, {self.input_size}] or [length, "
                f"{self.input_size}]"
            )
        x = _core.expand_dims(input, axis=1) if single else input
        if self.batch_first and not single:
            x = _core.permute_dims(x, (1, 0, 2))
        if x.shape[0] == 0:
            raise _core.ShapeError(f"{type(self).__name__}: got the shape {input.shape}; need a step or more")
        first = self._first(x, hx, single)
        last: list[list[Tensor]] = [[] for _ in first]
        for layer in range(self.num_layers):
            parts = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                number = len(last[0])
                steps = self._of_input(x, suffix)
                if direction == 1:
                    steps = _core.flip(steps, axis=0)
                out, *after = self._scan(steps, tuple(state[number] for state in first), suffix)
                for states, state in zip(last, after, strict=True):
                    states.append(state)
                parts.append(_core.flip(out, axis=0) if direction == 1 else out)
            x = parts[0] if len(parts) == 1 else _core.concat(parts, axis=-1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout)
        ends = [_core.stack(states) for states in last]
        if single:
            x, ends = _core.squeeze(x, axis=1), [_core.squeeze(end, axis=1) for end in ends]
        elif self.batch_first:
            x = _core.permute_dims(x, (1, 0, 2))
        return x, ends[0] if self.states == 1 else tuple(ends)

    def _of_input(self, x: Tensor, suffix: str) -> Tensor:
        return F.linear(x, self._of("weight_ih", suffix), self._bias("bias_ih", suffix))

    def _of(self, name: str, suffix: str) -> Tensor:
        found = self._parameters[name + suffix]
        assert found is not None
        return found

    def _bias(self, name: str, suffix: str) -> Tensor | None:
        return self._parameters[name + suffix] if self.bias else None

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if not self.bias:
            text += ", bias=False"
        if self.batch_first:
            text += ", batch_first=True"
        if self.dropout:
            text += f", dropout={self.dropout}"
        return f"{text}, bidirectional=True" if self.bidirectional else text


class RNN(_Recurrent):
    """h = tanh(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh) over [length, batch, input_size].

    Return the states of the last layer after each step, [length, batch, directions * hidden_size], and those of all
    layers after the last step, [layers * directions, batch, hidden_size]. batch_first: [batch, length, ...], but not
    the states; the batch may be missing. nonlinearity: "tanh" or "relu". dropout: between layers.

    >>> out, h = td.nn.RNN(3, 4, num_layers=2)(td.ones((5, 2, 3)))
    >>> out.shape, h.shape
    ((5, 2, 4), (2, 2, 4))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise _core.ArgumentError(f"RNN: got nonlinearity={nonlinearity!r}; need 'tanh' or 'relu'")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype=dtype)
        self.nonlinearity = nonlinearity

    def _scan(self, steps: Tensor, states: States, suffix: str) -> tuple[Tensor, ...]:
        step = tanh_step if self.nonlinearity == "tanh" else relu_step
        return captured(_plain)(steps, *states, step, self._of("weight_hh", suffix), self._bias("bias_hh", suffix))


class LSTM(_Recurrent):
    """A long short-term memory over [length, batch, input_size]; shapes and options as of RNN.

    The states are a pair (h, c). proj_size: h is projected to that size by weight_hr. The rows of the weights are four
    gates: input, forget, cell, output.

    >>> out, (h, c) = td.nn.LSTM(3, 4, bidirectional=True)(td.ones((5, 2, 3)))
    >>> out.shape, h.shape, c.shape
    ((5, 2, 8), (2, 2, 4), (2, 2, 4))
    """

    gates, states = 4, 2

    def _scan(self, steps: Tensor, states: States, suffix: str) -> tuple[Tensor, ...]:
        project = self._of("weight_hr", suffix) if self.proj_size else None
        weight, bias = self._of("weight_hh", suffix), self._bias("bias_hh", suffix)
        return captured(_lstm)(steps, *states, weight, bias, self.hidden_size, project)


class GRU(_Recurrent):
    """Gated recurrent units over [length, batch, input_size]; shapes and options as of RNN.

    The rows of the weights are three gates: reset, update, new.

    >>> out, h = td.nn.GRU(3, 4, batch_first=True)(td.ones((2, 5, 3)))
    >>> out.shape, h.shape
    ((2, 5, 4), (1, 2, 4))
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype=dtype)

    def _scan(self, steps: Tensor, states: States, suffix: str) -> tuple[Tensor, ...]:
        weight, bias = self._of("weight_hh", suffix), self._bias("bias_hh", suffix)
        return captured(_gru)(steps, *states, weight, bias, self.hidden_size)
