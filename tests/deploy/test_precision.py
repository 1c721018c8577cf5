"""td.convert: every module of td.nn in every precision, computed or refused; calibration; files; the report."""

import copy
import doctest
import inspect
import itertools
import pickle
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import tandem as td
from tandem import archive, nn, precision, pytree

sys.path.append(str(Path(__file__).parents[1] / "nn"))
from module_cases import CASES, arrays, name_of  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::tandem.precision.PrecisionWarning")
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "precision.md"
DTYPES = ("float64", "float32", "bfloat16", "float16", "int8")
# Of the largest result. What is wider than the data is as good as float32.
TOLERANCE = {"float64": 1e-5, "float32": 0.0, "bfloat16": 0.06, "float16": 0.01, "int8": 0.06}


def bits(tree):
    return [np.asarray(x).tobytes() for x in pytree.leaves(tree) if isinstance(x, td.Tensor)]


def numbers(tree):
    return [np.asarray(x.astype(td.float64)) for x in pytree.leaves(tree) if isinstance(x, td.Tensor)]


def single(array):
    return td.asarray(array.astype(np.float32) if array.dtype == np.float64 else array)


def normal(*shape, seed=0):
    return td.random.Generator(seed).normal(shape)


def network():
    td.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 5)
    ).eval()


# ---- the table ----


def test_support_has_every_module_and_every_precision():
    modules = {n for n in nn.__all__ if isinstance(getattr(nn, n), type) and issubclass(getattr(nn, n), nn.Module)}
    table = precision.support()
    assert set(table) == modules and all(tuple(row) == DTYPES for row in table.values())
    assert {each.what for row in table.values() for each in row.values()} == {"converted", "kept"}
    assert not [name for name, row in table.items() for each in row.values() if each.what == "refused"]


def test_the_table_in_the_documentation_is_true():
    lines = [x.split("|")[1:-1] for x in DOCUMENTATION.read_text().splitlines() if x.startswith("|")][2:]
    stated = {name: fates for first, *fates in lines for name in re.findall("`([^`]+)`", first)}
    others = next(fates for first, *fates in lines if "all others" in first)
    for name, row in precision.support().items():
        eight, sixteen, wide = row["int8"], row["bfloat16"], row["float64"]
        assert row["float16"] == sixteen and row["float32"] == wide
        expected = [x.strip().split()[0] for x in stated.get(name, others)]
        assert [wide.what, sixteen.what, eight.what] == expected, name
    assert set(stated) <= set(precision.support())


def test_the_examples_in_the_documentation_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL))
    exec(compile(code, str(DOCUMENTATION), "exec"), {})


NAMES = ["QuantizedLinear", "QuantizedConv2d", "convert", "report", "support"]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_in_docstrings_are_true(name):
    text = inspect.getdoc(getattr(precision, name))
    example = doctest.DocTestParser().get_doctest(text, {"td": td}, name, None, 0)
    runner = doctest.DocTestRunner(verbose=False)
    output = []
    runner.run(example, out=output.append)
    assert example.examples and runner.summarize(verbose=False).failed == 0, "".join(output)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_module_computes_nearly_the_same_or_is_refused(case, dtype):
    td.manual_seed(7)
    module = getattr(nn, case[0])(*case[1], **case[2]).eval()
    holder = nn.Module()
    holder.part = module
    if precision.support()[case[0]][dtype].what == "refused":
        with pytest.raises(TypeError) as caught:
            td.convert(holder, dtype, dynamic=True)
        assert case[0] in str(caught.value) and "skip=['part']" in str(caught.value)
        assert td.convert(module, dtype, dynamic=True, skip=[""]) is not module
        return
    xs = [single(a) for a in arrays(case)]
    before = bits(module.state_dict())
    with td.no_grad():
        expected = module(*xs)
        made = td.convert(module, dtype, dynamic=True)
        got = made(*xs)
    assert bits(module.state_dict()) == before
    assert pytree.flatten(got)[1] == pytree.flatten(expected)[1]
    for a, b in zip(numbers(got), numbers(expected), strict=True):
        assert a.shape == b.shape
        size = np.abs(b[np.isfinite(b)]).max(initial=1e-3)
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * size + 1e-30)


