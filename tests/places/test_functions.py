"""Annotations on functions that others decorated, on parts of classes, and on other callables."""

import contextlib
import functools

import numpy as np
import pytest

import tandem as td


def x():
    return td.asarray(np.array([1.0, 2.0, 3.0], np.float32))


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * 2

    return wrapper


def same(annotated, *args):
    """Eager and annotated results agree, for a positive and a negative tensor."""
    for value in (x(), -x()):
        expected = annotated.eager(value, *args)
        assert annotated(value, *args).tolist() == expected.tolist()
    return annotated(x(), *args).tolist()


# ---- decorators above and below ----


def test_a_decorator_below():
    @td.script
    @doubled
    def f(x):
        return x + 1 if x.sum() > 0 else x

    assert same(f) == [4.0, 6.0, 8.0]
    assert f.__name__ == "f"


def test_a_decorator_above():
    @doubled
    @td.script
    def f(x):
        return x + 1 if x.sum() > 0 else x

    assert f(x()).tolist() == [4.0, 6.0, 8.0] and f(-x()).tolist() == [-2.0, -4.0, -6.0]
    assert f.__name__ == "f" and isinstance(f.__wrapped__, td.jit.Compiled)


def test_decorators_on_both_sides_inside_a_capture():
    @doubled
    @td.script
    @doubled
    def inner(x):
        return x if x.sum() > 0 else -x

    @td.script
    def f(x):
        return inner(x) + 1 if x.max() > 0 else inner(x)

    assert same(f) == [5.0, 9.0, 13.0]


def test_a_decorator_with_a_tensor_condition():
    def clipped(limit):
        def decorate(function):
            @functools.wraps(function)
            def wrapper(x):
                y = function(x)
                if y.sum() > limit:
                    y = y * 0 + limit
                return y

            return wrapper

        return decorate

    @td.script
    @clipped(8.0)
    def f(x):
        return x * 2

    assert same(f) == [8.0, 8.0, 8.0]


def test_context_managers_inside():
    entered = []

    @contextlib.contextmanager
    def scope(name):
        entered.append(name)
        try:
            yield len(name)
        finally:
            entered.pop()

    @td.script
    def f(x):
        with scope("abc") as n:
            if x.sum() > 0:
                x = x * n
            else:
                x = x - n
        return x

    assert same(f) == [3.0, 6.0, 9.0]
    assert entered == []


def test_an_annotation_inside_a_context_manager_decorator():
    class Scaled(contextlib.ContextDecorator):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

    @td.script
    @Scaled()
    def f(x):
        return x * 2 if x.sum() > 0 else x

    assert same(f) == [2.0, 4.0, 6.0]


def test_partial():
    def scale(x, k, *, shift=0):
        if x.sum() > 0:
            return x * k + shift
        return x

    f = td.script(functools.partial(scale, k=3, shift=1))
    assert same(f) == [4.0, 7.0, 10.0]
    assert f.__name__ == "scale"
    g = functools.partial(td.script(scale), k=2)
    assert g(x()).tolist() == [2.0, 4.0, 6.0]

    @td.script
    def h(x):
        return functools.partial(scale, k=4)(x) + 1

    assert same(h) == [5.0, 9.0, 13.0]


def test_lru_cache():
    @functools.lru_cache
    def factor(n):
        return n * 2

    @td.script
    def f(x):
        return x * factor(3) if x.sum() > 0 else x

    assert same(f) == [6.0, 12.0, 18.0]

    @functools.lru_cache
    def cached(x):
        return x * 2

    with pytest.raises(TypeError, match=r"^script: got '.*cached' under functools.lru_cache"):
        td.script(cached)
    with pytest.raises(td.CaptureError, match="tensor for functools.lru_cache"):
        td.script(lambda x: cached(x))(x())
    assert td.script(cached.__wrapped__)(x()).tolist() == [2.0, 4.0, 6.0]
    # Outside of an annotation the cache is the user's business.
    outside = functools.lru_cache(td.script(lambda x: x * 3))
    value = x()
    assert outside(value) is outside(value)


def test_singledispatch():
    @functools.singledispatch
    def f(value):
        raise TypeError(value)

    @f.register
    @td.script
    def _(value: td.Tensor):
        return value * 2 if value.sum() > 0 else value

    assert f(x()).tolist() == [2.0, 4.0, 6.0]


# ---- lambdas ----


