"""What `td.tensorboard.Writer` writes is what TensorBoard's own reader of event files finds."""

import copy
import doctest
import io
import json
import re
from pathlib import Path

import board_support as support
import numpy as np
import pytest

import tandem as td
from tandem.tensorboard import _graph

pytest.importorskip("tensorboard", reason="reading back needs TensorBoard (pip install tensorboard)")
image_module = pytest.importorskip("PIL.Image", reason="looking at pictures needs Pillow")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader  # noqa: E402
from tensorboard.compat.proto import config_pb2  # noqa: E402
from tensorboard.plugins.hparams import plugin_data_pb2  # noqa: E402
from tensorboard.util import tensor_util  # noqa: E402

Writer = td.tensorboard.Writer


def values(folder):
    """(tag, step, value) of all summaries of a run, in order."""
    found = []
    for path in sorted(Path(folder).glob("*tfevents*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            found += [(value.tag, event.step, value) for value in event.summary.value]
    return found


def one(folder, tag):
    (found,) = [value for name, _, value in values(folder) if name == tag]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    support.write_all(folder)
    return folder


def test_scalars(folder):
    read = EventAccumulator(str(folder / "first"))
    read.Reload()
    assert [tag for tag in read.Tags()["scalars"] if not tag.startswith("profile/")] == ["loss/train"]
    found = read.Scalars("loss/train")
    assert [(s.step, s.value) for s in found] == [(k, np.float32(1 / (k + 1))) for k in range(20)]
    assert all(a.wall_time <= b.wall_time for a, b in zip(found, found[1:]))


def test_curves_of_one_chart_are_runs(folder):
    for name, sign in (("a", 1), ("b", -1)):
        found = [(tag, step, value.simple_value) for tag, step, value in values(folder / "first" / f"both_{name}")]
        assert found == [("both", k, sign * k) for k in range(20)]


def test_histograms(folder):
    found = [
        (step, tensor_util.make_ndarray(v.tensor)) for tag, step, v in values(folder / "first") if tag == "weights"
    ]
    assert [step for step, _ in found] == list(range(20))
    for step, rows in found:
        data = (td.asarray(support.SAMPLES) + step).numpy().astype(np.float64)
        counts, edges = np.histogram(data, 30)
        assert rows.shape == (30, 3) and rows.dtype == np.float64
        np.testing.assert_array_equal(rows[:, 2], counts)
        np.testing.assert_array_equal(rows[:, 0], edges[:-1])
        np.testing.assert_array_equal(rows[:, 1], edges[1:])


@pytest.mark.parametrize(
    "data, expected",
    [
        ([3.0, 3.0], [[3, 3, 0], [3, 3, 2]]),
        ([], np.zeros((0, 3))),
        ([np.nan, np.inf], np.zeros((0, 3))),
        ([0.0, np.nan, 1.0, 1.0], [[0, 0.5, 1], [0.5, 1, 2]]),
        ([True, False, True], [[0, 0.5, 1], [0.5, 1, 2]]),
    ],
)
def test_histograms_of_little(tmp_path, data, expected):
    with Writer(tmp_path) as writer:
        writer.add_histogram("h", np.asarray(data), 0, buckets=2)
    np.testing.assert_array_equal(tensor_util.make_ndarray(one(tmp_path, "h").tensor), expected)


def pictures(value):
    width, height, *files = tensor_util.make_ndarray(value.tensor)
    found = [np.asarray(image_module.open(io.BytesIO(file))) for file in files]
    assert all(picture.shape[:2] == (int(height), int(width)) for picture in found)
    return found


def test_images(folder):
    np.testing.assert_array_equal(pictures(one(folder / "first", "picture"))[0], support.PICTURE)
    found = pictures(one(folder / "first", "batch"))
    wanted = (support.GREY[:, 0] * np.float32(255.5)).astype(np.uint8)
    np.testing.assert_array_equal(found, wanted)
    assert wanted.min() == 0 and wanted.max() == 255


@pytest.mark.parametrize("layout, axes", [("HW", 2), ("CHW", 3), ("HWC", 3), ("WHC", 3), ("NHWC", 4), ("NCHW", 4)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_layouts_and_channels(tmp_path, rng, layout, axes, channels):
    wanted = rng.integers(0, 256, (2, 7, 5, channels), np.uint8)  # N, H, W, C
    if layout == "HW":
        wanted = wanted[:1, :, :, :1]
    elif axes == 3:
        wanted = wanted[:1]
    moved = wanted.transpose(
        [*("NHWC".index(axis) for axis in layout), *("NHWC".index(a) for a in "NHWC" if a not in layout)]
    )
    image = moved.reshape(moved.shape[: len(layout)])
    with Writer(tmp_path) as writer:
        (writer.add_images if "N" in layout else writer.add_image)("p", td.asarray(image), layout=layout)
    for found, picture in zip(pictures(one(tmp_path, "p")), wanted, strict=True):
        np.testing.assert_array_equal(found.reshape(picture.shape), picture)


def test_pixels_out_of_range(tmp_path):
    with Writer(tmp_path) as writer:
        writer.add_image("p", td.asarray([[-1.0, 0.5, 2.0, np.nan, np.inf]]))
        writer.add_image("b", td.asarray([[True, False]]))
    assert pictures(one(tmp_path, "p"))[0].tolist() == [[0, 127, 255, 0, 255]]
    assert pictures(one(tmp_path, "b"))[0].tolist() == [[255, 0]]


def test_text(folder):
    assert tensor_util.make_ndarray(one(folder / "first", "note").tensor).item().decode() == "**bold** ä"


def session(folder, tag):
    content = one(folder, f"_hparams_/{tag}").metadata.plugin_data.content
    return getattr(plugin_data_pb2.HParamsPluginData.FromString(content), tag)


def test_hparams(folder):
    found = session(folder / "first", "session_start_info").hparams
    assert {name: getattr(value, value.WhichOneof("kind")) for name, value in found.items()} == {
        "rate": 0.1,
        "layers": 2.0,
        "bias": True,
        "norm": "layer",
        "dtype": "float32",
        "no": "None",
    }
    assert session(folder / "first", "session_end_info").status == 1
    with pytest.raises(KeyError), Writer(folder / "failed") as writer:
        writer.add_hparams({"rate": 3})
        raise KeyError
    assert session(folder / "failed", "session_end_info").status == 2


def run_metadata(value):
    assert value.metadata.plugin_data.content == b"1"
    return config_pb2.RunMetadata.FromString(tensor_util.make_ndarray(value.tensor).item())


def test_graph(folder):
    value = one(folder / "first", "network")
    assert value.metadata.plugin_data.plugin_name == "graph_run_metadata_graph"
    graph = run_metadata(value).function_graphs[0].pre_optimization_graph
    nodes = {node.name: node for node in graph.node}
    assert len(nodes) == len(graph.node)
    for node in graph.node:
        for source in node.input:
            name, _, output = source.partition(":")
            assert name in nodes and int(output or 0) < len(nodes[name].attr["_output_shapes"].list.shape)
    lines = Path(support.__file__).read_text().splitlines()

    def named(op):
        return next(node for node in graph.node if node.op == op)

    scope = f"layer/line_{1 + lines.index('    return td.tanh(x @ w)')}/"
    assert named("matmul").name == scope + "matmul"
    assert list(named("matmul").input) == ["inputs/x", "inputs/w"]
    assert named("tanh").name == scope + "tanh"
    assert [d.size for d in named("matmul").attr["_output_shapes"].list.shape[0].dim] == [4, 16]
    assert named("matmul").attr["T"].type == 1
    assert named("exp").attr["kernel"].s and named("exp").attr["_XlaCluster"].s == named("exp").attr["kernel"].s
    # The loop is a box, whose operations come from its arguments and lead to it.
    loop = named("while")
    inside = [node for node in graph.node if node.name.startswith(f"{loop.name}/body/")]
    assert any(node.op == "multiply" and "line_" in node.name for node in inside)
    assert any(node.op == "Argument" and scope + "tanh" in node.input for node in inside)
    assert set(loop.input) & {node.name for node in inside}
    assert [node.input[0] for node in graph.node if node.op == "Result"] != []
    branches = {
        node.name.removeprefix(named("if").name).split("/")[1]
        for node in graph.node
        if node.name.startswith(named("if").name + "/")
    }
    assert branches == {"then", "else"}


def test_every_value_of_a_graph_is_there(folder):
    found = support.network.explain().report.specializations[0].graph
    graph = run_metadata(one(folder / "first", "network")).function_graphs[0].pre_optimization_graph
    texts = {node.attr["text"].s.decode() for node in graph.node if "text" in node.attr}
    assert texts == {node.text for node in found.walk()}


def test_operations_of_several_files(tmp_path):
    @td.script
    def both(x):
        return support.layer(x, x) + 1

    both(td.ones((2, 2)))
    with Writer(tmp_path) as writer:
        writer.add_graph(both, "both")
    names = {node.name for node in run_metadata(one(tmp_path, "both")).function_graphs[0].pre_optimization_graph.node}
    assert any(re.fullmatch(r"board_support\.py/layer/line_\d+/matmul", name) for name in names)
    assert any(re.fullmatch(r"test_writer\.py/test_operations_of_several_files\.both/line_\d+/add", n) for n in names)


def test_symbolic_sizes(tmp_path):
    @td.script
    def double(x):
        return x * 2

    for size in (3, 4, 5):
        double(td.ones((size, 2)))
    with Writer(tmp_path) as writer:
        writer.add_graph(double, "double")
    tags = [tag for tag, _, _ in values(tmp_path)]
    assert tags == ["double", *(f"double #{k}" for k in range(2, len(tags) + 1))] and len(tags) > 1
    graph = run_metadata(one(tmp_path, tags[-1])).function_graphs[0].pre_optimization_graph
    (node,) = [node for node in graph.node if node.op == "multiply"]
    assert [d.size for d in node.attr["_output_shapes"].list.shape[0].dim] == [-1, 2]


def test_types():
    assert _graph._dtype("f32[3]") == 1 and _graph._dtype("bf16[]") == 14 and _graph._dtype("bool[N]") == 10
    assert [d.get("size") for d in _graph._shape("f32[N, 64, 2*N + 1]")["dim"]] == [-1, 64, -1]
    assert _graph._shape("f32[]")["dim"] == []
    for dtype in td._core._dtypes:
        short = re.match(r"\w+", td.zeros((2,), dtype=dtype)._type).group()
        assert _graph._dtype(short), short


def test_times_of_a_graph(folder):
    value = one(folder / "first", "timed")
    assert value.metadata.plugin_data.plugin_name == "graph_run_metadata"
    found = run_metadata(value)
    names = {node.name for node in found.function_graphs[0].pre_optimization_graph.node}
    stats = found.step_stats.dev_stats[0].node_stats
    assert stats and all(row.node_name in names and row.all_end_rel_micros > 0 for row in stats)
    seconds = support.network.explain()  # without times: those of the graph came with the profile
    assert "seconds=" not in str(seconds)
    assert any(row.node_name.endswith("/matmul") for row in stats)


def test_profile_tables(folder):
    for name in ("kernels", "lines", "functions"):
        text = tensor_util.make_ndarray(one(folder / "first", f"profile/{name}").tensor).item().decode()
        assert all(line.startswith("    ") for line in text.splitlines()) and "network" in text or name != "functions"
        assert {"kernels": "matmul", "lines": "board_support.py", "functions": "network"}[name] in text


def test_profile_curves_picture_and_trace(folder, tmp_path):
    total = one(folder / "first", "profile/ms").simple_value
    parts = [value.simple_value for _, _, value in values(folder / "first") if value.tag.startswith("profile/ms/")]
    assert parts == sorted(parts, reverse=True) and len(parts) > 2
    assert sum(parts) == pytest.approx(total, rel=1e-3) and total > 0
    picture = one(folder / "first", "profile/timeline")
    width, height, content = tensor_util.make_ndarray(picture.tensor)
    assert content.startswith(b"\x89PNG") and int(width) == 1200 and int(height) > 30
    trace = json.loads((folder / "first" / "profile.0.trace.json").read_text())
    names = {event["name"] for event in trace["traceEvents"] if event.get("ph") == "X"}
    assert "network" in names and any("matmul" in name for name in names)
    # What nothing was recorded in is written, too.
    with td.profiler() as empty:
        pass
    with Writer(tmp_path) as writer:
        writer.add_profile(empty, "of/nothing", 3)
    assert (tmp_path / "of_nothing.3.trace.json").exists()


def test_the_picture_of_a_profile_shows_kernels_in_their_colours():
    from tandem.tensorboard import _profile

    x = td.ones((512, 512))
    with td.profiler(sample=False) as profile:
        for _ in range(5):
            x @ x
    pixels = _profile.picture(profile).reshape(-1, 3)
    slowest = next(iter(_profile.seconds_by_kernel(profile)))
    assert "matmul" in slowest
    assert (pixels == _profile.COLOURS["blue"]).all(axis=1).sum() > 1000


def test_a_resumed_run_goes_on_in_its_folder(tmp_path):
    for part in range(3):
        with Writer(tmp_path) as writer:
            for step in range(5):
                writer.add_scalar("loss", step, part * 5 + step)
    assert [(step, value.simple_value) for _, step, value in values(tmp_path)] == [(k, k % 5) for k in range(15)]


def test_numbers_of_all_kinds(tmp_path):
    given = [1, True, 0.5, np.float64(2), np.int8(-3), td.asarray([4.0]), td.asarray(5, dtype=td.int64), np.nan, 1e300]
    given += [td.asarray(1.5, dtype=td.bfloat16), td.asarray(2.5, dtype=td.float16), td.ones(()).requires_grad_() * 7]
    with Writer(tmp_path) as writer:
        for step, value in enumerate(given):
            writer.add_scalar("x", value, step, wall_time=1000.0)
    wanted = [1, 1, 0.5, 2, -3, 4, 5, np.nan, np.inf, 1.5, 2.5, 7]
    np.testing.assert_array_equal([value.simple_value for _, _, value in values(tmp_path)], wanted)


def compiled(x):
    return x + 1


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda w: w.add_scalar("x", [1, 2], 0), td.ShapeError, r"got shape \(2,\) for 'x'; need one number"),
        (lambda w: w.add_scalar("x", 1j, 0), td.DTypeError, "add_scalar: got values of dtype complex128"),
        (lambda w: w.add_scalar("x", "high", 0), td.DTypeError, "add_scalar: got values of dtype <U4"),
        (lambda w: w.add_scalar("", 1, 0), TypeError, "add_scalar: got tag=''"),
        (lambda w: w.add_histogram("x", [1.0], 0, buckets=0), ValueError, "got buckets=0; need at least one"),
        (lambda w: w.add_image("x", np.zeros((2, 3, 4, 5))), td.ShapeError, r"got shape \(2, 3, 4, 5\); need 3 axes"),
        (lambda w: w.add_image("x", np.zeros((5, 3, 4))), td.ShapeError, "need pixels in 1 to 4 channels"),
        (lambda w: w.add_image("x", np.zeros((3, 4), int)), td.DTypeError, "got dtype int64; need uint8, bool"),
        (lambda w: w.add_image("x", np.zeros((1, 3, 4)), layout="CWX"), ValueError, "got layout='CWX'"),
        (lambda w: w.add_image("x", np.zeros((1, 3, 4)), layout="NHW"), ValueError, "need one picture; try add_images"),
        (lambda w: w.add_text("x", 3), TypeError, "add_text: got int for 'x'; need a text"),
        (lambda w: w.add_hparams({"f": len}), TypeError, "got builtin_function_or_method for 'f'"),
        (lambda w: w.add_graph(compiled), TypeError, "add_graph: got <function compiled .*; need a compiled function"),
        (lambda w: w.add_graph(td.script(compiled)), td.CaptureError, "got 'compiled' before its first call"),
        (lambda w: copy.copy(w), TypeError, "need one writer for each file"),
    ],
)
def test_errors(tmp_path, call, error, message):
    with Writer(tmp_path) as writer:
        before = writer.path.stat().st_size
        with pytest.raises(error, match=message):
            call(writer)
        assert writer.path.stat().st_size == before


def test_hyper_parameters_twice(tmp_path):
    with Writer(tmp_path) as writer:
        writer.add_hparams({"rate": 1})
        with pytest.raises(td.Error, match="need one run for each choice; try another Writer"):
            writer.add_hparams({"rate": 2})


def test_closed(tmp_path):
    writer = Writer(tmp_path)
    assert not repr(writer).endswith(", closed>")
    writer.close()
    writer.close()
    assert repr(writer).endswith(", closed>")
    for call in (lambda: writer.add_scalar("x", 1, 0), writer.flush):
        with pytest.raises(ValueError, match=r"got a call after close\(\)"):
            call()


def test_inside_a_captured_function(tmp_path):
    writer = Writer(tmp_path)

    @td.script
    def step(x):
        writer.add_scalar("x", x, 0)
        return x + 1

    with pytest.raises(td.CaptureError, match="add_scalar: got a call inside a function that is being captured"):
        step(td.ones(()))
    writer.close()
    assert values(tmp_path) == []


def test_the_example_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (test,) = [test for test in doctest.DocTestFinder().find(Writer, "Writer", globs={"td": td}) if test.examples]
    assert doctest.DocTestRunner().run(test) == (0, len(test.examples))


def test_the_page_is_true(tmp_path, monkeypatch):
    """The programs of docs/tensorboard.md run."""
    page = Path(__file__).parents[2] / "docs/tensorboard.md"
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    (tmp_path / "program.py").write_text(program)
    exec(compile(program, str(tmp_path / "program.py"), "exec"), {"__name__": "program"})
    read = EventAccumulator(str(tmp_path / "runs/first"))
    read.Reload()
    losses = [event.value for event in read.Scalars("loss/train")]
    assert len(losses) > 50 and losses[-1] < losses[0] / 2
