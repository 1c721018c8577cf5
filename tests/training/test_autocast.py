"""Mixed precision: which operations are carried out in which dtype, and the scaling of losses."""

import threading

import numpy as np
import pytest

import tandem as td

F = td.nn.functional


def normal(*shape, seed=0):
    return td.random.Generator(seed).normal(shape)


@pytest.mark.parametrize("low", [td.bfloat16, td.float16])
def test_dtypes(low):
    x, w = normal(4, 8), normal(8, 8, seed=1)
    with td.autocast(low):
        assert {(x @ w).dtype, td.matmul(x, w).dtype, F.linear(x, w).dtype, td.einsum("ij,jk->ik", x, w).dtype} == {low}
        assert F.conv1d(normal(1, 2, 9), normal(3, 2, 3)).dtype == low
        q = normal(1, 2, 5, 8)
        assert F.scaled_dot_product_attention(q, q, q).dtype == low
        y = x @ w
        assert (y + y).dtype == F.relu(y).dtype == td.tanh(y).dtype == y.max().dtype == low
        full = [y.sum(), y.mean(axis=0), td.std(y), td.softmax(y, axis=-1), td.exp(y), td.log(y), F.layer_norm(y, (8,))]
        full += [F.cross_entropy(y, td.zeros((4,), dtype=td.int64)), F.mse_loss(y, x), td.cumulative_sum(y, axis=0)]
        assert {z.dtype for z in full} == {td.float32}
        wide = x.astype(td.float64)
        assert (wide @ wide.T).dtype == td.float64 and td.exp(wide).dtype == td.float64
        assert (td.arange(4) @ td.arange(4)).dtype == td.int64 and td.arange(4).sum().dtype == td.int64
        assert (x + 1).dtype == x.max().dtype == td.float32
    assert (x @ w).dtype == td.float32


def test_names_are_rows():
    rows = {row["name"] for row in td._core._op_table()}
    low, full = (td._core._autocast_names(which) for which in (True, False))
    assert {*low, *full} <= rows and not {*low} & {*full}
    assert len({*low}) == len(low) and len({*full}) == len(full)


def test_values_are_those_of_conversions_by_hand():
    x, w = normal(4, 8), normal(8, 8, seed=1)
    with td.autocast(td.bfloat16):
        got = td.exp(x @ w).sum()
    want = td.exp((x.astype(td.bfloat16) @ w.astype(td.bfloat16)).astype(td.float32)).sum()
    assert got.tolist() == want.tolist()


def test_gradients_have_the_dtype_of_parameters():
    def loss(w, x, cast):
        y = cast(x) @ cast(w)
        return ((y + cast(td.ones((8,)))).astype(td.float32) ** 2).mean()

    x = normal(4, 8)
    grads = []
    for inside in (True, False):
        w = normal(8, 8, seed=1).requires_grad_()
        with td.autocast(td.bfloat16):
            value = F.mse_loss(x @ w + td.ones((8,)).astype(td.bfloat16), td.zeros((4, 8)))
            if inside:
                value.backward()
        if not inside:
            value.backward()
        assert w.grad.dtype == td.float32
        grads.append(w.grad.tolist())
    w = normal(8, 8, seed=1).requires_grad_()
    loss(w, x, lambda z: z.astype(td.bfloat16)).backward()
    assert grads[0] == grads[1]
    np.testing.assert_allclose(grads[0], w.grad.tolist(), rtol=0.02, atol=1e-3)


def test_captured_functions_follow():
    x, w = normal(4, 8), normal(8, 8, seed=1)

    @td.script
    def f(x, w):
        return td.exp(x @ w).sum(axis=0) + (x @ w).max()

    plain = f(x, w).tolist()
    with td.autocast(td.bfloat16):
        low = f(x, w)
        assert low.tolist() == f.eager(x, w).tolist() != plain
    with td.autocast(td.float16):
        assert f(x, w).tolist() == f.eager(x, w).tolist()
    assert f(x, w).tolist() == plain
    with td.autocast(td.bfloat16), td.no_recompile():
        assert f(x, w).tolist() == low.tolist()
    assert f.stats()["captures"] == 3
    assert "autocast was off, is bfloat16" in str(f.stats()["guard_failures"])


