"""Random numbers from a counter: eager, compiled and threaded programs draw the same ones.

A generator holds a key, made of the seed, and a position. The number at a position is Philox 4x32-10 of the two, so a
draw of n numbers is a pure function, and leaves the generator n positions further on. Both are tensors: a compiled
function reads them where they stand and writes the position back, draw after draw as eager code would. With `device=`
the numbers are made on a GPU, and are the same; without it, where the parameters are that have axes.

>>> td.random.manual_seed(0)
>>> td.random.uniform((2,))
tensor([0.39904642, 0.97224116], dtype=float32)
"""

from __future__ import annotations

import operator
import os
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem._locks import shared_lock

Tensor = _core.Tensor

_LOCK = shared_lock()  # so that no two eager draws have the same position
_FORKS = -1  # the stream of keys of forked generators, in which nothing else is drawn


def _sizes(shape: Any) -> tuple[Any, ...]:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def _shape(what: str, shape: Any, *parameters: Any) -> tuple[Any, ...]:
    """The shape of the result: as given, or else that of the parameters together."""
    shapes = [x.shape for x in parameters if isinstance(x, Tensor)]
    if shape is None:
        return tuple(_core._broadcast_shape(shapes)) if shapes else ()
    sizes = _sizes(shape)
    for other in shapes:
        fits = len(other) <= len(sizes)
        if not fits or any(a != 1 and a != b for a, b in zip(reversed(other), reversed(sizes), strict=False)):
            raise _core.ShapeError(
                f"{what}: got the shape {sizes} and a parameter of shape {tuple(other)}; "
                "need parameters that broadcast to the shape"
            )
    return sizes


def _place(device: Any, *parameters: Any) -> Any:
    """What device= is: as given, or else where the parameters are that have axes."""
    if device is not None:
        return device
    return next((x._place for x in parameters if isinstance(x, Tensor) and x.ndim > 0), None)


def _dtype(what: str, dtype: Any, *parameters: Any) -> Any:
    """A floating-point dtype: as given, or else that of the parameters."""
    if dtype is None:
        floats = [x.dtype for x in parameters if isinstance(x, Tensor) and x.dtype.kind == "float"]
        return _core._result_type(tuple(floats)) if floats else _core.default_dtype()
    return dtype


def _word(value: Any) -> Tensor:
    return _core.asarray(value, dtype=_core.uint64)  # no operation: nothing is compiled at import


def _checked(seed: Any) -> int:
    if not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise _core.ArgumentError(f"manual_seed: got {seed!r}; need an int from 0 to 2**64 - 1")
    return seed


def _integer(value: Any) -> Tensor:
    """As uint64, negative numbers by their bits."""
    if isinstance(value, Tensor):
        return _core.cast(value, _core.uint64)
    return _word(value % 2**64 if isinstance(value, int) else value)


