"""Tensor programs that append to lists in loops: stacked outputs where that means the same, else unrolled.

As in programs.py: a program takes one tensor of rank 1 or 2. Loops have 8 iterations or more, so that they may be kept.
"""

import frontend_support as helpers

import tandem as td


def stacked(x):
    h, outs = x * 0, []
    for k in range(12):
        h = td.tanh(h * 0.5 + x * k)
        outs.append(h)
    return td.stack(outs), h


def stacked_along_other_axes(x):
    outs = []
    for k in range(10):
        outs.append(x * k)
    return td.stack(outs, axis=-1), td.stack(outs, axis=1), td.concat(outs), td.concat(outs, axis=-1)


def two_lists(x):
    hs, cs = [], []
    h = c = x
    for k in range(9):
        c = c * 0.5 + h
        h = td.tanh(c) + k
        hs.append(h)
        cs.append(c)
    return td.stack(hs), td.stack(cs), h


def pairs(x):
    outs = []
    for k in range(9):
        x = x * 0.5 + k
        outs.append((x, {"sum": x.sum(), "twice": x * 2}))
    return outs, td.stack([entry["sum"] for _, entry in outs])


def twice_per_iteration(x):
    outs = [x - 1]
    for k in range(8):
        outs.append(x * k)
        outs.append(x + k)
    outs.append(x * 100)
    return td.stack(outs), len(outs)


def two_loops(x):
    outs = []
    for k in range(9):
        outs.append(x * k)
    for k in range(10):
        outs.append(x - k)
    return td.stack(outs)


def item_sizes_differ(x):
    outs, y = [], x[0:1]
    for _ in range(8):
        outs.append(y)
        y = td.concat([y, y[:1]])
    return td.concat(outs)


def scalars(x):
    losses, y = [], x
    for _ in range(10):
        y = y * 0.5
        losses.append((y * y).mean())
    return td.stack(losses), losses[-1], sum(losses), max(losses)


def python_numbers(x):
    numbers = []
    for k in range(10):
        numbers.append(k * 0.5)
        x = x + numbers[-1]
    return x * sum(numbers), numbers


def indexed_afterwards(x):
    outs = []
    for k in range(10):
        outs.append(x * k)
    first, *middle, last = outs
    return outs[3] + outs[-2], outs[2:4], middle[0] - last, first


def iterated_afterwards(x):
    outs = []
    for k in range(10):
        outs.append(x * k)
    total = x * 0
    for k, y in enumerate(outs):
        total = total + y * k if y.sum() > 0 else total - y
    return total, [y + 1 for y in reversed(outs)]


def returned(x):
    outs = []
    for k in range(8):
        outs.append(x + k)
    return outs


def over_rows(x):
    outs = []
    for row in x:
        outs.append(row * 2 if row.sum() > 0 else row)
    return td.stack(outs)


def over_zip_and_enumerate(x):
    outs, carried = [], x[0] * 0
    for k, (a, b) in enumerate(zip(x, x * 2)):
        carried = carried + a * b + k
        outs.append(carried)
    return td.stack(outs), carried


def in_both_branches(x):
    outs = []
    for k in range(10):
        if (x * k).sum() > 3:
            outs.append(x * k)
        else:
            outs.append(x - k)
    return td.stack(outs)


def in_a_nested_loop(x):
    outs = []
    for i in range(3):
        for j in range(9):
            outs.append(x * j - i)
    return td.stack(outs)


def list_per_iteration(x):
    rows = []
    for i in range(9):
        row = []
        for j in range(8):
            row.append(x * i + j)
        rows.append(td.stack(row))
    return td.stack(rows)


def list_in_a_called_function(x):
    total = x * 0
    for k in range(9):
        total = total + helpers.history(x * k)[-1]
    return total


def conditionally_by_python(x):
    outs = []
    for k in range(10):
        if k % 3 == 0:
            outs.append(x * k)
    return td.stack(outs)


def with_break_by_python(x):
    outs = []
    for k in range(20):
        outs.append(x * k)
        if k == 8:
            break
    return td.stack(outs)


def read_in_the_loop(x):
    outs = [x]
    for k in range(9):
        outs.append(outs[-1] * 0.5 + k)
    return td.stack(outs)


def read_by_another_name(x):
    outs = []
    seen = outs
    for k in range(9):
        outs.append(x * len(seen))
    return td.stack(outs), len(seen)


def read_by_a_closure(x):
    outs = []

    def last():
        return outs[-1] if outs else x

    for k in range(9):
        outs.append(last() + k)
    return td.stack(outs)