def test_lambdas():
    f = td.script(lambda x: x * 2 if x.sum() > 0 else x * 3)
    assert same(f) == [2.0, 4.0, 6.0]
    pair = [td.script(lambda x: x + 1 if x.sum() > 0 else x), td.script(lambda x: x + 2 if x.sum() > 0 else x)]
    assert [same(g)[0] for g in pair] == [2.0, 3.0]
    table = {name: td.script(lambda x, k=k: x * k if x.sum() > 0 else x) for k, name in enumerate("abc")}
    assert [same(table[name])[0] for name in "abc"] == [0.0, 1.0, 2.0]
    nested = td.script(lambda x: (lambda y: y * 2 if y.sum() > 0 else y)(x) + 1)
    assert same(nested) == [3.0, 5.0, 7.0]


def test_a_lambda_over_several_lines():
    f = td.script(
        lambda x: (
            x * 2  # comment
            if x.sum() > 0
            else x
        )
    )
    assert same(f) == [2.0, 4.0, 6.0]


def test_equal_lambdas_in_one_line_are_told_apart_by_their_columns():
    f, g = td.script(lambda x: x * 2 if x.sum() > 0 else x), td.script(lambda x: x * 3 if x.sum() > 0 else x)
    assert same(f) == [2.0, 4.0, 6.0] and same(g) == [3.0, 6.0, 9.0]


# ---- class bodies ----


class Model:
    scale = 2.0

    def __init__(self, shift):
        self.shift = shift

    @td.script
    def method(self, x):
        return x * self.scale + self.shift if x.sum() > 0 else x

    @staticmethod
    @td.script
    def below(x):
        return x * 2 if x.sum() > 0 else x

    @td.script
    @staticmethod
    def above(x):
        return x * 3 if x.sum() > 0 else x

    @classmethod
    @td.script
    def of_class(cls, x):
        return x * cls.scale if x.sum() > 0 else x

    @td.script
    @classmethod
    def of_class_above(cls, x):
        return x + cls.scale if x.sum() > 0 else x

    @property
    @td.script
    def value(self):
        return td.ones((2,)) * self.shift

    @td.trace
    def __call__(self, x):
        return self.method(x) + 1

    def plain(self, x):
        return self.__private(x) if x.sum() > 0 else x

    def __private(self, x):
        return x * self.shift

    private = td.script(lambda self, x: self.plain(x))


class Derived(Model):
    scale = 5.0

    @td.script
    def method(self, x):
        return super().method(x) * 10 if x.sum() > 0 else x


def test_class_bodies():
    model = Model(1.0)
    assert model.method(x()).tolist() == [3.0, 5.0, 7.0] and model.method(-x()).tolist() == [-1.0, -2.0, -3.0]
    assert Model.below(x()).tolist() == model.below(x()).tolist() == [2.0, 4.0, 6.0]
    assert Model.above(x()).tolist() == model.above(x()).tolist() == [3.0, 6.0, 9.0]
    assert Model.of_class(x()).tolist() == model.of_class(x()).tolist() == [2.0, 4.0, 6.0]
    assert Model.of_class_above(x()).tolist() == [3.0, 4.0, 5.0]
    assert model.value.tolist() == [1.0, 1.0]
    assert model(x()).tolist() == [4.0, 6.0, 8.0]
    assert model.private(x()).tolist() == [1.0, 2.0, 3.0]
    assert Model.method(model, x()).tolist() == [3.0, 5.0, 7.0]
    model.shift = 2.0
    assert model.method(x()).tolist() == [4.0, 6.0, 8.0] and model.value.tolist() == [2.0, 2.0]


def test_inherited_methods():
    derived = Derived(1.0)
    assert derived.method(x()).tolist() == [60.0, 110.0, 160.0]
    assert Derived.of_class(x()).tolist() == [5.0, 10.0, 15.0]
    assert Model(1.0).method(x()).tolist() == [3.0, 5.0, 7.0]


def test_bound_methods_and_instances():
    model = Model(3.0)
    f = td.script(model.plain)
    assert f(x()).tolist() == [3.0, 6.0, 9.0] and f(-x()).tolist() == [-1.0, -2.0, -3.0]

    class Call:
        def __init__(self):
            self.k = 4.0

        def __call__(self, x):
            return x * self.k if x.sum() > 0 else x

    g = td.script(Call())
    assert g(x()).tolist() == [4.0, 8.0, 12.0] and g.k == 4.0


def test_a_class_made_inside_a_function():
    def make(k):
        class Local:
            @td.script
            def method(self, x):
                return x * k if x.sum() > 0 else x

        return Local()

    assert make(2.0).method(x()).tolist() == [2.0, 4.0, 6.0]
    assert make(3.0).method(x()).tolist() == [3.0, 6.0, 9.0]
