"""What td.onnx.export promises: names, sizes, control flow, verification, and errors with the user's line."""

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx_support import exported, operators

import tandem as td
from tandem import nn
from tandem.onnx import emission, exporting, verify

x = td.asarray(np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32))


def shape_of(info: Any) -> list[Any]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def run(path: Any, **inputs: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


# Names


class State(NamedTuple):
    key: Any
    value: Any


def test_names_are_those_of_the_code(tmp_path: Path) -> None:
    def step(tokens: Any, state: State, layers: list[Any], *, scale: Any) -> dict[str, Any]:
        return {"logits": tokens * scale + layers[1], "state": State(state.key + 1, state.value)}

    report, model = exported(step, (x, State(x, x), [x, x]), tmp_path, kwargs={"scale": x})
    assert report.inputs == ["tokens", "state.key", "state.value", "layers.0", "layers.1", "scale"]
    assert report.outputs == ["logits", "state.key_out", "state.value_out"]  # one name is one value
    assert [each.name for each in model.graph.input] == report.inputs
    assert model.graph.name == "step" and model.producer_name == "tandem"


def test_names_can_be_given(tmp_path: Path) -> None:
    report, model = exported(lambda a, b: (a + b, a), (x, x), tmp_path, input_names=["p", "q"], output_names=["r", "s"])
    assert [each.name for each in model.graph.input] == ["p", "q"]
    assert [each.name for each in model.graph.output] == ["r", "s"] == report.outputs


def test_weights_are_called_as_in_the_state_dict(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2)).eval()
    _, proto = exported(model, td.ones((3, 1, 4, 4)), tmp_path)
    found = {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}
    for name, tensor in model.state_dict().items():
        if name != "1.num_batches_tracked":  # nothing reads it
            assert np.array_equal(found[name], tensor.numpy())

    def head(y: Any) -> Any:
        return model[3](y) * x[0, 0]

    _, proto = exported(head, td.ones((3, 8)), tmp_path)
    assert {"model.3.weight", "model.3.bias", "x"} <= {each.name for each in proto.graph.initializer}


def test_nodes_name_the_lines_of_the_user(tmp_path: Path) -> None:
    line = sys._getframe().f_lineno + 3

    def program(x: Any) -> Any:
        return td.sin(x) + td.std(x)

    _, model = exported(program, x, tmp_path)
    assert {node.doc_string for node in model.graph.node} == {f"{__file__}:{line}"}
    assert [function.name for function in model.functions] == ["std"]
    assert model.functions[0].doc_string == "Return the square root of `var`."
    _, model = exported(program, x, tmp_path, functions=False)
    assert not model.functions and "ReduceSum" in operators(model.graph)


# Sizes


@pytest.mark.parametrize("axes", [{0: "batch"}, ("batch", None, None)])
def test_dynamic_axes(axes: Any, tmp_path: Path) -> None:
    def program(images: Any) -> Any:
        flat = images.reshape(images.shape[0], -1)
        return td.concat([flat, flat[:, ::-1]], axis=1), images.shape[0] * 2 + 1

    report, model = exported(program, td.ones((5, 2, 3)), tmp_path, dynamic={"images": axes})
    assert report.sizes == ["batch"] and shape_of(model.graph.input[0]) == ["batch", 2, 3]
    assert shape_of(model.graph.output[0]) == ["batch", 12]
    for batch in (1, 2, 9):
        given = np.random.default_rng(batch).standard_normal((batch, 2, 3)).astype(np.float32)
        ours = program(td.asarray(given))
        flat, count = run(report.path, images=given)
        assert np.array_equal(flat, ours[0].numpy()) and count == 2 * batch + 1


