"""A piece of an FX graph that is one Tandem program: it is captured when it is first called, by running it with
recording tensors, and again where sizes or strides differ in a way that the program cannot take."""

from __future__ import annotations

import operator
import time
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch.fx import Node
from torch.utils._python_dispatch import _disable_current_modes

from tandem import _core, dump
from tandem.scripting import context, regions
from tandem.torch import counters, sizes
from tandem.torch.dtypes import FROM_TORCH
from tandem.torch.table import Row, Uncovered, half, rows

Tensor = _core.Tensor


class Refused(Exception):
    """An operation of a piece cannot be compiled with these arguments."""

    def __init__(self, node: Node, why: str) -> None:
        super().__init__(why)
        self.node, self.why = node, why


def meta_of(node: Node) -> Any:
    return node.meta.get("val")


class Interpreter:
    """Runs nodes with Tandem's tensors."""

    def __init__(self, symbols: sizes.Symbols) -> None:
        self.env: dict[Node, Any] = {}
        self.symbols = symbols

    def value(self, arg: Any) -> Any:
        if isinstance(arg, Node):
            if arg in self.env:
                return self.env[arg]
            return sizes.evaluated(meta_of(arg), self.symbols)
        if isinstance(arg, (list, tuple)):
            return [self.value(a) for a in arg]
        if isinstance(arg, (torch.SymInt, torch.SymFloat)):
            return sizes.evaluated(arg, self.symbols)
        return arg

    def run(self, node: Node) -> None:
        if node.target is operator.getitem:
            self.env[node] = self.env[node.args[0]][node.args[1]]
            return
        args = [self.value(a) for a in node.args]
        kwargs = {k: self.value(v) for k, v in node.kwargs.items() if k not in ("layout", "device", "pin_memory")}
        if str(node.target) == "aten.copy_.default":
            target, source = args[:2]
            target[...] = _as(source, target.dtype)
            self.env[node] = target
            return
        row = rows()[str(node.target)]
        out = computed(row, args, kwargs, node)
        meta = meta_of(node)
        if isinstance(meta, (list, tuple)):
            self.env[node] = [_typed(x, m) for x, m in zip(out, meta, strict=False)]
        else:
            self.env[node] = _typed(out, meta)


def computed(row: Row, args: list[Any], kwargs: dict[str, Any], node: Node) -> Any:
    """Return what a row computes, in the dtypes that torch computes in."""
    if row.promote or row.wide:
        common = _common(node, args) if row.promote else None

        def prepared(x: Any) -> Any:
            if isinstance(x, Tensor):
                if common is not None and x.dtype != common:
                    x = _as(x, common)
                return x.astype(_core.float32) if half(x.dtype) else x
            return x

        args = [prepared(a) for a in args]
        kwargs = {k: prepared(v) for k, v in kwargs.items()}
    return row.function(*args, **kwargs)


_KINDS = ("bool", "int", "float", "complex")


def _kind(dtype: torch.dtype) -> int:
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 0 if dtype == torch.bool else 1


def _common(node: Node, args: list[Any]) -> Any:
    """Return the dtype in which torch computes: of tensors with axes, then of those without, then of numbers."""
    levels: list[torch.dtype | None] = [None, None, None]
    for arg in (*node.args, *node.kwargs.values()):
        meta = meta_of(arg) if isinstance(arg, Node) else arg
        if isinstance(meta, torch.Tensor):
            level, dtype = 0 if meta.ndim else 1, meta.dtype
        elif isinstance(meta, bool):
            level, dtype = 2, torch.bool
        elif isinstance(meta, (int, torch.SymInt)):
            level, dtype = 2, torch.int64
        elif isinstance(meta, (float, torch.SymFloat)):
            level, dtype = 2, torch.get_default_dtype()
        else:
            continue
        before = levels[level]
        levels[level] = dtype if before is None else torch.promote_types(before, dtype)
    out: torch.dtype | None = None
    for dtype in levels:
        if dtype is not None and (out is None or _kind(dtype) > _kind(out)):
            out = dtype if out is None else torch.promote_types(out, dtype)
    meta = meta_of(node)
    wanted = meta[0] if isinstance(meta, (tuple, list)) else meta
    if out is not None and isinstance(wanted, torch.Tensor) and _kind(wanted.dtype) == 2 > _kind(out):
        out = wanted.dtype  # the square root of an integer
    return None if out is None else FROM_TORCH[out]


def _as(x: Tensor, dtype: Any) -> Tensor:
    if x.dtype == dtype:
        return x
    return _core.not_equal(x, 0) if dtype == _core.bool else x.astype(dtype)


