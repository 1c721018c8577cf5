"""td.vectorize: one meaning, three ways to run it, the same bits."""

import subprocess
import sys

import numpy as np
import pytest

import tandem as td

rng = np.random.default_rng(5)


def bits(value):
    if isinstance(value, (tuple, list)):
        return type(value)(bits(part) for part in value)
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    wide = value.astype(td.float32) if value.dtype == td.bfloat16 else value
    return value.dtype, value.shape, np.asarray(wide).tobytes()


def check(function, *arguments, kernels=None, **options):
    """Element by element, called by itself, and inside of compiled code: the same bits. Returns the first result."""
    mapped = td.vectorize(function, **options)
    with td.disabled():
        wanted = mapped(*arguments)
    assert bits(mapped(*arguments)) == bits(wanted)
    for annotate in (td.script, td.trace):
        assert bits(annotate(lambda *given: mapped(*given))(*arguments)) == bits(wanted)
    if kernels is not None:
        assert mapped.ir("kernels").count("kernel") == kernels, mapped.ir("kernels")
    return wanted


def floats(*shape, dtype=td.float32, scale=2.0):
    return td.asarray((rng.standard_normal(shape) * scale).astype(np.float32)).astype(dtype)


def escape(x, y):
    re, im, steps = x * 0, y * 0, 0
    while re * re + im * im <= 4 and steps < 50:
        re, im = re * re - im * im + x, 2 * re * im + y
        steps += 1
    return steps


def collatz(n):
    steps = 0
    while n > 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def newton(a):
    x = a
    for _ in range(60):
        step = (x * x - a) / (2 * x)
        x = x - step
        if abs(step) <= 1e-6 * abs(x):
            break
    return x


def early(x):
    if x < -1:
        return x * 2, -1
    total = x
    for k in range(10):
        total = total * x + k
        if total > 5:
            return total, k
    return total, 99


def nested(n):
    total = n * 0
    i = n * 0
    while i < n:
        j = n * 0
        while j <= i:
            if (i + j) % 3 == 0:
                total = total + j
            j += 1
        i += 1
    return total


def continues(n):
    odd = n * 0
    k = 0
    while k < n:
        k += 1
        if k % 2 == 0:
            continue
        odd = odd + k
    return odd


def ternary(x):
    return (x if x > 0 else -x) + (1.0 if 0 < x < 1 else 0.0)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (33,), (5, 9), (2, 3, 40), (0,), (3, 0)])
