"""The demonstration, as a user starts it: it keeps its promises, writes its pictures, shows what it should."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import SANITIZED

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="minutes under a sanitizer, and nothing in it that other tests leave out"),
    pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn"),
    pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="needs pillow"),
]


def start(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tandem.demo", *arguments],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("demo")
    done = start("--quick", "--out", "pictures", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, folder / "pictures"


@pytest.mark.parametrize(
    "promise",
    [
        "float64: scikit-learn's predictions",
        "float64: eager = compiled, bit for bit",
        "float32: eager = compiled, bit for bit",
        "better than before",
        "with td.disabled()",
        "TANDEM_DISABLE=1, another process",
    ],
)
def test_keeps_each_promise(demo, promise):
    lines = [line for line in demo[0].splitlines() if line.strip().startswith(promise)]
    assert len(lines) == 1
    assert re.search(r"\byes\b", lines[0]), lines[0]


def test_says_so_at_the_end(demo):
    assert re.search(r"^every promise kept, in ", demo[0], re.MULTILINE)
    assert "\033" not in demo[0]  # no colours in a file


def test_removes_noise(demo):
    before, after = (float(re.search(rf"PSNR {when} +([\d.]+) dB", demo[0])[1]) for when in ("before", "after"))
    assert 15 < before < 25
    assert after > before + 3
    assert int(re.search(r"loop +(\d+) iterations", demo[0])[1]) > 3


def test_writes_pictures_that_differ(demo):
    from PIL import Image

    before, after = (np.asarray(Image.open(demo[1] / f"flower-{when}.png"), float) for when in ("before", "after"))
    assert before.shape == after.shape == (160, 240, 3)
    roughness = [np.abs(np.diff(picture, axis=1)).mean() for picture in (before, after)]
    assert roughness[1] < 0.5 * roughness[0]
    assert np.abs(before.mean() - after.mean()) < 2  # the same picture, as bright as before


def test_shows_graphs_kernels_and_times(demo):
    assert demo[0].count("graph @classify(") == 2
    found = re.findall(r"(\w+): (\d+) operations, fused into (\d+) kernels", demo[0])
    assert [name for name, _, _ in found] == ["classify", "denoise"]
    assert all(0 < int(kernels) < int(operations) for _, operations, kernels in found)
    assert re.search(r"NumPy +eager +compiled +vs eager +vs NumPy +compile +from disk +bits", demo[0])
    rows = [line for line in demo[0].splitlines() if re.match(r"  (network|photograph), .* × ", line)]
    assert len(rows) == 3
    assert all(row.endswith("equal") for row in rows)


def test_graphs_name_the_lines_of_the_functions(demo):
    assert re.search(r"matmul .*# .*network\.py:\d+", demo[0])
    assert "runpy" not in demo[0]


def test_refuses_an_unknown_photograph(tmp_path):
    done = start("--photo", "cat", folder=tmp_path)
    assert done.returncode == 2
    assert "invalid choice: 'cat'" in done.stderr
