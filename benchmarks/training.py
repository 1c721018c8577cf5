"""Training next to PyTorch (with --compile torch.compile, too) and JAX: `./dev run python benchmarks/training.py`.

The cases are a perceptron with Adam, a transformer encoder with AdamW, and a recurrent network (LSTM) written by hand
from small operations, forward and training. Every contender starts from the same weights, and the losses of the first
steps are compared before anything is timed. Times are medians of rounds in which the contenders take turns. With
--memory, the memory that each needs is measured as well, in a process of its own (peak.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import peak
from measure import in_turns
from peers import limit_threads
from table import duration

Step = Callable[[], Any]  # gives the loss, or what was computed


@dataclass
class Case:
    name: str
    goals: dict[str, float]  # of Tandem's way: the ratio to the best peer
    steps: dict[str, Step] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)  # seconds of the first step, compilation included
    peers: tuple[str, ...] = ("torch", "torch.compile", "jax")

    def add(self, name: str, step: Step, libraries: Libraries) -> None:
        """Let a contender make its first step, unless another one's memory is measured."""
        if libraries.only:
            self.steps[name] = step
            return
        start = time.perf_counter()
        step()
        self.first[name] = time.perf_counter() - start
        self.steps[name] = step


@dataclass
class Libraries:
    """Those that are there, and which contenders are wanted."""

    td: Any
    torch: Any
    jax: Any
    compile_torch: bool = False
    only: str = ""  # the one contender whose memory is measured

    def wants(self, name: str) -> bool:
        if self.only:
            return name == self.only
        return name in ("script", "eager", "torch") or (
            self.compile_torch if name == "torch.compile" else bool(self.jax)
        )


# ---- Modules, which have the same names here and in PyTorch -------------------------------------------------------


@dataclass
class Task:
    """A network, how it is trained, and on what; `layers` and `loss` take the library's nn and nn.functional."""

    layers: Callable[[Any], Any]
    loss: Callable[[Any, Any, Any], Any]
    optimizer: str
    rate: float
    inputs: np.ndarray
    targets: np.ndarray


def _step(library: Any, task: Task, net: Any, model: Any, put: Callable[[np.ndarray], Any], annotate: Any) -> Step:
    optimizer = getattr(library.optim, task.optimizer)(net.parameters(), lr=task.rate)
    inputs, targets = put(task.inputs), put(task.targets)

    @annotate
    def step(inputs: Any, targets: Any) -> Any:
        optimizer.zero_grad()
        loss = task.loss(library.nn.functional, model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return lambda: step(inputs, targets)


def as_it_is(function: Any) -> Any:
    return function


def add_contenders(case: Case, task: Task, libraries: Libraries) -> dict[str, np.ndarray]:
    """Add the steps of Tandem and PyTorch to the case; return the weights they all start from."""
    td, torch = libraries.td, libraries.torch

    def theirs(wrap: Callable[[Any], Any]) -> Step:
        net = network(torch)
        net.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in weights.items()})
        return _step(torch, task, net, wrap(net), torch.from_numpy, as_it_is)

    def ours(annotate: Callable[[Any], Any]) -> Step:
        net = network(td)
        net.load_state_dict({key: td.asarray(value) for key, value in weights.items()})
        return _step(td, task, net, net, td.asarray, annotate)

    def network(library: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch says which of its fast paths a layer cannot take
            return task.layers(library.nn)

    weights = {key: np.asarray(value.detach()).copy() for key, value in network(torch or td).state_dict().items()}
    add_wanted(case, libraries, ours, theirs)
    return weights


def add_wanted(case: Case, libraries: Libraries, ours: Callable[[Any], Step], theirs: Callable[[Any], Step]) -> None:
    if libraries.wants("script"):
        case.add("script", ours(libraries.td.script), libraries)
    if libraries.wants("eager"):
        case.add("eager", ours(as_it_is), libraries)
    if libraries.wants("torch"):
        case.add("torch", theirs(as_it_is), libraries)
    if libraries.wants("torch.compile"):
        case.add("torch.compile", theirs(libraries.torch.compile), libraries)


# ---- A perceptron: 784-512-256-10, 128 rows, Adam ------------------------------------------------------------------


def perceptron(libraries: Libraries) -> Case:
    case = Case("MLP 784-512-256-10, batch 128, Adam", {"script": 0.9, "eager": 0.8})
    rng = np.random.default_rng(0)
    x = rng.standard_normal((128, 784)).astype(np.float32)
    y = rng.integers(0, 10, 128)

    def layers(nn: Any) -> Any:
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))

    task = Task(layers, lambda F, found, labels: F.cross_entropy(found, labels), "Adam", 1e-3, x, y)
    weights = add_contenders(case, task, libraries)
    if libraries.wants("jax"):
        case.add("jax", _jax_perceptron(libraries.jax, weights, x, y), libraries)
    return case


