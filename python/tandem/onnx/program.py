"""What is exported: a function, captured for arguments, with names for all that goes in and comes out."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tandem import _core, pytree
from tandem.onnx.captured import Graph, Line
from tandem.onnx.emission import refusal, table, without_form
from tandem.tensor_spec import TensorSpec

Tensor = _core.Tensor


@dataclass
class Program:
    """A captured program. Its inputs are arguments, then constants: tensors that the function itself refers to."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: list[Any]  # of the arguments, with TensorSpecs for tensors
    tensors: list[int]  # which leaves are inputs
    inputs: list[str]
    outputs: list[str]
    constants: list[tuple[str, Any]]  # names and tensors
    graph: Graph
    handle: Any  # the CapturedGraph
    results: list[int]  # values that are outputs
    written: list[tuple[int, int]]  # result of the graph, and the argument it is written back to
    sizes: dict[str, str]  # symbols and what the user calls them
    guards: list[tuple[Any, int, Any, str]]
    name: str
    line: Line | None  # where the function begins


def capture(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Mapping[str, Any] | None,
    input_names: list[str] | None,
    output_names: list[str] | None,
) -> Program:
    """Capture a call of a function, which is not run."""
    from tandem.jit import Compiled, script
    from tandem.scripting import errors, specs
    from tandem.scripting.arguments import leaf_names, replace_leaves

    leaves = list(specs.leaves_of((args, kwargs)))
    called = _callable_of(function)
    names = leaf_names(called, args, kwargs, leaves)
    tensors = [k for k, leaf in enumerate(leaves) if isinstance(leaf, (Tensor, TensorSpec))]
    shaped = _shaped(leaves, names, tensors, dynamic or {})
    result = _Result()
    inner = function if isinstance(function, Compiled) else script(function)

    @functools.wraps(called)
    def call(*given: Any, **named: Any) -> Any:
        return result.collect(inner(*given, **named))

    call.__wrapped__ = called
    compiled = Compiled(call, rewriting=False, background=True)
    wanted, wanted_named = replace_leaves((args, kwargs), leaves, shaped)
    made = specs.examples(called, wanted, wanted_named, None)
    try:
        compiled._precompile(made.args, made.kwargs, made.marks)
    except _core.Error as error:
        errors.locate_call(error, None)
        raise made.explained(error) from error.__cause__
    executable = compiled.records[-1].specialization.executable
    handle = _core.CapturedGraph(executable)
    data = handle.data()
    graph = Graph.read(data, _line_of(called))
    _check(graph, data, called, len(tensors))
    hints = {size: name for name, size in made.sizes.items()}
    sizes = {symbol: hints[hint] for symbol, hint in data["symbols"] if hint in hints}
    _check_sizes(data["guards"], sizes, called)
    constants = list(executable.constants)
    labels = _state_names(function, constants)
    compiled.clear()
    inputs = _named([_plain(names[k]) for k in tensors], input_names, "input_names")
    outputs = _named(result.names or [], output_names, "output_names")
    if output_names is None:
        outputs = [f"{name}_out" if name in inputs else name for name in outputs]
    elif clash := set(inputs) & set(outputs):
        raise _core.ArgumentError(f"onnx.export: got {sorted(clash)} for inputs and outputs; need names that differ")
    return Program(
        function,
        args,
        kwargs,
        shaped,
        tensors,
        inputs,
        outputs,
        list(zip(labels, constants, strict=True)),
        graph,
        handle,
        [_output(graph, each, called) for each in data["outputs"]],
        [pair for pair in data["writebacks"] if pair[1] < len(tensors)],
        sizes,
        data["guards"],
        _title(function, called),
        _line_of(called),
    )


