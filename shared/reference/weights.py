"""Canonical weights into and out of the reference, which has no others."""

from __future__ import annotations

import numpy as np

from shared.reference.model import SentimentClassifier
from shared.weights import Weights


def load_weights(model: SentimentClassifier, weights: Weights) -> None:
    """Copy canonical weights into the model."""
    for name, array in weights.items():
        model.weights[name][...] = array


def export_weights(model: SentimentClassifier) -> Weights:
    """Return canonical weights in float32 (see `shared.contract`)."""
    return {name: array.astype(np.float32) for name, array in model.weights.items()}


def count_trainable(model: SentimentClassifier) -> int:
    """Return how many numbers the optimizer trains."""
    frozen = 0 if model.specification.train_embedding else model.weights["embedding"].size
    return sum(array.size for array in model.weights.values()) - frozen
