"""Python objects with several names under tensor conditions.

In eager code a list, a dict or an object is changed for everybody who holds it. What a branch or loop body does to
it must be the same in compiled code, or an error that says so; never something else.
"""

import frontend_support as support
import numpy as np
import pytest
from object_support import Cell, Outer, Pair, Plain, X, into, message

import tandem as td

same, several = [], []


# One object, whatever its names


@into(same)
def list_item_by_both_names(x):
    one = [x]
    other = one
    while one[0].sum() > 3:
        other[0] = one[0] * 0.5
        one[0] = one[0] + 0.25
    return one[0], other[0]


@into(same)
def attribute_by_both_names(x):
    one = Cell(x)
    other = one
    if x.sum() > 0:
        other.value = one.value * 2
    else:
        one.value = one.value - 1
    one.value = one.value + 1
    return one.value, other.value


@into(same)
def fields_in_one_branch_and_another_object_in_the_other(x):
    one = Cell(x)
    if x.sum() > 0:
        one.value = one.value * 2
    else:
        one = Cell(x * 3)
    one.value = one.value + 1
    return one.value


@into(same)
def two_names_on_every_path(x):
    if x.sum() > 0:
        one = other = [x]
        cell = again = Cell(x)
    else:
        one = other = [-x]
        cell = again = Cell(x * 2)
    one[0] = one[0] * 3
    again.value = again.value * 5
    return other[0], cell.value


@into(same)
def exchanged(x):
    one, other = [x], [x + 1]
    if x.sum() > 0:
        one, other = other, one
    steps = x.sum()
    while steps > 0:
        one, other = other, one
        steps = steps - 1
    one[0] = one[0] * 3
    return one[0], other[0]


@into(same)
def replaced_and_never_changed(x):
    first = [x]
    state = first
    while state[0].sum() > 3:
        state = [state[0] * 0.5]
    return state[0], first[0]


@into(same)
def replaced_in_its_container(x):
    inner = {"h": x}
    outer = {"inner": inner, "n": 0}
    while outer["inner"]["h"].sum() > 3:
        outer["inner"] = {"h": outer["inner"]["h"] * 0.5}
        outer["n"] += 1
    return inner["h"], outer["inner"]["h"], outer["n"]


@into(same)
def replaced_by_a_branch_in_its_container(x):
    inner = [x]
    outer = [inner]
    if x.sum() > 0:
        outer[0] = [x * 2]
    return inner[0], outer[0][0]


@into(same)
def inner_one_in_two_places(x):
    inner = [x]
    outer = [inner, inner]
    if x.sum() > 0:
        outer[0][0] = x * 2
    outer[0][0] = outer[0][0] + 1
    return outer[1][0], inner[0]


@into(same)
def new_one_in_two_places_in_a_loop_over_a_range(x):
    one, other = [x], [x + 1]
    for _ in range(5):
        one = other = [one[0] + other[0]]
    one[0] = one[0] * 3
    return one[0], other[0]


@into(same)
def copied_first(x):
    kept = [x]
    state = list(kept)
    if x.sum() > 0:
        state = [x * 2]
    state[0] = state[0] * 3
    return kept[0], state[0]


@into(same)
def state_that_a_function_returns(x):
    def step(state):
        if state["h"].sum() > 3:
            state = {"h": state["h"] * 0.5, "n": state["n"] + 1}
        return state

    state = {"h": x, "n": 0}
    for _ in range(3):
        state = step(state)
    return state["h"], state["n"]


@into(same)
def tuples_are_values(x):
    pair = other = Pair(x, [x])
    if x.sum() > 0:
        pair = Pair(x * 2, [x])
    return pair.first, other.first


@into(same)
def returned_as_a_tuple_from_a_loop_or_after_it(x):
    steps = x.sum()
    y = x
    while steps > 3:
        steps = steps - 1
        y = x * 2
        if y.max() > 7:
            return [y, (x, {"a": y})]
    else:
        y = y + 1
    return [x, (y, {"a": x})]


@into(same)
def the_last_statement_is_never_reached(x):
    steps = x.sum()
    while steps > 3:
        steps = steps - 1
        while steps > 5:
            steps = steps - 2
        else:
            return x * 2, steps
        break
    else:
        return x, steps
    return x * 3, steps


# The same object on some paths only, and a change that would tell


@into(several)
def dataclass_in_a_branch(x):
    one = Cell(x)
    other = one
    if x.sum() > 0:
        one = Cell(x * 2)
    one.value = one.value * 3
    return other.value


@into(several)
def list_in_a_branch(x):
    one = [x]
    other = one
    if x.sum() > 0:
        one = [x * 2]
    one[0] = one[0] * 3
    return other[0]


@into(several)
def list_that_is_appended_to(x):
    one = [x]
    other = one
    if x.sum() > 0:
        one = [x * 2]
    one.append(x)
    return x * len(other)


