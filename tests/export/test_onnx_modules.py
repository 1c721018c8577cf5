"""Networks as ONNX models: every layer in evaluation, and the models of the examples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx_support import exported, operators

import tandem as td
from nn.module_cases import CASES, arrays, name_of
from tandem import nn

# Layers that ONNX has nothing for, and what the error says about it.
REFUSED: dict[str, str] = {}


def single(array: Any) -> Any:
    return td.asarray(array.astype(np.float32) if array.dtype == np.float64 else array)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_layer(case: Any, tmp_path: Path) -> None:
    td.manual_seed(7)
    module = getattr(nn, case[0])(*case[1], **case[2]).eval()
    args = tuple(single(a) for a in arrays(case))
    if case[0] in REFUSED:
        with pytest.raises(td.SerializationError, match=REFUSED[case[0]]):
            td.onnx.export(module, args, tmp_path / "model.onnx")
        return
    given = {"verify": [args]} if case[0] == "EmbeddingBag" and len(args) > 1 else {}  # offsets are in order
    report, model = exported(module, args, tmp_path, **given)
    assert report.runtime == "ONNX Runtime" and len(report.cases) >= (2 if given else 3)
    names = {each.name for each in model.graph.initializer}
    assert {name for name in names if not name.startswith("const.")} <= set(module.state_dict())


def test_training_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(td.SerializationError, match=r"changes a tensor of its own.*try model.eval\(\)"):
        td.onnx.export(nn.BatchNorm2d(3), td.ones((2, 3, 4, 4)), tmp_path / "model.onnx")
    with pytest.raises(td.SerializationError, match=r"state|generator"):
        td.onnx.export(nn.Dropout(), td.ones((2, 3)), tmp_path / "model.onnx")


def test_seq2seq(tmp_path: Path) -> None:
    """The whole model for any batch and length of the text, and one step of decoding with a cache."""
    from examples.seq2seq.model import Config, Seq2Seq

    td.manual_seed(3)
    model = Seq2Seq(Config(24, 6, 7, width=16, heads=2, encoder=1, decoder=2)).eval()
    rng = np.random.default_rng(0)
    source, target = (td.asarray(rng.integers(5, 24, (4, n))) for n in (6, 7))
    dynamic = {"source": {0: "batch"}, "target": {0: "batch"}}
    report, graph = exported(model, (source, target), tmp_path, dynamic=dynamic)
    assert report.inputs == ["source", "target"] and report.sizes == ["batch"] and len(report.cases) >= 4
    assert "tokens.weight" in {each.name for each in graph.graph.initializer}

    with td.no_grad():
        memory, mask = model.encode(source)
        caches = [layer.across.cache(memory) for layer in model.decoder]
        own = [tuple(td.zeros((4, 2, 7, 8)) for _ in range(2)) for _ in model.decoder]
    args = (source[:, 0], td.asarray(2), own, caches, mask)
    report, graph = exported(model.step, args, tmp_path)
    assert report.inputs[:3] == ["tokens", "place", "own.0.0"] and report.runtime == "ONNX Runtime"
    assert len(report.outputs) == 1 + 2 * len(own) and {"Gather", "Softmax", "LayerNormalization"} <= set(
        operators(graph.graph)
    )


def test_smash(tmp_path: Path) -> None:
    """The network of one architecture, with weights of its own and with those that are made for it."""
    from examples.smash.architecture import sample
    from examples.smash.model import Alone, Smash

    td.manual_seed(1)
    rng = np.random.default_rng(4)
    architecture = sample(rng)
    images = td.asarray(rng.random((4, 1, 28, 28), dtype=np.float32))
    alone = Alone(architecture).eval()
    report, model = exported(alone, (images,), tmp_path, dynamic={"images": {0: "batch"}})
    assert report.runtime == "ONNX Runtime" and operators(model.graph).count("Conv") >= 5
    smash = Smash().eval()
    report, model = exported(lambda images: smash(images, architecture), (images,), tmp_path)
    assert report.runtime == "ONNX Runtime" and report.inputs == ["images"]
