"""Writing ONNX nodes: names, constants, sizes, and dtypes that an operator does not take.

A `Scope` is a body that nodes are put into: the model's graph, a branch or loop body inside of it, or a function. Rules
(`operators_*.py`) call `scope.op`, which looks into the operator's schema: where it does not take a dtype, the operands
are converted to a wider one and the result back.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from tandem import _core
from tandem.onnx.captured import Dim, Line, Shape, evaluate, is_number, rows, symbols_of
from tandem.onnx.dtypes import CODES

FUNCTIONS = "tandem"  # the domain of functions for compositions

# What to compute in where an operator does not take a dtype: the first of these that it takes.
_FLOAT = ("float32", "float64")
_WIDER = {
    "bool": ("int32", "uint8", "int64", *_FLOAT),
    "float16": (*_FLOAT, "bool"),
    "bfloat16": (*_FLOAT, "bool"),
    "float32": ("float64", "bool"),
    "float64": ("float32", "bool"),
    "int8": ("int32", "int64", *_FLOAT, "bool"),
    "uint8": ("int32", "int64", *_FLOAT, "bool"),
    "int16": ("int32", "int64", *_FLOAT, "bool"),
    "uint16": ("int32", "int64", *_FLOAT, "bool"),
    "int32": ("int64", "float64", "bool"),
    "uint32": ("int64", "uint64", "float64", "bool"),
    "int64": ("float64", "bool"),
    "uint64": ("int64", "float64", "bool"),
}


@dataclass(frozen=True)
class Value:
    """A value of the ONNX graph."""

    name: str
    dtype: Any
    shape: Shape = ()


@cache
def table() -> dict[str, dict[str, Any]]:
    """The rows of the table of operations, read once."""
    return rows()


def text_of(line: Line | None) -> str:
    """Return a line as nodes and messages name it."""
    return f"{line[0]}:{line[1]}" if line else ""


def refusal(got: str, need: str, hint: str, line: Line | None) -> _core.SerializationError:
    """The error of what cannot be exported, with the user's line."""
    error: Any = _core.SerializationError(
        f"onnx.export: got {got}; need {need}; try {hint}" + (f"\n  --> {text_of(line)}" if line else "")
    )
    if line:
        error.filename, error.lineno = line
    return error


def without_form(name: str, line: Line | None) -> _core.SerializationError:
    """The error of an operation whose row says that ONNX does not have it."""
    reason = table()[name]["onnx"].removeprefix("none: ")
    return refusal(f"'{name}'", f"an operation that ONNX has: {reason}", "another one in its place", line)


def bytes_of(x: Any) -> bytes:
    """Return the elements of a tensor, row by row."""
    return bytes(memoryview(_core._bytes_of(x if x.is_contiguous() else x.copy(), writable=False)))


@dataclass
class Model:
    """What all scopes of a model share."""

    opset: int
    sizes: dict[str, str] = field(default_factory=dict)  # what the user calls symbols
    functions_wanted: bool = True
    initializers: dict[str, Any] = field(default_factory=dict)  # tensors by name
    functions: dict[bytes, Any] = field(default_factory=dict)  # FunctionProtos by their contents
    names: set[str] = field(default_factory=set)
    constants: dict[tuple[str, Shape, bytes], str] = field(default_factory=dict)

    def fresh(self, wanted: str) -> str:
        """Return a name that nothing has: the one wanted, or one like it."""
        name, k = wanted, 0
        while name in self.names:
            k += 1
            name = f"{wanted}_{k}"
        self.names.add(name)
        return name


