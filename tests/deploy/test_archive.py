"""Models in `.tdm` files: what is loaded gives the bits of what was saved, on every target, or says what is wrong."""

import io
import json
import random
import struct
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import tandem as td
from tandem import archive

RUNNABLE = [t for t in ("x86-64-v2", "x86-64-v3", "x86-64-v4") if t in td._core.cpu_levels()]


def bits(tree):
    return [np.asarray(x).tobytes() if isinstance(x, td.Tensor) else x for x in td.pytree.flatten(tree)[0]]


class Net(td.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = td.nn.Conv2d(1, 4, 3, padding=1)
        self.norm = td.nn.BatchNorm2d(4)
        self.head = td.nn.Linear(4 * 8 * 8, 5)
        self.drop = td.nn.Dropout(0.25)

    def forward(self, x):
        x = td.nn.functional.relu(self.norm(self.conv(x)))
        return self.head(self.drop(x.reshape((x.shape[0], -1))))


@td.script
def collatz(x):
    steps = td.zeros_like(x)
    while (x > 1).any():
        odd = x % 2 == 1
        steps = steps + (x > 1).astype(x.dtype)
        x = td.where(x <= 1, x, td.where(odd, 3 * x + 1, x // 2))
    return steps


def softmax_of(x, scale):
    return {"p": td.softmax(x * scale, axis=-1), "parts": (x.sum(), [x.max(axis=0), 3, "text", None])}


FUNCTIONS = {
    "elementwise": (lambda x: td.tanh(x) * 2 + td.exp(-x), lambda: (td.linspace(-3, 3, 1001),)),
    "matmul": (lambda a, b: (a @ b).sum(axis=0), lambda: (td.ones((33, 70)) * 0.1, td.ones((70, 20)))),
    "nested": (softmax_of, lambda: (td.arange(24, dtype=td.float32).reshape((4, 6)), 0.5)),
    "while": (collatz, lambda: (td.arange(1, 60),)),
    "sorting": (lambda x: (td.sort(x), td.argsort(x)), lambda: (td.cos(td.arange(100, dtype=td.float64)),)),
    "complex": (lambda x: td.fft.fft(x), lambda: (td.arange(64, dtype=td.float32),)),
    "linalg": (lambda x: td.linalg.inv(x), lambda: (td.eye(5) * 3 + 0.1,)),
    "indexing": (lambda x, i: x[i], lambda: (td.arange(50, dtype=td.float16), td.asarray([3, -1, 7]))),
    "scatter": (lambda x, i: td.segment_sum(x, i, num_segments=6), lambda: (td.ones((3,)), td.asarray([1, 1, 4]))),
    "same": (lambda x: (x, x.T, x[1:]), lambda: (td.ones((3, 4)),)),
}


@pytest.mark.parametrize("target", ["interpreter", *RUNNABLE])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_give_the_same_bits_on_every_target(name, target, tmp_path):
    function, arguments = FUNCTIONS[name]
    args = arguments()
    td.save(function, tmp_path / "f.tdm", args, targets=RUNNABLE)
    loaded = archive.load(tmp_path / "f.tdm", target)
    assert loaded.target == target
    expected, got = function(*args), loaded(*args)
    assert bits(got) == bits(expected)
    assert td.pytree.flatten(got)[1] == td.pytree.flatten(expected)[1]


def test_the_best_target_of_this_machine_is_taken(tmp_path):
    td.save(lambda x: x + 1, tmp_path / "f.tdm", (td.ones((3,)),), targets=RUNNABLE)
    assert td.load(tmp_path / "f.tdm").target == RUNNABLE[-1]
    td.save(lambda x: x + 1, tmp_path / "f.tdm", (td.ones((3,)),), targets="aarch64")
    assert td.load(tmp_path / "f.tdm").target == "interpreter"
    assert td.load(tmp_path / "f.tdm")(td.ones((3,))).tolist() == [2, 2, 2]
    with pytest.raises(td.BackendError, match="got the target 'aarch64'; need one that the file has"):
        archive.load(tmp_path / "f.tdm", "aarch64")


def test_a_module_for_any_batch_size(tmp_path):
    model = Net().eval()
    td.save(model, tmp_path / "net.tdm", (td.ones((2, 1, 8, 8)),), dynamic={"x": [0]}, targets=RUNNABLE[-1])
    loaded = td.load(tmp_path / "net.tdm")
    assert "forward(x: float32[N, 1, 8, 8]) -> float32[N, 5]" in repr(loaded)
    for batch in (1, 2, 3, 17):
        x = td.random.normal((batch, 1, 8, 8))
        with td.no_grad():
            assert bits(loaded(x)) == bits(model(x))


def test_training_goes_on_in_the_file_as_in_python(tmp_path):
    td.manual_seed(3)
    model = Net()
    optimizer = td.optim.AdamW(model.parameters(), lr=1e-2)

    @td.script
    def step(x, y):
        optimizer.zero_grad()
        loss = td.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def batch(k):
        rng = np.random.default_rng(k)
        return td.asarray(rng.normal(size=(6, 1, 8, 8)).astype(np.float32)), td.asarray(rng.integers(0, 5, 6))

    step(*batch(0))
    td.save(
        model,
        tmp_path / "net.tdm",
        methods={"forward": (batch(0)[0],), "step": (step, *batch(0))},
        targets=RUNNABLE[-1],
    )
    loaded = td.load(tmp_path / "net.tdm")
    for k in range(1, 30):
        assert bits(loaded.step(*batch(k))) == bits(step(*batch(k)))
    loaded.save(tmp_path / "later.tdm")
    again = td.load(tmp_path / "later.tdm")
    for k in range(30, 40):
        assert bits(again.step(*batch(k))) == bits(step(*batch(k)))
    state = again.state_dict()
    for name, value in model.state_dict().items():
        if name in state:
            assert bits(state[name]) == bits(value), name
    assert "conv.weight" in state


class Annotated(td.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = td.nn.Parameter(td.full((3,), 2.0))

    @td.script
    def positive(self, x):
        if x.sum() > 0:
            return x * self.scale
        return -x


def test_annotated_methods_views_and_disabled_compilation(tmp_path):
    model, x = Annotated(), td.arange(12, dtype=td.float32).reshape((3, 4)).T
    with td.disabled():
        td.save(model, tmp_path / "m.tdm", methods={"positive": (x,)}, targets=RUNNABLE[-1])
        assert not td.is_enabled()
    loaded = td.load(tmp_path / "m.tdm")
    with td.no_grad():
        for given in (x, x.copy(), -x):
            assert bits(loaded.positive(given)) == bits(model.positive(given))


def test_tensors_of_the_model_in_any_layout(tmp_path):
    base = td.random.normal((6, 8))
    weight, every, count = base.T, td.random.normal((12,))[::2], td.zeros((3, 4)).T

    def apply(x):
        count[...] += 1
        return x @ weight + every, weight, count.sum(), td.flip(weight, axis=0).sum(axis=1)

    x = td.random.normal((5, 8))
    td.save(apply, tmp_path / "m.tdm", (x,), targets=RUNNABLE[-1])
    for target in (RUNNABLE[-1], "interpreter"):
        loaded = archive.load(tmp_path / "m.tdm", target)
        count[...] = 0
        for _ in range(2):
            assert bits(loaded(x)) == bits(apply(x))
        assert all(value.is_contiguous() for value in loaded.state_dict().values())
    with pytest.raises(ValueError, match="returns a view of the tensor 'weight', whose elements do not lie row by row"):
        td.save(lambda: weight[1:], tmp_path / "m.tdm", (), targets=RUNNABLE[-1])


def test_the_tensors_of_a_model_can_be_written(tmp_path):
    model = td.nn.Linear(3, 2)
    td.save(model, tmp_path / "m.tdm", (td.ones((4, 3)),), targets=RUNNABLE[-1])
    loaded, other = td.load(tmp_path / "m.tdm"), td.load(tmp_path / "m.tdm")
    loaded.state_dict()["weight"][...] = 0
    loaded.state_dict()["bias"][...] = 7
    assert loaded(td.ones((4, 3))).tolist() == [[7, 7]] * 4
    with td.no_grad():
        assert bits(other(td.ones((4, 3)))) == bits(model(td.ones((4, 3))))


def test_samples_are_kept(tmp_path):
    td.save(td.nn.Linear(3, 2), tmp_path / "m.tdm", (td.ones((4, 3)),), targets=())
    with zipfile.ZipFile(tmp_path / "m.tdm") as file:
        assert "samples/forward.safetensors" in file.namelist()
        assert file.testzip() is None
        graph = file.read("methods/forward.graph").decode()
    assert graph.startswith("graph @forward(")


@td.script
def shown(x, n):
    total = x.sum()
    print("total", total, f"{{mean}}={x.mean():.3f} of {x.shape[0]}", [n, total], "a\\b\n", n, sep=";")
    if total > 3:
        print("big", x, n == 4, end="!\n", file=sys.stderr)
    print("elsewhere", total, file=NOWHERE)
    return x * 2


NOWHERE = io.StringIO()


def test_prints_are_those_of_python(tmp_path, capsys):
    td.save(shown, tmp_path / "f.tdm", (td.ones((2,)), td.asarray(3)), targets=RUNNABLE[-1], dynamic={"x": [0]})
    loaded = td.load(tmp_path / "f.tdm")
    for x, n in ((td.ones((2,)), td.asarray(3)), (td.asarray([1.5, 4.25, -0.125]), td.asarray(4))):
        capsys.readouterr()
        shown.eager(x, n)
        wanted = capsys.readouterr()
        loaded(x, n)
        assert capsys.readouterr() == wanted and wanted.out.startswith("total;")


def test_an_assertion_ends_the_method(tmp_path):
    @td.script
    def root(x):
        assert (x >= 0).all(), "need numbers of 0 or more"
        return td.sqrt(x)

    td.save(root, tmp_path / "f.tdm", (td.ones((3,)),), targets=RUNNABLE[-1])
    loaded = td.load(tmp_path / "f.tdm")
    assert loaded(td.asarray([4.0, 9.0, 1.0])).tolist() == [2, 3, 1]
    with pytest.raises(ValueError, match="root: the model ended with: assert: need numbers of 0 or more"):
        loaded(td.asarray([4.0, -9.0, 1.0]))


def test_an_index_out_of_range_names_it(tmp_path):
    td.save(lambda x, i: x[i], tmp_path / "f.tdm", (td.ones((3,)), td.asarray([1])), targets=RUNNABLE[-1])
    with pytest.raises(IndexError, match="5"):
        td.load(tmp_path / "f.tdm")(td.ones((3,)), td.asarray([5]))


def test_many_threads_run_one_model(tmp_path):
    model = td.nn.Sequential(td.nn.Linear(20, 30), td.nn.Tanh(), td.nn.Linear(30, 4))
    total = td.zeros(())

    def count(x):
        total[...] += 1
        return total + x

    x = td.ones((5, 20))
    td.save(model, tmp_path / "m.tdm", methods={"forward": (x,), "count": (count, td.zeros(()))}, targets=RUNNABLE[-1])
    loaded = td.load(tmp_path / "m.tdm")
    with td.no_grad():
        expected = [bits(model(x * k)) for k in range(16)]
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda k: bits(loaded.forward(x * (k % 16))), range(400))
        counts = sorted(float(c) for c in pool.map(lambda k: loaded.count(td.zeros(())), range(200)))
    assert list(results) == [expected[k % 16] for k in range(400)]
    assert counts == list(range(1, 201))


# ---- what cannot be saved, or called ------------------------------------------------------------------------------


class Counting(td.nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


def test_what_changes_python_is_refused(tmp_path):
    with pytest.raises(td.CaptureError, match="save: got the method 'forward', which changes 'calls' of Counting"):
        td.save(Counting(), tmp_path / "m.tdm", (td.ones((3,)),))
    assert not (tmp_path / "m.tdm").exists()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: td.save(td.nn.Linear(2, 2), p), TypeError, "without args and methods; need examples"),
        (lambda p: td.save(3, p, (td.ones(2),)), TypeError, "got int for a .tdm file; need a function"),
        (lambda p: td.save(td.nn.Linear(2, 2), p, methods={"nothing": (td.ones(2),)}), TypeError, "does not have"),
        (lambda p: td.save(td.nn.Linear(2, 2), p, methods={"a b": (td.ones(2),)}), ValueError, "need a name such as"),
        (lambda p: td.save(td.nn.Linear(2, 2), p, (td.ones(2),), dynamic={"x": [0]}), ValueError, "argument: input"),
        (lambda p: td.save(td.nn.Linear(2, 2), p, (td.ones(2),), dynamic={"input": [1]}), IndexError, "got the axis 1"),
        (lambda p: td.save(abs, p, (td.ones(2),), targets="riscv"), ValueError, "got the target 'riscv'"),
        (lambda p: td.save({"a": td.ones(2)}, p.with_suffix(".safetensors"), targets="x"), ValueError, "'.tdm'"),
    ],
)
def test_wrong_calls_say_what_is_needed(call, error, message, tmp_path):
    with pytest.raises(error, match=message):
        call(tmp_path / "m.tdm")


def test_calls_that_do_not_fit_say_what_is_needed(tmp_path):
    td.save(td.nn.Linear(3, 2), tmp_path / "m.tdm", (td.ones((4, 3)),), dynamic={"input": [0]}, targets=())
    loaded = td.load(tmp_path / "m.tdm")
    with pytest.raises(td.ShapeError, match=r"got float32\[4, 5\] for 'input'; need float32\[N, 3\]"):
        loaded(td.ones((4, 5)))
    with pytest.raises(td.DTypeError, match=r"got float64\[4, 3\] for 'input'; need float32"):
        loaded(td.ones((4, 3), dtype=td.float64))
    with pytest.raises(ValueError, match="got arguments that are put together as"):
        loaded(td.ones((4, 3)), 1)
    with pytest.raises(AttributeError, match="no attribute 'step'"):
        _ = loaded.step


# ---- files that are damaged or hostile ---------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.tdm"
    td.save(td.nn.Linear(5, 3), path, (td.ones((4, 5)),), targets=RUNNABLE[-1])
    return path


def rewritten(path: Path, change) -> Path:
    """The archive with other entries, all checksums right."""
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    change(entries)
    manifest = json.loads(entries["manifest.json"])
    if isinstance(manifest.get("hashes"), dict):
        manifest["hashes"] = {n: td._core.hash128(b) for n, b in entries.items() if n != "manifest.json"}
        entries["manifest.json"] = json.dumps(manifest).encode()
    new = path.with_name("changed.tdm")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return new


def replace(entries, old: bytes, new: bytes) -> None:
    assert old in entries["manifest.json"]
    entries["manifest.json"] = entries["manifest.json"].replace(old, new)


@pytest.mark.parametrize("shift", range(8))
def test_a_file_put_together_by_another_program_loads(file, shift):
    def change(entries):
        kept = dict(entries)
        entries.clear()
        entries.update({"note": b"x" * shift, **kept})  # weights and code begin anywhere

    x = td.random.normal((4, 5))
    model, of_old = td.load(rewritten(file, change)), td.load(file)
    assert model(x).tolist() == of_old(x).tolist()
    for value in model.state_dict().values():
        value[:] = 0.0
    assert model(x).tolist() == td.zeros((4, 3)).tolist()


def test_files_cut_short_are_refused(file, tmp_path):
    content = file.read_bytes()
    for length in [*range(0, len(content), 37), len(content) - 1]:
        cut = tmp_path / "cut.tdm"
        cut.write_bytes(content[:length])
        with pytest.raises(td.SerializationError):
            archive.load(cut)


def test_flipped_bits_are_noticed(file, tmp_path):
    content = file.read_bytes()
    expected = bits(td.load(file)(td.ones((4, 5))))
    rng = random.Random(0)
    refused = 0
    for _ in range(400):
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        flipped = tmp_path / "flipped.tdm"
        flipped.write_bytes(changed)
        try:
            loaded = archive.load(flipped)
        except td.SerializationError:
            refused += 1
        else:  # what nobody reads: padding, dates
            assert bits(loaded(td.ones((4, 5)))) == expected
    assert refused > 200


def test_every_byte_of_a_program_may_be_wrong(file):
    """With right checksums: the parser and the checks behind it are alone."""
    rng = random.Random(1)
    for name in ("methods/forward.bin", "kernels.bin", "weights.safetensors", "manifest.json"):
        for _ in range(100):

            def change(entries, name=name):
                content = bytearray(entries[name])
                for _ in range(rng.choice([1, 1, 1, 4])):
                    content[rng.randrange(min(len(content), 3000))] = rng.randrange(256)
                entries[name] = bytes(content)

            try:
                new = rewritten(file, change)
            except (ValueError, UnicodeDecodeError):
                continue  # the manifest is no JSON any more
            try:
                archive.load(new)
            except (td.Error, KeyError, ValueError, TypeError):
                pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.pop("weights.safetensors"), "'weights.safetensors' is missing"),
        (lambda e: e.pop("kernels.bin"), "'kernels.bin' is missing"),
        (lambda e: e.pop("methods/forward.bin"), "is missing"),
        (lambda e: e.update({"../evil": b"x"}), "leads outside"),
        (lambda e: e.update({"/etc/passwd": b"x"}), "leads outside"),
        (lambda e: replace(e, b'"version": 8', b'"version": 9'), "version 9"),
        (lambda e: e.update({"manifest.json": b'{"format": "other"}'}), "no model of Tandem"),
        (lambda e: e.update({"weights.safetensors": struct.pack("<Q", 1 << 60)}), "cut short"),
        (lambda e: e.update({"kernels.bin": b"\xff" * 20}), "damaged"),
        (lambda e: e.update({"methods/forward.bin": b"\xfe\xff\xff\xff\x0f"}), "damaged"),
    ],
)
def test_hostile_archives_say_what_is_wrong(change, message, file):
    with pytest.raises(td.SerializationError, match=message):
        archive.load(rewritten(file, change))


