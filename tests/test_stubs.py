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


def checker(tmp_path: Path, *arguments: object, module: str = "mypy") -> tuple[int, str]:
    """Run a type checker on the sources of the package."""
    # Away from the checkout: a folder that is both the current one and in the path is found twice.
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "python"), "MYPY_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["_core.pyi", "__init__.pyi"])
def test_stubs_are_up_to_date(name: str) -> None:
    text = (ROOT / "python/tandem" / name).read_text(encoding="utf-8")
    assert text == _stubs.stubs()[name], "run: ./dev run python -m tandem._stubs"


def test_package_says_that_it_is_typed() -> None:
    assert (Path(tandem.__file__).parent / "py.typed").exists()


def test_stub_has_every_name_and_no_other(tmp_path: Path) -> None:
    # The classes of pybind11 have a metaclass and a constructor of their own.
    allowed = tmp_path / "allowed.txt"
    allowed.write_text(r"tandem\._core\.[A-Z]\w+(\.__init__)?" + "\n")
    status, output = checker(
        tmp_path, "tandem._core", "--ignore-positional-only", "--allowlist", allowed, module="mypy.stubtest"
    )
    assert status == 0, output


def test_user_program_is_accepted_and_runs(tmp_path: Path) -> None:
    status, output = checker(tmp_path, "--strict", EXAMPLE)
    assert status == 0, output
    subprocess.run([sys.executable, str(EXAMPLE)], check=True, timeout=300)


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
    ("x % 2", "operator"),
    ("x.sum(axs=0)", "call-arg"),
    ("x.shape = (2,)", "misc"),
    ("x['row']", "index"),
    ("x[[0, 1]]", "index"),
    ("x.nothing", "attr-defined"),
    ("td.exp(x).lower()", "attr-defined"),
    ("y: int = td.exp(x)", "assignment"),
    ("td.set_num_threads('all')", "arg-type"),
    ("td.script(fallback=1)", "call-overload"),
]


def test_wrong_programs_are_rejected(tmp_path: Path) -> None:
    lines = ["import tandem as td", "x = td.ones((2, 3))", *(text for text, _ in WRONG)]
    program = tmp_path / "wrong.py"
    program.write_text("\n".join(lines) + "\n")
    status, output = checker(tmp_path, program)
    assert status == 1, output
    found = {int(line): code for line, code in re.findall(r":(\d+): error: .*\[([\w-]+)\]$", output, re.MULTILINE)}
    assert {lines[line - 1]: code for line, code in found.items()} == dict(WRONG), output
