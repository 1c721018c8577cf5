"""Objects with several names: a change of one is seen through all, or the capture says that it could not be."""

from dataclasses import dataclass
from typing import Any

import frontend_support as support
import pytest

import tandem as td


@dataclass
class State:
    a: Any


def dataclass_in_one_branch(x):
    s = State(x)
    t = s
    if x.sum() > 0:
        s = State(x * 2)
    s.a = s.a * 3
    return t.a


def list_in_one_branch(x):
    s = [x]
    t = s
    if x.sum() > 0:
        s = [x * 2]
    s[0] = s[0] * 3
    return t[0]


def dict_in_one_branch(x):
    s = {"k": x}
    t = s
    if x.sum() > 0:
        s = {"k": x * 2}
    s["k"] = s["k"] * 3
    return t["k"]


def the_other_name_changes(x):
    s = State(x)
    t = s
    if x.sum() > 0:
        s = State(x * 2)
    t.a = x * 5
    return s.a


def held_by_another_object(x):
    s = State(x)
    t = [s]
    while x.sum() > 0:
        x = x - 1
        s = State(x * 2)
    s.a = s.a * 3
    return t[0].a


def choice_between_two(x):
    a, b = [x], [x * 2]
    y = a if x.sum() > 0 else b
    y[0] = x * 7
    return a[0], b[0]


@pytest.mark.parametrize(
    "function",
    [
        dataclass_in_one_branch,
        list_in_one_branch,
        dict_in_one_branch,
        the_other_name_changes,
        held_by_another_object,
        choice_between_two,
    ],
)
def test_a_change_that_another_name_sees_on_some_paths_only(function):
    with pytest.raises(td.CaptureError, match="got a change of an object that has another name, too, but only on some"):
        td.script(function)(td.ones((2,)))


def changed_in_a_branch(x):
    s = State(x)
    t = s
    if x.sum() > 0:
        s.a = x * 5
    return t.a, s.a


def changed_in_a_while(x):
    s = State(x)
    t = s
    while x.sum() > 0:
        x = x - 1
        s.a = s.a + 1
    return t.a, s.a


def changed_in_a_for(x):
    s = State(x)
    t = s
    for _ in range(5):
        if s.a.sum() > 3:
            s.a = s.a * 2
        else:
            s.a = s.a + 1
    return t.a, s.a


def one_name(x):
    s = State(x)
    if x.sum() > 0:
        s = State(x * 2)
    s.a = s.a * 3
    return s.a


def one_name_in_a_loop(x):
    s = [x, x]
    for _ in range(6):
        s = [s[1], s[0] + s[1]]
    s[0] = s[0] * 3
    return s


def one_name_of_a_choice(x):
    y = [x] if x.sum() > 0 else [x * 2]
    y.append(x)
    return y


def two_names_of_what_stays(x):
    s = State(x)
    t = s
    if x.sum() > 0:
        s = State(x * 2)
    return t.a + s.a


@pytest.mark.parametrize(
    "function",
    [
        changed_in_a_branch,
        changed_in_a_while,
        changed_in_a_for,
        one_name,
        one_name_in_a_loop,
        one_name_of_a_choice,
        two_names_of_what_stays,
    ],
)
def test_as_in_eager_code(function):
    compiled = td.script(function)
    for array in support.tensors((3,)):
        support.check(function, compiled, array)
