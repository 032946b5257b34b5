"""What a framework is asked to do, in a process of its own. Never two frameworks in one process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

from compare.workers import forward_and_backward, implementation, predict_with_checkpoint
from shared.cell import initial_weights
from shared.contract import followed
from shared.data.batches import Masks
from shared.data.encoded import EncodedReviews, encode_texts
from shared.differences import largest_difference
from shared.history import Silent
from shared.loading import load_corpus
from shared.predictions import Predictions, read_predictions
from shared.specification import Specification
from shared.weights import Checkpoint, Weights, folded, save_checkpoint


def there_and_back(framework: str, specification: Specification, weights: Weights) -> tuple[Weights, int]:
    """Weights out of a model that they were just put into, and what it would train."""
    room = implementation(framework)
    model = room.build(specification, weights)
    return room.export_weights(model), room.count_trainable(model)


def largest_difference_from_checkpoint(framework: str, run: Path, test: EncodedReviews) -> float:
    """How far the checkpoint of a run is from the predictions that the run stored."""
    stored = read_predictions(run / "predictions.parquet")
    predicted = Predictions.of(test, predict_with_checkpoint(framework, run, test), stored.class_names)
    assert predicted.review_ids.tolist() == stored.review_ids.tolist()
    return largest_difference(predicted.probabilities, stored.probabilities)


class Outcome(NamedTuple):
    """What a training leaves.

    Losses of all steps, answers to some texts, the largest difference of the reopened checkpoint's answers, and the
    ids of the test reviews.
    """

    step_losses: list[float]
    answers: np.ndarray
    reopened: float
    review_ids: list[str]


def train_and_reopen(
    framework: str, specification: Specification, given: Collection[str], texts: Sequence[str], checkpoint: Path
) -> Outcome:
    """Train as the command does, answer some texts, write a checkpoint, open it in the lockstep recipe, ask again."""
    room = implementation(framework)
    specification = followed(room, specification, given)
    room.configure("auto", None, specification)  # or the generators go on where the training before left them
    corpus = load_corpus(specification)
    model = room.builder(specification)(specification, initial_weights(specification, corpus))
    history = room.trainer(specification)(model, corpus.train, corpus.validation, specification, Silent())
    reviews = encode_texts(texts, corpus.vocabulary, specification)
    answers = room.predict_probabilities(model, reviews)
    weights = folded(room.export_weights(model))
    save_checkpoint(checkpoint, Checkpoint(specification, corpus.vocabulary, weights, corpus.class_names))
    again = predict_with_checkpoint(framework, checkpoint, reviews)
    reopened = largest_difference(again, answers)
    return Outcome(history.step_losses, answers, reopened, corpus.test.review_ids.tolist())


def forward_and_backward_in_pieces(
    framework: str,
    specification: Specification,
    weights: Weights,
    reviews: EncodedReviews,
    masks: Masks,
    steps: int,
) -> tuple[np.ndarray, float, Weights]:
    """Do what `forward_and_backward` does where few steps are computed at once; for rooms on PyTorch."""
    implementation(framework)  # before PyTorch is imported here
    from torch_layers import cells

    gates = -(-len(reviews) // specification.batch_parts) * 4 * specification.hidden_size * 4  # bytes of a step
    with patch.object(cells, "GATES_AT_ONCE", steps * gates), patch.object(cells, "STEPS_AT_ONCE", steps):
        return forward_and_backward(framework, specification, weights, reviews, masks)


def refusals_of_parts(framework: str) -> list[str]:
    """What is said to a part that fails, to a second backward pass and to a hook; and PyTorch's threads after each."""
    implementation(framework)
    import torch

    from torch_layers.parts import in_parts, side_by_side

    model = torch.nn.Linear(1, 1)
    model.specification = Specification()
    before = torch.get_num_threads()
    said = []

    def computed(function: Callable[..., torch.Tensor]) -> torch.Tensor:
        return in_parts(function, 2, list(model.parameters()), torch.zeros(5, 1), torch.ones(5)).sum()

    def fail(inputs: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        raise ValueError(f"part of {len(inputs)}")

    def twice() -> None:
        outputs = computed(lambda inputs, real: model(inputs))
        outputs.backward(retain_graph=True)
        outputs.backward()

    def hooked() -> None:
        with model.weight.register_hook(lambda gradient: gradient / 2):
            computed(lambda inputs, real: model(inputs)).backward()

    def within() -> None:
        """A part that has parts computes them itself; what is not used has a gradient of zero."""
        computed(lambda inputs, real: in_parts(lambda x, _: x + model.bias, 2, [model.bias], inputs, real)).backward()
        said.append(f"{model.bias.grad.item()} {model.weight.grad.item()}")

    for job in (lambda: computed(fail), twice, hooked, within):
        model.zero_grad()
        torch.set_num_threads(3)
        try:
            with side_by_side(model):
                job()
        except (ValueError, RuntimeError) as error:
            said.append(str(error))
        said.append(f"{torch.get_num_threads()} threads")
    torch.set_num_threads(before)
    return said
