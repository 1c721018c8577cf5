"""Models of the ONNX format: `td.onnx.load` reads one; see docs/onnx_import.md.

The parts are imported when they are asked for. They need the `onnx` package, which Tandem itself does not.
"""

from __future__ import annotations

# The module that each name is, or is in.
_LATER = {"backend": "backend", "load": "loading"}


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
