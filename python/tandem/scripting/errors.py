"""Messages of capture errors: what was got, what is needed, what to try, and the user's own line with a caret."""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
import types
from functools import lru_cache
from itertools import islice
from typing import Any

from tandem import _core
from tandem.scripting import texts

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = tuple(os.path.join(sysconfig.get_paths()[key], "") for key in ("stdlib", "platstdlib"))
MAX_LINES = 12


def capture_error(what: str, got: str, need: str, hint: str) -> Exception:
    """A CaptureError in the project's one format for messages."""
    return _core.CaptureError(f"{what}: got {got}; need {need}; try {hint}")


@lru_cache(maxsize=4096)
def is_standard(filename: str) -> bool:
    """True for the standard library."""
    path = os.path.abspath(filename)
    return path.startswith(_STANDARD) and f"{os.sep}site-packages{os.sep}" not in path


def is_internal(frame: types.FrameType) -> bool:
    """True for code of this package, also what dataclasses generate for it."""
    filename = frame.f_code.co_filename
    return filename.startswith(PACKAGE) or (
        filename == "<string>" and str(frame.f_globals.get("__name__")).startswith("tandem.")
    )


def user_line() -> tuple[str, int]:
    """File and line of the innermost frame outside this package."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and is_internal(frame):
        frame = frame.f_back
    return ("<unknown>", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def frames_of(tb: types.TracebackType | None) -> list[types.TracebackType]:
    """The entries of a traceback, the outermost call first."""
    frames = []
    while tb is not None:
        frames.append(tb)
        tb = tb.tb_next
    return frames


def user_traceback(tb: types.TracebackType | None) -> types.TracebackType | None:
    """The same traceback without the frames of this package."""
    kept, inside = [], False
    for item in frames_of(tb):  # what the standard library does for this package is hidden, too
        inside = is_internal(item.tb_frame) or (inside and is_standard(item.tb_frame.f_code.co_filename))
        if not inside:
            kept.append(item)
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
    return column, end_column if end_line == line else len(_code(_line(item)).encode())


def describe_line(item: types.TracebackType) -> str:
    """`--> file:line:col`, the source line and a caret under the expression."""
    return _describe(item.tb_frame.f_code.co_filename, item.tb_lineno, _line(item), _span(item))


def _describe(filename: str, line: int, source: str, span: tuple[int, int] | None) -> str:
    where = f"  --> {texts.cell(filename) or filename}:{line}" + (f":{span[0] + 1}" if span else "")
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


def _expression(lines: list[str], line: int, operation: str) -> tuple[int, int] | None:
    """Columns of the one expression of a line that can be the operation; of all the line's code if several can."""
    source = lines[line - 1].rstrip("\n")
    try:
        nodes = [node for node in ast.walk(ast.parse("".join(lines))) if getattr(node, "lineno", 0) == line]
    except SyntaxError:
        nodes = []
    index = operation == "index"
    names = {row["name"] for row in _core._op_table() if row["indexed"]} if index else {operation}
    calls: list[ast.AST] = [
        node
        for node in nodes
        if isinstance(node, ast.Call) and names & {getattr(node.func, "attr", ""), getattr(node.func, "id", "")}
    ]
    subscripts = [node for node in nodes if isinstance(node, ast.Subscript)]
    found = [*calls, *subscripts] if index else calls or subscripts
    if len(found) == 1 and operation:
        one: Any = found[0]
        return one.col_offset, one.end_col_offset if one.end_lineno == line else len(source.encode())
    return len(source) - len(source.lstrip()), len(_code(source).encode())


def _code(source: str) -> str:
    """A line without a comment at its end."""
    return re.sub(r"\s*#[^'\"]*$", "", source).rstrip()


_AT = re.compile(r" \(at (.*):(\d+)\)$", re.DOTALL)


def locate_call(error: BaseException, frame: types.FrameType | None) -> None:
    """End the message of an error of a compiled program with the user's line; that of the call if none is known."""
    if getattr(error, "located", False):
        return
    text = str(error)
    if found := _AT.search(text):  # the line that the failing kernel was recorded for
        filename, line = found[1], int(found[2])
        _locate_in(error, text[: found.start()], filename, line, texts.named(filename), text.split(":")[0])
        return
    while frame is not None and is_internal(frame):
        frame = frame.f_back
    if frame is not None:
        item = types.TracebackType(None, frame, frame.f_lasti, frame.f_lineno)
        _finish(error, text, describe_line(item), frame.f_code.co_filename, frame.f_lineno)


def locate_line(error: BaseException, code: types.CodeType, line: int) -> None:
    """End the message with a line of the user's code."""
    _locate_in(error, str(error), code.co_filename, line, texts.lines(code, {}), "")


def _locate_in(error: BaseException, text: str, filename: str, line: int, lines: list[str], operation: str) -> None:
    known = line <= len(lines)
    span = _expression(lines, line, operation) if known else None
    shown = _describe(filename, line, lines[line - 1].rstrip("\n") if known else "", span)
    _finish(error, text, shown, filename, line)


def _finish(error: Any, text: str, shown: str, filename: str, line: int) -> None:
    error.args = ("\n".join([*text.splitlines()[: MAX_LINES - 3], *shown.splitlines()]),)
    error.located, error.filename, error.lineno = True, filename, line


def _line(item: types.TracebackType) -> str:
    lines = texts.lines(item.tb_frame.f_code, item.tb_frame.f_globals)
    return lines[item.tb_lineno - 1].rstrip("\n") if item.tb_lineno <= len(lines) else ""


def locate(error: BaseException, start: types.TracebackType | None = None) -> BaseException:
    """A copy of a Tandem error whose message ends with the user's line; other errors come back unchanged."""
    if not isinstance(error, _core.Error) or getattr(error, "located", False):
        return error
    frames = frames_of(user_traceback(start or error.__traceback__))
    if not frames:
        return error
    # Methods that the standard library generates (of dataclasses and named tuples) have no lines of the user's.
    place = next((item for item in reversed(frames) if _line(item)), frames[-1])
    located: Any = type(error)()
    code = place.tb_frame.f_code
    _finish(located, str(error), describe_line(place), code.co_filename, place.tb_lineno)
    located.__cause__ = error.__cause__
    located.__suppress_context__ = True
    return located.with_traceback(user_traceback(error.__traceback__))
