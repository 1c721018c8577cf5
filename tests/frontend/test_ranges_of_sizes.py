"""`arange` over the sizes of arguments: one program for all lengths, with the numbers of eager code."""

import pytest

import tandem as td

FORMS = {
    "n": lambda x: td.arange(x.shape[0]),
    "float": lambda x: td.arange(x.shape[0], dtype=td.float32) * 0.5,
    "int8": lambda x: td.arange(x.shape[1], dtype=td.int8),
    "from one": lambda x: td.arange(1, x.shape[0]),
    "sum of sizes": lambda x: td.arange(x.shape[0] + 2 * x.shape[1]),
    "between sizes": lambda x: td.arange(x.shape[0], x.shape[0] + x.shape[1], dtype=td.float64),
    "negative start": lambda x: td.arange(-3, x.shape[1], dtype=td.int32),
    "of a size to a number": lambda x: td.arange(x.shape[0], 1000),
    "keywords": lambda x: td.arange(start=2, stop=x.shape[0], step=1),
    "causal": lambda x: td.where(
        td.arange(x.shape[0])[:, None] >= td.arange(x.shape[1])[None, :], x, -td.inf
    ),
    "positions": lambda x: x[td.arange(x.shape[0]) // 2],
    "loss": lambda x: x[td.arange(x.shape[0]), td.arange(x.shape[0]) % x.shape[1]].sum(),
}  # fmt: skip


def same(got, wanted):
    assert got.dtype == wanted.dtype and got.tolist() == wanted.tolist()


@pytest.mark.parametrize("form", FORMS)
def test_one_program_for_all_lengths(form):
    compiled = td.script(FORMS[form])
    for rows, columns in ((5, 7), (6, 8), (40, 9), (300, 33)):
        x = td.random.normal((rows, columns))
        same(compiled(x), FORMS[form](x))
    assert compiled.stats()["captures"] <= 2


PINNED = {
    "step": lambda x: td.arange(0, x.shape[0], 2),
    "down": lambda x: td.arange(x.shape[0], 0, -1),
    "real": lambda x: td.arange(0.5, x.shape[0]),
    "size as step": lambda x: td.arange(0, 100, x.shape[0]),
}


@pytest.mark.parametrize("form", PINNED)
def test_others_are_right(form):
    compiled = td.script(PINNED[form])
    for rows in (5, 6, 40):
        x = td.random.normal((rows, 3))
        same(compiled(x), PINNED[form](x))


def test_a_range_that_may_be_empty():
    compiled = td.script(lambda x: td.arange(x.shape[0], x.shape[1]))
    for rows, columns in ((5, 9), (9, 5), (6, 11), (7, 7)):
        x = td.zeros((rows, columns))
        same(compiled(x), td.arange(rows, columns))


def test_in_a_loop_and_with_gradients():
    def f(x, n):
        while n > 0:
            x = x + td.arange(x.shape[0], dtype=td.float32)[:, None] * 0.1
            n = n - 1
        return (x * x).sum()

    compiled = td.script(f)
    for rows in (3, 4, 50):
        x = td.random.normal((rows, 4)).requires_grad_()
        y = td.asarray(x.detach(), copy=True).requires_grad_()
        compiled(x, td.asarray(3)).backward()
        f(y, td.asarray(3)).backward()
        same(x.grad, y.grad)


def test_saved_for_all_lengths(tmp_path):
    f = td.script(lambda q: td.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True))
    q = td.random.normal((2, 20, 8))
    td.save(f, tmp_path / "f.tdm", (q,), dynamic={"q": [1]})
    loaded = td.load(tmp_path / "f.tdm")
    for length in (20, 7, 1, 60):
        q = td.random.normal((2, length, 8))
        same(loaded(q), f(q))
