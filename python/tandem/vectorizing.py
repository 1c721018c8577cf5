"""`td.vectorize`: a function of numbers, with its own loops and branches, for all elements of tensors at once."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import Any, overload

from tandem import _core, pytree
from tandem._boundary import public
from tandem._compiled import Compiled, check_function

__all__ = ["vectorize"]

_NUMBERS = (bool, int, float, complex)
_OPTIONS = ("fallback", "numerics", "dynamic", "cache", "background", "compile_budget")


class Elementwise:
    """What an annotated function stands for: calls the function for each element, or records it for all of them."""

    _annotation = "vectorize"  # as it is shown

    def __init__(self, function: Callable[..., Any], excluded: frozenset[int | str], otypes: tuple[Any, ...] | None):
        self.function = self.__wrapped__ = function
        self.excluded, self.otypes = excluded, otypes
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__qualname__: str = getattr(function, "__qualname__", self.__name__)
        self.__module__ = getattr(function, "__module__", None) or "__main__"
        self.__doc__ = function.__doc__
        self.__annotations__ = getattr(function, "__annotations__", {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        keys: list[int | str] = [*range(len(args)), *kwargs]
        values = dict(zip(keys, [*args, *kwargs.values()], strict=True))
        mapped = {key: value for key, value in values.items() if self._is_mapped(key, value)}

        def call(function: Callable[..., Any], given: Iterator[Any]) -> Any:
            now = values | dict(zip(mapped, given, strict=True))
            return function(*(now[k] for k in range(len(args))), **{name: now[name] for name in kwargs})

        if not mapped:
            return call(self._target() if _core.recording() else self.function, iter(()))
        tensors = list(mapped.values())
        return self._record(call, tensors) if _core.recording() else self._each(call, tensors)

    def _is_mapped(self, key: int | str, value: Any) -> bool:
        if key in self.excluded:
            return False
        if isinstance(value, _core.Tensor):
            return not getattr(value, "_weak", False)  # a number of the function that is being captured
        if isinstance(value, (list, tuple, dict, set)) or type(value).__module__ == "numpy":
            raise TypeError(
                f"vectorize: got {type(value).__name__} for the argument {key!r} of '{self.__name__}'; need tensors "
                "and numbers; try td.asarray(x), or excluded= for an argument that is handed on as it is"
            )
        return False

    # One element after another: what the function means.

    def _each(self, call: Callable[..., Any], tensors: list[Any]) -> Any:
        from tandem._array_api import broadcast_shapes
        from tandem._creation import broadcast_arrays

        shape = broadcast_shapes(*(tuple(x.shape) for x in tensors))
        wide = broadcast_arrays(*tensors)
        rows: list[list[Any]] = []
        structure: pytree.Structure | None = None
        for place in itertools.product(*map(range, shape)):
            # Copies: a function may write to its own numbers.
            found, kind = pytree.flatten(call(self.function, (x[place].copy() for x in wide)))
            for value in found:
                self._check(value)
            if structure is None:
                structure = kind
            elif structure != kind:
                raise TypeError(
                    f"vectorize: got {structure} and {kind} from '{self.__name__}'; need one structure for all elements"
                )
            rows.append(found)
        known: list[Any] = []
        if structure is None or any(type(x) in _NUMBERS for x in rows[0]):
            structure, known = self._types(call, tensors, structure)
        results = [_joined(self.__name__, list(column), shape, dtype) for column, dtype in _columns(rows, known)]
        return self._finished(structure, results)

    def _types(self, call: Callable[..., Any], tensors: list[Any], structure: Any) -> tuple[Any, list[Any]]:
        """The results of a function as far as its elements do not tell: what a capture says."""
        from tandem.scripting import context, regions
        from tandem.scripting.guards import Collector

        recorder, state = _core.Capture(self.__name__), context.Capture(self.__name__, True)
        state.boundary = Elementwise._types.__code__
        outer, stack = context.enter(state), regions.swap([])
        recorder.start()
        try:
            inputs = [recorder.input(x, (False,) * len(x.shape), f"x{k}") for k, x in enumerate(tensors)]
            state.arguments = inputs
            collector = state.watch = Collector([self.function], state.functions)
            try:
                with collector:
                    results, found = pytree.flatten(self._record(call, inputs))
            finally:
                collector.effects()  # undoes what the function did
            return found, [x.dtype for x in results]
        except _core.CaptureError:
            if structure is None:
                raise
            return structure, []
        finally:
            recorder.abort()
            regions.swap(stack)
            context.enter(outer)

    # All elements at once.

    def _record(self, call: Callable[..., Any], tensors: list[Any]) -> Any:
        from tandem.scripting import regions
        from tandem.scripting.errors import capture_error, locate_call
        from tandem.scripting.pictures import Picture
        from tandem.scripting.state import Snapshot, lift

        handle = _core.lanes_begin(tensors)
        what = f"function '{self.__name__}' of td.vectorize"
        region = regions.push(handle, what, Snapshot((), {}), Picture({}))
        found, structure = pytree.flatten(call(self._target(), iter(handle.params)))
        for value in found:
            self._check(value)
        change = regions.change_in(region)
        if change is not None:
            raise capture_error(
                change,
                f"a change by the {what}, of which all elements are computed at once",
                "a function without effects",
                "returning the value",
            )
        try:
            results = handle.end([lift(value) for value in found])
        except _core.Error as error:
            locate_call(error, None)
            raise
        regions.pop(region)
        return self._finished(structure, results)

    def _target(self) -> Any:
        """The function as it is captured: rewritten, whatever it is called by."""
        from tandem.scripting import capturing, context

        capture = context.current()
        assert capture is not None
        target = capturing.target(self.function, True, capture)

        def call(*args: Any, **kwargs: Any) -> Any:
            before, capture.rewriting = capture.rewriting, True
            try:
                return target(*args, **kwargs)
            finally:
                capture.rewriting = before

        return call

    def _check(self, value: Any) -> None:
        from tandem.scripting.state import Undefined, undefined_error

        if isinstance(value, Undefined):
            raise undefined_error(value)
        if type(value) in _NUMBERS or _is_size(value):
            return
        if isinstance(value, _core.Tensor) and not tuple(value.shape):
            return
        got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, _core.Tensor) else repr(value)
        error = _core.CaptureError(
            f"vectorize: got {got} as a result of '{self.__name__}' for one element; need a number, or a tuple, list "
            "or dict of numbers; try returning its elements one by one"
        )
        code = getattr(getattr(self.function, "__func__", self.function), "__code__", None)
        if code is not None:
            from tandem.scripting.errors import locate_line

            locate_line(error, code, code.co_firstlineno)
        raise error

    def _finished(self, structure: Any, results: list[Any]) -> Any:
        if self.otypes is not None:
            if len(self.otypes) != len(results):
                raise ValueError(
                    f"vectorize: got {len(self.otypes)} otypes for the {len(results)} results of '{self.__name__}'; "
                    "need one for each"
                )
            results = [x.astype(dtype) for x, dtype in zip(results, self.otypes, strict=True)]
        return pytree.unflatten(structure, results)


def _is_size(value: Any) -> bool:
    from tandem.scripting.context import is_dim

    return is_dim(value)


def _columns(rows: list[list[Any]], known: list[Any]) -> Iterator[tuple[Any, Any]]:
    if not rows:
        yield from (((), dtype) for dtype in known)
        return
    for k, column in enumerate(zip(*rows, strict=True)):
        yield column, known[k] if k < len(known) else None


def _joined(name: str, values: list[Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """The results of all elements as one tensor; numbers take the dtype of the tensors among them."""
    from tandem._core import asarray, stack, zeros
    from tandem.scripting.state import kind, widens

    if not values:
        return zeros(shape, dtype=dtype)
    tensors = [x for x in values if isinstance(x, _core.Tensor)]
    numbers = [x for x in values if not isinstance(x, _core.Tensor)]
    if len({x.dtype for x in tensors}) > 1 or len({kind(x) for x in numbers}) > 1:
        fits = False
    else:
        fits = not tensors or all(widens(x, tensors[0]) for x in numbers)
    if not fits:
        kinds = sorted({str(x.dtype) if isinstance(x, _core.Tensor) else type(x).__name__ for x in values})
        raise _core.DTypeError(
            f"vectorize: got {' and '.join(kinds)} from '{name}' for different elements; need one dtype; try "
            "x.astype(...) where they are returned"
        )
    if not tensors:
        return asarray(numbers, dtype=dtype).reshape(shape)
    target = tensors[0].dtype
    return stack([x if isinstance(x, _core.Tensor) else asarray(x, dtype=target) for x in values]).reshape(shape)


def _excluded(function: Callable[..., Any], excluded: Collection[int | str]) -> frozenset[int | str]:
    """The arguments by position and by name, whichever way they are called."""
    if isinstance(excluded, (str, int)) or not all(isinstance(item, (str, int)) for item in excluded):
        raise TypeError(f"vectorize: got excluded={excluded!r}; need a set of names and positions")
    if not excluded:
        return frozenset()
    import inspect  # takes its time

    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found = set(excluded)
    for item in excluded:
        if (
            isinstance(item, str)
            and parameters
            and not any(p.name == item or p.kind == p.VAR_KEYWORD for p in parameters)
        ):
            raise ValueError(
                f"vectorize: got excluded={item!r}; need arguments of '{getattr(function, '__name__', function)}': "
                + ", ".join(p.name for p in parameters)
            )
        if item in named:
            found.add(named.index(str(item)))
        elif isinstance(item, int) and 0 <= item < len(named):
            found.add(named[item])
    return frozenset(found)


@public
def _annotate(function: Any, excluded: Any, otypes: Any, options: dict[str, Any]) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(_annotate(function.__func__, excluded, otypes, options))
    while isinstance(function, Compiled):
        function = function.__wrapped__
    check_function(function, "vectorize")
    if otypes is not None:
        otypes = (
            tuple(map(_core._as_dtype, otypes)) if isinstance(otypes, (list, tuple)) else (_core._as_dtype(otypes),)
        )
    elementwise = Elementwise(function, _excluded(function, excluded), otypes)
    return Compiled(elementwise, rewriting=False, **options)


@overload
def vectorize(
    function: Callable[..., Any], /, *, excluded: Collection[int | str] = (), otypes: Any = None, **options: Any
) -> Compiled: ...
@overload
def vectorize(
    *, excluded: Collection[int | str] = (), otypes: Any = None, **options: Any
) -> Callable[[Callable[..., Any]], Compiled]: ...
@public
def vectorize(
    function: Callable[..., Any] | None = None,
    /,
    *,
    excluded: Collection[int | str] = (),
    otypes: Any = None,
    **options: Any,
) -> Any:
    """Make a function of numbers one of tensors, element by element: its loops and branches run for each element.

    The function is called as if with one element of each tensor, a 0-d tensor, and may use `while`, `for`, `if`,
    `break` and early `return` on them. It returns a number, or a tuple, list or dict of numbers, which become tensors
    of the broadcast shape. Dtypes are those of the operations; Python numbers that it returns become int64, the
    default dtype, or bool. All elements are computed in one kernel, in which each stops by itself (several, if loops
    are nested), also in compiled code; `td.disabled()` calls the function for each element in turn, with the same bits.

    excluded: names or positions of arguments that are handed on as they are: tables, of which elements are read by
        `table[i]`. Numbers, and objects that hold no elements, always are.
    otypes: a dtype, or one for each result, to convert to.
    options: those of `td.script`.

    A function with effects (printing, changing objects or tensors from outside), or whose values are no numbers, is
    refused, with its line. NumPy's `signature` is not supported: functions of rows are written with operations.

    >>> @td.vectorize
    ... def collatz(n):
    ...     steps = 0
    ...     while n > 1:
    ...         if n % 2 == 0:
    ...             n = n // 2
    ...         else:
    ...             n = 3 * n + 1
    ...         steps += 1
    ...     return steps
    >>> collatz(td.arange(1, 10))
    tensor([ 0,  1,  7,  2,  5,  8, 16,  3, 19])
    """
    if unknown := sorted(set(options) - set(_OPTIONS)):
        hint = "; try operations on whole tensors" if unknown[0] == "signature" else ""
        raise TypeError(
            f"vectorize: got the option '{unknown[0]}'; need excluded, otypes, {', '.join(_OPTIONS[:-1])} or "
            f"{_OPTIONS[-1]}{hint}"
        )
    if function is None:
        return functools.partial(_annotate, excluded=excluded, otypes=otypes, options=options)
    return _annotate(function, excluded, otypes, options)
