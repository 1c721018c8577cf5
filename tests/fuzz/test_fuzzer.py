"""The fuzzer itself: it is deterministic, it finds a bug that is planted, and it makes the program short."""

from __future__ import annotations

import ast

import pytest

import tandem as td
from fuzz.campaign import find
from fuzz.expressions import operations
from fuzz.modes import Modes
from fuzz.program import Program, difference, run_eager
from ops import samples


def statements(source: str) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(source)))


def test_same_seed_same_program(modes: Modes) -> None:
    assert modes.generate(7) == modes.generate(7)
    assert modes.generate(7) != modes.generate(8)


def test_draws_the_whole_table(modes: Modes) -> None:
    """Every public row appears in some program."""
    assert {row["name"] for row in operations()[0]} == set(samples.table())
    text, seed, missing = "", 0, set(samples.table()) - {"imag"}  # complex numbers are rare
    while missing and seed < 12000:
        text = modes.generate(seed).source
        missing = {name for name in missing if f"td.{name}(" not in text and f".{name}(" not in text}
        seed += 1
    assert not missing


def test_programs_have_what_makes_capture_hard(modes: Modes) -> None:
    source = "\n".join(modes.generate(seed).source for seed in range(150))
    kinds = {type(node) for node in ast.walk(ast.parse(source))}
    wanted = {ast.If, ast.While, ast.For, ast.Break, ast.Continue, ast.AugAssign, ast.IfExp, ast.BoolOp, ast.Slice}
    assert wanted <= kinds, wanted - kinds
    texts = [
        "elif",
        "helper(",
        "astype(td.bfloat16)",
        "::-1]",
        "[...]",
        "keepdims=True",
        "enumerate(",
        ".append(",
        "* 12)",
    ]
    for text in texts:
        assert text in source, text


PLANTED = {
    # What a captured call of the operation returns instead.
    "wrong value": ("tanh", lambda right: lambda x: right(x) * 1.0000002),
    "wrong dtype": ("abs", lambda right: lambda x: right(x).astype(td.float64)),
    "wrong shape": ("square", lambda right: lambda x: right(x)[None]),
    "an error": ("exp", lambda right: lambda x: right(x).reshape(12345)),
}


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("name", PLANTED)
def test_finds_and_shrinks_a_planted_bug(modes: Modes, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    operation, plant = PLANTED[name]
    right = getattr(td, operation)
    wrong = plant(right)
    monkeypatch.setattr(td, operation, lambda x: wrong(x) if td._core.recording() else right(x))
    for seed in range(1000):
        source = modes.generate(seed).source
        # Functions of numbers are captured in eager code, too, which is then what is wrong.
        if f"td.{operation}(" not in source or "td.vectorize" in source:
            continue
        finding, _ = find(modes, seed)
        if finding is not None:
            break
    assert finding is not None
    assert finding.failure.mode == "scripted"
    assert f"td.{operation}(" in finding.program.source
    assert statements(finding.program.source) <= 6, finding
    assert len(finding.program.calls) == 1
    scope: dict[str, object] = {}
    exec(f"from fuzz.modes import Modes\n{finding.program.test('test_pasted')}", scope)
    with pytest.raises(AssertionError, match="scripted differs from eager"):
        scope["test_pasted"](modes)  # type: ignore[operator]


def test_a_lost_write_is_a_difference() -> None:
    program = Program("def program(x):\n    x[0] = 1\n    return 2\n", ["(td.zeros((2,)),)"])
    (before,) = run_eager(program)
    after = {**before, "arguments": ["list", ["float32", [2], "[0.0, 0.0]"]]}
    assert difference(before, after) == "arguments"


@pytest.mark.parametrize(("one", "other", "kind"), [("-0.0", "0.0", "result"), ("td.nan", "-td.nan", None)])
def test_bits_are_compared_and_all_nans_are_one(one: str, other: str, kind: str | None) -> None:
    source = "def program(x):\n    return x\n"
    (a,), (b,) = (run_eager(Program(source, [f"(td.asarray([{value}]),)"])) for value in (one, other))
    assert difference(a, b) == kind


def test_a_crash_is_a_difference(modes: Modes) -> None:
    """A process that ends while it runs a program is reported, and the next program gets a new one."""
    program = Program("import os\ndef program(x):\n    os.kill(os.getpid(), 9)\n", ["(td.ones((1,)),)"])
    (outcome,) = modes.run("interpreter", program)
    assert outcome["error"] == "exit status -9"
    modes.check("def program(x):\n    return x + 1\n", "(td.ones((1,)),)")
