"""Every row of the table of operations, with every dtype: exported, checked, and compared with ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from onnx_support import exported, operators, sums_bytes_exactly

import tandem as td
from ops import samples
from tandem import _core
from tandem.onnx import exporting, program, rules, verify
from tandem.onnx.captured import Graph
from tandem.onnx.exporting import DEFAULT_OPSET

ROWS = {row["name"]: row for row in _core._op_table()}
PUBLIC = [name for name, row in ROWS.items() if not row["internal"]]
EXPORTED = [name for name in PUBLIC if not ROWS[name]["onnx"].startswith("none: ")]

# Where nobody who could decide is right, and why.
UNDECIDED = {
    ("linspace", dtype): "a conversion of negative floats to unsigned integers has no defined result"
    for dtype in samples.UNSIGNED
} | {("gelu", "float64"): "ONNX Runtime has no Erf of float64, and the reference evaluator computes it in float32"}


def dtypes_of(name: str) -> tuple[str, ...]:
    """What the row takes; ints that become floats first are all alike, and shifts are of integers only."""
    if not ROWS[name]["inputs"]:
        return samples.DTYPES
    if name in ("bitwise_left_shift", "bitwise_right_shift"):
        return samples.INTS
    if ROWS[name]["accepts"] == "promote_to_float":
        return ("bool", "int32", *samples.FLOATS)
    return samples.ACCEPTED[ROWS[name]["accepts"]]


CASES = [(name, dtype) for name in EXPORTED for dtype in dtypes_of(name)]


@pytest.mark.parametrize("name", ROWS)
def test_column_says_how(name: str) -> None:
    """An operator, a rule, the row's own formula, or a reason why not; and nothing else."""
    way = ROWS[name]["onnx"]
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    assert way.startswith("rule: ") == (name in rules.load())
    if way.startswith("rule: "):
        assert set(way.removeprefix("rule: ").split(", ")) <= known
    elif way.startswith("none: "):
        assert len(way) > len("none: ") + 10
    elif way != "compose":
        schema = onnx.defs.get_schema(way, max_inclusive_version=DEFAULT_OPSET)
        attributes = ROWS[name]["signature"].count("=") + ROWS[name]["signature"].count(",")
        assert way in known and (way in ("If", "Loop") or attributes == len(ROWS[name]["inputs"]) - 1)
        assert ROWS[name]["variadic"] or len(ROWS[name]["inputs"]) >= schema.min_input


def program_of(name: str, dtype: str) -> tuple[Any, list[Any]]:
    """All samples of a row as one function, and its arguments."""
    rng = np.random.default_rng(len(name))
    row, tensors, calls = ROWS[name], [], []
    for sample in samples.samples(name):
        first = len(tensors)
        for shape, domain in zip(sample.shapes, sample.domains):
            tensors.append(samples.to_tensor(samples.draw(rng, shape, domain, dtype), dtype))
        attributes = dict(sample.attributes)
        if not row["inputs"]:
            attributes["dtype"] = getattr(td, dtype)
        calls.append((slice(first, len(tensors)), attributes))

    def function(*tensors: Any) -> list[Any]:
        call = getattr(td, name)
        return [
            call(list(tensors[place]), **attributes) if row["variadic"] else call(*tensors[place], **attributes)
            for place, attributes in calls
        ]

    return function, tensors


def check(name: str, dtype: str, folder: Path, **options: Any) -> None:
    """Export all samples of a row, and compare what they give."""
    function, tensors = program_of(name, dtype)
    report = td.onnx.export(function, tuple(tensors), folder / "model.onnx", verify=False, **options)
    run, by = verify.runner(onnx.load(report.path))
    assert by == "ONNX Runtime" or by.startswith("ONNX Runtime lacks a kernel")
    if (name, dtype) in UNDECIDED:
        pytest.xfail(UNDECIDED[name, dtype])
    got = run([verify.host(x) for x in tensors], report.outputs)
    tolerance = verify.TOLERANCES.get(dtype, verify.TOLERANCES["float32"])
    for label, ours, theirs in zip(report.outputs, function(*tensors), got, strict=True):
        _, text = verify.difference(verify.host(ours), theirs, tolerance)
        assert text is None, f"{label} {text} ({by})"


@pytest.mark.parametrize("name,dtype", CASES)
def test_operation(name: str, dtype: str, tmp_path: Path) -> None:
    check(name, dtype, tmp_path)


