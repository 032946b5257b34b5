"""Training and prediction in Flair."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

import flair
import numpy as np
import torch
from flair.data import Corpus, Sentence
from flair.datasets import FlairDatapointDataset
from flair.samplers import FlairSampler
from flair.trainers import ModelTrainer
from flair.trainers.plugins import TrainerPlugin
from flair.trainers.plugins.base import TrainingInterrupt

from flair_impl.model import LABEL_TYPE, EncodedReview, ReviewEmbeddings, SentimentClassifier
from flair_impl.weights import export_gradients, export_weights, load_weights, parts_of
from shared.data.batches import PREDICTION_BATCH_SIZE, Batches, Masks, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder
from shared.memory import keep_freed_memory
from shared.resuming import Keeper
from shared.specification import Specification
from shared.weights import Weights
from torch_layers.head import weights_of_classes
from torch_layers.masks import tensors
from torch_layers.optimizers import export_optimizer, load_optimizer, make_optimizer, set_step
from torch_layers.parts import side_by_side


def configure(device: str, threads: int | None, specification: Specification) -> str:
    """Choose the device, the threads and the seeds of Flair's generators."""
    logging.getLogger("flair").setLevel(logging.ERROR)
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    flair.set_seed(specification.seed)
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    chosen = next(name for name in ("cuda", "mps", "cpu") if found[name]) if device == "auto" else device
    if not found[chosen]:
        raise LockstepError(f"--device {device}: Flair finds no such device; use --device cpu or auto")
    flair.device = torch.device(chosen)
    return chosen


def train(
    model: SentimentClassifier,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
    keeper: Keeper | None = None,
) -> History:
    """Train in place (see `shared.contract`)."""
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    optimizer = make_optimizer(parts_of(model), specification)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    recorder.resume(keeper, partial(export_optimizer, optimizer), partial(load_optimizer, optimizer))
    set_class_weights(model, train_reviews)
    corpus = Corpus(train=FlairDatapointDataset(sentences_of(model, train_reviews)), sample_missing_splits=False)
    with tempfile.TemporaryDirectory() as folder, side_by_side(model):
        ModelTrainer(model, corpus).train_custom(
            folder,
            **trainer_options(specification, batches.epochs),
            epoch=recorder.epoch,
            sampler=SharedOrder(batches, recorder.epoch, recorder.begun),
            optimizer=lambda params, lr: optimizer,
            plugins=[Setting(batches, recorder), Recording(recorder, validation_reviews)],
        )
    return recorder.history


def trainer_options(specification: Specification, epochs: int) -> dict[str, Any]:
    """Return what Flair's trainer is told in both recipes; it writes no files."""
    return {
        "learning_rate": specification.learning_rate,
        "mini_batch_size": specification.batch_size,
        "max_epochs": epochs,
        "max_grad_norm": specification.gradient_clipping or None,
        "embeddings_storage_mode": "none",
        "use_final_model_for_eval": True,
        "save_final_model": False,
        "create_file_logs": False,
        "create_loss_file": False,
    }


class SharedOrder(FlairSampler):
    """Gives the rows in the order of the shared batches; each pass over it is the next epoch.

    Of the first one some batches may be done.
    """

    def __init__(self, batches: Batches, epoch: int = 0, begun: int = 0) -> None:
        super().__init__()
        self.batches = batches
        self.epoch, self.begun = epoch, begun

    def __iter__(self) -> Iterator[int]:
        rows = self.batches.order(self.epoch)[self.begun * self.batches.specification.batch_size :]
        self.epoch, self.begun = self.epoch + 1, 0
        return iter(rows.tolist())


class Setting(TrainerPlugin):
    """Gives the optimizer its constants and the model its masks, step by step."""

    def __init__(self, batches: Batches, recorder: Recorder) -> None:
        super().__init__()
        self.batches, self.recorder = batches, recorder

    @TrainerPlugin.hook
    def before_training_batch(self, batch: list[Sentence], **_: object) -> None:
        """Set what the coming step has."""
        set_step(self.trainer.optimizer, self.recorder.coming())
        tokens = self.batches.reviews.padded([sentence.row for sentence in batch])
        set_masks(self.model, self.batches.masks(self.recorder.epoch, self.recorder.begun, tokens))


