"""Each layer in both libraries: state dicts through files, results, gradients, and what changes in a forward pass."""

import inspect

import numpy as np
import pytest
from module_cases import CASES, RANDOM, ROUGH, arrays, name_of

import tandem as td
from tandem import nn, pytree

torch = pytest.importorskip("torch", reason="torch is not installed")
safe = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")


def both(case):
    name, arguments, options, _ = case
    theirs = getattr(torch.nn, name)(*arguments, **options).double()
    ours = getattr(nn, name)(*arguments, **options).double()
    return ours, theirs


def is_float(x):
    return x.dtype.kind == "f"


def leaves(tree):
    """Tensors of a result of either library."""
    parts = tree if isinstance(tree, (tuple, list)) else (tree,)
    return [x for part in parts for x in (leaves(part) if isinstance(part, (tuple, list)) else [part]) if x is not None]


def close(ours, theirs, what, tolerance=1e-9):
    theirs = theirs.detach().numpy()
    assert tuple(ours.shape) == theirs.shape and ours.dtype.name == str(theirs.dtype), what
    np.testing.assert_allclose(np.asarray(ours.detach()), theirs, rtol=tolerance, atol=tolerance / 10, err_msg=what)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_results_and_gradients(case, tmp_path):
    torch.manual_seed(1)
    ours, theirs = both(case)
    path = tmp_path / "state.safetensors"
    safe.save_file(dict(theirs.state_dict()), path)
    ours.load_state_dict(td.load(path))
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    for training in (True, False):
        if training and case[0] in RANDOM:
            continue
        ours.train(training), theirs.train(training)
        given = arrays(case)
        learned = [
            is_float(a) and (k == 0 or isinstance(spec, tuple)) for k, (a, spec) in enumerate(zip(given, case[3]))
        ]
        xs = [td.asarray(a).requires_grad_() if some else td.asarray(a) for a, some in zip(given, learned)]
        ys = [torch.from_numpy(np.array(a)).requires_grad_(some) for a, some in zip(given, learned)]
        for each in (ours, theirs):
            each.zero_grad()
        got, want = leaves(ours(*xs)), leaves(theirs(*ys))
        assert len(got) == len(want)
        rng = np.random.default_rng(5)
        weights = [rng.standard_normal(tuple(y.shape)) for y in want]
        parts = [(g, w, f) for g, w, f in zip(got, want, weights) if w.requires_grad]
        if parts:
            sum(((w * torch.from_numpy(np.asarray(f))).sum() for _, w, f in parts), torch.tensor(0.0)).backward()
            total = td.asarray(0.0, dtype=td.float64)
            for g, _, f in parts:
                total = total + (g * td.asarray(f)).sum()
            total.backward()
        for k, (g, w) in enumerate(zip(got, want)):
            close(g, w, f"result {k}")
        for k, (x, y) in enumerate(zip(xs, ys)):
            if y.grad is not None:
                close(x.grad, y.grad, f"gradient of input {k}", 1e-6 if case[0] in ROUGH else 1e-9)
        for (key, p), (other, q) in zip(ours.named_parameters(), theirs.named_parameters()):
            assert key == other
            if q.grad is not None:
                close(p.grad, q.grad, f"gradient of {key}")
        for key, x in ours.state_dict().items():
            close(x, theirs.state_dict()[key], key)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_state_goes_back_to_torch_and_layers_print_alike(case, tmp_path):
    name, arguments, options, _ = case
    ours, theirs = getattr(nn, name)(*arguments, **options), getattr(torch.nn, name)(*arguments, **options)
    path = tmp_path / "state.safetensors"
    td.save(ours.state_dict(), path)
    theirs.load_state_dict(safe.load_file(path))
    for key, x in theirs.state_dict().items():
        assert np.asarray(ours.state_dict()[key]).tobytes() == x.numpy().tobytes()
    text = repr(theirs).replace("NonDynamicallyQuantizableLinear", "Linear")
    assert repr(ours) == text


# What PyTorch deprecated, and what has no meaning here.
NOWHERE = {"size_average", "reduce", "min_value", "max_value"}


@pytest.mark.parametrize("name", [n for n in nn.__all__ if inspect.isclass(getattr(nn, n))])
def test_signatures(name):
    ours, theirs = getattr(nn, name), getattr(torch.nn, name, None)
    if name in ("Module", "Parameter", "Buffer"):
        return
    assert theirs is not None

    def parameters(cls):
        found = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return [p for p in found if p.name not in NOWHERE]

    wanted, got = parameters(theirs), parameters(ours)
    if any(p.kind is p.VAR_POSITIONAL for p in wanted):
        return  # containers, and recurrent networks, whose own signatures PyTorch does not have
    if name.startswith("Softm") or name == "LogSoftmax":  # a dim of None is deprecated there
        assert [p.name for p in got] == [p.name for p in wanted]
        return
    assert [(p.name, p.default) for p in got] == [(p.name, same_default(p.default)) for p in wanted]


def same_default(value):
    return nn.functional.relu if value is torch.nn.functional.relu else value


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_dropout_between_layers_is_there_in_training_only(name):
    net = getattr(nn, name)(3, 4, num_layers=2, dropout=0.9)
    x = td.random.normal((5, 2, 3))
    assert not bool((net(x)[0] == net(x)[0]).all())
    net.eval()
    assert bool((net(x)[0] == net(x)[0]).all())


def test_ctc_loss():
    """Of logits, because the gradient that PyTorch gives by the logarithms is that by the logits."""
    logits, targets = np.random.default_rng(1).standard_normal((6, 2, 5)), np.array([[1, 2, 3], [4, 1, 2]])
    x, y = td.asarray(logits).requires_grad_(), torch.from_numpy(logits).requires_grad_()
    lengths = (6, 5), (3, 2)
    got = nn.CTCLoss(reduction="sum")(nn.LogSoftmax(2)(x), td.asarray(targets), *lengths)
    want = torch.nn.CTCLoss(reduction="sum")(torch.nn.LogSoftmax(2)(y), torch.from_numpy(targets), *lengths)
    got.backward(), want.backward()
    close(got, want, "loss")
    close(x.grad, y.grad, "gradient")


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_states_that_are_given(name):
    theirs = getattr(torch.nn, name)(3, 4, num_layers=2).double()
    ours = getattr(nn, name)(3, 4, num_layers=2).double()
    ours.load_state_dict({key: x.numpy() for key, x in theirs.state_dict().items()})
    rng = np.random.default_rng(3)
    x, h, c = rng.standard_normal((5, 2, 3)), rng.standard_normal((2, 2, 4)), rng.standard_normal((2, 2, 4))
    state = (h, c) if name == "LSTM" else h
    got = ours(td.asarray(x), pytree.map(td.asarray, state))
    want = theirs(torch.from_numpy(x), pytree.map(torch.from_numpy, state))
    for a, b in zip(leaves(got), leaves(want)):
        close(a, b, name)
