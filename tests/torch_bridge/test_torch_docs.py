"""The examples of docs/torch.md, its program in C++, and those in the docstrings of td.torch."""

import doctest
import inspect
import os
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

from deploy_support import BUILD, SANITIZERS, bare_environment, installed_runtime, run

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import tandem as td  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "torch.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder in which the Python of the page was run."""
    folder, before = tmp_path_factory.mktemp("page"), Path.cwd()
    torch._dynamo.reset()
    td.torch.reset_stats()
    path = folder / "page.py"  # the rewriter of scripts and Dynamo read sources from files
    path.write_text("".join(blocks("python")), encoding="utf-8")
    os.chdir(folder)
    try:
        runpy.run_path(str(path), run_name="page")
    finally:
        os.chdir(before)
    return folder


def test_examples_of_the_page(page):
    assert len(blocks("python")) >= 10 and (page / "model.tdm").exists()


@pytest.mark.skipif(not (BUILD / "runtime").exists(), reason="the runtime library was not built")
@pytest.mark.skipif(not shutil.which("c++"), reason="there is no C++ compiler")
def test_the_program_of_the_page(page, tmp_path):
    (source,) = blocks("cpp")
    (tmp_path / "program.cpp").write_text(source, encoding="utf-8")
    installed = installed_runtime(tmp_path)
    library = next(installed.rglob("libtandem_runtime.so")).parent
    where = ("-I", installed / "include", "-L", library, "-ltandem_runtime", "-o", tmp_path / "program", *SANITIZERS)
    run("c++", "-std=c++17", tmp_path / "program.cpp", *where)
    environment = {**bare_environment(tmp_path), "LD_LIBRARY_PATH": str(library)}
    shown = run(tmp_path / "program", env=environment, cwd=page).stdout
    wanted = np.asarray(td.load(page / "model.tdm")(td.ones((3, 16))))[:, 0]
    assert np.array_equal(np.array(shown.split(), np.float32), wanted)


@pytest.mark.parametrize("name", td.torch.__all__)
def test_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = getattr(td.torch, name)
    if not callable(value):
        return
    assert inspect.getdoc(value)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    output: list[str] = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(value, globs={"td": td}, module=False):
        runner.run(example, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)
