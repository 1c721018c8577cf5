"""Activations, losses, normalisation and attention against PyTorch, eager and compiled."""

import numpy as np
import pytest
from test_functional import F, G, check, numbers

import tandem as td

ACTIVATIONS = [
    ("leaky_relu", (0.2,)),
    ("elu", (1.5,)),
    ("selu", ()),
    ("silu", ()),
    ("softplus", (2.0, 10.0)),
    ("logsigmoid", ()),
    ("mish", ()),
    ("hardtanh", (-2.0, 1.5)),
    ("relu6", ()),
    ("hardswish", ()),
    ("glu", (1,)),
]


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_activations(name, arguments):
    x = numbers(5, 8) * 10
    check(lambda a: getattr(F, name)(a, *arguments), lambda a: getattr(G, name)(a, *arguments), x)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "name", ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits", "kl_div"]
)
@pytest.mark.filterwarnings("ignore:reduction")
def test_losses(name, reduction):
    x, target = numbers(4, 3) * 3, np.abs(numbers(4, 3, seed=1)) % 1
    target[0, 0] = 0
    check(
        lambda a, b: getattr(F, name)(a, b, reduction=reduction),
        lambda a, b: getattr(G, name)(a, b, reduction=reduction),
        x,
        target,
    )


def test_binary_cross_entropy():
    x, target = np.array([0.0, 1.0, 0.3, 0.9]), np.array([1.0, 0.0, 0.2, 1.0])
    check(F.binary_cross_entropy, G.binary_cross_entropy, x, target)
    factor = np.array([1.0, 2.0, 3.0, 0.5])
    check(
        lambda a, b, p: F.binary_cross_entropy_with_logits(a, b, pos_weight=p),
        lambda a, b, p: G.binary_cross_entropy_with_logits(a, b, pos_weight=p),
        x,
        target,
        factor,
    )


@pytest.mark.parametrize("options", [{}, {"reduction": "none"}, {"label_smoothing": 0.2}, {"ignore_index": 2}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (2, 5, 3)])
def test_cross_entropy(shape, weighted, options):
    x, weight = numbers(*shape), np.abs(numbers(5))
    target = np.random.default_rng(0).integers(0, 5, (shape[0], *shape[2:]))
    target.flat[0], target.flat[1] = 2, -100 if "ignore_index" not in options else 1
    check(
        lambda a, t, w: F.cross_entropy(a, t, w if weighted else None, **options),
        lambda a, t, w: G.cross_entropy(a, t, w if weighted else None, **options),
        x,
        target,
        weight,
    )


def test_cross_entropy_of_probabilities():
    x, target = numbers(6, 5), np.abs(numbers(6, 5, seed=1))
    check(
        lambda a, t: F.cross_entropy(a, t, label_smoothing=0.1),
        lambda a, t: G.cross_entropy(a, t, label_smoothing=0.1),
        x,
        target,
    )


def test_norms():
    x, weight, bias = numbers(3, 4, 5), numbers(4), numbers(4, seed=1)
    check(lambda a, w, b: F.group_norm(a, 2, w, b), lambda a, w, b: G.group_norm(a, 2, w, b), x, weight, bias)
    check(lambda a: F.rms_norm(a, (4, 5)), lambda a: G.rms_norm(a, (4, 5)), x)
    mean, var = numbers(4, seed=2), np.abs(numbers(4, seed=3))
    check(F.batch_norm, G.batch_norm, x, mean, var, weight, bias)


def test_batch_norm_moves_running_statistics():
    import torch

    x, mean, var = numbers(3, 4, 5), numbers(4), np.abs(numbers(4))
    for run in (F.batch_norm, td.script(lambda a, m, v: F.batch_norm(a, m, v, training=True))):
        options = {"training": True} if run is F.batch_norm else {}
        ours, theirs = (
            [td.asarray(a.copy()) for a in (x, mean, var)],
            [torch.from_numpy(a.copy()) for a in (x, mean, var)],
        )
        out = run(*ours, **options)
        want = G.batch_norm(*theirs, training=True)
        for one, other in zip([out, *ours[1:]], [want, *theirs[1:]], strict=True):
            np.testing.assert_allclose(np.asarray(one), other.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mask", [None, "causal", "bool", "float"])
def test_attention(mask):
    q, k, v = numbers(2, 3, 5, 4), numbers(2, 3, 6, 4), numbers(2, 3, 6, 7)
    given = numbers(5, 6) > 0 if mask == "bool" else numbers(5, 6)
    if mask == "bool":
        given[2] = False

    def options(m):
        return {"is_causal": True} if mask == "causal" else {"attn_mask": m} if mask else {}

    check(
        lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, **options(m), scale=0.3),
        lambda a, b, c, m: G.scaled_dot_product_attention(a, b, c, **options(m), scale=0.3),
        q,
        k,
        v,
        given,
    )
