"""The constants of a model: arrays of its initializers and Constant nodes, as text where they are small, and names."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from tandem import _core
from tandem.onnx.dtypes import dtype_of

_MOST_PLAIN, _MOST_STATIC = 64, 4096  # elements that are written into the code


def broken(where: str, got: str, need: str = "a valid ONNX model") -> _core.SerializationError:
    return _core.SerializationError(f"onnx.load: got {got} in {where}; need {need}")


def array_of(proto: Any, where: str, folder: str = "") -> np.ndarray[Any, Any]:
    """Return the array that a TensorProto holds; SerializationError if it does not fit its shape."""
    from onnx import numpy_helper

    dtype_of(proto.data_type, f"onnx.load: {where}")
    if any(n < 0 for n in proto.dims):
        raise broken(where, f"the sizes {list(proto.dims)}", "sizes of 0 or more")
    if proto.data_location == proto.EXTERNAL and not folder:
        raise broken(where, "a tensor that lies in a file of its own", "the path of the model, to find it beside that")
    try:
        array = numpy_helper.to_array(proto, folder)
    except Exception as error:  # whatever a damaged tensor makes of itself
        raise broken(where, f"a tensor that cannot be read ({error})", "elements that fill its shape") from error
    if array.shape != tuple(proto.dims):
        raise broken(where, f"elements of shape {array.shape} for the sizes {list(proto.dims)}", "as many as there are")
    return np.array(array)  # of its own memory, and writable


def text_of(value: Any) -> str:
    """Write a number, a text, or a tuple of them as Python."""
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(text_of, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


@dataclass
class Value:
    """What a name of the graph stands for in the code: an expression, or a constant that has none yet."""

    code: str = ""
    array: np.ndarray[Any, Any] | None = None
    name: str = ""  # of the constant

    def plain(self) -> str | None:
        """The constant as plain numbers, where those stand for it everywhere (see values.py)."""
        array = self.array
        if array is None or array.ndim > 1 or array.size > _MOST_PLAIN or array.dtype.name not in ("int64", "bool"):
            return None
        if array.dtype == bool and array.ndim == 1 and not array.size:
            return None  # an empty tuple has no dtype
        return text_of(_nested(array.tolist()))

    def static(self) -> str | None:
        """The constant as numbers, for an input whose values are needed when the model is captured."""
        if self.array is None or self.array.size > _MOST_STATIC:
            return None
        wide = self.array if self.array.dtype.kind in "iub" else self.array.astype(np.float64)
        return text_of(_nested(wide.tolist()))


def results_of(graph: Any) -> list[str]:
    """Return the names of what a graph computes."""
    return [port.name for port in graph.output]


_USED = ("float", "getattr", "len", "range")  # what the text calls of Python


class Names:
    """Identifiers for names of the graph, each used once."""

    def __init__(self) -> None:
        self._taken = {*keyword.kwlist, *keyword.softkwlist, *_USED, "self"}

    def take(self, wanted: str) -> str:
        """Return an identifier like the wanted one."""
        stem = re.sub(r"[^0-9A-Za-z_]+", "_", wanted).strip("_")[:60] or "v"
        stem = f"v{stem}" if stem[0].isdigit() else stem
        name, k = stem, 2
        while name in self._taken or name.startswith("__"):
            name, k = f"{stem}_{k}", k + 1
        self._taken.add(name)
        return name


class Paths:
    """Where a module holds the tensors of a model: a name with dots is a path, as in a state dict."""

    def __init__(self) -> None:
        from tandem.onnx.module import OnnxModule

        self._reserved = frozenset(dir(OnnxModule))
        self._of: dict[str, tuple[str, ...]] = {}
        self._inner: set[tuple[str, ...]] = set()  # the modules on the way

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self._of[name]

    def add(self, name: str) -> None:
        """Choose the path for a name: its parts, unless that is no path or leads through another tensor."""
        parts = tuple(f"{part}_" if part in self._reserved else part for part in name.split("."))
        plain = all(re.fullmatch("[A-Za-z0-9][A-Za-z0-9_]*", part) for part in parts)
        if not plain or not self._free(parts):
            stem = re.sub("[^0-9A-Za-z]+", "_", name).strip("_") or "tensor"
            count, parts = 2, (stem if stem not in self._reserved else f"{stem}_",)
            while not self._free(parts):
                count, parts = count + 1, (f"{stem}_{count}",)
        self._of[name] = parts
        self._inner.update(parts[:k] for k in range(1, len(parts)))

    def _free(self, parts: tuple[str, ...]) -> bool:
        taken = set(self._of.values())
        return (
            parts not in taken and parts not in self._inner and not any(parts[:k] in taken for k in range(len(parts)))
        )

    def code(self, name: str) -> str:
        """Write the path as an expression."""
        code = "self"
        for part in self._of[name]:
            usable = part.isidentifier() and not keyword.iskeyword(part)
            code = f"{code}.{part}" if usable else f'getattr({code}, "{part}")'
        return code


def attribute_of(proto: Any, where: str) -> Any:
    """Return the value of an attribute: numbers, text, tuples of them, an array, or a graph."""
    from onnx import AttributeProto as Kinds

    kind = proto.type
    if kind == Kinds.FLOAT:
        return float(np.float32(proto.f))
    if kind == Kinds.INT:
        return int(proto.i)
    if kind in (Kinds.STRING, Kinds.STRINGS):
        try:
            texts = tuple(each.decode() for each in ((proto.s,) if kind == Kinds.STRING else proto.strings))
        except UnicodeDecodeError as error:
            raise broken(where, f"an attribute {proto.name!r} that is no text", "UTF-8") from error
        return texts[0] if kind == Kinds.STRING else texts
    if kind == Kinds.FLOATS:
        return tuple(float(np.float32(n)) for n in proto.floats)
    if kind == Kinds.INTS:
        return tuple(map(int, proto.ints))
    if kind == Kinds.TENSOR:
        return array_of(proto.t, f"attribute {proto.name!r} of {where}")
    if kind == Kinds.GRAPH:
        return proto.g
    if kind == Kinds.TYPE_PROTO:
        return proto.tp
    names = {number: name for name, number in Kinds.AttributeType.items()}
    raise _core.BackendError(
        f"onnx.load: got an attribute {proto.name!r} of kind {names.get(kind, kind)} in {where}; need numbers, text, "
        "a tensor or a graph"
    )
