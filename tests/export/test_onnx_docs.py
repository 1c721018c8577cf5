"""The examples of docs/onnx.md, and the one in the docstring of td.onnx.export."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import tandem as td

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"


def test_examples_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 3
    names: dict = {"__name__": "page"}
    for number, block in enumerate(blocks):
        file = tmp_path / f"page{number}.py"  # control flow is captured from source files
        file.write_text(block)
        exec(compile(block, str(file), "exec"), names)


def test_docstring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(td.onnx.export), {"td": td}, "export", None, 0)
    assert example.examples
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    output: list[str] = []
    runner.run(example, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)
