"""What the array API lets a program ask about a library: `td.__array_namespace_info__()`."""

from __future__ import annotations

from typing import Any

from tandem import _core
from tandem._dtypes import DType, isdtype

# Revisions of the standard whose functions this namespace has; the last is the one it follows.
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")

# Dtypes that the standard does not know.
_OWN = ("float16", "bfloat16")


def _check_device(device: str | None) -> None:
    if device is not None:
        _core._device(device)


class __array_namespace_info__:
    """Say what this library can do and which dtypes and devices it has.

    >>> td.__array_namespace_info__().default_device()
    'cpu'
    """

    def capabilities(self) -> dict[str, Any]:
        """Return what depends on the library: boolean indexing, shapes that depend on data, the most axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": _core._max_dimensions}

    def default_device(self) -> str:
        """Return the device of tensors that are made without saying one."""
        return "cpu"

    def devices(self) -> list[str]:
        """Return all devices."""
        return ["cpu", *(f"cuda:{k}" for k in range(_core._cuda.device_count()))]

    def default_dtypes(self, *, device: str | None = None) -> dict[str, DType]:
        """Return the dtypes of Python numbers and of indices."""
        _check_device(device)
        real = _core.default_dtype()
        complex_name = "complex64" if real == _core.float32 else "complex128"
        found = {"real floating": real, "integral": _core.int64, "indexing": _core.int64}
        if hasattr(_core, complex_name):
            found["complex floating"] = getattr(_core, complex_name)
        return found

    def dtypes(self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, DType]:
        """Return the standard's dtypes by name: all, or those of a kind as in td.isdtype."""
        _check_device(device)
        known = {d.name: d for d in _core._dtypes if d.name not in _OWN}
        return {name: d for name, d in known.items() if kind is None or isdtype(d, kind)}
