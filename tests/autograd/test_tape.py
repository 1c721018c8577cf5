"""The tape: leaves, writes in place, views, what a backward pass needs, and functions that give gradients."""

import gc
import weakref

import numpy as np
import pytest

import tandem as td


def leaf(values):
    return td.asarray(values, dtype=td.float64).requires_grad_()


def equal(x, values):
    np.testing.assert_allclose(np.asarray(x), values, rtol=1e-12)


def test_a_leaf_sums_up_its_gradient():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    (3 * x).sum().backward()
    equal(x.grad, [5.0, 7.0])
    x.grad = None
    assert x.grad is None and x.is_leaf and x.requires_grad and x.grad_fn is None
    y = x * 2
    assert y.requires_grad and not y.is_leaf and y.grad_fn == "multiply"
    assert not (x > 1).requires_grad and not td.argsort(x).requires_grad


def test_what_is_not_recorded():
    x = leaf([1.0])
    with td.no_grad():
        y = x * 2
        with td.enable_grad():
            z = x * 2
    assert not y.requires_grad and z.requires_grad and td.is_grad_enabled()
    assert not x.detach().requires_grad and np.shares_memory(np.asarray(x.detach()), np.asarray(x))

    @td.no_grad()
    def step(p):
        p -= 0.5
        return p * 1

    assert not step(x).requires_grad and x.requires_grad and x.tolist() == [0.5]


def test_shared_values_and_broadcasting():
    x, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([10.0, 20.0])
    y = x + b
    (y * y + y).sum().backward()
    equal(x.grad, 2 * np.asarray(y) + 1)
    equal(b.grad, (2 * np.asarray(y) + 1).sum(axis=0))


def test_writes_into_views_reach_the_whole_and_other_views():
    x = leaf([1.0, 2.0, 3.0, 4.0])
    y = x * 1
    part, other = y[1:3], y.reshape((2, 2)).T
    part += x[0] * 5
    part[0] = x[3] ** 2
    other += x[1] * x[0]
    (y * y).sum().backward()
    equal(x.grad, [254.0, 74.0, 20.0, 300.0])


def test_a_tensor_becomes_tracked_by_what_is_written_to_it():
    x, rows = leaf([1.0, 2.0]), td.zeros((3, 2), dtype=td.float64)
    row = rows[1]
    assert not rows.requires_grad
    rows[0] = x * 2
    row[...] = x * x
    rows[td.asarray([2]), td.asarray([1])] = x[1:] * 7
    assert rows.requires_grad and row.requires_grad
    (rows * 3).sum().backward()
    equal(x.grad, [3 * (2 + 2.0), 3 * (2 + 4.0 + 7.0)])
    rows[...] = 0.0
    assert not rows.requires_grad


def test_masks_and_index_arrays():
    x = leaf([1.0, -2.0, 3.0])
    y = x * 1
    y[y < 0] = 5.0
    y[td.asarray([0])] *= x[2:]
    (y * y).sum().backward()
    equal(x.grad, [18.0, 0.0, 6.0 + 6.0])


@pytest.mark.parametrize("transposed", [False, True])
def test_a_base_that_does_not_lie_row_by_row(transposed):
    x = leaf(np.arange(6.0).reshape(2, 3))
    y = x.T.copy() if transposed else (x * 1).T
    y[1, 0] = x[0, 0] * 2 + 1
    view = y[1:]
    view *= td.asarray(3.0, dtype=td.float64)
    y.sum().backward()
    want = np.array([[1.0 + 6.0, 0.0, 3.0], [1.0, 3.0, 3.0]])
    equal(x.grad, want)


def test_a_write_that_a_backward_pass_would_miss():
    x = leaf([1.0, 2.0])
    y = x * 1
    z = y * y
    kept = y.exp()
    y += 1
    kept.sum().backward()  # exp reads its result
    with pytest.raises(
        td.AutogradError, match=r"backward: got input [12] of 'multiply' \(f64\[2\]\) that was written to"
    ):
        z.sum().backward()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda x: x.__iadd__(1), "a tensor that requires gradients and was made by no operation"),
        (lambda x: x[:1].__iadd__(1), "a view of a tensor that requires gradients"),
        (lambda x: (x * x).backward(), "need one element, or a gradient of that shape"),
        (lambda x: td.ones(2).backward(), "rests on no tensor with requires_grad"),
        (lambda x: (x * 2).requires_grad_(False), "try x.detach"),
        (lambda x: (x * 2).sum().backward(td.ones(3)), r"a gradient of shape \[3\] for a tensor of shape \[\]"),
        (lambda x: td.asarray([1]).requires_grad_(), "need a floating-point or complex dtype"),
        (
            lambda x: td.nextafter(x, x * 2).sum().backward(),
            "got a result of 'nextafter'; need an operation with a grad",
        ),
        (lambda x: setattr(x, "grad", td.ones(3)), "need equal shapes and dtypes"),
        (lambda x: td.grad(lambda x: x)(x), r"got a result of shape \(2,\); need a tensor with one element"),
        (lambda x: td.vjp(lambda x: (x, x), x)[1](x), r"got gradients as \*; need \(\*, \*\)"),
    ],
)
def test_errors(act, message):
    with pytest.raises(td.Error, match=message):
        act(leaf([1.0, 2.0]))


