"""`td.from_torch`: a module of torch as one of Tandem, through torch.export.

The graph becomes the text of a Python function, a line for each operation, as models of the ONNX format do: so what
captures, differentiates, saves and explains functions does so with these. Layers with weights of their own are
Tandem's modules, which `td.convert` knows.
"""

from __future__ import annotations

import inspect
import io
import keyword
import linecache
import operator
import zlib
from collections.abc import Callable
from typing import Any

import torch
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node
from torch.utils import _pytree as torch_tree

import tandem as td
from tandem import _core
from tandem.nn.modules.module import Module
from tandem.nn.parameter import Buffer, Parameter
from tandem.torch import sizes
from tandem.torch.agreement import Agreement, compared
from tandem.torch.backend import check_version, decompositions
from tandem.torch.graph import is_number
from tandem.torch.piece import loosely, meta_of
from tandem.torch.table import EXPORTED, Row, rows

Tensor = _core.Tensor


class TorchModule(Module):
    """What `td.from_torch` returns.

    `code` is the text of the function that it runs, `report` says how well it agrees with the model it was made from.
    """

    report: Agreement | None = None
    code: str = ""
    _program: Any

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchModule:
        made = _module(self._program, share=False)
        memo[id(self)] = made
        _take_state(made, {k: v.detach().copy() for k, v in self.state_dict().items()}, self)
        return made

    def __reduce__(self) -> Any:
        file = io.BytesIO()
        torch.export.save(self._program, file)
        return _restored, (file.getvalue(), {k: v.detach() for k, v in self.state_dict().items()}, self.training)


def _take_state(made: TorchModule, state: dict[str, Tensor], like: TorchModule) -> None:
    made.load_state_dict(state)
    made.train(like.training)
    made.report = like.report
    for mine, theirs in zip(made.parameters(), like.parameters(), strict=True):
        mine.requires_grad_(theirs.requires_grad)


def _restored(data: bytes, state: dict[str, Tensor], training: bool) -> TorchModule:
    made = _module(torch.export.load(io.BytesIO(data)), share=False)
    made.load_state_dict(state)
    return made.train(training)


