"""Random graphs of fusable operations: compiled equals eager bit for bit, whatever ends up in one kernel."""

from __future__ import annotations

import numpy as np
import pytest

import tandem as td

UNARY = ["exp", "tanh", "negative", "square", "relu", "abs", "sigmoid", "floor"]
BINARY = ["add", "multiply", "subtract", "maximum", "divide"]
REDUCE = ["sum", "max", "mean", "min", "var", "logsumexp"]
SHAPES = [(5, 7), (33, 64), (3, 4, 5), (1, 40), (70, 3), (0, 4), (4, 4097), (2, 3, 130)]


def random_program(rng: np.random.Generator, shape: tuple[int, ...], steps: int):
    """A list of steps; each is a function of the values made so far."""
    plan = []
    shapes = [shape, shape, shape[-1:]]
    for _ in range(steps):
        kind = rng.choice(
            ["unary", "binary", "reduce", "view", "softmax", "norm", "concat", "update", "cumsum", "inplace"],
            p=[0.2, 0.24, 0.16, 0.15, 0.05, 0.04, 0.04, 0.05, 0.03, 0.04],
        )
        i = int(rng.integers(len(shapes)))
        s = shapes[i]
        if kind == "unary":
            name = str(rng.choice(UNARY))
            plan.append(lambda v, i=i, name=name: getattr(td, name)(v[i]))
            shapes.append(s)
        elif kind == "binary":
            fits = [j for j, other in enumerate(shapes) if _broadcast(s, other) is not None]
            j = int(rng.choice(fits))
            name = str(rng.choice(BINARY))
            plan.append(lambda v, i=i, j=j, name=name: getattr(td, name)(v[i], v[j]))
            shapes.append(_broadcast(s, shapes[j]))
        elif kind == "reduce" and s and 0 not in s:
            axis = int(rng.integers(len(s)))
            keep = bool(rng.integers(2))
            name = str(rng.choice(REDUCE))
            plan.append(lambda v, i=i, a=axis, k=keep, name=name: getattr(td, name)(v[i], axis=a, keepdims=k))
            shapes.append(tuple(1 if d == axis else n for d, n in enumerate(s) if d != axis or keep))
        elif kind == "view" and s:
            what = int(rng.integers(5))
            if what == 0:
                plan.append(lambda v, i=i: v[i].T)
                shapes.append(s[::-1])
            elif what == 1:
                plan.append(lambda v, i=i: td.flip(v[i]))
                shapes.append(s)
            elif what == 2 and s[0] > 1:
                plan.append(lambda v, i=i: v[i][1:])
                shapes.append((s[0] - 1, *s[1:]))
            elif what == 3:
                plan.append(lambda v, i=i: v[i].reshape(-1))
                shapes.append((int(np.prod(s)),))
            else:
                plan.append(lambda v, i=i: v[i][::2, None])
                shapes.append(((s[0] + 1) // 2, 1, *s[1:]))
        elif kind == "softmax" and s and 0 not in s:
            axis = int(rng.integers(len(s)))
            plan.append(lambda v, i=i, a=axis: td.softmax(v[i], axis=a))
            shapes.append(s)
        elif kind == "norm" and s:
            plan.append(lambda v, i=i: td.layer_norm(v[i]))
            shapes.append(s)
        elif kind == "concat" and s:
            plan.append(lambda v, i=i: td.concat([v[i], v[i] * 2, td.zeros_like(v[i])], axis=0))
            shapes.append((3 * s[0], *s[1:]))
        elif kind == "cumsum" and s:
            axis = int(rng.integers(len(s)))
            plan.append(lambda v, i=i, a=axis: td.cumsum(v[i] * 0.5, axis=a))
            shapes.append(s)
        elif kind in ("update", "inplace") and s and s[0] > 1:

            def step(v, i=i, kind=kind):
                y = v[i] * 0.25
                if kind == "update":
                    y[1:] = y[:-1] + 1
                else:
                    y[::2] *= 3
                    y += v[i]
                return y

            plan.append(step)
            shapes.append(s)
    used = [int(k) for k in rng.choice(np.arange(3, len(shapes)), size=min(3, len(shapes) - 3), replace=False)]

    def program(x, y, z):
        values = [x, y, z]
        for step in plan:
            values.append(step(values))
        return tuple(values[k] for k in used)

    return program


def _broadcast(a, b):
    try:
        out = np.broadcast_shapes(a, b)
    except ValueError:
        return None
    return out if len(out) <= 5 and np.prod(out) < 200_000 else None


def same_bits(a: td.Tensor, b: td.Tensor) -> bool:
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    return (
        bool(np.all((x.view(f"u{x.itemsize}") == y.view(f"u{x.itemsize}")) | (np.isnan(x) & np.isnan(y))))
        if x.size
        else True
    )


@pytest.mark.parametrize("seed", range(150))
def test_compiled_equals_eager(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    program = random_program(rng, shape, int(rng.integers(4, 16)))
    dtype = np.float64 if seed % 5 == 4 else np.float16 if seed % 5 == 3 else np.float32
    inputs = [rng.standard_normal(s).astype(dtype) for s in (shape, shape, shape[-1:])]
    eager = program(*(td.asarray(a.copy()) for a in inputs))
    compiled = td.trace(program)
    got = compiled(*(td.asarray(a.copy()) for a in inputs))
    for k, (a, b) in enumerate(zip(eager, got, strict=True)):
        assert same_bits(a, b), f"output {k} of seed {seed}:\n{a}\n{b}\n{compiled.ir('optimized')}"
