"""What `td.onnx.load` returns: a module whose `forward` is a function made from the graph."""

from __future__ import annotations

import linecache
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from tandem import _core
from tandem.nn.modules.module import Module
from tandem.nn.parameter import Buffer, Parameter
from tandem.onnx.dtypes import from_numpy

if TYPE_CHECKING:
    from tandem.onnx.translate import Line, Writer

Tensor = _core.Tensor


_MADE = ("_counts", "_lines", "_names", "_origin", "code")  # what a module is given when its text is written


@dataclass(frozen=True)
class Port:
    """An input or a result of the model: its name, and its type as text."""

    name: str
    type: str

    def __str__(self) -> str:
        return f"{self.name}: {self.type}"


@dataclass
class Origin:
    """What a module was made from, for copies and pickles."""

    model: Any
    name: str
    held: frozenset[str]  # the initializers whose elements are in the module's state
    layered: bool  # whether its products are modules
    arrays: dict[str, Any]


class OnnxModule(Module):
    """A model that was read from a file of the ONNX format.

    It is called with the inputs in the order of the file, or by their names, and returns its result, or a tuple of
    them. Float initializers are its parameters, under their names in the file; running statistics of batch
    normalisation are buffers. `code` is the text of the function that it runs, `inputs` and `outputs` say what goes in
    and comes out.
    """

    def __init__(self, name: str, inputs: tuple[Port, ...], outputs: tuple[Port, ...], opset: int) -> None:
        super().__init__()
        self._lines: dict[int, Line] = {}
        self.name = name
        self.inputs, self.outputs, self.opset = inputs, outputs, opset
        self.code = ""

    _origin: Origin
    _names: dict[str, str]  # the names in the file of what is in the state

    def _fill(self, writer: Writer, trainable: Callable[[str], bool] | None) -> None:
        """Give it its tensors, and the function that its text is."""
        self._names = {}
        for name, array in writer.tensors.items():
            value = from_numpy(array).copy()  # its own, which nobody else writes to
            owner, leaf = self._owner(writer.paths[name])
            learned = (
                value.dtype.kind == "float" and value.ndim > 0 and name not in writer.statistics | writer.constants
            )
            if learned and (trainable is None or trainable(name)):
                owner.register_parameter(leaf, Parameter(value))
            else:
                kept = value.dtype.kind == "float" and name not in writer.constants
                owner.register_buffer(leaf, Buffer(value, persistent=kept), persistent=kept)
                if not kept:
                    continue
            self._names[".".join(writer.paths[name])] = name
        for name, layer in writer.layers.items():
            owner, leaf = self._owner(writer.paths[name])
            owner.add_module(leaf, layer)
        self.code = "\n".join(writer.lines).strip() + "\n"
        self._counts = dict(writer.counts)
        self._lines = writer.nodes
        # A class of its own, because what is asked for the forward of a module's class gets this one.
        function = _compiled(self.code, self.name, writer.globals)
        self.__class__ = type(OnnxModule.__name__, (OnnxModule,), {"forward": function, "__doc__": OnnxModule.__doc__})
        self.eval()

    def _owner(self, path: tuple[str, ...]) -> tuple[Module, str]:
        """Return the module in which the last part of a path is a name."""
        owner: Module = self
        for part in path[:-1]:
            child = owner._modules.get(part)
            if child is None:
                child = Module()
                owner.add_module(part, child)
            owner = child
        return owner, path[-1]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model; an error says which node it comes from."""
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            located(error, type(self).forward.__code__.co_filename, self._lines)
            raise

    def __reduce__(self) -> Any:
        """Copy and pickle what was loaded, and what the module holds now."""
        from tandem.onnx.loading import restored

        origin = self._origin
        state = {name: value for name, value in vars(self).items() if name not in _MADE}
        return restored, (origin.model.SerializeToString(), origin.name, origin.held, origin.layered), state

    def __repr__(self) -> str:
        """Return what goes in and comes out, the operators, and the number of parameters."""
        lines = [f"{self.name!r}, opset {self.opset}"]
        lines += [f"input {port}" for port in self.inputs]
        lines += [f"result {port}" for port in self.outputs]
        often = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{count} {name}" for name, count in often[:8])
        rest = sum(count for _, count in often[8:])
        lines.append(f"nodes: {shown}{f' and {rest} others' if rest else ''}")
        tensors = list(self.parameters())
        lines.append(f"parameters: {sum(x.size for x in tensors):,} in {len(tensors)} tensors")
        return f"{type(self).__name__}(\n" + "".join(f"  {line}\n" for line in lines) + ")"


def _compiled(code: str, name: str, scope: dict[str, Any]) -> FunctionType:
    """Make the function of the text; the text is kept where tracebacks and the rewriter of scripts look for it."""
    stem = "".join(c if c.isalnum() or c in "._-" else "_" for c in os.path.basename(name)) or "model"
    filename = f"<onnx {stem} {zlib.crc32(code.encode()):08x}>"
    try:
        compiled = compile(code, filename, "exec")
    except (SyntaxError, RecursionError, MemoryError, OverflowError, ValueError) as error:
        raise _core.SerializationError(
            f"onnx.load: got a graph in {name!r} that is too deeply nested for Python ({error}); need a simpler one"
        ) from error
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    exec(compiled, scope)
    return scope["forward"]


def located(error: BaseException, filename: str, lines: dict[int, Line]) -> None:
    """Add to the text of an error which node of the model it comes from.

    What is no error of Tandem becomes one: a node with inputs that it cannot have.
    """
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = lines.get(trace.tb_lineno, line)
        trace = trace.tb_next
    if line is None or getattr(error, "_located", False):
        return
    where = f"node {line.node!r} ({line.operator})"
    if not isinstance(error, _core.Error):
        raise _core.BackendError(
            f"{where}: got {type(error).__name__}: {error}; need inputs that the operator can have"
        ) from error
    error._located = True  # type: ignore[attr-defined]
    error.args = (f"{where}: {error.args[0] if error.args else error}", *error.args[1:])
