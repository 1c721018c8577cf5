"""Models in one file, which runs without Python: `td.save` and `td.load` of `.tdm` files.

A file is a zip archive of stored entries: `manifest.json`; for each method its graph as text and its program; kernels
as machine code for every target, and as what the interpreter runs where no code fits; the tensors in the safetensors
format; examples of arguments and results. docs/deploy.md describes it.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import tempfile
import types
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tandem import _core, _trees, serialization
from tandem._boundary import public
from tandem.autograd import no_grad
from tandem.jit import Compiled, is_enabled, set_enabled
from tandem.tensor_spec import TensorSpec

__all__ = ["LoadedModel", "load", "sample"]

Tensor = _core.Tensor
SUFFIX = ".tdm"
TARGETS = ("x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64")
_KEPT = {"grad"}  # effects of a training step that mean nothing outside of Python: .grad of the parameters


class _Wanted(NamedTuple):
    """A method to be saved: what it is called, the function, and examples of its arguments."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]


def save(
    obj: Any,
    path: str | os.PathLike[str],
    args: Any = None,
    *,
    methods: Mapping[str, Any] | None = None,
    targets: Any = None,
    dynamic: bool | Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Capture, compile and write; see td.save."""
    wanted = wanted_methods(obj, args, methods, dynamic)
    chosen = TARGETS if targets is None else (targets,) if isinstance(targets, str) else tuple(targets)
    writer, state = _core.ArchiveWriter(), State(obj, wanted)
    described, parts = {}, []
    for method in wanted:
        compiled, described[method.name] = add_method(writer, state, method, dynamic)
        if not compiled.records[-1].specialization.executable.writes_inputs:
            parts += _sample(method, compiled)
    manifest = {
        "producer": {
            "tandem": _core.__version__,
            "python": platform.python_version(),
            "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        },
        "metadata": dict(metadata or {}),
        "python": described,
    }
    weights = serialization.to_bytes(state.tensors, {})
    writer.write(os.fspath(path), json.dumps(manifest), weights, list(chosen), parts)


def wanted_methods(
    obj: Any, args: Any, methods: Mapping[str, Any] | None, dynamic: bool | Mapping[str, Any] | None
) -> list[_Wanted]:
    """What is to be saved, by its names and examples."""
    found = _named_methods(obj, args, methods)
    _check_names(found, dynamic)
    return found


def _named_methods(obj: Any, args: Any, methods: Mapping[str, Any] | None) -> list[_Wanted]:
    if (args is None) == (methods is None):
        raise _core.ArgumentTypeError(
            "save: got a model for a .tdm file "
            + ("without" if args is None else "with both")
            + " args and methods; need examples of the arguments; try td.save(model, path, (x,)), or "
            "methods={'forward': (x,), 'loss': (x, y)}"
        )
    if methods is None:
        packed = args if isinstance(args, tuple) else (args,)
        if hasattr(obj, "forward"):
            return [_Wanted("forward", obj.forward, packed)]
        if not callable(obj):
            raise _core.ArgumentTypeError(
                f"save: got {type(obj).__name__} for a .tdm file; need a function or a module"
            )
        return [_Wanted(getattr(obj, "__name__", type(obj).__name__).strip("<>"), obj, packed)]
    found = []
    for name, given in methods.items():
        packed = given if isinstance(given, tuple) else (given,)
        function = getattr(obj, name, None)
        if packed and callable(packed[0]) and not isinstance(packed[0], Tensor):
            function, packed = packed[0], packed[1:]
        if not isinstance(name, str) or not name.isidentifier():
            raise _core.ArgumentError(f"save: got the method {name!r}; need a name such as 'forward'")
        if not callable(function):
            raise _core.ArgumentTypeError(
                f"save: got the method {name!r}, which {type(obj).__name__} does not have; need a name of one, or a "
                f"function before its arguments: methods={{{name!r}: (function, x)}}"
            )
        found.append(_Wanted(name, function, packed))
    return found


def _marked(method: _Wanted, dynamic: bool | Mapping[str, Any] | None) -> tuple[Any, ...]:
    """The arguments, row by row, and specifications in place of those that have other sizes from call to call."""
    given = tuple(x.copy() if isinstance(x, Tensor) and not x.is_contiguous() else x for x in method.args)
    if not isinstance(dynamic, Mapping):
        return given
    names = _argument_names(method)
    args = []
    for name, value in zip(names, given, strict=True):
        axes = dynamic.get(name, {})
        if not axes or not isinstance(value, Tensor):
            args.append(value)
            continue
        named = axes if isinstance(axes, Mapping) else dict.fromkeys(axes)
        shape = [named.get(k, named.get(k - value.ndim, size)) for k, size in enumerate(value.shape)]
        for k in named:
            if not -value.ndim <= k < value.ndim:
                raise _core.OutOfBoundsError(f"save: got the axis {k} of '{name}'; need one of its {value.ndim} axes")
        args.append(TensorSpec(shape, value.dtype))
    return tuple(args)


def _argument_names(method: _Wanted) -> list[str]:
    from tandem.scripting.arguments import leaf_names

    return leaf_names(_plain(method.function), method.args, {}, list(method.args))


def _check_names(wanted: list[_Wanted], dynamic: bool | Mapping[str, Any] | None) -> None:
    names = {name for method in wanted for name in _argument_names(method)}
    for name in dynamic if isinstance(dynamic, Mapping) else ():
        if name not in names:
            raise _core.ArgumentError(
                f"save: got dynamic axes of {name!r}; need the name of an argument: {', '.join(sorted(names))}"
            )


def _plain(function: Any) -> Any:
    return function.__wrapped__ if isinstance(function, Compiled) else function


class State:
    """The tensors that methods work on, by name."""

    def __init__(self, obj: Any, wanted: list[_Wanted]) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._known: dict[int, str] = {}  # names of tensors, by identity
        for owner in [obj, *(getattr(m.function, "__self__", None) for m in wanted)]:
            for named in ("named_parameters", "named_buffers"):
                for name, value in getattr(owner, named, dict)() if not isinstance(owner, type) else ():
                    self._known.setdefault(id(value), name)

    def name(self, value: Tensor, wanted: str) -> str:
        """The name of a tensor that a method needs."""
        found = self._known.get(id(value))
        if found is None:
            found = wanted or "tensor"
            number = 0
            while found in self.tensors or found in self._known.values():
                number += 1
                found = f"{wanted or 'tensor'}_{number}"
            self._known[id(value)] = found
        self.tensors[found] = value.detach()  # in the file its elements lie row by row
        return found


def _captured(method: _Wanted, all_sizes: bool) -> Compiled:
    function = _plain(method.function)
    rewriting = getattr(method.function, "rewriting", True)
    numerics = getattr(method.function, "numerics", "strict")
    compiled = Compiled(function, rewriting=rewriting, numerics=numerics, dynamic=True if all_sizes else None)
    before = is_enabled()
    set_enabled(True)  # what is saved is compiled, whatever runs here
    try:
        return compiled.precompile(*method.args)
    finally:
        set_enabled(before)


def add_method(
    writer: Any, state: State, method: _Wanted, dynamic: bool | Mapping[str, Any] | None
) -> tuple[Compiled, dict[str, Any]]:
    """Capture a method and hand it to the writer; describe how Python calls it."""
    example = method._replace(args=_marked(method, dynamic))
    compiled = _captured(example, dynamic is True)
    return compiled, _add(writer, state, example, compiled)


def _add(writer: Any, state: State, method: _Wanted, compiled: Compiled) -> dict[str, Any]:
    """Write a method, and describe how Python calls it."""
    record = compiled.records[-1]
    call = record.call
    for kind, *effect in call.effects:
        if kind not in _KEPT:
            what = effect[1] if isinstance(effect[1], str) else "a list, dict or set"
            raise _core.CaptureError(
                f"save: got the method '{method.name}', which changes '{what}' of {type(effect[0]).__name__}; need one "
                "that changes nothing but elements of tensors; try a tensor for what changes, or calling it once "
                "before if that is what makes it"
            )
    inputs = []
    for number, source in enumerate(call.sources):
        if source[0] == "grad" and not record.specialization.executable.uses(number):
            inputs.append(("", True))
        elif source[0] == "leaf":
            inputs.append((call.names[source[1]], False))
        elif source[0] in ("state", "fixed"):
            inputs.append((_input_of_state(state, method, source), True))
        elif source[0] == "grad":
            raise _core.CaptureError(
                f"save: got the method '{method.name}', which adds to the gradient of input {number}; need one that "
                "begins with optimizer.zero_grad()"
            )
        else:
            raise _core.CaptureError(
                f"save: got arguments of '{method.name}' that share memory; need tensors of their own; try .copy()"
            )
    tree, names = _outputs(method, call.template)
    writer.add(record.specialization.executable, method.name, _text(compiled.__wrapped__), inputs, names)
    order = [source[1] for source in call.sources if source[0] == "leaf"]
    return {"arguments": _arguments(method, order), "outputs": tree, "names": names}


def _input_of_state(state: State, method: _Wanted, source: tuple[Any, ...]) -> str:
    from tandem.scripting.guards import current

    if source[0] == "fixed":
        return state.name(source[1], "constant")
    kind, owner, key, text = source[1][0]
    value = current((kind, owner, key))
    if not isinstance(value, Tensor):
        raise _core.CaptureError(
            f"save: got the method '{method.name}', which changes the number {text}; need a tensor in its place; try "
            "td.asarray(...)"
        )
    name = text.split("'")[1] if text.count("'") > 1 else text
    inside = f".{key}" if kind == "item" and not f".{name}".endswith(f".{key}") else ""
    return state.name(value, name.removeprefix("self.") + inside)


def _arguments(method: _Wanted, order: list[int]) -> dict[str, Any]:
    """The arguments as a text, and the tensors in it in the order of the program, which is given as leaves."""
    from tandem.scripting.arguments import replace_leaves
    from tandem.scripting.specs import leaves_of

    leaves = list(leaves_of((method.args, {})))
    new = [_core._example([], "bool") if isinstance(leaf, (Tensor, TensorSpec)) else leaf for leaf in leaves]
    tensors, text = _trees.encode(replace_leaves((method.args, {}), leaves, new)[0])
    names = {id(value): name for name, value in tensors.items()}
    return {"tree": text, "tensors": [names[id(new[k])] for k in order]}


def _outputs(method: _Wanted, template: Any) -> tuple[str, list[str]]:
    """The results as a text in which tensors have numbers, and what they are called."""
    slots: dict[int, Tensor] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, _core.Slot):
            return slots.setdefault(node.index, _core._example([], "bool"))
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return [walk(value) for value in node] if isinstance(node, list) else tuple(walk(value) for value in node)
        return node

    try:
        tensors, text = _trees.encode(walk(template))
    except _core.Error as error:
        raise _core.CaptureError(
            f"save: got a result of '{method.name}' that cannot be kept in a file: {error}"
        ) from None
    found = {id(value): name for name, value in tensors.items()}
    names = [found[id(slots[k])] for k in range(len(slots))]
    return text, names


def _text(function: Any) -> str:
    if isinstance(function, types.MethodType):
        function = function.__func__
    return (getattr(function, "__doc__", None) or "").strip()


def _sample(method: _Wanted, compiled: Compiled) -> list[tuple[str, bytes]]:
    """Arguments and what they give, as a file: what a user of the model can try, and compare with.

    None for sizes that are only named.
    """
    if any(isinstance(leaf, TensorSpec) for leaf in method.args):
        return []
    with no_grad():
        results = compiled(*method.args)
    tensors, text = _trees.encode({"arguments": method.args, "results": results})
    return [(f"samples/{method.name}.safetensors", serialization.to_bytes(tensors, {"tree": text}))]


@public
def sample(path: str | os.PathLike[str], method: str) -> tuple[tuple[Any, ...], Any]:
    """Return an example of the arguments of a method, and what it gave when the file was written.

    KeyError for a method that has none: one that writes to its model, or whose sizes were only named.
    """
    with zipfile.ZipFile(path) as file, tempfile.NamedTemporaryFile(suffix=".safetensors") as copy:
        copy.write(file.read(f"samples/{method}.safetensors"))
        copy.flush()
        tensors, texts, _ = serialization.read(copy.name)
    found = _trees.decode(texts["tree"], tensors)
    return found["arguments"], found["results"]


def load(path: str | os.PathLike[str], target: str = "") -> LoadedModel:
    """Read a `.tdm` file; see td.load. `target` names one of the file's, "interpreter", or a GPU: "cuda:1"."""
    return LoadedModel(_core.load_model(os.fspath(path), target))


class LoadedModel:
    """A model from a `.tdm` file: its methods can be called, and its tensors read and written.

    It runs the same code as the C++ library, and calling it calls its only method, or `forward`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        manifest = json.loads(model.manifest)
        self.metadata: dict[str, str] = manifest.get("metadata", {})
        self._methods = {name: _LoadedMethod(model, name, manifest["python"][name]) for name in model.methods}

    @property
    def methods(self) -> list[str]:
        """The names of its methods."""
        return list(self._methods)

    @property
    def target(self) -> str:
        """The instruction set or GPU of the code that runs, or "interpreter"."""
        return str(self._model.target)

    @property
    def device(self) -> str:
        """Where it runs, and its tensors and results are."""
        return str(self._model.device)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors of the model by name, as they are: what is written to them changes the model."""
        return dict(self._model.state())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file with the tensors as they are now."""
        self._model.save(os.fspath(path))

    @public
    def __call__(self, *args: Any) -> Any:
        name = "forward" if "forward" in self._methods else next(iter(self._methods))
        return self._methods[name](*args)

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__.get("_methods", {}).get(name)
        if found is None:
            raise AttributeError(f"'LoadedModel' object has no attribute '{name}'")
        return found

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._methods]

    def __repr__(self) -> str:
        lines = [f"  {self._model.signature(name)}" for name in self._methods]
        return "\n".join([f"LoadedModel for {self.target}:", *lines])


class _LoadedMethod:
    def __init__(self, model: Any, name: str, described: dict[str, Any]) -> None:
        self._model, self.__name__ = model, name
        self._tree, self._order = described["arguments"]["tree"], described["arguments"]["tensors"]
        self._outputs = described["outputs"]
        self._names: list[str] = described["names"]
        self.__doc__ = model.doc(name)

    @public
    def __call__(self, *args: Any) -> Any:
        tensors, tree = _trees.encode(args)
        if tree != self._tree:
            raise _core.ArgumentError(
                f"{self.__name__}: got arguments that are put together as {tree}; need {self._tree}; try those it was "
                "saved with"
            )
        found = self._model.run(self.__name__, [tensors[name] for name in self._order])
        return _trees.decode(self._outputs, dict(zip(self._names, found, strict=True)))

    def __repr__(self) -> str:
        return f"<{self._model.signature(self.__name__)}>"
