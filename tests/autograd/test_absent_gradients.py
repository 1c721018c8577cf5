"""Parameters that some paths do not use: their `grad` is None there in eager code, and so it is in compiled code."""

import numpy as np
import pytest

import tandem as td


def bits(x):
    return None if x is None else np.asarray(x.detach()).tobytes()


def parameters(seed=0, count=4, n=3):
    rng = np.random.default_rng(seed)
    return [td.asarray(rng.standard_normal(n).astype(np.float32)).requires_grad_() for _ in range(count)]


def inputs(count=8, n=3):
    """Vectors of which some have a positive sum and some have not."""
    rng = np.random.default_rng(5)
    signs = [1, -1, -1, 1, 1, -1, 1, -1]
    return [td.asarray((np.abs(rng.standard_normal(n)) * signs[k % 8]).astype(np.float32)) for k in range(count)]


def state_of(optimizer):
    states = optimizer.state_dict()["state"]
    return {(k, name): bits(x) for k, values in states.items() for name, x in values.items()}


def run(annotate, make_step, make_optimizer, count=8):
    weights = parameters()
    optimizer = make_optimizer(weights)
    step = annotate(make_step(weights, optimizer))
    seen = []
    for x in inputs(count):
        seen.append([bits(each) for each in td.pytree.leaves(step(x))])
        seen.append([bits(w) for w in weights] + [bits(w.grad) for w in weights])
    return seen, state_of(optimizer), step


def same(make_step, make_optimizer, count=8):
    eager, state, _ = run(lambda f: f, make_step, make_optimizer, count)
    assert any(None in row for row in eager)  # some gradients are missing, or this tests nothing
    for annotate in (td.script,):
        compiled, compiled_state, step = run(annotate, make_step, make_optimizer, count)
        assert eager == compiled
        assert state == compiled_state
        assert step.stats()["eager_calls"] == 0
    return step


def branch(x, weights):
    a, b, c, _ = weights
    y = x * c
    if x.sum() > 0:
        y = y * a
    else:
        y = td.tanh(y) + b
    return (y * y).sum()


