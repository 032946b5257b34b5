"""Training and prediction in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from pytorch_impl.weights import export_gradients, export_weights, load_weights
from shared.data.batches import Batches, Masks, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder, epsilon_at, learning_rate_at, mean_loss
from shared.memory import keep_freed_memory
from shared.specification import Specification
from shared.text import PADDING_ID
from shared.weights import Weights
from torch_layers.head import CrossEntropy, weights_of_classes
from torch_layers.masks import tensors
from torch_layers.parts import side_by_side


def configure(device: str, threads: int | None, specification: Specification) -> str:
    """Choose the device, the threads and the seed of PyTorch's own generator."""
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(specification.seed)
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    chosen = next(name for name in ("cuda", "mps", "cpu") if found[name]) if device == "auto" else device
    if not found[chosen]:
        raise LockstepError(f"--device {device}: PyTorch finds no such device; use --device cpu or auto")
    torch.set_default_device(chosen)
    return chosen


def train(
    model: nn.Module,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
) -> History:
    """Train in place (see `shared.contract`)."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(
        parameters,
        lr=specification.learning_rate,
        betas=(specification.beta_1, specification.beta_2),
        eps=specification.epsilon,
        fused=specification.recipe == "lockstep",  # one pass over the embedding instead of ten
    )
    batches = Batches(train_reviews, specification)
    steps = batches.epochs * len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_at(specification, step, steps) / specification.learning_rate
    )
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    device = next(model.parameters()).device
    weights = weights_of_classes(specification, train_reviews.labels, model.classes, device)
    loss_of = CrossEntropy(weights, reduction=specification.loss_reduction)
    with side_by_side(model):
        for epoch in range(batches.epochs):
            model.train()
            recorder.start_epoch()
            for *inputs, labels in _training_batches(batches, epoch, device):
                logits = model(*inputs)  # [batch, classes]
                loss = loss_of(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                if specification.gradient_clipping:
                    nn.utils.clip_grad_norm_(parameters, specification.gradient_clipping)
                learning_rate = optimizer.param_groups[0]["lr"]
                optimizer.param_groups[0]["eps"] = epsilon_at(specification, len(recorder.history.step_losses))
                optimizer.step()
                schedule.step()
                correct = (logits.argmax(dim=1) == labels).sum()
                mean = mean_loss(specification, loss.item(), len(labels))
                recorder.step(mean, correct.item(), len(labels), learning_rate)
            recorder.end_epoch(lambda: predict_probabilities(model, validation_reviews))
    return recorder.history


def _training_batches(batches: Batches, epoch: int, device: torch.device) -> Iterator[list[Any]]:
    """Yield the model's inputs and the labels of each batch."""
    if batches.specification.recipe == "idiomatic":
        yield from _loader(batches.reviews, batches.specification, device)
        return
    for batch in batches.epoch(epoch):
        tokens, labels = (torch.from_numpy(array).to(device) for array in (batch.tokens, batch.labels))
        yield [tokens, tensors(batch.masks, device), labels]


def _loader(reviews: EncodedReviews, specification: Specification, device: torch.device) -> DataLoader:
    """Batches as PyTorch's documentation makes them: shuffled, padded by ``pad_sequence``."""

    def collate(rows: list[int]) -> list[torch.Tensor]:
        words = [torch.from_numpy(reviews.words(row)) for row in rows]
        tokens = pad_sequence(words, batch_first=True, padding_value=PADDING_ID)  # [batch, time]
        return [tokens.to(device), torch.from_numpy(reviews.labels[rows].astype(np.int64)).to(device)]

    generator = torch.Generator(device).manual_seed(torch.initial_seed())
    rows = range(len(reviews))
    return DataLoader(rows, specification.batch_size, shuffle=True, collate_fn=collate, generator=generator)  # type: ignore[arg-type]


def forward_and_backward(model: nn.Module, reviews: EncodedReviews, masks: Masks) -> tuple[np.ndarray, float, Weights]:
    """Return logits, loss and gradients of one batch (see `shared.contract`)."""
    model.train()
    device = next(model.parameters()).device
    tokens = torch.from_numpy(reviews.padded(np.arange(len(reviews)))).to(device)  # [batch, time]
    weights = weights_of_classes(model.specification, reviews.labels, model.classes, device)
    with side_by_side(model):
        logits = model(tokens, tensors(masks, device))  # [batch, classes]
        loss = CrossEntropy(weights)(logits, torch.from_numpy(reviews.labels).long().to(device))
        model.zero_grad()
        loss.backward()
    return logits.detach().cpu().numpy(), loss.item(), export_gradients(model)


@torch.inference_mode()
def predict_probabilities(model: nn.Module, reviews: EncodedReviews) -> np.ndarray:
    """Return ``<float32>[reviews, classes]`` in the order of the reviews."""
    model.eval()
    device = next(model.parameters()).device
    probabilities = np.zeros((len(reviews), model.classes), np.float32)
    with side_by_side(model):
        for rows, tokens in prediction_batches(reviews):
            logits = model(torch.from_numpy(tokens).to(device))  # [batch, classes]
            probabilities[rows] = logits.softmax(dim=1).cpu().numpy()
    return probabilities
