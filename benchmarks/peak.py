"""Memory that a training step needs, in a process of its own: the most resident above that before the first step.

What is there before (the library, weights, inputs) does not count, nor what a library loads at its first product; what
the first step leaves behind (moments, compiled code, caches of the allocator) does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 4


def status(name: str) -> float:
    """Return a line of this process's status, in MiB."""
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(name))


def warm_up(library: Any, put: Callable[[np.ndarray], Any]) -> None:
    """Let the library load what it loads at its first product, and start its threads."""
    x = put(np.ones((512, 512), np.float32))
    float((library.exp(x @ x) + 1).sum())


def measure(step: Callable[[], Any], td: Any) -> dict[str, float]:
    """Return MiB above what is there now: `resident`, and `tensors` as Tandem's allocator counts them."""
    before, held = status("VmRSS"), td.memory_stats()["in_use"] if td else 0
    step()
    Path("/proc/self/clear_refs").write_text("5")  # the largest resident set is counted from here on
    for _ in range(STEPS):
        step()
    found = {"resident": status("VmHWM") - before}
    if td:
        found["tensors"] = (td.memory_stats()["peak"] - held) / 2**20
    return found


def in_fresh_process(script: str, case: str, contender: str) -> dict[str, float]:
    """Run `script --only case --peak contender`, which prints what `measure` returned as its last line."""
    command = [sys.executable, script, "--only", case, "--peak", contender]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{contender}, {case}: the process failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
