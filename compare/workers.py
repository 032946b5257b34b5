"""One long-lived process for each framework, for what needs the models themselves and not only their runs.

TensorFlow and PyTorch in one process can block each other, so nothing here imports a framework: it
starts the rooms by name, each in a process of its own, and sends them jobs.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared.contract import FRAMEWORKS, REFERENCE, Implementation, load_implementation
from shared.data.batches import Masks
from shared.data.encoded import EncodedReviews
from shared.history import Silent
from shared.specification import Specification
from shared.weights import Weights, read_checkpoint

Ask = Callable[..., Any]


class Workers:
    """Processes that do jobs; each is started when it is first asked.

    Use as a context manager; it yields ``ask(job, framework, *arguments)``, which calls
    ``job(framework, *arguments)`` in that framework's process and returns its answer.

    Parameters
    ----------
    frameworks : sequence of str
        Default: the four and the reference.
    """

    def __init__(self, frameworks: Sequence[str] = (*FRAMEWORKS, REFERENCE)) -> None:
        self.frameworks = frameworks

    def __enter__(self) -> Ask:
        context = multiprocessing.get_context("spawn")
        self.stack = ExitStack()
        executors = {
            name: self.stack.enter_context(ProcessPoolExecutor(1, mp_context=context)) for name in self.frameworks
        }

        def ask(job: Callable[..., Any], framework: str, *arguments: Any) -> Any:
            return executors[framework].submit(job, framework, *arguments).result()

        return ask

    def __exit__(self, *_: object) -> None:
        self.stack.close()


_loaded: dict[str, Implementation] = {}


def implementation(framework: str) -> Implementation:
    """Return the implementation, loaded once in this process."""
    if framework not in _loaded:
        _loaded[framework] = load_implementation(framework)
        _loaded[framework].configure("cpu", multiprocessing.cpu_count(), Specification())
    return _loaded[framework]


def predict(
    framework: str, specification: Specification, weights: Weights, groups: Sequence[EncodedReviews]
) -> list[np.ndarray]:
    """Probabilities of each group of reviews, each group predicted by itself."""
    room = implementation(framework)
    model = room.build(specification, weights)
    return [room.predict_probabilities(model, reviews) for reviews in groups]


def predict_with_checkpoint(framework: str, run: Path, reviews: EncodedReviews) -> np.ndarray:
    """Probabilities ``<float32>[reviews, classes]`` under the checkpoint of a run, whoever trained it."""
    checkpoint = read_checkpoint(run)
    specification = checkpoint.specification.replaced(recipe="lockstep")
    return predict(framework, specification, checkpoint.weights, [reviews])[0]


def forward_and_backward(
    framework: str,
    specification: Specification,
    weights: Weights,
    reviews: EncodedReviews,
    masks: Masks,
) -> tuple[np.ndarray, float, Weights]:
    """Logits, loss and gradients of the reviews as one batch."""
    room = implementation(framework)
    return room.forward_and_backward(room.build(specification, weights), reviews, masks)


class Trained(NamedTuple):
    """What a training leaves: losses of all steps, weights, probabilities of the validation reviews, seconds."""

    step_losses: list[float]
    weights: Weights
    probabilities: np.ndarray
    epoch_seconds: list[float]


def train(
    framework: str,
    specification: Specification,
    weights: Weights,
    training: EncodedReviews,
    validation: EncodedReviews,
) -> Trained:
    """Train from these weights."""
    room = implementation(framework)
    model = room.builder(specification)(specification, weights)
    history = room.trainer(specification)(model, training, validation, specification, Silent())
    return Trained(
        history.step_losses,
        room.export_weights(model),
        room.predict_probabilities(model, validation),
        [epoch.seconds for epoch in history.epochs],
    )