def test_sizes_in_expressions(tmp_path: Path) -> None:
    def program(a: Any, b: Any) -> Any:
        both = td.concat([a, b], axis=0)
        half = both[: (a.shape[0] + b.shape[0]) // 2]
        return both, half, td.zeros((a.shape[0] * 2, b.shape[0])), td.flip(both[1:-1], axis=0)

    specs = (td.TensorSpec(("n", 3), td.float32), td.TensorSpec(("m", 3), td.float32))
    report, model = exported(program, specs, tmp_path)
    assert report.sizes == ["m", "n"] and shape_of(model.graph.output[2]) == ["2*n", "m"]
    a, b = np.ones((4, 3), np.float32), np.full((7, 3), 2, np.float32)
    for ours, theirs in zip(program(td.asarray(a), td.asarray(b)), run(report.path, a=a, b=b), strict=True):
        assert np.array_equal(ours.numpy(), theirs)


def test_one_name_is_one_size(tmp_path: Path) -> None:
    specs = (td.TensorSpec(("n", "k"), td.float32), td.TensorSpec(("k", "n"), td.float32))
    report, model = exported(lambda a, b: a @ b, specs, tmp_path)
    assert report.sizes == ["k", "n"] and shape_of(model.graph.output[0]) == ["n", "n"]


def test_a_size_of_one_that_means_something_else_is_a_note(tmp_path: Path) -> None:
    def program(a: Any) -> Any:
        return a.sum(axis=0) if a.shape[0] > 1 else a[0] - 1

    report, _ = exported(program, td.ones((3, 2)), tmp_path, dynamic={"a": {0: "n"}})
    assert any("all sizes 1" in note and "not covered" in note for note in report.notes)


# Control flow


def collatz(n: Any, limit: Any) -> Any:
    steps = td.zeros_like(n)
    while (n > 1).any() and steps.max() < limit:
        even = n % 2 == 0
        steps = td.where(n > 1, steps + 1, steps)
        n = td.where(n > 1, td.where(even, n // 2, 3 * n + 1), n)
    if steps.sum() > 30:
        result = steps * 10
    else:
        result = -steps
    return result, n


def test_branches_and_loops(tmp_path: Path) -> None:
    args = (td.asarray([6, 7, 27]), td.asarray(200))
    report, model = exported(collatz, args, tmp_path, dynamic={"n": [0]})
    assert {"Loop", "If"} <= set(operators(model.graph))
    for n in ([1, 2], [3, 9, 12, 40, 5]):
        ours = collatz(td.asarray(n), td.asarray(50))
        theirs = run(report.path, n=np.array(n), limit=np.array(50))
        assert all(np.array_equal(a.numpy(), b) for a, b in zip(ours, theirs, strict=True))


def test_a_loop_over_rows(tmp_path: Path) -> None:
    def scan(xs: Any, h: Any) -> Any:
        states = xs * 0
        for i in range(xs.shape[0]):
            if xs[i].sum() > 0:
                h = td.tanh(h + xs[i])
            states[i] = h
        return states, h

    report, model = exported(scan, (td.ones((40, 4)), td.zeros((4,))), tmp_path, dynamic={"xs": {0: "length"}})
    assert "Loop" in operators(model.graph) and "ScatterND" not in operators(model.graph)  # rows are stacked
    xs = np.random.default_rng(3).standard_normal((17, 4)).astype(np.float32)
    theirs = run(report.path, xs=xs, h=np.zeros(4, np.float32))
    for a, b in zip(scan(td.asarray(xs), td.zeros((4,))), theirs, strict=True):
        assert np.allclose(a.numpy(), b, atol=1e-6)


@pytest.mark.parametrize("first,last,stacked", [(0, 0, True), (2, 0, True), (0, 3, True), (1, 1, True), (-2, 0, False)])
def test_some_rows_of_a_loop(first: int, last: int, stacked: bool, tmp_path: Path) -> None:
    """Rows in front of and behind those that are written stay; what is read in between is carried along."""

    def shifted(xs: Any) -> Any:
        out = td.ones_like(xs)
        total = xs[0] * 0
        for i in range(first, xs.shape[0] - last):
            total = total + xs[i] * td.flip(xs)[0, 0]
            out[i] = total[0]
        return out, total

    xs = td.asarray(np.arange(28.0, dtype=np.float32).reshape(7, 4) / 8)
    _, model = exported(shifted, xs, tmp_path, dynamic={"xs": {0: "n"}}, atol=1e-4)
    assert "Loop" in operators(model.graph) and stacked != ("ScatterND" in operators(model.graph))


def test_rows_that_are_read_are_carried(tmp_path: Path) -> None:
    def fibonacci(out: Any, n: Any) -> Any:
        out = out + 0
        i = 2
        while i < n:
            out[i] = out[i - 1] + out[i - 2]
            i = i + 1
        return out

    start = td.asarray([1, 1, 0, 0, 0, 0, 0, 0])
    report, model = exported(fibonacci, (start, td.asarray(8)), tmp_path, verify=[(start, td.asarray(5))])
    assert "ScatterND" in operators(model.graph) and len(report.cases) == 2


def test_a_list_that_grows_has_a_fixed_length(tmp_path: Path) -> None:
    def scan(xs: Any) -> Any:
        return td.stack([row * 2 for row in xs])

    report, _ = exported(scan, td.ones((6, 4)), tmp_path)
    assert report.sizes == []
    with pytest.raises(td.SerializationError, match="got 'length' as a size that differs.*writing to a tensor"):
        td.onnx.export(scan, td.ones((6, 4)), tmp_path / "model.onnx", dynamic={"xs": {0: "length"}})


def test_arguments_that_are_written_to_are_outputs(tmp_path: Path) -> None:
    def step(cache: Any, i: Any, row: Any) -> Any:
        cache[i] = row
        return cache.sum()

    report, _ = exported(step, (td.zeros((3, 2)), td.asarray(1), td.ones((2,))), tmp_path)
    assert report.outputs == ["output", "cache_updated"]


def test_results_that_are_arguments_constants_and_twice_the_same(tmp_path: Path) -> None:
    y = x + 1
    report, _ = exported(lambda a: (a, a.T, y, a + 1, a, 3, None, 2.5), x, tmp_path)
    assert report.outputs == [f"output_{k}" for k in (0, 1, 2, 3, 4, 5, 7)]


def test_branches_that_only_look_at_indices(tmp_path: Path) -> None:
    def program(a: Any, i: Any) -> Any:
        if a.sum() > 0:
            a[i]
        return a * 2

    _, model = exported(program, (x, td.asarray(1)), tmp_path)
    assert "Mul" in operators(model.graph)


def test_export_while_compilation_is_off(tmp_path: Path) -> None:
    with td.disabled():
        report, model = exported(collatz, (td.asarray([6, 7, 27]), td.asarray(200)), tmp_path)
    assert "Loop" in operators(model.graph)


# dtypes and opsets


@pytest.mark.parametrize("opset", range(18, exporting._latest() + 1))
def test_opsets(opset: int, tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.linear = nn.LayerNorm(4), nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            y = td.gelu(self.linear(self.norm(x)))
            y = td.softmax(y, axis=-1).sum(axis=1) + td.std(x, axis=1)
            return y if y.mean() > 0 else -y

    report, model = exported(Net(), x, tmp_path, opset=opset, dynamic={"x": {0: "n"}})
    assert report.runtime == "ONNX Runtime" and model.opset_import[0].version == opset
    assert ("Gelu" in operators(model.graph)) == (opset >= 20)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_modules_of_other_dtypes(dtype: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.LayerNorm(8), nn.Linear(8, 2)).to(getattr(td, dtype))
    report, proto = exported(model, x.astype(getattr(td, dtype)), tmp_path)
    assert len(report.cases) >= 3
    kind = {"float16": 10, "bfloat16": 16, "float64": 11}[dtype]
    assert {each.data_type for each in proto.graph.initializer if not each.name.startswith("const.")} == {kind}


# Weights beside the model


@pytest.mark.parametrize("how", ["option", "size"])
def test_external_data(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(64, 64)
    if how == "size":
        monkeypatch.setattr(exporting, "LARGEST", 1000)
    for _ in range(2):  # the second replaces the first
        report, _ = exported(model, td.ones((2, 64)), tmp_path, external_data=True if how == "option" else None)
    assert report.runtime == "ONNX Runtime"
    assert (tmp_path / "model.onnx").stat().st_size < 2000
    assert 16384 <= (tmp_path / "model.onnx.data").stat().st_size < 17000


# Verification


def broken_sine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export sines as cosines."""
    row = dict(emission.table()["sin"], onnx="Cos")
    monkeypatch.setitem(emission.table(), "sin", row)


def test_verification_names_the_first_node_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_sine(monkeypatch)
    line = sys._getframe().f_lineno + 4

    def program(angles: Any) -> Any:
        y = td.exp(angles) * 2
        y = td.sin(y)
        return td.abs(y) + 1

    with pytest.raises(td.SerializationError) as caught:
        td.onnx.export(program, x, tmp_path / "model.onnx")
    text = str(caught.value)
    assert "output 'output' is " in text and "(the arguments)" in text
    assert re.search(rf"the first node that differs is 'sin.Cos' \('sin' of .*:{line}\), which is", text)
    # What is wrong is not there under the name that was asked for.
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx.rejected"]
    td.onnx.export(program, x, tmp_path / "model.onnx", rtol=10, atol=10)
    td.onnx.export(program, x, tmp_path / "model.onnx", verify=False)


def test_differences() -> None:
    a = np.array([1.0, -2.0, np.inf, np.nan], np.float32)
    assert verify.difference(a, a.copy(), (0, 0)) == (0.0, None)
    assert verify.difference(a, a * np.float32(1.0001), (1e-3, 0))[1] is None
    for wrong in (a * 1.01, np.where(np.isnan(a), 0, a), np.where(np.isinf(a), 3e38, a), a[:2], a.astype(np.float64)):
        assert verify.difference(a, np.asarray(wrong), (1e-3, 0))[1] is not None
    assert verify.difference(np.array([1, 2]), np.array([1, 3]), (1, 1))[1] == (
        "is 3 instead of 2 at [1], and differs in 1 elements"
    )
    assert verify.difference(np.zeros((0, 2)), np.zeros((0, 2)), (0, 0)) == (0.0, None)


def test_inputs_to_verify_with_can_be_given(tmp_path: Path) -> None:
    report, _ = exported(lambda a: a * 2, x, tmp_path, verify=[x + 1, (x[:2] * 3,)], dynamic={"a": {0: "n"}})
    assert report.cases == ["the arguments", "verify[0]", "verify[1]"]
    with pytest.raises(ValueError, match="to verify with; need arguments like"):
        td.onnx.export(lambda a: a * 2, x, tmp_path / "model.onnx", verify=[(x, x)])


def test_inputs_to_verify_with_are_like_the_arguments(tmp_path: Path) -> None:
    """Indices stay in range: they are drawn from those given."""
    table = nn.Embedding(5, 3)
    report, _ = exported(table, td.asarray([[0, 4], [1, 3]]), tmp_path, dynamic={"input": {0: "n"}})
    assert len(report.cases) >= 4


# What is refused


def training(model: Any, inputs: Any) -> Any:
    loss = (model(inputs) ** 2).mean()
    loss.backward()
    return loss


@pytest.mark.parametrize(
    "function,args,message",
    [
        (lambda a: a + nn.init.normal_(td.empty((3, 4))), (x,), "generator"),
        (lambda a: td.lgamma(a), (x,), "got 'lgamma'; need an operation that ONNX has: ONNX has no such function"),
        (lambda a: td.abs(td.fft.fft(a)), (x,), "ONNX has no complex operations"),
        (lambda a: a * 1j, (x,), "complex"),
        (lambda a: {1, 2}, (x,), "got a result of type set; need tensors and numbers"),
    ],
)
def test_what_has_no_form_in_onnx(function: Any, args: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(td.Error, match=re.escape(message)) as caught:
        td.onnx.export(function, args, tmp_path / "model.onnx")
    assert __file__ in str(caught.value) or "result of type" in message
    assert not list(tmp_path.iterdir())


def test_training_is_refused(tmp_path: Path) -> None:
    model = nn.Linear(4, 2)
    with pytest.raises(td.SerializationError, match=r"computes gradients with backward\(\)") as caught:
        td.onnx.export(lambda a: training(model, a), x, tmp_path / "model.onnx")
    assert f"{__file__}:" in str(caught.value)
    count = td.asarray(0)

    def counting(a: Any) -> Any:
        count[...] = count + 1
        return a + count

    with pytest.raises(td.SerializationError, match="changes a tensor of its own") as caught:
        td.onnx.export(counting, x, tmp_path / "model.onnx")
    assert f"{__file__}:" in str(caught.value)


def test_calls_of_python_are_refused(tmp_path: Path) -> None:
    def talking(a: Any) -> Any:
        print(a.sum())
        return a

    line = talking.__code__.co_firstlineno + 1
    with pytest.raises(td.SerializationError, match="a call of Python in the middle") as caught:
        td.onnx.export(talking, x, tmp_path / "model.onnx")
    assert f"{__file__}:{line}" in str(caught.value)


@pytest.mark.parametrize(
    "options,error,message",
    [
        ({"opset": 17}, ValueError, "got opset=17; need 18 to"),
        ({"opset": True}, ValueError, "got opset=True"),
        ({"opset": 999}, ValueError, "got opset=999"),
        ({"dynamic": {"y": {0: "n"}}}, ValueError, r"got dynamic axes of 'y'; need one of the tensors ['a']"),
        ({"dynamic": {"a": {2: "n"}}}, ValueError, "got the dynamic axis 2 of 'a', which has 2 axes"),
        ({"dynamic": {"a": {0: "n", 1: "n"}}}, ValueError, "got 'n' of 3 in 'a' and of 4 in 'a'; need one size"),
        ({"input_names": ["p", "q"]}, ValueError, "got 2 input_names for ['a']; need 1"),
        ({"output_names": ["a"]}, ValueError, "got ['a'] for inputs and outputs; need names that differ"),
        ({"output_names": []}, ValueError, "got 0 output_names for ['output']; need 1"),
    ],
)
def test_bad_options(options: Any, error: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=re.escape(message)):
        td.onnx.export(lambda a: a * 2, x, tmp_path / "model.onnx", **options)


def test_bad_functions(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="got Tensor; need a function or a module"):
        td.onnx.export(x, x, tmp_path / "model.onnx")
    with pytest.raises(TypeError, match="takes|argument"):
        td.onnx.export(lambda a: a, (x, x), tmp_path / "model.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(td.BackendError, match=f"got no package '{package}'.*pip install {package}"):
        td.onnx.export(lambda a: a, x, tmp_path / "model.onnx")
