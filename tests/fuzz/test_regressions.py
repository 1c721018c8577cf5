"""Programs that the fuzzer found and shrank. Those that still fail are marked; `OPEN` in program.py names them.

Those about tensors that share memory are in test_regressions_memory.py and test_regressions_paths.py.
"""

from __future__ import annotations

import pytest

import tandem as td
from fuzz.modes import Modes
from fuzz.program import OPEN

ONE = "(td.asarray([1.0, 1.0], dtype=td.float32),)"


MINUS = "(td.asarray([-1.0, -1.0], dtype=td.float32),)"


def test_every_known_bug_has_a_test_that_fails() -> None:
    for name in OPEN:
        marks = globals()[name].pytestmark
        assert any(mark.name == "xfail" and mark.kwargs["strict"] for mark in marks), name


def test_a_function_of_a_module_is_no_change_of_the_module(modes: Modes) -> None:
    """`td.add(...)` was taken for `set.add`, and the branch assigned `td`."""
    modes.check(
        """
def program(x):
    t = 1
    if t:
        y = td.add(x, t)
    else:
        return td.multiply(x, x)
    if x.sum() > 0:
        y = td.add(y, x)
    return y
""",
        ONE,
        MINUS,
    )


def test_a_condition_that_is_a_number_in_one_iteration(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    fuel = 2
    while fuel > 0 and (fuel >= 1 or x.sum() > 1):
        fuel -= 1
        if y:
            pass
        else:
            return 1
    return 1
""",
        "(td.asarray([1.0]), td.asarray([1.0]))",
        "(td.asarray([1.0]), td.asarray([0.0]))",
    )


def test_an_index_out_of_bounds_that_nothing_reads(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    n = 2
    while n > 0 and x.mean() != 2:
        n -= 1
        unused = x[n]
    return x
""",
        "(td.asarray([-8], dtype=td.int32),)",
    )


def test_a_full_slice_of_an_empty_axis_in_a_branch(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = x[::1] if td.all(1) else x
    return 1
""",
        "(td.ones((4, 3)),)",
        "(td.ones((0, 3)),)",
    )


def test_a_value_of_a_size_that_happens_to_be_1_is_assigned_to_an_element(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = x[2::2]
    x[1] += y
    return y
""",
        "(td.asarray([1.0, 1.0, 1.0])[:, None],)",
        "(td.asarray([1.0, 1.0, 1.0, 1.0])[:, None],)",
    )


def test_a_row_is_assigned_to_a_scalar_with_dynamic_sizes(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    x[...] = td.all(y, axis=1)
    return x
""",
        "(td.asarray(1.0), td.asarray([[1.0]]))",
        options="dynamic=True",
    )


def test_a_size_that_happens_to_be_1_is_broadcast(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    return x + y[2:0:-2]
""",
        "(td.ones((1, 1)), td.ones((3, 1)))",
        "(td.ones((2, 1)), td.ones((2, 1)))",
    )


def test_nothing_is_assigned_to_no_rows(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = td.stack([x])
    y[1::2] = x[:]
    return y
""",
        "(td.asarray([0.0, 1.0]),)",
        "(td.zeros((0,)),)",
    )


def test_an_eager_reduction_of_one_element(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = x.max()
    y -= 1
    return x
""",
        "(td.asarray([5.0]),)",
    )


def test_a_number_that_a_loop_carries_is_assigned_to_bools(modes: Modes) -> None:
    modes.check(
        """
def program(x, b):
    n = 3
    while n > 0 and x.sum() > 0:
        n -= 1
        b[...] = n
    return b
""",
        "(td.asarray([1.0]), td.asarray([True, False]))",
    )


def test_elements_are_taken_from_a_constant(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    return td.take(td.zeros_like(x), [0, 1, 0])
""",
        "(td.asarray([1.0, 1.0]),)",
    )


def test_a_negative_size_to_broadcast_to() -> None:
    with pytest.raises(td.Error):
        td.broadcast_to(td.asarray([1.0]), (-1,))


def test_a_part_with_no_rows_is_assigned_with_dynamic_sizes(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    x[1::2] = td.softmax(x)
    return x
""",
        "(td.asarray([[1.0]]),)",
        options="dynamic=True",
    )


def test_a_value_of_which_no_element_is_read(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = x * 2
    return y, y[2:2].sum()
""",
        "(td.asarray([5.0]),)",
        "(td.asarray([6.0]),)",
    )


def test_a_derived_size_that_happens_to_fit_is_assigned(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    x[1] = y[4::-2]
""",
        "(td.asarray([[[2, 1]]]).T, td.asarray([1, 1, 3])[1:])",
        "(td.asarray([[[2, 1]], [[1, 2]]]), td.asarray([1, 2, 3]))",
    )


