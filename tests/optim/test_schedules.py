"""Schedules of learning rates against PyTorch's, value by value."""

import copy
import json

import pytest

import tandem as td

L = td.optim.lr_scheduler

# A name and the arguments after the optimizer.
CASES = [
    ("LambdaLR", (lambda epoch: 0.9**epoch,), {}),
    ("LambdaLR", ([lambda epoch: 0.9**epoch, lambda epoch: 1 / (1 + epoch)],), {}),
    ("MultiplicativeLR", (lambda epoch: 0.95 + 0.001 * epoch,), {}),
    ("StepLR", (4,), {}),
    ("StepLR", (3,), {"gamma": 0.5}),
    ("MultiStepLR", ([3, 7, 7, 15],), {"gamma": 0.3}),
    ("ConstantLR", (), {}),
    ("ConstantLR", (0.5, 7), {}),
    ("LinearLR", (), {}),
    ("LinearLR", (0.2, 0.9, 8), {}),
    ("ExponentialLR", (0.9,), {}),
    ("PolynomialLR", (), {}),
    ("PolynomialLR", (12, 2.0), {}),
    ("CosineAnnealingLR", (10,), {}),
    ("CosineAnnealingLR", (7,), {"eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", (5,), {}),
    ("CosineAnnealingWarmRestarts", (3, 2, 0.01), {}),
    ("CyclicLR", (0.01, 0.1), {"step_size_up": 5}),
    ("CyclicLR", (0.01, [0.1, 0.2]), {"step_size_up": 4, "step_size_down": 2, "mode": "triangular2"}),
    ("CyclicLR", (0.01, 0.1), {"step_size_up": 3, "mode": "exp_range", "gamma": 0.97}),
    ("CyclicLR", (0.01, 0.1), {"step_size_up": 3, "scale_fn": lambda x: 1 / x, "cycle_momentum": False}),
    ("CyclicLR", (0.01, 0.1), {"step_size_up": 3, "scale_fn": lambda x: 0.99**x, "scale_mode": "iterations"}),
    ("OneCycleLR", (0.5,), {"total_steps": 31}),
    ("OneCycleLR", ([0.5, 0.1],), {"epochs": 3, "steps_per_epoch": 11, "anneal_strategy": "linear"}),
    ("OneCycleLR", (0.5,), {"total_steps": 31, "three_phase": True, "pct_start": 0.4, "div_factor": 5.0}),
    ("OneCycleLR", (0.5,), {"total_steps": 31, "cycle_momentum": False, "final_div_factor": 10.0}),
]
LABELS = [f"{name}-{k}" for k, (name, _, _) in enumerate(CASES)]


def optimizer_of(module, asarray, kind):
    groups = [{"params": [asarray()]}, {"params": [asarray()], "lr": 0.2}]
    return module.SGD(groups, lr=0.1, momentum=0.9) if kind == "SGD" else module.Adam(groups, lr=0.1)


def ours(kind="SGD"):
    return optimizer_of(td.optim, lambda: td.ones((1,)).requires_grad_(), kind)


def theirs(kind="SGD"):
    torch = pytest.importorskip("torch")
    return optimizer_of(torch.optim, lambda: torch.ones(1, requires_grad=True), kind), torch.optim.lr_scheduler


def settings_of(optimizer):
    names = ("lr", "momentum", "betas")
    return [tuple(group[name] for name in names if name in group) for group in optimizer.param_groups]


def follow(optimizer, scheduler, steps=30, arguments=None):
    """What the settings are before and after every step."""
    seen = [settings_of(optimizer)]
    for k in range(steps):
        optimizer.step()
        scheduler.step(*([] if arguments is None else [arguments[k]]))
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        seen.append(settings_of(optimizer))
    return seen


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name, args, kwargs", CASES, ids=LABELS)
def test_values_are_pytorchs(name, args, kwargs, kind):
    other, module = theirs(kind)
    optimizer = ours(kind)
    want = follow(other, getattr(module, name)(other, *args, **kwargs))
    assert follow(optimizer, getattr(L, name)(optimizer, *args, **kwargs)) == want


def test_plateaus():
    losses = [5, 4, 4, 4.1, 3.9999, 4.2, 4.2, 4.2, 1.0, 2, 2, 2, 2, 2, 2, 0.5, 0.6, 0.7, 0.7, 0.7]
    for settings in (
        {"patience": 2},
        {"patience": 1, "cooldown": 2, "factor": 0.5},
        {"mode": "max", "patience": 0, "min_lr": [0.05, 0.01]},
        {"threshold": 0.5, "threshold_mode": "abs", "patience": 1},
        {"mode": "max", "threshold": 0.5, "threshold_mode": "abs", "patience": 3, "eps": 0.02},
    ):
        other, module = theirs()
        optimizer = ours()
        want = follow(other, module.ReduceLROnPlateau(other, **settings), len(losses), losses)
        got = follow(optimizer, L.ReduceLROnPlateau(optimizer, **settings), len(losses), losses)
        assert got == want, settings


def chained(module, optimizer):
    return module.ChainedScheduler([module.ConstantLR(optimizer, 0.1, 5), module.ExponentialLR(optimizer, 0.9)])


def sequential(module, optimizer):
    return module.SequentialLR(
        optimizer,
        [module.LinearLR(optimizer, 0.1, 1.0, 4), module.CosineAnnealingLR(optimizer, 9), module.StepLR(optimizer, 2)],
        milestones=[4, 13],
    )


def nested(module, optimizer):
    first = module.SequentialLR(
        optimizer, [module.ConstantLR(optimizer, 0.5, 3), module.ExponentialLR(optimizer, 0.8)], milestones=[2]
    )
    return module.SequentialLR(optimizer, [first, module.ExponentialLR(optimizer, 0.9)], milestones=[6])


@pytest.mark.parametrize("make", [chained, sequential, nested])
@pytest.mark.filterwarnings("ignore")
def test_composed_schedules(make):
    other, module = theirs()
    optimizer = ours()
    assert follow(optimizer, make(L, optimizer)) == follow(other, make(module, other))


@pytest.mark.parametrize("name, args, kwargs", CASES, ids=LABELS)
def test_state_goes_on_where_it_was_saved(name, args, kwargs):
    optimizer = ours()
    scheduler = getattr(L, name)(optimizer, *args, **kwargs)
    follow(optimizer, scheduler, 9)
    text = json.dumps(scheduler.state_dict())
    other = ours()
    second = getattr(L, name)(other, *args, **kwargs)
    second.load_state_dict(json.loads(text))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert follow(other, second, 15) == follow(optimizer, scheduler, 15)


@pytest.mark.parametrize("make", [chained, sequential, nested])
def test_state_of_composed_schedules(make):
    optimizer = ours()
    scheduler = make(L, optimizer)
    follow(optimizer, scheduler, 7)
    other = ours()
    second = make(L, other)
    second.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert follow(other, second, 9) == follow(optimizer, scheduler, 9)


def test_schedulers_compile_nothing():
    optimizer = ours()
    scheduler = L.OneCycleLR(optimizer, 0.5, total_steps=20)
    for k in range(20):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = td.ones((1,))
        with td.no_recompile() if k else td.enable_grad():
            optimizer.step()
        scheduler.step()


def test_a_rate_that_is_a_tensor_is_written():
    rate = td.asarray(1.0)
    optimizer = td.optim.SGD([td.ones((1,)).requires_grad_()], lr=rate)
    scheduler = L.ExponentialLR(optimizer, 0.5)
    scheduler.step()
    assert rate.item() == 0.5 and optimizer.param_groups[0]["lr"] is rate


def test_going_on_from_an_epoch():
    other, module = theirs()
    optimizer = ours()
    for each in (optimizer, other):
        for group in each.param_groups:
            group["initial_lr"] = 0.7
    want = follow(other, module.CosineAnnealingLR(other, 10, last_epoch=4))
    assert follow(optimizer, L.CosineAnnealingLR(optimizer, 10, last_epoch=4)) == want


def test_warm_restarts_at_fractions_of_epochs():
    other, module = theirs()
    optimizer = ours()
    one, two = L.CosineAnnealingWarmRestarts(optimizer, 3, 2), module.CosineAnnealingWarmRestarts(other, 3, 2)
    for k in range(40):
        one.step(k / 4)
        two.step(k / 4)
        assert settings_of(optimizer) == settings_of(other)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda o: L.StepLR(None, 3), "StepLR: got a NoneType; need an optimizer"),
        (lambda o: L.StepLR(o, 3, last_epoch=2), "StepLR: got last_epoch=2 and no 'initial_lr' in group 0"),
        (lambda o: L.LambdaLR(o, [len]), "LambdaLR: got 1 values; need one for each of 2 groups"),
        (lambda o: L.LambdaLR(o, 3), "LambdaLR: got 3; need a function"),
        (lambda o: L.ConstantLR(o, 2.0), "ConstantLR: got factor=2.0"),
        (lambda o: L.LinearLR(o, 0.0), "LinearLR: got start_factor=0.0"),
        (lambda o: L.CosineAnnealingWarmRestarts(o, 0), "CosineAnnealingWarmRestarts: got T_0=0"),
        (lambda o: L.CyclicLR(o, 0.1, 1.0, mode="square"), "CyclicLR: got mode='square'"),
        (lambda o: L.OneCycleLR(o, 0.1), "OneCycleLR: got total_steps=0"),
        (lambda o: L.OneCycleLR(td.optim.Adagrad(o.param_groups[0]["params"]), 0.1, 9), "OneCycleLR: got Adagrad"),
        (lambda o: L.ReduceLROnPlateau(o, factor=1.0), "ReduceLROnPlateau: got factor=1.0"),
        (lambda o: L.ChainedScheduler([]), "ChainedScheduler: got no schedulers"),
        (lambda o: L.SequentialLR(o, [L.StepLR(o, 2)], [3]), "SequentialLR: got 1 schedulers and 1 milestones"),
        (lambda o: L.ChainedScheduler([L.ReduceLROnPlateau(o)]), "ChainedScheduler: got a ReduceLROnPlateau"),
        (lambda o: L.SequentialLR(ours(), [L.StepLR(o, 2)], []), "SequentialLR: got number 0 for another optimizer"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make(ours())


def test_steps_belong_outside_of_compiled_functions():
    optimizer = ours()
    scheduler = L.StepLR(optimizer, 3)

    @td.script
    def step(x):
        scheduler.step()
        return x

    with pytest.raises(td.CaptureError, match="StepLR.step: got a call inside a function that is being captured"):
        step(td.ones((2,)))


def test_more_steps_than_a_cycle_has():
    optimizer = ours()
    scheduler = L.OneCycleLR(optimizer, 0.1, total_steps=3)
    with pytest.raises(ValueError, match="OneCycleLR: got step 4; need at most the 3 of total_steps"):
        follow(optimizer, scheduler, 4)
