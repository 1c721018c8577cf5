"""ONNX both ways: `td.onnx.export` writes a model, `td.onnx.load` reads one; see docs/onnx.md and docs/onnx_import.md.

The parts are imported when they are asked for. They need the `onnx` package, which Tandem itself does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tandem.onnx import backend as backend
    from tandem.onnx.exporting import export as export
    from tandem.onnx.loading import load as load

# The module that each name is, or is in.
_LATER = {"backend": "backend", "export": "exporting", "load": "loading"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'tandem.onnx' has no attribute '{name}'")
    from importlib import import_module

    module = import_module(f"tandem.onnx.{_LATER[name]}")
    globals()[name] = getattr(module, name, module)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


__all__ = sorted(_LATER)