def loosely(row: Row, args: list[Any], kwargs: dict[str, Any], node: Node) -> Any:
    """As `computed`, but for floating-point tensors of any width: those of a model that was converted."""
    widths = {x.dtype for x in (*args, *kwargs.values()) if isinstance(x, Tensor) and x.dtype.kind == "float"}
    meta = meta_of(node)
    one = widths.pop() if len(widths) == 1 else None
    traced = {
        m.dtype for n in node.all_input_nodes if isinstance(m := meta_of(n), torch.Tensor) if m.is_floating_point()
    }
    if one is None or len(traced) != 1 or FROM_TORCH[next(iter(traced))] == one:
        out = computed(row, args, kwargs, node)
        if isinstance(meta, (list, tuple)):
            return [_typed(x, m) for x, m in zip(out, meta, strict=False)]
        return _typed(out, meta)
    inside = _core.float32 if half(one) and (row.promote or row.wide) else one

    def prepared(x: Any) -> Any:
        return x.astype(inside) if isinstance(x, Tensor) and x.dtype.kind == "float" and x.dtype != inside else x

    out = row.function(*[prepared(a) for a in args], **{k: prepared(v) for k, v in kwargs.items()})
    before = next(iter(traced))

    def fitting(x: Any, m: Any) -> Any:
        same = isinstance(m, torch.Tensor) and m.dtype == before and isinstance(x, Tensor)
        return _as(x, one) if same else _typed(x, m)

    if isinstance(meta, (list, tuple)):
        return [fitting(x, m) for x, m in zip(out, meta, strict=False)]
    return fitting(out, meta)


def _typed(x: Any, meta: Any) -> Any:
    return _as(x, FROM_TORCH[meta.dtype]) if isinstance(x, Tensor) and isinstance(meta, torch.Tensor) else x


def dense_order(meta: Any) -> tuple[int, ...] | None:
    """Return the axes by falling strides, if elements fill their memory; None where they do not."""
    strides = [int(sizes_hint(n)) for n in meta.stride()]
    shape = [int(sizes_hint(n)) for n in meta.shape]
    order = sorted(range(len(shape)), key=lambda k: (-strides[k], k))
    step = 1
    for k in reversed(order):
        if shape[k] == 1:
            continue
        if strides[k] != step:
            return None
        step *= shape[k]
    return tuple(order)


def sizes_hint(n: Any) -> int:
    return n if isinstance(n, int) else n.node.hint if n.node.hint is not None else 2


def plain(x: torch.Tensor) -> torch.Tensor:
    """Return the same memory as a torch.Tensor without a gradient, also that of a subclass that overrides functions."""
    with _disable_current_modes(), torch._C.DisableTorchFunctionSubclass():
        return x.detach()


def _run(run: Interpreter, node: Node) -> None:
    try:
        run.run(node)
    except (Uncovered, _core.Error, NotImplementedError, TypeError, ValueError, IndexError, KeyError) as error:
        raise Refused(node, f"{type(error).__name__}: {error}") from error


