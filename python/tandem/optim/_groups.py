"""Groups of parameters: the settings as users see them, and the tensors that an update works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tandem import _core

Tensor = _core.Tensor


def _number(value: Any) -> Tensor:
    return _core.asarray(float(value), dtype=_core.float64)


class ParamGroup(dict[str, Any]):
    """A dict of settings, and what follows from them for the compiled update.

    Numbers are inputs of the update, as 0-d tensors that a change of a setting writes to, so that a scheduler compiles
    nothing. `choices` say what the update computes at all: another value of one of them is another program. The state
    of the parameters lies in tensors that exist from the start and are only ever written in place.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        numbers: Iterable[str],
        switches: Iterable[str],
        buffers: Any,
    ) -> None:
        super().__init__(settings)
        self.tensors: list[Tensor] = self["params"]
        self.numbers: dict[str, Tensor] = {}
        self._own: dict[str, Tensor] = {}  # those of the numbers that are not given as tensors
        self.choices: dict[str, bool] = {}
        self.buffers: dict[str, list[Tensor]] = {}
        place = self.tensors[0]._place if self.tensors else None
        self.steps = _core.zeros(
            (len(self.tensors),), dtype=_core.float32, device=place
        )  # how often each parameter was updated
        self._numbers, self._switches, self._buffers = tuple(numbers), tuple(switches), buffers
        for name in {*self._numbers, *self._switches}:
            self._follow(name, self[name])

    def _follow(self, name: str, value: Any) -> None:
        """Let the tensors of the group say what a setting says."""
        if name in self._numbers:
            if isinstance(value, (tuple, list)):
                for place, part in enumerate(value, 1):  # betas are beta1 and beta2
                    self._set_number(f"{name.removesuffix('s')}{place}", part)
            else:
                self._set_number(name, value)
        if name in self._switches:
            self.choices[name] = bool(value)
            for needed, initial in self._buffers(self).items():
                if needed not in self.buffers:
                    self.buffers[needed] = [
                        _core.full(p.shape, initial, dtype=p.dtype, device=p._place) for p in self.tensors
                    ]

    def _set_number(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor):
            self.numbers[name] = value  # which the caller writes to
            return
        own = self._own.get(name)
        if own is None:
            own = self._own[name] = _number(value)
        elif own.item() != value:
            own[...] = _number(value)
        self.numbers[name] = own

    # Copies and pickles: the items must not be set before the rest is there.

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (), (dict(self), vars(self))

    def __setstate__(self, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
        vars(self).update(state[1])
        super().update(state[0])

    # Every way to change a dict.

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if name == "params":
            raise _core.ArgumentError("param_groups: got other params for a group; need add_param_group for new ones")
        if name in self._numbers or name in self._switches:
            self._follow(name, value)

    def update(self, *others: Any, **settings: Any) -> None:
        for name, value in dict(*others, **settings).items():
            self[name] = value

    def __ior__(self, other: Any) -> ParamGroup:  # type: ignore[override, misc]
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]


def _blank() -> ParamGroup:
    return ParamGroup.__new__(ParamGroup)