def test_two_parts_of_one_axis_are_added(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    x[::2] += x[:-1]
""",
        "(td.asarray([[1.0, 1.0, 1.0]], dtype=td.float32).T,)",
        options="dynamic=True",
    )


def test_a_loop_variable_whose_size_is_a_number_by_a_guard_only(modes: Modes) -> None:
    modes.check(
        """
def program(a3):
    t2 = td.ones(shape=a3.shape)
    for i3, t4 in enumerate(t2):
        f6 = 1
        f6 -= 1
        t2 = t2[4::-1]
    return t2
""",
        "(td.asarray([[1.0], [1.0]], dtype=td.bool),)",
        "(td.asarray([[1.0], [1.0], [1.0], [1.0], [1.0], [1.0]], dtype=td.bool)[1:],)",
    )


def test_branches_whose_sizes_are_equal_by_a_guard_only(modes: Modes) -> None:
    modes.check(
        """
def program(a0, a1, a2):
    if a0:
        a2 = a1
    return a2
""",
        "(td.asarray([[1.0]]), td.ones((2, 7)), td.broadcast_to(td.ones((1, 7)), (2, 7)))",
        "(td.asarray([[0.0]]), td.ones((2, 7)), td.broadcast_to(td.ones((1, 7)), (2, 7)))",
        options="dynamic=True",
    )


def test_branches_one_of_which_is_transposed(modes: Modes) -> None:
    modes.check(
        """
def program(a0):
    t2 = a0.T
    if a0.max():
        t2 = a0
    return t2
""",
        "(td.asarray([[2, 0], [1, 1]], dtype=td.int8),)",
        "(td.asarray([[0, 0], [-1, 0]], dtype=td.int8),)",
        options="dynamic=True",
    )


def test_an_index_out_of_bounds_of_nothing(modes: Modes) -> None:
    modes.check(
        """
def program(a1):
    f3 = 2
    while f3 > 0 and a1.sum() > 1:
        f3 -= 1
        t6 = a1[:2:-1, f3]
""",
        "(td.asarray([[1.016]]),)",
    )
    modes.check(
        """
def program(x, k):
    return td.take(x, k, axis=1)
""",
        "(td.zeros((0, 3)), td.asarray([2, -3]))",
        "(td.zeros((0, 3)), td.asarray([2, 3]))",
    )


def test_a_number_of_an_outer_loop_that_an_inner_one_assigns_to_itself(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    n1 = 7
    k = 2
    while k > 0 and x.sum() < 0.5:
        k -= 1
        j = 3
        while j > 0 and x.mean() < 0:
            j -= 1
            if k == 3:
                n1 = n1
                x = x + n1
            x = x + 1
    return x, n1
""",
        "(td.asarray([-1.5, -2.0]),)",
        "(td.asarray([1.5, -2.0]),)",
    )


def test_a_size_that_an_equation_with_itself_settles(modes: Modes) -> None:
    modes.check(
        """
def program(a0):
    t1 = a0.min()
    a0 *= a0[-2:2][::-1]
    return t1
""",
        "(td.asarray([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], dtype=td.int64),)",
        "(td.asarray([[1.0, 2.0], [3.0, 1.0]], dtype=td.int64),)",
    )


def test_seed_60007595(modes: Modes) -> None:
    """Which reshapes copy depends on the strides of the axes that are longer than 1."""
    modes.check(
        """
def program(a0):
    return a0[2::-1].reshape(-1)
""",
        "(td.asarray([[[128, 103]], [[91, 129]], [[91, 244]]], dtype=td.uint8),)",
        "(td.asarray([[[54, 188, 247]], [[29, 190, 145]]], dtype=td.uint8),)",
        "(td.asarray([[[1.0]]], dtype=td.uint8),)",
    )


def test_a_region_whose_size_is_that_of_the_values_by_a_guard(modes: Modes) -> None:
    modes.check(
        """
def program(a1, a3):
    a1[0::2] += a3[..., None].max(axis=1)
""",
        "(td.asarray([[1.0], [1.0], [1.0], [1.0]], dtype=td.uint32), td.asarray([[1.0]], dtype=td.int8))",
        "(td.asarray([[1.0], [1.0], [1.0]], dtype=td.uint32), td.asarray([[1.0], [1.0]], dtype=td.int8))",
        "(td.asarray([[1.0]] * 5, dtype=td.uint32), td.asarray([[1.0], [1.0], [3.0]], dtype=td.int8))",
    )


def test_numbers_of_unlike_operands_count_for_themselves(modes: Modes) -> None:
    modes.check(
        """
def program(a0, n):
    return td.ldexp(2.0, 1), td.ldexp(a0, n), td.ldexp(1.5, a0.astype(td.int64)), td.ldexp(n + 0.5, n)
""",
        "(td.asarray([1.0, 2.0]), 3)",
    )
