"""f.ir("cuda") and f.ir("ptx"): text without a GPU, and what is said where NVRTC or a part of it is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tandem as td
from nvrtc_support import nvrtc_file

needs_nvrtc = pytest.mark.skipif(nvrtc_file() is None, reason="nvidia-cuda-nvrtc is not installed")

PROGRAM = """
import numpy as np
import tandem as td

@td.trace
def f(x):
    return td.nn.functional.softmax(x, dim=-1) * 2

f(td.asarray(np.ones((4, 300), np.float32)))
try:
    print(f.ir("ptx"))
except td.BackendError as error:
    print("BackendError:", error)
"""


def ptx(nvrtc: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "TANDEM_NVRTC": str(nvrtc)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_cuda_text_of_a_softmax_is_one_kernel() -> None:
    @td.trace
    def f(x):
        return td.nn.functional.softmax(x, dim=-1)

    x = td.asarray(np.ones((4, 300), np.float32))
    f(x)
    text = f.ir("cuda")
    assert text.count("__global__") == 1
    assert "#include" not in text
    assert "__shfl_sync" in text


@needs_nvrtc
def test_ptx_is_for_the_default_architecture() -> None:
    file = nvrtc_file()
    assert file is not None
    text = ptx(file)
    assert ".target sm_90" in text
    assert ".entry tandem_kernel" in text
    assert "fma.rn.f32" in text  # where the body says so


def test_missing_nvrtc(tmp_path: Path) -> None:
    text = ptx(tmp_path / "libnvrtc.so.13")
    assert text.startswith("BackendError: cuda: got a kernel to compile and no NVRTC")
    assert "libnvrtc.so.13" in text
    assert "pip install nvidia-cuda-nvrtc" in text


@needs_nvrtc
def test_missing_builtins(tmp_path: Path) -> None:
    file = nvrtc_file()
    assert file is not None
    # A copy: by a link, the library might find what lies beside the original.
    copy = shutil.copy(file, tmp_path)
    text = ptx(Path(copy))
    assert text.startswith("BackendError: cuda: got NVRTC")
    assert "without its builtins" in text
    assert f"{tmp_path}/libnvrtc-builtins.so" in text
