"""`td.aot`: a function as an object file and a header, to be linked into a C program."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem import _core, archive, serialization
from tandem._boundary import public

__all__ = ["aot"]

_C_TYPES = {
    "bool": "uint8_t",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "uint64": "uint64_t",
    "float16": "uint16_t",
    "bfloat16": "uint16_t",
    "float32": "float",
    "float64": "double",
    "complex64": "float",
    "complex128": "double",
}
_OF_C = """
auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
class new delete this template typename namespace private public protected operator
"""
_KEYWORDS = frozenset(_OF_C.split())
_Row = tuple[str, str, list[str]]  # an argument or result: name, dtype, sizes


@public
def aot(
    function: Any,
    args: Any,
    out_dir: str | os.PathLike[str],
    *,
    name: str | None = None,
    target: str | None = None,
    dynamic: bool | Mapping[str, Any] | None = None,
) -> Path:
    """Compile a function or module ahead of time; return the header of a C function that computes it.

    `out_dir` gets NAME.o, an object with the code, the program and the tensors; NAME.h, which declares
    `td_error* NAME(sizes..., arguments..., results...)`; and NAME.cmake, which makes a target of them to link to. The
    program that uses it links `libtandem_runtime`, and reads no file. Elements are those of C arrays, row by row;
    16-bit floats are passed as their bits, complex numbers as pairs.

    args: a tuple of arguments, as for td.save; `dynamic` as there: each size that differs is an argument of its own.
    name: by default the name of the function.
    target: "x86-64-v2", "x86-64-v3", "x86-64-v4" or "aarch64"; by default the best that this machine can run.

    >>> header = td.aot(lambda x: td.exp(-x) * 2, (td.ones((3,)),), "build", name="decay")
    >>> sorted(path.name for path in header.parent.iterdir())
    ['decay.cmake', 'decay.h', 'decay.o']
    """
    wanted = archive.wanted_methods(function, args, None, dynamic)[0]
    name = wanted.name if name is None else name
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) or name in _KEYWORDS:
        raise _core.ArgumentError(f"aot: got the name {name!r}; need one that C allows; try name='model'")
    writer, state = _core.ArchiveWriter(), archive.State(function, [wanted])
    archive.add_method(writer, state, wanted._replace(name=name), dynamic)
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    weights = serialization.to_bytes(state.tensors, {})
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(weights)
        file.flush()
        chosen = _core.cpu_levels()[-1] if target is None else target
        code = writer.object(name, file.name, len(weights), chosen)
    arguments, results = writer.describe()
    (folder / f"{name}.o").write_bytes(code)
    (folder / f"{name}.h").write_text(_header(name, arguments, results))
    (folder / f"{name}.cmake").write_text(_CMAKE.format(name=name))
    return folder / f"{name}.h"


_CMAKE = """\
# include({name}.cmake), then target_link_libraries(program PRIVATE {name}); needs find_package(tandem).
add_library({name} INTERFACE)
target_sources({name} INTERFACE ${{CMAKE_CURRENT_LIST_DIR}}/{name}.o)
target_include_directories({name} INTERFACE ${{CMAKE_CURRENT_LIST_DIR}})
target_link_libraries({name} INTERFACE tandem::runtime_static)
"""


def _header(name: str, arguments: list[_Row], results: list[_Row]) -> str:
    """The text of the header."""
    sizes = _symbols(name, arguments)
    names = _unique([_c_name(row[0], "argument") for row in arguments], set(sizes))
    outs = [f"result{k}" if len(results) > 1 else "result" for k in range(len(results))]
    shown = [f"{n}: {_type(row)}" for n, row in zip(names, arguments, strict=True)]
    parameters = [f"int64_t {size}" for size in sizes]
    parameters += [f"const {_C_TYPES[row[1]]}* {n}" for n, row in zip(names, arguments, strict=True)]
    parameters += [f"{_C_TYPES[row[1]]}* {n}" for n, row in zip(outs, results, strict=True)]
    lines = [
        f"/* {name}({', '.join(shown)}) -> {', '.join(_type(row) for row in results)}",
        "   Written by td.aot; link it with the object of the same name and libtandem_runtime. */",
        f"#ifndef TANDEM_AOT_{name.upper()}_H",
        f"#define TANDEM_AOT_{name.upper()}_H",
        "",
        "#include <tandem.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f"extern const td_embedded {name}_model;",
        "",
        "/* Returns NULL, or an error for td_error_message and td_error_free. Thread-safe. */",
        f"static inline td_error* {name}({', '.join(parameters)}) {{",
        f"  td_array arguments[{max(1, len(arguments))}];",
        f"  void* const results[{max(1, len(results))}] = {{{', '.join(f'(void*){n}' for n in outs) or '0'}}};",
    ]
    for k, (n, (_, dtype, shape)) in enumerate(zip(names, arguments, strict=True)):
        place = "(const int64_t*)0"
        if shape:
            lines.append(f"  const int64_t shape{k}[] = {{{', '.join(shape)}}};")
            place = f"shape{k}"
        lines.append(f"  arguments[{k}] = td_array_of((void*){n}, TD_{dtype.upper()}, {len(shape)}, {place});")
    lines += [
        f"  return td_embedded_run(&{name}_model, arguments, {len(arguments)}, results, {len(results)});",
        "}",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _symbols(name: str, arguments: list[_Row]) -> list[str]:
    """The sizes that differ from call to call; those that the arguments have must be sizes as they are."""
    found: list[str] = []
    for argument, _, shape in arguments:
        for size in shape:
            if size.isdigit() or size in found:
                continue
            if not size.isidentifier():
                raise _core.ShapeError(
                    f"aot: got the size {size} of the argument '{argument}' of '{name}'; need sizes that are numbers, "
                    "or differ by themselves"
                )
            found.append(size)
    return found


def _c_name(text: str, otherwise: str) -> str:
    found = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or otherwise
    return f"{found}_" if found in _KEYWORDS or found[0].isdigit() else found


def _unique(names: list[str], taken: set[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        new = name
        while new in taken or new in found or new in ("arguments", "results"):
            new += "_"
        found.append(new)
    return found


def _type(row: _Row) -> str:
    return f"{row[1]}[{', '.join(row[2])}]"
