"""TANDEM_SYMBOLS: perf and gdb know kernels by name. What is written is read byte by byte, then by the tools."""

import os
import re
import shutil
import struct
import subprocess
import sys

import pytest

import tandem as td
from conftest import SANITIZED

pytestmark = pytest.mark.skipif(td._core.backend_name() != "llvm", reason="needs machine code: there is no LLVM here")

PROGRAM = """
import ctypes, os, sys, time
import numpy as np
import tandem as td

@td.script
def mlp(x, w):
    h = td.tanh(x * w)
    return h + 0.5

x = td.asarray(np.linspace(-2, 2, 1 << 16, dtype=np.float32))
"""
NAME = "tandem.mlp.k0_multiply_tanh_add"

# Walks gdb's list, as gdb does, and writes each symbol file.
REGISTERED = """
class Entry(ctypes.Structure):
    pass
Entry._fields_ = [("next", ctypes.POINTER(Entry)), ("previous", ctypes.POINTER(Entry)),
                  ("object", ctypes.c_void_p), ("bytes", ctypes.c_uint64)]
class Descriptor(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("action", ctypes.c_uint32),
                ("relevant", ctypes.POINTER(Entry)), ("first", ctypes.POINTER(Entry))]
descriptor = Descriptor.in_dll(ctypes.CDLL(td._core.__file__), "__jit_debug_descriptor")
def registered():
    found, before, at = [], None, descriptor.first
    while at:
        assert (ctypes.addressof(at.contents.previous.contents) if at.contents.previous else None) == before
        before = ctypes.addressof(at.contents)
        found.append(ctypes.string_at(at.contents.object, at.contents.bytes))
        at = at.contents.next
    return found
"""


def line_of(text, program):
    return next(k for k, line in enumerate(program.splitlines(), 1) if text in line)


def text_at(data, at):
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 1


def parse_dump(data):
    """Return the header, the functions (name -> address, code, index) and the lines (address -> list)."""
    magic, version, size, machine, _, process, time, flags = struct.unpack_from("<6I2Q", data)
    assert (magic, version, size, flags) == (0x4A695444, 1, 40, 0)
    assert machine == struct.unpack_from("<H", open(sys.executable, "rb").read(20), 18)[0]
    functions, lines, at, last = {}, {}, size, time
    while at < len(data):
        kind, length, time = struct.unpack_from("<2IQ", data, at)
        assert length > 16 and time >= last
        last = time
        if kind == 2:
            address, count = struct.unpack_from("<2Q", data, at + 16)
            place, entries = at + 32, []
            for _ in range(count):
                where, line, _ = struct.unpack_from("<Q2i", data, place)
                file, place = text_at(data, place + 16)
                entries.append((where - address, file, line))
            assert place == at + length
            lines[address] = entries
        else:
            assert kind == 0
            owner, thread, vma, address, count, index = struct.unpack_from("<2I4Q", data, at + 16)
            assert owner == process and thread > 0 and vma == address and index == len(functions)
            name, place = text_at(data, at + 56)
            assert place + count == at + length
            functions[name] = (address, data[place : place + count])
        at += length
    assert at == len(data)
    return process, functions, lines


def parse_elf(data):
    """Return the sections: name -> (address, size, content), and the functions: name -> (address, size)."""
    assert data[:7] == b"\x7fELF\2\1\1" and struct.unpack_from("<H", data, 16) == (1,)
    start, count, names = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<2H", data, 60)
    headers = [struct.unpack_from("<2I4Q2I2Q", data, start + 64 * k) for k in range(count)]
    sections, order = {}, []
    for name, kind, _, address, offset, size, *_ in headers:
        content = b"" if kind in (0, 8) else data[offset : offset + size]
        order.append(text_at(data, headers[names][4] + name)[0])
        sections[order[-1]] = (address, size, content)
    assert len(data) == start + 64 * count
    functions = {}
    for name, info, _, section, value, size in struct.iter_unpack("<I2BH2Q", sections[".symtab"][2]):
        if info & 15 == 2:
            functions[text_at(sections[".strtab"][2], name)[0]] = (sections[order[section]][0] + value, size)
    return sections, functions


