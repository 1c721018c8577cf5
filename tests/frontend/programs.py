"""Small tensor programs: eager, traced and scripted must agree bit for bit.

A program takes one tensor of rank 1 or 2 (and nothing else). `traceable` are those whose control flow does not depend
on tensors' values.
"""

import tandem as td

SCALE = 1.5
TABLE = {"shift": 0.25, "steps": [1.0, 2.0, 3.0]}


def straight(x):
    return td.exp(-x * x) + SCALE


def plain_loop(x):
    for k in range(5):
        x = x * 0.5 + k
    return x


def long_loop(x):
    for k in range(20):
        x = x * 0.75 + k
    return x


def comprehension_and_table(x):
    parts = [x * step for step in TABLE["steps"]]
    return {"sum": parts[0] + parts[1] + parts[2], "list": [p + TABLE["shift"] for p in parts]}


def keyword_call(x):
    def scaled(value, *, by=2.0, shift=0.0):
        return value * by + shift

    return scaled(x, by=3.0), scaled(x, shift=1.0)


def in_place(x):
    x += 1
    x[0] = x[1] * 2
    y = x[1:]
    y *= 3
    return x.sum()


def returns_structure(x):
    return x, (x + 1, {"a": x * 2, "b": 3}), None


def same_twice(x):
    y = x * 2
    return y, y


def abs_by_branch(x):
    if x.sum() > 0:
        y = x + 1
    else:
        y = x - 1
    return y


def elif_chain(x):
    s = x.sum()
    if s < -10:
        kind, y = 1.0, x * 2
    elif s < 0:
        kind, y = 2.0, x * 3
    elif s < 10:
        kind, y = 3.0, x * 4
    else:
        kind, y = 4.0, x * 5
    return y * kind


def early_return(x):
    if x.sum() > 0:
        return x + 1
    y = x * 2
    if y.sum() < -20:
        return y * y
    return y - 1


def nested_return(x):
    if x.sum() > 0:
        if x.max() > 3:
            return x * 10
        x = x + 0.5
    else:
        if x.max() < -3:
            return x * 20
        x = x - 0.5
    return x * 2


def unchanged_branch(x):
    n = 2
    label = "a"
    if x.sum() > 0:
        x = x * n
    assert label == "a"
    return x.reshape((-1, 1)) * n


def plain_value_from_branch(x):
    n = 1
    if x.sum() > 0:
        n = 3
    return x * n


def while_tolerance(x):
    i = 0
    while x.max() > 0.01:
        x = x * 0.5
        i = i + 1
    return x, i


def while_two_conditions(x):
    i = 0
    while i < 6 and x.sum() < 100:
        x = x * 2 + 1
        i += 1
    return x, i


def while_break(x):
    k = 0
    while True:
        x = x * 0.5 - 1
        k += 1
        if x.min() < -1.5:
            break
        if k > 20:
            break
    return x, k


def while_continue(x):
    total = x * 0
    i = 0
    while i < 10:
        i += 1
        if (x * i).sum() > 6:
            continue
        total = total + x * i
    return total


def while_else(x):
    i = 0
    while i < 4:
        x = x * 2
        i += 1
        if x.max() > 30:
            break
    else:
        x = x - 100
    return x


def return_in_loop(x):
    for k in range(12):
        x = x * 1.5
        if x.max() > 10:
            return x + k
    return -x


def for_break_else(x):
    for k in range(20):
        x = x + 0.5
        if x.sum() > 8:
            break
    else:
        x = x * 0
    return x, k


def nested_loops(x):
    n = 0
    for i in range(8):
        for j in range(9):
            if (x * j).sum() > 4 + i:
                break
            n = n + 1
        x = x * 0.9
    return x + n


def collatz(x):
    n = (x * x).sum().astype(td.int64) + 7
    steps = 0
    while n != 1:
        if n & 1 == 0:
            n = (n / 2).astype(td.int64)
        else:
            n = 3 * n + 1
        steps += 1
    return n, steps


def over_rows(x):
    total = x[0] * 0
    for row in x:
        total = total * 0.5 + row
    return total


def enumerate_zip(x):
    total = x[0] * 0
    for k, (a, b) in enumerate(zip(x, x * 2)):
        total = total + a * b * k
    return total


def count_from_tensor(x):
    n = (x > 0).sum()
    for i in range(n):
        x = x + i
    return x