def _jax_perceptron(jax: Any, weights: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> Step:
    jnp = jax.numpy
    names = ["0", "2", "4"]
    params = [(jnp.asarray(weights[f"{n}.weight"]), jnp.asarray(weights[f"{n}.bias"])) for n in names]
    inputs, labels = jnp.asarray(x), jnp.asarray(y)

    def loss_of(params: Any, inputs: Any, labels: Any) -> Any:
        h = inputs
        for k, (w, b) in enumerate(params):
            h = h @ w.T + b
            h = jnp.maximum(h, 0) if k < 2 else h
        logits = jax.nn.log_softmax(h)
        return -jnp.take_along_axis(logits, labels[:, None], axis=1).mean()

    def update(state: Any, inputs: Any, labels: Any) -> Any:
        params, m, v, t = state
        loss, grads = jax.value_and_grad(loss_of)(params, inputs, labels)
        t = t + 1
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, grads)
        params = jax.tree.map(
            lambda p, a, b: p - 1e-3 * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8), params, m, v
        )
        return (params, m, v, t), loss

    compiled = jax.jit(update, donate_argnums=0)
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [(params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.asarray(0.0))]

    def step() -> Any:
        state[0], loss = compiled(state[0], inputs, labels)
        return loss.block_until_ready()

    return step


# ---- An encoder: 4 layers, 256 wide, 8 sequences of 128, AdamW -----------------------------------------------------


def encoder(libraries: Libraries) -> Case:
    case = Case("encoder 4 layers d256, 8x128, AdamW", {"script": 0.8})
    rng = np.random.default_rng(1)
    x, y = (rng.standard_normal((8, 128, 256)).astype(np.float32) for _ in range(2))

    def layers(nn: Any) -> Any:
        layer = nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, batch_first=True, activation="gelu")
        return nn.TransformerEncoder(layer, 4)

    task = Task(layers, lambda F, found, targets: F.mse_loss(found, targets), "AdamW", 1e-4, x, y)
    add_contenders(case, task, libraries)
    return case


# ---- A recurrent network by hand: 32 sequences of 64, 128 -> 256 ---------------------------------------------------


def _lstm_arrays() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(2)
    w = rng.standard_normal((128, 1024)) * 0.05
    u = rng.standard_normal((256, 1024)) * 0.05
    x = rng.standard_normal((64, 32, 128))
    return tuple(a.astype(np.float32) for a in (x, w, u, np.zeros(1024)))


def _cell(xp: Any, sigmoid: Any, x: Any, h: Any, c: Any, w: Any, u: Any, b: Any) -> tuple[Any, Any]:
    gates = x @ w + h @ u + b
    i, f = sigmoid(gates[:, :256]), sigmoid(gates[:, 256:512])
    g, o = xp.tanh(gates[:, 512:768]), sigmoid(gates[:, 768:])
    c = f * c + i * g
    return o * xp.tanh(c), c


