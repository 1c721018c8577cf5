"""Every operation x dtype x layout: equal to NumPy, and compiled equal to eager bit for bit."""

import numpy as np
import pytest
import reference
import samples
from reference import CREATION, TWINS

import tandem as td

ROWS = samples.table()
# Shifting a bool means nothing: NumPy makes it an int8, the array API forbids it.
NO_BOOL = {"bitwise_left_shift", "bitwise_right_shift"}

# NumPy does not say which of +0 and -0 is the larger, and answers differently for different dtypes and processors.
ANY_ZERO = {"minimum", "maximum", "fmin", "fmax", "clip", "relu", "max", "min"}


def accepted(name):
    dtypes = samples.ACCEPTED[ROWS[name]["accepts"]]
    if name == "complex":  # whose parts are those of a complex dtype
        dtypes = ("float32", "float64")
    if name in NO_BOOL:
        dtypes = tuple(d for d in dtypes if d != "bool")
    return dtypes


def rejected(name):
    return [d for d in samples.DTYPES if d not in accepted(name)]


CASES = [(name, dtype) for name in ROWS if ROWS[name]["inputs"] for dtype in accepted(name)]
POINTWISE = [(name, dtype) for name, dtype in CASES if TWINS[name].pointwise and name != "cast"]


def invoke(name, tensors, attributes):
    function = getattr(td, name)
    return function(tensors, **attributes) if ROWS[name]["variadic"] else function(*tensors, **attributes)


def annotated(annotate, name, attributes):
    def program(*tensors):
        return invoke(name, list(tensors), attributes)

    return annotate(program)


def random_of(name, dtype, extra=""):
    return np.random.default_rng(list(f"{name} {dtype} {extra}".encode()))


@pytest.mark.parametrize(("name", "dtype"), CASES, ids=[f"{n}-{d}" for n, d in CASES])
def test_equals_numpy_and_compiled_equals_eager(name, dtype):
    rng = random_of(name, dtype)
    for sample in samples.samples(name):
        hosts = [samples.draw(rng, shape, domain, dtype) for shape, domain in zip(sample.shapes, sample.domains)]
        scripted = annotated(td.script, name, sample.attributes)
        traced = annotated(td.trace, name, sample.attributes)
        for layout, arrays, tensors in samples.operands(hosts, dtype):
            what = f"{name} {dtype} [{sample.text}] {layout}"
            before = [samples.to_host(x).copy() for x in tensors]
            eager = invoke(name, tensors, sample.attributes)
            want = reference.expected(name, arrays, dtype, sample.attributes)
            reference.check(what, eager, want, zero_signs=name not in ANY_ZERO)
            reference.assert_same_tensor(f"{what} script", eager, scripted(*tensors))
            if layout in ("contiguous", "broadcast"):
                reference.assert_same_tensor(f"{what} trace", eager, traced(*tensors))
            for x, old in zip(tensors, before):
                assert reference.same_bits(samples.to_host(x), old), f"{what} changed an argument"


