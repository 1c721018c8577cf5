"""Whole networks, forward and training, as rows of the same table.

Forward: the networks of deploy.py, in Tandem, PyTorch, ONNX Runtime and OpenVINO (the last two from our own export).
Training: the cases of training.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from measure import samples_in_turns

from deploy import NETWORKS, onnx_runtime

Steps = dict[str, Callable[[], Any]]

GOALS = {
    "tiny": 0.45,
    "encoder": 0.92,
    "lstm": 0.7,
    "resnet18": 1.0,
    "mlp_step": 0.85,
    "encoder_step": 0.72,
    "lstm_by_hand": 0.7,
    "lstm_by_hand_step": 0.75,
}
TRAINING = {
    "mlp_step": "mlp",
    "encoder_step": "encoder",
    "lstm_by_hand": "lstm forward",
    "lstm_by_hand_step": "lstm training",
}
ABOUT = {
    "tiny": "64 → 64 → 10, one row",
    "perceptron": "784 → 2048 → 512 → 10, 16 rows",
    "encoder": "4 layers of 256, 8 × 128",
    "lstm": "library layer, 64 steps of 32 × 128 → 256",
    "resnet18": "1 × 3 × 224 × 224",
    "mlp_step": "784-512-256-10, 128 rows, Adam",
    "encoder_step": "4 layers of 256, 8 × 128, AdamW",
    "lstm_by_hand": "from small operations, 64 steps of 32 × 128 → 256",
    "lstm_by_hand_step": "the same, forward, backward, SGD",
}
NAMES = [*NETWORKS, *TRAINING]


@dataclass
class Measured:
    samples: dict[str, list[float]]
    first: dict[str, float] = field(default_factory=dict)


def openvino(model: Path, x: np.ndarray) -> Callable[[], Any] | None:
    if not importlib.util.find_spec("openvino"):
        return None
    import openvino as ov
    from peers import THREADS

    # In float32 like all others: by itself it takes bfloat16 where the processor has instructions for that.
    hints = {"INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(str(model), "CPU", hints)
    request = compiled.create_infer_request()
    return lambda: request.infer({0: x})


def in_torch(torch: Any, name: str, weights: dict[str, Any], x: np.ndarray) -> Callable[..., Any]:
    """The same network there: the layers of torch.nn have the same names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which of its fast paths a layer cannot take
        model, _ = NETWORKS[name](torch)
    model.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in weights.items()})
    model.eval()
    given = torch.from_numpy(x)

    def run(model: Any) -> Any:
        with torch.no_grad():
            return model(given)

    return lambda: run(model)


def forward(name: str, wanted: list[str], rounds: int) -> Measured:
    import tandem as td

    model, x = NETWORKS[name](td)
    model.eval()
    given = td.asarray(x)
    compiled = td.script(model.forward)
    steps: Steps = {}
    with td.no_grad(), tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        steps["tandem"] = lambda: compiled(given)
        steps["eager"] = lambda: model(given)
        if "torch" in wanted:
            import torch

            # Of copies: what NumPy was given could be written to unnoticed, and would be packed anew in every call.
            weights = {key: np.asarray(value.detach().copy()) for key, value in model.state_dict().items()}
            steps["torch"] = in_torch(torch, name, weights, x)
        if "ort" in wanted:
            peer = onnx_runtime(td, model, x, folder)
            if peer:
                steps["ort"] = peer
                if "openvino" in wanted and (other := openvino(folder / "model.onnx", x)):
                    steps["openvino"] = other
        first = {}
        results = {}
        for key, step in steps.items():
            start = time.perf_counter()
            results[key] = flat(step())
            first[key] = time.perf_counter() - start
        for key, value in results.items():
            np.testing.assert_allclose(value, results["eager"], rtol=1e-2, atol=1e-3, err_msg=f"{name}: {key}")
        return Measured(samples_in_turns(steps, rounds), first)


def flat(value: Any) -> np.ndarray:
    while not hasattr(value, "shape"):
        value = value[0]
    return np.asarray(value).ravel()


def training(name: str, wanted: list[str], rounds: int) -> Measured:
    import training as steps

    libraries = steps.libraries_for(
        argparse.Namespace(peak="", compile="inductor" in wanted, no_jax="jax" not in wanted)
    )
    names = {"script": "tandem", "torch.compile": "inductor"}
    with libraries.torch.enable_grad():  # off for all that is not trained
        case = steps.MAKERS[TRAINING[name]](libraries)
        samples = samples_in_turns({names.get(key, key): step for key, step in case.steps.items()}, rounds)
    return Measured(samples, {names.get(key, key): value for key, value in case.first.items()})


def measured(chosen: list[str], wanted: list[str], rounds: int) -> Iterator[tuple[str, Measured]]:
    for name in chosen:
        if name in NETWORKS:
            yield name, forward(name, wanted, rounds)
        elif name in TRAINING and "torch" in wanted:  # whose weights all of them start from
            yield name, training(name, wanted, rounds)
