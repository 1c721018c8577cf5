"""Control flow, sequences and plain numbers of loaded models: eager, compiled, and in the tests of every operator."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import tandem as td

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from test_onnx_load_nodes import cases, element_types, failures  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
info, node = helper.make_tensor_value_info, helper.make_node


def load(nodes: list[Any], inputs: list[Any], outputs: list[str], **constants: Any) -> Any:
    weights = [numpy_helper.from_array(np.asarray(x), name) for name, x in constants.items()]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(nodes, "flow", inputs, results, weights)
    return td.onnx.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]))


def bits(found: Any) -> Any:
    if isinstance(found, (list, tuple)):
        return [bits(x) for x in found]
    return None if found is None else (str(found.dtype), tuple(found.shape), found.detach().tolist().__repr__())


def both(model: Any, *arguments: Any) -> Any:
    """The result, which is the same bits when it is compiled."""
    eager = model(*arguments)
    assert bits(td.script(model)(*arguments)) == bits(eager)
    return eager


def halving(trips: str) -> Any:
    """A loop that halves x until its sum is at most 1, or it has done so often enough."""
    body = helper.make_graph(
        [
            node("Mul", ["v", "half"], ["w"]),
            node("ReduceSum", ["w"], ["s"], keepdims=0),
            node("Greater", ["s", "one"], ["more"]),
        ],
        "body",
        [info("i", INT64, []), info("c", BOOL, []), info("v", FLOAT, ["n"])],
        [info("more", BOOL, []), info("w", FLOAT, ["n"])],
    )
    return load(
        [node("Loop", [trips, "", "x"], ["y"], body=body)],
        [info("x", FLOAT, ["n"]), info("k", INT64, [])],
        ["y"],
        half=np.float32(0.5),
        one=np.float32(1),
    )


@pytest.mark.parametrize("trips", ["", "k"])
def test_a_loop_with_a_condition(trips: str) -> None:
    model = halving(trips)
    assert "while " in model.code
    compiled = td.script(model)
    for n in (2, 3, 4, 5):
        x, k = td.full((n,), 8.0), td.asarray(3)
        total, steps = 8.0 * n, 0
        while steps == 0 or (total > 1 and (not trips or steps < 3)):
            total, steps = total / 2, steps + 1
        assert float(model(x, k).sum()) == total == float(compiled(x, k).sum())
    assert compiled.stats()["captures"] == 2


def test_a_loop_that_counts_to_an_input() -> None:
    body = helper.make_graph(
        [node("Add", ["v", "x"], ["w"]), node("Identity", ["c"], ["c2"])],
        "body",
        [info("i", INT64, []), info("c", BOOL, []), info("v", FLOAT, ["n"])],
        [info("c2", BOOL, []), info("w", FLOAT, ["n"])],
    )
    inputs = [info("x", FLOAT, ["n"]), info("k", INT64, [])]
    model = load([node("Loop", ["k", "", "x"], ["y"], body=body)], inputs, ["y"])
    assert "for i in range(scalar(k)):" in model.code
    compiled = td.script(model)
    for k in (0, 1, 5, 9):
        assert (
            float(compiled(td.ones((2,)), td.asarray(k))[0]) == k + 1 == float(model(td.ones((2,)), td.asarray(k))[0])
        )
    assert compiled.stats()["captures"] == 1
    graph = str(compiled.graph(td.ones((2,)), td.asarray(1))) if hasattr(compiled, "graph") else "while"
    assert "while" in graph


def test_a_branch() -> None:
    then = helper.make_graph([node("Neg", ["x"], ["t"])], "then", [], [info("t", FLOAT, None)])
    other = helper.make_graph(
        [node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["e"], to=FLOAT)], "other", [], [info("e", FLOAT, None)]
    )
    nodes = [
        node("ReduceSum", ["x"], ["total"], keepdims=0),
        node("Greater", ["total", "zero"], ["test"]),
        node("If", ["test"], ["y"], then_branch=then, else_branch=other),
    ]
    model = load(nodes, [info("x", FLOAT, [1])], ["y"], zero=np.float32(0))
    compiled = td.script(model)
    for value, wanted in ((2.0, -2.0), (-3.0, 1.0)):
        x = td.asarray([value])
        assert float(model(x)[0]) == wanted == float(compiled(x)[0])
    assert compiled.stats()["captures"] == 1


def test_scan_in_both_directions() -> None:
    body = helper.make_graph(
        [node("Add", ["s", "e"], ["t"]), node("Identity", ["t"], ["o"])],
        "body",
        [info("s", FLOAT, [2]), info("e", FLOAT, [2])],
        [info("t", FLOAT, [2]), info("o", FLOAT, [2])],
    )
    for backwards in (0, 1):
        scan = node("Scan", ["z", "x"], ["y", "ys"], body=body, num_scan_inputs=1, scan_input_directions=[backwards])
        model = load([scan], [info("x", FLOAT, ["n", 2]), info("z", FLOAT, [2])], ["y", "ys"])
        for n in (1, 3, 10):
            x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
            last, steps = both(model, td.asarray(x), td.zeros((2,)))
            wanted = np.cumsum(x[::-1] if backwards else x, axis=0)
            assert np.array_equal(steps.numpy(), wanted) and np.array_equal(last.numpy(), wanted[-1])


def test_shapes_stay_numbers_when_sizes_are_symbols() -> None:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Mul", ["n", "two"], ["n2"]),
        node("Unsqueeze", ["n2", "axis"], ["n2v"]),
        node("Concat", ["n2v", "rest"], ["shape"], axis=0),
        node("Reshape", ["x", "shape"], ["r"]),
        node("Equal", ["shape", "rest"], ["same"]),
        node("Where", ["same", "rest", "shape"], ["target"]),
        node("ConstantOfShape", ["n2v"], ["zeros"]),
        node("Range", ["zero", "n2", "one"], ["places"]),
        node("Expand", ["one_float", "n2v"], ["wide"]),
        node("Add", ["wide", "zeros"], ["sum"]),
        node("Div", ["n2", "two"], ["back"]),
        node("Slice", ["places", "zero_v", "back_v"], ["part"]),
        node("Unsqueeze", ["back", "axis"], ["back_v"]),
    ]
    nodes[13], nodes[14] = nodes[14], nodes[13]
    constants = {
        "zero": np.int64(0),
        "one": np.int64(1),
        "two": np.int64(2),
        "axis": np.asarray([0]),
        "rest": np.asarray([-1]),
        "zero_v": np.asarray([0]),
        "one_float": np.float32(1),
    }
    model = load(nodes, [info("x", FLOAT, ["n", 4])], ["r", "places", "sum", "part"], **constants)
    compiled = td.script(model)
    for n in (2, 3, 4, 5):
        x = td.asarray(np.arange(4 * n, dtype=np.float32).reshape(n, 4))
        r, places, total, part = model(x)
        assert r.shape == (2 * n, 2) and places.tolist() == [*range(2 * n)] and total.shape == (2 * n,)
        assert part.tolist() == [*range(n)]
        assert bits(compiled(x)) == bits((r, places, total, part))
    assert compiled.stats()["captures"] == 2


def test_sequences_and_optionals() -> None:
    nodes = [
        node("SequenceConstruct", ["x", "y"], ["s"]),
        node("SequenceInsert", ["s", "y", "first"], ["s2"]),
        node("SequenceAt", ["s2", "first"], ["a"]),
        node("SequenceLength", ["s2"], ["n"]),
        node("ConcatFromSequence", ["s2"], ["c"], axis=0),
        node("Optional", ["c"], ["o"]),
        node("OptionalGetElement", ["o"], ["g"]),
    ]
    model = load(nodes, [info("x", FLOAT, [2]), info("y", FLOAT, [2])], ["a", "n", "g", "s2"], first=np.int64(0))
    a, n, g, s = both(model, td.asarray([1.0, 2.0]), td.asarray([3.0, 4.0]))
    assert a.tolist() == [3, 4] and n.tolist() == 3 and g.tolist() == [3, 4, 1, 2, 3, 4] and len(s) == 3


def test_the_backend_runs_single_nodes() -> None:
    backend = td.onnx.backend
    x = np.asarray([[1, -2]], np.float32)
    (y,) = backend.run_node(node("Relu", ["x"], ["y"]), [x])
    assert y.tolist() == [[1, 0]]
    assert backend.supports_device("CPU") and not backend.supports_device("CUDA")
    with pytest.raises(td.BackendError, match="device='CUDA'"):
        backend.prepare(cases("node")["test_relu"].model, "CUDA")
    assert not backend.is_compatible(cases("node")["test_image_decoder_decode_png_rgb"].model)


def test_without_the_onnx_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(td.BackendError, match="pip install onnx"):
        td.onnx.load("model.onnx")


# What has a size that depends on values, or a type that does; their inputs are no shapes that could be constants.
EAGER = {"BitCast", "Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Range", "RoiAlign", "Unique"}


def with_constants(model: Any, inputs: list[Any]) -> tuple[Any, list[Any]]:
    """The model with its small inputs of integers and single numbers as constants, and the other inputs."""
    new, rest = onnx.ModelProto(), []
    new.CopyFrom(model)
    del new.graph.input[:]
    for port, x in zip(model.graph.input, inputs, strict=True):
        small = isinstance(x, (np.ndarray, np.generic)) and x.ndim <= 1 and (x.dtype.kind in "iub" or x.size <= 8)
        if small:
            new.graph.initializer.append(numpy_helper.from_array(np.asarray(x), port.name))
        else:
            new.graph.input.append(port)
            rest.append(x)
    return new, rest


@pytest.mark.parametrize("chunk", range(4))
def test_every_operator_compiles_to_the_same_bits(chunk: int) -> None:
    from onnx.backend.test.runner import _normalize_tensor

    from tandem.onnx.backend import _into
    from tandem.onnx.dtypes import DTYPES

    first: dict[str, Any] = {}
    for name, case in sorted(cases("node").items()):
        if name not in failures() and element_types(case) <= set(DTYPES) and len(case.model.graph.node) == 1:
            first.setdefault(case.model.graph.node[0].op_type, case)
    assert len(first) > 170
    wrong = []
    for kind in sorted(first)[chunk::4]:
        arrays = [_normalize_tensor(x) for x in first[kind].data_sets[0][0]]
        model, rest = first[kind].model, arrays
        for _ in range(2):
            loaded, inputs = td.onnx.load(model), [_into(x) for x in rest]
            try:
                if "Random" not in kind and bits(td.script(loaded)(*inputs)) != bits(loaded(*inputs)):
                    wrong.append(f"{kind}: other bits")
                break
            except td.CaptureError as error:
                if model is not first[kind].model and kind not in EAGER:
                    wrong.append(f"{kind}: {error}")
                model, rest = with_constants(first[kind].model, arrays)
    assert not wrong, "\n".join(wrong)
