"""The classifier as fastai's documentation writes it: the idiomatic recipe.

`Learner`, its Adam, `fit_one_cycle`, and batches of like length as `TextBlock` makes them. `text_classifier_learner`
builds another architecture, an AWD-LSTM that was trained on Wikipedia; it is not imitated.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from fastai.callback.schedule import Learner  # Learner with fit_one_cycle
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.layers import Embedding
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam
from fastai.text.data import Pad_Chunk, SortedDL, TensorText
from fastai.torch_core import Module, default_device
from torch import Tensor, nn

from fastai_impl.training import Recording
from fastai_impl.weights import export_weights, load_weights
from shared.data.batches import Batches
from shared.data.encoded import EncodedReviews
from shared.history import History, Progress, Recorder
from shared.specification import Specification
from shared.text import PADDING_ID
from shared.weights import Weights
from torch_layers.encoder import CELLS, Encoder

# fastai decides on these too: one cycle of the learning rate and, against it, of the first moment.
DECIDED_FIELDS = ("schedule", "beta_1")


def build(specification: Specification, weights: Weights) -> Module:
    """Build the model; fastai draws all but pretrained word vectors (see `shared.contract.Native`)."""
    model = DocumentedClassifier(specification, len(weights["embedding"]), len(weights["head.bias"]))
    if specification.vectors != "random":
        with torch.no_grad():
            model.embedding.weight.copy_(torch.from_numpy(weights["embedding"]))
    return model.to(default_device())


class DocumentedClassifier(Module):
    """The same architecture of fastai's `Embedding` and PyTorch's own layers, whose dropout PyTorch draws."""

    def __init__(self, specification: Specification, vocabulary_size: int, outputs: int) -> None:
        self.specification, self.classes = specification, specification.classes(outputs)
        self.embedding = Embedding(vocabulary_size, specification.embedding_size)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        self.reprojection = nn.Identity()
        self.rnn = Encoder(specification, CELLS)
        self.dropout = nn.Dropout(specification.dropout)
        self.head = nn.Linear(specification.features, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits ``[batch, classes]`` of right-padded tokens ``[batch, time]``."""
        features = self.rnn(self.embedding(tokens), tokens != PADDING_ID)  # [batch, features]
        return self.head(self.dropout(features))


def train(
    model: Module,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
) -> History:
    """Train in place by `fit_one_cycle` (see `shared.contract.Native`)."""
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    recording = Recording(validation_reviews, recorder)
    clipping = [GradientClip(specification.gradient_clipping)] if specification.gradient_clipping else []
    loader = _loader(train_reviews, specification)
    learner = Learner(
        DataLoaders(loader, loader),  # it wants two; `Recording` skips the second
        model,
        loss_func=CrossEntropyLossFlat(),
        opt_func=partial(Adam, sqr_mom=specification.beta_2, eps=specification.epsilon),
        cbs=[recording, *clipping],
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(batches.epochs, specification.learning_rate)
    return recording.result()


def _loader(reviews: EncodedReviews, specification: Specification) -> SortedDL:
    """Batches as `TextBlock` makes them: of like length, the longest review first, without the last batch."""
    return SortedDL(
        Reviews(reviews),
        res=reviews.lengths,  # else it would read all reviews to sort them
        bs=specification.batch_size,
        shuffle=True,
        # Fewer reviews than one batch would else be none (see `Specification.batches_of`).
        drop_last=specification.drop_last and len(reviews) >= specification.batch_size,
        before_batch=Pad_Chunk(pad_idx=PADDING_ID, pad_first=False),
        num_workers=0,
        device=default_device(),
    )


class Reviews:
    """Reviews one by one, as fastai's loaders read them."""

    def __init__(self, reviews: EncodedReviews) -> None:
        self.reviews = reviews

    def __len__(self) -> int:
        return len(self.reviews)

    def __getitem__(self, row: int) -> tuple[TensorText, int]:
        """Return the words of a review, ``<int32>[length]``, and its label; an empty one is a place of padding."""
        return TensorText(torch.from_numpy(self.reviews.padded(np.array([row]))[0])), int(self.reviews.labels[row])
