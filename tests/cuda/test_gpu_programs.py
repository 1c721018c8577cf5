"""Compiled functions on a GPU, on the stub: sizes, branches and loops, products, gradients, guards, CUDA graphs."""

from __future__ import annotations

from pathlib import Path

from cuda_support import run


def test_compiled_functions() -> None:
    run(
        """
        @td.script
        def f(x, n):
            y = x * 2
            while y.sum() < n:
                y = y + x
            if y[0] > 3:
                y = -y
            return y
        x = td.asarray([1.0, 2.0])
        g = x.to("cuda")
        for n in (4.0, 20.0):
            assert f(g, n).device == "cuda:0" and f(g, n).cpu().tolist() == f(x, n).tolist() == f.eager(x, n).tolist()
        captures = f.stats()["captures"]
        f(x, 5.0), f(g, 5.0)
        assert f.stats()["captures"] == captures
        assert f(x.to("cuda:1"), 4.0).device == "cuda:1" and f.stats()["captures"] == captures + 1  # it is guarded
        assert "device was" in str(f.stats()["guard_failures"])
        assert td.cuda.stats()["predicates"] > 0

        weight = td.asarray([3.0, 4.0]).to("cuda")
        step = td.asarray(0.5)
        @td.trace
        def update(x):
            global weight
            weight -= step * x
            return weight.sum()
        assert float(update(g)) == 5.5 and float(update(g)) == 4.0 and weight.cpu().tolist() == [2.0, 2.0]
        h = td.trace(lambda x: td.zeros(2, device="cuda") + x)
        assert h(g).cpu().tolist() == [1.0, 2.0]
        assert "program @" in f.ir("program") and " on cuda:" in f.ir("program")
        """
    )


def test_loops_whose_rounds_are_known() -> None:
    """Nobody asks the GPU whether they go on, and they can be recorded as graphs."""
    run(
        """
        def powers(a, b):
            for _ in range(a.shape[0]):
                b = td.tanh(a @ b)
            return b
        f = td.script(powers)
        a, b = (td.asarray(np.random.default_rng(k).standard_normal((40, 40)).astype(np.float32) / 8) for k in (0, 1))
        wanted, there = powers(a, b).numpy(), (a.to("cuda"), b.to("cuda"))
        np.testing.assert_allclose(f(*there).cpu().numpy(), wanted, rtol=1e-4, atol=1e-5)
        assert td.cuda.stats()["predicates"] == 0 and "while d" in f.ir("program")
        td.cuda.use_graphs(True)
        for _ in range(3):
            np.testing.assert_allclose(f(*there).cpu().numpy(), wanted, rtol=1e-4, atol=1e-5)
        stats = td.cuda.stats()
        assert stats["graph_refusals"] == 0 and stats["graph_launches"] >= 1 and stats["predicates"] == 0, stats
        """
    )


def test_loops_that_record() -> None:
    run(
        """
        @td.script
        def f(x, w):
            out, parts, s, k = td.zeros((x.shape[0], x.shape[1])), td.zeros((x.shape[0], 2)), x[0], td.asarray(0.5)
            for t in range(x.shape[0]):
                k = k * 0.5 + x[t, 1]
                s = td.where(s > 1.0, s * 0.25, s + w) + x[t]
                out[t] = s
            for t in range(x.shape[0]):
                k = k + 0.5 * x[t, 0]
                parts[t, 1] = k
                parts[t, 0] = -k
            return out, parts, s, k
        rng = np.random.default_rng(0)
        for n, width in ((9, 3), (9, 70), (1, 3)):
            x = td.asarray(rng.standard_normal((n, width)).astype(np.float32))
            w = td.asarray(rng.standard_normal(width).astype(np.float32))
            for a, b, c in zip(f(x, w), f(x.to("cuda"), w.to("cuda")), f.eager(x, w)):
                assert b.device == "cuda:0" and a.tolist() == b.cpu().tolist() == c.tolist()
        """
    )