def test_shapes(shape):
    check(escape, floats(*shape), floats(*shape, scale=1.0))
    check(collatz, td.asarray(rng.integers(1, 30, shape)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("function", [newton, early, ternary])
def test_floating_dtypes(function, dtype):
    check(function, abs(floats(41, dtype=getattr(td, dtype))) + 0.5)
    check(function, floats(41, dtype=getattr(td, dtype))) if function is not newton else None


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint16"])
@pytest.mark.parametrize("function", [nested, continues, collatz])
def test_integer_dtypes(function, dtype):
    check(function, td.asarray(rng.integers(0, 9, 23)).astype(getattr(td, dtype)))


def test_loops_are_one_kernel():
    for function, x in (
        (escape, (floats(100), floats(100))),
        (collatz, (td.arange(1, 90),)),
        (newton, (floats(90) ** 2,)),
    ):
        mapped = td.vectorize(function)
        mapped(*x)
        text = mapped.ir("kernels")
        assert text.count("\n loop %") == 1 and len(mapped.records[-1].specialization.executable.kernels()) == 1
        before = td.stats()["launches"]
        mapped(*x)
        assert td.stats()["launches"] - before == 1


def test_what_comes_before_and_after_is_in_the_same_kernel():
    mapped = td.vectorize(escape)

    @td.script
    def image(x, y):
        return td.sqrt(mapped(x * 0.5, y - 0.1).astype(td.float32)) * 2

    x, y = floats(64), floats(64)
    made = image(x, y)
    with td.disabled():
        assert bits(image(x, y)) == bits(made)
    assert len(image.records[-1].specialization.executable.kernels()) == 1


def test_sums_of_results():
    mapped = td.vectorize(escape)
    total = td.script(lambda x, y: (mapped(x, y).sum(), mapped(x, y).sum(axis=0), mapped(x, y).T + 1))
    for shape in ((7, 130), (130, 7), (300, 300)):
        x, y = floats(*shape), floats(*shape)
        made = total(x, y)
        steps = mapped(x, y)
        assert bits(made) == bits((steps.sum(), steps.sum(axis=0), steps.T + 1))


def test_broadcasting_numbers_and_keywords():
    def power(x, n, scale=1.0):
        y = x * 0 + scale
        for _ in range(n):
            y = y * x
        return y

    mapped = td.vectorize(power)
    x = floats(4, 1)
    n = td.asarray([0, 1, 5])
    with td.disabled():
        wanted = mapped(x, n, scale=td.asarray([2.0, 3.0, 4.0])), mapped(x, 3), mapped(x, n, scale=0.5)
    made = mapped(x, n, scale=td.asarray([2.0, 3.0, 4.0])), mapped(x, 3), mapped(x, n, scale=0.5)
    assert bits(made) == bits(wanted)
    assert made[0].shape == (4, 3)
    assert power(2.0, 3) == mapped(2.0, 3)


def test_strided_and_symbolic_sizes():
    mapped = td.vectorize(escape)
    wide = floats(60, 70)
    for x in (wide.T, wide[::2, ::-1], wide[3], wide[:, 5], wide[:5, :6]):
        with td.disabled():
            wanted = mapped(x, x * 0.5)
        assert bits(mapped(x, x * 0.5)) == bits(wanted)


def test_structures_of_results():
    def both(x, y):
        return {"larger": x if x > y else y, "pair": (x + y, x > y), "constant": 3}

    result = check(both, floats(20), floats(20))
    assert result["constant"].dtype == td.int64 and result["pair"][1].dtype == td.bool


def test_numbers_as_results_take_the_dtype_of_the_other_paths():
    def clip(x):
        return 0.0 if x < 0 else x

    for x in (floats(9, dtype=td.float64), -abs(floats(9, dtype=td.float64)), td.zeros((0,), dtype=td.float64)):
        assert check(clip, x).dtype == td.float64


def test_otypes():
    assert check(collatz, td.arange(1, 9), otypes=td.float32).dtype == td.float32
    first, second = check(early, floats(9), otypes=[td.float64, td.int8])
    assert first.dtype == td.float64 and second.dtype == td.int8


def interpolate(x, places, values):
    i = 0
    while i < places.shape[0] - 2 and places[i + 1] <= x:
        i += 1
    share = (x - places[i]) / (places[i + 1] - places[i])
    return values[i] + share * (values[i + 1] - values[i])


def test_tables():
    places, values = td.asarray([0.0, 0.5, 1.5, 4.0]), td.asarray([1.0, 3.0, -2.0, 0.0])
    x = td.asarray(rng.uniform(0, 4, 50).astype(np.float32))
    made = check(interpolate, x, places, values, excluded={"places", 2})
    assert np.allclose(np.asarray(made), np.interp(np.asarray(x), np.asarray(places), np.asarray(values)), atol=1e-5)


def test_markov_chains_in_a_matrix():
    table = td.asarray(rng.integers(0, 4, (4, 3)))

    def walk(state, steps):
        total = 0
        k = 0
        while k < steps:
            state = table[state, k % 3]
            total += state
            k += 1
        return state, total

    check(walk, td.asarray(rng.integers(0, 4, 37)), td.asarray(rng.integers(0, 20, 37)))


def test_an_index_out_of_bounds_is_an_error_for_elements_that_use_it_only():
    table = td.arange(5)

    def pick(i):
        return table[i] if i < 5 else -1

    check(pick, td.arange(9))
    with pytest.raises(IndexError):
        td.vectorize(lambda i: table[i])(td.arange(9))


def test_methods_and_closures():
    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        @td.vectorize
        def apply(self, x):
            y = x
            while abs(y) < 10:
                y = y * self.factor + 1
            return y

    scaled = Scaled(1.5)
    x = abs(floats(12))
    first = scaled.apply(x)
    scaled.factor = 3.0
    second = scaled.apply(x)
    with td.disabled():
        assert bits(scaled.apply(x)) == bits(second) != bits(first)


def test_gradients_of_loops_and_branches():
    def grow(x, rate):
        y = x
        while y < 5:
            y = y * rate + 0.25
        return td.sqrt(y) if x > 1 else y * 2

    mapped = td.vectorize(grow)
    x, rate = td.asarray([0.25, 0.5, 1.5, 7.0, 3.0]), td.asarray(1.5)
    make = td.grad(lambda x, rate: mapped(x, rate).sum(), argnums=(0, 1))
    made = make(x, rate)
    with td.disabled():
        wanted = make(x, rate)
    for a, b in zip(made, wanted, strict=True):
        assert np.allclose(np.asarray(a), np.asarray(b), rtol=1e-5)


def test_gradients_of_elements_that_are_not_there_are_no_nans():
    def root(x):
        while x > 100:
            x = td.sqrt(x - 100)
        return td.sqrt(x) if x > 0 else x

    mapped = td.vectorize(root)
    x = td.asarray([-4.0, 0.0, 4.0, 100.0, 400.0])
    made = td.grad(lambda x: mapped(x).sum())(x)
    with td.disabled():
        wanted = td.grad(lambda x: mapped(x).sum())(x)
    assert np.isfinite(np.asarray(made)).all()
    assert np.allclose(np.asarray(made), np.asarray(wanted))


def test_saved(tmp_path):
    mapped = td.vectorize(escape)
    f = td.script(lambda x, y: mapped(x, y))
    x, y = floats(30), floats(30)
    wanted = f(x, y)
    td.save(f, tmp_path / "escape.tdm", (x, y))
    assert bits(td.load(tmp_path / "escape.tdm")(x, y)) == bits(wanted)


REFUSED = {
    "prints": "print",
    "sums": "'sum'",
    "stacks": "'stack'",
    "row": "a tensor of shape (2,)",
    "appends": "a change",
    "writes": "writes to a tensor from outside",
    "nothing": "None",
    "array": "a tensor of shape (2,)",
}
outside = []
table = td.ones((2, 2))
cell = td.zeros(())


def prints(x):
    if x > 0:
        print(x)
    return x


def sums(x):
    return x.sum()


def stacks(x):
    return td.stack([x, x])[0]


def row(i):
    return table[i]


def appends(x):
    outside.append(1)
    return x


def writes(x):
    cell[...] = x
    return x


def nothing(x):
    pass


def array(x):
    return table[0]


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused(name):
    function = globals()[name]
    argument = td.arange(2) if name == "row" else floats(5)
    with pytest.raises(td.Error) as caught:
        td.vectorize(function)(argument)
    text = str(caught.value)
    assert REFUSED[name] in text and "test_vectorize.py" in text, text
    assert "; need" in text and "; try" in text


def test_arguments_that_are_refused():
    mapped = td.vectorize(lambda x: x)
    with pytest.raises(TypeError, match="got list for the argument 0"):
        mapped([1, 2])
    with pytest.raises(TypeError, match="ndarray"):
        mapped(np.ones(3))
    with pytest.raises(td.ShapeError):
        td.vectorize(lambda x, y: x + y)(td.ones(3), td.ones(4))
    with pytest.raises(TypeError, match="signature"):
        td.vectorize(lambda x: x, signature="(n)->()")
    with pytest.raises(ValueError, match="need arguments of"):
        td.vectorize(escape, excluded={"z"})
    with pytest.raises(ValueError, match="otypes"):
        td.vectorize(lambda x: (x, x), otypes=[td.int8])(td.ones(3))
    with pytest.raises(TypeError):
        td.vectorize(3)


def test_different_dtypes_for_different_elements():
    def mixed(x):
        return x.astype(td.float64) if x > 0 else x

    mapped = td.vectorize(mixed)
    with pytest.raises(td.Error):
        mapped(td.asarray([1.0, -1.0]))
    with td.disabled(), pytest.raises(td.DTypeError, match="need one dtype"):
        mapped(td.asarray([1.0, -1.0]))


def test_array_code_with_a_mask_is_the_same_loop():
    def masked(x):
        active = abs(x) < 10
        while active.any():
            x = td.where(active, x * 1.5 + 0.5, x)
            active = td.logical_and(active, abs(x) < 10)
        return x

    x = floats(77)
    scripted = td.script(masked)
    assert bits(scripted(x)) == bits(masked(x))


def test_disabled_in_the_environment():
    code = "import tandem as td; print(td.vectorize(lambda x: 1 if x > 0 else 2)(td.asarray([1.0, -1.0])).tolist())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**__import__("os").environ, "TANDEM_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[1, 2]"