COMPILED = (
    "Linear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "BatchNorm2d",
    "RNN",
    "LSTM",
    "GRU",
    "LSTMCell",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Bilinear",
)
PAIRS = [(case, dtype) for case in CASES if case[0] in COMPILED for dtype in DTYPES]
PAIRS = [pair for pair in PAIRS if precision.support()[pair[0][0]][pair[1]].what != "refused"]


@pytest.mark.parametrize(("case", "dtype"), PAIRS, ids=lambda each: each if isinstance(each, str) else name_of(each))
def test_compiled_modules_have_the_bits_of_eager_ones(case, dtype):
    td.manual_seed(7)
    module = getattr(nn, case[0])(*case[1], **case[2]).eval()
    xs = [single(a) for a in arrays(case)]
    made = [td.convert(module, dtype, dynamic=True)]
    if dtype == "int8" and case[0] != "BatchNorm2d":
        made.append(td.convert(module, dtype, calibration=[xs]))
    for each in made:
        compiled = td.script(each)
        with td.no_grad():
            assert bits(compiled(*xs)) == bits(each(*xs))
            assert bits(compiled(*xs)) == bits(each(*xs))
        assert compiled.stats()["captures"] == 1


# ---- integers ----


@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_a_quantised_linear_layer_is_the_formula(rows, bias):
    layer, x = nn.Linear(37, 21, bias=bias), normal(rows, 37) * 3
    made = precision.QuantizedLinear.of(layer, (-4.0, 5.0))
    step, zero = np.float32(made.input_scale), int(made.input_zero_point)
    q = np.clip(np.round(np.asarray(x) / step) + np.float32(zero), 0, 255).astype(np.int64)
    sums = ((q - zero) @ np.asarray(made.quantized_weight).astype(np.int64).T).astype(np.float32)
    expected = sums * (np.asarray(made.weight_scale) * step)
    if bias:
        expected = expected + np.asarray(layer.bias.detach())
    np.testing.assert_array_equal(np.asarray(made(x)), expected)
    w, scale = (
        np.asarray(layer.weight.detach()),
        np.abs(np.asarray(layer.weight.detach())).max(axis=1) / np.float32(127),
    )
    np.testing.assert_array_equal(made.quantized_weight, np.round(w / scale[:, None]).astype(np.int8))


def test_zero_is_a_value_of_every_scale():
    for low, high in [(0.5, 3.0), (-7.0, -2.0), (-1.0, 3.0), (0.0, 0.0)]:
        made = precision.QuantizedLinear.of(nn.Linear(4, 3), (low, high))
        np.testing.assert_array_equal(made(td.zeros((2, 4))), np.stack([np.asarray(made.bias)] * 2))


