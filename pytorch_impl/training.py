"""Training and prediction in PyTorch."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import nn

from pytorch_impl.weights import export_gradients, export_weights, load_weights, parts_of
from shared.data.batches import Batches, Masks, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder, mean_loss
from shared.memory import keep_freed_memory
from shared.resuming import Keeper
from shared.specification import Specification
from shared.weights import Weights
from torch_layers.head import CrossEntropy, weights_of_classes
from torch_layers.masks import tensors
from torch_layers.optimizers import export_optimizer, load_optimizer, make_optimizer, set_step
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
    keeper: Keeper | None = None,
) -> History:
    """Train in place (see `shared.contract`)."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = make_optimizer(parts_of(model), specification)
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    recorder.resume(keeper, partial(export_optimizer, optimizer), partial(load_optimizer, optimizer))
    device = next(model.parameters()).device
    weights = weights_of_classes(specification, train_reviews.labels, model.classes, device)
    loss_of = CrossEntropy(weights, reduction=specification.loss_reduction)
    with side_by_side(model):
        for epoch in range(recorder.epoch, batches.epochs):
            model.train()
            recorder.start_epoch()
            for batch in batches.epoch(epoch, recorder.begun):
                tokens, labels = (torch.from_numpy(array).to(device) for array in (batch.tokens, batch.labels))
                logits = model(tokens, tensors(batch.masks, device))  # [batch, classes]
                loss = loss_of(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                if specification.gradient_clipping:
                    nn.utils.clip_grad_norm_(parameters, specification.gradient_clipping)
                step = recorder.coming()
                set_step(optimizer, step)
                optimizer.step()
                correct = (logits.argmax(dim=1) == labels).sum()
                mean = mean_loss(specification, loss.item(), len(labels))
                recorder.step(mean, correct.item(), len(labels), step.learning_rate)
            recorder.end_epoch(lambda: predict_probabilities(model, validation_reviews))
    return recorder.history


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
