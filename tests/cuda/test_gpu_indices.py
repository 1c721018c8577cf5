"""Writes at indices, checks of indices and sorting on a GPU, on the stub: the bits of the CPU, no step of the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from cuda_support import run

from nvrtc_support import nvrtc_file, problem

PROGRAM = """
rng = np.random.default_rng(0)
def same(f, *arrays):
    cpu = [td.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays]
    wanted, got = f(*cpu), f(*(x.to("cuda") for x in cpu))
    assert got.device == "cuda:0" and got.dtype == wanted.dtype and got.shape == wanted.shape, (got, wanted)
    bits = [x.cpu().astype(td.float32) if x.dtype == td.bfloat16 else x.cpu() for x in (got, wanted)]
    assert bits[0].numpy().tobytes() == bits[1].numpy().tobytes(), (f, got, wanted)
"""


def test_writes_at_indices() -> None:
    run(
        PROGRAM
        + """
for count in (7, 300):  # compared with each other, and sorted
    index = rng.integers(-5, 5, count)
    values = rng.standard_normal((count, 3)).astype(np.float32)
    table = rng.standard_normal((5, 3)).astype(np.float32)
    def written(t, i, v):
        t = t.copy()
        t[i] = v
        return t
    same(written, table, index, values)
    def columns(t, i, v):
        t = t.copy()
        t[:, i] = v.mT
        return t
    same(columns, np.ascontiguousarray(table.T), index, values)
    def accumulated(t, i, v):
        t = t.copy().requires_grad_()
        (td.take(t, i, axis=0) * v).sum().backward()
        return t.grad
    same(accumulated, table, index, values)
    def combined(mode):
        how = dict(axis=0, mode=("set", "add", "multiply", "maximum", "minimum").index(mode), checked=True)
        return lambda t, i, v: td._core._internal("index_update", t, i, v, **how)
    holes = values.copy()
    holes[::3] = np.nan
    cases = [("add", "float32", values), ("add", "int16", values * 9), ("multiply", "float32", values),
             ("maximum", "float32", holes), ("minimum", "uint64", np.abs(values * 9))]
    for mode, dtype, given in cases:
        same(combined(mode), np.abs(table * 9).astype(dtype), index, given.astype(dtype))
    half = [td.asarray(a).astype(td.bfloat16) for a in (table, values)]
    same(combined("add"), half[0], td.asarray(index), half[1])
    same(written, table + 1j, index, values * 1j)
    pairs = rng.integers(0, 3, count)
    def both(t, i, j, v):
        t = t.copy()
        t[i, j] = v
        return t
    same(both, table, index, pairs, values[:, 0].copy())
assert td.cuda.stats()["host_steps"] == 0, td.cuda.stats()
"""
    )


def test_an_index_without_a_place_is_left_out_and_reported_late() -> None:
    run(
        """
        import linecache
        text = "def write(x, i):\\n    x[i] = 7.0\\n    return x * 2\\n"
        linecache.cache["model.py"] = (len(text), None, text.splitlines(True), "model.py")
        scope = {}
        exec(compile(text, "model.py", "exec"), scope)
        for write in (scope["write"], td.script(scope["write"])):
            for bad in ([1, 5], [1] * 300 + [-9]):
                x = td.zeros(3, device="cuda")
                write(x, td.asarray(bad).to("cuda"))
                message = error(IndexError, td.cuda.synchronize)
                assert f"index: got {bad[-1]} for axis 0 of size 3; need -3 <= index < 3" in message, message
                td.cuda.synchronize()  # told once
                assert x.cpu().tolist() == [0.0, 7.0, 0.0]
        try:
            td.script(scope["write"])(x, td.asarray([4]).to("cuda"))
            td.cuda.synchronize()
        except IndexError as problem:
            assert "model.py:2" in str(problem), problem
        """
    )


def test_sorting() -> None:
    run(
        PROGRAM
        + """
long = rng.standard_normal((1, 2060)).astype(np.float32)  # more than a tile
same(lambda v: td.argsort(v, axis=1), long)
x = rng.standard_normal((3, 100)).astype(np.float32)
x[0, :9] = [np.nan, -0.0, 0.0, np.inf, -np.inf, 0.0, -0.0, -np.nan, 1]
for down in (False, True):
    same(lambda v: td.sort(v, axis=1, descending=down), x)
    same(lambda v: td.argsort(v, axis=1, descending=down), x)
    same(lambda v: td.sort(v, axis=0, descending=down), x[:, :20].copy())
    same(lambda v: td.argsort(v, axis=0, descending=down), x[:, :20].copy())
for dtype in ("bool", "int8", "uint16", "int64", "float16"):
    values = (rng.standard_normal((2, 40)) * 50)
    values = (np.abs(values) if dtype.startswith("u") else values).astype(dtype)
    same(lambda v: td.sort(v, axis=1), values)
    same(lambda v: td.argsort(v, axis=1, descending=True), values)
tied = np.round(x * 2)
for axis in (0, 1):
    same(lambda v, w: td.lexsort((v, w), axis=axis), x[:, :30].copy(), tied[:, :30].copy())
    same(lambda v, w: td.lexsort((v, w > 0, td.floor(w)), axis=axis), x[:, :30].copy(), tied[:, :30].copy())
z = (np.round(x[:, :30]) + 1j * np.round(x[:, 30:60])).astype(np.complex64)
z[1, ::7] = np.nan
for down in (False, True):
    same(lambda v: td.argsort(v, axis=1, descending=down), z)
same(lambda v, w: td.lexsort((v, w), axis=0), z, x[:, :30] > 0)
brain = td.asarray(x[:, :50].copy()).astype(td.bfloat16)
same(lambda v: td.sort(v, axis=1), brain)
same(lambda v: td.topk(v, 3)[0], x[:, :100].copy())
same(lambda v: td.topk(v, 3)[1], x[:, :100].copy())
assert td.sort(td.zeros((0, 3), device="cuda")).shape == (0, 3)
assert td.cuda.stats()["host_steps"] == 0, td.cuda.stats()
"""
    )


@pytest.mark.skipif(nvrtc_file() is None, reason="nvidia-cuda-nvrtc is not installed")
def test_nvrtc_takes_the_texts(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    run(
        PROGRAM
        + """
table = rng.standard_normal((5, 3)).astype(np.float32)
for count in (7, 300):
    index = np.broadcast_to(rng.integers(0, 5, (count, 1)), (count, 3)).copy()
    for dtype in ("float64", "float16"):
        x, v = (td.asarray(a).astype(dtype).to("cuda") for a in (table, np.ones((count, 3))))
        td.scatter_add(x, td.asarray(index).to("cuda"), v, axis=0)
        x[td.asarray(index[:, 0].copy()).to("cuda")] = 1
        td.sort(v, axis=0), td.argsort(v, axis=1, descending=True), td.lexsort((v, td.floor(v)), axis=0)
td.argsort(td.asarray(table + 1j).to("cuda"), axis=0)
td.script(lambda x, i: td.take(x, i, axis=0))(x, td.asarray(index[:, 0].copy()).astype(td.int32).to("cuda"))
td.cuda.synchronize()
""",
        TANDEM_CACHE_DIR=str(tmp_path / "cache"),
        TANDEM_STUB_NVRTC_TEXTS=str(tmp_path / "texts"),
    )
    texts = sorted((tmp_path / "texts").iterdir())
    assert len(texts) > 15
    for number, file in enumerate(texts):
        complaint = problem(file.read_text(), (80, 90, 100)[number % 3])
        assert not complaint, f"{complaint}\n{file.read_text()}"
