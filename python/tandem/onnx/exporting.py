"""Writing models of the ONNX format: `td.onnx.export`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tandem
from tandem import _core
from tandem._boundary import public
from tandem.onnx.captured import Type
from tandem.onnx.emission import FUNCTIONS, Model, Scope, Value, tensor_proto, text_of, type_proto
from tandem.onnx.program import Program, capture
from tandem.onnx.translate_graph import Translator

OPSETS = (18, 28)  # the first and the last that there are rules for
DEFAULT_OPSET = 22
LARGEST = 1_900_000_000  # bytes of weights in the file itself, whose format ends at 2 GB


@dataclass
class Export:
    """What was written, and how it was verified."""

    path: str
    opset: int
    inputs: list[str]
    outputs: list[str]
    sizes: list[str] = field(default_factory=list)  # names of dimensions that differ from call to call
    nodes: int = 0
    cases: list[str] = field(default_factory=list)  # the inputs it was verified on
    runtime: str = "not verified"
    difference: float = 0.0  # the largest one, relative to the largest number of its output
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.path}: opset {self.opset}, {self.nodes} nodes"]
        lines.append(f"inputs    {', '.join(self.inputs)}" + (f" (any {', '.join(self.sizes)})" if self.sizes else ""))
        lines.append(f"outputs   {', '.join(self.outputs)}")
        checked = f" on {len(self.cases)} inputs, largest difference {self.difference:.2g}" if self.cases else ""
        lines.append(f"verified  {self.runtime}{checked}")
        return "\n".join([*lines, *self.notes])


@public
def export(
    function: Callable[..., Any],
    args: Any,
    path: str | os.PathLike[str],
    *,
    kwargs: Mapping[str, Any] | None = None,
    opset: int = DEFAULT_OPSET,
    dynamic: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    verify: bool | Sequence[Any] = True,
    rtol: float | None = None,
    atol: float | None = None,
    functions: bool = True,
    external_data: bool | None = None,
) -> Export:
    """Write a function or a module as an ONNX model, and check that ONNX Runtime computes the same.

    args: what it is called with: a tuple, or one tensor. Tensors are inputs of the model, numbers become constants of
        it. A `td.TensorSpec` stands for a tensor that is not there.
    dynamic: which dimensions of which argument may have any size: {"x": {0: "batch"}}, {"x": ("batch", None)}, or
        {"x": [0]}. Dimensions of one name are equal. The names in a TensorSpec say the same.
    input_names, output_names: in place of those of the parameters, and of the keys of a returned dict.
    verify: run the model on three inputs or more, other sizes among them, and compare. They are made of the numbers in
        `args`; a list of further arguments is taken in their place. Needs onnxruntime.
    rtol, atol: how far results may differ, relative to each number and to the largest one; by dtype if left out.
    functions: keep compositions such as `std` as functions of the model; False writes their nodes in place.
    external_data: weights into a second file beside it; None does so when the file would be too large.

    Weights are called as in the state_dict. `if` and `while` on tensors become If and Loop. Raises SerializationError,
    with the user's line, for what ONNX cannot say, and when results differ, with the first node that does.

    >>> model = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.ReLU(), td.nn.Linear(8, 2))
    >>> print(td.onnx.export(model, td.ones((3, 4)), "mlp.onnx", dynamic={"input": {0: "batch"}}, verify=False))
    mlp.onnx: opset 22, 3 nodes
    inputs    input (any batch)
    outputs   output
    verified  not verified
    """
    _require("onnx", "to write such files")
    if verify is not False:
        _require("onnxruntime", "to verify them", "; or verify=False")
    if isinstance(opset, bool) or not isinstance(opset, int) or not OPSETS[0] <= opset <= _latest():
        raise _core.ArgumentError(f"onnx.export: got opset={opset!r}; need {OPSETS[0]} to {_latest()}")
    if not callable(function):
        raise _core.ArgumentTypeError(f"onnx.export: got {type(function).__name__}; need a function or a module")
    given = args if isinstance(args, tuple) else (args,)
    names = [None if each is None else list(each) for each in (input_names, output_names)]
    program = capture(function, given, dict(kwargs or {}), dynamic, *names)
    built = Built(program, opset, functions)
    where = os.fspath(path)
    built.save(where, external_data)
    report = Export(
        where, opset, program.inputs, built.outputs, sorted(set(program.sizes.values())), len(built.proto.graph.node)
    )
    _checked(where)
    if verify is not False:
        from tandem.onnx.verify import verified

        try:
            verified(built, report, None if verify is True else list(verify), rtol, atol)
        except _core.SerializationError:
            os.replace(where, where + ".rejected")
            raise
    return report


def _latest() -> int:
    import onnx

    return min(OPSETS[1], int(onnx.defs.onnx_opset_version()))


def _require(package: str, what: str, otherwise: str = "") -> None:
    from importlib import import_module

    try:
        import_module(package)
    except ImportError as error:
        raise _core.BackendError(
            f"onnx.export: got no package '{package}'; need it {what}; try pip install {package}{otherwise}"
        ) from error


def _checked(path: str) -> None:
    """What we write is valid; if not, that is a mistake of ours."""
    import onnx

    try:
        onnx.checker.check_model(path, full_check=True)
    except Exception as error:
        raise AssertionError(f"internal error (please report it): the model is not valid: {error}") from error


class Built:
    """A model in memory, with what stands for the values of the program."""

    def __init__(self, program: Program, opset: int, functions: bool) -> None:
        self.program = program
        self.model = Model(opset, program.sizes, functions)
        self.scope = Scope(self.model)
        self.outputs = [*program.outputs, *(f"{program.inputs[k]}_updated" for _, k in program.written)]
        self.values: dict[int, Value] = {}
        self.proto = self._build()

    def _build(self) -> Any:
        from onnx import helper

        program, model, scope = self.program, self.model, self.scope
        graph = program.graph
        model.names.update(self.outputs)
        inputs = []
        for param, name in zip(graph.params, [*program.inputs, *(name for name, _ in program.constants)], strict=True):
            each = graph.types[param.value]
            inputs.append(Value(model.fresh(name), each.dtype, each.shape))
        count = len(program.inputs)
        program.inputs = [value.name for value in inputs[:count]]
        for value, (_, tensor) in zip(inputs[count:], program.constants, strict=True):
            model.initializers[value.name] = tensor
        for value in inputs[:count]:
            for axis, dim in enumerate(value.shape):
                if str(dim) in program.sizes or (not isinstance(dim, int) and str(dim).isalnum()):
                    scope.symbols.setdefault(str(dim), (value, axis))
        self.values = Translator(model).graph(graph, scope, inputs)
        results = [*program.results, *(graph.results[k] for k, _ in program.written)]
        self._name_outputs([self.values[k] for k in results])
        used = _used(scope.nodes)
        initializers = [tensor_proto(x, name) for name, x in model.initializers.items() if name in used]
        infos = {value.name: (value.dtype, value.shape) for value in self.values.values() if value.name in scope.made}

        def info(name: str, each: Type) -> Any:
            return helper.make_value_info(name, type_proto(each.dtype, each.shape, program.sizes))

        proto = helper.make_graph(
            scope.nodes,
            program.name,
            [
                info(value.name, graph.types[param.value])
                for value, param in zip(inputs[:count], graph.params, strict=False)
            ],
            [info(name, graph.types[k]) for name, k in zip(self.outputs, results, strict=True)],
            initializers,
            value_info=[info(name, Type(*each)) for name, each in infos.items() if name not in self.outputs],
        )
        opsets = [helper.make_opsetid("", model.opset)]
        if model.functions:
            opsets.append(helper.make_opsetid(FUNCTIONS, 1))
        return helper.make_model(
            proto,
            opset_imports=opsets,
            functions=list(model.functions.values()),
            ir_version=helper.find_min_ir_version_for(opsets, ignore_unknown=True),
            producer_name="tandem",
            producer_version=tandem.__version__,
            doc_string=f"{program.name} of {text_of(program.line)}" if program.line else program.name,
        )

    def _name_outputs(self, results: list[Value]) -> None:
        """Give results their names where they are made; what is an input, or has a name already, is copied."""
        names: dict[str, str] = {}
        self.scope.line = None
        for value, name in zip(results, self.outputs, strict=True):
            if value.name in self.scope.made and value.name not in names:
                names[value.name] = name
            else:
                self.scope.node("Identity", [value.name], [name])
        for node in self.scope.nodes:
            _rename(node, names)
        self.scope.made.update(names.values())
        self.values = {
            k: Value(names.get(value.name, value.name), value.dtype, value.shape) for k, value in self.values.items()
        }

    def save(self, path: str, external_data: bool | None) -> None:
        """Write the model, and where it is large, its weights beside it."""
        import onnx

        large = sum(len(each.raw_data) for each in self.proto.graph.initializer) > LARGEST
        beside = f"{os.path.basename(path)}.data"
        if not (large if external_data is None else external_data):
            onnx.save_model(self.proto, path)
            return
        folder = os.path.dirname(path)
        if os.path.exists(os.path.join(folder, beside)):
            os.unlink(os.path.join(folder, beside))  # the package appends to it
        copy = onnx.ModelProto()
        copy.CopyFrom(self.proto)
        onnx.save_model(copy, path, save_as_external_data=True, location=beside, size_threshold=1024)


def _rename(node: Any, names: Mapping[str, str]) -> None:
    for fields in (node.input, node.output):
        for k, name in enumerate(fields):
            if name in names:
                fields[k] = names[name]
    if node.name in names:
        node.name = names[node.name]
    for attribute in node.attribute:
        for inner in attribute.g.node:
            _rename(inner, names)


def _used(nodes: Sequence[Any]) -> set[str]:
    """Names that nodes read, those inside of branches and loops as well."""
    found: set[str] = set()
    for node in nodes:
        found.update(node.input)
        for attribute in node.attribute:
            found |= _used(attribute.g.node)
    return found


__all__ = ["DEFAULT_OPSET", "OPSETS", "Built", "Export", "export"]
