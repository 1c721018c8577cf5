"""Every public class and function of td.nn and td.nn.init says what it does, with an example that is true."""

import doctest
import inspect

import pytest

import tandem as td

MODULES = {"nn": td.nn, "nn.init": td.nn.init, "nn.utils": td.nn.utils, "nn.utils.rnn": td.nn.utils.rnn}
NAMES = [
    f"{prefix}.{name}"
    for prefix, module in MODULES.items()
    for name in module.__all__
    if not inspect.ismodule(getattr(module, name))
]
METHODS = [f"nn.Module.{name}" for name in dir(td.nn.Module) if not name.startswith("_")]


@pytest.mark.parametrize("name", NAMES + METHODS)
def test_docstring_and_example(name: str) -> None:
    value = td
    for part in name.split("."):
        value = getattr(value, part)
    text = inspect.getdoc(value)
    assert text and text.strip(), "no docstring"
    example = doctest.DocTestParser().get_doctest(text, {"td": td}, name, None, 0)
    assert example.examples or name in METHODS, "no example"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    output: list[str] = []
    runner.run(example, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)
