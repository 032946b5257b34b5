"""The classifier as PyTorch's documentation writes it: the idiomatic recipe."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

from pytorch_impl.training import predict_probabilities
from pytorch_impl.weights import export_weights, load_weights
from shared.data.batches import Batches
from shared.data.encoded import EncodedReviews
from shared.history import History, Progress, Recorder
from shared.specification import Specification
from shared.text import PADDING_ID
from shared.weights import Weights
from torch_layers.encoder import CELLS

# PyTorch decides on these too: ``h_n`` is the last output.
DECIDED_FIELDS = ("pooling",)


def build(specification: Specification, weights: Weights) -> nn.Module:
    """Build the model; PyTorch draws all but pretrained word vectors (see `shared.contract.Native`)."""
    model = DocumentedClassifier(specification, len(weights["embedding"]), len(weights["head.bias"]))
    if specification.vectors != "random":
        with torch.no_grad():
            model.embedding.weight.copy_(torch.from_numpy(weights["embedding"]))
    return model


class DocumentedClassifier(nn.Module):
    """The same architecture as PyTorch's documentation writes it: packed, bidirectional, ``h_n``."""

    def __init__(self, specification: Specification, vocabulary_size: int, outputs: int) -> None:
        super().__init__()
        self.specification, self.classes = specification, specification.classes(outputs)
        self.embedding = nn.Embedding(vocabulary_size, specification.embedding_size, padding_idx=PADDING_ID)
        self.embedding.weight.requires_grad_(specification.train_embedding)
        self.rnn = CELLS[specification.cell](
            specification.embedding_size,
            specification.hidden_size,
            num_layers=specification.layers,
            bidirectional=len(specification.directions) == 2,
            batch_first=True,
        )
        self.reprojection = nn.Identity()
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


def train(
    model: nn.Module,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
) -> History:
    """Train in place by a plain loop (see `shared.contract.Native`)."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    betas = (specification.beta_1, specification.beta_2)
    optimizer = torch.optim.Adam(parameters, lr=specification.learning_rate, betas=betas, eps=specification.epsilon)
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(batches.epochs):
        model.train()
        recorder.start_epoch()
        for tokens, labels in _loader(train_reviews, specification, next(model.parameters()).device):
            logits = model(tokens)  # [batch, classes]
            loss = loss_of(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            if specification.gradient_clipping:
                nn.utils.clip_grad_norm_(parameters, specification.gradient_clipping)
            learning_rate = optimizer.param_groups[0]["lr"] = recorder.coming().learning_rate
            optimizer.step()
            correct = (logits.argmax(dim=1) == labels).sum()
            recorder.step(loss.item(), correct.item(), len(labels), learning_rate)
        recorder.end_epoch(lambda: predict_probabilities(model, validation_reviews))
    return recorder.history


def _loader(
    reviews: EncodedReviews, specification: Specification, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches as PyTorch's documentation makes them: shuffled, padded by ``pad_sequence``."""

    def collate(rows: list[int]) -> tuple[Tensor, Tensor]:
        words = [torch.from_numpy(reviews.words(row)) for row in rows]
        tokens = pad_sequence(words, batch_first=True, padding_value=PADDING_ID)  # [batch, time]
        return tokens.to(device), torch.from_numpy(reviews.labels[rows].astype(np.int64)).to(device)

    generator = torch.Generator(device).manual_seed(int(torch.randint(2**62, ()).item()))
    rows = range(len(reviews))
    return iter(DataLoader(rows, specification.batch_size, shuffle=True, collate_fn=collate, generator=generator))  # type: ignore[arg-type]
