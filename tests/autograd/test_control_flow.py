"""Gradients of branches and loops that stay branches and loops: the bits of eager code, to any order."""

import numpy as np
import pytest

import tandem as td


def chosen(x, w):
    if x.sum() > 0:
        y = td.exp(x) @ w
    else:
        y = x @ w + w.sum()
    return y * x.mean()


def nested(x, w):
    y = x * 2
    if x[0, 0] > 0:
        y = y * x
        if w[0, 0] > 0:
            y = y + w
        else:
            w = w * 3
    return y @ w + x


def recurrent(x, w):
    h = w[0] * 0.1
    for row in x:
        h = td.tanh(row @ w + h)
    return h * h + w[0]


def by_index(x, w):
    h = x[0]
    out = []
    for i in range(x.shape[0]):
        h = td.sin(x[i] * h + w[1])
        out.append(h @ w)
    return td.stack(out) * x


def until(x, w):
    n = 0
    while (x * x).sum() > 0.5:
        x = x * 0.75 + 0.01 * td.tanh(w[0])
        n += 1
    return x * x * n


def with_break(x, w):
    h = w[0]
    for i in range(50):
        h = h * 0.9 + td.sin(x[0]) * td.cos(h) * 0.1 * i
        if (h * h).sum() > 40:
            break
    return h


def loops_in_loops(x, w):
    total = x[0] * 0
    for row in x:
        h = row
        for _ in range(45):
            h = td.sin(h @ w * 0.3 + row)
        if h.sum() > 0:
            total = total + h
        else:
            total = total - h * row
    return total


def carried_over(x, w):
    a, b = w[0], w[1]
    for i in range(60):
        a, b = b * 0.9, a * td.cos(b) + x[0]
    return a + b + w[0]


FUNCTIONS = [chosen, nested, recurrent, by_index, until, with_break, loops_in_loops, carried_over]


def arguments(rows, seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((rows, 4)), rng.standard_normal((4, 4)) * 0.7
    return [td.asarray(a.astype(dtype)).requires_grad_() for a in (x, w)]


def bits(x):
    return None if x is None else np.asarray(x).tobytes()


def gradients(function, xs):
    weights = td.asarray(np.linspace(0.5, 1.5, 4, dtype=np.asarray(xs[0].detach()).dtype))
    y = function(*xs)
    (y * weights).sum().backward()
    return [y, *(x.grad for x in xs)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_have_the_bits_of_eager_code(function):
    compiled = td.script(function)
    for seed, rows in enumerate((64, 64, 70, 41, 64)):
        eager = gradients(function, arguments(4 if function is nested else rows, seed))
        taped = gradients(compiled, arguments(4 if function is nested else rows, seed))
        assert [bits(a) for a in eager] == [bits(b) for b in taped]
    assert compiled.stats()["eager_calls"] == 0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_second_order(function):
    compiled = td.script(function)

    def second(f):
        xs = arguments(4 if function is nested else 44, 3, np.float64)
        first = td._core._gradients([f(*xs).sum()], [None], xs, retain_graph=True, create_graph=True)
        sum((g * g).sum() for g in first if g is not None).backward()
        return [x.grad for x in xs]

    for a, b in zip(second(function), second(compiled), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-9, atol=1e-9)
    assert compiled.stats()["eager_calls"] == 0


def test_loops_stay_loops():
    compiled = td.script(recurrent)
    xs = arguments(64, 0)
    compiled(*xs).sum().backward()
    few = compiled.stats()["captures"], len(compiled.ir("captured").splitlines())
    assert few[0] == 1 and few[1] < 40


def test_products_that_are_added_are_kept_as_one():
    def cell(x, w, u):
        h, c = td.zeros((3, 4)), td.zeros((3, 4))
        for row in x:
            gates = row @ w + h @ u
            i, f, o = (td.sigmoid(gates[:, k : k + 4]) for k in (0, 4, 8))
            c = f * c + i * td.tanh(gates[:, 12:])
            h = o * td.tanh(c)
        return h

    def gradients(annotate):
        rng = np.random.default_rng(2)
        x, w, u = (td.asarray(rng.standard_normal(s).astype(np.float32)) for s in ((20, 3, 5), (5, 16), (4, 16)))

        @annotate
        def step():
            loss = (cell(x, w, u) ** 2).sum()
            loss.backward()
            return loss.detach()

        w, u = w.requires_grad_(), u.requires_grad_()
        return [np.asarray(y.detach()).tobytes() for y in (step(), w.grad, u.grad)], step

    eager, _ = gradients(lambda f: f)
    compiled, step = gradients(td.script)
    assert compiled == eager
    text = step.ir("optimized")
    assert "%computed:" in text and "%computed_1" not in text
    # The gradients of the four slices are put together rather than added.
    assert "concat" in text and "slice_update" not in text


def test_a_loop_without_a_bound_keeps_so_many_states_and_computes_the_others_again():
    def halves(x):
        while (x * x).sum() > 1e-3:
            x = x * 0.99
        return x

    compiled = td.script(halves)
    for start in (0.5, 40.0, 1e4, 1e-4):  # 281, 1050, 1600 and no iterations
        pair = [td.asarray([start, 0.1], dtype=td.float64).requires_grad_() for _ in range(2)]
        halves(pair[0]).sum().backward()
        compiled(pair[1]).sum().backward()
        assert bits(pair[0].grad) == bits(pair[1].grad)
    assert compiled.stats()["eager_calls"] == 0


def test_a_loop_that_never_runs():
    def twice_used(x, n):
        y = x * 2
        z = y
        for _ in range(n):
            z = z * y
        return z + y

    compiled = td.script(dynamic=True)(twice_used)
    for n in (60, 0, 1, 47):
        pair = [td.asarray([0.25, 0.5]).requires_grad_() for _ in range(2)]
        twice_used(pair[0], n).sum().backward()
        compiled(pair[1], n).sum().backward()
        assert bits(pair[0].grad) == bits(pair[1].grad)


def test_messages_and_checks_happen_once(capsys):
    @td.script
    def talks(x):
        if x.sum() > 0:
            print("positive", x)
        return x * x

    x = td.asarray([1.0, 2.0]).requires_grad_()
    talks(x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert capsys.readouterr().out.count("positive") == 1 and talks.stats()["eager_calls"] == 0
