"""Annotated functions inside of an eager tape: the gradients are compiled, and have the bits of eager code."""

import numpy as np
import pytest

import tandem as td
from tandem import _core


def dense(x, w, b):
    return td.tanh(x @ w + b)


def mixed(x, w, b):
    y = td.exp(-x * x) + td.maximum(x, 0.25)
    y[:, 1:] *= 3.0
    y[0] = b[0] * td.exp(y[1])
    return (y @ w).sum(axis=0) / (1 + td.abs(b)), y.T[::2]


def picks(x, w, b):
    rows = td.take(x, td.asarray([2, 0, 2]), axis=0)
    return td.softmax(rows @ w, axis=-1) * td.logsumexp(x, axis=0).mean(), td.sort(b) + td.cumsum(b)


FUNCTIONS = [dense, mixed, picks]


def arguments(rows=4):
    rng = np.random.default_rng(5)
    shapes = ((rows, 3), (3, 5), (5,))
    return [td.asarray(rng.standard_normal(s).astype(np.float32)).requires_grad_() for s in shapes]


def total(result):
    parts = result if isinstance(result, tuple) else (result,)
    return sum(((part * part).sum() for part in parts), td.asarray(0.0))


def bits(x):
    return np.asarray(x).tobytes()


@pytest.mark.parametrize("annotate", [td.script, td.trace])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_have_the_bits_of_eager_code(annotate, function):
    compiled = annotate(function)
    for rows in (4, 6, 7, 4):
        eager, taped = arguments(rows), arguments(rows)
        total(function(*eager)).backward()
        result = compiled(*taped)
        total(result).backward()
        first = result[0] if isinstance(result, tuple) else result
        assert first.grad_fn == function.__name__
        for x, y in zip(eager, taped):
            assert bits(x.grad) == bits(y.grad)
    assert compiled.stats()["eager_calls"] == 0 and compiled.stats()["captures"] <= 3


@pytest.mark.parametrize("function", FUNCTIONS)
def test_second_order(function):
    compiled = td.script(function)

    def second(f):
        xs = arguments()
        grads = _core._gradients([total(f(*xs))], [None], xs, retain_graph=True, create_graph=True)
        total(tuple(grads)).backward()
        return [x.grad for x in xs]

    for a, b in zip(second(function), second(compiled)):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=2e-5, atol=2e-5)


def test_weights_in_attributes_and_eager_parts_around():
    class Layer:
        def __init__(self):
            self.w = td.asarray(np.linspace(-1, 1, 9, dtype=np.float32).reshape(3, 3)).requires_grad_()

        @td.script
        def __call__(self, x, scale):
            return td.sigmoid(x @ self.w) * scale

    layer, x = Layer(), td.ones((2, 3)).requires_grad_()
    for scale in (2.0, 3.0, 4.0):
        layer.w.grad = x.grad = None
        td.sin(layer(x * 2, scale)).sum().backward()
        got = bits(layer.w.grad), bits(x.grad)
        layer.w.grad = x.grad = None
        with td.disabled():
            td.sin(layer(x * 2, scale)).sum().backward()
        assert got == (bits(layer.w.grad), bits(x.grad))


def test_what_writes_to_its_arguments_runs_eagerly():
    @td.script
    def writes(x, log):
        log += x.sum()
        return x * 3

    x, log = td.asarray([1.0, 2.0]).requires_grad_(), td.asarray(0.0)
    with td.no_grad():
        writes(x, log)
    writes(x, td.asarray(0.0)).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and log.item() == 3.0


def _without(x):
    with td.no_grad():
        y = x * 3
    return x * y


@td.custom_gradient
def _tripled(x):
    return x * 2, lambda g: g * 3


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (_without, [3.0, 6.0]),
        (lambda x: x * td.stop_gradient(x), [1.0, 2.0]),
        (lambda x: x * x.detach(), [1.0, 2.0]),
        (lambda x: _tripled(x) * 1, [3.0, 3.0]),
        (lambda x: x * 5 if x.requires_grad else x * 7, [5.0, 5.0]),
    ],
)
def test_parts_that_gradients_do_not_flow_through(function, want):
    for compiled in (td.script(function), td.trace(function)):
        for _ in range(2):
            x = td.asarray([1.0, 2.0])
            compiled(x)
            x.requires_grad_()
            compiled(x).sum().backward()
            assert x.grad.tolist() == want


def test_a_function_captured_without_gradients_is_differentiated_later():
    f = td.script(lambda x: x * x)
    x = td.asarray([1.0, 2.0]).requires_grad_()
    with td.no_grad():
        f(x)
    f(x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0] and f.stats()["eager_calls"] == 0


