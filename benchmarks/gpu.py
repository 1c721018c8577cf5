"""Measure Tandem on an NVIDIA GPU, next to PyTorch and JAX where they are installed (`./dev bench --gpu [options]`).

The cases are those of cases.py at sizes that fill a GPU, and training steps (gpu_cases.py). The limits are what this
GPU does in this run: the bandwidth of a copy, and the rate of a large product of matrices in the same arithmetic. A
sample is so many calls and one wait at the end, so what the host does is in it; contenders take turns. Results are
written after every case.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cases import M
from gpu_cases import CONTENDERS, GPU_CASES, OWN, TRAININGS, GpuCase, GpuTandem, N, Training, function_of, step_of
from peers import Jax, Torch, leaves
from table import aligned, duration

SAMPLE, ROUNDS = 30e-3, 7  # seconds of a sample at least


Calls = dict[str, tuple[Callable[[], Any], Callable[[], Any]]]  # what is called, and what waits for it


@dataclass
class Result:
    name: str
    what: str
    seconds: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    moves: float = 0
    flops: float = 0
    dtype: str = "float32"
    limit: float = 0

    @property
    def ours(self) -> float | None:
        found = [self.seconds[name] for name in ("tandem", "graphs") if name in self.seconds]
        return min(found) if found else None

    def ratio(self, peer: str) -> float | None:
        return self.ours / self.seconds[peer] if self.ours and peer in self.seconds else None

    def as_json(self) -> dict[str, Any]:
        rates = {
            name: {"GB/s": self.moves / value / 1e9, "GFLOP/s": self.flops / value / 1e9}
            for name, value in self.seconds.items()
        }
        return {**vars(self), "rates": rates}


def one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"


def timed(run: Callable[[], Any], wait: Callable[[], Any], count: int) -> float:
    wait()
    start = time.perf_counter()
    for _ in range(count):
        run()
    wait()
    return (time.perf_counter() - start) / count


def in_turns(calls: Calls, rounds: int, sample: float) -> dict[str, float]:
    counts = {}
    for name, (run, wait) in calls.items():
        once = min(timed(run, wait, 1) for _ in range(3))
        counts[name] = max(1, min(10_000, int(sample / max(once, 1e-6))))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            samples[name].append(timed(*calls[name], counts[name]))
    return {name: statistics.median(values) for name, values in samples.items()}


def starts(
    result: Result, peers: list[Any], make: Callable[[Any], Callable[[], Any]], tolerance: float
) -> Iterator[tuple[Any, Callable[[], Any]]]:
    """Each contender's call, after its first one; who fails, or gives something else, is left out and named."""
    reference: list[np.ndarray] | None = None
    for peer in peers:
        try:
            run = make(peer)
            start = time.perf_counter()
            value = run()
            peer.wait()
            result.first[peer.name] = time.perf_counter() - start
            got = [peer.get(part) for part in leaves(value)]
            reference = reference or got
            for a, b in zip(got, reference, strict=True):
                np.testing.assert_allclose(a, b.reshape(a.shape), rtol=tolerance, atol=tolerance, err_msg=peer.name)
            yield peer, run
        except Exception as error:
            result.missing[peer.name] = one_line(error)


def measure(result: Result, peers: list[Any], make: Any, tolerance: float, given: argparse.Namespace) -> Result:
    calls = {peer.name: (run, peer.wait) for peer, run in starts(result, peers, make, tolerance)}
    if calls:
        result.seconds = in_turns(calls, given.rounds, given.sample)
    return result


def measure_case(case: GpuCase, peers: list[Any], given: argparse.Namespace) -> Result:
    arrays = case.inputs(given.shrink)

    def make(peer: Any) -> Callable[[], Any]:
        function = function_of(peer, case)
        xs = [peer.put(x) if case.dtype == "float32" else peer.put16(x, case.dtype) for x in arrays]
        return lambda: function(*xs)

    share = float(np.prod([a.size for a in arrays[:1]]) / np.prod(case.shapes[0]))
    result = Result(case.name, case.what, moves=case.moves * share, flops=case.flops * share, dtype=case.dtype)
    return measure(result, peers, make, case.tolerance, given)


def measure_training(case: Training, peers: list[Any], given: argparse.Namespace) -> Result:
    import tandem as td

    td.manual_seed(0)
    weights = {name: np.asarray(value.detach()).copy() for name, value in case.layers(td.nn).state_dict().items()}
    able = [peer for peer in peers if not isinstance(peer, Jax)]
    torch = next((peer.library for peer in able if isinstance(peer, Torch)), None)
    with torch.enable_grad() if torch else contextlib.nullcontext():  # off for all that is not trained
        return measure(
            Result(case.name, case.what), able, lambda peer: step_of(peer, case, weights, given.shrink), 2e-2, given
        )


