"""Tensor programs of statements that steer: loops, jumps, `else` clauses, `match`, `with`, `try`.

As in programs.py: a program takes one tensor of rank 1 or 2.
"""

import contextlib

import tandem as td


def if_without_else(x):
    y = x + 1
    if x.sum() > 0:
        y = y * 2
    return y


def if_in_else(x):
    if x.sum() > 4:
        y = x
    else:
        if x.max() < 0:
            y = -x
        else:
            y = x * 0.5
    return y


def branches_swap(x):
    a, b = x, x * 2
    if x.sum() > 0:
        a, b = b, a
    return a - b * 0.5


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


def return_at_depth(x):
    if x.sum() > 0:
        for k in range(3):
            if x.max() > 2:
                while True:
                    x = x * 0.75
                    if x.max() < 1:
                        return x + k
            x = x + 1
    return x


def return_none_of_many(x):
    s = x.sum()
    if s > 10:
        return x * 1.0
    if s > 1:
        return x * 2.0
    if s > -1:
        return x * 3.0
    return x * 4.0


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


def match_on_kind(x):
    out = x
    for action in ["scale", ("shift", 2.0), {"power": 2}, 7]:
        match action:
            case "scale":
                out = out * 1.5
            case ("shift", by) if by > 1:
                if out.sum() > 0:
                    out = out + by
                else:
                    out = out - by
            case {"power": n}:
                out = out**n
            case int(k):
                out = out + k
    return out


def match_with_returns(x):
    for mode in ("skip", "stop"):
        match mode:
            case "skip":
                if x.sum() > 5:
                    return x * 0.5
                continue
            case "stop":
                break
            case _:
                return x
    return x + 1


def match_on_rank(x):
    match x.ndim:
        case 1:
            return x.sum()
        case 2:
            y = x.sum(axis=0)
            return y if y.sum() > 0 else -y
        case _:
            return x


def with_around_condition(x):
    with contextlib.nullcontext(2.0) as factor:
        if x.sum() > 0:
            x = x * factor
        else:
            x = x - factor
    return x


def with_around_loop_and_return(x):
    with contextlib.nullcontext(), contextlib.nullcontext():
        while x.max() > 0.5:
            x = x * 0.5
            if x.sum() < 0:
                return x - 7
    return x + 7


def with_inside_loop(x):
    for k in range(10):
        with contextlib.nullcontext(k) as n:
            if x.sum() > 10:
                break
            x = x + n
    return x


def with_own_context_manager(x):
    depth = []

    @contextlib.contextmanager
    def level(name):
        depth.append(name)
        yield len(depth)
        depth.pop()

    with level("outer") as a, level("inner") as b:
        if x.sum() > 0:
            x = x * a
        else:
            x = x * b
    return x + len(depth)


def try_finally_around_condition(x):
    n = 0
    try:
        if x.sum() > 0:
            x = x * 2
        else:
            x = x - 2
    finally:
        n += 1
    return x + n


def try_finally_with_return(x):
    try:
        if x.sum() > 0:
            return x * 2
        y = x - 1
    finally:
        x = x * 0
    return y + x


def try_except_on_python_values(x):
    settings = {"scale": 2.0}
    for name in ("shift", "scale", "width"):
        try:
            x = x * settings[name]
        except KeyError as error:
            x = x + len(str(error))
        else:
            x = x if x.sum() > 0 else -x
    return x


def try_in_loop_with_jumps(x):
    for k in range(5):
        try:
            step = 1 / (k - 2)
            if x.sum() > 8:
                break
            x = x + step
        except ZeroDivisionError:
            continue
        finally:
            x = x * 0.5
    return x


def try_raises_and_is_caught(x):
    def checked(value, limit):
        if limit < 0:
            raise ValueError(limit)
        return value if value.max() < limit else value * 0.5

    try:
        x = checked(x, 1.0)
        x = checked(x, -1.0)
    except ValueError as error:
        x = x + error.args[0]
    return x


def try_inside_condition(x):
    if x.sum() > 0:
        try:
            y = x * {}["missing"]
        except KeyError:
            y = x * 3
    else:
        y = x
    return y


def deleted_names(x):
    scratch = x * 2
    if x.sum() > 0:
        y = scratch + 1
    else:
        y = scratch - 1
    del scratch
    return y


def conditions_of_many_kinds(x):
    s = x.sum()
    n = 0
    if not s > 0:
        n += 1
    if s > 0 or x.max() > 0 and not (x < 0).all():
        n += 2
    if 0 < s:
        n += 4
    if -1 < s < 1 or s != s:
        n += 8
    return x * n


def truth_of_a_number(x):
    count = (x > 0).sum()
    if count:
        x = x / count
    return x if not count else -x


def walrus_in_conditions(x):
    if (s := x.sum()) > 0:
        x = x + s
    while (m := x.max()) > 0.5:
        x = x - m * 0.25
    return x, s


def walrus_in_comprehension(x):
    parts = [y * 2 if (y := x * k).sum() > 0 else y for k in range(3)]
    return parts, y


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
    if_without_else,
    if_in_else,
    branches_swap,
    branch_per_iteration,
    for_else_on_tensors,
    while_else_return,
    for_continue,
    for_continue_and_break,
    break_out_of_inner,
    return_from_inner_loop,
    return_in_while_true,
    return_at_depth,
    return_none_of_many,
    nested_while,
    while_with_pass,
    over_stepped_range,
    over_enumerated_rows,
    over_zip_of_lists,
    over_nested_enumerate_zip,
    over_dict_items,
    over_range_of_tensor,
    loop_variable_survives,
    match_on_kind,
    match_with_returns,
    match_on_rank,
    with_around_condition,
    with_around_loop_and_return,
    with_inside_loop,
    with_own_context_manager,
    try_finally_around_condition,
    try_finally_with_return,
    try_except_on_python_values,
    try_in_loop_with_jumps,
    try_raises_and_is_caught,
    try_inside_condition,
    deleted_names,
    conditions_of_many_kinds,
    truth_of_a_number,
    walrus_in_conditions,
    walrus_in_comprehension,
    launches_only_what_is_taken,
]
