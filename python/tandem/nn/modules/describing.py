"""How modules print: nested as in PyTorch, and as a table of their parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tandem.nn.modules.module import Module


class Summary(str):
    """Text that a prompt shows as it is."""

    def __repr__(self) -> str:
        return str(self)


def nested(name: str, extra: str, children: list[tuple[str, str]]) -> str:
    """Return `Name(extra)` with a line for each child, whose own lines are indented."""
    lines = extra.split("\n") if extra else []
    lines += [f"({key}): " + text.replace("\n", "\n  ") for key, text in children]
    if not children and len(lines) <= 1:
        return f"{name}({extra})"
    return f"{name}(\n" + "".join(f"  {line}\n" for line in lines) + ")"


def settings(module: Module, names: tuple[str, ...]) -> str:
    """Return `name=value` of attributes; of names with a question mark only those that are true."""
    shown = [name.rstrip("?") for name in names if not name.endswith("?") or getattr(module, name[:-1])]
    return ", ".join(f"{name}={getattr(module, name)!r}" for name in shown)


def _bytes(count: int) -> str:
    step = min(int(math.log2(max(count, 1)) // 10), 4)
    return f"{count} bytes" if step == 0 else f"{count / 1024**step:.1f} {'KMGT'[step - 1]}B"


def summary(module: Module) -> Summary:
    """Return a table of the parameters and buffers of a module, by name."""
    rows: list[tuple[str, ...]] = [("name", "shape", "dtype", "elements", "")]
    first: dict[int, str] = {}
    total = trained = size = 0

    def row(name: str, x: Any, note: str) -> None:
        rows.append((name, str(tuple(x.shape)), x.dtype.name, f"{x.size:,}", note))

    for name, x in module.named_parameters(remove_duplicate=False):
        if id(x) in first:
            row(name, x, f"is {first[id(x)]}")
            continue
        first[id(x)] = name
        row(name, x, "" if x.requires_grad else "frozen")
        total, trained, size = total + x.size, trained + x.size * x.requires_grad, size + x.nbytes
    for name, x in module.named_buffers():
        row(name, x, "buffer")
        size += x.nbytes
    widths = [max(len(line[k]) for line in rows) for k in range(5)]
    aligned = (str.ljust, str.ljust, str.ljust, str.rjust, str.ljust)
    text = ["  ".join(f(part, w) for f, part, w in zip(aligned, line, widths, strict=True)).rstrip() for line in rows]
    text.insert(1, "-" * max(map(len, text)))
    text += [text[1], f"{total:,} parameters, {trained:,} of them trained; {_bytes(size)} with buffers"]
    return Summary("\n".join([f"{type(module).__name__}", *text]))
