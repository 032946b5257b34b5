"""Canonical weights into and out of the Flair model."""

from __future__ import annotations

import numpy as np
import torch
from flair.embeddings import DocumentRNNEmbeddings
from flair.models import TextClassifier

from shared.weights import Weights
from torch_layers.weights import Parts, array, export_part_gradients, export_parts, load_parts, trainable_count


def load_weights(model: TextClassifier, weights: Weights) -> None:
    """Copy canonical weights into the model."""
    load_parts(_parts(model), weights)


def export_weights(model: TextClassifier) -> Weights:
    """Return canonical weights (see `shared.contract`)."""
    weights = export_parts(_parts(model))
    if isinstance(model.embeddings, DocumentRNNEmbeddings):
        weights["embedding"] = _mapped_vectors(model.embeddings)
        if model.specification.pooling == "ends":
            weights["head.kernel"] = _by_direction(weights["head.kernel"])
    return weights


def export_gradients(model: TextClassifier) -> Weights:
    """Return the gradients of the last backward pass, by canonical name and layout."""
    return export_part_gradients(_parts(model))


def count_trainable(model: TextClassifier) -> int:
    """Return how many numbers the optimizer trains."""
    return trainable_count(model)


def _parts(model: TextClassifier) -> Parts:
    encoder = model.embeddings
    words = encoder.embeddings.embeddings[0] if isinstance(encoder, DocumentRNNEmbeddings) else encoder
    return Parts(model.specification, words.embedding, encoder.rnn, model.decoder)


@torch.no_grad()
def _mapped_vectors(encoder: DocumentRNNEmbeddings) -> np.ndarray:
    """Return the word vectors of Flair's own encoder, its linear map put into them."""
    vectors = encoder.embeddings.embeddings[0].embedding.weight[:-1]  # without Flair's unknown word
    return array(encoder.word_reprojection_map(vectors))


def _by_direction(kernel: np.ndarray) -> np.ndarray:
    """Return the head's kernel, its rows in canonical order.

    Flair's bidirectional document vector is (forward, backward) at the first token, then at the
    last. In canonical ``ends`` each direction's own first output comes before its own last.
    """
    forward_first, backward_last, forward_last, backward_first = np.split(kernel, 4)
    return np.concatenate([forward_first, backward_first, forward_last, backward_last])
