"""ONNX both ways: `td.onnx.export` writes a model, `td.onnx.load` reads one; see docs/onnx_import.md.

The parts are imported when they are asked for. They need the `onnx` package, which Tandem itself does not.
"""

from __future__ import annotations

_LATER = {"backend": "", "export": "export", "load": "load"}  # the module's name, and which of its functions


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'tandem.onnx' has no attribute '{name}'")
    from importlib import import_module

    module = import_module(f"tandem.onnx.{name}")
    globals()[name] = getattr(module, _LATER[name]) if _LATER[name] else module
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


__all__ = sorted(_LATER)
