"""Every row with a gradient, to the second order, against differences of float64 values."""

import numpy as np
import pytest
import samples

import tandem as td
from tandem import _core

ROWS = samples.table()
NAMES = [
    name
    for name, row in ROWS.items()
    if row["differentiable"] and row["inputs"] and "float64" in samples.ACCEPTED[row["accepts"]]
]
# Where numbers would lie on kinks, or be too large for differences to say much, others are drawn.
SMOOTH = {"wide": "normal", "wide_positive": "positive", "any": "normal", "small": "normal"}
TAME = {  # not where derivatives grow without bound
    "tan": lambda x: x * 0.15,
    "acosh": lambda x: x + 0.25,
    "lgamma": lambda x: np.abs(x) + 0.5,
    "digamma": lambda x: np.abs(x) + 0.5,
    "i0e": lambda x: x + np.where(x < 0, -0.1, 0.1),  # whose derivative jumps at 0
    "i1e": lambda x: x + np.where(x < 0, -0.1, 0.1),
}
# Rows whose second derivative would need that of a row without a gradient: each polygamma function leads to the next.
LAST = {"digamma": "trigamma"}
APART = ("sort", "max", "min", "topk_indices", "cummax", "cummin")  # whose order must not change
STEP = 2e-4


def operation(name):
    return getattr(td, name, None) or getattr(_core, f"_{name}")


def slope(function):
    """The derivative at 0 by five points: exact for polynomials of the fourth degree."""
    ahead, behind = (function(STEP) - function(-STEP)), (function(2 * STEP) - function(-2 * STEP))
    return (8 * ahead - behind) / (12 * STEP)


class Case:
    """Inputs of one sample, directions for each, and a weight for every element of the result."""

    def __init__(self, name, sample):
        self.rng = np.random.default_rng(list(f"{name} {sample.text}".encode()))
        self.name, self.attributes = name, sample.attributes
        usual = samples.samples(name)[0].domains
        hosts = []
        for k, (shape, domain) in enumerate(zip(sample.shapes, sample.domains)):
            domain = usual[min(k, len(usual) - 1)] if domain in ("special", "wide", "wide_positive") else domain
            host = samples.draw(self.rng, shape, SMOOTH.get(domain, domain), "float64")
            if name in TAME:
                host = np.asarray(TAME[name](host))
            if name in APART and host.dtype == np.float64:
                host = np.asarray(self.rng.permutation(host.size) / max(host.size, 1) * 4 - 2).reshape(shape)
            hosts.append(np.asarray(host * 0.9) if domain == "fraction" else host)  # not where functions end
        self.moves = [host.dtype == np.float64 for host in hosts]
        self.hosts = hosts
        self.along, self.other = ([self.rng.standard_normal(host.shape) for host in hosts] for _ in range(2))
        result = np.asarray(self.result([td.asarray(host) for host in hosts]).astype(td.complex128))
        self.finite = bool(np.isfinite(result).all())
        self.weights = td.asarray(self.rng.standard_normal(result.shape) + 1j * self.rng.standard_normal(result.shape))

    def result(self, tensors):
        function = operation(self.name)
        if ROWS[self.name]["variadic"]:
            return function(tensors, **self.attributes)
        return function(*tensors, **self.attributes)

    def moved(self, t):
        return [
            td.asarray(np.asarray(host + t * step) if moves else host)
            for host, step, moves in zip(self.hosts, self.along, self.moves)
        ]

    def value(self, tensors):
        return (self.result(tensors).astype(td.complex128) * self.weights).real.sum()

    def gradients(self, tensors, create_graph=False):
        wanted = [x.requires_grad_() for x, moves in zip(tensors, self.moves) if moves]
        value = self.value(tensors)
        if not value.requires_grad:
            return [np.zeros(x.shape) for x in wanted], wanted
        grads = _core._gradients([value], [None], wanted, retain_graph=create_graph, create_graph=create_graph)
        return [td.zeros(x.shape, dtype=x.dtype) if g is None else g for x, g in zip(wanted, grads)], wanted

    def directions(self, which):
        return [step for step, moves in zip(which, self.moves) if moves]


def cases():
    for name in NAMES:
        for k, sample in enumerate(samples.samples(name)):
            rounds = sample.attributes.get("dtype") not in (None, td.float64, td.complex128)
            if not rounds and all(np.prod(shape, dtype=int) <= 4000 for shape in sample.shapes):
                yield pytest.param(name, sample, id=f"{name}-{k}")


def near(got, want, scale):
    assert abs(got - want) <= 2e-6 * max(1.0, abs(want), scale), (got, want)


def dot(xs, ys):
    return sum(float(np.sum(np.asarray(x) * np.asarray(y))) for x, y in zip(xs, ys))


@pytest.mark.parametrize(("name", "sample"), list(cases()))
def test_first_and_second_order(name, sample):
    case = Case(name, sample)
    assert any(case.moves)
    if not case.finite:  # the mean of nothing
        return
    grads, wanted = case.gradients(case.moved(0.0))
    for grad, x in zip(grads, wanted):
        assert tuple(grad.shape) == tuple(x.shape)
    along, other = case.directions(case.along), case.directions(case.other)
    scale = sum(float(np.abs(np.asarray(g)).sum()) for g in grads)
    near(dot(grads, along), slope(lambda t: float(case.value(case.moved(t)))), scale)

    grads, wanted = case.gradients(case.moved(0.0), create_graph=True)
    inner = sum((g * td.asarray(step)).sum() for g, step in zip(grads, other) if isinstance(g, td.Tensor))
    if name in LAST:
        with pytest.raises(td.AutogradError, match=f"got a result of '{LAST[name]}'; need"):
            _core._gradients([inner], [None], wanted, retain_graph=False, create_graph=False)
        return
    if isinstance(inner, td.Tensor) and inner.requires_grad:
        found = _core._gradients([inner], [None], wanted, retain_graph=False, create_graph=False)
        second = [np.zeros(x.shape) if g is None else np.asarray(g) for x, g in zip(wanted, found)]
    else:
        second = [np.zeros(x.shape) for x in wanted]
    scale = sum(float(np.abs(g).sum()) for g in second)
    near(dot(second, along), slope(lambda t: dot(case.gradients(case.moved(t))[0], other)), scale)
