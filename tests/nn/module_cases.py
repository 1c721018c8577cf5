"""Layers with arguments and inputs, which several test files build: (class, arguments, options, inputs).

An input is a shape (normal numbers), or a function of a random generator for anything else.
"""

import numpy as np


def integers(high, *shape):
    return lambda rng: rng.integers(0, high, shape)


def positive(*shape):
    return lambda rng: rng.random(shape) * 0.8 + 0.1


def signs(*shape):
    return lambda rng: rng.integers(0, 2, shape) * 2.0 - 1.0


def hidden(*shape):
    """A mask of booleans under which nobody sees nothing."""

    def make(rng):
        mask = rng.random(shape) < 0.4
        mask[..., 0] = False
        return mask

    return make


def causal(n):
    return lambda rng: np.triu(np.full((n, n), -np.inf), 1)


IMAGE = {1: (2, 4, 9), 2: (2, 4, 9, 8), 3: (2, 4, 6, 5, 7)}

CASES = [
    ("Identity", (), {}, [(2, 3)]),
    ("Linear", (5, 3), {}, [(4, 2, 5)]),
    ("Linear", (5, 3), {"bias": False}, [(5,)]),
    ("Bilinear", (3, 2, 4), {}, [(5, 3), (5, 2)]),
    ("Embedding", (7, 3), {}, [integers(7, 4, 2)]),
    ("Embedding", (7, 3), {"padding_idx": -2}, [integers(7, 9, 4)]),
    ("EmbeddingBag", (7, 3), {"mode": "sum"}, [integers(7, 4, 5)]),
    ("EmbeddingBag", (7, 3), {"padding_idx": 2}, [integers(7, 9), lambda rng: np.array([0, 3, 5])]),
    ("LayerNorm", (5,), {}, [(4, 2, 5)]),
    ("LayerNorm", ((2, 5),), {"bias": False}, [(4, 2, 5)]),
    ("LayerNorm", (5,), {"elementwise_affine": False}, [(4, 5)]),
    ("RMSNorm", (5,), {}, [(4, 2, 5)]),
    ("GroupNorm", (2, 4), {}, [(3, 4, 5)]),
    ("LocalResponseNorm", (3,), {}, [(2, 4, 5, 5)]),
    ("CosineSimilarity", (), {"dim": 1}, [(3, 4), (3, 4)]),
    ("PairwiseDistance", (), {"keepdim": True}, [(3, 4), (3, 4)]),
    ("Flatten", (1, 2), {}, [(2, 3, 4, 5)]),
    ("Unflatten", (1, (3, 2)), {}, [(2, 6, 4)]),
    ("Upsample", (), {"scale_factor": 2, "mode": "bilinear"}, [(2, 3, 4, 5)]),
    ("UpsamplingNearest2d", (), {"size": (7, 9)}, [(2, 3, 4, 5)]),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, [(2, 3, 4, 5)]),
    ("PixelShuffle", (2,), {}, [(2, 8, 3, 4)]),
    ("PixelUnshuffle", (2,), {}, [(2, 2, 6, 4)]),
    ("ChannelShuffle", (2,), {}, [(2, 6, 3, 3)]),
    ("Unfold", (3,), {"padding": 1}, [(2, 3, 5, 6)]),
    ("Fold", ((5, 6), 3), {"padding": 1}, [(2, 27, 30)]),
]

