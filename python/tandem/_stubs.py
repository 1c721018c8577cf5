"""Writes the type stubs `_core.pyi` and `__init__.pyi`: `python -m tandem._stubs`.

The operations, the dtypes, the exceptions and all docstrings come from the extension module itself. What C++ cannot
tell, the types of the other names, is stated here, one signature per line.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tandem
from tandem import _core, _numpy

WIDTH = 120

PROLOGUE = '''\
"""The C++ core. Written by `python -m tandem._stubs`; do not edit."""

from builtins import bool as _bool
from builtins import complex as _complex
from collections.abc import Callable, Iterator, Sequence
from types import EllipsisType, ModuleType
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np

# A size that is symbolic while a function is captured is typed as the int it stands for.
_Number: TypeAlias = float | _complex | Size | np.generic
_Operand: TypeAlias = Tensor | _Number | np.ndarray[Any, Any]
_TensorLike: TypeAlias = _Operand | list[Any] | tuple[Any, ...]
_TensorList: TypeAlias = list[Any] | tuple[Any, ...]
_DTypeLike: TypeAlias = DType | str | np.dtype[Any] | type[_bool] | type[int] | type[float] | type[np.generic]
_Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Tensors: TypeAlias = Sequence[Tensor]
_IndexPart: TypeAlias = SupportsIndex | slice | EllipsisType | Tensor | np.ndarray[Any, Any] | list[Any] | None
_Index: TypeAlias = _IndexPart | tuple[_IndexPart, ...]
'''

# The types of the attributes of operations, by name; an operation's own row comes first.
ATTRIBUTES = {
    "shape": "_Shape",
    "axes": "_Shape",
    "axis": "SupportsIndex",
    "cumsum.axis": "SupportsIndex | None",
    "cumprod.axis": "SupportsIndex | None",
    "cummax.axis": "SupportsIndex | None",
    "cummin.axis": "SupportsIndex | None",
    "take.axis": "SupportsIndex | None",
    "fill_value": "float | SupportsIndex",
    "start": "float | SupportsIndex",
    "stop": "float | SupportsIndex",
    "step": "float | SupportsIndex",
    "num": "SupportsIndex",
    "num_segments": "SupportsIndex",
    "n_rows": "SupportsIndex",
    "n_cols": "SupportsIndex",
    "k": "SupportsIndex",
    "endpoint": "_bool",
    "keepdims": "_bool",
    "conjugate": "_bool",
    "correction": "float",
    "eps": "float",
    "dtype": "_DTypeLike",
    "starts": "Sequence[int]",
    "sizes": "Sequence[int]",
    "steps": "Sequence[int]",
    "upper": "_bool",
    "complete": "_bool",
    "full_matrices": "_bool",
    "descending": "_bool",
    "stable": "_bool",
    "largest": "_bool",
    "right": "_bool",
    "inverse": "_bool",
    "real": "_bool",
    "roots": "SupportsIndex",
    "length": "_Shape",
    "stride": "Sequence[int]",
    "dilation": "Sequence[int]",
    "before": "Sequence[int]",
    "after": "Sequence[int]",
    "groups": "SupportsIndex",
    "size": "Sequence[int]",
    "kernel": "Sequence[int]",
    "source": "Sequence[int]",
    "adaptive": "_bool",
    "divisor": "SupportsIndex",
    "add": "_bool",
    "device": "str",
    "copy": "_bool",
}

FUNCTIONS = [
    "asarray(obj: Any, *, dtype: _DTypeLike | None = None, device: str | None = None, copy: _bool | None = None)"
    " -> Tensor",
    "from_dlpack(x: Any, /, *, device: str | None = None, copy: _bool | None = None) -> Tensor",
    "empty(shape: _Shape, *, dtype: _DTypeLike | None = None, device: str | None = None) -> Tensor",
    "default_dtype() -> DType",
    "set_default_dtype(dtype: _DTypeLike) -> None",
    "num_threads() -> int",
    "set_num_threads(n: int) -> None",
    "memory_stats() -> dict[str, int]",
    "stats() -> dict[str, Any]",
    "empty_cache() -> None",
    "clear_kernels() -> None",
    "_pack_kernels(file: str) -> int",
    "cache_folder() -> str",
    "backend_name() -> str",
    "library_versions() -> str",
    "cpu_levels() -> list[str]",
    "hash128(bytes: bytes) -> str",
    "load_model(path: str, target: str = ..., verified: _bool = ...) -> Model",
    "enabled() -> _bool",
    "set_enabled(on: _bool, /) -> None",
    "recording() -> _bool",
    "lift(value: Any, /) -> Tensor",
    "as_number(x: Tensor, /) -> Tensor",
    "sharing(tensors: _Tensors) -> list[list[int]]",
    "call_containers() -> list[Any]",
    "host_call(text: str, function: Callable[..., None], tensors: _Tensors) -> None",
    "if_begin(predicate: Tensor, /) -> If",
    "while_begin(inits: _Tensors, names: Sequence[str] = ...) -> While",
    "_broadcast_shape(shapes: Sequence[Any], /) -> tuple[int, ...]",
    "_internal(name: str, /, *args: Any, **kwargs: Any) -> Tensor",
    "_as_dtype(value: Any, /) -> DType",
    "_bytes_of(x: Tensor, /) -> Tensor",
    "_check_device(what: str, device: Any, /) -> None",
    "_from_buffer(buffer: Any, dtype: _DTypeLike, shape: Sequence[int], /) -> Tensor",
    "_dtype_by_name(name: str, /) -> DType",
    "_formula(op: str, types: Sequence[tuple[DType, tuple[Any, ...]]], attrs: dict[str, Any]) -> dict[str, Any] | None",
    "_gradient(name: str, inputs: _Tensors, params: Sequence[int | Sequence[int]], upstream: Tensor) -> list[Tensor]",
    "_gradients(roots: _Tensors, upstream: Sequence[Tensor | None], inputs: _Tensors, *, retain_graph: _bool, "
    "create_graph: _bool) -> list[Tensor | None]",
    "_grad_enabled() -> _bool",
    "_same(x: Tensor, /) -> Tensor",
    "_set_grad_enabled(enabled: _bool, /) -> _bool",
    "_set_autocast(dtype: DType | None, /) -> DType | None",
    "_autocast_names(low: _bool, /) -> list[str]",
    "_tape_position() -> int",
    "_tape_sources(results: _Tensors, known: _Tensors, position: int, /) -> list[Tensor]",
    "_tape_function(name: str, inputs: _Tensors, results: _Tensors, rule: Callable[..., Any], /) -> None",
    "_lapack() -> str",
    "_real_dtype(dtype: DType, /) -> DType",
    "_dtype_limits(dtype: DType, /) -> tuple[int, ...]",
    "_location() -> tuple[str, int]",
    "_op_table() -> list[dict[str, Any]]",
    "_result_type(values: tuple[Any, ...], /) -> DType",
    "_set_package_folder(folder: str, /) -> None",
    "_example(shape: Sequence[int], dtype: _DTypeLike) -> Tensor",
    "_hold_compiling(held: _bool) -> None",
    "_stop_compiling() -> None",
    "_process_checks(wanted: int) -> int",
    "_profile_capture(start: int, name: str, reason: str) -> None",
    "_profile_clock() -> int",
    "_profile_start(capacity: int, every: _bool) -> int",
    "_profile_stop(number: int, /) -> Profile",
    "_thread_checks(wanted: int) -> int",
]

OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]

# Lines without brackets are properties. `{operations}` and `{methods}` stand for what tables give.
CLASSES = {
    "DType": [
        "name: str",
        "itemsize: int",
        'kind: Literal["bool", "int", "float", "complex"]',
        "__eq__(self, other: object, /) -> _bool",
        "__hash__(self) -> int",
        "__reduce__(self) -> tuple[Any, ...]",
    ],
    "Size": [
        *(f"__{o}__(self, other: Any, /) -> Any" for o in ("truediv", "rtruediv", "pow", "rpow")),
        *(
            f"__{r}{o}__(self, other: SupportsIndex, /) -> Size | int"
            for o in ("add", "sub", "mul", "floordiv", "mod")
            for r in ("", "r")
        ),
        *(f"__{o}__(self, other: Any, /) -> _bool" for o in ("lt", "le", "gt", "ge")),
        *(f"__{o}__(self, other: object, /) -> _bool" for o in ("eq", "ne")),
        *(f"__{t}__(self) -> {t}" for t in ("int", "float")),
        *(f"__{o}__(self, other: SupportsIndex, /) -> tuple[Size | int, Size | int]" for o in ("divmod", "rdivmod")),
        *(f"__{o}__(self) -> Size | int" for o in ("neg", "pos", "abs")),
        "__bool__(self) -> _bool",
        "__index__(self) -> int",
        "__hash__(self) -> int",
    ],
    "Tensor": [
        "dtype: DType",
        "shape: tuple[int, ...]",
        "ndim: int",
        "size: int",
        "nbytes: int",
        "itemsize: int",
        "device: str",
        "strides: tuple[int, ...]",
        "T: Tensor",
        "real: Tensor",
        "imag: Tensor",
        "mT: Tensor",
        "requires_grad: _bool",
        "is_leaf: _bool",
        "grad: Tensor | None",
        "grad_fn: str | None",
        "requires_grad_(self, requires_grad: _bool = True) -> Tensor",
        "detach(self) -> Tensor",
        "backward(self, gradient: Tensor | None = None, retain_graph: _bool = False, create_graph: _bool = False)"
        " -> None",
        "retain_grad(self) -> None",
        "register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> None",
        "is_contiguous(self) -> _bool",
        "item(self) -> Any",
        "tolist(self) -> Any",
        "numpy(self) -> np.ndarray[Any, Any]",
        "copy(self) -> Tensor",
        "astype(self, dtype: _DTypeLike, *, copy: _bool = True) -> Tensor",
        "to(self, device: str) -> Tensor",
        "to_device(self, device: str, /, *, stream: None = None) -> Tensor",
        "fill(self, value: float) -> None",
        "reshape(self, *sizes: _Shape, shape: _Shape = ..., copy: _bool | None = None) -> Tensor",
        "{operations}",
        "{methods}",
        "conjugate(self) -> Tensor",
        "__len__(self) -> int",
        "__iter__(self) -> Iterator[Tensor]",
        "__getitem__(self, key: _Index, /) -> Tensor",
        "__setitem__(self, key: _Index, value: _TensorLike, /) -> None",
        *(f"__{o}__(self, other: _Operand, /) -> Tensor" for o in OPERATORS),
        *(f"__r{o}__(self, other: _Operand, /) -> Tensor" for o in OPERATORS),
        *(f"__i{o}__(self, other: _Operand, /) -> Tensor" for o in OPERATORS),
        *(f"__{o}__(self, other: _Operand, /) -> tuple[Tensor, Tensor]" for o in ("divmod", "rdivmod")),
        *(f"__{o}__(self, other: _Operand, /) -> Tensor" for o in ("lt", "le", "gt", "ge")),
        *(f"__{o}__(self, other: _Operand, /) -> Tensor  # type: ignore[override]" for o in ("eq", "ne")),
        *(f"__{o}__(self) -> Tensor" for o in ("neg", "pos", "abs", "invert", "round")),
        "__int__(self) -> int",
        "__float__(self) -> float",
        "__complex__(self) -> _complex",
        "__bool__(self) -> _bool",
        "__index__(self) -> int",
        "__hash__(self) -> int",
        "__copy__(self) -> Tensor",
        "__deepcopy__(self, memo: dict[int, Any]) -> Tensor",
        "__buffer__(self, flags: int, /) -> memoryview",
        "__format__(self, spec: str, /) -> str",
        "__array__(self, dtype: Any = None, copy: _bool | None = None) -> np.ndarray[Any, Any]",
        "__array_interface__: dict[str, Any]",
        "__array_namespace__(self, *, api_version: str | None = None) -> ModuleType",
        "__array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any",
        "__array_function__(self, function: Callable[..., Any], kinds: Any, args: tuple[Any, ...],"
        " options: dict[str, Any]) -> Any",
        "__dlpack__(self, *, stream: None = None, max_version: tuple[int, int] | None = None,"
        " dl_device: tuple[int, int] | None = None, copy: _bool | None = None) -> Any",
        "__dlpack_device__(self) -> tuple[int, int]",
        "_overlaps(self, other: Tensor, /) -> _bool",
        "_memory: tuple[int, int, int, int]",
        "_recorded: _bool",
        "_weak: _bool",
        "_type: str",
        "_pointer: int",
        "_writable: _bool",
    ],
    "Slot": ["__init__(self, index: int, /) -> None", "index: int"],
    "Executable": [
        "ir(self, stage: str) -> str",
        "passes(self) -> list[tuple[str, str]]",
        "kernels(self) -> list[dict[str, Any]]",
        "constants: list[Tensor]",
        "graph(self) -> dict[str, Any]",
        "size_guards(self) -> list[str]",
        "compile_seconds: float",
        "gradient_of(self, input: int) -> int",
        "ready: _bool",
        "uses(self, input: int) -> _bool",
        "writes_inputs: _bool",
        "node_count: int",
    ],
    "ArchiveWriter": [
        "__init__(self) -> None",
        "add(self, executable: Executable, name: str, doc: str, inputs: list[tuple[str, _bool]], outputs: list[str])"
        " -> None",
        "object(self, name: str, weights_file: str, weights_size: int, target: str) -> bytes",
        "describe(self) -> tuple[list[Any], list[Any]]",
        "write(self, path: str, manifest: str, weights: bytes, targets: list[str], parts: list[tuple[str, bytes]])"
        " -> None",
    ],
    "Model": [
        "manifest: str",
        "target: str",
        "methods: list[str]",
        "signature(self, method: str) -> str",
        "doc(self, method: str) -> str",
        "run(self, method: str, tensors: _Tensors) -> list[Any]",
        "state(self) -> dict[str, Tensor]",
        "save(self, path: str) -> None",
    ],
    "CapturedGraph": [
        "__init__(self, executable: Executable) -> None",
        "data(self) -> dict[str, Any]",
        "values(self, wanted: Sequence[int], tensors: _Tensors) -> list[Tensor]",
    ],
    "Specialization": [
        "__init__(self, executable: Executable, inputs: list[Any], symbols: list[Any], output: Any, guards: list[Any],"
        " effects: list[Any], failures: list[Any]) -> None",
        "executable: Executable",
    ],
    "CompiledFunction": [
        "__init__(self) -> None",
        "__call__(self, *args: Any, **kwargs: Any) -> Any",
        "_counters(self) -> dict[str, Any]",
        "_forget(self) -> None",
        "_adopt(self, other: CompiledFunction) -> None",
        "_precompile(self, args: tuple[Any, ...], kwargs: dict[str, Any], marks: dict[int, Any]) -> None",
        "_wait(self) -> None",
        "_set_direct(self, direct: _bool, /) -> None",
        "specializations: list[Specialization]",
    ],
    "Capture": [
        "__init__(self, name: str, fast: _bool = ..., disk_cache: _bool = ...) -> None",
        "start(self) -> None",
        "input(self, tensor: Tensor, dynamic: Sequence[_bool], name: str = ...) -> Tensor",
        "shared_input(self, tensors: _Tensors, name: str) -> list[Tensor]",
        "written_inputs(self) -> list[int]",
        "number_input(self, name: str = ...) -> Tensor",
        "size_input(self, value: int) -> Size",
        "on_failure(self, function: Callable[[], Any]) -> None",
        "failures: list[Callable[..., None]]",
        "finish(self, outputs: _Tensors, budget: float | None = None) -> Executable",
        "changed_gradients(self) -> list[tuple[int, Tensor | None]]",
        "abort(self) -> None",
    ],
    "Profile": [
        "events(self) -> list[tuple[Any, ...]]",
        "origins(self) -> dict[int, tuple[Any, ...]]",
        "launches(self) -> dict[int, int]",
        "threads(self) -> dict[int, str]",
        "seconds: float",
        "dropped: int",
        "memory: tuple[int, int, int]",
    ],
    "If": [
        "otherwise(self, outputs: _Tensors, /) -> None",
        "end(self, outputs: _Tensors, names: Sequence[str] = ...) -> list[Tensor]",
        "abort(self) -> None",
    ],
    "While": [
        "params: list[Tensor]",
        "body(self, condition: Tensor, /) -> list[Tensor]",
        "end(self, nexts: _Tensors, runs: _bool = ...) -> list[Tensor]",
        "abort(self) -> None",
    ],
}


def summary(value: Any) -> str:
    """Return the docstring without the signatures and examples that C++ puts around it."""
    text = inspect.getdoc(value) or ""
    paragraphs = [p for p in text.split("\n\n") if not re.match(r"\w+\(.*|>>> ", p)]
    return " ".join(" ".join(paragraphs).split())


def definition(signature: str, doc: str, indent: str = "") -> str:
    """Return a function's stub, wrapped where it is too long for one line."""
    signature, _, comment = signature.partition("  # ")
    head, _, result = signature.rpartition(" -> ")
    end = (f"  # {comment}" if comment else "") if doc else " ..." + (f"  # {comment}" if comment else "")
    line = f"{indent}def {signature}:{end}"
    if len(line) > WIDTH:
        name, _, parameters = head[:-1].partition("(")
        inner = "".join(f"{indent}    {p},\n" for p in re.split(r", (?![^\[]*\])", parameters))
        line = f"{indent}def {name}(\n{inner}{indent}) -> {result}:{end}"
    return line + "\n" + (docstring(doc, indent + "    ") if doc else "")