def limits(peer: GpuTandem, given: argparse.Namespace) -> dict[str, float]:
    """Bytes per second of a copy, read and written ones, and multiply-adds of products, twice."""
    td = peer.library
    count = 256 * M // given.shrink
    x = td.ones((count,), device="cuda")
    out: dict[str, float] = {}
    seconds = min(timed(lambda: x.copy(), peer.wait, 10 if given.shrink == 1 else 1) for _ in range(4))
    out["copy"] = 8 * count / seconds
    n = max(8, N // given.shrink)
    for dtype in ("float32", "bfloat16"):
        a = td.asarray(np.resize(np.random.default_rng(0).standard_normal(1 << 16, dtype=np.float32), (n, n)))
        a = a.to("cuda").astype(getattr(td, dtype))
        times = [timed(lambda a=a: a @ a, peer.wait, 3 if given.shrink == 1 else 1) for _ in range(4)]
        out[dtype] = 2 * n**3 / min(times)
    return out


def host_cost(peer: GpuTandem) -> float:
    """Seconds of the host for one small kernel, asked for in a row."""
    x = peer.put(np.ones(8, np.float32))
    run = peer.library.script(lambda x: x + 1.0)
    run(x)
    return min(timed(lambda: run(x), peer.wait, 500) for _ in range(5))


# ---- text ----


def render(results: list[Result], names: list[str]) -> str:
    lines = [["case", *names, "ours ÷ torch.compile", "÷ torch", "of the limit", "rate"]]
    for row in results:
        times = [duration(row.seconds[name]) if name in row.seconds else "–" for name in names]
        ratios = [f"{row.ratio(peer):.2f}" if row.ratio(peer) else "" for peer in ("torch.compile", "torch")]
        reached = f"{100 * row.limit / row.ours:.0f} %" if row.limit and row.ours else ""
        rate = ""
        if row.ours and (row.moves or row.flops):
            rate = (
                f"{row.moves / row.ours / 1e9:.0f} GB/s" if row.moves else f"{row.flops / row.ours / 1e12:.1f} TFLOP/s"
            )
        lines.append([row.name, *times, *ratios, reached, rate])
    return aligned(lines)


def geometric(results: list[Result], peer: str) -> float | None:
    found = [ratio for row in results if (ratio := row.ratio(peer))]
    return float(np.exp(np.mean(np.log(found)))) if found else None


def options() -> argparse.Namespace:
    names = [case.name for case in (*GPU_CASES, *TRAININGS)]
    parser = argparse.ArgumentParser(prog="./dev bench --gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help=f"comma-separated, of {', '.join(names)}")
    parser.add_argument("--against", default=",".join(CONTENDERS), help="comma-separated contenders")
    parser.add_argument("--seconds", type=float, default=480, help="cases that would begin later are left out")
    parser.add_argument("--quick", action="store_true", help="few rounds: a rough idea")
    parser.add_argument("--json", type=Path, default=Path("build/gpu-bench.json"), help="where results go")
    parser.add_argument(
        "--stub", action="store_true", help="on the stub of a driver, which ./dev sets up; times mean nothing"
    )
    given = parser.parse_args()
    given.chosen = given.only.split(",") if given.only else names
    unknown = sorted(set(given.chosen) - set(names))
    if unknown:
        parser.error(f"--only: got '{unknown[0]}'; need one of {', '.join(names)}")
    given.shrink = 4096 if given.stub else 1
    given.rounds, given.sample = (3, 10e-3) if given.quick else (ROUNDS, SAMPLE)
    if given.stub:
        given.rounds, given.sample = 1, 0.0
    return given


def contenders(given: argparse.Namespace) -> list[Any]:
    found = []
    for name in given.against.split(","):
        try:
            if given.stub and name not in OWN:
                raise RuntimeError("there is no GPU for it")
            package = name.split(".")[0]
            if name not in OWN and not importlib.util.find_spec(package):
                raise RuntimeError("not installed")
            made = CONTENDERS[name]()
            made.name = name
            found.append(made)
        except Exception as error:
            print(f"left out: {name}: {one_line(error)}", file=sys.stderr)
    return found


def main() -> int:
    given = options()
    import tandem as td

    if not td.cuda.is_available():
        print(f"no GPU to measure: {td.cuda.problem()}", file=sys.stderr)
        return 2
    start = time.monotonic()
    peers = contenders(given)
    facts = vars(td.cuda.get_device_properties())
    first = next(peer for peer in [*peers, GpuTandem()] if isinstance(peer, GpuTandem))
    reached = limits(first, given)
    about = {
        "device": facts,
        "versions": td.cuda.versions(),
        "tandem": td.__version__,
        "limits": reached,
        "host_seconds_per_kernel": host_cost(first),
    }
    rates = f"{reached['float32'] / 1e12:.1f} TFLOP/s in float32 and {reached['bfloat16'] / 1e12:.0f} in bfloat16"
    host = duration(about["host_seconds_per_kernel"])
    print(
        f"{facts['name']}: copies {reached['copy'] / 1e9:.0f} GB/s, products {rates}, "
        f"{host} of the host for a small compiled call",
        flush=True,
    )
    results: list[Result] = []
    given.json.parent.mkdir(parents=True, exist_ok=True)
    left_out = []
    for case in [case for case in (*GPU_CASES, *TRAININGS) if case.name in given.chosen]:
        if time.monotonic() - start > given.seconds:
            left_out.append(case.name)
            continue
        measuring = measure_training if isinstance(case, Training) else measure_case
        row = measuring(case, peers, given)
        row.limit = max(row.moves / reached["copy"], row.flops / reached.get(row.dtype, reached["float32"]))
        results.append(row)
        for name, why in row.missing.items():
            print(f"{row.name}: without {name}: {why}", file=sys.stderr)
        print(f"{row.name} … {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        given.json.write_text(json.dumps({**about, "rows": [each.as_json() for each in results]}, indent=1) + "\n")
    names = [peer.name for peer in peers if any(peer.name in row.seconds for row in results)]
    print(render(results, names))
    for peer in ("torch.compile", "torch", "jax"):
        if (mean := geometric(results, peer)) is not None:
            print(f"geometric mean of our time ÷ {peer}: {mean:.2f}")
    counts = td.cuda.stats()
    print(f"steps on the host: {counts['host_steps']}, graphs refused: {counts['graph_refusals']}")
    if left_out:
        print(f"left out, no time: {', '.join(left_out)}")
    print(f"{time.monotonic() - start:.0f} s, all of it in {given.json}")
    return 1 if any(name in row.missing for row in results for name in OWN) else 0


if __name__ == "__main__":
    sys.exit(main())
