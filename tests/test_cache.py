"""The kernel cache on disk: a second process compiles nothing, damage is repaired, refusals do no harm."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tandem as td

# Eager operations, a fused chain, reductions, a loop and a library call; prints counters and a digest of the bits.
PROGRAM = """
import hashlib, json
import numpy as np
import tandem as td

@td.script
def chain(x, w):
    y = td.gelu(x @ w) * 0.5 + td.sin(x)[:, :1]
    while y.max() > 1:
        y = y * 0.5
    return td.softmax(y), y.sum(axis=0), td.layer_norm(y)

rng = np.random.default_rng(1)
x = td.asarray(rng.standard_normal((37, 19)).astype(np.float32))
w = td.asarray(rng.standard_normal((19, 19)).astype(np.float32))
digest = hashlib.sha256()
digest.update(np.asarray(td.softmax(td.gelu(x @ w) * 0.5)).tobytes())
if WITHOUT_MATMUL:
    w = td.eye(19)
for result in chain(x, w):
    digest.update(np.asarray(result).tobytes())
for dtype in (td.float16, td.bfloat16, td.float64):
    digest.update(np.asarray(td.tanh(x.astype(dtype)).astype(td.float32).var(axis=1)).tobytes())
digest.update(np.asarray((x * 100).astype(td.int32).cumsum(axis=1)).tobytes())
print(json.dumps({**td.stats(), "digest": digest.hexdigest()}))
"""


@pytest.fixture
def counted(run_python, tmp_path):
    """Run the program with a cache folder of its own; return its counters and digest."""

    def run(folder=tmp_path / "cache", **environment):
        program = PROGRAM.replace("WITHOUT_MATMUL", "True" if environment.pop("plain", False) else "False")
        return json.loads(run_python(program, TANDEM_CACHE_DIR=str(folder), **environment).splitlines()[-1])

    return run


def entries(folder):
    return sorted(p for p in Path(folder).rglob("*") if p.is_file())


def test_second_process_compiles_nothing(counted, tmp_path):
    first, second = counted(), counted()
    assert first["compiled"] > 0 and first["disk_hits"] == 0
    assert second["compiled"] == 0 and second["disk_hits"] > 0
    assert first["digest"] == second["digest"]
    assert first["cache_corrupt"] == second["cache_corrupt"] == first["cache_failures"] == second["cache_failures"] == 0
    assert len(entries(tmp_path / "cache")) > 0
    assert not [p for p in entries(tmp_path / "cache") if "tmp" in p.name], "temporary files left behind"


def flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


DAMAGES = {
    "one bit in the middle": flip,
    "one bit at the end": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "one bit at the start": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "longer": lambda data: data + b"more",
    "other contents": lambda data: b"\x7fELF" + bytes(len(data)),
}


def test_damaged_entries_are_compiled_again(counted, tmp_path):
    first = counted()
    files = entries(tmp_path / "cache")
    assert len(files) >= len(DAMAGES)
    for k, file in enumerate(files):
        file.write_bytes(list(DAMAGES.values())[k % len(DAMAGES)](file.read_bytes()))
    again = counted()
    assert again["digest"] == first["digest"]
    assert again["compiled"] == first["compiled"]
    assert again["cache_corrupt"] >= first["compiled"]
    repaired = counted()
    assert repaired["compiled"] == 0 and repaired["cache_corrupt"] == 0


def test_swapped_entries_are_not_believed(counted, tmp_path):
    """An intact entry under the name of another one is still the wrong kernel."""
    first = counted()
    files = entries(tmp_path / "cache")
    contents = [p.read_bytes() for p in files]
    for file, other in zip(files, contents[1:] + contents[:1]):
        file.write_bytes(other)
    again = counted()
    assert again["digest"] == first["digest"] and again["compiled"] == first["compiled"]


def test_missing_entries_are_compiled_again(counted, tmp_path):
    first = counted()
    for file in entries(tmp_path / "cache")[::2]:
        file.unlink()
    again = counted()
    assert 0 < again["compiled"] < first["compiled"] and again["disk_hits"] > 0
    assert again["digest"] == first["digest"]


def test_unusable_folders_do_no_harm(counted, tmp_path):
    first = counted()
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    for folder in (blocker, blocker / "below", "/dev/null/below"):
        got = counted(folder)
        assert got["digest"] == first["digest"], folder
        assert got["compiled"] == first["compiled"], folder
    assert blocker.read_text() == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_does_no_harm(counted, tmp_path):
    first = counted()
    folder = tmp_path / "read only"
    folder.mkdir(mode=0o500)
    for inside in (folder, folder / "below"):
        got = counted(inside)
        assert got["digest"] == first["digest"] and got["compiled"] == first["compiled"]


def test_unwritable_folder_is_still_read(counted, tmp_path):
    folder = tmp_path / "cache"
    first = counted()
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        got = counted()
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)
    assert got["compiled"] == 0 and got["digest"] == first["digest"]


def test_folder_that_others_may_write_is_refused(counted, tmp_path):
    """Whoever writes into the cache decides what code runs."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    first, second = counted(folder), counted(folder)
    assert first["digest"] == second["digest"]
    assert second["compiled"] == first["compiled"] > 0
    assert entries(folder) == []


def test_empty_variable_turns_the_cache_off(counted):
    first, second = counted(""), counted("")
    assert first["compiled"] == second["compiled"] > 0 and second["disk_hits"] == 0


def test_many_processes_at_once(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("WITHOUT_MATMUL", "False"))
    environment = {**os.environ, "TANDEM_CACHE_DIR": str(tmp_path / "cache")}
    running = [
        subprocess.Popen(
            [sys.executable, str(program)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    outputs = []
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        outputs.append(json.loads(out.splitlines()[-1]))
    assert len({o["digest"] for o in outputs}) == 1
    assert all(o["cache_corrupt"] == 0 and o["cache_failures"] == 0 for o in outputs)
    done = subprocess.run([sys.executable, str(program)], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["compiled"] == 0


def supported_targets():
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    yield "v2"
    if " avx2 " in flags and " fma " in flags:
        yield "v3"
    if " avx512f " in flags and " avx512bw " in flags and " avx512vl " in flags:
        yield "v4"


def test_every_target_gives_the_same_bits(counted):
    """Vector width and instruction set never show in results; the library's matrix product may differ, so no matmul."""
    results = {}
    for target in supported_targets():
        got = counted(TANDEM_TARGET=f"x86-64-{target}", plain=True)
        assert got["compiled"] > 0, f"{target} took kernels of another target from the cache"
        results[target] = got["digest"]
    assert len(set(results.values())) == 1, results
    assert len(results) >= 1


def test_clear_cache():
    x = td.asarray(np.arange(7.0))
    f = td.script(lambda x: td.exp(x) * 7.125 + 0.03125)
    before = np.asarray(f(x))
    td.clear_cache()
    counters = td.stats()
    g = td.script(lambda x: td.exp(x) * 7.125 + 0.03125)
    assert np.array_equal(np.asarray(g(x)), before)
    assert td.stats()["compiled"] == counters["compiled"]  # only memory is forgotten, the disk has it
    assert td.stats()["disk_hits"] == counters["disk_hits"] + 1
    assert np.array_equal(np.asarray(f(x)), before)
