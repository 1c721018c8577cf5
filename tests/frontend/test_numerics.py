"""`numerics="fast"`: other last bits, never other results; and what `td.compare` says of them."""

import numpy as np
import pytest

import tandem as td

fast = td.script(numerics="fast")
EPS = {td.float16: 2.0**-10, td.bfloat16: 2.0**-7, td.float32: 2.0**-23, td.float64: 2.0**-52}


def polynomial(x, y):
    r = x * y + 1.5
    for k in range(6):
        r = r * x + y / 3.0
    return r


def arrays(count=1000, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return [td.asarray(rng.uniform(0.5, 2.0, count).astype(dtype)) for _ in range(2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contraction_is_closer_to_the_exact_result(dtype):
    x, y = arrays(dtype=dtype)
    exact = polynomial(np.asarray(x).astype(np.longdouble), np.asarray(y).astype(np.longdouble))
    errors = [
        np.abs(np.asarray(f(x, y)).astype(np.longdouble) / exact - 1) for f in (td.script(polynomial), fast(polynomial))
    ]
    assert 0 < errors[1].mean() < errors[0].mean()
    assert errors[1].max() < 16 * np.finfo(dtype).eps
    assert "fma" in fast_ir(polynomial, x, y) and "fma" not in ir(polynomial, x, y)


def ir(function, *args):
    compiled = td.script(function)
    compiled(*args)
    return compiled.ir("kernels")


def fast_ir(function, *args):
    compiled = fast(function)
    compiled(*args)
    return compiled.ir("kernels")


@pytest.mark.parametrize("dtype", [td.float16, td.bfloat16])
def test_sixteen_bits_are_rounded_once(dtype):
    x, y = (v.astype(dtype) for v in arrays())
    wide = polynomial(x.astype(td.float32), y.astype(td.float32)).astype(dtype)
    strict, relaxed = td.script(polynomial)(x, y), fast(polynomial)(x, y)

    def gap(got):
        return float(td.max(td.abs(got.astype(td.float32) / wide.astype(td.float32) - 1)))

    assert gap(relaxed) <= EPS[dtype] < gap(strict)


def elementary():
    """Functions of one real argument that have a name in NumPy."""
    names = (
        "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sqrt cbrt erf"
    )
    return [name for name in names.split() if hasattr(td, name)]


@pytest.mark.parametrize("name", elementary())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_stay_accurate(name, dtype):
    function = getattr(td, name)
    low, high = {"acosh": (1, 50), "log": (0.01, 50), "log2": (0.01, 50), "log10": (0.01, 50), "sqrt": (0, 50)}.get(
        name, (-0.99, 0.99) if name in ("asin", "acos", "atanh", "log1p") else (-10, 10)
    )
    x = td.asarray(np.linspace(low, high, 20_011).astype(dtype))
    assert td.compare(fast(lambda x: function(x)), x).max_ulp <= 2


def test_control_flow_keeps_its_meaning():
    def newton(x):
        guess = x * 0.5
        while td.max(td.abs(guess * guess - x)) > 1e-4:
            guess = (guess + x / guess) / 2.0
        return guess if guess.sum() > 3.0 else -guess

    (x, _) = arrays()
    assert td.compare(fast(newton), x).max_ulp < 2**14


def test_fast_and_strict_programs_live_side_by_side():
    x, y = arrays()
    strict, relaxed = td.script(polynomial), fast(polynomial)
    first, other = relaxed(x, y), strict(x, y)
    assert np.asarray(other).tobytes() == np.asarray(polynomial(x, y)).tobytes()
    assert np.asarray(first).tobytes() != np.asarray(other).tobytes()
    td.clear_cache()
    again = fast(polynomial)(x, y)  # from the disk cache
    assert np.asarray(again).tobytes() == np.asarray(first).tobytes()


def test_a_function_inside_another_follows_that_one():
    x, y = arrays()
    inner = fast(polynomial)
    outer = td.script(lambda x, y: inner(x, y))
    assert np.asarray(outer(x, y)).tobytes() == np.asarray(polynomial(x, y)).tobytes()


def test_compare_counts_in_units_in_the_last_place():
    def one_up(x):
        return x * (1 + EPS[x.dtype])

    flag = iter([True])

    def sometimes(x):  # the first call is the eager one
        return one_up(x) if next(flag, False) else x

    for dtype in (td.float16, td.bfloat16, td.float32, td.float64):
        flag = iter([True])
        result = td.compare(td.trace(sometimes), td.ones((3,), dtype=dtype))
        assert (result.max_ulp, result.bitwise_equal) == (1, False), dtype
        assert "in ulp" in repr(result)
    assert td.compare(polynomial, *arrays()).max_ulp == 0


def test_no_disk_cache(run_python, tmp_path):
    program = """
import tandem as td
@td.script(cache={cache})
def f(x):
    return td.sin(x) * 3.25 + td.cos(x)
f(td.ones((5,)))
print(td.stats()["compiled"], td.stats()["disk_hits"])
"""

    def run(cache):
        return run_python(program.format(cache=cache), TANDEM_CACHE_DIR=str(tmp_path)).split()

    assert run(False)[1] == "0" and int(run(False)[0]) >= 1
    ones = run(True)  # `ones` is eager: the only kernel that the runs before have kept
    assert run(True)[0] == "0" and int(ones[0]) >= 1
    assert int(run(False)[0]) >= 1
