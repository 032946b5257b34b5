"""Training and prediction in NumPy."""

from __future__ import annotations

from functools import partial

import numpy as np

from shared.data.batches import Batches, Masks, class_weights, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder, epsilon_at, learning_rate_at
from shared.reference.model import SentimentClassifier, softmax
from shared.reference.weights import export_weights, load_weights
from shared.specification import Specification
from shared.weights import Weights


def configure(device: str, threads: int | None, specification: Specification) -> str:
    """Accept the CPU; NumPy takes its threads from its BLAS, and nothing here is random."""
    if device not in ("auto", "cpu"):
        raise LockstepError(f"--device {device}: the reference runs on the cpu only")
    return "cpu"


@np.errstate(all="ignore")  # the recorder refuses what is not finite, in one line
def train(
    model: SentimentClassifier,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
) -> History:
    """Train in place (see `shared.contract`)."""
    if specification.second_bias and specification.cell != "gru":
        raise LockstepError("second-bias: the reference has one bias, as the equations; train it in another framework")
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    frozen = () if specification.train_embedding else ("embedding",)
    optimizer = Adam({name: array for name, array in model.weights.items() if name not in frozen}, specification)
    weights = class_weights(specification, train_reviews.labels, model.classes)
    for epoch in range(batches.epochs):
        recorder.start_epoch()
        for batch in batches.epoch(epoch):
            logits, loss, gradients = model.loss_and_gradients(batch.tokens, batch.labels, batch.masks, weights)
            if specification.loss_reduction == "sum":
                gradients = {name: gradient * len(batch.labels) for name, gradient in gradients.items()}
            learning_rate = learning_rate_at(specification, optimizer.step, recorder.steps)
            optimizer.update(gradients, learning_rate)
            correct = int((logits.argmax(axis=1) == batch.labels).sum())
            recorder.step(loss, correct, len(batch.labels), learning_rate)
        recorder.end_epoch(lambda: predict_probabilities(model, validation_reviews))
    return recorder.history


class Adam:
    """Kingma & Ba (2015), algorithm 1, after clipping by the global norm (Pascanu et al. 2013).

    Parameters
    ----------
    weights : dict of str to <float64> array
        What is trained, in place.
    specification : Specification
        ``beta_1``, ``beta_2``, ``epsilon``, ``epsilon_place`` and ``gradient_clipping``.
    """

    def __init__(self, weights: Weights, specification: Specification) -> None:
        self.weights, self.specification = weights, specification
        self.first = {name: np.zeros_like(array) for name, array in weights.items()}
        self.second = {name: np.zeros_like(array) for name, array in weights.items()}
        self.step = 0

    def update(self, gradients: Weights, learning_rate: float) -> None:
        """Take one step against the gradients."""
        specification = self.specification
        beta_1, beta_2 = specification.beta_1, specification.beta_2
        epsilon = epsilon_at(specification, self.step)
        self.step += 1
        scale = 1.0
        if specification.gradient_clipping:
            # g <- g min(1, clip / ||g||)
            norm = np.sqrt(sum(np.square(gradients[name]).sum() for name in self.weights))
            scale = min(1.0, specification.gradient_clipping / max(norm, np.finfo(float).tiny))
        for name, weight in self.weights.items():
            gradient = gradients[name] * scale
            first, second = self.first[name], self.second[name]
            # m <- beta_1 m + (1 - beta_1) g
            first *= beta_1
            first += (1 - beta_1) * gradient
            # v <- beta_2 v + (1 - beta_2) g^2
            second *= beta_2
            second += (1 - beta_2) * np.square(gradient)
            # theta <- theta - alpha m^ / (sqrt(v^) + epsilon), m^ = m / (1 - beta_1^t), v^ = v / (1 - beta_2^t)
            corrected = np.sqrt(second / (1 - beta_2**self.step)) + epsilon
            weight -= learning_rate * first / (1 - beta_1**self.step) / corrected


def forward_and_backward(
    model: SentimentClassifier, reviews: EncodedReviews, masks: Masks
) -> tuple[np.ndarray, float, Weights]:
    """Return logits, loss and gradients of one batch (see `shared.contract`)."""
    tokens = reviews.padded(np.arange(len(reviews)))  # [batch, time]
    weights = class_weights(model.specification, reviews.labels, model.classes)
    return model.loss_and_gradients(tokens, reviews.labels.astype(np.int64), masks, weights)


def predict_probabilities(model: SentimentClassifier, reviews: EncodedReviews) -> np.ndarray:
    """Return ``<float32>[reviews, classes]`` in the order of the reviews."""
    probabilities = np.zeros((len(reviews), model.classes), np.float32)
    for rows, tokens in prediction_batches(reviews):
        probabilities[rows] = softmax(model.logits(tokens))
    return probabilities
