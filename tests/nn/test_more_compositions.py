"""Further activations, losses, distances, tables and attention against PyTorch, eager and compiled."""

import numpy as np
import pytest
from test_functional import F, G, check, numbers, torch

import tandem as td

ACTIVATIONS = [
    ("relu", ()),
    ("gelu", ()),
    ("sigmoid", ()),
    ("tanh", ()),
    ("softmax", (1,)),
    ("log_softmax", (0,)),
    ("softmin", (1,)),
    ("hardsigmoid", ()),
    ("threshold", (0.5, 2.0)),
    ("celu", (1.5,)),
    ("hardshrink", (0.7,)),
    ("softshrink", (0.7,)),
    ("tanhshrink", ()),
    ("softsign", ()),
    ("rrelu", (0.1, 0.5)),
]
IN_PLACE = [
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "silu",
    "mish",
    "hardtanh",
    "relu6",
    "hardswish",
    "hardsigmoid",
]


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_activations(name, arguments):
    x = numbers(5, 8) * 3
    check(lambda a: getattr(F, name)(a, *arguments), lambda a: getattr(G, name)(a, *arguments), x)


def test_gelu_by_tanh():
    x = numbers(5, 8) * 3
    check(lambda a: F.gelu(a, approximate="tanh"), lambda a: G.gelu(a, approximate="tanh"), x)


@pytest.mark.parametrize("name", IN_PLACE)
def test_activations_in_place(name):
    x = td.asarray(numbers(4, 5))
    want = np.asarray(getattr(F, name)(x))
    assert getattr(F, name)(x, inplace=True) is x
    np.testing.assert_array_equal(np.asarray(x), want)


