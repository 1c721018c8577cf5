"""Tensor programs of Python's data: unpacking, comprehensions, dataclasses, named tuples, dicts, lists.

As in programs.py: a program takes one tensor of rank 1 or 2.
"""

import dataclasses
import typing

import tandem as td


def unpacking(x):
    a, (b, *middle), c = x, (x + 1, x + 2, x + 3), x * 2
    first, *rest = [a, b, *middle, c]
    if a.sum() > 0:
        first, rest[0] = rest[0], first
    return first, rest


def unpacking_rows(x):
    first, *others = x
    last = others[-1] if others else first
    if first.sum() > last.sum():
        first, last = last, first
    return first - last


def unpacking_shape(x):
    rows, *columns = x.shape
    scale = rows * 10 + len(columns)
    return x * scale if x.sum() > 0 else x / scale


def chained_assignment(x):
    a = b = x * 2
    if x.sum() > 0:
        a = a + 1
    return a, b


def augmented_assignments(x):
    n = 8
    n -= 1
    n *= 2
    n //= 3
    n %= 3
    n **= 2
    y = x * 1
    y += 1
    y -= x * 0.5
    y *= n
    y /= 4
    y **= 2
    flags = y > 1
    flags &= x > 0
    flags |= y < 0.25
    flags ^= x > 1
    return y, flags


def augmented_on_parts(x):
    state = {"n": 1, "x": x * 1}
    parts = [x * 1, x * 2]
    for k in range(3):
        state["n"] += k
        state["x"] += k
        parts[k % 2] *= 0.5
    if x.sum() > 0:
        state["n"] += 10
        parts[0] = parts[0] + 1
    return state["x"] * state["n"], parts


def augmented_under_condition(x):
    y = x * 1
    n = 1
    if x.sum() > 0:
        y += 2
        n += 2
    else:
        y -= 3
        n -= 3
    y *= n
    return y


def augmented_alias_sees_it(x):
    y = x * 1
    alias = y
    row = y[0]
    for k in range(10):
        y += k
    row *= 2
    return alias, y, row


def rows_written_in_a_loop(x):
    y = x * 1
    for row in y:
        row += 1
    for k in range(len(y)):
        part = y[k]
        part *= 2
        y[k] -= 0.5
    return y


def table_filled_in_a_loop(x):
    table = td.zeros((12, *x.shape))
    for k in range(12):
        table[k] = x * k if x.sum() > 0 else x - k
        if k > 0:
            table[k] += table[k - 1]
    return table


def columns_filled_in_a_loop(x):
    table = td.zeros((*x.shape, 10))
    for k in range(10):
        table[..., k] = x * k
        table[0, ..., -1] = k
    return table


def numbers_are_not_changed_in_place(x):
    n, history = 1, 0
    while x.max() > 0.25 and n < 6:
        before = n
        n += 1
        x = x * 0.5 + before * 0.01
        history += before * 10
    return x, n, history


def written_by_a_function_in_a_loop(x):
    y = x * 1
    alias = y
    for _ in range(9):
        y = incremented(y)
    while y.max() < 20:
        y = incremented(y)
    return alias, y


def incremented(x):
    x += 1
    return x


def comprehensions(x):
    scales = [k * 0.5 for k in range(4) if k != 2]
    table = {f"s{k}": (x * s if x.sum() > k else x + s) for k, s in enumerate(scales)}
    return table, [[x * i + j for j in range(2)] for i in range(2)], tuple(v + 1 for v in table.values())


def comprehension_over_rows(x):
    rows = [row * 2 if row.sum() > 0 else row for row in x]
    return td.stack(rows), len({row.shape for row in rows})


def dict_merging(x):
    defaults = {"scale": 2.0, "shift": x}
    chosen = {**defaults, "shift": x * 3} if x.ndim == 1 else defaults | {"scale": 0.5}
    if x.sum() > 0:
        chosen["shift"] = chosen["shift"] + 1
    return {key: value * 2 for key, value in chosen.items()}


def dict_of_state(x):
    state = {"h": x, "c": x * 0, "steps": 0}
    while state["h"].max() > 0.25 and state["steps"] < 6:
        state["c"] = state["c"] + state["h"]
        state["h"] = state["h"] * 0.5
        state["steps"] += 1
    return state