def test_a_padded_border_of_a_quantised_convolution_is_zeros():
    layer = nn.Conv2d(2, 3, 3, padding=1, bias=False)
    made = precision.QuantizedConv2d.of(layer, (-1.0, 9.0))
    x = normal(1, 2, 5, 5)
    wide = precision.QuantizedConv2d.of(layer, (-1.0, 9.0))
    wide.padding = (0, 0)
    bordered = nn.functional.pad(x, [1, 1, 1, 1])
    assert bits(made(x)) == bits(wide(bordered))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_every_phase_of_a_transposed_convolution(kernel, stride):
    """Of small integers, which 8 bits hold, so that results are those of the layer in floating point."""
    rng = np.random.default_rng(kernel)
    x = td.asarray(rng.integers(0, 256, (2, 4, 5)).astype(np.float32))
    checked = 0
    for dilation, padding, groups, extra in itertools.product((1, 2, 3), (0, 1, 4), (1, 2), (0, 1)):
        if extra >= max(stride, dilation) or padding > dilation * (kernel - 1) + 3:
            continue
        layer = nn.ConvTranspose1d(4, 2, kernel, stride, padding, extra, groups, dilation=dilation)
        weight = rng.integers(-127, 128, layer.weight.shape).astype(np.float32)
        weight[: 4 // groups, :, 0] = weight[-4 // groups :, :, 0] = 127.0  # the scale of each channel is 1
        layer.load_state_dict({"weight": weight, "bias": np.array([3.0, -5.0])})
        try:
            expected = layer(x)
        except td.ShapeError:
            continue
        made = precision.QuantizedConvTranspose1d.of(layer, (0.0, 255.0))
        np.testing.assert_array_equal(made(x), np.asarray(expected.detach()), err_msg=repr(layer))
        checked += 1
    assert checked >= 6


def test_steps_of_a_recurrent_network_stay_a_loop():
    made = td.script(td.convert(nn.LSTM(3, 4, bidirectional=True), "int8", dynamic=True))
    made.precompile(td.TensorSpec(("length", "batch", 3), td.float32))
    assert "kept as a loop (length known at run time)" in str(made.explain())
    x = normal(6, 2, 3)
    assert bits(made(x)) == bits(made.eager(x)) and made.stats()["captures"] == 1


def test_depthwise_convolutions_stay_in_float32():
    net = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 6, 1), nn.ConvTranspose2d(6, 6, 2, groups=6))
    made = td.convert(net, "int8", dynamic=True)
    assert [type(each).__name__ for each in made] == ["Conv2d", "QuantizedConv2d", "ConvTranspose2d"]
    found = precision.report(net, [normal(1, 4, 6, 6)], ["int8"])
    assert found["int8"].kept == ("0", "2") and "int8: depthwise in float32: 0, 2" in repr(found)


def test_weights_of_zeros_and_empty_inputs():
    layer = nn.Linear(4, 3)
    layer.weight.detach().fill(0)
    for made in (precision.QuantizedLinear.of(layer), precision.QuantizedLinear.of(layer, (-1.0, 1.0))):
        assert made(td.zeros((0, 4))).shape == (0, 3)
        np.testing.assert_array_equal(made(td.ones((4,))), np.asarray(layer.bias.detach()))


