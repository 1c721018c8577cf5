"""What a `for` over tensors runs over: a length and an item for every index, both possibly tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tandem import _core
from tandem.scripting.context import is_dim, is_symbolic
from tandem.scripting.errors import capture_error
from tandem.scripting.state import describe, lift


@dataclass
class Sequence:
    """`item(k)` takes a plain int; if `indexable`, it also takes an integer tensor."""

    what: str
    length: Any
    item: Callable[[Any], Any]
    indexable: bool = True
    stride: int = 1  # items are `stride` apart in units of `length`

    def has(self, index: Any) -> Any:
        """The condition that there is an item number `index` (a tensor)."""
        return (index if self.stride == 1 else index * self.stride) < lift(self.length)

    def __iter__(self) -> Iterator[Any]:
        """For comprehensions and the like: needs a length that is known, or becomes so by a guard."""
        self._need_length()
        return (self.item(k) for k in range(int(self.length)))

    def __len__(self) -> int:
        self._need_length()
        return int(self.length)

    def _need_length(self) -> None:
        if is_symbolic(self.length):
            raise capture_error(
                self.what,
                "a length that depends on a tensor",
                "a 'for' statement over it",
                "writing the comprehension or generator as a 'for' statement",
            )


def of_range(values: range) -> Sequence:
    def item(k: Any) -> Any:
        if not is_symbolic(k):
            return values[k]
        scaled = k if values.step == 1 else k * values.step
        return scaled if values.start == 0 else scaled + values.start

    return Sequence("range", len(values), item)


def tensor_range(*arguments: Any) -> Any:
    """`range` that also takes tensors."""
    if not any(is_symbolic(value) or is_dim(value) for value in arguments):
        return range(*arguments)
    start, stop, step = (0, *arguments, 1) if len(arguments) == 1 else (*arguments, 1)[:3]
    for value in arguments:
        if isinstance(value, _core.Tensor) and (tuple(value.shape) or "int" not in str(value.dtype)):
            raise _core.ArgumentTypeError(
                f"range: got a tensor {describe(value)}; need an integer without axes; try n.astype(td.int64)"
            )
    if is_symbolic(step) or is_dim(step):
        raise capture_error("range", "a step that is a tensor", "a step known at capture", "a 'while' loop")
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    distance = stop - start if step > 0 else start - stop
    size = abs(step)
    stride = 1
    if size > 1 and is_symbolic(distance):
        stride = size
    elif size > 1:
        distance = (distance + (size - 1)) // size
    return Sequence("range", distance, lambda k: start + (k if step == 1 else k * step), stride=stride)


def of_tensor(value: Any) -> Sequence:
    if not tuple(value.shape):
        iter(value)  # raises
    return Sequence("tensor", value.shape[0], lambda k: value[k])


def sequence(value: Any) -> Sequence | None:
    """A Sequence for ranges, tensors and what the overloads below return; None for other iterables."""
    if type(value) is range:
        return of_range(value)
    if isinstance(value, Sequence):
        return value
    if isinstance(value, _core.Tensor) and is_symbolic(value):
        return of_tensor(value)
    return None


def _over_tensors(values: tuple[Any, ...]) -> bool:
    return any(isinstance(v, Sequence) or (isinstance(v, _core.Tensor) and is_symbolic(v)) for v in values)


def tensor_enumerate(iterable: Any, start: Any = 0) -> Any:
    if not _over_tensors((iterable,)):
        return enumerate(iterable, start)
    inner = sequence(iterable)
    assert inner is not None
    return Sequence("enumerate", inner.length, lambda k: (start + k, inner.item(k)), inner.indexable)


def tensor_zip(*iterables: Any, strict: bool = False) -> Any:
    """`zip`; the lengths of tensors must be known unless there is only one."""
    if not _over_tensors(iterables):
        return zip(*iterables, strict=strict)
    parts = []
    for value in iterables:
        inner = sequence(value)
        if inner is None:
            values = list(value)
            inner = Sequence("list", len(values), values.__getitem__, indexable=False)
        parts.append(inner)
    lengths = [part.length for part in parts]
    if any(is_symbolic(length) for length in lengths):
        if any(length is not lengths[0] and not _equal(length, lengths[0]) for length in lengths):
            raise capture_error(
                "zip", "lengths that differ from call to call", "lengths known at capture", "indexing one of them"
            )
        length: Any = lengths[0]
    else:
        length = min(lengths)
        if strict and length != max(lengths):
            raise ValueError(f"zip: got lengths {lengths}; need equal lengths")
    return Sequence("zip", length, lambda k: tuple(p.item(k) for p in parts), all(p.indexable for p in parts))


def _equal(a: Any, b: Any) -> bool:
    """True when two lengths are known to be the same (one symbol, or one number)."""
    same = a == b
    return same is True