@pytest.mark.parametrize("opset", [exporting.OPSETS[0], exporting._latest()])
@pytest.mark.parametrize("name", EXPORTED)
def test_operation_in_the_first_and_the_last_opset(name: str, opset: int, tmp_path: Path) -> None:
    check(name, "float32" if "float32" in dtypes_of(name) else "int32", tmp_path, opset=opset)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in EXPORTED])
def test_what_cannot_be_exported_says_why(name: str, tmp_path: Path) -> None:
    dtype = "complex64" if ROWS[name]["accepts"] == "complex" else "float32"
    function, tensors = program_of(name, "float32")
    tensors = [x.astype(getattr(td, dtype)) if dtype == "complex64" else x for x in tensors]
    with pytest.raises(td.SerializationError, match=f"'{name}'|complex") as caught:
        td.onnx.export(function, tuple(tensors), tmp_path / "model.onnx")
    reason = ROWS[name]["onnx"].removeprefix("none: ")
    assert (reason in str(caught.value) or "complex" in str(caught.value)) and f"{__file__}:" in str(caught.value)
    assert not list(tmp_path.iterdir())


# What only other functions are made of

x = td.asarray(np.random.default_rng(1).standard_normal((2, 4, 9, 8)).astype(np.float32))
F = td.nn.functional


def updated(x: Any, i: Any) -> Any:
    y = x + 0
    y[..., i] = 1
    y[:, 1:3, ::2] = 2
    return y


def counted(x: Any) -> Any:
    """A function with sizes as numbers."""
    return x * x.shape[0] + td.ones((x.shape[0], 1, 1, 1))


@td.script
def looped(x: Any) -> Any:
    while x.sum() < 1000:
        if x.max() > 3:
            x = x + 1
        else:
            x = x * x + 0.5
    return x


def checked(x: Any, i: Any) -> Any:
    return x[i]


def failing(x: Any, written: Any) -> Any:
    """What may fail after a write that a caller would see."""
    written[0] = 1
    return F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(9, 8))


def again(x: Any) -> Any:
    """A gradient that computes again what it needs."""
    return td.grad(lambda x: td.checkpoint(lambda y: td.sin(y) * y)(x).sum())(x)


def bytes_of(seed: int) -> Any:
    return td.asarray(np.random.default_rng(seed).integers(0, 256, (2, 6, 6)).astype(np.uint8))


signed = td.asarray(np.random.default_rng(1).integers(-127, 128, (5, 6)).astype(np.int8))
place = td.asarray(np.array([2, -1, 0]))
pools = {"kernel_size": 3, "stride": 2, "padding": 1}
THROUGH: dict[str, tuple[Any, ...]] = {
    "from_dim": (counted, x),
    "iota": (lambda x: td.eye(3) + td.arange(3), x),
    "copy": (lambda x: x.copy(), x),
    "stop_gradient": (lambda x: x.detach() * 2, x),
    "slice": (lambda x: x[:, 1:3, ::-2, 3], x),
    "slice_update": (updated, x, place),
    "index_update": (updated, x, place),
    "check_index": (checked, x, td.asarray(1)),
    "rotate": (lambda x: td.roll(x, (3, -1), axis=(2, 3)), x),
    "frame": (lambda x: td.pad(x, ((0, 0), (1, 0), (2, 3), (0, 1)), constant_values=2), x),
    "convolution": (
        lambda x, w: F.conv2d(x, w, padding=(1, 2), stride=2, dilation=(1, 2), groups=2),
        x,
        x[:, :2, :3, :3],
    ),
    "convolution_source": (
        lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1),
        x,
        td.concat([x[0, :, None, :3, :3]] * 2, axis=1),
    ),
    "integer_linear": (lambda q, w: td._core._integer_linear(q, w, td.asarray(7, dtype=td.uint8)), bytes_of(0), signed),
    "integer_convolution": (
        lambda q, w: td._core._integer_convolution(
            q, w, td.asarray(7, dtype=td.uint8), stride=(1,), dilation=(1,), before=(1,), groups=1, after=(0,)
        ),
        bytes_of(0),
        signed[:, :, None],
    ),
    "quantize": (td.convert(td.nn.Linear(x.shape[3], 3), dtype="int8", calibration=[x]), x),
    "quantized_linear": (td.convert(td.nn.Linear(x.shape[3], 3), dtype="int8", calibration=[x]), x),
    "quantized_convolution": (
        td.convert(td.nn.Conv2d(x.shape[1], 4, 3, stride=2, padding=(1, 2), groups=2), dtype="int8", calibration=[x]),
        x,
    ),
    "max_pool": (lambda x: F.max_pool2d(x, **pools), x),
    "max_pool_indices": (lambda x: F.max_pool2d(x, **pools, return_indices=True), x),
    "avg_pool": (lambda x: [F.avg_pool2d(x, **pools), F.avg_pool2d(x, **pools, count_include_pad=False)], x),
    "scatter_planes": (lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(9, 8)), x),
    "resample": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"), x),
    "topk_indices": (lambda x: td.topk(x, 3), x),
    "lexsort": (lambda x: td.lexsort((x, td.round(x) > 0, td.floor(x)), axis=2), x),
    "places_in_sorted": (lambda x: td.searchsorted(td.sort(x[0, 0, 0]), x[0, 0]), x),
    "cube_root": (lambda x: td.cbrt(x * 100), x),
    "sum_of_squares": (lambda x: td.norm(x, axis=(1, 3)), x),
    "count_nonzero": (lambda x: td.count_nonzero(x, axis=(1, 3)), x),
    "mean_of_integers": (
        lambda x: td._core._internal("mean_of_integers", x > 0, axis=(1, 3), dtype=td.float32),
        x,
    ),
    "sum_of_products": (lambda x: td.vecdot(x, x[0, 0]), x),
    "det": (lambda x: td.linalg.det(x[..., :3, :3]), x),
    "if": (looped, x),
    "while": (looped, x),
    "failure_point": (failing, x, td.zeros((2,))),
    "again": (again, x),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=sums_bytes_exactly if name == "integer_linear" else ())
        for name, row in ROWS.items()
        if row["internal"] and not row["onnx"].startswith("none: ")
    ],
)
def test_internal_operation(name: str, tmp_path: Path) -> None:
    function, *args = THROUGH[name]
    options = {"dynamic": {"x": {0: "n"}}} if name == "from_dim" else {}
    report, _ = exported(function, tuple(args), tmp_path, **options)
    assert len(report.cases) >= 3 and report.runtime == "ONNX Runtime"
    captured = program.capture(function, tuple(args), {}, options.get("dynamic"), None, None).graph
    assert name in {op for node in captured.walk() for op in parts_of(captured, node)}


