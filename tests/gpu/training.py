"""Training steps: optimizers, random numbers in them, loss scaling, and the ready-made loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from models import floats, whole
from report import Report, close, same_bits

import tandem as td
from tandem.nn import functional as F

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: td.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, nesterov=True),
    "Adam": lambda p: td.optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: td.optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: td.optim.RMSprop(p, lr=0.01, centered=True),
    "Adagrad": lambda p: td.optim.Adagrad(p, lr=0.1),
    "Lion": lambda p: td.optim.Lion(p, lr=0.01),
}
STEPS = 4


def elementwise(device: str, optimizer: Callable[[Any], Any], compiled: bool) -> Any:
    """Parameters and state after some steps in which there is no product of matrices: the bits of the CPU."""
    p, q = (floats(37, 5, seed=k).to(device).requires_grad_() for k in (1, 2))
    x = floats(37, 5, seed=3).to(device)
    steps = optimizer([p, q])

    def step(x: Any) -> Any:
        steps.zero_grad()
        loss = ((td.tanh(p * x) + td.sigmoid(q)) ** 2).sum()
        loss.backward()
        steps.step()
        return loss.detach()

    run = td.script(step) if compiled else step
    losses = [run(x) for _ in range(STEPS)]
    return [losses, p.detach(), q.detach()]


def network(device: str, compiled: bool, dropout: float = 0.0, dtype: Any = None) -> Any:
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(12, 24), td.nn.GELU(), td.nn.Dropout(dropout), td.nn.Linear(24, 5)).to(device)
    optimizer = td.optim.AdamW(net.parameters(), lr=0.01)
    scaler = td.amp.GradScaler() if dtype == td.float16 else None
    x, target = floats(32, 12).to(device), whole(5, 32).to(device)

    def step(x: Any, target: Any) -> Any:
        optimizer.zero_grad()
        if dtype is None:
            loss = F.cross_entropy(net(x), target)
        else:
            with td.autocast(dtype=dtype):
                loss = F.cross_entropy(net(x), target)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss.detach()

    run = td.script(step) if compiled else step
    return [run(x, target) for _ in range(STEPS)]


def mask(device: str) -> Any:
    """Dropout alone, which draws the numbers that the CPU draws."""
    td.manual_seed(3)
    return [F.dropout(td.ones((100,), device=device), 0.3) for _ in range(3)]


def words(device: str) -> Any:
    """An embedding, whose gradient adds many rows at few places."""
    td.manual_seed(2)
    table = td.nn.Embedding(11, 6).to(device)
    optimizer = td.optim.SGD(table.parameters(), lr=0.1)
    index = whole(11, 500).to(device)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (td.tanh(table(index)) ** 2).sum().backward()
        optimizer.step()
    return table.weight.detach()


def through_devices() -> str:
    """Gradients flow from the GPU to leaves on the CPU."""
    x = floats(5, 4).requires_grad_()
    (td.tanh(x.to("cuda") * 2) ** 2).sum().to("cpu").backward()
    y = floats(5, 4).requires_grad_()
    (td.tanh(y * 2) ** 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy())
    return "bits"


def loop(device: str) -> Any:
    td.manual_seed(5)
    net = td.nn.Sequential(td.nn.Linear(3, 8), td.nn.Tanh(), td.nn.Linear(8, 1)).to(device)
    x = floats(64, 3)
    data = td.data.DataLoader(td.data.TensorDataset(x, x.sum(axis=1, keepdims=True)), batch_size=16)
    optimizer = td.optim.Adam(net.parameters(), lr=0.02)
    history = td.fit(net, data, loss=F.mse_loss, optimizer=optimizer, epochs=3, progress=False, compile=True)
    return np.asarray(history["loss"])


def training(report: Report) -> None:
    for name in report.own(list(OPTIMIZERS)):
        for compiled in (False, True):
            report.check(
                f"{name} {'compiled' if compiled else 'eager'}",
                lambda: same_bits(
                    elementwise("cuda", OPTIMIZERS[name], compiled), elementwise("cpu", OPTIMIZERS[name], compiled)
                ),
            )
    for compiled in (False, True):
        way = "compiled" if compiled else "eager"
        report.check(f"network {way}", lambda: close(network("cuda", compiled), network("cpu", compiled), 1e-3))
        report.check(
            f"network with dropout {way}",
            lambda: close(network("cuda", compiled, 0.3), network("cpu", compiled, 0.3), 1e-3),
        )
    report.check(
        "network in bfloat16",
        lambda: close(network("cuda", True, dtype=td.bfloat16), network("cpu", True, dtype=td.bfloat16), 3e-2),
    )
    report.check(
        "network in float16, scaled",
        lambda: close(network("cuda", True, dtype=td.float16), network("cpu", True, dtype=td.float16), 1e-2),
    )
    report.check("dropout draws the numbers of the CPU", lambda: same_bits(mask("cuda"), mask("cpu")))
    report.check("embedding", lambda: same_bits(words("cuda"), words("cpu")))
    report.check("gradients through devices", through_devices)
    report.check("td.fit", lambda: close(loop("cuda"), loop("cpu"), 1e-3))