@pytest.mark.parametrize(("name", "dtype"), POINTWISE, ids=[f"{n}-{d}" for n, d in POINTWISE])
def test_special_values(name, dtype):
    """All pairs of NaN, infinities, zeros, subnormals and extremes; 0-d, where no vector code runs, too."""
    arity = len(ROWS[name]["inputs"])
    values = samples.special_values(dtype)
    if arity == 1:
        hosts = [values]
    else:
        hosts = [a.ravel().copy() for a in np.meshgrid(values, values)]
        if name == "clip":
            hosts = [hosts[0], np.minimum(*hosts), np.maximum(*hosts)]
        elif name == "where":
            hosts.insert(0, np.arange(hosts[0].size) % 3 == 0)
        elif name.endswith("_shift"):
            hosts[1] = hosts[1] % hosts[1].dtype.type(hosts[1].dtype.itemsize * 8)
    for k, domain in enumerate(samples.samples(name)[0].domains):
        if domain.startswith("index"):  # counts
            hosts[k] = np.resize(samples.special_values("int16"), hosts[k].shape)
    tensors = [samples.to_tensor(h, dtype) for h in hosts]
    eager = invoke(name, tensors, {})
    want = reference.expected(name, hosts, dtype, {})
    reference.check(f"{name} {dtype} specials", eager, want, zero_signs=name not in ANY_ZERO)
    scripted = annotated(td.script, name, {})
    reference.assert_same_tensor(f"{name} {dtype} specials", eager, scripted(*tensors))
    for k in range(0, hosts[0].size, max(1, hosts[0].size // 7)):
        single = invoke(name, [x[k] for x in tensors], {})
        reference.assert_same_tensor(f"{name} {dtype} special {k} alone", eager[k], single)


REDUCTIONS_OF_SPECIALS = ["sum", "prod", "max", "min", "any", "all", "argmax", "argmin", "mean", "cumsum"]


@pytest.mark.parametrize("dtype", samples.FLOATS)
@pytest.mark.parametrize("name", REDUCTIONS_OF_SPECIALS)
def test_nan_and_infinity_in_reductions(name, dtype):
    rows = np.array(
        [
            [1, np.nan, 3, 2],
            [np.inf, 1, 2, 3],
            [np.inf, -np.inf, 0, 1],
            [-0.0, 0.0, -0.0, 0.0],
            [-np.inf, 2, np.nan, np.nan],
        ]
    )
    host = samples.round_to(dtype, rows)
    x = samples.to_tensor(host, dtype)
    for axis in (0, 1):
        eager = invoke(name, [x], {"axis": axis})
        want = reference.expected(name, [host], dtype, {"axis": axis})
        reference.check(f"{name} {dtype} axis={axis}", eager, want, zero_signs=name not in ANY_ZERO)
        compiled = annotated(td.script, name, {"axis": axis})(x)
        reference.assert_same_tensor(f"{name} {dtype}", eager, compiled)


CAST_PAIRS = [(a, b) for a in samples.DTYPES for b in samples.DTYPES]


@pytest.mark.parametrize(("source", "target"), CAST_PAIRS, ids=[f"{a}-{b}" for a, b in CAST_PAIRS])
def test_casts(source, target):
    """Every dtype to every dtype, with special values; out-of-range floats saturate and NaN becomes 0."""
    rng = random_of(source, target)
    host = np.concatenate([samples.special_values(source), samples.draw(rng, (40,), "wide", source)])
    x = samples.to_tensor(host, source)
    kind = getattr(td, target)
    got = td.cast(x, kind)
    reference.check(f"{source} to {target}", got, reference.expected("cast", [host], source, {"dtype": kind}))
    reference.assert_same_tensor(f"{source} to {target}", got, annotated(td.script, "cast", {"dtype": kind})(x))
    reference.assert_same_tensor(f"{source} to {target}", got, x.astype(kind))


@pytest.mark.parametrize("name", CREATION)
def test_creation(name):
    for sample in samples.samples(name):
        for dtype in samples.DTYPES:
            if (name == "linspace" and dtype not in samples.FLOATS) or (
                name == "arange" and dtype in ("bool", *samples.UNSIGNED)
            ):
                continue  # a range of truths, and of negative numbers without sign
            attributes = {**sample.attributes, "dtype": getattr(td, dtype)}
            eager = getattr(td, name)(**attributes)
            want = reference.Expected(dtype, CREATION[name](dtype, **sample.attributes), None)
            reference.check(f"{name} {dtype} [{sample.text}]", eager, want)

            def program(x, attributes=attributes):
                return getattr(td, name)(**attributes), x + 1

            compiled, _ = td.script(program)(td.asarray([1.0]))
            reference.assert_same_tensor(f"{name} {dtype} [{sample.text}]", eager, compiled)


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name]["inputs"] and rejected(name)])
def test_refused_dtypes(name):
    """A dtype the row does not take is a DTypeError that names the operation, eager and captured."""
    sample = samples.samples(name)[0]
    for dtype in rejected(name):
        tensors = [td.asarray(np.ones(shape, dtype=samples.host_dtype(dtype))) for shape in sample.shapes]
        if dtype == "bfloat16":
            tensors = [x.astype(td.bfloat16) for x in tensors]
        for run in (lambda *t: invoke(name, list(t), sample.attributes), annotated(td.script, name, sample.attributes)):
            with pytest.raises(td.DTypeError) as caught:
                run(*tensors)
            assert str(caught.value).startswith(f"{name}: got "), str(caught.value)
            assert "need" in str(caught.value)


