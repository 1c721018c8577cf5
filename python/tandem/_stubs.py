"""Writes the type stubs `_core.pyi` and `__init__.pyi`: `python -m tandem._stubs`.

The operations, the dtypes, the exceptions and all docstrings come from the extension module itself. What C++ cannot
tell, the types of the other names, is stated in `_stub_signatures`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tandem
from tandem import _core, _numpy
from tandem._stub_signatures import ATTRIBUTES, CLASSES, FUNCTIONS, PROLOGUE

WIDTH = 120


def summary(value: Any) -> str:
    """Return the docstring without the signatures and examples that C++ puts around it."""
    text = inspect.getdoc(value) or ""
    paragraphs = [p for p in text.split("\n\n") if not re.match(r"\w+\(.*|>>> ", p)]
    return " ".join(" ".join(paragraphs).split())


def definition(signature: str, doc: str, indent: str = "") -> str:
    """Return a function's stub, wrapped where it is too long for one line."""
    signature, _, comment = signature.partition("  # ")
    head, _, result = signature.rpartition(" -> ")
    end = (f"  # {comment}" if comment else "") if doc else " ..." + (f"  # {comment}" if comment else "")
    line = f"{indent}def {signature}:{end}"
    if len(line) > WIDTH:
        name, _, parameters = head[:-1].partition("(")
        inner = "".join(f"{indent}    {p},\n" for p in parameters_of(parameters))
        line = f"{indent}def {name}(\n{inner}{indent}) -> {result}:{end}"
    return line + "\n" + (docstring(doc, indent + "    ") if doc else "")


