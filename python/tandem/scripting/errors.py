"""Messages of capture errors: what was got, what is needed, what to try, and the user's own line with a caret."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tandem import _core
from tandem.scripting import texts

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
MAX_LINES = 12


def capture_error(what: str, got: str, need: str, hint: str) -> Exception:
    """A CaptureError in the project's one format for messages."""
    return _core.CaptureError(f"{what}: got {got}; need {need}; try {hint}")


def is_internal(filename: str) -> bool:
    return filename.startswith(PACKAGE)


def user_line() -> tuple[str, int]:
    """File and line of the innermost frame outside this package."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and is_internal(frame.f_code.co_filename):
        frame = frame.f_back
    return ("<unknown>", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _frames(tb: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


def user_traceback(tb: types.TracebackType | None) -> types.TracebackType | None:
    """The same traceback without the frames of this package."""
    kept = [item for item in _frames(tb) if not is_internal(item.tb_frame.f_code.co_filename)]
    result: types.TracebackType | None = None
    for item in reversed(kept):
        result = types.TracebackType(result, item.tb_frame, item.tb_lasti, item.tb_lineno)
    return result


def _span(item: types.TracebackType) -> tuple[int, int] | None:
    """First and last column of the expression that was running, where this Python knows them."""
    positions = getattr(item.tb_frame.f_code, "co_positions", None)
    if positions is None:
        return None
    line, end_line, column, end_column = next(islice(positions(), item.tb_lasti // 2, None), (None,) * 4)
    if line is None or column is None or end_column is None:
        return None
    return column, end_column if end_line == line else column + 1


def describe_line(item: types.TracebackType) -> str:
    """`--> file:line:col`, the source line and a caret under the expression."""
    filename, line = item.tb_frame.f_code.co_filename, item.tb_lineno
    source = _line(item)
    span = _span(item)
    where = f"  --> {filename}:{line}" + (f":{span[0] + 1}" if span else "")
    text = source.strip()
    if not text:
        return where
    shown = where + f"\n   | {text}"
    if span:
        indent = len(source) - len(source.lstrip())
        # Columns count UTF-8 bytes.
        start = len(source.encode()[: span[0]].decode(errors="ignore")) - indent
        length = len(source.encode()[span[0] : span[1]].decode(errors="ignore"))
        shown += "\n   | " + " " * max(start, 0) + "^" * max(length, 1)
    return shown


def _line(item: types.TracebackType) -> str:
    lines = texts.lines(item.tb_frame.f_code, item.tb_frame.f_globals)
    return lines[item.tb_lineno - 1].rstrip("\n") if item.tb_lineno <= len(lines) else ""


def locate(error: BaseException, start: types.TracebackType | None = None) -> BaseException:
    """A copy of a Tandem error whose message ends with the user's line; other errors come back unchanged."""
    if not isinstance(error, _core.Error) or getattr(error, "located", False):
        return error
    frames = list(_frames(user_traceback(start or error.__traceback__)))
    if not frames:
        return error
    # Methods that the standard library generates (of dataclasses and named tuples) have no lines of the user's.
    place = next((item for item in reversed(frames) if _line(item)), frames[-1])
    lines = [*str(error).splitlines()[: MAX_LINES - 3], *describe_line(place).splitlines()]
    located: Any = type(error)("\n".join(lines))
    located.located = True
    located.filename, located.lineno = place.tb_frame.f_code.co_filename, place.tb_lineno
    located.__cause__ = error.__cause__
    located.__suppress_context__ = True
    return located.with_traceback(user_traceback(error.__traceback__))
