"""A checkpoint answers the same in each framework and without one."""

from __future__ import annotations

import numpy as np
import pytest

from compare import workers
from compare.proofs.parity import random_weights
from compare.workers import Ask
from shared.data.corpus import Corpus
from shared.data.encoded import EncodedReviews
from shared.predictor import Predictor
from shared.specification import Specification
from shared.weights import Checkpoint
from tests.test_predictor import TOLERANCE


@pytest.mark.parametrize(("architecture", "pooling"), [("lstm", "concat"), ("gru", "last"), ("bilstm", "ends")])
def test_no_framework_answers_as_every_framework(
    ask: Ask,
    framework: str,
    smoke: Specification,
    corpus: Corpus,
    odd_reviews: EncodedReviews,
    architecture: str,
    pooling: str,
) -> None:
    specification = smoke.replaced(architecture=architecture, pooling=pooling, layers=2)
    weights = random_weights(specification, len(corpus.vocabulary))
    (theirs,) = ask(workers.predict, framework, specification, weights, [odd_reviews])
    ours = Predictor(Checkpoint(specification, corpus.vocabulary, weights, corpus.class_names)).probabilities(
        odd_reviews
    )
    assert np.ptp(ours[:, 1]) > 1_000 * TOLERANCE, "the reviews must not all score alike"
    assert np.abs(ours - theirs).max() <= TOLERANCE