def test_results_have_the_dtype_of_inputs():
    made = precision.QuantizedLinear.of(nn.Linear(4, 3))
    for dtype in (td.float64, td.float32, td.float16, td.bfloat16):
        assert made(td.ones((2, 4), dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("signed", [False, True])
def test_integer_products_in_any_layout_and_with_symbolic_sizes(signed):
    rng = np.random.default_rng(0)
    dtype = np.int8 if signed else np.uint8
    w = rng.integers(-128, 128, (9, 14)).astype(np.int8)
    z = td.asarray(dtype(5))
    f = td.script(lambda x, w: td._core._integer_linear(x, w, z))
    for rows in (3, 40, 50):
        x = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, (14, 2 * rows)).astype(dtype)
        turned = td.asarray(x).T[::2]
        expected = (x.T[::2].astype(np.int32) - 5) @ w.astype(np.int32).T
        np.testing.assert_array_equal(td._core._integer_linear(turned, td.asarray(w), z), expected)
        np.testing.assert_array_equal(f(turned, td.asarray(w)), expected)


def test_integer_products_refuse_what_they_cannot_take():
    x, w, z = td.ones((2, 3), dtype=td.uint8), td.ones((4, 3), dtype=td.int8), td.asarray(0, dtype=td.uint8)
    linear, convolution = td._core._integer_linear, td._core._integer_convolution
    with pytest.raises(TypeError, match="integer_linear: got dtypes float32, int8 and uint8; need int8 or uint8"):
        linear(x.astype(td.float32), w, z)
    with pytest.raises(TypeError, match="need int8 or uint8, int8, and that of the first again"):
        linear(x, w, z.astype(td.int8))
    with pytest.raises(ValueError, match=r"got x of shape \[2, 3\] and weight of shape \[3, 4\]; need"):
        linear(x, w.T, z)
    with pytest.raises(ValueError, match=r"got a zero point of shape \[1\]; need one number"):
        linear(x, w, td.zeros((1,), dtype=td.uint8))
    common = {"stride": (1,), "dilation": (1,), "before": (0,), "groups": 1, "after": (0,)}
    with pytest.raises(ValueError, match="integer_convolution: got the shape"):
        convolution(x, w, z, **common)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_reach_the_bias_and_the_scales(compiled):
    """Numerically, as the sums are what they are: the result is linear in each of the three."""
    rng = np.random.default_rng(0)
    w, z = td.asarray(rng.integers(-9, 9, (4, 3)).astype(np.int8)), td.asarray(np.uint8(5))
    q = td.asarray(rng.integers(0, 9, (2, 5, 3)).astype(np.uint8))
    c = td.asarray(rng.normal(size=(2, 5, 4)).astype(np.float32))
    kernel = td.asarray(rng.integers(-9, 9, (4, 5, 2)).astype(np.int8))
    windows = {"stride": (1,), "dilation": (1,), "before": (0,), "groups": 1, "after": (1,)}

    def loss(step, steps, bias):
        linear = td._core._internal("quantized_linear", q, w, z, step, steps, bias)
        convolved = td._core._internal("quantized_convolution", q, kernel, z, step, steps, bias, **windows)
        return (linear * c).sum() + (convolved * c[0, 0, 0]).sum()

    given = [td.asarray(x.astype(np.float32)) for x in (np.asarray(0.5), rng.random(4), rng.normal(size=4))]
    found = td.grad(td.script(loss) if compiled else loss, argnums=(0, 1, 2))(*given)
    for k, x in enumerate(given):
        for place in np.ndindex(x.shape):
            moved = x.copy()
            moved[place] = moved[place] + 1.0
            change = float(loss(*given[:k], moved, *given[k + 1 :])) - float(loss(*given))
            np.testing.assert_allclose(float(found[k][place]), change, rtol=2e-3, atol=2e-3)


# ---- calibration ----


def test_percentile_and_entropy_leave_outliers_out():
    values = normal(100, 1000)
    values[0, 0] = 60.0
    layer = nn.Linear(1000, 4)
    steps = {
        m: float(td.convert(layer, "int8", calibration=[values], method=m).input_scale)
        for m in ("minmax", "percentile", "entropy")
    }
    assert steps["minmax"] > 0.25 and max(steps["percentile"], steps["entropy"]) < 0.06
    low, high = np.percentile(np.asarray(values), [0.5, 99.5])
    narrow = td.convert(layer, "int8", calibration=[values], method="percentile", percentile=99.0)
    np.testing.assert_allclose(float(narrow.input_scale) * 255, high - low, rtol=0.05)


def test_calibration_sees_all_data_of_any_form():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x, scale=1.0):
            return self.fc(x * scale)

    data = [td.ones((1, 3)), (td.ones((1, 3)) * 2, 2.0), {"x": td.ones((1, 3)), "scale": -10.0}]
    made = td.convert(Two(), "int8", calibration=iter(data))
    assert float(made.fc.input_scale) == np.float32(14.0) / np.float32(255)
    assert int(made.fc.input_zero_point) == round(10 / (14 / 255))


def test_what_calibration_never_reaches_and_what_is_not_finite():
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(ValueError, match=r"never reaches Linear at 'unused'.*try skip=\['unused'\]"):
        td.convert(Lazy(), "int8", calibration=[td.ones((1, 3))])
    made = td.convert(Lazy(), "int8", calibration=[td.ones((1, 3))], skip=["unused"])
    assert type(made.unused) is nn.Linear and type(made.used) is precision.QuantizedLinear
    with pytest.raises(ValueError, match="not finite"):
        td.convert(Lazy(), "int8", calibration=[td.full((1, 3), float("inf"))], skip=["unused"])