def test_long_rows() -> None:
    """They lie in shared memory that a block has to itself, or, longer than that, in memory."""
    run(
        """
        softmax = lambda x: td.softmax(x, axis=-1)
        norm = lambda x: td.layer_norm(x * 2, td.ones_like(x[0]), td.zeros_like(x[0]))
        for n in (20_000, 30_000, 60_000):
            x = td.asarray(np.random.default_rng(n).standard_normal((2, n)).astype(np.float32))
            for f in (softmax, norm):
                for g in (f, td.trace(f)):
                    assert np.array_equal(g(x.to("cuda")).cpu().numpy(), f(x).numpy())
        """
    )


def test_products() -> None:
    run(
        """
        rng = np.random.default_rng(0)
        def check(a, b, dtype=np.float32, tolerance=1e-5):
            a, b = a.astype(dtype), b.astype(dtype)
            x, y = td.asarray(a), td.asarray(b)
            out = x.to("cuda") @ y.to("cuda")
            assert out.device == "cuda:0" and out.shape == (a @ b).shape
            np.testing.assert_allclose(out.cpu().numpy(), a @ b, rtol=tolerance, atol=tolerance)
        r = rng.standard_normal
        check(r((3, 4)), r((4, 5)))
        check(r((3, 4)), r((4, 5)), np.float64, 1e-12)
        check(r((4, 3)).T, r((5, 4)).T)
        check(r((2, 3, 4)), r((4, 5)))
        check(r((2, 1, 3, 4)), r((6, 4, 5)))
        check(r((1, 4)), r((4, 1)))
        check(r((3, 0)), r((0, 5)))
        check(r((3, 4)), r((4,)))
        check(np.arange(12).reshape(3, 4), np.arange(8).reshape(4, 2), np.int32)  # on the host
        x, y = td.asarray(r((6, 8)).astype(np.float32)), td.asarray(r((4, 5)).astype(np.float32))
        got = (x.to("cuda")[::2, ::2] @ y.to("cuda")).cpu().numpy()  # neither rows nor columns lie side by side
        np.testing.assert_allclose(got, x.numpy()[::2, ::2] @ y.numpy(), rtol=1e-5, atol=1e-5)
        one = td.asarray(r((3, 5)).astype(np.float32))  # the same matrix for all
        for shape, view, products in (
            ((2, 6, 3), lambda x: x, 1), ((6, 2, 3), lambda x: x.swapaxes(0, 1), 1),
            ((2, 6, 3), lambda x: x.swapaxes(0, 1), 1), ((4, 1, 3), lambda x: x, 1), ((4, 2, 6, 3), lambda x: x, 1),
            ((2, 4, 6, 3), lambda x: x.swapaxes(0, 1), 4), ((4, 6, 2, 3), lambda x: x.swapaxes(1, 2), 4),
            ((1, 3), lambda x: td.broadcast_to(x, (5, 1, 3)), 1), ((2, 3), lambda x: td.broadcast_to(x, (5, 2, 3)), 1),
            ((6, 2, 3), lambda x: x[::-1], 6), ((2, 3, 6), lambda x: x.swapaxes(1, 2), 1),
        ):
            x, before = td.asarray(r(shape).astype(np.float32)), td.cuda.stats()["products"]
            got = (view(x.to("cuda")) @ one.to("cuda")).cpu().numpy()
            np.testing.assert_allclose(got, view(x).numpy() @ one.numpy(), rtol=1e-5, atol=1e-5)
            assert td.cuda.stats()["products"] - before == products, shape
        stats = td.cuda.stats()
        assert stats["products"] >= 7 and stats["product_copies"] >= 1 and stats["host_steps"] == 1
        assert td.cuda.versions() == {"driver": "CUDA 12.8", "cublaslt": "13.0.0", "cudnn": "9.19.0"}
        assert td.cuda.allow_tf32(True) is False and td.cuda.allow_tf32(False) is True
        """
    )


