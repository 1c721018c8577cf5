"""Loaded ONNX models as `.tdm` files: as they are, annotated, trained, of any size, in 16 bits."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tandem as td
from deploy_support import BUILD, run

pytest.importorskip("onnx", reason="onnx is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


def bits(found: Any) -> list[bytes]:
    return [np.asarray(x.detach()).tobytes() for x in (found if isinstance(found, tuple) else (found,))]


@pytest.fixture
def network(tmp_path: Path) -> Any:
    """A loaded model, and inputs for it: convolution, normalisation, a product, and names with dots."""
    td.manual_seed(0)
    net = td.nn.Sequential(
        td.nn.Conv2d(1, 4, 3, padding=1), td.nn.BatchNorm2d(4), td.nn.ReLU(), td.nn.Flatten(), td.nn.Linear(4 * 36, 5)
    ).eval()
    x = td.random.Generator(1).normal((3, 1, 6, 6))
    td.onnx.export(net, (x,), tmp_path / "model.onnx", dynamic={"input": {0: "batch"}}, verify=False)
    return td.onnx.load(tmp_path / "model.onnx"), x


@pytest.mark.parametrize("scripted", [False, True])
def test_a_loaded_model_is_saved(network: Any, scripted: bool, tmp_path: Path) -> None:
    model, x = network
    td.save(td.script(model) if scripted else model, tmp_path / "m.tdm", (x,), dynamic={"input": [0]})
    saved = td.load(tmp_path / "m.tdm")
    assert set(saved.state_dict()) >= {"0.weight", "4.bias"}
    for given in (x, td.concat([x, x])):
        assert bits(saved(given)) == bits(model(given))
    if not (BUILD / "runtime").exists():
        pytest.skip("the runtime library was not built")
    np.save(tmp_path / "x.npy", np.asarray(x))
    run(BUILD / "runtime/bin/tandem-run", tmp_path / "m.tdm", "--input", tmp_path / "x.npy", "--output", tmp_path / "y")
    assert np.load(tmp_path / "y0.npy").tobytes() == bits(model(x))[0]


def test_its_training_goes_on_from_the_file(network: Any, tmp_path: Path) -> None:
    model, x = network
    optimizer = td.optim.Adam(model.parameters(), lr=0.01)
    labels = td.asarray([0, 3, 4])

    @td.script
    def step(x: td.Tensor, y: td.Tensor) -> td.Tensor:
        optimizer.zero_grad()
        loss = td.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = [float(step(x, labels)) for _ in range(3)]
    td.save(model, tmp_path / "m.tdm", methods={"forward": (x,), "step": (step, x, labels)})
    saved = td.load(tmp_path / "m.tdm")
    for _ in range(3):
        losses.append(float(step(x, labels)))
        assert float(saved.step(x, labels)) == losses[-1]
    assert losses[-1] < losses[0]
    with td.no_grad():
        assert bits(saved.forward(x)) == bits(model(x))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_it_is_converted_to_16_bits(network: Any, dtype: str, tmp_path: Path) -> None:
    model, x = network
    made = td.convert(model, dtype)
    assert {each.dtype for each in made.parameters()} == {getattr(td, dtype)}
    wanted = bits(made(x))
    assert wanted != bits(model(x)) and made(x).dtype == td.float32
    np.testing.assert_allclose(np.asarray(made(x)), np.asarray(model(x).detach()), atol=0.05)
    for each in (td.script(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert bits(each(x)) == wanted
    td.save(made, tmp_path / "m.tdm", (x,))
    assert bits(td.load(tmp_path / "m.tdm")(x)) == wanted


def test_precisions_that_its_code_cannot_have(network: Any) -> None:
    model, x = network
    with pytest.raises(TypeError, match="got OnnxModule at 'the top' for float64, but its code has the dtypes"):
        td.convert(model, "float64")


@pytest.mark.parametrize("name", ["lstm", "decoder"])
def test_networks_for_any_size(name: str, tmp_path: Path) -> None:
    """Loops over a length that differs, masks that depend on it."""
    pytest.importorskip("torch", reason="torch is not installed")
    from onnx_zoo import arrays, export

    path, example = export(name, tmp_path, False)
    model = td.onnx.load(path)
    dynamic = {port.name: axes for port, axes in zip(model.inputs, example.varying, strict=True)}
    td.save(model, tmp_path / "m.tdm", tuple(map(td.asarray, arrays(example.inputs))), dynamic=dynamic)
    saved = td.load(tmp_path / "m.tdm")
    others = arrays(example.others)  # no size is 1 in these
    for inputs in (others, [np.concatenate([x] * 3) for x in others]):
        given = tuple(map(td.asarray, inputs))
        assert bits(saved(*given)) == bits(model(*given))
