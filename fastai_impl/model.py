"""The model in fastai.

Every room has this file; what all of them define stands in the same order.
"""

from __future__ import annotations

from fastai.layers import Embedding
from fastai.torch_core import Module, default_device
from torch import Tensor

from fastai_impl.weights import load_weights
from shared.data.batches import FEATURES, STATES, VECTOR_MASKS
from shared.specification import Specification
from shared.weights import Weights
from torch_layers.encoder import Encoder, reprojection
from torch_layers.head import Head
from torch_layers.masks import NO_MASKS, TensorMasks, masked


def build(specification: Specification, weights: Weights) -> Module:
    """Build the model from canonical weights (see `shared.contract`)."""
    model = SentimentClassifier(specification, weights)
    load_weights(model, weights)
    return model.to(default_device())


class SentimentClassifier(Module):
    """Embedding, recurrent layers, pooling over real tokens, dropout, linear head.

    fastai's `Module` needs no ``super().__init__()``. No packing: on a CPU it is the slow way
    (see `torch_layers.encoder`).
    """

    def __init__(self, specification: Specification, weights: Weights) -> None:
        vocabulary_size, outputs = len(weights["embedding"]), len(weights["head.bias"])
        self.specification, self.classes = specification, specification.classes(outputs)
        self.embedding = Embedding(vocabulary_size, specification.embedding_size)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        self.reprojection = reprojection(specification, weights)
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
        inputs = masked(self.embedding(tokens), masks, *VECTOR_MASKS)  # [batch, time, embedding]
        features = self.rnn(self.reprojection(inputs), real, masks.get(STATES))  # [batch, features]
        return self.head(masked(features, masks, FEATURES))  # [batch, classes]
