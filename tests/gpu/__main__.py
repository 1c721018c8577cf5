"""Check Tandem on an NVIDIA GPU against the CPU: `./dev test --gpu [--quick] [--only SECTION,...] [--json FILE]`.

Sections run in processes of their own, several at a time: a kernel that ruins its context ruins one of them, and a time
limit ends one of them. What each check found is written at once, so nothing is lost with its process. Needs NumPy, the
driver and NVRTC; what needs a further library (cuBLASLt, PyTorch) says so when that is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import sections  # noqa: E402
from report import Report  # noqa: E402

NO_GPU = 2  # exit status


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev test --gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one dtype and one sample of each operation")
    parser.add_argument("--only", default="", help=f"comma-separated, of {', '.join(sections.ALL)}")
    parser.add_argument("--match", default="", help="only operations whose name contains this")
    parser.add_argument("--seconds", type=float, default=420, help="sections that take longer are ended")
    parser.add_argument("--processes", type=int, default=max(1, min(8, (os.cpu_count() or 2) // 2)))
    parser.add_argument("--json", type=Path, default=Path("build/gpu-test.json"), help="where results go")
    parser.add_argument("--stub", action="store_true", help="on the stub of a driver, which ./dev sets up")
    parser.add_argument("--section", help=argparse.SUPPRESS)  # what a process started below does
    parser.add_argument("--share", default="0/1", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.chosen = given.only.split(",") if given.only else list(sections.ALL)
    unknown = sorted(set(given.chosen) - set(sections.ALL))
    if unknown:
        parser.error(f"--only: got '{unknown[0]}'; need one of {', '.join(sections.ALL)}")
    return given


class Job:
    def __init__(self, name: str, share: str, given: argparse.Namespace, folder: Path) -> None:
        self.name, self.share = name, share
        stem = f"{name}-{share.replace('/', '-')}"
        self.rows, self.log = folder / f"{stem}.jsonl", folder / f"{stem}.log"
        command = [sys.executable, str(HERE), "--section", name, "--share", share, "--into", str(self.rows)]
        command += ["--quick"] * given.quick + ["--match", given.match] * bool(given.match)
        self.command, self.process, self.start, self.end = command, None, 0.0, ""

    def begin(self) -> None:
        self.start = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT)

    def over(self, limit: float) -> bool:
        status = self.process.poll()
        if status is None and time.monotonic() - self.start < limit:
            return False
        if status is None:
            self.process.kill()
            self.process.wait()
            self.end = f"ended after {limit:.0f} s"
        elif status != 0:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-3:]
            self.end = f"ended with status {status}: {' | '.join(tail)}"
        return True

    def results(self) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.rows.read_text().splitlines()] if self.rows.exists() else []
        if self.end:
            rows.append({"section": self.name, "name": f"share {self.share}", "ok": False, "detail": self.end})
        return rows


def run_jobs(given: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    waiting = []
    for name in given.chosen:
        count = given.processes if name in sections.SHARED else 1
        waiting += [Job(name, f"{k}/{count}", given, folder) for k in range(count)]
    running: list[Job] = []
    rows: list[dict[str, Any]] = []
    begin = time.monotonic()
    while waiting or running:
        while waiting and len(running) < given.processes:
            running.append(waiting.pop(0))
            running[-1].begin()
        time.sleep(0.05)
        left = given.seconds - (time.monotonic() - begin)
        for job in list(running):
            if job.over(given.seconds if left > 0 else 0):
                running.remove(job)
                rows += job.results()
        if left <= 0:
            for job in waiting:
                rows.append({"section": job.name, "name": f"share {job.share}", "ok": False, "detail": "no time left"})
            waiting.clear()
    return rows


def summary(rows: list[dict[str, Any]], chosen: list[str]) -> str:
    lines = [f"{'section':<12} {'passed':>7} {'failed':>7}  {'same bits':>9} {'close':>6} {'on the host':>11}"]
    for name in chosen:
        own = [row for row in rows if row["section"] == name]
        how = [row.get("how", "") for row in own if row["ok"]]
        failed = sum(not row["ok"] for row in own)
        host = sum(row.get("host_steps", 0) > 0 for row in own)
        counts = f"{len(own) - failed:>7} {failed:>7}  {how.count('bits'):>9} {how.count('close'):>6} {host:>11}"
        lines.append(f"{name:<12} {counts}")
    on_host = {row["name"].split(" ")[0] for row in rows if row.get("host_steps") and row["section"] == "operations"}
    if on_host:
        lines.append(f"operations with steps on the host: {' '.join(sorted(on_host))}")
    return "\n".join(lines)


def main() -> int:
    given = options()
    import tandem as td

    if given.section:
        share, shares = map(int, given.share.split("/"))
        with given.into.open("w") as out:
            report = Report(given.section, out, share, shares, given.quick, given.match)
            sections.ALL[given.section](report)
        return 0
    if not td.cuda.is_available():
        print(f"no GPU to test on: {td.cuda.problem()}", file=sys.stderr)
        return NO_GPU
    start = time.monotonic()
    about = sections.about()
    print(about["text"], flush=True)
    with tempfile.TemporaryDirectory(prefix="tandem-gpu-") as folder:
        rows = run_jobs(given, Path(folder))
    failures = [row for row in rows if not row["ok"]]
    for row in failures[:60]:
        print(f"FAILED {row['section']}: {row['name']}: {row.get('detail', '')[:400]}")
    if len(failures) > 60:
        print(f"... and {len(failures) - 60} more, in {given.json}")
    print(summary(rows, given.chosen))
    seconds = time.monotonic() - start
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({**about, "seconds": seconds, "rows": rows}, indent=1) + "\n")
    print(f"{seconds:.0f} s, all of it in {given.json}")
    print(f"{len(rows) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
