"""Gradients: of tensors that ask for them (`x.requires_grad_()`, `y.backward()`), and of functions (`td.grad(f)`).

Both use one tape of operations and the gradient formulas of the operations' table. At kinks the gradient is PyTorch's:
abs, relu and sign give 0 at 0; maximum and minimum share it equally between equal operands; max and min of a tensor
share it among equal elements.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tandem import _core, pytree
from tandem._boundary import public
from tandem._dtypes import isdtype

__all__ = [
    "checkpoint",
    "custom_gradient",
    "enable_grad",
    "grad",
    "hessian",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "set_grad_enabled",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

Tensor = _core.Tensor


class _GradMode(contextlib.ContextDecorator):
    """Records operations inside of a `with` block or a decorated function, or does not."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_core._set_grad_enabled(self._enabled))

    def __exit__(self, *_: object) -> None:
        _core._set_grad_enabled(self._before.pop())


def no_grad() -> _GradMode:
    """Do not record operations, in a `with` block or a decorated function: no gradients, less memory.

    >>> x = td.asarray([1.0]).requires_grad_()
    >>> with td.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """
    return _GradMode(False)


def enable_grad() -> _GradMode:
    """Record operations again inside of `td.no_grad()`.

    >>> with td.no_grad(), td.enable_grad():
    ...     td.is_grad_enabled()
    True
    """
    return _GradMode(True)


def set_grad_enabled(enabled: bool) -> None:
    """Record operations of this thread from now on, or do not.

    >>> td.set_grad_enabled(True)
    """
    _core._set_grad_enabled(bool(enabled))


def is_grad_enabled() -> bool:
    """Return whether operations of this thread are recorded.

    >>> td.is_grad_enabled()
    True
    """
    return _core._grad_enabled()


class _Depth(threading.local):
    """How many functions of this module that will ask for gradients are running."""

    value = 0


_depth = _Depth()


@contextlib.contextmanager
def _deeper() -> Iterator[None]:
    _depth.value += 1
    try:
        yield
    finally:
        _depth.value -= 1


def _variable(x: Any, what: str) -> Tensor:
    """Return the tensor as an argument whose gradient can be asked for, without losing its own past."""
    x = x if isinstance(x, Tensor) else _core.asarray(x)
    if not isdtype(x.dtype, ("real floating", "complex floating")):
        raise _core.DTypeError(
            f"{what}: got an argument of {x.dtype}; need a floating-point or complex one; try x.astype(td.float32)"
        )
    return _core._same(x) if x.requires_grad else x.detach().requires_grad_()


def _or_zeros(found: list[Tensor | None], like: list[Tensor]) -> list[Tensor]:
    return [
        _core.zeros(x.shape, dtype=x.dtype, device=x._place) if g is None else g
        for g, x in zip(found, like, strict=True)
    ]


def _on_tape(name: str, inputs: list[Tensor], out: Any, rule: Callable[..., Any]) -> Any:
    """Return the result of a function, a tensor or a tuple of them, with this rule for its gradients."""
    results = [y.detach() for y in (out if isinstance(out, tuple) else (out,))]
    if is_grad_enabled():
        _core._tape_function(name, inputs, results, rule)
    return tuple(results) if isinstance(out, tuple) else results[0]


def _inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as it is to be called here: while another one is captured, rewritten like that."""
    if not _core.recording():
        return function
    from tandem.scripting.primitives import call

    return call(function)


class _Arguments:
    """The arguments that a function is differentiated by, as variables."""

    def __init__(self, what: str, values: Sequence[Any]) -> None:
        leaves, self.structure = pytree.flatten(tuple(values))
        self.variables = [_variable(leaf, what) for leaf in leaves]
        # Gradients are differentiated in turn if somebody may ask for that.
        self.create_graph = _depth.value > 0 or any(not x.is_leaf for x in self.variables)

    @property
    def values(self) -> tuple[Any, ...]:
        return pytree.unflatten(self.structure, list(self.variables))

    def gradients(self, roots: list[Tensor], upstream: list[Tensor | None], *, retain: bool = False) -> tuple[Any, ...]:
        tracked = [(y, up) for y, up in zip(roots, upstream, strict=True) if y.requires_grad]
        found = _core._gradients(
            [y for y, _ in tracked],
            [up for _, up in tracked],
            self.variables,
            retain_graph=retain,
            create_graph=self.create_graph,
        )
        return pytree.unflatten(self.structure, _or_zeros(found, self.variables))


def _selected(what: str, args: tuple[Any, ...], argnums: int | Sequence[int]) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise _core.ArgumentError(f"{what}: got argnums {argnums} and {len(args)} positional arguments")
    return [number % len(args) for number in numbers]


def _with_values(args: tuple[Any, ...], numbers: list[int], values: Sequence[Any]) -> list[Any]:
    out = list(args)
    for number, value in zip(numbers, values, strict=True):
        out[number] = value
    return out


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that gives the value of `function` and its gradient.

    `function` returns a tensor with one element; with has_aux=True a pair of that and anything else, which is handed
    on. `argnums` says by which positional arguments it is differentiated: tensors, or trees of them.

    >>> td.value_and_grad(lambda x: (x * x).sum())(td.asarray([1.0, 2.0]))
    (tensor(5., dtype=float32), tensor([2., 4.], dtype=float32))
    """

    @public
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        numbers = _selected("grad", args, argnums)
        with enable_grad():
            arguments = _Arguments("grad", [args[n] for n in numbers])
            with _deeper():
                out = _inner(function)(*_with_values(args, numbers, arguments.values), **kwargs)
            value, aux = out if has_aux else (out, None)
            if not isinstance(value, Tensor) or value.size != 1:
                got = f"shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__
                raise _core.AutogradError(
                    f"grad: got a result of {got}; need a tensor with one element; try .sum(), or td.jacobian"
                )
            if isdtype(value.dtype, "complex floating"):
                raise _core.AutogradError(
                    f"grad: got a result of {value.dtype}; need a real one; try .abs() or td.real"
                )
            grads = arguments.gradients([value], [None])
        result = grads[0] if isinstance(argnums, int) else grads
        if not arguments.create_graph:
            value = value.detach()
        return ((value, aux) if has_aux else value), result

    return call


def grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that gives the gradient of `function`; see `value_and_grad`. It can be differentiated in turn.

    >>> cube = lambda x: x**3
    >>> td.grad(td.grad(cube))(td.asarray(2.0))
    tensor(12., dtype=float32)
    """
    both = value_and_grad(function, argnums, has_aux=has_aux)

    @public
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        value, result = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return call


@public
def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    """Return the value of `function`, and a function from gradients of its results to those of its arguments.

    >>> y, pull = td.vjp(lambda x: 3 * x, td.asarray([1.0, 2.0]))
    >>> pull(td.asarray([1.0, 10.0]))
    (tensor([ 3., 30.], dtype=float32),)
    """
    with enable_grad():
        arguments = _Arguments("vjp", primals)
        with _deeper():
            out = _inner(function)(*arguments.values)
    results, structure = pytree.flatten(out)

    @public
    def pull(cotangents: Any) -> tuple[Any, ...]:
        given, shape = pytree.flatten(cotangents)
        if shape != structure:
            raise _core.AutogradError(f"vjp: got gradients as {shape}; need {structure}, as the results")
        with enable_grad():
            return arguments.gradients(results, given, retain=True)

    value = out if arguments.create_graph else pytree.map(lambda y: y.detach(), out)
    return value, pull


@public
def jvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return the value of `function` and its derivative in the direction of the tangents.

    It is the gradient of a gradient: that of `vjp` by what it is given, which it is linear in.

    >>> td.jvp(lambda x: x * x, (td.asarray(3.0),), (td.asarray(1.0),))
    (tensor(9., dtype=float32), tensor(6., dtype=float32))
    """
    with enable_grad():
        arguments = _Arguments("jvp", tuple(primals))
        directions, structure = pytree.flatten(tuple(tangents))
        if structure != arguments.structure:
            raise _core.AutogradError(f"jvp: got tangents as {structure}; need {arguments.structure}, as the primals")
        with _deeper():
            out = _inner(function)(*arguments.values)
            results, of_results = pytree.flatten(out)
            dummies = [_core.zeros(y.shape, dtype=y.dtype, device=y._place).requires_grad_() for y in results]
            again = arguments.create_graph
            arguments.create_graph = True
            pulled = pytree.leaves(arguments.gradients(results, list(dummies), retain=True))
        tracked = [(g, v) for g, v in zip(pulled, directions, strict=True) if g.requires_grad]
        found = _core._gradients(
            [g for g, _ in tracked], [v for _, v in tracked], dummies, retain_graph=again, create_graph=again
        )
        moved = _or_zeros(found, results)
    value = out if again else pytree.map(lambda y: y.detach(), out)
    return value, pytree.unflatten(of_results, moved)


def jacobian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return a function that gives the derivatives of every element of the result by every one of an argument.

    Their shape is that of the result followed by that of the argument.

    >>> td.jacobian(lambda x: x * x)(td.asarray([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]], dtype=float32)
    """

    @public
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        numbers = _selected("jacobian", args, argnums)
        with enable_grad():
            arguments = _Arguments("jacobian", [args[n] for n in numbers])
            with _deeper():
                out = _inner(function)(*_with_values(args, numbers, arguments.values), **kwargs)
            if not isinstance(out, Tensor) or len(arguments.variables) != 1:
                raise _core.AutogradError("jacobian: got trees; need a tensor as the argument and as the result")
            rows = []
            for k in range(out.size):
                unit = _core.reshape(
                    _core.equal(_core.arange(out.size, device=out._place), k).astype(out.dtype), out.shape
                )
                rows.append(arguments.gradients([out], [unit], retain=True)[0])
            x = arguments.variables[0]
            if not rows:
                return _core.zeros((*out.shape, *x.shape), dtype=x.dtype, device=x._place)
            return _core.reshape(_core.stack(rows), (*out.shape, *x.shape))

    return call


def hessian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return a function that gives the second derivatives of `function`, whose result has one element.

    >>> td.hessian(lambda x: x[0] * x[1] ** 2)(td.asarray([1.0, 2.0]))
    tensor([[0., 4.],
            [4., 2.]], dtype=float32)
    """
    return jacobian(grad(function, argnums), argnums)