def parse_lines(data):
    """Run a line table of one file without special opcodes; return (address, line) of its rows, and the file."""
    length, version, header = struct.unpack_from("<IHI", data)
    assert length == len(data) - 4 and version == 4
    file, _ = text_at(data, 10 + 5 + 1 + 12 + 1)
    at, address, line, rows = 10 + header, 0, 1, []

    def number(signed=False):
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if signed and byte & 0x40 else value

    while at < len(data):
        opcode = data[at]
        at += 1
        if opcode == 0:
            size, extended = number(), data[at]
            if extended == 2:
                address = struct.unpack_from("<Q", data, at + 1)[0]
            else:
                assert extended == 1 and at + size == len(data)
                rows.append((address, None))
            at += size
        elif opcode == 1:
            rows.append((address, line))
        elif opcode == 2:
            address += number()
        else:
            assert opcode == 3
            line += number(signed=True)
    return rows, file


@pytest.fixture
def run(run_python, tmp_path):
    """Run PROGRAM and what follows; return the output. Files of perf go, whatever happens."""
    processes = []

    def start(program, symbols, **environment):
        out = run_python(
            PROGRAM + program + "\nprint('process', os.getpid())",
            TANDEM_SYMBOLS=symbols,
            JITDUMPDIR=str(tmp_path),
            **environment,
        )
        processes.extend(re.findall(r"process (\d+)", out))
        return out

    yield start
    for process in processes:
        if os.path.exists(f"/tmp/perf-{process}.map"):
            os.unlink(f"/tmp/perf-{process}.map")


def read_map(process):
    rows = []
    with open(f"/tmp/perf-{process}.map") as file:
        for line in file:
            address, size, name = re.fullmatch(r"([0-9a-f]+) ([0-9a-f]+) (\S+)\n", line).groups()
            rows.append((int(address, 16), int(size, 16), name))
    rows.sort()
    assert all(a + size <= b for (a, size, _), (b, _, _) in zip(rows, rows[1:], strict=False))
    return {name: (address, size) for address, size, name in rows}


def test_off_by_default(run):
    out = run(REGISTERED + "mlp(x, x)\nprint(len(registered()), 'uwtable' in mlp.ir('llvm'))", "")
    process = re.search(r"process (\d+)", out)[1]
    assert out.startswith("0 False\n")
    assert not os.path.exists(f"/tmp/perf-{process}.map")


def test_unknown_tools_are_refused(run):
    out = run("try:\n    mlp(x, x)\nexcept ValueError as error:\n    print(error)", "perf,vtune")
    assert "TANDEM_SYMBOLS: got 'vtune'; need a list of 'perf', 'jitdump', 'gdb'" in out


def test_the_map_of_perf(run):
    out = run(
        """
mlp(x, x)
(lambda x: td.script(lambda x: td.exp(x) + 3)(x))(x)
class Net:
    @td.script
    def forward(self, x):
        return x.sum() * 2
Net().forward(x)
x + x
for line in open("/proc/self/maps"):
    if " r-xp 00000000 00:00 0" in line:
        print("code", line.split()[0])
""",
        "perf",
    )
    rows = read_map(re.search(r"process (\d+)", out)[1])
    code = [tuple(int(end, 16) for end in span.split("-")) for span in re.findall(r"code (\S+)", out)]
    for address, size in rows.values():
        assert size > 16 and any(first <= address and address + size <= last for first, last in code)
    assert {NAME, "tandem.lambda.k0_exp_add", "tandem.eager.k0_add"} <= rows.keys()
    assert any(name.startswith("tandem.forward.k") for name in rows)


def test_the_dump_for_perf(run, tmp_path):
    out = run(
        """
mlp(x, x)
for text in open("/proc/self/maps"):
    if "jit-" in text:
        print("marker", *text.split())
""",
        "jitdump,perf",
    )
    process = re.search(r"process (\d+)", out)[1]
    file = tmp_path / f"jit-{process}.dump"
    assert re.search(rf"marker \S+ r-xp 00000000 \S+ \d+ {file}", out)
    assert file.stat().st_mode & 0o777 == 0o600
    owner, functions, lines = parse_dump(file.read_bytes())
    assert owner == int(process)
    address, code = functions[NAME]
    assert read_map(process)[NAME] == (address, len(code))
    program = str(tmp_path / "program.py")
    line = line_of("h = td.tanh", PROGRAM)
    assert lines[address] == [(0, program, line), (len(code), program, line)]
    ends = {0xC3} if struct.unpack_from("<H", file.read_bytes(), 12)[0] == 62 else {0xD6}  # a return, maybe of 4 bytes
    assert code[-1] in ends


