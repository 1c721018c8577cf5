"""`python -m tandem.torch.bench MODEL.py`: eager torch, Inductor and Tandem side by side.

The file defines `model`, a torch.nn.Module (or a function that makes one), and `example_args`, a tuple of tensors (or a
function that makes them). With `--train`, a step is measured: `loss(result)` is defined by the file, or the mean of the
square of the result.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

import tandem as td
from tandem import _core
from tandem.torch import counters

WAYS = ("eager", "inductor", "tandem")
COLORS = {"eager": "#9aa0a6", "inductor": "#e8710a", "tandem": "#1a73e8"}
CAPTURE = "aot_eager"  # Dynamo and AOTAutograd, and nothing behind them


@dataclass
class Measured:
    """What was found of one way to run the model. Times in seconds, memory in bytes."""

    way: str
    first: float = 0.0  # the first call: capture by torch and compilation
    compile: float = 0.0  # of that, what the backend took: counted, or for Inductor what "aot_eager" does not take
    warm: float = 0.0  # the first call in a second process
    run: float = 0.0  # the median of calls
    least: float = 0.0
    memory: int = 0  # the largest that the process had
    kernels: int = 0
    compiled: int = 0  # kernels that a second process had to compile
    fallbacks: int = 0
    error: str = ""


def loaded(path: str) -> Any:
    """Run the file of the model, and return what it defines."""
    spec = importlib.util.spec_from_file_location("benched_model", path)
    if spec is None or spec.loader is None:
        raise _core.ArgumentError(f"bench: got {path!r}; need a file of Python that defines model and example_args")
    module = importlib.util.module_from_spec(spec)
    sys.modules["benched_model"] = module
    spec.loader.exec_module(module)
    for name in ("model", "example_args"):
        if not hasattr(module, name):
            raise _core.ArgumentError(f"bench: got {path!r} without {name!r}; need model and example_args in it")
    return module


def steps(path: str, train: bool) -> Callable[[str], Callable[[], Any]]:
    """Return a function that makes a step for each way of running the model."""
    source = loaded(path)
    torch.manual_seed(0)
    model = source.model if isinstance(source.model, torch.nn.Module) else source.model()
    args = source.example_args() if callable(source.example_args) else source.example_args
    args = args if isinstance(args, tuple) else (args,)
    loss = getattr(source, "loss", lambda y: (y.float() ** 2).mean())
    model.train(train)

    def made(way: str) -> Callable[[], Any]:
        run = model if way == "eager" else torch.compile(model, backend=way)

        def infer() -> Any:
            with torch.no_grad():
                return run(*args)

        def step() -> Any:
            model.zero_grad(set_to_none=True)
            value = loss(run(*args))
            value.backward()
            return value

        return step if train else infer

    return made


def _timed(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _cold(path: str, way: str, train: bool) -> dict[str, Any]:
    """Measure the first call, in a process of its own."""
    run = steps(path, train)(way)
    before = _core.stats()
    out = Measured(way)
    out.first = _timed(run)
    again = _timed(run)
    out.first = max(out.first - again, 0.0)
    after = _core.stats()
    if way == "tandem":
        stats = counters.stats()
        out.compile, out.kernels = stats["compile_seconds"], stats["kernels"]
        out.fallbacks = sum(stats["fallback_ops"].values())
        out.compiled = int(after["compiled"] - before["compiled"])
    elif way == "inductor":
        out.kernels = int(torch._inductor.metrics.generated_kernel_count)
    out.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return asdict(out)


def _process(path: str, way: str, train: bool, threads: int, folder: str) -> Measured:
    """Measure the first call in a new process, with caches in a folder."""
    command = [sys.executable, "-m", "tandem.torch.bench", path, "--cold", way, "--threads", str(threads)]
    caches = {
        "TANDEM_CACHE_DIR": os.path.join(folder, "tandem"),
        "TORCHINDUCTOR_CACHE_DIR": os.path.join(folder, "torch"),
    }
    done = subprocess.run(
        command + (["--train"] if train else []), env={**os.environ, **caches}, capture_output=True, text=True
    )
    if done.returncode:
        return Measured(way, error=(done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
    return Measured(**json.loads(done.stdout.strip().splitlines()[-1]))


def measured(path: str, train: bool, threads: int, seconds: float, ways: tuple[str, ...] = WAYS) -> list[Measured]:
    """Measure all ways: cold and warm compilation in processes of their own, calls alternating in this one."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        capture = _process(path, CAPTURE, train, threads, folder).first
        for way in ways:
            row = _process(path, way, train, threads, folder)
            if not row.error and way != "eager":
                second = _process(path, way, train, threads, folder)
                row.warm, row.compiled = second.first, second.compiled
            if way == "inductor":
                row.compile = max(row.first - capture, 0.0)
            rows.append(row)
    make = steps(path, train)
    runs = {row.way: make(row.way) for row in rows if not row.error}
    for run in runs.values():
        run()
        run()
    times: dict[str, list[float]] = {way: [] for way in runs}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values()), default=9) < 5:
        for way, run in runs.items():
            times[way].append(_timed(run))
    for row in rows:
        if times.get(row.way):
            row.run, row.least = statistics.median(times[row.way]), min(times[row.way])
    return rows


