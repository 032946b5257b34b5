"""A training that is killed and goes on, asked of a framework in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from compare.workers import implementation
from shared.contract import Implementation, load_implementation
from shared.data.encoded import EncodedReviews
from shared.durations import interval
from shared.history import Progress, Silent
from shared.resuming import ENDING, Keeper, State
from shared.specification import Specification
from shared.train_and_predict import main
from shared.weights import Weights


class Outcome(NamedTuple):
    """What is to be equal, bit for bit: weights, probabilities, step losses, epochs without seconds, reviews."""

    weights: Weights
    probabilities: np.ndarray
    step_losses: list[float]
    epochs: list[tuple[float, ...]]
    reviews: int


class Resumed(NamedTuple):
    """What a training came to that went on from a state."""

    state: State
    outcome: Outcome


class Copying(Silent):
    """Keeps what stands on the disk in some steps: what is left of a process that is killed in one of them."""

    def __init__(self, path: Path, steps: Sequence[int]) -> None:
        self.path, self.steps = path, steps

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        if done in self.steps:
            shutil.copy(self.path, self.path.with_name(f".{done}{ENDING}"))


def killed_and_resumed(
    framework: str,
    specification: Specification,
    weights: Weights,
    reviews: tuple[EncodedReviews, EncodedReviews],
    folder: Path,
    every: str,
    steps: Sequence[int],
) -> tuple[Outcome, list[Resumed]]:
    """Train in one piece, and go on from what was kept by some steps of it; by step 0, when it had ended."""
    room = implementation(framework)

    def keeper(name: str) -> Keeper:
        return Keeper(folder / name, {}, interval(every), overwrite=False, tell=print)

    first = keeper("0")
    assert first.state is None
    whole = _trained(room, specification, weights, reviews, first, Copying(first.path, steps))
    resumed = []
    for step in steps:
        found = keeper(str(step))
        assert found.state is not None
        resumed.append(Resumed(found.state, _trained(room, specification, weights, reviews, found, Silent())))
    return whole, resumed


def _trained(
    room: Implementation,
    specification: Specification,
    weights: Weights,
    reviews: tuple[EncodedReviews, EncodedReviews],
    keeper: Keeper,
    progress: Progress,
) -> Outcome:
    model = room.build(specification, weights)
    history = room.trainer(specification, keeper)(model, *reviews, specification, progress)
    epochs = [tuple(vars(epoch)[name] for name in sorted(vars(epoch)) if name != "seconds") for epoch in history.epochs]
    probabilities = room.predict_probabilities(model, reviews[1])
    return Outcome(room.export_weights(model), probabilities, history.step_losses, epochs, history.reviews)


def train_by_command(framework: str, arguments: list[str]) -> int:
    """Run ``train`` as the command line does, in this process, which has the framework already."""
    return main(framework, lambda: load_implementation(framework), ["train", *arguments])
