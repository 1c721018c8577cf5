"""help(td.anything) says what it is; every function and class has an example, and the examples are true."""

import doctest
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import tandem as td

NAMES = [*td.__all__, "__array_namespace_info__"]
# Numbers and None document themselves; what a constant is, docs/ says.
CONSTANTS = {"e", "euler_gamma", "inf", "nan", "newaxis", "pi"}


def is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CONSTANTS])
def test_docstring_and_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = getattr(td, name)
    text = inspect.getdoc(value)
    assert text and text.strip().rstrip(".").strip(), "no docstring"
    if isinstance(value, (ModuleType, td.DType)) or is_exception(value):
        return
    assert callable(value)
    example = doctest.DocTestParser().get_doctest(text, {"td": td}, name, None, 0)
    assert example.examples, "no example"
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    output: list[str] = []
    runner.run(example, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)


@pytest.mark.parametrize("name", td._core._op_names)
def test_operations_have_signatures(name: str) -> None:
    """inspect and help know the parameters of operations, functions and methods."""
    row = next(row for row in td._core._op_table() if row["name"] == name)
    parameters = row["signature"].partition("(")[2][:-1]
    names = [part.partition("=")[0] for part in parameters.split(", ") if part != "*"]
    signature = inspect.signature(getattr(td, name))
    assert list(signature.parameters) == names
    for parameter in signature.parameters.values():
        assert parameter.default is parameter.empty or repr(parameter.default) in parameters
    if row["method"] and name != "reshape":
        more = ["more"] if row["integers"] else []
        assert list(inspect.signature(getattr(td.ones((2,)), name)).parameters) == [*names[1:], *more]


@pytest.mark.parametrize("name", [name for name in dir(td.Tensor) if not name.startswith("_")])
def test_methods_have_docstrings(name: str) -> None:
    assert inspect.getdoc(getattr(td.Tensor, name))
