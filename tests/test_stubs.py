"""The type stubs: written by their generator, true to the module, and of use to people who check types."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tandem
from conftest import ROOT
from tandem import _stubs

EXAMPLE = ROOT / "tests/typing_example.py"


def run_module(tmp_path: Path, *arguments: object) -> tuple[int, str]:
    """Run a module of mypy's on the sources of the package."""
    # Away from the checkout: a folder that is both the current one and in the path is found twice.
    paths = {"MYPYPATH": str(ROOT / "python"), "PYTHONPATH": str(Path(tandem.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=tmp_path,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["_core.pyi", "__init__.pyi"])
def test_stubs_are_up_to_date(name: str) -> None:
    text = (ROOT / "python/tandem" / name).read_text(encoding="utf-8")
    if text != _stubs.stubs()[name]:  # no assert, because pytest takes minutes to explain the difference
        pytest.fail(f"{name} is out of date; run: ./dev run python -m tandem._stubs", pytrace=False)


def test_package_says_that_it_is_typed() -> None:
    assert (Path(tandem.__file__).parent / "py.typed").exists()


def test_stub_has_every_name_and_no_other(tmp_path: Path) -> None:
    # The classes of pybind11 have a metaclass and a constructor of their own; Python before 3.12 hides __buffer__.
    allowed = tmp_path / "allowed.txt"
    allowed.write_text(r"tandem\._core\.[A-Z]\w+(\.__init__|\.__buffer__)?" + "\n")
    options = ("--ignore-positional-only", "--allowlist", allowed, "--mypy-config-file", ROOT / "pyproject.toml")
    status, output = run_module(tmp_path, "mypy.stubtest", "tandem._core", *options)
    assert status == 0, output


WRONG = [
    ("td.softmax(x, axes=1)", "call-arg"),
    ("td.softmax(x, axis=(0, 1))", "arg-type"),
    ("td.sum(x, axis='rows')", "arg-type"),
    ("td.sum(x, keepdims=1)", "arg-type"),
    ("td.exp()", "call-arg"),
    ("td.add(x, None)", "arg-type"),
    ("td.add(x, 'one')", "arg-type"),
    ("td.concat(x)", "arg-type"),
    ("td.zeros((2, 3), dtype=4)", "arg-type"),
    ("td.reshape(x, 'flat')", "arg-type"),
    ("td.full((2,), 'x')", "arg-type"),
    ("td.sofmax(x)", "attr-defined"),
    ("x + 'one'", "operator"),
    ("x % 'a'", "operator"),
    ("x.sum(axs=0)", "call-arg"),
    ("x.shape = (2,)", "misc"),
    ("x['row']", "index"),
    ("x[{0, 1}]", "index"),
    ("x.nothing", "attr-defined"),
    ("td.exp(x).lower()", "attr-defined"),
    ("y: int = td.exp(x)", "assignment"),
    ("td.set_num_threads('all')", "arg-type"),
    ("td.script(fallback=1)", "call-overload"),
]


def test_right_program_is_accepted_and_wrong_lines_are_rejected(tmp_path: Path) -> None:
    lines = ["import tandem as td", "x = td.ones((2, 3))", *(text for text, _ in WRONG)]
    program = tmp_path / "wrong.py"
    program.write_text("\n".join(lines) + "\n")
    # Both in one run, because reading NumPy's types takes most of the time. Only the two programs are checked strictly.
    options = ("--strict", "--follow-imports=silent", "--cache-dir", tmp_path / "cache")
    status, output = run_module(tmp_path, "mypy", *options, EXAMPLE, program)
    assert status == 1 and EXAMPLE.name not in output, output
    found = {int(line): code for line, code in re.findall(r":(\d+): error: .*\[([\w-]+)\]$", output, re.MULTILINE)}
    assert {lines[line - 1]: code for line, code in found.items()} == dict(WRONG), output


def test_right_program_runs() -> None:
    subprocess.run([sys.executable, str(EXAMPLE)], check=True, timeout=300)
