"""Training on a GPU, on the stub: optimizers, random numbers, gradients through devices, the ready-made loop."""

from __future__ import annotations

import pytest
from cuda_support import run

STEP = """
def values(x): return x.detach().cpu().numpy().tobytes()
def trained(device, make, compiled):
    p = td.asarray(np.linspace(-1, 1, 30, dtype=np.float32)).to(device).requires_grad_()
    q = td.asarray(np.linspace(1, 2, 30, dtype=np.float32)).to(device).requires_grad_()
    optimizer = make([p, q])
    def step(x):
        optimizer.zero_grad()
        loss = ((td.tanh(p * x) + q) ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()
    run = td.script(step) if compiled else step
    losses = [run(td.asarray(np.full(30, k + 1, np.float32)).to(device)) for k in range(3)]
    assert losses[0].device == td.device(device) and p.grad.device == td.device(device)
    return [values(x) for x in (*losses, p, q)]
"""


@pytest.mark.parametrize(
    "optimizer",
    ["SGD(p, lr=0.1, momentum=0.9)", "Adam(p, lr=0.01)", "AdamW(p)", "RMSprop(p)", "Adagrad(p)", "Lion(p)"],
)
def test_optimizers(optimizer: str) -> None:
    run(
        STEP
        + f"""
make = lambda p: td.optim.{optimizer}
assert trained("cuda", make, False) == trained("cpu", make, False) == trained("cuda", make, True)
assert td.cuda.stats()["host_steps"] == 0
"""
    )


def test_state_of_optimizers_moves_along() -> None:
    run(
        """
        x = td.asarray([1.0, 2.0]).to("cuda").requires_grad_()
        optimizer = td.optim.Adam([x])
        (x * x).sum().backward()
        optimizer.step()
        state = optimizer.state_dict()
        assert state["state"][0]["exp_avg"].device == "cuda:0"
        y = td.asarray([1.0, 2.0]).requires_grad_()
        other = td.optim.Adam([y])
        other.load_state_dict(state)  # of the other device
        assert other.state_dict()["state"][0]["exp_avg"].device == "cpu"
        assert other.state_dict()["state"][0]["exp_avg"].tolist() == state["state"][0]["exp_avg"].tolist()
        optimizer.load_state_dict(other.state_dict())
        optimizer.zero_grad(set_to_none=False)
        assert x.grad.device == "cuda:0" and x.grad.tolist() == [0.0, 0.0]
        """
    )


def test_random_numbers_are_those_of_the_cpu() -> None:
    run(
        """
        def draws(device):
            g = td.random.Generator(5)
            on = {"device": device}
            out = [g.uniform((7,), **on), g.normal((2, 3), 1.0, 2.0, **on), g.bits((4,), **on),
                   g.integers(0, 9, (5,), **on), g.bernoulli(0.3, (6,), **on), g.exponential((3,), **on),
                   g.normal((3,), dtype=td.float16, **on)]
            return out, g.get_state().tolist()
        ours, theirs = draws("cuda"), draws(None)
        assert ours[1] == theirs[1]
        for a, b in zip(ours[0], theirs[0]):
            assert a.device == "cuda:0" and b.device == "cpu" and a.cpu().numpy().tobytes() == b.numpy().tobytes()
        assert td.cuda.stats()["host_steps"] == 0
        loc = td.asarray([1.0, 5.0]).to("cuda")
        assert td.random.normal(None, loc).device == "cuda:0"
        assert td.random.categorical(loc).device == "cuda:0"
        assert sorted(td.random.permutation(td.arange(5, device="cuda")).tolist()) == [0, 1, 2, 3, 4]
        @td.script
        def f(x):
            return x + td.random.normal(x.shape)
        td.manual_seed(1)
        first, second = f(loc), f(loc)
        td.manual_seed(1)
        x = td.asarray([1.0, 5.0])
        assert first.tolist() == (x + td.random.normal((2,))).tolist()
        assert second.tolist() == (x + td.random.normal((2,))).tolist()
        """
    )


def test_modules_with_constants_and_dropout() -> None:
    run(
        """
        F = td.nn.functional
        x = td.asarray(np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32))
        def same(f, *xs):
            td.manual_seed(0)
            wanted = f(*xs)
            td.manual_seed(0)
            got = f(*(x.to("cuda") for x in xs))
            assert got.device == "cuda:0" and got.cpu().numpy().tobytes() == wanted.numpy().tobytes(), (got, wanted)
        same(lambda x: F.dropout(x, 0.4), x)
        same(lambda x: F.one_hot(td.argmax(x, axis=1), 6), x)
        same(lambda x: F.pad(x[None], (2, 1), mode="reflect"), x)
        same(lambda x: td.tril(x), x)
        same(lambda x: F.cross_entropy(x, td.argmax(x, axis=1)), x)
        same(lambda x: F.gumbel_softmax(x, hard=True), x)
        net = td.nn.Linear(6, 3).to("cuda")
        td.nn.init.normal_(net.weight)
        td.nn.init.xavier_uniform_(net.weight)
        assert net.weight.device == "cuda:0"
        """
    )


def test_fit() -> None:
    run(
        """
        def losses(device, compiled):
            td.manual_seed(0)
            x = td.asarray(np.random.default_rng(0).standard_normal((12, 2)).astype(np.float32))
            net = td.nn.Linear(2, 1).to(device)
            data = td.data.DataLoader(td.data.TensorDataset(x, x.sum(axis=1, keepdims=True)), batch_size=4)
            optimizer = td.optim.SGD(net.parameters(), lr=0.1)
            return td.fit(net, data, loss=td.nn.functional.mse_loss, optimizer=optimizer, epochs=2, progress=False,
                          clip_grad_norm=1.0, compile=compiled)["loss"]
        np.testing.assert_allclose(losses("cuda", False), losses("cpu", False), rtol=1e-5)
        np.testing.assert_allclose(losses("cuda", True), losses("cpu", True), rtol=1e-5)
        """
    )
