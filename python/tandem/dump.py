"""TANDEM_LOG and TANDEM_DUMP_DIR: what happened, as lines and as files.

`TANDEM_LOG=capture,passes,kernels,cache` prints lines of these topics to standard error. `TANDEM_DUMP_DIR=path` writes
every stage of every captured function as a file; a stage that changed nothing has no file.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from tandem import _core
from tandem.scripting import texts

TOPICS = ("capture", "passes", "kernels", "cache")
STAGES = {
    "kernels": "txt",
    "program": "txt",
    "llvm": "ll",
    "asm": "s",
}


def topics() -> frozenset[str]:
    """The topics that TANDEM_LOG asks for; "all" is every one."""
    asked = {item.strip() for item in os.environ.get("TANDEM_LOG", "").split(",")} - {""}
    return frozenset(TOPICS) if "all" in asked else frozenset(asked)


def log(topic: str, text: str) -> None:
    """Print a line if its topic is asked for."""
    if topic in topics():
        print(f"tandem {topic}: {text}", file=sys.stderr)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text if text.endswith("\n") else text + "\n")


def executable(name: str, number: int, value: Any) -> None:
    """Log and dump the passes and stages of a newly captured function; waits for the code, also in the background."""
    folder = os.environ.get("TANDEM_DUMP_DIR", "")
    asked = topics()
    wanted = "passes" in asked
    if "kernels" in asked or "cache" in asked:
        value.ir("program")  # waits for the code
        _log_kernels(name, value)
        _log_cache(name)
    if not folder and not wanted:
        return
    changed = []
    before = None
    for title, text in value.passes():
        if text != before:
            changed.append((title, text))
        elif wanted:
            log("passes", f"{name}: {title}: no change")
        before = text
    for title, text in changed:
        log("passes", f"{name}: {title}\n{text}")
    if folder:
        _dump(os.path.join(folder, f"{re.sub(r'[^0-9A-Za-z_.-]+', '_', name)}.{number}"), changed, value)


def _log_kernels(name: str, value: Any) -> None:
    for kernel in value.kernels():
        lines = ", ".join(f"{texts.short(file)}:{line}" for file, line in kernel["lines"])
        log("kernels", f"{name}: {kernel['name']}, {kernel['stages']} stages, from {lines or 'no line'}")


_seen = dict.fromkeys(("compiled", "disk_hits", "memory_hits"), 0)


def _log_cache(name: str) -> None:
    """Log where kernels came from since the last such line, those of eager operations included."""
    now = _core.stats()
    compiled, disk, memory = (now[key] - _seen[key] for key in _seen)
    _seen.update({key: now[key] for key in _seen})
    log("cache", f"{name}: kernels since the last line: {compiled} compiled, {disk} from disk, {memory} from memory")


def _dump(folder: str, changed: list[tuple[str, str]], value: Any) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
        for k, (title, text) in enumerate(changed):
            _write(os.path.join(folder, f"{k:02d}-{title.replace(' ', '-')}.txt"), text)
        for k, (stage, extension) in enumerate(STAGES.items(), len(changed)):
            text = value.ir(stage)
            if text:
                _write(os.path.join(folder, f"{k:02d}-{stage}.{extension}"), text)
    except OSError as error:
        print(f"tandem: cannot write to TANDEM_DUMP_DIR: {error}", file=sys.stderr)
