"""Models in plain PyTorch, and small configurations of the transformers package, with random weights."""

from __future__ import annotations

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


def _image(n):
    return (torch.randn(n, 3, 32, 32),)


def _tokens(n, words=50, length=12):
    return (torch.randint(0, words, (n, length)),)


def _graph(n):
    edges = 4 * n
    return torch.randn(n * 5, 16), torch.randint(0, n * 5, (edges,)), torch.randint(0, n * 5, (edges,))


PLAIN = {
    "resnet18": (lambda: ResNet(), _image),
    "resnet50": (lambda: ResNet((1, 2, 2, 1), bottleneck=True), _image),
    "unet": (lambda: UNet(), _image),
    "diffusion": (lambda: Diffusion(), lambda n: (*_image(n), torch.randint(0, 50, (n,)))),
    "lstm_lm": (lambda: LanguageModel(), lambda n: _tokens(n, length=6)),
    "graph": (lambda: GraphNetwork(), _graph),
    "flow": (lambda: Flow(), lambda n: (torch.randn(n, 6),)),
}


def _config(name, **more):
    import transformers

    return getattr(transformers, name)(**more)


def _of(model, config, **extra):
    def build():
        import transformers

        made = getattr(transformers, model)(_config(*config[:1], **config[1]))
        return made

    return build


_COMMON = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}

TRANSFORMERS = {
    "bert": (
        _of("BertForMaskedLM", ("BertConfig", {**_COMMON, "vocab_size": 60, "max_position_embeddings": 40})),
        lambda n: {"input_ids": _tokens(n)[0], "attention_mask": _mask(n)},
    ),
    "distilbert": (
        _of(
            "DistilBertForMaskedLM",
            (
                "DistilBertConfig",
                {
                    "dim": 32,
                    "n_layers": 2,
                    "n_heads": 4,
                    "hidden_dim": 48,
                    "vocab_size": 60,
                    "max_position_embeddings": 40,
                },
            ),
        ),
        lambda n: {"input_ids": _tokens(n)[0], "attention_mask": _mask(n)},
    ),
    "gpt2": (
        _of(
            "GPT2LMHeadModel",
            ("GPT2Config", {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 60, "n_positions": 40}),
        ),
        lambda n: {"input_ids": _tokens(n)[0]},
    ),
    "llama": (
        _of(
            "LlamaForCausalLM",
            ("LlamaConfig", {**_COMMON, "num_key_value_heads": 2, "vocab_size": 60, "max_position_embeddings": 40}),
        ),
        lambda n: {"input_ids": _tokens(n)[0]},
    ),
    "t5": (
        _of(
            "T5ForConditionalGeneration",
            (
                "T5Config",
                {
                    "d_model": 32,
                    "d_kv": 8,
                    "d_ff": 48,
                    "num_layers": 2,
                    "num_heads": 4,
                    "vocab_size": 60,
                    "decoder_start_token_id": 0,
                },
            ),
        ),
        lambda n: {"input_ids": _tokens(n)[0], "decoder_input_ids": _tokens(n, length=7)[0]},
    ),
    "bart": (
        _of(
            "BartForConditionalGeneration",
            (
                "BartConfig",
                {
                    "d_model": 32,
                    "encoder_layers": 2,
                    "decoder_layers": 2,
                    "encoder_attention_heads": 4,
                    "decoder_attention_heads": 4,
                    "encoder_ffn_dim": 48,
                    "decoder_ffn_dim": 48,
                    "vocab_size": 60,
                    "max_position_embeddings": 40,
                },
            ),
        ),
        lambda n: {"input_ids": _tokens(n)[0], "decoder_input_ids": _tokens(n, length=7)[0]},
    ),
    "vit": (
        _of("ViTForImageClassification", ("ViTConfig", {**_COMMON, "image_size": 32, "patch_size": 8})),
        lambda n: {"pixel_values": _image(n)[0]},
    ),
    "whisper": (
        _of(
            "WhisperForConditionalGeneration",
            (
                "WhisperConfig",
                {
                    "d_model": 32,
                    "encoder_layers": 2,
                    "decoder_layers": 2,
                    "encoder_attention_heads": 4,
                    "decoder_attention_heads": 4,
                    "encoder_ffn_dim": 48,
                    "decoder_ffn_dim": 48,
                    "vocab_size": 60,
                    "num_mel_bins": 8,
                    "max_source_positions": 16,
                    "max_target_positions": 20,
                    "pad_token_id": 0,
                    "bos_token_id": 1,
                    "eos_token_id": 2,
                    "decoder_start_token_id": 1,
                    "suppress_tokens": [],
                    "begin_suppress_tokens": [],
                },
            ),
        ),
        lambda n: {"input_features": torch.randn(n, 8, 32), "decoder_input_ids": _tokens(n, length=7)[0]},
    ),
    "mamba": (
        _of(
            "MambaForCausalLM",
            ("MambaConfig", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "vocab_size": 60}),
        ),
        lambda n: {"input_ids": _tokens(n, length=6)[0], "use_cache": False},
    ),
}


def _mask(n):
    mask = torch.ones(n, 12, dtype=torch.int64)
    mask[0, -3:] = 0
    return mask
