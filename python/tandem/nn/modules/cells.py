"""One step of a recurrent network: from what comes in and the state to the next state."""

from __future__ import annotations

import math
from typing import Any

from tandem import _core
from tandem.nn import functional as F
from tandem.nn import init
from tandem.nn.modules.linear import empty
from tandem.nn.modules.module import Module

Tensor = _core.Tensor


def tanh_step(gates: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the next state of a plain network, from the products with what comes in."""
    return _core.tanh(gates + F.linear(h, weight, bias))


def relu_step(gates: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the next state of a plain network with relu."""
    return _core.relu(gates + F.linear(h, weight, bias))


def lstm_step(
    gates: Tensor, h: Tensor, c: Tensor, weight: Tensor, bias: Tensor | None, size: int, project: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the next states: gates are in the order input, forget, cell, output."""
    h, c = lstm_next(gates + F.linear(h, weight, bias), c, size)
    return (h if project is None else F.linear(h, project)), c


def lstm_next(gates: Tensor, c: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the next states from all that goes into the gates."""
    kept = _core.sigmoid(gates[..., size : 2 * size]) * c
    c = kept + _core.sigmoid(gates[..., :size]) * _core.tanh(gates[..., 2 * size : 3 * size])
    return _core.sigmoid(gates[..., 3 * size :]) * _core.tanh(c), c


def gru_step(gates: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None, size: int) -> Tensor:
    """Return the next state: gates are in the order reset, update, new."""
    return gru_next(gates, F.linear(h, weight, bias), h, size)


def gru_next(gates: Tensor, recurrent: Tensor, h: Tensor, size: int) -> Tensor:
    """Return the next state from the products with what comes in, and with the state."""
    r = _core.sigmoid(gates[..., :size] + recurrent[..., :size])
    z = _core.sigmoid(gates[..., size : 2 * size] + recurrent[..., size : 2 * size])
    n = _core.tanh(gates[..., 2 * size :] + r * recurrent[..., 2 * size :])
    return n + z * (h - n)


class _Cell(Module):
    gates: int

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih = empty(self.gates * hidden_size, input_size, dtype=dtype)
        self.weight_hh = empty(self.gates * hidden_size, hidden_size, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, empty(self.gates * hidden_size, dtype=dtype) if bias else None)
        self.bias = bias
        self.reset_parameters()

    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def reset_parameters(self) -> None:
        """Draw the first values again: uniform in +-1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for x in self.parameters():
            init.uniform_(x, -bound, bound)

    def _gates(self, input: Tensor) -> Tensor:
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise _core.ShapeError(
                f"{type(self).__name__}: got the shape {input.shape}; need [batch, {self.input_size}] or "
                f"[{self.input_size}]"
            )
        return self._of_input(input)

    def _of_input(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight_ih, self.bias_ih)

    def _of_state(self, h: Tensor) -> Tensor:
        return F.linear(h, self.weight_hh, self.bias_hh)

    def _state(self, input: Tensor, h: Tensor | None) -> Tensor:
        shape = (*tuple(input.shape)[:-1], self.hidden_size)
        if h is None:
            return _core.zeros(shape, dtype=input.dtype, device=input._place)
        if tuple(h.shape) != shape:
            raise _core.ShapeError(f"{type(self).__name__}: got a state of shape {h.shape}; need {shape}")
        return h

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else f"{text}, bias=False"


class RNNCell(_Cell):
    """tanh, or relu, of weight_ih @ x + bias_ih + weight_hh @ h + bias_hh: [batch, input_size] to [batch, hidden_size].

    >>> td.nn.RNNCell(3, 4)(td.ones((2, 3))).shape
    (2, 4)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise _core.ArgumentError(f"RNNCell: got nonlinearity={nonlinearity!r}; need 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        function = _core.tanh if self.nonlinearity == "tanh" else _core.relu
        return function(self._gates(input) + self._of_state(self._state(input, hx)))

    def extra_repr(self) -> str:
        text = super().extra_repr()
        return text if self.nonlinearity == "tanh" else f"{text}, nonlinearity={self.nonlinearity}"


class LSTMCell(_Cell):
    """One step of a long short-term memory; the states are (h, c), each [batch, hidden_size].

    The rows of weight_ih and weight_hh are four gates: input, forget, cell, output.

    >>> h, c = td.nn.LSTMCell(3, 4)(td.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    gates = 4

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = (None, None) if hx is None else hx
        h, c = self._state(input, h), self._state(input, c)
        return lstm_next(self._gates(input) + self._of_state(h), c, self.hidden_size)


class GRUCell(_Cell):
    """One step of a gated recurrent unit; the state is [batch, hidden_size].

    The rows of weight_ih and weight_hh are three gates: reset, update, new.

    >>> td.nn.GRUCell(3, 4)(td.ones((2, 3))).shape
    (2, 4)
    """

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        h = self._state(input, hx)
        return gru_next(self._gates(input), self._of_state(h), h, self.hidden_size)
