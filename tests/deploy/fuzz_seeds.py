"""Writes what the fuzzer of saved models begins with: `python tests/deploy/fuzz_seeds.py FOLDER FILE.tdm...`

Each part of a file stands behind the byte that chooses its reader (fuzz_load.cpp).
"""

import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

FILE, WEIGHTS, KERNELS, METHOD, DEVICE_KERNEL, OBJECT, PACK, ZIP = range(8)
LARGEST = 400_000


def seeds(file: Path) -> Iterator[tuple[int, bytes]]:
    content = file.read_bytes()
    if len(content) <= LARGEST:
        yield FILE, content
        yield ZIP, content
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            part = archive.read(name)
            if name.endswith(".safetensors"):
                yield WEIGHTS, part
            elif name == "kernels.bin":
                yield KERNELS, part
            elif name.startswith("methods/") and name.endswith(".bin"):
                yield METHOD, part
            elif name.endswith(".pack"):
                yield PACK, part[:4096]
                yield from objects(part)


def objects(pack: bytes, most: int = 6) -> Iterator[tuple[int, bytes]]:
    """The first of a pack: a header, then rows of key, place, length and checksum (runtime/pack.cpp)."""
    _, _, count = struct.unpack_from("<IIQ", pack)
    for row in range(min(count, most)):
        place, length = struct.unpack_from("<QQ", pack, 16 + 48 * row + 16)
        code = pack[place : place + length]
        yield OBJECT if code.startswith(b"\x7fELF") else DEVICE_KERNEL, code


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, (reader, content) in enumerate(seed for file in sys.argv[2:] for seed in seeds(Path(file))):
        (folder / f"{number}").write_bytes(bytes([reader]) + content)
