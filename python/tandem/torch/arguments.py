"""Torch's tensors in annotated functions: they share their memory with Tandem's, and gradients flow both ways."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tandem import _core, pytree
from tandem._compiled import Compiled
from tandem.torch.backend import check_version
from tandem.torch.dtypes import FROM_TORCH

Tensor = _core.Tensor


check_version()
_exchange = _core.Exchange(torch.Tensor)


class _State(threading.local):
    inside = False  # of a call that comes from here


_state = _State()


def running() -> bool:
    """Whether this thread is in a call of this module: what is left of torch are modules that have Tandem's tensors."""
    return _state.inside


def taken(x: torch.Tensor, what: str) -> Tensor:
    """Return a tensor of Tandem that shares the memory of one of torch."""
    need = "need a plain tensor on the CPU"
    if x.layout != torch.strided:
        raise _core.ArgumentTypeError(f"{what}: got a tensor of the layout {x.layout}; {need}; try x.to_dense()")
    if x.device.type != "cpu":
        raise _core.BackendError(f"{what}: got a tensor on the device {x.device}; {need}; try x.cpu()")
    if x.dtype not in FROM_TORCH:
        raise _core.DTypeError(f"{what}: got a tensor of {x.dtype}; need a dtype that Tandem has; try x.to(...)")
    if type(x) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
        raise _core.ArgumentTypeError(
            f"{what}: got a {type(x).__name__}, a subclass of torch.Tensor; {need}; try x.as_subclass(torch.Tensor)"
        )
    if x.is_conj() or x.is_neg():
        x = x.detach().resolve_conj().resolve_neg()
    return _exchange.taken(x)


def given(x: Any) -> Any:
    """Return a tensor of torch that shares the memory of one of Tandem; all else as it is."""
    if not isinstance(x, Tensor):
        return x
    return _exchange.given(x if x._writable else x.copy())


class _Call:
    """What one call needs besides tensors, and what is left behind for the backward pass."""

    def __init__(self, compiled: Compiled, leaves: list[Any], structure: Any) -> None:
        self.compiled, self.leaves, self.structure = compiled, leaves, structure
        self.modules = [leaf for leaf in leaves if isinstance(leaf, torch.nn.Module)]
        self.held = [  # (dict, name): where each parameter and buffer of the modules is found
            (registry, name)
            for module in self.modules
            for each in module.modules()
            for registry in (each._parameters, each._buffers)
            for name, value in registry.items()
            if value is not None
        ]
        self.tensors: list[torch.Tensor] = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        self.tensors += [registry[name] for registry, name in self.held]
        self.sources: list[Tensor] = []
        self.results: list[Any] = []
        self.shape: Any = None

    def run(self, tracked: list[bool]) -> list[Any]:
        """Call the function with tensors that share the memory of torch's; return the leaves of what it returns."""
        name = self.compiled.__name__
        self.sources = [taken(x, name) for x in self.tensors]
        for x, wanted in zip(self.sources, tracked, strict=True):
            if wanted:
                x.requires_grad_()
        before, _state.inside = _state.inside, True
        try:
            result = _inner(self)(self.sources, self.leaves_without_tensors())
        finally:
            _state.inside = before
        self.results, self.shape = pytree.flatten(result)
        return self.results

    def leaves_without_tensors(self) -> list[Any]:
        return [None if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]


@contextmanager
def _lent(held: list[tuple[dict[str, Any], str]], values: list[Any]) -> Iterator[None]:
    """Put other tensors where parameters and buffers of modules are found."""
    before = [registry[name] for registry, name in held]
    for (registry, name), value in zip(held, values, strict=True):
        registry[name] = value
    try:
        yield
    finally:
        for (registry, name), value in zip(held, before, strict=True):
            registry[name] = value


