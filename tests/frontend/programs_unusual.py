"""Tensor programs of the less usual parts of Python: operators of the user's own, unusual targets, odd scopes.

As in programs.py: a program takes one tensor of rank 1 or 2.
"""

import contextlib
import dataclasses
import functools
from typing import Any, NamedTuple

import tandem as td


@dataclasses.dataclass
class Pair:
    value: Any
    count: int = 0

    def __add__(self, other):
        return Pair(self.value + getattr(other, "value", other), self.count + 1)

    def __lt__(self, other):
        return self.value.sum() < other

    def __bool__(self):
        return bool(self.value.sum() > 0)

    def __len__(self):
        return 3


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any
    count: int = 0


class Named(NamedTuple):
    value: Any
    count: int = 0


class Plain:
    def __init__(self, value, count=0):
        self.value, self.count = value, count

    def __add__(self, other):
        return type(self)(self.value + getattr(other, "value", other), self.count + 1)

    def __radd__(self, other):
        return type(self)(other - self.value, self.count + 10)

    def __iadd__(self, other):
        self.value = self.value + other
        self.count += 100
        return self

    def __getitem__(self, k):
        return self.value[k]

    def __matmul__(self, other):
        return (self.value * other).sum()

    def __call__(self, scale):
        return self.value * scale if self.value.sum() > 0 else self.value - scale


class Slotted:
    __slots__ = ("count", "value")

    def __init__(self, value, count=0):
        self.value, self.count = value, count


class Derived(Plain):
    @property
    def total(self):
        return self.value.sum() if self.value.sum() > 0 else -self.value.sum()

    @classmethod
    def made(cls, value):
        return cls(value * 2 if value.sum() > 0 else value)

    @staticmethod
    def half(value):
        return value / 2 if value.sum() > 0 else value

    def __getattr__(self, name):
        if name.startswith("times"):
            return self.value * int(name[5:])
        raise AttributeError(name)


def _objects(x, kind):
    chosen = kind(x, 1)
    if x.sum() > 0:
        chosen = kind(x * 2, 2)
    else:
        chosen = kind(chosen.value - 1, 3)
    while chosen.value.sum() < 10 and chosen.count < 6:
        chosen = kind(chosen.value + 1, chosen.count + 1)
    for _ in range(9):
        chosen = kind(chosen.value * 0.5, chosen.count)
    return chosen.value, chosen.count


