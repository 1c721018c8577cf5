"""Files that are damaged or hostile, and models that Tandem cannot compute: an error that says what and where."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tandem as td

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FLOAT = TensorProto.FLOAT


def model(
    nodes: list[Any], initializers: tuple[Any, ...] = (), functions: tuple[Any, ...] = (), opset: int = 20
) -> Any:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        list(initializers),
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions))


def node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, outputs, name=attributes.pop("name", "the node"), **attributes)


def tensor(name: str, array: Any) -> Any:
    return numpy_helper.from_array(np.asarray(array), name)


def cycle() -> Any:
    return model([node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])])


def recursion() -> Any:
    one = helper.make_function(
        "own", "f", ["a"], ["b"], [helper.make_node("f", ["a"], ["b"], domain="own")], [helper.make_opsetid("own", 1)]
    )
    return model([helper.make_node("f", ["x"], ["y"], name="the node", domain="own")], functions=(one,))


def huge() -> Any:
    weight = tensor("w", np.ones(3, np.float32))
    weight.dims[0] = 1 << 50
    return model([node("Add", ["x", "w"], ["y"])], (weight,))


def negative() -> Any:
    weight = tensor("w", np.ones(3, np.float32))
    weight.dims[0] = -3
    return model([node("Add", ["x", "w"], ["y"])], (weight,))


def deep() -> Any:
    result = helper.make_tensor_value_info("y", FLOAT, None)
    nodes = [node("Relu", ["x"], ["y"])]
    for k in range(24):
        inner = helper.make_graph(nodes, "inner", [], [result])
        nodes = (
            [node("If", ["test"], ["y"], then_branch=inner, else_branch=inner)]
            if k < 3
            else [
                node(
                    "If",
                    ["test"],
                    ["y"],
                    then_branch=inner,
                    else_branch=helper.make_graph([node("Relu", ["x"], ["y"])], "other", [], [result]),
                )
            ]
        )
    return model(nodes, (tensor("test", True),))


def outside() -> Any:
    weight = tensor("w", np.ones(3, np.float32))
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    return model([node("Add", ["x", "w"], ["y"])], (weight,))


MODELS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "cycle": (cycle, td.SerializationError, r"input 'b', which nothing before it computes in node 'the node' \(Relu\)"),
    "recursion": (recursion, td.SerializationError, "function 'f' that calls itself"),
    "huge": (huge, td.SerializationError, "initializer 'w'"),
    "negative": (negative, td.SerializationError, r"sizes \[-3\]"),
    "deep": (deep, td.SerializationError, "more than 16 deep"),
    "outside": (outside, td.SerializationError, "initializer 'w'"),
    "twice": (
        lambda: model([node("Relu", ["x"], ["y"]), node("Relu", ["x"], ["y"])]),
        td.SerializationError,
        "second value of the name 'y'",
    ),
    "no result": (lambda: model([node("Relu", ["x"], ["z"])]), td.SerializationError, "result 'y'"),
    "inputs": (lambda: model([node("Relu", ["x", "x"], ["y"])]), td.SerializationError, r"2 inputs in node .*\(Relu\)"),
    "results": (lambda: model([node("Relu", ["x"], ["y", "z"])]), td.SerializationError, "2 results"),
    "attribute": (
        lambda: model([node("Relu", ["x"], ["y"], slope=1.0)]),
        td.BackendError,
        r"attribute 'slope' in node 'the node' \(Relu\)",
    ),
    "operator": (lambda: model([node("Relou", ["x"], ["y"])]), td.BackendError, r"operator Relou in node 'the node'"),
    "type": (
        lambda: model([node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E5M2)]),
        td.BackendError,
        r"element type FLOAT8E5M2",
    ),
    "domain": (
        lambda: model([helper.make_node("Relu", ["x"], ["y"], domain="com.other", name="the node")]),
        td.SerializationError,
        "domain 'com.other'",
    ),
    "branch": (lambda: model([node("If", ["x"], ["y"])]), td.SerializationError, "no graph 'then_branch'"),
    "strings": (
        lambda: model([node("Add", ["x", "w"], ["y"])], (helper.make_tensor("w", TensorProto.STRING, [1], [b"a"]),)),
        td.BackendError,
        "element type STRING",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_that_cannot_be_read(name: str) -> None:
    make, kind, message = MODELS[name]
    with pytest.raises(kind, match=message):
        td.onnx.load(make().SerializeToString())


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a model", bytes(1000), b"\x08\x07"])
def test_bytes_that_are_no_model(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(data)
    for given in (data, tmp_path / "model.onnx"):
        with pytest.raises(td.SerializationError, match="model"):
            td.onnx.load(given)
    with pytest.raises(FileNotFoundError):
        td.onnx.load(tmp_path / "other.onnx")


def test_weights_in_files_of_their_own(tmp_path: Path) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(3, 2)
    whole = model([node("MatMul", ["x", "w"], ["y"])], (tensor("w", weight),))
    onnx.save(whole, tmp_path / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=0)
    loaded = td.onnx.load(tmp_path / "model.onnx")
    assert np.array_equal(loaded.w.detach().numpy(), weight)
    assert np.array_equal(loaded(td.ones((1, 3))).detach().numpy(), weight.sum(axis=0, keepdims=True))
    assert np.array_equal(pickle.loads(pickle.dumps(loaded)).w.detach().numpy(), weight)
    with pytest.raises(td.SerializationError, match="a file of its own"):
        td.onnx.load((tmp_path / "model.onnx").read_bytes())
    (tmp_path / "inner").mkdir()
    for location in ("../model.data", str(tmp_path / "model.data"), "other.data"):
        moved = onnx.load(tmp_path / "model.onnx", load_external_data=False)
        next(each for each in moved.graph.initializer[0].external_data if each.key == "location").value = location
        (tmp_path / "inner" / "model.onnx").write_bytes(moved.SerializeToString())
        with pytest.raises(td.SerializationError, match="initializer 'w'"):
            td.onnx.load(tmp_path / "inner" / "model.onnx")


def test_errors_at_a_call_name_the_node() -> None:
    loaded = td.onnx.load(model([node("MatMul", ["x", "w"], ["y"])], (tensor("w", np.ones((4, 2), np.float32)),)))
    for call in (loaded, td.script(loaded)):
        with pytest.raises(td.ShapeError, match=r"^node 'the node' \(MatMul\): matmul: got"):
            call(td.ones((2, 3)))
    with pytest.raises(td.DTypeError, match="input 'x': got int64; need float32"):
        loaded(td.asarray([[1, 2, 3]]))
    with pytest.raises(td.ShapeError, match="input 'x': got the shape"):
        loaded(td.ones((3,)))
    with pytest.raises(TypeError, match="input 'x'"):
        loaded(object())


def test_an_infeasible_size_is_an_error() -> None:
    nodes = [node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["y"])]
    loaded = td.onnx.load(model(nodes, (tensor("s", np.asarray([1 << 40, 1 << 40])),)))
    with pytest.raises(td.Error):
        loaded(td.ones((1, 3)))


def damaged(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(out))
        kind = rng.random()
        if kind < 0.6:
            out[place] = rng.randrange(256)
        elif kind < 0.8:
            del out[place : place + rng.randrange(1, 8)]
        else:
            out[place:place] = rng.randbytes(rng.randrange(1, 5))
    return bytes(out)


def looped() -> Any:
    """A model with a loop, a branch and a function."""
    info = helper.make_tensor_value_info
    then = helper.make_graph([node("Neg", ["h"], ["t"])], "then", [], [info("t", FLOAT, None)])
    other = helper.make_graph([node("Relu", ["h"], ["e"])], "other", [], [info("e", FLOAT, None)])
    body = helper.make_graph(
        [
            node("ReduceSum", ["h"], ["s"], keepdims=0),
            node("Less", ["s", "limit"], ["small"]),
            node("If", ["small"], ["a"], then_branch=then, else_branch=other),
            node("Add", ["a", "w"], ["h2"]),
            node("Identity", ["c"], ["c2"]),
        ],
        "body",
        [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []), info("h", FLOAT, None)],
        [info("c2", TensorProto.BOOL, []), info("h2", FLOAT, None)],
    )
    own = helper.make_function("own", "f", ["a"], ["b"], [node("Exp", ["a"], ["b"])], [helper.make_opsetid("", 20)])
    nodes = [
        node("Size", ["w"], ["count"]),
        node("Loop", ["count", "", "x"], ["z"], body=body),
        helper.make_node("f", ["z"], ["y"], domain="own", name="own"),
    ]
    weights = (tensor("w", np.ones(3, np.float32)), tensor("limit", np.float32(2)))
    return model(nodes, weights, (own,))


def test_damaged_files_never_crash() -> None:
    rng = random.Random(7)
    sources = [looped().SerializeToString(), *(make().SerializeToString() for make, _, _ in MODELS.values())]
    loaded = ran = 0
    for k in range(1500):
        try:
            found = td.onnx.load(damaged(sources[0] if k % 2 else rng.choice(sources), rng))
            loaded += 1
            if "while" not in found.code:  # a loop that has lost its number of steps goes on for ever
                found(td.ones((2, 3)))
                ran += 1
        except td.Error:
            pass
    assert loaded > 50 and ran > 10


def test_the_source_of_the_damaged_files_runs() -> None:
    loaded = td.onnx.load(looped())
    x = np.asarray([[-1, 0, 0.5]], np.float32)
    h = x
    for _ in range(3):
        h = (-h if h.sum() < 2 else np.maximum(h, 0)) + 1
    for call in (loaded, td.script(loaded)):
        np.testing.assert_allclose(call(td.asarray(x)).numpy(), np.exp(h), rtol=1e-6)