def dict_grows(x):
    cache = {}
    for k in range(4):
        cache[k] = x * k if k < 2 else cache[k - 1] + cache[k - 2]
        cache.setdefault("sum", x * 0)
        cache["sum"] = cache["sum"] + cache[k]
    total = cache.pop("sum")
    return total if x.sum() > 0 else cache[len(cache) - 1]


def lists_as_stacks(x):
    stack = [x, x * 2]
    stack.append(x * 3)
    stack.insert(0, x * 4)
    top = stack.pop()
    stack.extend([top, top * 2])
    stack.reverse()
    del stack[0]
    return stack, len(stack)


def slices_and_ellipsis(x):
    head, tail = x[:-1], x[1:]
    both = tail - head
    flat = x[..., 0] if x.ndim > 1 else x[None, ::2]
    return (both if both.sum() > 0 else -both), flat, x[-1]


@dataclasses.dataclass
class Point:
    """A mutable dataclass with a method."""

    value: typing.Any
    weight: float = 1.0
    tags: list[str] = dataclasses.field(default_factory=list)

    def moved(self, by):
        if self.value.sum() > 0:
            return Point(self.value + by, self.weight * 2, self.tags)
        return Point(self.value - by, self.weight, self.tags)


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A frozen dataclass with a property."""

    a: typing.Any
    b: typing.Any

    @property
    def product(self):
        return self.a * self.b if self.a.sum() > 0 else self.a


class Pair(typing.NamedTuple):
    """A named tuple with a default and a method."""

    left: typing.Any
    right: typing.Any
    scale: float = 2.0

    def swapped(self):
        return self._replace(left=self.right, right=self.left)


def dataclass_through_branches(x):
    point = Point(x)
    point = point.moved(1.0)
    point.value = point.value * 2
    return point.value * point.weight


def dataclass_in_a_loop(x):
    point = Point(x, 1.0)
    for _ in range(10):
        point = Point(point.value * 0.5 + point.weight, point.weight)
    return point.value


def dataclass_returned(x):
    point = Frozen(x, x + 1)
    if x.sum() > 0:
        point = dataclasses.replace(point, b=point.a * 2)
    return point, point.product


def named_tuples(x):
    pair = Pair(x, x * 2)
    if x.sum() > 0:
        pair = pair.swapped()
    left, right, scale = pair
    return pair, left * scale - right


def named_tuple_in_while(x):
    pair = Pair(x, x * 0)
    while pair.left.max() > 0.5:
        pair = Pair(pair.left * 0.5, pair.right + pair.left, pair.scale)
    return pair


def nested_structures(x):
    tree = {"a": [x, (x + 1, {"b": x * 2})], "n": 3}
    if x.sum() > 0:
        tree = {"a": [tree["a"][0] * 2, tree["a"][1]], "n": 4}
    return tree["a"], tree["n"] * x


def strings_and_numbers(x):
    names = [f"{k:02d}" for k in range(3)]
    text = "-".join(names)
    width = len(text) if x.ndim == 1 else round(2.6)
    return x * width + (1 if "01" in names else 0) if x.sum() > 0 else x * int("3") - divmod(7, 3)[1]


def sets_and_sorting(x):
    steps = sorted({3, 1, 2} - {2}, reverse=True)
    order = {"b": 2, "a": 1}
    for step in steps:
        x = x + step if x.sum() > 0 else x - step * order[min(order)]
    return x


def global_tables(x):
    for name in ("scale", "shift"):
        x = x * OPTIONS[name] if x.max() > LIMITS[0] else x + OPTIONS[name]
    return x


OPTIONS = {"scale": 1.5, "shift": 0.25}
LIMITS = (1.0, 2.0)

TRACEABLE = [
    augmented_assignments,
    augmented_alias_sees_it,
    rows_written_in_a_loop,
    columns_filled_in_a_loop,
    lists_as_stacks,
    dataclass_in_a_loop,
]
SCRIPTED = [
    unpacking,
    unpacking_rows,
    unpacking_shape,
    chained_assignment,
    augmented_on_parts,
    augmented_under_condition,
    table_filled_in_a_loop,
    numbers_are_not_changed_in_place,
    written_by_a_function_in_a_loop,
    comprehensions,
    comprehension_over_rows,
    dict_merging,
    dict_of_state,
    dict_grows,
    slices_and_ellipsis,
    dataclass_through_branches,
    dataclass_returned,
    named_tuples,
    named_tuple_in_while,
    nested_structures,
    strings_and_numbers,
    sets_and_sorting,
    global_tables,
]
