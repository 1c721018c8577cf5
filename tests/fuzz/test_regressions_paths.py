"""Programs that the fuzzer found and shrank: tensors that are one on some paths only."""

from __future__ import annotations

import numpy as np
import pytest

import tandem as td
from fuzz.modes import Modes
from fuzz.program import Program, define


def test_write_through_a_variable_that_is_an_argument_on_one_path(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    if y > 1:
        x = x * 2
    x += 1
    return y
""",
        "(td.asarray([1.0]), td.asarray(0.0))",
    )


REFUSED = {
    "a view on one path": """
def program(x):
    if x.sum() > 0:
        v = x
    else:
        v = x[::2]
    v[...] = 2
    return x
""",
    "another tensor from the second iteration on": """
def helper(x):
    x[2] -= 1
    return td.log(x)

def program(x):
    fuel = 2
    while fuel > 0 and x.mean() < 2:
        fuel -= 1
        x = helper(x)
    return fuel
""",
    "an argument unless the loop runs": """
def program(x):
    y = x
    while y.sum() < 10:
        y = y * 2
    y += 1
    return x
""",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_writes_to_a_variable_that_is_another_tensor_on_some_paths_are_refused(text: str) -> None:
    with pytest.raises(td.CaptureError):
        td.script(define(Program(text, [])))(td.asarray([1.0, 1.0, 1.0]))


def test_a_branch_hands_on_an_argument_that_is_written_afterwards(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    if y:
        v = +x
    else:
        v = x * 2
    x += 1
    return v
""",
        "(td.asarray([1.0]), td.asarray(1))",
    )


def test_write_in_the_second_iteration_to_what_a_branch_left(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    for i in range(2):
        if x.min():
            x <<= 2
        else:
            x = x & x
    return x
""",
        "(td.asarray([2, 1], dtype=td.int32),)",
    )


def test_a_variable_is_one_or_the_other_view_of_an_argument(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = x
    if x[0] == 2:
        pass
    else:
        y = x[::2]
    y[...] = 0
    x += 1
    return y * 1
""",
        "(td.asarray([1], dtype=td.int8),)",
        "(td.asarray([2], dtype=td.int8),)",
    )


def test_branches_that_make_one_tensor_of_two_variables(modes: Modes) -> None:
    modes.check(
        """
def program(a0, a1):
    a1 = a0
    if a1.sum():
        a1 = td.ones_like(a1)
        a0 = a1
    a0 += 2
    return a1
""",
        "(td.asarray([[0, -7]]), td.asarray([[1.0]]))",
        "(td.asarray([[0, 0]]), td.asarray([[1.0]]))",
    )


def test_a_read_only_argument_that_the_other_branch_takes(modes: Modes) -> None:
    modes.check(
        """
def program(a0, a1):
    t1 = a1 - 2
    t2 = a1 if a0 else t1
    t1[1] *= 3
    return t1, t2
""",
        "(td.asarray(True), td.broadcast_to(td.asarray([1.0, 2.0]), (3, 2)))",
        "(td.asarray(False), td.broadcast_to(td.asarray([1.0, 2.0]), (3, 2)))",
    )


REACHES_AN_ARGUMENT = [
    """
def program(a0, a1):
    for i1 in range(4):
        if a0:
            a1 = a1.T
            a1 += 1
        else:
            break
""",
    """
def program(a0, a1):
    if a1 >= 3:
        a1 = 1 / a1
    f3 = 2
    while f3 > 0 and a1.sum() < 1:
        f3 -= 1
        a1 = +a1
    a1[...] = 1
""",
]


@pytest.mark.parametrize("source", REACHES_AN_ARGUMENT)
def test_a_write_that_reaches_an_argument_on_some_paths_is_refused(modes: Modes, source: str) -> None:
    verdict = modes.verdict(Program(source, ["(td.asarray([1.0]), td.asarray([2.233]))"]), strictly=True)
    assert verdict.failure is None and verdict.refused == "one tensor on some paths"


def test_variables_that_a_loop_swaps_reach_an_argument(modes: Modes) -> None:
    source = """
def program(a0, a1):
    t1 = a0.copy()
    f2 = 1
    while f2 > 0 and a1.sum() != 1:
        f2 -= 1
        a0, t1 = (t1, a0)
    t1[...] = 1
"""
    verdict = modes.verdict(Program(source, ["(td.asarray([10.0]), td.asarray([[0.661]]))"]), strictly=True)
    assert verdict.failure is None and verdict.refused == "one tensor on some paths"


def test_a_parameter_of_a_loop_that_a_nested_branch_may_hand_on(modes: Modes) -> None:
    source = """
def program(a0, a1, a2):
    f1 = 1
    while f1 > 0 and a1[0] < 2:
        f1 -= 1
        if a2:
            if a1 == 0:
                a0 = td.min(a0[None], axis=2)
        a0[...] = True
"""
    arguments = "(td.asarray([[-1.0]], dtype=td.float32), td.asarray([1.0], dtype=td.float32), td.asarray([[1.0]]))"
    verdict = modes.verdict(Program(source, [arguments]), strictly=True)
    assert verdict.failure is None and verdict.refused == "bound and written in a loop"


