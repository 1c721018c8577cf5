"""The text that a code object was compiled from, also where Python keeps none: `python -c`, a prompt, `exec`.

`linecache` knows files, archives and notebooks. For the rest the text is looked for where it may still be (the command
line, the prompt's history, the variables of whoever called `exec`), and is taken only if compiling it again yields the
very same code. The same test refuses a file that was edited after Python read it.
"""

from __future__ import annotations

import linecache
import os
import stat
import sys
import time
import types
from collections.abc import Iterable, Iterator
from functools import reduce
from importlib import import_module
from typing import Any

from tandem._locks import shared_lock
from tandem.scripting.codes import CodeTable

_future = import_module("__future__")
FUTURE = reduce(lambda flags, name: flags | getattr(_future, name).compiler_flag, _future.all_feature_names, 0)
PROMPTS = ("<stdin>", "<console>")
_SHARED = ("<string>", *PROMPTS)  # names that many texts have
_DEPTH, _HISTORY, _KEPT = 16, 2000, 256

_started = time.time()


_lock = shared_lock()
_known: dict[types.CodeType, list[str]] = {}  # code of texts that linecache does not have
_made: CodeTable[list[str]] = CodeTable()  # the same for code that was made from such code
_noted: dict[str, None] = {}  # such texts, the latest last
_checked: dict[str, tuple[list[str], frozenset[types.CodeType]]] = {}


def cell(filename: str) -> str | None:
    """`Cell In[3]`, as IPython itself calls what was typed there; None for any other file."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    named = getattr(getattr(shell, "compile", None), "format_code_name", None)
    found = named(filename) if named is not None else None
    return " ".join(found) if found else None


def short(filename: str) -> str:
    """The name of a file without its folders."""
    return cell(filename) or os.path.basename(filename) or filename


def inside(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code object and those of all functions and classes written in it."""
    yield code
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield from inside(item)


def lines(code: types.CodeType, scope: dict[str, object]) -> list[str]:
    """Return the lines of the text that `code` comes from, or [] when they cannot be told for sure."""
    filename = code.co_filename
    with _lock:
        known = _known.get(code) or _made.get(code)
    if known is not None:
        return known
    found = linecache.getlines(filename, scope)
    if found and not _doubtful(filename):
        return found
    if found and code in _codes(filename, found, code.co_flags):
        return found
    if not filename.startswith("<"):
        candidates: Iterable[str] = _noted_texts()
    elif filename in PROMPTS:
        candidates = (*_noted_texts(), *_redirected(), *_typed(code))
    else:
        candidates = (*_noted_texts(), *_command_line())
    return next((new for text in candidates if (new := _accept(text, code))), [])


def named(filename: str) -> list[str]:
    """Return the lines of the one text of that name, [] if there is none or several."""
    if filename not in _SHARED and (found := linecache.getlines(filename)):
        return found
    with _lock:
        texts = [text for code, text in _known.items() if code.co_filename == filename]
    return texts[0] if texts and all(text is texts[0] for text in texts) else []


def share(code: types.CodeType, original: types.CodeType, scope: dict[str, object]) -> None:
    """Let code that was made from `original` have its lines."""
    if original in _known or _doubtful(original.co_filename):
        found = lines(original, scope)
        with _lock:
            for item in inside(code):
                _made[item] = found


def forget() -> None:
    """Drop what can be found out again; the texts themselves stay, since functions made from them do."""
    with _lock:
        _checked.clear()


def note(function: types.FunctionType) -> None:
    """Keep the text of a function given to `exec`, which only its caller knows while `exec` is running."""
    code = function.__code__
    if os.path.exists(code.co_filename) or lines(code, function.__globals__):
        return
    word = "lambda" if code.co_name == "<lambda>" else code.co_name
    frame: types.FrameType | None = sys._getframe(1)
    for _ in range(_DEPTH):
        if frame is None:
            return
        for value in (*frame.f_code.co_consts, *list(frame.f_locals.values())):
            if type(value) is str and word in value and _accept(value, code):
                return
        frame = frame.f_back


def _doubtful(filename: str) -> bool:
    """True when linecache may hold another text of the same name: a shared name, or a file edited since we started."""
    if filename in _SHARED:
        return True
    try:
        return os.stat(filename).st_mtime >= _started
    except OSError:
        return False


def _compiled(text: str, filename: str, flags: int, mode: str = "exec") -> frozenset[types.CodeType]:
    try:
        return frozenset(inside(compile(text, filename, mode, flags=flags & FUTURE, dont_inherit=True)))
    except (SyntaxError, ValueError):
        return frozenset()


def _codes(filename: str, found: list[str], flags: int) -> frozenset[types.CodeType]:
    with _lock:
        before = _checked.get(filename)
    if before is not None and before[0] is found:
        return before[1]
    codes = _compiled("".join(found), filename, flags)
    with _lock:
        _checked[filename] = (found, codes)
    return codes


def _accept(text: str, code: types.CodeType) -> list[str]:
    """The lines of the text if `code` was compiled from it; they are known from then on."""
    modes = ("exec", "single") if code.co_filename in PROMPTS else ("exec",)
    codes = next((c for mode in modes if code in (c := _compiled(text, code.co_filename, code.co_flags, mode))), None)
    if codes is None:
        return []
    found = text.splitlines(keepends=True)
    with _lock:
        _known.update(dict.fromkeys(codes, found))
        _noted.pop(text, None)
        _noted[text] = None
        if len(_noted) > _KEPT:
            del _noted[next(iter(_noted))]
    return found


def _noted_texts() -> list[str]:
    with _lock:
        return list(reversed(_noted))


def _command_line() -> Iterator[str]:
    for argument in sys.orig_argv[1:]:
        yield argument
        if argument.startswith("-") and "c" in argument:  # python -c'...'
            yield argument.split("c", 1)[1]


def _redirected() -> Iterator[str]:
    """`python < file`: the file is still there."""
    try:
        status = os.fstat(0)
        if stat.S_ISREG(status.st_mode):
            yield os.pread(0, status.st_size, 0).decode()
    except (OSError, UnicodeDecodeError):
        return


def _typed(code: types.CodeType) -> Iterator[str]:
    """The blocks in the history of the prompt that are long enough, the latest first."""
    readline = sys.modules.get("readline")
    if readline is None:
        return
    count = readline.get_current_history_length()
    typed = [readline.get_history_item(k) or "" for k in range(max(1, count - _HISTORY), count + 1)]
    length = max(line for item in inside(code) for _, _, line in item.co_lines() if line)
    word = "lambda" if code.co_name == "<lambda>" else code.co_name
    for first in reversed(range(len(typed))):
        last = first + length
        while last < len(typed) and typed[last][:1].isspace():
            last += 1
        block = typed[first:last]
        if len(block) >= length and not block[0][:1].isspace() and any(word in line for line in block):
            yield "\n".join(block) + "\n"
