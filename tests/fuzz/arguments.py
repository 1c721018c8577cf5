"""Random arguments, as Python text: literal tensors of every dtype and layout, and Python numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ops import samples

DIMENSIONS = (2, 2, 3, 3, 4, 5, 7)
LARGE = (33, 70, 130)
EDGES = (0, 1, 1, 2)
DOMAINS = ("normal", "normal", "normal", "small", "unit", "special")
PART = {"complex64": "float32", "complex128": "float64"}
DTYPES = ("float32",) * 5 + samples.DTYPES + tuple(PART)
# Two parts of one tensor that have n rows each, and how many rows it has.
PARTS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("", "", lambda n: n),
    ("", "[::-1]", lambda n: n),
    ("[:-1]", "[1:]", lambda n: n + 1),
    ("[1:]", "[-2::-1]", lambda n: n + 1),
    ("[::2]", "[1::2]", lambda n: 2 * n),
)
LITERAL = 60  # elements; larger tensors are computed

Sizes = dict[str, int]


@dataclass
class Parameter:
    name: str
    shape: tuple[str | int, ...] | None  # None: a Python number
    dtype: str
    domain: str
    layout: str


def number(value: Any) -> str:
    """A NumPy scalar as text that evaluates to it."""
    if isinstance(value, (bool, np.bool_, np.integer)):
        return str(value.item() if isinstance(value, np.generic) else value)
    value = float(value)
    if value != value:
        return "td.nan"
    return {np.inf: "td.inf", -np.inf: "-td.inf"}.get(value, repr(value))


def nested(array: np.ndarray[Any, Any]) -> str:
    if array.ndim == 0:
        return number(array[()])
    return "[" + ", ".join(nested(row) for row in array) + "]"


def literal(array: np.ndarray[Any, Any], dtype: str) -> str:
    text = f"td.asarray({nested(array)}, dtype=td.{dtype})"
    # Nested lists cannot say how long the axes after an empty one are.
    return f"td.zeros({array.shape}, dtype=td.{dtype})" if array.size == 0 else text


def tensor(rng: random.Random, parameter: Parameter, sizes: Sizes) -> str:
    """Text of a tensor for a parameter: other values, and perhaps another layout, each time."""
    assert parameter.shape is not None
    shape = tuple(sizes[n] if isinstance(n, str) else n for n in parameter.shape)
    layout, view = parameter.layout, ""
    if layout == "strided" and shape:
        shape, view = (*shape[:-1], 2 * shape[-1]), "[..., ::2]"
    elif layout == "reversed" and shape:
        view = "[::-1]"
    elif layout == "offset" and shape:
        shape, view = (shape[0] + 1, *shape[1:]), "[1:]"
    elif layout == "transposed" and len(shape) > 1:
        shape, view = shape[::-1], ".T"
    elif layout == "broadcast" and shape and 0 not in shape:
        view, shape = f"td.broadcast_to({{}}, {shape})", (1, *shape[1:])
    text = contents(rng, shape, parameter.domain, parameter.dtype)
    return view.format(text) if "{}" in view else text + view


def contents(rng: random.Random, shape: tuple[int, ...], domain: str, dtype: str) -> str:
    """Text of a contiguous tensor."""
    if dtype in PART:
        return f"td.complex({', '.join(contents(rng, shape, domain, PART[dtype]) for _ in range(2))})"
    count = int(np.prod(shape))
    if count > LITERAL:
        text = f"(td.sin(td.arange({count}, dtype=td.float64) * {rng.randint(1, 99) / 16}) * 4).reshape({shape})"
        text = f"({text} > 0)" if dtype == "bool" else f"{text}.astype(td.{dtype})"
        text = f"td.abs({text})" if dtype == "uint8" else text
    else:
        values = samples.draw(np.random.default_rng(rng.randrange(2**32)), shape, domain, dtype)
        if dtype in samples.FLOATS and domain in ("normal", "unit"):
            values = values.astype(np.float64).round(3)  # short to read, and still inexact in binary
        text = literal(values, dtype)
    return text


def parameters(rng: random.Random, first: int, count: int) -> list[Parameter]:
    """Parameters whose sizes are named dimensions N and M, or fixed."""
    shapes: list[tuple[str | int, ...]] = [("N",), ("N", "M"), ("N", "M"), ("M",), ("N", 1), (1, "M"), (), ("N", 3)]
    shapes += [(2, "N"), ("N", "N"), ("M", "N"), (2, "N", "M"), ("N", 1, "M"), (0, "N"), (1,), (4, 3)]
    main = rng.choice(DTYPES)
    result = []
    for k in range(first, first + count):
        dtype = main if rng.random() < 0.6 else rng.choice(DTYPES)
        layouts = ("contiguous",) * 5 + ("strided", "reversed", "offset", "transposed", "broadcast")
        shape = None if k > first and rng.random() < 0.12 else rng.choice(shapes)
        result.append(Parameter(f"a{k}", shape, dtype, rng.choice(DOMAINS), rng.choice(layouts)))
    return result


def draw_sizes(rng: random.Random, edges: bool) -> Sizes:
    """Sizes of the dimensions; now and then equal, large, or (at the edges) 0 and 1."""
    choices = EDGES if edges else LARGE if rng.random() < 0.06 else DIMENSIONS
    first = rng.choice(choices)
    return {"N": first, "M": first if rng.random() < 0.15 else rng.choice(EDGES if edges else DIMENSIONS)}


def scalar(rng: random.Random) -> str:
    return rng.choice(["0", "1", "2", "3", "-1", "2", "0.5", "1.5", "-2.25", "1e-3", "100", "True"])


def call(rng: random.Random, wanted: list[Parameter], sizes: Sizes, fixed: dict[str, str], share: bool) -> str:
    """Text of a tuple of arguments. `fixed`: the texts of Python numbers, which keep their types from call to call."""
    texts: list[str] = []
    for k, parameter in enumerate(wanted):
        if parameter.shape is None:
            texts.append(fixed[parameter.name])
            continue
        twin = next((j for j in range(k) if wanted[j].shape == parameter.shape), None)
        if share and twin is not None and wanted[twin].dtype == parameter.dtype and wanted[twin].shape:
            # Two parts of one tensor, bound by a walrus in the tuple's first use of it.
            first, second, rows = rng.choice(PARTS)
            size = rows(sizes.get(str(parameter.shape[0]), parameter.shape[0]))
            shape = (size, *parameter.shape[1:])
            base = Parameter("", shape, parameter.dtype, parameter.domain, "contiguous")
            texts[twin] = f"(shared := {tensor(rng, base, sizes)}){first}"
            texts.append(f"shared{second}")
            share = False
            continue
        texts.append(tensor(rng, parameter, sizes))
    return f"({', '.join(texts)},)"
