"""Modules and parameters in lists and dicts."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tandem import _core
from tandem.nn.modules import describing
from tandem.nn.modules.module import Module
from tandem.nn.parameter import Parameter

Tensor = _core.Tensor


def _position(container: Module, key: Any, size: int) -> int:
    index = operator.index(key)
    if not -size <= index < size:
        raise _core.OutOfBoundsError(f"{type(container).__name__}: got the index {index}; need one of {size} modules")
    return index % size


class _Listed(Module):
    """Modules under the names "0", "1", ..."""

    def __init__(self, modules: Iterable[Any] = ()) -> None:
        super().__init__()
        for module in modules:
            self.add_module(str(len(self._modules)), module)

    def _refill(self, modules: list[Any]) -> None:
        for name in list(self._modules):
            delattr(self, name)
        for number, module in enumerate(modules):
            self.add_module(str(number), module)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, index: Any) -> Any:
        found = list(self._modules.values())
        if isinstance(index, slice):
            return type(self)(*self._arguments(found[index]))
        return found[_position(self, index, len(found))]

    @staticmethod
    def _arguments(modules: list[Any]) -> tuple[Any, ...]:
        return (modules,)

    def __setitem__(self, index: Any, module: Module) -> None:
        names = list(self._modules)
        setattr(self, names[_position(self, index, len(names))], module)

    def __delitem__(self, index: Any) -> None:
        modules = list(self._modules.values())
        del modules[index]
        self._refill(modules)

    def append(self, module: Any) -> Any:
        """Add a module at the end; return the container."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Any]) -> Any:
        """Add modules at the end; return the container."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Any) -> Any:
        """Put a module in front of the one at an index."""
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._refill(modules)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take a module out, and return it."""
        module = self[index]
        del self[index]
        return module


class Sequential(_Listed):
    """Modules one after another, each called with the result of the one before.

    Takes them in order, or one dict of modules by name.

    >>> net = td.nn.Sequential(td.nn.Linear(3, 4), td.nn.ReLU(), td.nn.Linear(4, 2))
    >>> net(td.ones((5, 3))).shape
    (5, 2)
    >>> net[:2]
    Sequential(
      (0): Linear(in_features=3, out_features=4, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], Mapping):
            super().__init__()
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            super().__init__(args)

    @staticmethod
    def _arguments(modules: list[Any]) -> tuple[Any, ...]:
        return tuple(modules)

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Listed):
    """A list of modules, which are called by whoever holds it.

    >>> layers = td.nn.ModuleList([td.nn.Linear(2, 2) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Any] | None = None) -> None:
        super().__init__(() if modules is None else modules)

    def __add__(self, other: Iterable[Any]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Any]) -> ModuleList:
        self.extend(other)
        return self

    def __repr__(self) -> str:
        """Equal neighbours share a line, as in PyTorch."""
        rows: list[tuple[int, int, str]] = []
        for number, module in enumerate(self):
            text = repr(module)
            if rows and rows[-1][2] == text:
                rows[-1] = (rows[-1][0], number, text)
            else:
                rows.append((number, number, text))
        shown = [(str(a), text) if a == b else (f"{a}-{b}", f"{b - a + 1} x {text}") for a, b, text in rows]
        return describing.nested(type(self).__name__, "", shown)


class ModuleDict(Module):
    """Modules by name, which are called by whoever holds it.

    >>> heads = td.nn.ModuleDict({"small": td.nn.Linear(2, 1), "large": td.nn.Linear(2, 9)})
    >>> heads["large"](td.ones((2,))).shape
    (9,)
    """

    def __init__(self, modules: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        if key in self._modules:
            setattr(self, key, module)
        else:
            self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self._modules:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """Return the modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the names and modules."""
        return self._modules.items()

    def update(self, modules: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add modules, or replace those of the same names."""
        for name, module in dict(modules).items():
            self[name] = module

    def pop(self, key: str) -> Any:
        """Take a module out, and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for name in list(self._modules):
            delattr(self, name)


def _as_parameter(value: Any) -> Any:
    return value if isinstance(value, Parameter) else Parameter(value)


class _Parameters(Module):
    def extra_repr(self) -> str:
        return "\n".join(
            f"({name}): Parameter containing: [{x.dtype.name} of size {'x'.join(map(str, x.shape))}]"
            for name, x in self._parameters.items()
            if x is not None
        )


class ParameterList(_Parameters):
    """A list of parameters; tensors become parameters.

    >>> factors = td.nn.ParameterList([td.ones((2,)), td.zeros((3,))])
    >>> [name for name, _ in factors.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(() if values is None else values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def __getitem__(self, index: Any) -> Any:
        found = list(self._parameters.values())
        return ParameterList(found[index]) if isinstance(index, slice) else found[_position(self, index, len(found))]

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_position(self, index, len(self))), _as_parameter(value))

    def append(self, value: Any) -> ParameterList:
        """Add a parameter at the end; return the list."""
        self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add parameters at the end; return the list."""
        for value in values:
            self.append(value)
        return self


class ParameterDict(_Parameters):
    """Parameters by name; tensors become parameters.

    >>> factors = td.nn.ParameterDict({"scale": td.ones((2,))})
    >>> factors["scale"].requires_grad
    True
    """

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.update({} if parameters is None else parameters)

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self._parameters:
            setattr(self, key, _as_parameter(value))
        else:
            self.register_parameter(key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        if key not in self._parameters:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: object) -> bool:
        return key in self._parameters

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._parameters.keys()

    def values(self) -> Iterable[Any]:
        """Return the parameters."""
        return self._parameters.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the names and parameters."""
        return self._parameters.items()

    def update(self, parameters: Mapping[str, Any]) -> None:
        """Add parameters, or replace those of the same names."""
        for name, value in parameters.items():
            self[name] = value
