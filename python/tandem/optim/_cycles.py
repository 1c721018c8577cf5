"""Schedules that raise the learning rate and lower the momentum, and back."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from tandem import _core
from tandem.optim._groups import ParamGroup
from tandem.optim._scheduler import LRScheduler, checked, per_group, set_rate
from tandem.optim.optimizer import Optimizer


class _Cycling(LRScheduler):
    """Moves the momentum, or the first of the betas, against the learning rate."""

    use_beta1: bool

    def _start_momentum(self, base: Any, highest: Any, resumed: bool) -> tuple[list[float], list[float]]:
        what, defaults = type(self).__name__, self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise _core.ArgumentError(
                f"{what}: got {type(self.optimizer).__name__}, which has no momentum; need cycle_momentum=False"
            )
        self.use_beta1 = "betas" in defaults
        low, high = per_group(what, self.optimizer, base), per_group(what, self.optimizer, highest)
        if not resumed:
            for group, first, second in zip(self._groups, low, high, strict=True):
                self._set_momentum(group, second)
                group["max_momentum"], group["base_momentum"] = second, first
        return low, high

    def _set_momentum(self, group: ParamGroup, value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_Cycling):
    """Up and down between two rates, each time the same way, less high, or as `scale_fn` says (Smith, 2017).

    `step` belongs after each batch.
    """

    _not_saved = ("optimizer", "_scale_fn_custom")

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise _core.ArgumentError(
                f"CyclicLR: got mode={mode!r}; need 'triangular', 'triangular2', 'exp_range', or a scale_fn"
            )
        self.optimizer = checked(self, optimizer)
        base_lrs = per_group("CyclicLR", optimizer, base_lr)
        self.max_lrs = per_group("CyclicLR", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(self._groups, base_lrs, strict=True):
                set_rate(group, rate)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            found = self._start_momentum(base_momentum, max_momentum, last_epoch != -1)
            self.base_momentums, self.max_momentums = found
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Return what part of the full height is reached in this cycle, or at this step."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(self._groups, self.base_momentums, self.max_momentums, strict=True):
                self._set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """As of every scheduler; of `scale_fn`, the attributes, if it is an object and no function."""
        function = self._scale_fn_custom
        kept = None if function is None or isinstance(function, types.FunctionType) else dict(vars(function))
        return {**super().state_dict(), "_scale_fn_custom": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if state_dict.get("_scale_fn_custom") is not None:
            vars(self._scale_fn_custom).update(state_dict["_scale_fn_custom"])


class OneCycleLR(_Cycling):
    """Up to `max_lr` and down to nearly nothing, once, in `total_steps` (Smith and Topin, 2018).

    `step` belongs after each batch.
    """

    _not_saved = ("optimizer", "_phases")

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            total_steps = epochs * steps_per_epoch if epochs is not None and steps_per_epoch is not None else 0
        if not isinstance(total_steps, int) or total_steps <= 0:
            raise _core.ArgumentError(
                f"OneCycleLR: got total_steps={total_steps!r}, epochs={epochs!r}, steps_per_epoch={steps_per_epoch!r}; "
                "need total_steps from 1 on, or both of the others"
            )
        if not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            raise _core.ArgumentError(
                f"OneCycleLR: got pct_start={pct_start} and anneal_strategy={anneal_strategy!r}; need a part from 0 to "
                "1, and 'cos' or 'linear'"
            )
        self.optimizer = checked(self, optimizer)
        self.total_steps, self._anneal_func_type = total_steps, anneal_strategy
        self._phases = _phases(total_steps, pct_start, three_phase)
        if last_epoch == -1:
            for group, rate in zip(self._groups, per_group("OneCycleLR", optimizer, max_lr), strict=True):
                group["initial_lr"], group["max_lr"] = rate / div_factor, rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(base_momentum, max_momentum, last_epoch != -1)
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[float]:
        step, start = self.last_epoch, 0.0
        if step > self.total_steps:
            raise _core.ArgumentError(
                f"OneCycleLR: got step {step}; need at most the {self.total_steps} of total_steps"
            )
        for end, *_ in self._phases[:-1]:
            if step <= end:
                break
            start = end
        end, from_rate, to_rate, from_momentum, to_momentum = next(
            (phase for phase in self._phases if step <= phase[0]), self._phases[-1]
        )
        part = (step - start) / (end - start)
        if self.cycle_momentum:
            for group in self._groups:
                self._set_momentum(group, self._between(group[from_momentum], group[to_momentum], part))
        return [self._between(group[from_rate], group[to_rate], part) for group in self._groups]


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[tuple[float, str, str, str, str]]:
    """Of each phase: its last step, and where rate and momentum begin and end."""
    end, last = float(pct_start * total_steps) - 1, total_steps - 1
    up = (end, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three_phase:
        return [up, (last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    down = (float(2 * pct_start * total_steps) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
    return [up, down, (last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
