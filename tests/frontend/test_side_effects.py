"""Effects besides results and tensor writes are refused at capture, undone, and named with their line."""

import numpy as np
import pytest

import tandem as td

X = np.array([1.0, 2.0], dtype=np.float32)
COUNT = 0
LOG = []


class Counter:
    def __init__(self):
        self.count = 0
        self.last = None
        self.items = []


@pytest.fixture(params=["script", "trace"])
def jit(request):
    return getattr(td, request.param)


def x():
    return td.asarray(X.copy())


def test_attribute(jit):
    counter = Counter()

    @jit
    def f(x):
        counter.count += 1
        return x * 2

    with pytest.raises(td.CaptureError, match=r"counter\.count.*test_side_effects.py:\d+.*from 0 to 1") as caught:
        f(x())
    assert counter.count == 0
    assert "need a function whose effects" in str(caught.value)


def test_attribute_that_is_only_stored(jit):
    counter = Counter()

    @jit
    def f(x):
        counter.last = x
        counter.new = 1
        return x * 2

    with pytest.raises(td.CaptureError, match=r"counter\.last"):
        f(x())
    assert counter.last is None and not hasattr(counter, "new")


def test_global(jit):
    @jit
    def f(x):
        global COUNT
        COUNT = COUNT + 1
        return x

    with pytest.raises(td.CaptureError, match="global 'COUNT'"):
        f(x())
    assert COUNT == 0


def test_closure(jit):
    total = 0

    @jit
    def f(x):
        nonlocal total
        total += 1
        return x

    with pytest.raises(td.CaptureError, match="closure variable 'total'"):
        f(x())
    assert total == 0


def test_list(jit):
    @jit
    def f(x):
        LOG.append(1)
        return x

    with pytest.raises(td.CaptureError, match="LOG.*a change of its contents"):
        f(x())
    assert LOG == []


def test_list_of_an_object(jit):
    counter = Counter()

    @jit
    def f(x, counter):
        counter.items.append(1)
        return x

    with pytest.raises(td.CaptureError, match="items"):
        f(x(), counter)
    assert counter.items == []


def test_argument_list(jit):
    @jit
    def f(items):
        items.append(items[0])
        return items[0]

    items = [x()]
    with pytest.raises(td.CaptureError, match="an argument that is a list"):
        f(items)
    assert len(items) == 1


def test_objects_made_inside_are_free(jit):
    @jit
    def f(x):
        counter = Counter()
        counter.count += 2
        counter.items.append(x)
        log = []
        log.append(counter.items[0] * counter.count)
        return log[0]

    np.testing.assert_array_equal(np.asarray(f(x())), X * 2)


def test_fallback_repeats_the_effect():
    counter = Counter()

    @td.script(fallback=True)
    def f(x):
        counter.count += 1
        return x * 2

    with pytest.warns(RuntimeWarning, match=r"counter\.count"):
        f(x())
    f(x())
    assert counter.count == 2
    assert f.stats()["fallbacks"] == 2
