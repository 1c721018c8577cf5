"""Optimizers against PyTorch's, compiled against plain, and what they say of bad input."""

import copy
import math
import pickle

import numpy as np
import pytest

import tandem as td

# Name of the optimizer, and settings.
CASES = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3)),
    ("SGD", dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1)),
    ("SGD", dict(lr=0.01, weight_decay=0.1, maximize=True)),
    ("Adam", dict()),
    ("Adam", dict(lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    ("Adam", dict(lr=0.05, amsgrad=True)),
    ("Adam", dict(lr=0.05, amsgrad=True, maximize=True)),
    ("Adam", dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)),
    ("AdamW", dict()),
    ("AdamW", dict(lr=0.05, weight_decay=0.3, amsgrad=True)),
    ("RMSprop", dict()),
    ("RMSprop", dict(alpha=0.9, momentum=0.9, weight_decay=0.01)),
    ("RMSprop", dict(centered=True, eps=1e-4)),
    ("RMSprop", dict(lr=0.003, centered=True, momentum=0.5, eps=1e-4, maximize=True)),
    ("Adagrad", dict()),
    ("Adagrad", dict(lr=0.1, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.5)),
    ("Adagrad", dict(lr=0.1, maximize=True)),
]
# What there is in no other library at hand.
OWN = [("Lion", dict(lr=0.01)), ("Lion", dict(lr=0.01, betas=(0.8, 0.9), weight_decay=0.1))]
LABELS = [f"{name}-{k}" for k, (name, _) in enumerate(CASES + OWN)]
STEPS = 50


def start(dtype="float32"):
    """Parameters of several shapes, and the data of a loss."""
    rng = np.random.default_rng(5)
    shapes = [(4, 3), (4,), (), (2, 4), (1, 1)]
    return [rng.normal(size=shape).astype(dtype) for shape in shapes], rng.normal(size=(STEPS, 8, 3)).astype(dtype)


def loss_of(params, x, xp):
    """A loss that is neither convex nor the same in any two steps."""
    w, b, scale, v, shift = params
    hidden = xp.tanh(x @ w.T + b) * scale
    return ((hidden @ v.T - shift) ** 2).mean() + 0.01 * (w * w).sum()


def ours(name, settings, dtype="float32", steps=STEPS):
    values, data = start(dtype)
    params = [td.asarray(value.copy()).requires_grad_() for value in values]
    optimizer = getattr(td.optim, name)(params, **settings)
    for x in data[:steps]:
        optimizer.zero_grad()
        loss_of(params, td.asarray(x), td).backward()
        optimizer.step()
    return params, optimizer


def theirs(name, settings, dtype="float32", steps=STEPS):
    torch = pytest.importorskip("torch")
    values, data = start(dtype)
    params = [torch.tensor(value.copy(), requires_grad=True) for value in values]
    optimizer = getattr(torch.optim, name)(params, **settings)
    for x in data[:steps]:
        optimizer.zero_grad()
        loss_of(params, torch.tensor(x), torch).backward()
        optimizer.step()
    return params, optimizer


def arrays(params):
    return [p.detach().numpy() for p in params]


@pytest.mark.parametrize("name, settings", CASES, ids=LABELS[: len(CASES)])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 2e-4)])
def test_trajectory_is_pytorchs(name, settings, dtype, tolerance):
    expected, other = theirs(name, settings, dtype)
    params, optimizer = ours(name, settings, dtype)
    for got, want in zip(arrays(params), arrays(expected), strict=True):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    state, wanted = optimizer.state_dict(), other.state_dict()
    assert {**state["param_groups"][0]} == wanted["param_groups"][0]
    assert {k: list(v) for k, v in state["state"].items()} == {k: list(v) for k, v in wanted["state"].items()}
    for k, values in wanted["state"].items():
        for part, value in values.items():
            np.testing.assert_allclose(state["state"][k][part].numpy(), value.numpy(), rtol=1e-3, atol=tolerance)


def test_first_steps_agree_with_pytorch_closely():
    """Where nothing has had time to grow, single precision agrees to its last digits."""
    for name, settings in CASES:
        expected, _ = theirs(name, settings, steps=2)
        params, _ = ours(name, settings, steps=2)
        for got, want in zip(arrays(params), arrays(expected), strict=True):
            np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-7, err_msg=f"{name} {settings}")


