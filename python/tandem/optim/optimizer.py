"""What all optimizers share: groups of parameters, their state, and one compiled update over all of them.

A subclass says which settings are numbers of its update and which decide what it computes, names the tensors that it
keeps for every parameter, and gives the update of one parameter as a formula. `step` runs the formulas of all
parameters as one program, or, where a function that calls it is being captured, as a part of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from tandem import _core
from tandem._boundary import public
from tandem._compiled import Compiled
from tandem.autograd import enable_grad, no_grad
from tandem.optim._groups import ParamGroup

Tensor = _core.Tensor

# Each set of parameters that have gradients is a program. Where there are more, as in a search among architectures,
# parameters are updated one by one, by programs for any size.
MOST_PROGRAMS = 8


class Part(NamedTuple):
    """What one group brings to a step."""

    choices: dict[str, bool]
    numbers: dict[str, Tensor]
    active: tuple[int, ...]  # the parameters that have gradients; empty: all
    steps: Tensor
    params: list[Tensor]
    grads: list[Tensor]
    buffers: dict[str, list[Tensor]]
    given: tuple[Tensor | None, ...] = ()  # whether there is a gradient; None: for certain; empty: all of them


def update(what: type[Optimizer], parts: list[Part], skip: Tensor | None = None) -> None:
    """Write the next values of parameters and state in their place; where `skip` is true, the present ones."""
    for part in parts:
        steps = part.steps
        skips = [_either(skip, given) for given in part.given] or [skip] * len(part.params)
        one: Any = 1 if skip is None else _core.where(skip, 0.0, 1.0).astype(steps.dtype)
        if part.given:
            ones = [_core.asarray(1.0) if each is None else _core.where(each, 0.0, 1.0) for each in skips]
            one = _core.stack([_to(each, steps.dtype) for each in ones])
        if part.active:
            steps[_core.asarray(part.active, device=steps._place)] += one
        else:
            steps += one
        numbers = {name: _to(x, _core.float64) for name, x in part.numbers.items()}
        common = what._common(part.choices, numbers, _to(steps, _core.float64))
        for k, (p, grad) in enumerate(zip(part.params, part.grads, strict=True)):
            # Settings are applied in 32 bits at least, to values that are rounded when they are stored.
            dtype = _core.float32 if p.dtype.itemsize == 2 else p.dtype
            place = part.active[k] if part.active else k
            without = skips[k]
            scalars = {name: _to(x[place] if x.ndim else x, dtype) for name, x in common.items()}
            old = {name: tensors[k] for name, tensors in part.buffers.items()}
            g = _to(grad, dtype)
            if part.choices["maximize"]:
                g = -g
            values = {name: _to(x, dtype) for name, x in old.items()}
            new = what._rule(part.choices, scalars, _to(p, dtype), g, values)
            for x, value in [*((x, values[name]) for name, x in old.items()), (p, new)]:
                value = _to(value, x.dtype)
                x[...] = value if without is None else _core.where(without, x, value)


def _either(skip: Tensor | None, given: Tensor | None) -> Tensor | None:
    """Where no step is made: all of them are skipped, or there is no gradient."""
    if given is None:
        return skip
    return ~given if skip is None else skip | ~given


def _to(x: Tensor, dtype: Any) -> Tensor:
    return x if x.dtype == dtype else x.astype(dtype)


class Optimizer:
    """Base class of all optimizers.

    `params` are tensors that require gradients, (name, tensor) pairs, or dicts: groups with "params" and settings of
    their own. `param_groups` is the list of the groups; changing a number in one takes effect at the next step and
    compiles nothing.
    """

    numbers: ClassVar[tuple[str, ...]] = ()  # settings that the formulas compute with
    switches: ClassVar[tuple[str, ...]] = ("maximize",)  # settings whose truth decides what is computed
    counts: ClassVar[bool] = True  # whether `step` is a part of the state in files

    @staticmethod
    def _buffers(group: ParamGroup) -> dict[str, float]:
        """Return the names of the tensors that each parameter needs, and what they hold at first."""
        raise NotImplementedError

    @staticmethod
    def _common(choices: dict[str, bool], n: dict[str, Tensor], steps: Tensor) -> dict[str, Tensor]:
        """Return what the formulas compute with: numbers, and vectors with one for each parameter, in float64."""
        raise NotImplementedError

    @staticmethod
    def _rule(choices: dict[str, bool], n: dict[str, Tensor], p: Tensor, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the new value of a parameter, and put that of its state into `state`."""
        raise NotImplementedError

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[ParamGroup] = []
        given = list(params) if not isinstance(params, (Tensor, Mapping)) else params
        if not isinstance(given, list) or not given:
            raise _core.ArgumentTypeError(
                f"{type(self).__name__}: got {_kind(params)} as params; need a list of tensors or of dicts with "
                "'params'; try [x], or model.parameters()"
            )
        groups = given if isinstance(given[0], Mapping) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)
        self._forget()

    def _forget(self) -> None:
        self._program: Compiled | None = None  # for all parameters that have gradients
        self._one: Compiled | None = None  # for a single one
        self._programs: set[Any] = set()  # which parameters had gradients

    def __getstate__(self) -> dict[str, Any]:
        """Without what is compiled, which copies and other processes compile again."""
        return {name: x for name, x in vars(self).items() if name not in ("_program", "_one", "_programs")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    @public
    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters to optimize, with settings that may differ from the defaults.

        >>> weight, bias = td.ones((2,)).requires_grad_(), td.zeros((2,)).requires_grad_()
        >>> optimizer = td.optim.SGD([weight], lr=0.1)
        >>> optimizer.add_param_group({"params": [bias], "lr": 0.2})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.2]
        """
        what = type(self).__name__
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise _core.ArgumentTypeError(f"{what}: got {_kind(param_group)} as a group; need a dict with 'params'")
        given = param_group["params"]
        given = [given] if isinstance(given, Tensor) else list(given)
        named = [pair for pair in given if isinstance(pair, tuple)]
        tensors = [pair[1] if isinstance(pair, tuple) else pair for pair in given]
        for x in tensors:
            self._check(x)
        known = [x for group in self.param_groups for x in group["params"]]
        if len({id(x) for x in [*known, *tensors]}) < len(known) + len(tensors):
            raise _core.ArgumentError(f"{what}: got a parameter more than once; need it in one place of one group")
        settings = {**self.defaults, **param_group, "params": tensors}
        if named:
            settings["param_names"] = [name for name, _ in named]
        self._check_settings(settings)
        settings["params"] = settings.pop("params")  # the last one, as in PyTorch
        self.param_groups.append(ParamGroup(settings, self.numbers, self.switches, self._buffers))

    def _check(self, x: Any) -> None:
        what = type(self).__name__
        if not isinstance(x, Tensor):
            raise _core.ArgumentTypeError(f"{what}: got {_kind(x)} as a parameter; need tensors")
        if x.dtype.kind != "float":
            raise _core.DTypeError(
                f"{what}: got a parameter of dtype {x.dtype.name}; need floating-point numbers; try its real and "
                "imaginary part as parameters"
            )
        if not x.is_leaf:
            raise _core.ArgumentError(
                f"{what}: got a parameter that was computed from others that require gradients; need leaves; try "
                "x.detach().requires_grad_()"
            )

    def _check_settings(self, settings: dict[str, Any]) -> None:
        what = type(self).__name__
        if settings.get("differentiable"):
            raise _core.ArgumentError(
                f"{what}: got differentiable=True; need False: parameters are written in place; try td.grad of a "
                "function that computes the updated parameters itself"
            )
        for name in self.numbers:
            values = settings[name] if isinstance(settings[name], (tuple, list)) else (settings[name],)
            for value in values:
                if isinstance(value, (Tensor, int, float)) and value >= 0 and (name != "betas" or value < 1):
                    continue
                need = "numbers from 0 to below 1" if name == "betas" else "a number from 0 on"
                raise _core.ArgumentError(f"{what}: got {name}={settings[name]!r}; need {need}")

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for place, group in enumerate(self.param_groups):
            lines += ["", f"Parameter Group {place}"] if place else [f"Parameter Group {place}"]
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])

    # Steps

    @public
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or else fill them with zeros."""
        for group in self.param_groups:
            for p in group.tensors:
                if set_to_none:
                    p.grad = None  # without a look at it: a captured step is good for the first call and for all others
                elif p.grad is not None:
                    p.grad = _core.zeros(p.shape, dtype=p.dtype, device=p._place)

    @public
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        `closure` computes the loss and its gradients first; its result is returned.

        >>> x = td.asarray([1.0, 2.0]).requires_grad_()
        >>> optimizer = td.optim.SGD([x], lr=0.5)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([0., 0.], dtype=float32)
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._step(None)
        return loss

    def _step(self, skip: Tensor | None) -> None:
        """Make a step, unless `skip`, a tensor, is true."""
        with no_grad():
            parts = []
            for group in self.param_groups:
                part = _part(group)
                if part is not None:
                    parts.append(part)
            if not parts:
                return
            if _core.recording():  # and so as if nothing here were compiled, which is not to be guarded
                update(type(self), parts, skip)
            else:
                self._run(parts, skip)

    def _run(self, parts: list[Part], skip: Tensor | None) -> None:
        if self._program is None or self._one is None:
            self._program, self._one = Compiled(update, rewriting=False), Compiled(update, rewriting=False)
        active = tuple((id(part.steps), part.active) for part in parts)
        if active in self._programs or len(self._programs) < MOST_PROGRAMS:
            self._programs.add(active)
            self._program(type(self), parts, skip)
            return
        for part in parts:
            for k in range(len(part.params)):
                self._one(type(self), [_single(part, k)], skip)

    # State

    @property
    def state(self) -> dict[Tensor, dict[str, Tensor]]:
        """The tensors that are kept for each parameter that was updated before; write to them in place."""
        found = {}
        for group in self.param_groups:
            for k, count in enumerate(group.steps.tolist()):
                values = {"step": group.steps[k]} if self.counts else {}
                values |= {name: tensors[k] for name, tensors in group.buffers.items()}
                if count and values:
                    found[group.tensors[k]] = values
        return found

    @public
    def state_dict(self) -> dict[str, Any]:
        """Return the state and settings by the numbers of the parameters, as in PyTorch; tensors are not copied.

        >>> x = td.asarray([1.0]).requires_grad_()
        >>> optimizer = td.optim.Adam([x])
        >>> x.sum().backward()
        >>> optimizer.step()
        >>> optimizer.state_dict()["state"][0]["step"]
        tensor(1., dtype=float32)
        """
        numbers = {id(x): k for k, x in enumerate(x for group in self.param_groups for x in group.tensors)}
        groups = []
        for group in self.param_groups:
            settings = {name: value for name, value in group.items() if name != "params"}
            groups.append({**settings, "params": [numbers[id(x)] for x in group.tensors]})
        return {"state": {numbers[id(x)]: values for x, values in self.state.items()}, "param_groups": groups}

    @public
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` of an optimizer with such groups returned, also PyTorch's.

        Values are copied into the tensors that are there already.
        """
        what, groups, state = type(self).__name__, state_dict["param_groups"], state_dict["state"]
        sizes = [len(group["params"]) for group in groups]
        own = [len(group.tensors) for group in self.param_groups]
        if sizes != own:
            raise _core.ArgumentError(f"{what}: got a state dict with groups of {sizes} parameters; need {own}")
        state = {int(number): values for number, values in state.items()}
        copies: list[tuple[Tensor, Any]] = []
        wrong: list[str] = []
        for group, given in zip(self.param_groups, groups, strict=True):
            group.update({name: _as_before(group, name, value) for name, value in given.items() if name != "params"})
            for k, number in enumerate(given["params"]):
                values = state.get(number, {})
                values = {name: _core.asarray(value) for name, value in values.items() if value is not None}
                copies.append((group.steps[k], values.get("step", _core.asarray(float(bool(values))))))
                for name, tensors in group.buffers.items():
                    if values and name not in values:
                        wrong.append(f"parameter {number} without '{name}'")
                    elif values and values[name].shape != tensors[k].shape:
                        wrong.append(f"{name} of {values[name].shape} for parameter {number} of {tensors[k].shape}")
                    else:
                        initial = self._buffers(group)[name]
                        copies.append((tensors[k], values.get(name, _core.asarray(initial))))
        if wrong:
            raise _core.ArgumentError(f"{what}: got a state dict with {'; '.join(wrong)}; need that of such parameters")
        for place, value in copies:
            place[...] = value.astype(place.dtype).to(place.device)


def _part(group: ParamGroup) -> Part | None:
    params, grads, active, given = group.tensors, [], [], []
    for k, p in enumerate(params):
        grad, there = _core._grad_where(p)
        if grad is not None:
            grads.append(grad)
            active.append(k)
            given.append(there)
    unsure = tuple(given) if any(there is not None for there in given) else ()
    if len(active) == len(params):
        return Part(group.choices, group.numbers, (), group.steps, params, grads, group.buffers, unsure)
    if not active:
        return None
    buffers = {name: [tensors[k] for k in active] for name, tensors in group.buffers.items()}
    active_params = [params[k] for k in active]
    return Part(group.choices, group.numbers, tuple(active), group.steps, active_params, grads, buffers, unsure)


def _single(part: Part, k: int) -> Part:
    """The part of one parameter."""
    place = part.active[k] if part.active else k
    buffers = {name: [tensors[k]] for name, tensors in part.buffers.items()}
    steps = part.steps[place : place + 1]
    return part._replace(active=(), steps=steps, params=[part.params[k]], grads=[part.grads[k]], buffers=buffers)


def _as_before(group: ParamGroup, name: str, value: Any) -> Any:
    """A file has lists where settings are tuples."""
    return tuple(value) if isinstance(value, list) and isinstance(group.get(name), tuple) else value


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
