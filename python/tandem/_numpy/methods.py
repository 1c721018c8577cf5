"""NumPy's methods of tensors, each imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tandem import _core
from tandem._numpy import METHODS

Tensor = _core.Tensor


class Later:
    """A method that takes its own place with the function it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.__get__(None, Tensor).__doc__

    def __get__(self, tensor: Any, owner: Any = None) -> Any:
        module, _, function_name = METHODS[self.name].rpartition(".")
        function = getattr(import_module(f"tandem.{module}"), function_name)
        setattr(Tensor, self.name, function)
        return function if tensor is None else function.__get__(tensor, owner)


for _name in METHODS:
    setattr(Tensor, _name, Later(_name))
setattr(Tensor, "conjugate", Tensor.conj)  # noqa: B010, so that mypy lets it
