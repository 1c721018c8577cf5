"""Tensors, and nested state, in files of the safetensors format.

A file is the length of a header (8 bytes, little endian), the header (JSON: dtype, shape and place of every tensor by
name, and free text under "__metadata__"), and the elements, row by row. https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import contextlib
import json
import math
import mmap
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tandem import _core, _trees, pytree
from tandem._boundary import public

Tensor = _core.Tensor

# The format's names for dtypes, in its order of alignment: a file holds tensors of a later dtype first.
_NAMES: dict[str, str] = _core._weight_codes
_RANKS = {name: rank for rank, name in enumerate(_NAMES.values())}
_CODES = {name: code for code, name in _NAMES.items()}
_LARGEST_HEADER = 100_000_000  # the limit of the format

# A file that holds something else than a dict of tensors says so, and a tree is a text in the header.
_MARK = "tandem"
_ONLY = "tensor"
_TREE = "tree"
_TREE_TEXT = "tandem.tree"
_SUM = "tandem.crc32"
_PAIRS: str = _core._weight_pairs  # names of tensors of complex128, which the format does not have: pairs of float64


@public
def save(
    obj: Any,
    path: str | os.PathLike[str],
    args: Any = None,
    *,
    methods: Mapping[str, Any] | None = None,
    targets: str | Iterable[str] | None = None,
    dynamic: bool | Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a tensor, a dict of tensors by name, or nested state to a file, or a model that runs without Python.

    A path that ends in ".tdm" is for a model: a function or a module, which is compiled for `args`, a tuple of its
    arguments, and runs from C++ as from Python (docs/deploy.md). All else is a file in the safetensors format.

    State is made of dicts, lists and tuples that hold tensors, numbers, text and None; nothing is pickled. A dict of
    tensors is written as other programs write it; the structure of all else is a text in the header. The file appears
    under its name when it is complete. `metadata` is free text by name.

    >>> td.save({"weight": td.ones((2, 3)), "bias": td.zeros((2,))}, "model.safetensors")
    >>> td.load("model.safetensors")["bias"]
    tensor([0., 0.], dtype=float32)
    >>> td.save({"epoch": 3, "rates": (0.1, 0.01), "model": {"bias": td.zeros((2,))}}, "state.safetensors")
    >>> td.load("state.safetensors")
    {'epoch': 3, 'rates': (0.1, 0.01), 'model': {'bias': tensor([0., 0.], dtype=float32)}}

    methods: several methods of one model in place of `args`, by name: a tuple of arguments of the method of that name,
        or of a function and its arguments. They share the tensors of the model, and may write to them.
    targets: "x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"; by default all. With none it is interpreted, slowly. Also
        "sm_90" and the like, code for NVIDIA GPUs of that kind, and "compute_90", PTX for that kind and all later ones;
        both need NVRTC (docs/cuda.md), no GPU.
    dynamic: True, or by name of an argument the axes whose sizes differ from call to call.

    >>> model = td.nn.Linear(4, 2)
    >>> td.save(model, "linear.tdm", (td.ones((8, 4)),), dynamic={"input": [0]}, targets="x86-64-v2")
    >>> td.load("linear.tdm")(td.ones((3, 4))).shape
    (3, 2)
    """
    if os.fspath(path).endswith(".tdm"):
        from tandem import archive

        archive.save(obj, path, args, methods=methods, targets=targets, dynamic=dynamic, metadata=metadata)
        return
    if args is not None or methods is not None or targets is not None or dynamic is not None:
        raise _core.ArgumentError(
            f"save: got args, methods, targets or dynamic for {os.fspath(path)!r}; need a path that ends in '.tdm' for "
            "a model"
        )
    write(obj, path, dict(metadata or {}), durable=False)


def write(obj: Any, path: str | os.PathLike[str], texts: dict[str, str], *, durable: bool) -> None:
    """As `save`; if durable, the file is on the disk before it has its name, and has a checksum."""
    for key, value in texts.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise _core.ArgumentTypeError(f"save: got the metadata {key!r}: {value!r}; need text by name")
    if isinstance(obj, Tensor):
        tensors, texts = {_ONLY: obj}, {**texts, _MARK: _ONLY}
    elif _is_plain(obj):
        tensors = dict(obj)
    else:
        tensors, text = _trees.encode(obj)
        texts = {**texts, _MARK: _TREE, _TREE_TEXT: text}
    folder, name = os.path.split(os.fspath(path))
    unfinished = os.path.join(folder, f".{name}-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with open(unfinished, "xb") as file:
            for part in _pieces(tensors, texts, checked=durable):
                file.write(part)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)
        raise