@pytest.mark.parametrize("shape", [(), (1,), (4,)])
def test_prelu(shape):
    check(F.prelu, G.prelu, numbers(3, 4, 5), np.asarray(np.abs(numbers(*shape))))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_with_options(reduction):
    x, target, weight = numbers(4, 3) * 3, np.abs(numbers(4, 3, seed=1)) * 2, np.abs(numbers(4, 3, seed=2))
    positive, signs = np.abs(x) + 0.1, np.sign(numbers(4, 3, seed=4))
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        check(
            lambda a, b, w: getattr(F, name)(a, b, weight=w, reduction=reduction),
            lambda a, b, w: getattr(G, name)(a, b, weight=w, reduction=reduction),
            x,
            target,
            weight,
        )
    for full in (False, True):
        for log_input in (False, True):
            options = {"full": full, "log_input": log_input, "reduction": reduction}
            check(
                lambda a, b: F.poisson_nll_loss(a, b, **options),
                lambda a, b: G.poisson_nll_loss(a, b, **options),
                x if log_input else positive,
                target,
            )
        for var in (positive, positive[:, :1], positive[:, 0], 0.5):
            given = (var,) if isinstance(var, np.ndarray) else ()
            check(
                lambda a, b, *v: F.gaussian_nll_loss(a, b, *v or (0.5,), full=full, reduction=reduction),
                lambda a, b, *v: G.gaussian_nll_loss(a, b, *v or (0.5,), full=full, reduction=reduction),
                x,
                target,
                *given,
            )
    for name in ("soft_margin_loss", "hinge_embedding_loss"):
        check(
            lambda a, b: getattr(F, name)(a, b, reduction=reduction),
            lambda a, b: getattr(G, name)(a, b, reduction=reduction),
            x,
            signs,
        )
    check(
        lambda a, b, t: F.margin_ranking_loss(a, b, t, 0.5, reduction=reduction),
        lambda a, b, t: G.margin_ranking_loss(a, b, t, 0.5, reduction=reduction),
        x,
        target,
        signs,
    )
    check(
        lambda a, b, t: F.cosine_embedding_loss(a, b, t, 0.1, reduction=reduction),
        lambda a, b, t: G.cosine_embedding_loss(a, b, t, 0.1, reduction=reduction),
        x,
        target,
        signs[:, 0],
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_classes(reduction):
    x, classes, weight = numbers(6, 5), np.random.default_rng(0).integers(0, 5, 6), np.abs(numbers(5))
    for p in (1, 2):
        options = {"p": p, "margin": 0.7, "reduction": reduction}
        check(
            lambda a, t, w: F.multi_margin_loss(a, t, weight=w, **options),
            lambda a, t, w: G.multi_margin_loss(a, t, weight=w, **options),
            x,
            classes,
            weight,
        )
    labels = np.array(
        [[0, 2, -1, 1, 1], [-1, 0, 0, 0, 0], [4, 3, 2, 1, 0], [1, -1, 1, -1, 1], [2, 2, -1, 0, 0], [3] + [-1] * 4]
    )
    check(
        lambda a, t: F.multilabel_margin_loss(a, t, reduction=reduction),
        lambda a, t: G.multilabel_margin_loss(a, t, reduction=reduction),
        x,
        labels,
    )
    check(
        lambda a, t, w: F.multilabel_soft_margin_loss(a, t, w, reduction=reduction),
        lambda a, t, w: G.multilabel_soft_margin_loss(a, t, w, reduction=reduction),
        x,
        (numbers(6, 5, seed=1) > 0).astype("f8"),
        weight,
    )
    features, matrix = numbers(6, 7), numbers(5, 7)
    check(
        lambda a, m, t: F.linear_cross_entropy(a, m, t, reduction=reduction, label_smoothing=0.1),
        lambda a, m, t: G.cross_entropy(G.linear(a, m), t, reduction=reduction, label_smoothing=0.1),
        features,
        matrix,
        classes,
    )


@pytest.mark.parametrize("swap", [False, True])
def test_triplet_losses(swap):
    arrays = [numbers(4, 6, seed=i) for i in range(3)]
    for p in (1.0, 2.0, 3.0):
        check(
            lambda *a: F.triplet_margin_loss(*a, margin=0.5, p=p, swap=swap),
            lambda *a: G.triplet_margin_loss(*a, margin=0.5, p=p, swap=swap),
            *arrays,
        )
    check(
        lambda *a: F.triplet_margin_with_distance_loss(*a, swap=swap, reduction="sum"),
        lambda *a: G.triplet_margin_with_distance_loss(*a, swap=swap, reduction="sum"),
        *arrays,
    )


def test_distances():
    a, b = numbers(4, 5), numbers(4, 5, seed=1)
    for p in (1.0, 2.0, 3.5, float("inf")):
        check(lambda x, y: F.pairwise_distance(x, y, p), lambda x, y: G.pairwise_distance(x, y, p), a, b)
        check(lambda x: F.pdist(x, p), lambda x: G.pdist(x, p), a)
        check(lambda x: F.normalize(x, p, dim=1), lambda x: G.normalize(x, p, dim=1), a)
    for dim in (0, 1):
        check(lambda x, y: F.cosine_similarity(x, y, dim), lambda x, y: G.cosine_similarity(x, y, dim), a, b)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("as_vector", [False, True])
def test_ctc_loss(as_vector, reduction):
    logs = numbers(9, 4, 6)
    logs = logs - np.log(np.exp(logs).sum(axis=2, keepdims=True))
    rows = np.array([[1, 2, 2, 3], [5, 4, 0, 0], [1, 1, 1, 1], [3, 0, 0, 0]])
    times, lengths = (9, 7, 5, 9), (4, 2, 4, 1)
    targets = np.concatenate([row[:n] for row, n in zip(rows, lengths, strict=True)]) if as_vector else rows
    for zero in (False, True):
        check(
            lambda a, t: F.ctc_loss(a, t, times, lengths, reduction=reduction, zero_infinity=zero),
            lambda a, t: G.ctc_loss(a, t, times, lengths, reduction=reduction, zero_infinity=zero),
            logs,
            targets,
        )


def test_norms():
    x = numbers(3, 4, 5, 6)
    weight, bias = numbers(5, 6, seed=1), numbers(5, 6, seed=2)
    check(lambda a, w, b: F.layer_norm(a, (5, 6), w, b), lambda a, w, b: G.layer_norm(a, (5, 6), w, b), x, weight, bias)
    check(lambda a, w: F.instance_norm(a, weight=w), lambda a, w: G.instance_norm(a, weight=w), x, numbers(4, seed=1))
    for size in (1, 2, 3, 5):
        check(lambda a: F.local_response_norm(a, size, 0.1), lambda a: G.local_response_norm(a, size, 0.1), x)
    mean, var = numbers(4), np.abs(numbers(4))
    ours, theirs = [td.asarray(a.copy()) for a in (mean, var)], [torch.from_numpy(a.copy()) for a in (mean, var)]
    F.instance_norm(td.asarray(x), *ours, momentum=0.3)
    G.instance_norm(torch.from_numpy(x), *theirs, momentum=0.3)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(one), other.numpy(), rtol=1e-10)


def test_linear_and_bilinear():
    a, b = numbers(2, 3, 4), numbers(2, 3, 5)
    check(F.linear, G.linear, a, numbers(6, 4), numbers(6))
    check(F.linear, G.linear, a, numbers(4))
    check(F.bilinear, G.bilinear, a, b, numbers(6, 4, 5), numbers(6))


