"""What a framework is asked to do, in a process of its own. Never two frameworks in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shared.contract import Implementation, load_implementation
from shared.data.encoding import EncodedReviews
from shared.history import Silent
from shared.predictions import Predictions, read_predictions
from shared.specification import Specification
from shared.weights import Weights, read_checkpoint

_loaded: dict[str, Implementation] = {}


def implementation(framework: str) -> Implementation:
    if framework not in _loaded:
        _loaded[framework] = load_implementation(framework)
        _loaded[framework].configure("cpu", 2, 0)
    return _loaded[framework]


def there_and_back(framework: str, specification: Specification, weights: Weights) -> tuple[Weights, int]:
    """Weights out of a model that they were just put into, and what it would train."""
    room = implementation(framework)
    model = room.build(specification, weights)
    return room.export_weights(model), room.count_trainable(model)


def predict(
    framework: str, specification: Specification, weights: Weights, groups: list[EncodedReviews]
) -> list[np.ndarray]:
    """Probabilities of each group of reviews, each group predicted by itself."""
    room = implementation(framework)
    model = room.build(specification, weights)
    return [room.predict_probabilities(model, reviews) for reviews in groups]


def forward_and_backward(
    framework: str, specification: Specification, weights: Weights, reviews: EncodedReviews, mask: np.ndarray
) -> tuple[np.ndarray, float, Weights]:
    """Logits, loss and gradients of one batch."""
    room = implementation(framework)
    return room.forward_and_backward(room.build(specification, weights), reviews, mask)


def train(
    framework: str,
    specification: Specification,
    weights: Weights,
    training: EncodedReviews,
    validation: EncodedReviews,
) -> dict[str, Any]:
    """Losses of all steps, epochs, weights and probabilities after a training."""
    room = implementation(framework)
    model = room.build(specification, weights)
    history = room.train(model, training, validation, specification, Silent())
    return {
        "step_losses": history.step_losses,
        "epochs": history.epochs,
        "weights": room.export_weights(model),
        "probabilities": room.predict_probabilities(model, validation),
    }


def largest_difference_from_checkpoint(framework: str, run: Path, test: EncodedReviews) -> float:
    """How far the checkpoint of a run is from the predictions that the run stored."""
    room = implementation(framework)
    checkpoint = read_checkpoint(run)
    model = room.build(checkpoint.specification.replaced(recipe="lockstep"), checkpoint.weights)
    predicted = Predictions.of(test, room.predict_probabilities(model, test))
    stored = read_predictions(run / "predictions.parquet")
    assert predicted.review_ids.tolist() == stored.review_ids.tolist()
    return float(np.abs(predicted.probabilities - stored.probabilities).max())
