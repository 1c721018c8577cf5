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


def test_complex128_is_pairs_of_float64(tmp_path: Path) -> None:
    file = tmp_path / "complex.safetensors"
    rng = np.random.default_rng(0)
    x = td.asarray(rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2)))
    tensors = {"x": x, "turned": x.T, "one": td.asarray(1 - 2j), "pair": td.ones((3, 2), dtype=td.float64)}
    td.save(tensors, file, metadata={"by": "me"})
    assert_same(td.load(file), tensors)
    package = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    others = package.load_file(file)
    assert others["x"].shape == (3, 2, 2) and others["x"].tobytes() == np.asarray(x).tobytes()
    td.save({"nested": [x]}, file)
    assert td.load(file)["nested"][0].tolist() == x.tolist()


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


def pairs(names: object) -> dict[str, str]:
    return {"tandem.complex128": names if isinstance(names, str) else json.dumps(names)}


BROKEN = [
    (text({"__metadata__": pairs("[")}), "got the names of complex numbers '['"),
    (text({"__metadata__": pairs([1])}), "got the names of complex numbers '[1]'"),
    (text({"__metadata__": pairs(["x"])}), "got complex numbers under 'x' that are no pairs"),
    (text({"x": entry(), "__metadata__": pairs(["x"])}, bytes(8)), "got complex numbers under 'x' that are no pairs"),
    (b"", "got 0 bytes in 'FILE'; need at least 8 for the length of the header; is it a safetensors file?"),
    (b"\x10\x00\x00", "got 3 bytes in 'FILE'; need at least 8"),
    (b"PK\x03\x04 a zip file", "got a file that is no archive of Tandem or is damaged: it is too short"),
    (b"%PDF-1.7 no tensors", "got a header of 3976169591536898085 bytes in a file of 19 in 'FILE'; need a smaller"),
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
    around: list[object] = []
    around.append(around)
    for obj, message in [
        ({"x": np.ones(2)}, "save: got ndarray under ['x']; need tensors, numbers, text"),
        ({"a": [x, {"b": {1}}]}, "save: got set under ['a'][1]['b']; need tensors, numbers, text"),
        ({"a": {(1, 2): x}}, "save: got the key (1, 2) under ['a']; need text, numbers or None"),
        (around, "save: got a container inside of itself under [0]; need a tree"),
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


def plain(tree: object) -> object:
    if isinstance(tree, td.Tensor):
        return tree.dtype.name, tree.tolist()
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    return type(tree)(map(plain, tree)) if isinstance(tree, (list, tuple)) else tree


def test_nested_state_comes_back(tmp_path: Path) -> None:
    x = td.arange(3)
    state = {
        "model": {"0.weight": td.ones((2, 2)), "0": {"weight": td.zeros((1,), dtype=td.bfloat16)}},
        "optimizer": {"state": {0: {"step": td.asarray(3.0), "none": None}}, "groups": [{"betas": (0.9, 0.999)}]},
        "numbers": [0.1, 1e300, float("inf"), -0.0, 2**70, True, None, "text \u00e9 \x00"],
        "empty": [{}, [], (), ""],
        "keys": {1: 1, "1": 2, None: 3, 2.5: 4, False: 5},
        "twice": (x, [x]),
        "__metadata__": x * 2,
        "lists": {"tensor": {"tuple": [1]}},
    }
    file = tmp_path / "state"
    td.save(state, file, metadata={"note": "mine"})
    back = td.load(file)
    assert plain(back) == plain(state)
    assert [*back["keys"]] == [*state["keys"]] and str(back["numbers"]) == str(state["numbers"])
    assert back["twice"][0] is back["twice"][1][0]
    for tree in ([x], (x,), [], {}, 3, "text", None, {1: x}):
        td.save(tree, file)
        assert plain(td.load(file)) == plain(tree) and type(td.load(file)) is type(tree)


def test_nested_state_is_a_file_for_other_programs(tmp_path: Path) -> None:
    package = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    td.save({"a": {"b": td.ones((2,))}, "c": 1}, tmp_path / "x")
    assert {name: a.tolist() for name, a in package.load_file(tmp_path / "x").items()} == {"a.b": [1.0, 1.0]}


def test_broken_state(tmp_path: Path) -> None:
    file = tmp_path / "x"
    for tree in ("", "[", '{"tensor": "b"}', '{"set": [1]}', '{"dict": [1]}', '{"a": 1, "b": 2}', "{}"):
        td.save({"a": td.ones((2,))}, file, metadata={"tandem": "tree", "tandem.tree": tree})
        with pytest.raises(td.SerializationError, match="state that cannot be put together"):
            td.load(file)
    td.save({"a": td.ones((2,))}, file, metadata={"tandem": "tree"})
    with pytest.raises(td.SerializationError, match="state that cannot be put together"):
        td.load(file)
