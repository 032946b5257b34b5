"""Each framework's own code with the lockstep recipe's random numbers in place of its own, run in its own process.

Flair's stands in `tests.conformance.flair_jobs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np

from compare.workers import implementation
from shared.data.batches import FEATURES, Batches
from shared.data.encoded import EncodedReviews
from shared.history import Silent
from shared.specification import Specification
from shared.weights import Weights

Trained = tuple[list[float], Weights]


def train_keras(
    framework: str, specification: Specification, weights: Weights, training: EncodedReviews, validation: EncodedReviews
) -> Trained:
    """Train by `fit` on reviews that stand in the shared order: for one epoch, without dropout."""
    room = implementation(framework)
    import keras

    from keras_impl import documented
    from keras_impl.weights import load_weights

    assert (specification.epochs, specification.dropout) == (1, 0)
    model = documented.build(specification, weights)
    load_weights(model, weights)
    original = keras.Model.fit

    def fit(self: Any, *given: Any, **options: Any) -> Any:
        return original(self, *given, shuffle=False, **options)

    ordered = training.take(Batches(training, specification).order(0))
    with patch.object(keras.Model, "fit", fit):
        history = documented.train(model, ordered, validation, specification, Silent())
    return history.step_losses, room.export_weights(model)


def train_pytorch(
    framework: str, specification: Specification, weights: Weights, training: EncodedReviews, validation: EncodedReviews
) -> Trained:
    """Train by the plain loop, in the shared order and with the shared masks."""
    room = implementation(framework)
    import torch

    from pytorch_impl import documented
    from pytorch_impl.weights import load_weights

    model, batches, epochs = (
        documented.build(specification, weights),
        Batches(training, specification),
        itertools.count(),
    )
    load_weights(model, weights)
    model.dropout = _shared_dropout(batches)

    def loader(*_: object) -> Iterator[Any]:
        epoch = next(epochs)
        for number in range(len(batches)):
            batch = batches.batch(epoch, number)
            yield torch.from_numpy(batch.tokens), torch.from_numpy(batch.labels)

    with patch.object(documented, "_loader", loader):
        history = documented.train(model, training, validation, specification, Silent())
    return history.step_losses, room.export_weights(model)


def train_fastai(
    framework: str, specification: Specification, weights: Weights, training: EncodedReviews, validation: EncodedReviews
) -> Trained:
    """Train by `fit_one_cycle` on `SortedDL`, whose permutations are the shared ones, with the shared masks."""
    room = implementation(framework)
    from fastai.text.data import SortedDL

    from fastai_impl import documented
    from fastai_impl.weights import load_weights

    model, batches, epochs = (
        documented.build(specification, weights),
        Batches(training, specification),
        itertools.count(),
    )
    load_weights(model, weights)
    model.dropout = _shared_dropout(batches)
    original = SortedDL.shuffle_fn

    def shuffle(self: Any, rows: list[int]) -> Iterator[int]:
        generator = np.random.default_rng([specification.seed, next(epochs)])
        with patch("numpy.random.permutation", generator.permutation):
            return original(self, rows)

    with patch.object(SortedDL, "shuffle_fn", shuffle):
        history = documented.train(model, training, validation, specification, Silent())
    return history.step_losses, room.export_weights(model)


def _shared_dropout(batches: Batches) -> Any:
    """Return what stands for a model's dropout: in training the masks of one step after the other."""
    from torch import from_numpy, nn

    class Dropout(nn.Module):
        step = 0

        def forward(self, features: Any) -> Any:
            if not self.training:
                return features
            epoch, number = divmod(self.step, len(batches))
            self.step += 1
            masks = batches.masks(epoch, number, np.ones((batches.size(number), 1), np.int32))
            return features * from_numpy(masks[FEATURES])

    return Dropout()


JOBS = {"keras": train_keras, "pytorch": train_pytorch, "fastai": train_fastai}
