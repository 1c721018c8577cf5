"""The models of the PyTorch bridge: eager torch, Inductor and Tandem in one process, in turns.

    python benchmarks/torch_models.py [--models bert,resnet18] [--train | --infer] [--json results.json]

The models are those of tests/torch_bridge/zoo.py, larger than there. Compile times are those of the back ends alone,
without Dynamo and AOTAutograd, which both share, and without files of an earlier run unless --caches says where those
are. Ratios below 1 mean that Tandem takes less time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from measure import Clock, samples_in_turns

sys.path.append(str(Path(__file__).parents[1] / "tests" / "torch_bridge"))
GOALS = {"inference": 0.8, "training": 0.85}  # of Inductor's time, the geometric mean
WORST = 1.1  # of the better of eager and Inductor, each model
COMPILE = 0.05  # of Inductor's
BATCH = 4
WAYS = ("eager", "inductor", "tandem")
AGREE = {"inference": 1e-4, "training": 1e-3}  # of the largest number: results are compared, too


@dataclass
class Row:
    """One model. Seconds."""

    model: str
    kind: str
    run: dict[str, float] = field(default_factory=dict)  # the median of samples
    least: dict[str, float] = field(default_factory=dict)
    compile: dict[str, float] = field(default_factory=dict)  # by the back end alone
    first: dict[str, float] = field(default_factory=dict)
    fallbacks: dict[str, int] = field(default_factory=dict)
    kernels: int = 0

    def to_inductor(self, best: bool = False) -> float:
        times = self.least if best else self.run
        return times["tandem"] / times["inductor"]

    def to_better(self, best: bool = False) -> float:
        times = self.least if best else self.run
        return times["tandem"] / min(times["inductor"], times["eager"])


def inductor(seconds: list[float]) -> Callable[..., Any]:
    """Return Inductor as a backend that says how long it took, without AOTAutograd."""
    from torch._inductor.compile_fx import compile_fx, compile_fx_inner

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return compile_fx_inner(*args, **kwargs)
        finally:
            seconds.append(time.perf_counter() - start)

    return lambda module, inputs: compile_fx(module, inputs, inner_compile=timed)


def step_of(run: Callable[..., Any], model: Any, given: Any, train: bool) -> Callable[[], Any]:
    import torch
    import zoo

    def infer() -> Any:
        with torch.no_grad():
            return zoo.called(run, given)

    def step() -> Any:
        model.zero_grad(set_to_none=True)
        result = zoo.called(run, given)
        (result * result).mean().backward()
        return result

    return step if train else infer


def measured(name: str, train: bool, rounds: int, ways: tuple[str, ...], options: dict[str, Any], clock: Clock) -> Row:
    import torch
    import zoo

    import tandem as td

    kind = "training" if train else "inference"
    row = Row(name, kind)
    torch._dynamo.reset()
    torch.manual_seed(0)
    entry = zoo.MODELS[name]
    model, given = entry.build(zoo.SMALL), entry.args(zoo.SMALL, BATCH)
    model.train(train)
    for layer in model.modules():  # no dropout: Inductor draws other numbers than eager torch
        for key, value in vars(layer).items():
            if isinstance(value, float) and (key == "p" or "dropout" in key):
                setattr(layer, key, 0.0)
    steps, results = {}, {}
    for way in ways:
        took: list[float] = []
        td.torch.reset_stats()
        backend = {"eager": "eager", "inductor": inductor(took), "tandem": "tandem"}[way]
        more = {"options": options} if way == "tandem" and options else {}
        run = model if way == "eager" else torch.compile(model, backend=backend, **more)
        steps[way] = step_of(run, model, given, train)
        start = time.perf_counter()
        results[way] = steps[way]().detach().double()
        row.first[way] = time.perf_counter() - start
        if way == "inductor":
            row.compile[way] = sum(took)
        elif way == "tandem":
            stats = td.torch.stats()
            row.compile[way], row.kernels, row.fallbacks = (
                stats["compile_seconds"],
                stats["kernels"],
                stats["fallback_ops"],
            )
    for way, result in results.items():
        difference = float((result - results["eager"]).abs().max() / results["eager"].abs().max())
        if not difference < AGREE[kind]:
            raise SystemExit(f"{name}, {kind}: results of {way} differ from eager ones by {difference:.2g}")
    for way, samples in samples_in_turns(steps, rounds, clock=clock).items():
        row.run[way], row.least[way] = statistics.median(samples), samples[0]
    return row


def geometric(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def line(row: Row, best: bool) -> str:
    times = row.least if best else row.run
    shown = "".join(f"{times[way] * 1e3:>11.2f}" if way in times else f"{'-':>11}" for way in WAYS)
    compiled = "".join(f"{row.compile[way]:>11.2f}" if way in row.compile else f"{'-':>11}" for way in WAYS[1:])
    ratios = f"{row.to_inductor(best):>10.2f}{row.to_better(best):>9.2f}" if len(times) == len(WAYS) else ""
    return f"{row.model:<12}{row.kind:<11}{shown}{compiled}{row.kernels:>9}{sum(row.fallbacks.values()):>6}{ratios}"


def summary(rows: list[Row], best: bool) -> Iterator[str]:
    """Say how the goals are met."""
    complete = [row for row in rows if len(row.run) == len(WAYS)]
    for kind, goal in GOALS.items():
        ratios = [row.to_inductor(best) for row in complete if row.kind == kind]
        if ratios:
            yield f"{kind}: {geometric(ratios):.2f} x Inductor's time, the geometric mean of {len(ratios)}; goal {goal}"
    slow = [f"{row.model} {row.kind} {row.to_better(best):.2f}" for row in complete if row.to_better(best) > WORST]
    if complete:
        yield f"above {WORST} x the better of eager and Inductor: {', '.join(slow) or 'none'}"
    compiled = [row for row in complete if row.compile["inductor"] > 1]  # and not read from --caches
    if compiled:
        mine, theirs = (sum(row.compile[way] for row in compiled) for way in ("tandem", "inductor"))
        yield f"compile time: {mine / theirs:.3f} x Inductor's, of {len(compiled)}; goal {COMPILE}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/torch_models.py", description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="", help="comma-separated; all if left out")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--train", action="store_true", help="training steps only")
    kinds.add_argument("--infer", action="store_true", help="inference only")
    parser.add_argument("--freeze", action="store_true", help="Tandem with options={'freeze': True} in inference")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--best", action="store_true", help="show the fastest sample, not the median: for busy machines"
    )
    parser.add_argument(
        "--processor",
        action="store_true",
        help="one thread, time of the processor: for busy machines",
    )
    parser.add_argument("--without", choices=WAYS[:2], action="append", default=[])
    parser.add_argument("--caches", metavar="FOLDER", help="keep compiled files there: for quick reruns")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        caches = given.caches or folder  # before torch and Tandem are imported
        os.environ["TANDEM_CACHE_DIR"] = os.path.join(caches, "tandem")
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(caches, "torch")
        return run(parser, given)


def run(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    import torch
    import zoo

    import tandem as td

    td.torch  # noqa: B018  known to torch from here on
    warnings.simplefilter("ignore")
    names = given.models.split(",") if given.models else list(zoo.MODELS)
    if unknown := sorted(set(names) - zoo.MODELS.keys()):
        parser.error(f"got {unknown[0]!r}; need one of {', '.join(zoo.MODELS)}")
    threads, clock = (1, time.process_time) if given.processor else (given.threads, time.perf_counter)
    torch.set_num_threads(threads)
    td.set_num_threads(threads)
    ways = tuple(way for way in WAYS if way not in given.without)
    print(f"torch {torch.__version__}, {threads} threads; run in milliseconds, compilation in seconds")
    columns = (*WAYS, "comp. ind.", "comp. td")
    print(f"{'':<23}{''.join(f'{c:>11}' for c in columns)}{'kernels':>9}{'fall':>6}{'/inductor':>10}{'/better':>9}")
    rows = []
    for train in (False, True):
        if given.infer if train else given.train:
            continue
        options = {"freeze": True} if given.freeze and not train else {}
        for name in names:
            rows.append(measured(name, train, given.rounds, ways, options, clock))
            print(line(rows[-1], given.best), flush=True)
    print("\n".join(summary(rows, given.best)))
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
