"""Training and prediction in fastai."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from fastai.callback.core import CancelFitException, CancelValidException
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Callback, Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import OptimWrapper
from fastai.torch_core import Module, default_device, set_seed
from torch import Tensor

from fastai_impl.weights import export_gradients, export_weights, load_weights, parts_of
from shared.data.batches import Batches, Masks, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder, mean_loss
from shared.memory import keep_freed_memory
from shared.resuming import Keeper
from shared.specification import Specification
from shared.weights import Weights
from torch_layers.head import CrossEntropy, weights_of_classes
from torch_layers.masks import TensorMasks, tensors
from torch_layers.optimizers import export_optimizer, load_optimizer, make_optimizer, set_step
from torch_layers.parts import side_by_side


def configure(device: str, threads: int | None, specification: Specification) -> str:
    """Choose the device, the threads and the seeds of fastai's generators."""
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    set_seed(specification.seed)
    accelerated = default_device(use=None if device == "auto" else device != "cpu").type
    if device not in ("auto", accelerated):
        raise LockstepError(f"--device {device}: fastai finds no such device; use --device cpu or auto")
    return accelerated


def train(
    model: Module,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
    keeper: Keeper | None = None,
) -> History:
    """Train in place (see `shared.contract`)."""
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    recording = Recording(validation_reviews, recorder)
    clipping = [GradientClip(specification.gradient_clipping)] if specification.gradient_clipping else []
    optimizer = make_optimizer(parts_of(model), specification)
    loss = _loss(model, train_reviews.labels, specification.loss_reduction)
    callbacks = [Stepping(recorder), recording, *clipping]
    loader = SharedBatches(batches)
    learner = _learner(model, loader, loss, opt_func=OptimWrapper(opt=optimizer), cbs=callbacks)
    learner.create_opt()  # which clears the optimizer
    recorder.resume(keeper, partial(export_optimizer, optimizer), partial(load_optimizer, optimizer))
    loader.begin(recorder.epoch, recorder.begun)
    with learner.no_bar(), learner.no_logging(), side_by_side(model):
        learner.fit(batches.epochs - recorder.epoch, specification.learning_rate)
    return recording.result()


def _learner(model: Module, loader: DataLoader, loss: CrossEntropyLossFlat, **options: object) -> Learner:
    return Learner(DataLoaders(loader, loader), model, loss_func=loss, **options)


def _loss(model: Module, labels: np.ndarray, reduction: str) -> CrossEntropyLossFlat:
    """Return fastai's loss, with the weights that the labels of the training reviews give their classes."""
    loss = CrossEntropyLossFlat()
    weights = weights_of_classes(model.specification, labels, model.classes, default_device())
    loss.func = CrossEntropy(weights, reduction=reduction)
    return loss


class SharedBatches(DataLoader):
    """The shared batches, as `Learner` takes them; each pass over it is the next epoch."""

    def __init__(self, batches: Batches) -> None:
        super().__init__(range(len(batches)), bs=None, device=default_device())
        self.batches = batches
        self.begin(0, 0)

    def begin(self, epoch: int, begun: int) -> None:
        """Begin with an epoch of which some batches are done."""
        self.epoch, self.begun = epoch - 1, begun

    def before_iter(self) -> None:
        """Go on to the next epoch."""
        self.epoch += 1

    def get_idxs(self) -> list[int]:
        """Return the numbers of its batches."""
        numbers, self.begun = list(range(self.begun, len(self))), 0
        return numbers

    def create_item(self, number: int) -> tuple[Tensor, TensorMasks, Tensor]:
        """Return tokens, masks and labels of one batch."""
        batch = self.batches.batch(self.epoch, number)
        masks = tensors(batch.masks, torch.device("cpu"))
        return torch.from_numpy(batch.tokens), masks, torch.from_numpy(batch.labels)


class PredictionBatches(DataLoader):
    """Reviews to predict, from long to short, without labels."""

    def __init__(self, reviews: EncodedReviews) -> None:
        self.rows, self.tokens = zip(*prediction_batches(reviews), strict=True)
        super().__init__(range(len(self.rows)), bs=None, device=default_device())

    def create_item(self, number: int) -> tuple[Tensor]:
        """Return the tokens of one batch."""
        return (torch.from_numpy(self.tokens[number]),)


class Stepping(Callback):
    """Gives PyTorch's optimizer, which fastai wraps, the constants of each step."""

    def __init__(self, recorder: Recorder) -> None:
        self.history = recorder

    def before_batch(self) -> None:
        """Set them; `Learner.fit` has set its own before the first step."""
        set_step(self.opt.opt, self.history.coming())


class Recording(Callback):
    """Records what happens, and scores the validation reviews our way."""

    def __init__(self, validation_reviews: EncodedReviews, recorder: Recorder) -> None:
        self.validation_reviews, self.history = validation_reviews, recorder
        self.refusal: LockstepError | None = None

    def result(self) -> History:
        """Return what was recorded, or raise what ended the training."""
        if self.refusal is not None:
            raise self.refusal
        return self.history.history

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """End the training at a refusal: fastai puts words of its own before an error that passes through it."""
        try:
            yield
        except LockstepError as error:
            self.refusal = error
            raise CancelFitException from error

    def before_epoch(self) -> None:
        """Start the clock."""
        self.history.start_epoch()

    def after_batch(self) -> None:
        """Record the step."""
        labels = self.yb[0]
        correct = (self.pred.argmax(dim=1) == labels).sum()
        loss = mean_loss(self.history.specification, self.loss.item(), len(labels))
        with self._stopping():
            self.history.step(loss, correct.item(), len(labels), float(self.opt.hypers[-1]["lr"]))

    def before_validate(self) -> None:
        """Score the validation reviews, and skip fastai's pass over them."""
        with self._stopping():
            self.history.end_epoch(lambda: predict_probabilities(self.model, self.validation_reviews))
        raise CancelValidException


def forward_and_backward(model: Module, reviews: EncodedReviews, masks: Masks) -> tuple[np.ndarray, float, Weights]:
    """Return logits, loss and gradients of one batch (see `shared.contract`)."""
    model.train()
    tokens = torch.from_numpy(reviews.padded(np.arange(len(reviews)))).to(default_device())  # [batch, time]
    with side_by_side(model):
        logits = model(tokens, tensors(masks, default_device()))  # [batch, classes]
        labels = torch.from_numpy(reviews.labels).long().to(default_device())
        loss = _loss(model, reviews.labels, "mean")(logits, labels)
        model.zero_grad()
        loss.backward()
    return logits.detach().cpu().numpy(), loss.item(), export_gradients(model)


def predict_probabilities(model: Module, reviews: EncodedReviews) -> np.ndarray:
    """Return ``<float32>[reviews, classes]`` in the order of the reviews."""
    probabilities = np.zeros((len(reviews), model.classes), np.float32)
    if not len(reviews):  # of which fastai makes no batches
        return probabilities
    loader = PredictionBatches(reviews)
    learner = _learner(model, loader, CrossEntropyLossFlat())
    with learner.no_bar(), side_by_side(model):
        predictions, _ = learner.get_preds(dl=loader, reorder=False)  # softmax is the loss's activation
    probabilities[np.concatenate(loader.rows)] = predictions.cpu().numpy()
    return probabilities