class Scope:
    """A body under construction. `parent`: what is around it and can be read in it."""

    def __init__(self, model: Model, parent: Scope | None = None, *, is_function: bool = False) -> None:
        self.model, self.parent, self.is_function = model, parent, is_function
        self.nodes: list[Any] = []
        self.made: set[str] = set()
        self.line: Line | None = None
        self.prefix = ""  # of names, from the node that is being written
        self.symbols: dict[str, tuple[Value, int]] = {}  # where a symbol is to be seen: a value and its axis
        self.sizes: dict[str, Value] = {}
        self.types: dict[str, Value] = {}  # of values of the user's program
        self.local: dict[tuple[str, Shape, bytes], str] = {}

    @property
    def root(self) -> Scope:
        """The outermost scope, in which sizes are computed."""
        return self if self.parent is None else self.parent.root

    def refuse(self, got: str, need: str, hint: str) -> _core.SerializationError:
        """Return the error of what cannot be exported here."""
        scope: Scope | None = self
        while scope is not None and scope.line is None:
            scope = scope.parent
        return refusal(got, need, hint, scope.line if scope else None)

    # Nodes

    def node(self, operator: str, inputs: list[str], outputs: list[str], domain: str = "", **attrs: Any) -> None:
        """Append a node as it is."""
        from onnx import helper

        given = {key: value for key, value in attrs.items() if value is not None}
        made = helper.make_node(operator, inputs, outputs, name=outputs[0], domain=domain, **given)
        if self.line:
            made.doc_string = text_of(self.line)
        self.nodes.append(made)
        self.made.update(outputs)

    def name(self, operator: str) -> str:
        return self.model.fresh(f"{self.prefix}.{operator}" if self.prefix else operator.lower())

    def op(self, operator: str, *inputs: Any, dtype: Any = None, outputs: int = 1, **attrs: Any) -> Any:
        """Append a node and return its value, or a list where several outputs are wanted.

        `dtype` is that of the outputs where it does not follow from the inputs.
        """
        schema = _schema(operator, self.model.opset)
        given = [each if isinstance(each, Value) or each is None else self.constant(each) for each in inputs]
        kinds = [_formal(schema.inputs, k).type_str for k in range(len(given))]
        allowed = {each.type_param_str: set(each.allowed_type_strs) for each in schema.type_constraints}
        bound: dict[str, Any] = {}
        for kind, value in zip(kinds, given, strict=True):
            if value is not None:
                bound.setdefault(kind, value.dtype)
        chosen = {kind: self._accepted(operator, each, allowed.get(kind, {kind})) for kind, each in bound.items()}
        given = [
            None if value is None else self.cast(value, chosen[kind]) for kind, value in zip(kinds, given, strict=True)
        ]
        results = []
        for k in range(outputs):
            kind = _formal(schema.outputs, k).type_str
            only = allowed.get(kind, {kind})
            made = chosen[kind] if kind in bound else _fixed(next(iter(only))) if len(only) == 1 else dtype
            assert made is not None, f"{operator}: the dtype of output {k} is open"
            results.append(Value(self.name(operator), made))
        names = [value.name if value else "" for value in given]
        self.node(operator, names, [value.name for value in results], **attrs)
        results = [
            self.cast(value, bound.get(_formal(schema.outputs, k).type_str, value.dtype))
            for k, value in enumerate(results)
        ]
        return results[0] if outputs == 1 else results

    def _accepted(self, operator: str, dtype: Any, allowed: set[str]) -> Any:
        for name in (dtype.name, *_WIDER.get(dtype.name, ())):
            if _onnx_type(name) in allowed:
                return _core._dtype_by_name(name)
        raise self.refuse(
            f"{dtype.name} operands of '{operator}'", "a dtype that ONNX has the operator for", "x.astype(td.float32)"
        )

    def cast(self, value: Value, dtype: Any) -> Value:
        """Return the value in another dtype."""
        if value.dtype == dtype:
            return value
        name = self.name("Cast")
        self.node("Cast", [value.name], [name], to=CODES[dtype])
        return Value(name, dtype, value.shape)

    def promoted(self, *values: Value) -> list[Value]:
        """Return values in the dtype that they promote to."""
        common = _core._result_type(tuple(value.dtype for value in values))
        return [self.cast(value, common) for value in values]

    # Constants and sizes

    def constant(self, value: Any, dtype: Any = None) -> Value:
        """Return a constant: a tensor, an array, or a number of the given dtype; equal ones once."""
        tensor = value if isinstance(value, _core.Tensor) else _core.asarray(np.asarray(value), dtype=dtype)
        contents = bytes_of(tensor)
        shape = tuple(int(size) for size in tensor.shape)
        key = (tensor.dtype.name, shape, contents)
        scope = self.root
        known = scope.local if scope.is_function else self.model.constants
        if key not in known:
            short = len(contents) <= 64 and tensor.dtype != _core.bfloat16
            label = "_".join(str(np.asarray(tensor)).replace("[", "").replace("]", "").split()) if short else ""
            if not label or len(label) > 24:
                label = hashlib.blake2b(contents, digest_size=4).hexdigest()
            known[key] = self.model.fresh(f"const.{tensor.dtype.name}.{label}")
            if scope.is_function:
                from onnx import helper

                proto = tensor_proto(tensor, known[key])
                scope.nodes.insert(0, helper.make_node("Constant", [], [known[key]], name=known[key], value=proto))
            else:
                self.model.initializers[known[key]] = tensor
        return Value(known[key], tensor.dtype, shape)

    def scalar(self, number: Any, dtype: Any) -> Value:
        """Return a 0-d constant."""
        return self.constant(_core.full((), number, dtype=dtype))

    def ints(self, *numbers: int) -> Value:
        """Return a vector of int64, as operators take axes and the like."""
        return self.constant(_core.asarray(np.array(numbers, dtype=np.int64)))

    def size(self, dim: Dim) -> Value:
        """Return a size as a vector of one number, computed where it can be seen from everywhere."""
        if is_number(dim):
            return self.ints(dim)
        root = self.root
        if str(dim) not in root.sizes:
            line, prefix = root.line, root.prefix
            root.line, root.prefix = None, "size"
            # The terms that are in it are sizes of their own, so that they are there once.
            root.sizes[str(dim)] = evaluate(
                dim,
                lambda number: root.ints(number),
                lambda symbol: root._symbol(symbol),
                {
                    "add": lambda a, b: root.op("Add", a, b),
                    "sub": lambda a, b: root.op("Sub", a, b),
                    "mul": lambda a, b: root.op("Mul", a, b),
                    "div": lambda a, b: root.op("Div", root.op("Sub", a, root.op("Mod", a, b)), b),
                    "min": lambda a, b: root.op("Min", a, b),
                    "max": lambda a, b: root.op("Max", a, b),
                },
            )
            root.line, root.prefix = line, prefix
        return root.sizes[str(dim)]

    def _symbol(self, symbol: str) -> Value:
        if symbol not in self.symbols:
            raise self.refuse(
                f"the size {symbol}, which no input has as one of its dimensions",
                "sizes that follow from those of inputs",
                "giving the dimension a number in `dynamic`",
            )
        if symbol not in self.sizes:
            value, axis = self.symbols[symbol]
            self.sizes[symbol] = self.op("Shape", value, start=axis, end=axis + 1)
        return self.sizes[symbol]

    def dims(self, shape: Shape) -> Value:
        """Return sizes as a vector."""
        if all(map(is_number, shape)):
            return self.ints(*shape)
        parts: list[Value] = []
        numbers: list[int] = []
        for dim in shape:
            if is_number(dim):
                numbers.append(dim)
                continue
            if numbers:
                parts.append(self.ints(*numbers))
            numbers = []
            parts.append(self.size(dim))
        if numbers:
            parts.append(self.ints(*numbers))
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=0)

    def knows(self, dims: Any) -> bool:
        """Whether all symbols of these sizes are to be seen in the scope itself."""
        return all(symbols_of(dim) <= self.root.symbols.keys() for dim in dims)


