"""The kernels that a wheel brings along: found before anything is compiled, and never trusted when damaged."""

from pathlib import Path

import pytest

import tandem as td
from conftest import SANITIZED, RunPython, python_output
from tandem import _core, _pack

pytestmark = [
    pytest.mark.skipif(_core.backend_name() != "llvm", reason="built without LLVM: there are no kernels to keep"),
    pytest.mark.skipif(SANITIZED, reason="the sanitizers make the compiler slow"),
]

# Of each part of the work a piece; all of it takes a minute to compile.
SOME = """
import itertools
import tandem as td
from tandem import _pack
done = 0
for call in itertools.islice(_pack.work(), None, None, 23):
    try:
        call()
        done += 1
    except td.Error:
        pass
assert done > 150
print(td.stats()['compiled'], td.stats()['pack_hits'], td.stats()['disk_hits'])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pack")


@pytest.fixture(scope="module")
def pack(folder: Path) -> Path:
    file = folder / "kernels.pack"
    program = SOME + f"from tandem import _core\nprint(_core._pack_kernels({str(file)!r}))"
    found, kept = python_output(folder, program, TANDEM_CACHE_DIR=str(folder / "cache"), TANDEM_PACK="").splitlines()
    assert found.split()[0] == kept and int(kept) > 100
    return file


def counts(run_python: RunPython, folder: Path, pack: Path | str) -> list[int]:
    return [int(n) for n in run_python(SOME, TANDEM_CACHE_DIR=str(folder), TANDEM_PACK=str(pack)).split()]


def test_nothing_is_compiled(run_python: RunPython, tmp_path: Path, pack: Path) -> None:
    compiled, found, read = counts(run_python, tmp_path / "cache", pack)
    assert (compiled, read) == (0, 0) and found > 100
    assert not (tmp_path / "cache").exists()


def test_kernels_of_the_pack_do_not_load_the_compiler(run_python: RunPython, tmp_path: Path, pack: Path) -> None:
    program = SOME + "print('tandem_llvm' in open('/proc/self/maps').read())"
    assert run_python(program, TANDEM_CACHE_DIR=str(tmp_path), TANDEM_PACK=str(pack)).splitlines()[-1] == "False"


@pytest.mark.parametrize("damage", ["cut", "header", "version", "count", "objects", "offsets", "empty"])
def test_a_damaged_pack_is_not_used(run_python: RunPython, tmp_path: Path, pack: Path, damage: str) -> None:
    data = bytearray(pack.read_bytes())
    rows = int.from_bytes(data[8:16], "little")
    if damage == "cut":
        del data[16 + 24 * rows :]
    elif damage == "header":
        data[0] ^= 1
    elif damage == "version":
        data[4] ^= 1
    elif damage == "count":
        data[8:16] = b"\xff" * 8
    elif damage == "objects":
        for at in range(16 + 48 * rows, len(data), 64):
            data[at] ^= 0x55
    elif damage == "offsets":
        for row in range(rows):
            data[16 + 48 * row + 16 : 16 + 48 * row + 24] = b"\xf0" * 8
    else:
        data.clear()
    (tmp_path / "damaged.pack").write_bytes(data)
    compiled, found, _ = counts(run_python, tmp_path / "cache", tmp_path / "damaged.pack")
    assert compiled > 100 and found == 0


def test_no_pack_is_fine(run_python: RunPython, tmp_path: Path) -> None:
    program = "import tandem as td; print((td.ones(3) + 1).tolist(), td.stats()['pack_hits'])"
    for file in ("", str(tmp_path / "missing"), str(tmp_path)):
        assert run_python(program, TANDEM_PACK=file) == "[2.0, 2.0, 2.0] 0"


def test_a_pack_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(td.Error, match="cannot be written"):
        _core._pack_kernels(str(tmp_path / "missing" / "kernels.pack"))


def test_the_work_covers_the_commonest_operations() -> None:
    names = {*_pack.UNARY, *_pack.BINARY, *_pack.REDUCTIONS, *_pack.ROWS, "where", "clip", "take", "concat", "stack"}
    assert len(names) >= 60 and all(hasattr(td, name) for name in names)
