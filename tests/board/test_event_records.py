"""Event files as bytes: checksums, numbers of fields, and what is left after a kill or on a full disk."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import tandem as td
from tandem.tensorboard import _records, _summaries, _wire
from tandem.tensorboard._records import RecordFile, crc32c, framed

KNOWN = {  # RFC 3720, B.4, and the usual check value
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    b"123456789": 0xE3069283,
    b"": 0,
}


@pytest.mark.parametrize("data", KNOWN)
def test_checksum(data):
    assert crc32c(data) == KNOWN[data]


def test_long_checksums_are_those_of_bytes_one_by_one(rng):
    for size in (*range(2040, 2056), 2**12 - 1, 2**12, 2**12 + 1, 50_000, 2**17 + 3):
        data = rng.integers(0, 256, size, np.uint8).tobytes()
        assert crc32c(data) == _records._by_bytes(data, 0xFFFF_FFFF) ^ 0xFFFF_FFFF, size
        zeros = bytes(size)
        assert crc32c(zeros) == _records._by_bytes(zeros, 0xFFFF_FFFF) ^ 0xFFFF_FFFF, size


def messages():
    pytest.importorskip("tensorboard", reason="comparing with TensorBoard needs it (pip install tensorboard)")
    from google.protobuf import descriptor_pool, struct_pb2  # noqa: F401
    from tensorboard.compat.proto import config_pb2, event_pb2  # noqa: F401
    from tensorboard.plugins.hparams import plugin_data_pb2  # noqa: F401

    pool = descriptor_pool.Default()
    return lambda name: pool.FindMessageTypeByName(name if name.startswith("google.") else f"tensorboard.{name}")


def test_the_table_of_messages_is_tensorboards():
    find = messages()
    kinds = {1: "double", 2: "float", 3: "int64", 5: "int32", 8: "bool", 9: "string", 12: "bytes", 14: "enum"}
    for name, fields in _wire.MESSAGES.items():
        theirs = find(name).fields_by_name
        for field, (number, kind) in fields.items():
            other = theirs[field]
            assert other.number == number, (name, field)
            if kind.startswith("map "):
                assert other.message_type.GetOptions().map_entry
                other, kind = other.message_type.fields_by_name["value"], kind[4:]
            if other.message_type is not None:
                full = kind if kind.startswith("google.") else f"tensorboard.{kind}"
                assert other.message_type.full_name == full, (name, field)
            else:
                assert kinds[other.type] == kind, (name, field)


def test_encoded_messages_are_read_by_protobuf():
    messages()
    from tensorboard.compat.proto import event_pb2, types_pb2
    from tensorboard.plugins.hparams import plugin_data_pb2

    for step in (0, 1, 127, 128, 2**40, -1, -(2**63)):
        summary = {"value": [{"tag": "ä", "simple_value": 1.5}, {"tag": "x" * 300, "simple_value": float("inf")}]}
        data = _wire.encode("Event", {"wall_time": 2.5, "step": step, "summary": summary})
        event = event_pb2.Event.FromString(data)
        assert (event.wall_time, event.step) == (2.5, step)
        assert [(v.tag, v.simple_value) for v in event.summary.value] == [("ä", 1.5), ("x" * 300, np.inf)]
    hparams = {"a": {"bool_value": False}, "b": {"number_value": 0.1}, "c": {"string_value": ""}}
    data = _wire.encode("hparams.HParamsPluginData", {"session_start_info": {"hparams": hparams}})
    found = plugin_data_pb2.HParamsPluginData.FromString(data).session_start_info.hparams
    assert {name: value.WhichOneof("kind") for name, value in found.items()} == {
        "a": "bool_value",
        "b": "number_value",
        "c": "string_value",
    }
    assert found["b"].number_value == 0.1
    names = {"float32": "float", "float64": "double", "float16": "half"}
    for name, number in _summaries.DTYPES.items():
        assert types_pb2.DataType.Value("DT_" + names.get(name, name).upper()) == number


def test_unknown_fields_are_an_error():
    with pytest.raises(KeyError):
        _wire.encode("Event", {"stepp": 1})


def read(path):
    """The data of all whole records of a file."""
    content, found = path.read_bytes(), []
    while len(content) >= 12:
        size = int.from_bytes(content[:8], "little")
        if len(content) < size + 16:
            break
        data = content[12 : 12 + size]
        assert framed(data) == content[: size + 16]
        found.append(data)
        content = content[size + 16 :]
    return found


def test_threads_share_a_file(tmp_path):
    file = RecordFile(tmp_path, "")
    wanted = [bytes([k]) * (k * 37) for k in range(64)]

    def append(start):
        for data in wanted[start::4]:
            file.append(data)

    threads = [threading.Thread(target=append, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file.close()
    assert sorted(read(file.path)) == wanted


def test_records_survive_a_kill(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, tandem as td\n"
        "writer, k = td.tensorboard.Writer(sys.argv[1]), 0\n"
        "while True:\n"
        "    writer.add_scalar('loss', k, k)\n"
        "    k += 1\n"
        "    print(k, flush=True)\n"
    )
    running = subprocess.Popen([sys.executable, program, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if int(line) >= 100:
            break
    running.send_signal(signal.SIGKILL)
    rest = running.communicate()[0]
    told = max([int(line), *(int(number) for number in rest.split("\n") if number)])
    (path,) = (tmp_path / "run").iterdir()
    # One for the version of the file; and the last one may have been written and not told.
    assert len(read(path)) - 1 in (told, told + 1)


def test_a_failed_write_leaves_no_part_of_a_record(tmp_path, monkeypatch):
    file = RecordFile(tmp_path, "")
    file.append(b"before")
    real, calls = os.write, []

    def full(descriptor, data):
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:5])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        file.append(b"lost")
    monkeypatch.undo()
    file.append(b"after")
    assert read(file.path) == [b"before", b"after"]
    assert len(file.path.read_bytes()) == len(framed(b"before") + framed(b"after"))


def test_short_writes_go_on(tmp_path, monkeypatch):
    file = RecordFile(tmp_path, "")
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    file.append(b"a record of more than seven bytes")
    assert read(file.path) == [b"a record of more than seven bytes"]


def test_each_writer_has_a_file_of_its_own(tmp_path):
    writers = [td.tensorboard.Writer(tmp_path) for _ in range(3)]
    for writer in writers:
        writer.close()
    assert len({writer.path for writer in writers}) == 3 == len(list(tmp_path.iterdir()))
    assert all("tfevents" in path.name for path in tmp_path.iterdir())
