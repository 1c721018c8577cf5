"""Kernels that run on blocks of the product before them give the bits of one after the other."""

import numpy as np
import pytest

import tandem as td
from tandem import archive

F = td.nn.functional


def bias(x, w, b):
    return x @ w + b


def gelu(x, w, b):
    return td.gelu(x @ w + b)


def residual(x, w, b):
    return td.relu(x @ w + b) * 0.5 + x[:, :1] * b


def narrow(x, w, b):
    return (x @ w + b).astype(td.bfloat16)


def two_results(x, w, b):
    y = x @ w
    return y, td.tanh(y + b), y * y > 0.5


def dropped(x, w, b):
    td.manual_seed(3)
    return F.dropout(x @ w + b, 0.3)


def numbered(x, w, b):
    y = x @ w
    return y + td.arange(y.shape[0], dtype=td.float32)[:, None] * td.arange(y.shape[1], dtype=td.float32)


def normalised(x, w, b):
    return td.layer_norm(x @ w + td.sin(x @ w), b, b)


def softmax(x, w, b):
    return td.softmax(x @ w + b, axis=-1)


def summed(x, w, b):
    y = td.tanh(x @ w + b)
    return y, y.sum(axis=0), y.sum(axis=1)


def gates(x, w, b):
    y = x @ w
    width = w.shape[1] // 4
    i, f, g, o = (y[:, k * width : (k + 1) * width] for k in range(4))
    return td.sigmoid(i) * td.tanh(g) + td.sigmoid(f), td.sigmoid(o)


