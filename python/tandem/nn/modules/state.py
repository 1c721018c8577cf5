"""The tensors of a module by name, out of it and into it, and in another dtype."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tandem import _core
from tandem.nn.parameter import Parameter

if TYPE_CHECKING:
    from tandem.nn.modules.module import Module

Tensor = _core.Tensor


_KINDS = ("bool", "int", "float", "complex")  # each takes those before it


class IncompatibleKeys(NamedTuple):
    """The keys that a state dict lacked, and those that nothing was there for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def entries(module: Module, prefix: str = "") -> dict[str, tuple[Module, str, Tensor]]:
    """Return the module that owns each parameter and persistent buffer, its name there, and the tensor itself."""
    found: dict[str, tuple[Module, str, Tensor]] = {}
    for path, each in module.named_modules(prefix=prefix, remove_duplicate=False):
        dot = f"{path}." if path else ""
        for name, x in (*each._parameters.items(), *each._buffers.items()):
            if x is not None and name not in each._not_saved:
                found[dot + name] = (each, name, x)
    return found


def _listed(what: str, names: list[str]) -> list[str]:
    return [f"{what}: {', '.join(names)}"] if names else []


def load(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy, or assign, the tensors of a state dict; nothing is changed unless all of it fits."""
    if not isinstance(state, Mapping):
        raise _core.ArgumentTypeError(
            f"load_state_dict: got {type(state).__name__}; need a dict of tensors by name; try td.load(path)"
        )
    own = entries(module)
    values = {name: x if isinstance(x, Tensor) else _core.asarray(x) for name, x in state.items() if name in own}
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    shapes = [
        f"{name} has {tuple(values[name].shape)} in the dict and {tuple(x.shape)} in the module"
        for name, (_, _, x) in own.items()
        if name in values and tuple(values[name].shape) != tuple(x.shape)
    ]
    kinds = [
        f"{name} has {values[name].dtype} in the dict and {x.dtype} in the module"
        for name, (_, _, x) in own.items()
        if name in values and _KINDS.index(values[name].dtype.kind) > _KINDS.index(x.dtype.kind)
    ]
    wrong = _listed("other shapes", shapes) + _listed("other kinds of numbers", kinds)
    if strict:
        wrong = _listed("missing", missing) + _listed("unexpected", unexpected) + wrong
    if wrong:
        hint = "; try strict=False, which leaves such keys out" if strict and not (shapes or kinds) else ""
        raise _core.SerializationError(
            f"load_state_dict: got a dict that does not fit {type(module).__name__}:\n  "
            + "\n  ".join(wrong)
            + f"\nneed its {len(own)} keys, with their shapes{hint}"
        )
    before = _core._set_grad_enabled(False)
    try:
        for name, value in values.items():
            owner, key, x = own[name]
            if not assign:
                x[...] = value
            elif isinstance(x, Parameter):
                setattr(owner, key, Parameter(value, x.requires_grad))
            else:
                setattr(owner, key, value)
    finally:
        _core._set_grad_enabled(before)
    return IncompatibleKeys(missing, unexpected)


def convert(modules: Iterable[Module], dtype: Any = None, device: str | None = None) -> None:
    """Put floats of this dtype, and tensors on this device, in the place of the own ones; shared ones stay shared."""
    done: dict[int, Tensor] = {}

    def converted(x: Tensor) -> Tensor:
        x = x.detach()
        if dtype is not None and x.dtype.kind == "float":
            x = x.astype(dtype)
        return x if device is None else x.to(device)

    def new(x: Tensor) -> Tensor:
        other = dtype is not None and x.dtype.kind == "float" and x.dtype != dtype
        if not other and device in (None, x.device):
            return x
        if id(x) not in done:
            value = converted(x)
            if isinstance(x, Parameter):
                value = Parameter(value, x.requires_grad)
                if x.requires_grad and x.grad is not None:
                    value.grad = converted(x.grad)
            done[id(x)] = value
        return done[id(x)]

    for each in modules:
        for registry in (each._parameters, each._buffers):
            for name, x in list(registry.items()):
                if x is not None:
                    setattr(each, name, new(x))
