"""Programs that the fuzzer found and shrank. Those that still fail are marked; `OPEN` in program.py names them."""

from __future__ import annotations

import pytest

import tandem as td
from fuzz.modes import Modes
from fuzz.program import OPEN, Program, define

ONE = "(td.asarray([1.0, 1.0], dtype=td.float32),)"
MINUS = "(td.asarray([-1.0, -1.0], dtype=td.float32),)"


def test_every_known_bug_has_a_test_that_fails() -> None:
    for name in OPEN:
        marks = globals()[name].pytestmark
        assert any(mark.name == "xfail" and mark.kwargs["strict"] for mark in marks), name


# Mended


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


def test_a_write_into_a_global_tensor_in_a_branch(modes: Modes) -> None:
    modes.check(
        """
STATE = td.zeros((2,))

def program(x):
    STATE[...] = 0
    if x.sum() > 0:
        STATE[0] = 5
    return x + STATE
""",
        ONE,
        MINUS,
    )


def test_a_variable_assigned_to_itself_in_a_loop_stays_an_argument(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    for i in range(9):
        x = x
    x[...] += 1
    return 1
""",
        ONE,
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


# Open


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


def test_a_branch_that_copies_its_argument(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    return x if x.sum() > 0 else +x
""",
        MINUS,
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


def test_rows_are_written_in_a_loop(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    for row in x:
        row -= 1
    return x
""",
        "(td.asarray([1.0, 1.0, 1.0])[:, None],)",
        "(td.asarray([1.0, 1.0])[:, None],)",
    )


def test_a_strided_argument_is_reshaped_and_written(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = x.reshape(-1)
    x += 1
    return y
""",
        "(td.ones((2, 6))[..., ::2],)",
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


def test_an_empty_argument_is_reshaped_with_dynamic_sizes(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    y *= x.reshape(-1)
    return y
""",
        "(td.ones((2, 1)), td.zeros((0, 4))[..., ::2])",
        options="dynamic=True",
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


def test_views_of_a_tensor_that_is_overwritten_as_a_whole(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = td.ceil(x)
    z = y.mT
    z[...] = 0
    return y, z
""",
        "(td.asarray([[1.0, 1.0]]),)",
    )


def test_an_element_is_taken_from_a_constant_and_written_back(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    x = td.ones_like(x)
    x[...] -= td.take_along_axis(x, td.zeros(x.shape, dtype=td.int64))
    return x
""",
        "(td.asarray([[1.0]]),)",
    )


def test_a_view_of_a_constant_shares_its_memory(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = td.ones_like(x)
    return y, y[1]
""",
        "(td.asarray([1.0, 1.0]),)",
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


def test_an_argument_is_overwritten_by_a_broadcast_value(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    x[...] = y
    return x
""",
        "(td.ones((2, 3)), td.zeros((1, 3)))",
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


def test_swapped_names_are_written_after_a_loop(modes: Modes) -> None:
    modes.check(
        """
def program(x, y):
    t = x
    for i in range(y.shape[0]):
        t, x = x, t
    x[...] = 1
    return t
""",
        "(td.asarray([1]), td.ones((2,)))",
        "(td.asarray([5]), td.ones((3,)))",
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


def test_a_branch_that_makes_a_tensor_and_a_view_of_it(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    y = x * 2
    z = x[1:] * 3
    if x.sum() > 0:
        y = x + 1
        z = y[1:]
    z *= 10
    y += 1
    return y, z
""",
        "(td.asarray([1.0, 2.0, 3.0]),)",
        "(td.asarray([1.0, 2.0, -3.0]),)",
        "(td.asarray([1.0, -2.0, 0.0]),)",
    )


def test_an_empty_argument_shares_no_memory(modes: Modes) -> None:
    modes.check(
        """
def program(a0, a2):
    a2[1] *= 1
""",
        "(td.zeros((0, 130), dtype=td.float32), td.asarray([[1.0], [1.0]], dtype=td.bfloat16))",
        "(td.zeros((0, 130), dtype=td.float32), td.asarray([[2.0], [3.0]], dtype=td.bfloat16))",
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


def test_strides_of_a_transposed_argument_are_products(modes: Modes) -> None:
    modes.check(
        """
def program(a1):
    return a1.mT.reshape(-1)
""",
        "(td.asarray([[2, 0], [1, 1]], dtype=td.int64).T,)",
        "(td.asarray([[2, 0, 3], [1, 1, 4]], dtype=td.int64).T,)",
        "(td.asarray([[2, 0, 3], [1, 1, 4]], dtype=td.int64)[:, :2].T,)",
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
    """
def program(a0, a1):
    for i1 in range(2):
        if a0 != 1:
            a1 /= 2
            if not a0:
                a1 = a0 * a1
""",
    """
def program(a0, a1):
    if a1 >= 1:
        pass
    elif a1 < 0:
        pass
    else:
        a0 = a0 * 2
    a0[...] = 1
""",
]


@pytest.mark.parametrize("source", REACHES_AN_ARGUMENT)
def test_a_write_that_reaches_an_argument_on_some_paths_is_refused(modes: Modes, source: str) -> None:
    verdict = modes.verdict(Program(source, ["(td.asarray([1.0]), td.asarray([2.233]))"]), strictly=True)
    assert verdict.failure is None and verdict.refused == "one tensor on some paths"


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


def test_the_place_of_the_largest_of_one_as_a_result_and_a_view_of_it(modes: Modes) -> None:
    modes.check(
        """
def program(a0):
    t6 = td.argmax(td.stack([a0]), axis=2)
    return t6, t6[0]
""",
        "(td.asarray([[[1.0]], [[1.0]]]),)",
    )


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


def test_a_loop_that_starts_from_another_result(modes: Modes) -> None:
    modes.check(
        """
def program(a0):
    t1 = td.cast(a0, dtype=td.uint32)
    t2 = t1 >> 0
    f3 = 1
    while f3 > 0 and a0.min() <= 1:
        f3 -= 1
        t2 = t2[-2::2]
    return (t1, t2)
""",
        "(td.asarray([1], dtype=td.uint64),)",
    )


def test_a_loop_whose_variables_change_places_and_are_returned(modes: Modes) -> None:
    modes.check(
        """
def program(a0):
    x, y, z = a0 * 1, a0 * 2, a0 * 3
    i = a0.min() * 0
    while i < 4:
        x, y, z = y, z, x
        i = i + 1
    return x, y, z
""",
        "(td.asarray([1.0, 2.0]),)",
    )
