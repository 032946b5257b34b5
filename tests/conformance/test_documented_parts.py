"""Single parts that `shared` has from a framework, against that framework's own: schedules, a plateau, an order."""

from __future__ import annotations

import inspect
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.workers import Ask, implementation
from shared.data.batches import Batches
from shared.data.encoded import EncodedReviews
from shared.history import Recorder, Silent, learning_rate_at, momentum_at
from shared.specification import Specification

SCORES = st.lists(st.sampled_from([0.5, 0.6, 0.7, 0.8]), min_size=1, max_size=40)


def fastai_one_cycle(framework: str, rate: float, steps: int) -> list[tuple[float, float]]:
    """The learning rate and the momentum of each step, as `Learner.fit_one_cycle` sets them."""
    implementation(framework)
    from fastai.callback.schedule import combined_cos
    from fastai.learner import Learner

    moms = inspect.signature(Learner.__init__).parameters["moms"].default
    rates = combined_cos(0.25, rate / 25.0, rate, rate / 1e5)
    momentums = combined_cos(0.25, *moms)
    return [(float(rates(step / steps)), float(momentums(step / steps))) for step in range(steps)]


@pytest.mark.parametrize("steps", [1, 2, 5, 282])
def test_one_cycle_in_cosines_is_that_of_fastai(ask: Ask, steps: int) -> None:
    specification = Specification(schedule="one_cycle_cosine", momentum_schedule="one_cycle", learning_rate=0.003)
    expected = ask(fastai_one_cycle, "fastai", 0.003, steps)
    found = [
        (learning_rate_at(specification, step, steps), momentum_at(specification, step, steps)) for step in range(steps)
    ]
    assert np.allclose(found, expected, rtol=1e-6)  # fastai's shares of the steps are float32


def sorted_dl_order(framework: str, lengths: list[int], size: int, seed: list[int]) -> list[int]:
    """The order of one pass over fastai's `SortedDL`, with the draws of our generator."""
    implementation(framework)
    from fastai.text.data import SortedDL

    generator = np.random.default_rng(seed)
    loader = SortedDL(list(range(len(lengths))), res=lengths, bs=size, shuffle=True, drop_last=True)
    with patch("numpy.random.permutation", generator.permutation):
        return [int(row) for row in loader.shuffle_fn(list(range(len(lengths))))]


@pytest.mark.parametrize(("reviews", "size"), [(1, 4), (3, 4), (8, 4), (9, 4), (13, 4), (1_003, 8)])
def test_sorted_dl_is_that_of_fastai(ask: Ask, reviews: int, size: int) -> None:
    lengths = np.random.default_rng(1).permutation(reviews * 3)[:reviews] + 1  # no two alike: their order is open
    encoded = EncodedReviews(
        review_ids=np.arange(reviews).astype(str),
        labels=np.zeros(reviews, np.int16),
        tokens=np.ones(int(lengths.sum()), np.int32),
        starts=np.cumsum(lengths) - lengths,
        sizes=lengths,
        max_length=int(lengths.max()),
        head=0,
    )
    specification = Specification(batch_order="sorted_dl", batch_size=size)
    expected = ask(sorted_dl_order, "fastai", lengths.tolist(), size, [specification.seed, 3])
    assert Batches(encoded, specification).order(3).tolist() == expected
    without = Batches(encoded, specification.replaced(drop_last=True))
    whole = reviews // size * size or reviews
    assert without.order(3).tolist() == expected[:whole]
    assert sum(without.size(number) for number in range(len(without))) == whole


def flair_plateau(framework: str, scores: list[tuple[float, float]]) -> list[float]:
    """The learning rate after each epoch, as Flair's `AnnealOnPlateau` sets it in `ModelTrainer.train`."""
    implementation(framework)
    import torch
    from flair.training_utils import AnnealOnPlateau

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    annealing = AnnealOnPlateau(optimizer, mode="max", factor=0.5, patience=3, initial_extra_patience=0)
    rates = []
    for accuracy, loss in scores:
        annealing.step(accuracy, loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parametrize("seed", range(8))
def test_a_plateau_is_that_of_flair(ask: Ask, seed: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = [np.round(generator.random((6, 1)), 1) * 0.8 + 0.1 for _ in range(30)]
    recorder, _, rates = recorded(probabilities, "last")
    scores = [(epoch.validation_accuracy, epoch.validation_loss) for epoch in recorder.history.epochs]
    assert len({accuracy for accuracy, _ in scores}) < len(scores), "there are ties"
    assert rates == ask(flair_plateau, "flair", scores)


def recorded(probabilities: list[np.ndarray], evaluation_weights: str) -> tuple[Recorder, list[int], list[float]]:
    """Record epochs of one step, in which the validation reviews are answered so.

    Also returned: the epoch whose weights were loaded in the end, and the learning rate after each epoch.
    """
    specification = Specification(
        schedule="plateau", learning_rate=1.0, epochs=len(probabilities), evaluation_weights=evaluation_weights
    )
    labels = np.array([0, 1, 0, 1, 0, 1], np.int16)
    loaded: list[int] = []
    epoch = 0
    recorder = Recorder(
        specification,
        1,
        labels,
        Silent(),
        lambda: {"epoch": np.array(epoch, np.float32)},
        lambda weights: loaded.append(int(weights["epoch"])),
    )
    rates = []
    for epoch, first in enumerate(probabilities):  # noqa: B007 (the recorder reads it)
        recorder.start_epoch()
        recorder.step(1.0, 1, 1, recorder.coming().learning_rate)
        answers = np.concatenate([first, 1 - first], axis=1).astype(np.float32)
        recorder.end_epoch(lambda answers=answers: answers)  # type: ignore[misc]
        rates.append(recorder.coming().learning_rate)
    return recorder, loaded, rates


@given(SCORES)
def test_the_first_of_the_most_accurate_epochs_is_kept(scores: list[float]) -> None:
    wrong_way = [np.array([[0.9], [0.1], [0.9], [0.1], [0.9], [0.1]]) for _ in scores]
    for score, answers in zip(scores, wrong_way, strict=True):
        wrong = round((0.8 - score) * 10)
        answers[:wrong] = 1 - answers[:wrong]
    recorder, loaded, _ = recorded(wrong_way, "best")
    accuracies = [epoch.validation_accuracy for epoch in recorder.history.epochs]
    assert loaded == [accuracies.index(np.max(accuracies))]
    assert recorded(wrong_way, "last")[1] == []
