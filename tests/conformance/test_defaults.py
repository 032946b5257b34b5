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
from shared.errors import LockstepError
from shared.specification import LOCKSTEP_FIELDS, Specification
from tests.conformance import jobs

TORCH_ROOMS = ("pytorch", "flair", "fastai")
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
    ask: Ask | None, framework: str, specification: Specification, corpus: Corpus, reviews: int = 320
) -> Trained:
    sides = [
        replace(side.take(np.arange(size)), max_length=specification.max_length, padding=specification.padding)
        for side, size in ((corpus.train, reviews), (corpus.validation, 20))
    ]
    arguments = (specification, random_weights(specification, len(corpus.vocabulary)), *sides)
    return workers.train(framework, *arguments) if ask is None else ask(workers.train, framework, *arguments)


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
    unswitched = {name: Specification.model_fields[name].default for name in changes if name in LOCKSTEP_FIELDS}
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
    names = [name for name in start if name.startswith("rnn") and name.endswith("bias")]
    for framework in TORCH_ROOMS:
        single, double = (trained(ask, framework, which, corpus, reviews=64).weights for which in (one, two))
        for name in start:
            factor = 2 if name in names else 1
            moved, expected = double[name] - start[name], factor * (single[name] - start[name])
            assert np.abs(moved - expected).max() <= 1e-6, (framework, name)
        _, count = ask(jobs.there_and_back, framework, two, start)
        assert count == sum(array.size for array in start.values()) + sum(start[name].size for name in names)


def test_one_bias_cannot_become_two(ask: Ask, smoke: Specification, corpus: Corpus) -> None:
    specification = smoke.replaced(second_bias=True, **SHORT)
    with pytest.raises(LockstepError, match="second-bias: Keras' lstm layer has one bias"):
        trained(ask, "keras", specification, corpus)
    with pytest.raises(LockstepError, match="second-bias: the reference has one bias"):
        trained(None, "reference", specification, corpus)
    with pytest.raises(LockstepError, match="second-bias: a GRU has two"):
        specification.replaced(architecture="gru")


@pytest.mark.parametrize("changes", [{"second_bias": True}, {"loss_reduction": "sum"}], ids=str)
def test_gradients_are_of_the_mean_loss_by_the_sum_of_the_biases(
    ask: Ask, smoke: Specification, corpus: Corpus, changes: dict[str, Any]
) -> None:
    plain = smoke.replaced(**SHORT)
    weights = random_weights(plain, len(corpus.vocabulary))
    reviews = corpus.validation.take(np.arange(16))
    masks = {FEATURES: np.ones((16, plain.features), np.float32)}
    _, loss, gradients = workers.forward_and_backward("reference", plain, weights, reviews, masks)
    for name in TORCH_ROOMS:
        _, found, of_arrays = ask(
            workers.forward_and_backward, name, plain.replaced(**changes), weights, reviews, masks
        )
        assert found == pytest.approx(loss, rel=1e-4), name
        for array, gradient in gradients.items():
            assert np.abs(of_arrays[array] - gradient).max() <= 1e-4 * np.abs(gradient).max(), (name, array)