def test_an_argument_written_to_after_the_call():
    f = td.script(lambda x: x * x)
    x = td.asarray([1.0, 2.0]).requires_grad_()
    y = x * 1
    z = f(y)
    y += 1
    with pytest.raises(td.AutogradError, match="that was written to after the call"):
        z.sum().backward()
    g = td.script(lambda x: x.sum())
    y = x * 1
    z = g(y)
    written = td.script(lambda t: t.fill(0.0))
    with td.no_grad():
        written(y)
    z.backward()  # reads nothing of it, as in eager code
    assert x.grad.tolist() == [1.0, 1.0]


def test_the_whole_gradient_of_an_annotated_function():
    f = td.script(lambda x: (x**3).sum())
    assert td.grad(f)(td.asarray([1.0, 2.0])).tolist() == [3.0, 12.0]
    assert td.hessian(f)(td.asarray([1.0, 2.0])).tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_checkpoints_inside_of_annotated_functions():
    w = td.asarray(np.linspace(0.1, 0.9, 5, dtype=np.float32)).requires_grad_()
    kept = td.checkpoint(lambda x: td.sin(x * w) + x * x * td.exp(x))

    def loss(x):
        return (x * 3 + kept(x) + kept(x * 2)).sum()

    def step(x):
        loss(x).backward()

    def gradients(f):
        x = td.asarray(np.linspace(-1, 1, 5, dtype=np.float32)).requires_grad_()
        w.grad = None
        y = f(x)
        if y is not None:
            y.backward()
        return bits(x.grad), bits(w.grad)

    want = gradients(loss)
    for f in (td.script(loss), td.script(step)):
        assert gradients(f) == want and f.stats()["eager_calls"] == 0


def test_what_is_written_without_gradients_is_compiled():
    """Running statistics and random numbers: the gradient computes from what they were before the call."""

    class Layer:
        def __init__(self):
            self.w = td.asarray(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)).requires_grad_()
            self.mean = td.zeros((4,))
            self.count = td.asarray(0)

        def __call__(self, x):
            y = x @ self.w * (1 + self.mean)
            with td.no_grad():
                self.count += 1
                self.mean[...] = 0.9 * self.mean + 0.1 * y.mean(axis=0)
            return (y - self.mean) * td.random.uniform(y.shape) + y * self.count

    found = []
    for annotate in (lambda f: f, td.script, td.trace):
        td.manual_seed(3)
        layer = Layer()
        function = annotate(layer.__call__)
        for k in range(3):
            (function(td.ones((2, 3)) * (k + 1)) ** 2).sum().backward()
        found.append([bits(layer.w.grad), bits(layer.mean), bits(layer.count)])
    assert found[0] == found[1] == found[2]
    assert function.stats()["eager_calls"] == 0


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_modules_in_training_mode_are_compiled(dropout):
    found = []
    for annotate in (lambda f: f, td.script):
        td.manual_seed(0)
        net = td.nn.Sequential(
            td.nn.Conv2d(2, 4, 3), td.nn.BatchNorm2d(4), td.nn.ReLU(), td.nn.Dropout(dropout), td.nn.Flatten(),
            td.nn.Linear(64, 3),
        )  # fmt: skip
        function = annotate(net)
        optimizer = td.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            td.nn.functional.cross_entropy(
                function(td.random.normal((5, 2, 6, 6))), td.asarray([0, 1, 2, 1, 0])
            ).backward()
            optimizer.step()
        found.append([bits(value) for value in net.state_dict().values()])
    assert found[0] == found[1]
    assert function.stats()["eager_calls"] == 0


def test_products_are_computed_once_and_kept():
    f = td.script(lambda x, w: td.tanh(x @ w) * 2)
    x, w = td.ones((4, 3)).requires_grad_(), td.ones((3, 5)).requires_grad_()
    for _ in range(2):
        before = _core.stats()["library_calls"]
        y = f(x, w)
        forward = _core.stats()["library_calls"]
        y.sum().backward()
        assert (forward - before, _core.stats()["library_calls"] - forward) == (1, 2)


def test_parts_without_gradients_are_marked_in_the_graph():
    @td.trace
    def f(x):
        with td.no_grad():
            y = x * 2
        return x.detach() * y

    f(td.ones((2,)))
    lines = f.ir("captured").splitlines()
    assert [("no_grad" in line) for line in lines if " multiply " in line] == [True, False]
    assert any("stop_gradient" in line and "no_grad" in line for line in lines)
