"""Programs of plain Python with every kind of control flow: rewriting must not change what they do.

Each entry of PROGRAMS is a function and the argument tuples to call it with.
"""

import contextlib


def if_elif_else(x):
    if x < 0:
        kind = "negative"
    elif x == 0:
        kind = "zero"
    elif x < 10:
        kind = "small"
    else:
        kind = "large"
    return kind


def unset_in_one_branch(x):
    if x > 0:
        y = x
    try:
        return y
    except UnboundLocalError:
        return "unbound"


def early_returns(x):
    if x > 10:
        if x > 100:
            return "huge"
        if x % 2:
            return "odd"
    elif x < 0:
        return -x
    return x + 1


def falls_off(x):
    if x:
        return 1


def while_with_else(n):
    trail = []
    while n > 0:
        n -= 1
        if n == 5:
            continue
        if n == 2:
            trail.append("break")
            break
        trail.append(n)
    else:
        trail.append("else")
    return trail, n


def for_with_else(items, wanted):
    for k, item in enumerate(items):
        if item == wanted:
            found = k
            break
    else:
        found = -1
    return found


def loop_variable_after(n):
    for i in range(n):
        last = i * 2
    return i, last


def nested_break_continue(n):
    out = []
    for i in range(n):
        for j in range(n):
            if j > i:
                break
            if (i + j) % 3 == 0:
                continue
            out.append((i, j))
        else:
            out.append(("complete", i))
            continue
        if i == 4:
            break
        out.append(("broken", i))
    return out


def return_from_nested_loops(n):
    for i in range(n):
        k = 0
        while k < n:
            k += 1
            if i * k == 12:
                return i, k
            if k > i + 3:
                break
    return None


def while_true(n):
    steps = 0
    while True:
        if n == 1:
            return steps
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1


def while_walrus(values):
    pending = list(values)
    total = 0
    while (value := pending.pop() if pending else None) is not None:
        if value < 0:
            break
        total += value
    return total, value


def boolean_operators(a, b, c):
    return (a and b or c, not a, a or (b and c), a and b and c, [] or {} or 0, not (a and not b))


def short_circuit(log):
    def note(value):
        log.append(value)
        return value

    result = note(0) and note(1) or note(2) and note(3) or note(4)
    return result, log


def comparison_chains(a, b, c):
    return a < b < c, a < b > c, a == b == c, a < b <= c != a, a is b is c, a in [a] in [[a]], not a < b < c


def chain_evaluates_once():
    seen = []

    def at(k):
        seen.append(k)
        return k

    result = at(1) < at(3) < at(2) < at(9)
    return result, seen


def ternaries(x):
    return "a" if x > 0 else "b" if x == 0 else "c", (lambda v: v if v else None)(x)


def walrus_in_condition(x):
    if (y := x * 2) > 10 and (z := y + 1) % 2:
        return y, z
    return y


def comprehension(n):
    table = {k: [j for j in range(k) if j % 2] for k in range(n) if k > 1}
    return table, sum(v for row in table.values() for v in row), {x for x in range(n)}


def try_finally(x):
    log = []
    for k in range(4):
        try:
            if k == x:
                log.append("leaving")
                return log
            if k == 2:
                raise ValueError(k)
            log.append(k)
        except ValueError as error:
            log.append(str(error))
            continue
        else:
            log.append("else")
        finally:
            log.append("finally")
    return log


def return_in_finally(x):
    try:
        if x:
            return 1
        raise KeyError(x)
    finally:
        return 2  # noqa: B012