def test_a_block_inside_of_a_captured_function():
    x, w = normal(4, 8), normal(8, 8, seed=1)

    @td.script
    def f(x, w):
        with td.autocast(td.bfloat16):
            y = x @ w
        return y, x @ w

    for got, want in zip(f(x, w), f.eager(x, w), strict=True):
        assert got.dtype == want.dtype and got.tolist() == want.tolist()
    assert f(x, w)[0].dtype == td.bfloat16 and f(x, w)[1].dtype == td.float32


def test_gradients_of_captured_functions():
    x = normal(4, 8)

    @td.script
    def f(w):
        return td.exp(x @ w / 8).mean()

    results = []
    for function in (f, f.eager):
        w = normal(8, 8, seed=1).requires_grad_()
        with td.autocast(td.bfloat16):
            value = function(w)
        value.backward()
        results.append((value.tolist(), w.grad.tolist()))
    assert results[0] == results[1]


def test_checkpoints_are_computed_again_in_the_same_dtype():
    x = normal(4, 8)
    grads = []
    for wrap in (td.checkpoint, lambda f: f):
        w = normal(8, 8, seed=1).requires_grad_()
        with td.autocast(td.bfloat16):
            loss = wrap(lambda w: (x @ w).sum())(w)
        loss.backward()
        grads.append(w.grad.tolist())
    assert grads[0] == grads[1]


def test_blocks_nest_and_decorate():
    x = normal(4, 4)
    with td.autocast(td.bfloat16):
        with td.autocast(td.float16):
            assert (x @ x).dtype == td.float16
        with td.autocast(enabled=False):
            assert (x @ x).dtype == td.float32
        assert (x @ x).dtype == td.bfloat16
        seen = []
        thread = threading.Thread(target=lambda: seen.append((x @ x).dtype))
        thread.start()
        thread.join()
        assert seen == [td.float32]

    @td.autocast(td.bfloat16)
    def product(x):
        return x @ x

    assert product(x).dtype == td.bfloat16 and (x @ x).dtype == td.float32
    with pytest.raises(RuntimeError), td.autocast(td.bfloat16):
        raise RuntimeError
    assert (x @ x).dtype == td.float32
    with pytest.raises(TypeError, match="autocast: got float64; need td.float16 or td.bfloat16"):
        td.autocast(td.float64)


def test_close_to_pytorch():
    torch = pytest.importorskip("torch")
    own = td.nn.Sequential(td.nn.Linear(6, 16), td.nn.LayerNorm(16), td.nn.GELU(), td.nn.Linear(16, 3))
    other = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.LayerNorm(16), torch.nn.GELU(), torch.nn.Linear(16, 3))
    other.load_state_dict({name: torch.tensor(x.numpy()) for name, x in own.state_dict().items()})
    x, y = normal(32, 6), td.random.Generator(3).integers(0, 3, (32,))
    with td.autocast(td.bfloat16):
        loss = F.cross_entropy(own(x), y)
    loss.backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = torch.nn.functional.cross_entropy(other(torch.tensor(x.numpy())), torch.tensor(y.numpy()))
    expected.backward()
    np.testing.assert_allclose(float(loss), float(expected.detach()), rtol=0.01)
    for p, q in zip(own.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=0.1, atol=3e-3)


# Scaling


def test_scaler_is_pytorchs():
    torch = pytest.importorskip("torch")
    settings = dict(init_scale=8.0, growth_interval=3, backoff_factor=0.25)
    own, other = td.amp.GradScaler(**settings), torch.amp.GradScaler("cpu", **settings)
    p, q = td.asarray([1.0, -2.0]).requires_grad_(), torch.tensor([1.0, -2.0], requires_grad=True)
    one, two = td.optim.Adam([p], lr=0.1), torch.optim.Adam([q], lr=0.1)
    for k in range(14):
        factor = float("inf") if k in (4, 5, 11) else 1.0 + k
        for x, optimizer, scaler in ((p, one, own), (q, two, other)):
            optimizer.zero_grad()
            scaler.scale((x * x * factor).sum()).backward()
            if k % 2:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
        assert own.state_dict() == other.state_dict(), k
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)
    assert one.state_dict()["state"][0]["step"].item() == two.state_dict()["state"][0]["step"].item() == 11


