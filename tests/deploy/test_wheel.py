"""The runtime library in the Python package: what `tandem.runtime` names is enough to build programs in C and C++."""

import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tandem as td
from conftest import ROOT
from deploy_support import BUILD, CMAKE, SANITIZERS, bare_environment, installed_runtime, run
from tandem import runtime

WHEELS = sorted((ROOT / "build/wheels").glob("tandem_jit-*.whl"), key=lambda path: path.stat().st_mtime)
FUNCTIONS = ("get_include", "get_library_dir", "get_cmake_dir", "get_pkgconfig_dir")


@pytest.fixture(scope="session", params=["build", "wheel"])
def package(request, tmp_path_factory):
    """A folder with tandem/runtime as a wheel has it: what the build installs in such a folder, or the last wheel."""
    site = tmp_path_factory.mktemp("site")
    if request.param == "wheel":
        if not WHEELS:
            pytest.skip("no wheel was built: ./dev wheel")
        with zipfile.ZipFile(WHEELS[-1]) as wheel:
            wheel.extractall(site)
        return site
    if not (BUILD / "runtime").exists():
        pytest.skip("the runtime library was not built")
    shutil.copytree(ROOT / "python/tandem/runtime", site / "tandem/runtime")
    shutil.copytree(installed_runtime(site / "installed"), site / "tandem/runtime", dirs_exist_ok=True, symlinks=True)
    return site


@pytest.fixture
def here(package, monkeypatch):
    monkeypatch.setattr(runtime, "_HERE", package / "tandem/runtime")
    return package


def test_programs_are_built_with_what_the_package_brings(here, tmp_path):
    source, build = ROOT / "examples/deploy", tmp_path / "build"
    run(CMAKE, "-S", source, "-B", build, f"-Dtandem_DIR={runtime.get_cmake_dir()}")
    run(CMAKE, "--build", build)
    td.save(td.nn.Linear(4, 3), tmp_path / "m.tdm", (td.ones((2, 4)),))
    shown = run(build / "describe", tmp_path / "m.tdm", env=bare_environment(tmp_path)).stdout
    assert "forward(input: float32[2, 4]) -> float32[2, 3]" in shown


def test_a_compiler_alone_is_enough(here, tmp_path):
    program = tmp_path / "describe"
    flags = [f"-I{runtime.get_include()}", f"-L{runtime.get_library_dir()}", f"-Wl,-rpath,{runtime.get_library_dir()}"]
    run("cc", ROOT / "examples/deploy/describe.c", "-o", program, *flags, "-ltandem_runtime", *SANITIZERS)
    td.save(td.nn.Linear(4, 3), tmp_path / "m.tdm", (td.ones((2, 4)),))
    assert "tensor weight" in run(program, tmp_path / "m.tdm", env=bare_environment(tmp_path)).stdout


def test_the_command_line_prints_the_same(here, capsys, monkeypatch):
    from tandem.runtime import __main__ as command

    def said(word):
        monkeypatch.setattr(sys, "argv", ["runtime", word])
        command.main()
        return capsys.readouterr().out.strip()

    assert said("--includes") == f"-I{runtime.get_include()}"
    assert said("--cmakedir") == runtime.get_cmake_dir()
    assert said("--pkgconfigdir") == runtime.get_pkgconfig_dir()
    assert said("--version") == td.__version__
    assert said("--libs").split()[-1] == "-ltandem_runtime" and runtime.get_library_dir() in said("--libs")
    if shutil.which("pkg-config"):
        env = {**os.environ, "PKG_CONFIG_PATH": runtime.get_pkgconfig_dir()}
        flags = run("pkg-config", "--cflags", "tandem_runtime", env=env).stdout.strip().removeprefix("-I")
        assert os.path.samefile(flags, runtime.get_include())


def test_a_build_tree_says_that_it_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_HERE", tmp_path)
    for name in FUNCTIONS:
        with pytest.raises(td.BackendError, match="runtime: got a package without .*; need an installed wheel; try"):
            getattr(runtime, name)()


@pytest.mark.skipif(not WHEELS, reason="no wheel was built: ./dev wheel")
def test_the_wheel_has_its_programs_and_no_more_than_it_needs(tmp_path):
    with zipfile.ZipFile(WHEELS[-1]) as wheel:
        names = wheel.namelist()
        libraries = [name for name in names if "libtandem_runtime" in name]
        assert sorted(name.rpartition(".")[2] for name in libraries) == ["a", "so"]
        (program,) = [name for name in names if name.endswith(".data/scripts/tandem-run")]
        assert wheel.getinfo(program).external_attr >> 16 & 0o111, "tandem-run cannot be executed"
        wheel.extract(program, tmp_path)
    assert WHEELS[-1].stat().st_size < 45_000_000
    (tmp_path / program).chmod(0o755)
    model, x = td.nn.Linear(4, 3), np.ones((2, 4), np.float32)
    td.save(model, tmp_path / "m.tdm", (td.asarray(x),))
    np.save(tmp_path / "x.npy", x)
    done = subprocess.run(
        [tmp_path / program, tmp_path / "m.tdm", "--input", tmp_path / "x.npy", "--output", tmp_path / "y"],
        check=True,
        env=bare_environment(tmp_path),
    )
    assert done.returncode == 0
    assert np.array_equal(np.load(tmp_path / "y0.npy"), np.asarray(model(td.asarray(x)).detach()))
