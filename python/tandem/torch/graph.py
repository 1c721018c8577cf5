"""An FX graph of ATen operations as something that can be called: pieces that Tandem compiles, and between them the
operations that run in torch."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import torch
from torch.fx import GraphModule, Node

from tandem import _core
from tandem.torch import counters, sizes
from tandem.torch.dtypes import FROM_TORCH
from tandem.torch.piece import Piece, Refused, dense_order, meta_of
from tandem.torch.table import DRAWN_LIKE, RANDOM, rows

_IGNORED = frozenset(
    ("aten._assert_async.msg", "aten._assert_scalar.default", "aten.sym_constrain_range_for_size.default",
     "aten._assert_tensor_metadata.default", "aten.sym_constrain_range.default")
)  # fmt: skip


def is_number(node: Node) -> bool:
    """Whether a node is a number that follows from sizes."""
    return isinstance(meta_of(node), (torch.SymInt, torch.SymFloat, torch.SymBool, int, float, bool))


def _tensors(meta: Any) -> list[torch.Tensor]:
    if isinstance(meta, (list, tuple)):
        return [m for m in meta if isinstance(m, torch.Tensor)]
    return [meta] if isinstance(meta, torch.Tensor) else []


def _is_plain(x: Any) -> bool:
    """Whether a tensor lies row by row in memory of its own."""
    return bool(x.is_contiguous()) and isinstance(x.storage_offset(), int) and x.storage_offset() == 0


def _reason(node: Node) -> str | None:
    """Return why a node cannot be compiled; None if it can."""
    name = str(node.target)
    if node.target is operator.getitem:
        return None
    if name not in rows() and name != "aten.copy_.default":
        return "there is no row for it in the table"
    if name.startswith("aten.as_strided") and not _is_plain(meta_of(node.args[0])):
        if node.args[0].op == "placeholder":
            return "it reads memory that does not lie row by row"
        raise _core.BackendError(
            f"tandem.torch: got {name} of a result that does not lie row by row in memory; need one that does; try "
            "x.contiguous() before it"
        )
    metas = [m for n in (node, *node.all_input_nodes) for m in _tensors(meta_of(n))]
    for meta in metas:
        if meta.dtype not in FROM_TORCH:
            return f"Tandem has no dtype {meta.dtype}"
        if meta.device.type != "cpu":
            return f"it is on the device {meta.device}"
        if meta.layout != torch.strided:
            return f"a tensor has the layout {meta.layout}"
        if meta.dtype.is_complex:
            return "complex tensors are left to torch"
    return None


def _with_masks(module: GraphModule) -> None:
    """Say dropout as a product with a mask: what torch draws is the mask, before anything is computed."""
    aten = torch.ops.aten
    for node in list(module.graph.find_nodes(op="call_function", target=aten.native_dropout.default)):
        x, p, train = node.args
        if not train or not 0 < p < 1:
            continue
        with module.graph.inserting_before(node):
            mask = module.graph.call_function(aten.bernoulli.p, (x, 1 - p))
            kept = module.graph.call_function(aten.mul.Tensor, (x, mask))
            out = module.graph.call_function(aten.mul.Tensor, (kept, 1 / (1 - p)))
        out.meta["val"], mask.meta["val"] = meta_of(node)
        kept.meta["val"] = out.meta["val"]
        for user in list(node.users):
            user.replace_all_uses_with(mask if user.args[1] else out)
            module.graph.erase_node(user)
        module.graph.erase_node(node)


class CompiledGraph:
    """Calls a graph with a list of its inputs, which is emptied, and returns the list of its results."""

    def __init__(
        self, module: GraphModule, name: str, options: dict[str, Any], visible: int, static: Iterable[int] = ()
    ) -> None:
        """`static`: the numbers of inputs that are parameters and buffers, to be constants of the programs."""
        self.module, self.name, self.options, self.visible = module, name, options, visible
        _with_masks(module)
        self.placeholders = [n for n in module.graph.nodes if n.op == "placeholder"]
        written = {n.args[0] for n in module.graph.nodes if str(n.target) == "aten.copy_.default"}
        self.frozen = {self.placeholders[k] for k in static} - written
        (output,) = (n for n in module.graph.nodes if n.op == "output")
        self.results: list[Any] = (
            list(output.args[0]) if isinstance(output.args[0], (list, tuple)) else [output.args[0]]
        )
        self.read_symbols = sizes.reader([meta_of(n) for n in self.placeholders])
        self.constants = {n: _attribute(module, n.target) for n in module.graph.nodes if n.op == "get_attr"}
        self.in_torch: dict[Node, str] = {}
        for node in module.graph.nodes:
            if node.op != "call_function" or is_number(node) or str(node.target) in _IGNORED:
                continue
            if str(node.target) in RANDOM:
                counters.counts["random_ops"] += 1
            elif (why := _reason(node)) is not None:
                self._leave(node, why)
        self._boxed_call = True  # of the object: torch copies what is in here to the functions that it wraps around
        counters.counts["graphs"] += 1
        self._plan()

    def _leave(self, node: Node, why: str) -> None:
        """Let a node run in torch."""
        name = str(node.target)
        if not self.options["fallback"]:
            raise _core.BackendError(
                f"tandem.torch: got {name}, which it does not compile ({why}); need an operation of its table; "
                "try options={'fallback': True}, which runs it in torch"
            )
        self.in_torch[node] = why
        counters.fell_back(name, why)

    # ---- planning ----

    def _plan(self) -> None:
        """Cut the graph into steps: at even levels what is compiled, at odd ones what runs in torch."""
        level: dict[Node, int] = {}
        steps: dict[int, list[Node]] = {}
        last_random, late = -1, []
        for node in self.module.graph.nodes:
            name = str(node.target)
            if node.op != "call_function" or is_number(node) or name in _IGNORED:
                continue
            if name == "aten.copy_.default":
                late.append(node)
                continue
            sources = [n for n in node.all_input_nodes if n in level and not (name in DRAWN_LIKE and n is node.args[0])]
            if node.target is operator.getitem:
                place = level[node.args[0]]
            elif name in RANDOM or node in self.in_torch:
                place = max(
                    (level[n] + 1 - level[n] % 2 if not self._outside(n) else level[n] for n in sources), default=-1
                )
                if name in RANDOM:
                    place = last_random = max(place, last_random)
            else:
                place = max((level[n] + level[n] % 2 for n in sources), default=0)
            level[node] = place
            steps.setdefault(place, []).append(node)
        if late:  # writes to inputs come when everything has read them
            place = max((n + n % 2 for n in steps), default=0)
            place = max(place, 0)
            steps.setdefault(place, []).extend(late)
        self.steps: list[tuple[bool, Any]] = []
        order = [(n % 2 == 0, steps[n]) for n in sorted(steps)]
        for number, (compiled, nodes) in enumerate(order):
            if not compiled:
                self.steps += [(False, node) for node in nodes]
            elif piece := self._piece(f"{self.name}_{number}" if number else self.name, nodes):
                self.steps.append((True, piece))
        self._shorten()

    def _outside(self, node: Node) -> bool:
        if node.target is operator.getitem:
            return self._outside(node.args[0])
        return node in self.in_torch or str(node.target) in RANDOM

    def _piece(self, name: str, nodes: list[Node]) -> Piece | None:
        inside = set(nodes)
        inputs: dict[Node, None] = {}
        values = []
        for node in nodes:
            for source in node.all_input_nodes:
                if is_number(source):
                    values.append(meta_of(source))
                elif source not in inside:
                    inputs[source] = None
            values += [m for m in (*_tensors(meta_of(node)),) for m in m.shape]
        results = {r for r in self.results if isinstance(r, Node)}
        outputs = [
            n
            for n in nodes
            if isinstance(meta_of(n), torch.Tensor)
            and str(n.target) != "aten.copy_.default"
            and (n in results or any(user not in inside and user.op != "output" for user in n.users))
        ]
        writes = any(str(n.target) == "aten.copy_.default" for n in nodes)
        if not outputs and not writes:
            return None
        # Sizes that no tensor among the inputs has are inputs themselves.
        known = sizes.places_of([meta_of(n) for n in inputs])
        missing = sizes.free_symbols(values) - known.keys()
        for node in self.placeholders:
            expr = sizes.expression(meta_of(node)) if is_number(node) else None
            if expr in missing:
                inputs[node] = None
                missing.discard(expr)
        for node in self.placeholders:
            if missing and isinstance(meta_of(node), torch.Tensor) and node not in inputs:
                found = sizes.places_of([meta_of(node)]).keys() & missing
                if found:
                    inputs[node] = None
                    missing -= found
        if missing:
            raise _core.BackendError(
                f"tandem.torch: got sizes that depend on values ({', '.join(map(str, missing))}); need sizes that "
                "follow from those of the inputs; try "
                "torch._dynamo.config.capture_dynamic_output_shape_ops = False and capture_scalar_outputs = False, "
                "with which such operations run between compiled graphs"
            )
        piece = Piece(name, nodes, list(inputs), outputs, self.options["numerics"] == "fast", self.frozen)
        shown = self.results[: self.visible]
        for k, node in enumerate(outputs):
            if node in shown:
                order = dense_order(meta_of(node))
                if order is not None and order != tuple(range(len(order))):
                    piece.ordered[k] = order
        return piece

    def _shorten(self) -> None:
        """Find out whether one piece takes the inputs as they come and returns all results."""
        self.direct: Piece | None = None
        self.only: Any = None  # the program, where its results are those of the graph
        self.template: list[tuple[str, Any]] = []
        if len(self.steps) != 1 or not self.steps[0][0] or self.constants:
            return
        piece: Piece = self.steps[0][1]
        places = {n: k for k, n in enumerate(piece.outputs)}
        inputs = {n: k for k, n in enumerate(self.placeholders)}
        template: list[tuple[str, Any]] = []
        for result in self.results:
            if not isinstance(result, Node):
                template.append(("fixed", result))
            elif result in places:
                template.append(("result", places[result]))
            elif result in inputs:
                template.append(("input", inputs[result]))
            elif str(result.target) == "aten.copy_.default":
                template.append(("input", inputs[result.args[0]]))
            else:
                template.append(("number", meta_of(result)))
        if not all(n in inputs for n in piece.inputs):
            return
        self.direct, self.template = piece, template
        piece.take(self.placeholders)
        self.plain = [kind for kind, _ in template] == ["result"] * len(piece.outputs) and [
            k for _, k in template
        ] == list(range(len(piece.outputs)))

    # ---- calls ----

    def __call__(self, args: list[Any]) -> list[Any]:
        counters.counts["calls"] += 1
        if self.only is not None and (found := self.only(args)) is not None:
            args.clear()
            return found
        if self.direct is not None and self.direct.programs:
            return self._direct(args)
        new = any(compiled and not step.programs for compiled, step in self.steps)
        drawn = torch.get_rng_state() if new else None
        try:
            return self._direct(args) if self.direct is not None else self._stepwise(args)
        except Refused as refused:  # nothing was written yet: that is what the last piece does
            if drawn is not None:
                torch.set_rng_state(drawn)
            self._leave(refused.node, refused.why)
            self._plan()
            return self(args)

    def _direct(self, args: list[Any]) -> list[Any]:
        piece = self.direct
        assert piece is not None
        found = piece(args)
        if self.plain:
            self.only = None if piece.ordered else piece.programs[0]
            args.clear()
            return found
        symbols = None
        out = []
        for kind, what in self.template:
            if kind == "result":
                out.append(found[what])
            elif kind == "input":
                out.append(args[what])
            elif kind == "fixed":
                out.append(what)
            else:
                symbols = self.read_symbols(args) if symbols is None else symbols
                out.append(sizes.evaluated(what, symbols))
        args.clear()
        return out

    def _stepwise(self, args: list[Any]) -> list[Any]:
        symbols = self.read_symbols(args)
        env: dict[Node, Any] = dict(zip(self.placeholders, args, strict=True))
        env.update(self.constants)

        def value(arg: Any) -> Any:
            if isinstance(arg, Node):
                return env[arg] if arg in env else sizes.evaluated(meta_of(arg), symbols)
            if isinstance(arg, (list, tuple)):
                return type(arg)(value(a) for a in arg) if type(arg) in (list, tuple) else [value(a) for a in arg]
            if isinstance(arg, dict):
                return {k: value(v) for k, v in arg.items()}
            return sizes.evaluated(arg, symbols)

        for compiled, step in self.steps:
            if compiled:
                found = step([value(n) for n in step.inputs])
                env.update(zip(step.outputs, found, strict=True))
            elif step.target is operator.getitem:
                env[step] = env[step.args[0]][step.args[1]]
            else:
                given = list(step.args)
                if str(step.target) in DRAWN_LIKE:
                    meta = meta_of(step.args[0])
                    shape = [sizes.evaluated(n, symbols) for n in meta.shape]
                    strides = [sizes.evaluated(n, symbols) for n in meta.stride()]
                    given[0] = None
                    passed = [value(a) for a in given]
                    passed[0] = torch.empty_strided(shape, strides, dtype=meta_of(step).dtype)
                else:
                    passed = [value(a) for a in given]
                with torch.no_grad():
                    env[step] = step.target(*passed, **{k: value(v) for k, v in step.kwargs.items()})
        args.clear()
        out = []
        for result in self.results:
            if isinstance(result, Node) and str(result.target) == "aten.copy_.default":
                result = result.args[0]
            out.append(value(result))
        return out


def _attribute(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return module
