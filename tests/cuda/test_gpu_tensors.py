"""Tensors on a GPU, on the stub: moving, printing, eager operations with the CPU's bits, indexing, other libraries."""

from __future__ import annotations

from cuda_support import run


def test_moving_and_printing() -> None:
    run(
        """
        x = td.asarray([[1.0, 2.0], [3.0, 4.0]])
        g = x.to("cuda")
        assert g.device == "cuda:0" and g.to("cuda") is g and x.to("cpu") is x and g.cuda() is g
        assert g.cpu().tolist() == x.tolist() == g.tolist() and g.cpu() is not x
        assert repr(g) == repr(x)[:-1] + ", device=cuda:0)" and str(g) == str(x)
        assert g[1, 0].item() == 3.0 and float(g[0, 1]) == 2.0 and bool(g[0, 0]) and f"{g[0, 0]:.2f}" == "1.00"
        assert g.T.cpu().tolist() == x.T.tolist()  # strided
        assert x.T.to("cuda").cpu().tolist() == x.T.tolist()
        there = g.to("cuda:1")
        assert there.device == "cuda:1" and there.cpu().tolist() == x.tolist()
        assert td.cuda.stats()["peer_copies"] == 1
        for make in (lambda d: td.zeros((2, 3), device=d), lambda d: td.full((3,), 7, device=d),
                     lambda d: td.arange(5, device=d), lambda d: td.asarray([1, 2], device=d),
                     lambda d: td.zeros_like(g, device=d)):
            made = make("cuda:1")
            assert made.device == "cuda:1" and made.dtype == make("cpu").dtype
            assert made.cpu().tolist() == make("cpu").tolist()
        assert td.ones_like(g).device == "cuda:0" and td.empty((2,), device="cuda").device == "cuda:0"
        import copy, pickle
        for other in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g), g.copy()):
            assert other.device == "cuda:0" and other.tolist() == g.tolist()
        big = np.random.default_rng(0).random(3_000_000).astype(np.float32)
        assert (td.asarray(big).to("cuda").cpu().numpy() == big).all()
        """
    )


def test_operations_have_the_bits_of_the_cpu() -> None:
    run(
        """
        rng = np.random.default_rng(0)
        a = td.asarray(rng.standard_normal((5, 7)).astype(np.float32))
        b = td.asarray(rng.standard_normal((7,)).astype(np.float32))
        g, h = a.to("cuda"), b.to("cuda")
        def same(f):
            ours, theirs = f(g, h), f(a, b)
            assert ours.device == "cuda:0" and theirs.device == "cpu"
            assert ours.dtype == theirs.dtype and ours.cpu().numpy().tobytes() == theirs.numpy().tobytes()
        same(lambda a, b: a + b)
        same(lambda a, b: td.exp(a) * 2 - 1)
        same(lambda a, b: a ** 2)
        same(lambda a, b: a > 0)
        same(lambda a, b: td.where(a > 0, a, 0.0))
        same(lambda a, b: a.sum(axis=1))
        same(lambda a, b: a.sum())
        same(lambda a, b: td.argmax(a, axis=0))
        same(lambda a, b: td.concat([a, a[:, ::2]], axis=1))
        same(lambda a, b: a.astype(td.int32))
        same(lambda a, b: a.reshape(7, 5).T)
        same(lambda a, b: a[1:4, ::-2] + 1)
        same(lambda a, b: td.sort(a, axis=1))
        assert td.cuda.stats()["host_steps"] == 0
        # Scalars of the CPU mix like Python's numbers.
        half = td.asarray(0.5)
        assert (g * half).cpu().numpy().tobytes() == (a * half).numpy().tobytes()
        assert (half * g).device == "cuda:0"
        """
    )


def test_writing_in_place() -> None:
    run(
        """
        x = td.asarray(np.arange(12, dtype=np.float32).reshape(3, 4))
        g = x.to("cuda")
        for t in (x, g):
            t += 1
            t[1] = 7
            t[:, 1] = t[:, 0] * 2
            t[::2, 1:3] = td.asarray([[9.0, 8.0]]).to(t.device)
            t[t > 8] = -1
            t[td.asarray([0, 2]), td.asarray([3, 0])] = 5
            t.T[2] = t[0, :3]
        assert g.device == "cuda:0" and g.cpu().tolist() == x.tolist()
        assert g[td.asarray([2, 0])].cpu().tolist() == x[td.asarray([2, 0])].tolist()
        assert g[g > 3].cpu().tolist() == x[x > 3].tolist() and g[g > 3].device == "cuda:0"
        rows, columns = td.asarray([1, 2]), td.asarray([0, 3])
        assert g[rows, columns].cpu().tolist() == x[rows, columns].tolist()
        """
    )


def test_an_index_out_of_bounds_is_raised_when_the_gpu_is_waited_for() -> None:
    run(
        """
        x = td.asarray([1.0, 2.0, 3.0]).to("cuda")
        index = td.asarray([0, 5]).to("cuda")
        y = td.take(x, index, axis=0)
        message = error(IndexError, td.cuda.synchronize)
        assert "got 5 for axis 0 of size 3" in message, message
        td.cuda.synchronize()  # told once
        assert td.take(x, td.asarray([2]).to("cuda"), axis=0).tolist() == [3.0]
        for _ in range(3000):  # more than there are places for
            td.take(x, td.asarray(1).to("cuda"), axis=0)
        td.cuda.synchronize()
        """
    )


def test_other_libraries() -> None:
    run(
        """
        x = td.asarray(np.arange(6, dtype=np.float32).reshape(2, 3)).to("cuda:1")
        assert x.__dlpack_device__() == (2, 1) and td.asarray([1]).__dlpack_device__() == (1, 0)
        class Other:  # passes on what it got
            def __dlpack_device__(self): return x.__dlpack_device__()
            def __dlpack__(self, *, stream=None, **options):
                self.stream = stream
                return x.__dlpack__(stream=stream, **options)
        other = Other()
        y = td.from_dlpack(other)
        assert y.device == "cuda:1" and y._pointer == x._pointer
        assert other.stream == td.cuda.current_stream(1).cuda_stream
        y += 1
        assert x.cpu().tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        assert "dl_device" in error(BufferError, lambda: x.__dlpack__(stream=-1, dl_device=(2, 0)))
        assert np.from_dlpack(x.cpu()).tolist() == x.tolist()
        facts = x.T.__cuda_array_interface__
        assert facts["shape"] == (3, 2) and facts["strides"] == (4, 12) and facts["typestr"] == "<f4"
        assert facts["data"] == (x._pointer, False) and facts["stream"] == td.cuda.current_stream(1).cuda_stream
        assert not hasattr(td.asarray([1.0]), "__cuda_array_interface__")
        """
    )


def test_memory_comes_back() -> None:
    run(
        """
        def work():
            x = td.ones((100, 100), device="cuda")
            for _ in range(5):
                x = x * 2 + 1
            return float(x.sum())
        work()
        before = td.cuda.memory_stats()
        for _ in range(3):
            work()
        after = td.cuda.memory_stats()
        assert after["in_use"] == before["in_use"] == 0 and after["device_allocations"] == before["device_allocations"]
        td.cuda.empty_cache()
        assert td.cuda.memory_stats()["reserved"] == 0 and counts().blocks == 0
        start, end = td.cuda.Event(), td.cuda.Event()
        start.record()
        work()
        end.record()
        end.synchronize()
        assert end.query() and start.elapsed_time(end) > 0
        """
    )
