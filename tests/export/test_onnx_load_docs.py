"""The examples of docs/onnx_import.md, and of td.onnx.load."""

import doctest
from pathlib import Path

import numpy as np
import pytest

import tandem as td

onnx = pytest.importorskip("onnx", reason="onnx is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "onnx_import.md"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def run(text: str, name: str) -> None:
    scope = {"td": td, "np": np, "onnx": onnx}
    example = doctest.DocTestParser().get_doctest(
        text.replace("```python", "").replace("```", ""), scope, name, None, 0
    )
    assert example.examples, "no examples"
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    output: list[str] = []
    runner.run(example, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(PAGE.read_text(encoding="utf-8"), PAGE.name)


def test_the_docstring() -> None:
    run(td.onnx.load.__doc__, "load")
