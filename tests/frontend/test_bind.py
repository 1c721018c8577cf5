"""f.bind(args): the same call again, without looking at its arguments."""

import gc
import weakref

import numpy as np
import pytest

import tandem as td


def test_writes_are_seen_and_results_are_new():
    f = td.script(lambda x, y: (x + y, {"product": x * y}))
    x, y = td.asarray([1.0, 2.0]), td.asarray([3.0, 4.0])
    call = f.bind(x, y=y)
    first, again = call(), call()
    x += 1
    assert first[0].tolist() == again[0].tolist() == [4.0, 6.0]
    assert call()[0].tolist() == [5.0, 7.0] and call()[1]["product"].tolist() == [6.0, 12.0]
    first[0][...] = 0
    assert call()[0].tolist() == [5.0, 7.0]


def test_it_compiles_and_runs_nothing():
    seen = []

    @td.script
    def step(x):
        x += 1
        seen.append(1)
        return x.sum()

    x = td.zeros((3,))
    call = step.bind(x)
    assert x.tolist() == [0, 0, 0] and seen == []
    with td.no_recompile():
        assert float(call()) == 3 and float(call()) == 6
    assert x.tolist() == [2, 2, 2] and seen == [1, 1]


def test_what_is_read_from_elsewhere_is_bound():
    class Model:
        weight = td.ones((2,))

    model = Model()
    f = td.script(lambda x: x * model.weight)
    call = f.bind(td.asarray([1.0, 2.0]))
    model.weight += 1
    assert call().tolist() == [2.0, 4.0]
    model.weight = td.zeros((2,))
    assert call().tolist() == [2.0, 4.0]


def test_numbers_sizes_and_lists():
    f = td.script(lambda xs, scale: sum(xs) * scale + xs[0].shape[0])
    for size in (3, 4, 5):
        xs = [td.ones((size,)), td.ones((size,))]
        for scale in (2.0, 3.0):
            assert f.bind(xs, scale)().tolist() == f(xs, scale).tolist()


def test_gradients_flow_through():
    f = td.script(lambda x: (x * x).sum())
    x = td.asarray([1.0, 2.0]).requires_grad_()
    call = f.bind(x)
    for k in range(1, 3):
        call().backward()
        assert x.grad.tolist() == [2.0 * k, 4.0 * k]


def test_disabled_and_inside_of_compiled_code():
    f = td.script(lambda x: x * 2)
    x = td.ones((2,))
    call = f.bind(x)
    with td.disabled():
        assert call().tolist() == [2, 2] and f.bind(x)().tolist() == [2, 2]
    assert td.script(lambda y: y + call())(x).tolist() == [3, 3]


def test_errors():
    f = td.script(lambda x, i: x[i])
    x, i = td.arange(3), td.asarray(1)
    call = f.bind(x, i)
    assert int(call()) == 1
    i[...] = 7
    with pytest.raises(IndexError, match=r"got 7(.|\n)*test_bind"):
        call()
    with pytest.raises(TypeError, match="arguments are bound"):
        call(x)
    with pytest.raises(td.CaptureError):
        td.script(lambda x: np.asarray(x)).bind(x)


def test_it_can_be_collected():
    class Holder:
        pass

    holder = Holder()
    f = td.script(lambda x: x + 1)
    holder.call = f.bind(td.ones((2,)))
    holder.self = holder
    held = weakref.ref(holder)
    del holder, f
    gc.collect()
    assert held() is None
