"""A network as an object file and a header: `python -m examples.deploy.ahead.export`, then CMake builds main.c."""

from __future__ import annotations

import argparse
from pathlib import Path

import tandem as td


def export(folder: Path) -> td.nn.Module:
    """Write `classify.o`, `classify.h` and `classify.cmake`: images [N, 64] to scores [N, 10]."""
    td.manual_seed(0)
    model = td.nn.Sequential(td.nn.Linear(64, 32), td.nn.GELU(), td.nn.Linear(32, 10))
    td.aot(model, (td.ones((2, 64)),), folder, name="classify", dynamic={"input": [0]})
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/ahead"))
    export(parser.parse_args().folder)