class Recording(TrainerPlugin):
    """Records what happens."""

    def __init__(self, recorder: Recorder, validation_reviews: EncodedReviews) -> None:
        super().__init__()
        self.recorder, self.validation_reviews = recorder, validation_reviews

    @TrainerPlugin.hook
    def before_training_epoch(self, **_: object) -> None:
        """Start the clock."""
        self.recorder.start_epoch()

    @TrainerPlugin.hook
    def after_training_batch(self, **_: object) -> None:
        """Record the step."""
        learning_rate = self.trainer.optimizer.param_groups[0]["lr"]
        model = self.model
        self.recorder.step(model.step_loss, model.step_correct, model.step_reviews, learning_rate)

    @TrainerPlugin.hook
    def after_training_epoch(self, **_: object) -> None:
        """Score the validation reviews."""
        self.recorder.end_epoch(lambda: predict_probabilities(self.model, self.validation_reviews))

    @TrainerPlugin.hook
    def training_interrupt(self, **_: object) -> None:
        """Stop: Flair itself would go on with what it has, after Ctrl-C and where its own plugins end a training."""
        reason = sys.exception()
        if isinstance(reason, TrainingInterrupt):
            advice = "try a larger --learning-rate, or fewer --epochs"
            raise LockstepError(f"Flair stopped before the last epoch: {reason} {advice}") from reason
        raise KeyboardInterrupt


def set_masks(model: SentimentClassifier, masks: Masks) -> None:
    """Give the model the masks of its next batch; Flair's interface passes sentences only."""
    model.embeddings.masks = tensors(masks, flair.device)


def set_class_weights(model: SentimentClassifier, reviews: EncodedReviews) -> None:
    """Give the model's loss the weights that the labels of the training reviews give their classes."""
    model.loss_function.weight = weights_of_classes(model.specification, reviews.labels, model.classes, flair.device)


def sentences_of(model: SentimentClassifier, reviews: EncodedReviews) -> list[Sentence]:
    """Return the reviews as Flair takes them; for its own encoder, word by word."""
    if isinstance(model.embeddings, ReviewEmbeddings):
        return [EncodedReview(reviews, row) for row in range(len(reviews))]
    sentences = []
    for row, label in enumerate(reviews.labels):
        sentence = Sentence([str(word) for word in reviews.words(row)])
        sentence.row = row
        if label >= 0:
            sentence.add_label(LABEL_TYPE, str(label))
        sentences.append(sentence)
    return sentences


def forward_and_backward(
    model: SentimentClassifier, reviews: EncodedReviews, masks: Masks
) -> tuple[np.ndarray, float, Weights]:
    """Return logits, loss and gradients of one batch (see `shared.contract`)."""
    model.train()
    set_masks(model, masks)
    set_class_weights(model, reviews)
    with side_by_side(model):
        loss, count = model.forward_loss(sentences_of(model, reviews))
        if model.loss_function.reduction == "sum":
            loss = loss / count
        model.zero_grad()
        loss.backward()
    return model.logits.cpu().numpy(), loss.item(), export_gradients(model)


def predict_probabilities(model: SentimentClassifier, reviews: EncodedReviews) -> np.ndarray:
    """Return ``<float32>[reviews, classes]`` in the order of the reviews."""
    model.eval()
    with torch.no_grad():  # Flair gives no answer for a review without words: the head's for no input
        nothing = torch.zeros(1, model.final_embedding_size, device=flair.device)
        empty = model.decoder(nothing).softmax(dim=1).cpu().numpy()[0]
    probabilities = np.tile(empty, (len(reviews), 1))
    with side_by_side(model):
        for rows, _ in prediction_batches(reviews):
            sentences = [sentence for sentence in sentences_of(model, reviews.take(rows)) if len(sentence)]
            if sentences:
                model.predict(sentences, PREDICTION_BATCH_SIZE, label_name="predicted")
                answered = rows[[sentence.row for sentence in model.scored]]
                probabilities[answered] = model.logits.softmax(dim=1).cpu().numpy()
    return probabilities
