"""Training and prediction in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from shared.data.batches import Batches, Masks, class_weights, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder, Step, epsilon_at, momentum_at
from shared.reference.model import SentimentClassifier, softmax
from shared.reference.weights import export_weights, load_weights
from shared.resuming import Keeper, filed, folder
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
    keeper: Keeper | None = None,
) -> History:
    """Train in place (see `shared.contract`)."""
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    frozen = () if specification.train_embedding else ("embedding",)
    optimizer = OPTIMIZERS[specification.optimizer](
        {name: array for name, array in model.weights.items() if name not in frozen}, specification
    )
    recorder.resume(keeper, partial(export_optimizer, optimizer), partial(load_optimizer, optimizer))
    weights = class_weights(specification, train_reviews.labels, model.classes)
    for epoch in range(recorder.epoch, batches.epochs):
        recorder.start_epoch()
        for batch in batches.epoch(epoch, recorder.begun):
            logits, loss, gradients = model.loss_and_gradients(batch.tokens, batch.labels, batch.masks, weights)
            squares = {"embedding": model.squares_of_places()} if specification.repeated_words == "apart" else {}
            if specification.loss_reduction == "sum":
                gradients = {name: gradient * len(batch.labels) for name, gradient in gradients.items()}
                squares = {name: array * len(batch.labels) ** 2 for name, array in squares.items()}
            step = recorder.coming()
            optimizer.update(gradients, step, squares)
            correct = int((logits.argmax(axis=1) == batch.labels).sum())
            recorder.step(loss, correct, len(batch.labels), step.learning_rate)
        recorder.end_epoch(lambda: predict_probabilities(model, validation_reviews))
    return recorder.history


NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})


class SGD:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, as PyTorch has it), after clipping.

    Parameters
    ----------
    weights : dict of str to <float64> array
        What is trained, in place.
    specification : Specification
        ``weight_decay`` and ``gradient_clipping``; Adam reads ``beta_2`` and ``optimizer`` too.
    """

    def __init__(self, weights: Weights, specification: Specification) -> None:
        self.weights, self.specification = weights, specification
        self.first = {name: np.zeros_like(array) for name, array in weights.items()}
        self.second = {name: np.zeros_like(array) for name, array in weights.items()}
        self.steps = 0

    def update(self, gradients: Weights, step: Step | float, squares: Mapping[str, np.ndarray] = NOTHING) -> None:
        """Take one step against the gradients, with that step's constants.

        Parameters
        ----------
        gradients : dict of str to <float64> array
            Of all weights.
        step : Step or float
            The constants, or a learning rate; the others are then those of the specification.
        squares : dict of str to <float64> array
            Of arrays of which Adam is to square the gradient's parts and not their sum: the sums of the squares.
        """
        if not isinstance(step, Step):
            specification = self.specification
            step = Step(step, momentum_at(specification, 0, 1), epsilon_at(specification, self.steps))
        self.steps += 1
        scale = self._scale(gradients)
        for name, weight in self.weights.items():
            gradient, parts = gradients[name] * scale, squares.get(name)
            parts = None if parts is None else parts * scale**2
            # Not of the head's bias, which moves all answers alike.
            decay = self.specification.weight_decay if name != "head.bias" else 0.0
            if self.specification.optimizer != "adamw":
                # g <- g + lambda theta, the gradient of lambda / 2 |theta|^2
                gradient = gradient + decay * weight
                parts = None if parts is None else parts + np.square(decay * weight)
            else:
                # theta <- theta - alpha lambda theta
                weight *= 1 - step.learning_rate * decay
            self._move(name, weight, gradient, np.square(gradient) if parts is None else parts, step)

    def _scale(self, gradients: Weights) -> float:
        """Return what clipping by the global norm (Pascanu et al. 2013) multiplies the gradients by."""
        if not self.specification.gradient_clipping:
            return 1.0
        # g <- g min(1, clip / ||g||)
        norm = np.sqrt(sum(np.square(gradients[name]).sum() for name in self.weights))
        return min(1.0, float(self.specification.gradient_clipping / max(norm, np.finfo(float).tiny)))

    def _move(self, name: str, weight: np.ndarray, gradient: np.ndarray, squares: np.ndarray, step: Step) -> None:
        first = self.first[name]
        # m <- mu m + g
        first *= step.momentum
        first += gradient
        # theta <- theta - alpha m
        weight -= step.learning_rate * first


class Adam(SGD):
    """Kingma & Ba (2015), algorithm 1, after clipping; with ``adamw`` the decay of Loshchilov & Hutter (2019)."""

    def _move(self, name: str, weight: np.ndarray, gradient: np.ndarray, squares: np.ndarray, step: Step) -> None:
        beta_1, beta_2 = step.momentum, self.specification.beta_2
        first, second = self.first[name], self.second[name]
        # m <- beta_1 m + (1 - beta_1) g
        first *= beta_1
        first += (1 - beta_1) * gradient
        # v <- beta_2 v + (1 - beta_2) g^2
        second *= beta_2
        second += (1 - beta_2) * squares
        # theta <- theta - alpha m^ / (sqrt(v^) + epsilon), m^ = m / (1 - beta_1^t), v^ = v / (1 - beta_2^t)
        corrected = np.sqrt(second / (1 - beta_2**self.steps)) + step.epsilon
        weight -= step.learning_rate * first / (1 - beta_1**self.steps) / corrected


OPTIMIZERS: dict[str, type[SGD]] = {"sgd": SGD, "adam": Adam, "adamw": Adam}


def export_optimizer(optimizer: SGD) -> Weights:
    """Return steps, moments, and the weights too: canonical ones are rounded to float32."""
    arrays = {
        **filed("weights", optimizer.weights),
        **filed("first", optimizer.first),
        **filed("second", optimizer.second),
    }
    return {**arrays, "steps": np.array(optimizer.steps)}


def load_optimizer(optimizer: SGD, arrays: Weights) -> None:
    """Set what :func:`export_optimizer` returned."""
    optimizer.steps = int(arrays["steps"])
    for name in optimizer.weights:
        optimizer.weights[name][...] = folder("weights", arrays)[name]
        optimizer.first[name], optimizer.second[name] = (folder(each, arrays)[name] for each in ("first", "second"))


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
