"""The classifier as Flair's tutorials write it: the idiomatic recipe."""

from __future__ import annotations

import tempfile
from functools import partial

import numpy as np
import torch
from flair.data import Corpus
from flair.datasets import FlairDatapointDataset
from flair.embeddings import DocumentRNNEmbeddings, WordEmbeddings
from flair.models import TextClassifier
from flair.trainers import ModelTrainer
from flair.training_utils import Result
from torch import Tensor, nn

from flair_impl.model import SentimentClassifier
from flair_impl.training import Recording, sentences_of, trainer_options
from flair_impl.weights import export_weights, load_weights
from shared.data.batches import Batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder
from shared.specification import Specification
from shared.weights import Weights

# Flair decides on these too: `DocumentRNNEmbeddings` reads the last output or both ends and drops one share before and
# after its layers, `ModelTrainer.train` lowers the rate on a plateau, and SGD has no moments.
DECIDED_FIELDS = ("pooling", "dropout", "schedule", "beta_1", "beta_2", "epsilon")


def build(specification: Specification, weights: Weights) -> TextClassifier:
    """Build the model; Flair draws all but the word vectors (see `shared.contract.Native`).

    Raises
    ------
    LockstepError
        If the architecture is a simple RNN, which `DocumentRNNEmbeddings` does not have.
    """
    if specification.cell == "rnn":
        raise LockstepError(
            "architecture: Flair's DocumentRNNEmbeddings has LSTM and GRU only; train rnn in the lockstep recipe"
        )
    encoder = document_rnn(specification, torch.from_numpy(weights["embedding"]))
    return DocumentedClassifier(specification, "sum", outputs=len(weights["head.bias"]), embeddings=encoder)


class DocumentedClassifier(SentimentClassifier):
    """Asked how it does on the validation reviews, it says what is recorded: they are predicted once an epoch."""

    history: History  # of the training under way

    def evaluate(self, *_: object, **__: object) -> Result:
        """Return accuracy, which Flair's micro-averaged F1 is where each review has one class, and mean loss."""
        epoch = self.history.epochs[-1]
        return Result(epoch.validation_accuracy, "", scores={"loss": epoch.validation_loss})


def document_rnn(specification: Specification, vectors: Tensor) -> DocumentRNNEmbeddings:
    """Return the encoder of Flair's tutorials.

    Its words are the ids of the shared vocabulary, written out: Flair looks up an unknown word in
    lower case and without digits, and would find other rows than the other three.
    """
    words = WordEmbeddings(
        None,
        vocab={str(number): number for number in range(len(vectors))},
        embedding_length=specification.embedding_size,
        name="words",
        fine_tune=specification.train_embedding,
        force_cpu=False,
    )
    # As Flair makes it, but without one more row for unknown words: the shared vocabulary has its own.
    words.embedding = nn.Embedding.from_pretrained(vectors.clone(), freeze=not specification.train_embedding)
    return DocumentRNNEmbeddings(
        [words],
        hidden_size=specification.hidden_size,
        rnn_layers=specification.layers,
        bidirectional=len(specification.directions) == 2,
        dropout=specification.dropout,
        rnn_type=specification.cell.upper(),
    )


def train(
    model: TextClassifier,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
) -> History:
    """Train in place by Flair's `ModelTrainer.train` (see `shared.contract.Native`).

    Reviews without words are left out, as `Corpus.filter_empty_sentences` does it: Flair computes nothing of them.
    """
    train_reviews = train_reviews.take(np.flatnonzero(train_reviews.lengths))
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    model.history = recorder.history
    sentences = sentences_of(model, train_reviews)
    # Flair asks the model for its validation score only if there are such reviews; the model's answer reads none.
    parts = {"train": FlairDatapointDataset(sentences), "dev": FlairDatapointDataset(sentences[:1])}
    with tempfile.TemporaryDirectory() as folder:
        ModelTrainer(model, Corpus(**parts, sample_missing_splits=False)).train(
            folder,
            **trainer_options(specification, batches.epochs),
            plugins=[Recording(recorder, validation_reviews)],
        )
    return recorder.history