def test_a_second_pass():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    equal(x.grad, [4.0, 8.0])
    with pytest.raises(td.AutogradError, match="let go of by an earlier pass.*retain_graph=True"):
        y.backward()


def test_hooks_and_gradients_of_what_is_no_leaf():
    x = leaf([1.0, 2.0])
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    y.retain_grad()
    (y * y).sum().backward()
    assert seen == [[6.0, 12.0]]
    equal(y.grad, [60.0, 120.0])
    equal(x.grad, [180.0, 360.0])


def test_a_long_chain_needs_no_stack_and_leaves_nothing_behind():
    x = leaf([1.0])
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    equal(x.grad, [1.0])
    before = td.memory_stats()["in_use"] if "in_use" in td.memory_stats() else None
    y = x
    for _ in range(20_000):
        y = y + 1.0
    del y
    gc.collect()
    if before is not None:
        assert td.memory_stats()["in_use"] <= before


def test_functions_of_functions():
    x = td.asarray([1.0, 2.0, 3.0], dtype=td.float64)
    f = lambda x: (x**3).sum()  # noqa: E731
    equal(td.grad(f)(x), 3 * np.asarray(x) ** 2)
    equal(td.grad(lambda x: td.grad(f)(x)[1])(x), [0.0, 12.0, 0.0])
    value, (dx, dy) = td.value_and_grad(lambda x, y: (x * y["a"]).sum(), argnums=(0, 1))(x, {"a": x + 1})
    equal(value, 20.0)
    equal(dx, [2.0, 3.0, 4.0])
    equal(dy["a"], [1.0, 2.0, 3.0])
    grads, aux = td.grad(lambda x: (x.sum(), "more"), has_aux=True)(x)
    equal(grads, [1.0, 1.0, 1.0])
    assert aux == "more"
    equal(td.jacobian(lambda x: x[:2] * x[1])(x), [[2.0, 1.0, 0.0], [0.0, 4.0, 0.0]])
    equal(td.hessian(f)(x), np.diag([6.0, 12.0, 18.0]))
    y, dy = td.jvp(lambda x: td.sin(x) * 2, (x,), (x * 0 + 1,))
    equal(dy, 2 * np.cos(np.asarray(x)))
    equal(td.grad(lambda x: td.jvp(lambda z: z**3, (x,), (x * 0 + 1,))[1].sum())(x), 6 * np.asarray(x))
    equal(td.grad(lambda x: (td.stop_gradient(x) * x).sum())(x), np.asarray(x))
    outer = leaf([2.0])
    td.grad(lambda x: (x * outer).sum())(x)
    assert outer.grad is None
    td.grad(lambda x: (x * x * outer).sum())(x).sum()
    inner = td.grad(lambda x: (x * x).sum())(outer)
    (inner * inner).sum().backward()
    equal(outer.grad, [16.0])


def test_a_gradient_of_ones_own():
    @td.custom_gradient
    def twice(x, y):
        return (x * 2, y + 1), lambda gx, gy: (gx * 100, None)

    x, y = leaf([1.0]), leaf([2.0])
    a, b = twice(x, y)
    (a * 3 + b).sum().backward()
    equal(x.grad, [300.0])
    assert y.grad is None


def test_what_is_run_again_in_the_backward_pass():
    runs = []

    @td.checkpoint
    def layer(x, scale):
        runs.append(td.is_grad_enabled())
        return td.exp(x) * scale + td.random.uniform(x.shape, dtype=td.float64)

    x, scale = leaf([0.5, 1.0]), leaf([2.0, 3.0])
    td.manual_seed(3)
    y = layer(x, scale)
    after = td.random.uniform(())
    y.sum().backward()
    assert runs == [True, True]  # the first time on a tape that is gone when the call returns
    equal(x.grad, np.exp([0.5, 1.0]) * [2.0, 3.0])
    equal(scale.grad, np.exp([0.5, 1.0]))
    td.manual_seed(3)
    equal(y, layer(x.detach(), scale.detach()))
    equal(after, td.random.uniform(()))


