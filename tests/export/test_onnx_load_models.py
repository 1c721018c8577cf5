"""Models that PyTorch's exporters wrote: their results are ONNX Runtime's, compiled and eager are the same bits."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tandem as td

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

NETWORKS = ("mlp", "resnet18", "lstm", "encoder", "decoder")


def results(found: Any) -> list[np.ndarray[Any, Any]]:
    return [x.detach().numpy() for x in (found if isinstance(found, tuple) else (found,))]


def expected(path: Path, inputs: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {port.name: x for port, x in zip(session.get_inputs(), inputs, strict=True)})


@pytest.mark.parametrize("dynamo", [False, True], ids=["legacy", "dynamo"])
@pytest.mark.parametrize("name", NETWORKS)
def test_exported_networks_run(name: str, dynamo: bool, tmp_path: Path) -> None:
    from onnx_zoo import arrays, export

    if dynamo:
        pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    path, example = export(name, tmp_path, dynamo)
    model = td.onnx.load(path)
    compiled = td.script(model)
    # The older exporter writes the sizes of the example into the encoder.
    sizes = [example.inputs] if (name, dynamo) == ("encoder", False) else [example.inputs, example.others]
    for inputs in map(arrays, sizes):
        eager = results(model(*map(td.asarray, inputs)))
        for found, wanted in zip(eager, expected(path, inputs), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-6)
        for found, wanted in zip(results(compiled(*map(td.asarray, inputs))), eager, strict=True):
            assert found.tobytes() == wanted.tobytes()
    with torch.no_grad():
        out = example.network(*sizes[-1])
    for found, wanted in zip(eager, out if isinstance(out, tuple) else (out,), strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=2e-6)
    assert compiled.stats()["captures"] == len(sizes)  # one for the first sizes, one for all others
    if len(sizes) > 1:
        more = [np.concatenate([x] * 3) for x in inputs]
        compiled(*map(td.asarray, more))
        assert compiled.stats()["captures"] == 2


def test_parameters_have_the_names_of_the_network(tmp_path: Path) -> None:
    from onnx_zoo import export

    path, example = export("mlp", tmp_path, False)
    model = td.onnx.load(path)
    assert {*model.state_dict()} == {*example.network.state_dict()}
    for name, x in model.state_dict().items():
        assert np.array_equal(x.detach().numpy(), example.network.state_dict()[name].numpy())
    assert all(x.requires_grad for x in model.parameters())
    frozen = td.onnx.load(path, trainable=lambda name: name.startswith("2."))
    assert [name for name, _ in frozen.named_parameters()] == ["2.weight", "2.bias"]
    assert {*frozen.state_dict()} == {*model.state_dict()}


@pytest.mark.parametrize("scripted", [False, True])
def test_a_loaded_network_is_trained(scripted: bool, tmp_path: Path) -> None:
    from onnx_zoo import export

    path, example = export("mlp", tmp_path, False)
    model = td.onnx.load(path)
    optimizer = td.optim.SGD(model.parameters(), lr=0.5)
    x = example.inputs[0]
    target = np.asarray([0, 1, 2])

    def step(x: td.Tensor, target: td.Tensor) -> td.Tensor:
        optimizer.zero_grad()
        loss = -td.mean(td.log(td.take_along_axis(model(x), td.expand_dims(target, axis=1), axis=1)))
        loss.backward()
        optimizer.step()
        return loss

    run = td.script(step) if scripted else step
    losses = [float(run(td.asarray(x.numpy()), td.asarray(target))) for _ in range(8)]
    theirs = torch.optim.SGD(example.network.parameters(), lr=0.5)
    for ours in losses:
        theirs.zero_grad()
        loss = -example.network(x)[torch.arange(3), torch.from_numpy(target)].log().mean()
        loss.backward()
        theirs.step()
        np.testing.assert_allclose(ours, loss.item(), rtol=1e-4)
    assert losses[-1] < losses[0]


def test_a_loaded_network_is_saved_copied_and_pickled(tmp_path: Path) -> None:
    from onnx_zoo import arrays, export

    path, example = export("decoder", tmp_path, False)
    model = td.onnx.load(path)
    inputs = [td.asarray(x) for x in arrays(example.inputs)]
    with td.no_grad():
        model.get_parameter("head.bias")[...] = 3.0
    model.get_parameter("head.bias").requires_grad_(False)
    wanted = results(model(*inputs))
    td.save(model.state_dict(), tmp_path / "model.safetensors")
    other = td.onnx.load(path)
    other.load_state_dict(td.load(tmp_path / "model.safetensors"))
    copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model)), pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert not any(each.get_parameter("head.bias").requires_grad for each in copies)
    for each in (other, *copies):
        assert each.code == model.code
        assert all(a.tobytes() == b.tobytes() for a, b in zip(results(each(*inputs)), wanted, strict=True))


def test_repr_and_code(tmp_path: Path) -> None:
    from onnx_zoo import export

    path, _ = export("mlp", tmp_path, False)
    model = td.onnx.load(path)
    lines = [line.strip() for line in repr(model).splitlines()]
    assert lines[0] == "OnnxModule(" and lines[-1] == ")"
    assert "input in0: float32[n, 4]" in lines and "nodes: 2 Gemm, 1 Relu, 1 Softmax" in lines
    assert lines[3].startswith("result ") and lines[3].endswith(": float32[n, 3]")
    assert "parameters: 67 in 4 tensors" in lines
    assert 'Gemm(in0, getattr(self, "0").weight, getattr(self, "0").bias' in model.code
