"""What `import tandem` costs and brings, and what the shared modules show and need."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, SANITIZED, RunPython

PACKAGE = Path(importlib.util.find_spec("tandem").origin).parent
MODULES = sorted(PACKAGE.glob("*.so"))


@pytest.mark.skipif(SANITIZED, reason="the sanitizers slow everything down")
def test_import_is_quick(run_python: RunPython) -> None:
    # Processor time, best of several: other work on the machine must not decide.
    program = """
import numpy, time
start = time.process_time()
import tandem
print(time.process_time() - start)
"""
    assert min(float(run_python(program)) for _ in range(7)) < 0.060


def test_import_starts_no_thread(run_python: RunPython) -> None:
    program = """
import numpy, os
before = len(os.listdir('/proc/self/task'))
import tandem
print(len(os.listdir('/proc/self/task')) - before)
"""
    assert run_python(program) == "0"


def test_import_loads_neither_compiler_nor_libraries(run_python: RunPython) -> None:
    program = """
import tandem
maps = open('/proc/self/maps').read()
print([name for name in ('tandem_llvm', 'libdnnl', 'libLLVM', 'libfmt', 'libcuda') if name in maps])
"""
    assert run_python(program) == "[]"


def test_second_process_does_not_load_the_compiler(run_python: RunPython, tmp_path: Path) -> None:
    program = """
import numpy as np, tandem as td
f = td.script(lambda x, y: td.tanh(x * 2.0 + y).sum(axis=0))
f(td.asarray(np.ones((3, 4), 'f')), td.asarray(np.ones(4, 'f')))
print('tandem_llvm' in open('/proc/self/maps').read())
"""
    first = run_python(program, TANDEM_CACHE_DIR=str(tmp_path))
    if not (PACKAGE / "tandem_llvm.so").exists():
        pytest.skip("built without LLVM: there is no compiler to load")
    assert first == "True"
    assert run_python(program, TANDEM_CACHE_DIR=str(tmp_path)) == "False"


def test_import_leaks_no_names(run_python: RunPython) -> None:
    program = """
import types, tandem
public = [name for name in dir(tandem) if not name.startswith('_')]
modules = [getattr(tandem, name) for name in public if isinstance(getattr(tandem, name), types.ModuleType)]
print(sorted(module.__name__ for module in modules if not module.__name__.startswith('tandem.')))
print(sorted(name for name in tandem.__all__ if not hasattr(tandem, name)))
undeclared = [name for name in public if name not in (*tandem.__all__, *tandem._OF_TORCH)]
print(sorted(name for name in undeclared if not isinstance(getattr(tandem, name), types.ModuleType)))
"""
    foreign, missing, undeclared = run_python(program).splitlines()
    assert (foreign, missing, undeclared) == ("[]", "[]", "[]")


def test_import_touches_no_other_library(run_python: RunPython) -> None:
    program = """
import sys, numpy
before = {name.partition('.')[0] for name in sys.modules}
import tandem
after = {name.partition('.')[0] for name in sys.modules}
print(sorted(after - before - set(sys.stdlib_module_names) - {'tandem', '_xxsubinterpreters'}))
"""
    assert run_python(program) == "[]"


def test_version(run_python: RunPython) -> None:
    stated = re.search(r"project\(tandem VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert stated is not None
    assert run_python("import tandem; print(tandem.__version__)") == stated[1]


def test_modules_were_built() -> None:
    assert any(module.name.startswith("_core.") for module in MODULES), f"no _core in {PACKAGE}"


@pytest.mark.skipif(SANITIZED, reason="the sanitizers add libraries and symbols of their own")
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name.partition(".")[0])
def test_modules_show_only_their_interface(module: Path) -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm (binutils) is not installed")
    listing = subprocess.run([nm, "-D", "--defined-only", module], capture_output=True, text=True, check=True).stdout
    symbols = [line.split()[-1] for line in listing.splitlines()]
    assert symbols
    ours = r"PyInit__core$|tandem_llvm_|__jit_debug_(descriptor|register_code)$"  # the last two are for gdb
    assert [name for name in symbols if not re.match(ours, name)] == []


@pytest.mark.skipif(SANITIZED, reason="the sanitizers add libraries and symbols of their own")
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name.partition(".")[0])
def test_modules_need_only_the_system(module: Path) -> None:
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf (binutils) is not installed")
    dynamic = subprocess.run([readelf, "-d", module], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.*?)\]", dynamic))
    system = r"lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so\.\d+|ld-linux.*"
    assert {name for name in needed if not re.fullmatch(system, name)} == set()
