"""td.from_torch: agreement, sizes, training, conversion, files; and torch's tensors in annotated functions."""

import copy
import functools
import pickle

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import numpy as np  # noqa: E402
from torch import nn  # noqa: E402
from zoo import MODELS, TINY, TRANSFORMERS  # noqa: E402

import tandem as td  # noqa: E402
from deploy_support import BUILD, bare_environment, run  # noqa: E402

RUN = BUILD / "runtime/bin/tandem-run"
pytestmark = pytest.mark.filterwarnings("ignore::tandem.precision.PrecisionWarning")  # not about speed
DYNAMIC = torch.export.Dim.DYNAMIC


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def small():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 2)).eval()


def taken(x):
    return td.from_dlpack(x.detach().clone())


@functools.cache
def imported(name):
    """A model, as a module of Tandem, and what both are called with."""
    if name in TRANSFORMERS:
        pytest.importorskip("transformers", reason="the transformers package is not installed")
    entry = MODELS[name]
    given = entry.args(TINY, 2)
    if isinstance(given, tuple):
        return td.from_torch(entry.build(TINY).eval(), given), tuple(map(taken, given)), {}
    if name in ("gpt2", "llama", "t5", "bart", "whisper"):
        given["use_cache"] = False
    net = td.from_torch(entry.build(TINY).eval(), (), given)
    return net, (), {k: taken(v) for k, v in given.items() if isinstance(v, torch.Tensor)}


def first(result):
    return np.asarray(td.pytree.leaves(result)[0])


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    net, args, kwargs = imported(name)
    assert net.report.agrees and net.report.rows[0].relative < 1e-5
    assert first(net(*args, **kwargs)).shape[0] > 1


@pytest.mark.parametrize("name", MODELS)
def test_onnx_of_models(name, tmp_path):
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    pytest.importorskip("onnxruntime", reason="the onnxruntime package is not installed")
    net, args, kwargs = imported(name)
    td.onnx.export(net, args, tmp_path / "net.onnx", kwargs=kwargs)  # which compares results of ONNX Runtime


LAYERS = {"flow": 8, "resnet18": 21, "bert": 13}


@pytest.mark.parametrize("name", LAYERS)
def test_models_in_8_bits(name):
    net, args, kwargs = imported(name)
    calibration = {"calibration": [args]} if name == "resnet18" else {"dynamic": True}
    made = td.convert(net, "int8", **calibration)
    assert sum(key.endswith("quantized_weight") for key in made.state_dict()) == LAYERS[name]
    wanted, found = first(net(*args, **kwargs)), first(made(*args, **kwargs))
    assert abs(found.astype(float) - wanted).max() < 0.05 * abs(wanted).max()


@pytest.mark.skipif(not RUN.exists(), reason="the runtime library was not built")
@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("name", LAYERS)
def test_models_run_without_python(name, dtype, tmp_path):
    net, args, kwargs = imported(name)
    if dtype == "int8":
        net = td.convert(net, "int8", dynamic=True)
    given = (*args, *kwargs.values())
    td.save(net, tmp_path / "m.tdm", given, targets="x86-64-v2")
    words = []
    for k, each in enumerate(given):
        np.save(tmp_path / f"{k}.npy", np.asarray(each))
        words += ["--input", tmp_path / f"{k}.npy"]
    run(RUN, tmp_path / "m.tdm", *words, "--output", tmp_path / "y", env=bare_environment(tmp_path))
    (found,) = tmp_path.glob("y*.npy")
    assert np.load(found).tobytes() == first(td.load(tmp_path / "m.tdm")(*given)).tobytes()


