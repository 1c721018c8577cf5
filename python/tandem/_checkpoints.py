"""Files of a run that can be gone on with, whenever the process that writes them is killed.

A checkpoint is written under another name, brought to the disk, and then gets its name in one step; the one before is
kept beside it.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from typing import Any

from tandem import _core
from tandem.serialization import read_durable, write

VERSION = 1


def save(state: dict[str, Any], path: str) -> None:
    """Write a checkpoint; the last one becomes the previous one."""
    before = previous(path)
    if os.path.exists(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(before)
        try:
            os.link(path, before)
        except OSError:  # a file system without links
            import shutil

            shutil.copy2(path, before)
    write({"version": VERSION, **state}, path, {}, durable=True)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


def load(path: str) -> dict[str, Any] | None:
    """Return the last checkpoint that is whole, None if there is none; warn if that is not the last."""
    _remove_unfinished(path)
    failure = None
    for candidate in (path, previous(path)):
        if not os.path.exists(candidate):
            continue
        try:
            state = read_durable(candidate)
        except _core.SerializationError as error:
            failure = failure or error
            continue
        if not isinstance(state, dict) or state.get("version") != VERSION:
            found = state.get("version") if isinstance(state, dict) else None
            raise _core.SerializationError(
                f"fit: got the checkpoint {candidate!r} of version {found!r}; need version {VERSION}; try another "
                "path, or resume=False"
            )
        if failure is not None:
            warnings.warn(f"{failure}; the run goes on from {candidate!r}", RuntimeWarning, stacklevel=4)
        return state
    if failure is not None:
        raise _core.SerializationError(f"{failure} There is no earlier checkpoint {previous(path)!r} that is whole")
    return None


def previous(path: str) -> str:
    """The name of the checkpoint before the last."""
    return f"{path}.previous"


def _remove_unfinished(path: str) -> None:
    """Remove what processes that were killed while they wrote have left."""
    folder, name = os.path.split(path)
    unfinished = re.compile(rf"\.{re.escape(name)}-(\d+)-[0-9a-f]{{8}}")  # as td.save names them
    with contextlib.suppress(FileNotFoundError):
        for found in os.listdir(folder or "."):
            if (match := unfinished.fullmatch(found)) and not _lives(int(match[1])):
                os.unlink(os.path.join(folder, found))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
