"""Changes of Python objects under tensor conditions that nobody can see in the text: errors that say so."""

import collections
import io
import itertools
import random

import frontend_support as support
import numpy as np
import pytest
from object_support import Cell, Counter, Plain, X, into, message

import tandem as td

changed, unclear = [], []


# Changes of what the body does not name


@into(changed)
def changed_in_one_branch_and_another_object_in_the_other(x):
    one = other = Cell(x)
    if x.sum() > 0:
        one.value = one.value * 2
    else:
        one = Cell(x * 3)
    return one.value + other.value


@into(changed)
def the_same_for_lists(x):
    one = other = [x]
    if x.sum() > 0:
        one = [x * 3]
    else:
        one[0] = one[0] * 2
    return one[0] + other[0]


@into(changed)
def appended_by_a_function(x):
    log = []

    def note(value):
        log.append(value)

    if x.sum() > 0:
        note(1)
    return x * len(log)


@into(changed)
def changed_by_a_method(x):
    counter = Counter(0)
    if x.sum() > 0:
        counter.increase()
    return x * counter.count


@into(changed)
def tensor_changed_by_a_method(x):
    counter = Counter(x)
    if x.sum() > 0:
        counter.increase()
    return counter.count


@into(changed)
def changed_in_a_loop(x):
    counter, y = Counter(0), x
    while y.sum() > 3:
        counter.increase()
        y = y * 0.5
    return y * counter.count


@into(changed)
def set_by_name(x):
    plain = Plain(0)
    if x.sum() > 0:
        setattr(plain, "value", 1)  # noqa: B010
    return x * plain.value


@into(changed)
def bound_method(x):
    items = [1, 2]
    add = items.append
    if x.sum() > 0:
        add(3)
    return x * len(items)


@into(changed)
def map_over_a_method(x):
    items = [1, 2]
    if x.sum() > 0:
        list(map(items.append, range(3)))
    return x * len(items)


@into(changed)
def unbound_method(x):
    items = [3, 1, 2]
    if x.sum() > 0:
        list.sort(items)
    return x * items[0]


@into(changed)
def in_an_operand(x):
    items = [1]
    x.sum() > 0 and items.append(2)
    return x * len(items)


@into(changed)
def in_a_ternary(x):
    items = {"a": 1, "b": 2}
    items.pop("a") if x.sum() > 0 else None
    return x * len(items)


@into(changed)
def sets(x):
    seen = {1}
    if x.sum() > 0:
        seen.add(2)
    return x * len(seen)


@into(changed)
def deques(x):
    window = collections.deque([x], maxlen=4)
    if x.sum() > 0:
        window.append(x * 2)
    return x * len(window)


@into(changed)
def counters(x):
    counts = collections.Counter()
    if x.sum() > 0:
        counts["a"] += 1
    return x * counts["a"]


@into(changed)
def numpy_arrays(x):
    array = np.zeros(2, np.float32)
    if x.sum() > 0:
        array[0] = 3
    return x * float(array[0])


@into(changed)
def byte_arrays(x):
    data = bytearray(b"a")
    if x.sum() > 0:
        data[0] = 3
    return x * data[0]


@into(changed)
def iterators(x):
    numbers = iter([1, 2, 3])
    if x.sum() > 0:
        next(numbers)
    return x * next(numbers)


@into(changed)
def wrapped_iterators(x):
    numbers = enumerate(zip([1, 2, 3], itertools.count(), strict=False))
    if x.sum() > 0:
        next(numbers)
    return x * next(numbers)[0]


@into(changed)
def generators(x):
    def numbers():
        yield from (1, 2, 3)

    found = numbers()
    if x.sum() > 0:
        next(found)
    return x * next(found)


@into(changed)
def streams(x):
    stream = io.StringIO()
    if x.sum() > 0:
        stream.write("abc")
    return x * len(stream.getvalue())


@into(changed)
def random_numbers(x):
    source = random.Random(0)
    if x.sum() > 0:
        source.random()
    return x * source.random()


@into(changed)
def held_deep_inside(x):
    holder = Plain({"list": (Counter(0),)})
    if x.sum() > 0:
        holder.value["list"][0].increase()
    return x * holder.value["list"][0].count


@into(changed)
def held_by_a_function_only(x):
    def make():
        count = Counter(0)
        return count.increase, lambda: count.count

    increase, read = make()
    if x.sum() > 0:
        increase()
    return x * read()


# Attributes that are deleted on some paths


@into(unclear)
def deleted_in_a_branch(x):
    plain = Plain(1)
    if x.sum() > 0:
        del plain.value
    return x if hasattr(plain, "value") else -x


@pytest.mark.parametrize("program", changed)
def test_a_body_changes_only_what_it_names(program):
    text = message(program)
    assert "got a change in the body of the '" in text and ", which may not run at all; " in text and "\n  --> " in text


@pytest.mark.parametrize("program", unclear)
def test_an_attribute_may_be_missing(program):
    assert "variable 'plain.value': got no single value" in message(program)


def test_changes_outside_of_bodies_are_free():
    def program(x):
        counter, log = Counter(0), collections.deque()
        numbers = itertools.count(1)
        for k in range(6):
            counter.increase()
            log.append(k)
            if x.sum() > k:
                x = x * 0.5
            x = x + next(numbers)
        return x * counter.count, len(log)

    compiled = td.script(program)
    for array in (X, -X):
        support.check(program, compiled, array)
