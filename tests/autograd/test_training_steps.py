"""Gradients inside of captured functions: backward, grad and the update of an optimizer are one program."""

import numpy as np
import pytest

import tandem as td


def bits(x):
    return None if x is None else np.asarray(x.detach()).tobytes()


class Net:
    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.w1 = td.asarray(rng.standard_normal((5, 8)).astype(np.float32) * 0.3).requires_grad_()
        self.b1 = td.zeros((8,)).requires_grad_()
        self.w2 = td.asarray(rng.standard_normal((8, 3)).astype(np.float32) * 0.3).requires_grad_()

    @property
    def parameters(self):
        return [self.w1, self.b1, self.w2]

    def __call__(self, x):
        return td.tanh(x @ self.w1 + self.b1) @ self.w2


class Adam:
    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.m = [td.zeros(p.shape) for p in parameters]
        self.v = [td.zeros(p.shape) for p in parameters]
        self.t = td.asarray(0.0)

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    def step(self):
        with td.no_grad():
            self.t += 1
            for p, m, v in zip(self.parameters, self.m, self.v):
                if p.grad is None:
                    continue
                m[...] = 0.9 * m + 0.1 * p.grad
                v[...] = 0.999 * v + 0.001 * p.grad * p.grad
                p -= 0.01 * (m / (1 - 0.9**self.t)) / (td.sqrt(v / (1 - 0.999**self.t)) + 1e-8)


def batches(count):
    rng = np.random.default_rng(7)
    for _ in range(count):
        x = rng.standard_normal((16, 5)).astype(np.float32)
        yield td.asarray(x), td.asarray(np.sin(x[:, :3]))


def training(annotate, count=100):
    net = Net()
    optimizer = Adam(net.parameters)

    @annotate
    def step(x, y):
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = [bits(step(x, y)) for x, y in batches(count)]
    return losses, [bits(p) for p in net.parameters], [bits(p.grad) for p in net.parameters], step


def test_a_training_step_is_one_program_with_the_bits_of_eager_code():
    *eager, _ = training(lambda f: f)
    for annotate in (td.script, td.trace):
        *compiled, step = training(annotate)
        assert eager == compiled
        stats = step.stats()
        assert stats["captures"] == 1 and stats["eager_calls"] == 0


def test_gradients_are_summed_up_and_hooks_called():
    def twice(net, x):
        net(x).sum().backward()
        (net(x) * 2).sum().backward()

    seen = []

    def run(annotate):
        net = Net()
        net.w2.register_hook(lambda g: g * 3)
        function = annotate(twice)
        x = td.ones((2, 5))
        for _ in range(3):
            function(net, x)
        seen.append([bits(p.grad) for p in net.parameters])
        return function

    run(lambda f: f)
    function = run(td.script)
    assert seen[0] == seen[1]
    assert function.stats()["captures"] == 2  # without gradients at first, with them later


def test_the_gradient_is_the_argument_of_a_step():
    @td.script
    def clip_and_step(w, limit):
        norm = td.sqrt((w.grad * w.grad).sum())
        w.grad *= td.minimum(limit / norm, 1.0)
        with td.no_grad():
            w -= 0.1 * w.grad
        return norm

    w = td.asarray([3.0, 4.0]).requires_grad_()
    (w * w).sum().backward()
    assert clip_and_step(w, 1.0).item() == 10.0
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(w.detach().numpy(), [2.94, 3.92], rtol=1e-6)
    w.grad = None
    with pytest.raises((td.Error, TypeError)):
        clip_and_step(w, 1.0)


def test_functional_gradients_inside():
    def energy(x, k):
        r = td.sqrt((x * x).sum(axis=-1))
        if r.sum() > 1:
            r = r * 2
        return (k * (r - 1) ** 2).sum()

    def forces(x, k):
        value, grad = td.value_and_grad(energy)(x, k)
        return value, -grad

    compiled = td.script(forces)
    k = td.asarray(2.0).requires_grad_()
    for scale in (0.01, 1.0, 2.0):
        x = td.asarray(np.linspace(-scale, scale, 6, dtype=np.float32).reshape(2, 3))
        eager, fast = forces(x, k), compiled(x, k)
        assert [bits(a) for a in eager] == [bits(b) for b in fast]
    # Through the forces to a parameter: a gradient of a gradient, part of it compiled.
    found = []
    for f in (forces, compiled):
        k.grad = None
        x = td.asarray(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)).requires_grad_()
        (f(x, k)[1] ** 2).sum().backward()
        found.append((bits(k.grad), bits(x.grad)))
    assert found[0] == found[1]
    assert compiled.stats()["eager_calls"] == 0


