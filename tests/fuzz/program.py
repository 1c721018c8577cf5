"""A program under test, the ways to run it, and what a run can be compared by."""

from __future__ import annotations

import hashlib
import itertools
import linecache
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tandem as td

# Why capture may refuse a random program that runs eagerly. Anything else is a mismatch.
REFUSALS = {
    "no single value": r"got no single value, because",
    "types differ in branches": r"^if: got .* in one branch and .* in the other",
    "type changes in a loop": r"need one dtype, shape and structure in every iteration",
    "bound and written in a loop": r"need either writes in place or assignments",
    "error in a branch or loop": r"an exception in the body of the .*, which may not run at all",
    "arguments share memory": r"need arguments that do not share memory with one that is written to",
}

Outcome = dict[str, Any]
_numbers = itertools.count()


@dataclass
class Program:
    """Source that defines `program`, and calls of it: each the text of a tuple of arguments."""

    source: str
    calls: list[str]
    options: str = ""  # of td.script
    features: set[str] = field(default_factory=set, compare=False)

    def text(self) -> str:
        """A short Python program that a person can run."""
        annotation = f"td.script({self.options})" if self.options else "td.script"
        lines = ["import tandem as td", "", "", self.source.rstrip(), "", "", f"scripted = {annotation}(program)"]
        lines = [line.replace("td.script()(", "td.script(") for line in lines]
        for call in self.calls:
            lines += [f"print(program(*{call}))", f"print(scripted(*{call}))"]
        return "\n".join(lines)

    def test(self, name: str = "test_name") -> str:
        """The program as a test to paste into test_regressions.py."""
        options = f", options={self.options!r}" if self.options else ""
        source = self.source.strip("\n")
        calls = ", ".join(repr(call) for call in self.calls)
        return f'def {name}(modes: Modes) -> None:\n    modes.check(\n        """\n{source}\n""",\n        {calls}{options},\n    )'


def define(program: Program) -> Callable[..., Any]:
    """Execute the source; the capture finds its lines as it finds those of a file."""
    filename = f"<fuzz {next(_numbers)}>"
    linecache.cache[filename] = (len(program.source), None, program.source.splitlines(True), filename)
    scope: dict[str, Any] = {"td": td, "__name__": "fuzzed"}
    exec(compile(program.source, filename, "exec"), scope)
    return scope["program"]


def _elements(x: td.Tensor) -> frozenset[int]:
    """The addresses of all elements: two tensors share memory if they have one in common."""
    addresses = [x._pointer]
    for size, stride in zip(x.shape, x.strides, strict=True):
        addresses = [address + k * stride for address in addresses for k in range(size)]
    return frozenset(addresses)


def _canonical(value: Any, tensors: list[td.Tensor]) -> Any:
    """A value as nested lists that are equal when the bits are; all NaNs are one."""
    if isinstance(value, td.Tensor):
        tensors.append(value)
        # float32 holds every bfloat16, which NumPy lacks.
        array = np.array(value.astype(td.float32) if value.dtype == td.bfloat16 else value)
        if array.dtype.kind == "f":
            array[np.isnan(array)] = np.nan
        text = repr(array.tolist()) if array.size <= 64 else hashlib.sha256(array.tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), text]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *(_canonical(item, tensors) for item in value)]
    if isinstance(value, dict):
        return ["dict", *([key, _canonical(item, tensors)] for key, item in value.items())]
    return [type(value).__name__, repr(value)]


def run(function: Callable[..., Any], call: str) -> Outcome:
    """Call with fresh arguments: the results, the arguments afterwards, who shares memory; or the error."""
    arguments = eval(call, {"td": td})
    try:
        result = function(*arguments)
    except Exception as error:
        # The classes that users catch: a Tandem error and the built-in one it derives from.
        return {"error": type(error).__name__, "message": str(error)}
    tensors: list[td.Tensor] = []
    outcome = {"result": _canonical(result, tensors), "arguments": _canonical(list(arguments), tensors)}
    small = [(k, _elements(x)) for k, x in enumerate(tensors) if x.size <= 512]
    shared = [[j, k] for (j, a), (k, b) in itertools.combinations(small, 2) if a & b]
    return {**outcome, "shared": shared}


def run_eager(program: Program) -> list[Outcome]:
    function = define(program)
    return [run(function, call) for call in program.calls]


def _script(program: Program) -> Callable[..., Any]:
    options = eval(f"dict({program.options})", {"td": td})
    return td.script(**options)(define(program)) if options else td.script(define(program))


def run_scripted(program: Program) -> list[Outcome]:
    """One compiled function for all calls, so that later sizes meet what earlier ones left behind."""
    function = _script(program)
    return [run(function, call) for call in program.calls]


def run_disabled(program: Program) -> list[Outcome]:
    """As scripted, but nothing is compiled: by `td.disabled()`, or TANDEM_DISABLE in the environment of a worker."""
    function = _script(program)
    with td.disabled():
        return [run(function, call) for call in program.calls]


RUNNERS: dict[str, Callable[[Program], list[Outcome]]] = {
    "eager": run_eager,
    "scripted": run_scripted,
    "disabled": run_disabled,
}


def refusal(outcome: Outcome) -> str | None:
    """The name of the reason for which capture may refuse a program, if it did for one of them."""
    if outcome.get("error") != "CaptureError":
        return None
    for name, pattern in REFUSALS.items():
        if re.search(pattern, outcome["message"], re.MULTILINE):
            return name
    return None


def difference(expected: Outcome, got: Outcome) -> str | None:
    """What differs between two runs: a short stable kind, or None."""
    if refusal(got) is not None:
        return None
    if "error" in expected or "error" in got:
        one, other = expected.get("error", "no error"), got.get("error", "no error")
        return None if one == other else f"{one} / {other}"
    for part in ("result", "arguments", "shared"):
        if expected[part] != got[part]:
            return part
    return None
