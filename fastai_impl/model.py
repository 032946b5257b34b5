"""The model in fastai."""

from __future__ import annotations

import torch
from fastai.layers import Embedding
from fastai.torch_core import Module, default_device
from torch import Tensor, nn

from fastai_impl.weights import load_weights
from shared.specification import POOLED, Specification
from shared.weights import Weights
from torch_layers.gru import GRU
from torch_layers.pooling import mirrored_places, pool, take_places

DOCUMENTED_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CELLS = {**DOCUMENTED_CELLS, "gru": GRU}  # the same layer, trained faster on a CPU

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
    normal. No packing: on a CPU it is the slow way. Each direction is a layer of its own that reads
    from left to right, the backward one after each review was reversed within its own length.
    Padding then comes after the real tokens in both, and what is never read cannot matter.
    """

    def __init__(self, specification: Specification, vocabulary_size: int, classes: int) -> None:
        self.specification = specification
        self.embedding = Embedding(vocabulary_size, specification.embedding_size)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        cells = CELLS if specification.recipe == "lockstep" else DOCUMENTED_CELLS
        cell, size = cells[specification.cell], specification.embedding_size
        self.rnn = nn.ModuleList()  # layer by layer; in each, one cell a direction
        for _ in range(specification.layers):
            ways = [cell(size, specification.hidden_size, batch_first=True) for _ in specification.directions]
            self.rnn.append(nn.ModuleList(ways))
            size = specification.hidden_size * len(specification.directions)
        self.dropout = nn.Dropout(specification.dropout)
        self.head = nn.Linear(specification.features, classes)

    def forward(self, tokens: Tensor, dropout_mask: Tensor | None = None, word_mask: Tensor | None = None) -> Tensor:
        """Return logits.

        Parameters
        ----------
        tokens : <int32>[batch, time]
            Padded word ids.
        dropout_mask : <float32>[batch, features], optional
            Factors for the pooled features; default: drawn by PyTorch in training, none outside.
        word_mask : <float32>[batch, time, 1], optional
            Factors for the words' vectors; none outside training.

        Returns
        -------
        <float32>[batch, classes]
        """
        real = tokens != self.specification.unread_id  # [batch, time]
        mirror = mirrored_places(real)  # [batch, time]
        inputs = self.embedding(tokens)  # [batch, time, embedding]
        if word_mask is not None:
            inputs = inputs * word_mask
        outputs: list[Tensor] = []  # of each direction, in its own order: [batch, time, hidden]
        for number, layer in enumerate(self.rnn):
            if number > 0:
                inputs = torch.cat([outputs[0], *(take_places(y, mirror) for y in outputs[1:])], dim=2)
            outputs = [cell(take_places(inputs, mirror) if back else inputs)[0] for back, cell in enumerate(layer)]
        features = torch.cat(
            [pool(y, real, how) for how in POOLED[self.specification.pooling] for y in outputs], dim=1
        )  # [batch, features]
        dropped = self.dropout(features) if dropout_mask is None else features * dropout_mask
        return self.head(dropped)  # [batch, classes]