def _callable_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that has the parameters: of a module, `forward`."""
    from tandem._compiled import Compiled

    while isinstance(function, Compiled):
        function = function.__wrapped__
    forward = getattr(function, "forward", None)
    if forward is not None and not isinstance(function, type):
        return forward if not isinstance(forward, Compiled) else _callable_of(forward)
    return function


def _title(function: Any, called: Any) -> str:
    """The name of the graph: that of the class of a module, or of the function."""
    owner = getattr(called, "__self__", None)
    return type(owner).__name__ if owner is not None else str(getattr(called, "__name__", type(function).__name__))


def _line_of(function: Callable[..., Any]) -> Line | None:
    code = getattr(function, "__code__", None) or getattr(getattr(function, "__func__", None), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else None


class _Result:
    """What a captured call returned: its tensors, and names for them."""

    def __init__(self) -> None:
        self.names: list[str] | None = None

    def collect(self, result: Any) -> list[Any]:
        found = [(path, value) for path, value in _paths(result, "") if value is not None]
        for _, value in found:
            if not isinstance(value, (Tensor, int, float, _core.Size)):
                raise _core.CaptureError(
                    f"onnx.export: got a result of type {type(value).__name__}; need tensors and numbers, in tuples, "
                    "lists, dicts or dataclasses; try returning those alone"
                )
        only = len(found) == 1 and not found[0][0]
        self.names = ["output"] if only else [_plain(path.lstrip(".")) for path, _ in found]
        return [_core._internal("copy", _as_tensor(value).detach()) for _, value in found]


def _as_tensor(value: Any) -> Any:
    """A result as a tensor; Python numbers as td.asarray makes one of them."""
    if isinstance(value, _core.Size):
        return _core.lift(value)
    if not isinstance(value, Tensor):
        return _core.asarray(value)
    is_number = value._recorded and value._weak and value.dtype == _core.float64
    return value.astype(_core.default_dtype()) if is_number else value


def _paths(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Leaves and what to call them: keys and fields by their names, others by their places."""
    found = pytree._children(tree)
    if found is None:
        yield path, tree
        return
    _, keys, children = found
    for k, child in enumerate(children):
        if keys:
            label = str(keys[k])
        else:
            label = str(k) if path else f"output_{k}"
        yield from _paths(child, f"{path}.{label}")


def _plain(name: str) -> str:
    """`layers[0]` as `layers.0`, `state['w']` as `state.w`."""
    return re.sub(r"\[['\"]?(.*?)['\"]?\]", r".\1", name)


def _named(names: list[str], wanted: list[str] | None, what: str) -> list[str]:
    if wanted is not None and len(wanted) != len(names):
        raise _core.ArgumentError(
            f"onnx.export: got {len(wanted)} {what} for {names}; need {len(names)}, one for each in this order"
        )
    chosen = list(wanted) if wanted is not None else names
    if len(set(chosen)) != len(chosen):
        raise _core.ArgumentError(f"onnx.export: got the names {chosen}; need names that differ; try {what}=[...]")
    return chosen


def _shaped(leaves: list[Any], names: list[str], tensors: list[int], dynamic: Mapping[str, Any]) -> list[Any]:
    """The leaves with specifications in the places of tensors; `dynamic` says which sizes are names."""
    known = {name: k for k in tensors for name in (names[k], _plain(names[k]))}
    shaped = list(leaves)
    for k in tensors:
        leaf = leaves[k]
        shape = [f"{_identifier(names[k])}_{axis}" if s is None else s for axis, s in enumerate(leaf.shape)]
        shaped[k] = TensorSpec(shape, leaf.dtype)
    for name, axes in dynamic.items():
        if name not in known:
            raise _core.ArgumentError(
                f"onnx.export: got dynamic axes of '{name}'; need one of the tensors {[names[k] for k in tensors]}"
            )
        k = known[name]
        shape = list(shaped[k].shape)
        for axis, label in _axes(axes):
            if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
                raise _core.ArgumentError(
                    f"onnx.export: got the dynamic axis {axis!r} of '{name}', which has {len(shape)} axes; need one of "
                    f"{-len(shape)} to {len(shape) - 1}"
                )
            axis %= len(shape)
            shape[axis] = label if label is not None else f"{_identifier(names[k])}_{axis}"
        shaped[k] = TensorSpec(shape, shaped[k].dtype)
    sizes: dict[str, tuple[int, str]] = {}
    for k in tensors:
        for size, label in zip(leaves[k].shape, shaped[k].shape, strict=True):
            if not isinstance(label, str) or not isinstance(size, int):
                continue
            have, where = sizes.setdefault(label, (size, names[k]))
            if have != size:
                raise _core.ArgumentError(
                    f"onnx.export: got '{label}' of {have} in '{where}' and of {size} in '{names[k]}'; need one size "
                    "for dimensions of one name; try another name"
                )
    return shaped


def _identifier(name: str) -> str:
    text = re.sub(r"\W+", "_", name).strip("_")
    return text if text.isidentifier() else f"x_{text}"


def _axes(axes: Any) -> list[tuple[Any, str | None]]:
    """Axes and names: of {0: "batch"}, ("batch", None), or [0]."""
    if isinstance(axes, Mapping):
        return list(axes.items())
    if all(isinstance(each, int) for each in axes):
        return [(axis, None) for axis in axes]
    return [(axis, label) for axis, label in enumerate(axes) if label is not None]


