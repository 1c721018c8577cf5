"""What all Python tests share: which build is tested, a cache folder of their own, fixed randomness."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
EXHAUSTIVE = os.environ.get("TANDEM_EXHAUSTIVE") == "1"
SANITIZED = os.environ.get("TANDEM_SANITIZED") == "1"

# A plain `pytest` finds the development build; an installed package and ./dev come first.
if importlib.util.find_spec("tandem") is None:
    package_folder = str(ROOT / "build/dev/python")
    sys.path.insert(0, package_folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [package_folder, os.environ.get("PYTHONPATH")]))

settings.register_profile("quick", deadline=None, max_examples=50, print_blob=True)
settings.register_profile("exhaustive", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("exhaustive" if EXHAUSTIVE else "quick")

# One empty kernel cache for the whole run, shared by the worker processes (they inherit the variable): tests neither
# profit from the user's cache nor spoil it.
if "TANDEM_TEST_CACHE" not in os.environ:
    os.environ["TANDEM_TEST_CACHE"] = tempfile.mkdtemp(prefix="tandem-test-cache-")
os.environ["TANDEM_CACHE_DIR"] = os.environ["TANDEM_TEST_CACHE"]
# Left over from the user's shell, these would change what is tested.
for variable in ("DISABLE", "LOG", "DUMP_DIR", "BACKEND", "TARGET", "SYMBOLS"):
    os.environ.pop(f"TANDEM_{variable}", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["TANDEM_TEST_CACHE"], ignore_errors=True)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that depend on the test's name only."""
    return np.random.default_rng(list(request.node.name.encode()))


@pytest.fixture
def held() -> Iterator[None]:
    """Keep the background from compiling, so that what waits stays as it is."""
    from tandem import _core

    _core._hold_compiling(True)
    yield
    _core._hold_compiling(False)


RunPython = Callable[..., str]


def python_output(folder: Path, program: str, timeout: float = 300, **environment: str) -> str:
    """Run a program in a fresh Python and return what it printed; keyword arguments are environment variables."""
    # A file, because @td.script needs the source.
    file = folder / "program.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, str(file)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if done.returncode != 0:
        pytest.fail(f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout.strip()


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    return functools.partial(python_output, tmp_path)
