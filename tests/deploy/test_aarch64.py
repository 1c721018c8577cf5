"""Objects for aarch64, run by an emulator: the runtime library for that processor gives the bits of this one.

Needs qemu-user and a cross build of the runtime (docs/deploy.md, "Other processors").
"""

import os
import shutil

import numpy as np
import pytest

import tandem as td
from conftest import ROOT
from deploy_support import run

QEMU = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
PROGRAM = ROOT / "build/aarch64/runtime/bin/tandem-run"
SYSROOT = "/usr/aarch64-linux-gnu"
pytestmark = [
    pytest.mark.skipif(QEMU is None, reason="qemu-aarch64 is not installed (Debian: qemu-user)"),
    pytest.mark.skipif(not PROGRAM.exists(), reason="no cross build in build/aarch64: docs/deploy.md has the commands"),
    pytest.mark.skipif(not os.path.isdir(SYSROOT), reason=f"no libraries in {SYSROOT} (g++-aarch64-linux-gnu)"),
    pytest.mark.filterwarnings("ignore::tandem.precision.PrecisionWarning"),
]


def normal(*shape):
    return td.random.Generator(0).normal(shape)


def network():
    layers = td.nn.Conv2d(1, 4, 3, padding=1), td.nn.BatchNorm2d(4), td.nn.GELU(), td.nn.Flatten(), td.nn.Linear(144, 5)
    return td.nn.Sequential(*layers).eval()


def functions(x):
    return td.sin(x) + td.exp(-x * x), td.softmax(x, axis=-1), td.cumsum(x, axis=0), td.sort(x, axis=1)


CASES = {
    "functions": lambda: (functions, normal(7, 33)),
    "wide": lambda: (functions, normal(7, 33).astype(td.float64)),
    "half": lambda: (lambda x: td.tanh(x @ x.T), normal(9, 9).astype(td.float16)),
    "network": lambda: (network(), normal(3, 1, 6, 6)),
    "int8": lambda: (td.convert(network(), "int8", calibration=[normal(3, 1, 6, 6)]), normal(3, 1, 6, 6)),
    "lstm": lambda: (td.nn.LSTM(5, 6, bidirectional=True), normal(4, 3, 5)),
    "int8 gru": lambda: (td.convert(td.nn.GRU(5, 6), "int8", dynamic=True), normal(4, 3, 5)),
    "attention": lambda: (td.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), normal(2, 5, 8)),
    "random": lambda: (lambda x: x + td.random.Generator(3).uniform(x.shape), normal(4, 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bits_are_those_of_this_processor(name, tmp_path):
    td.manual_seed(0)
    function, x = CASES[name]()
    path = tmp_path / "m.tdm"
    td.save(function, path, (x,), targets="aarch64")
    np.save(tmp_path / "x.npy", np.asarray(x))
    words = (path, "--input", tmp_path / "x.npy", "--output", tmp_path / "y")
    done = run(QEMU, "-L", SYSROOT, PROGRAM, *words)
    assert "interpreted" not in done.stderr, done.stderr
    with td.no_grad():
        expected = td.script(function)(x)
    for k, each in enumerate(td.pytree.leaves(expected)):
        assert np.load(tmp_path / f"y{k}.npy").tobytes() == np.asarray(each).tobytes()
