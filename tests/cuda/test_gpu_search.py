"""Searching on a GPU, on the stub: places in sorted vectors, of what is true, and counts; no step of the host."""

from __future__ import annotations

from cuda_support import run

PROGRAM = """
rng = np.random.default_rng(0)
def same(f, *arrays):
    given = [td.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays]
    wanted, got = (td.pytree.flatten(f(*xs))[0] for xs in (given, [x.to("cuda") for x in given]))
    assert len(wanted) == len(got) > 0
    for w, g in zip(wanted, got):
        assert g.device == "cuda:0" and g.shape == w.shape
        assert np.asarray(g.cpu()).tobytes() == np.asarray(w).tobytes(), (f, g, w)
"""


def test_places_in_sorted_vectors() -> None:
    run(
        PROGRAM
        + """
values = rng.standard_normal((3, 50)).astype(np.float32)
values[0, :6] = [np.nan, -0.0, 0.0, np.inf, -np.inf, 1]
table = np.sort(np.concatenate([values.reshape(-1)[:40], [0, 0, 1, 1]]).astype(np.float32))
for side in ("left", "right"):
    for dtype in ("float32", "float64", "float16"):
        same(lambda t, v: td.searchsorted(t, v, side=side), table.astype(dtype), values.astype(dtype))
    for dtype in ("int8", "uint16", "int64"):
        whole = np.abs(np.nan_to_num(values, posinf=9, neginf=-9) * 9).astype(dtype) - (3 if dtype == "int8" else 0)
        whole = whole.astype(dtype)
        same(lambda t, v: td.searchsorted(t, v, side=side), np.sort(whole[0]), whole)
    same(lambda t, v: td.searchsorted(t, v, side=side), table[:0], values)
    same(lambda t, v: td.searchsorted(t, v, side=side), table[:1], values)
assert td.cuda.stats()["host_steps"] == 0, td.cuda.stats()
"""
    )


def test_places_of_what_is_true() -> None:
    run(
        PROGRAM
        + """
for size in (1, 31, 512, 513, 4096, 9001):  # parts of a piece, of a tile, several tiles
    for share in (0.0, 0.1, 0.9, 1.0):
        x = (rng.random(size) < share)
        same(td.nonzero, x)
        same(lambda x, m: x[m], rng.standard_normal(size).astype(np.float32), x)
same(td.nonzero, (rng.standard_normal((7, 5, 3)) > 0).astype(np.float32))
same(td.argwhere, rng.standard_normal((7, 5)) > 0)
same(lambda x: x[x > 0], rng.standard_normal((17, 5)).astype(np.float32))
same(td.unique_values, rng.integers(0, 40, 300))
assert td.cuda.stats()["host_steps"] == 0, td.cuda.stats()
"""
    )


def test_counts() -> None:
    run(
        PROGRAM
        + """
for size in (1, 300, 2000):
    same(lambda i: td.bincount(i), rng.integers(0, 40, size))
assert td.cuda.stats()["host_steps"] == 0, td.cuda.stats()
"""
    )
