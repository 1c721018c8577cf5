"""Training steps with attention keep nothing of the size of all pairs either, and have the bits of eager code."""

import re

import numpy as np
import pytest
from attention_programs import causal, elementwise, library, masked, plain

import tandem as td
from tandem import archive

F = td.nn.functional

FORMS = [plain, masked, causal, library, elementwise]


def operands(batch, rows, keys, width=32, dtype=td.float32):
    rng = np.random.default_rng(rows * keys)
    shapes = (*batch, rows, width), (*batch, keys, width), (*batch, keys, width)
    return [td.asarray(rng.standard_normal(shape), dtype=dtype) for shape in shapes]


def gradients_of(form):
    """Its gradients need all of the result first, as those of a mean over all tokens do."""
    return td.value_and_grad(lambda q, k, v: (form(q, k, v) ** 3).sum() ** 2, argnums=(0, 1, 2))


def flat(result):
    value, gradients = result
    wide = [x.astype(td.float32) if x.dtype == td.bfloat16 else x for x in (value, *gradients)]
    return [np.asarray(x).tobytes() for x in wide]


def groups(compiled):
    """The steps on rows of its program."""
    return re.findall(r"rows of \[.*?\n *}", compiled.ir("program"), re.DOTALL)


def check(compiled, function, arguments, threads=(1, 2, 3)):
    wanted = flat(function(*arguments))
    for count in threads:
        td.set_num_threads(count)
        assert flat(compiled(*arguments)) == wanted
    td.set_num_threads(2)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("sizes", [((2, 3), 150, 150), ((5,), 131, 203), ((1, 1), 300, 300), ((9,), 96, 96)], ids=str)
def test_small_ones_keep_their_weights(form, sizes):
    if form in (masked, causal) and sizes[1] != sizes[2]:
        sizes = (sizes[0], sizes[2], sizes[2])
    function = gradients_of(form)
    compiled = td.script(function)
    check(compiled, function, operands(*sizes))
    (backward,) = groups(compiled)
    assert backward.count("matmul") == 3, backward  # of the weights, of the queries and of the keys


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("sizes", [((2,), 1451, 1453, 16), ((5,), 930, 930, 24), ((), 2100, 2101, 8)], ids=str)
def test_large_ones_keep_nothing(form, sizes):
    if form in (masked, causal) and sizes[1] != sizes[2]:
        sizes = (sizes[0], sizes[2], *sizes[2:])
    function = gradients_of(form)
    compiled = td.script(function)
    check(compiled, function, operands(*sizes), threads=(1, 2))
    forward, backward = groups(compiled)
    assert forward.count("matmul") == 2 and backward.count("matmul") == 5, compiled.ir("program")
    assert compiled.ir("program").count("matmul") == 7


def test_memory_does_not_grow_with_the_pairs():
    q, k, v = operands((8,), 4096, 4096, 16)

    @td.script
    def step(q, k, v):
        return gradients_of(causal)(q, k, v)

    td.reset_peak_memory()
    before = td.memory_stats()["in_use"]
    step(q, k, v)
    pairs = 8 * 4096 * 4096 * 4  # bytes
    assert td.memory_stats()["peak"] - before < 16 * q.nbytes + pairs / 50 < pairs / 10


def test_gradients_that_do_not_need_the_result_come_with_it():
    g = operands((3,), 200, 200)[0]
    function = td.value_and_grad(lambda q, k, v: (plain(q, k, v) * g).sum(), argnums=(0, 1, 2))
    compiled = td.script(function)
    check(compiled, function, operands((3,), 200, 200))
    (step,) = groups(compiled)
    assert step.count("matmul") == 6, step


def test_other_sizes_of_the_same_program():
    function = gradients_of(plain)
    compiled = td.script(function)
    sizes = [
        ((3,), 1200, 1300),
        ((2,), 1500, 1600),
        ((3,), 1, 300),
        ((3,), 257, 2),
        ((2,), 40, 1),
        ((0,), 9, 9),
        ((17,), 30, 20),
    ]
    for batch, rows, keys in sizes:
        arguments = operands(batch, rows, keys, 8)
        assert flat(compiled(*arguments)) == flat(function(*arguments))
    assert compiled.stats()["captures"] < len(sizes)


@pytest.mark.parametrize("dtype", [td.float64, td.float16, td.bfloat16], ids=str)
def test_other_dtypes_take_one_step_after_the_other(dtype):
    function = gradients_of(plain)
    compiled = td.script(function)
    check(compiled, function, operands((2,), 200, 200, dtype=dtype), threads=(2,))
    assert not groups(compiled)


def test_a_mask_that_learns():
    """Its gradient needs the differences of all pairs: they are kept, and read by rows."""
    q, k, v = operands((3,), 200, 200)
    bias = td.asarray(np.random.default_rng(1).standard_normal((200, 200), dtype=np.float32))

    def loss(q, k, v, bias):
        return ((td.softmax(q @ td.matrix_transpose(k) + bias, axis=-1) @ v) ** 2).sum() ** 2

    function = td.value_and_grad(loss, argnums=(0, 1, 2, 3))
    check(td.script(function), function, [q, k, v, bias])


