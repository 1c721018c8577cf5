"""What all schedules of learning rates share."""

from __future__ import annotations

from typing import Any, ClassVar

from tandem import _core
from tandem.jit import outside_of_capture
from tandem.optim._groups import ParamGroup
from tandem.optim.optimizer import Optimizer


class LRScheduler:
    """Base class: a subclass says in `get_lr` what the rates of all groups are at `self.last_epoch`."""

    _not_saved: ClassVar[tuple[str, ...]] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(self, optimizer)
        for place, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", value_of(group["lr"]))
            elif "initial_lr" not in group:
                raise _core.ArgumentError(
                    f"{type(self).__name__}: got last_epoch={last_epoch} and no 'initial_lr' in group {place}; need it "
                    "to go on; try loading the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    @property
    def _groups(self) -> list[ParamGroup]:
        return self.optimizer.param_groups

    def get_lr(self) -> list[float]:
        """Return the learning rates of the groups at `self.last_epoch`."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that this scheduler has set last."""
        return self._last_lr

    def step(self) -> None:
        """Go on by one epoch, or whatever `step` is called after, and set the learning rates."""
        outside_of_capture(f"{type(self).__name__}.step")
        self._step_count += 1
        self._move_to(self.last_epoch + 1)

    def _move_to(self, epoch: int, restart: bool = False) -> None:
        self.last_epoch = epoch
        closed = getattr(self, "_closed_form", None) if restart else None
        for group, rate in zip(self._groups, closed() if closed else self.get_lr(), strict=True):
            set_rate(group, rate)
        self._last_lr = rates_of(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the scheduler knows but its optimizer."""
        return {name: value for name, value in vars(self).items() if name not in self._not_saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; the rates themselves are part of the optimizer's state."""
        vars(self).update(state_dict)


def checked(scheduler: Any, optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise _core.ArgumentTypeError(
            f"{type(scheduler).__name__}: got a {type(optimizer).__name__}; need an optimizer of td.optim"
        )
    return optimizer


def value_of(rate: Any) -> float:
    return float(rate) if isinstance(rate, _core.Tensor) else rate


def rates_of(optimizer: Optimizer) -> list[float]:
    return [value_of(group["lr"]) for group in optimizer.param_groups]


def set_rate(group: ParamGroup, rate: float) -> None:
    if isinstance(group["lr"], _core.Tensor):
        group["lr"][...] = rate
    else:
        group["lr"] = rate


def per_group(what: str, optimizer: Optimizer, value: Any) -> list[Any]:
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise _core.ArgumentError(
            f"{what}: got {len(value)} values; need one for each of {count} groups, or one number"
        )
    return list(value)
