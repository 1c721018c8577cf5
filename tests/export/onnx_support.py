"""Exporting small programs, and comparing what ONNX Runtime makes of them."""

from pathlib import Path
from typing import Any

import pytest

import tandem as td

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


try:
    _flags = Path("/proc/cpuinfo").read_text().split()
except OSError:
    _flags = []
sums_bytes_exactly = pytest.mark.skipif(
    not {"avx512_vnni", "avx_vnni"} & set(_flags),
    reason="on processors without VNNI, ONNX Runtime saturates the sums of two products of bytes at 16 bits",
)


def exported(function: Any, args: Any, folder: Path, **options: Any) -> Any:
    """Export, with verification, and return the report and the model."""
    import onnx

    path = folder / "model.onnx"
    report = td.onnx.export(function, args, path, **options)
    return report, onnx.load(path)


def operators(graph: Any) -> list[str]:
    """The operators of a graph, those in branches and loops as well."""
    found = []
    for node in graph.node:
        found.append(node.op_type)
        for attribute in node.attribute:
            found += operators(attribute.g)
    return found
