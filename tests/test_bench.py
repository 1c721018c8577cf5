"""The benchmarks measure the same thing everywhere and judge it rightly; how long things take is not tested here."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, SANITIZED

FOLDER = ROOT / "benchmarks"
sys.path.insert(0, str(FOLDER))

from cases import CASES  # noqa: E402
from loops import LOOPS  # noqa: E402
from measure import run_case, timed  # noqa: E402
from peers import NumPy, Tandem, TandemEager, TandemFast, leaves  # noqa: E402
from picture import draw  # noqa: E402
from table import Row, duration, regressions, render, render_first, set_limits  # noqa: E402


@pytest.mark.parametrize("case", [*CASES, *LOOPS], ids=lambda case: case.name)
def test_every_contender_computes_the_same(case):
    arrays = case.inputs(shrink=64)
    reference = NumPy()
    results = {}
    for peer in (Tandem(), TandemFast(), TandemEager(), reference):
        if peer.accepts(case):
            value = peer.function(case)(*(peer.put(array) for array in arrays))
            results[peer.name] = [peer.get(leaf) for leaf in leaves(value)]
    if {"tandem", "eager"} <= set(results):
        for one, other in zip(results["tandem"], results["eager"], strict=True):
            assert one.tobytes() == other.tobytes()
    for name in set(results) & {"tandem", "fast", "eager"}:
        for got, expected in zip(results[name], results.get("numpy", results[name]), strict=True):
            assert got.dtype == np.float32
            case.check(got, expected, name)


def test_inputs_are_the_same_every_time():
    case = next(case for case in CASES if case.name == "black_scholes")
    first, second = case.inputs(shrink=1000), case.inputs(shrink=1000)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(array.min() >= 0.5 for array in first)  # logarithms and roots are taken of them


def test_samples_are_sorted_and_all_there():
    case = next(case for case in CASES if case.name == "eager_add8")
    samples, first = run_case(case, [TandemEager(), NumPy()], rounds=3)
    assert set(first) == set(samples) and min(first.values()) > 0
    assert set(samples) == {"eager", "numpy"}
    assert all(len(values) == 3 and values == sorted(values) and values[0] > 0 for values in samples.values())


def test_a_wrong_result_stops_the_measurement():
    class Wrong(NumPy):
        name = "wrong"

        def get(self, value):
            return np.asarray(value) + 1

    case = next(case for case in CASES if case.name == "chain64K")
    with pytest.raises(AssertionError, match="wrong"):
        run_case(case, [NumPy(), Wrong()], rounds=1)


def test_repeated_calls_are_averaged():
    calls = []
    timed(lambda: calls.append(0), 7)
    assert len(calls) == 7


def test_goals_are_judged_against_the_best_peer():
    seconds = {"tandem": 1.2, "eager": 0.1, "numpy": 9.0, "jax": 1.0}
    assert Row("a", "", seconds, goal_ratio=1.3).met is True
    assert Row("a", "", seconds, goal_ratio=1.1).met is False
    assert Row("a", "", seconds, goal_ratio=1.1, measured="eager").met is True
    assert Row("a", "", seconds).met is None
    assert Row("a", "", {"tandem": 1.0}, goal_ratio=1.0).met is None
    assert Row("a", "", {"tandem": 2e-6}, goal_seconds=1.5e-6).met is False
    assert Row("a", "", {**seconds, "fast": 1.05}, goal_ratio=1.1).met is True
    assert Row("a", "", {**seconds, "fast": 0.5}).best_peer == "jax"
    assert Row("a", "", seconds).best_peer == "jax"
    assert Row("a", "", seconds).ratio == pytest.approx(1.2)


def test_table_is_aligned():
    rows = [
        Row("a", "", {"tandem": 1e-3, "numpy": 2e-3}, goal_ratio=1.0),
        Row("longer", "", {"tandem": 1e-6}, goal_seconds=1e-7),
    ]
    lines = render(rows, ["tandem", "numpy"]).splitlines()
    assert lines[0].split() == ["case", "tandem", "numpy", "best", "peer", "ratio", "goal", "met", "×", "limit"]
    assert lines[2].split() == ["a", "1", "ms", "2", "ms", "numpy", "0.50", "×", "≤", "1.00", "×", "yes"]
    assert lines[3].split() == ["longer", "1", "µs", "≤", "100", "ns", "NO"]
    assert lines[0].index("tandem") + len("tandem") == lines[2].index("1 ms") + len("1 ms")


def test_limits_are_what_the_fastest_contender_reached():
    rows = [
        Row("add", "", {"tandem": 2.0, "numpy": 1.0}, moves=10e9),
        Row("sum", "", {"tandem": 4.0}, moves=10e9),
        Row("product", "", {"tandem": 1.0}, moves=1e9, flops=100e9),
        Row("other", "", {"tandem": 1.0}),
    ]
    assert set_limits(rows) == (10e9, 100e9)
    assert [row.limit for row in rows] == [1.0, 1.0, 1.0, None]
    assert render(rows, ["tandem"]).splitlines()[3].split() == ["sum", "4", "s", "4.0"]


def test_regressions_are_ratios_to_the_peers_of_both_runs():
    earlier = [
        Row("same", "", {"tandem": 1.0, "numpy": 2.0, "jax": 0.1}).as_json(),
        Row("slower", "", {"tandem": 1.0, "numpy": 2.0}).as_json(),
        Row("gone", "", {"tandem": 1.0, "numpy": 2.0}).as_json(),
        Row("alone", "", {"tandem": 1.0}).as_json(),
    ]
    now = [
        Row("same", "", {"tandem": 10.0, "numpy": 20.0}),  # another machine, without JAX
        Row("slower", "", {"tandem": 1.2, "numpy": 2.0}),
        Row("alone", "", {"tandem": 9.0}),
        Row("new", "", {"tandem": 9.0, "numpy": 1.0}),
    ]
    assert regressions(now, earlier) == ["slower: 0.60 x the best peer's time, 0.50 x before"]
    assert regressions(now, earlier, allowed=1.3) == []


def test_first_calls_have_a_table_of_their_own(tmp_path):
    rows = [
        Row("a", "", {"tandem": 1.0, "jax": 2.0}, first={"tandem": 5e-3}, goal_ratio=0.6),
        Row("b", "", {"tandem": 1.0}),
    ]
    assert [line.split() for line in render_first(rows, ["tandem", "jax"]).splitlines()[::2]] == [
        ["first", "call", "tandem", "jax"],
        ["a", "5", "ms"],
    ]
    draw(rows, tmp_path / "ratios.svg")
    assert (tmp_path / "ratios.svg").stat().st_size > 5000


@pytest.mark.parametrize(
    "seconds, text", [(2.5, "2.5 s"), (0.1234, "123 ms"), (1.5e-6, "1.5 µs"), (3.46e-7, "346 ns"), (0.0999, "99.9 ms")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def run(*arguments):
    command = [sys.executable, str(FOLDER / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(SANITIZED, reason="measures nothing under a sanitizer")
def test_runs_and_writes_json(tmp_path):
    file = tmp_path / "results.json"
    rows_of = "softmax,compiled_add8,eager_add8,tiny,compile_disk,import,first_result_disk"
    options = ("--quick", "--against", "numpy,ort", "--json", str(file))
    done = run("--only", f"{rows_of},memory", *options, "--plot", str(tmp_path / "ratios.png"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")
    results = json.loads(file.read_text())
    rows = results["rows"]
    assert [row["name"] for row in rows] == rows_of.split(",")
    for row in rows:
        assert f"\n{row['name']} " in done.stdout
        assert row["fastest"].keys() == row["seconds"].keys()
        assert all(0 < row["fastest"][name] <= row["seconds"][name] for name in row["seconds"])
    kept = results["memory"]
    assert "memory: 100 compilations" in done.stdout and len(kept["seconds"]) == 100
    assert kept["kernels"] >= 100 and kept["code"] <= 0
    assert kept["before"] < kept["most"] and kept["left"] == kept["after"] - kept["before"]
    assert "eager" in rows[0]["seconds"] and "tandem" in rows[0]["seconds"] and "numpy" in rows[0]["seconds"]


@pytest.mark.skipif(SANITIZED, reason="measures nothing under a sanitizer")
@pytest.mark.parametrize("factor, code", [(1e3, 0), (1e-3, 1)])
def test_checks_against_an_earlier_run(tmp_path, factor, code):
    file = tmp_path / "baseline.json"
    row = Row("compiled_add8", "", {"tandem": factor, "numpy": 1.0}).as_json()
    file.write_text(json.dumps({"rows": [row]}))
    done = run(
        "--quick", "--only", "compiled_add8", "--against", "numpy", "--check", str(file), "--json", str(tmp_path / "r")
    )
    assert done.returncode == code, done.stderr
    assert ("slower than before:\ncompiled_add8: " in done.stdout) == bool(code)


@pytest.mark.parametrize("option, value", [("--only", "softmax,nothing"), ("--against", "nobody")])
def test_refuses_unknown_names(option, value):
    done = run(option, value)
    assert done.returncode == 2
    assert f"got '{value.split(',')[-1]}'" in done.stderr
