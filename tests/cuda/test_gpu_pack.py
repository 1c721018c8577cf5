"""Kernels for GPUs that a wheel brings along: made where no GPU is, found where no NVRTC is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cuda_support import SETTINGS, run

from nvrtc_support import nvrtc_file

# Of each part of the work a piece.
SOME = """
import itertools
from tandem import _core, _pack
def some(step, **where):
    return itertools.islice(_pack.gpu_work(**where), None, None, step)
"""

MAKE = """
made = _pack.compile_for_gpus(some(STEP))
kept = _core._pack_kernels(os.environ["PACK"])
assert made == kept, (made, kept)
print(made)
"""


def make(file: Path, step: int, nvrtc: str, arch: str = "") -> int:
    """Make a pack of some of the work, in a process that knows of no GPU."""
    environment = {"TANDEM_NVRTC": nvrtc, "TANDEM_STUB_NVRTC_ARCH": arch, "TANDEM_CUDA_DRIVER": "/nowhere/libcuda.so"}
    environment |= {"TANDEM_BACKEND": "interp", "TANDEM_CACHE_DIR": str(file.parent / "cache")}
    environment |= {"TANDEM_PACK": "", "PACK": str(file)}
    done = subprocess.run(
        [sys.executable, "-c", "import os\n" + SOME + MAKE.replace("STEP", str(step))],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return int(done.stdout)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pack") / "kernels.pack"
    assert make(file, 47, SETTINGS["TANDEM_NVRTC"], arch="90") > 20
    return file


def test_eager_work_needs_no_nvrtc(pack: Path, tmp_path: Path) -> None:
    out = run(
        SOME
        + """
import json
def outcome(call):
    try:
        leaves = [leaf.cpu() for leaf in td.pytree.flatten(call())[0]]
        return [np.asarray(x.astype(td.float32) if x.dtype == td.bfloat16 else x).tobytes() for x in leaves]
    except td.Error as problem:
        return type(problem).__name__
done = 0
for there, here in zip(some(47, device="cuda"), some(47), strict=True):
    got, wanted = outcome(there), outcome(here)
    assert got == wanted, (there, got, wanted)
    done += got != "DTypeError"
stats = td.stats()
print(json.dumps([done, stats["pack_hits"], td.cuda.stats()["host_steps"]]))
# What is no part of the work still says what is missing.
print(error(td.BackendError, lambda: td.sinh(td.ones((3, 2, 2), device="cuda", dtype=td.float64))))
""",
        TANDEM_PACK=str(pack),
        TANDEM_NVRTC="/nowhere/libnvrtc.so",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
    )
    first, last = out.splitlines()
    done, found, host = json.loads(first)
    assert done > 8 and found > 8 and host == 0
    assert "no NVRTC" in last and "/nowhere/libnvrtc.so" in last


def test_a_generation_has_codes_of_its_own(pack: Path, tmp_path: Path) -> None:
    program = """
    x = td.ones((6, 5), device="cuda")
    print(td.stats()["pack_hits"], td.stats()["compiled"])
    """
    for major, minor, found in (("8", "6", False), ("9", "0", True), ("10", "0", False)):
        settings = dict(TANDEM_STUB_MAJOR=major, TANDEM_STUB_MINOR=minor, TANDEM_CACHE_DIR=str(tmp_path / major))
        assert run(program, TANDEM_PACK=str(pack), **settings) == ("1 0\n" if found else "0 1\n"), (major, minor)


@pytest.mark.skipif(nvrtc_file() is None, reason="the package nvidia-cuda-nvrtc is missing")
def test_nvrtc_makes_cubins_for_all_generations(tmp_path: Path) -> None:
    file = tmp_path / "kernels.pack"
    count = make(file, 211, str(nvrtc_file()))
    data = file.read_bytes()
    rows = int.from_bytes(data[8:16], "little")
    assert rows == count and rows % 3 == 0
    archs = []
    for row in range(rows):
        offset, length = (int.from_bytes(data[16 + 48 * row + at :][:8], "little") for at in (16, 24))
        cubin = data[offset : offset + length]
        assert cubin[:4] == b"\x7fELF" and int.from_bytes(cubin[18:20], "little") == 190  # EM_CUDA
        archs.append(next(a for a in (80, 90, 100) if f"sm_{a}".encode() in cubin))
    assert [archs.count(a) for a in (80, 90, 100)] == [rows // 3] * 3
