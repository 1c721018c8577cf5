"""Tensor programs of loops: `for` over everything, `while`, and how they are left.

As in programs.py: a program takes one tensor of rank 1 or 2.
"""

import tandem as td


def branch_per_iteration(x):
    total = x * 0
    for k in range(12):
        if (x * k).sum() > 5:
            total = total + x
        elif k % 2:
            total = total - x
        else:
            total = total * 0.5
    return total


def for_else_without_break(x):
    for k in range(9):
        x = x * 0.5 + k
    else:
        x = x + 100
    return x


def for_else_on_tensors(x):
    for row in x:
        if row.sum() > 2:
            x = x + 1
            break
    else:
        x = x - 1
    return x


def while_else_return(x):
    n = 0
    while x.max() > 0.1:
        x = x * 0.25
        n += 1
        if n > 3:
            break
    else:
        return x + 50, -n
    return x, n


def for_continue(x):
    total = x * 0
    for k in range(10):
        if (x * (k - 4)).sum() > 0:
            continue
        total = total + x * k
    return total


def for_continue_and_break(x):
    total = x * 0
    for k in range(15):
        if k % 3 == 0:
            continue
        total = total + x
        if total.sum() > 20:
            break
        if total.sum() < -20:
            continue
        total = total + 0.5
    return total, k


def break_out_of_inner(x):
    count = 0
    for i in range(5):
        for j in range(5):
            if (x * j).sum() > i:
                break
            count = count + 1
        else:
            count = count + 10
    return x * count


def return_from_inner_loop(x):
    for i in range(4):
        for j in range(4):
            x = x + 0.25
            if x.sum() > 6 + j:
                return x * i
    return x - 100


def return_in_while_true(x):
    n = 0
    while True:
        x = x * 0.5
        n += 1
        if x.max() < 0.05:
            return x, n


def nested_while(x):
    outer = 0
    while outer < 3:
        inner = 0
        while (x * inner).sum() < 4 and inner < 5:
            inner = inner + 1
        x = x + inner
        outer = outer + 1
    return x


def while_with_pass(x):
    n = 0
    while n < 3:
        n += 1
        if x.sum() > n:
            pass
        else:
            x = x + 1
    return x


def over_reversed_range(x):
    for k in reversed(range(10)):
        x = x * 0.5 + k
    return x


def over_reversed_rows(x):
    total = x[0] * 0
    for row in reversed(x):
        total = total * 0.5 + row
    return total


def over_stepped_range(x):
    for k in range(20, 0, -2):
        x = x + (k if x.sum() < 30 else -k)
    return x


def over_enumerated_rows(x):
    total = x[0] * 0
    for k, row in enumerate(x, 3):
        if row.sum() > 0:
            total = total + row * k
        else:
            total = total - row
    return total


def over_zip_of_lists(x):
    for scale, shift in zip([1.0, 2.0, 0.5], (0.0, -1.0, 1.0)):
        x = x * scale + shift if x.sum() > 0 else x - shift
    return x


def over_zip_with_range(x):
    total = x[0] * 0
    for k, row in zip(range(len(x)), x):
        total = total + row * k
    return total


def over_nested_enumerate_zip(x):
    total = x[0] * 0
    for k, (a, (b, c)) in enumerate(zip(x, zip(x * 2, x * 3))):
        total = total + (a * b if a.sum() > 0 else c) * k
    return total


def over_dict_items(x):
    parts = {"a": x, "b": x * 2}
    for name, value in parts.items():
        x = x + value if value.sum() > 0 else x - value * len(name)
    return x


def over_range_of_tensor(x):
    steps = (x > 0).sum() + 2
    total = x * 0
    for k in range(1, steps):
        if k == 3:
            continue
        total = total + x * k
    return total


def loop_variable_survives(x):
    for k in range(12):
        y = x * k
        if y.sum() > 20:
            break
    return y + k


def launches_only_what_is_taken(x):
    for k in range(10):
        if x.sum() > k:
            x = td.tanh(x) * 2
        else:
            if k > 5:
                x = td.exp(-x * x)
            else:
                x = x - 0.125
    return x


TRACEABLE = [for_else_without_break, over_reversed_range, over_reversed_rows, over_zip_with_range]
SCRIPTED = [
    branch_per_iteration,
    for_else_on_tensors,
    while_else_return,
    for_continue,
    for_continue_and_break,
    break_out_of_inner,
    return_from_inner_loop,
    return_in_while_true,
    nested_while,
    while_with_pass,
    over_stepped_range,
    over_enumerated_rows,
    over_zip_of_lists,
    over_nested_enumerate_zip,
    over_dict_items,
    over_range_of_tensor,
    loop_variable_survives,
    launches_only_what_is_taken,
]