def test_gradients() -> None:
    run(
        """
        rng = np.random.default_rng(0)
        w0, x0 = rng.standard_normal((3, 2)).astype(np.float32), rng.standard_normal((4, 3)).astype(np.float32)
        def grads(device, compiled):
            w, x = td.asarray(w0.copy()).to(device).requires_grad_(), td.asarray(x0).to(device)
            loss = lambda w, x: (td.tanh(x * 2).sum(axis=0) * w.sum(axis=1)).sum()
            f = td.trace(loss) if compiled else loss
            f(w, x).backward()
            assert w.grad.device == td.device(device)
            return w.grad.cpu().numpy().tobytes()
        assert grads("cpu", False) == grads("cuda", False) == grads("cpu", True) == grads("cuda", True)
        w = td.asarray(w0).requires_grad_()
        (w.to("cuda") * 2).sum().to("cpu").backward()
        assert w.grad.device == "cpu" and (w.grad.numpy() == 2).all()
        scale = td.asarray(3.0).requires_grad_()  # of the CPU, beside tensors of the GPU
        (td.asarray(x0).to("cuda") * scale).sum().backward()
        assert scale.grad.device == "cpu" and abs(float(scale.grad) - x0.sum()) < 1e-4
        w = td.asarray(w0).requires_grad_()
        (w.to("cuda") ** 3).sum().backward(create_graph=True)
        first, w.grad = w.grad, None
        first.sum().backward()
        np.testing.assert_allclose(w.grad.numpy(), 6 * w0, rtol=1e-6)
        """
    )


def test_cuda_graphs() -> None:
    run(
        """
        assert td.cuda.use_graphs(True) is False
        scale = td.asarray([10.0, 20.0]).to("cuda")
        def chain(x):
            for _ in range(3):
                x = (x * 2).sum(axis=0, keepdims=True) + scale
            return x, x.sum()
        f = td.trace(chain)
        def check(values):
            x = td.asarray(values)
            out = f(x.to("cuda"))
            return out, [t.tolist() for t in td.trace(lambda x: chain_cpu(x))(x)]
        def chain_cpu(x):
            s = td.asarray([10.0, 20.0])
            for _ in range(3):
                x = (x * 2).sum(axis=0, keepdims=True) + s
            return x, x.sum()
        kept = []
        for k in range(5):
            values = [[float(k), 1.0], [2.0, 3.0 * k]]
            got, wanted = check(values)
            kept.append((got, wanted))
        for got, wanted in kept:  # no call overwrote what another one returned
            assert [t.cpu().tolist() for t in got] == wanted, (got, wanted)
        stats = td.cuda.stats()
        assert 1 <= stats["graph_captures"] <= 3 and stats["graph_launches"] == 4, stats
        assert stats["graph_refusals"] == 0

        state = td.asarray([1.0, 1.0]).to("cuda")
        @td.trace
        def step(x):
            global state
            state += x
            return state * 2
        for k in range(4):
            out = step(td.asarray([float(k), 2.0]).to("cuda"))
        assert state.cpu().tolist() == [7.0, 9.0] and out.cpu().tolist() == [14.0, 18.0]

        @td.trace
        def sorts(x):
            return td.sort(x) + 1
        for _ in range(3):
            assert sorts(td.asarray([3.0, 1.0]).to("cuda")).cpu().tolist() == [2.0, 4.0]
        assert td.cuda.stats()["graph_refusals"] == 0

        @td.trace
        def inverts(x):
            return td.linalg.inv(x) + 1
        for _ in range(3):
            assert inverts(td.asarray([[2.0]]).to("cuda")).cpu().tolist() == [[1.5]]
        assert td.cuda.stats()["graph_refusals"] == 1

        @td.trace
        def picks(x, index):
            return td.take(x, index, axis=0)
        table = td.asarray([1.0, 2.0]).to("cuda")
        for k in (0, 1, 0, 1):
            assert picks(table, td.asarray([k]).to("cuda")).cpu().tolist() == [k + 1.0]
        del f, step, sorts, picks, got, kept, out
        import gc
        gc.collect()
        """
    )


def test_modules_move_and_are_saved_from_the_cpu(tmp_path: Path) -> None:
    run(
        f"""
        net = td.nn.Linear(3, 2)
        x = td.asarray([[1.0, 2.0, 3.0]])
        wanted = net(x)
        assert net.to("cuda") is net and net.weight.device == "cuda:0" and net.weight.requires_grad
        np.testing.assert_allclose(net(x.to("cuda")).detach().cpu().numpy(), wanted.detach().numpy(), rtol=1e-5)
        f = td.trace(lambda x: x * 2)
        message = error(td.SerializationError, lambda: td.save(f, {str(tmp_path / "f.tdm")!r}, (x.to("cuda"),)))
        assert "captured on cuda:0" in message and "need the CPU" in message, message
        """
    )
