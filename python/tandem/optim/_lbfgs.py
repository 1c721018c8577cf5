"""The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, as PyTorch and minFunc run it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tandem import _core
from tandem._boundary import public
from tandem.autograd import enable_grad, no_grad
from tandem.jit import outside_of_capture
from tandem.optim._groups import ParamGroup
from tandem.optim.optimizer import Optimizer

Tensor = _core.Tensor
# Evaluates the loss and its gradient, as one vector, at a distance along the direction.
Evaluation = Callable[[float], "tuple[float, Tensor]"]


class LBFGS(Optimizer):
    """L-BFGS for one group of parameters (Nocedal and Wright, chapter 7); `line_search_fn` is None or "strong_wolfe".

    `step` needs a closure that computes the loss and its gradients, and calls it several times.

    >>> x = td.asarray([3.0]).requires_grad_()
    >>> optimizer = td.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> bool(abs(x - 1) < 1e-6)
    True
    """

    switches = ()
    counts = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise _core.ArgumentError(f"LBFGS: got line_search_fn={line_search_fn!r}; need None or 'strong_wolfe'")
        settings: dict[str, Any] = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        self._state: dict[str, Any] = {}
        super().__init__(params, settings)

    @staticmethod
    def _buffers(group: ParamGroup) -> dict[str, float]:
        return {}

    @public
    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add the one group of parameters that there can be."""
        if self.param_groups:
            raise _core.ArgumentError("LBFGS: got a second group of parameters; need all in one")
        super().add_param_group(param_group)

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0].tensors

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        """What is kept of earlier iterations, under the first parameter."""
        return {self._params[0]: self._state} if self._state else {}

    @public
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` of an optimizer with such parameters returned, also PyTorch's."""
        super().load_state_dict({**state_dict, "state": {}})
        values: dict[str, Any] = next(iter(state_dict["state"].values()), {})
        self._state = {name: _taken(value) for name, value in values.items()}

    # Parameters as one vector

    def _gradient(self) -> Tensor:
        parts = [
            p.grad if p.grad is not None else _core.zeros(p.shape, dtype=p.dtype, device=p._place) for p in self._params
        ]
        return _core.concat([part.reshape(-1) for part in parts])

    def _move(self, distance: float, direction: Tensor) -> None:
        start = 0
        for p in self._params:
            part = direction[start : start + p.size].reshape(p.shape)
            p += distance * part
            start += p.size

    @public
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to `max_iter` iterations, and return the loss at their beginning."""
        outside_of_capture("LBFGS.step")
        if closure is None:
            raise _core.ArgumentTypeError(
                "LBFGS.step: got no closure; need a function that computes loss and gradients"
            )

        def evaluate() -> tuple[Any, Tensor]:
            with enable_grad():
                loss = closure()
            return loss, self._gradient()

        with no_grad():
            return self._minimise(evaluate)

    def _minimise(self, evaluate: Callable[[], tuple[Any, Tensor]]) -> Any:
        group, state = self.param_groups[0], self._state
        rate = float(group["lr"])
        first_loss, gradient = evaluate()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(gradient)
            state["prev_flat_grad"], before, state["prev_loss"] = gradient, loss, loss
            distance = rate
            if state["n_iter"] == 1:
                distance *= min(1.0, 1.0 / float(_core.abs(gradient).sum()))
            slope = _dot(gradient, direction)
            state["d"], state["t"] = direction, distance
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = [p.copy() for p in self._params]

                def at(
                    distance: float, start: list[Tensor] = start, direction: Tensor = direction
                ) -> tuple[float, Tensor]:
                    self._move(distance, direction)
                    loss, gradient = evaluate()
                    for p, old in zip(self._params, start, strict=True):
                        p[...] = old
                    return float(loss), gradient

                most = group["max_eval"] - evaluations
                size = _largest(direction)
                loss, gradient, distance, used = strong_wolfe(
                    at, direction, distance, loss, gradient, slope, size, group["tolerance_change"], most
                )
                self._move(distance, direction)
            else:
                self._move(distance, direction)
                if iteration != group["max_iter"]:
                    value, gradient = evaluate()
                    loss, used = float(value), 1
            state["t"] = distance
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= group["max_eval"]
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction) * abs(distance) <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _direction(self, gradient: Tensor) -> Tensor:
        """The next direction: minus the gradient times an estimate of the inverse of the Hessian, in two loops."""
        state = self._state
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        differences, moves, weights = state["old_dirs"], state["old_stps"], state["ro"]
        difference, move = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = _dot(difference, move)
        if curvature > 1e-10:
            if len(differences) == self.param_groups[0]["history_size"]:
                for kept in (differences, moves, weights):
                    kept.pop(0)
            differences.append(difference)
            moves.append(move)
            weights.append(1.0 / curvature)
            state["H_diag"] = curvature / _dot(difference, difference)
        direction = -gradient
        known = list(zip(differences, moves, weights, strict=True))
        factors = []
        for difference, move, weight in reversed(known):
            factors.append(_dot(move, direction) * weight)
            direction = direction - factors[-1] * difference
        direction = direction * state["H_diag"]
        for (difference, move, weight), factor in zip(known, reversed(factors), strict=True):
            direction = direction + (factor - _dot(difference, direction) * weight) * move
        return direction


def _taken(value: Any) -> Any:
    """State of one's own: nothing that was loaded is changed later."""
    return [_taken(each) for each in value] if isinstance(value, list) else value


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())


def _largest(x: Tensor) -> float:
    return float(_core.abs(x).max())


def _cubic(a: tuple[float, float, float], b: tuple[float, float, float], low: float, high: float) -> float:
    """The minimum between two bounds of the cubic through two points, each a place, a value and a slope."""
    (x1, f1, g1), (x2, f2, g2) = (a, b) if a[0] <= b[0] else (b, a)
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if square < 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    return min(max(x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2)), low), high)


def strong_wolfe(
    at: Evaluation,
    direction: Tensor,
    t: float,
    loss: float,
    gradient: Tensor,
    slope: float,
    size: float,
    tolerance: float,
    most: int,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[float, Tensor, float, int]:
    """Find a distance along the direction that satisfies the strong Wolfe conditions (Nocedal and Wright, 3.5).

    Returns the loss and gradient there, the distance, and how many evaluations that took.
    """
    Point = tuple[float, float, Tensor, float]  # place, loss, gradient, slope

    def point(t: float) -> Point:
        loss, gradient = at(t)
        return t, loss, gradient, _dot(gradient, direction)

    def knot(p: Point) -> tuple[float, float, float]:
        return p[0], p[1], p[3]

    start = previous = (0.0, loss, gradient, slope)
    new = point(t)
    evaluations, tries, done = 1, 0, False
    bracket: list[Point] = []
    while tries < most:  # until two points enclose one that satisfies the conditions
        if new[1] > loss + c1 * new[0] * slope or (tries > 1 and new[1] >= previous[1]):
            bracket = [previous, new]
            break
        if abs(new[3]) <= -c2 * slope:
            bracket, done = [new], True
            break
        if new[3] >= 0:
            bracket = [previous, new]
            break
        low, high = new[0] + 0.01 * (new[0] - previous[0]), new[0] * 10
        t = _cubic(knot(previous), knot(new), low, high)
        previous, new = new, point(t)
        evaluations += 1
        tries += 1
    if not bracket:
        bracket = [start, new]
    slow = False
    low_place, high_place = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and tries < most:
        left, right = min(p[0] for p in bracket), max(p[0] for p in bracket)
        if (right - left) * size < tolerance:
            break
        t = _cubic(knot(bracket[0]), knot(bracket[1]), left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:  # too near to an end twice: move away from it
            if slow or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                slow = False
            else:
                slow = True
        else:
            slow = False
        new = point(t)
        evaluations += 1
        tries += 1
        if new[1] > loss + c1 * t * slope or new[1] >= bracket[low_place][1]:
            bracket[high_place] = new
            low_place, high_place = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
            continue
        if abs(new[3]) <= -c2 * slope:
            done = True
        elif new[3] * (bracket[high_place][0] - bracket[low_place][0]) >= 0:
            bracket[high_place] = bracket[low_place]
        bracket[low_place] = new
    t, loss, gradient, _ = bracket[low_place if len(bracket) > 1 else 0]
    return loss, gradient, t, evaluations
