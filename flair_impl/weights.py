"""Canonical weights into and out of the Flair model."""

from __future__ import annotations

import numpy as np
from flair.embeddings import DocumentRNNEmbeddings
from flair.models import TextClassifier

from shared.weights import Weights
from torch_layers.weights import Parts, export_part_gradients, export_parts, load_parts, trainable_count


def load_weights(model: TextClassifier, weights: Weights) -> None:
    """Copy canonical weights into the model."""
    load_parts(parts_of(model), _with_head_of(model, weights))


def export_weights(model: TextClassifier) -> Weights:
    """Return canonical weights (see `shared.contract`)."""
    return _with_head_of(model, export_parts(parts_of(model)))


def export_gradients(model: TextClassifier) -> Weights:
    """Return the gradients of the last backward pass, by canonical name and layout."""
    return export_part_gradients(parts_of(model))


def count_trainable(model: TextClassifier) -> int:
    """Return how many numbers the optimizer trains."""
    return trainable_count(model)


def parts_of(model: TextClassifier) -> Parts:
    """Return where the model keeps its parts."""
    encoder = model.embeddings
    if isinstance(encoder, DocumentRNNEmbeddings):  # Flair's own (see `flair_impl.documented`)
        words, reprojection = encoder.embeddings.embeddings[0], encoder.word_reprojection_map
    else:
        words, reprojection = encoder, encoder.reprojection
    return Parts(model.specification, words.embedding, encoder.rnn, model.decoder, reprojection)


def _with_head_of(model: TextClassifier, weights: Weights) -> Weights:
    """Return weights with the head's rows in the model's order if they are in the canonical one, and the other way.

    The bidirectional document vector of Flair's own encoder is (forward, backward) at the first token, then at the
    last. In canonical ``ends`` each direction's own first output comes before its own last: the backward direction's
    two change places.
    """
    if not isinstance(model.embeddings, DocumentRNNEmbeddings) or model.specification.pooling != "ends":
        return weights
    first, second, third, fourth = np.split(weights["head.kernel"], 4)
    return {**weights, "head.kernel": np.concatenate([first, fourth, third, second])}
