"""The table of ONNX operators: a row is a function, and the versions of the operator that it computes.

A function takes the inputs in their order, None for those left out, and the attributes by name; its defaults are those
of ONNX. One that has an argument `outputs` is told how many results are asked for, and returns a tuple of so many.

plain: it takes plain numbers (see values.py) for tensors, and may return them. Others get tensors.
static: the inputs whose values it needs when it is captured (axes, sizes, factors): constants among these are written
    into the code as numbers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from tandem import _core
from tandem.onnx.values import is_plain, tensor

Function = TypeVar("Function", bound=Callable[..., Any])

LATEST = 1 << 30


@dataclass(frozen=True)
class Operator:
    """One row: what computes an operator of these versions."""

    name: str
    domain: str
    since: int
    until: int
    static: tuple[int, ...]
    function: Callable[..., Any]
    call: Callable[..., Any]  # the function, with tensors for plain numbers

    @functools.cached_property
    def attributes(self) -> frozenset[str]:
        """The names of the attributes that it takes."""
        parameters = inspect.signature(self.function).parameters.values()
        return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) - {"outputs"}

    @functools.cached_property
    def counts_outputs(self) -> bool:
        return "outputs" in inspect.signature(self.function).parameters

    @functools.cached_property
    def inputs(self) -> tuple[int, int]:
        """How many inputs it takes, at least and at most."""
        parameters = inspect.signature(self.function).parameters.values()
        given = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
        most = LATEST if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(given)
        return sum(p.default is p.empty for p in given), most


_rows: dict[tuple[str, str], list[Operator]] = {}

_FAMILIES = (
    "attention",
    "indexing",
    "learning",
    "losses",
    "neural",
    "normalisation",
    "pointwise",
    "pooling",
    "quantised",
    "random",
    "recurrent",
    "reductions",
    "resampling",
    "sequences",
    "shapes",
    "signal",
    "traditional",
)


def operator(
    names: str,
    since: int = 1,
    until: int = LATEST,
    *,
    domain: str = "",
    plain: bool = False,
    static: tuple[int, ...] = (),
) -> Callable[[Function], Function]:
    """Put a function into the table, under one name or several."""

    def add(function: Function) -> Function:
        for name in names.split():
            call = function if plain else _of_tensors(name, function, frozenset(static))
            _rows.setdefault((domain, name), []).append(Operator(name, domain, since, until, static, function, call))
        return function

    return add


def _of_tensors(name: str, function: Callable[..., Any], static: frozenset[int]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*inputs: Any, **attributes: Any) -> Any:
        if any(is_plain(x) for x in inputs):
            inputs = tuple(tensor(x) if is_plain(x) and k not in static else x for k, x in enumerate(inputs))
        return function(*inputs, **attributes)

    call.__name__ = call.__qualname__ = name
    return call


def rows() -> dict[tuple[str, str], list[Operator]]:
    """Return the whole table, by domain and name."""
    for family in _FAMILIES:
        import_module(f"tandem.onnx.importers_{family}")
    return _rows


def find(domain: str, name: str, version: int) -> Operator | None:
    """Return the row for an operator of a version of its domain; None if there is none."""
    found = [row for row in rows().get((domain, name), ()) if row.since <= version <= row.until]
    return max(found, key=lambda row: row.since, default=None)


def missing(domain: str, name: str, version: int, where: str) -> _core.BackendError:
    """Return the error for an operator that is not in the table."""
    others = list(rows().get((domain, name), ()))
    spelled = f"{domain}.{name}" if domain else name
    if others:
        spans = ", ".join(f"{r.since} to {r.until}" if r.until < LATEST else f"from {r.since} on" for r in others)
        return _core.BackendError(f"onnx.load: got {spelled} of opset {version} in {where}; need opset {spans}")
    return _core.BackendError(
        f"onnx.load: got the operator {spelled} in {where}; need one that Tandem imports; "
        "try writing it as a function of the model, made of others"
    )
