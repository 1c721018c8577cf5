"""How well a model made by `td.from_torch` agrees with the one it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as torch_tree

import tandem as td
from tandem import _core, pytree

# Of the largest number of a result: what rounding in another order explains.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}


@dataclass(frozen=True)
class Row:
    """One result: the largest difference, and relative to its largest number."""

    name: str
    shape: tuple[int, ...]
    difference: float
    relative: float
    allowed: float

    @property
    def agrees(self) -> bool:
        return self.relative <= self.allowed


@dataclass(frozen=True)
class Agreement:
    """The results of both models for the example, compared; None drawn at random is compared."""

    rows: tuple[Row, ...]
    compared: bool = True

    @property
    def agrees(self) -> bool:
        return all(row.agrees for row in self.rows)

    def __str__(self) -> str:
        if not self.compared:
            return "not compared: the model draws random numbers, or was given without its module"
        lines = [f"{'result':<12}{'shape':<20}{'difference':>12}{'relative':>12}{'allowed':>10}"]
        lines += [
            f"{row.name:<12}{row.shape!s:<20}{row.difference:>12.2e}{row.relative:>12.2e}{row.allowed:>10.0e}"
            for row in self.rows
        ]
        return "\n".join(lines)

    __repr__ = __str__


def _draws(made: Any) -> bool:
    words = ("bernoulli", "dropout", "aten_rand")
    return any(word in made.code for word in words)


def compared(module: Any, made: Any, args: Any, kwargs: Any, rtol: float | None) -> Agreement:
    """Run both on copies of the example; raise SerializationError where they differ."""
    if not isinstance(module, torch.nn.Module) or _draws(made):
        return Agreement((), False)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    mine = {k: v.copy() for k, v in made.state_dict().items()}

    def cloned(x: Any) -> Any:
        return x.detach().clone() if isinstance(x, torch.Tensor) else x

    given, named = torch_tree.tree_map(cloned, (args, kwargs))
    with torch.no_grad():
        wanted = torch_tree.tree_leaves(module(*given, **named))
        module.load_state_dict(before)
    given, named = torch_tree.tree_map(
        lambda x: td.from_dlpack(cloned(x)) if isinstance(x, torch.Tensor) else x, (args, kwargs)
    )
    with td.no_grad():
        found = pytree.flatten(made(*given, **named))[0]
        made.load_state_dict(mine)
    rows = []
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if isinstance(b, torch.Tensor) and isinstance(a, _core.Tensor):
            rows.append(_row(f"result {k}", torch.from_dlpack(a.copy()), b, rtol))
    report = Agreement(tuple(rows))
    if not report.agrees:
        raise _core.SerializationError(
            f"from_torch: got results that differ from those of {type(module).__name__}:\n{report}\n"
            "need them to agree; try float64 to see whether it is rounding, or a larger rtol"
        )
    return report


def _row(name: str, a: torch.Tensor, b: torch.Tensor, rtol: float | None) -> Row:
    allowed = rtol if rtol is not None else _TOLERANCE.get(b.dtype, 0.0)
    if not b.numel():
        return Row(name, tuple(b.shape), 0.0, 0.0, allowed)
    wide = torch.complex128 if b.is_complex() else torch.float64
    x, y = a.to(wide), b.to(wide)
    same = (x == y) | (x.isnan() & y.isnan())
    difference = float(torch.where(same, torch.zeros_like(x), x - y).abs().max())
    finite = y.abs()[torch.isfinite(y)]
    size = float(finite.max()) if finite.numel() else 1.0
    return Row(name, tuple(b.shape), difference, difference / size if size else difference, allowed)