for d in (1, 2, 3):
    x = IMAGE[d]
    CASES += [
        (f"Conv{d}d", (4, 6, 3), {"stride": 2, "padding": 1}, [x]),
        (f"Conv{d}d", (4, 6, 3), {"groups": 2, "padding": "same", "padding_mode": "circular", "bias": False}, [x]),
        (f"ConvTranspose{d}d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}, [x]),
        (f"BatchNorm{d}d", (4,), {}, [x]),
        (f"BatchNorm{d}d", (4,), {"momentum": None}, [x]),
        (f"BatchNorm{d}d", (4,), {"affine": False, "track_running_stats": False}, [x]),
        (f"InstanceNorm{d}d", (4,), {}, [x]),
        (f"InstanceNorm{d}d", (4,), {"affine": True, "track_running_stats": True}, [x]),
        (f"InstanceNorm{d}d", (4,), {}, [x[1:]]),
        (f"MaxPool{d}d", (2,), {"ceil_mode": True}, [x]),
        (f"AvgPool{d}d", (3,), {"stride": 2, "padding": 1}, [x]),
        (f"LPPool{d}d", (2, 2), {}, [x]),
        (f"AdaptiveAvgPool{d}d", (3,), {}, [x]),
        (f"AdaptiveMaxPool{d}d", (2,), {}, [x]),
        (f"ConstantPad{d}d", (1, 3.5), {}, [x]),
        (f"ZeroPad{d}d", (tuple(range(2 * d)),), {}, [x]),
        (f"ReflectionPad{d}d", (2,), {}, [x]),
        (f"ReplicationPad{d}d", (2,), {}, [x]),
        (f"CircularPad{d}d", (2,), {}, [x]),
    ]

# In float64 PyTorch rounds some of its constants to float32.
ROUGH = ["Hardsigmoid"]
ACTIVATIONS = {
    "CELU": (2.0,),
    "ELU": (2.0,),
    "GELU": ("tanh",),
    "GLU": (1,),
    "Hardshrink": (0.3,),
    "Hardsigmoid": (),
    "Hardswish": (),
    "Hardtanh": (-0.5, 0.7),
    "LeakyReLU": (0.2,),
    "LogSigmoid": (),
    "LogSoftmax": (1,),
    "Mish": (),
    "PReLU": (4,),
    "ReLU": (),
    "ReLU6": (),
    "SELU": (),
    "Sigmoid": (),
    "SiLU": (),
    "Softmax": (1,),
    "Softmin": (1,),
    "Softplus": (2.0,),
    "Softshrink": (0.3,),
    "Softsign": (),
    "Tanh": (),
    "Tanhshrink": (),
    "Threshold": (0.2, -1.0),
}
CASES += [(name, arguments, {}, [(3, 4, 5)]) for name, arguments in ACTIVATIONS.items()]
CASES += [("Softmax2d", (), {}, [(2, 3, 4, 4)]), ("GELU", (), {}, [(3, 4)])]
# Random in training; the tests of gradients run them in evaluation.
RANDOM = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout", "RReLU"]
CASES += [(name, (), {}, [{"Dropout2d": IMAGE[2], "Dropout3d": IMAGE[3]}.get(name, IMAGE[1])]) for name in RANDOM]

CASES += [
    ("MSELoss", (), {}, [(3, 4), (3, 4)]),
    ("L1Loss", (), {"reduction": "sum"}, [(3, 4), (3, 4)]),
    ("HuberLoss", (), {"delta": 0.5}, [(3, 4), (3, 4)]),
    ("SmoothL1Loss", (), {"beta": 0.5}, [(3, 4), (3, 4)]),
    ("CrossEntropyLoss", (), {"label_smoothing": 0.1, "ignore_index": 1}, [(6, 5), integers(5, 6)]),
    ("NLLLoss", (), {}, [(6, 5), integers(5, 6)]),
    ("BCELoss", (), {}, [positive(3, 4), positive(3, 4)]),
    ("BCEWithLogitsLoss", (), {"reduction": "none"}, [(3, 4), positive(3, 4)]),
    ("KLDivLoss", (), {"reduction": "batchmean"}, [(3, 4), positive(3, 4)]),
    ("PoissonNLLLoss", (), {"full": True}, [(3, 4), lambda rng: rng.integers(0, 9, (3, 4)) * 1.0]),
    ("GaussianNLLLoss", (), {}, [(3, 4), (3, 4), positive(3, 4)]),
    ("MarginRankingLoss", (), {"margin": 0.1}, [(5,), (5,), signs(5)]),
    ("HingeEmbeddingLoss", (), {}, [(5,), signs(5)]),
    ("SoftMarginLoss", (), {}, [(5, 2), signs(5, 2)]),
    ("CosineEmbeddingLoss", (), {"margin": 0.1}, [(5, 3), (5, 3), signs(5)]),
    ("MultiMarginLoss", (), {}, [(5, 3), integers(3, 5)]),
    ("MultiLabelMarginLoss", (), {}, [(2, 4), lambda rng: np.array([[3, 0, -1, 1], [0, -1, 2, 1]])]),
    ("MultiLabelSoftMarginLoss", (), {}, [(2, 4), lambda rng: rng.integers(0, 2, (2, 4)) * 1.0]),
    ("TripletMarginLoss", (), {"swap": True}, [(5, 3), (5, 3), (5, 3)]),
    ("TripletMarginWithDistanceLoss", (), {}, [(5, 3), (5, 3), (5, 3)]),
]

CASES += [
    ("AdaptiveLogSoftmaxWithLoss", (8, 20, [4, 10]), {"div_value": 2.0, "head_bias": True}, [(9, 8), integers(20, 9)]),
    ("AdaptiveLogSoftmaxWithLoss", (8, 20, [4, 10]), {}, [(9, 8), integers(20, 9)]),
]

SEQUENCE = (13, 3, 4)  # long enough to stay a loop in a program
CASES += [
    ("RNNCell", (4, 5), {"nonlinearity": "relu"}, [(3, 4)]),
    ("RNNCell", (4, 5), {"bias": False}, [(3, 4), (3, 5)]),
    ("LSTMCell", (4, 5), {}, [(4,)]),
    ("GRUCell", (4, 5), {}, [(3, 4), (3, 5)]),
    ("RNN", (4, 5), {}, [SEQUENCE]),
    ("RNN", (4, 5, 2), {"nonlinearity": "relu", "bidirectional": True, "bias": False}, [SEQUENCE, (4, 3, 5)]),
    ("LSTM", (4, 5), {}, [SEQUENCE]),
    ("LSTM", (4, 5, 2), {"bidirectional": True, "batch_first": True, "proj_size": 2}, [(3, 7, 4)]),
    ("GRU", (4, 5, 2), {"bidirectional": True}, [SEQUENCE]),
    ("GRU", (4, 5), {"batch_first": True}, [(3, 7, 4), (1, 3, 5)]),
    ("GRU", (4, 5), {}, [(7, 4)]),
    ("MultiheadAttention", (4, 2), {}, [(5, 3, 4), (6, 3, 4), (6, 3, 4)]),
    (
        "MultiheadAttention",
        (4, 2),
        {"batch_first": True, "bias": False},
        [(3, 5, 4), (3, 6, 4), (3, 6, 4), hidden(3, 6)],
    ),
    (
        "MultiheadAttention",
        (4, 2),
        {"kdim": 3, "vdim": 5, "add_bias_kv": True, "add_zero_attn": True},
        [(5, 3, 4), (6, 3, 3), (6, 3, 5)],
    ),
    ("TransformerEncoderLayer", (4, 2, 8), {"dropout": 0.0}, [(5, 3, 4), causal(5)]),
    (
        "TransformerEncoderLayer",
        (4, 2, 8),
        {"dropout": 0.0, "norm_first": True, "batch_first": True, "activation": "gelu", "bias": False},
        [(3, 5, 4)],
    ),
    ("TransformerDecoderLayer", (4, 2, 8), {"dropout": 0.0}, [(5, 3, 4), (6, 3, 4), causal(5)]),
    ("TransformerDecoderLayer", (4, 2, 8), {"dropout": 0.0, "norm_first": True}, [(5, 3, 4), (6, 3, 4)]),
    ("Transformer", (4, 2, 2, 2, 8), {"dropout": 0.0}, [(5, 3, 4), (6, 3, 4)]),
    ("Transformer", (4, 2, 1, 2, 8), {"dropout": 0.0, "batch_first": True, "norm_first": True}, [(3, 5, 4), (3, 6, 4)]),
]


def name_of(case):
    name, arguments, options, _ = case
    return "-".join([name, *map(str, arguments), *(f"{k}={v}" for k, v in options.items())]).replace(" ", "")


def arrays(case):
    rng = np.random.default_rng(list(name_of(case).encode()))
    return [make(rng) if callable(make) else rng.standard_normal(make) for make in case[3]]
