"""Every case runs on all four implementations, through the contract's functions."""

from __future__ import annotations

import numpy as np
import pytest

from compare import workers
from compare.parity import PROBABILITIES, random_weights
from compare.workers import Ask
from shared.contract import FRAMEWORKS
from shared.data.encoding import Corpus, EncodedReviews
from shared.specification import ARCHITECTURES, POOLINGS, Specification
from tests.conformance import jobs


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_canonical_weights_go_in_and_come_out_unchanged(
    ask: Ask, framework: str, smoke: Specification, architecture: str, layers: int
) -> None:
    specification = smoke.replaced(architecture=architecture, layers=layers)
    weights = random_weights(specification, 300)
    exported, trainable = ask(jobs.there_and_back, framework, specification, weights)
    # PyTorch's layers have a second bias; held at zero, it does not change the sum.
    assert exported.keys() == weights.keys()
    for name, array in weights.items():
        assert exported[name].dtype == np.float32, name
        assert np.array_equal(exported[name], array), name
    assert trainable == sum(array.size for array in weights.values())


def test_frozen_word_vectors_are_not_trained(ask: Ask, framework: str, smoke: Specification, corpus: Corpus) -> None:
    specification = smoke.replaced(train_embedding=False, epochs=1)
    weights = random_weights(specification, len(corpus.vocabulary))
    few, validation = corpus.train.take(np.arange(64)), corpus.validation.take(np.arange(8))
    trained = ask(workers.train, framework, specification, weights, few, validation).weights
    assert np.array_equal(trained["embedding"], weights["embedding"])
    assert not np.array_equal(trained["head.kernel"], weights["head.kernel"])
    _, trainable = ask(jobs.there_and_back, framework, specification, weights)
    assert trainable == sum(array.size for name, array in weights.items() if name != "embedding")


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_review_scores_the_same_alone_in_a_batch_and_padded(
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
    rows = np.arange(len(odd_reviews))
    alone = [odd_reviews.take(rows[[row]]) for row in rows[::3]]
    shuffled = np.random.default_rng(1).permutation(rows)
    together, mixed, *one_by_one = ask(
        workers.predict, framework, specification, weights, [odd_reviews, odd_reviews.take(shuffled), *alone]
    )
    assert together.shape == (len(rows), 2)
    assert together.dtype == np.float32
    assert np.allclose(together.sum(axis=1), 1, atol=PROBABILITIES)
    assert np.ptp(together[:, 1]) > 1_000 * PROBABILITIES, "the reviews must not all score alike"
    assert np.abs(mixed - together[shuffled]).max() <= PROBABILITIES
    assert np.abs(np.concatenate(one_by_one) - together[::3]).max() <= PROBABILITIES
    head = weights["head.bias"].astype(np.float64)
    prior = np.exp(head) / np.exp(head).sum()
    assert np.abs(together[0] - prior).max() <= PROBABILITIES, "an empty review is answered by the head's bias"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_four_give_the_same_answers(
    ask: Ask, smoke: Specification, corpus: Corpus, odd_reviews: EncodedReviews, architecture: str
) -> None:
    specification = smoke.replaced(architecture=architecture, pooling="concat", layers=2)
    weights = random_weights(specification, len(corpus.vocabulary))
    answers = [ask(workers.predict, name, specification, weights, [odd_reviews])[0] for name in FRAMEWORKS]
    for answer in answers[1:]:
        assert np.abs(answer - answers[0]).max() <= PROBABILITIES
