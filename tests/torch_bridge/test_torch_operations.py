"""Operations under torch.compile(backend="tandem"): equal to torch's, and none of them runs in torch."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import torch.nn.functional as F  # noqa: E402
from bridge_support import compiled_equals, fresh  # noqa: E402, F401

import tandem as td  # noqa: E402
import tandem.torch  # noqa: E402

OPS = {
    "cat": lambda x: torch.cat([x, x * 2], 1),
    "cumsum": lambda x: torch.cumsum(x, -1),
    "sort": lambda x: torch.sort(x, dim=1, descending=True)[0],
    "topk": lambda x: torch.topk(x, 2, dim=1),
    "max": lambda x: torch.max(x, 1),
    "var": lambda x: x.var(0) + x.std(0, unbiased=False),
    "where": lambda x: torch.where(x > 0, x, 0.5),
    "clamp": lambda x: x.clamp(-0.5, 0.5) + x.clamp(min=0),
    "integers": lambda x: (x * 10).int() // 3 + (x * 10).int() % 3 + torch.div(x.int(), 3, rounding_mode="trunc"),
    "mixed": lambda x: x.double() + x + (x > 0) * 2,
    "int division": lambda x: (x * 10).long() / 4,
    "norm": lambda x: torch.linalg.vector_norm(x, dim=1) + torch.norm(x, p=1),
    "gather": lambda x: torch.gather(x, 1, torch.tensor([[0, 1], [2, 0], [1, 1], [3, 3]])),
    "scatter": lambda x: torch.zeros(4, 6).scatter_add(1, torch.tensor([[0, 0, 5, 1]] * 4), x),
    "index_put": lambda x: x.index_put((torch.tensor([0, 0, 3]),), torch.ones(4), accumulate=True),
    "roll": lambda x: torch.roll(x, 1, 0) + torch.flip(x, [1]),
    "masked_scatter": lambda x: x.masked_scatter(x[:, :1] > 0, x.flip(0) * 2),
    "pad": lambda x: F.pad(x, (1, 2), value=3) + F.pad(x[None], (1, 2), "reflect")[0],
    "einsum": lambda x: torch.einsum("ij,kj->ik", x, x),
    "tril": lambda x: torch.tril(x) + torch.triu(x, 1),
    "diagonal": lambda x: x.diagonal() + torch.diag(x.diagonal()).sum(0),
    "unfold": lambda x: x.unfold(1, 2, 1).sum(-1),
    "embedding_bag": lambda x: F.embedding_bag(torch.tensor([[0, 1], [2, 3]]), x, mode="mean"),
    "pool1d": lambda x: F.max_pool1d(x[None], 2) + F.avg_pool1d(x[None], 2),
    "losses": lambda x: F.smooth_l1_loss(x, x * 2) + F.kl_div(x, x.softmax(1)),
    "activations": lambda x: F.mish(x) + F.hardswish(x) + F.elu(x),
    "attention": lambda x: F.scaled_dot_product_attention(
        x[None, None], x[None, None], x[None, None], is_causal=True),
    "bessel": lambda x: torch.special.i0(x) + torch.special.i1e(x) + torch.lgamma(x.abs() + 1),
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_operations(name):
    compiled_equals(OPS[name], torch.randn(4, 4))
    assert td.torch.stats()["fallback_ops"] == {}


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("options", [{}, {"include_last_offset": True}, {"padding_idx": 2}])
def test_bags_of_embeddings(mode, options):
    weight, indices = torch.randn(6, 3), torch.tensor([0, 2, 2, 5, 1, 2, 2])
    offsets = torch.tensor([0, 3, 3, 5, 7] if options.get("include_last_offset") else [0, 3, 3, 5])
    with torch.no_grad():
        compiled_equals(lambda w, i, o: F.embedding_bag(i, w, o, mode=mode, **options) * 2, weight, indices, offsets)
        if mode == "sum":
            compiled_equals(
                lambda w, i, o, f: F.embedding_bag(i, w, o, mode="sum", per_sample_weights=f, **options),
                *(weight, indices, offsets, torch.randn(7)),
            )
    assert bool(td.torch.stats()["fallback_ops"]) == (mode == "max")


def test_numbers_for_masked_places():
    x, mask = torch.randn(3, 4), torch.rand(3, 4) > 0.5
    compiled_equals(lambda x, m, s: x.masked_scatter(m, s) * 2, x, mask, torch.randn(20))
    compiled_equals(lambda x, m: x.masked_scatter(m, torch.empty(0)), x, mask & False)
    with pytest.raises(Exception, match="index|number of elements"):
        torch.compile(lambda x, m, s: x.masked_scatter(m, s), backend="tandem")(x, mask | True, torch.randn(5))


GRADIENTS = {
    "conv1d": lambda x: F.conv1d(x[None], torch.ones(2, 4, 3), padding=1),
    "conv_transpose": lambda x: F.conv_transpose1d(x[None], torch.ones(4, 2, 3), stride=2, output_padding=1),
    "bicubic": lambda x: F.interpolate(x[None, None], size=(7, 6), mode="bicubic"),
    "nearest": lambda x: F.interpolate(x[None, None], scale_factor=2),
    "bilinear": lambda x: F.interpolate(x[None, None], size=(3, 9), mode="bilinear", align_corners=True),
    "max_pool": lambda x: F.max_pool2d(x[None, None], 2, stride=1),
    "avg_pool": lambda x: F.avg_pool2d(x[None, None], 3, stride=1, padding=1),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x[None, None], (3, 2)),
    "group_norm": lambda x: F.group_norm(x[None], 2),
    "instance_norm": lambda x: F.instance_norm(x[None]),
    "index": lambda x: x[torch.tensor([0, 0, 2]), torch.tensor([1, 1, 3])],
    "masked": lambda x: F.scaled_dot_product_attention(
        x[None, None], x[None, None], x[None, None], attn_mask=torch.tril(torch.ones(4, 4)).bool()),
    "cdist": lambda x: torch.cdist(x, x + 1),
    "prod": lambda x: x.prod(1) + x.logsumexp(0) + x.cumprod(1).sum(1),
    "norm": lambda x: F.normalize(x) + F.rms_norm(x, (4,)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    x = torch.randn(4, 4, requires_grad=True)
    wanted = GRADIENTS[name](x)
    found = torch.compile(GRADIENTS[name], backend="tandem")(x)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    up = torch.randn_like(wanted)
    (mine,), (theirs,) = (torch.autograd.grad(y, x, up) for y in (found, wanted))
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