def parameters_of(text: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def docstring(text: str, indent: str) -> str:
    lines: list[str] = []
    line = f'{indent}"""'
    for word in text.replace("\\", "\\\\").split():
        if len(line) + len(word) + 4 > WIDTH:
            lines, line = [*lines, line.rstrip()], indent
        line += word + " "
    lines.append(line.rstrip())
    return "\n".join(lines) + (f"\n{indent}" if len(lines) > 1 else "") + '"""\n'


def operation(row: dict[str, Any], *, method: bool = False) -> str:
    """Return the signature, with types, of a row of the table of operations."""
    parameters: list[str] = []
    for text in row["signature"].partition("(")[2][:-1].split(", "):
        name, _, default = text.partition("=")
        if name == "*":
            parameters.append(name)
            continue
        if name in row["inputs"]:
            kind = "_TensorList" if row["variadic"] else "_TensorLike"
        else:
            kind = ATTRIBUTES.get(f"{row['name']}.{name}") or ATTRIBUTES[name]
            if default == "None":
                kind = "_Shape | None" if kind == "SupportsIndex" and name == "axis" else kind
        if default == "None" and not kind.endswith("None"):
            kind += " | None"
        if not default and "*" not in parameters and any(" = " in earlier for earlier in parameters):
            parameters.append("*")
        parameters.append(f"{name}: {kind}" + (f" = {default}" if default else ""))
    if method:
        parameters[0] = "self"
        if row["integers"]:
            parameters.append("*more: SupportsIndex")
    return f"{row['name']}({', '.join(parameters)}) -> Tensor"


def method(name: str) -> str:
    """Return the signature of a function in Python that is a method of tensors, as its annotations have it."""
    found = inspect.signature(getattr(_core.Tensor, name))
    tensor, *others = found.parameters.values()
    text = str(found.replace(parameters=[tensor.replace(name="self", annotation=inspect.Parameter.empty), *others]))
    # Annotations are text, which inspect quotes.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    return name + re.sub(r"\bbool\b", "_bool", text).replace("'", '"')


def rows() -> list[dict[str, Any]]:
    return [row for row in _core._op_table() if not row["internal"]]


def parts() -> list[dict[str, Any]]:
    """Return the rows that only this package calls, under the names they have for it."""
    named = [row | {"name": f"_{row['name']}"} for row in _core._op_table() if row["internal"]]
    return [row for row in named if hasattr(_core, row["name"])]


def class_body(name: str, members: Iterable[str]) -> str:
    cls, indent, out = getattr(_core, name), "    ", []
    if cls.__doc__:
        out.append(docstring(summary(cls), indent))
    for member in members:
        if member == "{operations}":
            methods = [row for row in rows() if row["method"] and row["name"] != "reshape"]
            out += [definition(operation(row, method=True), row["doc"], indent) for row in methods]
            continue
        if member == "{methods}":
            out += [definition(method(name), summary(getattr(cls, name)), indent) for name in sorted(_numpy.METHODS)]
            continue
        attribute = re.match(r"\w+", member).group()  # type: ignore[union-attr]
        doc = "" if re.fullmatch(r"__\w+__", attribute) else summary(cls.__dict__[attribute])
        if "(" in member.partition(":")[0]:
            out.append(definition(member, doc, indent))
        else:
            kind = member.partition(": ")[2]
            out.append(f"{indent}@property\n" + definition(f"{attribute}(self) -> {kind}", doc, indent))
            if getattr(cls.__dict__[attribute], "fset", None) is not None:
                setter = definition(f"{attribute}(self, value: {kind}) -> None", "", indent)
                out.append(f"{indent}@{attribute}.setter\n{setter}")
    return "".join(out)


def core_stub() -> str:
    """Return the text of `_core.pyi`."""
    own = "__version__: str", "_op_names: list[str]", "_dtypes: list[DType]", "_max_dimensions: int", "_cuda: Any"
    text = [PROLOGUE, "\n", *(f"{each}\n" for each in (*own, "_weight_codes: dict[str, str]", "_weight_pairs: str"))]
    for name, value in vars(_core).items():
        if isinstance(value, type) and issubclass(value, Exception):
            bases = ", ".join(base.__name__ for base in value.__bases__)
            text.append(f"\nclass {name}({bases}):\n" + docstring(summary(value), "    "))
    text += [f"\nclass {name}:\n{class_body(name, members)}" for name, members in CLASSES.items()]
    text.append("\n")
    text += [f"{name}: DType\n" for name, value in vars(_core).items() if isinstance(value, _core.DType)]
    text.append("\n")
    functions = [(line, summary(getattr(_core, line.partition("(")[0]))) for line in FUNCTIONS]
    functions += [(operation(row), row["doc"]) for row in (*rows(), *parts())]
    text += [definition(signature, doc) + ("\n" if doc else "") for signature, doc in functions]
    return "".join(text).rstrip("\n") + "\n"


def package_stub() -> str:
    """Return the text of `__init__.pyi`: where each public name comes from."""
    named = (
        "math",
        "tandem.jit",
        "tandem.vectorizing",
        "tandem._array_api",
        "tandem._creation",
        "tandem._einsum",
        "tandem._products",
        "tandem.linalg",
        "tandem._dtypes",
        "tandem._float_parts",
        "tandem._parts",
        "tandem._scatter",
        "tandem._sorting",
        "tandem._statistics",
        "tandem._unique",
        "tandem.autograd",
        "tandem.ahead",
        "tandem.amp",
        "tandem.compare",
        "tandem._devices",
        "tandem.precision",
        "tandem.random",
        "tandem.serialization",
        "tandem.tensor_spec",
        "tandem.training",
        *(f"tandem._numpy.{theme}" for theme in _numpy.THEMES),
    )
    sources = [importlib.import_module(name) for name in named]
    sources.insert(1, _core)
    # The standard's name, which `import *` does not take.
    info = "__array_namespace_info__"
    found: dict[str, list[str]] = {"tandem._array_api_info": [f"{info} as {info}"]}
    constants = []
    for name in tandem.__all__:
        value = getattr(tandem, name)
        if name in _numpy.ALIASES:
            constants.append(f"{name} = {_numpy.ALIASES[name]}\n")
        elif isinstance(value, types.ModuleType):
            found.setdefault("tandem", []).append(name)
        elif value is None:
            constants.append(f"{name}: None\n")
        else:
            holding = [m for m in sources if vars(m).get(name) is value]
            # Others may have imported it.
            module = next((m for m in holding if m.__name__ == getattr(value, "__module__", "")), holding[0])
            found.setdefault(module.__name__, []).append(name)
    for name, place in vars(tandem)["_OF_TORCH"].items():  # not imported here: that needs PyTorch
        found.setdefault("tandem" if name == place else f"tandem.{place}", []).append(f"{name} as {name}")
    lines = ['"""The public names. Written by `python -m tandem._stubs`; do not edit."""\n\n']
    for module_name in sorted(found, key=lambda m: (m != "math", m)):
        names = sorted(found[module_name], key=import_order)
        plain, renamed = [n for n in names if " as " not in n], [n for n in names if " as " in n]
        for group in filter(None, (plain, renamed)):
            line = f"from {module_name} import {', '.join(group)}\n"
            if len(line) > WIDTH or (plain and group is renamed):
                line = f"from {module_name} import (\n" + "".join(f"    {name},\n" for name in group) + ")\n"
            lines.append(line + ("\n" if module_name == "math" else ""))
    listed = "".join(f'    "{name}",\n' for name in sorted(tandem.__all__, key=import_order))
    versions = "\n__version__: str\n__array_api_version__: str\n"
    return "".join([*lines, versions, *constants, f"\n__all__ = [\n{listed}]\n"])


def import_order(name: str) -> tuple[Any, ...]:
    """Sort as ruff does: classes first, and numbers inside names by value."""
    return name[0].islower(), [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def stubs() -> dict[str, str]:
    """Return the text of each stub by the name of its file."""
    return {"_core.pyi": core_stub(), "__init__.pyi": package_stub()}


if __name__ == "__main__":
    for file, text in stubs().items():
        (Path(__file__).resolve().parent / file).write_text(text, encoding="utf-8")
