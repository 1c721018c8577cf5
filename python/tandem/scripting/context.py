"""What is being captured on this thread: the notes for `explain()`, and whether a loop body is on trial."""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import types
import weakref
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tandem import _core
from tandem.scripting import texts
from tandem.scripting.errors import PACKAGE


@dataclass
class Capture:
    """One capture: created by _compiled.py, reached by the rewriter's run-time parts through `current()`."""

    name: str
    rewriting: bool  # calls are rewritten in turn (@script), or run as they are (@trace)
    root_package: str = ""
    notes: list[str] = field(default_factory=list)
    functions: list[types.FunctionType] = field(default_factory=list)  # every user function seen, for the guards
    sizes: dict[str, int] = field(default_factory=dict)  # the sizes of this call that have a name in the graph
    # Functions that change variables of the functions around them, and the branch or loop they were defined in.
    made: Any = field(default_factory=weakref.WeakKeyDictionary)
    stacked: dict[int, Any] = field(default_factory=dict)  # by the id of its last item: see stacking.py
    boundary: types.CodeType | None = None  # the function that calls what is captured
    arguments: list[Any] = field(default_factory=list)  # which the caller holds
    remade: list[Any] = field(default_factory=list)  # objects that are one on some paths: see aliases.py
    watch: Any = None  # guards.Collector: what the function reads and changes outside of itself
    trials: int = 0  # > 0 while a loop body runs that may still be unrolled

    def note(self, filename: str, line: int, text: str) -> None:
        entry = f"{texts.short(filename)}:{line}: {text}"
        if entry not in self.notes:
            self.notes.append(entry)


class _State(threading.local):
    capture: Capture | None = None


_state = _State()


def current() -> Capture | None:
    return _state.capture


def enter(capture: Capture | None) -> Capture | None:
    """Make `capture` the current one; return the one before it."""
    before, _state.capture = _state.capture, capture
    return before


def is_symbolic(value: Any) -> bool:
    """True for a value that is only known when the captured program runs.

    While recording that is every tensor: an eager tensor's contents may have changed by the next call.
    """
    if isinstance(value, _core.Tensor):
        return value._recorded or _core.recording()
    return False


_Size: Any = getattr(_core, "Size", ())


def is_dim(value: Any) -> bool:
    """True for a dimension of a recorded tensor that differs from call to call.

    It computes like an int; where its value decides something, it answers for this call and adds a guard.
    """
    return isinstance(value, _Size)


_LIBRARY = tuple(
    sorted({os.path.join(sysconfig.get_paths()[key], "") for key in ("stdlib", "platstdlib", "purelib", "platlib")})
)


@lru_cache(maxsize=4096)
def is_user_file(filename: str) -> bool:
    """False for this package, the standard library, installed packages and frozen code."""
    if filename.startswith("<"):  # of `python -c`, a prompt, a notebook, exec
        return not filename.startswith(("<frozen", "<__array_function__"))
    if filename.startswith(PACKAGE):
        return False
    path = os.path.abspath(filename)
    return not (path.startswith(_LIBRARY) or f"{os.sep}site-packages{os.sep}" in path)


def is_user_function(function: types.FunctionType) -> bool:
    """True for functions that are rewritten and guarded: the user's own, and the captured function's package.

    Of this package, only those that say so: their loops over tensors are to stay loops (nn/modules/hooks.py).
    """
    filename = function.__code__.co_filename
    if is_user_file(filename) or "_with_loops" in function.__dict__:
        return True
    capture = _state.capture
    if capture is None or not capture.root_package or filename.startswith(PACKAGE):
        return False
    return (function.__module__ or "").partition(".")[0] == capture.root_package


def here() -> tuple[str, int]:
    """File and line of the nearest frame outside this package."""
    frame = user_frame()
    return ("<unknown>", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def place_of(line: int) -> tuple[str, int]:
    """The place of a statement in this line of the rewritten function that is running.

    For one of this package's own that is where the user calls it.
    """
    scripting = os.path.join(PACKAGE, "scripting", "")
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(scripting):
        frame = frame.f_back
    own = frame is None or frame.f_code.co_filename.startswith(PACKAGE)
    return here() if own or frame is None else (frame.f_code.co_filename, line)


def user_frame() -> types.FrameType | None:
    """The nearest frame outside this package."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame
