"""Modules inside of annotated functions: the bits of eager code, what is guarded, and what is written back."""

import numpy as np
import pytest
from module_cases import CASES, arrays, name_of

import tandem as td
from tandem import nn, pytree


def bits(tree):
    return [np.asarray(x).tobytes() for x in pytree.leaves(tree) if isinstance(x, td.Tensor)]


def single(array):
    return td.asarray(array.astype(np.float32) if array.dtype == np.float64 else array)


def build(case):
    td.manual_seed(7)
    return getattr(nn, case[0])(*case[1], **case[2])


@pytest.mark.parametrize("annotate", [td.script, td.trace])
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_bits_of_eager_code(case, annotate):
    eager, module = build(case), build(case)
    compiled = annotate(module)
    xs = [single(a) for a in arrays(case)]
    for training in (True, True, False):
        eager.train(training), module.train(training)
        results = []
        for f in (eager, compiled):
            td.manual_seed(3)
            with td.no_grad():
                results.append(bits(f(*xs)))
        assert results[0] == results[1]
        assert bits(eager.state_dict()) == bits(module.state_dict())
    stats = compiled.stats()
    assert stats["captures"] == 1 + (stats["captures"] > 1) and stats["calls"] == 3  # not again in the second call


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_gradients_have_the_bits_of_eager_code(case):
    eager, module = build(case), build(case)
    results = []
    for f, net in ((eager, eager), (td.script(module), module)):
        td.manual_seed(3)
        given = arrays(case)
        xs = [single(a).requires_grad_() if isinstance(spec, tuple) else single(a) for a, spec in zip(given, case[3])]
        out = [y for y in pytree.leaves(f(*xs)) if isinstance(y, td.Tensor)]
        total = td.asarray(0.0)
        for y in out:
            total = total + (y * y).sum() if y.requires_grad else total
        if total.requires_grad:
            total.backward()
        grads = [x.grad for x in (*xs, *net.parameters())]
        results.append([None if g is None else np.asarray(g).tobytes() for g in grads])
    assert results[0] == results[1]


