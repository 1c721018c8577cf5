"""Seeing inside a compiled function: the report behind `f.explain()` and the page of `td.viz`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandem._viz.page import render
from tandem._viz.report import gather

if TYPE_CHECKING:
    from tandem._compiled import Compiled
    from tandem.profiling import Profiler

__all__ = ["called", "write"]


def called(function: Any, what: str) -> Compiled:
    """Return a compiled function, or that of a method, after its first call; others are an error of `what`."""
    from tandem import _core
    from tandem._compiled import Compiled

    compiled = getattr(function, "__func__", function)  # that of a method
    if not isinstance(compiled, Compiled):
        raise TypeError(f"{what}: got {function!r}; need a compiled function; try td.script(function)")
    if not compiled.records and compiled._refused is None:
        raise _core.CaptureError(
            f"{what}: got '{compiled.__name__}' before its first call; need a capture; try calling it"
        )
    return compiled


def write(function: Any, path: str | os.PathLike[str] | None = None, profile: Profiler | None = None) -> Path:
    """Write the page of a compiled function and return its path. `profile`: measured times of its kernels."""
    compiled = called(function, "viz")
    name = re.sub(r"[^0-9A-Za-z_.-]+", "_", compiled.__name__).strip("_") or "function"
    target = Path(f"{name}.html" if path is None else path)
    target.write_text(render(gather(compiled, profile.seconds_by_origin() if profile else None)), encoding="utf-8")
    return target
