"""Functions whose pages are looked at."""

import numpy as np

import tandem as td


def softmax(x):
    m = td.max(x, axis=-1, keepdims=True)
    e = td.exp(x - m)
    return e / td.sum(e, axis=-1, keepdims=True)


def linear(x, w, b):
    return x @ w + b


def mlp(x, layers):
    for k, (w, b) in enumerate(layers):
        x = linear(x, w, b)
        if k + 1 < len(layers):
            x = td.gelu(x)
    p = td.softmax(x, axis=-1)
    return p, td.argmax(p, axis=-1)


def smooth(x, tolerance=0.05):
    change = td.asarray(np.inf, dtype=td.float32)
    steps = 0
    while change > tolerance:
        y = x + 0
        y[1:-1] = 0.25 * x[:-2] + 0.5 * x[1:-1] + 0.25 * x[2:]
        change = td.max(td.abs(y - x))
        x, steps = y, steps + 1
    return x, steps


def branch(x, scale):
    if x.sum() > 0:
        y = td.exp(x) * scale
    else:
        y = -x
    x += y
    return td.concat([y, x]).reshape(-1)


def block(x, w, b):
    h = td.tanh(x * w + b)
    m = td.mean(h, axis=-1, keepdims=True)
    v = td.mean((h - m) ** 2, axis=-1, keepdims=True)
    return x + (h - m) / td.sqrt(v + 1e-5)


def deep(x, ws, bs):
    for w, b in zip(ws, bs):
        x = block(x, w, b)
    return x


def tensor(*shape):
    n = int(np.prod(shape))
    return td.asarray(np.linspace(-1, 1, n, dtype=np.float32).reshape(shape))


def arguments(program):
    """Arguments for one of the functions above."""
    if program is mlp:
        layers = [(tensor(12, 40), tensor(40)), (tensor(40, 40), tensor(40)), (tensor(40, 10), tensor(10))]
        return tensor(64, 12), layers
    if program is branch:
        return tensor(4, 6), td.asarray(np.float32(2))
    if program is deep:
        return tensor(8, 32), [tensor(32) for _ in range(12)], [tensor(32) for _ in range(12)]
    return (tensor(100),) if program is smooth else (tensor(8, 50),)


PROGRAMS = [softmax, mlp, smooth, branch, deep]


def compiled(program):
    """The function, annotated anew and called once."""
    function = td.script(program)
    function(*arguments(program))
    return function
