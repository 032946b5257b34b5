"""What a framework is asked to do, in a process of its own. Never two frameworks in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compare.workers import implementation, predict_with_checkpoint
from shared.data.encoding import EncodedReviews
from shared.predictions import Predictions, read_predictions
from shared.specification import Specification
from shared.weights import Weights


def there_and_back(framework: str, specification: Specification, weights: Weights) -> tuple[Weights, int]:
    """Weights out of a model that they were just put into, and what it would train."""
    room = implementation(framework)
    model = room.build(specification, weights)
    return room.export_weights(model), room.count_trainable(model)


def largest_difference_from_checkpoint(framework: str, run: Path, test: EncodedReviews) -> float:
    """How far the checkpoint of a run is from the predictions that the run stored."""
    predicted = Predictions.of(test, predict_with_checkpoint(framework, run, test))
    stored = read_predictions(run / "predictions.parquet")
    assert predicted.review_ids.tolist() == stored.review_ids.tolist()
    return float(np.abs(predicted.probabilities - stored.probabilities).max())
