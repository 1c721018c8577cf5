"""Loops that train, with backward and an optimizer's step in the body: one loop, with the bits of eager code."""

import numpy as np
import pytest

import tandem as td

STEPS = 24


def bits(x):
    return None if x is None else np.asarray(x.detach()).tobytes()


def batches():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((STEPS, 6, 4)).astype(np.float32)
    return td.asarray(x), td.asarray(np.sin(x.sum(axis=-1, keepdims=True)))


class Problem:
    def __init__(self, optimizer=None):
        td.manual_seed(0)
        self.net = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.Tanh(), td.nn.Linear(8, 1))
        self.parameters = list(self.net.parameters())
        self.optimizer = (optimizer or (lambda p: td.optim.Adam(p, lr=0.01)))(self.parameters)

    def loss(self, x, y):
        return td.nn.functional.mse_loss(self.net(x), y)

    def state(self):
        states = self.optimizer.state_dict()["state"]
        return (
            [bits(p) for p in self.parameters],
            [bits(p.grad) for p in self.parameters],
            {(k, name): bits(x) for k, values in states.items() for name, x in values.items()},
        )


def check(train, *, loops=1, optimizer=None, before=None, calls=2, captures=None):
    """Run `train(problem, xs, ys)` eagerly and annotated; return the annotated function."""
    found = []
    xs, ys = batches()
    for annotate in (lambda f: f, td.script):
        problem = Problem(optimizer)
        if before:
            before(problem)
        function = annotate(train)
        seen = [[bits(y) for y in td.pytree.leaves(function(problem, xs, ys))] for _ in range(calls)]
        found.append((seen, problem.state()))
    assert found[0] == found[1]
    graph = function.ir("captured")
    assert graph.count("= while") == loops, graph
    assert "unrolled" not in str(function.explain())
    assert function.stats()["eager_calls"] == 0
    if captures is not None:
        assert function.stats()["captures"] == captures
    return function


def test_a_training_loop_is_a_loop():
    def train(problem, xs, ys):
        losses = []
        for k in range(len(xs)):
            problem.optimizer.zero_grad()
            loss = problem.loss(xs[k], ys[k])
            loss.backward()
            problem.optimizer.step()
            losses.append(loss.detach())
        return td.stack(losses)

    function = check(train, captures=1)
    assert function.ir("captured").count(" linear ") + function.ir("captured").count(" matmul ") < 10


def test_gradients_may_be_let_go_of_at_the_end():
    def train(problem, xs, ys):
        total = td.asarray(0.0)
        for x, y in zip(xs, ys, strict=True):
            loss = problem.loss(x, y)
            loss.backward()
            problem.optimizer.step()
            problem.optimizer.zero_grad()
            total = total + loss.detach()
        return total

    check(train, captures=1, loops=1)


def test_gradients_are_summed_up_in_a_loop():
    def train(problem, xs, ys):
        for k in range(len(xs)):
            (problem.loss(xs[k], ys[k]) / len(xs)).backward()
        problem.optimizer.step()
        return problem.parameters[0].grad.sum()

    check(train, captures=2)  # without gradients, and with those of the first call


def test_gradients_are_summed_up_within_steps():
    def train(problem, xs, ys):
        for k in range(len(xs) // 8):
            problem.optimizer.zero_grad()
            for j in range(8):
                (problem.loss(xs[k * 8 + j], ys[k * 8 + j]) / 8).backward()
            problem.optimizer.step()
        return problem.parameters[0].detach().sum()

    def few(problem, xs, ys):
        for k in range(len(xs)):
            problem.optimizer.zero_grad()
            for j in range(8):
                (problem.loss(xs[k] + j, ys[k]) / 8).backward()
            problem.optimizer.step()
        return problem.parameters[0].detach().sum()

    check(few, loops=2, captures=1)
    found = []
    for annotate in (lambda f: f, td.script):
        problem = Problem()
        annotate(train)(problem, *batches())
        found.append(problem.state())
    assert found[0] == found[1]


def test_a_step_every_fourth_time():
    def train(problem, xs, ys):
        problem.optimizer.zero_grad()
        for k, x in enumerate(xs):
            loss = problem.loss(x, ys[k]) / 4
            loss.backward()
            if (k + 1) % 4 == 0:
                problem.optimizer.step()
                problem.optimizer.zero_grad()
        return problem.parameters[0].detach().sum()

    check(train)
    check(train, optimizer=lambda p: td.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01))


