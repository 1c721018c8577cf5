"""`precompile`: compiled before the first call."""

import collections
import pickle

import numpy as np
import pytest

import tandem as td


def test_specifications_of_tensors():
    @td.script
    def f(x, w):
        return td.tanh(x @ w)

    assert f.precompile(td.TensorSpec((None, 8), td.float32), td.TensorSpec((8, 4))) is f
    assert f.stats()["captures"] == 1 and f.stats()["calls"] == 0
    with td.no_recompile():
        for n in (2, 3, 100, 1680):
            x, w = td.ones((n, 8)), td.ones((8, 4))
            assert np.asarray(f(x, w)).tobytes() == np.asarray(f.eager(x, w)).tobytes()
    assert f.stats()["captures"] == 1 and f.stats()["cache_hits"] == 4
    f.precompile(td.TensorSpec((None, 8)), td.TensorSpec((8, 4)))  # is there
    assert f.stats()["captures"] == 1


def test_several_specialisations():
    @td.script
    def f(x, scale):
        return x * scale

    f.precompile(td.TensorSpec((3,)), 2.0).precompile(td.TensorSpec((None, 5)), 2.0)
    f.precompile(td.TensorSpec((None, 5), "float64"), scale=2.0)
    assert f.stats()["captures"] == 3
    with td.no_recompile():
        f(td.ones((3,)), 2.0), f(td.ones((7, 5)), 2.0), f(td.ones((9, 5), dtype=td.float64), scale=2.0)
        with pytest.raises(td.CompileError):
            f(td.ones((4,)), 2.0)


def test_an_example_and_a_tensor_of_other_strides():
    @td.script
    def f(x):
        return x + x.sum(axis=0)

    columns = td.ones((4, 6)).T
    f.precompile(td.ones((4, 6))).precompile(columns)
    with td.no_recompile():
        f(td.zeros((4, 6))), f(td.zeros((4, 6)).T)
    assert f.stats()["captures"] == 2


def test_names_of_dimensions():
    @td.script
    def f(x, y):
        return (x + y) * x.shape[0]

    f.precompile(td.TensorSpec(("n", 4)), td.TensorSpec(("n", 4)))
    with td.no_recompile():
        for n in (2, 3, 5):
            assert f(td.ones((n, 4)), td.ones((n, 4))).tolist() == [[2.0 * n] * 4] * n


def test_dimensions_without_names_differ():
    @td.script
    def add(x, y):
        return x + y

    with pytest.raises(td.ShapeError) as caught:
        add.precompile(td.TensorSpec((None, 4)), td.TensorSpec((None, 4)))
    lines = str(caught.value).splitlines()
    assert "1680" in lines[0] and "2640" in lines[0]
    assert lines[-1] == (
        "(precompile took axis 0 of x as 1680, axis 0 of y as 2640; try one name for dimensions that are equal)"
    )
    assert add.stats()["captures"] == 0

    @td.script
    def outer(x, y):
        return x.reshape((-1, 1)) * y

    spec = td.TensorSpec((None,))
    outer.precompile(spec, spec)
    with td.no_recompile():
        assert outer(td.ones((3,)), td.ones((4,))).shape == (3, 4)
        assert outer(td.ones((7,)), td.ones((2,))).shape == (7, 2)


