"""Functions of elements made block by block: the same bits as at once, and little memory besides the result."""

import numpy as np
import pytest

import tandem as td

TABLE = [-1.0, 0.0, 0.5, 2.0], [3.0, -1.0, 4.0, 1.0]
PROGRAMS = {
    "interp": lambda x, k: td.interp(x, *(td.asarray(each, dtype=x.dtype) for each in TABLE)),
    "frexp": lambda x, k: td.frexp(x),
    "modf": lambda x, k: td.modf(x),
    "heaviside": lambda x, k: td.heaviside(td.round(x), td.asarray(0.5, dtype=x.dtype)),
    "bitwise_count": lambda x, k: td.bitwise_count(k),
    "gcd": lambda x, k: td.gcd(k, k[::-1]),
    "lcm": lambda x, k: td.lcm(k, td.asarray(12)),
}


def operands(count, dtype=np.float32):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, count)).astype(dtype)
    x[0, :3] = np.nan, np.inf, -0.0
    return td.asarray(x), td.asarray(rng.integers(1, 99, (3, count)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_in_blocks(name):
    x, k = operands(20_001)
    whole = PROGRAMS[name](x, k)
    whole = whole if isinstance(whole, tuple) else (whole,)
    halves = [PROGRAMS[name](x[:, part], k[:, part]) for part in (slice(0, 10_000), slice(10_000, None))]
    for n, result in enumerate(whole):
        parts = [half[n] if isinstance(half, tuple) else half for half in halves]
        assert result.shape == x.shape
        np.testing.assert_array_equal(result.numpy(), np.concatenate([p.numpy() for p in parts], axis=1))


def test_compiled_code_takes_all_at_once():
    x, k = operands(20_001)
    program = PROGRAMS["interp"]
    assert td.script(program)(x, k).numpy().tobytes() == program(x, k).numpy().tobytes()
    slope = td.grad(lambda x: td.sum(program(x, k)))(x[1:])
    assert slope.shape == (2, 20_001) and set(np.unique(slope.numpy())) <= {0.0, -4.0, 10.0, -2.0}


@pytest.mark.parametrize("name", ["interp", "bitwise_count", "gcd"])
def test_memory(name):
    x, k = operands(1 << 18, np.float64)
    PROGRAMS[name](x, k)
    td.reset_peak_memory()
    before = td.memory_stats()["in_use"]
    result = PROGRAMS[name](x, k)
    copies = k.nbytes if name == "gcd" else 0  # of the rows in another order
    assert td.memory_stats()["peak"] - before <= result.nbytes + copies + (1 << 21)