def docstring(text: str, indent: str) -> str:
    lines: list[str] = []
    line = f'{indent}"""'
    for word in text.replace("\\", "\\\\").split():
        if len(line) + len(word) + 4 > WIDTH:
            lines, line = [*lines, line.rstrip()], indent
        line += word + " "
    lines.append(line.rstrip())
    return "\n".join(lines) + (f"\n{indent}" if len(lines) > 1 else "") + '"""\n'


def operation(row: dict[str, Any], *, method: bool = False) -> str:
    """Return the signature, with types, of a row of the table of operations."""
    parameters: list[str] = []
    for text in row["signature"].partition("(")[2][:-1].split(", "):
        name, _, default = text.partition("=")
        if name in row["inputs"]:
            kind = "_TensorList" if row["variadic"] else "_TensorLike"
        else:
            kind = ATTRIBUTES.get(f"{row['name']}.{name}") or ATTRIBUTES[name]
            if default == "None":
                kind = "_Shape | None" if kind == "SupportsIndex" and name == "axis" else kind
        if default == "None" and not kind.endswith("None"):
            kind += " | None"
        if not default and "*" not in parameters and any(" = " in earlier for earlier in parameters):
            parameters.append("*")
        parameters.append(f"{name}: {kind}" + (f" = {default}" if default else ""))
    if method:
        parameters[0] = "self"
    return f"{row['name']}({', '.join(parameters)}) -> Tensor"


