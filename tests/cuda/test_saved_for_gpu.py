"""Models in files with code for GPUs, written without a GPU: loaded on the stub, without NVRTC, by Python and C."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cuda_support import STUBS, run

import tandem as td
from deploy_support import BUILD, SANITIZERS
from deploy_support import run as compile_and_link
from nvrtc_support import nvrtc_file

BARE = {"TANDEM_NVRTC": "/nowhere/libnvrtc.so", "TANDEM_CACHE_DIR": ""}

COMMON = """
import pickle
folder = os.environ["FOLDER"]
x = td.asarray(np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32))
n, i = td.arange(1, 40), td.asarray([6, 0, -1])
GIVEN = {"smooth": (x,), "collatz": (n,), "pick": (x, i), "grow": (x,), "train": (x,)}
def bits(tree):
    return [np.asarray(leaf.cpu()).tobytes() for leaf in td.pytree.flatten(tree)[0]]
def results(model, place=lambda a: a.copy()):
    return {name: bits(getattr(model, name)(*map(place, given))) for name, given in GIVEN.items()}
"""

SAVE = """
td.manual_seed(0)
F = td.nn.functional
weight = td.random.normal((6, 5))
shift = td.nn.Parameter(td.random.normal((5,)))
optimizer = td.optim.Adam([shift], lr=0.1)

@td.script
def train(x):
    optimizer.zero_grad()
    loss = ((x + shift) ** 2).sum()
    loss.backward()
    optimizer.step()
    return loss.detach()

def smooth(x):
    y = F.softmax(F.layer_norm(x, (5,)) * weight[:1], dim=-1)
    return y, y.T + weight.sum(axis=0)[:, None], x[::-1, 1:]