def parts_of(graph: Graph, node: Any) -> set[str]:
    """The operation of a node, and those of its formula."""
    if ROWS[node.op]["onnx"] != "compose":
        return {node.op}
    types = [(graph.types[k].dtype, graph.types[k].shape) for k in node.inputs]
    return {node.op} | {each.op for each in Graph.read(_core._formula(node.op, types, node.attrs)).nodes}


def test_operators_are_native(tmp_path: Path) -> None:
    """Where ONNX has the operator, it is that."""

    def network(x: Any, w: Any) -> Any:
        return F.layer_norm(td.gelu(td.softmax(F.linear(x, w), axis=-1)), (3,))

    _, model = exported(network, (td.ones((2, 4)), td.ones((3, 4))), tmp_path)
    assert operators(model.graph)[:3] == ["Gemm", "Softmax", "Gelu"] and "LayerNormalization" in operators(model.graph)


# What cannot have any size along the first axis, and why.
FIXED = {
    "reshape": "the sample's shape has a fixed number of elements",
    "broadcast_to": "the sample's shape is a number",
}


@pytest.mark.parametrize("name", [n for n in EXPORTED if ROWS[n]["inputs"] and n not in FIXED])
def test_operation_of_any_size(name: str, tmp_path: Path) -> None:
    """The first sample with axes, with any size in place of that of its first axis, or of its indices."""
    rng = np.random.default_rng(len(name))
    sample = next(s for s in samples.samples(name) if any(len(shape) > 0 and shape[0] > 1 for shape in s.shapes))
    dtype = "int32" if ROWS[name]["accepts"] == "integral_or_bool" else "float32"
    tensors = [
        samples.to_tensor(samples.draw(rng, shape, domain, dtype), dtype)
        for shape, domain in zip(sample.shapes, sample.domains)
    ]
    variadic = ROWS[name]["variadic"]

    def function(*tensors: Any) -> Any:
        call = getattr(td, name)
        return call(list(tensors), **sample.attributes) if variadic else call(*tensors, **sample.attributes)

    size = tensors[name.startswith(("take", "scatter"))].shape[0]
    dynamic = {f"tensors.{k}": {0: "n"} for k, x in enumerate(tensors) if x.ndim and x.shape[0] == size}
    report, _ = exported(function, tuple(tensors), tmp_path, dynamic=dynamic)
    assert report.runtime == "ONNX Runtime" and len(report.cases) >= 4