def test_what_a_checkpointed_function_uses_besides_its_arguments_gets_gradients():
    w, other = leaf([2.0, 3.0]), leaf([5.0, 7.0])
    early = other * 2  # a result of earlier operations
    layer = td.nn.Linear(2, 2).double()

    def plain(x):
        return layer(td.sin(x * w) + early), x * w

    def gradients(f, x):
        for each in (w, other, *layer.parameters()):
            each.grad = None
        a, b = f(x)
        (td.sin(a).sum() + (b * b).sum()).backward(retain_graph=True)
        return [each.grad for each in (x, w, other, *layer.parameters()) if each.requires_grad]

    for needs in (True, False):
        made = [gradients(f, leaf([0.5, 1.0]).requires_grad_(needs)) for f in (plain, td.checkpoint(plain))]
        for want, got in zip(*made, strict=True):
            equal(got, np.asarray(want))
    twice = td.checkpoint(lambda x: td.checkpoint(lambda y: td.sin(y * w))(x) * other)
    for f in (lambda x: (td.sin(x * w) * other, x), lambda x: (twice(x), x)):
        made.append(gradients(f, leaf([0.5, 1.0])))
    for want, got in zip(made[-2][:3], made[-1][:3], strict=True):
        equal(got, np.asarray(want))
    # By what is found inside, as a function, and of second order.
    for order in (td.grad, td.hessian):
        f = lambda v: (td.checkpoint(lambda x: td.sin(x * v))(w.detach()) * v).sum()  # noqa: E731
        g = lambda v: (td.sin(w.detach() * v) * v).sum()  # noqa: E731
        v = td.asarray([0.25, 0.5], dtype=td.float64)
        np.testing.assert_allclose(np.asarray(order(f)(v)), np.asarray(order(g)(v)), rtol=1e-14)
    module = td.checkpoint(layer)
    module(leaf([1.0, 2.0])).sum().backward()
    assert layer.weight.grad is not None


def test_a_checkpointed_function_keeps_nothing():
    class Kept:
        pass

    alive = []

    @td.checkpoint
    def layer(x):
        kept = Kept()
        alive.append(weakref.ref(kept))

        @td.custom_gradient
        def through(x):
            return x * 2, lambda g, kept=kept: g * 2

        return through(x)

    x = leaf([1.0])
    y = layer(x)
    gc.collect()
    assert [each() for each in alive] == [None]
    y.sum().backward()
    equal(x.grad, [2.0])


def test_second_derivatives_of_what_is_run_again():
    x = td.asarray([1.0, 2.0], dtype=td.float64)
    f = td.checkpoint(lambda x: (x**3).sum())
    equal(td.hessian(f)(x), np.diag([6.0, 12.0]))
    equal(td.grad(lambda x: td.grad(lambda z: f(z * x))(x).sum())(x), 15 * np.asarray(x) ** 4)
    y = leaf([1.0, 2.0])
    f(y * y).backward(create_graph=True)
    (y.grad * 1).sum().backward()
    equal(y.grad, 6 * np.asarray(x) ** 5 + 30 * np.asarray(x) ** 4)


def test_complex_numbers_as_in_pytorch():
    torch = pytest.importorskip("torch")
    values = np.array([1 + 2j, -0.5 + 0.25j, 3 - 1j])

    def f(lib, z, w):
        y = z * w + lib.exp(z) / w
        return (
            (lib.abs(y) ** 2).sum()
            + lib.real(lib.sin(z * 0.5)).sum()
            + lib.imag(lib.sgn(w) if lib is torch else td.sign(w)).sum()
        )

    z, w = (td.asarray(v).requires_grad_() for v in (values, values[::-1].copy()))
    f(td, z, w).backward()
    tz, tw = (torch.tensor(v, requires_grad=True) for v in (values, values[::-1].copy()))
    f(torch, tz, tw).backward()
    equal(z.grad, tz.grad.numpy())
    equal(w.grad, tw.grad.numpy())


def test_annotated_parts_take_part():
    x = leaf([1.0, 2.0])
    f = td.script(lambda x: x * x + 1)
    f(x.detach())
    f(x).sum().backward()
    equal(x.grad, [2.0, 4.0])
    assert not f(x.detach()).requires_grad
    with td.no_grad():
        assert not f(x).requires_grad