def test_compressed_archives_and_other_files_are_refused(file, tmp_path):
    bomb = tmp_path / "bomb.tdm"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("manifest.json", b"0" * 10_000_000)
    with pytest.raises(td.SerializationError, match="compressed"):
        td.load(bomb)
    (tmp_path / "empty.tdm").write_bytes(b"")
    with pytest.raises(td.SerializationError, match="empty"):
        archive.load(tmp_path / "empty.tdm")
    with pytest.raises(ValueError, match="cannot be opened"):
        archive.load(tmp_path / "none.tdm")


def test_a_failed_save_leaves_the_old_file(file, tmp_path):
    before = file.read_bytes()
    with pytest.raises(td.Error):
        td.save(Counting(), file, (td.ones((3,)),))
    assert file.read_bytes() == before
    with pytest.raises(ValueError, match="cannot be written"):
        td.load(file).save(tmp_path / "no" / "folder.tdm")


def test_tensors_of_complex128(tmp_path):
    """In the state, which a method writes to, among arguments and results, and in the example that the file keeps."""

    class Turning(td.nn.Module):
        def __init__(self):
            super().__init__()
            self.phase = td.nn.Buffer(td.asarray(np.array([1.0 + 0j, 0.6 + 0.8j])))
            self.plain = td.nn.Buffer(td.ones((3, 2), dtype=td.float64))

        def forward(self, x):
            return x * self.phase + self.plain.sum()

        def turn(self, x):
            self.phase *= x
            return self.phase[0]

    model, x = Turning(), td.asarray(np.array([2.0 - 1j, 1j]))
    td.save(model, tmp_path / "m.tdm", methods={"forward": (x,), "turn": (x,)})
    saved = td.load(tmp_path / "m.tdm")
    assert saved.state_dict()["phase"].dtype == td.complex128 and saved.state_dict()["phase"].shape == (2,)
    assert saved.forward(x).tolist() == model(x).tolist()
    assert complex(saved.turn(x)) == complex(model.turn(x))
    saved.save(tmp_path / "later.tdm")
    assert td.load(tmp_path / "later.tdm").forward(x).tolist() == model(x).tolist()
    arguments, result = archive.sample(tmp_path / "m.tdm", "forward")
    assert arguments[0].tolist() == x.tolist() and result.dtype == td.complex128