def to_bytes(tensors: dict[str, Tensor], texts: dict[str, str]) -> bytes:
    """The contents of a file of tensors by name, whose elements begin where vectors may."""
    return b"".join(_pieces(tensors, texts, alignment=64))


def _pieces(
    tensors: dict[str, Tensor], texts: dict[str, str], *, checked: bool = False, alignment: int = 8
) -> Iterator[bytes | memoryview]:
    """The contents of a file, piece by piece; if checked, with a checksum."""
    pairs = sorted(name for name, x in tensors.items() if x.dtype == _core.complex128)
    if pairs:
        texts = {**texts, _PAIRS: json.dumps(pairs)}
    parts = {name: x if x.is_contiguous() else x.copy() for name, x in tensors.items()}
    for name in pairs:
        x = parts[name]
        parts[name] = _core._from_buffer(memoryview(_core._bytes_of(x)), _core.float64, (*x.shape, 2))
    order = sorted(parts, key=lambda name: (-_RANKS[parts[name].dtype.name], name))
    if checked:
        texts = {
            **texts,
            _SUM: _checksum(texts, (memoryview(_core._bytes_of(parts[name], writable=False)) for name in order)),
        }
    entries: dict[str, Any] = {"__metadata__": texts} if texts else {}
    end = 0
    for name in order:
        x, start = parts[name], end
        end += x.nbytes
        entries[name] = {"dtype": _CODES[x.dtype.name], "shape": list(x.shape), "data_offsets": [start, end]}
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * ((-len(header) - 8) % alignment)
    yield len(header).to_bytes(8, "little") + header
    for part in order:
        yield memoryview(_core._bytes_of(parts[part], writable=False))


def _is_plain(obj: Any) -> bool:
    """Whether it is a dict of tensors, which needs no text."""
    return isinstance(obj, Mapping) and all(
        isinstance(name, str) and name != "__metadata__" and isinstance(x, Tensor) for name, x in obj.items()
    )


@public
def load(path: str | os.PathLike[str], device: str | None = None) -> Any:
    """Read what td.save, or the safetensors package, wrote: a dict of tensors by name, the only tensor, state, a model.

    The elements are not read before they are used: the tensors are a private image of the file in memory. They can be
    written to, which changes neither the file nor what others read. SerializationError says what is wrong with a file.

    device: where tensors are to be, and a model is to run: "cuda" or "cuda:1" needs a file with code for that GPU
        (`targets=["sm_90"]`), and is a BackendError without it. By default the CPU.

    >>> td.save(td.arange(3), "numbers.safetensors")
    >>> td.load("numbers.safetensors")
    tensor([0, 1, 2])
    """
    with open(path, "rb") as file:
        if file.read(4) == b"PK\x03\x04":
            from tandem import archive

            return archive.load(path, "" if device in (None, "cpu") else str(device))
    found = read(path)[0]
    if device in (None, "cpu"):
        return found
    return pytree.map(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, found)


def read_durable(path: str | os.PathLike[str]) -> Any:
    """Read what `write` has written as a durable file, and compare the checksum."""
    obj, texts, elements = read(path)
    if texts.get(_SUM) != _checksum(texts, [elements]):
        raise _broken(path, "contents that do not agree with their checksum", "an undamaged file")
    return obj


def _checksum(texts: dict[str, str], elements: Iterable[memoryview]) -> str:
    value = zlib.crc32(repr(sorted((name, text) for name, text in texts.items() if name != _SUM)).encode())
    for part in elements:
        value = zlib.crc32(part, value)
    return f"{value:08x}"


