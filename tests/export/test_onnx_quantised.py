"""8-bit models as ONNX: QuantizeLinear and DequantizeLinear around products, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper
from onnx_support import exported, operators, sums_bytes_exactly

import tandem as td
from tandem import nn

pytestmark = pytest.mark.filterwarnings("ignore::tandem.precision.PrecisionWarning")


def network() -> Any:
    td.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, groups=2, bias=False),
        nn.ReLU(),
        nn.Flatten(2),
        nn.Linear(9, 10),
    ).eval()


@sums_bytes_exactly
@pytest.mark.parametrize("calibrated", [True, False])
def test_export_and_back(calibrated: bool, tmp_path: Path) -> None:
    x = td.random.Generator(3).normal((4, 1, 8, 8))
    made = td.convert(network(), "int8", **({"calibration": [x]} if calibrated else {"dynamic": True}))
    report, model = exported(made, (x,), tmp_path, dynamic={"input": {0: "batch"}})
    assert report.runtime == "ONNX Runtime" and len(report.cases) >= 4
    found = operators(model.graph)
    assert found.count("QuantizeLinear") == 3
    if calibrated:
        assert found.count("DequantizeLinear") == 6 and {"Conv", "MatMul"} <= {*found}
        assert not {"MatMulInteger", "ConvInteger", "Round"} & {*found}
    else:
        assert found.count("ConvInteger") == 2 and found.count("MatMulInteger") == 1
    weights = {each.name: each for each in model.graph.initializer}
    assert weights["6.quantized_weight"].data_type == TensorProto.INT8

    back = td.onnx.load(tmp_path / "model.onnx")
    if calibrated:
        assert back.code.count("QuantizedConv(") == 2 and back.code.count("QuantizedMatMul(") == 1
        assert "DequantizeLinear(" not in back.code
    for each in (back, td.script(back)):
        assert np.array_equal(np.asarray(each(x)), np.asarray(made(x)))
    td.save(back, tmp_path / "m.tdm", (x,))
    assert np.array_equal(np.asarray(td.load(tmp_path / "m.tdm")(x)), np.asarray(made(x)))


def test_attention_and_leading_axes(tmp_path: Path) -> None:
    td.manual_seed(1)
    x = td.random.Generator(1).normal((2, 5, 8))
    made = td.convert(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), "int8", calibration=[x])
    _, model = exported(made, (x,), tmp_path)
    assert operators(model.graph).count("QuantizeLinear") >= 4
    back = td.onnx.load(tmp_path / "model.onnx")
    np.testing.assert_allclose(np.asarray(back(x)), np.asarray(made(x)), atol=0.02)


@sums_bytes_exactly
def test_loops_and_transposed_convolutions(tmp_path: Path) -> None:
    td.manual_seed(2)
    x = td.random.Generator(2).normal((4, 3, 5))
    made = td.convert(nn.LSTM(5, 6), "int8", calibration=[x])
    _, model = exported(made, (x,), tmp_path, dynamic={"input": {0: "length", 1: "batch"}})
    found = operators(model.graph)
    assert "Loop" in found and found.count("QuantizeLinear") == 2 and "MatMulInteger" not in found
    back = td.onnx.load(tmp_path / "model.onnx")
    assert back.code.count("QuantizedMatMul(") == 2  # one of them in the loop
    assert np.array_equal(np.asarray(back(x)[0]), np.asarray(made(x)[0]))
    made = td.convert(nn.ConvTranspose1d(3, 2, 3, stride=2), "int8", calibration=[x])
    _, model = exported(made, (x,), tmp_path)
    assert operators(model.graph).count("Conv") == 2 and "ConvInteger" not in operators(model.graph)


def product(kind: str, zero: int, axis: int | None, extra: bool, dtype: str) -> Any:
    """A model of one product between QuantizeLinear and DequantizeLinear, as other tools write it."""
    rng = np.random.default_rng(0)
    out, inside = 5, 6
    shape = {"MatMul": (inside, out), "Gemm": (out, inside), "Conv": (out, 2, 3)}[kind]
    scales = np.float32(0.02) if axis is None else rng.uniform(0.01, 0.03, shape[axis]).astype(np.float32)
    zeros = np.full(np.shape(scales), zero, np.int8)
    arrays = {
        "s": np.float32(0.05),
        "z": np.asarray(3, dtype),
        "w": rng.integers(-127, 128, shape).astype(np.int8),
        "ws": np.asarray(scales),
        "wz": zeros,
        "b": rng.normal(size=out).astype(np.float32),
    }
    options = {"Gemm": {"transB": 1}, "Conv": {"pads": [1, 1]}}.get(kind, {})
    bias = [] if kind == "MatMul" else ["b"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=axis or 0),
        helper.make_node(kind, ["d", "dw", *bias], ["y"], name="product", **options),
    ]
    names = ["y"]
    if extra:  # what was rounded is needed elsewhere, too
        nodes.append(helper.make_node("Relu", ["d"], ["r"]))
        names.append("r")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 9] if kind == "Conv" else ["n", inside])
    outputs = [helper.make_empty_tensor_value_info(name) for name in names]
    tensors = [numpy_helper.from_array(each, name) for name, each in arrays.items()]
    graph = helper.make_graph(nodes, "product", [x], outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("kind", ["MatMul", "Gemm", "Conv"])
@pytest.mark.parametrize("how", ["plain", "per channel", "zero point", "used twice", "wrong axis"])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_products_of_other_tools(kind: str, how: str, dtype: str) -> None:
    right = 1 if kind == "MatMul" else 0
    axis = {"per channel": right, "wrong axis": 1 - right}.get(how)
    model = product(kind, 2 if how == "zero point" else 0, axis, how == "used twice", dtype)
    import onnxruntime

    shape = (4, 2, 9) if kind == "Conv" else (4, 6)
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32) * 3
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # its product cannot do all
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    wanted = session.run(None, {"x": x})
    loaded = td.onnx.load(model)
    assert ("Quantized" in loaded.code) == (how not in ("zero point", "wrong axis"))
    for function in (loaded, td.script(loaded)):
        found = function(td.asarray(x))
        for a, b in zip(found if isinstance(found, tuple) else (found,), wanted, strict=True):
            np.testing.assert_allclose(np.asarray(a.detach()), b, rtol=1e-4, atol=1e-4)