def test_the_object_for_gdb(run, tmp_path):
    out = run(
        REGISTERED
        + """
mlp(x, x)
objects = registered()
for k, data in enumerate(objects):
    open(f"{sys.argv[0]}.{k}.o", "wb").write(data)
print("objects", len(objects))
""",
        "gdb",
    )
    count = int(re.search(r"objects (\d+)", out)[1])
    found = {}
    for k in range(count):
        sections, functions = parse_elf((tmp_path / f"program.py.{k}.o").read_bytes())
        (name,) = functions
        found[name] = (sections, *functions[name])
    sections, address, size = found[NAME]
    assert sections[".text"][:2] == (address, size)
    rows, file = parse_lines(sections[".debug_line"][2])
    assert file == str(tmp_path / "program.py")
    assert rows == [(address, line_of("h = td.tanh", PROGRAM)), (address + size, None)]
    assert NAME.encode() in sections[".debug_info"][2] and sections[".debug_abbrev"][1] > 0
    # The unwind table says where its function begins relative to itself: the first entry, then this one.
    place, _, frames = sections[".eh_frame"]
    second = 4 + struct.unpack_from("<I", frames)[0]
    (begin,) = struct.unpack_from("<i", frames, second + 8)
    assert place + second + 8 + begin == address


def test_unloaded_kernels_are_withdrawn(run):
    out = run(
        REGISTERED
        + """
import gc
functions = [td.script(lambda x, k=k: td.exp(x) * k) for k in range(2, 5)]
for k, f in enumerate(functions):
    f.__name__ = f"f{k}"
base = len(registered())
expected = [f(x).tolist() for f in functions]
print("some", len(registered()) - base)
for f in functions:
    f.clear()
del f
td.clear_cache(); gc.collect()
print("none", len(registered()) - base)
print("again", [f(x).tolist() for f in functions] == expected, len(registered()) - base)
""",
        "gdb,perf",
    )
    some = int(re.search(r"some (\d+)", out)[1])
    assert some >= 3
    assert "none 0" in out and f"again True {some}" in out
    read_map(re.search(r"process (\d+)", out)[1])  # nothing overlaps, though addresses were used again