def type_proto(dtype: Any, shape: tuple[Dim, ...], names: dict[str, str]) -> Any:
    """Return a type; sizes that are symbols have the names that the user gave them."""
    from onnx import helper

    return helper.make_tensor_type_proto(CODES[dtype], [named(dim, names) for dim in shape])


def named(dim: Dim, names: dict[str, str]) -> Any:
    """Return a size as ONNX has it: a number, or text."""
    if is_number(dim):
        return int(dim)
    return re.sub(r"\b[A-Z][0-9]*\b", lambda found: names.get(found[0], found[0]), str(dim))


def tensor_proto(tensor: Any, name: str) -> Any:
    """Return a tensor as ONNX keeps it."""
    from onnx import TensorProto

    return TensorProto(
        name=name,
        data_type=CODES[tensor.dtype],
        dims=[int(size) for size in tensor.shape],
        raw_data=bytes_of(tensor),
    )


def _onnx_type(name: str) -> str:
    return "tensor(" + {"float32": "float", "float64": "double"}.get(name, name) + ")"


def _fixed(kind: str) -> Any:
    """The dtype of an output whose type is no variable."""
    return {"tensor(bool)": _core.bool, "tensor(int32)": _core.int32, "tensor(int64)": _core.int64}.get(kind)


@cache
def _schema(operator: str, opset: int) -> Any:
    import onnx

    return onnx.defs.get_schema(operator, max_inclusive_version=opset)


def _formal(formals: Any, k: int) -> Any:
    return formals[min(k, len(formals) - 1)]