@td.script
def collatz(n):
    count = td.zeros_like(n)
    while (n > 1).any():
        count += (n > 1).astype(n.dtype)
        n = td.where(n <= 1, n, td.where(n % 2 == 1, 3 * n + 1, n // 2))
    return count

def pick(x, i):
    return x[i] * 2

def product(x):
    return (x @ weight.T).astype(td.float64), td.sort(x)

def grow(x):
    x += 1
    return x.sum()

train(x)
functions = {"smooth": smooth, "collatz": collatz, "pick": pick, "grow": grow, "train": train}
methods = {name: (function, *GIVEN[name]) for name, function in functions.items()}
methods["product"] = (product, x)
td.save(weight, folder + "/m.tdm", methods=methods, dynamic={"x": [0]}, targets=["x86-64-v2", "sm_90"])
td.save(pick, folder + "/ptx.tdm", (x, i), targets=["sm_80", "compute_80", "compute_90", "sm_100"])
td.save(pick, folder + "/cpu.tdm", (x, i), targets="x86-64-v2")
assert td.cuda.stats()["launches"] == 0
model = td.load(folder + "/m.tdm")
assert model.target == "x86-64-v2"
pickle.dump([results(model), results(model)["train"]], open(folder + "/found.pkl", "wb"))
np.save(folder + "/x.npy", x.numpy()), np.save(folder + "/i.npy", i.numpy()), np.save(folder + "/w.npy", weight.numpy())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files with code for the stub's GPU and for the CPU, what their methods give on the CPU, and arguments."""
    made = tmp_path_factory.mktemp("gpu")
    run(COMMON + SAVE, FOLDER=str(made))
    return made


def test_the_bits_of_the_cpu_without_a_compiler(folder: Path) -> None:
    run(
        COMMON
        + """
model = td.load(folder + "/m.tdm", device="cuda")
assert (model.target, model.device) == ("sm_90", "cuda:0") and "LoadedModel for sm_90" in repr(model)
assert all(value.device == "cuda:0" for value in model.state_dict().values())
assert model.smooth(x.cuda())[0].device == "cuda:0"
found = pickle.load(open(folder + "/found.pkl", "rb"))
assert results(model, lambda a: a.cuda()) == found[0]
assert bits(model.train(x.cuda())) == found[1]
for rows in (1, 2, 30):
    a = td.asarray(np.random.default_rng(rows).normal(size=(rows, 5)).astype(np.float32))
    assert bits(model.smooth(a.cuda())) == bits(td.load(folder + "/m.tdm").smooth(a))
""",
        FOLDER=str(folder),
        **BARE,
    )


def test_layouts_products_writes_and_steps_of_the_host(folder: Path) -> None:
    run(
        COMMON
        + """
model = td.load(folder + "/m.tdm", device="cuda")
turned = td.asarray(np.ascontiguousarray(x.numpy().T)).cuda().T
assert not turned.is_contiguous() and bits(model.pick(turned, i.cuda())) == bits(x[i] * 2)
product, order = model.product(x.cuda())
wanted = x.numpy().astype(np.float64) @ np.load(folder + "/w.npy").T
np.testing.assert_allclose(product.cpu().numpy(), wanted, rtol=1e-4, atol=1e-5)
assert np.array_equal(order.cpu().numpy(), np.sort(x.numpy()))
a = x.cuda()
assert model.grow(a).device == "cuda:0" and np.array_equal(a.cpu().numpy(), x.numpy() + 1)
beyond = td.asarray([9, 0, 0]).cuda()
assert "index: got 9 for axis 0 of size 7" in error(IndexError, lambda: model.pick(x.cuda(), beyond).cpu())
other = td.load(folder + "/m.tdm", device="cuda:1")
assert bits(other.pick(x.to("cuda:1"), i.to("cuda:1"))) == bits(x[i] * 2)
assert "got 'x' on cuda:0; need cuda:1" in error(ValueError, lambda: other.pick(x.cuda(), i.to("cuda:1")))
assert "got 'x' on cpu; need cuda:0" in error(ValueError, lambda: model.pick(x, i))
on_cpu = td.load(folder + "/m.tdm", device="cpu")
assert "got 'x' on cuda:0; need cpu" in error(ValueError, lambda: on_cpu.pick(x.cuda(), i.cuda()))
""",
        FOLDER=str(folder),
        **BARE,
    )


def test_training_goes_on_and_is_saved(folder: Path) -> None:
    run(
        COMMON
        + """
here, there = td.load(folder + "/m.tdm"), td.load(folder + "/m.tdm", device="cuda")
for _ in range(4):
    assert bits(here.train(x)) == bits(there.train(x.cuda()))
there.save(folder + "/later.tdm")
for device in ("cpu", "cuda"):
    later = td.load(folder + "/later.tdm", device=device)
    assert all(bits(later.state_dict()[name]) == bits(value) for name, value in here.state_dict().items())
name = max(here.state_dict(), key=lambda name: here.state_dict()[name].size)
there.state_dict()[name][...] = 0.5
there.save(folder + "/later.tdm")
assert (td.load(folder + "/later.tdm").state_dict()[name] == 0.5).all()
td.save({"a": x}, folder + "/x.safetensors")
assert td.load(folder + "/x.safetensors", device="cuda:1")["a"].device == "cuda:1"
""",
        FOLDER=str(folder),
        **BARE,
    )


def test_which_code_is_taken(folder: Path) -> None:
    source = """
wanted = os.environ["WANTED"]
if wanted:
    model = td.load(folder + "/ptx.tdm", device="cuda")
    assert model.target == wanted, model.target
    assert bits(model(x.cuda(), i.cuda())) == bits(x[i] * 2)
    assert td.archive.load(folder + "/ptx.tdm", wanted).target == wanted
else:
    message = error(td.BackendError, lambda: td.load(folder + "/ptx.tdm", device="cuda"))
    assert "sm_70); need code that this GPU runs, and the file has sm_80, compute_80, compute_90, sm_100" in message
    assert "targets=['sm_70']" in message
message = error(td.BackendError, lambda: td.load(folder + "/cpu.tdm", device="cuda"))
assert "the file has x86-64-v2; try" in message
assert "sees" in error(td.BackendError, lambda: td.load(folder + "/ptx.tdm", device="cuda:7"))
error(td.BackendError, lambda: td.archive.load(folder + "/ptx.tdm", "sm_90"))
"""
    for major, wanted in {"7": "", "8": "sm_80", "9": "compute_90", "10": "sm_100", "12": "compute_90"}.items():
        run(COMMON + source, FOLDER=str(folder), WANTED=wanted, TANDEM_STUB_MAJOR=major, **BARE)


def test_targets_that_are_none(tmp_path: Path) -> None:
    run(
        COMMON
        + """
save = lambda target: lambda: td.save(abs, folder + "/f.tdm", (td.ones(2),), targets=target)
assert "need one that NVRTC 13.0 knows: sm_80, sm_90, sm_100" in error(ValueError, save("sm_91"))
assert "or a GPU as in sm_90" in error(ValueError, save("sm_x"))
assert not os.path.exists(folder + "/f.tdm")
""",
        FOLDER=str(tmp_path),
    )
    run(
        COMMON
        + """
problem = error(td.BackendError, lambda: td.save(abs, folder + "/f.tdm", (td.ones(2),), targets=["sm_90"]))
assert "no NVRTC" in problem and "pip install" in problem
""",
        FOLDER=str(tmp_path),
        **BARE,
    )


def test_files_that_are_damaged(folder: Path) -> None:
    """Whatever byte of the code for GPUs is another one, the file is refused, or runs its kernels."""
    run(
        COMMON
        + """
import random, zipfile
with zipfile.ZipFile(folder + "/ptx.tdm") as file:
    part = file.read("objects/compute_90.pack")
data = open(folder + "/ptx.tdm", "rb").read()
start, size = data.index(part), len(part)
random.seed(0)
for k in range(300):
    at = start + (random.randrange(400) if k % 2 else random.randrange(size))
    changed = data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    if changed == data:
        continue
    open(folder + "/broken.tdm", "wb").write(changed)
    error(td.SerializationError, lambda: td.load(folder + "/broken.tdm", device="cuda"))
    try:
        td._core.load_model(folder + "/broken.tdm", "cuda", False)
    except td.SerializationError:
        pass
""",
        FOLDER=str(folder),
        **BARE,
    )


# ---- without Python --------------------------------------------------------------------------------------------------

PROGRAM = r"""
#include <tandem.hpp>
#include <cstdio>
#include <vector>

int main(int, char** words) {
  td_load_options options{};
  options.target = "cuda:1";
  tandem::Model model(words[1], options);
  std::vector<float> x(7 * 5, 1.5f);
  const auto loss = [&] { return model("train", tandem::view(x.data(), {7, 5})).item<float>(); };
  std::printf("%s\n", model.target().c_str());
  const float first = loss();
  {
    tandem::Array shift = model.state("shift");
    std::vector<float> before(shift.data<float>(), shift.data<float>() + 5);
    loss();
    std::printf("%d\n", before[0] != shift.data<float>()[0]);  // it was written to
    for (int k = 0; k < 5; ++k) shift.data<float>()[k] = -1.5f;
    std::printf("%g\n", loss());  // and is read
    for (int k = 0; k < 5; ++k) shift.data<float>()[k] = 0.5f;
  }
  std::printf("%g\n", loss());  // what was written before it was released
  std::printf("%d\n", loss() < 140);
  model.save(words[2]);
  std::printf("%d\n", model("grow", tandem::view(x.data(), {7, 5})).item<float>() == 87.5f && x[34] == 2.5f);
  std::int64_t bad[] = {0, 7, 0};
  try {
    model("pick", tandem::view(x.data(), {7, 5}), tandem::view(bad, {3}));
  } catch (const tandem::Error& error) {
    std::printf("%d %s\n", error.kind == TD_ERROR_INDEX, error.what());
  }
  return first > 0 ? 0 : 1;
}
"""


def bare_run(*command: object, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/nowhere",
        "TANDEM_CUDA_DRIVER": str(STUBS / "libcuda_stub.so"),
        "TANDEM_CUBLASLT": str(STUBS / "libcublaslt_stub.so"),
        "TANDEM_CUDNN": str(STUBS / "libcudnn_stub.so"),
    }
    words = [str(word) for word in command]
    return subprocess.run(words, env=environment | settings, capture_output=True, text=True, timeout=300, check=False)


def test_tandem_run(folder: Path, tmp_path: Path) -> None:
    program = BUILD / "runtime/bin/tandem-run"
    words = ["--method", "pick", "--input", folder / "x.npy", "--input", folder / "i.npy", "--output", tmp_path / "y"]
    done = bare_run(program, folder / "m.tdm", *words, "--target", "cuda", "--bench", "0.05")
    assert done.returncode == 0, done.stderr
    assert "for sm_90" in done.stdout and "median" in done.stdout
    assert np.array_equal(np.load(tmp_path / "y0.npy"), np.load(folder / "x.npy")[np.load(folder / "i.npy")] * 2)
    done = bare_run(program, folder / "cpu.tdm", *words[2:], "--target", "cuda")
    assert done.returncode == 1 and "the file has x86-64-v2" in done.stderr
    done = bare_run(program, folder / "m.tdm", *words, "--target", "cuda", TANDEM_CUDA_DRIVER="/nowhere/libcuda.so")
    assert done.returncode == 1 and "libcuda" in done.stderr, done.stderr


def test_a_program_in_cpp(folder: Path, tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    assert compiler is not None
    (tmp_path / "main.cpp").write_text(PROGRAM)
    library = BUILD / "runtime/lib/libtandem_runtime.a"
    include = Path(__file__).parents[2] / "deploy" / "api"
    command = [compiler, "-std=c++17", f"-I{include}", "main.cpp", str(library), "-lpthread", "-ldl", "-o", "program"]
    compile_and_link(*command, *SANITIZERS, cwd=tmp_path)
    done = bare_run(tmp_path / "program", folder / "m.tdm", tmp_path / "later.tdm")
    assert done.returncode == 0, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    assert lines[:6] == ["sm_90", "1", "0", "140", "1", "1"]
    assert lines[6].startswith("1 ") and "index: got 7 for axis 0 of size 7; need -7 <= index < 7" in lines[6], lines[6]


def test_what_was_found_is_there(folder: Path) -> None:
    first, again = pickle.loads((folder / "found.pkl").read_bytes())
    assert first["train"] != again and len(first["smooth"]) == 3


# ---- with NVIDIA's own compiler --------------------------------------------------------------------------------------


@pytest.mark.skipif(nvrtc_file() is None, reason="nvidia-cuda-nvrtc is not installed")
def test_code_of_nvrtc(tmp_path: Path) -> None:
    targets = ["sm_80", "sm_90", "sm_100", "compute_90"]
    source = f"""
import tandem as td
model = td.nn.Sequential(td.nn.Conv2d(1, 4, 3), td.nn.BatchNorm2d(4), td.nn.Flatten(), td.nn.Linear(144, 5)).eval()
td.save(model, "m.tdm", (td.ones((2, 1, 8, 8)),), dynamic={{"input": [0]}}, targets={targets})
"""
    # What the stub has left in the cache is not what is wanted.
    own = os.environ | {"TANDEM_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, env=own, check=True)
    with zipfile.ZipFile(tmp_path / "m.tdm") as file:
        assert json.loads(file.read("manifest.json"))["targets"] == targets
        packs = {target: file.read(f"objects/{target}.pack") for target in targets}
    kernels = packs["compute_90"].count(b".target sm_90")
    assert kernels > 1
    for target in targets[:3]:
        # One ELF file for each, whose machine is CUDA's.
        assert len(re.findall(rb"\x7fELF.{14}\xbe\x00", packs[target], re.DOTALL)) == kernels


# ---- files of old ----------------------------------------------------------------------------------------------------

OLD = Path(__file__).parent / "files" / "gpu.tdm"  # `python tests/cuda/test_saved_for_gpu.py`, with NVIDIA's own NVRTC


def test_a_file_of_old_is_read() -> None:
    source = """
wanted = os.environ["WANTED"]
model = td.load(os.environ["OLD"], device="cuda")
assert model.target == wanted and model.device == "cuda:0"
(a,), found = td.archive.sample(os.environ["OLD"], "f")
assert bits(td.load(os.environ["OLD"])(a)) == bits(found)
problem = error(td.BackendError, lambda: model(a.cuda()).cpu())  # the stub runs no code for GPUs
assert "while loading the kernel" in problem, problem
"""
    for major, wanted in {"9": "sm_90", "12": "compute_80"}.items():
        run(COMMON + source, FOLDER="", OLD=str(OLD), WANTED=wanted, TANDEM_STUB_MAJOR=major, **BARE)
    data = OLD.read_bytes()
    assert b"\x7fELF" in data and b".target sm_80" in data


def write_old() -> None:
    def f(x):
        y = td.exp(x - td.max(x, axis=-1, keepdims=True))
        return (y / y.sum(axis=-1, keepdims=True)).T.copy() * 2

    OLD.parent.mkdir(exist_ok=True)
    x = td.asarray(np.random.default_rng(5).normal(size=(4, 9)).astype(np.float32))
    td.save(f, OLD, (x,), targets=["sm_90", "compute_80"])


if __name__ == "__main__":
    write_old()
