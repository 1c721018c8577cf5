"""A folder with everything that a Writer can write, and what was written, for those who read it back."""

import numpy as np

import tandem as td

SAMPLES = np.random.default_rng(0).normal(size=1000).astype(np.float32)
PICTURE = np.random.default_rng(1).integers(0, 256, (9, 5, 3), np.uint8)
GREY = np.linspace(0, 1, 4 * 6 * 7, dtype=np.float32).reshape(4, 1, 6, 7)


def layer(x, w):
    return td.tanh(x @ w)


@td.script
def network(x, w):
    h = layer(x, w)
    while td.max(td.abs(h)) > 0.1:
        h = h * 0.5
    if td.sum(h) > 0:
        h = h + 1
    return td.sum(td.exp(h), axis=-1), td.mean(h)


def arguments():
    return td.full((4, 8), 0.25), td.full((8, 16), 0.125)


def write_all(folder):
    """Write two runs below `folder`; return the profile that was written."""
    network(*arguments())
    with td.profiler(sample=False) as profile:
        for _ in range(200):
            network(*arguments())
    with td.tensorboard.Writer(folder / "first") as writer:
        writer.add_hparams({"rate": 0.1, "layers": 2, "bias": True, "norm": "layer", "dtype": td.float32, "no": None})
        for step in range(20):
            writer.add_scalar("loss/train", td.asarray(1.0 / (step + 1)), step)
            writer.add_scalars("both", {"a": step, "b": -step}, step)
            writer.add_histogram("weights", td.asarray(SAMPLES + step), step)
        writer.add_image("picture", PICTURE, 3, layout="HWC")
        writer.add_images("batch", td.asarray(GREY), 3)
        writer.add_text("note", "**bold** ä", 2)
        writer.add_graph(network)
        writer.add_graph(network, "timed", profile=profile)
        writer.add_profile(profile)
        writer.flush()
    with td.tensorboard.Writer(folder / "second") as writer:
        writer.add_hparams({"rate": 0.2, "layers": 3, "bias": False}, {"loss/train": 0.5})
    return profile
