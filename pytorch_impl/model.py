"""The model in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pytorch_impl.weights import load_weights
from shared.data.batches import CHANNELS, FEATURES, STATES, WORDS
from shared.specification import Specification
from shared.text import PADDING_ID
from shared.weights import Weights
from torch_layers.encoder import DOCUMENTED_CELLS, Encoder
from torch_layers.head import Head
from torch_layers.masks import NO_MASKS, TensorMasks, masked

# In the idiomatic recipe PyTorch decides on these: ``h_n`` is the last output.
DECIDED_FIELDS = ("pooling",)


def idiomatic(specification: Specification) -> Specification:
    """Return the specification with what PyTorch's documentation writes: ``h_n``, Adam's defaults."""
    return specification.replaced(
        pooling="last", learning_rate=1e-3, epsilon=1e-8, schedule="constant", gradient_clipping=0
    )


def build(specification: Specification, weights: Weights) -> nn.Module:
    """Build the model of a recipe from canonical weights (see `shared.contract`)."""
    vocabulary_size, outputs = len(weights["embedding"]), len(weights["head.bias"])
    if specification.recipe == "idiomatic":
        model: nn.Module = PackedClassifier(specification, vocabulary_size, outputs)
        if specification.vectors != "random":
            with torch.no_grad():
                model.embedding.weight.copy_(torch.from_numpy(weights["embedding"]))
        return model
    model = SentimentClassifier(specification, vocabulary_size, outputs)
    load_weights(model, weights)
    return model


class SentimentClassifier(nn.Module):
    """Embedding, recurrent layers, pooling over real tokens, dropout, linear head.

    No packing: on a CPU it is the slow way (see `torch_layers.encoder`).
    """

    def __init__(self, specification: Specification, vocabulary_size: int, outputs: int) -> None:
        super().__init__()
        self.specification, self.classes = specification, specification.classes(outputs)
        self.embedding = nn.Embedding(vocabulary_size, specification.embedding_size)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        self.rnn = Encoder(specification)
        self.head = Head(specification, outputs)

    def forward(self, tokens: Tensor, masks: TensorMasks = NO_MASKS) -> Tensor:
        """Return logits.

        Parameters
        ----------
        tokens : <int32>[batch, time]
            Padded word ids.
        masks : mapping of str to <float32> tensor, optional
            What is dropped (see `shared.data.batches.Batch`); nothing outside training.

        Returns
        -------
        <float32>[batch, classes]
        """
        real = tokens != self.specification.unread_id  # [batch, time]
        inputs = masked(self.embedding(tokens), masks, WORDS, CHANNELS)  # [batch, time, embedding]
        features = self.rnn(inputs, real, masks.get(STATES))  # [batch, features]
        return self.head(masked(features, masks, FEATURES))  # [batch, classes]


class PackedClassifier(nn.Module):
    """The same architecture as PyTorch's documentation writes it: packed, bidirectional, ``h_n``."""

    def __init__(self, specification: Specification, vocabulary_size: int, outputs: int) -> None:
        super().__init__()
        self.specification, self.classes = specification, specification.classes(outputs)
        self.embedding = nn.Embedding(vocabulary_size, specification.embedding_size, padding_idx=PADDING_ID)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        self.rnn = DOCUMENTED_CELLS[specification.cell](
            specification.embedding_size,
            specification.hidden_size,
            num_layers=specification.layers,
            bidirectional=len(specification.directions) == 2,
            batch_first=True,
        )
        self.dropout = nn.Dropout(specification.dropout)
        self.head = nn.Linear(specification.features, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits ``[batch, classes]`` of right-padded tokens ``[batch, time]``."""
        lengths = (tokens != PADDING_ID).sum(dim=1)  # [batch]
        packed = pack_padded_sequence(
            self.embedding(tokens), lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        _, state = self.rnn(packed)
        hidden = state[0] if isinstance(state, tuple) else state  # [layers * directions, batch, hidden]
        last = hidden[-len(self.specification.directions) :]  # [directions, batch, hidden]
        features = torch.cat(tuple(last), dim=1) * (lengths > 0).unsqueeze(1)  # [batch, features]
        return self.head(self.dropout(features))
