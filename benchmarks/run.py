"""Measure Tandem side by side with its peers, in one process and in turns (`./dev bench [--peers] [options]`)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from peers import PEERS, Tandem, TandemEager, available, limit_threads

STARTUP = ["compile_cold", "compile_disk", "import", "first_result_cold", "first_result_disk"]


def main() -> int:
    from cases import CASES
    from table import OWN, Row, render

    names = [case.name for case in CASES] + STARTUP
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: a rough idea")
    parser.add_argument("--only", default="", help=f"comma-separated cases, of {', '.join(names)}")
    parser.add_argument("--against", default=",".join(PEERS), help="comma-separated peers; those not installed are left out")
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

    def add(row: Row) -> None:
        rows.append(row)
        print(f"{row.name} …", file=sys.stderr, flush=True)

    for case in CASES:
        if case.name in chosen:
            seconds = run_case(case, [*contenders, *peers], rounds)
            own = "eager" if case.eager else "tandem"
            add(Row(case.name, case.what, seconds, case.ratio, case.seconds, own))
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as name:
        for row in startup_rows(chosen, ["tandem", *(peer.name for peer in peers)], rounds, Path(name)):
            add(row)

    columns = [name for name in (*OWN, *PEERS) if any(name in row.seconds for row in rows)]
    print(render(rows, columns))
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    print(f"\n{cores} cores, 2 threads each, float32, medians of {rounds} rounds, load average {load:.1f}")
    options.json.write_text(json.dumps({"load": load, "rounds": rounds, "rows": [row.as_json() for row in rows]}, indent=1))
    return 0


def startup_rows(chosen: list[str], names: list[str], rounds: int, folder: Path):
    import startup
    from table import Row

    compiling = [name for name in names if name in startup.COMPILE]
    if "compile_cold" in chosen:
        seconds = startup.compile_times(compiling, folder, disk=False)
        yield Row("compile_cold", "first call of chain64K", seconds, goal_seconds=8e-3)
    if "compile_disk" in chosen:
        seconds = startup.compile_times(["tandem"], folder, disk=True)
        yield Row("compile_disk", "first call of chain64K, compiled by an earlier process", seconds, goal_seconds=2e-3)
    if "import" in chosen:
        seconds = startup.import_time(rounds, folder)
        yield Row("import", "import tandem, on top of NumPy", seconds, goal_seconds=60e-3)
    few = max(3, rounds // 4)
    if "first_result_cold" in chosen:
        seconds = startup.first_results(names, few, folder, disk=False)
        yield Row("first_result_cold", "process start to the first result", seconds, goal_seconds=0.35)
    if "first_result_disk" in chosen:
        seconds = startup.first_results(["tandem"], few, folder, disk=True)
        yield Row("first_result_disk", "the same, compiled by an earlier process", seconds)


if __name__ == "__main__":
    sys.exit(main())
