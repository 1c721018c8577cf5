"""Functions that run before and after a module's forward pass, and in its backward pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tandem import _core, pytree

if TYPE_CHECKING:
    from tandem.nn.modules.module import Module

Tensor = _core.Tensor

Function = TypeVar("Function", bound=Callable[..., Any])
Hook = tuple[str, Callable[..., Any], bool]  # when it runs, the function, whether it takes keyword arguments
_numbers = itertools.count()


class RemovableHandle:
    """What registering a hook returns: `remove()`, or leaving a `with` block, takes the hook away."""

    def __init__(self, module: Module, number: int) -> None:
        self._module, self._number = module, number

    def remove(self) -> None:
        """Take the hook away; nothing happens if it is gone already."""
        rest = {number: hook for number, hook in (self._module._hooks or {}).items() if number != self._number}
        self._module._hooks = rest or None

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register(module: Module, hook: Hook, prepend: bool) -> RemovableHandle:
    number, others = next(_numbers), module._hooks or {}
    module._hooks = {number: hook, **others} if prepend else {**others, number: hook}
    return RemovableHandle(module, number)


def captured(function: Any) -> Any:
    """The function as it has to be called: while an annotated one is captured, those it calls are rewritten, too."""
    if not _core.recording():
        return function
    from tandem.scripting.primitives import call

    return call(function)


def with_loops(function: Function) -> Function:
    """Mark a function of this package whose control flow is rewritten like that of users' functions."""
    vars(function)["_with_loops"] = True
    return function


def _of(module: Module, when: str) -> list[tuple[Callable[..., Any], bool]]:
    return [(captured(hook), named) for kind, hook, named in (module._hooks or {}).values() if kind == when]


def run(module: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call forward with the module's hooks around it."""
    for hook, named in _of(module, "before"):
        found = hook(module, args, kwargs) if named else hook(module, args)
        if found is None:
            continue
        if not named:
            args = found if isinstance(found, tuple) else (found,)
        elif isinstance(found, tuple) and len(found) == 2:
            args, kwargs = found
        else:
            raise _core.ArgumentTypeError(
                f"forward_pre_hook: got a result of {type(found).__name__}; need (args, kwargs) or None, because it "
                "was registered with with_kwargs=True"
            )
    backward = (
        _Backward(module) if any(when.endswith("backward") for when, _, _ in (module._hooks or {}).values()) else None
    )
    if backward is not None:
        args = backward.around_inputs(args)
    out = forward(*args, **kwargs)
    for hook, named in _of(module, "after"):
        found = hook(module, args, kwargs, out) if named else hook(module, args, out)
        out = out if found is None else found
    return out if backward is None else backward.around_results(out)


class _Backward:
    """Calls a module's backward hooks, through an identity around its inputs and one around its results."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.before, self.after = _of(module, "before backward"), _of(module, "backward")
        self.count = 0  # of the tensors among the arguments
        self.upstream: tuple[Any, ...] = ()

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        places = [k for k, x in enumerate(args) if isinstance(x, Tensor)]
        self.places, self.size = places, len(args)
        tensors = [args[k] for k in places]
        self.tracked = any(x.requires_grad for x in tensors)
        if not self.after or not self.tracked:
            return args
        out = list(args)
        for k, x in zip(places, _identity(tensors, self.inputs_reached), strict=True):
            out[k] = x
        return tuple(out)

    def around_results(self, out: Any) -> Any:
        leaves, structure = pytree.flatten(out)
        places = [k for k, x in enumerate(leaves) if isinstance(x, Tensor)]
        tensors = [leaves[k] for k in places]
        for k, x in zip(places, _identity(tensors, self.results_reached), strict=True):
            leaves[k] = x
        return pytree.unflatten(structure, leaves)

    def results_reached(self, *upstream: Any) -> list[Any]:
        for hook, _ in self.before:
            found = hook(self.module, upstream)
            if found is not None:
                upstream = found if isinstance(found, tuple) else (found,)
        self.upstream = upstream
        if self.after and not self.tracked:
            for hook, _ in self.after:
                hook(self.module, (None,) * self.size, upstream)
        return list(upstream)

    def inputs_reached(self, *gradients: Any) -> list[Any]:
        found: list[Any] = [None] * self.size
        for k, gradient in zip(self.places, gradients, strict=True):
            found[k] = gradient
        for hook, _ in self.after:
            changed = hook(self.module, tuple(found), self.upstream)
            if changed is not None:
                found = list(changed) if isinstance(changed, tuple) else [changed]
        return [found[k] for k in self.places]


def _identity(tensors: list[Tensor], rule: Callable[..., list[Any]]) -> list[Tensor]:
    """Return the same tensors with `rule` for their gradients: from those of all results to those of all inputs."""
    if not any(x.requires_grad for x in tensors) or not _core._grad_enabled():
        return tensors
    results = [x.detach() for x in tensors]
    _core._tape_function("hooks", tensors, results, rule)
    return results
