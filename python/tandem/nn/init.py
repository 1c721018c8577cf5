"""First values of parameters, by PyTorch's names, formulas and defaults; the random numbers are those of td.random.

Each function fills a tensor in place, without being recorded for gradients, and returns it. `generator` is a
td.random.Generator in place of the default one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

from tandem import _core
from tandem._boundary import public
from tandem.autograd import no_grad
from tandem.random import Generator, default_generator

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

Tensor = _core.Tensor
Function = TypeVar("Function", bound=Callable[..., Any])


def _filling(function: Function) -> Function:
    """Run a function outside of the tape: it writes to leaves."""

    @public
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with no_grad():
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor that keeps variances equal through a non-linear function of this name.

    param: the negative slope of "leaky_relu".

    >>> round(td.nn.init.calculate_gain("relu"), 4)
    1.4142
    """
    plain = ("linear", "sigmoid", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d")
    if nonlinearity in (*plain, "conv_transpose3d"):
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise _core.ArgumentError(
        f"calculate_gain: got {nonlinearity!r}; need linear, conv1d ..., sigmoid, tanh, relu, leaky_relu or selu"
    )


def _fans(what: str, tensor: Tensor) -> tuple[int, int]:
    """Return how many inputs an element of the result has, and how many results an input goes to."""
    if tensor.ndim < 2:
        raise _core.ShapeError(f"{what}: got the shape {tensor.shape}; need a matrix or weights of a convolution")
    field = math.prod(tuple(tensor.shape)[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


@_filling
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers that are uniform between a and b.

    >>> td.nn.init.uniform_(td.empty((3,)), 1.0, 1.0)
    tensor([1., 1., 1.], dtype=float32)
    """
    tensor[...] = (generator or default_generator()).uniform(
        tuple(tensor.shape), a, b, dtype=tensor.dtype, device=tensor._place
    )
    return tensor


@_filling
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of a normal distribution.

    >>> td.nn.init.normal_(td.empty((2,)), 3.0, 0.0)
    tensor([3., 3.], dtype=float32)
    """
    tensor[...] = (generator or default_generator()).normal(
        tuple(tensor.shape), mean, std, dtype=tensor.dtype, device=tensor._place
    )
    return tensor


@_filling
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with numbers of a normal distribution that lie between a and b.

    >>> bool((td.nn.init.trunc_normal_(td.empty((100,)), std=9.0) <= 2).all())
    True
    """
    source = generator or default_generator()
    found = source.truncated_normal(
        (a - mean) / std, (b - mean) / std, tuple(tensor.shape), dtype=tensor.dtype, device=tensor._place
    )
    tensor[...] = _core.clip(found * std + mean, a, b)
    return tensor


@_filling
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number.

    >>> td.nn.init.constant_(td.empty((2,)), 7.0)
    tensor([7., 7.], dtype=float32)
    """
    tensor.fill(val)
    return tensor


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    >>> td.nn.init.ones_(td.empty((2,)))
    tensor([1., 1.], dtype=float32)
    """
    return constant_(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    >>> td.nn.init.zeros_(td.empty((2,)))
    tensor([0., 0.], dtype=float32)
    """
    return constant_(tensor, 0)


@_filling
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on its diagonal and zeros elsewhere.

    >>> td.nn.init.eye_(td.empty((2, 2)))
    tensor([[1., 0.], [0., 1.]], dtype=float32)
    """
    if tensor.ndim != 2:
        raise _core.ShapeError(f"eye_: got the shape {tensor.shape}; need a matrix")
    tensor[...] = _core.eye(tensor.shape[0], tensor.shape[1], dtype=tensor.dtype, device=tensor._place)
    return tensor


@_filling
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weights of a convolution so that it hands on as many channels as it can, in each group.

    >>> td.nn.init.dirac_(td.empty((1, 1, 3)))
    tensor([[[0., 1., 0.]]], dtype=float32)
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise _core.ShapeError(
            f"dirac_: got the shape {tensor.shape} and groups={groups}; need weights of a convolution, with a number "
            "of results that the groups divide"
        )
    tensor.fill(0)
    each = tensor.shape[0] // groups
    centre = tuple(n // 2 for n in tuple(tensor.shape)[2:])
    for group in range(groups):
        for channel in range(min(each, tensor.shape[1])):
            place = (group * each + channel, channel, *centre)
            tensor[place] = 1.0
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers uniform in +-gain * sqrt(6 / (inputs + results)); Glorot and Bengio, 2010.

    >>> bool((td.abs(td.nn.init.xavier_uniform_(td.empty((4, 2)))) <= 1).all())
    True
    """
    inputs, results = _fans("xavier_uniform_", tensor)
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / (inputs + results))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers of standard deviation gain * sqrt(2 / (inputs + results)); Glorot and Bengio, 2010.

    >>> td.nn.init.xavier_normal_(td.empty((4, 2))).shape
    (4, 2)
    """
    inputs, results = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (inputs + results)), generator)


def _scale(what: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise _core.ArgumentError(f"{what}: got mode={mode!r}; need 'fan_in' or 'fan_out'")
    fan = _fans(what, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with numbers uniform in +-gain * sqrt(3 / inputs), or / results with mode="fan_out"; He and others, 2015.

    a: the negative slope, for nonlinearity="leaky_relu".

    >>> td.nn.init.kaiming_uniform_(td.empty((4, 2))).shape
    (4, 2)
    """
    bound = math.sqrt(3.0) * _scale("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers of standard deviation gain / sqrt(inputs), or / sqrt(results) with mode="fan_out".

    >>> td.nn.init.kaiming_normal_(td.empty((4, 2))).shape
    (4, 2)
    """
    return normal_(tensor, 0.0, _scale("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


@_filling
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with gain times a matrix whose rows or columns are orthonormal, all axes but the first taken as one.

    >>> w = td.nn.init.orthogonal_(td.empty((2, 2)))
    >>> bool((td.abs(w @ w.T - td.eye(2)) < 1e-6).all())
    True
    """
    if tensor.ndim < 2:
        raise _core.ShapeError(f"orthogonal_: got the shape {tensor.shape}; need two axes or more")
    rows, columns = tensor.shape[0], math.prod(tuple(tensor.shape)[1:])
    if rows * columns == 0:
        return tensor
    from tandem.linalg import diagonal, qr

    wide = _core.float64 if tensor.dtype == _core.float64 else _core.float32
    flat = (generator or default_generator()).normal(
        (max(rows, columns), min(rows, columns)), dtype=wide, device=tensor._place
    )
    q, r = qr(flat)
    q = q * _core.sign(diagonal(r))
    tensor[...] = ((q if rows >= columns else q.T) * gain).reshape(tuple(tensor.shape)).astype(tensor.dtype)
    return tensor


@_filling
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with normal numbers, of which this share of every column is zero; Martens, 2010.

    >>> int((td.nn.init.sparse_(td.empty((10, 3)), 0.5) == 0).sum())
    15
    """
    if tensor.ndim != 2:
        raise _core.ShapeError(f"sparse_: got the shape {tensor.shape}; need a matrix")
    source = generator or default_generator()
    rows, columns = tensor.shape
    values = source.normal((rows, columns), 0.0, std, dtype=tensor.dtype, device=tensor._place)
    ranks = _core.argsort(_core.argsort(source.bits((rows, columns)), axis=0), axis=0)
    zero = _core.zeros((), dtype=tensor.dtype)
    tensor[...] = _core.where(ranks < math.ceil(sparsity * rows), zero, values)
    return tensor
