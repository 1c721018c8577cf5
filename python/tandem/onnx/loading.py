"""Reading models of the ONNX format: `td.onnx.load`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tandem import _core
from tandem._boundary import public
from tandem.onnx.constants import Value, array_of, broken, results_of
from tandem.onnx.dtypes import DTYPES, name_of
from tandem.onnx.helpers import HELPERS
from tandem.onnx.module import OnnxModule, Origin, Port
from tandem.onnx.translate import Scope, Writer, opsets_of


def onnx_package() -> Any:
    """Return the onnx package; an error says that it is missing."""
    try:
        import onnx
    except ImportError as error:
        raise _core.BackendError(
            "onnx: got no package 'onnx'; need it to read and write such files; try pip install onnx"
        ) from error
    return onnx


@public
def load(model: Any, *, trainable: Callable[[str], bool] | None = None) -> OnnxModule:
    """Read a model of the ONNX format, and return it as a module.

    `model` is a path, the bytes of a file, or an onnx.ModelProto. Float initializers with axes become parameters, but
    for running statistics; `trainable` says by name which of them. Needs the onnx package.
    SerializationError says what is wrong with a file, BackendError what in it Tandem cannot compute.

    >>> from onnx import TensorProto, helper
    >>> graph = helper.make_graph(
    ...     [helper.make_node("Relu", ["x"], ["y"])],
    ...     "positive",
    ...     [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
    ...     [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    ... )
    >>> model = td.onnx.load(helper.make_model(graph))
    >>> model(td.asarray([-1., 2.]))
    tensor([0., 2.], dtype=float32)
    """
    onnx = onnx_package()
    proto, name, folder = _read(onnx, model)
    module = built(proto, name, folder, trainable)
    if proto is not model:
        _slim(proto, module)
    return module


def _read(onnx: Any, model: Any) -> tuple[Any, str, str]:
    """Return the model, its name, and the folder in which its external data lies."""
    if isinstance(model, onnx.ModelProto):
        return model, model.graph.name or "model", ""
    if isinstance(model, (bytes, bytearray, memoryview)):
        data, name, folder = bytes(model), "model", ""
    else:
        path = os.fspath(model)
        with open(path, "rb") as file:
            data = file.read()
        name, folder = os.path.basename(path), os.path.dirname(os.path.abspath(path))
    try:
        proto = onnx.ModelProto.FromString(data)
    except Exception as error:  # the decoder's own, which is not public
        raise broken(repr(name), f"bytes that are no model ({error})") from None
    if not proto.HasField("graph") or not proto.opset_import:
        raise broken(repr(name), "a model without a graph or without opset_import")
    return proto, name, folder


def _slim(proto: Any, module: OnnxModule) -> None:
    """Take the elements that the module has in its state out of the model, which is kept for copies and pickles."""
    from onnx import numpy_helper

    held = module._origin.held
    for each in proto.graph.initializer:
        if each.name in held:
            kept = {"dims": list(each.dims), "data_type": each.data_type, "name": each.name}
            each.Clear()
            each.dims.extend(kept["dims"])
            each.data_type, each.name = kept["data_type"], kept["name"]
        elif each.data_location == each.EXTERNAL:
            each.CopyFrom(numpy_helper.from_array(module._origin.arrays[each.name], each.name))
    module._origin.arrays.clear()


def built(
    proto: Any,
    name: str,
    folder: str,
    trainable: Callable[[str], bool] | None,
    held: Mapping[str, Any] | None = None,
    *,
    layered: bool = False,
) -> OnnxModule:
    """Make the module of a model. `held`: the elements of initializers that the model is without, or None for any.

    layered: products are modules (layers.py).
    """
    try:
        writer, inputs, outputs, arrays = _translated(proto, name, folder, held or {}, layered)
    except _core.Error:
        raise
    except Exception as error:  # a damaged file: names that are no text, numbers where text belongs
        raise broken(repr(name), f"what cannot be read ({type(error).__name__}: {error})") from error
    module = OnnxModule(name, inputs, outputs, writer.opsets.get("", 0))
    module._fill(writer, trainable)
    module._origin = Origin(proto, name, frozenset([*module._names.values(), *(held or {})]), layered, arrays)
    return module


def restored(model: bytes, name: str, held: frozenset[str], layered: bool = False) -> OnnxModule:
    """Make a module again from what `OnnxModule.__reduce__` returned, but for what it holds."""
    proto = onnx_package().ModelProto.FromString(model)
    return built(proto, name, "", None, dict.fromkeys(held), layered=layered)


def _types(onnx: Any, proto: Any) -> dict[str, Any]:
    """Return the types of all values, as far as ONNX can tell them."""
    try:
        proto = onnx.shape_inference.infer_shapes(proto)
    except Exception:
        return {}
    values = [*proto.graph.value_info, *proto.graph.input, *proto.graph.output]
    return {each.name: each.type for each in values}


def _needs_types(onnx: Any, proto: Any) -> bool:
    """Whether an operator is there that only ONNX's own definition computes, which depends on types."""
    from tandem.onnx import table

    known = table.rows()
    found = {(("" if n.domain == "ai.onnx" else n.domain), n.op_type) for n in proto.graph.node}
    return any(key not in known for key in found)


def _translated(
    proto: Any, name: str, folder: str, held: Mapping[str, Any], layered: bool
) -> tuple[Writer, tuple[Port, ...], tuple[Port, ...], dict[str, Any]]:
    onnx = onnx_package()
    graph = proto.graph
    writer = Writer(name, opsets_of(proto.opset_import), layered=layered)
    writer.names.take("forward")
    writer.local = {(f.domain, f.name, getattr(f, "overload", "")): f for f in proto.functions}
    writer.types = _types(onnx, proto) if _needs_types(onnx, proto) else {}
    scope = Scope()
    arrays = {}
    for each in graph.initializer:
        if not each.name or each.name in arrays:
            raise broken(repr(name), f"an initializer named {each.name!r}, twice or without a name")
        if each.name in held:  # the elements come with the module's state
            dtype = onnx.helper.tensor_dtype_to_np_dtype(each.data_type)
            given = held[each.name]
            arrays[each.name] = np.zeros(tuple(each.dims), dtype) if given is None else given
        else:
            arrays[each.name] = array_of(each, f"initializer {each.name!r}", folder)
    every = dict(arrays)
    if graph.sparse_initializer:
        raise _core.BackendError(f"onnx.load: got sparse initializers in {name!r}; need dense ones")
    arguments, optional, checks = ["self"], [], []
    for port in graph.input:
        argument = writer.names.take(port.name)
        if port.name in arrays:
            optional.append((argument, Value(array=arrays.pop(port.name), name=port.name)))
        else:
            arguments.append(argument)
        checks.append((argument, port))
        scope.put(port.name, Value(argument), f"input {port.name!r}")
    for each, array in arrays.items():
        scope.put(each, Value(array=array, name=each), f"initializer {each!r}")
    if optional:
        arguments += ["*", *(f"{argument}=None" for argument, _ in optional)]
    writer.line(f"def forward({', '.join(arguments)}):", 0)
    for argument, value in optional:
        own = writer.expression(value)
        writer.line(f"{argument} = {own} if {argument} is None else {argument}", 1)
    for argument, port in checks:
        if port.type.WhichOneof("value") == "tensor_type":
            _check(writer, argument, port)
    writer.graph(graph.node, scope, 1, results_of(graph))
    results = []
    for port in graph.output:
        code = writer.read(scope, port.name, f"result {port.name!r}")
        results.append(f"{writer.refer('settled', HELPERS['settled'])}({code})")
    writer.line(f"return {', '.join(results)}", 1)
    writer.functions()
    names = [port for port in graph.input if port.name not in {each.name for each in graph.initializer}]
    return writer, _ports(names), _ports(graph.output), every


def _check(writer: Writer, argument: str, port: Any) -> None:
    kind = port.type.tensor_type
    if kind.elem_type not in DTYPES:
        raise _core.BackendError(
            f"onnx.load: got the element type {name_of(kind.elem_type)} of input {port.name!r}; need one of "
            f"{', '.join(map(name_of, sorted(DTYPES)))}"
        )
    rank = len(kind.shape.dim) if kind.HasField("shape") else None
    dtype = writer.refer(DTYPES[kind.elem_type].name, DTYPES[kind.elem_type])
    check = writer.refer("given", HELPERS["given"])
    writer.line(f"{argument} = {check}({argument}, {port.name!r}, {dtype}, {rank})", 1)


def _ports(values: Any) -> tuple[Port, ...]:
    return tuple(Port(each.name, _type_text(each.type)) for each in values)


def _type_text(proto: Any) -> str:
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        dtype = DTYPES.get(proto.tensor_type.elem_type)
        name = dtype.name if dtype is not None else name_of(proto.tensor_type.elem_type)
        if not proto.tensor_type.HasField("shape"):
            return name
        sizes = [
            str(d.dim_value) if d.WhichOneof("value") == "dim_value" else d.dim_param or "?"
            for d in proto.tensor_type.shape.dim
        ]
        return f"{name}[{', '.join(sizes)}]"
    if kind in ("sequence_type", "optional_type"):
        return f"{kind.partition('_')[0]} of {_type_text(getattr(proto, kind).elem_type)}"
    return kind or "?"