class Piece:
    """Nodes that are computed by one program, what they read, and what others read of them."""

    MOST = 16  # programs, for sizes and strides that one does not take
    PATIENCE = 4  # times that frozen inputs may change before they are inputs like others

    def __init__(
        self,
        name: str,
        nodes: Sequence[Node],
        inputs: Sequence[Node],
        outputs: Sequence[Node],
        fast: bool,
        frozen: Collection[Node] = (),
    ) -> None:
        self.name, self.nodes, self.outputs, self.fast = name, list(nodes), list(outputs), fast
        self.inputs, self.frozen, self.thawed = list(inputs), set(frozen).intersection(inputs), 0
        self.take(self.inputs)
        self.programs: list[Any] = []
        self.ordered: dict[int, tuple[int, ...]] = {}  # results whose axes lie in another order than in Tandem

    def take(self, arguments: Sequence[Node]) -> None:
        """Be called with other values besides those that it reads."""
        self.metas = [meta_of(n) if n in self.inputs else None for n in arguments]
        self.inputs = list(arguments)
        self.places = sizes.places_of(self.metas)

    def __call__(self, args: list[Any]) -> list[Any]:
        for program in self.programs:
            found = program(args)
            if found is not None:
                return self._restored(found)
        if self.frozen:
            self._drop_stale(args)
        program = self._compiled(args)
        found = program(args)
        if found is None:
            raise _core.BackendError(
                f"tandem.torch: got arguments that the program of a graph cannot take ({program.mismatch(args)}); "
                "need tensors that do not share memory with one that is written to; try a copy, x.clone()"
            )
        return self._restored(found)

    def _drop_stale(self, args: list[Any]) -> None:
        """Let go of programs whose constants are no longer what the arguments hold."""
        kept = [program for program in self.programs if not program.stale(args)]
        if len(kept) == len(self.programs):
            return
        self.programs, self.thawed = kept, self.thawed + 1
        counters.counts["thawed"] += 1
        if self.thawed >= self.PATIENCE:
            counters.log.warning(
                "%s: frozen weights changed %d times, and are inputs of the program from now on", self.name, self.thawed
            )
            self.frozen.clear()

    def _restored(self, found: list[Any]) -> list[Any]:
        for k, order in self.ordered.items():
            found[k] = found[k].permute(tuple(order.index(n) for n in range(len(order))))
        return found

    def _compiled(self, args: list[Any]) -> Any:
        start = time.perf_counter()
        program = self._capture(args)
        self.programs.insert(0, program)
        del self.programs[self.MOST :]
        counters.counts["programs"] += 1
        counters.counts["kernels"] += len(program.executable.kernels())
        counters.seconds["compile"] += time.perf_counter() - start
        counters.log.debug("%s: %d nodes in %.1f ms", self.name, len(self.nodes), (time.perf_counter() - start) * 1e3)
        dump.executable(self.name, counters.counts["programs"], program.executable)
        return program

    def _capture(self, args: list[Any]) -> Any:
        recorder = _core.Capture(self.name, fast=self.fast)
        frozen = {i: (args[i], plain(args[i])) for i, node in enumerate(self.inputs) if self._stays(node, args[i])}
        run = Interpreter({})
        fixed = self._constants(run, {self.inputs[i]: alias for i, (_, alias) in frozen.items()})
        outer, stack = context.enter(context.Capture(self.name, False)), regions.swap([])
        recorder.start()
        try:
            arguments = self._declared(recorder, args, run)
            for node in self.nodes:
                if node not in run.env:
                    _run(run, node)
            # Whoever is given a constant might write to it.
            results = [run.env[node].copy() if node in fixed else run.env[node] for node in self.outputs]
            for k, order in self.ordered.items():
                results[k] = _core.permute_dims(results[k], order).copy()
            executable = recorder.finish(results, None)
        finally:
            recorder.abort()
            regions.swap(stack)
            context.enter(outer)
        return _core.ExchangedProgram(executable, torch.Tensor, arguments, frozen)

    def _stays(self, node: Node, arg: Any) -> bool:
        """Whether an input is a constant of the program. Writes to tensors of torch.inference_mode are not counted."""
        return node in self.frozen and type(arg) in (torch.Tensor, torch.nn.Parameter) and not arg.is_inference()

    def _constants(self, run: Interpreter, frozen: dict[Node, torch.Tensor]) -> set[Node]:
        """Compute what depends on frozen inputs alone, and return those nodes, besides those that wait for a size.

        The inputs are copies that nobody writes to, so what the library packs of them stays.
        """
        for node, alias in frozen.items():
            run.env[node] = _core.from_dlpack(alias).copy()
        fixed = set(frozen)
        for node in self.nodes if frozen else ():
            sources = [n for n in node.all_input_nodes if not isinstance(meta_of(n), torch.SymInt)]
            if not sources or not fixed.issuperset(sources) or str(node.target) == "aten.copy_.default":
                continue
            fixed.add(node)
            if all(n in run.env for n in node.all_input_nodes):
                _run(run, node)
        return fixed

    def _declared(self, recorder: Any, args: list[Any], run: Interpreter) -> list[int]:
        """Declare the inputs: first the sizes that no tensor has, then the tensors."""
        arguments, symbols, count = [-2] * len(args), run.symbols, 0
        for symbol, (i, axis) in self.places.items():
            if axis is None:
                symbols[symbol] = recorder.size_input(int(args[i]))
                arguments[i] = count
                count += 1
        for i, (node, meta) in enumerate(zip(self.inputs, self.metas, strict=True)):
            if not isinstance(meta, torch.Tensor) or node in run.env:
                continue
            arguments[i] = -1
            dynamic = [not isinstance(n, int) for n in meta.shape]
            run.env[node] = recorder.input(_core.from_dlpack(plain(args[i])), dynamic, node.name)
        for symbol, (i, axis) in self.places.items():
            if axis is not None:
                symbols[symbol] = run.env[self.inputs[i]].shape[axis]
        return arguments