def test_an_argument_that_gets_the_old_contents_of_another_on_one_path(modes: Modes) -> None:
    modes.check(
        """
def program(a1, a2):
    if a2:
        a2[...] = a1
        f1 = 2
        while f1:
            f1 -= 1
            a1 *= f1
    return a2
""",
        "(td.asarray(1.0), td.asarray(1.0))",
        "(td.asarray(1.0), td.asarray(0.0))",
    )


def test_a_write_through_one_of_several_choices_reaches_the_earlier_ones(modes: Modes) -> None:
    modes.check(
        """
def program(a1, a2):
    t1 = td.minimum(1, a2)
    for i4 in range(4):
        t1 = t1 if 0 < a1 <= 1 else a2
        t1[1] += 1
    return t1
""",
        "(td.asarray([[[16]]], dtype=td.uint8), td.asarray([[3], [0]], dtype=td.uint8))",
        "(td.asarray([[[1]]], dtype=td.uint8), td.asarray([[3], [0]], dtype=td.uint8))",
    )


def test_choices_between_choices(modes: Modes) -> None:
    source = """
def program(a, b, c, d):
    x = a if c else b
    y = x if d else a * 2
    z = b if c else y
    z += 1
    y += 10
    x += 100
    return a, b, x, y, z
"""
    flags = [(c, d) for c in (True, False) for d in (True, False)]
    modes.check(
        source, *(f"(td.asarray([1.0]), td.asarray([2.0]), td.asarray({c}), td.asarray({d}))" for c, d in flags)
    )


def test_a_condition_that_is_written_to_after_its_branch(modes: Modes) -> None:
    source = """
def program(flag, x):
    if flag:
        y = x * 2
    else:
        y = x
    flag[...] = ~flag
    y += 1
    return y, x
"""
    modes.check(source, *(f"(td.asarray({flag}), td.asarray([3.0, 0.0]))" for flag in (True, False)))


def test_two_results_that_a_branch_hands_on_as_one_value(modes: Modes) -> None:
    modes.check(
        """
def program(a0, a2):
    if a0 == a2:
        return (a0.copy(), 1 - a0)
    x = True * a2
    return (x * True, x)
""",
        "(td.asarray([1.0]), td.asarray([-2.152]))",
        "(td.asarray([1.0]), td.asarray([1.0]))",
    )


NESTED = {
    "a write in the second iteration": """
def program(a0, a1):
    for i1 in range(2):
        if a0 != 1:
            a1 /= 2
            if not a0:
                a1 = a0 * a1
    return a1
""",
    "an argument in two of three branches": """
def program(a0, a1):
    if a1 >= 1:
        pass
    elif a1 < 0:
        pass
    else:
        a0 = a0 * 2
    a0[...] = 1
    return a0
""",
    "one of two arguments, a view of one, or neither": """
def program(a0, a1):
    y = a0 * 2
    if a0 > 2:
        y = a0
    elif a0 < 0:
        y = a1
    else:
        if a1 > 0:
            y = a1[...]
    y += 1
    return y, a0, a1
""",
    "two results of a nested branch, of which one is a view of the other": """
def program(a0, a1):
    y = a0 * 2
    z = a1[...]
    if a0 > 0:
        if a1 > 0:
            z = y[:1]
        else:
            y = a0 * 1
            z = y[:1]
    z += 1
    y *= 3
    return y, z
""",
    "a chain of choices": """
def program(a0, a1):
    y = a0 * 2
    if a0 > 0:
        y = a0
    z = a1
    if not a0 > 1:
        z = y
    y += 1
    return y, z, y[:]
""",
}


@pytest.mark.parametrize("source", NESTED.values(), ids=NESTED)
def test_what_nested_branches_hand_on_is_written_and_returned(modes: Modes, source: str) -> None:
    calls = [f"(td.asarray([{a}]), td.asarray([{b}]))" for a in (0.0, 1.0, 3.0, -1.0) for b in (0.5, 2.0, -1.0)]
    modes.check(source, *calls)


def test_a_result_is_the_argument_on_the_path_where_it_is() -> None:
    def choose(flag: td.Tensor, x: td.Tensor, y: td.Tensor) -> tuple[td.Tensor, td.Tensor, td.Tensor]:
        out = x * 2
        part = y[1:]
        if flag:
            out = x
        elif y[0] > 0:
            out = y
            part = out[:1]
        return out, part, x[0] + 1

    x, y = td.asarray([1.0, 2.0]), td.asarray([3.0, 4.0])
    for function in (choose, td.script(choose)):
        assert function(td.asarray(True), x, y)[0] is x
        out, part, _ = function(td.asarray(False), x, y)
        assert out is y and np.shares_memory(np.asarray(part), np.asarray(y))
        part[0] = 7.0
        assert y.tolist() == [7.0, 4.0]
        y[0] = -1.0
        out, part, _ = function(td.asarray(False), x, y)
        assert out.tolist() == [2.0, 4.0] and not np.shares_memory(np.asarray(out), np.asarray(x))
        y[0] = 3.0
