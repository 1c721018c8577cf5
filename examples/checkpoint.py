"""One file from which training goes on as if it had never stopped: model, optimizer, random numbers, step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tandem as td


def save(path: Path, model: Any, optimizer: Any, step: int) -> None:
    """Write everything to a file, which appears under its name when it is complete."""
    tensors = {f"model.{name}": value.detach() for name, value in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{number}.{name}": value for name, value in state.items() if value is not None})
    path.parent.mkdir(parents=True, exist_ok=True)
    td.save({**tensors, "random": td.random.get_state(), "step": td.asarray(step)}, path)


def load(path: Path, model: Any, optimizer: Any = None) -> int:
    """Take over what `save` wrote, and return the step. Without an optimizer, only the model's part."""
    tensors = td.load(path)
    own = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    model.load_state_dict(own)
    if optimizer is not None:
        state: dict[int, dict[str, td.Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, number, part = name.split(".")
                state.setdefault(int(number), {})[part] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        td.random.set_state(tensors["random"])
    return int(tensors["step"])
