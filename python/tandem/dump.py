"""TANDEM_LOG and TANDEM_DUMP_DIR: what happened, as lines and as files.

`TANDEM_LOG=capture,passes` prints lines of these topics to standard error; the topics of the C++ parts (kernels,
cache) are printed there. `TANDEM_DUMP_DIR=path` writes every stage of every captured function as a file; a stage that
changed nothing has no file.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

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
    wanted = "passes" in topics()
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