def test_derivatives_of_all_kinds_inside():
    def f(x):
        return td.stack([td.sin(x[0]) * x[1], x[1] ** 3])

    @td.script
    def all_of_them(x, v):
        y, pull = td.vjp(f, x)
        return y, *pull(v), *td.jvp(f, (x,), (v,)), td.jacobian(f)(x), td.hessian(lambda z: f(z).sum())(x)

    x, v = td.asarray([0.3, 0.7], dtype=td.float64), td.asarray([1.0, -2.0], dtype=td.float64)
    with td.disabled():
        want = all_of_them(x, v)
    assert [bits(a) for a in all_of_them(x, v)] == [bits(b) for b in want]


@td.custom_gradient
def _doubled(x):
    return x * 5, lambda g: g * 2


def test_rules_of_ones_own_and_checkpoints():
    layer = td.checkpoint(lambda x: td.exp(x) * x)

    def step(w, x):
        y = _doubled(w * x) + layer(w)
        z = td.stop_gradient(w) * w
        with td.no_grad():
            c = w * 100
        (y + z + c).sum().backward()

    found = []
    for annotate in (lambda f: f, td.script, td.trace):
        w = td.asarray([0.5, -0.25]).requires_grad_()
        annotate(step)(w, td.asarray([3.0, 4.0]))
        found.append(bits(w.grad))
    assert found[0] == found[1] == found[2]


def test_a_local_leaf_and_a_retained_gradient():
    @td.script
    def f(x):
        leaf = x.detach().requires_grad_()
        y = leaf * leaf
        y.retain_grad()
        (y * 3).sum().backward()
        return leaf.grad, y.grad, leaf.requires_grad, y.is_leaf, x.requires_grad

    leaf, y, *flags = f(td.asarray([1.0, 2.0]))
    assert leaf.tolist() == [6.0, 12.0] and y.tolist() == [3.0, 3.0] and flags == [True, False, False]


def test_evaluation_first_training_later():
    w, x = td.asarray([2.0, 3.0]).requires_grad_(), td.asarray([1.0, 2.0])

    @td.script
    def loss(x):
        return (w * w * x).sum()

    with td.no_grad():
        assert not loss(x).requires_grad
    value = loss(x)
    value.backward()
    assert w.grad.tolist() == [4.0, 12.0] and loss.stats()["captures"] == 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda w, x: (w * x).backward(), r"no gradient for it; need one element"),
        (lambda w, x: (x * 2).sum().backward(), r"rests on no tensor with requires_grad"),
        (lambda w, x: w.__iadd__(x), r"requires gradients and was made by no operation"),
        (lambda w, x: [y := (w * x).sum(), y.backward(), y.backward()], r"let go of by an earlier pass"),
        (lambda w, x: x.requires_grad_(), r"from outside of a function"),
    ],
)
def test_errors(function, message):
    w, x = td.asarray([2.0, 3.0]).requires_grad_(), td.asarray([1.0, 2.0])
    with pytest.raises(td.Error, match=message):
        td.trace(function)(w, x)
    assert w.grad is None and not x.requires_grad


def test_what_cannot_be_captured_says_so():
    w = td.asarray([2.0, 3.0]).requires_grad_()

    @td.script
    def in_a_branch(x):
        y = (w * x).sum()
        if x.sum() > 0:
            y.backward()
        return x

    with pytest.raises(td.CaptureError, match="flows out of what is being captured"):
        in_a_branch(td.asarray([1.0, 2.0]))

    @td.script
    def both(x):
        (w * x).sum().backward()
        return w * 2

    with pytest.raises(td.CaptureError, match="also calls backward"):
        both(td.asarray([1.0, 2.0]))
    assert w.grad is None

    computed = w * 2

    @td.script
    def flows_out(y):
        (y * y).sum().backward()

    with pytest.raises(td.CaptureError, match="flows out of what is being captured"):
        flows_out(computed)


def test_training_in_a_loop_inside():
    def fit(xs, ys):
        for x, y in zip(xs, ys):
            w.grad = None
            ((w * x - y) ** 2).sum().backward()
            with td.no_grad():
                w.__isub__(0.1 * w.grad)

    found = []
    xs, ys = td.asarray(np.linspace(0, 1, 120, dtype=np.float32).reshape(60, 2)), td.ones((60, 2))
    for annotate in (lambda f: f, td.script):
        w = td.asarray([0.5, -0.25]).requires_grad_()
        annotate(fit)(xs, ys)
        found.append((bits(w), bits(w.grad)))
    assert found[0] == found[1]


def test_other_tensors_require_gradients_another_time():
    @td.script
    def f(a, b):
        y = (a * b).sum()
        if y.requires_grad:
            y.backward()
        return y.detach()

    a, b = td.asarray([1.0, 2.0]), td.asarray([3.0, 4.0])
    assert f(a, b).item() == 11.0
    a.requires_grad_()
    f(a, b)
    assert a.grad.tolist() == [3.0, 4.0] and b.grad is None
    b.requires_grad_()
    f(a, b)
    assert a.grad.tolist() == [6.0, 8.0] and b.grad.tolist() == [1.0, 2.0]
    with td.no_grad():
        f(a, b)
    assert a.grad.tolist() == [6.0, 8.0]
