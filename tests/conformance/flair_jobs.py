"""Flair's own code with the lockstep recipe's random numbers in place of its own, run in Flair's own process."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from shared.data.batches import FEATURES, NUMBERS, Batches
from shared.data.encoded import EncodedReviews
from shared.history import History, Silent
from shared.specification import Specification
from shared.weights import Weights
from tests.conformance.jobs import implementation


def train_with_shared_draws(
    framework: str, specification: Specification, weights: Weights, training: EncodedReviews, validation: EncodedReviews
) -> tuple[History, Weights]:
    """Train Flair's own code from these weights, in the shared order, with the shared masks.

    Parameters
    ----------
    framework : str
        ``flair``.
    specification : Specification
        As documented.
    weights : dict of str to <float32> array
        To begin with.
    training, validation : EncodedReviews
        Of two words or more: in a shorter one Flair's two ends are one place, with one mask.

    Returns
    -------
    History, dict of str to <float32> array
        What was recorded, and the trained weights.
    """
    room = implementation(framework)
    from flair.trainers import ModelTrainer

    from flair_impl import documented
    from flair_impl.training import SharedOrder
    from flair_impl.weights import load_weights

    model = documented.build(specification, weights)
    load_weights(model, weights)
    batches = Batches(training, specification)
    model.embeddings.dropout, feed = _shared_dropout(batches)
    original = ModelTrainer.train

    def train(self: Any, folder: str, plugins: list[Any], **options: Any) -> Any:
        return original(self, folder, plugins=[*plugins, feed], sampler=SharedOrder(batches), **options)

    with patch.object(ModelTrainer, "train", train):
        history = documented.train(model, training, validation, specification, Silent())
    return history, room.export_weights(model)


def _shared_dropout(batches: Batches) -> tuple[Any, Any]:
    """Return what stands for the encoder's dropout, and the plugin that gives it the masks of each step."""
    import torch
    from flair.trainers.plugins import TrainerPlugin
    from torch import nn

    class Dropout(nn.Module):
        """Flair calls it before the recurrent layers, then after them."""

        masks: list[torch.Tensor]

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values * self.masks.pop(0) if self.training else values

    dropout = Dropout()

    class Feed(TrainerPlugin):
        @TrainerPlugin.hook
        def before_training_batch(self, batch: list[Any], batch_no: int, epoch: int, **_: object) -> None:
            tokens = batches.reviews.padded([sentence.row for sentence in batch])
            masks = batches.masks(epoch - 1, batch_no, tokens)
            features = torch.from_numpy(masks[FEATURES])
            rows, last = torch.arange(len(batch)), torch.tensor([len(sentence) - 1 for sentence in batch])
            directions = len(batches.specification.directions)
            size = directions * batches.specification.hidden_size
            after = torch.ones(*tokens.shape, size)  # what is dropped elsewhere is not read
            if directions == 1:
                after[rows, last] = features
            else:  # each direction's first output, then each one's last; the backward one begins at the end
                forward_first, backward_first, forward_last, backward_last = features.chunk(4, dim=1)
                after[rows, 0] = torch.cat([forward_first, backward_last], dim=1)
                after[rows, last] = torch.cat([forward_last, backward_first], dim=1)
            dropout.masks = [torch.from_numpy(masks[NUMBERS]), after]

    return dropout, Feed()