def read(path: str | os.PathLike[str]) -> tuple[Any, dict[str, str], memoryview]:
    """As `load`, with the metadata and the elements as they lie in the file."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8:
            raise _broken(path, f"{size} bytes", "at least 8 for the length of the header")
        if length > min(size - 8, _LARGEST_HEADER):
            raise _broken(path, f"a header of {length} bytes in a file of {size}", "a smaller header")
        entries, texts = _header(path, file.read(length))
        start = 8 + length
        places = _places(path, entries, size - start)
        _join_pairs(path, places, texts)
        # An empty range cannot be mapped; copy-on-write leaves the file as it is.
        image = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    tensors = {
        name: _core._from_buffer(image[start + begin : start + end], dtype, shape)
        for name, (dtype, shape, begin, end) in places.items()
    }
    kind = texts.get(_MARK)
    if kind == _ONLY and [*tensors] == [_ONLY]:
        return tensors[_ONLY], texts, image[start:]
    if kind != _TREE:
        return tensors, texts, image[start:]
    try:
        return _trees.decode(texts[_TREE_TEXT], tensors), texts, image[start:]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _broken(path, f"state that cannot be put together ({error!r})", "what td.save writes") from None


def _broken(path: Any, got: str, need: str) -> _core.SerializationError:
    return _core.SerializationError(f"load: got {got} in {os.fspath(path)!r}; need {need}; is it a safetensors file?")


def _header(path: Any, data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a name that occurs twice")
        return dict(pairs)

    try:
        entries = json.loads(data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"a header that is no JSON ({error})", "JSON text") from None
    if not data.startswith(b"{") or not isinstance(entries, dict):
        raise _broken(path, f"a header that begins with {data[:20]!r}", "a JSON object")
    texts = entries.pop("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(value, str) for value in texts.values()):
        raise _broken(path, f"the metadata {texts!r}", "text by name")
    return entries, texts


Places = dict[str, tuple[Any, tuple[int, ...], int, int]]


def _join_pairs(path: Any, places: Places, texts: dict[str, str]) -> None:
    """Make complex numbers of the pairs that the metadata names."""
    try:
        names = json.loads(texts.get(_PAIRS, "[]"))
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _broken(path, f"the names of complex numbers {texts[_PAIRS]!r}", "a list of names")
    for name in names:
        dtype, shape, begin, end = places.get(name, (None, (), 0, 0))
        if dtype != _core.float64 or shape[-1:] != (2,):
            raise _broken(path, f"complex numbers under {name!r} that are no pairs", "float64 of shape [..., 2]")
        places[name] = _core.complex128, shape[:-1], begin, end


def _places(path: Any, entries: dict[str, Any], size: int) -> Places:
    """Check the entries of the header, and that they cover the `size` bytes behind it without gaps or overlaps."""

    def is_size(value: Any) -> bool:
        return type(value) is int and value >= 0

    found = {}
    for name, entry in entries.items():
        if not isinstance(entry, dict) or {*entry} != {"dtype", "shape", "data_offsets"}:
            raise _broken(path, f"the entry {name!r}: {entry!r}", "dtype, shape and data_offsets")
        code, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
        dtype = getattr(_core, _NAMES.get(code, "") if isinstance(code, str) else "", None)
        if dtype is None:
            known = ", ".join(code for code, own in _NAMES.items() if hasattr(_core, own))
            raise _core.SerializationError(
                f"load: got the dtype {code!r} of {name!r} in {os.fspath(path)!r}; need one of {known}"
            )
        if not isinstance(shape, list) or not all(map(is_size, shape)):
            raise _broken(path, f"the shape {shape!r} of {name!r}", "a list of sizes")
        if not isinstance(place, list) or len(place) != 2 or not all(map(is_size, place)):
            raise _broken(path, f"the data_offsets {place!r} of {name!r}", "two offsets")
        begin, end = place
        if end - begin != math.prod(shape) * dtype.itemsize:
            raise _broken(path, f"{end - begin} bytes for {name!r}, {code} of shape {shape}", "as many as that takes")
        found[name] = (dtype, tuple(shape), begin, end)
    at = 0
    for name, (_, _, begin, end) in sorted(found.items(), key=lambda item: item[1][2:]):
        if begin != at:
            raise _broken(path, f"{name!r} at {begin}, {'after a gap' if begin > at else 'inside another'}", f"{at}")
        at = end
    if at != size:
        raise _broken(path, f"{size} bytes of elements", f"{at}, as the header says")
    return found
