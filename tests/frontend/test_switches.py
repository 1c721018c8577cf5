"""The annotation is optional: four ways to turn it off, nesting, fall-back, and no_recompile."""

import threading
import warnings

import frontend_support as support
import numpy as np
import pytest

import tandem as td

X = np.array([1.0, 2.0, -0.5], dtype=np.float32)


def program(x):
    if x.sum() > 1:
        x = x * 2
    return td.exp(x) + 1


def x():
    return td.asarray(X.copy())


def test_set_enabled():
    f = td.script(program)
    assert td.is_enabled()
    td.set_enabled(False)
    try:
        assert not td.is_enabled()
        support.assert_same(program(x()), f(x()))
        assert f.stats()["captures"] == 0
    finally:
        td.set_enabled(True)
    support.assert_same(program(x()), f(x()))
    assert f.stats()["captures"] == 1


def test_disabled_block():
    f = td.trace(lambda x: x * 2)
    with td.disabled():
        f(x())
        with td.disabled():
            pass
        assert not td.is_enabled()
    assert td.is_enabled() and f.stats()["captures"] == 0
    with pytest.raises(KeyError), td.disabled():
        raise KeyError
    assert td.is_enabled()


def test_environment(run_python):
    text = """
import numpy as np, tandem as td
@td.script
def f(x):
    return x * 2 if x.sum() > 0 else x
print(np.asarray(f(td.asarray(np.ones(2, dtype=np.float32)))).tolist(), f.stats()["captures"], td.is_enabled())
"""
    assert run_python(text, TANDEM_DISABLE="1").strip() == "[2.0, 2.0] 0 False"
    assert run_python(text, TANDEM_DISABLE="0").strip() == "[2.0, 2.0] 1 True"


def test_eager_is_the_undecorated_function():
    @td.script
    def inner(x):
        return x + 1

    @td.script
    def f(x):
        return inner(x)

    support.assert_same(x() + 1, f.eager(x()))
    assert f.stats()["captures"] == inner.stats()["captures"] == 0
    assert f.__wrapped__(x()) is not None


def test_nested_annotations_are_inlined():
    @td.script
    def inner(x):
        if x.sum() > 0:
            return x + 1
        return x

    @td.trace
    def middle(x):
        return inner(x) * 2

    @td.script
    def outer(x):
        return middle(x) if x.max() > 0 else inner(x)

    for array in support.tensors((3,)):
        support.check(lambda x: (inner.eager(x) * 2) if x.max() > 0 else inner.eager(x), outer, array)
    assert (outer.stats()["captures"], middle.stats()["captures"], inner.stats()["captures"]) == (1, 0, 0)


def test_trace_in_script_is_not_rewritten():
    @td.trace
    def inner(x):
        return x + 1 if x.sum() > 0 else x

    @td.script
    def outer(x):
        return inner(x)

    with pytest.raises(td.CaptureError):
        outer(x())


def test_fallback_warns_once_at_the_users_line():
    @td.script(fallback=True)
    def f(x):
        return x * float(x.sum())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first, second = f(x()), f(x())
    assert len(caught) == 1 and caught[0].filename == __file__
    assert "runs eagerly" in str(caught[0].message)
    support.assert_same(x() * float(x().sum()), first)
    support.assert_same(first, second)
    assert f.stats()["fallbacks"] == 2
    assert "runs eagerly" in f.explain()


def test_without_fallback_it_raises():
    @td.script
    def f(x):
        return x * float(x.sum())

    for _ in range(2):
        with pytest.raises(td.CaptureError):
            f(x())
    assert f.stats()["fallbacks"] == 0


def test_errors_of_the_function_itself_are_not_hidden_by_fallback():
    @td.script(fallback=True)
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        f(x())


def test_no_recompile():
    scale = 2.0

    @td.script
    def f(x):
        return x * scale

    with pytest.raises(td.CompileError, match="no_recompile: got a call of 'f'"), td.no_recompile():
        f(x())
    f(x())
    with td.no_recompile():
        f(x())
    scale = 3.0
    with pytest.raises(td.CompileError, match="closure variable 'scale'"), td.no_recompile():
        f(x())
    support.assert_same(x() * 3.0, f(x()))


def test_decorator_forms():
    @td.script(fallback=False, numerics="strict", dynamic=None, cache=True)
    def f(x, k=2.0):
        return x * k

    support.assert_same(x() * 3.0, f(x(), k=3.0))
    g = td.trace(lambda x: x + 1, x())
    assert g.stats()["captures"] == 1
    with td.no_recompile():
        support.assert_same(x() + 1, g(x()))
    assert f.__name__ == "f" and "script" in repr(f)
    with pytest.raises(TypeError, match="option 'jit'"):
        td.script(jit=True)
    with pytest.raises(ValueError, match="numerics"):
        td.script(numerics="sloppy")(program)
    with pytest.raises(TypeError, match="need a function"):
        td.script(3)


def test_static_and_class_methods():
    class Model:
        k = 3.0

        @td.script
        @staticmethod
        def double(x):
            return x * 2

        @td.script
        @classmethod
        def scale(cls, x):
            return x * cls.k

    support.assert_same(x() * 2, Model.double(x()))
    support.assert_same(x() * 3.0, Model.scale(x()))
    support.assert_same(x() * 3.0, Model().scale(x()))


def test_callable_objects_keep_their_attributes():
    class Model:
        def __init__(self):
            self.k = 2.0

        def __call__(self, x):
            return x * self.k if x.sum() > 0 else x

    model = td.script(Model())
    support.assert_same(x() * 2.0, model(x()))
    assert model.k == 2.0
    with pytest.raises(AttributeError):
        model.missing


def test_bound_method():
    class Model:
        def run(self, x):
            return x * 2 if x.sum() > 0 else x

    f = td.script(Model().run)
    support.assert_same(x() * 2, f(x()))


def test_threads_capture_on_their_own():
    results, errors = {}, []

    def work(k):
        try:
            f = td.script(lambda x: x * k if x.sum() > 0 else x)
            for _ in range(5):
                results[k] = np.asarray(f(x()))
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for k, value in results.items():
        np.testing.assert_array_equal(value, X * np.float32(k))
