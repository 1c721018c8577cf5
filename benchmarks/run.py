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
from peers import PEERS, Tandem, TandemEager, available, limit_threads
from startup import Samples

Startup = tuple[str, str, Samples, float | None]
STARTUP = ["compile_cold", "compile_disk", "import", "first_result_cold", "first_result_disk"]


def main() -> int:
    from cases import CASES
    from table import OWN, Row, render

    names = [case.name for case in CASES] + [*STARTUP, "memory"]
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: a rough idea")
    parser.add_argument("--only", default="", help=f"comma-separated cases, of {', '.join(names)}")
    parser.add_argument(
        "--against", default=",".join(PEERS), help="comma-separated peers; those not installed are left out"
    )
    parser.add_argument(
        "--best", action="store_true", help="show the fastest sample, not the median: for busy machines"
    )
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("results.json"), help="where results go")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else names
    wanted = [name for name in options.against.split(",") if name]
    for given, known in ((chosen, names), (wanted, list(PEERS))):
        unknown = sorted(set(given) - set(known))
        if unknown:
            parser.error(f"got '{unknown[0]}'; need one of {', '.join(known)}")
    rounds = 5 if options.quick else 21

    limit_threads()
    from measure import run_case

    contenders = [Tandem(), TandemEager()]
    peers, reasons = available(wanted)
    for reason in reasons:
        print(f"left out: {reason}", file=sys.stderr)
    rows: list[Row] = []
    results: list[dict[str, Any]] = []

    def add(name: str, what: str, samples: Samples, **goal: Any) -> None:
        fastest = {contender: values[0] for contender, values in samples.items()}
        medians = {contender: values[len(values) // 2] for contender, values in samples.items()}
        rows.append(Row(name, what, fastest if options.best else medians, **goal))
        results.append({**Row(name, what, medians, **goal).as_json(), "fastest": fastest})
        print(f"{name} …", file=sys.stderr, flush=True)

    for case in CASES:
        if case.name in chosen:
            samples = run_case(case, [*contenders, *peers], rounds)
            own = "eager" if case.eager else "tandem"
            add(case.name, case.what, samples, goal_ratio=case.ratio, goal_seconds=case.seconds, measured=own)
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        for name, what, samples, goal in startups(chosen, ["tandem", *(p.name for p in peers)], rounds, Path(folder)):
            add(name, what, samples, goal_seconds=goal)

    kept = memory.measure(100 if options.quick else memory.COMPILATIONS) if "memory" in chosen else None
    columns = [name for name in (*OWN, *PEERS) if any(name in row.seconds for row in rows)]
    print(render(rows, columns))
    if kept is not None:
        print(f"\nmemory: {kept.text()}")
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    shown = "fastest" if options.best else "medians"
    print(f"\n{cores} cores, 2 threads each, float32, {shown} of {rounds} rounds, load average {load:.1f}")
    about = {"load": load, "rounds": rounds, "memory": kept and kept.as_json()}
    options.json.write_text(json.dumps({**about, "rows": results}, indent=1) + "\n")
    return 0


def startups(chosen: list[str], names: list[str], rounds: int, folder: Path) -> Iterator[Startup]:
    compiling, few = [name for name in names if name in startup.COMPILE], max(3, rounds // 4)
    cold, disk = "process start to the first result", "the same, compiled by an earlier process"
    if "compile_cold" in chosen:
        yield "compile_cold", "first call of chain64K", startup.compile_times(compiling, folder, disk=False), 8e-3
    if "compile_disk" in chosen:
        yield "compile_disk", disk, startup.compile_times(["tandem"], folder, disk=True), 2e-3
    if "import" in chosen:
        yield "import", "import tandem, on top of NumPy", startup.import_time(rounds, folder), 60e-3
    if "first_result_cold" in chosen:
        yield "first_result_cold", cold, startup.first_results(names, few, folder, disk=False), 0.35
    if "first_result_disk" in chosen:
        yield "first_result_disk", disk, startup.first_results(["tandem"], few, folder, disk=True), None


if __name__ == "__main__":
    sys.exit(main())