def twelve_parts(x, w, b):
    parts = td.split((x @ w)[:, : w.shape[1] // 384 * 384], 12, axis=1) if w.shape[1] >= 384 else [x @ w, b]
    y = parts[0]
    for part in parts[1:]:
        y = td.tanh(y) + part
    return y


def halves(x, w, b):
    a, c = td.split(x @ w + b, 2, axis=1)
    return a * td.sigmoid(c)


def heads(x, w, b):
    y = (x @ w + b).reshape((x.shape[0], 4, -1))
    return td.permute_dims(y, (1, 0, 2)) * 0.125


def two_products(x, w, b):
    return td.relu(x @ w + b) + td.exp(x @ (w * 0.5))


def batched(x, w, b):
    return td.gelu(x.reshape((2, x.shape[0] // 2, x.shape[1])) @ w + b)


def other_order(x, w, b):
    y = td.permute_dims(x.reshape((2, x.shape[0] // 2, x.shape[1])), (1, 0, 2)) @ w
    return td.layer_norm(td.permute_dims(y, (1, 0, 2)) + b, b, b), td.tanh(td.permute_dims(y, (1, 0, 2)) - b)


FORMULAS = [
    bias, gelu, residual, narrow, two_results, dropped, numbered, normalised, softmax, summed, gates, halves, heads,
    two_products, batched, other_order, twelve_parts,
]  # fmt: skip


def same(got, wanted):
    got, wanted = (values if isinstance(values, tuple) else (values,) for values in (got, wanted))
    for a, b in zip(got, wanted, strict=True):
        a, b = (value.astype(td.float32) if value.dtype == td.bfloat16 else value for value in (a, b))
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def inputs(m, k, n, seed=0):
    rng = np.random.default_rng(seed)
    return [td.asarray(rng.standard_normal(shape, np.float32), copy=True) for shape in ((m, k), (k, n), (n,))]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_bits(formula, threads):
    before = td.num_threads()
    td.set_num_threads(threads)
    try:
        compiled = td.script(formula)
        # More than one block of depth, of rows and of columns; sizes that divide nothing; sizes that became symbols.
        for m, k, n in ((64, 300, 512), (600, 64, 256), (36, 40, 1084), (400, 600, 100), (2, 128, 128)):
            x, w, b = inputs(m, k, n)
            with td.no_grad():
                same(compiled(x, w, b), formula(x, w, b))
    finally:
        td.set_num_threads(before)


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_weights_that_somebody_else_may_write_to(formula):
    """They are packed for every product: in passing, where the matrix is wider than the rows are many."""
    compiled = td.script(formula)
    for m, k, n in ((320, 300, 768), (290, 520, 1000), (40, 300, 512)):
        x, w, b = inputs(m, k, n)
        lent = td.asarray(np.array(w), copy=False)
        with td.no_grad():
            wanted = formula(x, w, b)
            same(compiled(x, lent, b), wanted)
            lent *= 2
            same(compiled(x, lent, b), formula(x, w * 2, b))


@pytest.mark.parametrize("formula", [gelu, gates, normalised, summed], ids=lambda formula: formula.__name__)
def test_gradients(formula):
    def loss(x, w, b):
        results = formula(x, w, b)
        return sum((y * y).mean() for y in (results if isinstance(results, tuple) else (results,)))

    grads = td.grad(loss, argnums=(0, 1, 2)) if hasattr(td, "grad") else None
    args = inputs(96, 80, 256)
    same(tuple(td.script(grads)(*args)), tuple(grads(*args)))


def test_what_the_product_reads_is_not_overwritten():
    """The result could take over the memory of x, which blocks that are made later still read."""

    def f(y, w):
        x = td.sin(y)
        for _ in range(3):
            x = x + td.relu(x @ w)
        return x

    y, w, _ = inputs(256, 256, 256)
    w = w * 0.01
    same(td.script(f)(y, w), f(y, w))


def test_an_argument_written_where_it_lies():
    def state(w, h):
        h[...] = td.tanh(h @ w)
        return None

    def descent(w, x, g):
        w -= 0.1 * (td.matrix_transpose(x) @ g)
        return None

    _, w, _ = inputs(8, 256, 256)
    h, x, g = inputs(200, 256, 256)[0], inputs(300, 256, 8)[0], inputs(300, 256, 8, 1)[0]
    for function, rest in ((state, (h,)), (descent, (x, g))):
        mine, theirs = [w.copy() * 0.1, *(t.copy() for t in rest)], [w.copy() * 0.1, *(t.copy() for t in rest)]
        compiled = td.script(function)
        for _ in range(3):
            compiled(*mine)
            function(*theirs)
        same(tuple(mine), tuple(theirs))


def test_a_loop_over_steps():
    lstm = td.nn.LSTM(32, 64)
    x = td.asarray(np.random.default_rng(0).standard_normal((9, 16, 32), np.float32))
    compiled = td.script(lstm.forward)
    with td.no_grad():
        out, (h, c) = compiled(x)
        wanted, (h2, c2) = lstm(x)
    same((out, h, c), (wanted, h2, c2))
    assert "blocks" in compiled.ir("program")


def test_a_bad_index_in_a_kernel_on_blocks():
    @td.script
    def f(x, w, table, indices):
        return x @ w + table[indices]

    x, w, table = inputs(64, 64, 64)
    with pytest.raises(IndexError, match="99"):
        f(x, w, table, td.full((64, 64), 99))


def test_plans_say_so_and_files_keep_it(tmp_path):
    class Model(td.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.norm = td.nn.Linear(64, 256), td.nn.Linear(256, 64), td.nn.LayerNorm(64)

        def forward(self, x):
            return self.norm(x + self.b(td.gelu(self.a(x))))

    model, x = Model(), inputs(100, 64, 64)[0]
    compiled = td.script(model.forward)
    with td.no_grad():
        wanted = model(x)
        same(compiled(x), wanted)
        assert compiled.ir("program").count("then by") == 2, compiled.ir("program")
        td.save(model, tmp_path / "model.tdm", methods={"forward": (x,)})
        for target in ("interpreter", *td._core.cpu_levels()):
            same(archive.load(tmp_path / "model.tdm", target).forward(x), wanted)