def helper(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 1

    return wrapper


@contextlib.contextmanager
def incremented(values):
    values.append(len(values))
    try:
        yield values[-1]
    finally:
        values.append(-1)


def objects_of_a_plain_class(x):
    return _objects(x, Plain)


def objects_with_slots(x):
    return _objects(x, Slotted)


def objects_of_dataclasses(x):
    return _objects(x, Pair), _objects(x, Frozen)


def objects_of_named_tuples(x):
    return _objects(x, Named)


def objects_of_a_derived_class(x):
    made = Derived.made(x)
    if made.total > 3:
        made = Derived(made.value - made.total, 2)
    return made.value, made.count, made.half(x), made.times3


def an_object_replaced_on_one_path(x):
    chosen = Plain(x, 1)
    if x.sum() > 0:
        chosen = chosen + 1
    return chosen.value, chosen.count


def an_object_of_a_ternary(x):
    chosen = Plain(x) if x.sum() > 0 else Plain(-x, 4)
    return chosen(2.0), chosen.count


def an_object_that_holds_others(x):
    outer = Plain(Pair(x, 1), [x, x])
    if x.sum() > 0:
        outer.value.value = outer.value.value * 2
        outer.count[0] = x * 3
    return outer.value.value, outer.count


def operators_of_the_user(x):
    a, b = Plain(x), Pair(x)
    total = 1 + (a + b.value)
    total += x
    c = b + b + 2
    while c < 20:
        c = c + 1.5
    return total.value, total.count, c.value, c.count, a @ x, a[0], a(3)


def truth_of_the_user(x):
    pair = Pair(x)
    y = x + 1 if pair else x - 1
    if not pair:
        y = y * 2
    while pair:
        pair = Pair(pair.value - 1)
    return y, pair.value


def starred_targets(x):
    first, *rest = x * 2, x + 1, x + 2, x + 3
    if x.sum() > 0:
        *rest, last = rest
    else:
        last, *rest = rest
    (a, [b, *c]), d = (first, [last, *rest]), x
    return a, b, c, d


def walrus_in_operands(x):
    if (total := x.sum()) > 0 and (half := total / 2) > 1:
        y = x * half
    else:
        y = x + total
    if y.sum() < 0 or (largest := y.max()) > 3 or largest < 1 and (least := y.min()) < 0:
        y = y - 1
    elif total > 0 and (least := y.min()) > 0.5:
        y = y - least
    return y, total


def chained_comparisons_with_effects(x):
    calls = []

    def seen(value):
        calls.append(1)
        return value

    inside = seen(-100) < seen(x.sum()) < 100
    return x if inside else -x, len(calls)


def lambdas_with_defaults(x):
    scaled = [lambda v, k=k, by=x * k: v * k + by if v.sum() > 0 else v - by for k in range(3)]
    return [function(x) for function in scaled]


def closures_made_in_a_loop(x):
    functions = []
    for k in range(3):

        def add(v, k=k):
            nonlocal total
            total += k
            return v + total if v.sum() > 0 else v - k

        functions.append(add)
    total = 0
    return [function(x) for function in functions], total


def nonlocal_in_loops(x):
    count, kept = 0, x

    def step():
        nonlocal count, kept
        count += 1
        kept = kept + 1

    for _ in range(4):
        step()
        if count % 2:
            step()
    return kept, count


def nested_comprehensions(x):
    rows = [[(k * m, x * k if k > m else x + m) for m in range(3) if (k + m) % 2] for k in range(3)]
    table = {k: [v if v.sum() > 0 else -v for _, v in row] for k, row in enumerate(rows) if row}
    names = {str(k) for row in rows for k, _ in row}
    return table, sorted(names)


def conditions_in_comprehensions(x):
    return [y * 2 if y.sum() > 0 else y for y in (x, -x, x - x.sum())], sum(y.sum() for y in (x, x * 2))


def try_finally_around_branches(x):
    log, y = [], x
    try:
        if x.sum() > 0:
            y = x * 2
        else:
            y = -x
        log.append("tried")
    except KeyError:
        log.append("failed")
    else:
        log.append("good")
    finally:
        y = y + 1
        log.append("done")
    return y, log


def early_return_from_try(x):
    log = []

    def inner(x):
        try:
            if x.sum() > 0:
                return x * 2
            x = x - 1
        finally:
            log.append("done")
        return x

    return inner(x), inner(-x), log


def early_return_from_with(x):
    with incremented([]) as k:
        if x.sum() > k:
            return x + k
        with incremented([5]) as m:
            x = x * m
    return x


def match_with_guards(x):
    def kind(case):
        match case:
            case {"scale": scale, **rest} if not rest:
                return x * scale
            case [first, *others] if len(others) > 1:
                return x + first if x.sum() > 0 else x - first
            case Named(value=v, count=0 | 1) as whole:
                return v + whole.count
            case str() | None:
                return x
            case _:
                return -x

    cases = [{"scale": 2}, {"scale": 2, "shift": 1}, [1, 2, 3], [1], Named(x * 3, 1), Named(x, 5), "a", None]
    return [kind(case) for case in cases]


def match_inside_a_branch(x):
    y = x
    for mode in ("double", "negate", ("shift", 2)):
        if y.sum() > -5:
            match mode:
                case "double":
                    y = y * 2
                case ("shift", by):
                    y = y + by
                case _:
                    y = -y
    return y


def augmented_targets(x):
    table = {"a": x, "b": [x, x + 1]}
    rows = [[x, x], [x]]
    box = Plain([x])
    for k in range(3):
        table["a"] += k
        table["b"][1] = table["b"][1] * 2
        rows[0][1] -= k
        box.value[0] = box.value[0] + rows[0][1]
        box.count += k
    if x.sum() > 0:
        table["b"][0] = table["b"][0] * 3
        rows[1][0] = x * 4
    return table, rows, box.value, box.count


def dict_changed_in_a_loop(x):
    table = {}
    for k in range(4):
        table[k] = x * k
        if k > 1:
            table[f"late{k}"] = table.pop(k - 1) + 1
        table.setdefault("first", x)
    table |= {"last": x - 1}
    del table["first"]
    return table, list(table)


def sets_and_deletions(x):
    seen, y, z = set(), x, x
    for k in (1, 2, 1, 3, 2):
        if k in seen:
            y = y + k
            continue
        seen.add(k)
    del z
    if len(seen) > 2:
        seen.discard(3)
    try:
        return y * len(seen), z  # noqa: F821 - that is the point
    except UnboundLocalError:
        return y * len(seen), None


def partial_and_wraps(x):
    @helper
    def scaled(value, by, *, shift=0):
        return value * by + shift if value.sum() > 0 else value - shift

    twice = functools.partial(scaled, by=2)
    method = functools.partial(Plain(x).__call__, 3.0)
    return scaled(x, 3, shift=1), twice(x), twice(x, shift=x), method(), functools.reduce(lambda a, b: a + b, [x, x, x])


def overlapping_views(x):
    y = x.copy()
    first, last = y[:-1], y[1:]
    first[...] = last * 2
    if y.sum() > 0:
        last += first
    else:
        last -= 1
    y[::2] *= 2
    return y, first, last


def views_of_views(x):
    y = x.copy()
    tail = y[1:]
    inner = tail[1:]
    for k in range(9):
        inner += k
        tail[0] = inner.sum()
    if x.sum() > 0:
        y[-1] = 0
    return y, tail, inner


def elements_under_a_condition(x):
    y = x.copy()
    for k in range(len(x)):
        if y[k].sum() > 0:
            y[k] = y[k] * 2
        else:
            y[k] -= 1
    return y


def floor_division_and_remainder(x):
    n = x.shape[0]
    y = x // 0.7 + x % -0.3
    quotient, rest = divmod(x, 1.5)
    y //= 2
    y %= 3
    whole = (x * 10).astype(td.int32)
    return y, quotient, rest, 7 // (abs(x) + 1), whole // 3, whole % -4, divmod(n, 3), -n // 2, n**2 % 5


def floor_division_of_loop_numbers(x):
    steps = 0
    n = abs(x).sum().astype(td.int64) + 7
    while n > 1:
        n = n // 2 if n % 2 == 0 else n * 3 + 1
        steps += 1
        if steps % 7 == 6:
            x = x + steps // 2
    return x, n, steps


def conditional_expressions_nested(x):
    a = 1 if x.sum() > 0 else 2 if x.sum() < -5 else 3
    b = (x if a > 1 else -x) if a < 3 else (x * 2 if x.max() > 0 else x * 3)
    return b, a


def shadowed_builtins(x):
    sum = x.sum()
    len = 2

    def max(a, b):
        return a if a.sum() > b.sum() else b

    return max(x * len, x + 1), sum


def loops_with_else_and_several_exits(x):
    found = -1
    for k in range(8):
        if x.sum() > 20:
            found = k
            break
        for m in range(3):
            if x.sum() + m > 15:
                break
            x = x + 1
        else:
            continue
        x = x + 0.5
    else:
        x = -x
    return x, found


def generators_with_plain_control_flow(x):
    def parts(n):
        for k in range(n):
            if k == 2:
                return
            got = yield x * k
            if got is not None:
                yield got

    stream = parts(4)
    first = next(stream)
    second = stream.send(x + 5)
    return first, second, list(stream), max((p.sum() for p in parts(2)), key=lambda v: 0)


def recursion_with_tensors(x):
    def descend(value, depth):
        if depth == 0:
            return value
        if value.sum() > 0:
            return descend(value / 2, depth - 1) + 1
        return descend(value + 1, depth - 1)

    return descend(x, 3)


TRACEABLE = [
    generators_with_plain_control_flow,
    nonlocal_in_loops,
    dict_changed_in_a_loop,
    floor_division_and_remainder,
]
SCRIPTED = [
    objects_of_a_plain_class,
    objects_with_slots,
    objects_of_dataclasses,
    objects_of_named_tuples,
    objects_of_a_derived_class,
    an_object_replaced_on_one_path,
    an_object_of_a_ternary,
    an_object_that_holds_others,
    operators_of_the_user,
    truth_of_the_user,
    starred_targets,
    walrus_in_operands,
    chained_comparisons_with_effects,
    lambdas_with_defaults,
    closures_made_in_a_loop,
    nested_comprehensions,
    conditions_in_comprehensions,
    try_finally_around_branches,
    early_return_from_try,
    early_return_from_with,
    match_with_guards,
    match_inside_a_branch,
    augmented_targets,
    sets_and_deletions,
    partial_and_wraps,
    overlapping_views,
    views_of_views,
    elements_under_a_condition,
    floor_division_of_loop_numbers,
    conditional_expressions_nested,
    shadowed_builtins,
    loops_with_else_and_several_exits,
    recursion_with_tensors,
]
