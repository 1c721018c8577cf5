"""Runs a program in every mode and compares: eager, scripted, disabled, and on the kernel interpreter."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from fuzz.generate import generate
from fuzz.program import RUNNERS, Outcome, Program, difference, known, refusal

TESTS = Path(__file__).resolve().parent.parent
# Of the processor: a program that takes longer is in a loop without end, which a shrunk one can be.
SECONDS = 60.0 if os.environ.get("TANDEM_SANITIZED") == "1" else 25.0
WAITING = 180.0  # seconds in all, even on a busy machine: it waits for something that does not come


@contextlib.contextmanager
def limit() -> Iterator[None]:
    """Raise TimeoutError when the block computes, or waits, for too long."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, SECONDS), (signal.ITIMER_REAL, signal.SIGALRM, WAITING))
    before = [signal.signal(number, late) for _, number, _ in timers]
    for timer, _, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (timer, number, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


class Worker:
    """Another Python that runs programs in one mode, because its environment holds for a whole process."""

    def __init__(self, mode: str, environment: dict[str, str]) -> None:
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._mode = mode
        self._environment = {**os.environ, "PYTHONPATH": path, **environment}
        self._process: subprocess.Popen[str] | None = None

    def run(self, program: Program) -> list[Outcome]:
        answer = self._ask({"source": program.source, "calls": program.calls, "options": program.options})
        if "exit" in answer:
            return [{"error": f"exit status {answer['exit']}", "message": "the process ended"} for _ in program.calls]
        return answer["outcomes"]

    def generate(self, seed: int) -> Program:
        answer = self._ask({"seed": seed})
        if "exit" in answer:
            raise RuntimeError(f"the process that writes programs ended with status {answer['exit']} at seed {seed}")
        return Program(**answer)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "fuzz.modes", self._mode]
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        return json.loads(answer) if answer else {"exit": self._process.wait()}

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            self._process.stdout.close()


@dataclass
class Failure:
    """Where a mode and eager differ."""

    mode: str
    kind: str
    call: int
    expected: Outcome
    got: Outcome

    def __str__(self) -> str:
        def shown(outcome: Outcome) -> str:
            if "error" in outcome:
                return f"{outcome['error']}: {outcome['message']}"
            part = self.kind if self.kind in outcome else "result"
            return str(outcome[part])

        lines = [f"{self.mode} differs from eager in call {self.call}: {self.kind}"]
        return "\n".join([*lines, f"  eager: {shown(self.expected)}", f"  {self.mode}: {shown(self.got)}"])


@dataclass
class Verdict:
    failure: Failure | None = None
    known: str | None = None  # the test of a known bug that the program meets
    refused: str | None = None  # why capture refused the program
    errors: list[str] = field(default_factory=list)  # that all modes raised


def guarded(mode: str, program: Program) -> list[Outcome]:
    try:
        with limit():
            return RUNNERS[mode](program)
    except TimeoutError:
        return [{"error": "TimeoutError", "message": ""} for _ in program.calls]


class Modes:
    """The modes, with a process for each that needs one."""

    def __init__(self, isolated: bool = False) -> None:
        """isolated: eager and scripted run in processes of their own, so that a crash ends no run."""
        # The interpreter runs the same graphs, so only what is compiled is compared with it.
        self._workers = {
            "interpreter": Worker("scripted", {"TANDEM_BACKEND": "interp"}),
            "TANDEM_DISABLE": Worker("scripted", {"TANDEM_DISABLE": "1"}),
        }
        self.names = ("scripted", "disabled", *self._workers)
        if isolated:
            self._workers |= {mode: Worker(mode, {}) for mode in ("eager", "scripted")}

    def __enter__(self) -> Modes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for worker in self._workers.values():
            worker.close()

    def run(self, mode: str, program: Program) -> list[Outcome]:
        return self._workers[mode].run(program) if mode in self._workers else guarded(mode, program)

    def generate(self, seed: int) -> Program:
        """The program of a seed, written on the interpreter: trying expressions out compiles nothing there."""
        return self._workers["interpreter"].generate(seed)

    def verdict(self, program: Program, names: tuple[str, ...] = (), strictly: bool = False) -> Verdict:
        """Compare the modes with eager; the first difference ends it, unless it is a known one.

        strictly: known differences count like others.
        """
        expected = self.run("eager", program)
        verdict = Verdict(errors=[outcome["error"] for outcome in expected if "error" in outcome])
        for mode in names or self.names:
            outcomes = self.run(mode, program)
            for k, (one, other) in enumerate(zip(expected, outcomes, strict=True)):
                kind = difference(one, other)
                if kind is not None and not strictly and (bug := known(kind, other)) is not None:
                    verdict.known = bug
                elif kind is not None:
                    verdict.failure = Failure(mode, kind, k, one, other)
                    return verdict
                if verdict.refused is None and "error" not in one:
                    verdict.refused = refusal(other)
        return verdict

    def check(self, source: str, *calls: str, options: str = "") -> None:
        """Fail unless all modes agree and capture refuses nothing."""
        program = Program(source.strip() + "\n", list(calls), options)
        verdict = self.verdict(program, strictly=True)
        assert verdict.failure is None, f"{verdict.failure}\n\n{program.text()}"
        assert verdict.refused is None, f"refused: {verdict.refused}\n\n{program.text()}"


def _serve(mode: str) -> None:
    """A worker: one program in, its outcomes out, a line each."""
    import tandem as td

    td.set_num_threads(1)
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        answer: dict[str, Any]
        if "seed" in request:
            program = generate(request["seed"])
            answer = {"source": program.source, "calls": program.calls, "options": program.options}
        else:
            answer = {"outcomes": guarded(mode, Program(**request))}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
