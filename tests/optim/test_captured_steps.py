"""Steps of optimizers in captured functions: for any number of batch sizes, on their own, and what stays behind."""

import numpy as np
import pytest

import tandem as td

F = td.nn.functional


def bits(x):
    return None if x is None else np.asarray(x.detach()).tobytes()


def network():
    td.manual_seed(3)
    return td.nn.Sequential(td.nn.Linear(12, 16), td.nn.ReLU(), td.nn.Linear(16, 4))


OPTIMIZERS = {
    "SGD": lambda params: td.optim.SGD(params, lr=0.05, momentum=0.9),
    "AdamW": lambda params: td.optim.AdamW(params, lr=1e-2),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_number_of_batch_sizes_is_two_captures(name):
    def training(annotate):
        net = network()
        optimizer = OPTIMIZERS[name](net.parameters())

        @annotate
        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        rng = np.random.default_rng(0)
        losses = []
        for rows in (8, 8, 5, 8, 3, 7, 2, 6):
            x = td.asarray(rng.standard_normal((rows, 12)).astype(np.float32))
            losses.append(bits(step(x, td.asarray(rng.integers(0, 4, rows)))))
        return losses, [bits(p) for p in net.parameters()], step

    *eager, _ = training(lambda f: f)
    *compiled, step = training(td.script)
    assert compiled == eager
    assert step.stats()["captures"] == 2 and step.stats()["eager_calls"] == 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_function_that_only_makes_the_step_is_compiled(name):
    def training(annotate):
        net = network()
        optimizer = OPTIMIZERS[name](net.parameters())
        update = annotate(lambda: optimizer.step())
        x = td.asarray(np.random.default_rng(1).standard_normal((6, 12)).astype(np.float32))
        for _ in range(4):
            optimizer.zero_grad()
            (net(x) ** 2).mean().backward()
            update()
        assert all(p.requires_grad and p.is_leaf for p in net.parameters())
        return [bits(p) for p in net.parameters()], update

    eager, _ = training(lambda f: f)
    compiled, update = training(td.script)
    assert compiled == eager
    assert update.stats()["captures"] == 1 and update.stats()["eager_calls"] == 0


def test_gradients_still_flow_through_what_a_function_returns_beside_a_step():
    def found(annotate):
        w = td.asarray([1.0, 2.0]).requires_grad_()
        other = td.asarray([3.0]).requires_grad_()
        optimizer = td.optim.SGD([other], lr=0.5)

        @annotate
        def f(x):
            optimizer.step()
            return (x * w).sum()

        (other * 2).sum().backward()
        y = f(td.asarray([5.0, 7.0]))
        y.backward()
        return bits(other), bits(y), bits(w.grad)

    assert found(td.script) == found(lambda f: f)


@pytest.mark.parametrize("early", [False, True])
def test_an_exception_leaves_the_gradients_that_eager_code_leaves(early):
    def left(annotate):
        w = td.asarray(np.arange(4, dtype=np.float32)).requires_grad_()

        @annotate
        def step(index):
            if early:
                w.grad = None
            y = td.take(w, index)
            w.grad = None
            (y * y).sum().backward()

        seen = []
        for index in ([1, 2], [0, 9], [3, 3]):
            try:
                step(td.asarray(index))
            except IndexError:
                seen.append("failed")
            seen.append(bits(w.grad))
        return seen

    eager = left(lambda f: f)
    assert eager[2] == "failed" or "failed" in eager
    assert left(td.script) == eager


def test_gradients_still_flow_through_a_view_that_a_function_returns():
    def found(annotate):
        x = td.asarray([[1.0, 2.0], [3.0, 4.0]]).requires_grad_()
        (annotate(lambda y: y.reshape((4,)))(x) * td.asarray([1.0, 2.0, 3.0, 4.0])).sum().backward()
        return bits(x.grad)

    assert found(td.script) == found(lambda f: f)
