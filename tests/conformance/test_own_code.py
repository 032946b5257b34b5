"""A framework's own code is what its documented values say: with the same random numbers the two trainings are one.

With its own random numbers only accuracies over many seeds could be compared. Flair's code, which draws more, has a
test of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compare import workers
from compare.proofs.parity import WORDS, random_reviews
from compare.workers import Ask
from shared.data.encoded import EncodedReviews
from shared.recipes import documented
from shared.specification import Specification
from shared.vectors import VectorTable
from shared.weights import Weights, initialise
from tests.conformance.own_code import JOBS

# Sums in another order differ by some 1e-7. Where a gradient is near Adam's epsilon a weight moves by up to 1e-3 of a
# step more or less, and a step is 0.01.
LOSSES, WEIGHTS = 1e-5, 5e-5
SMALL = Specification(vectors="random", embedding_size=6, hidden_size=5, vocabulary_size=WORDS, max_length=9, epochs=3)
# What has to be the same in both, or the test would not see it.
FAULTS: dict[str, dict[str, Any]] = {
    "keras": {"repeated_words": "summed"},
    "pytorch": {"second_bias": False},
    "fastai": {"momentum_schedule": "constant"},
}


@pytest.fixture(scope="module")
def reviews() -> tuple[EncodedReviews, EncodedReviews]:
    return labelled_by_last_word(213), labelled_by_last_word(60)


def labelled_by_last_word(size: int) -> EncodedReviews:
    """Random reviews of which something can be learnt, no two of one length and so in one order, and none empty."""
    lengths = np.random.default_rng(size).integers(1, 10, size).tolist()
    found = random_reviews(lengths, WORDS, size)
    return replace(found, labels=np.array([found.words(row)[-1] % 2 for row in range(size)], np.int16))


def specification_of(framework: str, architecture: str) -> Specification:
    asked = SMALL.replaced(architecture=architecture, minimum_steps=0, dropout=0.3)
    if framework == "keras":
        asked = asked.replaced(epochs=1, dropout=0)
    return documented(framework, asked).replaced(batch_size=8, learning_rate=0.01)


def start_of(specification: Specification) -> Weights:
    none = VectorTable(np.zeros((WORDS, SMALL.embedding_size), np.float32), np.zeros(WORDS, bool))
    return initialise(specification, none, 2)


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "bilstm"])
@pytest.mark.parametrize("framework", JOBS)
def test_own_code_is_the_lockstep_recipe_with_the_documented_values(
    ask: Ask, reviews: tuple[EncodedReviews, EncodedReviews], framework: str, architecture: str
) -> None:
    specification = specification_of(framework, architecture)
    weights = start_of(specification)
    expected = ask(workers.train, framework, specification, weights, *reviews)
    losses, trained = ask(JOBS[framework], framework, specification, weights, *reviews)
    np.testing.assert_allclose(losses, expected.step_losses, rtol=LOSSES)
    assert trained.keys() == expected.weights.keys()
    for name, array in trained.items():
        np.testing.assert_allclose(array, expected.weights[name], rtol=0, atol=WEIGHTS, err_msg=name)


@pytest.mark.parametrize("framework", JOBS)
def test_another_value_would_be_seen(ask: Ask, reviews: tuple[EncodedReviews, EncodedReviews], framework: str) -> None:
    specification = specification_of(framework, "lstm")
    losses, _ = ask(JOBS[framework], framework, specification, start_of(specification), *reviews)
    other = specification.replaced(**FAULTS[framework])
    expected = ask(workers.train, framework, other, start_of(other), *reviews)
    assert np.abs(np.array(losses) / expected.step_losses - 1).max() > 100 * LOSSES