class Net(nn.Module):
    """A user's network with what they do: branches on flags and tensors, loops over modules, state, a Python number."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.head = nn.Sequential(nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 2))
        self.scale = nn.Parameter(td.asarray(1.0))
        self.register_buffer("seen", td.asarray(0))
        self.limit = 10.0

    def forward(self, x):
        for layer in self.layers:
            x = x + td.tanh(layer(x))
        if x.sum() > self.limit:
            x = x / 2
        while td.abs(x).max() > 4:
            x = x / 2
        if self.training:
            self.seen += 1
        return self.head(x) * self.scale


@pytest.fixture
def net():
    td.manual_seed(0)
    return Net()


def test_control_flow_in_forward_is_rewritten(net):
    f = td.script(net)
    with td.no_grad():
        for factor in (0.1, 1.0, 30.0, -30.0):
            x = td.ones((3, 4)) * factor
            assert bits(f(x)) == bits(net(x))
    assert f.stats()["captures"] == 1 and int(net.seen) == 8


def test_inside_of_a_function_and_of_other_modules(net):
    outer = nn.Sequential(nn.Identity(), net)

    @td.script
    def run(x):
        return outer(x).sum()

    with td.no_grad():
        for factor in (1.0, 30.0):
            x = td.ones((3, 4)) * factor
            assert bits(run(x)) == bits(outer(x).sum())
    assert run.stats()["captures"] == 1


def test_forward_that_is_annotated_itself():
    class Scripted(Net):
        @td.script
        def forward(self, x):
            return Net.forward(self, x)

    td.manual_seed(0)
    one = Scripted()
    td.manual_seed(0)
    two = Net()
    with td.no_grad():
        for factor in (1.0, 30.0):
            x = td.ones((3, 4)) * factor
            assert bits(one(x)) == bits(two(x))
    assert Scripted.forward.stats()["captures"] == 1


def test_an_annotated_module_is_a_part_of_another(net):
    whole = nn.Sequential(nn.Linear(4, 4), td.script(net))
    assert [name for name, _ in whole.named_parameters()][2] == "1.scale"
    assert [*whole.state_dict()][:3] == ["0.weight", "0.bias", "1.scale"]
    whole.eval()
    assert not net.training and not net.head.training
    with td.no_grad():
        whole(td.ones((3, 4)))
    assert whole[1].stats()["calls"] == 1


def test_what_is_guarded(net):
    f, x = td.script(net), td.ones((3, 4))

    def check(captures):
        with td.no_grad():
            assert bits(f(x)) == bits(net(x))
        assert f.stats()["captures"] == captures

    check(1)
    check(1)
    net.eval()
    check(2)
    net.train()
    check(2)
    net.limit = -10.0
    check(3)
    net.head[1] = nn.ReLU()
    check(4)
    net.layers.append(nn.Linear(4, 4))
    check(5)
    net.layers[0].weight = nn.Parameter(td.zeros((4, 4)))  # the same kind of tensor: an input of the program
    check(5)
    net.load_state_dict({key: x * 2 for key, x in net.state_dict().items()})
    check(5)
    handle = net.head[2].register_forward_hook(lambda module, args, out: out + 1)
    check(6)
    handle.remove()
    check(6)


def test_hooks_are_part_of_the_program():
    layer = nn.Linear(3, 3)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    layer.register_forward_hook(lambda module, args, out: out - args[0])

    def halved(module, args, out):
        if out.sum() > 0:
            out = out / 2
        return out

    layer.register_forward_hook(halved)
    f = td.script(layer)
    with td.no_grad():
        for factor in (1.0, -1.0):
            x = td.ones((2, 3)) * factor
            assert bits(f(x)) == bits(layer(x))
    assert f.stats()["captures"] == 1


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_steps_stay_a_loop(name):
    net = getattr(nn, name)(3, 4, bidirectional=True)
    f = td.script(net)
    with td.no_grad():
        for length in (9, 14, 20):
            x = td.random.normal((length, 2, 3))
            assert bits(f(x)) == bits(net(x))
    assert f.ir("captured").count("= while") == 2
    assert "kept as a loop" in str(f.explain()) and "unrolled" not in str(f.explain())
    assert f.stats()["captures"] == 2


def test_a_cell_in_a_loop_of_the_users():
    cell = nn.LSTMCell(3, 4)

    @td.script
    def run(xs):
        state = (td.zeros((2, 4)), td.zeros((2, 4)))
        for x in xs:
            state = cell(x, state)
        return state

    xs = td.random.normal((12, 2, 3))
    with td.no_grad():
        assert bits(run(xs)) == bits(run.eager(xs))
    assert "= while" in run.ir("captured")


def test_random_numbers_go_on_as_in_eager_code():
    drop = nn.Dropout(0.5)
    f = td.script(drop)
    x = td.ones((100,))
    td.manual_seed(1)
    eager = [bits(drop(x)) for _ in range(3)]
    td.manual_seed(1)
    assert [bits(f(x)) for _ in range(3)] == eager and eager[0] != eager[1]


def test_backward_hooks_are_part_of_the_program():
    def gradients(annotate):
        td.manual_seed(2)
        layer = nn.Linear(3, 3)
        layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 2,))
        layer.register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] + outputs[0],))
        x = td.ones((2, 3)).requires_grad_()
        (annotate(layer)(x) * td.arange(3)).sum().backward()
        return bits([x.grad, layer.weight.grad, layer.bias.grad])

    assert gradients(lambda layer: layer) == gradients(td.script) == gradients(td.trace)


def images():
    body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(body, nn.Flatten(), nn.Dropout(0.2), nn.Linear(27, 5)), (4, 1, 8, 8), None


def texts():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.Sequential(nn.Embedding(5, 8, padding_idx=0), nn.TransformerEncoder(layer, 2), nn.Linear(8, 5)), (4, 6), 5


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.head = nn.LSTM(3, 4, 2, bidirectional=True, dropout=0.3), nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.net(x)[0][-1])


@pytest.mark.parametrize("make", [images, texts, lambda: (Steps(), (12, 4, 3), None)], ids=["images", "texts", "steps"])
def test_training_steps_have_the_bits_of_eager_code(make):
    def train(annotate):
        td.manual_seed(4)
        net, shape, classes = make()
        optimizer = td.optim.Adam(net.parameters(), lr=1e-2)

        def step(x, y):
            optimizer.zero_grad()
            out = net(x)
            loss = nn.functional.cross_entropy(out.reshape((-1, 5)), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            return loss

        run = annotate(step)
        rng = np.random.default_rng(6)
        losses = []
        for _ in range(5):
            x = rng.integers(0, classes, shape) if classes else rng.standard_normal(shape).astype(np.float32)
            y = rng.integers(0, 5, 24 if classes else 4)
            losses.append(run(td.asarray(x), td.asarray(y)))
        if run is not step:
            assert run.stats()["eager_calls"] == 0 and run.stats()["captures"] <= 2
        return bits([*losses, *net.state_dict().values()])

    assert train(td.script) == train(lambda step: step)
