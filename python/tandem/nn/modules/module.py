"""`Module`: the base of everything that has parameters.

Attributes lie where Python keeps them, in the instance's own dict, so that reading one costs nothing and a compiled
function sees by the version of that dict that none has changed. Three dicts beside it say which attributes are
parameters, buffers and modules; `__setattr__` keeps both in step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from tandem import _core
from tandem._boundary import hide_frames, public
from tandem.nn.modules import describing, hooks, state
from tandem.nn.modules.hooks import RemovableHandle, captured
from tandem.nn.parameter import Parameter

Tensor = _core.Tensor
Self = TypeVar("Self", bound="Module")

_REGISTRIES = ("_parameters", "_buffers", "_modules")


def as_module(value: Any) -> Module | None:
    """Return a module, also that of an annotated one (`td.script(module)`); None for anything else."""
    if isinstance(value, Module):
        return value
    if isinstance(value, _core.CompiledFunction):
        return as_module(value.__wrapped__)  # type: ignore[attr-defined]
    return None


class Module:
    """A part of a network: it holds parameters, buffers and other modules, and computes something in `forward`.

    Parameters, buffers and modules that are assigned to attributes become its own. Call the module, not `forward`:
    hooks run then, too.

    >>> class Scale(td.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = td.nn.Parameter(td.asarray([2., 3.]))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> scale = Scale()
    >>> scale(td.ones((2,)))
    tensor([2., 3.], dtype=float32)
    >>> scale.state_dict()
    {'factor': tensor([2., 3.], dtype=float32)}
    """

    training: bool
    forward: Callable[..., Any]
    _parameters: dict[str, Tensor | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _not_saved: set[str]
    _hooks: dict[int, hooks.Hook] | None

    def __init__(self) -> None:
        """Begin without parameters, buffers and modules, for training."""
        own = self.__dict__
        own.update(_parameters={}, _buffers={}, _modules={}, _not_saved=set(), _hooks=None, training=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`, with the hooks around it."""
        try:
            forward = captured(self.forward)
            if self._hooks is None:
                return forward(*args, **kwargs)
            return hooks.run(self, forward, args, kwargs)
        except BaseException as error:
            hide_frames(error)
            raise

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        kind = _kind(value)
        if kind is not None:
            if kind not in own:
                raise AttributeError(
                    f"{type(self).__name__}: got an assignment to '{name}' before Module.__init__; need that first; "
                    "try super().__init__() at the beginning of __init__"
                )
            for other in _REGISTRIES:
                if other != kind:
                    own[other].pop(name, None)
            own["_not_saved"].discard(name)
            if kind == "_buffers" and not vars(value)["_is_buffer"]:
                own["_not_saved"].add(name)
        else:
            kind = next((each for each in _REGISTRIES if name in own.get(each, ())), None)
            fits = value is None or (kind == "_buffers" and isinstance(value, Tensor))
            if kind is not None and not fits:
                need = {"_parameters": "an nn.Parameter", "_buffers": "a tensor", "_modules": "an nn.Module"}[kind]
                raise TypeError(
                    f"{type(self).__name__}: got {type(value).__name__} for '{name}'; need {need} or None; try "
                    f"del module.{name} first, if it is to be something else"
                )
        if kind is not None:
            own[kind][name] = value
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for registry in _REGISTRIES:
            self.__dict__.get(registry, {}).pop(name, None)
        self.__dict__.get("_not_saved", set()).discard(name)
        object.__delattr__(self, name)

    def _register(self, what: str, name: Any, value: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise _core.ArgumentError(f"{what}: got the name {name!r}; need text without dots, because these are paths")
        if not any(name in self.__dict__[each] for each in _REGISTRIES) and hasattr(self, name):
            raise _core.ArgumentError(
                f"{what}: got the name {name!r}, which is an attribute of {type(self).__name__} already; need another"
            )
        object.__setattr__(self, name, value)

    @public
    def register_parameter(self, name: str, param: Tensor | None) -> None:
        """Add a parameter under a name; None for one that this module does without.

        >>> layer = td.nn.Module()
        >>> layer.register_parameter("weight", td.nn.Parameter(td.ones((2,))))
        >>> layer.weight.shape
        (2,)
        """
        if param is not None and not isinstance(param, Parameter):
            raise _core.ArgumentTypeError(
                f"register_parameter: got {type(param).__name__} for '{name}'; need an nn.Parameter or None"
            )
        self._register("register_parameter", name, param)
        if param is None:
            self._parameters[name] = None
        else:
            setattr(self, name, param)

    @public
    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module and is not trained; it is saved if it is persistent.

        >>> layer = td.nn.Module()
        >>> layer.register_buffer("count", td.asarray(0))
        >>> layer.state_dict()
        {'count': tensor(0)}
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            raise _core.ArgumentTypeError(
                f"register_buffer: got {type(tensor).__name__} for '{name}'; need a tensor or None"
            )
        self._register("register_buffer", name, tensor)
        self._buffers[name] = tensor
        if not persistent:
            self._not_saved.add(name)

    @public
    def register_module(self, name: str, module: Module | None) -> None:
        """Add a module under a name; see add_module."""
        self.add_module(name, module)

    @public
    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module under a name.

        >>> net = td.nn.Module()
        >>> net.add_module("first", td.nn.Module())
        >>> [name for name, _ in net.named_children()]
        ['first']
        """
        if module is not None and as_module(module) is None:
            raise _core.ArgumentTypeError(f"add_module: got {type(module).__name__} for '{name}'; need an nn.Module")
        self._register("add_module", name, module)
        if module is None:
            self._modules[name] = None
        else:
            setattr(self, name, module)

    # What is in it

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside of it with their paths, each module once."""
        seen: set[Any] = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self
        for name, child in self._own_modules():
            yield from child.named_modules(seen, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def _own_modules(self) -> Iterator[tuple[str, Module]]:
        for name, child in self._modules.items():
            if (module := as_module(child)) is not None:
                yield name, module

    def modules(self) -> Iterator[Module]:
        """Yield this module and all inside of it, each once."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly inside of this one with their names, each module once."""
        seen: set[Module] = set()
        for name, child in self._own_modules():
            if child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside of this one, each once."""
        for _, child in self.named_children():
            yield child

    def _entries(self, registry: str) -> dict[str, Tensor | None]:
        # Read by their names, so that a compiled function that walks through a model sees when one changes.
        return self._parameters if registry == "_parameters" else self._buffers

    def _named(self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, owner in owners:
            for name, x in owner._entries(registry).items():
                if x is None or (remove_duplicate and id(x) in seen):
                    continue
                seen.add(id(x))
                yield f"{path}.{name}" if path else name, x

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters with their names; one that several modules share comes once, under its first name."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the parameters, each once, as an optimizer takes them.

        >>> sum(p.size for p in td.nn.Linear(3, 2).parameters())
        8
        """
        for _, x in self.named_parameters(recurse=recurse):
            yield x

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their names, each once."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, each once."""
        for _, x in self.named_buffers(recurse=recurse):
            yield x

    @public
    def get_submodule(self, target: str) -> Module:
        """Return the module at a path such as "encoder.layers.0"."""
        module: Module = self
        for name in target.split(".") if target else ():
            child = as_module(module._modules.get(name))
            if child is None:
                raise AttributeError(
                    f"get_submodule: got {target!r}, where {type(module).__name__} has no module {name!r}; need one of "
                    f"{', '.join(module._modules) or 'none, there are no modules'}"
                )
            module = child
        return module

    def _get(self, what: str, registry: str, target: str) -> Tensor:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        found = owner.__dict__[registry].get(name)
        if found is None:
            raise AttributeError(
                f"get_{what}: got {target!r}, but {type(owner).__name__} has no {what} {name!r}; need one of "
                f"{', '.join(owner.__dict__[registry]) or 'none'}"
            )
        return found

    @public
    def get_parameter(self, target: str) -> Tensor:
        """Return the parameter at a path such as "encoder.layers.0.weight"."""
        return self._get("parameter", "_parameters", target)

    @public
    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a path."""
        return self._get("buffer", "_buffers", target)

    @public
    def set_submodule(self, target: str, module: Module) -> None:
        """Put a module at a path, in place of what is there."""
        path, _, name = target.rpartition(".")
        setattr(self.get_submodule(path), name, module)

    # Changes of all of it

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call a function on every module inside of this one and then on it itself; return it.

        >>> net = td.nn.Sequential(td.nn.Linear(2, 2), td.nn.Linear(2, 1))
        >>> net = net.apply(lambda m: td.nn.init.ones_(m.weight) if isinstance(m, td.nn.Linear) else None)
        >>> net[1].weight
        tensor([[1., 1.]], dtype=float32)
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Switch dropout, batch normalisation and their like to training, or to evaluation; return the module."""
        if not isinstance(mode, bool):
            raise _core.ArgumentTypeError(f"train: got mode={mode!r}; need True or False")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Switch to evaluation; the same as train(False)."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Make all parameters require gradients, or freeze them; return the module."""
        for x in self.parameters():
            x.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Take the gradients of all parameters away, or set them to zero in place."""
        for x in self.parameters():
            if set_to_none:
                x.grad = None
            elif x.grad is not None:
                x.grad.detach().fill(0)

    @public
    def to(self: Self, *args: Any, dtype: Any = None, device: Any = None) -> Self:
        """Convert floating-point parameters and buffers to a dtype, or move them to a device; return the module.

        `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(tensor)`. A converted parameter is a new tensor: make
        optimizers and annotated functions that hold parameters afterwards.

        >>> td.nn.Linear(2, 1).to(td.float64).weight.dtype
        float64
        """
        for value in args:
            if isinstance(value, Tensor):
                dtype, device = value.dtype, value.device
            elif isinstance(value, _core.DType):
                dtype = value
            else:
                device = value
        if dtype is not None and dtype.kind != "float":
            raise _core.DTypeError(f"to: got {dtype}; need a floating-point dtype")
        if dtype is not None or device is not None:
            state.convert(self.modules(), dtype, None if device is None else _core._device(device))
        return self

    def float(self: Self) -> Self:
        """Convert floating-point parameters and buffers to float32; return the module."""
        return self.to(_core.float32)

    def double(self: Self) -> Self:
        """Convert floating-point parameters and buffers to float64; return the module."""
        return self.to(_core.float64)

    def half(self: Self) -> Self:
        """Convert floating-point parameters and buffers to float16; return the module."""
        return self.to(_core.float16)

    def bfloat16(self: Self) -> Self:
        """Convert floating-point parameters and buffers to bfloat16; return the module."""
        return self.to(_core.bfloat16)

    # State

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Return all parameters and persistent buffers by name: what td.save takes and load_state_dict gives back.

        The tensors share the memory of the module's own. keep_vars=True: they are the module's own.

        >>> [*td.nn.Linear(3, 2).state_dict()]
        ['weight', 'bias']
        """
        return {name: x if keep_vars else x.detach() for name, (_, _, x) in state.entries(self, prefix).items()}

    @public
    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy the tensors of a state dict into this module; return the missing and the unexpected keys.

        One error lists all keys that are missing or unexpected, unless strict=False, and all shapes that differ;
        nothing is changed then. assign=True puts the given tensors in the place of the module's own, with their dtypes.

        >>> one, other = td.nn.Linear(3, 2), td.nn.Linear(3, 2)
        >>> other.load_state_dict(one.state_dict())
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> bool((one.weight == other.weight).all())
        True
        """
        return state.load(self, state_dict, strict, assign)

    # Hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before each forward pass; what it returns, unless None, are the new arguments.

        with_kwargs: it is called as hook(module, args, kwargs) and returns both.
        """
        return hooks.register(self, ("before", hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args, result) after each forward pass; what it returns, unless None, is the new result.

        with_kwargs: it is called as hook(module, args, kwargs, result).

        >>> layer = td.nn.Identity()
        >>> with layer.register_forward_hook(lambda module, args, result: result * 2):
        ...     layer(td.ones((2,)))
        tensor([2., 2.], dtype=float32)
        """
        return hooks.register(self, ("after", hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_output) when the gradients of the results are known; it may return others."""
        return hooks.register(self, ("before backward", hook, False), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) when the gradients of the module's arguments are known.

        Both are tuples. What it returns, unless None, are the new gradients of the arguments.
        """
        return hooks.register(self, ("backward", hook, False), prepend)

    # Being printed

    # What repr shows between the parentheses; of names with a question mark only what is true.
    _shown: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        """Return what `repr` shows between the parentheses; for subclasses."""
        return describing.settings(self, self._shown)

    def __repr__(self) -> str:
        children = [(name, repr(child)) for name, child in self._modules.items()]
        return describing.nested(type(self).__name__, self.extra_repr(), children)

    def summary(self) -> describing.Summary:
        """Return a table of all parameters and buffers: names, shapes, dtypes and numbers of elements.

        >>> td.nn.Linear(3, 2).summary()
        Linear
        name    shape   dtype    elements
        ---------------------------------
        weight  (2, 3)  float32         6
        bias    (2,)    float32         2
        ---------------------------------
        8 parameters, 8 of them trained; 32 bytes with buffers
        """
        return describing.summary(self)


def _kind(value: Any) -> str | None:
    """Return the registry that a value enters wherever it is assigned."""
    if isinstance(value, Tensor):
        marks = vars(value)
        return "_parameters" if "_is_parameter" in marks else "_buffers" if "_is_buffer" in marks else None
    return None if as_module(value) is None else "_modules"