def table(rows: list[Measured], title: str) -> str:
    """Return what was measured as text."""
    lines = [
        title,
        f"{'':<10}{'run':>12}{'least':>12}{'cold':>10}{'backend':>10}{'warm':>10}{'memory':>10}{'kernels':>9}{'fallbacks':>11}",
    ]
    eager = next((row.run for row in rows if row.way == "eager"), 0.0)
    for row in rows:
        if row.error:
            lines.append(f"{row.way:<10}failed: {row.error}")
            continue
        speed = f"  {eager / row.run:.2f} x eager" if row.run and eager and row.way != "eager" else ""
        lines.append(
            f"{row.way:<10}{row.run * 1e3:>9.3f} ms{row.least * 1e3:>9.3f} ms{row.first:>8.2f} s{row.compile:>8.2f} s"
            f"{row.warm:>8.2f} s{row.memory / 2**20:>7.0f} MB{row.kernels:>9}{row.fallbacks:>11}{speed}"
        )
    lines.append(
        "cold, warm: the first call, without and with files of an earlier process; backend: its share of cold,"
    )
    lines.append("without torch's own capture (Dynamo, AOTAutograd)")
    return "\n".join(lines)


def plot(rows: list[Measured], title: str, path: str) -> None:
    """Draw times and memory as bars."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise _core.BackendError(
            f"bench: got no matplotlib ({error}); need it for --plot; try pip install matplotlib"
        ) from error
    good = [row for row in rows if not row.error]
    compiled = [row for row in good if row.way != "eager"]
    panels = (
        ("a call, ms", good, lambda row: row.run * 1e3),
        ("first call, s", compiled, lambda row: row.first),
        ("first call of a\nsecond process, s", compiled, lambda row: row.warm),
        ("memory, MB", good, lambda row: row.memory / 2**20),
    )
    widths = [len(shown) + 1 for _, shown, _ in panels]
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(0.8 * sum(widths), 3), width_ratios=widths, layout="constrained"
    )
    figure.suptitle(title, fontsize=10)
    for axis, (name, shown, value) in zip(axes, panels, strict=True):
        values = [value(row) for row in shown]
        bars = axis.bar([row.way for row in shown], values, width=0.7, color=[COLORS[row.way] for row in shown])
        axis.bar_label(bars, [f"{v:.3g}" for v in values], padding=2, fontsize=9)
        axis.set_title(name, fontsize=10, loc="left")
        axis.set_ylim(top=1.12 * max([*values, 1e-9]))
        axis.tick_params(axis="x", length=0)
        axis.set_yticks([])  # the numbers stand at the bars
        axis.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tandem.torch.bench", description="Eager torch, Inductor, Tandem.")
    parser.add_argument("model", help="a file that defines `model` and `example_args`")
    parser.add_argument("--train", action="store_true", help="a training step instead of inference")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0, help="of calls, for all ways together")
    parser.add_argument("--plot", metavar="FILE.png")
    parser.add_argument("--without", choices=("inductor", "eager"), action="append", default=[])
    parser.add_argument("--cold", choices=(*WAYS, CAPTURE), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    td.set_num_threads(given.threads)
    if given.cold:
        print(json.dumps(_cold(given.model, given.cold, given.train)))
        return 0
    kind = "a training step" if given.train else "inference"
    title = f"{os.path.basename(given.model)}: {kind}, {given.threads} threads, torch {torch.__version__}"
    ways = tuple(way for way in WAYS if way not in given.without)
    rows = measured(given.model, given.train, given.threads, given.seconds, ways)
    print(table(rows, title))
    if given.plot:
        plot(rows, title, given.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