@public
def stop_gradient(tree: Any) -> Any:
    """Return tensors of the same memory, through which no gradient flows.

    >>> td.grad(lambda x: x * td.stop_gradient(x))(td.asarray(3.0))
    tensor(3., dtype=float32)
    """
    return pytree.map(lambda x: x.detach() if isinstance(x, Tensor) else x, tree)


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a gradient of your own: it returns its result and a function for the gradients.

    That function takes the gradient of the result (of each, if the result is a tuple) and returns one for each
    argument that is a tensor, or None.

    >>> @td.custom_gradient
    ... def clipped(x):
    ...     return td.clip(x, 0, 1), lambda g: g  # as if nothing were clipped
    >>> td.grad(lambda x: clipped(x))(td.asarray(7.0))
    tensor(1., dtype=float32)
    """

    @public
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        tensors = [x for x in args if isinstance(x, Tensor)]
        with no_grad():
            out, rule = _inner(function)(*args, **kwargs)

        def gradients(*upstream: Any) -> list[Any]:
            found = rule(*upstream)
            found = list(found) if isinstance(found, (tuple, list)) else [found]
            if len(found) != len(tensors):
                raise _core.AutogradError(
                    f"custom_gradient: got {len(found)} gradients; need {len(tensors)}, one for each tensor argument"
                )
            return found

        return _on_tape(function.__name__, tensors, out, gradients)

    return call


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep nothing of a function for the backward pass but its arguments: it is run again there.

    Its result is a tensor or a tuple of them. It may be a module, or use other tensors than its arguments, which get
    their gradients as well. Random numbers are the same in both runs. Inside of a compiled function it is captured once
    only, and the gradients have its operations a second time.

    >>> layer = td.checkpoint(lambda x: td.exp(x) * x)
    >>> td.grad(lambda x: layer(x))(td.asarray(0.0))
    tensor(1., dtype=float32)
    """
    name = getattr(function, "__name__", type(function).__name__)

    @public
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        from tandem import random

        if not is_grad_enabled():
            return _inner(function)(*args, **kwargs)
        leaves, structure = pytree.flatten((args, kwargs))
        places = [k for k, x in enumerate(leaves) if isinstance(x, Tensor) and x.requires_grad]

        def run(given: list[Tensor]) -> tuple[Any, list[Tensor]]:
            """Return the result, and the variables that the arguments are in this run."""
            variables, again = [_variable(x, "checkpoint") for x in given], list(leaves)
            for k, x in zip(places, variables, strict=True):
                again[k] = x
            more_args, more_kwargs = pytree.unflatten(structure, again)
            return _inner(function)(*more_args, **more_kwargs), variables

        if _core.recording():
            _core._internal("segment", begins=True)
            out = run([leaves[k] for k in places])[0]
            _core._internal("segment", begins=False)
            return out
        state = random.get_state()
        autocast = _core._set_autocast(None)
        _core._set_autocast(autocast)
        position = _core._tape_position()
        # On a tape of its own, which goes as soon as it has told what else than the arguments was used.
        out, variables = run([leaves[k].detach() for k in places])
        sources = _core._tape_sources(_tensors(out), variables, position)

        def gradients(*upstream: Any) -> list[Any]:
            create_graph = is_grad_enabled()  # then the gradients keep the arguments' own past
            now = random.get_state()
            random.set_state(state)
            outside = _core._set_autocast(autocast)
            try:
                with enable_grad():
                    again, variables = run([leaves[k] if create_graph else leaves[k].detach() for k in places])
            finally:
                random.set_state(now)
                _core._set_autocast(outside)
            remade = _tensors(again)
            pairs = [(y, g) for y, g in zip(remade, upstream, strict=True) if g is not None and y.requires_grad]
            found = _core._gradients(
                [y for y, _ in pairs],
                [g for _, g in pairs],
                [*variables, *sources],
                retain_graph=create_graph,
                create_graph=create_graph,
            )
            return list(found)

        return _on_tape(name, [*(leaves[k] for k in places), *sources], out, gradients)

    return call


def _tensors(result: Any) -> list[Tensor]:
    return list(result) if isinstance(result, tuple) else [result]