def _check(graph: Graph, data: dict[str, Any], function: Any, arguments: int) -> None:
    """Refuse what is more than a function of its arguments."""
    line = _line_of(function)
    makers = {value: node for node in graph.nodes for value in node.outputs}
    if data["takes_gradients"]:
        raise refusal(
            "a function that computes gradients with backward()",
            "one that is used after training: ONNX has no gradients",
            "exporting the module itself, or the function that computes the outputs",
            line,
        )
    for node in graph.walk():
        if node.op == "host_call":
            raise refusal(
                "a call of Python in the middle of the program (print, or assert with a value that is not known yet)",
                "a program that runs without Python",
                "leaving it out: `if not exporting: print(...)`",
                node.line,
            )
        if table()[node.op]["onnx"].startswith("none: "):
            raise without_form(node.op, node.line)
    for result, written in data["writebacks"]:
        if written >= arguments:
            maker = makers.get(graph.results[result])
            name = graph.params[written].name
            raise refusal(
                f"a function that changes a tensor of its own ({name}), as training does and batch normalisation in "
                "training mode",
                "a function of its arguments: the state of an ONNX model is constant",
                "model.eval(), or passing the state as an argument and returning it",
                maker.line if maker and maker.line else line,
            )


def _check_sizes(guards: list[Any], sizes: dict[str, str], function: Any) -> None:
    """Refuse a program that was captured for one size where any size is wanted."""
    for left, relation, right, _ in guards:
        for symbol, number in ((left, right), (right, left)):
            if relation == 0 and isinstance(number, int) and str(symbol) in sizes:
                raise refusal(
                    f"'{sizes[str(symbol)]}' as a size that differs from call to call, of a function that uses it as a "
                    "number (a list with an item for each, or int())",
                    "a function that computes with sizes, and keeps loops over them",
                    "writing to a tensor, out[i] = ..., in place of a list that grows, or a fixed size",
                    _line_of(function),
                )


def _output(graph: Graph, output: tuple[str, int, bool], function: Any) -> int:
    kind, index, _ = output
    assert kind == "value", f"a copy is a view: {output}"
    return graph.results[index]


# Names for what the function refers to


def _state_names(function: Callable[..., Any], constants: list[Any]) -> list[str]:
    """What the state_dict of a module calls a tensor, or else the variables that lead to it."""
    wanted = {id(tensor): k for k, tensor in enumerate(constants)}
    names: dict[int, str] = {}
    seen: set[int] = set()

    def walk(value: Any, name: str, depth: int) -> None:
        from tandem.nn.modules.module import as_module

        if isinstance(value, Tensor):
            if id(value) in wanted:
                names.setdefault(wanted[id(value)], name)
            return
        if depth == 0 or id(value) in seen or isinstance(value, (str, bytes, int, float, type, type(os))):
            return
        seen.add(id(value))
        module = as_module(value)
        if module is not None:
            prefix = f"{name}." if name else ""
            for label, tensor in [*module.named_parameters(), *module.named_buffers()]:
                walk(tensor, prefix + label, depth)
        for label, item in _inside(value):
            walk(item, f"{name}.{label}" if name else label, depth - 1)

    walk(function, "", 8)
    taken: set[str] = set()
    result = []
    for k in range(len(constants)):
        name = names.get(k, f"constant_{k}")
        while name in taken:
            name += "_"
        taken.add(name)
        result.append(name)
    return result


def _inside(value: Any) -> list[tuple[str, Any]]:
    """What an object, a container or a function refers to."""
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [(str(k), item) for k, item in enumerate(value)]
    if isinstance(value, functools.partial):
        return [("", value.func), ("args", value.args), ("kwargs", value.keywords)]
    found: list[tuple[str, Any]] = []
    if hasattr(value, "__self__"):
        found.append(("", value.__self__))
    function = getattr(value, "__func__", value)
    code = getattr(function, "__code__", None)
    if code is not None:
        cells = getattr(function, "__closure__", None) or ()
        for label, cell in zip(code.co_freevars, cells, strict=True):
            try:
                found.append((label, cell.cell_contents))
            except ValueError:  # not assigned yet
                continue
        known = function.__globals__
        found += [(label, known[label]) for label in code.co_names if label in known]
        return found
    if isinstance(value, _core.CompiledFunction):
        return [("", vars(value)["__wrapped__"])]
    return found + [(str(key), item) for key, item in getattr(value, "__dict__", {}).items()]