def test_other_sizes_and_names():
    model, x = small(), torch.randn(3, 4)
    net = td.from_torch(model, (x,), dynamic_shapes=({0: DYNAMIC},))
    assert list(net.state_dict()) == list(model.state_dict())
    compiled, y = td.script(net), torch.randn(7, 4)
    with torch.no_grad():
        wanted = model(y).numpy()
    np.testing.assert_allclose(compiled(taken(y)).numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert compiled(taken(y)).tolist() == net(taken(y)).tolist()
    compiled(taken(x))
    with td.no_recompile():
        compiled(td.ones((9, 4)))


def test_gradients_are_torchs():
    model, x = small().train(), torch.randn(6, 4)
    net = td.from_torch(copy.deepcopy(model), (x,))
    (model(x) ** 2).mean().backward()
    (td.script(net)(taken(x)) ** 2).mean().backward()
    for (name, mine), (_, theirs) in zip(net.named_parameters(), model.named_parameters()):
        np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(
        net.get_buffer("2.running_mean").numpy(), model[2].running_mean.numpy(), rtol=1e-5, atol=1e-6
    )


def test_shared_and_copied_parameters():
    model, x = small(), torch.randn(3, 4)
    shared, own = td.from_torch(model, (x,), share=True), td.from_torch(model, (x,))
    with torch.no_grad():
        model[3].bias.fill_(5.0)
        wanted = model(x).numpy()
    np.testing.assert_allclose(shared(taken(x)).numpy(), wanted, rtol=1e-5)
    assert abs(own(taken(x)).numpy() - wanted).max() > 1


def test_copies_and_pickles():
    x = torch.randn(3, 4)
    net = td.from_torch(small(), (x,))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other(taken(x)).tolist() == net(taken(x)).tolist()
        with td.no_grad():
            other.get_parameter("3.bias")[...] = 9.0
        assert other(taken(x)).tolist() != net(taken(x)).tolist()


@pytest.mark.parametrize("dtype, allowed", [("float64", 1e-6), ("bfloat16", 3e-2), ("int8", 3e-2)])
def test_conversion(dtype, allowed):
    x = torch.randn(5, 4)
    net = td.from_torch(small(), (x,))
    options = {"dynamic": True} if dtype == "int8" else {}
    made = td.convert(net, dtype, **options)
    difference = abs(made(taken(x)).numpy().astype(float) - net(taken(x)).numpy()).max()
    assert difference <= allowed
    if dtype == "int8":
        assert {"0.quantized_weight", "3.quantized_weight"} <= {name for name, _ in made.named_buffers()}


def test_files(tmp_path):
    x = torch.randn(5, 4)
    net = td.from_torch(small(), (x,), dynamic_shapes=({0: DYNAMIC},))
    td.save(net, tmp_path / "net.tdm", (taken(x),), dynamic={"input": [0]}, targets="x86-64-v2")
    again, y = td.load(tmp_path / "net.tdm"), td.ones((3, 4))
    assert again(y).tolist() == net(y).tolist()


def test_onnx(tmp_path):
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    pytest.importorskip("onnxruntime", reason="the onnxruntime package is not installed")
    net = td.from_torch(small(), (torch.randn(5, 4),), dynamic_shapes=({0: DYNAMIC},))
    td.onnx.export(net, td.ones((5, 4)), tmp_path / "net.onnx", dynamic={"input": {0: "n"}})


def test_dropout_draws_from_tandems_generator():
    model = nn.Sequential(nn.Linear(4, 100), nn.Dropout(0.5)).train()
    net = td.from_torch(model, (torch.ones(10, 4),))
    assert not net.report.compared
    zeros = (net(td.ones((10, 4))).numpy() == 0).mean()
    assert 0.4 < zeros < 0.6


def test_arguments_that_are_trees():
    class Pair(nn.Module):
        def forward(self, given, *, scale):
            return {"sum": given["a"] + given["b"][0], "scaled": (given["a"] * scale,)}

    a, b = torch.randn(3), torch.randn(3)
    net = td.from_torch(Pair(), ({"a": a, "b": [b]},), {"scale": torch.tensor(2.0)})
    out = net({"a": taken(a), "b": [taken(b)]}, scale=td.asarray(2.0))
    np.testing.assert_allclose(out["sum"].numpy(), (a + b).numpy())
    np.testing.assert_allclose(out["scaled"][0].numpy(), (2 * a).numpy())


def test_what_cannot_be_taken_along():
    class Uncovered(nn.Module):
        def forward(self, x):
            return torch.special.erfcx(x)

    class Choosing(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x

    with pytest.raises(td.BackendError, match=r"aten.special_erfcx.default, which Tandem does not have"):
        td.from_torch(Uncovered(), (torch.ones(3),))
    with pytest.raises(td.CaptureError, match="torch.export cannot capture Choosing"):
        td.from_torch(Choosing(), (torch.ones(3),))
    with pytest.raises(TypeError, match="need a torch.nn.Module"):
        td.from_torch(lambda x: x, (torch.ones(3),))
    with pytest.raises(td.SerializationError, match="differ from those of Sequential"):
        td.from_torch(small(), (torch.randn(3, 4),), rtol=-1.0)


# ---- torch's tensors in annotated functions ----


@td.script
def scaled(x, y, k=2):
    z = td.sin(x) * y
    if z.sum() > 0:
        z = z * k
    else:
        z = z - 1
    return z, {"sum": z.sum(), "x": x}, 7


def plain(x, y, k=2):
    z = torch.sin(x) * y
    return z * k if z.sum() > 0 else z - 1


@pytest.mark.parametrize("sign", [1, -1])
def test_torch_tensors_in_a_script(sign):
    x, y = torch.rand(3, 4, requires_grad=True), (sign * torch.rand(4)).requires_grad_()
    out, named, number = scaled(x, y)
    assert isinstance(out, torch.Tensor) and number == 7 and named["x"] is x
    wanted = plain(x, y)
    torch.testing.assert_close(out, wanted)
    mine, theirs = (torch.autograd.grad((z**2).sum(), (x, y)) for z in (out, wanted))
    torch.testing.assert_close(mine, theirs)
    assert isinstance(scaled(td.ones((3, 4)), td.ones((4,)))[0], td.Tensor)
    with td.disabled():
        torch.testing.assert_close(scaled(x, y)[0], wanted)


def test_no_capture_for_another_call():
    x, y = torch.rand(3, 4), torch.rand(4)
    scaled(x, y)
    with td.no_recompile():
        out = scaled(x + 1, y)[0]
    assert not out.requires_grad
    torch.testing.assert_close(out, plain(x + 1, y))


def test_memory_is_shared():
    @td.trace
    def put(x):
        x[0] = 5.0
        return x

    x = torch.zeros(3)
    assert put(x) is x and x[0] == 5


def test_results_live_on():
    @td.trace
    def view(x):
        return x[1:]

    out = view(torch.arange(4.0))
    trash = [torch.rand(4) for _ in range(30)]
    assert len(trash) == 30 and out.tolist() == [1.0, 2.0, 3.0]


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 2))
        self.register_buffer("shift", torch.ones(2))
        self.head = nn.Linear(2, 1)

    @td.script
    def mixed(self, x):
        return td.tanh(x @ self.weight + self.shift)

    def forward(self, x):
        return self.head(self.mixed(x))


