"""What measures the bridge measures the same thing each way, and judges it rightly; no times are tested here."""

import sys
import time

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from conftest import ROOT  # noqa: E402

sys.path.append(str(ROOT / "benchmarks"))
import torch_models  # noqa: E402

from tandem.torch import bench  # noqa: E402


def measured(train):
    return torch_models.measured("flow", train, 2, ("eager", "tandem"), {}, time.perf_counter)


@pytest.mark.parametrize("train", [False, True])
def test_a_model_is_measured(train):
    row = measured(train)
    assert set(row.run) == set(row.least) == {"eager", "tandem"} and min(row.run.values()) > 0
    assert row.kernels > 0 and row.fallbacks == {} and row.compile["tandem"] > 0
    assert "flow" in torch_models.line(row, False)


def test_results_that_differ_stop_the_measurement(monkeypatch):
    monkeypatch.setitem(torch_models.AGREE, "inference", -1.0)
    with pytest.raises(SystemExit, match="results of eager differ"):
        measured(False)


def test_goals():
    def row(name, kind, *times):
        times = dict(zip(torch_models.WAYS, times, strict=True))
        return torch_models.Row(name, kind, times, times, {"inductor": 10.0, "tandem": 0.2})

    rows = [row("a", "inference", 2, 4, 1), row("b", "inference", 2, 1, 1), row("c", "training", 3, 4, 4)]
    lines = list(torch_models.summary(rows, False))
    assert lines == [
        "inference: 0.50 x Inductor's time, the geometric mean of 2; goal 0.8",
        "training: 1.00 x Inductor's time, the geometric mean of 1; goal 0.85",
        "above 1.1 x the better of eager and Inductor: c training 1.33",
        "compile time: 0.020 x Inductor's, of 3; goal 0.05",
    ]
    rows[0].compile["inductor"] = rows[1].compile["inductor"] = 0.01  # from --caches
    assert list(torch_models.summary(rows, False))[-1] == "compile time: 0.020 x Inductor's, of 1; goal 0.05"


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    rows = [bench.Measured("eager", run=2.0), bench.Measured("inductor", error="no compiler")]
    rows.append(bench.Measured("tandem", run=1.0, first=3.0, warm=1.0, memory=2**28))
    bench.plot(rows, "a model", str(tmp_path / "times.png"))
    drawn = image.open(tmp_path / "times.png").convert("RGB")
    colors = {pixel for _, pixel in drawn.getcolors(1 << 20)}
    blue, orange = (tuple(bytes.fromhex(bench.COLORS[way][1:])) for way in ("tandem", "inductor"))
    assert blue in colors and orange not in colors