# ---- models ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_files_and_state_dicts_of_converted_models(dtype, tmp_path):
    x = normal(3, 1, 6, 6)
    net = network()
    made, other = (td.convert(net, dtype, calibration=[x * s]) for s in (1.0, 2.0))
    expected = made(x)
    assert bits(copy.deepcopy(made)(x)) == bits(expected)
    other.load_state_dict(made.state_dict())
    assert bits(other(x)) == bits(expected)
    td.save(made, tmp_path / "m.tdm", (x,))
    assert bits(td.load(tmp_path / "m.tdm")(x)) == bits(expected)
    assert bits(pickle.loads(pickle.dumps(made))(x)) == bits(expected)
    td.save(made.state_dict(), tmp_path / "m.safetensors")
    other.load_state_dict(td.load(tmp_path / "m.safetensors"))
    assert bits(other(x)) == bits(expected)


def test_floating_point_models_keep_names_and_norms_keep_float32():
    net = network()
    for dtype in ("bfloat16", "float16"):
        made = td.convert(net, dtype)
        assert list(made.state_dict()) == list(net.state_dict())
        dtypes = {name: x.dtype for name, x in made.state_dict().items()}
        assert dtypes["0.weight"] == dtypes["4.bias"] == getattr(td, dtype)
        assert dtypes["1.weight"] == dtypes["1.running_var"] == td.float32
        assert made(normal(2, 1, 6, 6).astype(td.float64)).dtype == td.float32
    assert td.convert(net, td.float64)(normal(2, 1, 6, 6)).dtype == td.float64
    wide = td.convert(network().double(), td.float32)
    assert wide(normal(2, 1, 6, 6).astype(td.float64)).dtype == td.float32
    again = td.convert(td.convert(net, "bfloat16"), "float64")
    assert {x.dtype for x in again.parameters()} == {td.float64} and again(normal(2, 1, 6, 6)).dtype == td.float64


def test_shared_modules_and_annotated_ones_and_training():
    layer = nn.Linear(4, 4)
    net = nn.Sequential(layer, nn.ReLU(), layer).train()
    made = td.convert(td.script(net), "int8", dynamic=True)
    assert made[0] is made[2] and not made.training and net.training
    assert td.convert(net, "bfloat16").training
    assert type(net[0]) is nn.Linear and net[0] is layer


def test_converting_draws_no_random_numbers():
    attention = nn.MultiheadAttention(8, 2)
    td.manual_seed(5)
    expected = td.random.uniform((3,))
    td.manual_seed(5)
    for dtype in DTYPES:
        td.convert(attention, dtype, dynamic=True)
    assert bits(td.random.uniform((3,))) == bits(expected)


class Odd(nn.Linear):
    def forward(self, input):
        return super().forward(input) * 2


def test_derived_and_converted_classes_are_refused():
    net = nn.Sequential(Odd(3, 2))
    with pytest.raises(
        TypeError, match=r"got Odd at '0' for int8, but it is a class derived from Linear.*skip=\['0'\]"
    ):
        td.convert(net, "int8", dynamic=True)
    x = td.ones((1, 3))
    assert bits(td.convert(net, "int8", dynamic=True, skip="0")(x)) == bits(net(x))
    for module in (nn.Linear(3, 2), nn.LSTM(3, 2), nn.MultiheadAttention(4, 2), nn.Bilinear(2, 2, 2)):
        small = td.convert(module, "int8", dynamic=True)
        for dtype in DTYPES:
            with pytest.raises(TypeError, match="8-bit weights already.*try the module it was made of"):
                td.convert(small, dtype, dynamic=True)


