"""Measure Tandem side by side with its peers, in one process and in turns (`./dev bench [--peers] [options]`)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memory
import startup
from peers import PEERS, Tandem, TandemEager, TandemFast, available, limit_threads
from startup import Samples

Startup = tuple[str, str, Samples, float | None]
STARTUP = ["compile_cold", "compile_disk", "import", "first_result_cold", "first_result_disk"]
RUNTIMES = ["ort", "openvino"]  # take part in networks only
HERE = Path(__file__).parent
BASELINE = HERE / "baseline.json"


def options_of(names: list[str]) -> argparse.Namespace:
    known = [*PEERS, *RUNTIMES]
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: a rough idea")
    parser.add_argument("--only", default="", help=f"comma-separated cases, of {', '.join(names)}")
    parser.add_argument(
        "--against", default=",".join(known), help="comma-separated peers; those not installed are left out"
    )
    parser.add_argument(
        "--best", action="store_true", help="show the fastest sample, not the median: for busy machines"
    )
    parser.add_argument("--json", type=Path, default=HERE / "results.json", help="where results go")
    parser.add_argument("--plot", type=Path, help="a picture (.svg, .png) of the ratios to the best peer")
    parser.add_argument(
        "--check",
        type=Path,
        nargs="?",
        const=BASELINE,
        help="compare ratios with those of an earlier run, baseline.json by default; exit with 1 if some have grown",
    )
    options = parser.parse_args()
    options.chosen = options.only.split(",") if options.only else names
    options.wanted = [name for name in options.against.split(",") if name]
    for given, allowed in ((options.chosen, names), (options.wanted, known)):
        unknown = sorted(set(given) - set(allowed))
        if unknown:
            parser.error(f"got '{unknown[0]}'; need one of {', '.join(allowed)}")
    if options.check and not options.check.exists():
        parser.error(f"--check: there is no {options.check}; --json writes one")
    return options


def main() -> int:
    import networks
    from cases import CASES
    from loops import LOOPS
    from table import OWN, Row, regressions, render, render_first, set_limits

    cases = [*CASES, *LOOPS]
    options = options_of([*(case.name for case in cases), *networks.NAMES, *STARTUP, "memory"])
    rounds = 5 if options.quick else 21

    limit_threads()
    cache = tempfile.TemporaryDirectory(prefix="tandem-bench-cache-")
    os.environ["TANDEM_CACHE_DIR"] = cache.name  # first calls compile
    from measure import run_case

    contenders = [Tandem(), TandemFast(), TandemEager()]
    peers, reasons = available([name for name in options.wanted if name in PEERS])
    for reason in reasons:
        print(f"left out: {reason}", file=sys.stderr)
    present = [peer.name for peer in peers] + [name for name in options.wanted if name in RUNTIMES]
    rows: list[Row] = []
    results: list[dict[str, Any]] = []
    fastest: dict[str, dict[str, float]] = {}

    def add(name: str, what: str, samples: Samples, **more: Any) -> None:
        fastest[name] = {contender: values[0] for contender, values in samples.items()}
        medians = {contender: values[len(values) // 2] for contender, values in samples.items()}
        rows.append(Row(name, what, medians, **more))
        print(f"{name} …", file=sys.stderr, flush=True)

    for case in cases:
        if case.name in options.chosen:
            samples, first = run_case(case, [*contenders, *peers], rounds)
            own = "eager" if case.eager else "tandem"
            goals = {"goal_ratio": case.ratio, "goal_seconds": case.seconds}
            add(case.name, case.what, samples, **goals, measured=own, first=first, moves=case.moves, flops=case.flops)
    chosen = [name for name in options.chosen if name in networks.NAMES]
    for name, found in networks.measured(chosen, present, rounds):
        add(name, networks.ABOUT[name], found.samples, goal_ratio=networks.GOALS.get(name), first=found.first)
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        starting = startups(options.chosen, ["tandem", *(p.name for p in peers)], rounds, Path(folder))
        for name, what, samples, goal in starting:
            add(name, what, samples, goal_seconds=goal)

    kept = None
    if "memory" in options.chosen:
        kept = memory.measure(100 if options.quick else memory.COMPILATIONS)
    bandwidth, arithmetic = set_limits(rows)
    results = [{**row.as_json(), "fastest": fastest[row.name]} for row in rows]
    if options.best:
        rows = [Row(**{**vars(row), "seconds": fastest[row.name]}) for row in rows]
    columns = [name for name in (*OWN, *PEERS, *RUNTIMES) if any(name in row.seconds for row in rows)]
    print(render(rows, columns))
    if any(row.first for row in rows):
        print(f"\n{render_first(rows, columns)}")
    if kept is not None:
        print(f"\nmemory: {kept.text()}")
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    shown = "fastest" if options.best else "medians"
    print(f"\n{cores} cores, 2 threads each, float32, {shown} of {rounds} rounds, load average {load:.1f}")
    print(f"limits: the fastest contender moved {bandwidth / 1e9:.0f} GB/s and did {arithmetic / 1e9:.0f} GFLOP/s")
    about = {"load": load, "rounds": rounds, "memory": kept and kept.as_json()}
    options.json.write_text(json.dumps({**about, "rows": results}, indent=1) + "\n")
    if options.plot:
        from picture import draw

        draw(rows, options.plot)
    if options.check:
        slower = regressions(rows, json.loads(options.check.read_text())["rows"])
        print("\n".join(["\nslower than before:", *slower]) if slower else "\nno row is slower than before")
        return 1 if slower else 0
    return 0


def startups(chosen: list[str], names: list[str], rounds: int, folder: Path) -> Iterator[Startup]:
    compiling, few = [name for name in names if name in startup.COMPILE], max(3, rounds // 4)
    starting = [name for name in names if name in startup.FIRST]
    cold, disk = "process start to the first result", "the same, compiled by an earlier process"
    if "compile_cold" in chosen:
        yield "compile_cold", "first call of chain64K", startup.compile_times(compiling, folder, disk=False), 8e-3
    if "compile_disk" in chosen:
        yield "compile_disk", disk, startup.compile_times(["tandem"], folder, disk=True), 2e-3
    if "import" in chosen:
        yield "import", "import tandem, on top of NumPy", startup.import_time(rounds, folder), 60e-3
    if "first_result_cold" in chosen:
        yield "first_result_cold", cold, startup.first_results(starting, few, folder, disk=False), 0.2
    if "first_result_disk" in chosen:
        yield "first_result_disk", disk, startup.first_results(["tandem"], few, folder, disk=True), 0.15


if __name__ == "__main__":
    sys.exit(main())
