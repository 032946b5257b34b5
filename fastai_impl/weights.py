"""Canonical weights into and out of the fastai model."""

from __future__ import annotations

from torch import nn

from shared.weights import Weights
from torch_layers.weights import Parts, export_part_gradients, export_parts, load_parts, trainable_count


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Copy canonical weights into the model."""
    load_parts(parts_of(model), weights)


def export_weights(model: nn.Module) -> Weights:
    """Return canonical weights (see `shared.contract`)."""
    return export_parts(parts_of(model))


def export_gradients(model: nn.Module) -> Weights:
    """Return the gradients of the last backward pass, by canonical name and layout."""
    return export_part_gradients(parts_of(model))


def count_trainable(model: nn.Module) -> int:
    """Return how many numbers the optimizer trains."""
    return trainable_count(model)


def parts_of(model: nn.Module) -> Parts:
    """Return where the model keeps its parts."""
    return Parts(model.specification, model.embedding, model.rnn, model.head, model.reprojection)
