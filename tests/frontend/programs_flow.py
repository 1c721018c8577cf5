"""Tensor programs of statements that steer: conditions, early returns, `match`, `with`, `try`.

As in programs.py: a program takes one tensor of rank 1 or 2.
"""

import contextlib


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


TRACEABLE = []
SCRIPTED = [
    if_without_else,
    if_in_else,
    branches_swap,
    return_at_depth,
    return_none_of_many,
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
]
