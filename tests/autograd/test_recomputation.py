"""`td.checkpoint` in compiled code: what it wraps is computed again for the gradients, so less memory is in use."""

import numpy as np
import pytest

import tandem as td

WIDTH, ROWS, LAYERS = 64, 256, 8


def bits(x):
    return None if x is None else np.asarray(x.detach()).tobytes()


class Block(td.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = td.nn.Linear(WIDTH, 4 * WIDTH), td.nn.Linear(4 * WIDTH, WIDTH)
        self.norm, self.dropout = td.nn.LayerNorm(WIDTH), td.nn.Dropout(0.1)

    def forward(self, x):
        return x + self.second(self.dropout(td.nn.functional.gelu(self.first(self.norm(x)))))


class Stack:
    def __init__(self, keep):
        td.manual_seed(0)
        self.blocks = [Block() for _ in range(LAYERS)]
        self.parameters = [p for block in self.blocks for p in block.parameters()]
        self.functions = self.blocks if keep else [td.checkpoint(block) for block in self.blocks]

    def loss(self, x):
        for function in self.functions:
            x = function(x)
        return (x * x).mean()


def peak(function, *args):
    """The most bytes that a call has in use beyond what was before, and its result."""
    function(*args)
    before = td.memory_stats()["in_use"]
    with td.profiler() as profile:
        result = function(*args)
    return profile.memory.peak - before, result


def one_program(stack):
    optimizer = td.optim.SGD(stack.parameters, lr=0.01)

    @td.script
    def step(x):
        loss = stack.loss(x)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return step


def two_programs(stack):
    optimizer = td.optim.SGD(stack.parameters, lr=0.01)
    forward = td.script(stack.loss)

    def step(x):
        loss = forward(x)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return step


def eager(stack):
    optimizer = td.optim.SGD(stack.parameters, lr=0.01)

    def step(x):
        loss = stack.loss(x)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return step


@pytest.mark.parametrize("make", [one_program, two_programs])
def test_less_memory_is_in_use_and_the_bits_are_the_same(make):
    x = td.random.Generator(1).normal((ROWS, WIDTH))
    found = {}
    for keep in (True, False):
        stack = Stack(keep)
        td.manual_seed(5)
        used, loss = peak(make(stack), x)
        found[keep] = used, bits(loss), [bits(p) for p in stack.parameters]
    plain = Stack(False)
    td.manual_seed(5)
    _, loss = peak(eager(plain), x)
    assert found[False][1:] == (bits(loss), [bits(p) for p in plain.parameters])
    activation = ROWS * WIDTH * 4
    # Without it: of every block the product before the activation, which is four times as wide, at least.
    assert found[True][0] > LAYERS * 4 * activation
    assert found[False][0] < found[True][0] - LAYERS * 3 * activation
    assert found[False][0] < found[True][0] / 2


def test_loops_keep_nothing_of_it():
    w = td.random.Generator(0).normal((WIDTH, WIDTH)) / 8
    wide = td.random.Generator(2).normal((WIDTH, 8 * WIDTH)) / 8
    steps = 16

    def cell(h):
        return td.tanh(td.tanh(h @ wide) @ wide.mT @ w)

    def make(function):
        def loss(h):
            for _ in range(steps):
                h = function(h)
            return (h * h).sum()

        return td.script(td.grad(loss))

    x = td.random.Generator(1).normal((ROWS, WIDTH))
    plain, plain_result = peak(make(cell), x)
    used, result = peak(make(td.checkpoint(cell)), x)
    assert bits(result) == bits(plain_result)
    assert used < plain - steps * 6 * ROWS * WIDTH * 4


def test_parts_and_what_they_hold():
    w = td.asarray(np.linspace(0.1, 0.9, 6, dtype=np.float32)).requires_grad_()
    v = td.asarray(np.linspace(-1, 1, 6, dtype=np.float32)).requires_grad_()

    @td.custom_gradient
    def doubled(x):
        return x * 2, lambda g: g * 3

    def branch(x):
        y = td.sin(x * w)
        if y.sum() > 0:
            y = y * v
        return y

    def looped(x):
        for _ in range(9):
            x = td.tanh(x * w)
        return x, x * 2

    cases = [
        lambda x: td.checkpoint(branch)(x).sum(),
        lambda x: (td.checkpoint(looped)(x)[0] * 3).sum(),
        lambda x: td.checkpoint(lambda y: td.checkpoint(lambda z: td.exp(z * w))(y) * w)(x).sum(),
        lambda x: td.checkpoint(lambda y: doubled(y) * w)(x).sum(),
        lambda x: (td.checkpoint(lambda y: y * w + td.random.normal(y.shape) * y)(x)).sum(),
        lambda x: td.checkpoint(lambda y: td.take(y, td.asarray([1, 3])) * 2)(x).sum(),
        lambda x: (td.checkpoint(lambda y: (y * w, y.sum() * v))(x)[1]).sum(),
    ]
    for case in cases:
        found = []
        for annotate in (lambda f: f, td.script, lambda f: td.script(lambda x: f(x).backward())):
            for sign in (1, -1):
                td.manual_seed(3)
                x = td.asarray(np.linspace(0.1, 2, 6, dtype=np.float32) * sign).requires_grad_()
                w.grad = v.grad = None
                y = annotate(case)(x)
                if y is not None:
                    y.backward()
                found.append([bits(x.grad), bits(w.grad), bits(v.grad)])
        assert found[:2] == found[2:4] == found[4:]


def test_second_derivatives():
    f = td.checkpoint(lambda x: td.sin(x) * td.exp(x))
    x = td.asarray(np.linspace(-1, 1, 5))
    want = td.hessian(lambda x: f(x).sum())(x)
    assert bits(td.script(td.hessian(lambda x: f(x).sum()))(x)) == bits(want)
    assert bits(td.hessian(td.script(lambda x: f(x).sum()))(x)) == bits(want)
