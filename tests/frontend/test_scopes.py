"""Functions, classes and variables of enclosing functions inside captured code."""

import frontend_support as support
import numpy as np
import pytest

import tandem as td

X = np.array([1.0, -2.0, 4.0], dtype=np.float32)


def check(program, *arrays):
    compiled = td.script(program)
    for array in arrays or (X, -X, X * 0):
        support.check(program, compiled, array)
    return compiled


def refused(program, *words):
    with pytest.raises(td.CaptureError) as caught:
        td.script(program)(td.asarray(X.copy()))
    for word in words:
        assert word in str(caught.value)


def test_a_call_under_a_condition_changes_a_variable_around_it():
    def program(x):
        best, count = x, 0

        def note(value):
            nonlocal best, count
            best = value
            count += 1

        note(x * 2)
        if x.sum() > 0:
            note(x * 3)
            if x.max() > 2:
                note(x * 4)
        while best.max() > 1:
            note(best * 0.5)
        return best, count

    check(program)


def test_such_a_call_from_another_function_is_refused():
    """The branch is in a function that does not have the variable: both its sides would change it."""

    def program(x):
        count = 0

        def increase():
            nonlocal count
            count += 1

        def when_positive(function):
            if x.sum() > 0:
                function()

        when_positive(increase)
        return x * count

    refused(program, "variable 'count'", "'increase', which changes it", "'if' at line", "try returning the new value")


def test_variables_of_the_called_function_itself_are_free():
    def program(x):
        def total(value):
            result = value * 0

            def add(part):
                nonlocal result
                result = result + part

            for k in range(3):
                add(value * k)
            return result

        return total(x) if x.sum() > 0 else total(-x)

    check(program)


def test_a_tensor_that_leaves_a_branch_by_a_list_names_the_list():
    def program(x):
        kept = []

        def keep(value):
            kept.append(value)

        if x.sum() > 0:
            keep(x * 2)
        else:
            keep(x * 3)
        return kept[0]

    refused(program, "'kept': got a change in the body of the 'if' at line")


def test_constructors_and_properties_under_conditions():
    class Interval:
        def __init__(self, low, high):
            if low.sum() > high.sum():
                low, high = high, low
            self.low, self.high = low, high

        @property
        def middle(self):
            return (self.low + self.high) * 0.5

        @property
        def width(self):
            return self.high - self.low if self.middle.sum() > 0 else self.low - self.high

    def program(x):
        interval = Interval(x, x * x)
        return interval.low, interval.middle * interval.width

    check(program)


def test_a_property_that_is_read_is_guarded():
    class Gain:
        def __init__(self):
            self.number = 2.0

        @property
        def value(self):
            return self.number * 3

    gain = Gain()
    compiled = td.script(lambda x: x * gain.value)
    x = td.asarray(X)
    np.testing.assert_array_equal(np.asarray(compiled(x)), X * 6)
    gain.number = 5.0
    np.testing.assert_array_equal(np.asarray(compiled(x)), X * 15)


def test_a_property_with_a_setter_and_one_that_fails():
    class Box:
        def __init__(self, value):
            self.value = value

        @property
        def doubled(self):
            return self.value * 2 if self.value.sum() > 0 else self.value

        @doubled.setter
        def doubled(self, value):
            self.value = value / 2

        @property
        def missing(self):
            return self.nothing

    def program(x):
        box = Box(x)
        box.doubled = box.doubled + 1
        return box.value if not hasattr(box, "missing") else x, getattr(box, "missing", 0)

    check(program)


def test_classes_keep_their_names():
    def program(x):
        class Inner:
            def name(self):
                return type(self).__qualname__, self.name.__qualname__

        a, b = Inner().name()
        return x * (1 if a.endswith("program.<locals>.Inner") and b.endswith("Inner.name") else 2)

    check(program)


def test_super_in_a_property_and_a_local_class():
    def program(x):
        class Base:
            scale = 2

            @property
            def value(self):
                return x * self.scale if x.sum() > 0 else x

            def apply(self, y):
                return y + 1 if y.max() > 1 else y

        class Derived(Base):
            scale = 3

            @property
            def value(self):
                return super().value - 1

            def apply(self, y):
                return super().apply(y) * 2

        return Derived().value, Derived().apply(x)

    check(program)


def test_generators_with_conditions_between_their_yields():
    def program(x):
        def parts(y):
            for k in range(3):
                if y.sum() > k:
                    y = y * 0.5
                else:
                    y = y + 1
                yield y
                if k == 1:
                    continue
                y = y - 0.25
            return y

        def both():
            last = yield from parts(x)
            yield last

        return list(both()), sum(y.sum() for y in parts(-x))

    check(program)


def test_a_yield_under_a_tensor_condition_is_refused():
    def program(x):
        def parts():
            if x.sum() > 0:
                yield x

        return list(parts())

    refused(program, "'if' around a 'yield': got a condition that depends on a tensor")


def test_return_through_finally_leaves_variables_unset():
    def program(x):
        log = 0
        for k in range(3):
            try:
                if x.sum() > k:
                    return x * 2, log
                y = x + k
                z = (y, k)
            finally:
                log += 1
            x = y + z[0]
        return x, log

    check(program)


class Plain:
    def __init__(self, value):
        self.value = value


def _held_by_a_variable(x):
    one = Plain(x)
    other = one
    if x.sum() > 0:
        one = Plain(x * 2)
    one.value = one.value * 3
    return other.value


def _held_by_a_list(x):
    kept = [Plain(x)]
    one = kept[0] if x.sum() > 0 else Plain(x + 1)
    one.value = one.value - 5
    return kept[0].value


def _two_names_on_every_path(x):
    if x.sum() > 0:
        one = other = Plain(x)
    else:
        one = other = Plain(-x)
    one.value = one.value + 1
    return other.value


def _held_by_the_caller(x):
    def inner(given):
        while given.value.sum() < 10:
            given = Plain(given.value + 1)
        given.value = given.value * 0
        return given.value

    one = Plain(x)
    return inner(one) + one.value


@pytest.mark.parametrize(
    "program", [_held_by_a_variable, _held_by_a_list, _two_names_on_every_path, _held_by_the_caller]
)
def test_an_object_with_several_names_is_not_made_anew(program):
    refused(program, "no single value, because it is Plain")