def _real(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else _core.asarray(float(value), dtype=_core.float64)


class Generator:
    """A source of random numbers of its own.

    The same seed gives the same numbers on every machine, for any number of threads, eager and compiled.

    >>> td.random.Generator(1).integers(0, 10, (4,))
    tensor([8, 8, 5, 0])
    """

    __slots__ = ("__weakref__", "_key", "_position")

    def __init__(self, seed: int | None = None) -> None:
        """Start at position 0 of the stream of a seed in [0, 2**64); without one, of a seed from the system."""
        self._key = _word(int.from_bytes(os.urandom(8), "little") if seed is None else _checked(seed))
        self._position = _word(0)

    @public
    def manual_seed(self, seed: int) -> None:
        """Go to position 0 of the stream of this seed.

        >>> generator = td.random.Generator(1)
        >>> first = generator.uniform()
        >>> generator.manual_seed(1)
        >>> bool(first == generator.uniform())
        True
        """
        key = _word(_checked(seed))
        with _LOCK:
            self._key[...] = key
            self._position[...] = _word(0)

    @public
    def get_state(self) -> Tensor:
        """Return the key and the position as uint64[2].

        >>> td.random.Generator(7).get_state()
        tensor([7, 0], dtype=uint64)
        """
        with _LOCK:
            return _core.stack([self._key, self._position])

    @public
    def set_state(self, state: Tensor) -> None:
        """Go to where `get_state` was asked, also of another generator.

        >>> one, other = td.random.Generator(1), td.random.Generator(2)
        >>> other.set_state(one.get_state())
        >>> bool(one.normal() == other.normal())
        True
        """
        if not isinstance(state, Tensor) or state.dtype != _core.uint64 or tuple(state.shape) != (2,):
            raise _core.ArgumentError("set_state: got no uint64 tensor of shape (2,); need one from get_state")
        with _LOCK:
            self._key[...] = state[0]
            self._position[...] = state[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (0,), tuple(self.get_state().tolist())

    def __setstate__(self, state: tuple[int, int]) -> None:
        self.set_state(_core.asarray(list(state), dtype=_core.uint64))

    def __repr__(self) -> str:
        return "td.random.Generator"

    @public
    def fork(self) -> Generator:
        """Return a generator whose numbers have nothing to do with this one's; this one moves on by one position.

        >>> generator = td.random.Generator(0)
        >>> workers = [generator.fork() for _ in range(3)]
        >>> bool(workers[0].uniform() == workers[1].uniform())
        False
        """
        child = Generator.__new__(Generator)
        child._key = self._draw("random_bits", (), stream=_FORKS)
        child._position = _word(0)
        return child

    def _draw(
        self, name: str, shape: tuple[Any, ...], *parameters: Tensor, device: Any = None, **attributes: Any
    ) -> Tensor:
        """Run an operation on the next positions, one for every element, and move on."""
        where = {} if device is None else {"device": device}
        count = 1
        for size in shape:
            count = count * size
        with _LOCK:
            position = self._position
            if parameters and name.endswith("_at"):
                counters = _core._internal("random_counters", position, shape=shape, **where)
                out = _core._internal(name, counters, self._key, *parameters, **attributes)
            else:
                out = _core._internal(name, self._key, position, *parameters, shape=shape, **attributes, **where)
            position += count
        return out

    @public
    def bits(self, shape: Any = (), *, device: Any = None) -> Tensor:
        """Return random bits as uint64.

        >>> td.random.Generator(0).bits().dtype
        uint64
        """
        return self._draw("random_bits", _sizes(shape), device=device)

    @public
    def uniform(
        self, shape: Any = None, low: Any = 0.0, high: Any = 1.0, *, dtype: Any = None, device: Any = None
    ) -> Tensor:
        """Return numbers that are uniform in [low, high), or high where low + (high - low) * u rounds to it.

        Between 0 and 1 all multiples of 2**-24 are equally likely in float32, of 2**-53 in float64, 2**-11 in float16
        and 2**-8 in bfloat16. Without a shape it is that of low and high together.

        >>> bool((td.random.uniform((100,), 2.0, 3.0) >= 2).all())
        True
        """
        sizes = _shape("uniform", shape, low, high)
        place = _place(device, low, high)
        out = self._draw("random_uniform", sizes, dtype=_dtype("uniform", dtype, low, high), device=place)
        if type(low) in (int, float) and type(high) in (int, float) and low == 0 and high == 1:
            return out
        return (out * (high - low) + low).astype(out.dtype)

    @public
    def normal(
        self, shape: Any = None, mean: Any = 0.0, std: Any = 1.0, *, dtype: Any = None, device: Any = None
    ) -> Tensor:
        """Return numbers of the normal distribution.

        By the method of Box and Muller from 64 bits (float32: up to 6.7 standard deviations) or 128
        (float64: 9.4).

        >>> td.random.normal((2, 3)).shape
        (2, 3)
        """
        sizes, wanted = _shape("normal", shape, mean, std), _dtype("normal", dtype, mean, std)
        out = self._draw("random_normal", sizes, dtype=wanted, device=_place(device, mean, std))
        if type(mean) in (int, float) and type(std) in (int, float) and mean == 0 and std == 1:
            return out
        return (out * std + mean).astype(out.dtype)

    @public
    def exponential(self, shape: Any = None, scale: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
        """Return numbers of the exponential distribution with mean `scale`.

        >>> bool((td.random.exponential((100,)) >= 0).all())
        True
        """
        sizes = _shape("exponential", shape, scale)
        wanted = _dtype("exponential", dtype, scale)
        out = self._draw("random_exponential", sizes, dtype=wanted, device=_place(device, scale))
        return out if type(scale) in (int, float) and scale == 1 else (out * scale).astype(out.dtype)

    @public
    def integers(
        self, low: Any, high: Any = None, shape: Any = None, *, dtype: Any = _core.int64, device: Any = None
    ) -> Tensor:
        """Return integers that are uniform in [low, high), or in [0, low) if high is left out.

        No two differ in probability by more than a part in 2**64.

        >>> td.random.integers(1, 7, (1000,)).max()
        tensor(6)
        """
        if high is None:
            low, high = 0, low
        for bound in (low, high):
            if isinstance(bound, float) or (isinstance(bound, Tensor) and bound.dtype.kind != "int"):
                raise _core.DTypeError(f"integers: got the bound {bound!r}; need integers")
        if isinstance(low, int) and isinstance(high, int):
            info = _range(dtype)
            if not info[0] <= low < high <= info[1] + 1:
                raise _core.ArgumentError(
                    f"integers: got the range [{low}, {high}); need low < high within {info[0]} to {info[1]} ({dtype})"
                )
        start, sizes = _integer(low), _shape("integers", shape, low, high)
        range_ = _integer(high) - start
        if start.ndim == 0 and range_.ndim == 0:
            return self._draw("random_integers", sizes, start, range_, dtype=dtype, device=device)
        place = _place(device, start, range_)
        return _core.cast(self._draw("random_bounded_at", sizes, range_, device=place) + start, dtype)

    @public
    def gamma(self, a: Any, shape: Any = None, scale: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
        """Return numbers of the gamma distribution with shape parameter a; NaN where a is negative.

        By the rejection method of Marsaglia and Tsang (2000), with eight attempts per number; in less than one of 10^10
        draws none is accepted and the last stands.

        >>> td.random.gamma(td.asarray([0.5, 2.0]), (100, 2)).shape
        (100, 2)
        """
        sizes, wanted = _shape("gamma", shape, a, scale), _dtype("gamma", dtype, a, scale)
        out = self._draw("random_gamma_at", sizes, _real(a), dtype=wanted, device=_place(device, a, scale))
        return out if type(scale) in (int, float) and scale == 1 else (out * scale).astype(out.dtype)

    @public
    def poisson(self, lam: Any = 1.0, shape: Any = None, *, dtype: Any = _core.int64, device: Any = None) -> Tensor:
        """Return counts of the Poisson distribution with mean lam, which is at least 0 and below 2**53.

        By sequential search below a mean of 10 and by Hoermann's PTRS (1993) from there on, with ten attempts per
        number; in less than one of 10^9 draws none is accepted and the last stands.

        >>> td.random.poisson(0.0, (3,))
        tensor([0, 0, 0])
        """
        sizes, place = _shape("poisson", shape, lam), _place(device, lam)
        counts = self._draw("random_poisson_at", sizes, _real(lam), dtype=_core.float64, device=place)
        return _core.cast(counts, dtype)

    @public
    def truncated_normal(
        self, lower: Any, upper: Any, shape: Any = None, *, dtype: Any = None, device: Any = None
    ) -> Tensor:
        """Return numbers of the standard normal distribution between two bounds.

        By the inverse of the distribution function (Wichura, AS 241) in float64; of an interval beyond 8.4 standard
        deviations the bound nearer to 0 is returned.

        >>> bool((td.random.truncated_normal(2.0, 3.0, (100,)) >= 2).all())
        True
        """
        sizes = _shape("truncated_normal", shape, lower, upper)
        wanted = _dtype("truncated_normal", dtype, lower, upper)
        bounds, place = (_real(lower), _real(upper)), _place(device, lower, upper)
        return self._draw("random_truncated_normal_at", sizes, *bounds, dtype=wanted, device=place)

    @public
    def bernoulli(self, p: Any = 0.5, shape: Any = None, *, device: Any = None) -> Tensor:
        """Return True with probability p and False otherwise.

        Exact to 2**-32, or 2**-64 if p is float64.

        >>> td.random.bernoulli(1.0, (3,))
        tensor([ True,  True,  True])
        """
        wide = isinstance(p, Tensor) and p.dtype == _core.float64
        dtype = _core.float64 if wide else _core.float32
        sizes, place = _shape("bernoulli", shape, p), _place(device, p)
        return self._draw("random_probability", sizes, dtype=dtype, device=place) <= p

    @public
    def categorical(self, logits: Tensor, shape: Any = None, *, axis: int = -1) -> Tensor:
        """Return indices along an axis, with probabilities proportional to exp(logits), as int64.

        `shape` goes in front of that of the logits without the axis. By the largest of logits plus Gumbel noise, one
        position for every category.

        >>> td.random.categorical(td.asarray([0.0, -td.inf]), (3,))
        tensor([0, 0, 0])
        """
        if not isinstance(logits, Tensor) or logits.ndim == 0 or logits.dtype.kind != "float":
            raise _core.ArgumentError(
                "categorical: got no floating-point tensor with an axis; need logits of categories"
            )
        if not -logits.ndim <= axis < logits.ndim:
            raise _core.OutOfBoundsError(f"categorical: got axis {axis} for {logits.ndim} axes; need one of them")
        sizes = (*(() if shape is None else _sizes(shape)), *logits.shape)
        noise = _core.log(self._draw("random_exponential", sizes, dtype=logits.dtype, device=logits._place))
        return _core.argmax(logits - noise, axis=axis % logits.ndim - logits.ndim)

    @public
    def permutation(self, x: Any, *, axis: int = 0) -> Tensor:
        """Return the numbers below x, or the parts of the tensor x along an axis, in a random order.

        The order is that of 64 random bits for each, so every order of n is as likely as any other up to n^2 2^-65.

        >>> td.random.permutation(4).sum()
        tensor(6)
        """
        if not isinstance(x, Tensor):
            x = _core.arange(_integer_below(x))
        elif not -x.ndim <= axis < x.ndim:
            raise _core.OutOfBoundsError(f"permutation: got axis {axis} for {x.ndim} axes; need one of them")
        return _core.take(x, _core.argsort(self.bits((x.shape[axis],), device=x._place)), axis=axis)


def _integer_below(n: Any) -> int:
    number = operator.index(n)
    if number < 0:
        raise _core.ArgumentError(f"permutation: got {number}; need a tensor or a number from 0 on")
    return number


def _range(dtype: Any) -> tuple[int, int]:
    from tandem._dtypes import iinfo

    limits = iinfo(dtype)
    return int(limits.min), int(limits.max)


_default = Generator()


def default_generator() -> Generator:
    """Return the generator that the functions of this module and td.manual_seed use."""
    return _default


manual_seed = _default.manual_seed
get_state = _default.get_state
set_state = _default.set_state
fork = _default.fork
bits = _default.bits
uniform = _default.uniform
normal = _default.normal
exponential = _default.exponential
integers = _default.integers
gamma = _default.gamma
poisson = _default.poisson
truncated_normal = _default.truncated_normal
bernoulli = _default.bernoulli
categorical = _default.categorical
permutation = _default.permutation
