"""One check for every function under NumPy's name: NumPy's values, shapes and dtypes; eager = traced = disabled."""

import doctest
import importlib

import numpy as np

import tandem as td
from tandem import _numpy

TOLERANCE = {"float16": 2e-3, "float32": 4e-6, "float64": 1e-12, "complex64": 4e-6, "complex128": 1e-12}
DOUBLES = ("float64", "complex128")
SINGLE = {"float64": "float32", "complex128": "complex64"}


def leaves(tree, found):
    """Return the tree with tensors in the place of arrays, as a function of the tensors that it adds to a list."""
    if isinstance(tree, (np.ndarray, np.generic)):
        found.append(tree)
        place = len(found) - 1
        return lambda tensors: tensors[place]
    if isinstance(tree, (list, tuple)):
        parts = [leaves(one, found) for one in tree]
        return lambda tensors: type(tree)(part(tensors) for part in parts)
    return lambda tensors: tree


def flat(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for one in tree for leaf in flat(one)]
    return [tree]


def compare(got, want, arrays, wide=False, loose=1.0, bool_as_tensor=True):
    """Compare with NumPy: its float64 is the default dtype where no argument was a double."""
    if isinstance(want, (list, tuple)):
        assert isinstance(got, (list, tuple)) and len(got) == len(want), f"{got} for {want}"
        for a, b in zip(got, want):
            compare(a, b, arrays, wide, loose)
        return
    if not isinstance(got, td.Tensor):
        assert type(got) is type(want) and got == want, f"{got!r} for {want!r}"
        return
    want = np.asarray(want)
    name = want.dtype.name
    if name in DOUBLES and not wide and not any(x.dtype.name in DOUBLES for x in arrays):
        name = SINGLE[name]
    assert got.dtype.name == name, f"{got.dtype.name} for {name}"
    assert tuple(got.shape) == want.shape, f"{got.shape} for {want.shape}"
    if name in TOLERANCE:
        tolerance = TOLERANCE[name] * loose
        np.testing.assert_allclose(np.asarray(got), want, rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_array_equal(np.asarray(got), want)


def same_bits(got, want):
    got, want = flat(got), flat(want)
    assert len(got) == len(want)
    for a, b in zip(got, want):
        if not isinstance(b, td.Tensor):
            assert a == b
            continue
        assert a.dtype == b.dtype and a.shape == b.shape
        a, b = np.asarray(a), np.asarray(b)
        assert np.array_equal(np.isnan(a), np.isnan(b)) if a.dtype.kind in "fc" else True
        assert np.array_equal(np.nan_to_num(a), np.nan_to_num(b)) if a.dtype.kind in "fc" else np.array_equal(a, b)


def check(name, *args, numpy=None, captured=True, wide=False, loose=1.0, **kwargs):
    """Compare td.NAME with np.NAME, or another function; then a traced and a disabled program with the eager one."""
    found = []
    rebuild, named = leaves(args, found), {key: leaves(value, found) for key, value in kwargs.items()}
    with np.errstate(all="ignore"):
        want = (numpy or getattr(np, name))(*args, **kwargs)
    tensors = [td.asarray(np.array(x)) for x in found]

    def program(*tensors):
        return getattr(td, name)(*rebuild(tensors), **{key: value(tensors) for key, value in named.items()})

    eager = program(*tensors)
    compare(eager, want, found, wide or kwargs.get("dtype") == "float64", loose)
    if captured and tensors:
        same_bits(td.trace(program)(*tensors), eager)
        with td.disabled():
            same_bits(td.trace(program)(*tensors), eager)


def run_examples(theme):
    """Run the examples of a module, which every public function has; its names are those of the table."""
    module = importlib.import_module(f"tandem._numpy.{theme}")
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    public = {name for name, value in own.items() if hasattr(value, "__wrapped__")}
    paths = [path.rpartition(".") for path in _numpy.METHODS.values()]
    methods = {name for folder, _, name in paths if folder == f"_numpy.{theme}"}
    assert public | {"euler_gamma"} & set(vars(module)) == set(_numpy.THEMES[theme].split()) | methods
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    tests = [t for t in doctest.DocTestFinder(exclude_empty=True).find(module, globs={"td": td}) if t.examples]
    assert {t.name.split(".")[-1] for t in tests} == public, "a public function without an example"
    for test in tests:
        runner.run(test)
    assert runner.summarize().failed == 0


def cases(table):
    """Return (name, number) of each case of a table, for pytest."""
    return [(name, k) for name, rows in table.items() for k in range(len(rows))]
