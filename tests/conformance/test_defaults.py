"""Every framework default that can be switched is the same default in all four, and in the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compare import workers
from compare.proofs.parity import PROBABILITIES, random_weights
from compare.workers import Ask, Trained
from shared.contract import FRAMEWORKS
from shared.data.batches import FEATURES
from shared.data.corpus import Corpus
from shared.data.encoded import encode_texts
from shared.specification import Specification
from shared.weights import Weights, folded
from tests.conformance import jobs

SHORT = {"max_length": 24, "hidden_size": 8, "epochs": 1}


@pytest.mark.parametrize("padding", ["right", "left"])
def test_padding_that_is_read_as_a_word_is_read_alike(
    ask: Ask, smoke: Specification, corpus: Corpus, padding: str
) -> None:
    specification = smoke.replaced(architecture="bilstm", layers=2, padding=padding, max_length=24)
    weights = random_weights(specification, len(corpus.vocabulary))
    texts = ["", "good", "bad " * 100, *(text[: 12 * row] for row, text in enumerate(corpus.texts[2][:20]))]
    reviews = encode_texts(texts, corpus.vocabulary, specification)
    rows = np.arange(len(reviews))
    groups = [reviews, *(reviews.take(rows[[row]]) for row in rows[:6])]
    masked = encode_texts(texts, corpus.vocabulary, smoke.replaced(max_length=24))
    expected = workers.predict("reference", specification, weights, [reviews])[0]
    without = workers.predict("reference", specification.replaced(padding="masked"), weights, [masked])[0]
    assert np.abs(expected - without)[masked.lengths < 24].max() > 1_000 * PROBABILITIES, "padding must count"
    assert np.abs(expected - without)[masked.lengths == 24].max() <= PROBABILITIES, "where there is some"
    for name in FRAMEWORKS:
        together, *alone = ask(workers.predict, name, specification, weights, groups)
        assert np.abs(together - expected).max() <= PROBABILITIES, name
        assert np.abs(np.concatenate(alone) - together[:6]).max() <= PROBABILITIES, name


def trained(
    ask: Ask | None,
    framework: str,
    specification: Specification,
    corpus: Corpus,
    reviews: int = 320,
    weights: Weights | None = None,
) -> Trained:
    sides = [
        replace(side.take(np.arange(size)), max_length=specification.max_length, padding=specification.padding)
        for side, size in ((corpus.train, reviews), (corpus.validation, 20))
    ]
    start = weights or random_weights(specification, len(corpus.vocabulary))
    if ask is None:
        return workers.train(framework, specification, start, *sides)
    return ask(workers.train, framework, specification, start, *sides)


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilon_place": "before", "epsilon": 1e-3},  # large enough to show
        {"loss_reduction": "sum", "gradient_clipping": 20},  # which the mean does not reach
        {"loss_reduction": "sum", "gradient_clipping": 0, "epsilon": 1e-3},
        {"batch_order": "shuffled", "padding": "left"},
    ],
    ids=str,
)
def test_training_with_a_default_switched_is_in_step(
    ask: Ask, smoke: Specification, corpus: Corpus, changes: dict[str, Any]
) -> None:
    specification = smoke.replaced(**SHORT, **changes)
    switches = ("epsilon_place", "loss_reduction", "batch_order", "padding")
    unswitched = {name: Specification.model_fields[name].default for name in changes if name in switches}
    expected = trained(None, "reference", specification, corpus).step_losses
    other = trained(None, "reference", specification.replaced(**unswitched), corpus).step_losses
    assert not np.allclose(expected, other, rtol=1e-3), "the switch must count"
    for name in FRAMEWORKS:
        # As in the contract's test: rounding differences grow with each step of Adam.
        assert np.allclose(trained(ask, name, specification, corpus).step_losses, expected, rtol=1e-3), name


@pytest.mark.parametrize("architecture", ["birnn", "lstm"])
def test_a_second_bias_moves_the_sum_twice_as_far(
    ask: Ask, smoke: Specification, corpus: Corpus, architecture: str
) -> None:
    """One batch is one step: Adam moves each bias by the same, whatever their number."""
    one = smoke.replaced(architecture=architecture, gradient_clipping=0, **SHORT)
    two = one.replaced(second_bias=True)
    start = random_weights(one, len(corpus.vocabulary))
    biases = [name for name in start if name.startswith("rnn") and name.endswith("bias")]
    halves = {name.replace("bias", "second_bias"): start[name] / 2 for name in biases}
    both = {**start, **halves, **{name: start[name] / 2 for name in biases}}
    for framework in (*FRAMEWORKS, "reference"):
        single = trained(ask, framework, one, corpus, reviews=64, weights=start).weights
        double = trained(ask, framework, two, corpus, reviews=64, weights=both).weights
        assert double.keys() == both.keys(), framework
        assert folded(double).keys() == start.keys(), framework
        for name in start:
            factor = 2 if name in biases else 1
            moved, expected = folded(double)[name] - start[name], factor * (single[name] - start[name])
            assert np.abs(moved - expected).max() <= 1e-6, (framework, name)
        _, count = ask(jobs.there_and_back, framework, two, both)
        assert count == sum(array.size for array in both.values())


def test_gradients_are_of_the_mean_loss(ask: Ask, smoke: Specification, corpus: Corpus) -> None:
    plain = smoke.replaced(**SHORT)
    weights = random_weights(plain, len(corpus.vocabulary))
    reviews = corpus.validation.take(np.arange(16))
    masks = {FEATURES: np.ones((16, plain.features), np.float32)}
    _, loss, gradients = workers.forward_and_backward("reference", plain, weights, reviews, masks)
    for name in FRAMEWORKS:
        _, found, of_arrays = ask(
            workers.forward_and_backward, name, plain.replaced(loss_reduction="sum"), weights, reviews, masks
        )
        assert found == pytest.approx(loss, rel=1e-4), name
        for array, gradient in gradients.items():
            assert np.abs(of_arrays[array] - gradient).max() <= 1e-4 * np.abs(gradient).max(), (name, array)


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "bilstm"])
def test_what_only_training_needs_is_folded_without_another_answer(
    ask: Ask, smoke: Specification, corpus: Corpus, architecture: str
) -> None:
    specification = smoke.replaced(architecture=architecture, reprojection=True, second_bias=True, **SHORT)
    weights = random_weights(specification, len(corpus.vocabulary), training=True)
    assert ("rnn.0.forward.second_bias" in weights) == (architecture != "gru")
    reviews = corpus.validation.take(np.arange(40))
    plain = random_weights(specification, len(corpus.vocabulary))
    assert folded(weights).keys() == plain.keys()
    for name in (*FRAMEWORKS, "reference"):
        whole, fewer, dropped = (
            ask(workers.predict, name, specification, one, [reviews])[0]
            for one in (weights, folded(weights), {array: weights[array] for array in plain})
        )
        assert np.abs(whole - fewer).max() <= PROBABILITIES, name
        assert np.abs(whole - dropped).max() > 1_000 * PROBABILITIES, "else they would not count"
