"""The demonstration, as a user starts it: it keeps its promises, writes its pictures, shows what it should."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tandem as td
from conftest import EXHAUSTIVE, SANITIZED
from tandem import demo as main
from tandem._demo import confusion, fashion_mnist, terminal, training

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
        "losses: eager = compiled, bit for bit",
        "parameters after that, bit for bit",
        "at least 75% of the test images right" if fashion_mnist.FOLDER.exists() else "at least 85% of the test images",
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


def test_trains_in_one_program(demo):
    assert re.search(r"a step +128 images; \d+ kernels; captured 1 ×", demo[0])
    assert re.search(r"time for a step +eager [\d.]+ [mµ]s, compiled [\d.]+ [mµ]s: [\d.]+ ×", demo[0])
    assert "━" not in demo[0] and "\r" not in demo[0]  # no bar in a file


def test_without_the_images_of_clothes(tmp_path, capsys):
    """It says which package has them, and goes on with others that it names."""
    assert all(main.show_training(tmp_path / "nowhere", tmp_path, quick=True))
    shown = capsys.readouterr().out
    assert f"got no file {tmp_path / 'nowhere'}" in shown and "try apt-get install dataset-fashion-mnist" in shown
    assert re.search(r"instead +scikit-learn's digits", shown)
    assert re.search(r"images +scikit-learn's digits: 1200 of 8 × 8 pixels", shown)
    assert "Fashion-MNIST:" not in shown
    assert (tmp_path / "confusion.png").exists()


@pytest.mark.skipif(not EXHAUSTIVE, reason="trains for 10 s or more (./dev test --exhaustive)")
@pytest.mark.skipif(not fashion_mnist.FOLDER.exists(), reason="no images (apt-get install dataset-fashion-mnist)")
def test_learns_what_clothes_look_like(tmp_path, capsys):
    assert all(main.show_training(fashion_mnist.FOLDER, tmp_path, quick=False))
    assert re.search(r"at least 88% of the test images right +yes", capsys.readouterr().out)


def test_takes_each_image_once_in_an_epoch():
    trainer = training.Trainer(training.digits(quick=True))
    whole = trainer.task.train.images.shape[0] // training.BATCH
    rates = []
    for _ in range(2):
        seen = []
        for _ in range(whole):
            images, labels = trainer.batch()
            seen += [image.tobytes() + bytes([int(k)]) for image, k in zip(np.asarray(images), np.asarray(labels))]
            rates.append(trainer.optimizer.param_groups[0]["lr"])
        train = [np.asarray(part) for part in trainer.task.train]
        known = [image.tobytes() + bytes([int(k)]) for image, k in zip(*train)]
        assert len(seen) == whole * training.BATCH and set(seen) <= set(known)
        assert len(set(seen)) > len(set(known)) - training.BATCH
    assert rates[0] == training.RATE and rates == sorted(rates, reverse=True)


def test_confusion_counts_and_picture(tmp_path):
    from PIL import Image

    trainer = training.Trainer(training.digits(quick=True))
    list(trainer.run())
    counts, (images, labels) = trainer.confusion(), trainer.task.test
    found = np.asarray(td.argmax(trainer.scores(images).detach(), axis=1))
    wanted = np.zeros((10, 10), int)
    np.add.at(wanted, (np.asarray(labels), found), 1)
    np.testing.assert_array_equal(counts, wanted)
    path = confusion.draw(counts, trainer.task.kinds, trainer.task.examples(), "title", tmp_path / "c.png")
    pixels = np.asarray(Image.open(path), int)
    left, top = confusion.EDGE + confusion.NAMES + confusion.PICTURE, 3 * confusion.EDGE + confusion.PICTURE + 32
    for k in range(10):
        # At the corner of a cell on the diagonal: blue, as most images are recognised.
        red, _, blue = pixels[top + k * confusion.CELL + 2, left + k * confusion.CELL + 2]
        assert blue > red + 50


@pytest.mark.parametrize("columns", [120, 80, 40, 12])
def test_progress_is_one_line_that_goes_away(monkeypatch, capsys, columns):
    monkeypatch.setattr(terminal, "_live", True)
    monkeypatch.setattr(terminal.Progress, "PERIOD", 0.0)
    monkeypatch.setenv("COLUMNS", str(columns))
    with terminal.Progress("training", 4) as bar:
        bar.at(1, "loss 0.5")
        bar.at(4)
    shown = capsys.readouterr().out
    assert "\n" not in shown and shown.endswith("\r\033[K")
    lines = [re.sub(r"\x1b\[\d*[mK]", "", line) for line in shown.split("\r")]
    assert max(len(line) for line in lines) < columns
    if columns >= 80:
        assert re.fullmatch(r"  training +━{10,30} 1/4, .* to go  loss 0\.5", lines[1])
    if columns == 120:
        assert lines[2].rstrip() == f"  {'training':<{terminal.LABEL}}  {'━' * 30} 4/4, 0 ns to go"
