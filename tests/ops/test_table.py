"""The op table itself: nothing missing in any row, and every example true."""

import inspect

import pytest
import reference
import samples

import tandem as td

ROWS = samples.table()


@pytest.mark.parametrize("name", ROWS)
def test_row_is_complete(name):
    row = ROWS[name]
    assert name in reference.TWINS or name in reference.CREATION, "no NumPy twin in reference.py"
    assert row["doc"].endswith(".") and row["doc"][0].isupper()
    assert row["signature"].startswith(f"{name}(")
    assert row["samples"], "no samples"
    assert row["example"].startswith(f"td.{name}(") and "  # " in row["example"]
    assert row["onnx"]
    assert callable(getattr(td, name)) and name in td.__all__
    for text in row["samples"]:
        sample = samples.parse(text)
        assert len(sample.shapes) <= len(row["inputs"]) or row["variadic"], text
        for attribute in sample.attributes:
            assert f"{attribute}" in row["signature"], text


@pytest.mark.parametrize("name", ROWS)
def test_docstring(name):
    text = inspect.getdoc(getattr(td, name))
    row = ROWS[name]
    assert row["doc"] in text
    assert f">>> {row['example'].split('  # ')[0]}" in text


def _printed(text):
    """Line breaks of nested tensors do not matter in a one-line example."""
    return " ".join(str(text).split())


@pytest.mark.parametrize("name", ROWS)
def test_example(name):
    code, _, printed = ROWS[name]["example"].partition("  # ")
    assert _printed(repr(eval(code, {"td": td}))) == _printed(printed)


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name]["method"]])
def test_methods(name):
    sample = samples.samples(name)[0]
    x, *others = (
        td.ones(shape, dtype=td.int64 if domain.startswith("index") else td.float32)
        for shape, domain in zip(sample.shapes, sample.domains)
    )
    a = getattr(td, name)(x, *others, **sample.attributes)
    b = getattr(x, name)(*others, **sample.attributes)
    reference.assert_same_tensor(name, a, b)
    assert getattr(td.Tensor, name).__doc__


def test_every_twin_has_a_row():
    assert set(reference.TWINS) | set(reference.CREATION) == set(ROWS)
