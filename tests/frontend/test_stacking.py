"""Lists appended in loops: which become stacked outputs of one graph loop, what that costs, why others are unrolled.

That all of them give the results of eager code is tested with the corpus (test_programs.py).
"""

import frontend_support as support
import numpy as np
import programs_lists as lists
import pytest

import tandem as td

X = support.tensors((9, 2))[2]


def explained(program, array=X):
    compiled = td.script(program)
    support.check(program, compiled, array)
    return compiled, compiled.explain()


@pytest.mark.parametrize(
    "program, loops, joins",
    [
        (lists.stacked, 1, 0),
        (lists.stacked_along_other_axes, 1, 0),
        (lists.two_lists, 1, 0),
        (lists.pairs, 1, 0),
        (lists.scalars, 1, 0),
        (lists.two_loops, 2, 1),
        (lists.twice_per_iteration, 1, 1),
        (lists.indexed_afterwards, 1, 0),
        (lists.iterated_afterwards, 1, 0),
        (lists.returned, 1, 0),
        (lists.over_rows, 1, 0),
        (lists.over_zip_and_enumerate, 1, 0),
        (lists.in_both_branches, 1, 0),
        (lists.list_per_iteration, 2, 0),
        (lists.list_in_a_called_function, 1, 0),
        (lists.states_before_the_update, 1, 0),
        (lists.items_written_afterwards, 1, 1),
        (lists.stack_written_afterwards, 1, 0),
        (lists.same_item_in_two_lists, 1, 0),
        (lists.list_changed_afterwards, 1, 2),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_stacked(program, loops, joins):
    """`joins`: the concatenations that are left of td.stack and td.concat."""
    compiled, text = explained(program)
    assert "unrolled" not in text.replace("unrolled 3 times: fewer than 8 iterations", "")
    optimized = compiled.ir("optimized")
    assert (optimized.count("= while "), optimized.count("= concat ")) == (loops, joins)


@pytest.mark.parametrize(
    "program, reason",
    [
        (lists.read_in_the_loop, "calls '.append()'"),
        (lists.read_by_another_name, "calls '.append()'"),
        (lists.read_by_a_closure, "calls '.append()'"),
        (lists.appended_by_another_name, "calls 'append', whose effects are not known"),
        (lists.appended_by_a_function, "'note': line"),
        (lists.extended, "calls '.extend()'"),
        (lists.with_break_by_python, "it appends to 'outs' and may be left early"),
        (lists.same_tensor_every_time, "'outs' gets a tensor that was made outside of the iteration"),
        (lists.changed_in_place_later, "'outs' gets a tensor that was made outside of the iteration"),
        (lists.rows_of_the_argument, "'outs' gets a tensor that was made outside of the iteration"),
        (lists.views_of_one_tensor, "'outs' gets tensors that share memory"),
        (lists.states_of_two_swapped, "'a' gets a tensor from before the loop"),
        (lists.states_in_two_lists, "an item is also a variable of the next iteration"),
        (lists.changed_in_place_next_time, "writes into it and then assigns it"),
        (lists.changed_by_a_function_next_time, "writes into it and then assigns it"),
        (lists.item_sizes_differ, "it is float32[2, 2] before and float32[3, 2] after"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_unrolled_with_a_reason(program, reason):
    compiled, text = explained(program)
    line = next(line for line in text.splitlines() if "unrolled" in line)
    assert reason in line
    assert "= while " not in compiled.ir("optimized")


def test_numbers_are_no_stacked_outputs():
    def program(x):
        numbers, values = [], []
        for k in range(9):
            numbers.append(k * 0.5)
            values.append(x * k)
        return x * sum(numbers), td.stack(values)

    assert "'numbers' gets float64[], which is not a tensor" in explained(program)[1]


def test_an_argument_is_never_taken_for_a_new_list():
    def program(x, outs=None):
        if outs is None:
            outs = []
        for k in range(9):
            outs.append(x * k)
        return td.stack(outs)

    assert "calls '.append()'" in explained(program)[1]


def test_another_name_from_an_iteration_before():
    """The list of the first outer iteration is `seen` in the second one: it must have its items then."""

    def program(x):
        seen, outs, total = [], [], x * 0
        for i in range(3):
            for k in range(9):
                outs.append(x * k)
                total = total + len(seen)
            seen = outs
        return total, td.stack(outs)

    explained(program)


def lstm_64(x, w, u, b):
    n = u.shape[0]
    h = c = td.zeros((x.shape[1], n))
    outs = []
    for t in range(x.shape[0]):
        z = x[t] @ w + h @ u + b
        i, f, g, o = (z[:, k * n : (k + 1) * n] for k in range(4))
        c = td.sigmoid(f) * c + td.sigmoid(i) * td.tanh(g)
        h = td.sigmoid(o) * td.tanh(c)
        outs.append(h)
    return td.stack(outs), h, c


def lstm_arguments(steps, batch=3, width=5, hidden=8):
    random = np.random.default_rng(0)
    shapes = [(steps, batch, width), (width, 4 * hidden), (hidden, 4 * hidden), (4 * hidden,)]
    return [td.asarray(random.standard_normal(shape).astype(np.float32)) for shape in shapes]


def test_an_lstm_is_one_small_loop():
    arguments = lstm_arguments(64)
    compiled = td.script(lstm_64)
    support.assert_same(lstm_64(*arguments), compiled(*arguments))
    optimized = compiled.ir("optimized")
    assert optimized.count("= while ") == 1
    assert "concat" not in optimized
    nodes = [line for line in optimized.splitlines() if " = " in line]
    assert len(nodes) <= 40
    assert "'for' kept as a loop (64 iterations)" in compiled.explain()
    shorter = td.script(lstm_64)
    shorter(*lstm_arguments(20))
    assert len([line for line in shorter.ir("optimized").splitlines() if " = " in line]) == len(nodes)


def test_an_iteration_costs_its_item_and_not_the_stack():
    def allocated(steps):
        arguments = lstm_arguments(steps)
        compiled = td.script(lstm_64)
        compiled(*arguments)
        before = td.stats()["allocated_bytes"]
        compiled(*arguments)
        return td.stats()["allocated_bytes"] - before

    first, second, third = allocated(40), allocated(80), allocated(160)
    assert third - second == 2 * (second - first)  # linear; copies of the stack would make it quadratic
