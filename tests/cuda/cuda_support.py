"""Programs that run on the stub of a GPU (stub/driver.h), each in a process of its own: the driver is opened once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

STUBS = Path(os.environ.get("TANDEM_BUILD_DIR", Path(__file__).parents[2] / "build" / "dev")) / "tests" / "stubs"

SETTINGS = {
    "TANDEM_CUDA_DRIVER": str(STUBS / "libcuda_stub.so"),
    "TANDEM_NVRTC": str(STUBS / "nvrtc_stub" / "libnvrtc_stub.so"),
    "TANDEM_CUBLASLT": str(STUBS / "libcublaslt_stub.so"),
    "TANDEM_CUDNN": str(STUBS / "libcudnn_stub.so"),
}

PRELUDE = """
import ctypes, os, sys
import numpy as np
import tandem as td

class Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in (
        "blocks", "bytes", "pinned", "modules", "events", "streams", "graphs", "launches", "copies", "waits")]

_stub = ctypes.CDLL(os.environ["TANDEM_CUDA_DRIVER"]) if os.path.exists(os.environ["TANDEM_CUDA_DRIVER"]) else None

def fail(function, result, after=0, times=1):
    _stub.stub_fail(function.encode(), result, after, times)

def counts():
    out = Counts()
    _stub.stub_counts(ctypes.byref(out))
    return out

def error(kind, action):
    try:
        action()
    except kind as problem:
        return str(problem)
    raise AssertionError(f"no {kind.__name__}")
"""


def run(source: str, **environment: str) -> str:
    """Run a program on the stub and return what it prints; its failure is the test's."""
    if not (STUBS / "libcuda_stub.so").exists():
        pytest.fail(f"the stub of the driver is not built ({STUBS}); need ./dev build, which builds the C++ tests")
    # What the stub of NVRTC makes must not be found by NVRTC itself, which has the same version.
    cache = {"TANDEM_CACHE_DIR": str(Path(os.environ["TANDEM_CACHE_DIR"]) / "of_the_stub")}
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(source)],
        env=os.environ | SETTINGS | cache | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-1000:]
    return done.stdout
