"""Mixed precision: products in 16 bits, and losses scaled so that small gradients do not vanish in float16."""

from __future__ import annotations

import contextlib
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem._compiled import Compiled
from tandem.autograd import no_grad
from tandem.optim import LBFGS, Optimizer

__all__ = ["GradScaler", "autocast"]

Tensor = _core.Tensor


class autocast(contextlib.ContextDecorator):
    """Compute matrix products, linear layers, convolutions and attention in 16 bits, in a `with` block or a function.

    Reductions, norms, losses, exponentials and linear algebra are carried out in float32; all else in the dtype it is
    given. Parameters stay as they are, and their gradients have their dtype. `backward` belongs outside of the block.
    It holds for the present thread.

    >>> x, w = td.ones((2, 3)), td.ones((3, 4)).requires_grad_()
    >>> with td.autocast(td.bfloat16):
    ...     y = x @ w
    ...     loss = y.sum()
    >>> y.dtype, loss.dtype
    (bfloat16, float32)
    >>> loss.backward()
    >>> w.grad.dtype
    float32
    """

    def __init__(self, dtype: Any = _core.bfloat16, *, enabled: bool = True) -> None:
        if dtype not in (_core.float16, _core.bfloat16):
            raise _core.DTypeError(f"autocast: got {dtype}; need td.float16 or td.bfloat16")
        self._dtype = dtype if enabled else None
        self._before: list[Any] = []

    def __enter__(self) -> None:
        self._before.append(_core._set_autocast(self._dtype))

    def __exit__(self, *_: object) -> None:
        _core._set_autocast(self._before.pop())


def _unscale(grads: list[Tensor], scale: Tensor, found: Tensor) -> None:
    """Divide gradients by the scale where they lie; `found` becomes true if any is not finite."""
    inverse = (1.0 / scale.astype(_core.float64)).astype(_core.float32)
    bad = _core.zeros((), dtype=_core.bool)
    for grad in grads:
        wide = grad if grad.dtype.itemsize > 2 else grad.astype(_core.float32)
        bad = bad | ~_core.isfinite(wide).all()
        new = wide * inverse.astype(wide.dtype)
        grad[...] = new if new.dtype == grad.dtype else new.astype(grad.dtype)
    found |= bad


class GradScaler:
    """Scales a loss up before its gradients are computed in float16, and the gradients down before a step.

    A step with gradients that are not finite leaves parameters and state as they are; `update` then lowers the scale,
    and raises it after `growth_interval` good steps.

    >>> x = td.asarray([1.0, 2.0]).requires_grad_()
    >>> optimizer, scaler = td.optim.SGD([x], lr=0.5), td.amp.GradScaler()
    >>> scaler.scale((x * x).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> x.detach()
    tensor([0., 0.], dtype=float32)
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if growth_factor <= 1 or not 0 < backoff_factor < 1 or init_scale <= 0 or growth_interval < 1:
            raise _core.ArgumentError(
                f"GradScaler: got init_scale={init_scale}, growth_factor={growth_factor}, "
                f"backoff_factor={backoff_factor} and growth_interval={growth_interval}; need a scale above 0, factors "
                "above 1 and between 0 and 1, and an interval from 1 on"
            )
        self._enabled = enabled
        self.growth_factor, self.backoff_factor = growth_factor, backoff_factor
        self.growth_interval = growth_interval
        # Tensors, so that captured steps change them: the scale, good steps since it changed, what this step met.
        self._scale = _core.asarray(float(init_scale), dtype=_core.float32)
        self._good = _core.asarray(0, dtype=_core.int64)
        self._found = _core.asarray(False)
        self._unscaled: list[Optimizer] = []  # since the last update
        self._program = Compiled(_unscale, rewriting=False)

    def is_enabled(self) -> bool:
        """Return whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """Return the present scale."""
        return self._scale.item() if self._enabled else 1.0

    @public
    def scale(self, outputs: Any) -> Any:
        """Return a loss, or a list or tuple of them, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            # In 32 bits: the scale itself is no number of float16.
            wide = outputs.astype(_core.float32) if outputs.dtype.itemsize == 2 else outputs
            return wide * self._scale.astype(wide.dtype)
        return type(outputs)(self.scale(each) for each in outputs)

    @public
    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, so that they may be clipped before `step`."""
        if not self._enabled:
            return
        if not isinstance(optimizer, Optimizer) or isinstance(optimizer, LBFGS):
            raise _core.ArgumentTypeError(
                f"GradScaler: got a {type(optimizer).__name__}; need an optimizer of td.optim that takes single steps"
            )
        if any(each is optimizer for each in self._unscaled):
            raise _core.ArgumentError(
                "GradScaler.unscale_: got an optimizer whose gradients are unscaled already; need one call between two "
                "of update"
            )
        # What is not there on some paths is nothing there, which is finite.
        grads = [_core._grad_where(p)[0] for group in optimizer.param_groups for p in group.tensors]
        there = [grad for grad in grads if grad is not None]
        with no_grad():
            (_unscale if _core.recording() else self._program)(there, self._scale, self._found)
        self._unscaled.append(optimizer)

    @public
    def step(self, optimizer: Optimizer) -> None:
        """Make a step of an optimizer, unless its gradients are not finite; unscale them before if need be."""
        if not self._enabled:
            optimizer.step()
            return
        if not any(each is optimizer for each in self._unscaled):
            self.unscale_(optimizer)
        optimizer._step(self._found)

    @public
    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Change the scale as the last step went, or to a value of one's own."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale[...] = new_scale
        else:
            grown = self._good + 1 >= self.growth_interval
            better = _core.where(grown, self._scale * self.growth_factor, self._scale)
            better = _core.where(_core.isfinite(better), better, self._scale)
            scale = _core.where(self._found, self._scale * self.backoff_factor, better)
            self._good[...] = _core.where(self._found | grown, 0, self._good + 1)
            self._scale[...] = scale
        self._found[...] = False
        self._unscaled.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the scale and its settings, as in PyTorch."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self.growth_factor,
            "backoff_factor": self.backoff_factor,
            "growth_interval": self.growth_interval,
            "_growth_tracker": self._good.item(),
        }

    @public
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, also PyTorch's."""
        if not self._enabled:
            return
        if not state_dict:
            raise _core.ArgumentError("GradScaler: got the state of one that is not enabled; need one that is")
        self._scale[...] = state_dict["scale"]
        self._good[...] = state_dict["_growth_tracker"]
        self.growth_factor, self.backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self.growth_interval = state_dict["growth_interval"]
