"""The examples of docs/torch.md, and those in the docstrings of td.torch."""

import doctest
import inspect
import re
import runpy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import tandem as td  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "torch.md"


def test_examples_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch._dynamo.reset()
    td.torch.reset_stats()
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 8
    path = tmp_path / "page.py"  # the rewriter of scripts and Dynamo read sources from files
    path.write_text("".join(blocks), encoding="utf-8")
    runpy.run_path(str(path), run_name="page")


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
