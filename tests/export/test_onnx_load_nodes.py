"""The onnx package's own tests of single nodes, and of the small models that come with it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

import tandem as td

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

CHUNKS = 8


@functools.cache
def cases(kind: str) -> dict[str, Any]:
    from onnx.backend.test.loader import load_model_tests

    return {case.name: case for case in load_model_tests(kind=kind)}


def failures() -> set[str]:
    lines = (Path(__file__).parent / "onnx_node_failures.txt").read_text().split("\n")
    return {line for line in lines if line and not line.startswith("#")}


def element_types(case: Any) -> set[int]:
    """The element types of what goes in and comes out."""

    def inside(proto: Any) -> set[int]:
        kind = proto.WhichOneof("value")
        if kind == "tensor_type":
            return {proto.tensor_type.elem_type}
        return inside(getattr(proto, kind).elem_type) if kind in ("sequence_type", "optional_type") else set()

    values = [*case.model.graph.input, *case.model.graph.output]
    return set().union(*(inside(value.type) for value in values))


def run(case: Any) -> str:
    """What is wrong with the results of a test, or nothing."""
    from onnx.backend.test.runner import Runner, _normalize_tensor

    try:
        prepared = td.onnx.backend.prepare(case.model)
        for inputs, outputs in case.data_sets:
            found = prepared.run([_normalize_tensor(x) for x in inputs])
            Runner.assert_similar_outputs([_normalize_tensor(x) for x in outputs], list(found), case.rtol, case.atol)
    except (td.Error, AssertionError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nodes_pass_but_those_that_are_listed(chunk: int) -> None:
    from tandem.onnx.dtypes import DTYPES

    listed = failures()
    supported = {name: case for name, case in cases("node").items() if element_types(case) <= set(DTYPES)}
    assert listed <= set(supported) and len(supported) > 1600
    assert len(listed) < 0.1 * len(supported)
    wrong = []
    for name in sorted(supported)[chunk::CHUNKS]:
        problem = run(supported[name])
        if bool(problem) != (name in listed):
            wrong.append(f"{name}: {problem or 'passes, and is listed'}")
    assert not wrong, "\n".join(wrong)


def test_other_element_types_are_refused_when_the_model_is_read() -> None:
    from tandem.onnx.dtypes import DTYPES

    other = [case for case in cases("node").values() if not element_types(case) <= set(DTYPES)]
    assert len(other) > 100
    for case in other:
        with pytest.raises(td.BackendError, match="element type"):
            td.onnx.load(case.model)


@pytest.mark.parametrize("kind", ["simple", "pytorch-converted", "pytorch-operator"])
def test_small_models_of_the_package(kind: str) -> None:
    wrong = []
    for name, case in cases(kind).items():
        # Those left out are about text, and about gradients as operators.
        if case.model_dir is not None and "strnorm" not in name and "gradient" not in name:
            wrong += [f"{name}: {problem}" for problem in files(Path(case.model_dir))]
    assert not wrong, "\n".join(wrong)


def files(folder: Path) -> list[str]:
    """What is wrong with the results of a model that comes with files of inputs and results."""
    from onnx import numpy_helper
    from onnx.backend.test.runner import Runner

    def arrays(part: Path, what: str) -> list[Any]:
        found = sorted(part.glob(f"{what}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
        return [numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())) for path in found]

    problems = []
    model = td.onnx.backend.prepare(onnx.load(folder / "model.onnx"))
    for part in sorted(folder.glob("test_data_set_*")):
        try:
            Runner.assert_similar_outputs(arrays(part, "output"), list(model.run(arrays(part, "input"))), 1e-3, 1e-7)
        except (td.Error, AssertionError) as error:
            problems.append(f"{type(error).__name__}: {error}")
    return problems