def method(name: str) -> str:
    """Return the signature of a function in Python that is a method of tensors, as its annotations have it."""
    found = inspect.signature(getattr(_core.Tensor, name))
    tensor, *others = found.parameters.values()
    text = str(found.replace(parameters=[tensor.replace(name="self", annotation=inspect.Parameter.empty), *others]))
    # Annotations are text, which inspect quotes.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    return name + re.sub(r"\bbool\b", "_bool", text).replace("'", '"')


def rows() -> list[dict[str, Any]]:
    return [row for row in _core._op_table() if not row["internal"]]


def parts() -> list[dict[str, Any]]:
    """Return the rows that only this package calls, under the names they have for it."""
    named = [row | {"name": f"_{row['name']}"} for row in _core._op_table() if row["internal"]]
    return [row for row in named if hasattr(_core, row["name"])]


def class_body(name: str, members: Iterable[str]) -> str:
    cls, indent, out = getattr(_core, name), "    ", []
    if cls.__doc__:
        out.append(docstring(summary(cls), indent))
    for member in members:
        if member == "{operations}":
            methods = [row for row in rows() if row["method"] and row["name"] != "reshape"]
            out += [definition(operation(row, method=True), row["doc"], indent) for row in methods]
            continue
        if member == "{methods}":
            out += [definition(method(name), summary(getattr(cls, name)), indent) for name in sorted(_numpy.METHODS)]
            continue
        attribute = re.match(r"\w+", member).group()  # type: ignore[union-attr]
        doc = "" if re.fullmatch(r"__\w+__", attribute) else summary(cls.__dict__[attribute])
        if "(" in member.partition(":")[0]:
            out.append(definition(member, doc, indent))
        else:
            kind = member.partition(": ")[2]
            out.append(f"{indent}@property\n" + definition(f"{attribute}(self) -> {kind}", doc, indent))
            if getattr(cls.__dict__[attribute], "fset", None) is not None:
                setter = definition(f"{attribute}(self, value: {kind}) -> None", "", indent)
                out.append(f"{indent}@{attribute}.setter\n{setter}")
    return "".join(out)


