"""What a framework is asked to do, in a process of its own. Never two frameworks in one process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from compare.workers import implementation, predict_with_checkpoint
from shared.cell import initial_weights
from shared.contract import followed
from shared.data.encoding import EncodedReviews, encode_texts, load_corpus
from shared.differences import largest_difference
from shared.history import Silent
from shared.predictions import Predictions, read_predictions
from shared.specification import Specification
from shared.weights import Checkpoint, Weights, save_checkpoint


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
    return largest_difference(predicted.probabilities, stored.probabilities)


class Outcome(NamedTuple):
    """Losses of all steps, answers to some texts, and the largest difference of the reopened checkpoint's answers."""

    step_losses: list[float]
    answers: np.ndarray
    reopened: float


def train_and_reopen(
    framework: str, specification: Specification, given: Collection[str], texts: Sequence[str], checkpoint: Path
) -> Outcome:
    """Train as the command does, answer some texts, write a checkpoint, open it in the lockstep recipe, ask again."""
    room = implementation(framework)
    specification = followed(room, specification, given)
    room.configure("auto", None, specification.seed)  # or the generators go on where the training before left them
    corpus = load_corpus(specification)
    model = room.build(specification, initial_weights(specification, corpus))
    history = room.train(model, corpus.train, corpus.validation, specification, Silent())
    reviews = encode_texts(texts, corpus.vocabulary, specification)
    answers = room.predict_probabilities(model, reviews)
    weights = room.export_weights(model)
    save_checkpoint(checkpoint, Checkpoint(specification, corpus.vocabulary, weights, corpus.class_names))
    again = predict_with_checkpoint(framework, checkpoint, reviews)
    return Outcome(history.step_losses, answers, largest_difference(again, answers))
