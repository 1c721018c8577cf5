"""What a user waits for: imports, first calls, compilation with and without the disk cache; each in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

Samples = dict[str, list[float]]  # seconds, for each contender

FUNCTIONS = 15  # compiled one after the other in one process, all different

IMPORT = """
import numpy, time
start = time.perf_counter()
import tandem
spent = time.perf_counter() - start
threads = [line.split()[1] for line in open("/proc/self/status") if line.startswith("Threads")][0]
print(spent)
assert threads == base, threads
"""

FIRST = {
    "tandem": """
import numpy as np, tandem as td
@td.script
def f(x, w, b):
    return td.tanh(x * w + b) * 0.5 + x
x = td.asarray(np.ones(65536, np.float32))
print(float(f(x, x, x)[0]))
""",
    "numpy": """
import numpy as np
x = np.ones(65536, np.float32)
print(float((np.tanh(x * x + x) * 0.5 + x)[0]))
""",
    "torch": """
import torch
x = torch.ones(65536)
print(float((torch.tanh(x * x + x) * 0.5 + x)[0]))
""",
    "jax": """
import numpy as np, jax, jax.numpy as jnp
x = jnp.ones(65536, jnp.float32)
print(float(jax.jit(lambda x, w, b: jnp.tanh(x * w + b) * 0.5 + x)(x, x, x)[0]))
""",
    "drjit": """
import drjit as dr
from drjit.llvm import Float
x = dr.opaque(Float, 1.0, 65536)
print((dr.tanh(x * x + x) * 0.5 + x)[0])
""",
    "numba": """
import numpy as np, numba
@numba.njit(parallel=True)
def f(x, w, b):
    return np.tanh(x * w + b) * np.float32(0.5) + x
x = np.ones(65536, np.float32)
print(f(x, x, x)[0])
""",
}

COMPILE = {
    "tandem": (
        "import numpy as np, tandem as td, time\nx = td.asarray(np.ones(65536, np.float32))\ndef wait(value): pass\n",
        "@td.script\ndef f{k}(x, w, b):\n    return td.tanh(x * w + b) * {c} + x\n",
    ),
    "jax": (
        "import jax, jax.numpy as jnp, time\nx = jnp.ones(65536, jnp.float32)\nwait = jax.block_until_ready\n",
        "@jax.jit\ndef f{k}(x, w, b):\n    return jnp.tanh(x * w + b) * {c} + x\n",
    ),
    "drjit": (
        "import drjit as dr, time\nfrom drjit.llvm import Float\nx = dr.opaque(Float, 1.0, 65536)\n"
        "def wait(value): dr.eval(value); dr.sync_thread()\n",
        # Dr.Jit makes literals parameters of the kernel: other constants alone would not compile anything.
        "def f{k}(x, w, b):\n    y = dr.tanh(x * w + b) * 0.5 + x\n"
        "    for _ in range({k}): y = dr.fma(y, x, w)\n    return y\n",
    ),
}

ALONE = """
samples = []
for k, f in enumerate(functions):
    start = time.perf_counter()
    wait(f(x, x, x))
    samples.append(time.perf_counter() - start)
print(*samples[1:])
"""


def child(program: Path, cache: str) -> tuple[str, float]:
    """Run a program; return what it printed and the seconds from its start to its first line."""
    environment = {**os.environ, "TANDEM_CACHE_DIR": cache, "HOME": cache}  # Dr.Jit keeps its kernels in HOME
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its byte code
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, str(program)], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    spent = time.perf_counter() - start
    process.stdout.read()
    if process.wait() or not line:
        raise RuntimeError(f"{program.name} failed")
    return line, spent


def import_time(rounds: int, folder: Path) -> Samples:
    """Return the seconds that `import tandem` adds to `import numpy`; it must start no thread."""
    program = folder / "imports.py"
    count = 'base = [line.split()[1] for line in open("/proc/self/status") if line.startswith("Threads")][0]\n'
    program.write_text(IMPORT.replace("start =", count + "start =", 1))
    return {"tandem": sorted(float(child(program, str(folder))[0]) for _ in range(rounds))}


def first_results(names: list[str], rounds: int, folder: Path, disk: bool) -> Samples:
    """Return the seconds from the start of a process to its first result, with an empty or a filled disk cache."""
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            program = folder / f"first_{name}.py"
            program.write_text(FIRST[name])
            with tempfile.TemporaryDirectory(dir=folder) as cache:
                if disk:
                    child(program, cache)
                samples[name].append(child(program, cache)[1])
    return {name: sorted(values) for name, values in samples.items()}


def compile_times(names: list[str], folder: Path, disk: bool) -> Samples:
    """Return the seconds of a first call, capture and one run included, in a process that has compiled before."""
    samples = {}
    for name in names:
        head, body = COMPILE[name]
        functions = "".join(body.format(k=k, c=f"{0.5 + k / 64}") for k in range(FUNCTIONS + 1))
        listed = f"functions = [{', '.join(f'f{k}' for k in range(FUNCTIONS + 1))}]\n"
        program = folder / f"compile_{name}.py"
        program.write_text(head + functions + listed + ALONE)
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            if disk:
                child(program, cache)
            samples[name] = sorted(float(word) for word in child(program, cache)[0].split())
    return samples