def test_arguments_that_are_no_good():
    net = nn.Sequential(nn.Linear(3, 2))
    for arguments, error, text in [
        ((net, "int4"), ValueError, "got dtype='int4'; need one of float64, float32, bfloat16, float16, int8"),
        ((net, "int8"), ValueError, "int8 without calibration data.*try calibration="),
        ((lambda x: x, "int8"), TypeError, "got function; need an nn.Module"),
    ]:
        with pytest.raises(error, match=text):
            td.convert(*arguments)
    for options, text in [
        ({"method": "mean"}, "got method='mean'; need one of minmax, percentile, entropy"),
        ({"percentile": 0.1}, "got percentile=0.1; need more than 50"),
        ({"calibration": []}, "got no calibration data"),
        ({"skip": ["1"]}, r"got skip='1', where there is no module; need one of '0'"),
    ]:
        with pytest.raises(ValueError, match=text):
            td.convert(net, "int8", **{"dynamic": True, **options})


# ---- speed ----


@pytest.mark.filterwarnings("default::tandem.precision.PrecisionWarning")
@pytest.mark.parametrize("calibration", [None, [td.ones((2, 3))]])
def test_a_warning_says_when_it_is_slower_than_float32(monkeypatch, calibration):
    module = sys.modules["tandem.precision._convert"]
    net = nn.Linear(3, 2)
    for slow in (True, False):
        found = [2e-3, 1e-3] if slow else [1e-3, 2e-3]
        monkeypatch.setattr(module, "times", lambda _, found=found: found)
        monkeypatch.setattr(module, "probe", lambda _, found=found: found)
        for dtype in ("bfloat16", "float16", "int8"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                td.convert(net, dtype, calibration=calibration, dynamic=True)
            assert [w.filename for w in caught] == [__file__] * slow
            assert all("2 ms here, against 1 ms in float32" in str(w.message) for w in caught)


def test_report():
    net, data = network(), [normal(4, 1, 6, 6), normal(4, 1, 6, 6, seed=1)]
    targets = [td.argmax(net(x), axis=-1) for x in data]
    found = precision.report(net, data, targets=targets)
    assert [row.dtype for row in found.rows] == ["float32", "float64", "bfloat16", "float16", "int8"]
    count = sum(x.size for x in net.parameters())
    assert found["float32"].bytes == sum(x.size * x.dtype.itemsize for x in (*net.parameters(), *net.buffers()))
    assert found["int8"].bytes < found["bfloat16"].bytes < found["float32"].bytes < found["float64"].bytes
    assert found["int8"].bytes < 2 * count
    assert found["float32"].largest_error == 0.0 and found["float32"].speedup == found["float32"].metric == 1.0
    assert 0 < found["int8"].relative_error < 0.05 and 0 < found["float64"].relative_error < 1e-6
    assert all(row.seconds > 0 for row in found.rows)
    lines = repr(found).splitlines()
    assert lines[0].split()[0] == "precision" and lines[0].endswith("accuracy") and len(lines) == 6
    refused = precision.report(Odd(3, 2), [td.ones((1, 3))], ["int8", "bfloat16"])
    assert "may compute anything" in refused["int8"].reason and "int8: convert: got Odd at" in repr(refused)
    with pytest.raises(ValueError, match="2 calls and 1 targets"):
        precision.report(net, data, targets=targets[:1])


def test_saved_models_of_8_bits_give_the_same_bits_on_every_target(tmp_path):
    targets = [t for t in ("x86-64-v2", "x86-64-v3", "x86-64-v4") if t in td._core.cpu_levels()]
    x = normal(3, 1, 6, 6)
    made = td.convert(network(), "int8", calibration=[x])
    td.save(made, tmp_path / "m.tdm", (x,), targets=targets)
    for target in ("interpreter", *targets):
        assert bits(archive.load(tmp_path / "m.tdm", target)(x)) == bits(made(x)), target
