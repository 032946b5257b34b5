"""How the weights move in a training: after chosen steps, in a framework or in the NumPy reference.

The reference trains in float64, and also in float32 and in other orders of summation. Runs of one program that
differ in nothing but rounding show what rounding alone does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from compare.workers import implementation
from shared.data.batches import FEATURES, Masks, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.reference.model import SentimentClassifier, build, softmax
from shared.reference.training import train
from shared.specification import Specification
from shared.weights import Weights

# Below every output of a recurrent layer, for places that are padding.
NO_OUTPUT = -2.0


class Course(NamedTuple):
    """What is kept of a training.

    Attributes
    ----------
    weights : dict of int to dict of str to array
        Canonical weights after some steps; 0 is before the first.
    losses : list of float
        Of every step.
    leads : list of float
        Of the reference, of every step: see `ReorderedReference.leads`; else empty.
    """

    weights: dict[int, Weights]
    losses: list[float]
    leads: Sequence[float] = ()


class Watcher:
    """A `shared.history.Progress` that copies a model's weights after some steps."""

    def __init__(self, export: Callable[[], Weights], steps: Sequence[int]) -> None:
        self.export, self.steps = export, frozenset(steps)
        self.kept: dict[int, Weights] = {}
        self._keep(0)

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        """Copy them if they are wanted: every room reports a step after the optimizer's update."""
        if done in self.steps:
            self._keep(done)

    def message(self, text: str) -> None:
        """Tell nobody."""

    def _keep(self, step: int) -> None:
        self.kept[step] = {name: np.array(array) for name, array in self.export().items()}


def course(
    framework: str,
    specification: Specification,
    weights: Weights,
    training: EncodedReviews,
    validation: EncodedReviews,
    steps: Sequence[int],
) -> Course:
    """Train in a framework: a job for `compare.workers.Workers`.

    Parameters
    ----------
    framework : str
        Whose process this is.
    specification, weights, training, validation
        As for `compare.workers.train`.
    steps : sequence of int
        After which the weights are kept, from 1.

    Returns
    -------
    Course
        In float32.
    """
    room = implementation(framework)
    model = room.builder(specification)(specification, weights)
    watcher = Watcher(lambda: room.export_weights(model), steps)
    history = room.trainer(specification)(model, training, validation, specification, watcher)
    return Course(watcher.kept, history.step_losses)


def reference_course(
    specification: Specification,
    weights: Weights,
    training: EncodedReviews,
    validation: EncodedReviews,
    steps: Sequence[int],
    *,
    precision: type[np.floating[Any]] = np.float64,
    order: int | None = None,
) -> Course:
    """Train the NumPy reference.

    Parameters
    ----------
    specification, weights, training, validation, steps
        As for `course`.
    precision : type, default float64
        In which all is computed and kept.
    order : int, optional
        Seed of the order in which a batch's reviews are summed; default: as they come.

    Returns
    -------
    Course
        In that precision.
    """
    model = ReorderedReference(specification, {name: one.astype(precision) for name, one in weights.items()}, order)
    watcher = Watcher(lambda: model.weights, steps)
    history = train(model, training, validation, specification, watcher)
    return Course(watcher.kept, history.step_losses, model.leads)


class ReorderedReference(SentimentClassifier):
    """The reference with the rows of each batch in another order: the same sums, rounded otherwise.

    Parameters
    ----------
    specification, weights
        As for the reference; in the precision of the weights all is computed.
    order : int or None
        Seed of the order of rows; None leaves it as it is.

    Attributes
    ----------
    leads : list of float
        Of each step: by how much the closest winner among the maxima that are pooled leads over the second,
        as far as its feature is not dropped. Where it leads by less than rounding, rounding decides to which
        word the gradient goes. Empty where no maximum is pooled.
    """

    def __init__(self, specification: Specification, weights: Weights, order: int | None) -> None:
        super().__init__(specification, weights)
        self.order, self.steps = order, 0
        self.leads: list[float] = []

    def loss_and_gradients(
        self,
        tokens: np.ndarray,
        labels: np.ndarray,
        masks: Masks | None = None,
        class_weights: np.ndarray | None = None,
    ) -> tuple[np.ndarray, float, Weights]:
        """Return what the reference returns, of the rows in another order."""
        self.steps += 1
        rows = np.arange(len(labels))
        if self.order is not None:
            rows = np.random.default_rng([self.order, self.steps]).permutation(rows)
        ordered = {name: mask[rows] for name, mask in (masks or {}).items()}
        logits, loss, gradients = super().loss_and_gradients(tokens[rows], labels[rows], ordered, class_weights)
        self._check_precision(logits, *gradients.values(), *(one.outputs for ways in self.passes for one in ways))
        found = list(self._leads())
        if found:
            self.leads.append(float(np.min(found)))
        return logits[np.argsort(rows)], loss, gradients

    def _check_precision(self, *arrays: np.ndarray) -> None:
        """Refuse what was computed in another precision: it would say nothing about this one's rounding."""
        wanted, found = self.weights["embedding"].dtype, {array.dtype for array in arrays}
        assert found == {wanted}, f"the reference computes in {found}, not in {wanted} alone"

    def _leads(self) -> Iterator[float]:
        """Yield the smallest lead of the winners of each part of the features that is a maximum."""
        hidden, mask = self.specification.hidden_size, self.masks[FEATURES]
        for part, (how, way) in enumerate(self._parts()):
            if how == "max" and self.tokens.shape[1] > 1:
                outputs = np.where(self.real[:, :, None], self.passes[-1][way].outputs, NO_OUTPUT)
                second, first = np.moveaxis(np.partition(outputs, -2, axis=1)[:, -2:], 1, 0)  # [batch, hidden]
                counts = (mask[:, part * hidden : (part + 1) * hidden] > 0) & (second > NO_OUTPUT)
                yield float((first - second).min(where=counts, initial=2.0))


def probabilities(specification: Specification, weights: Weights, reviews: EncodedReviews) -> np.ndarray:
    """Return what the reference answers under these weights, ``<float64>[reviews, classes]``.

    Whoever trained them: so only what training did to them differs.
    """
    model = build(specification, weights)
    answers = np.zeros((len(reviews), model.classes))
    for rows, tokens in prediction_batches(reviews):
        answers[rows] = softmax(model.logits(tokens))
    return answers
