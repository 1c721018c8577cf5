"""ir, explain, stats, compare, dumps and logs."""

import os
import subprocess
import sys

import numpy as np
import programs
import pytest

import tandem as td

X = np.linspace(-1, 1, 16, dtype=np.float32)


def x():
    return td.asarray(X.copy())


def program(x):
    y = td.exp(x) * 2
    for _ in range(4):
        y = y + x
    return y if y.sum() > 0 else -y


def test_ir_needs_a_capture():
    f = td.script(program)
    with pytest.raises(td.CaptureError, match="before its first call"):
        f.ir()
    f(x())
    for stage in ("captured", "optimized", "kernels", "program"):
        assert f.ir(stage)


def test_explain():
    f = td.script(program)
    assert "0 specialisation" in f.explain()
    f(x())
    text = f.explain()
    assert "1 specialisation" in text and "[16]" in text
    assert "unrolled 4 times: fewer than 8 iterations" in text
    assert "guard: global 'td'" in text and "compiled in" in text


@pytest.mark.parametrize("program", programs.TRACEABLE + programs.SCRIPTED, ids=lambda p: p.__name__)
def test_every_kernel_and_operation_has_lines_of_the_user(program):
    f = td.script(program)
    f(td.asarray(np.linspace(0.25, 3, 6, dtype=np.float32).reshape(2, 3)))
    (item,) = f.explain().report.specializations
    lines = [line for kernel in item.kernels for line in (kernel.lines or [None])]
    lines += [node.line for node in item.graph.walk()]
    assert {line and line[0] for line in lines} <= {programs.__file__}


def test_stats():
    f = td.script(program)
    for _ in range(3):
        f(x())
    counters = f.stats()
    assert set(counters) >= {"captures", "compiles", "cache_hits", "calls", "fallbacks", "guard_failures"}
    assert (counters["captures"], counters["calls"], counters["fallbacks"]) == (1, 3, 0)
    assert counters["guard_failures"] == []
    assert isinstance(td.stats(), dict)


def test_clear():
    f = td.script(program)
    f(x())
    f.clear()
    assert f.specializations == []
    f(x())
    assert len(f.specializations) == 1


def test_compare():
    result = td.compare(program, x())
    assert result.bitwise_equal and result.max_difference == 0
    assert result.eager_seconds > 0 and result.compiled_seconds > 0 and result.compile_seconds > 0
    text = repr(result)
    for word in ("program", "bitwise equal", "max |difference|", "eager", "compiled", "speed-up", "compile"):
        assert word in text


def test_compare_sees_writes_and_differences():
    def writes(x):
        x += 1
        return x.sum()

    assert td.compare(td.script(writes), x()).bitwise_equal

    def changing(x):
        return x + next(numbers)

    numbers = iter(range(10**9))
    result = td.compare(td.trace(changing), x())
    assert not result.bitwise_equal and result.max_difference == pytest.approx(1)


def test_log_of_kernels_and_of_the_cache(tmp_path):
    program = "import tandem as td\nf = td.trace(lambda x: x * 2 + 1)\nf(td.ones((3,)))\n"
    file = tmp_path / "logged.py"
    file.write_text(program)

    def lines(topic):
        environment = {**os.environ, "TANDEM_LOG": topic, "TANDEM_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run([sys.executable, str(file)], env=environment, capture_output=True, text=True, check=True)
        return done.stderr.splitlines()

    (kernel,) = lines("kernels")
    assert kernel.startswith("tandem kernels: <lambda>: multiply_add") and kernel.endswith("from logged.py:2")
    (cache,) = lines("cache")
    assert "0 compiled, 2 from disk" in cache
    assert len(lines("kernels,cache")) == 2


def test_dump_folder(run_python, tmp_path):
    folder = tmp_path / "dump"
    text = """
import numpy as np, tandem as td
@td.script
def model(x):
    return td.exp(x) * 2
model(td.asarray(np.ones(4, dtype=np.float32)))
"""
    run_python(text, TANDEM_DUMP_DIR=str(folder))
    (made,) = folder.iterdir()
    assert made.name == "model.1"
    files = sorted(path.name for path in made.iterdir())
    assert files[0].startswith("00-") and len(files) >= 3
    contents = [path.read_text() for path in sorted(made.iterdir()) if path.suffix == ".txt"]
    assert all(a != b for a, b in zip(contents, contents[1:]))


def test_dump_folder_that_cannot_be_written(run_python, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    text = """
import numpy as np, tandem as td
f = td.script(lambda x: x * 2)
print(np.asarray(f(td.asarray(np.ones(2, dtype=np.float32)))).tolist())
"""
    assert "[2.0, 2.0]" in run_python(text, TANDEM_DUMP_DIR=str(blocked / "below"))


def test_log_topics(capfd, monkeypatch):
    monkeypatch.setenv("TANDEM_LOG", "capture")
    td.script(program)(x())
    err = capfd.readouterr().err
    assert "tandem capture: program: capturing" in err and "fewer than 8 iterations" in err
    monkeypatch.setenv("TANDEM_LOG", "")
    td.script(program)(x())
    assert capfd.readouterr().err == ""
