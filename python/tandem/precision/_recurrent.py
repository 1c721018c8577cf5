"""Recurrent networks, and products with two inputs, whose products are modules, which td.convert makes 8-bit ones.

What comes in is multiplied as one product for the whole sequence, as in td.nn; the product with the state is one of
8-bit integers in every step. Gates, states and activations stay in floating point.
"""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem.nn.modules.cells import GRUCell, LSTMCell, RNNCell, _Cell, gru_next, lstm_next
from tandem.nn.modules.hooks import captured
from tandem.nn.modules.linear import Bilinear
from tandem.nn.modules.module import Module
from tandem.nn.modules.recurrent import GRU, LSTM, RNN, States, _Recurrent, walk
from tandem.nn.parameter import Parameter
from tandem.precision._quantized import linear_of

Tensor = _core.Tensor


def _bare(cls: Any, layer: Module) -> Any:
    """Return a module with the settings of another one, and none of its tensors."""
    made = cls.__new__(cls)
    Module.__init__(made)
    own = {*vars(made), *layer._parameters}
    for name, value in vars(layer).items():
        if name not in own:
            setattr(made, name, value)
    return made


class _CellApart(_Cell):
    ih: Module
    hh: Module

    @classmethod
    def of(cls, layer: _Cell) -> Any:
        """Return the same cell with its two products as modules."""
        made = _bare(cls, layer)
        made.ih, made.hh = linear_of(layer.weight_ih, layer.bias_ih), linear_of(layer.weight_hh, layer.bias_hh)
        return made

    def _of_input(self, x: Tensor) -> Tensor:
        return self.ih(x)

    def _of_state(self, h: Tensor) -> Tensor:
        return self.hh(h)


class QuantizedRNNCell(_CellApart, RNNCell):
    """`nn.RNNCell` with products of 8 bits; made by td.convert."""


class QuantizedLSTMCell(_CellApart, LSTMCell):
    """`nn.LSTMCell` with products of 8 bits; made by td.convert."""


class QuantizedGRUCell(_CellApart, GRUCell):
    """`nn.GRUCell` with products of 8 bits; made by td.convert."""


class _RecurrentApart(_Recurrent):
    @classmethod
    def of(cls, layer: _Recurrent) -> Any:
        """Return the same network with its products as modules, by the names of their weights."""
        made = _bare(cls, layer)
        for number in range(layer.num_layers):
            for suffix in layer._suffixes(number):
                for kind in ("ih", "hh", "hr"):
                    weight = layer._parameters.get(f"weight_{kind}{suffix}")
                    if weight is not None:
                        made.add_module(kind + suffix, linear_of(weight, layer._parameters.get(f"bias_{kind}{suffix}")))
        return made

    def _of_input(self, x: Tensor, suffix: str) -> Tensor:
        return self._modules[f"ih{suffix}"](x)

    def _scan(self, steps: Tensor, states: States, suffix: str) -> tuple[Tensor, ...]:
        product, project = self._modules[f"hh{suffix}"], self._modules.get(f"hr{suffix}")

        def step(k: Any, gates: Tensor, states: States) -> tuple[States, Tensor]:
            new = self._next(gates, product(states[0]), states)
            if project is not None:
                new = (project(new[0]), *new[1:])
            return new, new[0]

        out, last = captured(walk)(steps, states, step)
        return out, *last

    def _next(self, gates: Tensor, product: Tensor, states: States) -> States:
        """Return the next states, from the products with what comes in and with the state."""
        raise NotImplementedError


class QuantizedRNN(_RecurrentApart, RNN):
    """`nn.RNN` with products of 8 bits; made by td.convert.

    >>> layer = td.convert(td.nn.RNN(3, 4), "int8", dynamic=True)
    >>> layer(td.ones((5, 2, 3)))[0].shape, layer.hh_l0.quantized_weight.dtype
    ((5, 2, 4), int8)
    """

    def _next(self, gates: Tensor, product: Tensor, states: States) -> States:
        return ((_core.tanh if self.nonlinearity == "tanh" else _core.relu)(gates + product),)


class QuantizedLSTM(_RecurrentApart, LSTM):
    """`nn.LSTM` with products of 8 bits; made by td.convert."""

    def _next(self, gates: Tensor, product: Tensor, states: States) -> States:
        return lstm_next(gates + product, states[1], self.hidden_size)


class QuantizedGRU(_RecurrentApart, GRU):
    """`nn.GRU` with products of 8 bits; made by td.convert."""

    def _next(self, gates: Tensor, product: Tensor, states: States) -> States:
        return (gru_next(gates, product, states[0], self.hidden_size),)


class QuantizedBilinear(Module):
    """`nn.Bilinear` whose product of weight and first input is one of 8 bits; made by td.convert."""

    bias: Tensor | None
    inner: Module

    @classmethod
    def of(cls, layer: Bilinear) -> QuantizedBilinear:
        """Return the same product, as one module and a sum."""
        made: QuantizedBilinear = _bare(cls, layer)
        rows = _core.permute_dims(layer.weight.detach(), (0, 2, 1)).reshape((-1, layer.in1_features))
        made.inner = linear_of(rows, None)
        made.register_parameter("bias", None if layer.bias is None else Parameter(layer.bias.detach()))
        return made

    in1_features: int
    in2_features: int
    out_features: int

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        inner = self.inner(input1)
        inner = inner.reshape((*tuple(inner.shape)[:-1], self.out_features, self.in2_features))
        out = _core.sum(inner * _core.expand_dims(input2, axis=-2), axis=-1)
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return Bilinear.extra_repr(self)  # type: ignore[arg-type]
