"""What compiling leaves behind: memory before, during and after very many compilations, and how long each takes.

Half are functions written out in a file, a quarter functions made in a loop, a quarter kinds of calls of one function.
The disk cache is empty, so that LLVM really makes every kernel, and the functions themselves are kept all the time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

GOAL_MIB = 10.0  # what may be left
COMPILATIONS = 1000
WARM_UP = 40  # what is needed once, by Python and LLVM

FUNCTION = """
def f{k}(x, y):
    a = td.tanh(x * {k}.5 + y)
    return td.sum(a * {k}) + a[:3]{more}
"""

PROGRAM = """
import json, sys, time, warnings
import numpy as np
import tandem as td
import functions

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(name))

def made(k):
    return td.script(lambda x, y: td.exp(x - y) * k)

@td.script
def many(x, y, case):
    return td.sin(x) * int(case[5:]) + y

x = td.asarray(np.arange(64, dtype=np.float32))
spent, keep = [], []

def compile_one(k):
    kind = k % 4
    f = td.script(getattr(functions, f"f{k}")) if kind < 2 else made(k + 0.25) if kind == 2 else many
    start = time.perf_counter()
    f(x, x, f"case {k}") if kind == 3 else f(x, x)
    spent.append(time.perf_counter() - start)
    keep.append(f)

warnings.simplefilter("ignore")  # of the many kinds of calls
warm, count = int(sys.argv[1]), int(sys.argv[2])
for k in range(warm):
    compile_one(k)
keep.clear()
td.clear_cache()
before, code = status("VmRSS"), td.memory_stats()["code"]
spent.clear()
compiled = td.stats()["compiled"]
for k in range(warm, warm + count):
    compile_one(k)
most = status("VmRSS")
td.clear_cache()
print(json.dumps({"before": before, "most": most, "after": status("VmRSS"), "seconds": spent,
                  "kernels": td.stats()["compiled"] - compiled, "code": td.memory_stats()["code"] - code}))
"""


@dataclass(frozen=True)
class Memory:
    """What one process measured: MiB, kernels that LLVM made, bytes of machine code left, seconds of each call."""

    before: float
    most: float
    after: float
    kernels: int
    code: int
    seconds: list[float]

    @property
    def left(self) -> float:
        """Memory that did not come back, in MiB."""
        return self.after - self.before

    def as_json(self) -> dict[str, Any]:
        """Return all of it, and whether the goal was met."""
        return {**asdict(self), "left": self.left, "met": self.left <= GOAL_MIB}

    def text(self) -> str:
        """Return the result as one line."""
        quarter = max(1, len(self.seconds) // 4)
        first, last = (sorted(part)[len(part) // 2] * 1e3 for part in (self.seconds[:quarter], self.seconds[-quarter:]))
        return (
            f"{len(self.seconds)} compilations ({self.kernels} kernels): {self.before:.1f} MiB before, "
            f"{self.most:.1f} with all of them, {self.after:.1f} after td.clear_cache(): {self.left:+.1f} MiB, "
            f"goal ≤ {GOAL_MIB:.0f}: {'met' if self.left <= GOAL_MIB else 'NOT MET'}; "
            f"{first:.1f} ms each at first, {last:.1f} at the end"
        )


def measure(count: int = COMPILATIONS) -> Memory:
    """Compile `count` times in a fresh process with an empty disk cache."""
    with tempfile.TemporaryDirectory(prefix="tandem-memory-") as folder:
        written = [FUNCTION.format(k=k, more=" * x[:3]" * (k % 5)) for k in range(WARM_UP + count)]
        Path(folder, "functions.py").write_text("import tandem as td\n" + "".join(written))
        Path(folder, "program.py").write_text(PROGRAM)
        command = [sys.executable, str(Path(folder, "program.py")), str(WARM_UP), str(count)]
        environment = {**os.environ, "TANDEM_CACHE_DIR": str(Path(folder, "cache"))}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the program failed:\n{done.stderr}")
    return Memory(**json.loads(done.stdout))


if __name__ == "__main__":
    result = measure(int(sys.argv[1]) if len(sys.argv) > 1 else COMPILATIONS)
    print(result.text())
    sys.exit(result.left > GOAL_MIB)
