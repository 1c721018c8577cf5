"""`precompile`: arguments that stand for those of later calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tandem import _core
from tandem.scripting.arguments import leaf_names, replace_leaves
from tandem.tensor_spec import TensorSpec

# Sizes for dimensions that differ: divisible by what sizes are divided by, and none the sum or a small multiple of
# others, so that what the function asks about them ("is this one equal to that one?") is answered as for most sizes.
_UNIT, _SMALL_UNIT, _FEW = 240, 12, 4  # the small one for tensors of more such dimensions than a few
_FACTORS = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)


@dataclass
class Call:
    """A call with examples in the places of specifications."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    marks: dict[int, tuple[bool, ...]]  # which sizes of an example differ from call to call, by its id
    sizes: dict[str, int]  # of the dimensions that differ

    def explained(self, error: _core.Error) -> _core.Error:
        """The error with what is not seen in it: that sizes were made up, and are taken to differ."""
        if len(self.sizes) < 2 or not isinstance(error, _core.ShapeError):
            return error
        made_up = ", ".join(f"{name} as {size}" for name, size in self.sizes.items())
        text = f"{error}\n(precompile took {made_up}; try one name for dimensions that are equal)"
        return type(error)(text).with_traceback(error.__traceback__)


def examples(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: bool | None) -> Call:
    """Put examples in the places of the specifications among the arguments."""
    _check_arguments(function, args, kwargs)
    leaves = list(leaves_of((args, kwargs)))
    shaped = [leaf for leaf in leaves if isinstance(leaf, (TensorSpec, _core.Tensor))]
    fixed = {size for leaf in shaped for size in leaf.shape if isinstance(size, int)}
    most = max((sum(not isinstance(size, int) for size in leaf.shape) for leaf in shaped), default=0)
    unit = _UNIT if most <= _FEW else _SMALL_UNIT
    free = [unit * factor for factor in _FACTORS if unit * factor not in fixed]
    sizes: dict[str, int] = {}
    marks: dict[int, tuple[bool, ...]] = {}

    def example(spec: TensorSpec, argument: str) -> Any:
        shape = []
        for axis, size in enumerate(spec.shape):
            if isinstance(size, int):
                shape.append(size)
                continue
            if dynamic is False:
                raise ValueError(
                    f"precompile: got the dimension {size!r} for a function with dynamic=False; need sizes; try one "
                    "precompile for each of them, or leaving dynamic out"
                )
            if len(sizes) == len(free):
                raise ValueError(f"precompile: got more than {len(free)} dimensions that differ; need fewer")
            name = size if size is not None else f"axis {axis} of {argument}"
            shape.append(sizes.setdefault(name, free[len(sizes)]))
        made = _core._example(shape, spec.dtype)
        marks[id(made)] = tuple(not isinstance(size, int) for size in spec.shape)
        return made

    names = leaf_names(function, args, kwargs, leaves)
    new = [
        example(leaf, name) if isinstance(leaf, TensorSpec) else leaf for leaf, name in zip(leaves, names, strict=True)
    ]
    new_args, new_kwargs = replace_leaves((args, kwargs), leaves, new)
    return Call(new_args, new_kwargs, marks, sizes)


def leaves_of(tree: Any) -> Iterator[Any]:
    """What is in the containers that arguments may be: the same that the call path looks into."""
    if type(tree) in (tuple, list) or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        for item in tree:
            yield from leaves_of(item)
    elif type(tree) is dict:
        for item in tree.values():
            yield from leaves_of(item)
    else:
        yield tree


def _check_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # of something built in
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        first = next(iter(signature.parameters), "")
        method = "; try the object itself as the first one: Model.forward.precompile(model, ...)"
        raise TypeError(
            f"precompile: got arguments that the function does not take ({error}); need those of a call"
            + (method if first == "self" else "")
        ) from None
