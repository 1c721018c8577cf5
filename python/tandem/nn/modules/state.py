"""State dicts: the tensors of a module by name, out of it and into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tandem import _core
from tandem.nn.parameter import Parameter

if TYPE_CHECKING:
    from tandem.nn.modules.module import Module

Tensor = _core.Tensor


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
    wrong = _listed("other shapes", shapes)
    if strict:
        wrong = _listed("missing", missing) + _listed("unexpected", unexpected) + wrong
    if wrong:
        hint = "; try strict=False, which leaves such keys out" if strict and not shapes else ""
        raise _core.SerializationError(
            f"load_state_dict: got a dict that does not fit {type(module).__name__}:\n  "
            + "\n  ".join(wrong)
            + f"\nneed its {len(own)} keys and their shapes{hint}"
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
