"""Module itself: registration, state dicts, hooks, copies, printing; and layouts that hold without PyTorch."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import tandem as td
from tandem import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.gain = nn.Parameter(td.ones((3,)))
        self.register_buffer("count", td.asarray(0))
        self.register_buffer("cache", td.zeros((2,)), persistent=False)
        self.register_parameter("nothing", None)
        self.plain = td.zeros((4,))
        self.number = 5

    def forward(self, x):
        return self.linear(x) * self.gain


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.second = nn.Sequential(Block(), nn.ReLU())

    def forward(self, x):
        return self.second(self.first(x))


def equal(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))


def test_registration():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        *(f"first.{n}" for n in ("gain", "linear.weight", "linear.bias")),
        *(f"second.0.{n}" for n in ("gain", "linear.weight", "linear.bias")),
    ]
    assert [name for name, _ in net.named_buffers()] == [
        "first.count", "first.cache", "second.0.count", "second.0.cache",
    ]  # fmt: skip
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "first.linear", "second", "second.0", "second.0.linear", "second.1",
    ]  # fmt: skip
    assert [name for name, _ in net.named_children()] == ["first", "second"]
    assert "first.cache" not in net.state_dict() and "first.count" in net.state_dict()
    assert all(isinstance(p, nn.Parameter) and isinstance(p, td.Tensor) for p in net.parameters())
    assert not isinstance(net.first.plain, nn.Parameter)
    assert [id(p) for p in net.first.parameters(recurse=False)] == [id(net.first.gain)]
    assert net.get_submodule("second.0") is net.second[0]
    assert net.get_parameter("second.0.linear.bias") is net.second[0].linear.bias
    assert net.get_buffer("first.count") is net.first.count


def test_attributes_and_registries_stay_in_step():
    block = Block()
    new = nn.Parameter(td.zeros((3,)))
    block.gain = new
    assert block._parameters["gain"] is new is block.gain
    block.gain = None
    assert [name for name, _ in block.named_parameters()] == ["linear.weight", "linear.bias"]
    block.gain = new
    del block.gain
    assert not hasattr(block, "gain") and "gain" not in block._parameters
    block.count = td.asarray(7)
    assert block.state_dict()["count"].item() == 7
    block.linear = nn.Identity()
    assert [name for name, _ in block.named_children()] == ["linear"]
    block.number = nn.Parameter(td.ones((1,)))  # from a number to a parameter
    assert "number" in block.state_dict()
    block.cache = nn.Buffer(td.ones((1,)))
    assert "cache" in block.state_dict()
    block.cache = nn.Buffer(td.ones((1,)), persistent=False)
    assert "cache" not in block.state_dict()


@pytest.mark.parametrize(
    ("what", "error", "text"),
    [
        (lambda b: setattr(b, "gain", td.ones((3,))), TypeError, "need an nn.Parameter or None"),
        (lambda b: setattr(b, "linear", 3), TypeError, "need an nn.Module or None"),
        (lambda b: setattr(b, "count", 3), TypeError, "need a tensor or None"),
        (lambda b: b.register_parameter("a.b", None), td.Error, "without dots"),
        (lambda b: b.register_parameter("number", None), td.Error, "an attribute of Block already"),
        (lambda b: b.register_parameter("w", td.ones((1,))), td.Error, "need an nn.Parameter or None"),
        (lambda b: b.register_buffer("w", 3), td.Error, "need a tensor or None"),
        (lambda b: b.add_module("m", 3), td.Error, "need an nn.Module"),
        (lambda b: b.get_submodule("linear.x"), AttributeError, "Linear has no module 'x'"),
        (lambda b: b.get_parameter("linear.x"), AttributeError, "no parameter 'x'; need one of weight, bias"),
        (lambda b: b.train(1), td.Error, "need True or False"),
        (lambda b: b.to(td.int32), td.Error, "need a floating-point dtype"),
        (lambda b: b.load_state_dict([1]), td.Error, "need a dict of tensors by name"),
        (lambda b: b.nothing_there, AttributeError, "nothing_there"),
        (lambda b: b(td.ones((2, 4))), td.ShapeError, "linear: "),
    ],
)
def test_errors(what, error, text):
    with pytest.raises(error, match=text):
        what(Block())


def test_assignment_before_init():
    class Early(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(td.ones((1,)))

    with pytest.raises(AttributeError, match=r"before Module.__init__; .* try super\(\).__init__\(\)"):
        Early()


def test_no_forward():
    with pytest.raises(AttributeError, match="forward"):
        nn.Module()(1)


def test_state_dict_mismatch_is_listed_whole_and_changes_nothing():
    net = Net()
    before = {key: x.copy() for key, x in net.state_dict().items()}
    state = {key: x + 1 for key, x in before.items()}
    del state["first.gain"], state["second.0.count"]
    state["second.0.linear.weight"] = td.ones((3, 4))
    state["first.count"] = td.asarray(1.5)
    state |= {"one": td.ones((1,)), "another": td.ones((1,))}
    with pytest.raises(td.SerializationError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "missing: first.gain, second.0.count\n" in text
    assert "unexpected: one, another\n" in text
    assert "second.0.linear.weight has (3, 4) in the dict and (3, 3) in the module" in text
    assert "first.count has float32 in the dict and int64 in the module" in text
    assert all(equal(x, before[key]) for key, x in net.state_dict().items())
    del state["second.0.linear.weight"], state["first.count"]
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert missing == ["first.gain", "first.count", "second.0.count", "second.0.linear.weight"]
    assert unexpected == ["one", "another"]
    assert equal(net.first.linear.weight, before["first.linear.weight"] + 1)


def test_state_dict_through_a_file(tmp_path):
    one, other = Net(), Net()
    td.save(one.state_dict(), tmp_path / "net.safetensors")
    own = other.first.gain
    other.load_state_dict(td.load(tmp_path / "net.safetensors"))
    assert other.first.gain is own and own.requires_grad and own.is_leaf
    assert all(equal(x, other.state_dict()[key]) for key, x in one.state_dict().items())
    other.load_state_dict(
        {k: x.astype(td.float64) if x.dtype == td.float32 else x for k, x in one.state_dict().items()}
    )
    assert other.first.gain.dtype == td.float32
    other.load_state_dict({key: np.asarray(x) for key, x in one.state_dict().items()}, assign=True)
    assert other.first.gain is not own and other.first.gain.requires_grad
    shared = one.state_dict()["first.gain"]
    shared[0] = 9.0
    assert one.first.gain[0].item() == 9.0 and not shared.requires_grad


def test_copies_and_pickles():
    net = Net()
    net.second[0].linear.weight.requires_grad_(False)
    net.eval()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), pickle.loads(pickle.dumps(net, protocol=2))):
        assert [*other.state_dict()] == [*net.state_dict()] and not other.second[0].training
        assert all(equal(a, b) for a, b in zip(other.state_dict().values(), net.state_dict().values()))
        assert [p.requires_grad for p in other.parameters()] == [p.requires_grad for p in net.parameters()]
        assert all(isinstance(p, nn.Parameter) and p.is_leaf for p in other.parameters())
        assert all(m._parameters[k] is getattr(m, k) for m in other.modules() for k in m._parameters)
        other.first.gain.detach().fill(4.0)
        assert net.first.gain[0].item() == 1.0
        other(td.ones((2, 3))).sum().backward()
        assert other.first.gain.grad is not None and net.first.gain.grad is None


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.out = nn.Linear(3, 5, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, x):
        return self.out(self.embedding(x))


def test_tied_weights_are_one_parameter():
    net = Tied()
    assert [name for name, _ in net.named_parameters()] == ["embedding.weight"]
    assert [*net.state_dict()] == ["embedding.weight", "out.weight"]
    for other in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.deepcopy(net).double()):
        assert other.out.weight is other.embedding.weight
        other(td.asarray([1, 2])).sum().backward()
    whole = net.embedding.weight.grad
    again = Tied()
    again.load_state_dict(net.state_dict())
    again.out.weight = nn.Parameter(net.out.weight)
    again(td.asarray([1, 2])).sum().backward()
    np.testing.assert_allclose(np.asarray(whole), np.asarray(again.embedding.weight.grad + again.out.weight.grad))
    assert "is embedding.weight" in str(net.summary()) and "15 parameters, 15 of them trained" in str(net.summary())


def test_dtypes():
    net = Net()
    net(td.ones((2, 3))).sum().backward()
    gradient = net.first.gain.grad
    net.double()
    assert {x.dtype.name for x in net.parameters()} == {"float64"} and net.first.count.dtype == td.int64
    assert net.first.gain.grad.dtype == td.float64 and equal(net.first.gain.grad, gradient.astype(td.float64))
    assert net.first.cache.dtype == td.float64 and "first.cache" not in net.state_dict()
    assert net.half().first.gain.dtype == td.float16 and net.bfloat16().first.gain.dtype == td.bfloat16
    assert net.float().to("cpu", td.float64).to(td.ones((1,))).first.gain.dtype == td.float32
    assert nn.Linear(2, 2, dtype=td.float16).bias.dtype == td.float16


def test_changes_of_everything():
    net = Net()
    net(td.ones((2, 3))).sum().backward()
    gradient = net.first.gain.grad
    net.zero_grad(set_to_none=False)
    assert gradient.tolist() == [0.0] * 3 and net.first.gain.grad is gradient
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(td.ones((2, 3))).requires_grad
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Block", "Linear", "Block", "ReLU", "Sequential", "Net"]
    net.eval()
    assert not any(m.training for m in net.modules())


def test_forward_hooks():
    layer, log = nn.Linear(3, 3), []
    x = td.ones((2, 3))
    plain = layer(x)
    a = layer.register_forward_pre_hook(lambda m, args: log.append("a"))
    b = layer.register_forward_pre_hook(lambda m, args: args[0] * 2, prepend=True)
    c = layer.register_forward_hook(lambda m, args, out: log.append(args[0][0, 0].item()))
    assert equal(layer(x), nn.functional.linear(x * 2, layer.weight, layer.bias)) and log == ["a", 2.0]
    for handle in (a, b, c):
        handle.remove()
    a.remove()
    assert equal(layer(x), plain) and layer._hooks is None
    with layer.register_forward_hook(lambda m, args, kwargs, out: out + kwargs.get("n", 5), with_kwargs=True):
        assert equal(layer(x), plain + 5)
    with layer.register_forward_pre_hook(lambda m, args, kwargs: ((), {"input": args[0]}), with_kwargs=True):
        assert equal(layer(x), plain)
    with layer.register_forward_pre_hook(lambda m, args, kwargs: 5, with_kwargs=True):
        with pytest.raises(td.Error, match="need \\(args, kwargs\\) or None"):
            layer(x)


def test_backward_hooks():
    layer, seen = nn.Linear(3, 2), []
    x = td.ones((4, 3)).requires_grad_()
    layer(x).sum().backward()
    want, bias = x.grad.copy(), layer.bias.grad.copy()
    x.grad = None
    layer.zero_grad()
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].shape, go[0].shape)))
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    layer(x).sum().backward()
    assert seen == [((4, 3), (4, 2))] and equal(x.grad, want * 2) and equal(layer.bias.grad, bias)
    x.grad = None
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 10,))
    layer.zero_grad()
    layer(x).sum().backward()
    np.testing.assert_allclose(np.asarray(x.grad), np.asarray(want) * 20, rtol=1e-6)
    assert equal(layer.bias.grad, bias * 10)
    # Arguments without gradients: the hook is called all the same.
    alone = []
    other = nn.Linear(3, 2)
    other.register_full_backward_hook(lambda m, gi, go: alone.append(gi))
    other(td.ones((4, 3))).sum().backward()
    assert alone == [(None,)]
    with td.no_grad():
        other(td.ones((4, 3)))


def test_printing():
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Block(\n"
        "    (linear): Linear(in_features=3, out_features=3, bias=True)\n"
        "  )\n"
        "  (second): Sequential(\n"
        "    (0): Block(\n"
        "      (linear): Linear(in_features=3, out_features=3, bias=True)\n"
        "    )\n"
        "    (1): ReLU()\n"
        "  )\n"
        ")"
    )
    assert repr(nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])) == (
        "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"
    )  # fmt: skip
    net = Net()
    net.first.gain.requires_grad_(False)
    text = str(net.summary())
    assert "\nfirst.gain              (3,)    float32         3  frozen\n" in text
    assert "\nfirst.count             ()      int64           1  buffer\n" in text
    assert "30 parameters, 27 of them trained" in text


def test_containers():
    layers = nn.ModuleList([nn.Linear(2, 2), nn.ReLU()])
    layers.append(nn.Tanh()).extend([nn.GELU()])
    layers.insert(0, nn.Identity())
    assert [type(m).__name__ for m in layers] == ["Identity", "Linear", "ReLU", "Tanh", "GELU"]
    assert [*layers._modules] == list("01234") and layers[-1] is layers[4] and len(layers[1:3]) == 2
    del layers[0]
    assert [*layers.state_dict()] == ["0.weight", "0.bias"]
    assert type(layers.pop()).__name__ == "GELU" and len(layers + [nn.ReLU()]) == 4
    layers += [nn.ReLU()]
    with pytest.raises(IndexError, match="index 9; need one of 4"):
        layers[9]
    named = nn.Sequential({"in": nn.Linear(2, 3), "out": nn.Linear(3, 1)})
    assert [*named.state_dict()][0] == "in.weight" and named(td.ones((4, 2))).shape == (4, 1)
    heads = nn.ModuleDict({"a": nn.Linear(2, 1)})
    heads["b"] = nn.ReLU()
    heads["a"] = nn.Identity()
    assert [*heads] == ["a", "b"] and "b" in heads and len(heads) == 2
    assert type(heads.pop("a")).__name__ == "Identity"
    heads.clear()
    assert not len(heads)
    values = nn.ParameterList([td.ones((2,))])
    values.append(td.zeros((3,)))
    values[0] = td.ones((5,))
    assert [p.shape for p in values] == [(5,), (3,)] and all(p.requires_grad for p in values)
    table = nn.ParameterDict({"x": td.ones((1,))})
    table["y"] = td.ones((2,))
    assert [*table.state_dict()] == ["x", "y"]
    del table["x"]
    assert "x" not in table


def test_embedding():
    table = nn.Embedding(5, 3, padding_idx=1)
    assert table.weight[1].tolist() == [0.0] * 3
    table(td.asarray([0, 1, 1])).sum().backward()
    assert table.weight.grad.sum(axis=1).tolist() == [3.0, 0.0, 0.0, 0.0, 0.0]
    short = nn.Embedding(5, 3, max_norm=0.5)
    norms = td.linalg.vector_norm(short(td.asarray([0, 1])), axis=1)
    assert bool((norms <= 0.5001).all()) and short.weight.is_leaf
    short(td.asarray([0, 1])).sum().backward()
    fixed = nn.Embedding.from_pretrained(td.ones((4, 2)))
    assert not fixed.weight.requires_grad and fixed(td.asarray(3)).tolist() == [1.0, 1.0]
    with pytest.raises(td.Error, match="padding_idx=9; need one of 5 rows"):
        nn.Embedding(5, 3, padding_idx=9)
    with pytest.raises(td.Error, match="gradients are dense"):
        nn.Embedding(5, 3, sparse=True)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups=2; need a divisor of both"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), "need numbers, 'same' or 'valid'"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "need one of zeros"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, stride=2)(td.ones((1, 3, 5)), output_size=(20,)), "sizes from \\(11,\\)"),
        (lambda: nn.BatchNorm2d(3)(td.ones((2, 3))), "BatchNorm2d: got the shape \\(2, 3\\); need 4 axes, 3 channels"),
        (lambda: nn.BatchNorm1d(3)(td.ones((2, 4))), "3 channels"),
        (lambda: nn.GroupNorm(2, 3), "need groups that divide them"),
        (lambda: nn.LayerNorm(3)(td.ones((2, 4))), "need the last axes to be"),
        (lambda: nn.Dropout(1.5), "p=1.5; need a probability"),
        (lambda: nn.LSTM(3, 4)(td.ones((2, 2, 5))), "need \\[length, batch, 3\\] or \\[length, 3\\]"),
        (
            lambda: nn.GRU(3, 4)(td.ones((2, 2, 3)), td.ones((2, 2, 4))),
            "state of shape \\(2, 2, 4\\); need \\(1, 2, 4\\)",
        ),
        (lambda: nn.GRUCell(3, 4)(td.ones((2, 3)), td.ones((3, 4))), "state of shape \\(3, 4\\); need \\(2, 4\\)"),
        (lambda: nn.RNN(3, 4, nonlinearity="sine"), "need 'tanh' or 'relu'"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "less than hidden_size=4"),
        (lambda: nn.MultiheadAttention(5, 2), "need heads that divide it"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="sine"), "need 'relu', 'gelu' or a function"),
        (lambda: nn.Flatten(2)(td.ones((2, 3))), "need axes of it"),
        (lambda: nn.ConstantPad2d((1, 2), 0.0), "two for each of 2 axes"),
        (lambda: nn.MSELoss(reduction="avg"), "need 'none', 'mean' or 'sum'"),
        (lambda: nn.init.kaiming_uniform_(td.empty((3,))), "need a matrix or weights of a convolution"),
        (lambda: nn.init.calculate_gain("sine"), "need linear"),
    ],
)
def test_errors_of_layers(make, text):
    with pytest.raises(td.Error, match=text):
        make()


# As PyTorch has them, for runs without it; tests/nn/test_modules_torch.py compares all layers with PyTorch itself.
LAYOUTS = [
    (lambda: nn.Linear(3, 2), {"weight": (2, 3), "bias": (2,)}),
    (lambda: nn.Conv2d(4, 6, (3, 5), groups=2), {"weight": (6, 2, 3, 5), "bias": (6,)}),
    (lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), {"weight": (4, 3, 3, 3), "bias": (6,)}),
    (lambda: nn.BatchNorm1d(3), {"weight": (3,), "bias": (3,), "running_mean": (3,), "running_var": (3,),
                                 "num_batches_tracked": ()}),
    (lambda: nn.LSTM(3, 4, proj_size=2), {"weight_ih_l0": (16, 3), "weight_hh_l0": (16, 2), "bias_ih_l0": (16,),
                                          "bias_hh_l0": (16,), "weight_hr_l0": (2, 4)}),
    (lambda: nn.GRU(3, 4, bidirectional=True, bias=False),
     {"weight_ih_l0": (12, 3), "weight_hh_l0": (12, 4), "weight_ih_l0_reverse": (12, 3),
      "weight_hh_l0_reverse": (12, 4)}),
    (lambda: nn.MultiheadAttention(4, 2), {"in_proj_weight": (12, 4), "in_proj_bias": (12,),
                                           "out_proj.weight": (4, 4), "out_proj.bias": (4,)}),
    (lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5, bias=False),
     {"q_proj_weight": (4, 4), "k_proj_weight": (4, 3), "v_proj_weight": (4, 5), "out_proj.weight": (4, 4)}),
]  # fmt: skip


@pytest.mark.parametrize(("make", "layout"), LAYOUTS)
def test_layouts_of_state_dicts(make, layout):
    assert {key: tuple(x.shape) for key, x in make().state_dict().items()} == layout


def test_first_values():
    td.manual_seed(0)
    for make, bound in ((lambda: nn.Linear(400, 300), 1 / 20), (lambda: nn.Conv2d(16, 300, 5), 1 / 20)):
        layer = make()
        for x in layer.parameters():
            values = np.asarray(x.detach())
            assert abs(values).max() <= bound and abs(values).max() > 0.98 * bound and abs(values.mean()) < bound / 10
    w = np.asarray(nn.init.trunc_normal_(td.empty((200, 200)), std=0.5, a=-1.0, b=1.0))
    assert abs(w).max() <= 1 and abs(w.std() - 0.44) < 0.01  # of a normal distribution cut at two deviations
    assert abs(np.asarray(nn.init.kaiming_normal_(td.empty((300, 200)), nonlinearity="relu")).std() - 0.1) < 0.002
    assert abs(np.asarray(nn.init.xavier_normal_(td.empty((300, 500)))).std() - 0.05) < 0.001
    q = np.asarray(nn.init.orthogonal_(td.empty((6, 4, 2)))).reshape(6, 8)
    np.testing.assert_allclose(q @ q.T, np.eye(6), atol=1e-5)
    identity = nn.Conv1d(4, 4, 3, padding=1, bias=False)
    nn.init.dirac_(identity.weight)
    x = td.random.normal((2, 4, 7))
    np.testing.assert_allclose(np.asarray(identity(x).detach()), np.asarray(x), atol=1e-7)


def test_clipping():
    layer = nn.Linear(3, 2)
    with pytest.raises(td.Error, match="need a finite one"):
        (layer(td.ones((1, 3))) * float("inf")).sum().backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)
    layer.zero_grad()
    (layer(td.ones((1, 3))) * 3).sum().backward()
    total = nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
    np.testing.assert_allclose(total.item(), np.sqrt(8 * 9), rtol=1e-6)
    np.testing.assert_allclose(nn.utils.get_total_norm([p.grad for p in layer.parameters()]).item(), 1.0, rtol=1e-5)
    kept = layer.bias.grad.copy()
    nn.utils.clip_grad_norm_(layer.parameters(), 5.0, norm_type=float("inf"))
    assert equal(layer.bias.grad, kept)
    nn.utils.clip_grad_value_(layer.parameters(), 0.1)
    assert equal(layer.bias.grad, td.full((2,), 0.1))
    vector = nn.utils.parameters_to_vector(layer.parameters())
    nn.utils.vector_to_parameters(vector * 2, layer.parameters())
    assert equal(nn.utils.parameters_to_vector(layer.parameters()).detach(), vector.detach() * 2)
    with pytest.raises(td.ShapeError, match="need \\(8,\\)"):
        nn.utils.vector_to_parameters(td.ones((3,)), layer.parameters())


def test_modules_are_freed():
    net = Net()
    net(td.ones((2, 3))).sum().backward()
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


EMPTY = [
    (lambda: nn.Linear(3, 2), (0, 3)),
    (lambda: nn.Sequential(nn.Linear(3, 0), nn.Linear(0, 2)), (4, 3)),
    (lambda: nn.LayerNorm(3), (0, 3)),
    (lambda: nn.GroupNorm(1, 3), (0, 3, 5)),
    (lambda: nn.BatchNorm2d(3).eval(), (0, 3, 4, 4)),
    (lambda: nn.LocalResponseNorm(2), (0, 3, 4)),
    (lambda: nn.Conv2d(3, 2, 3), (0, 3, 5, 5)),
    (lambda: nn.Flatten(), (0, 3, 4)),
    (lambda: nn.MultiheadAttention(4, 2), (5, 0, 4)),
]


@pytest.mark.parametrize(("make", "shape"), EMPTY)
def test_empty_batches_and_layers(make, shape):
    layer, x = make(), td.ones(shape).requires_grad_()
    out = layer(x, x, x)[0] if isinstance(layer, nn.MultiheadAttention) else layer(x)
    out.sum().backward()
    assert x.grad.shape == shape and bool((x.grad == 0).all())
