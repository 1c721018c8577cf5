"""What is of the GPU itself: graphs, errors, other libraries, memory."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from models import floats
from report import Report, close, same_bits

import tandem as td

M = 1 << 20


def error(kind: type[BaseException], action: Any) -> str:
    try:
        action()
    except kind as problem:
        return str(problem)
    raise AssertionError(f"no {kind.__name__}")


def graphs() -> str:
    before = td.cuda.use_graphs(True)
    try:
        scale = floats(64).to("cuda")

        def chain(x: Any) -> Any:
            for _ in range(20):
                x = td.tanh(x * 1.01) + scale.to(x.device)
            return x, x.sum(axis=0)

        def reference(x: Any) -> Any:
            for _ in range(20):
                x = td.tanh(x * 1.01) + floats(64)
            return x, x.sum(axis=0)

        run = td.trace(chain)
        inputs = [floats(32, 64, seed=k) for k in range(6)]
        launches = td.cuda.stats()["graph_launches"]
        kept = [run(x.to("cuda")) for x in inputs]
        assert td.cuda.stats()["graph_launches"] - launches >= len(inputs) - 2, td.cuda.stats()
        for x, got in zip(inputs, kept, strict=True):  # no call overwrote what another one returned
            same_bits(got, reference(x))
        return "bits"
    finally:
        td.cuda.use_graphs(before)


def graph_of_a_step() -> str:
    before = td.cuda.use_graphs(True)
    try:

        def losses(device: str) -> Any:
            td.manual_seed(0)
            net = td.nn.Sequential(td.nn.Linear(16, 32), td.nn.Tanh(), td.nn.Linear(32, 1)).to(device)
            optimizer = td.optim.Adam(net.parameters(), lr=0.01)
            x = floats(24, 16).to(device)

            @td.script
            def step(x: Any) -> Any:
                optimizer.zero_grad()
                loss = (net(x) ** 2).mean()
                loss.backward()
                optimizer.step()
                return loss.detach()

            return [step(x) for _ in range(6)]

        return close(losses("cuda"), losses("cpu"), 1e-3)
    finally:
        td.cuda.use_graphs(before)


def branches() -> str:
    @td.script
    def halve(x: Any) -> Any:
        count = 0
        while (x * x).sum() > 1:
            x = x * 0.5
            count += 1
        if x[0] > 0:
            x = -x
        return x, count

    x = floats(1000)
    got, wanted = halve(x.to("cuda")), halve(x)
    assert int(got[1]) == int(wanted[1])
    return same_bits(got[0], wanted[0])


def late_errors() -> None:
    table = floats(5, 3).to("cuda")
    td.take(table, td.asarray([0, 7]).to("cuda"), axis=0)
    message = error(IndexError, td.cuda.synchronize)
    assert "got 7 for axis 0 of size 5" in message, message

    def write() -> None:
        table[td.asarray([1, 9]).to("cuda")] = 1.0
        td.cuda.synchronize()

    message = error(IndexError, write)
    assert "got 9 for axis 0 of size 5" in message, message
    assert table[0].cpu().tolist() == floats(5, 3)[0].tolist()  # all goes on


def many_copies() -> str:
    x = td.asarray(np.random.default_rng(0).standard_normal(5 * M + 3).astype(np.float32))
    there = x.to("cuda")
    same_bits(there, x)
    same_bits(there[::3].to("cuda") + 0, x[::3] + 0)
    return same_bits(there[: 4 * M].reshape((2048, 2048)).mT.copy(), x[: 4 * M].reshape((2048, 2048)).mT.copy())


def events() -> None:
    start, end = td.cuda.Event(), td.cuda.Event()
    x = td.ones((4 * M,), device="cuda")
    td.cuda.synchronize()
    start.record()
    for _ in range(20):
        x = x * 1.0001
    end.record()
    end.synchronize()
    assert 0 <= start.elapsed_time(end) < 10_000


def with_torch() -> str | None:
    if not importlib.util.find_spec("torch"):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    x = floats(64, 33)
    t = torch.from_numpy(x.numpy()).cuda()
    y = td.from_dlpack(t * 2)
    same_bits(y + 1, x * 2 + 1)
    back = torch.from_dlpack(y * 3)
    np.testing.assert_array_equal((back - 1).cpu().numpy(), (x * 2 * 3 - 1).numpy())
    assert torch.as_tensor(y, device="cuda").data_ptr() == y._pointer
    return "bits"


def running(report: Report) -> None:
    for name, action in {
        "graphs": graphs,
        "a training step as a graph": graph_of_a_step,
        "branches and loops": branches,
        "errors that come late": late_errors,
        "copies": many_copies,
        "events": events,
        "PyTorch": with_torch,
    }.items():
        if report.match in name:
            report.check(name, action)


def reuse() -> None:
    """Steady work asks the driver for nothing."""

    def work() -> None:
        x = td.ones((1000, 100), device="cuda")
        for _ in range(10):
            x = td.tanh(x * 2 + 1)
        td.cuda.synchronize()

    work()
    before = td.cuda.memory_stats()
    for _ in range(20):
        work()
    after = td.cuda.memory_stats()
    assert after["device_allocations"] == before["device_allocations"], (before, after)
    assert after["in_use"] == before["in_use"], (before, after)


def full() -> None:
    total = td.cuda.get_device_properties().total_memory
    x = td.ones(1000, device="cuda")
    message = error(MemoryError, lambda: td.empty((2 * total,), dtype=td.uint8, device="cuda"))
    assert "got a request of" in message, message
    assert float((x + 1).sum()) == 2000.0  # all goes on
    td.cuda.empty_cache()


def memory(report: Report) -> None:
    for name, action in {"steady work": reuse, "a full GPU": full}.items():
        if report.match in name:
            report.check(name, action)
