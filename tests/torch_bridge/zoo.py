"""Models with random weights, in plain PyTorch and of the transformers package: what the tests of the bridge and
benchmarks/torch_models.py run, each in its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, before, width, stride=1, bottleneck=False):
        super().__init__()
        after = width * 4 if bottleneck else width
        sizes = (
            ((before, width, 1, 1), (width, width, 3, stride), (width, after, 1, 1))
            if bottleneck
            else ((before, width, 3, stride), (width, width, 3, 1))
        )
        layers = []
        for k, (a, b, size, step) in enumerate(sizes):
            layers += [nn.Conv2d(a, b, size, step, size // 2, bias=False), nn.BatchNorm2d(b)]
            if k < len(sizes) - 1:
                layers.append(nn.ReLU(inplace=True))
        self.body = nn.Sequential(*layers)
        same = stride == 1 and before == after
        self.skip = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        )

    def forward(self, x):
        return F.relu(self.body(x) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self, counts=(2, 2, 2, 2), width=8, classes=10, bottleneck=False):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        layers, before = [], width
        for k, count in enumerate(counts):
            for n in range(count):
                layers.append(Block(before, width << k, 2 if n == 0 and k else 1, bottleneck))
                before = (width << k) * (4 if bottleneck else 1)
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def forward(self, x):
        x = self.body(self.stem(x))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()

        def conv(a, b):
            return nn.Sequential(
                nn.Conv2d(a, b, 3, padding=1),
                nn.GroupNorm(4, b),
                nn.SiLU(),
                nn.Conv2d(b, b, 3, padding=1),
                nn.GroupNorm(4, b),
                nn.SiLU(),
            )

        self.down1, self.down2, self.middle = conv(3, width), conv(width, 2 * width), conv(2 * width, 4 * width)
        self.up2, self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2), nn.Conv2d(2 * width, width, 1)
        self.out2, self.out1 = conv(4 * width, 2 * width), conv(2 * width, width)
        self.head = nn.Conv2d(width, 3, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.middle(F.avg_pool2d(b, 2))
        b = self.out2(torch.cat([self.up2(c), b], 1))
        up = self.up1(F.interpolate(b, scale_factor=2, mode="bilinear", align_corners=False))
        return self.head(self.out1(torch.cat([up, a], 1)))


class Diffusion(nn.Module):
    """One step of denoising: predicts the noise from an image and a time."""

    def __init__(self, width=8):
        super().__init__()
        self.net, self.time = UNet(width), nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 3))
        self.register_buffer("betas", torch.linspace(1e-4, 0.02, 50))

    def forward(self, x, t):
        alphas = torch.cumprod(1 - self.betas, 0).to(x.dtype)
        angles = t[:, None].to(x.dtype) * torch.exp(torch.arange(8, dtype=x.dtype) * -0.5)
        emb = self.time(torch.cat([angles.sin(), angles.cos()], -1))
        a = alphas[t][:, None, None, None]
        noise = self.net(x + emb[:, :, None, None])
        return (x - (1 - a).sqrt() * noise) / a.sqrt()


class LanguageModel(nn.Module):
    """An LSTM over tokens, written as its cells."""

    def __init__(self, words=50, width=16):
        super().__init__()
        self.embed, self.cells = (
            nn.Embedding(words, width),
            nn.ModuleList([nn.LSTMCell(width, width) for _ in range(2)]),
        )
        self.head = nn.Linear(width, words)

    def forward(self, tokens):
        x = self.embed(tokens)
        state = [(x.new_zeros(x.shape[0], x.shape[2]), x.new_zeros(x.shape[0], x.shape[2])) for _ in self.cells]
        out = []
        for t in range(x.shape[1]):
            y = x[:, t]
            for k, cell in enumerate(self.cells):
                state[k] = cell(y, state[k])
                y = state[k][0]
            out.append(y)
        return self.head(torch.stack(out, 1))


class GraphNetwork(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.message = nn.ModuleList([nn.Linear(2 * width, width) for _ in range(2)])
        self.update = nn.ModuleList([nn.GRUCell(width, width) for _ in range(2)])
        self.head = nn.Linear(width, 4)

    def forward(self, x, source, target):
        for message, update in zip(self.message, self.update):
            sent = F.relu(message(torch.cat([x[source], x[target]], -1)))
            total = torch.zeros_like(x).index_add(0, target, sent)
            count = torch.zeros_like(x[:, :1]).index_add(0, target, torch.ones_like(sent[:, :1]))
            x = update(total / count.clamp(min=1), x)
        return self.head(x)


class Flow(nn.Module):
    """A normalising flow of affine couplings: returns the logarithm of the density."""

    def __init__(self, dims=6, layers=4, width=32):
        super().__init__()
        self.nets = nn.ModuleList(
            [nn.Sequential(nn.Linear(dims // 2, width), nn.Tanh(), nn.Linear(width, dims)) for _ in range(layers)]
        )
        self.dims = dims

    def forward(self, x):
        logdet = x.new_zeros(x.shape[0])
        for k, net in enumerate(self.nets):
            a, b = x.chunk(2, -1) if k % 2 == 0 else x.chunk(2, -1)[::-1]
            shift, scale = net(a).chunk(2, -1)
            scale = torch.tanh(scale)
            b = b * scale.exp() + shift
            x = torch.cat([a, b], -1)
            logdet = logdet + scale.sum(-1)
        return -0.5 * (x * x).sum(-1) - 0.5 * self.dims * 1.8378770664093453 + logdet


@dataclass(frozen=True)
class Size:
    """How large models are: transformers, then convolutions, then the rest."""

    width: int = 32
    inner: int = 48
    heads: int = 4
    layers: int = 2
    words: int = 60
    length: int = 12  # of a text, and of what a decoder is given
    answer: int = 7
    image: int = 32
    patch: int = 8
    channels: int = 8
    blocks: tuple[int, ...] = (1, 2, 2, 1)  # of the deeper ResNet
    steps: int = 6  # of what is recurrent
    cells: int = 16
    dims: int = 6
    nodes: int = 5  # of a graph
    rows: int = 1  # of the flow
    frames: int = 32  # of sound


TINY = Size()
SMALL = Size(
    width=256, inner=1024, words=2000, length=64, answer=32, image=64, channels=32, blocks=(3, 4, 6, 3), steps=16,
    cells=256, dims=32, nodes=500, rows=64, frames=128,
)  # fmt: skip


def _image(s, n):
    return torch.randn(n, 3, s.image, s.image)


def _tokens(s, n, length):
    return torch.randint(0, s.words, (n, length))


def _masked(s, n):
    mask = torch.ones(n, s.length, dtype=torch.int64)
    mask[0, -3:] = 0
    return {"input_ids": _tokens(s, n, s.length), "attention_mask": mask}


def _text(s, n):
    return {"input_ids": _tokens(s, n, s.length)}


def _two_texts(s, n):
    return {**_text(s, n), "decoder_input_ids": _tokens(s, n, s.answer)}


def _graph(s, n):
    nodes, edges = n * s.nodes, 4 * n * s.nodes // 5
    return torch.randn(nodes, s.cells), torch.randint(0, nodes, (edges,)), torch.randint(0, nodes, (edges,))


@dataclass(frozen=True)
class Entry:
    """How a model is made, and what it is called with for a batch of n: a tuple, or keywords."""

    build: Callable[[Size], nn.Module]
    args: Callable[[Size, int], Any]


PLAIN = {
    "resnet18": Entry(lambda s: ResNet(width=s.channels), lambda s, n: (_image(s, n),)),
    "resnet50": Entry(lambda s: ResNet(s.blocks, s.channels, bottleneck=True), lambda s, n: (_image(s, n),)),
    "unet": Entry(lambda s: UNet(s.channels), lambda s, n: (_image(s, n),)),
    "diffusion": Entry(lambda s: Diffusion(s.channels), lambda s, n: (_image(s, n), torch.randint(0, 50, (n,)))),
    "lstm_lm": Entry(lambda s: LanguageModel(s.words, s.cells), lambda s, n: (_tokens(s, n, s.steps),)),
    "graph": Entry(lambda s: GraphNetwork(s.cells), _graph),
    "flow": Entry(lambda s: Flow(s.dims, width=2 * s.cells), lambda s, n: (torch.randn(n * s.rows, s.dims),)),
}


def _transformer(name: str, args: Callable[[Size, int], Any], config: Callable[[Size], dict[str, Any]]) -> Entry:
    def build(s):
        import transformers

        family = name.partition("For")[0].removesuffix("LMHeadModel")
        return getattr(transformers, name)(getattr(transformers, f"{family}Config")(**config(s)))

    return Entry(build, args)


def _usual(s):
    return {
        "hidden_size": s.width,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "intermediate_size": s.inner,
    }


def _long(s):
    return {"vocab_size": s.words, "max_position_embeddings": 3 * s.length + 4}


def _two_sided(s):
    sides = {"layers": s.layers, "attention_heads": s.heads, "ffn_dim": s.inner}
    return {f"{side}_{name}": n for side in ("encoder", "decoder") for name, n in sides.items()} | {"d_model": s.width}


TRANSFORMERS = {
    "bert": _transformer("BertForMaskedLM", _masked, lambda s: {**_usual(s), **_long(s)}),
    "distilbert": _transformer(
        "DistilBertForMaskedLM",
        _masked,
        lambda s: {**_long(s), "dim": s.width, "n_layers": s.layers, "n_heads": s.heads, "hidden_dim": s.inner},
    ),
    "gpt2": _transformer(
        "GPT2LMHeadModel",
        _text,
        lambda s: {
            "n_embd": s.width,
            "n_layer": s.layers,
            "n_head": s.heads,
            "vocab_size": s.words,
            "n_positions": 3 * s.length,
        },
    ),
    "llama": _transformer(
        "LlamaForCausalLM", _text, lambda s: {**_usual(s), **_long(s), "num_key_value_heads": s.heads // 2}
    ),
    "t5": _transformer(
        "T5ForConditionalGeneration",
        _two_texts,
        lambda s: {
            "d_model": s.width,
            "d_kv": s.width // s.heads,
            "d_ff": s.inner,
            "num_layers": s.layers,
            "num_heads": s.heads,
            "vocab_size": s.words,
            "decoder_start_token_id": 0,
        },
    ),
    "bart": _transformer("BartForConditionalGeneration", _two_texts, lambda s: {**_two_sided(s), **_long(s)}),
    "vit": _transformer(
        "ViTForImageClassification",
        lambda s, n: {"pixel_values": _image(s, n)},
        lambda s: {**_usual(s), "image_size": s.image, "patch_size": s.patch},
    ),
    "whisper": _transformer(
        "WhisperForConditionalGeneration",
        lambda s, n: {"input_features": torch.randn(n, 8, s.frames), "decoder_input_ids": _tokens(s, n, s.answer)},
        lambda s: {
            **_two_sided(s),
            "vocab_size": s.words,
            "num_mel_bins": 8,
            "max_source_positions": s.frames // 2,
            "max_target_positions": 3 * s.answer,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
            "suppress_tokens": [],
            "begin_suppress_tokens": [],
        },
    ),
    "mamba": _transformer(
        "MambaForCausalLM",
        lambda s, n: {"input_ids": _tokens(s, n, s.steps), "use_cache": False},
        lambda s: {
            "hidden_size": s.width,
            "num_hidden_layers": s.layers,
            "state_size": 8,
            "vocab_size": s.words,
        },
    ),
}

MODELS = {**PLAIN, **TRANSFORMERS}


def called(model, args):
    """Call a model, and return the tensor that is its result."""
    result = model(**args) if isinstance(args, dict) else model(*args)
    return result if isinstance(result, torch.Tensor) else result.logits


def cast(args, dtype):
    """Return arguments with all that is floating-point in another dtype."""

    def one(x):
        return x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x

    return {k: one(v) for k, v in args.items()} if isinstance(args, dict) else tuple(map(one, args))
