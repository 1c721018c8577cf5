"""Programs that the fuzzer found and shrank: writes, and views."""

from __future__ import annotations

from fuzz.modes import Modes


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
        "(td.asarray([1.0, 1.0]),)",
        "(td.asarray([-1.0, -1.0]),)",
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
        "(td.asarray([1.0, 1.0]),)",
    )


def test_a_branch_that_copies_its_argument(modes: Modes) -> None:
    modes.check(
        """
def program(x):
    return x if x.sum() > 0 else +x
""",
        "(td.asarray([-1.0, -1.0]),)",
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


def test_the_place_of_the_largest_of_one_as_a_result_and_a_view_of_it(modes: Modes) -> None:
    modes.check(
        """
def program(a0):
    t6 = td.argmax(td.stack([a0]), axis=2)
    return t6, t6[0]
""",
        "(td.asarray([[[1.0]], [[1.0]]]),)",
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


def test_views_of_nothing_again_and_again(modes: Modes) -> None:
    modes.check(
        """
def program(a0):
    for i1 in range(4):
        t2 = a0
        for i3 in range(9):
            t4 = t2[None]
            t4 -= 1
    return a0
""",
        "(td.zeros((0, 5), dtype=td.int8),)",
    )
