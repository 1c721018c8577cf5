"""Running results along rows: many rows are walked side by side, which must not show in any of them."""

from collections.abc import Callable

import numpy as np
import pytest

import tandem as td

FUNCTIONS: dict[str, Callable[[td.Tensor], td.Tensor]] = {
    "cumsum": lambda x: td.cumsum(x, axis=-1),
    "cumprod": lambda x: td.cumprod(x, axis=-1),
    "cummax": lambda x: td.cummax(x, axis=-1),
    "of a sum": lambda x: td.cumsum(x + x, axis=-1) * 3,
    "of exponentials": lambda x: td.cumsum(td.exp(x), axis=-1),
}
DTYPES = ["int8", "uint32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
ROWS = 261  # enough to be walked side by side, no whole number of rounds


def bits(value: td.Tensor) -> bytes:
    return np.asarray(value.astype(td.float32) if value.dtype == td.bfloat16 else value).tobytes()


def matrix(dtype: str, rng: np.random.Generator, columns: int = 23) -> td.Tensor:
    values = rng.standard_normal((ROWS, columns))
    if dtype.startswith("complex"):
        values = values + 1j * rng.standard_normal(values.shape)
    elif "int" in dtype:
        values = np.abs(np.round(values * 5))
    return td.asarray(values).astype(dtype)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name in FUNCTIONS for dtype in DTYPES if name != "cummax" or "complex" not in dtype],
)
def test_rows_side_by_side(name: str, dtype: str, rng: np.random.Generator) -> None:
    run = FUNCTIONS[name]
    x = matrix(dtype, rng)
    if name == "of exponentials" and "int" in dtype:
        x = x.astype("float32")
    whole, captured = run(x), td.script(run)(x)
    assert bits(whole) == bits(captured)
    for row in (0, 7, 8, 63, 64, 255, 260):
        assert bits(whole[row].copy()) == bits(run(x[row].copy()))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[:, ::-1],
        lambda x: x[::-1],
        lambda x: x[:, 1::3],
        lambda x: td.broadcast_to(x[3], x.shape),
        lambda x: x[:, :, None] * td.ones(5),
        lambda x: x.T.copy().T,
    ],
    ids=["reversed", "rows reversed", "every third", "repeated", "batched", "columns"],
)
def test_layouts(view: Callable[[td.Tensor], td.Tensor], rng: np.random.Generator) -> None:
    x = view(matrix("float32", rng))
    for function in (td.cumsum, td.cummax):
        whole = function(x, axis=-1)
        for row in (0, 100, 260):
            assert bits(whole[row].copy()) == bits(function(x[row].copy(), axis=-1))


@pytest.mark.parametrize("threads", [1, 3])
def test_threads(threads: int, rng: np.random.Generator) -> None:
    x = td.asarray(rng.standard_normal((3000, 50)))
    wanted = np.cumsum(np.asarray(x), 1)  # in order, too
    before = td.num_threads()
    td.set_num_threads(threads)
    try:
        np.testing.assert_array_equal(np.asarray(td.cumsum(x, axis=1)), wanted)
    finally:
        td.set_num_threads(before)