def core_stub() -> str:
    """Return the text of `_core.pyi`."""
    text = [PROLOGUE, "\n__version__: str\n_op_names: list[str]\n_dtypes: list[DType]\n_max_dimensions: int\n"]
    for name, value in vars(_core).items():
        if isinstance(value, type) and issubclass(value, Exception):
            bases = ", ".join(base.__name__ for base in value.__bases__)
            text.append(f"\nclass {name}({bases}):\n" + docstring(summary(value), "    "))
    text += [f"\nclass {name}:\n{class_body(name, members)}" for name, members in CLASSES.items()]
    text.append("\n")
    text += [f"{name}: DType\n" for name, value in vars(_core).items() if isinstance(value, _core.DType)]
    text.append("\n")
    functions = [(line, summary(getattr(_core, line.partition("(")[0]))) for line in FUNCTIONS]
    functions += [(operation(row), row["doc"]) for row in (*rows(), *parts())]
    text += [definition(signature, doc) + ("\n" if doc else "") for signature, doc in functions]
    return "".join(text).rstrip("\n") + "\n"


def package_stub() -> str:
    """Return the text of `__init__.pyi`: where each public name comes from."""
    named = (
        "math",
        "tandem.jit",
        "tandem._array_api",
        "tandem._creation",
        "tandem._einsum",
        "tandem._products",
        "tandem.linalg",
        "tandem._dtypes",
        "tandem._float_parts",
        "tandem._parts",
        "tandem._scatter",
        "tandem._sorting",
        "tandem._statistics",
        "tandem.autograd",
        "tandem.ahead",
        "tandem.amp",
        "tandem.compare",
        "tandem.precision",
        "tandem.random",
        "tandem.serialization",
        "tandem.tensor_spec",
        "tandem.training",
        *(f"tandem._numpy.{theme}" for theme in _numpy.THEMES),
    )
    sources = [importlib.import_module(name) for name in named]
    sources.insert(1, _core)
    # The standard's name, which `import *` does not take.
    info = "__array_namespace_info__"
    found: dict[str, list[str]] = {"tandem._array_api_info": [f"{info} as {info}"]}
    constants = []
    for name in tandem.__all__:
        value = getattr(tandem, name)
        if name in _numpy.ALIASES:
            constants.append(f"{name} = {_numpy.ALIASES[name]}\n")
        elif isinstance(value, types.ModuleType):
            found.setdefault("tandem", []).append(name)
        elif value is None:
            constants.append(f"{name}: None\n")
        else:
            module = next(m for m in sources if vars(m).get(name) is value)
            found.setdefault(module.__name__, []).append(name)
    lines = ['"""The public names. Written by `python -m tandem._stubs`; do not edit."""\n\n']
    for module_name in sorted(found, key=lambda m: (m != "math", m)):
        names = sorted(found[module_name], key=import_order)
        line = f"from {module_name} import {', '.join(names)}\n"
        if len(line) > WIDTH:
            line = f"from {module_name} import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"
        lines.append(line + ("\n" if module_name == "math" else ""))
    listed = "".join(f'    "{name}",\n' for name in sorted(tandem.__all__, key=import_order))
    versions = "\n__version__: str\n__array_api_version__: str\n"
    return "".join([*lines, versions, *constants, f"\n__all__ = [\n{listed}]\n"])


def import_order(name: str) -> tuple[Any, ...]:
    """Sort as ruff does: classes first, and numbers inside names by value."""
    return name[0].islower(), [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def stubs() -> dict[str, str]:
    """Return the text of each stub by the name of its file."""
    return {"_core.pyi": core_stub(), "__init__.pyi": package_stub()}


if __name__ == "__main__":
    for file, text in stubs().items():
        (Path(__file__).resolve().parent / file).write_text(text, encoding="utf-8")