@into(several)
def changed_by_the_old_name(x):
    one = {"a": x}
    other = one
    if x.sum() > 0:
        one = {"a": x * 2}
    other["a"] = x - 7
    return one["a"]


@into(several)
def one_of_two_by_a_ternary(x):
    lists = [x], [x + 1]
    one = lists[0] if x.sum() > 0 else lists[1]
    one[0] = one[0] * 3
    return lists[0][0], lists[1][0]


@into(several)
def becomes_the_other(x):
    one, other = Cell(x), Cell(x + 1)
    if x.sum() > 0:
        other = one
    one.value = one.value * 3
    return other.value


@into(several)
def list_in_a_loop(x):
    first = [x]
    state = first
    while state[0].sum() > 3:
        state = [state[0] * 0.5]
    state[0] = state[0] * 3
    return first[0]


@into(several)
def changed_in_the_loop_and_then_another(x):
    first = [x]
    state = first
    steps = x.sum()
    while steps > 0:
        state[0] = state[0] * 2
        state = [state[0] + 1]
        steps = steps - 1
    return first[0]


@into(several)
def one_new_object_with_two_names_per_iteration(x):
    one, other = {"a": x}, {"a": x + 1}
    steps = x.sum()
    while steps > 0:
        one = other = {"a": one["a"] + other["a"]}
        steps = steps - 1
    one["a"] = one["a"] * 3
    return other["a"]


@into(several)
def held_by_an_attribute(x):
    holder = Plain([x])
    state = holder.value
    if x.sum() > 0:
        holder.value = [x * 2]
    holder.value[0] = holder.value[0] * 3
    return state[0]


@into(several)
def nested_dataclass(x):
    inner = Cell(x)
    outer = Outer(inner)
    if x.sum() > 0:
        outer.inner = Cell(x * 2)
    outer.inner.value = outer.inner.value * 3
    return inner.value


@into(several)
def nested_in_a_list(x):
    inner = [x]
    outer = [inner]
    if x.sum() > 0:
        outer[0] = [x * 2]
    outer[0][0] = outer[0][0] * 3
    return inner[0]


@into(several)
def held_by_the_caller(x):
    def update(state):
        if x.sum() > 0:
            state = [x * 2]
        state[0] = state[0] * 3
        return state

    state = [x]
    new = update(state)
    return state[0], new[0]


@into(several)
def held_by_a_closure(x):
    first = state = [x]

    def read():
        return first[0]

    if x.sum() > 0:
        state = [x * 2]
    state[0] = state[0] * 3
    return read()


@into(several)
def returned_early(x):
    def pick(cell):
        if x.sum() > 0:
            return cell
        return Cell(x + 1)

    cell = Cell(x)
    new = pick(cell)
    new.value = new.value * 3
    return cell.value


@into(several)
def again_by_another_branch(x):
    first = one = [x]
    if x.sum() > 0:
        one = [x * 2]
    if x.max() > 3:
        one = [x * 5]
    one[0] = one[0] + 1
    return first[0]


@into(several)
def asked_for_its_identity(x):
    first = one = [x]
    if x.sum() > 0:
        one = [x * 2]
    return x if one is first else -x


@into(several)
def asked_for_the_identity_of_a_tuple(x):
    first = one = (x, x)
    if x.sum() > 0:
        one = (x * 2, x)
    return x if one is not first else -x


@pytest.mark.parametrize("program", same)
def test_one_object_stays_one_object(program):
    compiled = td.script(program)
    for array in (X, -X, X * 0):
        support.check(program, compiled, array)


@pytest.mark.parametrize("program", several)
def test_an_object_with_several_names_on_some_paths_does_not_change(program):
    text = message(program)
    assert "of an object that has another name, too, but only on some paths through the '" in text
    assert "; try a copy where it gets its second name" in text and "\n  --> " in text


def test_lists_of_the_caller_are_other_names():
    def program(x, items):
        if x.sum() > 0:
            items = [x * 2]
        items[0] = items[0] * 3
        return items[0]

    x = td.asarray(X)
    with pytest.raises(td.CaptureError, match="an object that has another name, too"):
        td.script(program)(x, [x])

    def harmless(x, items):
        if x.sum() > 0:
            items = [x * 2]
        return items[0]

    compiled = td.script(harmless)
    for sign in (1, -1):
        x = td.asarray(X * sign)
        np.testing.assert_array_equal(np.asarray(compiled(x, [x])), np.asarray(harmless(x, [x])))


def test_lists_of_modules_are_other_names():
    holder = Plain([td.asarray(X)])

    def program(x):
        items = holder.value
        if x.sum() > 0:
            items = [x * 2]
        items[0] = items[0] * 3
        return items[0]

    with pytest.raises(td.CaptureError, match="an object that has another name, too"):
        td.script(program)(td.asarray(X))