def test_a_forked_child_has_files_of_its_own(run, tmp_path):
    out = run(
        """
mlp(x, x)
sys.stdout.flush()
child = os.fork()
if child == 0:
    td.script(lambda x: td.exp(x) * 3)(x)
    mlp(x, x)
    print("process", os.getpid(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
        "perf,jitdump,gdb",
    )
    child, parent = re.findall(r"process (\d+)", out)
    extra = "tandem.lambda.k0_exp_multiply"
    for read in (read_map, lambda process: parse_dump((tmp_path / f"jit-{process}.dump").read_bytes())[1]):
        assert NAME in read(parent) and extra not in read(parent)
        assert {NAME, extra} <= read(child).keys()


def test_many_threads(run, tmp_path):
    out = run(
        REGISTERED
        + """
import threading
def work(k):
    for i in range(4):
        f = td.script(lambda x: td.exp(x) * (k * 4 + i + 2.5))
        f.__name__ = f"f{k}_{i}"
        f(x)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print("objects", len(registered()))
""",
        "perf,jitdump,gdb",
    )
    process = re.search(r"process (\d+)", out)[1]
    rows = read_map(process)
    assert sum(bool(re.fullmatch(r"tandem\.f\d_\d\.k0_exp_multiply", name)) for name in rows) == 32
    assert parse_dump((tmp_path / f"jit-{process}.dump").read_bytes())[1].keys() == rows.keys()
    assert int(re.search(r"objects (\d+)", out)[1]) == len(rows)


def test_a_folder_that_cannot_be_written_is_reported_once(run_python, tmp_path):
    program = PROGRAM + "\nos.dup2(1, 2)\nprint(mlp(x, x)[0].item() == mlp.eager(x, x)[0].item())"
    out = run_python(program, TANDEM_SYMBOLS="jitdump", JITDUMPDIR=str(tmp_path / "missing"))
    assert re.fullmatch(
        rf"tandem: {tmp_path}/missing/jit-\d+.dump cannot be opened for TANDEM_SYMBOLS: "
        r"No such file or directory\nTrue",
        out,
    )


def test_results_stay_the_same(run_python):
    program = PROGRAM + "import hashlib\nprint(hashlib.sha1(np.asarray(mlp(x, x)).tobytes()).hexdigest())"
    assert run_python(program) == run_python(program, TANDEM_SYMBOLS="gdb")


# ---- the tools themselves ----

BUSY = "\nend = time.time() + 1\nwhile time.time() < end:\n    mlp(x, x)\n"


def tool(name, *arguments, folder, **environment):
    return subprocess.run(
        [name, *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def perf(tmp_path):
    """Record samples of the busy program; return the path of the record."""
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed")
    trial = tool("perf", "record", "-e", "cpu-clock", "-o", "trial.data", "true", folder=tmp_path)
    if trial.returncode != 0:
        pytest.skip(f"perf may not record here: {trial.stderr.strip().splitlines()[-1]}")
    (tmp_path / "program.py").write_text(PROGRAM + BUSY + "print('process', os.getpid())")

    def record(symbols):
        command = ["record", "-k", "mono", "-e", "cpu-clock", "-o", "perf.data", sys.executable, "program.py"]
        done = tool("perf", *command, folder=tmp_path, TANDEM_SYMBOLS=symbols, JITDUMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        return re.search(r"process (\d+)", done.stdout)[1]

    return record


def test_perf_report_names_the_kernel(perf, tmp_path):
    process = perf("perf")
    try:
        done = tool("perf", "report", "-i", "perf.data", "--stdio", "--sort", "symbol", folder=tmp_path)
    finally:
        os.unlink(f"/tmp/perf-{process}.map")
    assert re.search(rf"\d\d\.\d+% .*{re.escape(NAME)}", done.stdout), done.stdout + done.stderr


def test_perf_inject_knows_code_and_lines(perf, tmp_path):
    perf("jitdump")
    done = tool("perf", "inject", "--jit", "-i", "perf.data", "-o", "jit.data", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = tool("perf", "report", "-i", "jit.data", "--stdio", "--sort", "dso,symbol", folder=tmp_path)
    assert re.search(rf"\d\d\.\d+% .*jitted-\d+-\d+\.so .*{re.escape(NAME)}", report.stdout), report.stdout
    lines = tool("perf", "report", "-i", "jit.data", "--stdio", "--sort", "srcline", folder=tmp_path)
    wanted = f"program.py:{line_of('h = td.tanh', PROGRAM)}"
    assert wanted in lines.stdout, lines.stdout
    annotated = tool("perf", "annotate", "-i", "jit.data", "--stdio", "-s", NAME, folder=tmp_path)
    assert annotated.returncode == 0 and "Percent" in annotated.stdout, annotated.stdout + annotated.stderr


@pytest.fixture
def gdb(tmp_path):
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    if SANITIZED:
        pytest.skip("gdb would have to load the sanitizer, too")
    (tmp_path / "program.py").write_text(PROGRAM + "td.set_num_threads(1)\nmlp(x, x)\n")
    trial = tool("gdb", "-batch", "-ex", "run", "--args", "true", folder=tmp_path)
    if "exited normally" not in trial.stdout:
        pytest.skip(f"gdb may not run programs here: {(trial.stdout + trial.stderr).strip()[-200:]}")

    def run(*commands):
        options = [option for command in commands for option in ("-ex", command)]
        arguments = ["-batch", "-nx", "-ex", "set breakpoint pending on", "-ex", "set confirm off", *options]
        done = tool("gdb", *arguments, "--args", sys.executable, "program.py", folder=tmp_path, TANDEM_SYMBOLS="gdb")
        return done.stdout + done.stderr

    return run


def test_gdb_stops_in_a_kernel_by_name(gdb, tmp_path):
    steps = ["stepi"] * 12  # past whatever the function does first
    out = gdb(f"break {NAME}", "run", "delete", *steps, "backtrace -10", "backtrace 4", "info line *$pc", "continue")
    line = line_of("h = td.tanh", PROGRAM)
    assert f"hit Breakpoint 1, {NAME} () at " in out, out
    assert re.search(rf"#0 .*{re.escape(NAME)} \(\) at \S*program.py:{line}", out), out
    assert f"{line}\t    h = td.tanh(x * w)" in out
    assert re.search(r"#1 .*\n#2 ", out) and re.search(r"#\d+ .* in (Py_BytesMain|_start|main) \(", out), out
    assert "exited normally" in out
