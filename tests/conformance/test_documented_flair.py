"""Flair's own code is what its documented values say: with the same random numbers the two trainings are one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compare import workers
from compare.proofs.parity import WORDS, random_reviews
from compare.workers import Ask
from shared.data.encoded import EncodedReviews
from shared.recipes import documented
from shared.specification import Specification
from shared.vectors import VectorTable
from shared.weights import initialise
from tests.conformance.flair_jobs import train_with_shared_draws

# Sums in another order differ by some 2e-7 after these steps. Another clipping, rate, dropout, best epoch or bias
# shows at once: a step changes the loss by 1e-2.
LOSSES, WEIGHTS = 1e-5, 1e-5
SMALL = Specification(
    vectors="random", embedding_size=6, hidden_size=5, vocabulary_size=WORDS, max_length=9, epochs=20, minimum_steps=0
)


def labelled_by_last_word(size: int) -> EncodedReviews:
    """Random reviews of which something can be learnt, slowly."""
    lengths = np.random.default_rng(size).integers(2, 7, size).tolist()
    reviews = random_reviews(lengths, WORDS, size)
    return replace(reviews, labels=np.array([reviews.words(row)[-1] % 2 for row in range(size)], np.int16))


@pytest.mark.parametrize("architecture", ["lstm", "gru", "bilstm"])
def test_flairs_own_code_is_the_lockstep_recipe_with_flairs_values(ask: Ask, architecture: str) -> None:
    specification = documented("flair", SMALL.replaced(architecture=architecture)).replaced(batch_size=16)
    training, validation = (labelled_by_last_word(size) for size in (200, 60))
    none = VectorTable(np.zeros((WORDS, SMALL.embedding_size), np.float32), np.zeros(WORDS, bool))
    weights = initialise(specification, none, 2)
    expected = ask(workers.train, "flair", specification, weights, training, validation)
    history, trained = ask(train_with_shared_draws, "flair", specification, weights, training, validation)

    rates, scores = zip(*((epoch.learning_rate, epoch.validation_accuracy) for epoch in history.epochs), strict=True)
    assert rates[-1] < rates[0], "the rate has to be lowered, or that is not compared"
    assert scores[0] < np.max(scores), "nor is when, if no epoch is better than the first"
    np.testing.assert_allclose(history.step_losses, expected.step_losses, rtol=LOSSES)
    assert trained.keys() == expected.weights.keys()
    for name, array in trained.items():
        np.testing.assert_allclose(array, expected.weights[name], rtol=0, atol=WEIGHTS, err_msg=name)