def test_gradients_from_before_go_on():
    def before(problem):
        for p in problem.parameters:
            p.grad = td.ones(p.shape)

    def train(problem, xs, ys):
        for x, y in zip(xs, ys, strict=True):
            problem.loss(x, y).backward()
            problem.optimizer.step()
        return problem.parameters[0].grad

    check(train, before=before, captures=1)


def test_loops_that_end_when_the_loss_is_small():
    def train(problem, xs, ys):
        k = 0
        loss = problem.loss(xs[0], ys[0]).detach()
        while loss > 0.3 and k < 100:
            problem.optimizer.zero_grad()
            value = problem.loss(xs[0], ys[0])
            value.backward()
            problem.optimizer.step()
            loss = value.detach()
            k = k + 1
        return loss

    function = check(train, calls=3)
    problem = Problem()
    for p in problem.parameters:  # there are gradients, and the loop does not run
        p.grad = td.ones(p.shape)
    xs, ys = batches()
    function(problem, xs, ys * 0 + problem.loss(xs[0], ys[0]).detach() * 0)


def test_parameters_that_some_iterations_do_not_use():
    def train(problem, xs, ys):
        optimizer, (w, b, *_) = problem.optimizer, problem.parameters
        for x in xs:
            optimizer.zero_grad()
            h = x @ w.mT
            if x.sum() > 0:
                h = h + b
            (h * h).mean().backward()
            optimizer.step()
        return w.detach().sum()

    for optimizer in (None, lambda p: td.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1)):
        check(train, optimizer=optimizer)


def test_loss_scaling_in_a_loop():
    def train(problem, xs, ys):
        scaler = problem.scaler
        for x, y in zip(xs, ys, strict=True):
            problem.optimizer.zero_grad()
            with td.autocast(td.float16):
                loss = problem.loss(x, y)
            scaler.scale(loss).backward()
            scaler.step(problem.optimizer)
            scaler.update()
        return problem.parameters[0].detach().sum()

    def before(problem):
        problem.scaler = td.amp.GradScaler(init_scale=2.0**20, growth_interval=5)

    check(train, before=before)


def test_gradients_of_leaves_made_inside():
    def train(xs):
        w = td.ones((4,)).requires_grad_()
        for x in xs:
            loss = ((x @ w) ** 2).mean()
            loss.backward()
            with td.no_grad():
                w -= 0.01 * w.grad
            w.grad = None
        return w.detach()

    xs, _ = batches()
    compiled = td.script(train)
    assert bits(train(xs)) == bits(compiled(xs))
    assert "= while" in compiled.ir("captured")


def test_what_cannot_be_carried_is_unrolled_and_says_why():
    w = td.ones((3,)).requires_grad_()

    def train(xs):
        outside = w * 2  # its gradient would flow out of the loop
        total = td.asarray(0.0)
        for x in xs:
            loss = (outside * x).sum()
            loss.backward(retain_graph=True)
            total = total + loss.detach()
        return total

    xs = td.asarray(np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32))
    found = []
    for annotate in (lambda f: f, td.script):
        w.grad = None
        function = annotate(train)
        found.append((bits(function(xs)), bits(w.grad)))
    assert found[0] == found[1]
    assert "flows out of" in str(function.explain())


def test_a_gradient_read_before_it_is_certain():
    w = td.ones((3,)).requires_grad_()

    @td.script
    def train(xs, count):
        k, total = 0, td.asarray(0.0)
        while k < count:
            k = k + 1
            if xs.sum() > k:
                (w * xs[0]).sum().backward()
            total = total + w.grad.sum()  # there is one, but the capture cannot know
        return total

    w.grad = None
    with pytest.raises(td.CaptureError, match=r"on some paths.*try"):
        train(td.ones((2, 3)), td.asarray(3))