def test_methods_of_torch_modules():
    mixer, x = Mixer(), torch.randn(3, 4, requires_grad=True)
    for _ in range(3):  # an optimizer's step is seen
        wanted = torch.tanh(x @ mixer.weight + mixer.shift)
        found = mixer.mixed(x)
        torch.testing.assert_close(found, wanted)
        sources = (mixer.weight, x)
        torch.testing.assert_close(
            torch.autograd.grad(found.sum(), sources), torch.autograd.grad(wanted.sum(), sources)
        )
        with torch.no_grad():
            mixer.weight += 0.1
            mixer.shift *= 2
    mixer(x).sum().backward()
    assert mixer.head.weight.grad is not None and type(mixer.weight) is nn.Parameter


def test_bad_tensors_and_modules():
    y = torch.rand(4)
    with pytest.raises(TypeError, match=r"scaled: got a tensor of the layout torch.sparse_coo.*try x.to_dense"):
        scaled(torch.ones(3, 4).to_sparse(), y)
    with pytest.raises(td.BackendError, match="on the device meta.*try x.cpu"):
        scaled(torch.ones(3, 4, device="meta"), y)

    class Named(torch.Tensor):
        pass

    with pytest.raises(TypeError, match="a Named, a subclass of torch.Tensor"):
        scaled(torch.ones(3, 4).as_subclass(Named), y)
    with pytest.raises(TypeError, match="try td.from_torch"):
        td.script(nn.Linear(4, 2))(torch.ones(3, 4))


def test_gradients_of_gradients_are_refused():
    x = torch.rand(3, 4, requires_grad=True)
    with pytest.raises(RuntimeError, match="differentiated in turn"):
        torch.autograd.grad(scaled(x, torch.rand(4))[0].sum(), x, create_graph=True)


def test_an_argument_changed_in_place_is_noticed():
    x = torch.rand(3, 4, requires_grad=True)
    z = x * 1
    out = scaled(z, torch.rand(4))[0]
    with torch.no_grad():
        z.add_(1)
    with pytest.raises(RuntimeError, match="changed in place after the call"):
        out.sum().backward()
