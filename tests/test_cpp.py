"""Every C++ test case as a Python test, so that one command runs and counts them all."""

import os
import subprocess
from pathlib import Path

import pytest

from nvrtc_support import nvrtc_file

BUILD = Path(os.environ.get("TANDEM_BUILD_DIR", Path(__file__).resolve().parent.parent / "build/dev"))
needs_build = pytest.mark.skipif(
    "TANDEM_BUILD_DIR" not in os.environ and not BUILD.exists(), reason="an installed package is tested, not a build"
)


def environment() -> dict[str, str]:
    # Programs built with the sanitizers bring their own; the one loaded for Python would come twice.
    inherited = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    found = {"TANDEM_NVRTC": str(nvrtc_file())} if nvrtc_file() else {}
    return {**inherited, "TANDEM_LLVM_MODULE": str(BUILD / "python/tandem/tandem_llvm.so"), **found}


def cases() -> list[tuple[str, str]]:
    found = []
    for program in sorted((BUILD / "tests").glob("test_*")):
        if not os.access(program, os.X_OK) or program.is_dir():
            continue
        # Catch2 answers with the number of cases as its exit status.
        listing = subprocess.run(
            [program, "--list-test-names-only"], env=environment(), capture_output=True, text=True, timeout=60
        )
        found += [(program.name, name.strip()) for name in listing.stdout.splitlines() if name.strip()]
    return found


def run(command: list[str]) -> None:
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        pytest.fail(f"exit status {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}", pytrace=False)


CASES = cases()


@needs_build
def test_programs_were_built() -> None:
    assert {program for program, _ in CASES} >= {"test_cuda", "test_ir", "test_kernels", "test_passes", "test_runtime"}


@needs_build
@pytest.mark.parametrize(("program", "case"), CASES, ids=[f"{program}:{case}" for program, case in CASES])
def test_case(program: str, case: str) -> None:
    # In a case's name these characters mean something to Catch2's filter.
    pattern = case.replace("\\", "\\\\").replace(",", "\\,").replace("[", "\\[").replace("*", "?")
    run([str(BUILD / "tests" / program), pattern])


@needs_build
def test_runtime_stands_alone() -> None:
    run([str(BUILD / "tests/runtime_only")])
