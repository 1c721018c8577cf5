"""td.save and td.load: the safetensors format, checked against the safetensors package."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import tandem as td

DTYPES = [d.name for d in td._core._dtypes if d.name != "complex128"]  # which the format lacks


def everything() -> dict[str, td.Tensor]:
    found = {f"block.{dtype}": td.asarray(np.arange(6).reshape(2, 3)).astype(dtype) for dtype in DTYPES}
    found |= {"scalar": td.asarray(2.5), "empty": td.zeros((0, 4)), "transposed": td.arange(6).reshape((2, 3)).T}
    return found | {'a "quoted" näme': td.ones((1,))}


def assert_same(a: dict[str, td.Tensor], b: dict[str, td.Tensor]) -> None:
    assert {*a} == {*b}
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape, name
        assert a[name].tolist() == b[name].tolist(), name


def test_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "all.safetensors"
    tensors = everything()
    td.save(tensors, file)
    assert_same(td.load(file), tensors)
    assert_same(td.load(str(file)), tensors)
    assert [p.name for p in tmp_path.iterdir()] == ["all.safetensors"]  # nothing unfinished is left


def test_one_tensor(tmp_path: Path) -> None:
    file = tmp_path / "one"
    td.save(td.arange(3), file)
    assert td.load(file).tolist() == [0, 1, 2]
    td.save({"tensor": td.arange(3)}, file)
    assert td.load(file)["tensor"].tolist() == [0, 1, 2]
    td.save({}, file)
    assert td.load(file) == {}


def test_files_of_the_package_are_read_and_ours_are_the_same_bytes(tmp_path: Path) -> None:
    package = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    tensors = {name: x for name, x in everything().items() if x.dtype != td.bfloat16}
    arrays = {name: np.array(x, order="C") for name, x in tensors.items()}
    for metadata in (None, {"format": "pt"}):
        theirs, ours = tmp_path / "theirs", tmp_path / "ours"
        package.save_file(arrays, theirs, metadata=metadata)
        td.save(tensors, ours, metadata=metadata)
        assert_same(td.load(theirs), tensors)
        assert ours.read_bytes() == theirs.read_bytes()
        for name, a in package.load_file(ours).items():
            assert a.dtype == arrays[name].dtype and np.array_equal(a, arrays[name]), name


def test_bfloat16_files_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    package = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    file = tmp_path / "bf16"
    package.save_file({"x": torch.arange(5, dtype=torch.bfloat16)}, file)
    x = td.load(file)["x"]
    assert x.dtype == td.bfloat16 and x.tolist() == [0, 1, 2, 3, 4]
    td.save({"x": x}, file)
    assert package.load_file(file)["x"].dtype == torch.bfloat16


def test_the_file_is_an_image_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "x"
    td.save({"x": td.zeros((4,)), "y": td.ones((4,))}, file)
    before = file.read_bytes()
    tensors = td.load(file)
    assert tensors["y"]._pointer - tensors["x"]._pointer == 16  # both lie in the mapped file
    tensors["x"][0] = 5.0
    assert file.read_bytes() == before and td.load(file)["x"].tolist() == [0] * 4
    td.save(tensors, file)  # over the file that is mapped
    assert tensors["y"].tolist() == [1] * 4 and td.load(file)["x"].tolist() == [5, 0, 0, 0]


def text(header: object, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + data


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8), **more: object) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


BROKEN = [
    (b"", "got 0 bytes in 'FILE'; need at least 8 for the length of the header; is it a safetensors file?"),
    (b"\x10\x00\x00", "got 3 bytes in 'FILE'; need at least 8"),
    (b"PK\x03\x04 a zip file", "got a header of 8800140462016121680 bytes in a file of 15 in 'FILE'; need a smaller"),
    (text(b"{")[:-1], "got a header of 1 bytes in a file of 8 in 'FILE'; need a smaller header"),
    (text(b"{nothing"), "got a header that is no JSON"),
    (text(b"\xff\xfe"), "got a header that is no JSON"),
    (text(b"[1, 2]"), "got a header that begins with b'[1, 2]'"),
    (text(b'{"x": 1, "x": 2}'), "got a header that is no JSON (a name that occurs twice)"),
    (text({"__metadata__": {"a": 1}}), "got the metadata {'a': 1}"),
    (text({"x": 3}), "got the entry 'x': 3 in 'FILE'"),
    (text({"x": entry(more=1)}, bytes(8)), "got the entry 'x': {"),
    (text({"x": entry("F8_E4M3")}, bytes(8)), "got the dtype 'F8_E4M3' of 'x' in 'FILE'; need one of BOOL, U8"),
    (text({"x": entry(7)}, bytes(8)), "got the dtype 7 of 'x'"),
    (text({"x": entry(shape=[-2])}, bytes(8)), "got the shape [-2] of 'x'"),
    (text({"x": entry(shape=[True, 2])}, bytes(8)), "got the shape [True, 2] of 'x'"),
    (text({"x": entry(offsets=[0])}, bytes(8)), "got the data_offsets [0] of 'x'"),
    (text({"x": entry(offsets=[8, 0])}, bytes(8)), "got -8 bytes for 'x', F32 of shape [2]"),
    (text({"x": entry(shape=[3])}, bytes(8)), "got 8 bytes for 'x', F32 of shape [3]"),
    (text({"x": entry(shape=[2**62, 4])}, bytes(8)), "got 8 bytes for 'x'"),
    (text({"x": entry(offsets=[4, 12])}, bytes(12)), "got 'x' at 4, after a gap in 'FILE'; need 0"),
    (text({"x": entry(), "y": entry()}, bytes(8)), "got 'y' at 0, inside another in 'FILE'; need 8"),
    (text({"x": entry()}, bytes(4)), "got 4 bytes of elements in 'FILE'; need 8, as the header says"),
    (text({"x": entry()}, bytes(12)), "got 12 bytes of elements"),
]


@pytest.mark.parametrize(("data", "message"), BROKEN, ids=[m[:40] for _, m in BROKEN])
def test_bad_files(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "bad"
    file.write_bytes(data)
    with pytest.raises(td.SerializationError) as caught:
        td.load(file)
    assert str(caught.value).startswith("load: " + message.replace("FILE", str(file)))


def test_any_damage_is_noticed_or_harmless(tmp_path: Path) -> None:
    """Every truncation, and every changed byte of the header, is an error or another valid file."""
    file = tmp_path / "x"
    td.save({"x": td.ones((2, 3)), "y": td.arange(4)}, file)
    good = file.read_bytes()
    for length in range(len(good)):
        file.write_bytes(good[:length])
        with pytest.raises(td.SerializationError):
            td.load(file)
    refused = 0
    for place in range(len(good) - 24 - 32):
        file.write_bytes(good[:place] + bytes([good[place] ^ 0x15]) + good[place + 1 :])
        try:
            for x in td.load(file).values():
                x.tolist()
        except td.SerializationError:
            refused += 1
    assert refused > 100


def test_mistakes(tmp_path: Path) -> None:
    x, file = td.ones((2,)), tmp_path / "x"
    for obj, message in [
        ([x], "save: got list; need a tensor or a dict of tensors by name"),
        ({1: x}, "save: got the key 1; need names that are text"),
        ({"x": np.ones(2)}, "save: got ndarray under 'x'; need a tensor; try td.asarray"),
        ({"__metadata__": x}, "save: got a tensor named '__metadata__', which the format uses itself"),
    ]:
        with pytest.raises(td.Error, match=re.escape(message)):
            td.save(obj, file)
    with pytest.raises(td.Error, match="save: got the metadata 'a': 1; need text by name"):
        td.save(x, file, metadata={"a": 1})
    with pytest.raises(FileNotFoundError):
        td.load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        td.save(x, tmp_path / "absent" / "x")
    assert not any(tmp_path.iterdir())