def appended_by_another_name(x):
    outs = []
    add = outs.append
    for k in range(9):
        add(x * k)
    return td.stack(outs)


def appended_by_a_function(x):
    outs = []

    def note(value):
        outs.append(value)

    for k in range(9):
        note(x * k)
    return td.stack(outs)


def extended(x):
    outs = []
    for k in range(9):
        outs += [x * k]
        outs.extend([x + k])
    return td.stack(outs)


def same_tensor_every_time(x):
    outs = []
    for _ in range(9):
        outs.append(x)
    x += 1
    return td.stack(outs), outs


def changed_in_place_later(x):
    h, outs = x * 1, []
    for k in range(9):
        h += k
        outs.append(h)
    return td.stack(outs), h


def changed_in_place_after_append(x):
    outs = []
    for k in range(9):
        h = x * k
        outs.append(h)
        h += 1
    return td.stack(outs), h


def changed_in_place_next_time(x):
    h, outs = x * 1, []
    for k in range(9):
        h[0] = k
        h = h * 0.5
        outs.append(h)
    return td.stack(outs), h


def changed_by_a_function_next_time(x):
    h, outs = x * 1, []
    for _ in range(9):
        helpers.add_one(h)
        h = h * 0.5
        outs.append(h)
    return td.stack(outs), h


def items_written_afterwards(x):
    outs = []
    for k in range(9):
        y = x * k
        outs.append(y)
    outs[2] += 1
    y *= 2
    outs[0][0] = 7.0
    return td.stack(outs), y, outs[-1]


def stack_written_afterwards(x):
    outs = []
    for k in range(9):
        outs.append(x * k)
    table = td.stack(outs)
    table += 1
    outs[1] *= 3
    return table, td.stack(outs), outs[1]


def same_item_in_two_lists(x):
    a, b = [], []
    for k in range(9):
        y = x * k
        a.append(y)
        b.append(y)
    a[0] += 5
    b[8] -= 1
    return td.stack(a), td.stack(b)


def views_of_one_tensor(x):
    outs = []
    for k in range(9):
        y = td.stack([x, x * k])
        outs.append(y[0])
        outs.append(y[1])
        y += 1
    outs[3] *= 2
    return td.stack(outs), y


def rows_of_the_argument(x):
    outs = []
    for row in x:
        outs.append(row)
    x += 1
    return td.stack(outs)


def states_before_the_update(x):
    h, outs = x, []
    for k in range(9):
        outs.append(h)
        h = h * 0.5 + k
    return td.stack(outs), h


def first_state_written_afterwards(x):
    start = x * 2
    h, outs = start, []
    for k in range(9):
        outs.append(h)
        h = h * 0.5 + k
    start += 100
    outs[1] -= 5
    return td.stack(outs), outs[0], h


def states_of_two_swapped(x):
    a, b, outs = x, x * 2, []
    for _ in range(9):
        outs.append(a)
        a, b = b, a
    x += 1
    return td.stack(outs)


def states_in_two_lists(x):
    h, before, after = x, [], []
    for k in range(9):
        before.append(h)
        h = h * 0.5 + k
        after.append(h)
    before[3] += 1
    return td.stack(before), td.stack(after)


def list_changed_afterwards(x):
    outs = []
    for k in range(9):
        outs.append(x * k)
    outs.append(x)
    outs.pop(0)
    outs[0] = outs[1]
    return td.stack(outs), td.stack(outs[2:5])


TRACEABLE = [
    stacked,
    stacked_along_other_axes,
    two_lists,
    pairs,
    twice_per_iteration,
    two_loops,
    item_sizes_differ,
    python_numbers,
    indexed_afterwards,
    returned,
    over_zip_and_enumerate,
    in_a_nested_loop,
    list_per_iteration,
    list_in_a_called_function,
    conditionally_by_python,
    with_break_by_python,
    read_in_the_loop,
    read_by_another_name,
    read_by_a_closure,
    appended_by_another_name,
    appended_by_a_function,
    extended,
    same_tensor_every_time,
    changed_in_place_later,
    changed_in_place_after_append,
    changed_in_place_next_time,
    changed_by_a_function_next_time,
    items_written_afterwards,
    stack_written_afterwards,
    same_item_in_two_lists,
    states_before_the_update,
    first_state_written_afterwards,
    states_of_two_swapped,
    states_in_two_lists,
    views_of_one_tensor,
    rows_of_the_argument,
    list_changed_afterwards,
]
SCRIPTED = [scalars, iterated_afterwards, over_rows, in_both_branches]