def with_block(x):
    log = []

    @contextlib.contextmanager
    def section(name):
        log.append(f"enter {name}")
        try:
            yield name
        finally:
            log.append(f"exit {name}")

    for k in range(3):
        with section(k) as name, contextlib.suppress(ZeroDivisionError):
            if name == x:
                return log
            log.append(1 // (name - 1))
    return log


def suppressed_return():
    with contextlib.suppress(ValueError):
        return int("x")
    return "after"


def matching(value):
    match value:
        case 0 | 1:
            return "bit"
        case [a, *rest] if a:
            kind = ("list", a, rest)
        case {"k": k, **others}:
            kind = (k, others)
        case _:
            kind = "other"
    return kind


def closures(n):
    count = 0

    def step(by=1):
        nonlocal count
        if by > 2:
            count += 2
            return count
        count += by
        return -count

    values = [step(k) for k in range(n)]
    return values, count


def default_arguments(a, b=2, *args, c=3, **kwargs):
    return (a, b, args, c, kwargs) if a else sorted(kwargs)


def deletes(x):
    y = x
    if x > 2:
        del y
    try:
        return y
    except UnboundLocalError:
        return "deleted"


def star_targets(rows):
    out = []
    for first, *middle, last in rows:
        if not middle:
            continue
        out.append((first, middle, last))
    return out


def dictionary_updates(n):
    counts = {}
    for k in range(n):
        key = "even" if k % 2 == 0 else "odd"
        if key in counts:
            counts[key] += 1
        else:
            counts[key] = 1
    return counts


def local_names():
    a = 1
    if a:
        b = 2
    return sorted(name for name in locals()), b


def generator_inside(n):
    def numbers():
        for k in range(n):
            if k % 2:
                yield k

    total = 0
    for value in numbers():
        if value > 6:
            break
        total += value
    return total


def class_inside(x):
    class Base:
        __secret = 3

        def value(self):
            if x > self.__secret:
                return "above"
            return "below"

    class Derived(Base):
        def value(self):
            return super().value() + "!" if x else super().value()

    return Derived().value()


def recursion(n):
    return 1 if n <= 1 else n * recursion(n - 1)


def asserts(x):
    try:
        assert x > 0, f"got {x}"
    except AssertionError as error:
        return str(error)
    return "fine"


def string_building(words):
    text = ""
    for word in words:
        if not word:
            continue
        text += f"{word!r:>8}" if len(word) < 4 else word[:3].upper()
    return text


def exception_names(x):
    try:
        if x:
            raise ValueError("a")
    except ValueError as error:
        message = str(error)
    else:
        message = None
    try:
        error  # noqa: B018, F821
    except NameError:
        return message, "gone"


def sorting(values):
    values = list(values)
    n = len(values)
    while True:
        swapped = False
        for k in range(n - 1):
            if values[k] > values[k + 1]:
                values[k], values[k + 1] = values[k + 1], values[k]
                swapped = True
        if not swapped:
            break
    return values


def prime_sieve(n):
    primes = []
    for k in range(2, n):
        for p in primes:
            if p * p > k:
                primes.append(k)
                break
            if k % p == 0:
                break
        else:
            primes.append(k)
    return primes


class Account:
    """Methods: super(), private names, attributes set under conditions."""

    rate = 2

    def __init__(self, balance):
        self.__balance = balance
        self.history = []

    def __apply(self, amount):
        if self.__balance + amount < 0:
            return False
        self.__balance += amount
        self.history.append(amount)
        return True

    def run(self, amounts):
        refused = 0
        for amount in amounts:
            if not self.__apply(amount):
                refused += 1
                if refused == 2:
                    break
        else:
            return "all", self.__balance
        return refused, self.__balance, self.history


class Savings(Account):
    def run(self, amounts):
        result = super().run([amount * self.rate for amount in amounts]) if amounts else super().run([1])
        return result


def methods(amounts):
    return Account(10).run(amounts), Savings(10).run(amounts)


PROGRAMS = [
    (if_elif_else, [(-1,), (0,), (5,), (50,)]),
    (unset_in_one_branch, [(1,), (-1,)]),
    (early_returns, [(200,), (51,), (50,), (-3,), (5,)]),
    (falls_off, [(0,), (1,)]),
    (while_with_else, [(0,), (3,), (8,)]),
    (for_with_else, [([1, 2, 3], 2), ([1, 2, 3], 9), ([], 1)]),
    (loop_variable_after, [(1,), (5,)]),
    (nested_break_continue, [(0,), (3,), (7,)]),
    (return_from_nested_loops, [(2,), (7,)]),
    (while_true, [(1,), (27,)]),
    (while_walrus, [([1, 2, 3],), ([1, -2, 3],), ([],)]),
    (boolean_operators, [(0, 1, 2), (1, 0, 2), (1, 2, 3), ("", [], None)]),
    (short_circuit, [([],)]),
    (comparison_chains, [(1, 2, 3), (3, 2, 1), (1, 1, 1)]),
    (chain_evaluates_once, [()]),
    (ternaries, [(1,), (0,), (-1,)]),
    (walrus_in_condition, [(10,), (1,), (6,)]),
    (comprehension, [(6,)]),
    (try_finally, [(0,), (1,), (2,), (3,), (9,)]),
    (return_in_finally, [(0,), (1,)]),
    (with_block, [(0,), (2,), (7,)]),
    (suppressed_return, [()]),
    (matching, [(0,), ([1, 2, 3],), ([0, 2],), ({"k": 1, "j": 2},), ("x",)]),
    (closures, [(5,)]),
    (default_arguments, [(1,), (0,), (1, 5, 6, 7)]),
    (deletes, [(1,), (3,)]),
    (star_targets, [([(1, 2, 3, 4), (1, 2), (5, 6, 7)],)]),
    (dictionary_updates, [(5,)]),
    (local_names, [()]),
    (generator_inside, [(4,), (12,)]),
    (class_inside, [(0,), (5,)]),
    (recursion, [(1,), (6,)]),
    (asserts, [(1,), (-1,)]),
    (string_building, [(["a", "", "abcdef"],)]),
    (exception_names, [(0,), (1,)]),
    (sorting, [([3, 1, 2, 9, 0],), ([],)]),
    (prime_sieve, [(60,)]),
    (methods, [([1, 2],), ([-30, 5, -30, 4],), ([],)]),
]
