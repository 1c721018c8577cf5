"""The examples of docs/training.md, and those in the docstrings of td.optim, td.data, td.training and td.amp."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

import tandem as td
from tandem.data import _loader
from tandem.optim import _cycles, _scheduler

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
PLACES = [td.optim, td.optim.lr_scheduler, td.data, td.training, td.amp]


def test_examples_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 6
    names: dict = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)


def things():
    for place in PLACES:
        for name in place.__all__:
            value = getattr(place, name)
            if not inspect.ismodule(value):
                yield pytest.param(value, id=f"{place.__name__}.{name}")


@pytest.mark.parametrize("value", [*things()])
def test_docstrings(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert inspect.getdoc(value)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    output: list[str] = []
    for example in finder.find(value, globs={"td": td}, module=False):
        runner.run(example, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)


@pytest.mark.parametrize("place", [*PLACES, _loader, _cycles, _scheduler])
def test_public_methods_have_docstrings(place):
    for name in getattr(place, "__all__", dir(place)):
        value = getattr(place, name)
        if inspect.isclass(value) and value.__module__.startswith("tandem."):
            for attribute, method in vars(value).items():
                inherited = any(inspect.getdoc(getattr(base, attribute, None)) for base in value.__mro__[1:])
                if not attribute.startswith("_") and inspect.isfunction(method) and not inherited:
                    assert inspect.getdoc(method), f"{value.__qualname__}.{attribute}"