def test_large_arrays_use_threads_and_keep_bits():
    """Beyond the threshold for several threads; odd sizes leave tails."""
    rng = np.random.default_rng(5)
    host = rng.standard_normal((1031, 1027)).astype(np.float32)
    x = td.asarray(host)

    def program(x):
        y = td.exp(x * 0.5) + x[::-1]
        return y, y.sum(axis=0), y.sum(axis=1), y.sum(), td.softmax(y), y.argmax(), y.cumsum(axis=0)

    results = {}
    before = td.num_threads()
    try:
        for threads in (1, 2, 3):
            td.set_num_threads(threads)
            results[threads] = program(x)
            for a, b in zip(results[threads], td.script(program)(x)):
                reference.assert_same_tensor(f"{threads} threads", a, b)
    finally:
        td.set_num_threads(before)
    for a, b, c in zip(results[1], results[2], results[3]):
        reference.assert_same_tensor("1 and 2 threads", a, b)
        reference.assert_same_tensor("1 and 3 threads", a, c)
    want = np.exp(host.astype(np.float64) * 0.5) + host[::-1]
    assert np.allclose(results[1][1], want.sum(axis=0), rtol=1e-5)
    assert abs(float(results[1][3]) - want.sum()) <= 1e-6 * np.abs(want).sum()


def promoted(a, b):
    """NumPy's promotion, but an integer with a float gives the float, as in the array API's type lattice of kinds."""
    for one, other in ((a, b), (b, a)):
        if one in samples.FLOATS and other not in samples.FLOATS:
            return one
    pair = frozenset((a, b))
    if "bfloat16" in pair:  # which NumPy does not have: with float16 neither holds the other
        other = a if b == "bfloat16" else b
        return {"float16": "float32", "float32": "float32", "float64": "float64"}.get(other, "bfloat16")
    return np.result_type(a, b).name


@pytest.mark.parametrize("a", samples.DTYPES)
def test_promotion(a):
    for b in samples.DTYPES:
        if a == b == "bool":
            continue
        x = td.ones((3,), dtype=getattr(td, a))
        y = td.ones((3,), dtype=getattr(td, b))
        want = getattr(td, promoted(a, b))
        assert td.multiply(x, y).dtype == want, (a, b)
        assert td.where(td.asarray([True, False, True]), x, y).dtype == want, (a, b)
        assert td.concat([x, y]).dtype == want, (a, b)
        assert td.result_type(x.dtype, y.dtype) == want, (a, b)
        assert td.script(lambda x, y: td.multiply(x, y))(x, y).dtype == want, (a, b)


def test_mixed_dtypes_give_numbers_of_the_promoted_dtype():
    rng = np.random.default_rng(3)
    for a in samples.DTYPES:
        for b in samples.DTYPES:
            if a == b:
                continue
            x, y = samples.draw(rng, (9,), "normal", a), samples.draw(rng, (9,), "normal", b)
            got = td.add(samples.to_tensor(x, a), samples.to_tensor(y, b))
            to = promoted(a, b)
            want = samples.round_to(to, samples.round_to(to, x) + samples.round_to(to, y))
            reference.check(f"add {a} {b}", got, reference.Expected(to, want, None))
