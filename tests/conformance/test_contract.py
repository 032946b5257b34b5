"""Every case runs on all four implementations, through the contract's functions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compare import workers
from compare.proofs.parity import PROBABILITIES, TRAINED_PROBABILITIES, random_reviews, random_weights
from compare.workers import Ask
from shared.contract import FRAMEWORKS, REFERENCE
from shared.data.corpus import Corpus
from shared.data.encoded import EncodedReviews
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


@pytest.mark.parametrize(("head", "classes"), [("sigmoid", 2), ("softmax", 5), ("softmax", 46), ("softmax", 1_000)])
def test_any_number_of_classes_goes_in_and_comes_out(
    ask: Ask,
    framework: str,
    smoke: Specification,
    corpus: Corpus,
    odd_reviews: EncodedReviews,
    head: str,
    classes: int,
) -> None:
    specification = smoke.replaced(head=head)
    weights = random_weights(specification, len(corpus.vocabulary), classes=classes)
    exported, _ = ask(jobs.there_and_back, framework, specification, weights)
    assert all(np.array_equal(exported[name], array) for name, array in weights.items())
    answers, nothing = ask(
        workers.predict, framework, specification, weights, [odd_reviews, odd_reviews.take(np.arange(0))]
    )
    (expected,) = ask(workers.predict, REFERENCE, specification, weights, [odd_reviews])
    assert np.abs(answers - expected).max() <= PROBABILITIES
    assert answers.shape == (len(odd_reviews), classes)
    assert nothing.shape == (0, classes)
    assert np.ptp(answers, axis=0).max() > 100 * PROBABILITIES, "the reviews must not all score alike"


def test_a_class_that_has_no_review_is_no_obstacle(ask: Ask, framework: str, smoke: Specification) -> None:
    """Its weight is 0, not infinite; and what is trained on one review of a class is still a number."""
    specification = smoke.replaced(class_weights="balanced", epochs=1, batch_size=4)
    reviews = random_reviews([3] * 10, 60, classes=5)
    reviews = replace(reviews, labels=np.array([4, 0, 0, 1, 1, 0, 0, 0, 1, 0], np.int16))
    weights = random_weights(specification, 60, classes=5)
    trained = ask(workers.train, framework, specification, weights, reviews, reviews)
    expected = ask(workers.train, REFERENCE, specification, weights, reviews, reviews)
    assert np.allclose(trained.step_losses, expected.step_losses, rtol=1e-3)
    assert np.abs(trained.probabilities - expected.probabilities).max() <= TRAINED_PROBABILITIES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_four_give_the_same_answers(
    ask: Ask, smoke: Specification, corpus: Corpus, odd_reviews: EncodedReviews, architecture: str
) -> None:
    specification = smoke.replaced(architecture=architecture, pooling="concat", layers=2)
    weights = random_weights(specification, len(corpus.vocabulary))
    answers = [ask(workers.predict, name, specification, weights, [odd_reviews])[0] for name in FRAMEWORKS]
    for answer in answers[1:]:
        assert np.abs(answer - answers[0]).max() <= PROBABILITIES
