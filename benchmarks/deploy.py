"""Saved models: `./dev run python benchmarks/deploy.py` (release build).

For each network: the file, how long it takes to load, and a call, as compiled in Python, as loaded into Python, from C
(`tandem-run --bench`), and under ONNX Runtime where that, and the export, are there. In Python the contenders take
turns; times are medians.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import in_turns
from peers import limit_threads
from table import duration

Networks = dict[str, Callable[[Any], tuple[Any, np.ndarray]]]
BUILD = Path(os.environ.get("TANDEM_BUILD_DIR", "build/release"))


def tiny(td: Any) -> tuple[Any, np.ndarray]:
    nn = td.nn
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)), numbers(1, 64)


def perceptron(td: Any) -> tuple[Any, np.ndarray]:
    nn = td.nn
    layers = [nn.Linear(784, 2048), nn.ReLU(), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 10)]
    return nn.Sequential(*layers), numbers(16, 784)


def encoder(td: Any) -> tuple[Any, np.ndarray]:
    layer = td.nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
    return td.nn.TransformerEncoder(layer, 4), numbers(8, 128, 256)


def lstm(td: Any) -> tuple[Any, np.ndarray]:
    class Last(td.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells = td.nn.LSTM(128, 256)

        def forward(self, x: Any) -> Any:
            return self.cells(x)[0]

    return Last(), numbers(64, 32, 128)


def resnet18(td: Any) -> tuple[Any, np.ndarray]:
    nn = td.nn

    class Block(nn.Module):
        def __init__(self, before: int, channels: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            short = [nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)]
            self.short = nn.Sequential(*(short if stride > 1 or before != channels else []))

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(nn.functional.relu(self.bn1(self.conv1(x)))))
            return nn.functional.relu(y + self.short(x))

    layers = [nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(before, channels, stride), Block(channels, channels, 1)]
        before = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)), numbers(1, 3, 224, 224)


NETWORKS: Networks = {f.__name__: f for f in (tiny, perceptron, encoder, lstm, resnet18)}


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def onnx_runtime(td: Any, model: Any, x: np.ndarray, folder: Path) -> Callable[[], Any] | None:
    """The same network there, from our own export; None where something is missing."""
    try:
        import onnxruntime
    except ImportError:
        return None
    if not hasattr(td, "onnx"):
        return None
    td.onnx.export(model, (td.asarray(x),), folder / "model.onnx", verify=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = td.num_threads()
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x})


def in_c(file: Path, x: np.ndarray, folder: Path, threads: int) -> float:
    """The median of a call from C, in seconds."""
    np.save(folder / "x.npy", x)
    command = [BUILD / "runtime/bin/tandem-run", file, "--input", folder / "x.npy", "--threads", threads, "--bench", 2]
    shown = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout
    found = re.search(r"median ([\d.]+) us", shown)
    assert found, shown
    return float(found[1]) * 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", nargs="*", default=list(NETWORKS))
    options = parser.parse_args()
    limit_threads()
    import tandem as td

    td.set_num_threads(options.threads)
    print(f"{'':12}{'file':>10}{'load':>10}{'compiled':>12}{'loaded':>12}{'from C':>12}{'ORT':>12}{'best / ORT':>12}")
    for name in options.only:
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            model, x = NETWORKS[name](td)
            model.eval()
            file = folder / "model.tdm"
            with td.no_grad():
                compiled = td.script(model.forward)
                given = td.asarray(x)
                td.save(model, file, (given,), targets=td._core.cpu_levels()[-1])
                loads = []
                for _ in range(7):
                    start = time.perf_counter()
                    loaded = td.load(file)
                    loads.append(time.perf_counter() - start)
                same = np.array_equal(np.asarray(loaded(given)), np.asarray(compiled(given)))
                if not same:
                    sys.exit(f"{name}: the loaded model gives other bits")
                steps: dict[str, Callable[[], Any]] = {
                    "compiled": lambda compiled=compiled, given=given: compiled(given),
                    "loaded": lambda loaded=loaded, given=given: loaded(given),
                }
                if peer := onnx_runtime(td, model, x, folder):
                    steps["ORT"] = peer
                times = in_turns(steps, options.rounds)
            times["from C"] = in_c(file, x, folder, options.threads)
            row = f"{name:12}{file.stat().st_size / 1e6:>8.1f}MB{duration(sorted(loads)[3]):>10}"
            for column in ("compiled", "loaded", "from C", "ORT"):
                row += f"{duration(times[column]) if column in times else '–':>12}"
            if "ORT" in times:
                row += f"{min(times['from C'], times['loaded']) / times['ORT']:>12.2f}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