@pytest.mark.parametrize("name, settings", CASES + OWN, ids=LABELS)
def test_compilation_changes_no_bit(name, settings):
    compiled, optimizer = ours(name, settings, steps=6)
    with td.disabled():
        plain, _ = ours(name, settings, steps=6)
    for got, want in zip(arrays(compiled), arrays(plain), strict=True):
        assert got.tobytes() == want.tobytes()
    assert optimizer._program.stats()["captures"] == 1


def test_lion_follows_its_formula():
    p = td.asarray([1.0, -2.0], dtype=td.float64).requires_grad_()
    optimizer = td.optim.Lion([p], lr=0.1, betas=(0.9, 0.99), weight_decay=0.5)
    value, mean = np.array([1.0, -2.0]), np.zeros(2)
    for gradient in ([0.5, -0.1], [-0.2, 0.3], [-4.0, 0.0]):
        g = np.array(gradient)
        p.grad = td.asarray(g)
        optimizer.step()
        value = value * (1 - 0.1 * 0.5) - 0.1 * np.sign(0.9 * mean + 0.1 * g)
        mean = 0.99 * mean + 0.01 * g
        np.testing.assert_allclose(p.detach().numpy(), value, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits(dtype):
    for name, settings in CASES + OWN:
        p = td.asarray([1.0, -2.0, 0.5]).astype(getattr(td, dtype)).requires_grad_()
        twin = p.detach().astype(td.float32).requires_grad_()
        one, other = (
            getattr(td.optim, name)([x], **{**settings, "eps": 1e-4} if "eps" in settings else settings)
            for x in (p, twin)
        )
        for _ in range(3):
            for x, optimizer in ((p, one), (twin, other)):
                x.grad = (x.detach() * 0.5).astype(x.dtype)
                optimizer.step()
        assert p.dtype.name == dtype
        np.testing.assert_allclose(
            p.detach().astype(td.float32).numpy(), twin.detach().numpy(), rtol=0.03, atol=0.01, err_msg=name
        )


# Settings that change


def test_a_changed_number_compiles_nothing():
    p = td.ones((3,)).requires_grad_()
    optimizer = td.optim.Adam([p], lr=0.1, weight_decay=0.1)
    group = optimizer.param_groups[0]
    for k in range(5):
        p.grad = td.ones((3,))
        with td.no_recompile() if k else td.enable_grad():
            optimizer.step()
        group["lr"] *= 0.5
        group["betas"] = (0.9 - 0.01 * k, 0.99)
        group.update(weight_decay=0.1 / (k + 1))
    assert optimizer._program.stats()["captures"] == 1


def test_rates_follow_the_group():
    p = td.zeros((2,)).requires_grad_()
    optimizer = td.optim.SGD([p], lr=1.0)
    total = 0.0
    for rate in (1.0, 0.25, 0.5, 0.0, 3):
        optimizer.param_groups[0]["lr"] = rate
        p.grad = td.ones((2,))
        optimizer.step()
        total -= rate
        assert p.tolist() == [total, total]


def test_a_rate_may_be_a_tensor():
    rate = td.asarray(0.5)
    p = td.zeros((2,)).requires_grad_()
    optimizer = td.optim.SGD([p], lr=rate)
    for value in (0.5, 0.25):
        rate[...] = value
        p.grad = td.ones((2,))
        optimizer.step()
    assert p.tolist() == [-0.75, -0.75]
    optimizer.param_groups[0]["lr"] = 1.0
    p.grad = td.ones((2,))
    optimizer.step()
    assert p.tolist() == [-1.75, -1.75] and rate.item() == 0.25


def test_momentum_may_begin_later():
    p = td.zeros((1,)).requires_grad_()
    optimizer = td.optim.SGD([p], lr=1.0)
    for momentum, expected in ((0, -1.0), (0.5, -2.0), (0.5, -3.5)):
        optimizer.param_groups[0]["momentum"] = momentum
        p.grad = td.ones((1,))
        optimizer.step()
        assert p.item() == expected


def test_groups_have_settings_of_their_own():
    torch = pytest.importorskip("torch")

    def run(asarray, optimizer_class, gradient):
        params = [asarray([1.0, 2.0]), asarray([3.0])]
        optimizer = optimizer_class([{"params": [params[0]], "lr": 0.5}, {"params": params[1]}], lr=0.1, momentum=0.9)
        for _ in range(3):
            for p in params:
                p.grad = gradient(p)
            optimizer.step()
        return [p.detach().numpy() for p in params], optimizer

    got, one = run(lambda x: td.asarray(x).requires_grad_(), td.optim.SGD, lambda p: p.detach() * 0.5)
    want, other = run(lambda x: torch.tensor(x, requires_grad=True), torch.optim.SGD, lambda p: p.detach() * 0.5)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert repr(one) == repr(other)
    assert one.state_dict()["param_groups"] == other.state_dict()["param_groups"]


# Gradients that are missing


def test_parameters_without_gradients_are_skipped():
    torch = pytest.importorskip("torch")

    def run(asarray, ones, optimizer_class):
        params = [asarray([1.0, 2.0]), asarray([3.0]), asarray(4.0)]
        optimizer = optimizer_class(params, lr=0.1)
        optimizer.step()
        for present in ((0, 2), (0,), (0, 1, 2), (1,), (0, 2)):
            optimizer.zero_grad()
            for k in present:
                params[k].grad = ones(params[k]) * (k + 1)
            optimizer.step()
        return [p.detach().numpy() for p in params], optimizer.state_dict()["state"]

    got, state = run(lambda x: td.asarray(x).requires_grad_(), td.ones_like, td.optim.Adam)
    want, wanted = run(lambda x: torch.tensor(x, requires_grad=True), torch.ones_like, torch.optim.Adam)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert [state[k]["step"].item() for k in range(3)] == [wanted[k]["step"].item() for k in range(3)] == [4, 2, 3]


def test_many_sets_of_parameters_compile_few_programs():
    """As in a search among architectures: which parameters are used differs at every step."""
    rng = np.random.default_rng(0)
    values = [rng.normal(size=rng.integers(2, 9, rng.integers(1, 3))).astype("float32") for _ in range(10)]
    gradients = [
        [rng.normal(size=v.shape).astype("float32") if rng.random() < 0.5 else None for v in values] for _ in range(40)
    ]
    runs = []
    for compiled in (True, False):
        td.set_enabled(compiled)
        params = [td.asarray(v.copy()).requires_grad_() for v in values]
        optimizer = td.optim.Adam(params, lr=0.1)
        for given in gradients:
            for p, g in zip(params, given, strict=True):
                p.grad = None if g is None else td.asarray(g)
            optimizer.step()
        runs.append(arrays(params) + [optimizer.param_groups[0].steps.numpy()])
        if compiled:
            assert optimizer._program.stats()["captures"] <= 8
            assert optimizer._one.stats()["captures"] <= 6, optimizer._one.explain()
    td.set_enabled(True)
    for got, want in zip(*runs, strict=True):
        assert got.tobytes() == want.tobytes()


def test_zero_grad():
    p = td.ones((2,)).requires_grad_()
    optimizer = td.optim.SGD([p])
    p.grad = td.ones((2,))
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_closure():
    p = td.asarray([2.0]).requires_grad_()
    optimizer = td.optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with td.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert p.item() == 1.0


# State


@pytest.mark.parametrize("name, settings", CASES + OWN, ids=LABELS)
def test_state_goes_on_where_it_was_saved(name, settings):
    straight, _ = ours(name, settings, steps=6)
    params, optimizer = ours(name, settings, steps=3)
    saved = copy.deepcopy(optimizer.state_dict())
    fresh = [p.detach().copy().requires_grad_() for p in params]
    other = getattr(td.optim, name)(fresh, lr=123.0)
    other.load_state_dict(saved)
    for x in start()[1][3:6]:
        other.zero_grad()
        loss_of(fresh, td.asarray(x), td).backward()
        other.step()
    for got, want in zip(arrays(fresh), arrays(straight), strict=True):
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize(
    "name, settings", [CASES[3], CASES[7], CASES[13], CASES[17]], ids=["SGD", "Adam", "RMSprop", "Adagrad"]
)
def test_state_of_pytorch_is_taken_over(name, settings):
    expected, _ = theirs(name, settings, steps=6)
    params, optimizer = theirs(name, settings, steps=3)
    fresh = [td.asarray(p.detach().numpy().copy()).requires_grad_() for p in params]
    other = getattr(td.optim, name)(fresh)
    other.load_state_dict(optimizer.state_dict())
    for x in start()[1][3:6]:
        other.zero_grad()
        loss_of(fresh, td.asarray(x), td).backward()
        other.step()
    for got, want in zip(arrays(fresh), arrays(expected), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_loading_keeps_the_compiled_program():
    params, optimizer = ours("Adam", {}, steps=2)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    optimizer.zero_grad()
    loss_of(params, td.asarray(start()[1][0]), td).backward()
    with td.no_recompile():
        optimizer.step()


@pytest.mark.parametrize("how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_copies_go_on_by_themselves(how):
    for name, settings in [CASES[1], CASES[7], ("LBFGS", {"max_iter": 2})]:
        params, optimizer = [td.ones((3,)).requires_grad_(), td.zeros(()).requires_grad_()], None
        optimizer = getattr(td.optim, name)(params, **settings)

        def step(params, optimizer):
            def closure():
                optimizer.zero_grad()
                loss = ((params[0] - 2) ** 4).sum() + params[1] ** 2 + params[0].sum() * params[1]
                loss.backward()
                return loss

            return optimizer.step(closure).item()

        step(params, optimizer)
        others, other = how((params, optimizer))
        assert type(other) is type(optimizer) and other.param_groups[0]["params"][0] is others[0]
        before = params[0].tolist()
        losses = [step(others, other) for _ in range(3)]
        assert params[0].tolist() == before != others[0].tolist()
        assert [step(params, optimizer) for _ in range(3)] == losses
        other.param_groups[0]["lr"] = 0.0
        before = others[0].tolist()
        step(others, other)
        assert others[0].tolist() == before and optimizer.param_groups[0]["lr"] > 0


def test_state_before_the_first_step_is_empty():
    optimizer = td.optim.Adam([td.ones((2,)).requires_grad_()])
    assert optimizer.state_dict()["state"] == {} == optimizer.state


def test_state_dicts_that_do_not_fit():
    _, optimizer = ours("Adam", {}, steps=1)
    saved = optimizer.state_dict()
    small = td.optim.Adam([td.ones((2,)).requires_grad_()])
    with pytest.raises(ValueError, match=r"Adam: got a state dict with groups of \[5\] parameters; need \[1\]"):
        small.load_state_dict(saved)
    one = td.optim.Adam([td.ones((2,)).requires_grad_()])
    other = td.optim.Adam([td.ones((3,)).requires_grad_()])
    one.param_groups[0]["params"][0].grad = td.ones((2,))
    one.step()
    with pytest.raises(ValueError, match="exp_avg of .* for parameter 0 of .*exp_avg_sq of"):
        other.load_state_dict(one.state_dict())
    amsgrad = td.optim.Adam([td.ones((2,)).requires_grad_()], amsgrad=True)
    saved = one.state_dict()
    saved["param_groups"][0]["amsgrad"] = True
    with pytest.raises(ValueError, match="parameter 0 without 'max_exp_avg_sq'"):
        amsgrad.load_state_dict(saved)


# Inside of a compiled function


def test_a_step_inside_of_a_captured_function():
    """State, parameters and numbers are read and written where they lie at every call."""
    values, _ = start()
    for name, settings in CASES + OWN:
        runs = []
        for compiled in (True, False):
            params = [td.asarray(value.copy()).requires_grad_() for value in values]
            optimizer = getattr(td.optim, name)(params, **settings)
            for p in params:
                p.grad = td.zeros(p.shape)

            def step():
                optimizer.step()

            run = td.script(step) if compiled else step
            for k in range(5):
                for place, p in enumerate(params):
                    p.grad[...] = (place + 1) * (0.5 * k - 0.6)
                run()
                optimizer.param_groups[0]["lr"] *= 0.9
                if k == 2:
                    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
            if compiled:
                assert run.stats()["captures"] == 1, run.explain()
            runs.append(arrays(params) + [optimizer.param_groups[0].steps.numpy()])
        for got, want in zip(*runs, strict=True):
            assert got.tobytes() == want.tobytes(), name
        if optimizer.counts:
            assert runs[0][-1].tolist() == [5] * len(values)


def test_settings_are_guarded_inside_of_a_captured_function():
    p = td.zeros((2,)).requires_grad_()
    p.grad = td.ones((2,))
    optimizer = td.optim.SGD([p], lr=1.0)
    step = td.script(lambda: optimizer.step())
    step()
    optimizer.param_groups[0]["weight_decay"] = 0.5
    step()
    assert p.tolist() == [-1.5, -1.5] and step.stats()["captures"] == 2
    other = td.zeros((1,)).requires_grad_()
    other.grad = td.ones((1,))
    optimizer.add_param_group({"params": [other], "lr": 2.0})
    step()
    assert other.tolist() == [-2.0] and p.tolist() == [-1.75, -1.75]


# LBFGS


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_is_pytorchs(search):
    torch = pytest.importorskip("torch")
    begin = np.array([1.2, 0.9, 0.7, 1.3])

    def run(x, optimizer):
        losses = []
        for _ in range(8):

            def closure():
                optimizer.zero_grad()
                loss = rosenbrock(x)
                loss.backward()
                return loss

            losses.append(optimizer.step(closure).item())
        return losses

    settings = dict(lr=1.0 if search else 1e-3, max_iter=7, history_size=4, line_search_fn=search)
    x, y = td.asarray(begin.copy()).requires_grad_(), torch.tensor(begin.copy(), requires_grad=True)
    one, other = td.optim.LBFGS([x], **settings), torch.optim.LBFGS([y], **settings)
    np.testing.assert_allclose(run(x, one), run(y, other), rtol=1e-6)
    np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-6)
    got, want = one.state_dict()["state"][0], other.state_dict()["state"][0]
    assert got["func_evals"] == want["func_evals"] and got["n_iter"] == want["n_iter"]
    if search:
        assert run(x, one)[-1] < 1e-6
        again = td.optim.LBFGS([x.detach().copy().requires_grad_()], **settings)
        again.load_state_dict(one.state_dict())
        assert again.state_dict()["state"][0]["n_iter"] == one.state_dict()["state"][0]["n_iter"]


# Bad input


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: td.optim.SGD([]), "SGD: got a list as params; need a list of tensors"),
        (lambda: td.optim.SGD(td.ones((2,))), "SGD: got a Tensor as params.*try"),
        (lambda: td.optim.SGD([np.ones(2)]), "SGD: got a ndarray as a parameter; need tensors"),
        (lambda: td.optim.Adam([td.ones((2,), dtype=td.complex64)]), "Adam: got a parameter of dtype complex64; need"),
        (lambda: td.optim.Adam([td.ones((2,), dtype=td.int64)]), "Adam: got a parameter of dtype int64; need"),
        (lambda: td.optim.SGD([td.ones((2,))], lr=-1), "SGD: got lr=-1; need a number from 0 on"),
        (lambda: td.optim.Adam([td.ones((2,))], betas=(0.9, 1.0)), "Adam: got betas=.*below 1"),
        (lambda: td.optim.SGD([td.ones((2,))], lr=math.nan), "SGD: got lr=nan; need"),
        (lambda: td.optim.SGD([td.ones((2,))], nesterov=True), "SGD: got nesterov=True with momentum=0"),
        (lambda: td.optim.SGD([td.ones((2,))], differentiable=True), "SGD: got differentiable=True; need False"),
        (lambda: td.optim.SGD([td.ones((2,)).requires_grad_() * 2]), "SGD: got a parameter that was computed from"),
        (lambda: td.optim.SGD([{"lr": 1.0}]), "SGD: got a dict as a group; need a dict with 'params'"),
        (lambda: td.optim.LBFGS([td.ones((2,))], line_search_fn="armijo"), "LBFGS: got line_search_fn='armijo'"),
        (lambda: td.optim.LBFGS([td.ones((2,))]).step(), "LBFGS.step: got no closure"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_parameter_twice():
    p = td.ones((2,)).requires_grad_()
    with pytest.raises(ValueError, match="got a parameter more than once"):
        td.optim.SGD([p, p])
    optimizer = td.optim.SGD([p])
    with pytest.raises(ValueError, match="got a parameter more than once"):
        optimizer.add_param_group({"params": [p]})
    with pytest.raises(ValueError, match="got other params for a group"):
        optimizer.param_groups[0]["params"] = []