OPTIMIZERS = {
    "sgd": lambda p: td.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: td.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: td.optim.Adam(p, lr=0.05, weight_decay=0.1),
    "adamw": lambda p: td.optim.AdamW(p, lr=0.05, weight_decay=0.1),
    "rmsprop": lambda p: td.optim.RMSprop(p, lr=0.05, momentum=0.5, weight_decay=0.1),
    "adagrad": lambda p: td.optim.Adagrad(p, lr=0.05, weight_decay=0.1),
    "lion": lambda p: td.optim.Lion(p, lr=0.05, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_captured_step_leaves_alone_what_its_path_does_not_use(optimizer):
    def make_step(weights, opt):
        def step(x):
            opt.zero_grad()
            loss = branch(x, weights)
            loss.backward()
            opt.step()
            return loss.detach()

        return step

    step = same(make_step, OPTIMIZERS[optimizer])
    assert step.stats()["captures"] == 1


def test_a_captured_forward_gives_no_gradients_where_its_path_has_none():
    for optimizer in (OPTIMIZERS["sgd"], OPTIMIZERS["adam"]):
        found = []
        for annotate in (lambda f: f, td.script):
            weights = parameters()
            opt = optimizer(weights)
            forward = annotate(lambda x, weights=weights: branch(x, weights))
            seen = []
            for x in inputs():
                opt.zero_grad()
                forward(x).backward()
                seen.append([bits(w.grad) for w in weights])
                opt.step()
            found.append((seen, [bits(w) for w in weights], state_of(opt)))
        assert found[0] == found[1]
        assert any(None in row for row in found[0][0])


def test_only_results_with_a_gradient_count():
    def two(x, a, b):
        return x * a, x / b, x.sum()

    found = []
    for annotate in (lambda f: f, td.script):
        f = annotate(two)
        seen = []
        for which in (0, 0, 1, 1, 0, 1, 0):
            a, b = td.asarray([1.0, 2.0]).requires_grad_(), td.asarray([0.0, 3.0]).requires_grad_()
            f(td.asarray([3.0, 4.0]), a, b)[which].sum().backward()
            seen.append((bits(a.grad), bits(b.grad)))
        a, b = td.asarray([1.0, 2.0]).requires_grad_(), td.asarray([5.0, 3.0]).requires_grad_()
        y, z, _ = f(td.asarray([3.0, 4.0]), a, b)
        (y * z).sum().backward()
        seen.append((bits(a.grad), bits(b.grad)))
        found.append(seen)
    assert found[0] == found[1]
    assert found[0][0][1] is None


def test_values_of_other_paths_do_not_reach_gradients():
    # In the branch that does not run the gradient of the logarithm would be 0 / 0.
    def f(x, w):
        y = x * w
        z = td.log(w)
        if x.sum() > 0:
            y = y + z
        return y.sum()

    found = []
    for annotate in (lambda f: f, td.script):
        g = annotate(f)
        seen = []
        for x in ([1.0, 2.0], [-1.0, -2.0]):
            w = td.asarray([0.0, -0.0]).requires_grad_()
            g(td.asarray(x), w).backward()
            seen.append(bits(w.grad))
        found.append(seen)
    assert found[0] == found[1]


def test_branches_within_branches_and_what_flows_through_them():
    def make_step(weights, opt):
        a, b, c, d = weights

        def step(x):
            opt.zero_grad()
            h = x * c
            if x.sum() > 0:
                k = h * a
                if x.max() > 1.0:
                    k = k * b
                h = h + k * 2
            elif x.min() < -1.0:
                h = h * d
            loss = (h * h).sum()
            loss.backward()
            opt.step()
            return loss.detach()

        return step

    same(make_step, OPTIMIZERS["sgd"])
    same(make_step, OPTIMIZERS["adamw"])


def test_loops_that_may_not_run():
    def make_step(weights, opt):
        a, b, c, _ = weights

        def step(x):
            opt.zero_grad()
            h = x * c
            n = td.where(x.sum() > 0, 3, 0)
            k = 0
            while k < n:
                h = td.tanh(h * a)
                if h.sum() > 0.5:
                    h = h + b
                k = k + 1
            loss = (h * h).sum()
            loss.backward()
            opt.step()
            return loss.detach()

        return step

    same(make_step, OPTIMIZERS["sgd"])


def test_what_a_loop_replaces_has_a_gradient_from_the_last_iteration_only():
    def make_step(weights, opt):
        a, b, c, _ = weights

        def step(x):
            opt.zero_grad()
            h, total = x * c, x * 0
            for k in range(12):
                h = td.sin(a * x) if (h.sum() > 0) else td.cos(b * x)
                total = total + x
            loss = (h * total).sum()
            loss.backward()
            opt.step()
            return loss.detach()

        return step

    same(make_step, OPTIMIZERS["sgd"])


def test_gradients_change_in_branches():
    def make_step(weights, opt):
        def step(x):
            loss = x.sum()
            if x.max() > 0.5:
                loss = branch(x, weights)
                loss.backward()
                opt.step()
                opt.zero_grad()
            elif x.sum() < -1.0:
                loss = branch(x * 2, weights)
                loss.backward()
            return loss.detach()

        return step

    same(make_step, OPTIMIZERS["sgd"])
    same(make_step, OPTIMIZERS["adam"])


def test_gradients_are_summed_up_across_calls():
    def make_step(weights, opt):
        def step(x):
            loss = branch(x, weights)
            loss.backward()
            return loss.detach()

        return step

    same(make_step, OPTIMIZERS["sgd"])


def test_loss_scaling_and_limits_by_value():
    def make_step(weights, opt):
        scaler = td.amp.GradScaler(init_scale=8.0)

        def step(x):
            opt.zero_grad()
            loss = branch(x, weights)
            scaler.scale(loss).backward()
            scaler.unscale_(opt)
            td.nn.utils.clip_grad_value_(weights, 0.5)
            scaler.step(opt)
            scaler.update()
            return loss.detach()

        return step

    same(make_step, OPTIMIZERS["sgd"])


def test_hooks_see_gradients_where_they_are():
    def make_step(weights, opt):
        weights[0].register_hook(lambda g: g * 3 + 1)

        def step(x):
            opt.zero_grad()
            loss = branch(x, weights)
            loss.backward()
            opt.step()
            return loss.detach()

        return step

    same(make_step, OPTIMIZERS["sgd"])


def test_functional_gradients_are_zeros_there():
    def f(x, a, b):
        return branch(x, [a, b, x, x])

    g = td.grad(f, argnums=(1, 2))
    compiled = td.script(g)
    a, b, *_ = (w.detach() for w in parameters())
    for x in inputs(4):
        assert [bits(y) for y in g(x, a, b)] == [bits(y) for y in compiled(x, a, b)]


def test_looking_at_a_gradient_that_may_be_none_is_refused():
    a, b, c, d = weights = parameters()

    @td.script
    def step(x):
        loss = branch(x, weights)
        loss.backward()
        return a.grad * 2

    with pytest.raises(td.CaptureError, match=r"on some paths.*try"):
        step(inputs(1)[0])

    @td.script
    def limited(x):
        loss = branch(x, weights)
        loss.backward()
        return td.nn.utils.clip_grad_norm_(weights, 1.0)

    with pytest.raises(td.CaptureError, match=r"on some paths.*try"):
        limited(inputs(1)[0])

    @td.script
    def fine(x):
        for w in weights:
            w.grad = td.zeros(w.shape)
        loss = branch(x, weights)
        loss.backward()
        return td.nn.utils.clip_grad_norm_(weights, 1.0)

    assert fine(inputs(1)[0]).item() > 0
