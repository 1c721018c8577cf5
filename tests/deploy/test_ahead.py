"""`td.aot`: functions as objects and headers, linked into C programs."""

import re
import subprocess
import sys

import numpy as np
import pytest

import tandem as td
from conftest import ROOT
from deploy_support import BUILD, CMAKE, SANITIZERS, bare_environment, installed_runtime, run

pytestmark = pytest.mark.skipif(not (BUILD / "runtime").exists(), reason="the runtime library was not built")
LINK = [*SANITIZERS, "-lstdc++", "-lm", "-ldl", "-lpthread"]


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    return installed_runtime(tmp_path_factory.mktemp("runtime"))


def test_the_example_gives_the_bits_of_python(prefix, tmp_path):
    sys.path.insert(0, str(ROOT))
    from examples.deploy.ahead.export import export

    model = export(tmp_path / "model")
    build = tmp_path / "build"
    source = ROOT / "examples/deploy/ahead"
    run(CMAKE, "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DMODEL_DIR={tmp_path / 'model'}")
    run(CMAKE, "--build", build)
    shown = run(build / "classify_digits", env=bare_environment(tmp_path)).stdout
    image = (np.arange(128) % 17 / 16).astype(np.float32).reshape(2, 64)
    with td.no_grad():
        expected = np.asarray(model(td.asarray(image))).ravel()
    assert [float.fromhex(line) for line in shown.split()] == expected.tolist()


PROGRAM = """
#include <stdio.h>
#include "{name}.h"
int main(void) {{
  {setup}
  td_error* error = {name}({call});
  if (error) {{ printf("error: %s\\n", td_error_message(error)); td_error_free(error); return 0; }}
  {show}
  return 0;
}}
"""


def compiled_and_run(prefix, folder, name, setup, call, show):
    library = next(prefix.rglob("libtandem_runtime.a"))
    (folder / "main.c").write_text(PROGRAM.format(name=name, setup=setup, call=call, show=show))
    run(
        "cc",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-std=c99",
        folder / "main.c",
        folder / f"{name}.o",
        library,
        "-o",
        folder / "program",
        f"-I{folder}",
        f"-I{prefix}/include",
        *LINK,
    )
    return run(folder / "program", env=bare_environment(folder)).stdout


@pytest.mark.parametrize("target", [None, "x86-64-v2"])
def test_several_results_scalars_and_other_dtypes(prefix, target, tmp_path):
    @td.script
    def collatz(n, scale):
        steps = td.zeros((), dtype=td.int64)
        while n > 1:
            n = td.where(n % 2 == 0, n // 2, 3 * n + 1)
            steps = steps + 1
        return steps, steps.astype(td.float64) * scale

    args = (td.asarray(27), td.asarray(0.5, dtype=td.float64))
    header = td.aot(collatz, args, tmp_path, target=target)
    assert header == tmp_path / "collatz.h"
    assert "collatz(n: int64[], scale: float64[]) -> int64[], float64[]" in header.read_text()
    shown = compiled_and_run(
        prefix,
        tmp_path,
        "collatz",
        "int64_t n = 27, steps; double scale = 0.5, product;",
        "&n, &scale, &steps, &product",
        'printf("%lld %a", (long long)steps, product);',
    )
    steps, product = shown.split()
    assert (int(steps), float.fromhex(product)) == (111, 55.5)


def test_a_state_that_is_written_stays_in_the_program(prefix, tmp_path):
    total = td.zeros((2,))

    def count(x):
        total[...] += x
        return total.sum()

    td.aot(count, (td.ones((2,)),), tmp_path)
    shown = compiled_and_run(
        prefix,
        tmp_path,
        "count",
        "float x[2] = {1, 2}, sum; for (int k = 0; k < 4; ++k) count(x, &sum);",
        "x, &sum",
        'printf("%g", sum);',
    )
    assert shown == "15"
    assert total.tolist() == [0, 0]


def test_an_error_is_a_value(prefix, tmp_path):
    td.aot(lambda x, i: x[i], (td.ones((3,)), td.asarray([1])), tmp_path, name="pick")
    shown = compiled_and_run(
        prefix, tmp_path, "pick", "float x[3] = {1, 2, 3}, y; int64_t i = 7;", "x, &i, &y", 'printf("%g", y);'
    )
    assert shown.startswith("error: ")
    assert "7" in shown


@pytest.mark.parametrize("name", ["for", "a b", "1st", ""])
def test_names_that_c_does_not_allow_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match="need one that C allows"):
        td.aot(lambda x: x, (td.ones((3,)),), tmp_path, name=name)


def test_code_for_another_machine_is_made(tmp_path):
    td.aot(lambda x: td.sin(x), (td.ones((3,)),), tmp_path, name="f", target="aarch64")
    shown = subprocess.run(["readelf", "-h", tmp_path / "f.o"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Machine:\s+AArch64", shown)
    assert "Type:                              REL" in shown
