"""A program under test, the ways to run it, and what a run can be compared by."""

from __future__ import annotations

import ast
import hashlib
import itertools
import linecache
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tandem as td

# Why capture may refuse a random program that runs eagerly. Anything else is a mismatch.
REFUSALS = {
    "no single value": r"got no single value, because",
    "types differ in branches": r"^if: got .* in one branch and .* in the other",
    "type changes in a loop": r"need one dtype, shape and structure in every iteration",
    "bound and written in a loop": r"need either writes in place or assignments",
    "one tensor on some paths": r"on some paths only",
    "exception in a body that may not run": r"got an exception in the body of the",
    "read-only on some paths": r"is a read-only argument on some paths",
    "elements several times": r"got a view that has some elements several times",
    "no scalar function": r"^vectorize: got",
}

JUMPS = (ast.Return, ast.Break, ast.Continue)
SHAPE_ERRORS = ("ShapeError", "DTypeError", "ArgumentError", "OutOfBoundsError", "NumberRangeError")

# Bugs that are known: each has a test in test_regressions.py that is expected to fail. When it passes, its line goes.
OPEN: dict[str, str] = {}

Outcome = dict[str, Any]
_numbers = itertools.count()


def addresses(x: td.Tensor) -> frozenset[int]:
    """The addresses of all elements: two tensors share memory if they have one in common."""
    found = [x._pointer]
    for size, stride in zip(x.shape, x.strides, strict=True):
        found = [address + k * stride for address in found for k in range(size)]
    return frozenset(found)


@dataclass
class Program:
    """Source that defines `program`, and calls of it: each the text of a tuple of arguments."""

    source: str
    calls: list[str]
    options: str = ""  # of td.script

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
        lines = [
            f"def {name}(modes: Modes) -> None:",
            "    modes.check(",
            '        """',
            source,
            '""",',
            f"        {calls}{options},",
        ]
        return "\n".join([*lines, "    )"])


def define(program: Program, name: str = "program") -> Callable[..., Any]:
    """Execute the source; the capture finds its lines as it finds those of a file."""
    filename = f"<fuzz {next(_numbers)}>"
    linecache.cache[filename] = (len(program.source), None, program.source.splitlines(True), filename)
    scope: dict[str, Any] = {"td": td, "__name__": "fuzzed"}
    exec(compile(program.source, filename, "exec"), scope)
    return scope[name]


def _canonical(value: Any, tensors: list[td.Tensor]) -> Any:
    """A value as nested lists that are equal when the bits are; all NaNs are one."""
    if isinstance(value, td.Tensor):
        tensors.append(value)
        # float32 holds every bfloat16, which NumPy lacks.
        array = np.array(value.astype(td.float32) if value.dtype == td.bfloat16 else value)
        for part in {"f": [array], "c": [array.real, array.imag]}.get(array.dtype.kind, []):
            part[np.isnan(part)] = np.nan
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
        line = getattr(error, "lineno", 0)
        return {
            "error": type(error).__name__,
            "message": str(error),
            "line": line,
            "tandem": isinstance(error, td.Error),
        }
    tensors: list[td.Tensor] = []
    try:
        outcome = {"result": _canonical(result, tensors), "arguments": _canonical(list(arguments), tensors)}
    except ValueError as error:  # a tensor that is none, of a negative size
        return {"error": "unreadable", "message": str(error)}
    small = [(k, addresses(x)) for k, x in enumerate(tensors) if x.size <= 512]
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
    outcomes = [run(function, call) for call in program.calls]
    # Who shares memory with whom depends on the path taken, if there are paths; a compiled program has one answer.
    texts = [record.specialization.executable.ir("captured") for record in function.records]
    paths = any(re.search(r"= (if|while)\b", text) for text in texts)
    conditional = conditional_lines(program.source)
    for outcome in outcomes:
        outcome["paths"] = paths
        outcome["conditional"] = outcome.get("line") in conditional
    return outcomes


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


def conditional_lines(source: str) -> frozenset[int]:
    """The lines that may not run: bodies of `if` and loops, operands after the first, helpers that are called there."""
    tree = ast.parse(source)
    lines: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, (ast.If, ast.For, ast.While)):
            parts = [*node.body, *node.orelse]
        elif isinstance(node, (ast.BoolOp, ast.IfExp)) or (isinstance(node, ast.Compare) and len(node.ops) > 1):
            parts = [node]
        elif isinstance(node, ast.FunctionDef) and node.name != "program":
            parts = [*node.body]
        for block in (getattr(node, "body", []), getattr(node, "orelse", [])):
            # What follows an early return, a break or a continue.
            left = (
                [any(isinstance(inner, JUMPS) for inner in ast.walk(part)) for part in block]
                if isinstance(block, list)
                else []
            )
            parts += block[left.index(True) + 1 :] if True in left else []
        for part in parts:
            lines.update(range(part.lineno, (part.end_lineno or part.lineno) + 1))  # type: ignore[attr-defined]
    return frozenset(lines)


def refusal(outcome: Outcome) -> str | None:
    """The name of the reason for which capture may refuse a program, if it did for one of them."""
    shapes = outcome.get("error") in SHAPE_ERRORS or "need a single truth value" in outcome.get("message", "")
    dtypes = outcome.get("error") == "DTypeError" and not outcome["message"].startswith("assignment")
    if (shapes or dtypes) and outcome.get("conditional"):
        # Both branches are captured: a shape or number that only the one not taken gets wrong is an error all the same.
        return "error where eager did not go"
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
        # Capture looks at the shapes of all lines before a value is read at run time.
        if one == other or (one == "OutOfBoundsError" and got.get("tandem")):
            return None
        detail = f": {got['message'][:24]}" if other == "CaptureError" else ""
        return f"{one} / {other}{detail}"
    for part in ("result", "arguments"):
        if expected[part] != got[part]:
            return part
    if any(pair not in expected["shared"] for pair in got["shared"]):
        return "shared on paths" if got.get("paths") else "shared"
    return "shared" if expected["shared"] != got["shared"] and not got.get("paths") else None


def known(kind: str, got: Outcome) -> str | None:
    """The test of the known bug that a difference comes from."""
    text = f"{kind}\n{got.get('message', '')}"
    return next((name for name, pattern in OPEN.items() if re.search(pattern, text, re.DOTALL)), None)
