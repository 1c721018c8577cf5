"""The optimizers whose update of a parameter is a formula, in PyTorch's order of operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tandem import _core
from tandem.optim._groups import ParamGroup
from tandem.optim.optimizer import Optimizer

Tensor = _core.Tensor
Numbers = dict[str, Tensor]
Choices = dict[str, bool]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Nesterov's, if asked for).

    >>> x = td.asarray([1.0]).requires_grad_()
    >>> optimizer = td.optim.SGD([x], lr=0.1, momentum=0.9)
    """

    numbers = ("lr", "momentum", "dampening", "weight_decay")
    switches = ("momentum", "dampening", "weight_decay", "nesterov", "maximize")
    counts = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise _core.ArgumentError(
                f"SGD: got nesterov=True with momentum={momentum} and dampening={dampening}; need momentum above 0 "
                "and no dampening"
            )
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        settings |= {"maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused}
        super().__init__(params, settings)

    @staticmethod
    def _buffers(group: ParamGroup) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if group["momentum"] else {}

    @staticmethod
    def _common(choices: Choices, n: Numbers, steps: Tensor) -> Numbers:
        first = (steps <= 1).astype(_core.float64)
        return {**n, "kept": 1 - n["dampening"], "first": first}

    @staticmethod
    def _rule(choices: Choices, n: Numbers, p: Tensor, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        if choices["weight_decay"]:
            g = g + n["weight_decay"] * p
        if choices["momentum"]:
            buffer = n["momentum"] * state["momentum_buffer"]
            if choices["dampening"]:
                buffer = _core.where(n["first"] != 0, g, buffer + n["kept"] * g)  # the first gradient is not dampened
            else:
                buffer = buffer + g
            state["momentum_buffer"] = buffer
            g = g + n["momentum"] * buffer if choices["nesterov"] else buffer
        return p - n["lr"] * g


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015); `amsgrad` keeps the largest second moment (Reddi et al., 2018).

    >>> x = td.asarray([1.0]).requires_grad_()
    >>> optimizer = td.optim.Adam([x], lr=1e-2)
    """

    numbers = ("lr", "betas", "eps", "weight_decay")
    switches = ("weight_decay", "amsgrad", "maximize", "decoupled_weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        settings |= {"foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused}
        super().__init__(params, {**settings, "decoupled_weight_decay": decoupled_weight_decay})

    @staticmethod
    def _buffers(group: ParamGroup) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0, **({"max_exp_avg_sq": 0.0} if group["amsgrad"] else {})}

    @staticmethod
    def _common(choices: Choices, n: Numbers, steps: Tensor) -> Numbers:
        return {
            "toward1": 1 - n["beta1"],
            "beta2": n["beta2"],
            "toward2": 1 - n["beta2"],
            "rate": n["lr"] / (1 - n["beta1"] ** steps),
            "correction": _core.sqrt(1 - n["beta2"] ** steps),
            "eps": n["eps"],
            "weight_decay": n["weight_decay"],
            "kept": 1 - n["lr"] * n["weight_decay"],
        }

    @staticmethod
    def _rule(choices: Choices, n: Numbers, p: Tensor, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        if choices["weight_decay"]:
            if choices["decoupled_weight_decay"]:
                p = p * n["kept"]
            else:
                g = g + n["weight_decay"] * p
        mean = state["exp_avg"]
        mean = state["exp_avg"] = mean + n["toward1"] * (g - mean)
        square = state["exp_avg_sq"] = state["exp_avg_sq"] * n["beta2"] + n["toward2"] * g * g
        if choices["amsgrad"]:
            square = state["max_exp_avg_sq"] = _core.maximum(state["max_exp_avg_sq"], square)
        return p - n["rate"] * mean / (_core.sqrt(square) / n["correction"] + n["eps"])


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019).

    >>> x = td.asarray([1.0]).requires_grad_()
    >>> optimizer = td.optim.AdamW([x], lr=1e-2, weight_decay=0.1)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


class RMSprop(Optimizer):
    """RMSprop (Hinton, lecture 6e, 2012); `centered` divides by the standard deviation (Graves, 2013).

    >>> x = td.asarray([1.0]).requires_grad_()
    >>> optimizer = td.optim.RMSprop([x], lr=1e-2, centered=True)
    """

    numbers = ("lr", "alpha", "eps", "weight_decay", "momentum")
    switches = ("weight_decay", "momentum", "centered", "maximize")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
        }
        settings |= {
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, settings)

    @staticmethod
    def _buffers(group: ParamGroup) -> dict[str, float]:
        momentum = {"momentum_buffer": 0.0} if group["momentum"] else {}
        return {"square_avg": 0.0, **momentum, **({"grad_avg": 0.0} if group["centered"] else {})}

    @staticmethod
    def _common(choices: Choices, n: Numbers, steps: Tensor) -> Numbers:
        return {**n, "toward": 1 - n["alpha"]}

    @staticmethod
    def _rule(choices: Choices, n: Numbers, p: Tensor, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        if choices["weight_decay"]:
            g = g + n["weight_decay"] * p
        square = state["square_avg"] = state["square_avg"] * n["alpha"] + n["toward"] * g * g
        if choices["centered"]:
            mean = state["grad_avg"]
            mean = state["grad_avg"] = mean + n["toward"] * (g - mean)
            square = square - mean * mean
        scale = _core.sqrt(square) + n["eps"]
        if choices["momentum"]:
            buffer = state["momentum_buffer"] = state["momentum_buffer"] * n["momentum"] + g / scale
            return p - n["lr"] * buffer
        return p - n["lr"] * g / scale


class Adagrad(Optimizer):
    """Adagrad (Duchi et al., 2011).

    >>> x = td.asarray([1.0]).requires_grad_()
    >>> optimizer = td.optim.Adagrad([x], lr=1e-1, lr_decay=1e-3)
    """

    numbers = ("lr", "lr_decay", "eps", "weight_decay")
    switches = ("weight_decay", "maximize")

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        settings = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        settings |= {"initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize}
        super().__init__(params, {**settings, "differentiable": differentiable, "fused": fused})

    @staticmethod
    def _buffers(group: ParamGroup) -> dict[str, float]:
        return {"sum": float(group["initial_accumulator_value"])}

    @staticmethod
    def _common(choices: Choices, n: Numbers, steps: Tensor) -> Numbers:
        return {"rate": n["lr"] / (1 + (steps - 1) * n["lr_decay"]), "eps": n["eps"], "weight_decay": n["weight_decay"]}

    @staticmethod
    def _rule(choices: Choices, n: Numbers, p: Tensor, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        if choices["weight_decay"]:
            g = g + n["weight_decay"] * p
        total = state["sum"] = state["sum"] + g * g
        return p - n["rate"] * g / (_core.sqrt(total) + n["eps"])


class Lion(Optimizer):
    """Lion (Chen et al., 2023): the sign of an interpolated momentum, with weight decay apart from it.

    >>> x = td.asarray([1.0]).requires_grad_()
    >>> optimizer = td.optim.Lion([x], lr=1e-4, weight_decay=0.1)
    """

    numbers = ("lr", "betas", "weight_decay")
    switches = ("weight_decay", "maximize")
    counts = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    @staticmethod
    def _buffers(group: ParamGroup) -> dict[str, float]:
        return {"exp_avg": 0.0}

    @staticmethod
    def _common(choices: Choices, n: Numbers, steps: Tensor) -> Numbers:
        return {**n, "kept": 1 - n["lr"] * n["weight_decay"], "toward1": 1 - n["beta1"], "toward2": 1 - n["beta2"]}

    @staticmethod
    def _rule(choices: Choices, n: Numbers, p: Tensor, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        mean = state["exp_avg"]
        direction = _core.sign(mean * n["beta1"] + n["toward1"] * g)
        state["exp_avg"] = mean * n["beta2"] + n["toward2"] * g
        if choices["weight_decay"]:
            p = p * n["kept"]
        return p - n["lr"] * direction