def test_products_that_are_turned():
    """The weights are a right-hand matrix, turned, which a step on rows does not take."""

    def turned(q, k, v):
        weights = td.softmax(q @ td.matrix_transpose(k), axis=-1)
        return td.matrix_transpose(td.matrix_transpose(v) @ td.matrix_transpose(weights))

    function = gradients_of(turned)
    check(td.script(function), function, operands((3,), 200, 210))


def test_dropout_of_weights():
    def loss(q, k, v):
        return (F.scaled_dot_product_attention(q, k, v, dropout_p=0.25) ** 2).sum() ** 2

    function = td.value_and_grad(loss, argnums=(0, 1, 2))
    compiled = td.script(function)
    for batch, rows in (((2,), 200), ((2,), 1500)):
        arguments = operands(batch, rows, rows, 8)
        results = []
        for one in (function, compiled):
            td.manual_seed(3)
            results.append([flat(one(*arguments)), flat(one(*arguments))])
        assert results[0] == results[1]
        assert results[0][0] != results[0][1]
    assert groups(compiled)


def test_operands_that_change_meanwhile_are_not_computed_with():
    """The queries are overwritten between the passes, so the weights are kept."""

    def changing(q, k, v):
        with td.no_grad():
            weights = td.softmax(q @ td.matrix_transpose(k), axis=-1)
            out = weights @ v
            total = out.sum()
            q *= 2.0
            grad = out * total
            return td.matrix_transpose(weights) @ grad, (grad @ td.matrix_transpose(v)) * weights @ k

    results = []
    for function in (changing, td.script(changing)):
        arrays = operands((2,), 1500, 1500, 8)
        results.append([np.asarray(x).tobytes() for x in (*function(*arrays), *arrays)])
    assert results[0] == results[1]


def test_what_is_printed_and_checked_in_between_keeps_its_order(capsys):
    def step(q, k, v):
        o = plain(q, k, v)
        total = (o**2).sum()
        print("total", total > 0)
        assert total > 0, "nothing"
        value, gradients = gradients_of(plain)(q, k, o)
        print("then", value > 0)
        return value, gradients

    arguments = operands((2,), 1500, 1500, 8)
    wanted = flat(step(*arguments))
    first = capsys.readouterr().out
    assert flat(td.script(step)(*arguments)) == wanted
    assert capsys.readouterr().out == first


def test_in_loops():
    def descend(q, k, v, n):
        value = td.zeros(())
        while n > 0:
            value, (a, b, c) = gradients_of(plain)(q, k, v)
            q, k, v = q - 1e-9 * a, k - 1e-9 * b, v - 1e-9 * c
            n = n - 1
        return value, (q, k, v)

    arguments = [*operands((2,), 1500, 1500, 8), td.asarray(3)]
    compiled = td.script(descend)
    assert flat(compiled(*arguments)) == flat(descend(*arguments))
    assert "rows of [" in compiled.ir("program")


@pytest.mark.parametrize("tokens", [96, 750])
def test_a_transformer_trains_as_it_does_eagerly(tokens):
    x = td.asarray(np.random.default_rng(5).standard_normal((2, tokens, 32), dtype=np.float32))
    states = []
    for annotate in (lambda f: f, td.script):
        td.manual_seed(7)
        layer = td.nn.TransformerEncoderLayer(32, 4, 48, dropout=0.0, batch_first=True)
        model = td.nn.TransformerEncoder(layer, 2)
        optimizer = td.optim.AdamW(model.parameters(), lr=1e-2)

        @annotate
        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (model(x) ** 3).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        losses = [np.asarray(step(x)).tobytes() for _ in range(3)]
        states.append((losses, [np.asarray(p.detach()).tobytes() for p in model.parameters()]))
    assert states[0] == states[1]
    assert len(groups(step)) == (2 if tokens == 96 else 4)


@pytest.mark.parametrize("form", [plain, masked, causal, library], ids=lambda form: form.__name__)
@pytest.mark.parametrize("rows", [150, 1500])
def test_compiled_functions_on_the_tape(form, rows):
    """What the call keeps for the backward pass is of the size of all pairs only where that is small."""
    given = [np.asarray(x) for x in operands((2,), rows, rows, 8)]
    results = []
    for function in (form, td.script(form)):
        leaves = [td.asarray(x.copy()).requires_grad_() for x in given]
        before = td.memory_stats()["in_use"]
        out = function(*leaves)
        kept = td.memory_stats()["in_use"] - before
        td.reset_peak_memory()
        (out**3).sum().backward()
        peak = td.memory_stats()["peak"] - before
        results.append([np.asarray(x.detach()).tobytes() for x in (out, *(leaf.grad for leaf in leaves))])
    assert results[0] == results[1]
    assert rows == 150 or max(kept, peak) < 2 * rows * rows * 4 / 3


@pytest.mark.parametrize("target", ["interpreter", *td._core.cpu_levels()])
def test_in_files(tmp_path, target):
    q, k, v = operands((2,), 1500, 1500, 8)

    @td.script
    def step(q, k, v):
        return gradients_of(causal)(q, k, v)

    sizes = {name: {1: "rows"} for name in "qkv"}
    td.save(step, tmp_path / "step.tdm", (q, k, v), dynamic=sizes, targets=list(td._core.cpu_levels()))
    loaded = archive.load(tmp_path / "step.tdm", target)
    for rows in (150, 67):
        arrays = [x[:, :rows] for x in (q, k, v)]
        assert flat(loaded(*arrays)) == flat(step.eager(*arrays))