def lstm(libraries: Libraries, training: bool) -> Case:
    td, torch = libraries.td, libraries.torch
    name = "LSTM by hand, 64 steps of 32x128 -> 256, " + ("training (SGD)" if training else "forward")
    case = Case(name, {"script": 0.75})
    arrays = _lstm_arrays()

    def with_loop(xp: Any, sigmoid: Any, zeros: Any) -> Callable[..., Any]:
        def run(x: Any, w: Any, u: Any, b: Any) -> Any:
            h, c = zeros, zeros
            for row in x:
                h, c = _cell(xp, sigmoid, row, h, c, w, u, b)
            return h

        return run

    def ours(annotate: Callable[[Any], Any]) -> Step:
        x, *params = map(td.asarray, arrays)
        run = with_loop(td, td.sigmoid, td.zeros((32, 256)))
        if not training:
            compiled = annotate(run)
            return lambda: compiled(x, *params)
        params = [p.copy().requires_grad_() for p in params]

        @annotate
        def step(x: Any) -> Any:
            for p in params:
                p.grad = None
            loss = (run(x, *params) ** 2).mean()
            loss.backward()
            with td.no_grad():
                for p in params:
                    p -= 0.1 * p.grad
            return loss.detach()

        return lambda: step(x)

    def theirs(wrap: Callable[[Any], Any]) -> Step:
        x, *params = (torch.from_numpy(a.copy()) for a in arrays)
        run = wrap(with_loop(torch, torch.sigmoid, torch.zeros(32, 256)))
        if not training:

            def forward() -> Any:
                with torch.no_grad():
                    return run(x, *params)

            return forward
        params = [p.requires_grad_() for p in params]

        def step() -> Any:
            for p in params:
                p.grad = None
            loss = (run(x, *params) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                for p in params:
                    p -= 0.1 * p.grad
            return loss.detach()

        return step

    add_wanted(case, libraries, ours, theirs)
    if libraries.wants("jax"):
        case.add("jax", _jax_lstm(libraries.jax, arrays, training), libraries)
    return case


def _jax_lstm(jax: Any, arrays: tuple[np.ndarray, ...], training: bool) -> Step:
    jnp = jax.numpy
    x, *params = map(jnp.asarray, arrays)

    def run(x: Any, w: Any, u: Any, b: Any) -> Any:
        def body(carry: Any, row: Any) -> Any:
            h, c = _cell(jnp, jax.nn.sigmoid, row, *carry, w, u, b)
            return (h, c), None

        zeros = jnp.zeros((32, 256), jnp.float32)
        return jax.lax.scan(body, (zeros, zeros), x)[0][0]

    if not training:
        compiled = jax.jit(run)
        return lambda: compiled(x, *params).block_until_ready()

    def update(params: Any, x: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: (run(x, *p) ** 2).mean())(params)
        return [p - 0.1 * g for p, g in zip(params, grads, strict=True)], loss

    compiled = jax.jit(update, donate_argnums=0)
    state = [list(params)]

    def step() -> Any:
        state[0], loss = compiled(state[0], x)
        return loss.block_until_ready()

    return step


# ---- The table -----------------------------------------------------------------------------------------------------


def report(case: Case, rounds: int, memory: dict[str, dict[str, float]]) -> dict[str, Any]:
    # Every contender has made one step; the next losses must agree as well.
    results = {name: np.asarray(step()) for name, step in case.steps.items()}
    for name, value in results.items():
        np.testing.assert_allclose(value, results["torch"], rtol=2e-3, atol=2e-4, err_msg=f"{case.name}: {name}")
    times = in_turns(case.steps, rounds)
    best = min((times[name], name) for name in times if name in case.peers)
    print(f"\n{case.name}")
    for name, seconds in sorted(times.items(), key=lambda item: item[1]):
        goal = f"   goal {case.goals[name]:.2f}" if name in case.goals else ""
        against = "torch" if name == "eager" else best[1]
        ratio = f"   {seconds / times[against]:.2f} of {against}" if name in ("script", "eager") else ""
        print(
            f"  {name:14} {duration(seconds):>10}   first step {duration(case.first[name]):>10}"
            f"{memory_text(memory, name)}{ratio}{goal}"
        )
    return {"case": case.name, "times": times, "first": case.first, "memory": memory}


def memory_text(memory: dict[str, dict[str, float]], name: str) -> str:
    """Return the column of memory: that of the process and, of Tandem, that of its tensors."""
    if name not in memory:
        return ""
    tensors = memory[name].get("tensors")
    return f"   {memory[name]['resident']:6.1f} MiB" + (" " * 16 if tensors is None else f" (tensors {tensors:5.1f})")


MAKERS: dict[str, Callable[[Libraries], Case]] = {
    "mlp": perceptron,
    "encoder": encoder,
    "lstm forward": lambda libraries: lstm(libraries, training=False),
    "lstm training": lambda libraries: lstm(libraries, training=True),
}


def libraries_for(arguments: argparse.Namespace) -> Libraries:
    """Import what is needed; a process that measures memory has no other library in it."""
    only = arguments.peak
    found = Libraries(None, None, None, arguments.compile, only)
    if not only or only in ("script", "eager", "jax"):  # the last for the first weights
        import tandem

        found.td = tandem
    if not only or only in ("torch", "torch.compile"):
        import torch

        found.torch = torch
    if only == "jax" or not (only or arguments.no_jax):
        import jax

        found.jax = jax
    return found


def print_peak(make: Callable[[Libraries], Case], libraries: Libraries) -> None:
    case = make(libraries)
    library = libraries.jax.numpy if libraries.jax else libraries.td or libraries.torch
    peak.warm_up(library, library.asarray)
    print(json.dumps(peak.measure(case.steps[libraries.only], None if libraries.jax else libraries.td)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", default="", help="parts of names of cases, separated by commas")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well, which takes long")
    parser.add_argument("--no-jax", action="store_true")
    parser.add_argument("--memory", action="store_true", help="the memory that each contender needs, too")
    parser.add_argument("--peak", default="", help=argparse.SUPPRESS)  # a contender: print its memory, and nothing else
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    limit_threads()
    libraries = libraries_for(arguments)
    wanted = [part for part in arguments.only.split(",") if part]
    chosen = {name: make for name, make in MAKERS.items() if not wanted or any(part in name for part in wanted)}
    if arguments.peak:
        (make,) = chosen.values()
        print_peak(make, libraries)
        return 0
    rows = []
    for name, make in chosen.items():
        case = make(libraries)
        memory = {}
        if arguments.memory:
            memory = {contender: peak.in_fresh_process(__file__, name, contender) for contender in case.steps}
        rows.append(report(case, arguments.rounds, memory))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
