"""Elements added before and behind those of the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

from tandem import _core
from tandem.nn import functional as F
from tandem.nn.modules.module import Module

Tensor = _core.Tensor
Padding = int | Sequence[int]


class _Pad(Module):
    """padding: one number for all sides, or two per axis, those of the last axis first."""

    mode: str

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        dims = int(type(self)._dims)
        self.padding = (padding,) * (2 * dims) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * dims:
            raise _core.ArgumentError(
                f"{type(self).__name__}: got padding={padding}; need one number, or two for each of {dims} axes"
            )

    _dims = 1

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPad(_Pad):
    def __init__(self, padding: Padding, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ConstantPad1d(_ConstantPad):
    """Pad [batch, channels, length] with a number.

    >>> td.nn.ConstantPad1d(1, 7.0)(td.ones((1, 2, 3))).shape
    (1, 2, 5)
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Pad [batch, channels, height, width] with a number.

    >>> td.nn.ConstantPad2d(1, 7.0)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Pad [batch, channels, depth, height, width] with a number.

    >>> td.nn.ConstantPad3d(1, 7.0)(td.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    _dims = 3


class ZeroPad1d(_ZeroPad):
    """Pad [batch, channels, length] with zeros.

    >>> td.nn.ZeroPad1d(1)(td.ones((1, 2, 3))).shape
    (1, 2, 5)
    """

    _dims = 1


class ZeroPad2d(_ZeroPad):
    """Pad [batch, channels, height, width] with zeros.

    >>> td.nn.ZeroPad2d(1)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    _dims = 2


class ZeroPad3d(_ZeroPad):
    """Pad [batch, channels, depth, height, width] with zeros.

    >>> td.nn.ZeroPad3d(1)(td.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    _dims = 3


class ReflectionPad1d(_Pad):
    """Pad [batch, channels, length] with what lies behind the edge, mirrored.

    >>> td.nn.ReflectionPad1d(1)(td.ones((1, 2, 3))).shape
    (1, 2, 5)
    """

    _dims = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Pad [batch, channels, height, width] with what lies behind the edge, mirrored.

    >>> td.nn.ReflectionPad2d(1)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    _dims = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Pad [batch, channels, depth, height, width] with what lies behind the edge, mirrored.

    >>> td.nn.ReflectionPad3d(1)(td.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    _dims = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pad [batch, channels, length] with the element at the edge.

    >>> td.nn.ReplicationPad1d(1)(td.ones((1, 2, 3))).shape
    (1, 2, 5)
    """

    _dims = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Pad [batch, channels, height, width] with the element at the edge.

    >>> td.nn.ReplicationPad2d(1)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    _dims = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Pad [batch, channels, depth, height, width] with the element at the edge.

    >>> td.nn.ReplicationPad3d(1)(td.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    _dims = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """Pad [batch, channels, length] with what comes from the other end.

    >>> td.nn.CircularPad1d(1)(td.ones((1, 2, 3))).shape
    (1, 2, 5)
    """

    _dims = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """Pad [batch, channels, height, width] with what comes from the other end.

    >>> td.nn.CircularPad2d(1)(td.ones((1, 2, 3, 3))).shape
    (1, 2, 5, 5)
    """

    _dims = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """Pad [batch, channels, depth, height, width] with what comes from the other end.

    >>> td.nn.CircularPad3d(1)(td.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 5, 5, 5)
    """

    _dims = 3
    mode = "circular"
