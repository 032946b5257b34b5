"""The model in fastai."""

from __future__ import annotations

import torch
from fastai.layers import Embedding
from fastai.torch_core import Module, default_device
from torch import Tensor, nn

from fastai_impl.weights import load_weights
from shared.data.batches import CHANNELS, FEATURES, STATES, WORDS
from shared.specification import Specification
from shared.weights import Weights
from torch_layers.encoder import Encoder
from torch_layers.head import Head
from torch_layers.masks import NO_MASKS, TensorMasks, masked

# In the idiomatic recipe fastai decides on these: one cycle of the learning rate and, against it, of the first moment.
DECIDED_FIELDS = ("schedule", "beta_1")


def idiomatic(specification: Specification) -> Specification:
    """Return the specification with fastai's defaults: concat pooling, its Adam, one cycle, no clipping."""
    return specification.replaced(
        pooling="concat",
        learning_rate=1e-3,
        beta_1=0.9,
        beta_2=0.99,
        epsilon=1e-5,
        schedule="one_cycle",
        gradient_clipping=0,
    )


def build(specification: Specification, weights: Weights) -> Module:
    """Build the model of a recipe from canonical weights (see `shared.contract`)."""
    model = SentimentClassifier(specification, len(weights["embedding"]), len(weights["head.bias"]))
    if specification.recipe == "lockstep":
        load_weights(model, weights)
    elif specification.vectors != "random":
        with torch.no_grad():
            model.embedding.weight.copy_(torch.from_numpy(weights["embedding"]))
    return model.to(default_device())


class SentimentClassifier(Module):
    """Embedding, recurrent layers, pooling over real tokens, dropout, linear head.

    fastai's `Module` needs no ``super().__init__()``; its `Embedding` starts from a truncated
    normal. No packing: on a CPU it is the slow way (see `torch_layers.encoder`).
    """

    def __init__(self, specification: Specification, vocabulary_size: int, outputs: int) -> None:
        self.specification, self.classes = specification, specification.classes(outputs)
        self.embedding = Embedding(vocabulary_size, specification.embedding_size)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        self.rnn = Encoder(specification)
        self.dropout = nn.Dropout(specification.dropout)
        self.head = Head(specification, outputs)

    def forward(self, tokens: Tensor, masks: TensorMasks = NO_MASKS) -> Tensor:
        """Return logits.

        Parameters
        ----------
        tokens : <int32>[batch, time]
            Padded word ids.
        masks : mapping of str to <float32> tensor, optional
            What is dropped (see `shared.data.batches.Batch`); without one of the features PyTorch draws it in
            training, and drops nothing outside.

        Returns
        -------
        <float32>[batch, classes]
        """
        real = tokens != self.specification.unread_id  # [batch, time]
        inputs = masked(self.embedding(tokens), masks, WORDS, CHANNELS)  # [batch, time, embedding]
        features = self.rnn(inputs, real, masks.get(STATES))  # [batch, features]
        dropped = masked(features, masks, FEATURES) if FEATURES in masks else self.dropout(features)
        return self.head(dropped)  # [batch, classes]
