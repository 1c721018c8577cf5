"""How long calls take while a function is new: eager, compiled in the first call, and compiled in the background.

`python benchmarks/warmup.py [--rounds N] [--calls N]`; every sample is a fresh process with an empty kernel cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

MODES = {"eager": "", "compiled": "", "background": "background=True", "budget 20 ms": "compile_budget=0.02"}

# Some layers with residuals, all different: as many kernels as layers have lines.
PROGRAM = """
import json, sys, time
import numpy as np, tandem as td
mode, calls = sys.argv[1], int(sys.argv[2])
LAYERS = 12
source = ["@td.script(" + sys.argv[3] + ")", "def model(x, w):"]
for k in range(LAYERS):
    source += [f"    y = td.tanh(x @ w * {k + 1}.5)", "    y = td.exp(y - y.max(axis=1, keepdims=True))",
               f"    x = x + y / y.sum(axis=1, keepdims=True) * {k + 1}.25"]
scope = {"td": td}
exec("\\n".join([*source, "    return x"]), scope)
model = scope["model"]
call = model.eager if mode == "eager" else model
x, w = (td.asarray(np.linspace(-1, 1, 256 * 256, dtype=np.float32).reshape(256, 256)) for _ in range(2))
other = td.script(lambda a: td.cos(a) - 1)
other(x)  # LLVM is loaded, the threads have started
model.eager(x, w)  # so are the kernels of eager calls
seconds = []
for _ in range(calls):
    start = time.perf_counter()
    call(x, w)
    seconds.append(time.perf_counter() - start)
waited = model.stats()["eager_calls"]
print(json.dumps([seconds, waited]))
"""


def sample(mode: str, calls: int, folder: str) -> tuple[list[float], int]:
    """Return the seconds of the first calls in a fresh process, and how many of them ran eagerly meanwhile."""
    program = Path(folder) / "warmup_program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "TANDEM_CACHE_DIR": ""}
    command = [sys.executable, str(program), mode, str(calls), MODES[mode]]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds, waited = json.loads(done.stdout)
    return seconds, waited


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks/warmup.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    print(f"{'ms':14}{'first':>9}{'median':>9}{'p99':>9}{'longest':>9}   p99 / eager   calls before the code was there")
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[str, list[tuple[list[float], int]]] = {mode: [] for mode in MODES}
        for _ in range(options.rounds):  # in turns: what else the machine does hits all of them
            for mode in MODES:
                runs[mode].append(sample(mode, options.calls, folder))
    limits: dict[str, float] = {}
    for mode, samples in runs.items():
        # Of calls in warm-up only: those before the code was there, and the one that noticed.
        warm = [s for seconds, waited in samples for s in (seconds[: waited + 1] if waited else seconds)]
        ordered = sorted(warm)
        limits[mode] = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        first = sorted(seconds[0] for seconds, _ in samples)[len(samples) // 2]
        waits = sorted(waited for _, waited in samples)
        columns = (first, ordered[len(ordered) // 2], limits[mode], ordered[-1])
        print(
            f"{mode:14}"
            + "".join(f"{value * 1e3:9.2f}" for value in columns)
            + f"{limits[mode] / limits['eager']:14.2f}   {waits[len(waits) // 2]}"
        )


if __name__ == "__main__":
    main()