def appended_list(x):
    parts = []
    for k in range(10):
        if x.sum() > k:
            parts.append(x * k)
        else:
            parts.append(x - k)
    return td.stack(parts)


def boolean_operators(x):
    s = x.sum()
    if s > 0 and x.max() > 2 or not x.min() > -5:
        return x * 2
    return x * 3


def comparison_chain(x):
    s = x.sum()
    y = x * 2 if -4 < s <= 4 != x.max() else x * 5
    return y


def ternary(x):
    return (x if x.sum() > 0 else -x) + (1.0 if x.max() > 2 else 2.0)


def builtins_on_tensors(x):
    a, b = x.sum(), x.max()
    return max(a, b) * x + min(a, b, a * b) + (1 if all([a > 0, b > 0]) else 0) + (1 if any([a > 0, b > 9]) else 0)


def helper(x, limit):
    if x.max() > limit:
        return x * 0.5
    return x + 0.125


def called_functions(x):
    for _ in range(3):
        x = helper(x, 1.0)
    return helper(helper(x, 0.5), limit=3.0)


class Block:
    """A callable object with state and a method that branches."""

    def __init__(self, width):
        self.width = width
        self.calls = 0

    def gate(self, x):
        return x if x.sum() > 0 else x * 0.1

    def __call__(self, x):
        return self.gate(x) * self.width


BLOCKS = [Block(2.0), Block(0.5)]


def objects(x):
    for block in BLOCKS:
        x = block(x)
    return x


def state_in_object(x):
    state = Block(1.0)
    state.value = x
    if x.sum() > 0:
        state.value = state.value * 2
        state.width = 4.0
    return state.value * state.width


def state_in_dict(x):
    state = {"x": x, "pair": (x * 0, 0)}
    while state["x"].sum() < 40 and state["pair"][1] < 5:
        state["x"] = state["x"] * 2
        state["pair"] = (state["x"], state["pair"][1] + 1)
    return state


def lambda_and_closure(x):
    limit = x.max()

    def clip(value):
        if value.sum() > limit:
            return value * 0.5
        return value

    return clip(x) + (lambda v: v if v.sum() > 0 else -v)(x)


def writes_under_condition(x):
    y = x * 1
    if x.sum() > 0:
        y[0] = 7.0
        y += 1
    else:
        y[1] = -7.0
    return y


def writes_in_loop(x):
    y = x * 0
    for k in range(9):
        y[0] = y[0] + k
        y += x
    return y


def writes_in_while(x):
    i = 0
    while x.max() < 10:
        x += 1
        x[0] = x[0] + i
        i += 1
    return i


def newton(x):
    root = x * x + 1.0
    target = x * x + 2.0
    for _ in range(50):
        update = 0.5 * (root + target / root)
        change = abs(update - root).max()
        root = update
        if change < 1e-3:
            break
    return root


def temporaries(x):
    i = 0
    best = None
    while i < 3:
        best = x * i
        scratch = best + 1
        x = scratch * 0.5
        i = i + (1 if x.sum() > -1e9 else 2)
    return x


def previous_value(x):
    before = x
    after = x * 0.5
    while abs(after - before).max() > 0.1:
        before = after
        after = after * 0.5
    return before, after


def with_block(x):
    with td.disabled():
        if x.sum() > 0:
            return x * 2
    return x * 3


TRACEABLE = [
    straight,
    plain_loop,
    long_loop,
    comprehension_and_table,
    keyword_call,
    in_place,
    returns_structure,
    same_twice,
]
SCRIPTED = [
    abs_by_branch,
    elif_chain,
    early_return,
    nested_return,
    unchanged_branch,
    plain_value_from_branch,
    while_tolerance,
    while_two_conditions,
    while_break,
    while_continue,
    while_else,
    return_in_loop,
    for_break_else,
    nested_loops,
    collatz,
    over_rows,
    enumerate_zip,
    count_from_tensor,
    appended_list,
    boolean_operators,
    comparison_chain,
    ternary,
    builtins_on_tensors,
    called_functions,
    objects,
    state_in_object,
    state_in_dict,
    lambda_and_closure,
    writes_under_condition,
    writes_in_loop,
    writes_in_while,
    newton,
    temporaries,
    previous_value,
    with_block,
]
