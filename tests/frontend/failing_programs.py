"""Programs that end by exceptions for some of their inputs, after and before changes of what they were given.

They stand in a module of their own because pytest gives the assertions in test modules other messages.
"""

import tandem as td


class Box:
    def __init__(self):
        self.count, self.rate, self.last, self.log, self.table, self.seen = 0, 1.0, None, [], {}, set()


BOX = Box()
LOG = []


def written_before_and_after(x, y):
    x += 1
    assert y > 0
    x += 1
    return x


def checked_and_written_by_one_kernel(x, y):
    doubled = x * 2
    assert doubled.sum() > y
    x += doubled
    return doubled


def printed_between_writes(x, y):
    x *= 2
    print(x)
    x[0] = 7
    if y < 0:
        raise ValueError(x.sum())
    x -= 1
    return y


def written_in_a_loop(x, y):
    for _ in range(y):
        x += 1
        if x.sum() > 8:
            raise ValueError("large")
        x[1] -= 0.25
    return x


def written_after_a_loop_that_raises(x, y):
    n = y
    while n > 0:
        n -= 1
        assert n < 5
    x += 1
    return x


def written_in_a_branch(x, y):
    if x.sum() > 2:
        x += 1
        if y < 0:
            raise KeyError(y)
        x += 1
    else:
        assert y != 0
    return x * 2


def attributes(x, y):
    BOX.count += 1
    BOX.rate *= 0.5
    BOX.last = x * 2
    if y < 0:
        raise ValueError("negative")
    BOX.count += 10
    BOX.last = x * 3
    return x


def containers(x, y):
    BOX.log.append(x + 1)
    LOG.append(y)
    BOX.table["a"] = x - 1
    BOX.seen.add("seen")
    assert y > 0
    BOX.log.append(x + 2)
    return x


def attributes_in_a_loop(x, y):
    for _ in range(y):
        BOX.count += 1
        assert BOX.count < 10
        BOX.rate = BOX.rate + 1
    return x


PROGRAMS = [
    written_before_and_after,
    checked_and_written_by_one_kernel,
    printed_between_writes,
    written_in_a_loop,
    written_after_a_loop_that_raises,
    written_in_a_branch,
    attributes,
    attributes_in_a_loop,
    containers,
]


def unused(x, i):
    x[i]
    return x


def partly_used(x, i):
    return td.take(x, i)[:1] * 2


def unused_in_a_branch(x, i):
    if x.sum() > 0:
        x[i]
    return x


def unused_in_a_loop(x, i):
    for k in range(9):
        x[i - k // 9]
    return x


def unused_element_in_a_loop(x, i):
    for k in range(3):
        x[i[1] + k - 2]
    return x


def unused_write(x, i):
    x[0] = 9
    copy = x.copy()
    copy[i[1]] = 3
    return x


def writes_before(x, i):
    x[i[0]] = 9
    x += 1
    x[i[1]] = 3
    x += 1
    return x


def writes_in_a_loop(x, i):
    for k in range(4):
        x[i[1] + k - 3] = k
        BOX.last = x * 1
    return x


def prints_around(x, i):
    print(x)
    y = x[i]
    print("between")
    z = td.take(x, i + 1 - 1)
    print(y)
    return x + z.sum() + y.sum()


def gathered_into_what_it_reads(x, i):
    x += x[i].sum()
    return x


def rows(x, i):
    BOX.count += 1
    return td.embedding(i, x[:, None])[:, :1] * 2


def along_an_axis(x, i):
    x *= 2
    return td.take_along_axis(x, i, axis=0)[0]


INDEXED = [
    unused,
    partly_used,
    unused_in_a_branch,
    unused_in_a_loop,
    unused_element_in_a_loop,
    unused_write,
    writes_before,
    writes_in_a_loop,
    prints_around,
    gathered_into_what_it_reads,
    rows,
    along_an_axis,
]
