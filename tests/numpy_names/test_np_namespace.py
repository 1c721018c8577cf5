"""Every public name of NumPy has a counterpart, or stands in the table of what is left out, which the docs show."""

import re
import subprocess
import sys

import numpy as np
import pytest

import tandem as td
from conftest import ROOT
from tandem import _numpy
from tandem._numpy.left_out import LEFT_OUT, LEFT_OUT_METHODS

PAGE = (ROOT / "docs/numpy.md").read_text(encoding="utf-8")


def public(thing):
    return [name for name in dir(thing) if not name.startswith("_")]


def test_every_name_is_here_or_left_out():
    here = {name for name in public(np) if name in td.__all__ or name in ("linalg", "fft", "random")}
    unknown = set(public(np)) - here - set(LEFT_OUT)
    assert not unknown, f"neither in td nor in _numpy/left_out.py: {sorted(unknown)}"


def test_nothing_is_in_both_lists():
    assert not [name for name in LEFT_OUT if name in td.__all__]
    assert not [name for name in LEFT_OUT_METHODS if hasattr(td.Tensor, name)]


def test_every_method_is_here_or_left_out():
    unknown = {name for name in public(np.ndarray) if not hasattr(td.Tensor, name)} - set(LEFT_OUT_METHODS)
    assert not unknown, f"neither a method nor in LEFT_OUT_METHODS: {sorted(unknown)}"


def test_our_names_are_numpys():
    ours = [name for names in _numpy.THEMES.values() for name in names.split()]
    assert len(set(ours)) == len(ours) and not set(ours) & set(_numpy.ALIASES)
    assert not [name for name in [*ours, *_numpy.ALIASES] if not hasattr(np, name)]


@pytest.mark.parametrize("name", _numpy.ALIASES)
def test_aliases_are_the_same_object(name):
    assert getattr(td, name) is getattr(td, _numpy.ALIASES[name])


@pytest.mark.parametrize("name", LEFT_OUT)
def test_an_error_says_what_to_use(name):
    with pytest.raises(AttributeError) as caught:
        getattr(td, name)
    assert str(caught.value) == f"module 'tandem' has no attribute '{name}', which NumPy has; try {LEFT_OUT[name]}"


def test_other_names_are_plain_errors():
    with pytest.raises(AttributeError, match="^module 'tandem' has no attribute 'nothing'$"):
        td.nothing


def test_the_page_shows_both_lists():
    for name in [*_numpy.PLACES, *_numpy.ALIASES, *_numpy.METHODS, *LEFT_OUT, *LEFT_OUT_METHODS]:
        assert re.search(rf"\b{name}\b", PAGE), f"docs/numpy.md has no {name}"
    for instead in {*LEFT_OUT.values(), *LEFT_OUT_METHODS.values()}:
        assert instead in PAGE.replace("`", ""), f"docs/numpy.md does not say: {instead}"


def test_import_leaves_the_functions_for_later():
    program = (
        "import sys, tandem as td\n"
        "early = [m for m in sys.modules if m.startswith('tandem._numpy.')]\n"
        "assert early == ['tandem._numpy.methods'], early\n"
        "assert 'vstack' in dir(td) and 'absolute' in dir(td) and 'vstack' in td.__all__\n"
        "assert td.vstack([td.ones(2)]).shape == (1, 2)\n"
        "assert 'tandem._numpy.signals' not in sys.modules\n"
        "assert td.ones((2, 3)).swapaxes(0, 1).shape == (3, 2)\n"
        "assert 'view' in td.Tensor.ravel.__doc__ and td.Tensor.swapaxes is td.swapaxes\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_first_use_inside_of_a_captured_function():
    program = (
        "import tandem as td\n"
        "def f(x): return td.absolute(td.nansum(x.swapaxes(0, 1))) + td.radians(x).ravel()\n"
        "x = td.ones((2, 3))\n"
        "assert (td.trace(f)(x) == f(x)).all()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_scripted_functions_call_them():
    @td.script
    def f(x):
        y = td.vstack([x, td.flipud(x)])
        if td.allclose(y[0], y[-1]):
            y = td.clip(y, 0, 1)
        return td.nanmean(y, axis=0).ravel(), td.trapezoid(y), y.swapaxes(0, 1).conj()

    x = td.asarray(np.linspace(-1, 2, 12).reshape(3, 4).astype(np.float32))
    for a, b in zip(f(x), f.eager(x)):
        assert td.array_equal(a, b)


BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_examples():
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("k", range(len(BLOCKS)))
def test_examples_of_the_page(k):
    scope = {"td": td, "np": np}
    for line in BLOCKS[k].splitlines():
        code, _, comment = line.partition("  # ")
        if comment.startswith("= "):
            want, got = comment[2:].strip(), eval(code, scope)
            assert " ".join(repr(got).split()) == " ".join(want.split()), line
        elif code.strip():
            exec(code, scope)
