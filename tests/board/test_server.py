"""The real TensorBoard, started on a folder that a Writer wrote, answers with what was written."""

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import board_support as support
import numpy as np
import pytest

pytest.importorskip("tensorboard", reason="starting TensorBoard needs it (pip install tensorboard)")


class Server:
    def __init__(self, address):
        self.address = address

    def get(self, path, body=None, **query):
        url = f"{self.address}data/plugin/{path}?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
            return json.loads(content) if "json" in answer.headers["Content-Type"] else content


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    support.write_all(folder)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        try:
            told = []
            for line in running.stderr:
                told.append(line)
                if found := re.search(r"at (http://\S+/)", line):
                    break
            else:
                pytest.fail("".join(told), pytrace=False)
            server = Server(found[1])
            limit = time.monotonic() + 120
            # It reads the folder in the background; what was written last of all is read last.
            while "second" not in server.get("scalars/tags") or "timed" not in str(server.get("graphs/info")):
                assert time.monotonic() < limit, "TensorBoard reads nothing"
                time.sleep(0.2)
            yield server
        finally:
            running.terminate()


def test_scalars(server):
    tags = server.get("scalars/tags")
    own = {run: [tag for tag in found if not tag.startswith("profile/")] for run, found in tags.items()}
    assert own == {
        "first": ["loss/train"],
        "first/both_a": ["both"],
        "first/both_b": ["both"],
        "second": ["loss/train"],
    }
    points = server.get("scalars/scalars", run="first", tag="loss/train")
    assert [(step, value) for _, step, value in points] == [(k, float(np.float32(1 / (k + 1)))) for k in range(20)]


def test_histograms(server):
    assert list(server.get("histograms/tags")["first"]) == ["weights"]
    found = server.get("histograms/histograms", run="first", tag="weights")
    assert [step for _, step, _ in found] == list(range(20))
    for _, _, buckets in found:
        assert len(buckets) == 30 and sum(count for _, _, count in buckets) == support.SAMPLES.size


def test_distributions(server):
    found = server.get("distributions/distributions", run="first", tag="weights")
    middle = {point: value for point, value in found[0][2]}[5000]
    assert abs(middle - np.median(support.SAMPLES)) < 0.1


def test_images(server):
    assert set(server.get("images/tags")["first"]) == {"picture", "batch", "profile/timeline"}
    found = server.get("images/images", run="first", tag="batch", sample=0)
    assert [row["step"] for row in found] == [3]
    content = server.get("images/individualImage", **dict(urllib.parse.parse_qsl(found[0]["query"])))
    assert content.startswith(b"\x89PNG") and content[16:24] == bytes([0, 0, 0, 7, 0, 0, 0, 6])  # width and height


def test_text(server):
    assert "note" in server.get("text/tags")["first"]
    (found,) = server.get("text/text", run="first", tag="note")
    assert found["step"] == 2 and found["text"] == "<p><strong>bold</strong> ä</p>"
    (table,) = server.get("text/text", run="first", tag="profile/kernels")
    assert "<code>" in table["text"] and "matmul" in table["text"]


def test_profile(server):
    scalars = [tag for tag in server.get("scalars/tags")["first"] if tag.startswith("profile/ms/")]
    assert any("matmul" in tag for tag in scalars)
    for tag in ["profile/ms", "profile/peak MB", *scalars]:
        ((_, step, value),) = server.get("scalars/scalars", run="first", tag=tag)
        assert step == 0 and value > 0
    (found,) = server.get("images/images", run="first", tag="profile/timeline", sample="0")
    content = server.get("images/individualImage", **dict(urllib.parse.parse_qsl(found["query"])))
    assert content.startswith(b"\x89PNG")
    (text,) = server.get("text/text", run="first", tag="profile/legend")
    assert "<table>" in text["text"] and "matmul" in text["text"] and "profile.0.trace.json" in text["text"]


def test_graph(server):
    tags = server.get("graphs/info")["first"]["tags"]
    assert {tag: (row["op_graph"], row["profile"]) for tag, row in tags.items()} == {
        "network": (True, False),
        "timed": (True, True),
    }
    text = server.get("graphs/graph", run="first", tag="network", conceptual="false").decode()
    assert text.count("node {") > 10
    assert re.search(r'name: "layer/line_\d+/matmul"', text)
    times = server.get("graphs/run_metadata", run="first", tag="timed").decode()
    assert re.search(r"all_end_rel_micros: [1-9]", times)


def test_hyper_parameters(server):
    experiment = server.get("hparams/experiment", body={"experimentName": "", "hparamsLimit": 0})
    types = {row["name"]: row["type"] for row in experiment["hparamInfos"]}
    assert types == {
        "rate": "DATA_TYPE_FLOAT64",
        "layers": "DATA_TYPE_FLOAT64",
        "bias": "DATA_TYPE_BOOL",
        "norm": "DATA_TYPE_STRING",
        "dtype": "DATA_TYPE_STRING",
        "no": "DATA_TYPE_STRING",
    }
    metric = {"tag": "loss/train", "group": ""}
    assert metric["tag"] in [row["name"]["tag"] for row in experiment["metricInfos"]]
    body = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_SUCCESS"],
        "colParams": [{"hparam": "rate"}, {"metric": metric}],
        "startIndex": 0,
        "sliceSize": 10,
    }
    groups = server.get("hparams/session_groups", body=body)["sessionGroups"]
    found = {group["hparams"]["rate"]: group["metricValues"] for group in groups}
    assert {rate: [m["value"] for m in rows if m["name"]["tag"] == "loss/train"] for rate, rows in found.items()} == {
        0.1: [float(np.float32(1 / 20))],
        0.2: [0.5],
    }
