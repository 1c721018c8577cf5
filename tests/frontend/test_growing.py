"""Containers that a function only adds to: their contents are not guarded, and every call adds to what is there."""

import numpy as np
import pytest

import tandem as td


class Box:
    def __init__(self):
        self.log, self.table, self.seen = [], {}, set()


BOX = Box()
LOG = []


def appends(x):
    BOX.log.append(x * 2)
    LOG.append((x, "text"))
    return x


def extends(x):
    BOX.log.extend([x, x + 1])
    return x


def sets_keys(x):
    BOX.table["sum"] = x.sum()
    BOX.table["kind"] = "last"
    return x


def adds(x):
    BOX.seen.add("seen")
    return x


def appends_in_a_helper(x):
    def keep(value):
        BOX.log.append(value)

    keep(x)
    keep(x * 2)
    return x


def appends_after_a_branch(x):
    y = x if x.sum() > 0 else -x
    BOX.log.append(y)
    return y


GROWING = [appends, extends, sets_keys, adds, appends_in_a_helper, appends_after_a_branch]


def shown(value):
    if isinstance(value, td.Tensor):
        return np.asarray(value).tolist()
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, (list, tuple)) else value


def run(function, between):
    vars(BOX).update(vars(Box()))
    LOG.clear()
    results = []
    for k in range(5):
        results.append(shown(function(td.asarray(np.array([k - 1, 2.0], dtype=np.float32)))))
        if k == between:
            BOX.log.insert(0, td.zeros((2,)))
            BOX.table.clear()
            BOX.seen.clear()
            del LOG[:1]
    return results, shown(vars(BOX)), shown(LOG)


@pytest.mark.parametrize("between", [None, 1, 3])
@pytest.mark.parametrize("program", GROWING, ids=lambda f: f.__name__)
def test_one_capture_for_any_contents(program, between):
    compiled = td.script(program)
    assert run(compiled, between) == run(program, between)
    assert compiled.stats()["captures"] == 1


def reads_the_length(x):
    BOX.log.append(x)
    return x * len(BOX.log)


def reads_the_last(x):
    if BOX.log:
        x = x + BOX.log[-1]
    BOX.log.append(x)
    return x


def reads_in_a_helper(x):
    def total():
        return sum(value.sum() for value in BOX.log)

    BOX.log.append(x)
    return total()


def sets_what_may_be_there(x):
    BOX.table["kind"] = "same"
    if BOX.seen:
        BOX.table["other"] = x
    return x


def removes(x):
    BOX.log.append(x)
    BOX.log.append(x + 1)
    BOX.log.pop(0)
    return x


@pytest.mark.parametrize("between", [None, 1, 3])
@pytest.mark.parametrize(
    "program", [reads_the_length, reads_the_last, reads_in_a_helper, sets_what_may_be_there, removes]
)
def test_contents_that_are_read_are_guarded(program, between):
    assert run(td.script(program), between) == run(program, between)


def test_a_key_that_was_set_to_what_is_there_is_set_again():
    table = {"kind": "same"}

    @td.script
    def f(x):
        table["kind"] = "same"
        return x

    x = td.ones((2,))
    f(x)
    table["kind"] = "another"
    f(x)
    assert table == {"kind": "same"}


def test_a_closure_variable():
    log = []

    @td.script
    def f(x):
        log.append(x)
        return x * 2

    for _ in range(4):
        f(td.ones((2,)))
    assert len(log) == 4
    assert f.stats()["captures"] == 1