def test_sizes_that_are_divided():
    @td.script
    def f(x):
        return x.reshape((x.shape[0] // 4, 4, -1)).sum(axis=1)

    f.precompile(td.TensorSpec((None, 3)))
    with td.no_recompile():
        for n in (8, 12, 64):
            assert f(td.ones((n, 3))).tolist() == [[4.0] * 3] * (n // 4)


def test_arguments_in_containers():
    Pair = collections.namedtuple("Pair", "left right")

    @td.script
    def f(pair, table, *rest, bias=None):
        return pair.left @ pair.right + table["c"][0] + rest[0] + (0 if bias is None else bias)

    spec = td.TensorSpec(("n", "n"))
    f.precompile(Pair(spec, spec), {"c": [spec]}, spec, bias=td.TensorSpec(()))
    with td.no_recompile():
        for n in (2, 5):
            x = td.ones((n, n))
            assert f(Pair(x, x), {"c": [x]}, x, bias=td.ones(())).tolist() == [[n + 3.0] * n] * n


def test_nothing_happens_but_compilation(capsys):
    class Model:
        def __init__(self):
            self.weight, self.steps, self.mean = td.ones((4, 2)), 0, td.zeros(())

        def __call__(self, x):
            print("sum", x.sum())
            self.steps += 1
            self.mean = x.mean()
            x += 1
            return x @ self.weight

        @td.script
        def forward(self, x):
            self.steps += 1
            return x @ self.weight

    model = Model()
    f = td.script(model)
    before = td.stats()["launches"], td.stats()["library_calls"], td.memory_stats()["allocations"]
    f.precompile(td.TensorSpec((None, 4)))
    Model.forward.precompile(model, td.TensorSpec((None, 4)))
    assert (td.stats()["launches"], td.stats()["library_calls"], td.memory_stats()["allocations"]) == before
    assert (model.steps, model.mean.item(), capsys.readouterr().out) == (0, 0.0, "")
    with td.no_recompile():
        for n in (2, 6):
            assert f(td.ones((n, 4))).tolist() == [[8.0, 8.0]] * n
            assert model.forward(td.ones((n, 4))).tolist() == [[4.0, 4.0]] * n
    assert model.steps == 4 and model.mean.item() == 1.0


def test_huge_shapes_need_no_memory():
    @td.script
    def f(x):
        return (x * 2).sum()

    f.precompile(td.TensorSpec((1 << 40, 4)))
    f.precompile(td.TensorSpec((None,) * 6))
    with td.no_recompile():
        assert f(td.ones((2, 3, 4, 5, 6, 7))).item() == 2 * 5040


def test_after_calls_and_before_them():
    @td.script
    def f(x):
        return x * 2

    f(td.ones((3, 4)))
    f.precompile(td.TensorSpec((3, 4)))
    assert f.stats()["captures"] == 1
    f.precompile(td.TensorSpec((None, 4)))
    assert f.stats()["captures"] == 2
    with td.no_recompile():
        f(td.ones((3, 4))), f(td.ones((5, 4)))


def test_in_the_background(held):
    @td.script(background=True)
    def f(x):
        return x * 2

    f.precompile(td.TensorSpec((3,))).precompile(td.TensorSpec((None, 2)))
    assert (f.stats()["pending"], f.stats()["compiles"]) == (2, 0)
    f.wait()
    assert (f.stats()["pending"], f.stats()["compiles"]) == (0, 2)
    with td.no_recompile():
        f(td.ones((3,))), f(td.ones((4, 2)))
    assert f.stats()["eager_calls"] == 0


def test_switches():
    @td.script
    def f(x):
        return x * 2

    with td.disabled():
        assert f.precompile(td.TensorSpec((3,))) is f
    assert f.stats()["captures"] == 0
    with td.no_recompile(), pytest.raises(td.CompileError) as caught:
        f.precompile(td.TensorSpec((3,)))
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        "no_recompile: got a call of 'f' that needs a new compilation (it has not been called with such arguments "
        "before); need a call that an earlier one prepared; try calling it before the block with such arguments"
    )
    assert lines[2:] == ["   | f.precompile(td.TensorSpec((3,)))", "   | " + "^" * 33] and len(caught.traceback) == 1

    @td.trace(fallback=True)
    def g(x):
        return x if x.sum() > 0 else -x

    with pytest.warns(RuntimeWarning, match="g runs eagerly, because it cannot be captured"):
        g.precompile(td.TensorSpec((3,)))
    assert g.precompile(td.TensorSpec((3,))) is g and g.stats()["fallbacks"] == 0
    assert g(-td.ones((2,))).tolist() == [1.0, 1.0]


def method_like(self, x):
    return x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: td.script(lambda x, y: x).precompile(td.TensorSpec((2,))),
            TypeError,
            "precompile: got arguments that the function does not take (missing a required argument: 'y'); need those "
            "of a call",
        ),
        (
            lambda: td.script(method_like).precompile(td.TensorSpec((2,))),
            TypeError,
            "precompile: got arguments that the function does not take (missing a required argument: 'x'); need those "
            "of a call; try the object itself as the first one: Model.forward.precompile(model, ...)",
        ),
        (
            lambda: td.script(dynamic=False)(lambda x: x).precompile(td.TensorSpec(("n", 2))),
            ValueError,
            "precompile: got the dimension 'n' for a function with dynamic=False; need sizes; try one precompile for "
            "each of them, or leaving dynamic out",
        ),
        (
            lambda: td.script(lambda *x: x[0]).precompile(*[td.TensorSpec((None,) * 8)] * 3),
            ValueError,
            "precompile: got more than 22 dimensions that differ; need fewer",
        ),
        (
            lambda: td.TensorSpec((2, 1.5)),
            TypeError,
            "TensorSpec: got the dimension 1.5; need a size, None, or a name such as 'batch'",
        ),
        (
            lambda: td.TensorSpec(("a b",)),
            TypeError,
            "TensorSpec: got the dimension 'a b'; need a size, None, or a name such as 'batch'",
        ),
        (
            lambda: td.TensorSpec((-1,)),
            ValueError,
            "TensorSpec: got the dimension -1; need 0 or more, None, or a name such as 'batch'",
        ),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_tensor_spec():
    spec = td.TensorSpec(("batch", None, 3), "float64")
    assert repr(spec) == "TensorSpec(('batch', None, 3), float64)"
    assert (spec.shape, spec.dtype) == (("batch", None, 3), td.float64)
    assert spec == td.TensorSpec(["batch", None, np.int64(3)], np.float64) and spec != td.TensorSpec((3,))
    assert len({spec, td.TensorSpec(("batch", None, 3), td.float64)}) == 1
    assert td.TensorSpec(4).shape == (4,) and td.TensorSpec(()).shape == ()
    assert td.TensorSpec((2,)).dtype == td.default_dtype()
    assert pickle.loads(pickle.dumps(spec)) == spec