def _inner(call: _Call) -> Any:
    """Return the function as one of the tensors alone; compiled for each structure of the arguments."""
    compiled = call.compiled
    kept: dict[Any, Compiled] = compiled.__dict__.setdefault("_of_torch", {})
    where = tuple(isinstance(leaf, torch.Tensor) for leaf in call.leaves)
    key = (str(call.structure), where, tuple(id(m) for m in call.modules))
    if key in kept:
        return kept[key]
    held, structure, count = call.held, call.structure, sum(where)

    def function(tensors: list[Tensor], others: list[Any]) -> Any:
        rest = iter(tensors[:count])
        leaves = [next(rest) if tensor else other for tensor, other in zip(where, others, strict=True)]
        args, kwargs = pytree.unflatten(structure, leaves)
        with _lent(held, tensors[count:]):
            return compiled(*args, **kwargs) if _core.recording() else compiled.__wrapped__(*args, **kwargs)

    function.__name__ = function.__qualname__ = compiled.__name__
    options: dict[str, Any] = {k: v for k, v in compiled._options.items() if k != "fallback"}
    made = kept[key] = Compiled(function, rewriting=False, fallback=False, **options)
    return made


class _Gradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: torch.Tensor) -> Any:
        ctx.set_materialize_grads(False)
        before = _core._set_grad_enabled(True)
        try:
            results = call.run(list(ctx.needs_input_grad[1:]))
        finally:
            _core._set_grad_enabled(before)
        ctx.call = call
        ctx.versions = [x._version for x in tensors]
        ctx.tensors = tensors
        outputs = tuple(given(x) for x in results if isinstance(x, Tensor))
        tracked = [isinstance(x, Tensor) and x.requires_grad for x in results if isinstance(x, Tensor)]
        ctx.mark_non_differentiable(*(y for y, yes in zip(outputs, tracked, strict=True) if not yes))
        return outputs

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        call = ctx.call
        if torch.is_grad_enabled():
            raise RuntimeError(
                f"{call.compiled.__name__}: got a gradient that is to be differentiated in turn (create_graph=True); "
                "need one that is not: torch sees nothing of Tandem's formulas; try td.grad inside the function"
            )
        if [x._version for x in ctx.tensors] != ctx.versions:
            raise RuntimeError(
                f"{call.compiled.__name__}: got an argument that was changed in place after the call; need it as it "
                "was for its gradient; try a copy, x.clone()"
            )
        results = [x for x in call.results if isinstance(x, Tensor)]
        pairs = [(r, g) for r, g in zip(results, upstream, strict=True) if g is not None and r.requires_grad]
        wanted = [x for x, yes in zip(call.sources, ctx.needs_input_grad[1:], strict=True) if yes]
        roots = [r for r, _ in pairs]
        cotangents = [taken(g, call.compiled.__name__) for _, g in pairs]
        found = iter(_core._gradients(roots, cotangents, wanted, retain_graph=True, create_graph=False))
        return (None, *(given(next(found)) if yes else None for yes in ctx.needs_input_grad[1:]))


def call(compiled: Compiled, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an annotated function with arguments among which are torch's tensors; torch's tensors are returned."""
    leaves, structure = pytree.flatten((args, kwargs))
    function: Any = compiled.__wrapped__
    if isinstance(function, torch.nn.Module) or isinstance(getattr(function, "__self__", None), torch.nn.Module):
        raise _core.ArgumentTypeError(
            f"{compiled.__name__}: got a torch.nn.Module that is annotated as a whole; need a function of Tandem's "
            "operations; try td.from_torch(module, args), or torch.compile(module, backend='tandem')"
        )
    this = _Call(compiled, leaves, structure)
    tracked = torch.is_grad_enabled() and any(x.requires_grad for x in this.tensors)
    if tracked:
        found = iter(_Gradients.apply(this, *this.tensors))
    else:
        before = _core._set_grad_enabled(False)
        try:
            found = iter([given(x) for x in this.run([False] * len(this.tensors)) if isinstance(x, Tensor)])
        finally:
            _core._set_grad_enabled(before)
    same = {id(x): original for x, original in zip(this.sources, this.tensors, strict=True)}
    out = []
    for x in this.results:
        converted = next(found) if isinstance(x, Tensor) else x
        out.append(same.get(id(x), converted) if isinstance(x, Tensor) else converted)
    result = pytree.unflatten(this.shape, out)
    if not tracked:
        this.results = []
    return result
