"""The sections of `./dev test --gpu`, and what is said of the machine first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models import library, models
from operations import operations, sizes, values
from report import Report

import tandem as td
from device import memory, running
from training import training

ALL: dict[str, Callable[[Report], None]] = {
    "operations": operations,
    "sizes": sizes,
    "values": values,
    "library": library,
    "models": models,
    "training": training,
    "running": running,
    "memory": memory,
}
SHARED = {"operations", "sizes", "values", "library"}  # cut into as many parts as there are processes


def about() -> dict[str, Any]:
    facts = vars(td.cuda.get_device_properties())
    versions = td.cuda.versions()
    text = (
        f"{facts['name']}, sm_{facts['major']}{facts['minor']}, {facts['total_memory'] / 2**30:.0f} GiB; "
        f"driver {versions['driver']}, cuBLASLt {versions['cublaslt'].splitlines()[0][:80]}; tandem {td.__version__} "
        f"({td.__file__})"
    )
    return {"text": text, "device": facts, "versions": versions}
