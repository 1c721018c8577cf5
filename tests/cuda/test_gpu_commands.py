"""`./dev test --gpu` and `./dev bench --gpu` without a GPU: they say so; and on the stub they do their work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cuda_support import SETTINGS

from conftest import ROOT


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_they_say_that_there_is_no_gpu() -> None:
    for program in ("tests/gpu", "benchmarks/gpu.py"):
        done = command(program, TANDEM_CUDA_DRIVER="/nowhere/libcuda.so.1")
        assert done.returncode == 2 and "no GPU to" in done.stderr and "/nowhere/libcuda.so.1" in done.stderr


def test_checks_run_on_the_stub(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    arguments = ["--quick", "--only", "operations,memory", "--match", "reciprocal", "--json", str(results)]
    done = command("tests/gpu", *arguments, "--processes", "1", **SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "2 passed, 0 failed", done.stdout
    rows = json.loads(results.read_text())["rows"]
    assert [row["name"] for row in rows] == ["reciprocal float32", "reciprocal gradient"]
    assert all(row["ok"] and row["how"] == "bits" for row in rows)


def test_a_check_that_fails_is_shown(tmp_path: Path) -> None:
    """Without the compiler of the stub, no kernel is made."""
    arguments = ["--quick", "--only", "operations", "--match", "multiply", "--json", str(tmp_path / "results.json")]
    settings = SETTINGS | {"CXX": "/nowhere/c++", "TANDEM_CACHE_DIR": str(tmp_path / "cache")}
    done = command("tests/gpu", *arguments, "--processes", "1", **settings)
    assert done.returncode == 1 and "FAILED operations: multiply float32" in done.stdout, done.stdout + done.stderr


def test_the_benchmark_runs_on_the_stub(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    arguments = ["--stub", "--only", "add,mlp_step", "--against", "tandem,graphs,eager", "--json", str(results)]
    done = command("benchmarks/gpu.py", *arguments, **SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(results.read_text())
    assert found["limits"]["copy"] > 0 and found["host_seconds_per_kernel"] > 0
    for row in found["rows"]:
        assert set(row["seconds"]) == {"tandem", "graphs", "eager"} and not row["missing"], row