def test_tables():
    weight, indices = numbers(7, 3), np.array([[1, 2, 4], [0, 6, 6]])
    check(lambda i, w: F.embedding(i, w), lambda i, w: G.embedding(i, w), indices, weight)
    ours, theirs = td.asarray(weight.copy()), torch.from_numpy(weight.copy())
    got = F.embedding(td.asarray(indices), ours, max_norm=1.0)
    want = G.embedding(torch.from_numpy(indices), theirs, max_norm=1.0)
    np.testing.assert_allclose(np.asarray(got), want.numpy(), rtol=1e-10)
    np.testing.assert_allclose(np.asarray(ours), theirs.numpy(), rtol=1e-10)
    check(lambda i: F.one_hot(i, 8), lambda i: G.one_hot(i, 8), indices)
    assert F.one_hot(td.asarray(indices)).shape == (2, 3, 7)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding_bag(mode, padding):
    weight, offsets = numbers(7, 3), np.array([0, 2, 2, 5])
    flat = np.array([1, 2, 4, 0, 6, 6, 2])
    options = {"mode": mode, "padding_idx": padding}
    check(
        lambda i, w, o: F.embedding_bag(i, w, o, **options),
        lambda i, w, o: G.embedding_bag(i, w, o, **options),
        flat,
        weight,
        offsets,
    )
    more = {**options, "include_last_offset": True}
    ends = np.array([0, 2, 2, 7])
    check(
        lambda i, w, o: F.embedding_bag(i, w, o, **more),
        lambda i, w, o: G.embedding_bag(i, w, o, **more),
        flat,
        weight,
        ends,
    )
    rows = flat[:6].reshape(2, 3)
    check(lambda i, w: F.embedding_bag(i, w, **options), lambda i, w: G.embedding_bag(i, w, **options), rows, weight)
    if mode == "sum":
        check(
            lambda i, w, s: F.embedding_bag(i, w, per_sample_weights=s, **options),
            lambda i, w, s: G.embedding_bag(i, w, per_sample_weights=s, **options),
            rows,
            weight,
            numbers(2, 3),
        )


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad(mode):
    x = numbers(2, 3, 5, 4)
    for widths in ((1, 2), (2, 1, 0, 3), (-1, 2, 1, -2)):
        if mode != "constant" and (len(widths) != 4 or min(widths) < 0):
            continue
        options = {"mode": mode, **({"value": 2.5} if mode == "constant" else {})}
        check(lambda a: F.pad(a, widths, **options), lambda a: G.pad(a, widths, **options), x)


@pytest.mark.parametrize("causal", [False, True])
def test_grouped_queries(causal):
    q, k, v = numbers(2, 6, 5, 4), numbers(2, 2, 7, 4), numbers(2, 3, 7, 8)
    options = {"enable_gqa": True, "is_causal": causal}
    check(
        lambda *a: F.scaled_dot_product_attention(*a, **options),
        lambda *a: G.scaled_dot_product_attention(
            a[0], torch.repeat_interleave(a[1], 3, 1), torch.repeat_interleave(a[2], 2, 1), is_causal=causal
        ),
        q,
        k,
        v,
    )


@pytest.mark.parametrize(
    "options", [{}, {"bias": True}, {"zero": True, "padding": True}, {"mask": True}, {"heads": True}], ids=str
)
def test_multi_head_attention(options):
    q, k, v = numbers(5, 2, 8), numbers(7, 2, 8, seed=1), numbers(7, 2, 8, seed=2)
    projection, bias, out, out_bias = numbers(24, 8), numbers(24), numbers(8, 8), numbers(8)
    extra = [numbers(1, 1, 8, seed=i) for i in range(2)]
    masks = {}
    if "padding" in options:
        masks["key_padding_mask"] = np.array([[False] * 5 + [True] * 2, [False] * 7])
    if "mask" in options:
        masks["attn_mask"] = np.triu(np.ones((5, 7), bool), 3)

    def run(module, convert):
        def call(*a):
            return module.multi_head_attention_forward(
                a[0],
                a[1],
                a[2],
                8,
                2,
                a[3],
                a[4],
                *(a[7:9] if "bias" in options else (None, None)),
                "zero" in options,
                0.0,
                a[5],
                a[6],
                average_attn_weights="heads" not in options,
                **{name: convert(mask) for name, mask in masks.items()},
            )

        return call

    for i in range(2):
        check(
            lambda *a: run(F, td.asarray)(*a)[i],
            lambda *a: run(G, torch.from_numpy)(*a)[i],
            q,
            k,
            v,
            projection,
            bias,
            out,
            out_bias,
            *extra,
        )