def from_torch(
    module: Any,
    example_args: Any,
    example_kwargs: dict[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    share: bool = False,
    rtol: float | None = None,
) -> TorchModule:
    """Return a torch module, or what torch.export made of one, as a module of Tandem.

    It computes what the module does in the mode that it is in, training or not, and is called in the same way, with
    tensors of Tandem; it can be compiled, trained, saved as a `.tdm` file, converted and exported. What the module says
    in Python about other values than tensors is settled by the example.

    example_args, example_kwargs: tensors of torch that it can be called with; they are computed with by both, and
        `report` says how far the results differ. SerializationError if that is more than `rtol` of the largest number
        (by dtype if left out).
    dynamic_shapes: as torch.export takes it: which sizes differ from call to call.
    share: parameters and buffers share the memory of torch's; else they are copies.

    BackendError names the operations that Tandem does not have.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh())
    >>> net = td.from_torch(model, (torch.ones(2, 4),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    >>> net(td.ones((3, 4))).shape
    (3, 8)
    >>> net.report.agrees
    True
    """
    check_version()
    args = tuple(example_args) if isinstance(example_args, (tuple, list)) else (example_args,)
    kwargs = dict(example_kwargs or {})
    if isinstance(module, torch.export.ExportedProgram):
        program = module
    elif isinstance(module, torch.nn.Module):
        try:
            program = torch.export.export(module, args, kwargs, dynamic_shapes=dynamic_shapes, strict=False)
        except Exception as error:
            raise _core.CaptureError(
                f"from_torch: torch.export cannot capture {type(module).__name__}: {str(error).strip()}"
            ) from error
    else:
        raise _core.ArgumentTypeError(
            f"from_torch: got {type(module).__name__}; need a torch.nn.Module or a torch.export.ExportedProgram"
        )
    names = _argument_names(module, args, kwargs)
    table = {op: how for op, how in decompositions().items() if str(op) not in EXPORTED}
    program = program.run_decompositions(table)
    program._tandem_names = names
    made = _module(program, share)
    made.train(getattr(module, "training", False))
    made.report = compared(module, made, args, kwargs, rtol)
    return made


def _argument_names(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    forward = getattr(module, "forward", None)
    try:
        names = list(inspect.signature(forward).bind(*args).arguments) if callable(forward) else []
    except TypeError:
        names = []
    return names if len(names) == len(args) else [f"x{k}" for k in range(len(args))]


class Operation:
    """One operation of the graph: a function of what is not known before a call."""

    def __init__(self, node: Node, row: Row) -> None:
        self.node, self.row = node, row
        self.__name__ = self.__qualname__ = node.name
        self.given: list[Any] = []  # nodes and symbols, in the order of the arguments

        def collect(arg: Any) -> None:
            if isinstance(arg, Node) and not is_number(arg):
                if arg not in self.given:
                    self.given.append(arg)
            elif isinstance(arg, (Node, torch.SymInt, torch.SymFloat)):
                value = meta_of(arg) if isinstance(arg, Node) else arg
                for symbol in sorted(sizes.free_symbols([value]), key=str):
                    if symbol not in self.given:
                        self.given.append(symbol)
            elif isinstance(arg, (list, tuple)):
                for each in arg:
                    collect(each)

        collect((*node.args, *node.kwargs.values()))

    def __call__(self, *values: Any) -> Any:
        known = dict(zip(self.given, values, strict=True))

        def value(arg: Any) -> Any:
            if isinstance(arg, Node):
                return known[arg] if arg in known else sizes.evaluated(meta_of(arg), known)
            if isinstance(arg, (list, tuple)):
                return [value(a) for a in arg]
            return sizes.evaluated(arg, known)

        skipped = ("layout", "device", "pin_memory")
        kwargs = {k: value(v) for k, v in self.node.kwargs.items() if k not in skipped}
        return loosely(self.row, [value(a) for a in self.node.args], kwargs, self.node)


def _drawn_mask(x: Tensor, p: float) -> Tensor:
    return td.random.uniform(x.shape) < p


_DRAWN: dict[str, Callable[..., Any]] = {
    "aten.bernoulli.p": lambda x, p=0.5: _drawn_mask(x, p).astype(x.dtype),
    "aten.native_dropout.default": lambda x, p, train: (
        _dropout(x, p) if train else (x, td.ones(x.shape, dtype=td.bool))
    ),
    "aten.rand_like.default": lambda x, **_: td.random.uniform(x.shape).astype(x.dtype),
    "aten.randn_like.default": lambda x, **_: td.random.normal(x.shape).astype(x.dtype),
    "aten.rand.default": lambda size, **_: td.random.uniform(tuple(size)),
    "aten.randn.default": lambda size, **_: td.random.normal(tuple(size)),
}


def _dropout(x: Tensor, p: float) -> tuple[Tensor, Tensor]:
    mask = _drawn_mask(x, 1 - p)
    return x * mask.astype(x.dtype) * (1 / (1 - p) if p < 1 else 0.0), mask


def _row(node: Node) -> Row | None:
    name = str(node.target)
    if name in _DRAWN:
        return Row(name, _DRAWN[name], False, False)
    return rows().get(name)


def _own(module: Module, path: str) -> tuple[Module, str]:
    """Return the module that a tensor of this path belongs to, made if there is none, and its name in there."""
    *parts, leaf = path.split(".")
    for part in parts:
        child = module._modules.get(part)
        if child is None:
            child = Module()
            module.add_module(part, child)
        module = child
    return module, leaf


def _reading(path: str) -> str:
    text = "self"
    for part in path.split("."):
        plain = part.isidentifier() and not keyword.iskeyword(part)
        text = f"{text}.{part}" if plain else f"getattr({text}, {part!r})"
    return text


def _layers(program: Any, inputs: dict[Node, str]) -> dict[Node, str]:
    """Return the products and convolutions whose weight and bias are one layer's, and nobody else's, with its path."""
    found: dict[Node, str] = {}
    for node in program.graph.nodes:
        if str(node.target) not in _MADE:
            continue
        weights = [n for n in node.args[1:3] if n is not None]
        paths = [inputs.get(n, "") for n in weights]
        owner = paths[0].removesuffix(".weight")
        if paths not in ([f"{owner}.weight"], [f"{owner}.weight", f"{owner}.bias"]) or not owner:
            continue
        if all(len(n.users) == 1 for n in weights) and owner not in found.values():
            found[node] = owner
    return found


def _module(program: Any, share: bool) -> TorchModule:
    """Write the function, and give the module its tensors."""
    made = TorchModule()
    made._program = program
    tensors: dict[Node, str] = {}
    user: list[Node] = []
    state = {**program.state_dict, **program.constants}
    nodes = {n.name: n for n in program.graph.nodes if n.op == "placeholder"}
    for spec in program.graph_signature.input_specs:
        node = nodes[spec.arg.name]
        if spec.kind == InputKind.USER_INPUT:
            user.append(node)
        elif isinstance(state.get(spec.target), torch.Tensor):
            tensors[node] = spec.target
    learned = {s.target for s in program.graph_signature.input_specs if s.kind == InputKind.PARAMETER}
    layers = _layers(program, tensors)
    for path in dict.fromkeys(tensors.values()):
        value = state[path].detach()
        tensor = td.from_dlpack(value if share else value.clone(memory_format=torch.contiguous_format))
        owner, leaf = _own(made, path)
        if path in learned and state[path].is_floating_point():
            owner.register_parameter(leaf, Parameter(tensor, requires_grad=state[path].requires_grad))
        else:
            owner.register_buffer(leaf, Buffer(tensor), persistent=path in program.state_dict)
    for node, path in layers.items():
        _become_layer(made, path, node)
    made.code, scope = _Writer(program, tensors, user, layers).text()
    filename = f"<torch {zlib.crc32(made.code.encode()):08x}>"
    linecache.cache[filename] = (len(made.code), None, made.code.splitlines(keepends=True), filename)
    exec(compile(made.code, filename, "exec"), scope)
    # A class of its own: `td.convert` and hooks look for `forward` there.
    made.__class__ = type(TorchModule.__name__, (TorchModule,), {"forward": scope["forward"]})
    return made


def _linear(node: Node, sizes: tuple[int, ...], bias: bool) -> Module:
    layer = td.nn.Linear(1, 1, bias=bias)
    layer.out_features, layer.in_features = sizes
    return layer


def _convolution(node: Node, sizes: tuple[int, ...], bias: bool) -> Module:
    stride, padding, dilation, transposed, extra, groups = node.args[3:9]
    kind = f"Conv{'Transpose' if transposed else ''}{len(sizes) - 2}d"
    more = {"output_padding": tuple(extra)} if transposed else {}
    how = {"stride": tuple(stride), "padding": tuple(padding), "dilation": tuple(dilation), "groups": groups, **more}
    layer = getattr(td.nn, kind)(groups, groups, 1, bias=bias, **how)
    layer.kernel_size = sizes[2:]
    channels = (sizes[0], sizes[1] * groups)
    layer.in_channels, layer.out_channels = channels if transposed else channels[::-1]
    return layer


_MADE = {"aten.linear.default": _linear, "aten.convolution.default": _convolution}


def _become_layer(made: TorchModule, path: str, node: Node) -> None:
    """Put a layer of Tandem in the place of what holds its weight and bias."""
    owner, name = _own(made, path)
    held = owner._modules[name]
    weight, bias = held._parameters["weight"], held._parameters.get("bias")
    layer = _MADE[str(node.target)](node, tuple(map(int, weight.shape)), bias is not None)
    layer.weight = weight
    if bias is not None:
        layer.bias = bias
    owner.add_module(name, layer)


class _Writer:
    """Writes the graph as a function of Python."""

    def __init__(self, program: Any, tensors: dict[Node, str], user: list[Node], layers: dict[Node, str]) -> None:
        self.program, self.tensors, self.user, self.layers = program, tensors, user, layers
        self.lines: list[str] = []
        self.scope: dict[str, Any] = {}
        self.names: dict[Any, str] = {}

    def text(self) -> tuple[str, dict[str, Any]]:
        self._inputs()
        unknown: set[str] = set()
        for node in self.program.graph.nodes:
            if node.op != "call_function" or is_number(node) or str(node.target).startswith("aten._assert"):
                continue
            if node.target is operator.getitem:
                self.names[node] = f"{self.names.get(node.args[0], '?')}[{node.args[1]}]"
            elif node in self.layers and not unknown:
                self.names[node] = node.name
                self.lines.append(f"{node.name} = {_reading(self.layers[node])}({self.names[node.args[0]]})")
            elif node not in self.layers and (row := _row(node)) is None:
                unknown.add(str(node.target))
            elif not unknown and row is not None:
                self._operation(node, row)
        if unknown:
            raise _core.BackendError(
                f"from_torch: got {', '.join(sorted(unknown))}, which Tandem does not have; need operations of its "
                "table; try torch.compile(model, backend='tandem'), which runs these in torch"
            )
        self._results()
        head = f"def forward(self, {', '.join(self.arguments)}):" if self.arguments else "def forward(self):"
        return head + "\n" + "".join(f"    {line}\n" for line in self.lines), self.scope

    def _inputs(self) -> None:
        """Name the arguments, and the sizes that are read from them."""
        program = self.program
        given: list[str] = getattr(program, "_tandem_names", [])
        dummy = torch_tree.tree_unflatten(list(range(program.call_spec.in_spec.num_leaves)), program.call_spec.in_spec)
        args, kwargs = dummy
        names = list(given) if len(given) == len(args) else [f"x{k}" for k in range(len(args))]
        self.arguments = [*names, *(f"{key}=None" for key in kwargs)]
        texts: list[str] = []
        for path, _ in torch_tree.tree_flatten_with_path(dummy)[0]:
            where = names[path[1].idx] if path[0].idx == 0 else path[1].key
            for key in path[2:]:
                step = key.idx if hasattr(key, "idx") else key.key if hasattr(key, "key") else key.name
                where += f"[{step!r}]"
            texts.append(where)
        for node, text in zip(self.user, texts, strict=True):
            self.names[node] = text
        for node, path in self.tensors.items():
            self.names[node] = _reading(path)
        metas = [meta_of(n) for n in self.user]
        for symbol, (i, axis) in sizes.places_of(metas).items():
            self.names[symbol] = str(symbol)
            self.lines.append(f"{symbol} = {texts[i]}" + ("" if axis is None else f".shape[{axis}]"))

    def _operation(self, node: Node, row: Row) -> None:
        made = Operation(node, row)
        name = f"aten_{node.name}"
        self.scope[name] = made
        self.names[node] = node.name
        self.lines.append(f"{node.name} = {name}({', '.join(self.names[g] for g in made.given)})")

    def _value(self, node: Any) -> str:
        if isinstance(node, Node):
            if node in self.names:
                return self.names[node]
            meta = meta_of(node)
            expr = sizes.expression(meta)
            return repr(int(meta)) if expr is None else f"({expr})"
        return repr(node)

    def _results(self) -> None:
        (output,) = (n for n in self.program.graph.nodes if n.op == "output")
        leaves: list[str] = []
        for spec, result in zip(self.program.graph_signature.output_specs, output.args[0], strict=True):
            if spec.kind == OutputKind.USER_OUTPUT:
                leaves.append(self._value(result))
            elif spec.kind == OutputKind.BUFFER_MUTATION:
                self.lines.append(f"{_reading(spec.target)}[...] = {self._value(result)}")
            elif spec.kind == OutputKind.USER_INPUT_MUTATION:
                node = next(n for n in self.user if n.name == spec.target)
                self.lines.append(f"{self.names[node]}[...] = {self._value(result)}")
        self.lines.append(f"return {self._tree(self.program.call_spec.out_spec, iter(leaves))}")

    def _tree(self, spec: Any, leaves: Any) -> str:
        if spec.is_leaf():
            return next(leaves)
        parts = [self._tree(child, leaves) for child in spec.children()]
        if spec.type is list:
            return f"[{', '.join(parts)}]"
        keys = spec.context
        if isinstance(keys, list) and len(keys) == len(parts) and all(isinstance(k, str) for k in keys):
            return "{" + ", ".join(f"{k!r}: {p}" for k, p in zip(keys, parts, strict=True)) + "}"
        return f"({''.join(p + ', ' for p in parts)})"
