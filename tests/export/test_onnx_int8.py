"""Models of the ONNX format in 8 bits: products with constant weights become layers, which td.convert knows."""

import copy
import pickle

import numpy as np
import pytest

import tandem as td
from tandem import precision

onnx = pytest.importorskip("onnx")
helper = pytest.importorskip("onnx.helper")

RNG = np.random.default_rng(3)


def drawn(*shape):
    return RNG.normal(size=shape).astype(np.float32) / 4


def model_of(nodes, weights, inputs, outputs):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [info(name, onnx.TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [info(name, onnx.TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def network():
    weights = {
        "conv.weight": drawn(8, 2, 3, 3),
        "conv.bias": drawn(8),
        "odd.weight": drawn(8, 8, 3, 3),
        "deep.weight": drawn(8, 1, 3, 3),
        "fc1.weight": drawn(32, 8 * 36),
        "fc1.bias": drawn(32),
        "fc2.weight": drawn(32, 16),
        "fc2.bias": drawn(16),
        "other": drawn(16, 16),
        "shape": np.asarray([0, -1], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], "/conv/Conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "odd.weight"], ["c"], "/odd/Conv", pads=[0, 0, 2, 2]),  # not the same before and behind
        node("Conv", ["c", "deep.weight"], ["d"], "/deep/Conv", pads=[1, 1, 1, 1], group=8),
        node("Reshape", ["d", "shape"], ["e"]),
        node("Gemm", ["e", "fc1.weight", "fc1.bias"], ["f"], "/fc1/Gemm", transB=1),
        node("Relu", ["f"], ["g"]),
        node("MatMul", ["g", "fc2.weight"], ["h"], "/fc2/MatMul"),
        node("Add", ["h", "fc2.bias"], ["i"]),
        node("MatMul", ["i", "i_turned"], ["j"], "/scores/MatMul"),  # no constant
        node("MatMul", ["j", "i"], ["y"]),
    ]
    nodes.insert(9, node("Transpose", ["i"], ["i_turned"], perm=[1, 0]))
    return td.onnx.load(
        model_of(nodes, weights, {"x": ["n", 2, 12, 12]}, {"y": ["n", 16]}),
    )


def batch(n=6):
    return td.asarray(RNG.normal(size=(n, 2, 12, 12)).astype(np.float32))


pytestmark = pytest.mark.filterwarnings("ignore::tandem.precision.PrecisionWarning")


@pytest.mark.parametrize("dynamic", [False, True])
def test_products_with_constant_weights_have_eight_bits(dynamic, tmp_path):
    model, x = network(), batch()
    kept = {name: value.copy() for name, value in model.state_dict().items()}
    options = {"dynamic": True} if dynamic else {"calibration": [x, batch()]}
    small = td.convert(model, "int8", **options)
    kinds = {path: type(each).__name__ for path, each in small.named_modules() if path.startswith("products.")}
    assert kinds == {
        "products.conv_Conv": "QuantizedConv2d",
        "products.deep_Conv": "Conv2d",  # depthwise
        "products.fc1_Gemm": "QuantizedLinear",
        "products.fc2_MatMul": "QuantizedLinear",
    }
    assert small.products.fc1_Gemm.dynamic is dynamic
    assert "self.products.fc1_Gemm(" in small.code and "self.products" not in model.code
    with td.no_grad():
        wanted, found = model(x), small(x)
        assert float(td.abs(found - wanted).max()) < 0.06 * float(td.abs(wanted).max())
        assert (td.script(small)(x) == found).all()
        td.save(small, tmp_path / "m.tdm", (x,), dynamic={"x": [0]})
        assert (td.load(tmp_path / "m.tdm")(x) == found).all()
        for again in (copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
            assert (again(x) == found).all()
    assert all((value == kept[name]).all() for name, value in model.state_dict().items())  # it is as it was


def test_the_tensors_that_the_model_has_now(tmp_path):
    model, x = network(), batch()
    with td.no_grad():
        model.fc1.weight *= 0.0
        model.fc1.bias[...] = 1.0
        small = td.convert(copy.deepcopy(model), "int8", calibration=[x])
        assert float(td.abs(small(x) - model(x)).max()) < 0.05 * float(td.abs(model(x)).max())
    outer = td.nn.Sequential(network(), td.nn.Linear(16, 3))
    inside = td.convert(outer, "int8", calibration=[x])
    assert type(inside[0].products.fc1_Gemm) is precision.QuantizedLinear
    assert type(inside[1]) is precision.QuantizedLinear
    skipped = td.convert(outer, "int8", calibration=[x], skip=["0"])
    assert "products" not in skipped[0].code
    with pytest.raises(TypeError, match="made of 8-bit weights already"):
        td.convert(inside, "int8", dynamic=True)


def test_products_in_branches():
    node = helper.make_node
    info = helper.make_tensor_value_info
    branch = {
        name: helper.make_graph(
            [node("MatMul", ["x", weight], [f"{name}_y"], "product")],
            name,
            [],
            [info(f"{name}_y", onnx.TensorProto.FLOAT, ["n", 4])],
        )
        for name, weight in (("then", "v"), ("else", "w"))
    }
    nodes = [
        node("ReduceSum", ["x"], ["total"], keepdims=0),
        node("Greater", ["total", "zero"], ["positive"]),
        node("If", ["positive"], ["y"], then_branch=branch["then"], else_branch=branch["else"]),
    ]
    weights = {"v": drawn(3, 4), "w": drawn(3, 4), "zero": np.float32(0)}
    model = td.onnx.load(model_of(nodes, weights, {"x": ["n", 3]}, {"y": ["n", 4]}))
    small = td.convert(model, "int8", dynamic=True)
    assert {path for path, each in small.named_modules() if isinstance(each, precision.QuantizedLinear)} == {
        "products.product",
        "products.product_",
    }
    compiled = td.script(small)
    for x in (td.ones((5, 3)), -td.ones((5, 3))):
        with td.no_grad():
            assert float(td.abs(small(x) - model(x)).max()) < 0.05 and (compiled(x) == small(x)).all()


def test_weights_are_packed_once():
    """They are memory of the model itself, which nobody else writes to."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = td.onnx.load(model_of([node], {"w": drawn(300, 300)}, {"x": ["n", 300]}, {"y": ["n", 300]}))
    x = td.ones((40, 300))
    with td.no_grad():
        held = []
        for _ in range(4):
            model(x)
            held.append(td.memory_stats()["in_use"])
    assert held[-1] - held[0] >= 300 * 300 * 4