def test_scaled_training_in_float16():
    """Gradients that vanish in float16 do not when they are scaled."""
    x = td.ones((4, 2))

    def train(scaled):
        model = td.nn.Linear(2, 1)
        with td.no_grad():
            for p in model.parameters():
                p[...] = 0.5
        optimizer, scaler = td.optim.SGD(model.parameters(), lr=1.0), td.amp.GradScaler(enabled=scaled)
        with td.autocast(td.float16):
            loss = (model(x).astype(td.float32) * 1e-8).sum()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return 0.5 - model.weight.tolist()[0][0]

    assert train(False) == 0.0 and train(True) > 0.0


def test_parameters_in_float16():
    p = td.asarray([1.0, 2.0], dtype=td.float16).requires_grad_()
    optimizer, scaler = td.optim.SGD([p], lr=0.5), td.amp.GradScaler(init_scale=4.0)
    scaler.scale((p * p).sum()).backward()
    scaler.unscale_(optimizer)
    assert p.grad.dtype == td.float16 and p.grad.tolist() == [2.0, 4.0]
    scaler.step(optimizer)
    assert p.tolist() == [0.0, 0.0]


def test_state_of_the_scaler():
    one = td.amp.GradScaler(init_scale=4.0, growth_interval=2)
    p = td.ones((1,)).requires_grad_()
    optimizer = td.optim.SGD([p], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        one.scale((p * p).sum()).backward()
        one.step(optimizer)
        one.update()
    other = td.amp.GradScaler()
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict() and other.get_scale() == 8.0
    assert td.amp.GradScaler(enabled=False).state_dict() == {}
    one.update(3.0)
    assert one.get_scale() == 3.0
    assert [x.tolist() for x in one.scale([td.ones(()), td.ones(())])] == [3.0, 3.0]


def test_mistakes():
    scaler = td.amp.GradScaler()
    p = td.ones((1,)).requires_grad_()
    optimizer = td.optim.SGD([p])
    p.grad = td.ones((1,))
    scaler.unscale_(optimizer)
    with pytest.raises(ValueError, match="got an optimizer whose gradients are unscaled already"):
        scaler.unscale_(optimizer)
    with pytest.raises(TypeError, match="GradScaler: got a LBFGS; need"):
        scaler.step(td.optim.LBFGS([p]))
    with pytest.raises(ValueError, match="GradScaler: got init_scale=0"):
        td.amp.GradScaler(init_scale=0)
    with pytest.raises(ValueError, match="got the state of one that is not enabled"):
        scaler.load_state_dict({})


def test_scaled_steps_can_be_captured():
    """Forward in float16, scaling, backward, the decision about the step, and the new scale, in one program."""
    x = normal(16, 4)
    runs = []
    for compiled in (True, False):
        td.manual_seed(1)
        model = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.Tanh(), td.nn.Linear(8, 1))
        optimizer = td.optim.Adam(model.parameters(), lr=0.05)
        scaler = td.amp.GradScaler(init_scale=1024.0, growth_interval=5)

        def step(x, factor):
            optimizer.zero_grad()
            with td.autocast(td.float16):
                loss = (model(x).astype(td.float32) ** 2 * factor).mean()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss.detach()

        run = td.script(step) if compiled else step
        losses = [run(x, td.asarray(td.inf if k in (3, 9) else 1.0)).item() for k in range(14)]
        state = optimizer.state_dict()["state"]
        runs.append((losses, [p.tolist() for p in model.parameters()], scaler.state_dict(), state[0]["step"].item()))
        if compiled:
            assert run.stats()["eager_calls"] == 0 and run.stats()["captures"] == 1, run.explain()
    assert runs[0] == runs[1]
    assert runs[0][3] == 12 and runs[0][2]["scale"] == 512.0
