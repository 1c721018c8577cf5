"""Programs in C and C++ that use the installed runtime: built with CMake alone, run without Python and LLVM."""

import os
import re
import shutil
import sys

import numpy as np
import pytest

import tandem as td
from conftest import ROOT, SANITIZED
from deploy_support import BUILD, CMAKE, SANITIZERS, bare_environment, installed_runtime, run

STEPS = 120
pytestmark = pytest.mark.skipif(not (BUILD / "runtime").exists(), reason="the runtime library was not built")


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The runtime as `cmake --install` puts it."""
    return installed_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="session")
def programs(installed, tmp_path_factory):
    build = tmp_path_factory.mktemp("digits")
    run(CMAKE, "-S", ROOT / "examples/deploy", "-B", build, f"-DCMAKE_PREFIX_PATH={installed}")
    run(CMAKE, "--build", build)
    return build


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    pytest.importorskip("sklearn")
    sys.path.insert(0, str(ROOT))
    from examples.deploy import export

    folder = tmp_path_factory.mktemp("exported")
    model, step = export.export(folder, 5)
    return folder, model, step, export


def test_training_goes_on_in_cpp_with_the_losses_of_python(programs, exported):
    folder, model, step, export = exported
    shown = run(programs / "digits", folder, STEPS, env=bare_environment(programs)).stdout
    losses = [float.fromhex(text) for text in re.findall(r"loss (\S+)", shown)]
    images, labels = export.digits()
    expected = [float(step(*export.batch(images, labels, k))) for k in range(STEPS)]
    assert losses == expected
    accuracies = [float(text) for text in re.findall(r"accuracy (\S+)", shown)]
    assert accuracies[1] > max(0.9, accuracies[0])
    tuned = td.load(folder / "tuned.tdm")
    with td.no_grad():
        assert np.array_equal(np.asarray(tuned.forward(td.asarray(images))), np.asarray(model(td.asarray(images))))


def test_a_plain_c_program_links_the_static_library(programs, exported):
    folder = exported[0]
    shown = run(programs / "describe", folder / "digits.tdm", env=bare_environment(programs)).stdout
    assert "forward(images: float32[N, 1, 8, 8]) -> float32[N, 10]" in shown
    assert "tensor first.weight" in shown
    failed = run(programs / "describe", folder / "images.f32", env=bare_environment(programs), check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("describe: load: got a file that is no archive of Tandem")


def test_pkg_config_finds_the_library(installed, exported, tmp_path):
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    env = {**os.environ, "PKG_CONFIG_PATH": str(next(installed.rglob("pkgconfig")))}
    flags = run("pkg-config", "--cflags", "--libs", "tandem_runtime", env=env).stdout.split()
    run("cc", ROOT / "examples/deploy/describe.c", "-o", tmp_path / "describe", *flags, *SANITIZERS)
    library = next(installed.rglob("libtandem_runtime.so")).parent
    run(tmp_path / "describe", exported[0] / "digits.tdm", env={"LD_LIBRARY_PATH": str(library)})


@pytest.mark.skipif(SANITIZED, reason="the sanitizers add libraries and symbols of their own")
def test_the_library_is_small_and_needs_nothing(installed, tmp_path):
    library = next(installed.rglob("libtandem_runtime.so")).resolve()
    run("strip", "-o", tmp_path / "stripped.so", library)
    assert (tmp_path / "stripped.so").stat().st_size < 5_000_000
    needed = run("ldd", library).stdout
    assert not re.search("python|LLVM|dnnl|stdc", needed), needed
    symbols = run("nm", "-D", "--defined-only", library).stdout.split("\n")
    assert all(line.split()[-1].startswith("td_") for line in symbols if line)


# ---- tandem-run --------------------------------------------------------------------------------------------------


def tandem_run(*words, check=True, **options):
    return run(BUILD / "runtime/bin/tandem-run", *words, check=check, **options)


@pytest.fixture
def model(tmp_path):
    model = td.nn.Linear(4, 3)
    td.save(model, tmp_path / "m.tdm", (td.ones((2, 4)),), dynamic={"input": [0]})
    return model


def test_a_method_writes_to_memory_of_the_caller(tmp_path):
    def grow(x):
        x += 1
        return x, x.sum()

    x = np.asarray([1.0, 2.5], np.float32)
    td.save(grow, tmp_path / "m.tdm", (td.asarray(x),))
    np.save(tmp_path / "x.npy", x)
    tandem_run(tmp_path / "m.tdm", "--input", tmp_path / "x.npy", "--output", tmp_path / "y")
    assert np.array_equal(np.load(tmp_path / "y0.npy"), x + 1) and np.load(tmp_path / "y1.npy") == 5.5


def test_prints_without_python(tmp_path):
    @td.script
    def f(x):
        total = x.sum()
        print("total", total, f"{total:.3f} {{}}", x.astype(td.int64), x > 1, total == 6, sep=" | ")
        print("small", total * 0.1, td.asarray(1e-7) * total, file=sys.stderr)
        return x

    x = np.asarray([[1.0, 2.0], [0.5, 2.5]], np.float32)
    td.save(f, tmp_path / "m.tdm", (td.asarray(x),))
    np.save(tmp_path / "x.npy", x)
    done = tandem_run(tmp_path / "m.tdm", "--input", tmp_path / "x.npy")
    first = "total | 6.0 | 6.000 {} | [[1 2]\n[0 2]] | [[False True]\n[False True]] | True\n"
    assert done.stdout == f"{first}result 0 [2, 2]\n"
    assert done.stderr.startswith("small 0.6") and done.stderr.endswith("e-07\n")


def test_tandem_run_shows_what_is_in_a_model(model, tmp_path):
    shown = tandem_run(tmp_path / "m.tdm").stdout
    assert "forward(input: float32[N, 4]) -> float32[N, 3]" in shown
    assert "tensor weight [3, 4]" in shown
    assert "Usage: tandem-run" in tandem_run("--help").stdout


def test_tandem_run_computes_what_python_computes(model, tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "y"
    shown = tandem_run(tmp_path / "m.tdm", "--input", f"input={tmp_path}/x.npy", "--output", out, "--bench", "0.05")
    with td.no_grad():
        expected = np.asarray(model(td.asarray(x)))
    assert np.array_equal(np.load(f"{out}0.npy"), expected)
    assert "median" in shown.stdout
    slow = tandem_run(tmp_path / "m.tdm", "--input", tmp_path / "x.npy", "--output", out, "--target", "interpreter")
    assert np.array_equal(np.load(f"{out}0.npy"), expected)
    assert "interpreted, slowly" in slow.stderr


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float64", "complex64", "complex128"])
def test_tandem_run_reads_and_writes_every_dtype(dtype, tmp_path):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    td.save(lambda x: x.T, tmp_path / "m.tdm", (td.asarray(x),))
    np.save(tmp_path / "x.npy", x)
    tandem_run(tmp_path / "m.tdm", "--input", tmp_path / "x.npy", "--output", tmp_path / "y")
    got = np.load(tmp_path / "y0.npy")
    assert got.dtype == x.dtype
    assert np.array_equal(got, x.T)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{m}", "--input", "{none}.npy"], "there is no such file"),
        (["{m}", "--input", "{m}"], "it is no .npy file"),
        (["{m}", "--input", "{f64}"], "got float64[2, 4] for 'input'; need float32[N, 4]"),
        (["{m}", "--method", "backward"], "got the method backward"),
        (["{m}", "--input"], "need a value behind it"),
        (["{m}", "--input", "{x}", "--input", "{x}"], "got 2 inputs; need 1: forward("),
        (["{m}", "--target", "vax", "--input", "{x}"], "got the target 'vax'; need one that the file has"),
        (["{x}"], "got a file that is no archive of Tandem"),
        ([], "got no model; need the path"),
    ],
)
def test_tandem_run_says_what_is_wrong(words, message, model, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 4), np.float32))
    np.save(tmp_path / "f64.npy", np.ones((2, 4)))
    places = {"m": tmp_path / "m.tdm", "x": tmp_path / "x.npy", "f64": tmp_path / "f64.npy", "none": tmp_path / "none"}
    done = tandem_run(*[word.format(**places) for word in words], check=False)
    assert done.returncode in (1, 2)
    assert message in done.stderr
