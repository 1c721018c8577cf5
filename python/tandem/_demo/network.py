"""A multi-layer perceptron that scikit-learn trained on its 1797 handwritten digits, evaluated here."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

import tandem as td


@td.script
def classify(x: Any, layers: Any) -> Any:
    """Return the scores of the ten digits, and the digit with the highest one."""
    for weight, bias in layers[:-1]:
        x = td.relu(x @ weight + bias)
    weight, bias = layers[-1]
    logits = x @ weight + bias
    return logits, td.argmax(logits, axis=1)


def classify_numpy(x: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    for weight, bias in layers[:-1]:
        x = np.maximum(x @ weight + bias, 0)
    weight, bias = layers[-1]
    logits = x @ weight + bias
    return logits, np.argmax(logits, axis=1)


@dataclass
class Digits:
    """Images to classify, the trained weights, and what scikit-learn makes of them."""

    images: np.ndarray
    labels: np.ndarray
    layers: list[tuple[np.ndarray, np.ndarray]]
    predictions: np.ndarray
    probabilities: np.ndarray

    def tensors(self, dtype: Any = td.float64, count: int | None = None) -> tuple[Any, list[tuple[Any, Any]]]:
        """Return the arguments of `classify`."""
        layers = [(td.asarray(w).astype(dtype), td.asarray(b).astype(dtype)) for w, b in self.layers]
        return td.asarray(self.images[:count]).astype(dtype), layers


def train(quick: bool) -> Digits:
    """Let scikit-learn train on one half of the digits; the images returned are the other half."""
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(images / 16.0, labels, test_size=0.5, random_state=0)
    model = MLPClassifier(hidden_layer_sizes=(128, 64), max_iter=10 if quick else 60, random_state=0)
    # Matrices this small only lose by threads.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a demonstration may stop early
        model.fit(seen, seen_labels)
    return Digits(
        images=unseen,
        labels=unseen_labels,
        layers=list(zip(model.coefs_, model.intercepts_, strict=True)),
        predictions=model.predict(unseen),
        probabilities=model.predict_proba(unseen),
    )
