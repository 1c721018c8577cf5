"""Nested state as tensors by name and a text: what files that hold only tensors can carry.

The text is JSON. Numbers, text and None stand for themselves, lists are lists; all else is an object with one key that
says what it is: {"dict": [[key, value], ...]}, {"tuple": [...]}, {"tensor": name}.
"""

from __future__ import annotations

import json
from typing import Any

from tandem import _core

Tensor = _core.Tensor
_PLAIN = (bool, int, float, str, type(None))


def encode(tree: Any) -> tuple[dict[str, Tensor], str]:
    """Return the tensors of a tree by name, and the text; a tensor that occurs twice is stored once."""
    tensors: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    inside: set[int] = set()

    def named(x: Tensor, path: tuple[Any, ...]) -> str:
        if id(x) not in names:
            wanted = name = ".".join(map(str, path)) or "tensor"
            while name in tensors or name == "__metadata__":
                name = f"{wanted}~{len(tensors)}"
            tensors[name], names[id(x)] = x, name
        return names[id(x)]

    def walk(node: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(node, Tensor):
            return {"tensor": named(node, path)}
        if type(node) in _PLAIN:
            return node
        if not isinstance(node, (dict, list, tuple)) or hasattr(node, "_fields"):
            raise _core.ArgumentTypeError(
                f"save: got {type(node).__name__} under {_shown(path)}; need tensors, numbers, text, None, and dicts, "
                "lists and tuples of them; try td.asarray, or leaving it out"
            )
        if id(node) in inside:
            raise _core.ArgumentError(f"save: got a container inside of itself under {_shown(path)}; need a tree")
        inside.add(id(node))
        try:
            if isinstance(node, dict):
                for key in node:
                    if type(key) not in _PLAIN:
                        raise _core.ArgumentTypeError(
                            f"save: got the key {key!r} under {_shown(path)}; need text, numbers or None; try str(...)"
                        )
                return {"dict": [[key, walk(value, (*path, key))] for key, value in node.items()]}
            parts = [walk(value, (*path, place)) for place, value in enumerate(node)]
            return parts if isinstance(node, list) else {"tuple": parts}
        finally:
            inside.discard(id(node))

    return tensors, json.dumps(walk(tree, ()), separators=(",", ":"))


def decode(text: str, tensors: dict[str, Tensor]) -> Any:
    """Return the tree; raise ValueError, LookupError or TypeError for a text that `encode` has not written."""

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(part) for part in node]
        if not isinstance(node, dict):
            return node
        ((kind, value),) = node.items()
        if kind == "tensor":
            return tensors[value]
        if kind == "tuple":
            return tuple(walk(part) for part in value)
        if kind == "dict":
            return {key: walk(part) for key, part in value}
        raise ValueError(f"an unknown kind {kind!r}")

    return walk(json.loads(text))


def _shown(path: tuple[Any, ...]) -> str:
    return "the root" if not path else "".join(f"[{key!r}]" for key in path)
